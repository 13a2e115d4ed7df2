//! What follows from who is on the local network: those who are not in our tree are asked into it,
//! and lines are kept to some of those who have least to do, one more than is needed.

use alloc::{collections::BTreeMap, vec::Vec};
use core::{
    cmp::Reverse,
    net::{IpAddr, SocketAddr},
};

use super::{
    Switch,
    wants::{Rank, Reason},
};
use crate::{
    base::{Slot, Time},
    identity::{Hashname, PublicKey},
    lan::Found,
};

/// Whoever has found somebody waits so long, to see who else is there.
const GATHER_MS: u64 = 20;
/// A tree of so many waits the whole time before it asks somebody into it.
const CROWD: u64 = 8;
/// Of a tree so many members ask somebody from outside at a time, whatever its size.
const ASKERS: u64 = 4;
/// No line is wanted for so long to somebody who did not answer.
const MUTE_MS: u64 = 60_000;
/// How often it is looked whether lines are missing, while some are.
const SHORT_MS: u64 = 250;

/// What is kept for one identity.
#[derive(Debug)]
pub(super) struct Near {
    pub(super) local: Hashname,
    /// The caller was told that its neighbours are others, and has not taken it.
    pub(super) is_told: bool,
    /// When it is looked next who is there.
    pub(super) look_at: Option<Time>,
    /// Since when there is anybody.
    since: Option<Time>,
    /// Since when those are outside of our tree who are.
    outside: BTreeMap<[u8; 32], Time>,
    /// How often somebody at these addresses was asked into it: keys cost nothing.
    asked: BTreeMap<IpAddr, u32>,
    /// Until when no line is wanted to those who did not answer.
    mute: BTreeMap<[u8; 32], Time>,
    /// Since when there are more lines than are wanted.
    surplus: Option<Time>,
}

impl Near {
    pub(super) const fn new(local: Hashname) -> Self {
        Self {
            local,
            is_told: false,
            look_at: None,
            since: None,
            outside: BTreeMap::new(),
            asked: BTreeMap::new(),
            mute: BTreeMap::new(),
            surplus: None,
        }
    }

    /// Looks then, if not before.
    fn look_by(&mut self, at: Time) {
        self.look_at = Some(self.look_at.map_or(at, |other| other.min(at)));
    }
}

impl Switch {
    /// Others are there than before.
    pub(super) fn on_near_changed(&mut self, now: Time, local: Hashname) {
        let wait_ms = match self.trees.find_staying(local) {
            None => GATHER_MS,
            Some(tree) if tree.standing().members <= 1 => GATHER_MS,
            Some(_) => self.patience_ms(local),
        };
        if let Some(near) = self.lan.near(local) {
            near.look_by(now.plus_ms(wait_ms));
        }
    }

    /// Looks who is there, for every identity for which that is due.
    pub(super) fn look_near(&mut self, now: Time) {
        let is_due = |at: Option<Time>| at.is_some_and(|at| at <= now);
        let due = self.lan.nears.iter().filter(|near| is_due(near.look_at));
        for local in due.map(|near| near.local).collect::<Vec<_>>() {
            let found: Vec<Found> = self.found_near(local).collect();
            if let Some(near) = self.lan.near(local) {
                near.look_at = None;
                near.since = (!found.is_empty()).then(|| near.since.unwrap_or(now));
            }
            self.meet_near(now, local, &found);
            self.hold_near(now, local, &found);
            self.look_again(now, local, found.is_empty());
        }
    }

    /// Looks again for as long as anybody is there, soon if somebody is outside of our tree.
    fn look_again(&mut self, now: Time, local: Hashname, is_empty: bool) {
        let patience_ms = self.patience_ms(local);
        let meet_ms = u64::from(self.lan.config.meet_ms);
        let Some(near) = self.lan.near(local).filter(|_| !is_empty) else {
            return;
        };
        let every_ms = if near.outside.is_empty() {
            meet_ms
        } else {
            patience_ms
        };
        // Not all at once.
        let spread_ms = self.lan.rng.below(every_ms / 2 + 1);
        if let Some(near) = self.lan.near(local) {
            near.look_by(now.plus_ms(every_ms - every_ms / 4 + spread_ms));
        }
    }

    /// How long somebody may be outside of our tree before it is asked: it may be on its way in. The
    /// more there are in it, the more might ask.
    fn patience_ms(&self, local: Hashname) -> u64 {
        let tree = self.trees.find_staying(local);
        let members = tree.map_or(1, |tree| tree.standing().members);
        let meet_ms = u64::from(self.lan.config.meet_ms);
        (meet_ms * u64::from(members).min(CROWD) / CROWD).max(1)
    }

