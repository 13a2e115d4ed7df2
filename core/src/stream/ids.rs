//! The numbers of streams. The k-th stream that an end opens on a line has the id
//! `2 * (first + k) + parity`; the end with the smaller hashname has parity 0. A number once used is
//! never used again while that end runs, because the next line goes on where this one ended.

use super::{Misbehaviour, config::STREAMS_CREDIT_FIRST};
use crate::{base::Ranges, wire::VARINT_MAX};

#[derive(Debug)]
pub(super) struct Ids {
    parity: u64,
    our_first: u64,
    opened: u64,
    closed: u64,
    /// How many the peer allows us.
    allowed: u64,
    /// Unknown until the handshake is done.
    peer_first: Option<u64>,
    peer_opened: u64,
    peer_closed: u64,
    granted: u64,
    /// Streams of the peer below `peer_opened` of which nothing has come yet. They cost nothing.
    unseen: Ranges,
    most: u64,
}

/// What a frame on some id is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Known {
    /// A stream of which something came or went before; if it is no longer there, it is over.
    Before,
    /// A stream of the peer's that begins with this frame.
    Begins,
}

impl Ids {
    pub(super) fn new(most: u64, smaller: bool, our_first: u64, peer_first: Option<u64>) -> Self {
        Self {
            parity: u64::from(!smaller),
            our_first,
            opened: 0,
            closed: 0,
            allowed: STREAMS_CREDIT_FIRST,
            peer_first,
            peer_opened: 0,
            peer_closed: 0,
            granted: STREAMS_CREDIT_FIRST,
            unseen: Ranges::new(),
            most,
        }
    }

    pub(super) const fn set_peer_first(&mut self, first: u64) {
        self.peer_first = Some(first);
    }

    /// The number that our next line begins with.
    pub(super) const fn next(&self) -> u64 {
        self.our_first + self.opened
    }

    pub(super) const fn is_ours(&self, id: u64) -> bool {
        id & 1 == self.parity
    }

    /// True if another stream may be opened now.
    pub(super) const fn may_open(&self) -> bool {
        self.opened < self.allowed
            && self.opened - self.closed < self.most
            && self.next() <= VARINT_MAX / 2
    }

    /// The id of the stream that we open now.
    pub(super) fn open(&mut self) -> u64 {
        debug_assert!(self.may_open(), "the caller asked before");
        let id = 2 * self.next() + self.parity;
        self.opened += 1;
        id
    }

    /// The peer allows this many streams.
    pub(super) fn allow(&mut self, count: u64) {
        self.allowed = self.allowed.max(count);
    }

    /// A frame came about `id`. One of the peer's streams opens all below it, too.
    pub(super) fn admit(&mut self, id: u64) -> Result<Known, Misbehaviour> {
        let number = id / 2;
        if self.is_ours(id) {
            let is_known = (self.our_first..self.next()).contains(&number);
            return is_known
                .then_some(Known::Before)
                .ok_or(Misbehaviour::UnknownStream);
        }
        let first = self.peer_first.ok_or(Misbehaviour::UnknownStream)?;
        let k = number
            .checked_sub(first)
            .ok_or(Misbehaviour::UnknownStream)?;
        if k >= self.granted {
            return Err(Misbehaviour::TooManyStreams);
        }
        if k >= self.peer_opened {
            self.unseen.insert(self.peer_opened..k);
            self.peer_opened = k + 1;
            return Ok(Known::Begins);
        }
        Ok(match self.unseen.remove(k..k + 1) {
            0 => Known::Before,
            _ => Known::Begins,
        })
    }

    /// A stream is over. True if that raised what the peer may open, so that it is to be told.
    pub(super) fn close(&mut self, id: u64) -> bool {
        if self.is_ours(id) {
            self.closed += 1;
            return false;
        }
        self.peer_closed += 1;
        self.raise()
    }

    /// Raises what the peer may open. It is told when that is at least what it has left: half the
    /// limit ahead of need, and each single one where it uses all.
    pub(super) fn raise(&mut self) -> bool {
        let gain = self.peer_closed + self.most - self.granted;
        let left = self.granted - self.peer_opened;
        let is_due = gain > 0 && gain >= left && self.peer_opened * 4 >= self.granted;
        if is_due {
            self.granted += gain;
        }
        is_due
    }

    /// Gives up memory that is kept for later.
    pub(super) fn rest(&mut self) {
        if self.unseen.is_empty() {
            self.unseen = Ranges::new();
        }
    }

    /// How many the peer may open.
    pub(super) const fn granted(&self) -> u64 {
        self.granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_ids_are_dense_and_tell_who_opened() {
        let mut even = Ids::new(100, true, 0, Some(7));
        let mut odd = Ids::new(100, false, 7, Some(0));
        assert_eq!([even.open(), even.open()], [0, 2]);
        assert_eq!([odd.open(), odd.open()], [15, 17]);
        assert_eq!((even.next(), odd.next()), (2, 9));
        assert_eq!(even.admit(15), Ok(Known::Begins));
        assert_eq!(even.admit(15), Ok(Known::Before));
        assert_eq!(even.admit(2), Ok(Known::Before));
        assert_eq!(even.admit(4), Err(Misbehaviour::UnknownStream));
        assert_eq!(even.admit(13), Err(Misbehaviour::UnknownStream));
    }

    #[test]
    fn stream_ids_of_lower_number_open_with_a_higher_one() {
        let mut ids = Ids::new(100, true, 0, Some(0));
        assert_eq!(ids.admit(21), Ok(Known::Begins));
        assert_eq!(ids.admit(1), Ok(Known::Begins));
        assert_eq!(ids.admit(1), Ok(Known::Before));
        assert_eq!(ids.admit(23), Ok(Known::Begins));
        assert_eq!(ids.admit(2 * 64 + 1), Err(Misbehaviour::TooManyStreams));
        assert_eq!(ids.admit(u64::MAX), Err(Misbehaviour::TooManyStreams));
    }

    #[test]
    fn stream_ids_before_the_handshake_are_unknown() {
        let mut ids = Ids::new(100, true, 0, None);
        assert_eq!(ids.admit(1), Err(Misbehaviour::UnknownStream));
        ids.set_peer_first(0);
        assert_eq!(ids.admit(1), Ok(Known::Begins));
    }

    #[test]
    fn stream_ids_credit_follows_what_is_over() {
        let mut ids = Ids::new(64, true, 0, Some(0));
        ids.admit(2 * 63 + 1).unwrap();
        assert!(ids.close(1), "all are used, so each counts");
        assert_eq!(ids.granted(), 65);
        assert_eq!(ids.admit(2 * 64 + 1), Ok(Known::Begins));
        assert_eq!(ids.admit(2 * 65 + 1), Err(Misbehaviour::TooManyStreams));
        let mut ids = Ids::new(64, true, 0, Some(0));
        ids.admit(2 * 15 + 1).unwrap();
        assert!((0..16).all(|_| !ids.close(1)), "much is left");
    }

    #[test]
    fn stream_ids_of_ours_stay_within_both_limits() {
        let mut ids = Ids::new(100, true, 0, Some(0));
        for _ in 0..64 {
            ids.open();
        }
        assert!(!ids.may_open());
        ids.allow(u64::MAX);
        for _ in 0..36 {
            ids.open();
        }
        assert!(!ids.may_open(), "as many live as the config allows");
        ids.close(0);
        assert!(ids.may_open());
        assert!(!Ids::new(100, true, VARINT_MAX / 2 + 1, None).may_open());
    }
}
