//! The hydroid program: what the libraries can do, for somebody at a terminal.

mod addresses;
mod args;
mod chat;
mod commands;
mod company;
mod context;
mod control;
mod dial;
mod exit;
mod figures;
mod files;
mod gathering;
mod hindrance;
mod home;
mod input;
mod node;
mod offers;
mod output;
mod pipe;
mod presence;
mod printer;
mod progress;
mod relay;
mod resident;
mod signals;
mod spaces;
mod taking;
mod tape;
mod transfer;
mod who;

use std::{env, process::ExitCode, time::Duration};

use clap::Parser as _;
use tokio::{runtime::Builder, time::sleep};

use crate::{
    args::{Arguments, Command},
    context::Context,
    exit::{Exit, Failure},
    node::Recording,
    output::Output,
    signals::Signals,
};

/// How long the last lines may take to be printed where the program is to end at once.
const LAST_LINES: Duration = Duration::from_millis(200);

/// How long work that cannot be interrupted may go on when the program ends.
const LAST_WORK: Duration = Duration::from_millis(250);

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    let asked = env::var("HYDROID_LOG").ok();
    let (json, quiet) = (arguments.json, arguments.quiet);
    let exit = arguments
        .check()
        .and_then(|()| Output::new(json, quiet, arguments.verbose, asked.as_deref()))
        .and_then(|output| Ok((output, Builder::new_multi_thread().enable_all().build()?)))
        .map(|(output, runtime)| {
            let exit = runtime.block_on(run(arguments, output));
            runtime.shutdown_timeout(LAST_WORK);
            exit
        });
    let exit = exit.unwrap_or_else(|failure| {
        output::failed(json, failure.exit.code(), &failure.sentence);
        failure.exit
    });
    exit.code().into()
}

async fn run(arguments: Arguments, output: Output) -> Exit {
    let is_up = matches!(arguments.command, Command::Up(_));
    let output = if matches!(arguments.command, Command::Pipe(_)) {
        output.beside_stdout()
    } else {
        output
    };
    let recording = arguments.record.map(|file| Recording {
        file,
        replace: arguments.record_over,
    });
    let context = Context::new(output, arguments.identity, arguments.space, recording);
    let mut signals = match Signals::catch() {
        Ok(signals) => signals,
        Err(error) => {
            let failure = Failure::from(error);
            context.output.end(Some(&failure)).await;
            return failure.exit;
        }
    };
    let (at_once, result) = tokio::select! {
        biased;
        // To be ended is how `up` is done; to every other command it is an interruption.
        () = signals.caught() => (true, if is_up { Ok(()) } else { Err(context.interrupted()) }),
        result = commands::run(&context, arguments.command) => (false, result),
    };
    if is_up {
        context.tell_drops();
    }
    context.stop().await;
    tokio::select! {
        () = context.output.end(result.as_ref().err()) => {}
        () = signals.caught() => {}
        () = sleep(LAST_LINES), if at_once => {}
    }
    result.err().map_or(Exit::Done, |failure| failure.exit)
}

/// Prints what clap found: the help or the version that was asked for, or what is wrong.
fn usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && env::args_os().any(|argument| argument == "--json") {
        let text = error.to_string();
        // What is missing stands in lines of its own below the first.
        let lines = text.lines().take_while(|line| !line.is_empty());
        let sentence = lines.map(str::trim).collect::<Vec<_>>().join(" ");
        let sentence = sentence.strip_prefix("error: ").unwrap_or(&sentence);
        output::failed(true, Exit::Usage.code(), sentence);
    } else {
        let _gone = error.print();
    }
    if error.use_stderr() {
        Exit::Usage.code().into()
    } else {
        Exit::Done.code().into()
    }
}
