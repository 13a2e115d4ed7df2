//! Our three shells beside each other. Each run is a process of its own: async-std reads the number
//! of its threads once, and what a process leaves behind is not the next shell's.

use std::{
    env,
    process::{Command, Stdio},
    sync::mpsc,
};

use hydroid_async_std::AsyncStd;
use hydroid_tokio::Tokio;

use super::{
    Outcome, Took, cell, figures, net::Net, of_hydroid::Hydroid, of_mio, once, under_tokio,
    work::Work,
};

/// The first is what the others are measured by.
const SHELLS: [&str; 3] = ["tokio", "mio", "async-std"];

/// Prints a row for each work; as JSON one for each shell.
pub(super) fn rows(works: &[Work], rounds: usize, json: bool) -> Outcome<()> {
    if !json {
        println!(
            "| work | tokio | us | mio | ratio | us | ratio | async-std | ratio | us | ratio |"
        );
        println!("|---|---|---|---|---|---|---|---|---|---|---|");
    }
    for work in works {
        let mut took = SHELLS.map(|_| Vec::new());
        for _round in 0..rounds {
            for (shell, took) in SHELLS.iter().zip(&mut took) {
                took.push(parent(shell, *work)?);
            }
        }
        row(*work, &took, json);
    }
    Ok(())
}

fn row(work: Work, took: &[Vec<Took>; 3], json: bool) {
    let [tokio, others @ ..] = took;
    if json {
        for (shell, took) in SHELLS.iter().zip(took) {
            let [rate, rate_tokio, ratio] = figures(took, tokio, |it| it.rate);
            let [cpu, cpu_tokio, cpu_ratio] = figures(took, tokio, |it| it.cpu_us);
            let row = serde_json::json!({
                "work": work.name(), "unit": work.unit(), "shell": shell, "ours": rate,
                "peer": rate_tokio, "ratio": ratio, "cpu_us_ours": cpu,
                "cpu_us_peer": cpu_tokio, "cpu_ratio": cpu_ratio, "rounds": took.len(),
            });
            println!("{row}");
        }
        return;
    }
    let [rate, ..] = figures(tokio, &[], |it| it.rate);
    let [cpu, ..] = figures(tokio, &[], |it| it.cpu_us);
    let (name, unit) = (work.name(), work.unit());
    print!(
        "| {name}, {unit}/s | {} | {} |",
        cell(rate, 0),
        cell(cpu, 2)
    );
    for took in others {
        let [rate, _, ratio] = figures(took, tokio, |it| it.rate);
        let [cpu, _, cpu_ratio] = figures(took, tokio, |it| it.cpu_us);
        let (rate, ratio) = (cell(rate, 0), cell(ratio, 2));
        let (cpu, cpu_ratio) = (cell(cpu, 2), cell(cpu_ratio, 2));
        print!(" {rate} | {ratio} | {cpu} | {cpu_ratio} |");
    }
    println!();
}

/// Has a child do a work once.
fn parent(shell: &str, work: Work) -> Outcome<Took> {
    let child = Command::new(env::current_exe()?)
        .args(["--by", shell, "--only", work.name()])
        .env("ASYNC_STD_THREAD_COUNT", work.threads().to_string())
        .stderr(Stdio::inherit())
        .output()?;
    let said = String::from_utf8(child.stdout)?;
    let figures: Vec<f64> = said
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    match (child.status.success(), &figures[..]) {
        (true, &[rate, cpu_us]) => Ok(Took { rate, cpu_us }),
        _ => Err(format!("{} by {shell}: {}", work.name(), child.status).into()),
    }
}

/// Does a work once and tells the parent what it took.
pub(super) fn child(shell: &str, work: Work) -> Outcome<()> {
    let took = match shell {
        "tokio" => under_tokio::<Hydroid<Tokio>>(work)?,
        "mio" => of_mio::once(work)?,
        "async-std" => under_async_std::<Hydroid<AsyncStd>>(work)?,
        _ => return Err(format!("no such shell; there are {}", SHELLS.join(", ")).into()),
    };
    println!("{} {}", took.rate, took.cpu_us);
    Ok(())
}

/// In a task like any other; the thread that waits for it has no part in the executor.
fn under_async_std<N: Net>(work: Work) -> Outcome<Took> {
    let (told, took) = mpsc::channel();
    async_std::task::spawn(async move { told.send(once::<N>(work).await) });
    took.recv()?
}
