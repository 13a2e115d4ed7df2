//! Members that are known beside the image, and the sample that is left of it in a large space.

use alloc::vec::Vec;
use core::net::SocketAddr;

use super::{
    Fault, Image, age_ms,
    beside::reserve,
    entry::{Entry, flag},
    link::{Hello, How},
    record::{self, RECORD_MAX, Record, take, write_entry},
    tick,
    word::{Places, Prefix, Word, prefix},
};
use crate::{base::Time, identity::PublicKey, tree::Node};

/// Entries in one packet of gossip, beside the sender's own.
const GOSSIP: usize = 3;
/// A member of a sample of whom nothing was heard for so long is dropped, in milliseconds.
const SAMPLE_AGE_MS: u32 = 600_000;
/// An image is whole again when the space is smaller than this part of its limit, in quarters: a
/// space at the limit should not switch back and forth.
const WHOLE_QUARTERS: u32 = 3;

/// Somebody who was heard of.
#[derive(Debug)]
pub(super) struct Acquaintance {
    pub(super) node: Node,
    pub(super) places: Places,
}

impl Image {
    /// Puts somebody among those who are known beside the image.
    pub(super) fn acquaint(&mut self, node: Node, places: Places) {
        if node.key == self.me.key {
            return;
        }
        let known = self.known.iter_mut().find(|it| it.node.key == node.key);
        if let Some(known) = known {
            if node.epoch >= known.node.epoch {
                *known = Acquaintance { node, places };
            }
        } else if self.known.len() < self.config.sample as usize {
            reserve(&mut self.known);
            self.known.push(Acquaintance { node, places });
        } else if !self.known.is_empty() {
            let at = self.rng.below(self.known.len() as u64) as usize;
            self.known[at] = Acquaintance { node, places };
        }
    }

    /// Keeps a member that is about to be forgotten among those who were known.
    pub(super) fn remember(&mut self, who: Prefix) {
        if let Some(entry) = self.store.find(who) {
            let (node, places) = (entry.node(), self.store.places(entry));
            self.acquaint(node, places);
        }
    }

    pub(super) fn learn_of(&mut self, node: Node, addresses: &[SocketAddr]) {
        let held = self.store.find(prefix(&node.key));
        let known = held.is_some_and(|held| !held.is(flag::GONE) && held.epoch() >= node.epoch);
        if !known {
            self.acquaint(node, Places::of(addresses));
        }
    }

    /// Any other member; now and then one from beside the image, who may be in another tree.
    pub(super) fn any(&self, dice: u64) -> Option<Node> {
        let beside = self.any_beside(dice >> 8);
        if dice & 7 == 0 && beside.is_some() {
            return beside;
        }
        let len = self.store.len();
        let from = (dice >> 8) as usize % len.max(1);
        let mut others = (from..len)
            .chain(0..from)
            .map(|rank| self.store.ranked(rank));
        let other = others.find(|it| !it.is(flag::GONE) && it.key != self.me.key);
        other.map(Entry::node).or(beside)
    }

    fn any_beside(&self, dice: u64) -> Option<Node> {
        let at = dice as usize % self.known.len().max(1);
        Some(self.known.get(at)?.node)
    }

    pub(super) fn resize(&mut self, now: Time, members: u32) {
        let most = self.config.members_max;
        if self.whole && members > most {
            self.whole = false;
            self.thin_out();
            let next = now.plus_ms(u64::from(self.config.gossip_ms));
            self.gossip_at = Some(next);
        } else if !self.whole
            && u64::from(members) * 4 < u64::from(most) * u64::from(WHOLE_QUARTERS)
        {
            self.whole = true;
            self.gossip_at = None;
            self.disturb(now);
            for link in self.links.iter_mut().flatten() {
                link.gossip = false;
                link.hello = Some(Hello::Ask);
            }
        }
    }

    fn is_neighbour(&self, who: Prefix) -> bool {
        let mut links = self.links.iter().flatten();
        links.any(|link| prefix(&link.peer.key) == who)
    }

    /// Leaves me, the neighbours and as many others as a sample has.
    fn thin_out(&mut self) {
        let me = prefix(&self.me.key);
        let mut others: Vec<Prefix> = Vec::new();
        for entry in self.store.iter() {
            let who = prefix(&entry.key);
            if who != me && (entry.is(flag::GONE) || !self.is_neighbour(who)) {
                others.push(who);
            }
        }
        let mut left = self.config.sample as usize;
        for rest in (1..=others.len()).rev() {
            let at = self.rng.below(rest as u64) as usize;
            let who = others.swap_remove(at);
            let gone = self.store.find(who).is_none_or(|it| it.is(flag::GONE));
            if left > 0 && !gone {
                left -= 1;
            } else {
                self.store.remove(who);
            }
        }
        for link in self.links.iter_mut().flatten() {
            link.wants = Vec::new();
            link.lists.clear();
            link.digest = false;
        }
    }

