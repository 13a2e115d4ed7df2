//! Ours under mio, as a program of its own would be: one loop for both ends, or a thread and a loop
//! for each.

use std::{
    collections::BTreeMap,
    io::{self, ErrorKind, Read as _, Write as _},
    process,
    sync::Arc,
    thread,
    time::Duration,
};

use hydroid_core::switch::{LineEvent, LineId, StreamId};
use hydroid_mio::{Endpoint, Event, Line, Stream};
use mio::{Events, Interest, Poll, Token};

use super::{
    Clock, Outcome, Took,
    of_hydroid::{With, config, packet},
    work::{Done, Heard, LINES, MESSAGE_BYTES, MESSAGES, MIB, PIECE, SMALL, TRIPS, Work},
};

/// Nobody sleeps longer, though nothing happens.
const LONG: Duration = Duration::from_secs(1);
/// How often it is looked whether the last messages came.
const SHORT: Duration = Duration::from_millis(1);

/// Does a work once.
pub(super) fn once(work: Work) -> Outcome<Took> {
    let free = work.is_free();
    let (ours, theirs) = (
        Endpoint::bind(config(free)?)?,
        Endpoint::bind(config(free)?)?,
    );
    let with = With::install(&ours, &theirs, work.at_once())?;
    let heard = Heard::new();
    let mut both = Both::new(Dialling::new(ours, with))?;
    let dialled = Dialled::new(theirs, work, Arc::clone(&heard));
    if work.threads() == 1 {
        both.add(dialled)?;
    } else {
        thread::spawn(|| alone(dialled));
    }
    if !work.is_lines() {
        both.dialling.dial_line()?;
        both.until(LONG, |it| it.line.is_some().then_some(()))?;
        both.dialling.give(1, 1)?;
        both.until(LONG, |it| it.doing.is_done().then_some(()))?;
    }
    let clock = Clock::start()?;
    let units = both.dialling.begin(work)?;
    both.until(LONG, |it| it.doing.is_done().then_some(()))?;
    let done = if work == Work::Messages {
        both.until(SHORT, |_| heard.done())?
    } else {
        Done::all(units)
    };
    clock.stop(&done)
}

/// The end that is dialled, in a loop of its own, until the process ends.
fn alone(mut dialled: Dialled) {
    let mut turn = || -> Outcome<()> {
        let mut own = Loop::new()?;
        own.watch(&mut dialled.endpoint, 0)?;
        loop {
            own.step(&mut [&mut dialled], LONG)?;
        }
    };
    if let Err(error) = turn() {
        eprintln!("mio: {error}");
        process::exit(1);
    }
}

/// What a program does about the events of its endpoint.
trait End {
    fn endpoint(&mut self) -> &mut Endpoint;
    fn on_event(&mut self, event: &Event) -> Outcome<()>;
}

/// A poll.
struct Loop {
    poll: Poll,
    ready: Events,
}

impl Loop {
    fn new() -> Outcome<Self> {
        let (poll, ready) = (Poll::new()?, Events::with_capacity(8));
        Ok(Self { poll, ready })
    }

    fn watch(&self, endpoint: &mut Endpoint, place: usize) -> io::Result<()> {
        let registry = self.poll.registry();
        registry.register(endpoint, Token(place), Interest::READABLE)
    }

    /// Sleeps until one of the ends has something to do, and lets it do that.
    fn step(&mut self, ends: &mut [&mut dyn End], most: Duration) -> Outcome<()> {
        let waits = ends.iter_mut().filter_map(|end| end.endpoint().timeout());
        let wait = waits.min().unwrap_or(most).min(most);
        self.poll.poll(&mut self.ready, Some(wait))?;
        for (place, end) in ends.iter_mut().enumerate() {
            let is_ready = self.ready.iter().any(|it| it.token() == Token(place));
            if !is_ready && end.endpoint().timeout() != Some(Duration::ZERO) {
                continue;
            }
            end.endpoint().turn()?;
            while let Some(event) = end.endpoint().next_event() {
                end.on_event(&event)?;
            }
        }
        Ok(())
    }
}

/// The end that dials, and the other one if it is in the same loop.
struct Both {
    own: Loop,
    dialling: Dialling,
    dialled: Option<Dialled>,
}

impl Both {
    fn new(mut dialling: Dialling) -> Outcome<Self> {
        let own = Loop::new()?;
        own.watch(&mut dialling.endpoint, 0)?;
        Ok(Self {
            own,
            dialling,
            dialled: None,
        })
    }

    fn add(&mut self, mut dialled: Dialled) -> io::Result<()> {
        self.own.watch(&mut dialled.endpoint, 1)?;
        self.dialled = Some(dialled);
        Ok(())
    }

