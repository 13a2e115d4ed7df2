//! The application on one switch of a swarm: it does what it is told, keeps account of what it was
//! told in turn, and has the checks hold the switch to it.

use std::collections::{BTreeMap, BTreeSet};

use hydroid_core::{
    base::Time,
    identity::Hashname,
    switch::{
        Event, LineEvent, LineId, LineState, OpenError, Read, ReadError, STREAM_REFUSED,
        StreamEvent, StreamId, WriteError,
    },
    tape::Recorded,
};

use crate::checks::{self, Broken, Edge, Verdict};

/// What was put into one direction of a stream, whoever lives still to tell: by the stream's
/// number and whether it is the opener's direction.
pub(super) type Truth = BTreeMap<(u64, bool), Written>;

/// What a writer did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    bytes: u64,
    finished: bool,
    reset: Option<u64>,
    /// Somebody reads it no more, or a switch refused it.
    unwanted: bool,
}

impl Written {
    /// True if somebody gave the direction up.
    pub(super) const fn is_given_up(&self) -> bool {
        self.reset.is_some() || self.unwanted
    }
}

/// A line as its application sees it.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) peer: Option<Hashname>,
    pub(super) up: bool,
    pub(super) down: bool,
    /// `open_stream` gave `Blocked` and `MayOpen` has not come.
    pub(super) blocked: bool,
}

/// One end of a stream.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct End {
    pub(super) number: u64,
    pub(super) opener: bool,
    /// Bytes still to be written, and whether the end follows.
    want: u64,
    finish: bool,
    finished: bool,
    /// Nothing more is written, for whatever reason.
    shut: bool,
    /// `write` gave `Blocked` and `Writable` has not come.
    pub(super) blocked: bool,
    /// An event says that there is something to read, and no `Blocked` came since.
    pub(super) readable: bool,
    read: u64,
    /// Nothing more is read; true if to the very end.
    pub(super) over: Option<bool>,
    answered: bool,
}

impl End {
    /// True if nothing is left to be written.
    pub(super) const fn is_written(&self) -> bool {
        self.finished || self.shut
    }
}

/// The application of one switch.
#[derive(Debug, Default)]
pub(super) struct App {
    pub(super) lines: BTreeMap<LineId, Line>,
    pub(super) streams: BTreeMap<StreamId, End>,
    /// Streams that an event or a wish has given something to do.
    busy: BTreeSet<StreamId>,
    /// Lines on which an unreliable packet found no room, and nobody said since that there is some.
    pub(super) send_blocked: BTreeSet<LineId>,
    /// Lines of which unreliable packets wait.
    pub(super) packets: BTreeSet<LineId>,
    /// Numbers of the unreliable packets that came.
    came: BTreeSet<u64>,
    /// Times that a line took another way.
    pub(super) moved: u64,
    /// Every stream is finished as soon as it is there.
    pub(super) ending: bool,
    /// It is a member of a closed space, which may change.
    pub(super) in_closed: bool,
    /// It keeps lines, and hears of those that never came up, too.
    pub(super) keeps: bool,
}

impl App {
    /// Takes one event, and holds it against what is known.
    pub(super) fn on_event(&mut self, switch: &Recorded, event: &Event) -> Verdict {
        match event {
            Event::Line(LineEvent::Up { line, peer, .. }) => {
                let known = self.lines.entry(*line).or_default();
                let edge = Edge::Up {
                    was_up: known.up,
                    was_down: known.down,
                };
                (known.up, known.peer) = (true, Some(peer.hashname));
                checks::edge(&line.to_string(), edge)
            }
            Event::Line(LineEvent::Down { line, .. }) => self.on_down(switch, *line),
            Event::Line(LineEvent::Moved { line, .. }) => {
                let known = self.lines.get(line);
                let is_up = known.is_some_and(|line| line.up && !line.down);
                self.moved += 1;
                checks::edge(&line.to_string(), Edge::Moved { is_up })
            }
            Event::Stream(event) => self.on_stream(switch, event),
            Event::Packet { line } => {
                self.packets.insert(*line);
                Ok(())
            }
            Event::MaySend { line } => {
                let caused = self.send_blocked.remove(line);
                checks::edge(&line.to_string(), Edge::Other { caused })
            }
            Event::Space(_) => {
                let caused = self.in_closed;
                checks::edge("a space", Edge::Other { caused })
            }
            other @ (Event::Line(_) | Event::Anon | _) => {
                checks::edge(&format!("{other:?}"), Edge::Other { caused: false })
            }
        }
    }

    fn on_down(&mut self, switch: &Recorded, line: LineId) -> Verdict {
        if self.keeps {
            self.lines.entry(line).or_default();
        }
        let known = self.lines.get_mut(&line);
        let state = switch.line(line).map(|info| info.state);
        let edge = Edge::Down {
            known: known.is_some(),
            was_down: known.as_ref().is_some_and(|known| known.down),
            lives: state.is_some_and(|state| state != LineState::Down),
        };
        if let Some(known) = known {
            known.down = true;
        }
        for (id, end) in self.streams.iter_mut().filter(|(id, _)| id.line == line) {
            (end.shut, end.readable) = (true, true);
            self.busy.insert(*id);
        }
        checks::edge(&line.to_string(), edge)
    }

