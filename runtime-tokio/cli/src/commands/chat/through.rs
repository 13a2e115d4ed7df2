//! A chat that goes through the `up` of this home, which is its identity and has the switch: it says
//! and hears what is said there, and files that are offered are that one's.

use std::{collections::BTreeMap, io, time::Duration};

use hydroid_core::identity::{PublicKey, SpaceId};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::{
    teller::{Command, Teller, Typed},
    voice::{There, Voices},
};
use crate::{
    args::{self, MAX_BYTES},
    chat::{
        TEXT_MAX,
        line::Line,
        log::Log,
        news::{NEWS_MAX, News, Say},
        room::now_ms,
    },
    company::Change,
    context::{Context, coming::manner},
    control::{self, Ask, Wire},
    exit::{Exit, Failure},
    home::Home,
    input::{self, Input},
    offers::Accept,
    presence::Place,
    spaces::in_home,
    who::shown,
};

/// Lines that are said and not answered, at most.
const UNANSWERED_MOST: usize = 16;

/// What was said before is shown once stdin was open and silent for so long.
const QUIET: Duration = Duration::from_millis(400);

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
    shows: Shows,
    attended: bool,
    stay: bool,
    input: Option<mpsc::Receiver<Input>>,
    unanswered: usize,
    said: u64,
    /// Somebody was there to hear it.
    met: bool,
    /// It was told that nobody is.
    alone: bool,
    /// Why that may be so.
    out: Option<String>,
    /// Those who are there, as far as that was told.
    there: BTreeMap<PublicKey, String>,
}

/// What is shown of what others said.
enum Shows {
    /// All of it.
    All,
    /// Whoever only says something and goes has no use for what was said before; whether that is so
    /// shows once stdin had its time.
    Later(Vec<News>),
    /// What is said now.
    Live,
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
        let _are_tickets = manner(&args.being, None)?;
        let idle = idle(args).join(" and ");
        if !idle.is_empty() {
            let text = format!(
                "this goes through the `up` of this home: {idle} would be for that one, here \
                 it is of no use"
            );
            let object = json!({ "event": "unused", "text": text });
            context.output.note(&text, &object);
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
        let attended = input::is_attended();
        let talk = Talk {
            teller: Teller::start(output, Voices::new(there, known)),
            space: self.space,
            log: Log::default(),
            shows: if attended || stay {
                Shows::All
            } else {
                Shows::Later(Vec::new())
            },
            attended,
            stay,
            input: Some(input::lines(TEXT_MAX)),
            unanswered: 0,
            said: 0,
            met: false,
            alone: false,
            out: None,
            there: BTreeMap::new(),
        };
        let me = shown(Some(&self.name), &self.key);
        let plain = format!(
            "you are {me} in the space {}, through the `up` of this home, which is asked about files: {}{}",
            self.space_name,
            super::who_may(self.closed),
            super::help(attended),
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
        let Wire { reader, writer } = wire;
        // By itself: whoever does not read while it writes may wait for one who does the same.
        let (says, to_say) = mpsc::channel(UNANSWERED_MOST);
        let writing = tokio::spawn(write(writer, to_say));
        let done = self.follow(reader, says).await;
        writing.abort();
        let printed = self.teller.finish().await;
        done.and(printed)?;
        match self.out {
            Some(why) if self.said > 0 && !self.met => Err(Failure::refused(format!(
                "nobody heard what was said: {why}"
            ))),
            Some(_) | None => Ok(()),
        }
    }

    async fn follow(
        &mut self,
        reader: impl AsyncBufRead + Unpin,
        says: mpsc::Sender<Say>,
    ) -> Result<(), Failure> {
        let mut reader = reader.take(NEWS_MAX);
        let mut told = Vec::new();
        let mut shows_at = self.teller.began + QUIET;
        while self.input.is_some() || self.stay || self.unanswered > 0 {
            let may_say = self.unanswered < UNANSWERED_MOST;
            tokio::select! {
                line = next_line(&mut self.input), if self.input.is_some() && may_say => {
                    shows_at = Instant::now() + QUIET;
                    if let Some(text) = self.on_input(line)? {
                        (self.unanswered, self.said) = (self.unanswered + 1, self.said + 1);
                        // Where it cannot be written any more, it is read why.
                        let _over = says.try_send(Say { text });
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
                () = sleep_until(shows_at), if may_say && matches!(self.shows, Shows::Later(_)) => {
                    self.show(Shows::All)?;
                }
            }
            self.teller.remember();
        }
        Ok(())
    }

    /// From now on so much is shown, and what was kept of it.
    fn show(&mut self, shows: Shows) -> Result<(), Failure> {
        if let Shows::Later(kept) = std::mem::replace(&mut self.shows, shows) {
            for news in kept {
                self.on_news(news)?;
            }
        }
        Ok(())
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
                Typed::Command(Command::Help) => self.teller.tell(
                    "/who is here; /quit; // begins a line with one /; files are asked about where \
                     the `up` of this home runs",
                ),
                Typed::Command(command @ (Command::Who | Command::Unknown)) => {
                    self.teller.help(command);
                }
                Typed::Nothing => {}
            },
            Some(Input::Bad(why)) => self.teller.unsaid(&why),
            Some(Input::Broken(why)) => {
                return Err(Failure::failed(format!("stdin cannot be read: {why}")));
            }
            None => {
                self.input = None;
                if !self.attended && !self.stay && matches!(self.shows, Shows::Later(_)) {
                    self.show(Shows::Live)?;
                }
            }
        }
        Ok(None)
    }

    fn on_news(&mut self, news: News) -> Result<(), Failure> {
        let key = |text: &str| text.parse().map_err(|_other| meaningless());
        match news {
            News::Line { .. } | News::Past { .. } | News::Gap { .. } => self.on_said(news)?,
            News::Said { record, met } => {
                self.unanswered = self.unanswered.saturating_sub(1);
                // Nobody is told what it said itself.
                let line = self.line(&record)?;
                let _new = self.log.hear(&line, now_ms());
                self.met |= met;
                let was_alone = std::mem::replace(&mut self.alone, !met);
                if !met && !was_alone {
                    self.teller
                        .tell("nobody else is here now; whoever comes is told what was said");
                }
            }
            News::Missed { news } => self.teller.missed("lines and other news", news),
            News::Is { key: text, name } => {
                let change = self.teller.voices.is(key(&text)?, &name);
                self.tell(change);
            }
            News::Went { key: text } => {
                let change = self.teller.voices.went(&key(&text)?);
                self.tell(change);
            }
            News::There { members, more } => {
                for (text, name) in members {
                    self.there.insert(key(&text)?, name);
                }
                if !more {
                    let there = std::mem::take(&mut self.there);
                    let changes = self.teller.voices.only(&there);
                    self.tell(changes);
                }
            }
            News::Out { text } => {
                self.alone = true;
                self.teller.tell(&text);
                self.out = Some(text);
            }
            News::Ended { sentence, code } => {
                return Err(Failure::new(Exit::of_code(code), sentence));
            }
        }
        Ok(())
    }

    fn tell(&mut self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            self.teller.change(&change);
        }
    }

