//! Who was heard: when last, where, and whether it is believed. Of each key only what is newer than
//! everything before it counts, so that nothing that was recorded is heard again.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::net::{IpAddr, SocketAddr};

use super::{Announcement, Capabilities, Config, Heard, Unheard};
use crate::{
    base::{Time, Wall},
    identity::{Hashname, PublicKey},
};

/// Addresses that are kept of one: as many networks as most machines have.
const PLACES_MOST: usize = 4;
/// Instances of other spaces that are counted.
const STRANGERS_MOST: usize = 512;
/// Of one address so many: nothing proves who they are.
const STRANGERS_THERE: usize = 4;
/// How long one is counted that says no more.
const STRANGER_MS: u64 = 300_000;
/// Nobody pauses longer, whatever is said.
const PAUSE_MOST_S: u16 = 300;
/// As long as somebody's echo counts, nothing of it is forgotten.
const KEPT_MS: u64 = 180_000;
/// Whoever is another start of its switch once more within so long is answered as one that moved:
/// two switches with one key, say.
const TWICE_MS: u64 = 10_000;
/// Whoever says the same again within so long adds nothing.
const FRESH_MS: u64 = 1_000;

/// Somebody who was heard.
#[derive(Debug)]
struct Record {
    key: PublicKey,
    /// Where it was heard first.
    from: IpAddr,
    instance: u32,
    /// The time that its last announcement bears.
    wall_ms: u64,
    /// How far its clock goes before ours.
    ahead_ms: i64,
    is_gone: bool,
    /// When it came, and when it was heard last.
    since: Time,
    heard: Time,
    /// It pauses no longer than this.
    pause_ms: u64,
    places: Vec<(SocketAddr, Time)>,
    load: u8,
    leaf: bool,
    tree: bool,
}

/// What an announcement that is heard changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    /// Nothing but the time.
    None,
    /// Somebody is there who was not, or has started again.
    Came,
    /// Its addresses are others.
    Moved,
    /// It says that it goes.
    Went,
}

/// Somebody on the local network, as the switch deals with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Its key.
    pub key: PublicKey,
    /// Where it takes lines, the best networks first.
    pub addresses: Vec<SocketAddr>,
    /// How much it has to do already.
    pub load: u8,
    /// It takes nobody below itself in the tree.
    pub leaf: bool,
    /// It takes part in the tree of the space.
    pub tree: bool,
}

/// All of them, for each of our identities.
#[derive(Debug, Default)]
pub(super) struct Known {
    records: BTreeMap<(Hashname, [u8; 32]), Record>,
    /// Instances of those who are there, and how many records each has.
    instances: BTreeMap<u32, u32>,
    /// Instances of other spaces, as far as they can be told without knowing them.
    strangers: BTreeMap<u32, (IpAddr, Time)>,
}

impl Known {
    /// True if this can only be what this start of the switch has said before.
    pub(super) fn is_old(&self, local: Hashname, heard: &Heard<'_>) -> bool {
        let record = self.records.get(&(local, heard.key()));
        record.is_some_and(|record| {
            heard.instance() == record.instance && heard.wall().as_ms() <= record.wall_ms
        })
    }

    /// True if this key is there already, at this address.
    pub(super) fn is_there(&self, local: Hashname, key: [u8; 32], from: IpAddr) -> bool {
        let record = self.records.get(&(local, key)).filter(|it| !it.is_gone);
        record.is_some_and(|it| it.places.iter().any(|(place, _)| place.ip() == from))
    }

    /// When somebody was heard last.
    pub(super) fn heard_at(&self, local: Hashname, key: &[u8; 32]) -> Option<Time> {
        self.records.get(&(local, *key)).map(|it| it.heard)
    }

    /// From how many addresses those of the space of `local` were heard who are there.
    pub(super) fn addresses(&self, local: Hashname) -> usize {
        let all = self.records.range((local, [0; 32])..=(local, [0xff; 32]));
        let there = all.filter(|(_, it)| !it.is_gone);
        let addresses: BTreeSet<IpAddr> = there.map(|(_, it)| it.from).collect();
        addresses.len()
    }

    /// True if another start of its switch has come under this key only just now.
    pub(super) fn is_twice(&self, now: Time, local: Hashname, said: &Announcement) -> bool {
        let record = self.records.get(&(local, *said.key.as_bytes()));
        let record = record.filter(|it| !it.is_gone && it.instance != said.instance);
        record.is_some_and(|it| it.is_recent(now))
    }

    /// True if this could say nothing that was not heard from there a moment ago.
    pub(super) fn adds_nothing(
        &self,
        now: Time,
        local: Hashname,
        heard: &Heard<'_>,
        from: SocketAddr,
    ) -> bool {
        let record = self.records.get(&(local, heard.key()));
        let record = record.filter(|it| !it.is_gone && it.instance == heard.instance());
        record.is_some_and(|record| record.has(now, &heard.unproven(record.key), from))
    }

