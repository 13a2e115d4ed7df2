//! The picture measured: who hangs below whom and how deep, who hangs below nobody, where there is
//! an open slot. It costs a step for each member, and is done when something changed and somebody
//! asks.

use alloc::{vec, vec::Vec};

use super::{
    Image, age_ms,
    compare::BITS_MOST,
    entry::{Entry, NO_DEPTH, flag},
    tick,
    word::{PREFIX_BITS, Prefix, prefix},
};
use crate::{base::Time, tree::Node};

/// Holders of open slots that are kept from one survey to the next, at 8 bytes each.
const CANDIDATES_MOST: usize = 256;
/// How often it is looked for those whose time is over, while there are any, in milliseconds.
const SWEEP_MS: u64 = 1_000;

/// The same where a neighbour waits for what is in doubt.
const HASTE_MS: u64 = 100;

/// There is no parent, or no end yet.
const NONE: u32 = u32::MAX;
/// The parent is not known, or gone.
const BROKEN: u32 = u32::MAX - 1;
/// The chain leads into itself.
const LOOP: u32 = u32::MAX - 2;

/// What the last survey found.
#[derive(Debug)]
pub(super) struct Survey {
    /// Something changed since.
    pub(super) stale: bool,
    at: Option<Time>,
    /// Holders of open slots, the shallowest at the end.
    candidates: Vec<Prefix>,
    /// When to look again for those whose time is over.
    pub(super) sweep_at: Option<Time>,
}

impl Survey {
    pub(super) const fn new() -> Self {
        Self {
            stale: true,
            at: None,
            candidates: Vec::new(),
            sweep_at: None,
        }
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.candidates.capacity() * size_of::<Prefix>()
    }
}

/// Where each chain of parents ends.
struct Chains {
    /// The place of each entry's parent, or `NONE` or `BROKEN`.
    parents: Vec<u32>,
    /// The place at which each chain ends, or `LOOP`.
    tops: Vec<u32>,
    /// Steps to there.
    steps: Vec<u16>,
}

impl Chains {
    fn new(parents: Vec<u32>) -> Self {
        let (tops, steps) = (vec![NONE; parents.len()], vec![0; parents.len()]);
        let mut chains = Self {
            parents,
            tops,
            steps,
        };
        let mut trail = Vec::new();
        for place in 0..chains.parents.len() {
            chains.follow(place as u32, &mut trail);
        }
        chains
    }

    /// Finds the end of one chain, and of all that it passes.
    fn follow(&mut self, place: u32, trail: &mut Vec<u32>) {
        let mut at = place;
        while self.tops[at as usize] == NONE {
            // For as long as it is on the trail it counts as a loop: whoever comes back to it is
            // in one.
            self.tops[at as usize] = LOOP;
            trail.push(at);
            match self.parents[at as usize] {
                NONE | BROKEN => break,
                parent => at = parent,
            }
        }
        let ends = trail.last() == Some(&at) && self.parents[at as usize] >= BROKEN;
        let (top, mut steps) = if ends {
            trail.pop();
            self.tops[at as usize] = at;
            (at, 0)
        } else {
            (self.tops[at as usize], self.steps[at as usize])
        };
        while let Some(at) = trail.pop() {
            steps = u16::saturating_add(steps, 1);
            self.tops[at as usize] = top;
            self.steps[at as usize] = steps;
        }
    }
}

impl Image {
    pub(super) fn survey_if_stale(&mut self, now: Time) {
        if self.survey.stale && self.whole {
            self.measure(now);
        }
    }

    /// The same on the word of a neighbour, which need not have cost it anything: so it is done as
    /// often as it is for those who ask for slots, and besides the last survey has to do.
    pub(super) fn survey_for(&mut self, now: Time, place: usize) {
        let stale = self.survey.stale && self.whole;
        if stale && self.link(place).spend_survey(now) {
            self.measure(now);
        }
    }

    /// Something about a member changed.
    pub(super) fn touch(&mut self, now: Time, who: Prefix) {
        self.touched[(who >> (PREFIX_BITS - BITS_MOST)) as usize] = tick(now);
        self.disturb(now);
    }

    /// What the last survey found does not hold any more.
    pub(super) fn disturb(&mut self, now: Time) {
        self.survey.stale = true;
        let mut links = self.links.iter().flatten();
        let waited_for = links.any(|link| !link.withheld.is_empty());
        let next = now.plus_ms(if waited_for { HASTE_MS } else { SWEEP_MS });
        let before = self.survey.sweep_at.unwrap_or(next);
        self.survey.sweep_at = Some(before.min(next));
    }

    fn parents(&self) -> Vec<u32> {
        let is_there = |at: &usize| !self.store.entries()[*at].is(flag::GONE);
        let place = |entry: &Entry| match entry.parent() {
            Some(_) if entry.is(flag::GONE) => BROKEN,
            Some(parent) => {
                let found = self.store.place(parent).filter(is_there);
                found.map_or(BROKEN, |at| at as u32)
            }
            None => NONE,
        };
        self.store.entries().iter().map(place).collect()
    }

    /// Follows all chains of parents and notes depths, doubts and open slots.
    fn measure(&mut self, now: Time) {
        self.survey.stale = false;
        self.survey.at = Some(now);
        self.stats.surveys += 1;
        let chains = Chains::new(self.parents());
        let mut children = vec![0_u8; chains.parents.len()];
        for parent in chains.parents.iter().filter(|parent| **parent < LOOP) {
            let count = &mut children[*parent as usize];
            *count = count.saturating_add(1);
        }
        self.judge(now, &chains);
        self.find_open(now, &children);
        self.give_withheld();
    }

