//! The backup link: digests of positions go out, and what comes in shows if the parent withholds
//! something from us, or what comes from us and from below us from all others. A backup may lie as
//! well as a parent, so its word moves us once: if the next parent does not have it either, it
//! counts no more.

use alloc::{collections::BTreeMap, vec::Vec};

use super::{
    Cast, Config, Fault,
    origins::Origin,
    packet::{self, COUNT, HEAD, Position, SHORT, Short},
};
use crate::base::{Slot, Time};

/// The most origins of which one backup may say that it has more.
const DOUBTS_MOST: usize = 64;

/// How much longer is waited for what a backup's own parent may keep back.
const PATIENCE: u64 = 4;

/// Digests of ours in a row to which a backup had nothing to say, although it should have heard the
/// same: of a single message it may have spoken long before us.
const OWES_MOST: u8 = 5;

/// What a backup link holds.
#[derive(Debug, Default)]
pub(super) struct Backup {
    /// When the last digest went out.
    said_at: Option<Time>,
    /// What the backup has and we have not, by origin and life.
    doubts: BTreeMap<([u8; 6], u16), Doubt>,
    /// We left a parent by its word.
    tried: bool,
    /// Its word proved worthless.
    void: bool,
    /// We left a parent since it lacked what comes from below us.
    heeded: bool,
    /// When its last digest came, or the link began.
    heard_at: Time,
    /// Since when it has said nothing of what we had news of, and how many digests of ours it has
    /// heard since.
    owes_since: Option<Time>,
    owes: u8,
}

/// What the backup has and we have not.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    /// How far it is.
    next: u32,
    /// Since when.
    since: Time,
    /// It comes from below the backup: its parent may keep it back as well as ours.
    below: bool,
    /// The backup was told that we lack it.
    told: bool,
}

impl Doubt {
    /// When our parent is to blame. One that may not be has the time to be left by the other end.
    fn acts_at(&self, config: &Config) -> Time {
        let long_ms = u64::from(config.withheld_ms);
        let times = if self.below { PATIENCE } else { 1 };
        self.since.plus_ms(times * long_ms)
    }
}

impl Backup {
    /// A backup of a link that begins.
    pub(super) fn new(now: Time) -> Self {
        Self {
            heard_at: now,
            ..Self::default()
        }
    }

    /// We had news, of which it should have some, too, if it did not just say so.
    fn expect_news(&mut self, now: Time, config: &Config) {
        let lately_us = u64::from(config.withheld_ms) * 1000;
        if now.since_us(self.heard_at) > lately_us {
            self.owes_since.get_or_insert(now);
            self.owes = self.owes.saturating_add(1);
        }
    }

    /// True if it has said nothing for so long that its own parent cannot be why.
    fn is_mute(&self, now: Time, config: &Config) -> bool {
        let long_us = PATIENCE * u64::from(config.withheld_ms) * 1000;
        let owes = self.owes_since;
        self.owes >= OWES_MOST && owes.is_some_and(|since| now.since_us(since) >= long_us)
    }

    /// True if a digest is to go out.
    pub(super) fn is_due(&self, changed: bool, now: Time, config: &Config) -> bool {
        changed && self.due_at(config).is_none_or(|at| now >= at)
    }

    /// The earliest time of the next digest.
    pub(super) fn due_at(&self, config: &Config) -> Option<Time> {
        let said_at = self.said_at?;
        Some(said_at.plus_ms(u64::from(config.digest_ms)))
    }

    /// When our parent is to blame for what we lack.
    fn acts_at(&self, config: &Config) -> Option<Time> {
        let times = self.doubts.values().map(|doubt| doubt.acts_at(config));
        times.min().filter(|_| !self.void)
    }

    /// When the backup is to be told that we lack what comes from below it.
    pub(super) fn says_at(&self, config: &Config) -> Option<Time> {
        let untold = self
            .doubts
            .values()
            .filter(|doubt| doubt.below && !doubt.told);
        let oldest = untold.map(|doubt| doubt.since).min()?;
        Some(oldest.plus_ms(config.withheld_ms.into()))
    }

    /// Another neighbour has the time to tell what we lack.
    pub(super) fn begin_anew(&mut self, now: Time) {
        for doubt in self.doubts.values_mut() {
            doubt.since = now;
        }
    }
}

