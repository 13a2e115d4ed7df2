//! All members in memory, found by key and walked in the order of the keys.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::ops::RangeInclusive;

use super::{
    beside::{Beside, fit, reserve},
    entry::{Entry, Notes, flag},
    record::{RECORD_MAX, write_entry},
    sums::Sums,
    word::{Places, Prefix, Word, prefix},
};
use crate::identity::{PublicKey, Signature};
use sha2::{Digest as _, Sha256};

/// A name, and the signature by which its bearer claims it.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) version: u32,
    pub(super) name: String,
    pub(super) signature: Signature,
}

/// The members. Places of entries change when one is removed; prefixes do not.
#[derive(Debug)]
pub(super) struct Store {
    entries: Vec<Entry>,
    /// The places of the entries in the order of the keys.
    order: Vec<u32>,
    /// Those who are there.
    living: u32,
    sums: Sums,
    places: Beside<Box<Places>>,
    oaths: Beside<Box<Signature>>,
    claims: Beside<Box<Claim>>,
    /// Checks that were computed, for tests of what a packet costs.
    #[cfg(test)]
    pub(super) hashes: core::cell::Cell<u64>,
}

impl Store {
    pub(super) const fn new() -> Self {
        Self {
            entries: Vec::new(),
            order: Vec::new(),
            living: 0,
            sums: Sums::new(),
            places: Beside::new(),
            oaths: Beside::new(),
            claims: Beside::new(),
            #[cfg(test)]
            hashes: core::cell::Cell::new(0),
        }
    }

    /// Entries, also of those who are gone.
    pub(super) const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Members who are there.
    pub(super) const fn living(&self) -> u32 {
        self.living
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What greetings and digests say.
    pub(super) const fn sums(&self) -> &Sums {
        &self.sums
    }

    /// All entries in the order of their places, for notes.
    pub(super) fn notes(&mut self) -> impl Iterator<Item = Notes<'_>> {
        self.entries.iter_mut().map(Notes::new)
    }

    fn rank(&self, wanted: Prefix) -> Result<usize, usize> {
        let of = |at: &u32| prefix(&self.entries[*at as usize].key);
        self.order.binary_search_by_key(&wanted, of)
    }

    /// The place of the entry.
    pub(super) fn place(&self, wanted: Prefix) -> Option<usize> {
        let rank = self.rank(wanted).ok()?;
        Some(self.order[rank] as usize)
    }

    pub(super) fn find(&self, wanted: Prefix) -> Option<&Entry> {
        Some(&self.entries[self.place(wanted)?])
    }