    /// Shows what somebody said, or keeps it for later.
    fn on_said(&mut self, news: News) -> Result<(), Failure> {
        match (&mut self.shows, news) {
            (Shows::Later(kept), news) => kept.push(news),
            (Shows::Live, News::Past { .. } | News::Line { past: true, .. }) => {}
            (Shows::All, News::Past { lines, from }) => {
                let from = from.parse().map_err(|_other| meaningless())?;
                self.teller.past(lines, &from);
            }
            (_, News::Gap { key, lines }) => {
                let key = key.parse().map_err(|_other| meaningless())?;
                self.teller.gap(&key, lines);
            }
            (_, News::Line { record, past }) => {
                let line = self.line(&record)?;
                let is_new = if past {
                    self.log.learn(&line, now_ms())
                } else {
                    self.log.hear(&line, now_ms())
                };
                if is_new {
                    self.teller.line(&line, past);
                }
            }
            (_, _other) => return Err(meaningless()),
        }
        Ok(())
    }

    fn line(&self, record: &str) -> Result<Line, Failure> {
        Line::of_record(record.as_bytes(), &self.space).ok_or_else(meaningless)
    }
}

async fn write(
    mut writer: impl AsyncWrite + Unpin,
    mut says: mpsc::Receiver<Say>,
) -> io::Result<()> {
    while let Some(say) = says.recv().await {
        let mut line = serde_json::to_vec(&say).expect("it is text");
        line.push(b'\n');
        writer.write_all(&line).await?;
        writer.flush().await?;
    }
    Ok(())
}

/// The options that say how a switch is to be.
fn idle(args: &args::Chat) -> Vec<&'static str> {
    let being = &args.being;
    let given = [
        ("--peer", !being.peer.is_empty()),
        ("--listen", being.listen.is_some()),
        ("--no-lan", being.no_lan),
        ("--interface", !being.interface.is_empty()),
        ("--into", args.taking.into.is_some()),
        ("--accept", args.taking.accept != Accept::Ask),
        ("--max-bytes", args.taking.max_bytes != MAX_BYTES),
    ];
    let given = given.into_iter().filter(|(_, is_given)| *is_given);
    given.map(|(name, _)| name).collect()
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
