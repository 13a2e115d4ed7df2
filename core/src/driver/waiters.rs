//! Who waits for what. A task that found nothing leaves its waker here; the event that changes
//! that fires it. Fired wakers are collected, so that a shell can wake them without its lock.

use alloc::{collections::BTreeMap, vec::Vec};
use core::task::Waker;

use super::Config;
use crate::switch::{LineId, StreamId};

/// What a task may wait for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Wait {
    /// The next stream that a peer opened.
    Accept,
    /// The next line that comes up or goes down.
    LineEvent,
    /// The next news of a closed space.
    SpaceEvent,
    /// The next news of a tree.
    TreeEvent,
    /// The next news of the local network.
    LanEvent,
    /// The next packet without a line.
    Anon,
    /// The next thing that is to be kept.
    Need,
    /// The end of the endpoint: everything flushed and every line closed.
    Ended,
    /// Room for one more stream in a line.
    Room(LineId),
    /// A line comes up or goes down.
    Line(LineId),
    /// The next unreliable packet on a line.
    Packet(LineId),
    /// Room to send one.
    Send(LineId),
    /// The peer's head of a stream.
    Head(StreamId),
    /// Something to read, or the end.
    Read(StreamId),
    /// Room to write.
    Write(StreamId),
    /// Everything written has reached the peer.
    Finished(StreamId),
}

/// Ordered so that everything of one line stands together.
type Key = (Option<LineId>, Wait, u32);

/// Wakers by what they wait for.
#[derive(Debug)]
pub struct Waiters {
    wakers: BTreeMap<Key, Waker>,
    fired: Vec<Waker>,
    most: u32,
    /// Where more waited than that.
    crowds: BTreeMap<(Option<LineId>, Wait), Crowd>,
}

/// Many who waited for one thing were fired, since some may be of futures that were dropped. As many
/// more as come back may wait from then on, or they would wake each other for ever.
#[derive(Debug)]
struct Crowd {
    most: u32,
    /// Those who have not come back.
    gone: Vec<Waker>,
}

impl Waiters {
    /// No waiters yet.
    pub(super) const fn new(config: &Config) -> Self {
        Self {
            wakers: BTreeMap::new(),
            fired: Vec::new(),
            most: config.waiters_max,
            crowds: BTreeMap::new(),
        }
    }

    /// Leaves a waker, which is fired once. A task may leave the same one again and again. If too
    /// many wait for one thing, most of them are of futures that were dropped: all are fired, and
    /// those that still care come back.
    pub fn register(&mut self, wait: Wait, waker: &Waker) {
        let (mut waiting, mut place) = (0, 0);
        for (key, other) in self.wakers.range(first(wait)..=last(wait)) {
            if other.will_wake(waker) {
                return;
            }
            (waiting, place) = (waiting + 1, key.2 + 1);
        }
        let crowd = self.crowds.get_mut(&(scope(wait), wait));
        let most = crowd.map_or(self.most, |crowd| crowd.count(waker));
        if waiting >= most {
            self.disperse(wait);
        }
        self.wakers
            .insert((scope(wait), wait, place), waker.clone());
    }

    /// Fires everybody who waits for `wait`, and counts who comes back.
    fn disperse(&mut self, wait: Wait) {
        let waiting = self.wakers.range(first(wait)..=last(wait));
        let crowd = Crowd {
            most: self.most,
            gone: waiting.map(|(_, waker)| waker.clone()).collect(),
        };
        self.crowds.insert((scope(wait), wait), crowd);
        self.fire(wait);
    }

    /// Fires everybody who waits for `wait`.
    pub(super) fn fire(&mut self, wait: Wait) {
        self.fire_while(first(wait), |key| key.1 == wait);
    }

    /// Fires everybody who waits for anything of `line`.
    pub(super) fn fire_line(&mut self, line: LineId) {
        self.fire_while((Some(line), Wait::Accept, 0), |key| key.0 == Some(line));
        self.crowds.retain(|(of, _), _| *of != Some(line));
    }

    /// Fires everybody.
    pub(super) fn fire_all(&mut self) {
        self.fire_while((None, Wait::Accept, 0), |_| true);
        self.crowds.clear();
    }

    /// Forgets who waits for anything of `stream`.
    pub(super) fn forget(&mut self, stream: StreamId) {
        for wait in [Wait::Head, Wait::Read, Wait::Write, Wait::Finished] {
            let wait = wait(stream);
            self.crowds.remove(&(scope(wait), wait));
            while let Some((&key, _)) = self.wakers.range(first(wait)..=last(wait)).next() {
                self.wakers.remove(&key);
            }
        }
    }

    /// Moves the fired wakers to `woken`; whoever takes them must wake them.
    pub fn take_fired(&mut self, woken: &mut Vec<Waker>) {
        woken.append(&mut self.fired);
    }

    fn fire_while(&mut self, from: Key, belongs: impl Fn(&Key) -> bool) {
        while let Some((&key, _)) = self.wakers.range(from..).next() {
            if !belongs(&key) {
                return;
            }
            self.fired.extend(self.wakers.remove(&key));
        }
    }
}

impl Crowd {
    /// Somebody waits. Gives how many may.
    fn count(&mut self, waker: &Waker) -> u32 {
        if let Some(place) = self.gone.iter().position(|gone| gone.will_wake(waker)) {
            self.gone.swap_remove(place);
            self.most += 1;
        }
        self.most
    }
}

const fn first(wait: Wait) -> Key {
    (scope(wait), wait, 0)
}

const fn last(wait: Wait) -> Key {
    (scope(wait), wait, u32::MAX)
}

const fn scope(wait: Wait) -> Option<LineId> {
    match wait {
        Wait::Accept
        | Wait::LineEvent
        | Wait::SpaceEvent
        | Wait::TreeEvent
        | Wait::LanEvent
        | Wait::Anon
        | Wait::Need
        | Wait::Ended => None,
        Wait::Line(line) | Wait::Packet(line) | Wait::Send(line) | Wait::Room(line) => Some(line),
        Wait::Head(stream) | Wait::Read(stream) | Wait::Write(stream) | Wait::Finished(stream) => {
            Some(stream.line)
        }
    }
}