    fn until<T>(
        &mut self,
        most: Duration,
        mut done: impl FnMut(&Dialling) -> Option<T>,
    ) -> Outcome<T> {
        loop {
            if let Some(done) = done(&self.dialling) {
                return Ok(done);
            }
            match &mut self.dialled {
                Some(dialled) => self.own.step(&mut [&mut self.dialling, dialled], most)?,
                None => self.own.step(&mut [&mut self.dialling], most)?,
            }
        }
    }
}

/// The end that dials.
struct Dialling {
    endpoint: Endpoint,
    with: With,
    /// The one that most works begin with.
    line: Option<Line>,
    doing: Doing,
}

/// What it is about.
enum Doing {
    Line(Line),
    Streams {
        to_open: usize,
        bytes: usize,
        given: BTreeMap<StreamId, Given>,
    },
    Trips {
        stream: Stream,
        /// Bytes that came of the answer, and trips that are left.
        filled: usize,
        left: usize,
    },
    Lines {
        left: usize,
        /// Where each is dialled from.
        places: BTreeMap<LineId, (usize, Line)>,
    },
    Messages {
        left: usize,
    },
    Nothing,
}

impl Doing {
    fn is_done(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Line(_) => false,
            Self::Streams { to_open, given, .. } => *to_open == 0 && given.is_empty(),
            Self::Trips { left, .. } | Self::Messages { left } => *left == 0,
            Self::Lines { places, .. } => places.is_empty(),
        }
    }
}

/// A stream that bytes are written to, until the other end says that it has read all of them.
struct Given {
    stream: Stream,
    left: usize,
    finished: bool,
}

impl Given {
    fn write(&mut self) -> io::Result<()> {
        while self.left > 0 {
            self.left -= self.stream.write(&PIECE[..self.left.min(PIECE.len())])?;
        }
        if !self.finished {
            self.finished = true;
            self.stream.finish()?;
        }
        Ok(())
    }

    /// Reads until the end.
    fn read(&mut self) -> io::Result<()> {
        while self.stream.read(&mut [0; SMALL])? > 0 {}
        Ok(())
    }
}

