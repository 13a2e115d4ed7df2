//! The end that dials.

use std::{
    collections::BTreeMap,
    io::{self, ErrorKind, Read as _, Write as _},
};

use hydroid_core::switch::{LineEvent, LineId, StreamId};
use hydroid_mio::{Endpoint, Event, Line, Stream};

use super::{
    super::{
        Outcome,
        of_hydroid::{With, packet},
        work::{LINES, MESSAGE_BYTES, MESSAGES, MIB, PIECE, SMALL, TRIPS, Work},
    },
    End, did,
};

/// The end that dials.
pub(super) struct Dialling {
    pub(super) endpoint: Endpoint,
    with: With,
    /// The one that most works begin with.
    pub(super) line: Option<Line>,
    pub(super) doing: Doing,
}

/// What it is about.
pub(super) enum Doing {
    Line(Line),
    Streams {
        to_open: usize,
        bytes: usize,
        given: BTreeMap<StreamId, Given>,
    },
    Trips(Trips),
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
    pub(super) fn is_done(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Line(_) => false,
            Self::Streams { to_open, given, .. } => *to_open == 0 && given.is_empty(),
            Self::Trips(trips) => trips.left == 0,
            Self::Messages { left } => *left == 0,
            Self::Lines { places, .. } => places.is_empty(),
        }
    }
}

/// A stream that bytes are written to, until the other end says that it has read all of them.
pub(super) struct Given {
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

/// A stream that each answer in is asked for anew.
pub(super) struct Trips {
    stream: Stream,
    /// Bytes that came of the answer.
    filled: usize,
    left: usize,
}

impl Trips {
    /// Reads until the last answer.
    fn on_readable(&mut self) -> io::Result<()> {
        let mut buf = [0; SMALL];
        while self.left > 0 {
            match self.stream.read(&mut buf[self.filled..])? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                bytes => self.filled += bytes,
            }
            if self.filled == SMALL {
                (self.filled, self.left) = (0, self.left - 1);
                self.stream.write_all(&buf)?;
            }
        }
        Ok(())
    }
}

impl Dialling {
    pub(super) const fn new(endpoint: Endpoint, with: With) -> Self {
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

    pub(super) fn dial_line(&mut self) -> Outcome<()> {
        self.doing = Doing::Line(self.dial(0)?);
        Ok(())
    }

    fn line(&self) -> Outcome<&Line> {
        Ok(self.line.as_ref().ok_or("a line")?)
    }

    /// Begins a work and tells how many units it has.
    pub(super) fn begin(&mut self, work: Work) -> Outcome<usize> {
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
        self.doing = Doing::Trips(Trips {
            stream,
            filled: 0,
            left: TRIPS,
        });
        Ok(TRIPS)
    }

    /// Begins so many streams of so many bytes.
    pub(super) fn give(&mut self, count: usize, bytes: usize) -> Outcome<()> {
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
            Doing::Trips(trips) => {
                did(trips.on_readable())?;
            }
            Doing::Line(_) | Doing::Lines { .. } | Doing::Messages { .. } | Doing::Nothing => {}
        }
        Ok(())
    }
}

impl End for Dialling {
    fn endpoint(&mut self) -> &mut Endpoint {
        &mut self.endpoint
    }

    fn on_event(&mut self, event: &Event) -> Outcome<()> {
        if let Event::Line(event) = event {
            self.on_line(event)?;
        } else if let Event::MayOpen(_) = event {
            self.open()?;
        } else if let Event::MaySend(_) = event {
            self.say()?;
        } else if let Event::Readable(id) = event {
            self.on_readable(*id)?;
        } else if let Event::Writable(id) = event
            && let Doing::Streams { given, .. } = &mut self.doing
            && let Some(one) = given.get_mut(id)
        {
            did(one.write())?;
        }
        Ok(())
    }
}