    /// Takes an announcement that is not old and whose signature was checked. `wall` is our time, if
    /// it is known, and `echoed` says whether it bears a nonce of ours. What is not believed changes
    /// nothing.
    pub(super) fn hear(
        &mut self,
        (now, wall): (Time, Option<Wall>),
        local: Hashname,
        (said, from): (&Announcement, SocketAddr),
        echoed: bool,
        config: &Config,
    ) -> Result<Change, Unheard> {
        let id = (local, *said.key.as_bytes());
        let ahead_ms = wall.map(|wall| apart_ms(said.wall, wall));
        let window_ms = i64::from(config.window_ms);
        let record = self.records.get(&id);
        let same = record.filter(|it| it.instance == said.instance);
        // Of somebody who is believed the clock may be off, but then always by the same.
        let usual_ms = same.map_or(0, |it| it.ahead_ms);
        let is_timely = match ahead_ms {
            Some(ahead_ms) => (ahead_ms - usual_ms).abs() <= window_ms,
            None => same.is_some(),
        };
        // Another start of the switch whose clock has gone back cannot be told from an old one.
        let is_back = record.is_some_and(|it| said.wall.as_ms() <= it.wall_ms);
        if !echoed && (!is_timely || is_back) {
            return Err(Unheard::Untimely);
        }
        if record.is_none() {
            self.make_room(local, from.ip(), config)?;
        }
        let record = self.records.entry(id).or_insert_with(|| Record {
            key: said.key,
            from: from.ip(),
            instance: said.instance,
            wall_ms: 0,
            ahead_ms: 0,
            is_gone: true,
            since: now,
            heard: now,
            pause_ms: 0,
            places: Vec::new(),
            load: 0,
            leaf: false,
            tree: false,
        });
        self.strangers.remove(&said.instance);
        record.ahead_ms = ahead_ms.unwrap_or(0);
        Ok(record.take(now, (said, from), &mut self.instances))
    }

    /// Makes room for somebody new: those go who are gone, or else, of the address with most, the one
    /// that came last.
    fn make_room(&mut self, local: Hashname, from: IpAddr, config: &Config) -> Result<(), Unheard> {
        let mut counts: BTreeMap<IpAddr, usize> = BTreeMap::new();
        let of_local = || self.records.range((local, [0; 32])..=(local, [0xff; 32]));
        for (_, record) in of_local() {
            *counts.entry(record.from).or_default() += 1;
        }
        let there = counts.get(&from).copied().unwrap_or(0);
        if there >= config.known_per_address_max as usize {
            return Err(Unheard::Full);
        }
        if counts.values().sum::<usize>() < config.known_max as usize {
            return Ok(());
        }
        let worst = of_local().max_by_key(|(_, it)| (it.is_gone, counts[&it.from], it.since));
        if let Some(id) = worst.map(|(id, _)| *id)
            && let Some(record) = self.records.remove(&id)
            && !record.is_gone
        {
            uncount(&mut self.instances, record.instance);
        }
        Ok(())
    }

    /// Somebody of a space that we are not in announces itself, as far as can be told.
    pub(super) fn pass(&mut self, now: Time, from: IpAddr, instance: u32) {
        if let Some((_, heard)) = self.strangers.get_mut(&instance) {
            *heard = now;
            return;
        }
        let same = self.strangers.values().filter(|it| it.0 == from).count();
        let has_room = self.strangers.len() < STRANGERS_MOST && same < STRANGERS_THERE;
        if has_room && !self.instances.contains_key(&instance) {
            self.strangers.insert(instance, (from, now));
        }
    }

    /// Those of the space of `local` who are there.
    pub(super) fn found(&self, local: Hashname) -> impl Iterator<Item = Found> + '_ {
        let all = self.records.range((local, [0; 32])..=(local, [0xff; 32]));
        let there = all.filter(|(_, it)| !it.is_gone);
        there.map(|(_, record)| Found {
            key: record.key,
            addresses: record.best(),
            load: record.load,
            leaf: record.leaf,
            tree: record.tree,
        })
    }

    /// How many switches announce themselves, of whatever space.
    pub(super) fn switches(&self) -> usize {
        self.instances.len() + self.strangers.len()
    }

    /// Forgets those who were silent for `pauses` of their pauses, and tells whose neighbours are
    /// others now. What is forgotten is too old to be heard again.
    pub(super) fn expire(&mut self, now: Time, pauses: u64, config: &Config) -> Vec<Hashname> {
        let mut changed = Vec::new();
        let is_over = |since: Time, ms: u64| now.since_us(since) >= ms.saturating_mul(1000);
        self.strangers
            .retain(|_, (_, heard)| !is_over(*heard, STRANGER_MS));
        let instances = &mut self.instances;
        self.records.retain(|(local, _), record| {
            let silent_ms = record.pause_ms.saturating_mul(pauses);
            let is_silent = is_over(record.heard, silent_ms);
            let places = record.places.len();
            record.places.retain(|(_, seen)| !is_over(*seen, silent_ms));
            if !record.is_gone && (is_silent || record.places.len() < places) {
                if is_silent {
                    record.is_gone = true;
                    uncount(instances, record.instance);
                }
                changed.push(*local);
            }
            // Longer than an announcement counts, whichever way the clocks differ.
            let keep_ms = silent_ms.max(u64::from(config.window_ms).saturating_mul(2));
            !is_over(record.heard, keep_ms.max(KEPT_MS))
        });
        changed.dedup();
        changed
    }

    /// Nobody of this space matters any more.
    pub(super) fn forget(&mut self, local: Hashname) {
        let instances = &mut self.instances;
        self.records.retain(|(of, _), record| {
            if *of == local && !record.is_gone {
                uncount(instances, record.instance);
            }
            *of != local
        });
    }

    /// True if nobody is remembered.
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty() && self.strangers.is_empty()
    }
}

