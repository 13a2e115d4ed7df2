//! What is printed, and where: data on stdout, prose on stderr; with `--json` one object a line
//! on stdout for everything.

use std::io::Write as _;

use serde_json::Value;

use crate::{
    exit::Failure,
    printer::{self, To},
};

/// How much is told on stderr beyond what was asked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

impl Level {
    /// The level of this name.
    fn named(text: &str) -> Option<Self> {
        match text {
            "error" => Some(Self::Error),
            "warn" => Some(Self::Warn),
            "info" => Some(Self::Info),
            "debug" => Some(Self::Debug),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// The two outputs of the program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// Everything as JSON on stdout.
    pub(crate) json: bool,
    /// No prose and no progress.
    pub(crate) quiet: bool,
    level: Level,
    /// Where that goes which is not prose.
    to: To,
}

impl Output {
    /// What the flags ask for; a `-v` goes before `asked`, the value of `HYDROID_LOG`.
    ///
    /// # Errors
    /// [`Failure`] of usage if `asked` is no level.
    pub(crate) fn new(
        json: bool,
        quiet: bool,
        verbose: u8,
        asked: Option<&str>,
    ) -> Result<Self, Failure> {
        let level = match (verbose, asked) {
            (0, None | Some("")) => Level::Warn,
            (0, Some(name)) => Level::named(name).ok_or_else(|| {
                Failure::usage("HYDROID_LOG is one of error, warn, info and debug")
            })?,
            (1, _) => Level::Info,
            (_, _) => Level::Debug,
        };
        let to = To::Stdout;
        Ok(Self {
            json,
            quiet,
            level,
            to,
        })
    }

    /// The output that tells nothing but failures.
    pub(crate) const fn silent() -> Self {
        Self {
            json: false,
            quiet: true,
            level: Level::Error,
            to: To::Stdout,
        }
    }

    /// The same where stdout belongs to what a peer sends: everything goes to stderr.
    pub(crate) const fn beside_stdout(mut self) -> Self {
        self.to = To::Stderr;
        self
    }

    /// Prints what the command is for: `plain` as a line, or `object`; waits until it is taken.
    ///
    /// # Errors
    /// [`Failure`] if stdout takes nothing.
    pub(crate) async fn data(&self, plain: &str, object: &Value) -> Result<(), Failure> {
        let line = if self.json {
            object.to_string()
        } else {
            plain.into()
        };
        self.block(line).await
    }

    /// Prints lines that are ready, in either form; waits until they are taken.
    ///
    /// # Errors
    /// As [`data`](Self::data).
    pub(crate) async fn block(&self, lines: String) -> Result<(), Failure> {
        let printed = printer::print(self.to, lines).await;
        let name = match self.to {
            To::Stdout => "stdout",
            To::Stderr => "stderr",
        };
        printed.map_err(|error| Failure::failed(format!("{name} takes nothing more: {error}")))
    }

    /// Tells what happened: prose on stderr, or `object` on stdout. A reader who has gone away, or
    /// is far behind, misses it; that is no reason to stop.
    pub(crate) fn note(&self, plain: &str, object: &Value) {
        if self.json {
            printer::offer(self.to, object.to_string());
        } else if !self.quiet {
            printer::offer(To::Stderr, plain.into());
        }
    }

    /// Puts a question to whoever sits at the terminal, whatever the flags.
    pub(crate) fn ask(&self, question: &str) {
        printer::offer(To::Stderr, printable(question));
    }

    /// Tells what has nothing to do with what was asked: on stderr, whatever the flags but `-q`.
    pub(crate) fn aside(&self, plain: &str) {
        if !self.quiet {
            printer::offer(To::Stderr, printable(plain));
        }
    }

    /// Prints everything that is still to be printed, and last why the command ends, if it failed.
    pub(crate) async fn end(&self, failure: Option<&Failure>) {
        let Some(failure) = failure else {
            return printer::drained().await;
        };
        if self.json {
            let line = object_of(failure.exit.code(), &failure.sentence);
            let _gone = printer::print(self.to, line).await;
        }
        if self.json && self.to == To::Stderr {
            // One object a line is what stderr has, and nothing else.
            return;
        }
        let _gone = printer::print(To::Stderr, sentence_of(&failure.sentence)).await;
    }

    /// Prints a line about the program's inner life, if `level` is asked for.
    pub(crate) fn log(&self, level: Level, text: &str) {
        if level <= self.level {
            let line = format!("hydroid {}: {}", level.name(), printable(text));
            printer::offer(To::Stderr, line);
        }
    }
}

/// Prints why the program ends before it has begun: a sentence on stderr, and as JSON on stdout
/// where that is asked.
pub(crate) fn failed(json: bool, code: u8, sentence: &str) {
    if json {
        let _gone = writeln!(std::io::stdout(), "{}", object_of(code, sentence));
    }
    let _gone = writeln!(std::io::stderr(), "{}", sentence_of(sentence));
}

fn object_of(code: u8, sentence: &str) -> String {
    serde_json::json!({ "error": sentence, "code": code }).to_string()
}

fn sentence_of(sentence: &str) -> String {
    format!("hydroid: {}", printable(sentence))
}

/// The text without what would steer a terminal; much of it comes from peers.
pub(crate) fn printable(text: &str) -> String {
    let steers =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .map(|c| if steers(c) { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_takes_its_level_from_flag_before_environment() {
        let level = |verbose, asked| Output::new(false, false, verbose, asked).map(|o| o.level);
        assert_eq!(level(0, None), Ok(Level::Warn));
        assert_eq!(level(0, Some("debug")), Ok(Level::Debug));
        assert_eq!(level(1, Some("error")), Ok(Level::Info));
        assert_eq!(level(2, None), Ok(Level::Debug));
        assert!(level(0, Some("loud")).is_err());
    }

    #[test]
    fn output_steers_no_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\nc"), "a\u{fffd}[2Jb\u{fffd}c");
        assert_eq!(printable("täst"), "täst");
    }
}
