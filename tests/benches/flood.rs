//! What a flood takes from an honest line, on real sockets: `cargo bench -p hydroid-tests --bench
//! flood`. An endpoint of hydroid-tokio on loopback takes a stream from an honest one; beside it come
//! 100,000 random datagrams a second, then as many that are half-valid (opens with a MAC that fits,
//! packets for a line that there is), then both. Turns alternate with turns without a flood, and what
//! is told is the goodput of each, the rates that were reached, and what became of the flood.

use std::{
    error::Error,
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use hydroid_core::{
    base::{Effects, Rng, Seed, Time, Wall},
    identity::{PublicKey, Space, Ticket},
    line::{self, Lines},
    switch::{Path, Route, SocketId},
    wire::{SEALED_PREFIX, TAG_LEN, frame::Writer},
};
use hydroid_tokio::{Config, Endpoint, fresh_secret};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Datagrams a second, of each kind.
const RATE: u64 = 100_000;
/// How long one turn takes.
const TURN: Duration = Duration::from_secs(3);
const ROUNDS: usize = 2;
/// Datagrams that are made before the flood, and sent again and again.
const MADE: usize = 2_000;
/// Datagrams that are sent between two looks at the clock.
const RUN: usize = 50;

type Datagrams = Arc<Vec<Vec<u8>>>;

fn random(rng: &mut Rng) -> Datagrams {
    let one = |rng: &mut Rng| {
        let len = 20 + rng.below(1_180);
        (0..len).map(|_| rng.u64() as u8).collect()
    };
    Arc::new((0..MADE).map(|_| one(rng)).collect())
}

/// Somebody who speaks the protocol and has only bad to say.
struct Stranger {
    lines: Lines,
    socket: UdpSocket,
    route: Route,
}

impl Stranger {
    fn new(n: u16, to: SocketAddr) -> Result<Self, Box<dyn Error>> {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&n.to_be_bytes());
        let mut lines = Lines::new(&line::Config::default(), Rng::new(&Seed::new(bytes)));
        lines.handle_clock(Time::ZERO, Wall::from_ms(1_700_000_000_000));
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.connect(to)?;
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
        let path = Path::to(to);
        let route = Route {
            socket: SocketId(0),
            path,
        };
        Ok(Self {
            lines,
            socket,
            route,
        })
    }

    /// The open that it would send.
    fn open(&mut self, key: PublicKey) -> Result<Vec<u8>, Box<dyn Error>> {
        let space = Space::open("flood")?.id();
        let local = self.lines.install(Time::ZERO, &fresh_secret()?, space)?;
        self.lines.open(Time::ZERO, local, key, &[self.route], 0)?;
        let mut buf = [0; 2048];
        let open = self.lines.poll_datagram(Time::ZERO, &mut buf);
        let (_, len) = open.ok_or("an open")?;
        Ok(buf[..len].to_vec())
    }

    /// Opens a line in earnest and seals packets for it whose tags it then breaks.
    fn sealed(&mut self, key: PublicKey) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
        let open = self.open(key)?;
        self.socket.send(&open)?;
        let mut buf = [0; 2048];
        let len = self.socket.recv(&mut buf)?;
        let mut fx = Effects::new(64);
        let answer = &mut buf[..len];
        let taken = self
            .lines
            .on_answer(Time::ZERO, self.route, answer, &mut fx);
        taken.map_err(|why| why.code())?;
        let slot = fx.pop().and_then(|effect| {
            let line::Effect::Up { slot, .. } = effect else {
                return None;
            };
            Some(slot)
        });
        let slot = slot.ok_or("the line comes up")?;
        let mut packets = Vec::new();
        for n in 0..=MADE {
            let mut buf = [0; 1_200];
            let room = buf.len() - TAG_LEN;
            let mut writer = Writer::new(&mut buf[SEALED_PREFIX..room]);
            writer.ping();
            writer.padding(1_000);
            let plain = writer.len();
            let sealed = self.lines.seal(slot, &mut buf, plain);
            let (len, _) = sealed.ok_or("the line is up")?;
            if n == 0 {
                // The first proves the key, so that there is a line.
                self.socket.send(&buf[..len])?;
            } else {
                buf[len - 1] ^= 1;
                packets.push(buf[..len].to_vec());
            }
        }
        Ok(packets)
    }
}

