//! What recording costs, and how fast a tape is replayed:
//! `cargo bench -p hydroid-tests --bench record [SECONDS] [MIB]`.
//!
//! Processor time is that of a process of its own, all of its threads, as the system counts it.
//! Two of them, one that records and one that does not, get the same packets at the same moments,
//! so that a machine that has other things to do slows both.

use std::{
    collections::VecDeque,
    env,
    error::Error,
    fs,
    io::{self, BufRead as _, BufReader, Read as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use hydroid_core::{
    base::{Seed, Time, Wall},
    identity::{SecretKey, Space, Ticket},
    line::PureRust,
    switch::{self, Ecn, Event, Interface, LineEvent, LineId, Meta, Path as Way, SocketId},
    tape::{self, End, Player, Recorded},
};
use hydroid_tokio::{Config, Endpoint, Stream, fresh_secret};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    runtime::Builder,
    task::yield_now,
    time::{MissedTickBehavior, interval},
};

type Outcome<T> = Result<T, Box<dyn Error>>;

const SPACE: &str = "bench";
/// A packet with an empty head.
const PACKET: [u8; 1000] = [0; 1000];
const PERIOD: Duration = Duration::from_millis(1);
static PIECE: [u8; 1 << 16] = [9; 1 << 16];

fn main() -> Outcome<()> {
    let arguments: Vec<_> = env::args().skip(1).filter(|it| it != "--bench").collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    match arguments[..] {
        ["child"] => return runtime.block_on(child(None)),
        ["child", tape] => return runtime.block_on(child(Some(tape.into()))),
        _ => {}
    }
    let number = |at: usize, default| arguments.get(at).map_or(Ok(default), |it| it.parse());
    let (seconds, mib) = (number(0, 20)?, number(1, 512)?);
    let folder = tempfile::tempdir()?;
    runtime.block_on(packets(folder.path(), seconds))?;
    runtime.block_on(bulk(folder.path(), mib))?;
    idle_hour()
}

/// A process that takes what comes, until its stdin ends.
async fn child(record_to: Option<PathBuf>) -> Outcome<()> {
    let endpoint = endpoint(record_to)?;
    let (secret, space) = (fresh_secret()?, Space::open(SPACE)?);
    endpoint.install(&secret, &space)?;
    println!(
        "{}",
        Ticket::new(secret.public(), space, &endpoint.local_addresses(), None)
    );
    let stdin = tokio::task::spawn_blocking(|| io::stdin().read(&mut [0]));
    let serve = async {
        while let Some(stream) = endpoint.accept().await {
            tokio::spawn(take(stream));
        }
    };
    tokio::select! {
        () = serve => {}
        _over = stdin => {}
    }
    endpoint.shutdown(Duration::from_secs(1)).await;
    Ok(())
}

/// Takes packets, and the bytes of a stream.
async fn take(mut stream: Stream) -> io::Result<()> {
    let line = stream.line().clone();
    tokio::spawn(async move {
        let mut buf = vec![0; 2000];
        while line.recv(&mut buf).await.is_ok() {}
    });
    let mut buf = vec![0; 1 << 18];
    while stream.read(&mut buf).await? > 0 {}
    stream.write_all(b"!").await?;
    stream.shutdown().await
}

fn endpoint(record_to: Option<PathBuf>) -> io::Result<Endpoint> {
    let mut config = Config {
        listen: vec!["127.0.0.1:0".parse().map_err(io::Error::other)?],
        record_to,
        ..Config::default()
    };
    config.tape.buffer_bytes = 64 << 20;
    Endpoint::bind(config)
}

/// A child, and our stream to it.
struct Taker {
    child: Child,
    stream: Stream,
    us: Endpoint,
}

impl Taker {
    async fn start(tape: Option<&Path>) -> Outcome<Self> {
        let mut child = Command::new(env::current_exe()?)
            .arg("child")
            .args(tape)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("a pipe")?).read_line(&mut line)?;
        let us = endpoint(None)?;
        let me = us.install(&fresh_secret()?, &Space::open(SPACE)?)?;
        let line = us.connect(me, &line.trim().parse()?).await?;
        let stream = line.open_stream("{}").await?;
        Ok(Self { child, stream, us })
    }

    /// The processor time of all its threads.
    fn cpu(&self) -> Outcome<Duration> {
        let mut ns = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            ns += text.split(' ').next().ok_or("a number")?.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(ns))
    }

    async fn end(mut self) -> Outcome<()> {
        drop(self.stream);
        self.us.shutdown(Duration::from_secs(1)).await;
        drop(self.child.stdin.take());
        self.child.wait()?;
        Ok(())
    }
}

