//! What lines cost on which nothing happens: `cargo bench -p hydroid-tests --bench memory [-- --json]`.
//! A bench of its own, since it counts and does not race: what counts the heap would slow the works.
//! Both ends are in the process and on one thread, whose heap is counted: everything above what the
//! two endpoints took before the first line, tables, tasks and handles included.

mod ends;
mod measure;

use std::{
    env,
    process::ExitCode,
    time::{Duration, Instant},
};

use hydroid_core::identity::{Hashname, Space, Ticket};
use hydroid_tokio::{Endpoint, Line, fresh_secret};
use quinn::Connection;
use tokio::{
    runtime::Builder,
    time::{Instant as Moment, sleep, sleep_until},
};

use self::measure::{Outcome, cpu_ns};

const NAME: &str = "memory";
const LINES: usize = 5_000;
/// Bytes that one end of a line may take.
const LIMIT_BYTES: f64 = 2_048.0;
/// How long processor time is counted while nothing happens.
const WATCH: Duration = Duration::from_secs(4);
/// Identities at each end of ours, between any two of which there can be a line.
const IDENTITIES: usize = 71;

/// Two endpoints and lines between them.
trait Idle: Sized {
    type Line;
    /// So long after a line was set up nothing happens on it, for as long as is watched.
    const QUIET: Duration;
    fn new() -> Outcome<Self>;
    async fn dial(&self, n: usize) -> Outcome<Self::Line>;
}

/// What one end of a line takes, and processor time of all of them, both ends, in a second.
#[derive(Clone, Copy, Debug)]
struct Took {
    bytes: f64,
    cpu_us: f64,
}

fn main() -> ExitCode {
    match row(env::args().any(|it| it == "--json")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("memory: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the row.
fn row(json: bool) -> Outcome<()> {
    let (ours, peer) = (once::<Ours>()?, once::<Quinns>()?);
    let ratio = ours.bytes / peer.bytes;
    if json {
        let row = serde_json::json!({
            "work": NAME, "unit": "bytes", "ours": ours.bytes, "peer": peer.bytes,
            "limit": LIMIT_BYTES, "ratio": ratio, "lines": LINES,
            "idle_cpu_us_ours": ours.cpu_us, "idle_cpu_us_peer": peer.cpu_us, "rounds": 1,
        });
        println!("{row}");
    } else {
        println!(
            "| {NAME}, bytes an end of {LINES} idle lines; us a second of all | {:.0} | {:.0} | \
             {LIMIT_BYTES:.0} | {ratio:.3} | {:.0} | {:.0} | |",
            ours.bytes, peer.bytes, ours.cpu_us, peer.cpu_us,
        );
    }
    Ok(())
}

fn once<I: Idle>() -> Outcome<Took> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let net = runtime.block_on(async { I::new() })?;
    let mut lines = Vec::with_capacity(LINES);
    let begun = Instant::now();
    let mut dialled: Outcome<()> = Ok(());
    let dial = async {
        for n in 0..LINES {
            lines.push(net.dial(n).await?);
        }
        Ok(())
    };
    let set_up = allocation_counter::measure(|| dialled = runtime.block_on(dial));
    dialled?;
    let quiet = Moment::from_std(Instant::now() + I::QUIET);
    let rest = allocation_counter::measure(|| {
        runtime.block_on(async { sleep_until(quiet).await });
    });
    let took = begun.elapsed();
    let before = cpu_ns()?;
    runtime.block_on(async { sleep(WATCH).await });
    let spent = cpu_ns()?.saturating_sub(before);
    eprintln!("set up and quiet after {took:?}");
    let bytes = set_up.bytes_current + rest.bytes_current;
    drop(lines);
    runtime.block_on(async { drop(net) });
    Ok(Took {
        bytes: bytes as f64 / (2 * LINES) as f64,
        cpu_us: spent as f64 / 1e3 / WATCH.as_secs_f64(),
    })
}

struct Ours {
    dialling: Endpoint,
    _dialled: Endpoint,
    identities: Vec<Hashname>,
    tickets: Vec<Ticket>,
}

impl Idle for Ours {
    type Line = Line;
    /// The first keep-alives are over 15 s after the last line came up, and the lines have come to
    /// rest again 2 s later; then there is none before 30 s after the first line came up.
    const QUIET: Duration = Duration::from_secs(18);

    fn new() -> Outcome<Self> {
        let mut config = ends::config()?;
        config.switch.line.hashnames = IDENTITIES as u32;
        config.switch.line.lines = LINES as u32;
        let (dialling, dialled) = (Endpoint::bind(config.clone())?, Endpoint::bind(config)?);
        let space = Space::open("bench")?;
        let identities = (0..IDENTITIES).map(|_| Ok(dialling.install(&fresh_secret()?, &space)?));
        let tickets = (0..IDENTITIES).map(|_| {
            let secret = fresh_secret()?;
            dialled.install(&secret, &space)?;
            let at = dialled.local_addresses();
            Ok(Ticket::new(secret.public(), space.clone(), &at, None))
        });
        Ok(Self {
            identities: identities.collect::<Outcome<_>>()?,
            tickets: tickets.collect::<Outcome<_>>()?,
            dialling,
            _dialled: dialled,
        })
    }

    async fn dial(&self, n: usize) -> Outcome<Line> {
        let local = self.identities[n / IDENTITIES];
        let line = self.dialling.connect(local, &self.tickets[n % IDENTITIES]);
        Ok(line.await?)
    }
}

struct Quinns(quinn::Endpoint, std::net::SocketAddr);

impl Idle for Quinns {
    type Line = Connection;
    const QUIET: Duration = Duration::from_secs(4);

    fn new() -> Outcome<Self> {
        let any = "127.0.0.1:0".parse()?;
        let dialled = quinn::Endpoint::server(ends::server()?, any)?;
        let mut dialling = quinn::Endpoint::client(any)?;
        dialling.set_default_client_config(ends::client()?);
        let address = dialled.local_addr()?;
        let mut held = Vec::with_capacity(LINES);
        tokio::spawn(async move {
            while let Some(incoming) = dialled.accept().await {
                held.extend(incoming.await);
            }
        });
        Ok(Self(dialling, address))
    }

    async fn dial(&self, _n: usize) -> Outcome<Connection> {
        Ok(self.0.connect(self.1, "localhost")?.await?)
    }
}