impl Cast {
    /// Says where we are with the origins that spoke since the last digest.
    pub(super) fn poll_digest(&mut self, at: usize, room: usize, out: &mut Vec<u8>) -> bool {
        let (now, head) = (self.now, self.log.head());
        let link = &mut self.links[at];
        let cursor = link.cursor.max(self.log.base());
        let Some(backup) = &mut link.backup else {
            return false;
        };
        if !backup.is_due(cursor < head, now, &self.config) {
            return false;
        }
        let items = (cursor..head).filter_map(|at| self.log.get(at));
        let mut origins: Vec<u32> = items.map(|item| item.origin).collect();
        origins.sort_unstable();
        origins.dedup();
        let room = room.min(usize::from(u16::MAX)).saturating_sub(HEAD + COUNT) / SHORT;
        if room < origins.len().min(DOUBTS_MOST) {
            return false;
        }
        backup.said_at = Some(now);
        backup.expect_news(now, &self.config);
        link.cursor = head;
        origins.truncate(room);
        let (below, above): (Vec<u32>, Vec<u32>) = origins
            .into_iter()
            .partition(|origin| self.is_from_below(*origin));
        packet::write_head(packet::DIGEST, out);
        let count = u16::try_from(below.len()).expect("a packet has room for fewer than 65,536");
        out.extend_from_slice(&count.to_be_bytes());
        for origin in below.into_iter().chain(above) {
            let row = self.origins.row(origin);
            Short::of(&row.key, row.position()).write(out);
        }
        true
    }

    /// True if an origin is ourselves, or one that a child brought last, while there is a parent
    /// that should pass it on.
    fn is_from_below(&self, origin: u32) -> bool {
        let supplier = self.origins.row(origin).supplier;
        let mut tree = self.links.iter().filter(|link| link.is_tree());
        let is_below = supplier == 0
            || tree
                .clone()
                .any(|link| link.serial == supplier && !link.is_above);
        is_below && tree.any(|link| link.is_above)
    }

    /// Tells the backup what we lack of that which comes from below it: its parent keeps it back, or
    /// ours does.
    pub(super) fn poll_lacked(&mut self, at: usize, room: usize, out: &mut Vec<u8>) -> bool {
        let Some(backup) = &mut self.links[at].backup else {
            return false;
        };
        let is_due = backup
            .says_at(&self.config)
            .is_some_and(|at| at <= self.now);
        if !is_due || room < HEAD + DOUBTS_MOST * SHORT {
            return false;
        }
        packet::write_head(packet::LACKED, out);
        let untold = |doubt: &Doubt| doubt.below && !doubt.told;
        for ((who, life), doubt) in backup.doubts.iter_mut().filter(|row| untold(row.1)) {
            doubt.told = true;
            let short = Short {
                who: *who,
                life: *life,
                next: doubt.next,
            };
            short.write(out);
        }
        true
    }

    /// The backup lacks what comes from below us, so our parent may keep it back. Whoever says so is
    /// heeded once.
    pub(super) fn on_lacked(&mut self, at: usize, body: &[u8]) -> Result<(), Fault> {
        let mut shorts: Vec<Short> = Short::parse(body)?.collect();
        if shorts.len() > DOUBTS_MOST {
            return Err(Fault::Malformed);
        }
        shorts.sort_unstable();
        let now = self.now;
        let link = &mut self.links[at];
        link.pace.charge(now, &self.config, body.len(), true);
        let is_ours = |(row, origin): (usize, &Origin)| {
            let our = Short::of(&origin.key, origin.position());
            let life = (our.who, our.life);
            let from = shorts.partition_point(|short| (short.who, short.life) < life);
            let short = shorts.get(from);
            let same = short.filter(|short| (short.who, short.life) == life);
            // Nobody lacks what we have not either.
            same.is_some_and(|short| !short.is_beyond(&our)) && self.is_from_below(row as Slot)
        };
        let is_kept_back = self.origins.rows().iter().enumerate().any(is_ours);
        let Some(backup) = &mut self.links[at].backup else {
            return Err(Fault::Misplaced);
        };
        if is_kept_back && !backup.heeded && now >= self.believes_at {
            backup.heeded = true;
            let rest_ms = u64::from(self.config.withheld_rest_ms);
            self.believes_at = now.plus_ms(rest_ms);
            self.withheld = true;
        }
        Ok(())
    }

