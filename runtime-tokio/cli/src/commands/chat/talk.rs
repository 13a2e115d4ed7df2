//! A chat while it lasts: one loop that hears, says, and follows who is there.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use hydroid_core::identity::PublicKey;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::teller::{Command, Teller, Typed};
use crate::{
    chat::{
        TEXT_MAX,
        line::Line,
        room::{Heard, Room, Said},
    },
    company::Company,
    exit::{Exit, Failure},
    gathering::Gathering,
    input::{self, Input},
    node::{self, Stream},
    offers::Offers,
    output::Output,
    presence::LOOK,
    transfer::heads::{Request, Why},
    who::shown,
};

/// What is said at the beginning waits for others to be found, until their number was the same for
/// so long.
const QUIET: Duration = Duration::from_millis(400);

/// Lines that wait for others to be found.
const HELD_MOST: usize = 64;

/// Streams of others that are served at once.
const SERVED_MOST: usize = 64;

/// What somebody told of what was said before, or that it told nothing.
type Past = (PublicKey, Result<Vec<Line>, Failure>);

/// A chat.
pub(super) struct Talk {
    output: Output,
    gathering: Gathering,
    offers: Arc<Offers>,
    teller: Teller,
    /// Until when what is typed waits for others; none once it goes out at once.
    holds: Option<Instant>,
    /// Lines of ours that are not on their way yet.
    unsaid: VecDeque<Line>,
    said: u64,
    /// Somebody else was there.
    met: bool,
    /// The next line of stdin; none once it has ended.
    input: Option<mpsc::Receiver<Input>>,
    attended: bool,
    stay: bool,
    past: (mpsc::UnboundedSender<Past>, mpsc::UnboundedReceiver<Past>),
    served: Arc<tokio::sync::Semaphore>,
}

impl Talk {
    pub(super) fn new(
        output: Output,
        room: Arc<Room>,
        offers: Arc<Offers>,
        teller: Teller,
    ) -> Self {
        Self {
            output,
            gathering: Gathering::new(room, Company::default()),
            offers,
            holds: Some(teller.began + LOOK),
            teller,
            unsaid: VecDeque::new(),
            said: 0,
            met: false,
            input: None,
            attended: false,
            stay: false,
            past: mpsc::unbounded_channel(),
            served: Arc::new(tokio::sync::Semaphore::new(SERVED_MOST)),
        }
    }

    /// Talks until stdin ends and everything is delivered.
    ///
    /// # Errors
    /// As [`super::run`].
    pub(super) async fn run(mut self, attended: bool, stay: bool) -> Result<(), Failure> {
        (self.attended, self.stay) = (attended, stay);
        self.input = Some(input::lines(TEXT_MAX));
        let room = Arc::clone(self.gathering.room());
        let node = room.presence().node();
        let began = self.teller.began;
        while !self.is_over() {
            let due = self.due();
            let may_say =
                self.unsaid.is_empty() || (self.holds.is_some() && self.unsaid.len() < HELD_MOST);
            tokio::select! {
                line = next_line(&mut self.input), if self.input.is_some() && may_say => {
                    self.on_input(line)?;
                }
                there = node.space_news() => if !there {
                    return Err(Failure::failed("the switch has ended"));
                },
                // The node takes note of them.
                Some(_line) = node.line_event() => {}
                stream = node.accept() => {
                    let stream = stream.ok_or_else(|| Failure::failed("the switch has ended"))?;
                    // Whoever asks what was said is told what we were told, too.
                    self.hear();
                    self.serve(stream);
                }
                Some((key, told)) = self.past.1.recv() => self.on_past(&key, told),
                failure = self.teller.broken() => return Err(failure),
                () = sleep_until(due.unwrap_or(began)), if due.is_some() => {}
            }
            self.follow();
            self.hear();
            self.say()?;
        }
        self.end().await
    }

    /// True once there is nothing more to be said.
    fn is_over(&self) -> bool {
        self.input.is_none() && !self.stay && self.unsaid.is_empty()
    }

    fn due(&self) -> Option<Instant> {
        [self.holds, self.gathering.due()]
            .into_iter()
            .flatten()
            .min()
    }

    async fn end(self) -> Result<(), Failure> {
        self.teller.finish().await?;
        let space = self.gathering.room().presence().space();
        if self.said > 0 && !self.met {
            return Err(Failure::new(
                Exit::NotFound,
                format!(
                    "nobody else was found in the space {space}, and nobody heard what was said"
                ),
            ));
        }
        Ok(())
    }

