//! What is remembered of each peer of each of our hashnames, with or without a line.

use alloc::collections::BTreeMap;

use crate::{
    base::{Finder, Slot, Slots, Time},
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

#[derive(Debug)]
struct Peer {
    pair: Pair,
    state: PeerState,
    slot: Option<Slot>,
    /// The time of the newest open that it confirmed, in its own microseconds.
    newest_open: Option<Time>,
    /// When an open that was not newer was answered last.
    answered: Option<Time>,
    /// Where it stands among those without a line.
    stamp: u64,
}

/// Peers by pair. Those without a line are bounded: the one longest without one is forgotten.
#[derive(Debug)]
pub(super) struct Peers {
    known: Slots<Peer>,
    by_pair: Finder,
    without_line: BTreeMap<u64, Pair>,
    stamp: u64,
    most: usize,
}

impl Peers {
    pub(super) const fn new(most: u32, by_pair: Finder) -> Self {
        Self {
            known: Slots::new(),
            by_pair,
            without_line: BTreeMap::new(),
            stamp: 0,
            most: most as usize,
        }
    }

    pub(super) fn slot(&self, pair: &Pair) -> Option<Slot> {
        self.get(pair)?.slot
    }

    /// The state apart from any line.
    pub(super) fn state(&self, pair: &Pair) -> PeerState {
        self.get(pair).map_or(PeerState::Unknown, |peer| peer.state)
    }

    /// Sets the state that holds while there is no line; `Unknown` forgets a peer without one.
    pub(super) fn note(&mut self, pair: Pair, state: PeerState) {
        if state == PeerState::Unknown {
            if self.slot(&pair).is_none()
                && let Some(peer) = self.remove(&pair)
            {
                self.without_line.remove(&peer.stamp);
            }
            return;
        }
        self.entry(pair).state = state;
        self.forget_oldest();
    }

    /// A line of this pair lives at `slot` from now on, or none any more.
    pub(super) fn set_slot(&mut self, pair: Pair, slot: Option<Slot>) {
        self.stamp += 1;
        let stamp = self.stamp;
        let peer = self.entry(pair);
        let old = core::mem::replace(&mut peer.stamp, stamp);
        peer.slot = slot;
        peer.state = PeerState::Resolved;
        self.without_line.remove(&old);
        if slot.is_none() {
            self.without_line.insert(stamp, pair);
            self.forget_oldest();
        } else if self.without_line.is_empty() {
            // An empty map keeps a node of eleven places.
            self.without_line = BTreeMap::new();
        }
    }

    /// An open of this time was confirmed by its initiator.
    pub(super) fn confirm_open(&mut self, pair: Pair, time: u64) {
        let peer = self.entry(pair);
        peer.newest_open = peer.newest_open.max(Some(Time::from_us(time)));
    }

    /// True if an open of this time may be answered: it is newer than any that the peer confirmed,
    /// or the last exception was at least `every_ms` ago.
    pub(super) fn may_answer(&mut self, now: Time, pair: &Pair, time: u64, every_ms: u64) -> bool {
        let Some(peer) = self.find(pair).and_then(|at| self.known.get_mut(at)) else {
            return true;
        };
        let time = Time::from_us(time);
        if peer.newest_open.is_none_or(|newest| newest < time) {
            return true;
        }
        let may = peer.answered.is_none_or(|at| at.plus_ms(every_ms) <= now);
        if may {
            peer.answered = Some(now);
        }
        may
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    fn find(&self, pair: &Pair) -> Option<Slot> {
        let is_it = |at| self.known.get(at).is_some_and(|peer| peer.pair == *pair);
        self.by_pair.find(pair, is_it)
    }

    fn get(&self, pair: &Pair) -> Option<&Peer> {
        self.known.get(self.find(pair)?)
    }

    fn entry(&mut self, pair: Pair) -> &mut Peer {
        let at = match self.find(&pair) {
            Some(at) => at,
            None => self.insert(pair),
        };
        self.known
            .get_mut(at)
            .expect("it was just found or put there")
    }

    fn insert(&mut self, pair: Pair) -> Slot {
        self.stamp += 1;
        self.without_line.insert(self.stamp, pair);
        let at = self.known.insert(Peer {
            pair,
            state: PeerState::Seen,
            slot: None,
            newest_open: None,
            answered: None,
            stamp: self.stamp,
        });
        let known = &self.known;
        self.by_pair.insert(&pair, at, |at| pair_at(known, at));
        at
    }

    fn remove(&mut self, pair: &Pair) -> Option<Peer> {
        let at = self.find(pair)?;
        let peer = self.known.remove(at);
        let known = &self.known;
        self.by_pair.remove(pair, at, |at| pair_at(known, at));
        peer
    }

    fn forget_oldest(&mut self) {
        while self.without_line.len() > self.most {
            if let Some((_, pair)) = self.without_line.pop_first() {
                self.remove(&pair);
            }
        }
    }
}

fn pair_at(known: &Slots<Peer>, at: Slot) -> Pair {
    known.get(at).expect("what can be found is there").pair
}