    /// A digest of the backup came.
    pub(super) fn on_digest(&mut self, at: usize, body: &[u8]) -> Result<(), Fault> {
        let (count, body) = body.split_first_chunk::<COUNT>().ok_or(Fault::Malformed)?;
        let below = usize::from(u16::from_be_bytes(*count));
        let shorts = Short::parse(body)?.enumerate();
        let now = self.now;
        let link = &mut self.links[at];
        link.pace.charge(now, &self.config, body.len(), true);
        self.dispel(at);
        let ahead: Vec<(usize, Short)> = self.beyond_us(shorts);
        let Some(backup) = &mut self.links[at].backup else {
            return Err(Fault::Misplaced);
        };
        (backup.heard_at, backup.owes_since, backup.owes) = (now, None, 0);
        for (place, short) in ahead {
            let who = (short.who, short.life);
            let room = backup.doubts.len() < DOUBTS_MOST;
            if !backup.void && (room || backup.doubts.contains_key(&who)) {
                // The first one that is missing counts: what is behind it follows.
                backup.doubts.entry(who).or_insert(Doubt {
                    next: short.next,
                    since: now,
                    below: place < below,
                    told: false,
                });
            }
        }
        Ok(())
    }

    /// What the digest has more of than we have.
    fn beyond_us(&self, shorts: impl Iterator<Item = (usize, Short)>) -> Vec<(usize, Short)> {
        let ours = self.origins.rows().iter();
        let mut ours: Vec<Short> = ours
            .map(|row| Short::of(&row.key, row.position()))
            .collect();
        ours.sort_unstable();
        // Of ourselves we need nothing: what we said in a life before never comes back to us.
        let me = Short::of(&self.me.key, Position::ZERO).who;
        let lacks = |(_, short): &(usize, Short)| {
            if short.who == me {
                return false;
            }
            let from = ours.partition_point(|our| our.who < short.who);
            let our = ours.get(from).filter(|our| our.who == short.who);
            our.is_none_or(|our| short.is_beyond(our))
        };
        shorts.filter(lacks).collect()
    }

    /// True if the digest tells of more of an origin than we have.
    fn lacks(&self, short: &Short) -> bool {
        let who = |row: &&Origin| row.key.as_bytes().starts_with(&short.who);
        let row = self.origins.rows().iter().find(who);
        row.is_none_or(|row| short.is_beyond(&Short::of(&row.key, row.position())))
    }

    /// Forgets the doubts that are over: we have got so far.
    fn dispel(&mut self, at: usize) {
        let Some(mut backup) = self.links[at].backup.take() else {
            return;
        };
        backup.doubts.retain(|who, doubt| {
            self.lacks(&Short {
                who: who.0,
                life: who.1,
                next: doubt.next,
            })
        });
        if backup.doubts.is_empty() {
            backup.tried = false;
        }
        self.links[at].backup = Some(backup);
    }

    /// True if the parent was shown to lack for long what the backup has: leave and bar it. At most
    /// once in a while, and no more for a backup whose word proved worthless.
    pub fn withheld(&mut self, now: Time) -> bool {
        self.now = now;
        self.judge_backups();
        core::mem::take(&mut self.withheld)
    }

    /// True if the backup says nothing of what it should have, so that another is better.
    pub fn has_mute_backup(&self, now: Time) -> bool {
        let mut backups = self.links.iter().filter_map(|link| link.backup.as_deref());
        backups.any(|backup| backup.is_mute(now, &self.config))
    }

    /// Looks whether what a backup has was lacking for long.
    pub(super) fn judge_backups(&mut self) {
        let now = self.now;
        for at in 0..self.links.len() {
            self.dispel(at);
            let Some(backup) = &mut self.links[at].backup else {
                continue;
            };
            let acts_at = backup.acts_at(&self.config);
            if acts_at.is_none_or(|at| now < at) {
                continue;
            }
            if backup.tried {
                // The parent before did not have it, and this one has it not either.
                backup.void = true;
                backup.doubts.clear();
                self.stats.doubted += 1;
            } else if now >= self.believes_at {
                backup.tried = true;
                backup.begin_anew(now);
                let rest_ms = u64::from(self.config.withheld_rest_ms);
                self.believes_at = now.plus_ms(rest_ms);
                self.withheld = true;
            }
        }
    }

    /// When a doubt is old enough to act on it.
    pub(super) fn withheld_at(&self) -> Option<Time> {
        let backups = self.links.iter();
        let backups = backups.filter_map(|link| link.backup.as_deref());
        let acts_at = |backup: &Backup| {
            let old = backup.acts_at(&self.config)?;
            Some(if backup.tried {
                old
            } else {
                old.max(self.believes_at)
            })
        };
        backups.filter_map(acts_at).min()
    }

    /// A new neighbour of the tree has the time to tell what we lack.
    pub(super) fn doubt_anew(&mut self) {
        let now = self.now;
        let backups = self
            .links
            .iter_mut()
            .filter_map(|link| link.backup.as_mut());
        for backup in backups {
            backup.begin_anew(now);
        }
    }
}
