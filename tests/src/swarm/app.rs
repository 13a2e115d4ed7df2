//! The application on one switch of a swarm: it does what it is told, keeps account of what it was
//! told in turn, and holds the switch to it.

use std::collections::BTreeMap;

use hydroid_core::{
    base::Time,
    identity::Hashname,
    switch::{
        Event, LineEvent, LineId, LineState, OpenError, Read, ReadError, STREAM_REFUSED,
        StreamEvent, StreamId, Switch, WriteError,
    },
    tape::Recorded,
};

/// What was put into one direction of a stream, whoever lives still to tell: by the stream's
/// number and whether it is the opener's direction.
pub(super) type Truth = BTreeMap<(u64, bool), Written>;

/// What a writer did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    bytes: u64,
    finished: bool,
    reset: Option<u64>,
}

/// A line as its application sees it.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) peer: Option<Hashname>,
    pub(super) up: bool,
    pub(super) down: bool,
    /// `open_stream` gave `Blocked` and `MayOpen` has not come.
    blocked: bool,
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
    blocked: bool,
    /// An event says that there is something to read, and no `Blocked` came since.
    readable: bool,
    read: u64,
    /// Nothing more is read; true if to the very end.
    pub(super) over: Option<bool>,
    answered: bool,
}

/// The application of one switch.
#[derive(Debug, Default)]
pub(super) struct App {
    pub(super) lines: BTreeMap<LineId, Line>,
    pub(super) streams: BTreeMap<StreamId, End>,
    /// Times that a line took another way.
    pub(super) moved: u64,
    /// Every stream is finished as soon as it is there.
    pub(super) ending: bool,
}

