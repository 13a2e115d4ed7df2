//! Ours under mio, as a program of its own would be: one loop for both ends, or a thread and a loop
//! for each.

mod dialling;

use std::{
    collections::BTreeMap,
    io::{self, ErrorKind, Read as _, Write as _},
    process,
    sync::Arc,
    thread,
    time::Duration,
};

use hydroid_core::switch::StreamId;
use hydroid_mio::{Endpoint, Event, Line, Stream};
use mio::{Events, Interest, Poll, Token};

use self::dialling::Dialling;
use super::{
    Clock, Outcome, Took,
    of_hydroid::{With, config},
    work::{Done, Heard, Work},
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

/// True if it is done, false if it would block.
fn did(done: io::Result<()>) -> io::Result<bool> {
    match done {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
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
        if *event == Event::Accept {
            while let Some(stream) = self.endpoint.accept() {
                self.line = Some(stream.line().clone());
                let id = stream.id();
                self.streams.insert(id, stream);
                did(self.serve(id))?;
            }
        } else if let Event::Readable(id) = event {
            did(self.serve(*id))?;
        } else if let Event::Packet(_) = event {
            did(self.hear())?;
        }
        Ok(())
    }
}
