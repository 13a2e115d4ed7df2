//! Ours beside quinn, over loopback, both ends in one process under the same runtime:
//! `cargo bench -p hydroid-tests --bench peers [-- --only WORK] [--json] [--rounds N] [--ours]`;
//! or our three shells beside each other: `[-- --shells]`.
//!
//! They do each work in turn, round after round, so that a machine that has other things to do
//! slows all; a ratio is the median of the rounds' own ratios. Processor time is that of the
//! whole process, both ends with all of their threads, as the system counts it. quinn seals with
//! AES-128-GCM by ring and asks its clients for a certificate, since every line of ours knows both
//! ends.

mod arguments;
mod ends;
mod link;
mod measure;
mod net;
mod of_hydroid;
mod of_mio;
mod of_quinn;
mod raw;
mod shells;
mod under;
mod work;

use std::{
    env,
    process::{Command, ExitCode},
    sync::Arc,
    time::Instant,
};

use hydroid_tokio::Tokio;
use tokio::runtime::{Builder, Runtime};

use self::{
    arguments::Arguments,
    measure::{Outcome, cpu_ns},
    net::Net,
    of_hydroid::Hydroid,
    of_quinn::Quinn,
    work::{Done, Work},
};

/// The row that is a bench of its own.
const MEMORY: &str = "memory";

/// What one run of a work took.
#[derive(Clone, Copy, Debug)]
struct Took {
    /// Units of the work a second.
    rate: f64,
    /// Processor time of both ends for a unit, in microseconds.
    cpu_us: f64,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome<()> {
    let arguments = Arguments::read()?;
    let all = Work::ALL.iter().filter(|work| arguments.wants(work.name()));
    let all: Vec<_> = all.copied().collect();
    if let (Some(shell), [work]) = (&arguments.by, &all[..]) {
        return shells::child(shell, *work);
    }
    if arguments.shells && !all.is_empty() {
        return shells::rows(&all, arguments.rounds, arguments.json);
    }
    let lossy = link::ROWS.iter().filter(|row| arguments.wants(row.0));
    let lossy: Vec<_> = lossy.collect();
    if arguments.shells || all.is_empty() && lossy.is_empty() && !arguments.wants(MEMORY) {
        let mut names = Work::ALL.map(Work::name).to_vec();
        if !arguments.shells {
            names.extend(link::ROWS.map(|row| row.0).into_iter().chain([MEMORY]));
        }
        return Err(format!("no such work; there are {}", names.join(", ")).into());
    }
    if !arguments.json {
        println!("| work | ours | quinn | limit | ratio | us ours | us quinn | ratio |");
        println!("|---|---|---|---|---|---|---|---|");
    }
    for work in all {
        row(work, &arguments)?;
    }
    for lossy in lossy {
        link::row(*lossy, arguments.rounds, arguments.json)?;
    }
    if arguments.wants(MEMORY) {
        memory(arguments.json)?;
    }
    Ok(())
}

/// Does a work so many times by ours and by quinn, in turn, and tells what came of it.
fn row(work: Work, arguments: &Arguments) -> Outcome<()> {
    let (mut ours, mut peer, mut limit) = (Vec::new(), Vec::new(), Vec::new());
    for _round in 0..arguments.rounds {
        ours.push(under_tokio::<Hydroid<Tokio>>(work)?);
        if !arguments.ours {
            peer.push(under_tokio::<Quinn>(work)?);
            limit.push(raw::limit(work, &runtime(work)?)?);
        }
    }
    let [rate_ours, rate_peer, ratio] = figures(&ours, &peer, |it| it.rate);
    let [cpu_ours, cpu_peer, cpu_ratio] = figures(&ours, &peer, |it| it.cpu_us);
    let most = median(limit.into_iter());
    if arguments.json {
        let row = serde_json::json!({
            "work": work.name(), "unit": work.unit(), "ours": rate_ours, "peer": rate_peer,
            "limit": most, "ratio": ratio, "cpu_us_ours": cpu_ours, "cpu_us_peer": cpu_peer,
            "cpu_ratio": cpu_ratio, "rounds": arguments.rounds,
        });
        println!("{row}");
        return Ok(());
    }
    println!(
        "| {}, {}/s | {} | {} | {} | {} | {} | {} | {} |",
        work.name(),
        work.unit(),
        cell(rate_ours, 0),
        cell(rate_peer, 0),
        cell(most, 0),
        cell(ratio, 2),
        cell(cpu_ours, 2),
        cell(cpu_peer, 2),
        cell(cpu_ratio, 2),
    );
    Ok(())
}

/// The row of the bench that counts the heap, by itself: what counts would slow everybody here.
fn memory(json: bool) -> Outcome<()> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut bench = Command::new(cargo);
    bench.args(["bench", "--quiet", "-p", "hydroid-tests", "--bench", MEMORY]);
    if json {
        bench.args(["--", "--json"]);
    }
    let status = bench.current_dir(env!("CARGO_MANIFEST_DIR")).status()?;
    if !status.success() {
        return Err(format!("the bench `{MEMORY}`: {status}").into());
    }
    Ok(())
}

fn runtime(work: Work) -> Outcome<Runtime> {
    let mut builder = match work.threads() {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    Ok(builder.enable_all().build()?)
}

/// One run, in a runtime of its own.
fn under_tokio<N: Net>(work: Work) -> Outcome<Took> {
    // A task like any other: what stands outside of the runtime costs it a look at its events.
    let runtime = runtime(work)?;
    runtime.block_on(async { tokio::spawn(once::<N>(work)).await? })
}

/// One run, in the runtime that this is called in.
async fn once<N: Net>(work: Work) -> Outcome<Took> {
    let net = Arc::new(N::new(work.at_once(), work.is_free())?);
    let ready = work::prepare(&*net, work).await?;
    let clock = Clock::start()?;
    let done = work::perform(&net, ready, work).await?;
    clock.stop(&done)
}

/// The time, and the processor time, since a work began.
struct Clock {
    begun: Instant,
    before_ns: u64,
}

impl Clock {
    fn start() -> Outcome<Self> {
        let before_ns = cpu_ns()?;
        let begun = Instant::now();
        Ok(Self { begun, before_ns })
    }

    fn stop(&self, done: &Done) -> Outcome<Took> {
        let seconds = (self.begun.elapsed() - done.idle).as_secs_f64();
        let spent = cpu_ns()?.saturating_sub(self.before_ns);
        Ok(Took {
            rate: done.units / seconds,
            cpu_us: spent as f64 / 1e3 / done.units,
        })
    }
}

/// The medians of ours, of the peer's and of the rounds' ratios.
fn figures(ours: &[Took], peer: &[Took], of: fn(&Took) -> f64) -> [Option<f64>; 3] {
    let pairs = ours.iter().zip(peer);
    [
        median(ours.iter().map(of)),
        median(peer.iter().map(of)),
        median(pairs.map(|(ours, peer)| of(ours) / of(peer))),
    ]
}

fn cell(figure: Option<f64>, places: usize) -> String {
    figure.map_or_else(String::new, |figure| format!("{figure:.places$}"))
}

/// The one in the middle, if there is any.
fn median(all: impl Iterator<Item = f64>) -> Option<f64> {
    let mut all: Vec<_> = all.collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied()
}