/// The byte at `at` of a direction.
fn byte(number: u64, opener: bool, at: u64) -> u8 {
    let mixed = (at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (2 * number + u64::from(opener));
    (mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 56) as u8
}

impl App {
    /// Takes one event, and holds it against what is known.
    pub(super) fn on_event(&mut self, switch: &Switch, event: &Event) {
        match event {
            Event::Line(LineEvent::Up { line, peer, .. }) => {
                let known = self.lines.entry(*line).or_default();
                assert!(!known.up && !known.down, "{line} came up twice, or late");
                (known.up, known.peer) = (true, Some(peer.hashname));
            }
            Event::Line(LineEvent::Down { line, .. }) => {
                let known = self.lines.get_mut(line).expect("a line that was known");
                assert!(!known.down, "{line} went down twice");
                known.down = true;
                let state = switch.line(*line).map(|info| info.state);
                assert!(
                    state.is_none_or(|state| state == LineState::Down),
                    "{line}: {state:?}"
                );
                for (_, end) in self.streams.iter_mut().filter(|(id, _)| id.line == *line) {
                    (end.shut, end.readable) = (true, true);
                }
            }
            Event::Line(LineEvent::Moved { line, .. }) => {
                let known = &self.lines[line];
                assert!(known.up && !known.down, "{line} moved while it was not up");
                self.moved += 1;
            }
            Event::Stream(event) => self.on_stream(switch, event),
            // Packets are taken as they come, asked or not.
            Event::Packet { .. } => {}
            Event::Line(other) => panic!("an event of no known kind: {other:?}"),
            other @ (Event::Space(_) | Event::Anon | _) => {
                panic!("an event that a swarm has no cause for: {other:?}")
            }
        }
    }

    fn on_stream(&mut self, switch: &Switch, event: &StreamEvent) {
        match *event {
            StreamEvent::Opened { stream } => {
                assert!(self.lines[&stream.line].up, "{stream} in a line that is up");
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
                let twice = self.streams.insert(stream, end);
                assert!(twice.is_none(), "{stream} opened twice");
            }
            StreamEvent::Answered { stream } => {
                let end = self.end(stream);
                assert!(end.opener && !end.answered, "{stream} answered twice");
                end.answered = true;
            }
            StreamEvent::Readable { stream } | StreamEvent::Reset { stream, .. } => {
                self.end(stream).readable = true;
            }
            StreamEvent::Writable { stream } => {
                let end = self.end(stream);
                assert!(end.blocked, "{stream} is writable and nobody waited");
                end.blocked = false;
            }
            StreamEvent::Finished { stream } => {
                assert!(self.end(stream).finished, "{stream} was never finished");
            }
            StreamEvent::Stopped { stream, .. } => self.end(stream).shut = true,
            StreamEvent::MayOpen { line } => {
                let line = self.lines.get_mut(&line).expect("a line that was known");
                assert!(line.blocked, "a stream may be opened and nobody waited");
                line.blocked = false;
            }
            _ => panic!("an event of no known kind: {event:?}"),
        }
    }

    fn end(&mut self, stream: StreamId) -> &mut End {
        self.streams.get_mut(&stream).expect("a stream of ours")
    }

    /// Opens a stream with this number, if the line lets it.
    pub(super) fn open(
        &mut self,
        switch: &mut Recorded,
        now: Time,
        (id, number): (LineId, u64),
        truth: &mut Truth,
    ) {
        let line = self.lines.get_mut(&id).expect("a line that was known");
        match switch.open_stream(now, id, &format!("{{\"n\":{number}}}")) {
            Ok(stream) => {
                assert!(!line.blocked || !line.down, "a line that is down");
                line.blocked = false;
                let end = End {
                    number,
                    opener: true,
                    ..End::default()
                };
                self.streams.insert(stream, end);
                truth.insert((number, true), Written::default());
                truth.insert((number, false), Written::default());
            }
            Err(OpenError::Blocked) => line.blocked = true,
            Err(OpenError::UnknownLine) => {}
            Err(error) => panic!("open: {error}"),
        }
    }

    /// Wants `bytes` more to be written, and the end behind them if `finish`.
    pub(super) fn want(&mut self, stream: StreamId, bytes: u64, finish: bool) {
        let end = self.end(stream);
        if !end.shut && !end.finish {
            end.want += bytes;
            end.finish = finish;
        }
    }

    /// Writes what is wanted; not while it waits for `Writable`.
    pub(super) fn write(
        &mut self,
        switch: &mut Recorded,
        now: Time,
        stream: StreamId,
        truth: &mut Truth,
    ) {
        let end = self.end(stream);
        let written = truth
            .get_mut(&(end.number, end.opener))
            .expect("of a stream that was opened");
        while end.want > 0 && !end.shut && !end.blocked {
            let bytes: Vec<_> = (written.bytes..written.bytes + end.want.min(5_000))
                .map(|at| byte(end.number, end.opener, at))
                .collect();
            match switch.write(now, stream, &bytes) {
                Ok(taken) => {
                    assert!(taken > 0, "a write that takes nothing is blocked");
                    written.bytes += taken as u64;
                    end.want -= taken as u64;
                }
                Err(WriteError::Blocked) => end.blocked = true,
                Err(WriteError::Finished) => panic!("{stream} was never finished"),
                Err(_) => end.shut = true,
            }
        }
        if end.want == 0 && end.finish && !end.finished && !end.shut {
            match switch.finish(now, stream) {
                Ok(()) => {
                    (end.finished, written.finished) = (true, true);
                }
                Err(WriteError::Finished) => panic!("{stream} was never finished"),
                Err(_) => end.shut = true,
            }
        }
    }

    /// Gives up the writing of a stream.
    pub(super) fn reset(
        &mut self,
        switch: &mut Recorded,
        now: Time,
        (stream, code): (StreamId, u64),
        truth: &mut Truth,
    ) {
        let end = self.end(stream);
        if switch.reset(now, stream, code).is_ok() {
            let written = truth.entry((end.number, end.opener)).or_default();
            written.reset = written.reset.or(Some(code));
        }
        end.shut = true;
    }

    /// Reads no more of a stream.
    pub(super) fn stop(&mut self, switch: &mut Recorded, now: Time, stream: StreamId, code: u64) {
        let _over = switch.stop(now, stream, code);
        let end = self.end(stream);
        end.over = end.over.or(Some(false));
    }

    /// Reads up to `most` bytes, each of which must be the one that was written.
    pub(super) fn read(
        &mut self,
        switch: &mut Recorded,
        now: Time,
        (stream, most): (StreamId, usize),
        truth: &Truth,
    ) {
        let end = self.end(stream);
        let written = truth[&(end.number, !end.opener)];
        let (mut buf, mut left) = ([0; 3_000], most);
        while left > 0 && end.over.is_none() {
            let len = left.min(buf.len());
            match switch.read(now, stream, &mut buf[..len]) {
                Ok(Read::Bytes(len)) => {
                    for (n, got) in buf[..len].iter().enumerate() {
                        let at = end.read + n as u64;
                        let sent = byte(end.number, !end.opener, at);
                        assert_eq!(*got, sent, "{stream}: byte {at} of {}", end.number);
                    }
                    end.read += len as u64;
                    left -= len;
                    assert!(
                        end.read <= written.bytes,
                        "{stream}: more than was ever written"
                    );
                }
                Ok(Read::End) => {
                    assert!(written.finished, "{stream}: an end that nobody wrote");
                    assert_eq!(end.read, written.bytes, "{stream}: whole at its end");
                    end.over = Some(true);
                }
                Err(ReadError::Blocked) => {
                    end.readable = false;
                    return;
                }
                Err(ReadError::Reset(code)) => {
                    let own = truth[&(end.number, end.opener)];
                    assert!(
                        [written.reset, own.reset, Some(STREAM_REFUSED)].contains(&Some(code)),
                        "{stream}: reset by {code}"
                    );
                    end.over = Some(false);
                }
                Err(_) => end.over = Some(false),
            }
        }
    }

    /// Does all that events call for: reads what is readable, writes what there is room for.
    pub(super) fn pump(&mut self, switch: &mut Recorded, now: Time, truth: &mut Truth) {
        let ids: Vec<_> = self.streams.keys().copied().collect();
        for stream in ids {
            self.write(switch, now, stream, truth);
            if self.streams[&stream].readable {
                self.read(switch, now, (stream, usize::MAX), truth);
            }
        }
    }

    /// What is not done of a stream in a line that lives.
    pub(super) fn unfinished(&self, live: impl Fn(LineId) -> bool) -> Option<(StreamId, End)> {
        let mut ends = self.streams.iter().filter(|(id, _)| live(id.line));
        let found = ends.find(|(_, end)| end.over.is_none() || !(end.finished || end.shut));
        found.map(|(id, end)| (*id, *end))
    }
}