/// A thousand packets a second.
async fn packets(folder: &Path, seconds: u64) -> Outcome<()> {
    let tape = folder.join("packets");
    let takers = [Taker::start(None).await?, Taker::start(Some(&tape)).await?];
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut spent = [Vec::new(), Vec::new()];
    for _second in 0..seconds {
        let before = [takers[0].cpu()?, takers[1].cpu()?];
        for packet in 0..1000 {
            ticks.tick().await;
            // Who is first finds the machine asleep, and who is second finds it awake.
            for at in [packet % 2, 1 - packet % 2] {
                let taker = &takers[at];
                // A machine that is late sends several at once, and some of them a little later.
                while taker.stream.line().send(&PACKET).is_err() {
                    yield_now().await;
                }
            }
        }
        for (at, spent) in spent.iter_mut().enumerate() {
            spent.push(takers[at].cpu()? - before[at]);
        }
    }
    // The median of the seconds: what else the machine does comes and goes.
    let [plain, recorded] = spent.map(|mut spent| {
        spent.sort();
        spent[spent.len() / 2].as_secs_f64() * 1e3
    });
    for taker in takers {
        taker.end().await?;
    }
    println!(
        "1000 packets of {} B a second for {seconds} s: {plain:.2} us of processor time a packet, \
         {recorded:.2} us recorded, {:+.1} %; {} B of tape a packet",
        PACKET.len(),
        (recorded / plain - 1.0) * 100.0,
        fs::metadata(&tape)?.len() / (seconds * 1000),
    );
    Ok(())
}

/// As much as goes.
async fn bulk(folder: &Path, mib: u64) -> Outcome<()> {
    let mut least = [f64::INFINITY; 2];
    let mut tape_bytes = 0;
    for round in 0..3 {
        for (at, least) in least.iter_mut().enumerate() {
            let tape = folder.join(format!("bulk{round}"));
            let mut taker = Taker::start((at == 1).then_some(tape.as_path())).await?;
            let begun = Instant::now();
            for _piece in 0..mib << 20 >> PIECE.len().trailing_zeros() {
                taker.stream.write_all(&PIECE).await?;
            }
            taker.stream.shutdown().await?;
            taker.stream.read_u8().await?;
            *least = least.min(begun.elapsed().as_secs_f64());
            taker.end().await?;
            if at == 1 {
                tape_bytes = fs::metadata(&tape)?.len();
                let end = end_of(&fs::read(&tape)?);
                println!("round {round}: the tape has {tape_bytes} B and ends by {end}");
                fs::remove_file(&tape)?;
            }
        }
    }
    let rate = |seconds: f64| mib as f64 / seconds;
    println!(
        "{mib} MiB over loopback into a process: {:.0} MiB/s, {:.0} MiB/s recorded, {:.2} x; \
         {:.3} GiB of tape a GiB",
        rate(least[0]),
        rate(least[1]),
        least[1] / least[0],
        tape_bytes as f64 / (mib << 20) as f64,
    );
    Ok(())
}

/// The word that a tape ends with.
fn end_of(tape: &[u8]) -> &'static str {
    let tail = String::from_utf8_lossy(&tape[tape.len().saturating_sub(256)..]);
    ["closed", "behind", "full"]
        .into_iter()
        .find(|end| tail.contains(&format!("\"end\":\"{end}\"")))
        .unwrap_or("no record that says so")
}

/// Two switches with a line between them, which nobody uses but once a minute.
struct Pair {
    switches: [Recorded; 2],
    now: Time,
    /// To whom, and when.
    flying: VecDeque<(Time, usize, Vec<u8>)>,
    lines: [Option<LineId>; 2],
}

