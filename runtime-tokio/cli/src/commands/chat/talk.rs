//! A chat while it lasts: one loop that hears, says, and follows who is there.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use hydroid_core::identity::PublicKey;
use serde_json::json;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::voice::{Voice, Voices};
use crate::{
    chat::{
        TEXT_MAX,
        line::Line,
        room::{Heard, Room, Said},
    },
    company::{Change, Company},
    exit::{Exit, Failure},
    gathering::Gathering,
    input::{self, Input},
    node::{self, Stream},
    offers::Offers,
    output::Output,
    presence::LOOK,
    spaces::in_home,
    transfer::heads::{Request, Why},
    who::shown,
};

/// What is said at the beginning waits for others to be found, until their number was the same for
/// so long.
const QUIET: Duration = Duration::from_millis(400);

/// Lines that wait for others to be found.
const HELD_MOST: usize = 64;

/// Members who come so soon were there before us.
const BEGINNING: Duration = Duration::from_secs(2);

/// Streams of others that are served at once.
const SERVED_MOST: usize = 64;

/// What somebody told of what was said before, or that it told nothing.
type Past = (PublicKey, Result<Vec<Line>, Failure>);

/// A chat.
pub(super) struct Talk {
    output: Output,
    gathering: Gathering,
    offers: Arc<Offers>,
    voices: Voices,
    voice: Voice,
    began: Instant,
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
        (offers, voices): (Arc<Offers>, Voices),
        voice: Voice,
    ) -> Self {
        let began = Instant::now();
        Self {
            output,
            gathering: Gathering::new(room, Company::default()),
            offers,
            voices,
            voice,
            began,
            holds: Some(began + LOOK),
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
                failure = self.voice.broken() => return Err(failure),
                () = sleep_until(due.unwrap_or(self.began)), if due.is_some() => {}
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
        self.voice.finish().await?;
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
            Some(Input::Line(text)) if self.attended && text.starts_with('/') => {
                match text.strip_prefix("//") {
                    Some(rest) => self.compose(&format!("/{rest}"))?,
                    None => self.command(text.trim_end()),
                }
            }
            Some(Input::Line(text)) if text.is_empty() => {}
            Some(Input::Line(text)) => self.compose(&text)?,
            Some(Input::Bad(why)) => {
                let object = json!({ "event": "unsaid", "text": why });
                self.output.note(&why, &object);
            }
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

    fn command(&mut self, command: &str) {
        let told = match command {
            "/who" => {
                let everybody = self.voices.everybody();
                match &everybody[..] {
                    [] => "nobody else is here".into(),
                    all => format!("here: {}", all.join(", ")),
                }
            }
            "/accept" | "/refuse" if self.offers.answer(command == "/accept") => return,
            "/accept" | "/refuse" => "nothing is offered".into(),
            "/quit" => {
                (self.input, self.stay) = (None, false);
                return;
            }
            "/help" => "/who is here; /accept or /refuse what is offered; /quit; // begins a line \
                        with one /"
                .into(),
            _ => {
                "there is no such command: /help tells which there are, // begins a line with one /"
                    .to_owned()
            }
        };
        self.output
            .note(&told, &json!({ "event": "told", "text": told }));
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
                Heard::Line(line) => self.print(&line, false),
                Heard::Gap(key, lines) => {
                    let who = shown(None, &key);
                    let plain = format!("{lines} lines of {who} are lost");
                    let object = json!({
                        "event": "gap", "key": key.to_string(), "lines": lines, "text": plain,
                    });
                    self.output.note(&plain, &object);
                }
            }
        }
    }

    fn print(&mut self, line: &Line, past: bool) {
        let (plain, object) = self.voices.line(line, past);
        if let Some(missed) = self.voice.print(plain, object) {
            let text = format!("{missed} lines are not shown: nobody read what was printed");
            let object = json!({ "event": "missed", "lines": missed, "text": text });
            self.output.note(&text, &object);
        }
    }

    /// Takes note of who is there.
    fn follow(&mut self) {
        for change in self.gathering.changes() {
            let (plain, object) = self.told(&change);
            self.output.note(&plain, &object);
            // Others may be found in the next moment, or not at all.
            let quiet = Instant::now() + QUIET;
            self.holds = self.holds.map(|_| quiet.min(self.began + LOOK));
        }
        self.met |= !self.gathering.room().presence().links().is_empty();
        // Whoever only says something and goes has no use for what was said before; whether that is
        // so shows once stdin had its time.
        let listens = self.attended || self.stay;
        if listens || (self.input.is_some() && self.holds.is_none()) {
            self.ask_past();
        }
        let fresh = self.voices.fresh();
        if !fresh.is_empty() {
            let output = self.output;
            tokio::spawn(async move {
                if let Err(failure) = in_home(output, move |home| home.remember(&fresh)).await {
                    let text = format!("whom you met is not remembered: {failure}");
                    output.note(&text, &json!({ "event": "unkept", "text": text }));
                }
            });
        }
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
        let text = match lines.len() {
            1 => "one line from before:".into(),
            many => format!("{many} lines from before:"),
        };
        let object = json!({ "event": "past", "lines": lines.len(), "from": key.to_string() });
        self.output.note(&text, &object);
        for line in lines {
            self.print(&line, true);
        }
    }

    fn told(&mut self, change: &Change) -> (String, serde_json::Value) {
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

    /// Answers a stream of somebody else's.
    fn serve(&self, stream: Stream) {
        let Ok(turn) = Arc::clone(&self.served).try_acquire_owned() else {
            tokio::spawn(node::turn_down(stream, Why::Busy, node::BUSY));
            return;
        };
        let room = Arc::clone(self.gathering.room());
        let offers = Arc::clone(&self.offers);
        let is_stranger = self.voices.is_stranger(&stream.peer().key);
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