    /// The entry, for notes.
    pub(super) fn note(&mut self, wanted: Prefix) -> Option<Notes<'_>> {
        let place = self.place(wanted)?;
        Some(Notes::new(&mut self.entries[place]))
    }

    /// The entry at a rank in the order of the keys.
    pub(super) fn ranked(&self, rank: usize) -> &Entry {
        &self.entries[self.order[rank] as usize]
    }

    /// The entries whose prefixes are in the range, in the order of the keys.
    pub(super) fn range(&self, range: RangeInclusive<Prefix>) -> impl Iterator<Item = &Entry> {
        let from = self.rank(*range.start()).unwrap_or_else(|at| at);
        let ranks = self.order[from..].iter();
        ranks
            .map(|at| &self.entries[*at as usize])
            .take_while(move |entry| prefix(&entry.key) <= *range.end())
    }

    /// How many entries have prefixes in the range.
    pub(super) fn count(&self, range: RangeInclusive<Prefix>) -> usize {
        let from = self.rank(*range.start()).unwrap_or_else(|at| at);
        let to = self.rank(*range.end()).map_or_else(|at| at, |at| at + 1);
        to.saturating_sub(from)
    }

    /// Everybody in the order of the keys, also those who are gone.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.order.iter().map(|at| &self.entries[*at as usize])
    }

    /// Adds a member that has said nothing yet, if none has its prefix. It is in the sums from its
    /// first word on.
    pub(super) fn insert(&mut self, key: PublicKey) {
        let Err(rank) = self.rank(prefix(&key)) else {
            return;
        };
        reserve(&mut self.order);
        self.order.insert(rank, self.entries.len() as u32);
        reserve(&mut self.entries);
        self.entries.push(Entry::new(key));
        self.living += 1;
    }

    /// Changes what is compared of an entry, and the sums with it. There is no other way to change
    /// it: a sum that is wrong once would stay wrong, and two images would never agree again.
    fn alter(&mut self, who: Prefix, change: impl FnOnce(&mut Self, usize)) {
        let Some(place) = self.place(who) else {
            return;
        };
        if self.entries[place].is(flag::SUMMED) {
            self.toggle(place);
        }
        change(self, place);
        let there = !self.entries[place].is(flag::GONE);
        self.entries[place].set(flag::SUMMED, there);
        if there {
            self.toggle(place);
        }
    }

    fn toggle(&mut self, place: usize) {
        let entry = &self.entries[place];
        let check = self.check(entry, &mut Vec::with_capacity(RECORD_MAX));
        self.sums.toggle(prefix(&entry.key), check);
    }

    /// Writes what a member says; its oath is kept if there is one.
    pub(super) fn write(&mut self, who: Prefix, word: &Word, oath: Option<&Signature>) {
        self.alter(who, |store, place| {
            let entry = &mut store.entries[place];
            let revived = entry.is(flag::GONE);
            let restarted = entry.epoch() != word.epoch;
            entry.set(flag::GONE, false);
            entry.write(word);
            let inline = entry.write_places(&word.places);
            entry.set(flag::SWORN, oath.is_some());
            store.living += u32::from(revived);
            if inline {
                store.places.take(who);
            } else {
                store.places.put(who, Box::new(word.places));
            }
            match oath {
                Some(oath) => store.oaths.put(who, Box::new(*oath)),
                None => store.oaths.take(who),
            }
            if restarted {
                store.uncall(who, place);
            }
        });
    }

    fn uncall(&mut self, who: Prefix, place: usize) {
        self.claims.take(who);
        self.entries[place].set(flag::CALLED, false);
    }

    /// Keeps a name that was checked.
    pub(super) fn call(&mut self, who: Prefix, claim: Claim) {
        self.alter(who, |store, place| {
            store.entries[place].set(flag::CALLED, true);
            store.claims.put(who, Box::new(claim));
        });
    }

    /// Marks a member as gone.
    pub(super) fn bury(&mut self, who: Prefix, since: u16) {
        if self.find(who).is_none_or(|entry| entry.is(flag::GONE)) {
            return;
        }
        self.alter(who, |store, place| {
            let entry = &mut store.entries[place];
            entry.set(flag::GONE, true);
            entry.set(flag::SWORN | flag::NOTED, false);
            entry.since = since;
            store.living -= 1;
            store.oaths.take(who);
            store.uncall(who, place);
        });
    }

    /// Removes a member without a trace.
    pub(super) fn remove(&mut self, who: Prefix) {
        let Ok(rank) = self.rank(who) else {
            return;
        };
        self.bury(who, 0);
        self.places.take(who);
        let place = self.order.remove(rank) as usize;
        let last = self.entries.len() - 1;
        if place != last {
            let moved = prefix(&self.entries[last].key);
            let rank = self.rank(moved).expect("every entry has a rank");
            self.order[rank] = place as u32;
        }
        self.entries.swap_remove(place);
        fit(&mut self.order);
        fit(&mut self.entries);
    }

    /// All that a member says.
    pub(super) fn word(&self, entry: &Entry) -> Word {
        Word {
            epoch: entry.epoch(),
            version: entry.version(),
            parent: entry.parent(),
            leaf: entry.is(flag::LEAF),
            places: self.places(entry),
        }
    }

    pub(super) fn places(&self, entry: &Entry) -> Places {
        if entry.is(flag::BESIDE) {
            let beside = self.places.find(prefix(&entry.key));
            return **beside.expect("an entry that says so has them there");
        }
        entry.places()
    }

    pub(super) fn oath(&self, who: Prefix) -> Option<&Signature> {
        self.oaths.find(who).map(|oath| &**oath)
    }

    pub(super) fn claim(&self, who: Prefix) -> Option<&Claim> {
        self.claims.find(who).map(|claim| &**claim)
    }

    /// Everybody who has a name, and the name.
    pub(super) fn claims(&self) -> impl Iterator<Item = (Prefix, &Claim)> {
        self.claims.iter().map(|(who, claim)| (*who, &**claim))
    }

    /// What two images compare of an entry (PROTOCOL, section Images).
    pub(super) fn check(&self, entry: &Entry, scratch: &mut Vec<u8>) -> u64 {
        #[cfg(test)]
        self.hashes.set(self.hashes.get() + 1);
        let who = prefix(&entry.key);
        scratch.clear();
        write_entry(entry.key.as_bytes(), &self.word(entry), None, scratch);
        let called = entry.is(flag::CALLED).then(|| self.claim(who)).flatten();
        let version = called.map_or(0, |claim| claim.version);
        let mut hash = Sha256::new();
        hash.update(&*scratch);
        hash.update(version.to_be_bytes());
        hash.update([u8::from(entry.is(flag::SWORN))]);
        let whole: [u8; 32] = hash.finalize().into();
        u64::from_be_bytes(*whole.first_chunk().expect("32 bytes are more than 8"))
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
            + self.order.capacity() * size_of::<u32>()
            + self.places.held_bytes(|_| size_of::<Places>())
            + self.oaths.held_bytes(|_| size_of::<Signature>())
            + self
                .claims
                .held_bytes(|claim| size_of::<Claim>() + claim.name.capacity())
    }
}