    fn on_input(&mut self, input: Option<Input>) -> Result<(), Failure> {
        match input {
            Some(Input::Line(text)) => match Typed::of(text, self.attended) {
                Typed::Say(text) => self.compose(&text)?,
                Typed::Command(command) => self.command(command),
                Typed::Nothing => {}
            },
            Some(Input::Bad(why)) => self.teller.unsaid(&why),
            Some(Input::Broken(why)) => {
                return Err(Failure::failed(format!("stdin cannot be read: {why}")));
            }
            None => self.input = None,
        }
        Ok(())
    }

    fn compose(&mut self, text: &str) -> Result<(), Failure> {
        let line = self.gathering.room().compose(text)?;
        self.unsaid.push_back(line);
        Ok(())
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Answer(yes) if self.offers.answer(yes) => {}
            Command::Quit => (self.input, self.stay) = (None, false),
            Command::Who | Command::Answer(_) | Command::Help | Command::Unknown => {
                self.teller.help(command);
            }
        }
    }

    /// Says what waits, once there is somebody to hear it.
    fn say(&mut self) -> Result<(), Failure> {
        if let Some(until) = self.holds {
            if Instant::now() < until {
                return Ok(());
            }
            // From now on whoever comes later is told what was said before.
            self.holds = None;
        }
        while let Some(line) = self.unsaid.front() {
            match self.gathering.room().say(line)? {
                Said::Sent => {
                    self.said += 1;
                    self.unsaid.pop_front();
                }
                Said::Blocked => break,
            }
        }
        Ok(())
    }

    /// Prints what others have said.
    fn hear(&mut self) {
        while let Some(heard) = self.gathering.room().hear() {
            match heard {
                Heard::Line(line) => self.teller.line(&line, false),
                Heard::Gap(key, lines) => self.teller.gap(&key, lines),
            }
        }
    }

    /// Takes note of who is there.
    fn follow(&mut self) {
        for change in self.gathering.changes() {
            self.teller.change(&change);
            // Others may be found in the next moment, or not at all.
            let quiet = Instant::now() + QUIET;
            self.holds = self.holds.map(|_| quiet.min(self.teller.began + LOOK));
        }
        self.met |= !self.gathering.room().presence().links().is_empty();
        // Whoever only says something and goes has no use for what was said before; whether that is
        // so shows once stdin had its time.
        let listens = self.attended || self.stay;
        if listens || (self.input.is_some() && self.holds.is_none()) {
            self.ask_past();
        }
        self.teller.remember();
    }

    fn ask_past(&mut self) {
        while let Some(member) = self.gathering.next_asked() {
            let (room, told) = (Arc::clone(self.gathering.room()), self.past.0.clone());
            tokio::spawn(async move {
                let past = room.take_past(&member).await;
                let _over = told.send((member.key, past));
            });
        }
    }

    fn on_past(&mut self, key: &PublicKey, told: Result<Vec<Line>, Failure>) {
        let lines = match told {
            Ok(lines) => lines,
            Err(failure) => {
                let text = format!(
                    "{} does not tell what was said: {failure}",
                    shown(None, key)
                );
                self.output.log(crate::output::Level::Info, &text);
                return self.gathering.told_nothing(key);
            }
        };
        if lines.is_empty() {
            return;
        }
        self.teller.past(lines.len(), key);
        for line in lines {
            self.teller.line(&line, true);
        }
    }

    /// Answers a stream of somebody else's.
    fn serve(&self, stream: Stream) {
        let Ok(turn) = Arc::clone(&self.served).try_acquire_owned() else {
            tokio::spawn(node::turn_down(stream, Why::Busy, node::BUSY));
            return;
        };
        let room = Arc::clone(self.gathering.room());
        let offers = Arc::clone(&self.offers);
        let is_stranger = self.teller.voices.is_stranger(&stream.peer().key);
        tokio::spawn(async move {
            let _turn = turn;
            let is_member = room.presence().has(&stream.peer());
            match node::request(&stream) {
                Some(Request::Ping(n)) => node::pong(stream, n).await,
                Some(Request::Past {}) if is_member => room.give_past(stream).await,
                Some(Request::Offer { from, file }) if is_member => {
                    let member = room.presence().member(&stream.peer().key);
                    let name = member.and_then(|member| member.name);
                    offers
                        .consider(stream, name, is_stranger, (from, file))
                        .await;
                }
                Some(
                    Request::Get { .. }
                    | Request::Put { .. }
                    | Request::Offer { .. }
                    | Request::Past {}
                    | Request::Pipe { .. }
                    | Request::Join { .. },
                )
                | None => {
                    let tell = "here is a chat, and nothing else";
                    node::turn_down(stream, Why::Unknown, tell).await;
                }
            }
        });
    }
}

async fn next_line(input: &mut Option<mpsc::Receiver<Input>>) -> Option<Input> {
    input.as_mut()?.recv().await
}
