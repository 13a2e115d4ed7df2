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
}

impl Waiters {
    /// No waiters yet.
    pub(super) const fn new(config: &Config) -> Self {
        Self {
            wakers: BTreeMap::new(),
            fired: Vec::new(),
            most: config.waiters_max,
        }
    }

    /// Leaves a waker, which is fired once. A task may leave the same one again and again. If too
    /// many wait for one thing, most of them are of futures that were dropped: all are fired, and
    /// those that still care come back.
    pub fn register(&mut self, wait: Wait, waker: &Waker) {
        let mut places = 0;
        for (key, other) in self.wakers.range(first(wait)..=last(wait)) {
            if other.will_wake(waker) {
                return;
            }
            places = key.2 + 1;
        }
        if places >= self.most {
            self.fire(wait);
            places = 0;
        }
        self.wakers
            .insert((scope(wait), wait, places), waker.clone());
    }

    /// Fires everybody who waits for `wait`.
    pub(super) fn fire(&mut self, wait: Wait) {
        self.fire_while(first(wait), |key| key.1 == wait);
    }

    /// Fires everybody who waits for anything of `line`.
    pub(super) fn fire_line(&mut self, line: LineId) {
        self.fire_while((Some(line), Wait::Accept, 0), |key| key.0 == Some(line));
    }

    /// Fires everybody.
    pub(super) fn fire_all(&mut self) {
        self.fire_while((None, Wait::Accept, 0), |_| true);
    }

    /// Forgets who waits for anything of `stream`.
    pub(super) fn forget(&mut self, stream: StreamId) {
        for wait in [Wait::Head, Wait::Read, Wait::Write, Wait::Finished] {
            let wait = wait(stream);
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
        | Wait::Anon
        | Wait::Need
        | Wait::Ended => None,
        Wait::Line(line) | Wait::Packet(line) | Wait::Send(line) | Wait::Room(line) => Some(line),
        Wait::Head(stream) | Wait::Read(stream) | Wait::Write(stream) | Wait::Finished(stream) => {
            Some(stream.line)
        }
    }
}
