//! A chat that goes through the `up` of this home, which is its identity and has the switch: it says
//! and hears what is said there, and files that are offered are that one's.

use std::collections::BTreeMap;

use hydroid_core::identity::{PublicKey, SpaceId};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _},
    sync::mpsc,
};

use super::{
    teller::{Command, Teller, Typed},
    voice::{There, Voices},
};
use crate::{
    args,
    chat::{
        TEXT_MAX,
        line::Line,
        log::Log,
        news::{NEWS_MAX, News, Say},
        room::now_ms,
    },
    context::Context,
    control::{self, Ask, Wire},
    exit::{Exit, Failure},
    home::Home,
    input::{self, Input},
    presence::Place,
    spaces::in_home,
    who::shown,
};

/// Lines that are said and not answered, at most.
const UNANSWERED_MOST: u64 = 16;

/// A chat through an `up`, and what that is there.
pub(super) struct Through {
    wire: Wire,
    key: PublicKey,
    name: String,
    ticket: String,
    space: SpaceId,
    space_name: String,
    closed: bool,
}

/// What goes on in it.
struct Talk {
    teller: Teller,
    space: SpaceId,
    /// The lines that were shown.
    log: Log,
    attended: bool,
    stay: bool,
    input: Option<mpsc::Receiver<Input>>,
    unanswered: u64,
    /// It was told that nobody is there yet.
    alone: bool,
}

impl Through {
    /// The `up` of this home, if one runs and is in the space.
    ///
    /// # Errors
    /// [`Failure`] if it does not answer; of usage if something is asked for that is for it to do.
    pub(super) async fn find(
        context: &Context,
        place: &Place,
        args: &args::Chat,
    ) -> Result<Option<Self>, Failure> {
        let Some(home) = Home::open_if_there()? else {
            return Ok(None);
        };
        let ask = Ask::Chat {
            space: place.id().to_string(),
        };
        let begun = control::chat(&home.control(), &ask).await?;
        let Some((told, wire)) = begun.filter(|(told, _)| !told.is_null()) else {
            return Ok(None);
        };
        let through = Self::of(&told, wire, place)?;
        context.check_unrecorded()?;
        if let Some(name) = args.name.as_ref().filter(|name| **name != through.name) {
            return Err(Failure::usage(format!(
                "this goes through the `up` of this home, whose name in {} is {:?}: leave out \
                 --name {name:?}, or end that `up`",
                through.space_name, through.name
            )));
        }
        Ok(Some(through))
    }

    fn of(told: &Value, wire: Wire, place: &Place) -> Result<Self, Failure> {
        let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        let key = text("key").parse();
        Ok(Self {
            wire,
            key: key.map_err(|_other| meaningless())?,
            name: text("name"),
            ticket: text("ticket"),
            space: place.id(),
            space_name: place.name().to_owned(),
            closed: place.admission().is_some(),
        })
    }

    /// Talks until stdin ends and everything is on its way.
    ///
    /// # Errors
    /// As [`super::run`], also if the `up` ends.
    pub(super) async fn run(self, context: &Context, stay: bool) -> Result<(), Failure> {
        let output = context.output;
        let mut known = in_home(output, Home::known).await?;
        known.insert(self.key);
        let there = There::Told {
            closed: self.closed,
            members: BTreeMap::new(),
        };
        let talk = Talk {
            teller: Teller::start(output, Voices::new(there, known)),
            space: self.space,
            log: Log::default(),
            attended: input::is_attended(),
            stay,
            input: Some(input::lines(TEXT_MAX)),
            unanswered: 0,
            alone: false,
        };
        let me = shown(Some(&self.name), &self.key);
        let plain = format!(
            "you are {me} in the space {}, through the `up` of this home, which is asked what \
             becomes of files",
            self.space_name
        );
        let object = json!({
            "event": "begin", "space": self.space_name, "closed": self.closed,
            "name": self.name, "key": self.key.to_string(), "ticket": self.ticket,
            "through": true,
        });
        output.note(&plain, &object);
        talk.run(self.wire).await
    }
}

