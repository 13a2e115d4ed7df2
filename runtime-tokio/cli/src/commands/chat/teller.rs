//! Telling what goes on in a chat, whether its switch is ours or that of the `up` it goes through.

use std::time::Duration;

use hydroid_core::identity::PublicKey;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::voice::{Voice, Voices};
use crate::{
    chat::line::Line, company::Change, exit::Failure, output::Output, spaces::in_home, who::shown,
};

/// Members who come so soon were there before us.
const BEGINNING: Duration = Duration::from_secs(2);

/// What is typed at a terminal that is no line to be said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Command {
    Who,
    /// Yes or no to what is offered.
    Answer(bool),
    Quit,
    Help,
    Unknown,
}

/// What is typed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Typed {
    Say(String),
    Command(Command),
    Nothing,
}

impl Typed {
    /// Commands are for those who sit at a terminal.
    pub(super) fn of(text: String, attended: bool) -> Self {
        match text.strip_prefix('/').filter(|_| attended) {
            None if text.is_empty() => Self::Nothing,
            None => Self::Say(text),
            Some(rest) if rest.starts_with('/') => Self::Say(rest.into()),
            Some(rest) => Self::Command(match rest.trim_end() {
                "who" => Command::Who,
                "accept" => Command::Answer(true),
                "refuse" => Command::Answer(false),
                "quit" => Command::Quit,
                "help" => Command::Help,
                _ => Command::Unknown,
            }),
        }
    }
}

/// What tells.
pub(super) struct Teller {
    output: Output,
    pub(super) voices: Voices,
    voice: Voice,
    is_broken: bool,
    pub(super) began: Instant,
}

impl Teller {
    pub(super) fn start(output: Output, voices: Voices) -> Self {
        Self {
            output,
            voices,
            voice: Voice::start(output),
            is_broken: false,
            began: Instant::now(),
        }
    }

    /// Tells whoever typed something what comes of it.
    pub(super) fn tell(&self, text: &str) {
        self.output
            .note(text, &json!({ "event": "told", "text": text }));
    }

    /// Answers a command that is for nobody but the one who typed it.
    pub(super) fn help(&self, command: Command) {
        match command {
            Command::Who => match &self.voices.everybody()[..] {
                [] => self.tell("nobody else is here"),
                all => self.tell(&format!("here: {}", all.join(", "))),
            },
            Command::Help => self.tell(
                "/who is here; /accept or /refuse what is offered; /quit; // begins a line with \
                 one /",
            ),
            Command::Answer(_) => self.tell("nothing is offered"),
            Command::Quit => {}
            Command::Unknown => self.tell(
                "there is no such command: /help tells which there are, // begins a line with one /",
            ),
        }
    }

    /// Tells why a line of stdin was not said.
    pub(super) fn unsaid(&self, why: &str) {
        let object = json!({ "event": "unsaid", "text": why });
        self.output.note(why, &object);
    }

    /// Tells what somebody has said.
    pub(super) fn line(&mut self, line: &Line, past: bool) {
        let (plain, object) = self.voices.line(line, past);
        if let Some(missed) = self.voice.print(plain, object) {
            self.missed("lines", missed);
        }
    }

    /// Tells that so many of these are not shown.
    pub(super) fn missed(&self, what: &str, count: u64) {
        let text = format!("{count} {what} are not shown: nobody read what was printed");
        let object = json!({ "event": "missed", "lines": count, "text": text });
        self.output.note(&text, &object);
    }

    /// Tells that lines of somebody will not come.
    pub(super) fn gap(&self, key: &PublicKey, lines: u64) {
        let who = shown(None, key);
        let plain = format!("{lines} lines of {who} are lost");
        let object = json!({
            "event": "gap", "key": key.to_string(), "lines": lines, "text": plain,
        });
        self.output.note(&plain, &object);
    }

    /// Tells that so many lines from before come next, and from whom.
    pub(super) fn past(&self, lines: usize, from: &PublicKey) {
        let text = match lines {
            1 => "one line from before:".into(),
            many => format!("{many} lines from before:"),
        };
        let object = json!({ "event": "past", "lines": lines, "from": from.to_string() });
        self.output.note(&text, &object);
    }

    /// Tells who came or went.
    pub(super) fn change(&mut self, change: &Change) {
        let (plain, object) = self.told(change);
        self.output.note(&plain, &object);
    }

    fn told(&mut self, change: &Change) -> (String, Value) {
        let (event, key, name, plain) = match change {
            Change::Came(member) => {
                let name = member.name.clone().unwrap_or_default();
                let who = self.voices.meet(&member.key, &name);
                let early = self.began.elapsed() < BEGINNING;
                let words = if early { "is here" } else { "came" };
                ("came", member.key, name, format!("{who} {words}"))
            }
            Change::Went(key, name) => {
                let who = self.voices.label(key, name);
                ("went", *key, name.clone(), format!("{who} went"))
            }
            Change::Renamed(member, before) => {
                let name = member.name.clone().unwrap_or_default();
                let (was, is) = (
                    self.voices.label(&member.key, before),
                    self.voices.label(&member.key, &name),
                );
                ("renamed", member.key, name, format!("{was} is {is} now"))
            }
        };
        let object = json!({
            "event": event, "key": key.to_string(), "name": name, "text": plain,
            "stranger": self.voices.is_stranger(&key),
        });
        (plain, object)
    }

    /// Remembers those who were met.
    pub(super) fn remember(&mut self) {
        let fresh = self.voices.fresh();
        if fresh.is_empty() {
            return;
        }
        let output = self.output;
        tokio::spawn(async move {
            if let Err(failure) = in_home(output, move |home| home.remember(&fresh)).await {
                let text = format!("whom you met is not remembered: {failure}");
                output.note(&text, &json!({ "event": "unkept", "text": text }));
            }
        });
    }

    /// As [`Voice::broken`].
    pub(super) async fn broken(&mut self) -> Failure {
        let failure = self.voice.broken().await;
        self.is_broken = true;
        failure
    }

    /// As [`Voice::finish`], unless it is known that nothing can be printed.
    ///
    /// # Errors
    /// As [`Voice::finish`].
    pub(super) async fn finish(self) -> Result<(), Failure> {
        if self.is_broken {
            return Ok(());
        }
        self.voice.finish().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chat_commands_are_those_of_a_terminal() {
        let say = |text: &str| Typed::Say(text.into());
        for (text, attended, typed) in [
            ("", true, Typed::Nothing),
            ("", false, Typed::Nothing),
            ("hi", true, say("hi")),
            ("/who ", true, Typed::Command(Command::Who)),
            ("/who", false, say("/who")),
            ("//who", true, say("/who")),
            ("//who", false, say("//who")),
            ("/accept", true, Typed::Command(Command::Answer(true))),
            ("/refuse", true, Typed::Command(Command::Answer(false))),
            ("/", true, Typed::Command(Command::Unknown)),
        ] {
            assert_eq!(Typed::of(text.into(), attended), typed, "{text}");
        }
    }
}