    fn on_opened(&mut self, switch: &Recorded, stream: StreamId) -> Verdict {
        let edge = Edge::Opened {
            line_was_up: self.lines.get(&stream.line).is_some_and(|line| line.up),
            known: self.streams.contains_key(&stream),
        };
        checks::edge(&stream.to_string(), edge)?;
        // What happened since may have ended it already.
        let head = switch.stream_head(stream).unwrap_or("{\"n\":0}");
        let number = head[5..head.len() - 1].parse().expect("a number");
        let end = End {
            number,
            shut: number == 0,
            finish: self.ending,
            over: (number == 0).then_some(false),
            ..End::default()
        };
        self.streams.insert(stream, end);
        self.busy.insert(stream);
        Ok(())
    }

    fn on_stream(&mut self, switch: &Recorded, event: &StreamEvent) -> Verdict {
        let (stream, edge) = match *event {
            StreamEvent::Opened { stream } => return self.on_opened(switch, stream),
            StreamEvent::MayOpen { line } => {
                let known = self.lines.get_mut(&line);
                let waited = known.is_some_and(|line| std::mem::take(&mut line.blocked));
                return checks::edge(&line.to_string(), Edge::MayOpen { waited });
            }
            StreamEvent::Answered { stream } => {
                let end = self.streams.get_mut(&stream);
                let before = end.is_some_and(|end| std::mem::replace(&mut end.answered, true));
                let ours = self.streams.get(&stream).is_some_and(|end| end.opener);
                (stream, Edge::Answered { ours, before })
            }
            StreamEvent::Readable { stream } | StreamEvent::Reset { stream, .. } => {
                let end = self.streams.get_mut(&stream);
                let known = end.map(|end| end.readable = true).is_some();
                (stream, Edge::Readable { known })
            }
            StreamEvent::Writable { stream } => {
                let end = self.streams.get_mut(&stream);
                let waited = end.is_some_and(|end| std::mem::take(&mut end.blocked));
                (stream, Edge::Writable { waited })
            }
            StreamEvent::Finished { stream } => {
                let finished = self.streams.get(&stream).is_some_and(|end| end.finished);
                (stream, Edge::Finished { finished })
            }
            StreamEvent::Stopped { stream, .. } => {
                let end = self.streams.get_mut(&stream);
                let known = end.map(|end| end.shut = true).is_some();
                (stream, Edge::Stopped { known })
            }
            _ => {
                let what = format!("{event:?}");
                return checks::edge(&what, Edge::Other { caused: false });
            }
        };
        self.busy.insert(stream);
        checks::edge(&stream.to_string(), edge)
    }

    /// Opens a stream with this number, if the line lets it.
    pub(super) fn open(
        &mut self,
        switch: &mut Recorded,
        now: Time,
        (id, number): (LineId, u64),
        truth: &mut Truth,
    ) -> Verdict {
        let Some(line) = self.lines.get_mut(&id) else {
            return Ok(());
        };
        match switch.open_stream(now, id, &format!("{{\"n\":{number}}}")) {
            Ok(stream) => {
                line.blocked = false;
                let end = End {
                    number,
                    opener: true,
                    ..End::default()
                };
                self.streams.insert(stream, end);
                truth.insert((number, true), Written::default());
                truth.insert((number, false), Written::default());
                let caused = !line.down;
                checks::edge("a stream in a line that is down", Edge::Other { caused })
            }
            Err(OpenError::Blocked) => {
                line.blocked = true;
                Ok(())
            }
            Err(OpenError::UnknownLine) => Ok(()),
            Err(error) => panic!("open: {error}"),
        }
    }

    /// Wants `bytes` more to be written, and the end behind them if `finish`.
    pub(super) fn want(&mut self, stream: StreamId, bytes: u64, finish: bool) {
        let Some(end) = self.streams.get_mut(&stream) else {
            return;
        };
        if !end.shut && !end.finish {
            end.want += bytes;
            end.finish = finish;
            self.busy.insert(stream);
        }
    }

    /// The same in every stream that lives.
    pub(super) fn want_in_all(&mut self, bytes: u64, finish: bool) {
        let all: Vec<_> = self.streams.keys().copied().collect();
        for stream in all {
            self.want(stream, bytes, finish);
        }
    }

