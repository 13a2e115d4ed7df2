//! What is remembered of each peer of each of our hashnames, with or without a line.

use alloc::collections::BTreeMap;

use super::state::Line;
use crate::{
    base::{Finder, Index, Slot, Slots, Time},
    identity::Hashname,
};

/// One of our hashnames and one of its peers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Pair {
    pub(super) local: Hashname,
    pub(super) peer: Hashname,
}

/// How far we have come with a peer. Every state can be left in both directions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PeerState {
    /// We know nothing of it, or have forgotten.
    Unknown,
    /// Somebody named its hashname.
    Seen,
    /// Its key is being looked up.
    Resolving,
    /// Its key is known; there is no line.
    Resolved,
    /// A line is being opened.
    Connecting,
    /// There is a line.
    Connected,
}

/// What is remembered of the opens of a peer, with or without a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Opens {
    /// The time of the newest one that it confirmed, in its own microseconds.
    newest: Option<Time>,
    /// When one that was not newer was answered last.
    answered: Option<Time>,
}

impl Opens {
    /// One of this time was confirmed by its initiator.
    pub(super) fn confirm(&mut self, time: u64) {
        self.newest = self.newest.max(Some(Time::from_us(time)));
    }

    /// True if one of this time may be answered: it is newer than any that the peer confirmed, or
    /// the last exception was at least `every_ms` ago.
    fn may_answer(&mut self, now: Time, time: u64, every_ms: u64) -> bool {
        let time = Time::from_us(time);
        if self.newest.is_none_or(|newest| newest < time) {
            return true;
        }
        let may = self.answered.is_none_or(|at| at.plus_ms(every_ms) <= now);
        if may {
            self.answered = Some(now);
        }
        may
    }
}

/// A peer without a line.
#[derive(Debug)]
pub(super) struct Peer {
    state: PeerState,
    opens: Opens,
    /// Where it stands among those without a line.
    stamp: u64,
}

/// Peers by pair. Those without a line are bounded: the one longest without one is forgotten. Those
/// with one are found by it, and what is remembered of them is in it.
#[derive(Debug)]
pub(super) struct Peers {
    by_pair: Finder,
    known: Index<Pair, Peer>,
    without_line: BTreeMap<u64, Pair>,
    stamp: u64,
    most: usize,
}

impl Peers {
    pub(super) const fn new(most: u32, by_pair: Finder, known: Index<Pair, Peer>) -> Self {
        Self {
            by_pair,
            known,
            without_line: BTreeMap::new(),
            stamp: 0,
            most: most as usize,
        }
    }

    /// The line of a pair.
    pub(super) fn slot(&self, pair: &Pair, lines: &Slots<Line>) -> Option<Slot> {
        let is_it = |at| lines.get(at).is_some_and(|line| line.pair() == *pair);
        self.by_pair.find(pair, is_it)
    }

    /// The state of a pair without a line.
    pub(super) fn state(&self, pair: &Pair) -> PeerState {
        let peer = self.known.get(pair);
        peer.map_or(PeerState::Unknown, |peer| peer.state)
    }

    /// Sets the state of a pair without a line; `Unknown` forgets it.
    pub(super) fn note(&mut self, pair: Pair, state: PeerState) {
        if state == PeerState::Unknown {
            self.take(&pair);
        } else if let Some(peer) = self.known.get_mut(&pair) {
            peer.state = state;
        } else {
            self.enter(pair, state, Opens::default());
        }
    }

    /// The line of this pair lives at `slot` from now on.
    pub(super) fn come(&mut self, pair: Pair, slot: Slot, lines: &mut Slots<Line>) {
        if let Some(opens) = self.take(&pair)
            && let Some(line) = lines.get_mut(slot)
        {
            line.opens = opens;
        }
        if self.slot(&pair, lines).is_none() {
            self.by_pair.insert(&pair, slot, |at| pair_at(lines, at));
        }
    }

    /// The line of this pair, which was at `slot`, is none any more.
    pub(super) fn go(&mut self, pair: Pair, slot: Slot, opens: Opens, lines: &Slots<Line>) {
        self.by_pair.remove(&pair, slot, |at| pair_at(lines, at));
        self.enter(pair, PeerState::Resolved, opens);
    }

    /// True if an open of this time may be answered.
    pub(super) fn may_answer(
        &mut self,
        now: Time,
        (pair, time): (&Pair, u64),
        every_ms: u64,
        lines: &mut Slots<Line>,
    ) -> bool {
        let opens = match self.slot(pair, lines) {
            Some(slot) => lines.get_mut(slot).map(|line| &mut line.opens),
            None => self.known.get_mut(pair).map(|peer| &mut peer.opens),
        };
        opens.is_none_or(|opens| opens.may_answer(now, time, every_ms))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.len() + self.by_pair.len()
    }

    fn enter(&mut self, pair: Pair, state: PeerState, opens: Opens) {
        self.stamp += 1;
        let stamp = self.stamp;
        self.without_line.insert(stamp, pair);
        let peer = Peer {
            state,
            opens,
            stamp,
        };
        if let Some(old) = self.known.insert(pair, peer) {
            self.without_line.remove(&old.stamp);
        }
        while self.without_line.len() > self.most {
            if let Some((_, pair)) = self.without_line.pop_first() {
                self.known.remove(&pair);
            }
        }
    }

    fn take(&mut self, pair: &Pair) -> Option<Opens> {
        let peer = self.known.remove(pair)?;
        self.without_line.remove(&peer.stamp);
        if self.without_line.is_empty() {
            // An empty map keeps a node of eleven places.
            self.without_line = BTreeMap::new();
        }
        Some(peer.opens)
    }
}

fn pair_at(lines: &Slots<Line>, at: Slot) -> Pair {
    lines.get(at).expect("what can be found is there").pair()
}
