//! What happened, in its order, for a shell whose user has no tasks to wake. Each thing is told
//! once until it is taken, and nothing is told of a stream that nobody holds: however long nobody
//! takes anything, there is no more of it than there are lines and handles.

use alloc::collections::BTreeMap;

use super::{Driver, Wait};
use crate::switch::{LanEvent, LineEvent, LineId, SpaceEvent, StreamId, TreeEvent};

/// Something that happened. It says where to look; what there is to take stays until it is taken.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum News {
    /// A line came up, took another way, or is no more. Of a line that is no more, each stream that
    /// is held and not over is told as readable and writable.
    Line(LineEvent),
    /// Something happened to an identity of ours in a closed space.
    Space(SpaceEvent),
    /// Something happened to an identity of ours in the tree of its space.
    Tree(TreeEvent),
    /// Something happened to an identity of ours on the local network.
    Lan(LanEvent),
    /// Peers opened streams: accept until there is none. Once more at the beginning of the end.
    Accept,
    /// The peer allows further streams in this line, after there was no room for one.
    MayOpen(LineId),
    /// An unreliable packet came on the line: receive until there is none.
    Packet(LineId),
    /// Unreliable packets find room on the line again, after one did not.
    MaySend(LineId),
    /// A packet without a line came: receive until there is none.
    Anon,
    /// There is something to keep for the next start: take until there is none.
    Need,
    /// The head of the peer's direction has come.
    Answered(StreamId),
    /// There is something to read, or the end, or a reason why there will be nothing: read until
    /// it would block. The peer's head is there, too, or will not come.
    Readable(StreamId),
    /// There is room to write again, or a reason why there will be none.
    Writable(StreamId),
    /// Everything that we wrote, the end too, has reached the peer.
    Finished(StreamId),
    /// The peer gave up its direction; what had come is dropped.
    Reset {
        /// The stream.
        stream: StreamId,
        /// The peer's reason.
        code: u64,
    },
    /// The peer reads no more; our direction was reset for it.
    Stopped {
        /// The stream.
        stream: StreamId,
        /// The peer's reason.
        code: u64,
    },
    /// The end of the endpoint has come. What had arrived can still be taken.
    Ended,
}

/// What is to be told, in its order, and where each thing stands in it.
#[derive(Debug, Default)]
pub(super) struct Told {
    order: BTreeMap<u64, Wait>,
    places: BTreeMap<Wait, u64>,
    next: u64,
}

impl Told {
    fn tell(&mut self, wait: Wait) {
        // Events that are values wait in queues of their own, and each has its place.
        if !matches!(
            wait,
            Wait::LineEvent | Wait::SpaceEvent | Wait::TreeEvent | Wait::LanEvent
        ) {
            if self.places.contains_key(&wait) {
                return;
            }
            self.places.insert(wait, self.next);
        }
        self.order.insert(self.next, wait);
        self.next += 1;
    }

    fn forget(&mut self, wait: Wait) {
        if let Some(place) = self.places.remove(&wait) {
            self.order.remove(&place);
        }
    }

    fn take(&mut self) -> Option<Wait> {
        let (_, wait) = self.order.pop_first()?;
        self.places.remove(&wait);
        Some(wait)
    }
}

impl Driver {
    /// From now on what happens is told by [`Driver::next_news`].
    pub fn tell_news(&mut self) {
        self.told = Some(Told::default());
    }

    /// True if there is news; [`Driver::wait`] is zero then.
    pub fn has_news(&self) -> bool {
        self.told
            .as_ref()
            .is_some_and(|told| !told.order.is_empty())
    }

    /// The oldest thing that happened and was not yet told.
    pub fn next_news(&mut self) -> Option<News> {
        loop {
            let wait = self.told.as_mut()?.take()?;
            if let Some(news) = self.news(wait) {
                return Some(news);
            }
        }
    }

    fn news(&mut self, wait: Wait) -> Option<News> {
        Some(match wait {
            Wait::LineEvent => News::Line(self.next_line_event()?),
            Wait::SpaceEvent => News::Space(self.space_events.pop()?),
            Wait::TreeEvent => News::Tree(self.tree_events.pop()?),
            Wait::LanEvent => News::Lan(self.lan_events.pop()?),
            Wait::Accept => News::Accept,
            Wait::Anon => News::Anon,
            Wait::Need => News::Need,
            Wait::Ended => News::Ended,
            Wait::Room(line) => News::MayOpen(line),
            Wait::Packet(line) => News::Packet(line),
            Wait::Send(line) => News::MaySend(line),
            Wait::Head(stream) => News::Answered(stream),
            Wait::Finished(stream) => News::Finished(stream),
            Wait::Read(stream) => match self.stream(stream)?.reset {
                Some(code) => News::Reset { stream, code },
                None => News::Readable(stream),
            },
            Wait::Write(stream) => match self.stream(stream)?.stopped {
                Some(code) => News::Stopped { stream, code },
                None => News::Writable(stream),
            },
            // The line event says it.
            Wait::Line(_) => return None,
        })
    }

    pub(super) fn tell(&mut self, wait: Wait) {
        if let Some(told) = &mut self.told {
            told.tell(wait);
        }
    }

    /// The same of a stream, if it is held.
    pub(super) fn tell_of(&mut self, stream: StreamId, wait: fn(StreamId) -> Wait) {
        if self.records.streams.contains_key(&stream) {
            self.tell(wait(stream));
        }
    }

    /// A line is no more: whoever holds a stream of it is to look.
    pub(super) fn tell_down(&mut self, line: LineId) {
        let Some(told) = &mut self.told else {
            return;
        };
        told.forget(Wait::Room(line));
        told.forget(Wait::Packet(line));
        told.forget(Wait::Send(line));
        let streams = self.records.streams.range(StreamId::of_number(line, 0)..);
        for (&stream, record) in streams.take_while(|(stream, _)| stream.line == line) {
            if record.reset.is_none() && !record.turned_away && !record.read {
                told.tell(Wait::Read(stream));
            }
            if record.stopped.is_none() && !record.given_up && !record.finished {
                told.tell(Wait::Write(stream));
            }
        }
    }

    pub(super) fn forget_news(&mut self, stream: StreamId) {
        if let Some(told) = &mut self.told {
            for wait in [Wait::Head, Wait::Read, Wait::Write, Wait::Finished] {
                told.forget(wait(stream));
            }
        }
    }
}