    /// A whole entry in a packet of news, while only a sample is kept: a neighbour's own counts.
    pub(super) fn on_sampled(
        &mut self,
        now: Time,
        from: usize,
        key: &[u8; 32],
        word: &Word,
    ) -> Result<(), Fault> {
        let peer = self.link(from).peer;
        if peer.key.as_bytes() == key && word.epoch == peer.epoch {
            self.sample(now, peer.key, word, 0);
        }
        Ok(())
    }

    /// Takes a member into the sample, in place of another if it is full.
    fn sample(&mut self, now: Time, key: PublicKey, word: &Word, age_ms: u32) {
        let who = prefix(&key);
        let held = self.store.find(who);
        let other = held.is_some_and(|held| held.key != key);
        let stale = held.is_some_and(|held| self.store.word(held).stamp() > word.stamp());
        if other || stale {
            self.stats.stale += 1;
            return;
        }
        if held.is_none() {
            self.make_room();
            self.store.insert(key);
        }
        self.store.write(who, word, None);
        let since = tick(now).wrapping_sub((age_ms / super::TICK_MS) as u16);
        if let Some(mut entry) = self.store.note(who) {
            entry.set_since(since);
            entry.set(flag::DOUBT | flag::LOOSE | flag::PICKED, false);
        }
        self.stats.taken += 1;
    }

    fn make_room(&mut self) {
        let most = self.config.sample as usize + self.links.iter().flatten().count();
        let me = prefix(&self.me.key);
        for _ in 0..8 {
            let len = self.store.len();
            if len <= most {
                return;
            }
            let who = prefix(&self.store.ranked(self.rng.below(len as u64) as usize).key);
            if who != me && !self.is_neighbour(who) {
                self.store.remove(who);
            }
        }
    }

    /// Drops the old of the sample and gossips with every neighbour.
    pub(super) fn gossip(&mut self, now: Time) {
        self.gossip_at = (!self.whole).then(|| now.plus_ms(u64::from(self.config.gossip_ms)));
        let (tick, me) = (tick(now), self.me.key);
        let old = |entry: &&Entry| {
            let aged = age_ms(tick, entry.since) >= SAMPLE_AGE_MS;
            entry.key != me && (aged || entry.is(flag::GONE))
        };
        let old = self.store.iter().filter(old).map(|it| prefix(&it.key));
        let old: Vec<Prefix> = old.filter(|who| !self.is_neighbour(*who)).collect();
        for who in old {
            self.store.remove(who);
        }
        for link in self.links.iter_mut().flatten() {
            link.gossip = !self.whole;
        }
    }

    pub(super) fn write_gossip(&mut self, now: Time, place: usize, room: usize, out: &mut Vec<u8>) {
        self.link(place).gossip = false;
        let (start, tick, len) = (out.len(), tick(now), self.store.len() as u64);
        let me = self.store.place(prefix(&self.me.key));
        let others: Vec<usize> = (0..GOSSIP).map(|_| self.rng.below(len) as usize).collect();
        let mine = me.map(|at| &self.store.entries()[at]);
        let mut told: Vec<Prefix> = Vec::new();
        for entry in mine
            .into_iter()
            .chain(others.iter().map(|at| self.store.ranked(*at)))
        {
            let who = prefix(&entry.key);
            let twice = told.contains(&who) || entry.is(flag::GONE);
            if twice || out.len() - start + 2 + RECORD_MAX > room {
                continue;
            }
            let own = entry.key == self.me.key;
            let age = if own {
                0
            } else {
                age_ms(tick, entry.since) / 1000
            };
            out.extend_from_slice(&(age as u16).to_be_bytes());
            write_entry(entry.key.as_bytes(), &self.store.word(entry), None, out);
            told.push(who);
        }
    }

    pub(super) fn on_gossip(
        &mut self,
        now: Time,
        place: usize,
        mut body: &[u8],
    ) -> Result<(), Fault> {
        while !body.is_empty() {
            let age = u16::from_be_bytes(take(&mut body).ok_or(Fault::Malformed)?);
            let record = record::read(&mut body);
            let Some(Record::Entry {
                key,
                word,
                oath: None,
                ..
            }) = record
            else {
                return Err(Fault::Malformed);
            };
            let key = (self.keys)(&key).map_err(|_illegal| Fault::Malformed)?;
            let age_ms = u32::from(age) * 1000;
            if !self.link(place).spend(now) {
                self.stats.flooded += 1;
            } else if key == self.me.key || age_ms >= SAMPLE_AGE_MS {
                self.stats.stale += 1;
            } else if self.whole {
                self.learn_of(
                    Node {
                        key,
                        epoch: word.epoch,
                    },
                    &word.places.addresses(),
                );
            } else {
                self.sample(now, key, &word, age_ms);
            }
        }
        Ok(())
    }

    /// Queues my own entry for a neighbour.
    pub(super) fn tell_own(&mut self, place: usize) {
        let who = prefix(&self.me.key);
        self.link(place).push(who, How::Whole);
    }
}
