//! Ours beside quinn, over loopback, both ends in one process under the same runtime:
//! `cargo bench -p hydroid-tests --bench peers [-- --only WORK] [--json] [--rounds N]`.
//!
//! The two do each work in turn, round after round, so that a machine that has other things to do
//! slows both; a ratio is the median of the rounds' own ratios. Processor time is that of the
//! whole process, both ends with all of their threads, as the system counts it. quinn seals with
//! AES-128-GCM by ring and asks its clients for a certificate, since every line of ours knows both
//! ends.

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
    let json = arguments.iter().any(|it| it == "--json");
    let only = of("--only");
    let chosen = |work: &&Work| only.is_none_or(|only| only == work.name());
    let all: Vec<_> = Work::ALL.iter().filter(chosen).collect();
    let counts = only.is_none_or(|only| only == memory::NAME);
    if all.is_empty() && !counts {
        let names = Work::ALL.map(Work::name).join(", ");
        let names = format!("{names}, {}", memory::NAME);
        return Err(format!("no such work; there are {names}").into());
    }
    if !json {
        println!("| work | ours | quinn | limit | ratio | us ours | us quinn | ratio |");
        println!("|---|---|---|---|---|---|---|---|");
    }
    for work in all {
        row(*work, rounds.max(1), json)?;
    }
    if counts {
        memory::row(json)?;
    }
    Ok(())
}

/// Does a work so many times by ours and by quinn, in turn, and tells what came of it.
fn row(work: Work, rounds: usize, json: bool) -> Outcome<()> {
    let (mut ours, mut peer, mut limit) = (Vec::new(), Vec::new(), Vec::new());
    for _round in 0..rounds {
        ours.push(once::<Hydroid>(work)?);
        if std::env::var("ALONE").is_ok() {
            peer.push(ours[ours.len() - 1]);
            continue;
        }
        peer.push(once::<Quinn>(work)?);
        limit.extend(raw::limit(work, &runtime(work)?)?);
    }
    let rate = |all: &[Took]| median(all.iter().map(|it| it.rate));
    let cpu_us = |all: &[Took]| median(all.iter().map(|it| it.cpu_us));
    let paired = |of: fn(&Took) -> f64| median(ours.iter().zip(&peer).map(|(a, b)| of(a) / of(b)));
    let (rates, cpus) = ([rate(&ours), rate(&peer)], [cpu_us(&ours), cpu_us(&peer)]);
    let most = (!limit.is_empty()).then(|| median(limit.into_iter()));
    let (ratio, cpu_ratio) = (paired(|it| it.rate), paired(|it| it.cpu_us));
    if json {
        let row = serde_json::json!({
            "work": work.name(), "unit": work.unit(), "ours": rates[0], "peer": rates[1],
            "limit": most, "ratio": ratio, "cpu_us_ours": cpus[0], "cpu_us_peer": cpus[1],
            "cpu_ratio": cpu_ratio, "rounds": rounds,
        });
        println!("{row}");
    } else {
        let most = most.map_or_else(String::new, |most| format!("{most:.0}"));
        println!(
            "| {}, {}/s | {:.0} | {:.0} | {most} | {ratio:.2} | {:.2} | {:.2} | {cpu_ratio:.2} |",
            work.name(),
            work.unit(),
            rates[0],
            rates[1],
            cpus[0],
            cpus[1],
        );
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

/// The one in the middle.
fn median(all: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<_> = all.collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