    /// Notes for each entry how deep it is and whether it is in doubt.
    fn judge(&mut self, now: Time, chains: &Chains) {
        let me = prefix(&self.me.key);
        let mine = self.store.place(me).map_or(LOOP, |at| chains.tops[at]);
        let linked = self.neighbours().map(|link| prefix(&link.peer.key));
        let linked: Vec<Prefix> = linked.collect();
        let (tick, mut pending) = (tick(now), false);
        for (place, mut entry) in self.store.notes().enumerate() {
            entry.set_depth(NO_DEPTH);
            if entry.is(flag::GONE) {
                pending = true;
                continue;
            }
            let top = chains.tops[place];
            if top < LOOP && chains.parents[top as usize] == NONE {
                entry.set_depth(chains.steps[place]);
            }
            let doubt = mine != LOOP && top != mine;
            let below = !doubt && entry.parent() == Some(me);
            let loose = below && !linked.contains(&prefix(&entry.key));
            for (flag, on) in [(flag::DOUBT, doubt), (flag::LOOSE, loose)] {
                if on && !entry.is(flag) {
                    entry.set_since(tick);
                    entry.set(flag::PICKED, false);
                }
                entry.set(flag, on);
            }
            pending |= doubt || loose;
        }
        if pending {
            let next = now.plus_ms(SWEEP_MS);
            self.survey.sweep_at.get_or_insert(next);
        }
    }

    /// Notes the shallowest holders of open slots, but those that were named lately.
    fn find_open(&mut self, now: Time, children: &[u8]) {
        let (arity, named_ms, tick) = (self.arity, self.config.named_ms, tick(now));
        let me = self.me.key;
        let mut open: Vec<(u16, Prefix)> = Vec::new();
        for (place, mut entry) in self.store.notes().enumerate() {
            if entry.is(flag::PICKED) && age_ms(tick, entry.since) >= named_ms {
                entry.set(flag::PICKED, false);
            }
            let closed = flag::GONE | flag::DOUBT | flag::LEAF | flag::LOOSE | flag::PICKED;
            let has_room = children[place] < arity && entry.depth != NO_DEPTH;
            if has_room && !entry.is(closed) && entry.key != me {
                open.push((entry.depth, prefix(&entry.key)));
            }
        }
        if open.len() > CANDIDATES_MOST {
            open.select_nth_unstable(CANDIDATES_MOST - 1);
            open.truncate(CANDIDATES_MOST);
        }
        open.sort_unstable_by(|a, b| b.cmp(a));
        self.survey.candidates.clear();
        self.survey.candidates.reserve_exact(open.len());
        let open = open.into_iter().map(|(_, who)| who);
        self.survey.candidates.extend(open);
    }

    /// Names a holder of one of the shallowest open slots.
    pub(super) fn name_slot(&mut self, now: Time, dice: u64, shallower_than: u16) -> Option<Node> {
        if !self.whole {
            return None;
        }
        let age = self
            .survey
            .at
            .map_or(u64::MAX, |at| now.since_us(at) / 1000);
        let rested = age >= u64::from(self.config.survey_ms);
        // After a while those that were named may be named again.
        let old = age >= u64::from(self.config.named_ms);
        let worn = old || self.survey.stale || self.survey.candidates.is_empty();
        if worn && rested {
            self.measure(now);
        }
        while let Some(depth) = self.shallowest() {
            if depth >= shallower_than {
                return None;
            }
            let candidates = &self.survey.candidates;
            let deeper = candidates.partition_point(|who| self.depth_of(*who) > depth);
            let count = candidates.len() - deeper;
            let picked = deeper + (dice % count as u64) as usize;
            let who = self.survey.candidates.swap_remove(picked);
            let entry = self.store.note(who);
            let there = entry.filter(|entry| !entry.is(flag::GONE | flag::DOUBT | flag::LEAF));
            if let Some(mut entry) = there {
                entry.set(flag::PICKED, true);
                entry.set_since(tick(now));
                return Some(entry.node());
            }
        }
        None
    }

    fn shallowest(&self) -> Option<u16> {
        let last = self.survey.candidates.last()?;
        Some(self.depth_of(*last))
    }

    /// The depth at the last survey; one that was removed since counts as the root, and is passed
    /// over.
    fn depth_of(&self, who: Prefix) -> u16 {
        self.store.find(who).map_or(0, |entry| entry.depth)
    }

    /// Forgets those whose time is over.
    pub(super) fn sweep(&mut self, now: Time) {
        self.survey.sweep_at = None;
        if !self.whole {
            return;
        }
        self.survey_if_stale(now);
        let config = self.config.clone();
        // Whoever is cut off needs those it knew to find back.
        let doubt_ms = if self.neighbours().next().is_some() {
            config.gone_ms
        } else {
            config.departed_ms.max(config.gone_ms)
        };
        let (tick, mut over, mut disowned, mut pending) =
            (tick(now), Vec::new(), Vec::new(), false);
        for entry in self.store.entries() {
            let (who, age) = (prefix(&entry.key), age_ms(tick, entry.since));
            pending |= entry.is(flag::GONE | flag::DOUBT | flag::LOOSE);
            if entry.is(flag::GONE) {
                if age >= config.departed_ms {
                    over.push((who, false));
                }
            } else if entry.is(flag::DOUBT) && age >= doubt_ms {
                over.push((who, true));
            } else if entry.is(flag::LOOSE) && age >= config.gone_ms {
                disowned.push(who);
            }
        }
        for (who, forgotten) in over {
            if forgotten {
                self.stats.forgotten += 1;
                self.remember(who);
                self.touch(now, who);
            }
            self.store.remove(who);
        }
        for who in disowned {
            self.stats.disowned += 1;
            self.bury(now, None, who);
        }
        if pending {
            let next = now.plus_ms(SWEEP_MS);
            self.survey.sweep_at.get_or_insert(next);
        }
    }
}
