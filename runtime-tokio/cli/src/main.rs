//! The hydroid program: what the libraries can do, for somebody at a terminal.

mod addresses;
mod args;
mod commands;
mod context;
mod exit;
mod figures;
mod files;
mod home;
mod node;
mod output;
mod progress;
mod signals;
mod transfer;

use std::{env, process::ExitCode, time::Duration};

use clap::Parser as _;
use tokio::runtime::Builder;

use crate::{
    args::{Arguments, Command},
    context::Context,
    exit::{Exit, Failure},
    output::Output,
    signals::Signals,
};

/// How long work that cannot be interrupted may go on when the program ends.
const LAST_WORK: Duration = Duration::from_millis(250);

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    let asked = env::var("HYDROID_LOG").ok();
    let (json, quiet) = (arguments.json, arguments.quiet);
    let exit = Output::new(json, quiet, arguments.verbose, asked.as_deref())
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
    let context = Context::new(output, arguments.identity);
    // To be ended is how `up` is done; to every other command it is an interruption.
    let interrupted = if matches!(arguments.command, Command::Up(_)) {
        Ok(())
    } else {
        Err(Failure::interrupted())
    };
    let result = match Signals::catch() {
        Ok(mut signals) => {
            tokio::select! {
                biased;
                () = signals.caught() => interrupted,
                result = commands::run(&context, arguments.command) => result,
            }
        }
        Err(error) => Err(Failure::from(error)),
    };
    let exit = match result {
        Ok(()) => Exit::Done,
        Err(failure) => {
            context.output.failure(&failure);
            failure.exit
        }
    };
    context.stop().await;
    exit
}

/// Prints what clap found: the help or the version that was asked for, or what is wrong.
fn usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && env::args_os().any(|argument| argument == "--json") {
        let text = error.to_string();
        let sentence = text.lines().next().unwrap_or_default();
        let sentence = sentence.strip_prefix("error: ").unwrap_or(sentence);
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
