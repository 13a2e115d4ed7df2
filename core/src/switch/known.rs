//! The peers worth remembering: those that a line was up with, and those that a line is wanted to.
//! Bounded; the one that was heard of longest ago is forgotten, unless a line to it is wanted.

use alloc::vec::Vec;
use core::net::SocketAddr;

use super::{Peer, wants::Want};
use crate::{
    base::{Index, Slot, Slots},
    identity::{Hashname, PublicKey},
};

/// One of our hashnames and the key of a peer of its. Not the peer's hashname: before the identity
/// is installed, nobody knows the space that it would be in.
pub(super) type Pair = (Hashname, PublicKey);

/// What a program may know of a peer that is remembered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KnownPeer {
    /// Who it is.
    pub peer: Peer,
    /// Where it may be: first where it was, newest first, then where it was said to be.
    pub addresses: Vec<SocketAddr>,
    /// True if a line to it is kept: see `Switch::keep_line`.
    pub wanted: bool,
    /// True if the last line with it was not closed in order by either end: it is up, it broke, or
    /// it was up when the switch stopped.
    pub line: bool,
}

/// A peer that is remembered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Record {
    pub(super) pair: Pair,
    /// Addresses that a line to it was proven at, newest first.
    pub(super) proven: Vec<SocketAddr>,
    /// Addresses that it was said to have.
    pub(super) given: Vec<SocketAddr>,
    pub(super) line: bool,
    pub(super) want: Option<Want>,
    age: u64,
}

impl Record {
    /// Where it may be, the most likely first.
    pub(super) fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        let said = self.given.iter().filter(|at| !self.proven.contains(at));
        self.proven.iter().chain(said).copied()
    }

    /// A line to it works at this address. Of at most `most` the oldest is dropped.
    pub(super) fn prove(&mut self, address: SocketAddr, most: u32) {
        self.proven.retain(|other| *other != address);
        self.proven.insert(0, address);
        self.proven.truncate(most as usize);
    }

    /// It is said to be at these addresses. They go before what was said earlier.
    pub(super) fn give(&mut self, addresses: &[SocketAddr], most: u32) {
        for address in addresses.iter().take(most as usize).rev() {
            self.given.retain(|other| other != address);
            self.given.insert(0, *address);
        }
        self.given.truncate(most as usize);
    }
}

/// The peers by pair, and by how long ago they were heard of.
#[derive(Debug)]
pub(super) struct Known {
    records: Slots<Record>,
    by_pair: Index<Pair, Slot>,
    /// By age: who was heard of last stands at the end.
    by_age: Vec<(u64, Slot)>,
    age: u64,
    most: usize,
}

impl Known {
    pub(super) const fn new(most: u32, by_pair: Index<Pair, Slot>) -> Self {
        Self {
            records: Slots::new(),
            by_pair,
            by_age: Vec::new(),
            age: 0,
            most: most as usize,
        }
    }

    pub(super) fn find(&self, pair: &Pair) -> Option<Slot> {
        self.by_pair.get(pair).copied()
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&Record> {
        self.records.get(slot)
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut Record> {
        self.records.get_mut(slot)
    }

    /// All of them, the newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = (Slot, &Record)> {
        let slots = self.by_age.iter().rev();
        slots.filter_map(|(_, slot)| Some((*slot, self.records.get(*slot)?)))
    }

    /// The record of a peer that was just heard of, made if it is new.
    pub(super) fn enter(&mut self, pair: Pair) -> Slot {
        self.age += 1;
        let age = self.age;
        if let Some(slot) = self.find(&pair) {
            if let Some(record) = self.records.get_mut(slot) {
                let old = core::mem::replace(&mut record.age, age);
                self.forget_age(old);
            }
            self.by_age.push((age, slot));
            return slot;
        }
        let slot = self.records.insert(Record {
            pair,
            proven: Vec::new(),
            given: Vec::new(),
            line: false,
            want: None,
            age,
        });
        self.by_pair.insert(pair, slot);
        if self.by_age.is_empty() {
            // Most switches have few peers.
            self.by_age.reserve_exact(1);
        }
        self.by_age.push((age, slot));
        self.forget_oldest(slot);
        slot
    }

    fn forget_age(&mut self, age: u64) {
        if let Ok(place) = self.by_age.binary_search_by_key(&age, |it| it.0) {
            self.by_age.remove(place);
        }
    }

    fn forget_oldest(&mut self, newest: Slot) {
        if self.by_pair.len() <= self.most {
            return;
        }
        let spare = |slot: &Slot| {
            *slot != newest && self.records.get(*slot).is_some_and(|it| it.want.is_none())
        };
        if let Some(slot) = self.by_age.iter().map(|it| it.1).find(spare)
            && let Some(record) = self.records.remove(slot)
        {
            self.by_pair.remove(&record.pair);
            self.forget_age(record.age);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::{Rng, Seed},
        identity::SecretKey,
    };

    fn fresh() -> Known {
        Known::new(3, Index::new(&mut Rng::new(&Seed::new([1; 32]))))
    }

    fn pair(n: u8) -> Pair {
        let key = SecretKey::from_bytes(&[n; 32]).public();
        (Hashname::from_bytes([1; 20]), key)
    }

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn known_peers_are_bounded_and_those_wanted_stay() {
        let mut known = fresh();
        let wanted = known.enter(pair(1));
        known.get_mut(wanted).unwrap().want = Some(Want::default());
        for n in 2..10 {
            known.enter(pair(n));
        }
        known.enter(pair(8));
        let all: Vec<_> = known.newest_first().map(|(_, it)| it.pair).collect();
        assert_eq!(all, [pair(8), pair(9), pair(1)]);
        assert_eq!(known.find(&pair(2)), None);
    }

    #[test]
    fn known_addresses_that_were_proven_come_first_and_none_drives_out_what_was_said() {
        let mut known = fresh();
        let slot = known.enter(pair(1));
        let record = known.get_mut(slot).unwrap();
        record.give(&[at(1), at(2), at(3)], 2);
        for port in [4, 5, 2, 6] {
            record.prove(at(port), 2);
        }
        record.give(&[at(2)], 2);
        let addresses: Vec<_> = record.addresses().collect();
        assert_eq!(addresses, [at(6), at(2), at(1)]);
    }
}