/// Opens by many, each of which takes curves to see through, and packets that do not open.
fn half_valid(key: PublicKey, to: SocketAddr) -> Result<Datagrams, Box<dyn Error>> {
    let mut all = Stranger::new(0, to)?.sealed(key)?;
    for n in 1..=MADE as u16 / 10 {
        let mut open = Stranger::new(n, to)?.open(key)?;
        if n % 2 == 0 {
            let last = open.len() - 1;
            open[last] ^= 1;
        }
        for at in 0..5 {
            let place = (usize::from(n) * 10 + at) % all.len();
            all[place].clone_from(&open);
        }
    }
    Ok(Arc::new(all))
}

/// Sends at the rate, until it is told to stop; tells how many it sent.
fn flood(to: SocketAddr, datagrams: &[Vec<u8>], stop: &AtomicBool) -> u64 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket on loopback");
    socket.connect(to).expect("an address on loopback");
    let begun = Instant::now();
    let mut sent: u64 = 0;
    while !stop.load(Ordering::Relaxed) {
        let due = begun.elapsed().as_micros() as u64 * RATE / 1_000_000;
        if sent >= due {
            thread::sleep(Duration::from_micros(300));
            continue;
        }
        for n in 0..RUN {
            let _full = socket.send(&datagrams[(sent as usize + n) % datagrams.len()]);
        }
        sent += RUN as u64;
    }
    sent
}

/// One turn: bytes a second that the honest stream carried, and datagrams a second of each flood.
async fn turn(to: SocketAddr, floods: &[Datagrams], carried: &AtomicU64) -> (u64, Vec<u64>) {
    let stop = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = floods
        .iter()
        .map(|datagrams| {
            let (datagrams, stop) = (datagrams.clone(), stop.clone());
            thread::spawn(move || flood(to, &datagrams, &stop))
        })
        .collect();
    let (begun, before) = (Instant::now(), carried.load(Ordering::Relaxed));
    tokio::time::sleep(TURN).await;
    let bytes = carried.load(Ordering::Relaxed) - before;
    let ms = begun.elapsed().as_millis() as u64;
    stop.store(true, Ordering::Relaxed);
    let sent = threads
        .into_iter()
        .map(|thread| thread.join().expect("a flood ends") * 1_000 / ms);
    let sent = sent.collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    (bytes * 1_000 / ms, sent)
}

fn endpoint() -> Result<Endpoint, Box<dyn Error>> {
    Ok(Endpoint::bind(Config {
        listen: vec!["127.0.0.1:0".parse()?],
        ..Config::default()
    })?)
}

async fn run() -> Result<(), Box<dyn Error>> {
    let space = Space::open("flood")?;
    let (victim, honest) = (endpoint()?, endpoint()?);
    let secret = fresh_secret()?;
    victim.install(&secret, &space)?;
    let to = victim.local_addresses()[0];
    let ticket = Ticket::new(secret.public(), space.clone(), &[to], None);
    let me = honest.install(&fresh_secret()?, &space)?;
    let line = honest.connect(me, &ticket).await?;
    let mut out = line.open_stream("{}").await?;
    tokio::spawn(async move {
        let bytes = vec![7; 256 * 1024];
        while out.write_all(&bytes).await.is_ok() {}
    });
    let mut come = victim.accept().await.ok_or("a stream")?;
    let carried = Arc::new(AtomicU64::new(0));
    let counted = carried.clone();
    tokio::spawn(async move {
        let mut buf = vec![0; 256 * 1024];
        while let Ok(len @ 1..) = come.read(&mut buf).await {
            counted.fetch_add(len as u64, Ordering::Relaxed);
        }
    });
    let random = random(&mut Rng::new(&Seed::new([1; 32])));
    let half_valid = half_valid(secret.public(), to)?;
    let kinds: [(&str, Vec<Datagrams>); 3] = [
        ("random", vec![random.clone()]),
        ("half-valid", vec![half_valid.clone()]),
        ("both", vec![random, half_valid]),
    ];
    println!(
        "{:>12} {:>10} {:>10} {:>8}  reached, a second",
        "flood", "MiB/s", "without", "share"
    );
    for _ in 0..ROUNDS {
        for (name, floods) in &kinds {
            let (without, _) = turn(to, &[], &carried).await;
            let (with, rates) = turn(to, floods, &carried).await;
            let share = 100 * with / without.max(1);
            let mib = |bytes: u64| bytes >> 20;
            println!(
                "{name:>12} {:>10} {:>10} {share:>7}%  {rates:?}",
                mib(with),
                mib(without)
            );
        }
    }
    let stats = victim.stats();
    println!("{} datagrams came to the switch", stats.datagrams_in);
    for (reason, count) in stats.drops() {
        println!("{:>16} {count}", reason.code());
    }
    println!("{:?}", victim.status());
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(run())
}
