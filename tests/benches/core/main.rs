//! The state machine alone, with no socket and no clock of its own:
//! `cargo bench -p hydroid-tests --bench core [-- --json] [--only WORK]`.
//!
//! Two switches in one thread hand each other their datagrams in virtual time. What a packet takes
//! is told stage by stage: in nanoseconds, the least of several rounds, and, where valgrind is
//! installed, in instructions, which no other work on the machine changes. The cipher of the first
//! table does nothing, so that only what is ours is counted; the second has the fast provider.

mod count;
mod pair;

use std::{env, process::ExitCode, time::Instant};

use hydroid_core::line::{Cipher, Provider, Suite, fast};
use hydroid_tests::world::StubProvider;

use self::pair::{Pair, Stage};

/// Rounds of which the least counts.
const ROUNDS: usize = 7;
/// Bytes of a round of bulk, and messages and echoes of a round.
const BULK_BYTES: usize = 64 << 20;
const SMALL: usize = 20_000;

/// Something to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Work {
    /// One stream, full packets.
    Bulk,
    /// 100 streams at once.
    Streams,
    /// 64 bytes in a stream there and back.
    Echo,
    /// Unreliable messages of 100 bytes, as many in a packet as fit.
    Messages,
}

impl Work {
    const ALL: [Self; 4] = [Self::Bulk, Self::Streams, Self::Echo, Self::Messages];

    const fn name(self) -> &'static str {
        match self {
            Self::Bulk => "bulk",
            Self::Streams => "streams",
            Self::Echo => "echo",
            Self::Messages => "messages",
        }
    }

    /// Of what a figure is one.
    const fn unit(self) -> &'static str {
        match self {
            Self::Bulk | Self::Streams => "packet",
            Self::Echo => "echo",
            Self::Messages => "message",
        }
    }

    /// Does this part of it and gives how many units that was.
    fn run(self, pair: &mut Pair, part: usize) -> u64 {
        match self {
            Self::Bulk => pair.bulk(1, BULK_BYTES / part),
            Self::Streams => pair.bulk(100, BULK_BYTES / 100 / part),
            Self::Echo => pair.echo(SMALL / part),
            Self::Messages => pair.messages(SMALL * 5 / part),
        }
    }
}

/// Ciphers that do nothing and a curve of hashes, so that what is left is the state machine. It
/// talks to itself only.
#[derive(Debug)]
struct NoCipher;

impl Provider for NoCipher {
    fn public(&self, secret: &[u8; 32]) -> [u8; 32] {
        StubProvider.public(secret)
    }

    fn agree(&self, secret: &[u8; 32], public: &[u8; 32]) -> [u8; 32] {
        StubProvider.agree(secret, public)
    }

    fn cipher(&self, _suite: Suite, _key: &[u8; 32]) -> Box<dyn Cipher> {
        Box::new(Self)
    }
}

impl Cipher for NoCipher {
    fn seal(&self, _nonce: &[u8; 12], _aad: &[u8], _text: &mut [u8]) -> [u8; 16] {
        [0; 16]
    }

    fn open(&self, _nonce: &[u8; 12], _aad: &[u8], _text: &mut [u8], _tag: &[u8; 16]) -> bool {
        true
    }
}

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|it| it == flag);
    let of = |flag: &str| {
        let at = arguments.iter().position(|it| it == flag)?;
        arguments.get(at + 1)
    };
    let only = of("--only");
    let chosen = |work: &&Work| only.is_none_or(|only| only == work.name());
    let works: Vec<_> = Work::ALL.iter().filter(chosen).collect();
    if works.is_empty() {
        let names = Work::ALL.map(Work::name).join(", ");
        eprintln!("core: no such work; there are {names}");
        return ExitCode::FAILURE;
    }
    if has(count::COUNTED) {
        for work in works {
            println!("{}", work.run(&mut Pair::new(&NoCipher), count::PART));
        }
        return ExitCode::SUCCESS;
    }
    let json = has("--json");
    for (ciphers, provider) in providers() {
        if !json {
            println!("\n{ciphers}\n\n| work | stage | ns | instructions |\n|---|---|---|---|");
        }
        for work in &works {
            row(**work, (ciphers, provider), json);
        }
    }
    ExitCode::SUCCESS
}

/// The providers, each with what is said of it.
fn providers() -> impl Iterator<Item = (&'static str, &'static dyn Provider)> {
    let none: (_, &dyn Provider) = ("ciphers apart", &NoCipher);
    [none]
        .into_iter()
        .chain(fast().map(|it| ("fast ciphers", it)))
}

/// Does a work several times and tells what a unit of it took, stage by stage and together.
fn row(work: Work, (ciphers, provider): (&str, &'static dyn Provider), json: bool) {
    let mut least = [u64::MAX; Stage::ALL.len() + 1];
    let mut units = 1;
    for _round in 0..ROUNDS {
        let mut pair = Pair::new(provider);
        let begun = Instant::now();
        units = work.run(&mut pair, 1);
        let all = begun.elapsed();
        let stages = pair.took.iter().copied().chain([all]);
        for (least, took) in least.iter_mut().zip(stages) {
            *least = (*least).min(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        }
    }
    let counted = ciphers == "ciphers apart";
    let names = Stage::ALL.iter().map(|it| Some(*it)).chain([None]);
    for (stage, ns) in names.zip(least) {
        let name = stage.map_or("all", Stage::name);
        let ns = ns as f64 / units as f64;
        let instructions = counted.then(|| count::instructions(work.name(), stage));
        let instructions = instructions.flatten();
        if json {
            let row = serde_json::json!({
                "work": work.name(), "unit": work.unit(), "stage": name, "ciphers": ciphers,
                "ns": ns, "instructions": instructions,
            });
            println!("{row}");
        } else {
            let instructions = instructions.map_or_else(String::new, |it| it.to_string());
            println!(
                "| {}, a {} | {name} | {ns:.0} | {instructions} |",
                work.name(),
                work.unit()
            );
        }
    }
}