    /// Asks somebody who is not in our tree into it.
    fn meet_near(&mut self, now: Time, local: Hashname, found: &[Found]) {
        let Some(tree) = self.trees.find_staying(local) else {
            return;
        };
        let (members, image, me) = (tree.standing().members, tree.image(), tree.me().key);
        let is_outside = |it: &&Found| {
            let known = image.find(&it.key).filter(|it| it.depth.is_some());
            it.tree && known.is_none()
        };
        let outside: Vec<&Found> = found.iter().filter(is_outside).collect();
        let patience_us = self.patience_ms(local) * 1000;
        let Some(near) = self.lan.nears.iter_mut().find(|it| it.local == local) else {
            return;
        };
        let is_there = |key: &[u8; 32]| outside.iter().any(|it| it.key.as_bytes() == key);
        near.outside.retain(|key, _| is_there(key));
        for it in &outside {
            near.outside.entry(*it.key.as_bytes()).or_insert(now);
        }
        near.asked
            .retain(|ip, _| outside.iter().any(|it| address_of(it) == Some(*ip)));
        let asked = |it: &Found| near.asked.get(&address_of(it)?).copied();
        let is_long = |it: &&&Found| {
            let since = near.outside.get(it.key.as_bytes());
            since.is_some_and(|since| now.since_us(*since) >= patience_us)
        };
        let chosen = if members <= 1 {
            // Those who were not asked in vain go first, then those who stand in a tree, and of those
            // who stand alone the least key, which waits for the others.
            let rank = |it: &&&Found| (asked(it), it.leaf, it.load == 0, it.load, it.key);
            let best = outside.iter().min_by_key(rank);
            let waits = |it: &&Found| it.load == 0 && me < it.key && !is_long(&it);
            best.copied().filter(|it| !waits(it))
        } else {
            let long: Vec<_> = outside.iter().filter(is_long).collect();
            let is_asker = self.lan.rng.below(members.into()) < ASKERS;
            // Those who were not asked in vain go first here, too.
            let least = long.iter().map(|it| asked(it)).min();
            let long: Vec<_> = long
                .into_iter()
                .filter(|it| Some(asked(it)) == least)
                .collect();
            let at = self.lan.rng.below(long.len() as u64) as usize;
            long.get(at).filter(|_| is_asker).map(|it| **it)
        };
        if let Some(it) = chosen {
            if let Some(ip) = address_of(it) {
                *near.asked.entry(ip).or_default() += 1;
            }
            let contact = [(it.key, it.addresses.clone())];
            self.command_tree_with(now, local, |tree, fx| tree.join(now, &contact, fx));
        }
    }

    /// Sees to it that there are as many lines as are wanted, and no more for long.
    fn hold_near(&mut self, now: Time, local: Hashname, found: &[Found]) {
        let gone = |key: &PublicKey| found.iter().all(|it| it.key != *key);
        self.unwant_near(now, local, gone);
        self.forget_mute(now, local);
        let lines = self.lan.config.lines as usize;
        let meet_us = u64::from(self.lan.config.meet_ms) * 1000;
        let in_tree = self.trees.find_staying(local).is_some();
        let Some(near) = self.lan.near(local) else {
            return;
        };
        let is_long = near
            .since
            .is_some_and(|since| now.since_us(since) >= meet_us);
        if in_tree && !is_long {
            // The tree makes lines of its own first.
            return;
        }
        if let Some(until) = self.gather_until(local, found.len()).filter(|at| now < *at) {
            // Whoever answers later may have less to do.
            if let Some(near) = self.lan.near(local) {
                near.look_by(until);
            }
            return;
        }
        let (linked, spare): (Vec<&Found>, Vec<&Found>) =
            found.iter().partition(|it| self.is_linked(local, &it.key));
        if linked.len() < lines {
            if let Some(near) = self.lan.near(local) {
                near.surplus = None;
                let is_mute = |it: &&Found| near.mute.contains_key(it.key.as_bytes());
                if !spare.iter().all(is_mute) {
                    near.look_by(now.plus_ms(SHORT_MS));
                }
            }
            self.want_near(now, local, spare, lines - linked.len());
        } else {
            self.trim_near(now, local, &linked, lines);
        }
    }

    /// Until when it is waited for those who answer, the longer the more there are.
    fn gather_until(&mut self, local: Hashname, found: usize) -> Option<Time> {
        let answer_us = u64::from(self.lan.config.answer_ms) * 1_000;
        let share = (found as u64).min(CROWD);
        let since = self.lan.near(local)?.since?;
        Some(since.plus_us(answer_us * share / CROWD))
    }