impl Talk {
    async fn run(mut self, wire: Wire) -> Result<(), Failure> {
        let Wire { reader, mut writer } = wire;
        let mut reader = reader.take(NEWS_MAX);
        let mut told = Vec::new();
        while self.input.is_some() || self.stay || self.unanswered > 0 {
            let may_say = self.unanswered < UNANSWERED_MOST;
            tokio::select! {
                line = next_line(&mut self.input), if self.input.is_some() && may_say => {
                    if let Some(text) = self.on_input(line)? {
                        let mut say = serde_json::to_vec(&Say { text }).expect("it is text");
                        say.push(b'\n');
                        writer.write_all(&say).await.map_err(|_gone| over())?;
                        writer.flush().await.map_err(|_gone| over())?;
                        self.unanswered += 1;
                    }
                }
                // What was read of a line before something else happened stays in `told`.
                read = reader.read_until(b'\n', &mut told) => {
                    let read = read.map_err(|_gone| over())?;
                    if read == 0 || told.last() != Some(&b'\n') {
                        return Err(over());
                    }
                    reader.set_limit(NEWS_MAX);
                    let news = serde_json::from_slice(&told).map_err(|_other| meaningless())?;
                    told.clear();
                    self.on_news(news)?;
                }
                failure = self.teller.broken() => return Err(failure),
            }
            self.teller.remember();
        }
        self.teller.finish().await
    }

    /// The text that is to be said, if there is one.
    fn on_input(&mut self, input: Option<Input>) -> Result<Option<String>, Failure> {
        match input {
            Some(Input::Line(text)) => match Typed::of(text, self.attended) {
                Typed::Say(text) => return Ok(Some(text)),
                Typed::Command(Command::Quit) => (self.input, self.stay) = (None, false),
                Typed::Command(Command::Answer(_)) => {
                    self.teller
                        .tell("files are asked about where the `up` of this home runs");
                }
                Typed::Command(command @ (Command::Who | Command::Help | Command::Unknown)) => {
                    self.teller.help(command);
                }
                Typed::Nothing => {}
            },
            Some(Input::Bad(why)) => self.teller.unsaid(&why),
            Some(Input::Broken(why)) => {
                return Err(Failure::failed(format!("stdin cannot be read: {why}")));
            }
            None => self.input = None,
        }
        Ok(None)
    }

    fn on_news(&mut self, news: News) -> Result<(), Failure> {
        if let Some(change) = news.change() {
            self.teller.change(&change);
            return Ok(());
        }
        match news {
            News::Line { record, past } => {
                let line = Line::of_record(record.as_bytes(), &self.space);
                let line = line.ok_or_else(meaningless)?;
                let is_new = if past {
                    self.log.learn(&line, now_ms())
                } else {
                    self.log.hear(&line, now_ms())
                };
                if is_new {
                    self.teller.line(&line, past);
                }
            }
            News::Gap { key, lines } => {
                let key = key.parse().map_err(|_other| meaningless())?;
                self.teller.gap(&key, lines);
            }
            News::Past { lines, from } => {
                let from = from.parse().map_err(|_other| meaningless())?;
                self.teller.past(lines, &from);
            }
            News::Said { met } => {
                self.unanswered = self.unanswered.saturating_sub(1);
                if !met && !std::mem::replace(&mut self.alone, true) {
                    self.teller
                        .tell("nobody else is here yet; whoever comes is told what was said");
                }
            }
            News::Missed { news } => self.teller.missed(news),
            News::Ended { sentence, code } => {
                return Err(Failure::new(Exit::of_code(code), sentence));
            }
            // Those were changes.
            News::Came { .. } | News::Went { .. } | News::Renamed { .. } => {
                return Err(meaningless());
            }
        }
        Ok(())
    }
}

fn over() -> Failure {
    Failure::unreachable("the `up` of this home has ended, and the chat with it")
}

fn meaningless() -> Failure {
    Failure::failed("the `up` of this home tells something that means nothing here")
}

async fn next_line(input: &mut Option<mpsc::Receiver<Input>>) -> Option<Input> {
    input.as_mut()?.recv().await
}