/// True if it is done, false if it would block.
fn did(done: io::Result<()>) -> io::Result<bool> {
    match done {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

impl Dialling {
    const fn new(endpoint: Endpoint, with: With) -> Self {
        Self {
            endpoint,
            with,
            line: None,
            doing: Doing::Nothing,
        }
    }

    fn dial(&self, place: usize) -> Outcome<Line> {
        let local = self.with.identities[place];
        Ok(self.endpoint.connect(local, &self.with.ticket)?)
    }

    fn dial_line(&mut self) -> Outcome<()> {
        self.doing = Doing::Line(self.dial(0)?);
        Ok(())
    }

    fn line(&self) -> Outcome<&Line> {
        Ok(self.line.as_ref().ok_or("a line")?)
    }

    /// Begins a work and tells how many units it has.
    fn begin(&mut self, work: Work) -> Outcome<usize> {
        if let Some((count, mib)) = work.streams() {
            self.give(count, mib * MIB)?;
            return Ok(count * mib);
        }
        if work.is_lines() {
            let places = (0..work.at_once()).map(|place| {
                let line = self.dial(place)?;
                Ok((line.id(), (place, line)))
            });
            let places = places.collect::<Outcome<BTreeMap<_, _>>>()?;
            let left = LINES - places.len();
            self.doing = Doing::Lines { left, places };
            return Ok(LINES);
        }
        if work == Work::Messages {
            self.doing = Doing::Messages { left: MESSAGES };
            self.say()?;
            return Ok(MESSAGES);
        }
        let mut stream = self.line()?.open_stream("{}")?;
        stream.write_all(&[0; SMALL])?;
        self.doing = Doing::Trips {
            stream,
            filled: 0,
            left: TRIPS,
        };
        Ok(TRIPS)
    }

    /// Begins so many streams of so many bytes.
    fn give(&mut self, count: usize, bytes: usize) -> Outcome<()> {
        self.doing = Doing::Streams {
            to_open: count,
            bytes,
            given: BTreeMap::new(),
        };
        self.open()
    }

    /// Opens as many of the streams as the peer allows.
    fn open(&mut self) -> Outcome<()> {
        let line = self.line.as_ref().ok_or("a line")?;
        let Doing::Streams {
            to_open,
            bytes,
            given,
        } = &mut self.doing
        else {
            return Ok(());
        };
        while *to_open > 0 {
            let stream = match line.open_stream("{}") {
                Ok(stream) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let mut one = Given {
                stream,
                left: *bytes,
                finished: false,
            };
            did(one.write())?;
            given.insert(one.stream.id(), one);
            *to_open -= 1;
        }
        Ok(())
    }

    /// Sends as many of the messages as there is room for.
    fn say(&mut self) -> Outcome<()> {
        let line = self.line.as_ref().ok_or("a line")?;
        let Doing::Messages { left } = &mut self.doing else {
            return Ok(());
        };
        let (packet, len) = packet(&[7; MESSAGE_BYTES]);
        while *left > 0 && did(line.send(&packet[..len]))? {
            *left -= 1;
        }
        Ok(())
    }

    fn on_line(&mut self, event: &LineEvent) -> Outcome<()> {
        match (&mut self.doing, event) {
            (Doing::Line(line), LineEvent::Up { .. }) => {
                self.line = Some(line.clone());
                self.doing = Doing::Nothing;
            }
            (Doing::Lines { places, .. }, LineEvent::Up { line, .. }) => {
                if let Some((_, line)) = places.get(line) {
                    line.close(0, "");
                }
            }
            (Doing::Lines { left, places }, LineEvent::Down { line, .. }) => {
                let Some((place, _gone)) = places.remove(line) else {
                    return Ok(());
                };
                if *left > 0 {
                    *left -= 1;
                    let line = self.dial(place)?;
                    if let Doing::Lines { places, .. } = &mut self.doing {
                        places.insert(line.id(), (place, line));
                    }
                }
            }
            (_, LineEvent::Down { reason, .. }) => {
                return Err(format!("the line is down: {reason:?}").into());
            }
            (_, _) => {}
        }
        Ok(())
    }

    fn on_readable(&mut self, id: StreamId) -> Outcome<()> {
        match &mut self.doing {
            Doing::Streams { given, .. } => {
                if let Some(one) = given.get_mut(&id)
                    && did(one.read())?
                {
                    given.remove(&id);
                }
            }
            Doing::Trips {
                stream,
                filled,
                left,
            } if stream.id() == id => {
                let mut buf = [0; SMALL];
                match stream.read(&mut buf[*filled..]) {
                    Ok(bytes) => *filled += bytes,
                    Err(error) => return Ok(did(Err(error)).map(|_| ())?),
                }
                if *filled == SMALL {
                    (*filled, *left) = (0, *left - 1);
                    if *left > 0 {
                        stream.write_all(&buf)?;
                    }
                }
            }
            Doing::Trips { .. }
            | Doing::Line(_)
            | Doing::Lines { .. }
            | Doing::Messages { .. }
            | Doing::Nothing => {}
        }
        Ok(())
    }
}

impl End for Dialling {
    fn endpoint(&mut self) -> &mut Endpoint {
        &mut self.endpoint
    }

    fn on_event(&mut self, event: &Event) -> Outcome<()> {
        match event {
            Event::Line(event) => self.on_line(event),
            Event::MayOpen(_) => self.open(),
            Event::MaySend(_) => self.say(),
            Event::Readable(id) => self.on_readable(*id),
            Event::Writable(id) => {
                if let Doing::Streams { given, .. } = &mut self.doing
                    && let Some(one) = given.get_mut(id)
                {
                    did(one.write())?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// The end that is dialled: what comes in a stream is read to its end and answered by a byte, or
/// each piece by itself.
struct Dialled {
    endpoint: Endpoint,
    echo: bool,
    heard: Arc<Heard>,
    line: Option<Line>,
    streams: BTreeMap<StreamId, Stream>,
    buf: Vec<u8>,
}

impl Dialled {
    fn new(endpoint: Endpoint, work: Work, heard: Arc<Heard>) -> Self {
        Self {
            endpoint,
            echo: matches!(work, Work::Trips | Work::TripsApart),
            heard,
            line: None,
            streams: BTreeMap::new(),
            buf: vec![0; 1 << 18],
        }
    }

    /// Takes what there is to read; at the end the stream is over.
    fn serve(&mut self, id: StreamId) -> io::Result<()> {
        let Some(stream) = self.streams.get_mut(&id) else {
            return Ok(());
        };
        loop {
            let read = stream.read(&mut self.buf)?;
            if self.echo {
                stream.write_all(&self.buf[..read])?;
            }
            if read == 0 {
                break;
            }
        }
        if !self.echo {
            stream.write_all(b"!")?;
        }
        stream.finish()?;
        self.streams.remove(&id);
        Ok(())
    }

    fn hear(&self) -> io::Result<()> {
        let Some(line) = &self.line else {
            return Ok(());
        };
        let mut buf = [0; 2048];
        loop {
            line.recv(&mut buf)?;
            self.heard.on_message();
        }
    }
}

impl End for Dialled {
    fn endpoint(&mut self) -> &mut Endpoint {
        &mut self.endpoint
    }

    fn on_event(&mut self, event: &Event) -> Outcome<()> {
        match event {
            Event::Accept => {
                while let Some(stream) = self.endpoint.accept() {
                    self.line = Some(stream.line().clone());
                    let id = stream.id();
                    self.streams.insert(id, stream);
                    did(self.serve(id))?;
                }
            }
            Event::Readable(id) => {
                did(self.serve(*id))?;
            }
            Event::Packet(_) => {
                did(self.hear())?;
            }
            _ => {}
        }
        Ok(())
    }
}
