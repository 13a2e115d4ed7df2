//! Ours beside quinn, over loopback, both ends in one process under the same runtime:
//! `cargo bench -p hydroid-tests --bench peers [-- --only WORK] [--json] [--rounds N] [--ours]`.
//!
//! The two do each work in turn, round after round, so that a machine that has other things to do
//! slows both; a ratio is the median of the rounds' own ratios. Processor time is that of the
//! whole process, both ends with all of their threads, as the system counts it. quinn seals with
//! AES-128-GCM by ring and asks its clients for a certificate, since every line of ours knows both
//! ends.

mod link;
mod memory;
mod net;
mod of_hydroid;
mod of_quinn;
mod raw;
mod work;

use std::{env, error::Error, fs, process::ExitCode, sync::Arc, time::Instant};

use tokio::runtime::{Builder, Runtime};

use self::{net::Net, of_hydroid::Hydroid, of_quinn::Quinn, work::Work};

type Failure = Box<dyn Error + Send + Sync>;
type Outcome<T> = Result<T, Failure>;

/// Rounds of which the median counts.
const ROUNDS: usize = 5;

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
    let arguments: Vec<_> = env::args().skip(1).collect();
    let of = |flag: &str| {
        let at = arguments.iter().position(|it| it == flag)?;
        arguments.get(at + 1)
    };
    let rounds = of("--rounds").map_or(Ok(ROUNDS), |it| it.parse())?;
    let has = |flag: &str| arguments.iter().any(|it| it == flag);
    // Ours alone is what one looks at through a profiler.
    let (json, alone) = (has("--json"), has("--ours"));
    let only = of("--only");
    let chosen = |work: &&Work| only.is_none_or(|only| only == work.name());
    let all: Vec<_> = Work::ALL.iter().filter(chosen).collect();
    let counts = only.is_none_or(|only| only == memory::NAME);
    let lossy = |row: &&(&str, u64)| only.is_none_or(|only| only == row.0);
    let lossy: Vec<_> = link::ROWS.iter().filter(lossy).collect();
    if all.is_empty() && lossy.is_empty() && !counts {
        let names = Work::ALL.map(Work::name).join(", ");
        let links = link::ROWS.map(|row| row.0).join(", ");
        let names = format!("{names}, {links}, {}", memory::NAME);
        return Err(format!("no such work; there are {names}").into());
    }
    if !json {
        println!("| work | ours | quinn | limit | ratio | us ours | us quinn | ratio |");
        println!("|---|---|---|---|---|---|---|---|");
    }
    for work in all {
        row(*work, rounds.max(1), (json, alone))?;
    }
    for lossy in lossy {
        link::row(*lossy, rounds.max(1), json)?;
    }
    if counts {
        memory::row(json)?;
    }
    Ok(())
}

/// Does a work so many times by ours and by quinn, in turn, and tells what came of it.
fn row(work: Work, rounds: usize, (json, alone): (bool, bool)) -> Outcome<()> {
    let (mut ours, mut peer, mut limit) = (Vec::new(), Vec::new(), Vec::new());
    for _round in 0..rounds {
        ours.push(once::<Hydroid>(work)?);
        if !alone {
            peer.push(once::<Quinn>(work)?);
            limit.extend(raw::limit(work, &runtime(work)?)?);
        }
    }
    let figures = |of: fn(&Took) -> f64| {
        let pairs = ours.iter().zip(&peer);
        [
            median(ours.iter().map(of)),
            median(peer.iter().map(of)),
            median(pairs.map(|(ours, peer)| of(ours) / of(peer))),
        ]
    };
    let [rate_ours, rate_peer, ratio] = figures(|it| it.rate);
    let [cpu_ours, cpu_peer, cpu_ratio] = figures(|it| it.cpu_us);
    let most = median(limit.into_iter());
    if json {
        let row = serde_json::json!({
            "work": work.name(), "unit": work.unit(), "ours": rate_ours, "peer": rate_peer,
            "limit": most, "ratio": ratio, "cpu_us_ours": cpu_ours, "cpu_us_peer": cpu_peer,
            "cpu_ratio": cpu_ratio, "rounds": rounds,
        });
        println!("{row}");
        return Ok(());
    }
    let cell = |figure: Option<f64>, places: usize| {
        figure.map_or_else(String::new, |figure| format!("{figure:.places$}"))
    };
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

fn runtime(work: Work) -> Outcome<Runtime> {
    let mut builder = match work.threads() {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    Ok(builder.enable_all().build()?)
}

/// One run, in a runtime of its own.
fn once<N: Net>(work: Work) -> Outcome<Took> {
    // A task like any other: what stands outside of the runtime costs it a look at its events.
    let task = async move {
        let net = Arc::new(N::new(work.at_once())?);
        let ready = work::prepare(&*net, work).await?;
        let (begun, before) = (Instant::now(), cpu_ns()?);
        let done = work::perform(&net, ready, work).await?;
        let seconds = (begun.elapsed() - done.idle).as_secs_f64();
        let spent = cpu_ns()?.saturating_sub(before);
        Ok(Took {
            rate: done.units / seconds,
            cpu_us: spent as f64 / 1e3 / done.units,
        })
    };
    let runtime = runtime(work)?;
    runtime.block_on(async { tokio::spawn(task).await? })
}

/// Processor time of all threads that live.
fn cpu_ns() -> Outcome<u64> {
    let mut ns = 0;
    for task in fs::read_dir("/proc/self/task")? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        ns += text.split(' ').next().ok_or("a number")?.parse::<u64>()?;
    }
    Ok(ns)
}

/// The one in the middle, if there is any.
fn median(all: impl Iterator<Item = f64>) -> Option<f64> {
    let mut all: Vec<_> = all.collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied()
}