impl Record {
    fn is_recent(&self, now: Time) -> bool {
        now.since_us(self.since) < TWICE_MS * 1_000
    }

    /// True if it said all this there a moment ago.
    fn has(&self, now: Time, said: &Announcement, from: SocketAddr) -> bool {
        let Capabilities {
            leaves,
            asks,
            leaf,
            tree,
            doubts,
        } = said.capabilities;
        let wants = leaves || asks || doubts || said.echo != 0;
        let is_same = (said.load, leaf, tree) == (self.load, self.leaf, self.tree)
            && pause_ms(said) <= self.pause_ms;
        let mut place = from;
        place.set_port(said.port);
        let mut places = self.places.iter().filter(|it| it.0 == place);
        let is_fresh = |seen: Time| now.since_us(seen) < FRESH_MS * 1_000;
        !wants && is_same && places.any(|(_, seen)| is_fresh(*seen))
    }

    /// Takes what is said by somebody who is believed.
    fn take(
        &mut self,
        now: Time,
        (said, from): (&Announcement, SocketAddr),
        instances: &mut BTreeMap<u32, u32>,
    ) -> Change {
        let was_there = !self.is_gone;
        let was = core::mem::replace(&mut self.instance, said.instance);
        let is_other = was != said.instance;
        if was_there {
            uncount(instances, was);
        }
        (self.wall_ms, self.heard) = (said.wall.as_ms(), now);
        self.pause_ms = pause_ms(said);
        self.load = said.load;
        (self.leaf, self.tree) = (said.capabilities.leaf, said.capabilities.tree);
        self.is_gone = said.capabilities.leaves;
        if is_other || self.is_gone {
            self.places.clear();
        }
        if self.is_gone {
            return if was_there {
                Change::Went
            } else {
                Change::None
            };
        }
        *instances.entry(said.instance).or_default() += 1;
        let mut place = from;
        place.set_port(said.port);
        let moved = self.visit(now, place);
        match (was_there && (!is_other || self.is_recent(now)), moved) {
            (false, _) => {
                self.since = now;
                Change::Came
            }
            (true, true) => Change::Moved,
            (true, false) => Change::None,
        }
    }

    /// It was heard from there. True if it was not before.
    fn visit(&mut self, now: Time, place: SocketAddr) -> bool {
        if let Some(known) = self.places.iter_mut().find(|it| it.0 == place) {
            known.1 = now;
            return false;
        }
        // On one address it has one port.
        let same = |other: &SocketAddr| {
            let mut other = *other;
            other.set_port(place.port());
            other == place
        };
        self.places.retain(|(other, _)| !same(other));
        if self.places.len() >= PLACES_MOST {
            let oldest = self.places.iter().enumerate().min_by_key(|(_, it)| it.1);
            if let Some((at, _)) = oldest {
                self.places.remove(at);
            }
        }
        self.places.push((place, now));
        true
    }

    /// Its addresses of the widest reach: those that others can be told, else those of the link,
    /// else those of this machine alone.
    fn best(&self) -> Vec<SocketAddr> {
        let best = self.places.iter().map(|it| reach(it.0.ip())).max();
        let best = self
            .places
            .iter()
            .filter(|it| Some(reach(it.0.ip())) == best);
        best.map(|it| it.0).collect()
    }
}

/// Longer than this it does not pause, as it says.
fn pause_ms(said: &Announcement) -> u64 {
    u64::from(said.pause_s.clamp(1, PAUSE_MOST_S)) * 1000
}

/// One of an instance's records is there no more.
fn uncount(instances: &mut BTreeMap<u32, u32>, instance: u32) {
    if let Some(count) = instances.get_mut(&instance) {
        *count -= 1;
        if *count == 0 {
            instances.remove(&instance);
        }
    }
}

/// The more, the wider an address reaches.
const fn reach(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(v4) if v4.is_loopback() => 0,
        IpAddr::V6(v6) if v6.is_loopback() => 0,
        IpAddr::V4(v4) if v4.is_link_local() => 1,
        IpAddr::V6(v6) if v6.is_unicast_link_local() => 1,
        IpAddr::V4(_) | IpAddr::V6(_) => 2,
    }
}

/// How far one clock goes before the other.
fn apart_ms(one: Wall, other: Wall) -> i64 {
    let apart = i128::from(one.as_ms()) - i128::from(other.as_ms());
    let most = i128::from(i64::MAX / 4);
    i64::try_from(apart.clamp(-most, most)).expect("it was just bounded")
}
