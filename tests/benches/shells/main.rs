//! How fast each pair of shells is over loopback, and what processor time that takes:
//! `cargo bench -p hydroid-tests --bench shells [MIB] [ROUND_TRIPS]`.
//!
//! Each end is a process of its own, whose processor time is that of all of its threads, as the
//! system counts it. A machine that has other things to do is slower, but hardly dearer.

mod by_async_std;
mod by_mio;
mod by_tokio;

use std::{
    env,
    error::Error,
    fs,
    io::{self, BufReader, Write as _},
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use hydroid_core::{
    driver::shell::{Config, fresh_secret},
    identity::{SecretKey, Space, Ticket},
};

type Outcome<T> = Result<T, Box<dyn Error>>;

const SHELLS: [&str; 3] = ["tokio", "mio", "async-std"];
/// The head of a stream whose bytes come back.
const ECHO: &str = r#"{"echo":true}"#;
const SMALL: usize = 64;
static PIECE: [u8; 1 << 16] = [9; 1 << 16];

fn main() -> Outcome<()> {
    let arguments: Vec<_> = env::args().skip(1).filter(|it| it != "--bench").collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["take", shell] => return take(shell),
        ["give", shell, ticket, mib, trips] => {
            return give(shell, &ticket.parse()?, &Work::new(mib, trips)?);
        }
        _ => {}
    }
    let text = |at: usize, default| arguments.get(at).copied().unwrap_or(default);
    let work = Work::new(text(0, "1024"), text(1, "10000"))?;
    println!("| from | to | MiB/s | s/GiB from | s/GiB to | us a round trip | us/trip from | to |");
    println!("|---|---|---|---|---|---|---|---|");
    for from in SHELLS {
        for to in SHELLS {
            println!("{}", row(from, to, &work)?);
        }
    }
    Ok(())
}

/// How much is done.
struct Work {
    mib: u64,
    trips: u32,
}

impl Work {
    fn new(mib: &str, trips: &str) -> Outcome<Self> {
        let (mib, trips) = (mib.parse()?, trips.parse()?);
        Ok(Self { mib, trips })
    }

    /// How often the piece is written.
    const fn pieces(&self) -> u64 {
        (self.mib << 20) / PIECE.len() as u64
    }
}

/// What one pair takes, in words.
fn row(from: &str, to: &str, work: &Work) -> Outcome<String> {
    let (mut taker, mut said) = child(&["take", to])?;
    let ticket = line(&mut said)?;
    let (mib, trips) = (work.mib.to_string(), work.trips.to_string());
    let (mut giver, mut said) = child(&["give", from, &ticket, &mib, &trips])?;
    let mut go = giver.stdin.take().ok_or("a pipe")?;
    let mut stage = || -> Outcome<_> {
        let seconds: f64 = line(&mut said)?.parse()?;
        // The last acknowledgements are on their way.
        thread::sleep(Duration::from_millis(100));
        let spent = (cpu(&giver)?, cpu(&taker)?);
        Ok((seconds, spent.0, spent.1))
    };
    let start = stage()?;
    writeln!(go)?;
    let bulk = stage()?;
    writeln!(go)?;
    let trips = stage()?;
    writeln!(go)?;
    drop(taker.stdin.take());
    giver.wait()?;
    taker.wait()?;
    let gib = work.mib as f64 / 1024.0;
    let us = 1e6 / f64::from(work.trips);
    Ok(format!(
        "| {from} | {to} | {:.0} | {:.2} | {:.2} | {:.1} | {:.1} | {:.1} |",
        work.mib as f64 / bulk.0,
        (bulk.1 - start.1) / gib,
        (bulk.2 - start.2) / gib,
        trips.0 * us,
        (trips.1 - bulk.1) * us,
        (trips.2 - bulk.2) * us,
    ))
}

/// This program once more, as one end; it goes on until its stdin ends.
fn child(arguments: &[&str]) -> Outcome<(Child, BufReader<ChildStdout>)> {
    let mut child = Command::new(env::current_exe()?)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let said = BufReader::new(child.stdout.take().ok_or("a pipe")?);
    Ok((child, said))
}

fn line(from: &mut impl io::BufRead) -> Outcome<String> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    Ok(line.trim().into())
}

/// The processor time of a process so far, in seconds; the system counts in hundredths.
fn cpu(of: &Child) -> Outcome<f64> {
    let text = fs::read_to_string(format!("/proc/{}/stat", of.id()))?;
    let (_, fields) = text.rsplit_once(')').ok_or("a name")?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.map(str::parse::<u64>).sum::<Result<_, _>>()?;
    Ok(ticks as f64 / 100.0)
}

fn take(shell: &str) -> Outcome<()> {
    let take = match shell {
        "tokio" => by_tokio::take,
        "mio" => by_mio::take,
        _ => by_async_std::take,
    };
    thread::spawn(move || take().map_err(|error| eprintln!("{error}")));
    // The parent says when it has no more use for this process.
    line(&mut io::stdin().lock())?;
    Ok(())
}

fn give(shell: &str, ticket: &Ticket, work: &Work) -> Outcome<()> {
    match shell {
        "tokio" => by_tokio::give(ticket, work),
        "mio" => by_mio::give(ticket, work),
        _ => by_async_std::give(ticket, work),
    }
}

fn config() -> Outcome<Config> {
    Ok(Config {
        listen: vec!["127.0.0.1:0".parse()?],
        ..Config::default()
    })
}

fn somebody() -> Outcome<(SecretKey, Space)> {
    Ok((fresh_secret()?, Space::open("bench")?))
}

/// Tells the parent that a stage is over and how long it took, and waits for leave to go on.
fn told(begun: Instant) -> Outcome<()> {
    println!("{}", begun.elapsed().as_secs_f64());
    line(&mut io::stdin().lock())?;
    Ok(())
}
