//! One way to a peer: whether it answers, and the challenge that asks.

use crate::{
    base::Time,
    wire::{Route, SEALED_LEAST},
};

/// What a switch tells when it asks about the paths of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pace {
    /// When the oldest packet was sent that waits for an answer on the path in use; if none does,
    /// now.
    pub since: Time,
    /// The round trip of the path in use, in microseconds.
    pub rtt_us: u64,
}

/// A frame that goes out alone, on a path of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PathFrame {
    /// Asks whether the peer is there.
    Challenge([u8; 8]),
    /// Answers a challenge that came from there.
    Response([u8; 8]),
}

/// Why another path carries the traffic from now on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Departure {
    /// The one before answers no more, or cannot be used.
    Dead,
    /// This one is better; what is on its way on the other may arrive.
    Better,
}

/// What a switch may know of a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PathInfo {
    /// The way.
    pub route: Route,
    /// True if the peer answered there when it was last asked.
    pub proven: bool,
    /// The round trip of its challenges in microseconds: the shortest, and more only as far as all
    /// have been longer for a while.
    pub rtt_us: Option<u64>,
    /// Bytes of the largest datagram that it was found to carry.
    pub packet_bytes: Option<u16>,
}

/// A challenge that was not answered yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Challenge {
    pub(super) bytes: [u8; 8],
    /// When it was sent first.
    pub(super) first: Option<Time>,
    pub(super) left: u8,
    /// It waits to be sent; if not, `due` is when something is to be done about it.
    pub(super) ready: bool,
    pub(super) due: Time,
    pub(super) period_us: u64,
}

/// One path.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) route: Route,
    pub(super) proven: bool,
    pub(super) rtt_us: Option<u64>,
    pub(super) answered: Option<Time>,
    pub(super) heard: Time,
    /// What may still be sent to a place that only the peer's packets name, in bytes; `None` for
    /// one that answered, or that we know ourselves.
    pub(super) allowed: Option<u64>,
    pub(super) challenge: Option<Challenge>,
    /// Rounds that were not answered.
    pub(super) rounds: u8,
    /// So often in a row it was found to be better than the path in use.
    pub(super) wins: u8,
    /// When it is asked again while the line is held.
    pub(super) again: Time,
    /// Bytes of the largest datagram that it was found to carry.
    pub(super) packet_bytes: Option<u16>,
}

/// The path in use may be dead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doubt {
    pub(super) began: Time,
    pub(super) until: Time,
    /// Something of ours was not answered: only an answer ends it, and not whatever comes.
    pub(super) unanswered: bool,
    /// `until` has passed: the first other path that answers takes over.
    pub(super) over: bool,
    /// Its socket is no more: it is forgotten as soon as another takes over.
    pub(super) gone: bool,
}

/// True if these are one path: a side that does not know our own address knows nothing against it.
pub(super) fn is_same(one: &Route, other: &Route) -> bool {
    let locals = (one.path.local, other.path.local);
    let one_way = matches!(locals, (None, _) | (_, None)) || locals.0 == locals.1;
    one.socket == other.socket && one.path.remote == other.path.remote && one_way
}

impl Known {
    pub(super) fn new(route: Route, now: Time, allowed: Option<u64>, again: Time) -> Self {
        Self {
            route,
            proven: false,
            rtt_us: None,
            answered: None,
            heard: now,
            allowed,
            challenge: None,
            rounds: 0,
            wins: 0,
            again,
            packet_bytes: None,
        }
    }

    pub(super) fn may_send(&self) -> bool {
        self.allowed
            .is_none_or(|bytes| bytes >= SEALED_LEAST as u64)
    }

    pub(super) fn begin(&mut self, now: Time, bytes: [u8; 8], left: u8, period_us: u64) {
        self.challenge = Some(Challenge {
            bytes,
            first: None,
            left,
            ready: true,
            due: now,
            period_us,
        });
    }

    /// A challenge took so long. What the traffic on its own way, or a loss, adds to one says
    /// nothing about the path.
    pub(super) fn measure(&mut self, sample_us: u64) {
        let before_us = self.rtt_us.unwrap_or(sample_us);
        let longer_us = sample_us.saturating_sub(before_us);
        self.rtt_us = Some(before_us.min(sample_us) + longer_us / 4);
    }

    /// Takes its challenge to be sent, if one waits and may go.
    pub(super) fn take(&mut self, now: Time) -> Option<[u8; 8]> {
        let challenge = self.challenge.as_mut().filter(|it| it.ready)?;
        challenge.ready = false;
        challenge.left = challenge.left.saturating_sub(1);
        challenge.due = now.plus_us(challenge.period_us);
        challenge.period_us = challenge.period_us.saturating_mul(2);
        let bytes = challenge.bytes;
        if let Some(allowed) = &mut self.allowed {
            *allowed = allowed.checked_sub(SEALED_LEAST as u64)?;
        }
        if let Some(challenge) = &mut self.challenge {
            challenge.first = challenge.first.or(Some(now));
        }
        Some(bytes)
    }
}