    /// Writes what is wanted; not while it waits for `Writable`.
    pub(super) fn write(
        &mut self,
        switch: &mut Recorded,
        now: Time,
        stream: StreamId,
        truth: &mut Truth,
    ) -> Verdict {
        let Some(end) = self.streams.get_mut(&stream) else {
            return Ok(());
        };
        let written = truth.entry((end.number, end.opener)).or_default();
        let untold = |what| checks::edge(&stream.to_string(), what);
        while end.want > 0 && !end.shut && !end.blocked {
            let bytes: Vec<_> = (written.bytes..written.bytes + end.want.min(5_000))
                .map(|at| checks::byte(end.number, end.opener, at))
                .collect();
            match switch.write(now, stream, &bytes) {
                Ok(taken) => {
                    // A write that takes nothing is blocked, and says so.
                    untold(Edge::Other { caused: taken > 0 })?;
                    written.bytes += taken as u64;
                    end.want -= taken as u64;
                }
                Err(WriteError::Blocked) => end.blocked = true,
                Err(WriteError::Finished) => untold(Edge::Finished { finished: false })?,
                Err(_) => end.shut = true,
            }
        }
        if end.want == 0 && end.finish && !end.finished && !end.shut {
            match switch.finish(now, stream) {
                Ok(()) => (end.finished, written.finished) = (true, true),
                Err(WriteError::Finished) => untold(Edge::Finished { finished: false })?,
                Err(_) => end.shut = true,
            }
        }
        Ok(())
    }

    /// Gives up the writing of a stream.
    pub(super) fn reset(
        &mut self,
        switch: &mut Recorded,
        now: Time,
        (stream, code): (StreamId, u64),
        truth: &mut Truth,
    ) {
        let Some(end) = self.streams.get_mut(&stream) else {
            return;
        };
        if switch.reset(now, stream, code).is_ok() {
            let written = truth.entry((end.number, end.opener)).or_default();
            written.reset = written.reset.or(Some(code));
        }
        end.shut = true;
    }

    /// Reads no more of a stream.
    pub(super) fn stop(
        &mut self,
        switch: &mut Recorded,
        now: Time,
        (stream, code): (StreamId, u64),
        truth: &mut Truth,
    ) {
        let Some(end) = self.streams.get_mut(&stream) else {
            return;
        };
        let _over = switch.stop(now, stream, code);
        end.over = end.over.or(Some(false));
        let written = truth.entry((end.number, !end.opener)).or_default();
        written.unwanted = true;
    }

    /// Reads up to `most` bytes, each of which must be the one that was written.
    pub(super) fn read(
        &mut self,
        switch: &mut Recorded,
        now: Time,
        (stream, most): (StreamId, usize),
        truth: &mut Truth,
    ) -> Verdict {
        let Some(end) = self.streams.get_mut(&stream) else {
            return Ok(());
        };
        let (theirs, ours) = ((end.number, !end.opener), (end.number, end.opener));
        let written = truth.get(&theirs).copied().unwrap_or_default();
        let (mut buf, mut left) = ([0; 3_000], most);
        while left > 0 && end.over.is_none() {
            let len = left.min(buf.len());
            match switch.read(now, stream, &mut buf[..len]) {
                Ok(Read::Bytes(len)) => {
                    checks::bytes(&checks::Got {
                        number: end.number,
                        opener: !end.opener,
                        at: end.read,
                        bytes: &buf[..len],
                        written: written.bytes,
                    })?;
                    end.read += len as u64;
                    left -= len;
                }
                Ok(Read::End) => {
                    end.over = Some(true);
                    let seen = checks::End::Whole {
                        read: end.read,
                        written: written.bytes,
                        finished: written.finished,
                    };
                    checks::end(end.number, &seen)?;
                }
                Err(ReadError::Blocked) => {
                    end.readable = false;
                    return Ok(());
                }
                Err(ReadError::Reset(code)) => {
                    end.over = Some(false);
                    let own = truth.entry(ours).or_default();
                    own.unwanted |= code == STREAM_REFUSED;
                    let given = [written.reset, own.reset, Some(STREAM_REFUSED)];
                    checks::end(end.number, &checks::End::Reset { code, given })?;
                }
                Err(_) => end.over = Some(false),
            }
        }
        Ok(())
    }

    /// Does all that events call for: reads what is readable, writes what there is room for.
    pub(super) fn pump(&mut self, switch: &mut Recorded, now: Time, truth: &mut Truth) -> Verdict {
        for stream in std::mem::take(&mut self.busy) {
            self.write(switch, now, stream, truth)?;
            if self.streams.get(&stream).is_some_and(|end| end.readable) {
                self.read(switch, now, (stream, usize::MAX), truth)?;
            }
        }
        Ok(())
    }

    /// Takes every unreliable packet that came; of `sent` of them each comes once at most.
    pub(super) fn take_packets(&mut self, switch: &mut Recorded, now: Time, sent: u64) -> Verdict {
        for line in std::mem::take(&mut self.packets) {
            while self.receive(switch, now, line, sent)? {}
        }
        Ok(())
    }

    /// Takes one from this line, if there is one.
    pub(super) fn receive(
        &mut self,
        switch: &mut Recorded,
        now: Time,
        line: LineId,
        sent: u64,
    ) -> Result<bool, Broken> {
        let mut buf = [0; 10];
        if switch.recv(now, line, &mut buf).is_err() {
            return Ok(false);
        }
        let number = u64::from_be_bytes(buf[2..].try_into().expect("8 bytes"));
        checks::once(number, sent, self.came.insert(number))?;
        Ok(true)
    }
}
