//! `hydroid replay`: does again what a tape says, and sees whether it comes to the same. It asks
//! neither the home nor the network.

use std::path::Path;

use hydroid_core::tape::{End, Unread, Unreadable};
use serde_json::{Value, json};
use tokio::{sync::mpsc, task::spawn_blocking};

use crate::{
    args,
    context::Context,
    exit::{Exit, Failure},
    figures,
    output::{Output, printable},
    tape::{self, Differs, Ended, Lines, Stopped, Verdict, Work},
};

/// Blocks of lines that may wait to be printed.
const BLOCKS: usize = 4;

/// Replays a tape, or shows it.
///
/// # Errors
/// [`Failure`] of usage if it cannot be read, and a plain one if the replay differs.
pub(crate) async fn run(context: &Context, args: args::Replay) -> Result<(), Failure> {
    let output = context.output;
    let (sender, mut blocks) = mpsc::channel(BLOCKS);
    let work = match (&args.redact, args.text, args.loose) {
        (Some(out), _, _) => Work::Redact(out.clone()),
        (None, true, _) => Work::Text,
        (None, false, true) => Work::Loose,
        (None, false, false) => Work::Strict,
    };
    let lines = Lines::new(sender, output.json);
    let (file, until_us, explain) = (args.file.clone(), args.until, args.explain);
    let done = spawn_blocking(move || tape::work(&file, &work, until_us, explain, lines));
    while let Some(block) = blocks.recv().await {
        output.block(block).await?;
    }
    let done = done.await;
    match done.map_err(|error| Failure::failed(error.to_string()))? {
        Ok(Some(verdict)) => tell(output, &verdict).await,
        Ok(None) => Ok(()),
        Err(stopped) => Err(stop(output, &args.file, *stopped).await?),
    }
}

/// What an undisturbed replay came to.
async fn tell(output: Output, verdict: &Verdict) -> Result<(), Failure> {
    let at = figures::moment(verdict.at_us);
    let (word, end) = match verdict.ended {
        Ended::By(End::Closed) => ("closed", "where the switch was shut down".into()),
        Ended::By(End::Behind) => (
            "behind",
            "where the tape ends early, since more happened than could be written in time".into(),
        ),
        Ended::By(End::Full) => (
            "full",
            "where the tape ends early, since there was no room for more".into(),
        ),
        Ended::Cut { left: 0 } => ("cut", "where the tape was cut off".into()),
        Ended::Cut { left } => (
            "cut",
            format!("where the tape was cut off, {left} B into the next record"),
        ),
        Ended::Until => ("until", "which is as far as was asked".into()),
    };
    let how = match verdict.work {
        Work::Strict => "identical",
        Work::Loose => "sound",
        Work::Redact(_) => "redacted",
        Work::Text => "explained, but not replayed, since it is redacted",
    };
    let plain = format!(
        "{how}: {} records in {} up to {at}, {end}",
        verdict.records,
        figures::seconds(verdict.took),
    );
    let object = json!({
        "event": "replayed", "identical": matches!(verdict.work, Work::Strict).then_some(true),
        "how": how, "records": verdict.records, "at_us": verdict.at_us, "end": word,
        "seconds": verdict.took.as_secs_f64(),
    });
    output.data(&plain, &object).await
}

/// Tells why it stopped, and how the command ends by that.
async fn stop(output: Output, file: &Path, stopped: Stopped) -> Result<Failure, Failure> {
    let name = file.display();
    Ok(match stopped {
        Stopped::Differs(differs) => {
            let (plain, object) = (around(&differs), object_of(&differs));
            output.data(&plain, &object).await?;
            let at = figures::moment(differs.at_us);
            Failure::failed(format!(
                "{name} differs from its replay at record {}, {at}",
                differs.record
            ))
        }
        Stopped::Unreadable(unreadable) => Failure::usage(reason(&name.to_string(), &unreadable)),
        Stopped::Empty => Failure::usage(format!("{name} is no tape: it has no whole record")),
        Stopped::File(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Failure::new(Exit::NotFound, format!("there is no {name}"))
        }
        Stopped::File(error) => Failure::usage(format!("{name} is no file to read: {error}")),
        Stopped::There(out) => Failure::refused(format!("{} is there already", out.display())),
        Stopped::Out(error) => Failure::failed(format!("what is redacted cannot be kept: {error}")),
        Stopped::Unheard => Failure::failed("nobody reads what is printed"),
    })
}

/// The first difference, and the lines around it.
fn around(differs: &Differs) -> String {
    let mut text = format!(
        "differs at record {}, {}\n",
        differs.record,
        figures::moment(differs.at_us)
    );
    if differs.altered {
        text += "the tape was changed after it was recorded: this record or one before it\n";
    }
    for line in &differs.before {
        text += &format!("  before    {line}\n");
    }
    text += &format!("  expected  {}\n", differs.expected);
    text += &format!("  got       {}", differs.got);
    for line in &differs.after {
        text += &format!("\n  after     {line}");
    }
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

fn object_of(differs: &Differs) -> Value {
    json!({
        "event": "replayed", "identical": false, "record": differs.record,
        "at_us": differs.at_us, "expected": differs.expected, "got": differs.got,
        "altered": differs.altered, "before": differs.before, "after": differs.after,
    })
}

/// Why a tape cannot be replayed, and what to do about it.
fn reason(name: &str, unreadable: &Unreadable) -> String {
    let n = unreadable.n;
    let why = &unreadable.why;
    if *why == Unread::Redacted {
        return format!(
            "{name} is redacted, and has not what a replay needs: --explain and --text show it"
        );
    }
    if let Unread::Version(version) = why {
        return format!(
            "{name} is a tape of version {version}, which this program does not know: replay it \
             with the one that recorded it"
        );
    }
    if let Unread::Scheme(scheme) = why {
        let scheme = scheme.escape_debug();
        return format!(
            "{name} was recorded under the cryptography `{scheme}`, of simulated worlds: replay it \
             in the test that made it"
        );
    }
    if n == 0 {
        return format!("{name} is no tape: {why}");
    }
    format!("{name} cannot be read beyond record {n}: {why}; what is before replays with --until")
}
