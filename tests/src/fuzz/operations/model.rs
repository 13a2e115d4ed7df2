//! What the two programs know: their lines and streams, and every byte that they wrote.

use std::collections::BTreeMap;

use hydroid_core::switch::{
    Event, LineEvent, LineId, OpenError, Read, ReadError, StreamEvent, StreamId,
};

use crate::{fuzz::Choices, world::World};

/// One end of a stream.
#[derive(Clone, Copy, Debug)]
struct End {
    /// What its head says; 0 if it says nothing.
    number: u64,
    opener: bool,
    read: u64,
    over: bool,
}

/// One direction of a stream.
#[derive(Clone, Copy, Debug, Default)]
struct Direction {
    written: u64,
    finished: bool,
}

/// Lines and streams by node.
#[derive(Debug, Default)]
pub(super) struct Model {
    lines: [Vec<LineId>; 2],
    streams: [BTreeMap<StreamId, End>; 2],
    /// By the number of the stream, and whether it is the opener's.
    truth: BTreeMap<(u64, bool), Direction>,
    numbers: u64,
}

/// The byte at `at` of a direction.
fn byte((number, opener): (u64, bool), at: u64) -> u8 {
    let mixed = (at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (2 * number + u64::from(opener));
    (mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 56) as u8
}

impl Model {
    /// The program on this node starts again.
    pub(super) fn forget(&mut self, n: usize) {
        self.lines[n].clear();
        self.streams[n].clear();
    }

    pub(super) fn on_line(&mut self, n: usize, line: LineId) {
        if !self.lines[n].contains(&line) {
            self.lines[n].push(line);
        }
    }

    /// One of the lines that this node knows.
    pub(super) fn line(&self, n: usize, choices: &mut Choices<'_>) -> Option<LineId> {
        let lines = &self.lines[n];
        lines.get(choices.below(lines.len())).copied()
    }

    /// Takes what was told.
    pub(super) fn look(&mut self, world: &mut World) {
        for (n, node) in world.nodes.iter_mut().enumerate() {
            for event in std::mem::take(&mut node.events) {
                match event {
                    Event::Line(LineEvent::Up { line, .. }) => self.on_line(n, line),
                    Event::Stream(StreamEvent::Opened { stream }) => {
                        let head = node.switch.stream_head(stream).unwrap_or("");
                        let number = head.strip_prefix(r#"{"n":"#);
                        let number = number.and_then(|rest| rest.strip_suffix('}'));
                        let end = End {
                            number: number.and_then(|it| it.parse().ok()).unwrap_or(0),
                            opener: false,
                            read: 0,
                            over: false,
                        };
                        let twice = self.streams[n].insert(stream, end);
                        assert!(twice.is_none(), "{stream} opened twice");
                    }
                    Event::Line(_)
                    | Event::Stream(_)
                    | Event::Space(_)
                    | Event::Anon
                    | Event::Packet { .. }
                    | Event::MaySend { .. }
                    | _ => {}
                }
            }
        }
    }

    /// Does something with a stream of this node, or opens one.
    pub(super) fn operate(&mut self, world: &mut World, n: usize, choices: &mut Choices<'_>) {
        let ids: Vec<_> = self.streams[n].keys().copied().collect();
        let what = choices.byte() % 12;
        let Some(stream) = ids.get(choices.below(ids.len())).filter(|_| what > 1) else {
            self.open(world, n, choices);
            return;
        };
        let stream = *stream;
        let now = world.nodes[n].time(world.now);
        let switch = &mut world.nodes[n].switch;
        match what {
            0..=4 => self.write(world, n, stream, (choices.number() % 8192).into()),
            5..=7 => self.read(world, n, stream, choices.number().into()),
            8 => {
                let End { number, opener, .. } = self.streams[n][&stream];
                if switch.finish(now, stream).is_ok() {
                    self.truth.entry((number, opener)).or_default().finished = true;
                }
            }
            9 => {
                let code = choices.number().into();
                let _over = switch.reset(now, stream, code);
            }
            10 => {
                let code = choices.number().into();
                if switch.stop(now, stream, code).is_ok() {
                    self.end(n, stream).over = true;
                }
            }
            _ => {
                let _over = switch.prioritize(now, stream, choices.byte() as i8);
                let head = String::from_utf8_lossy(choices.bytes());
                let _late = switch.answer(now, stream, &head);
            }
        }
    }

    fn open(&mut self, world: &mut World, n: usize, choices: &mut Choices<'_>) {
        let Some(line) = self.line(n, choices) else {
            return;
        };
        let now = world.nodes[n].time(world.now);
        let given = String::from_utf8_lossy(choices.bytes()).into_owned();
        self.numbers += 1;
        let own = format!("{{\"n\":{}}}", self.numbers);
        let (head, number) = if given.is_empty() || given.starts_with(r#"{"n":"#) {
            (own, self.numbers)
        } else {
            (given, 0)
        };
        match world.nodes[n].switch.open_stream(now, line, &head) {
            Ok(stream) => {
                let end = End {
                    number,
                    opener: true,
                    read: 0,
                    over: false,
                };
                let twice = self.streams[n].insert(stream, end);
                assert!(twice.is_none(), "{stream} opened twice");
            }
            Err(OpenError::IllegalHead) => assert_eq!(number, 0, "{head}"),
            Err(_) => {}
        }
    }

    fn write(&mut self, world: &mut World, n: usize, stream: StreamId, len: u64) {
        let End { number, opener, .. } = self.streams[n][&stream];
        let direction = self.truth.entry((number, opener)).or_default();
        let from = direction.written;
        let bytes: Vec<_> = (from..from + len)
            .map(|at| byte((number, opener), at))
            .collect();
        let now = world.nodes[n].time(world.now);
        if let Ok(taken) = world.nodes[n].switch.write(now, stream, &bytes) {
            assert!(taken <= bytes.len(), "{taken} of {len} bytes");
            assert!(taken > 0 || len == 0, "a write that takes nothing");
            direction.written += taken as u64;
        }
    }

    fn end(&mut self, n: usize, stream: StreamId) -> &mut End {
        self.streams[n].get_mut(&stream).expect("a known stream")
    }

    /// Reads as much, and holds every byte against what was written.
    fn read(&mut self, world: &mut World, n: usize, stream: StreamId, len: usize) {
        let now = world.nodes[n].time(world.now);
        let mut buf = vec![0; len];
        let read = world.nodes[n].switch.read(now, stream, &mut buf);
        let end = self.streams[n].get_mut(&stream).expect("a known stream");
        let from = (end.number, !end.opener);
        let direction = self.truth.get(&from).copied().unwrap_or_default();
        match read {
            // What a head says that is not ours, several streams may say.
            Ok(_) if end.number == 0 => end.over = read == Ok(Read::End),
            Ok(Read::Bytes(len)) => {
                for (at, got) in (end.read..).zip(&buf[..len]) {
                    assert_eq!(*got, byte(from, at), "{stream}: byte {at}");
                }
                end.read += len as u64;
                assert!(end.read <= direction.written, "{stream}: {direction:?}");
            }
            Ok(Read::End) => {
                assert!(direction.finished, "{stream}: an end that nobody wrote");
                assert_eq!(end.read, direction.written, "{stream}: whole at its end");
                end.over = true;
            }
            Err(ReadError::Blocked) => {}
            Err(_) => end.over = true,
        }
    }

    /// Reads everything that there is, gives up what cannot end, and closes every line.
    pub(super) fn let_go(&mut self, world: &mut World) {
        for n in 0..2 {
            let now = world.nodes[n].time(world.now);
            let ids: Vec<_> = self.streams[n].keys().copied().collect();
            for stream in ids {
                let _over = world.nodes[n].switch.finish(now, stream);
                let End { number, opener, .. } = self.streams[n][&stream];
                self.truth.entry((number, opener)).or_default().finished = true;
                let mut before = None;
                while !self.streams[n][&stream].over
                    && before != Some(self.streams[n][&stream].read)
                {
                    before = Some(self.streams[n][&stream].read);
                    self.read(world, n, stream, 65_536);
                }
            }
            for line in &self.lines[n] {
                let _over = world.nodes[n].switch.close(now, *line, 0, "");
                let mut buf = [0; 2048];
                while world.nodes[n].switch.recv(now, *line, &mut buf).is_ok() {}
            }
        }
    }
}