    /// Wants no line any more to those who did not answer, nor for a while.
    fn forget_mute(&mut self, now: Time, local: Hashname) {
        let mute = self.wanted_near(local).into_iter().filter(|(slot, key)| {
            let want = self.known.get(*slot).and_then(|it| it.want.as_ref());
            let is_vain = want.is_some_and(|want| want.waited_ms > 0 || want.resting);
            is_vain && !self.is_linked(local, key)
        });
        let mute: Vec<(Slot, PublicKey)> = mute.collect();
        for (slot, key) in mute {
            self.unwant(now, slot, Reason::Near);
            if let Some(near) = self.lan.near(local) {
                near.mute.insert(*key.as_bytes(), now.plus_ms(MUTE_MS));
            }
        }
        if let Some(near) = self.lan.near(local) {
            near.mute.retain(|_, until| now < *until);
        }
    }

    /// Dials those who have least to do, and one of all in turn with them: what somebody says of its
    /// load is not proven.
    fn want_near(&mut self, now: Time, local: Hashname, mut spare: Vec<&Found>, most: usize) {
        // Loads of the usual size say nothing, and are old when they are heard.
        let lines = u8::try_from(self.lan.config.lines).unwrap_or(u8::MAX);
        let usual = lines.saturating_mul(2).max(1);
        let any = self.lan.rng.below(2) == 0;
        let rng = &mut self.lan.rng;
        spare.sort_by_cached_key(|it| (if any { 0 } else { it.load / usual }, rng.u64()));
        let kept = self.config.life.kept_addresses_max;
        let wanted = self.wanted_near(local);
        let is_wanted = |key: &PublicKey| wanted.iter().any(|(_, other)| other == key);
        let Some(near) = self.lan.near(local) else {
            return;
        };
        let fresh: Vec<&Found> = spare
            .into_iter()
            .filter(|it| !is_wanted(&it.key) && !near.mute.contains_key(it.key.as_bytes()))
            .take(most)
            .collect();
        for it in fresh {
            let rank = Rank(u8::MAX - it.load.max(1));
            let Some(slot) = self.want((local, it.key), Reason::Near, rank) else {
                return;
            };
            if let Some(record) = self.known.get_mut(slot) {
                record.give(&it.addresses, kept);
            }
            self.dial(now, slot, false);
        }
    }

    /// Lets the line go whose peer has most to do, if there have been too many for long.
    fn trim_near(&mut self, now: Time, local: Hashname, linked: &[&Found], lines: usize) {
        let surplus_us = u64::from(self.lan.config.surplus_ms) * 1000;
        let Some(near) = self.lan.near(local) else {
            return;
        };
        if linked.len() <= lines + 1 {
            near.surplus = None;
            return;
        }
        let since = *near.surplus.get_or_insert(now);
        if now.since_us(since) < surplus_us {
            return;
        }
        let wanted = self.wanted_near(local);
        let held = linked
            .iter()
            .filter(|it| wanted.iter().any(|(_, key)| *key == it.key));
        let busiest = held.max_by_key(|it| (it.load, Reverse(it.key)));
        if let Some(key) = busiest.map(|it| it.key) {
            self.unwant_near(now, local, |other| *other == key);
            // Until it is gone, unless its peer wants it, it does not count as one too many.
            let gone_ms = self.config.life.unheld_timeout_ms;
            if let Some(near) = self.lan.near(local) {
                near.surplus = Some(now.plus_ms(gone_ms));
            }
        }
    }

    /// True if there is a line to this peer, or will be.
    fn is_linked(&self, local: Hashname, key: &PublicKey) -> bool {
        let peer = self.peer_of(local, key);
        peer.is_ok_and(|peer| self.link_to(local, peer.hashname).is_some())
    }

    /// Whom lines are wanted to on the local network.
    fn wanted_near(&self, local: Hashname) -> Vec<(Slot, PublicKey)> {
        let all = self.known.newest_first();
        let wanted = all.filter(|(_, record)| {
            let want = record.want.as_ref();
            record.pair.0 == local && want.is_some_and(|want| want.is_for(Reason::Near))
        });
        wanted.map(|(slot, record)| (slot, record.pair.1)).collect()
    }

    /// Wants no line on the local network any more to those whom `which` names.
    pub(super) fn unwant_near(
        &mut self,
        now: Time,
        local: Hashname,
        which: impl Fn(&PublicKey) -> bool,
    ) {
        for (slot, key) in self.wanted_near(local) {
            if which(&key) {
                self.unwant(now, slot, Reason::Near);
            }
        }
    }
}

/// Where somebody is, as far as keys of one address count as one.
fn address_of(found: &Found) -> Option<IpAddr> {
    found.addresses.first().map(SocketAddr::ip)
}