impl Pair {
    fn new() -> Outcome<Self> {
        let make = |seed| {
            let tape = tape::Config {
                buffer_bytes: 1 << 30,
                ..tape::Config::default()
            };
            let config = switch::Config::default();
            Recorded::new(config, &Seed::new([seed; 32]), &PureRust, Some(tape))
        };
        let mut pair = Self {
            switches: [make(1)?, make(2)?],
            now: Time::ZERO,
            flying: VecDeque::new(),
            lines: [None; 2],
        };
        let space = Space::open(SPACE)?;
        let secrets = [1, 2].map(|byte| SecretKey::from_bytes(&[byte; 32]));
        let mut local = None;
        for (at, switch) in pair.switches.iter_mut().enumerate() {
            let local_address = address(at);
            let socket = SocketId(0);
            switch.handle_clock(Time::ZERO, Wall::from_ms(1_700_000_000_000));
            let local_interface = Interface {
                socket,
                local: local_address,
            };
            switch.handle_network_change(Time::ZERO, &[local_interface]);
            local.get_or_insert(switch.install(Time::ZERO, &secrets[at], &space)?);
        }
        let me = local.ok_or("an identity")?;
        pair.switches[0].connect(Time::ZERO, me, &secrets[1].public(), &[address(1)])?;
        Ok(pair)
    }

    fn run(&mut self, until: Time) {
        let mut buf = vec![0; 1 << 16];
        loop {
            for at in 0..2 {
                self.drain(at, &mut buf);
            }
            let due = self.switches.iter().filter_map(|it| it.poll_timeout());
            let due = due.map(|deadline| deadline.at).min();
            let due = due.unwrap_or(Time::NEVER);
            let lands = self.flying.front().map_or(Time::NEVER, |it| it.0);
            self.now = due.min(lands).max(self.now);
            if self.now > until {
                self.now = until;
                return;
            }
            if lands <= self.now
                && let Some((_, to, mut datagram)) = self.flying.pop_front()
            {
                let meta = Meta {
                    socket: SocketId(0),
                    path: Way::to(address(1 - to)),
                    interface: 0,
                    ecn: Ecn::None,
                    stride: datagram.len(),
                };
                self.switches[to].handle_datagram(self.now, &meta, &mut datagram);
            }
            for switch in &mut self.switches {
                if switch.poll_timeout().is_some_and(|it| it.at <= self.now) {
                    switch.handle_timeout(self.now);
                }
            }
        }
    }

    /// What one has to say.
    fn drain(&mut self, at: usize, buf: &mut [u8]) {
        let switch = &mut self.switches[at];
        while let Some(run) = switch.poll_transmit(self.now, buf) {
            for datagram in buf[..run.len].chunks(run.segment) {
                let lands = self.now.plus_us(5_000);
                self.flying.push_back((lands, 1 - at, datagram.to_vec()));
            }
        }
        while let Some(event) = switch.poll_event() {
            if let Event::Line(LineEvent::Up { line, .. }) = event {
                self.lines[at] = Some(line);
            } else if let Event::Packet { line } = event {
                while switch.recv(self.now, line, buf).is_ok() {}
            }
        }
        while switch.poll_need().is_some() {}
    }
}

fn address(at: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1 + at as u8], 1000))
}

/// A tape of a mostly idle hour, and how long its replay takes.
fn idle_hour() -> Outcome<()> {
    let mut pair = Pair::new()?;
    for minute in 1..=60 {
        pair.run(Time::from_us(minute * 60_000_000));
        let (now, wall) = (pair.now, Wall::from_ms(1_700_000_000_000 + minute * 60_000));
        pair.switches
            .iter_mut()
            .for_each(|it| it.handle_clock(now, wall));
        let line = pair.lines[0].ok_or("a line")?;
        pair.switches[0].send(now, line, b"\0\0still there?")?;
    }
    let mut tape = Vec::new();
    pair.switches[1].end_tape(pair.now, End::Closed);
    pair.switches[1].take_tape(&mut tape);
    let begun = Instant::now();
    let records = replay(&tape)?;
    let took = begun.elapsed().as_secs_f64();
    println!(
        "a tape of an idle hour, {} B in {records} records: replayed in {:.1} ms, {:.0} x real time",
        tape.len(),
        took * 1e3,
        3600.0 / took
    );
    Ok(())
}

/// How many records came to the same.
fn replay(tape: &[u8]) -> Outcome<u64> {
    let mut player = Player::strict(Config::default().provider);
    for piece in tape.chunks(1 << 18) {
        player.feed(piece);
        while player.step()?.is_some() {}
    }
    Ok(player.count())
}
