//! Messages that come: each is judged by its position, checked once, and put into the log.

use alloc::{boxed::Box, sync::Arc};

use super::{
    Cast, Fault, KIND, Verify,
    link::Parked,
    log::{Item, What},
    origins::{Origin, Partial, tick},
    packet::{self, HEAD, MORE_FIXED, More, Opening, Position},
};
use crate::{
    base::{Slot, Time},
    identity::PublicKey,
};

/// Times `gap_ms` that a gap waits in all while another link brings something of that origin.
const GAP_WAITS: u64 = 4;
/// Times `gap_ms` after a wait in vain in which gaps of that link are believed at once.
const GAP_HASTE: u64 = 60;

/// What the position of a beginning means for what we have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Judged {
    /// It is next.
    Next,
    /// It is next but for messages from this one on, which it proves were there.
    After { first: u64 },
    /// It came before.
    Before,
}

/// Judges the beginning of the message at `begins` by the row of its origin.
fn judge(row: &Origin, begins: Position) -> Judged {
    let expected = row.told();
    let after = |first: u64| {
        if begins.sequence > first {
            Judged::After { first }
        } else {
            Judged::Next
        }
    };
    if begins.epoch > row.epoch {
        return after(1);
    }
    if !row.proved {
        // Nobody showed that it ever got so far: what comes first counts.
        return if begins.epoch == row.epoch {
            after(row.sequence)
        } else {
            Judged::Next
        };
    }
    if begins < expected {
        return Judged::Before;
    }
    after(row.sequence)
}

impl Cast {
    /// The beginning of a message came.
    pub(super) fn on_opening(
        &mut self,
        at: usize,
        body: &[u8],
        verify: Verify<'_>,
    ) -> Result<(), Fault> {
        let opening = Opening::parse(body)?;
        self.charge(at, opening.key, body.len(), true);
        if self.is_own(opening.key, opening.position) {
            self.stats.duplicates += 1;
            return Ok(());
        }
        let known = self.origins.find(opening.key);
        let judged = match known {
            Some(slot) => judge(self.origins.row(slot), opening.position),
            None if self.is_stale(opening.wall) => {
                self.stats.stale += 1;
                return Ok(());
            }
            None => self.judge_unknown(opening.position),
        };
        if judged == Judged::Before {
            self.stats.duplicates += 1;
            self.compare(known, at, body);
            return Ok(());
        }
        let key = self.check(known, &opening, verify)?;
        let slot = match known {
            Some(slot) => slot,
            None => self.remember(Origin::new(key, opening.position, true)),
        };
        if let Judged::After { .. } = judged
            && let Some(until) = self.waits_until(slot, at)
        {
            let body = Box::from(body);
            let position = opening.position;
            let origin = slot;
            self.links[at].parked = Some(Box::new(Parked {
                origin,
                position,
                since: self.now,
                until,
                body,
            }));
            return Ok(());
        }
        self.begin(at, slot, judged, &opening, body);
        Ok(())
    }

    /// The signature of the origin, and the digest of the first chunk.
    fn check(
        &mut self,
        known: Option<Slot>,
        opening: &Opening<'_>,
        verify: Verify<'_>,
    ) -> Result<PublicKey, Fault> {
        let key = match known {
            Some(slot) => self.origins.row(slot).key,
            None => (self.keys)(opening.key).ok().ok_or(Fault::Forged)?,
        };
        self.stats.verified += 1;
        if !verify(&key, KIND, opening.statement, &opening.signature) {
            return Err(Fault::Forged);
        }
        let is_it = opening.has(0, opening.chunk);
        is_it.then_some(key).ok_or(Fault::Changed)
    }

    /// Another beginning of the message that is under way, on the link that brought the first: what
    /// follows may belong to either.
    fn compare(&mut self, known: Option<Slot>, at: usize, body: &[u8]) {
        let from = self.links[at].serial;
        let row = known.map(|slot| self.origins.row_mut(slot));
        let partial = row.and_then(|row| row.partial.as_mut());
        let partial = partial.filter(|it| it.from == from && *it.opening != *body);
        let whose = MORE_FIXED - 1;
        if let Some(partial) = partial.filter(|it| it.opening[..whose] == body[..whose]) {
            partial.from = 0;
        }
    }

    /// An origin that nothing is known of: whatever it said before is missing, unless it may be one
    /// that was forgotten.
    fn judge_unknown(&self, begins: Position) -> Judged {
        if begins.sequence > 1 && self.floor == 0 {
            Judged::After { first: 1 }
        } else {
            Judged::Next
        }
    }

    /// True if the message may be one of an origin that was forgotten.
    fn is_stale(&self, wall: u64) -> bool {
        let latest = self.wall().saturating_add(u64::from(self.config.clock_ms));
        self.floor > 0 && (wall <= self.floor || wall > latest)
    }

    /// True if it is said by ourselves, in this life or one before.
    fn is_own(&self, key: &[u8; 32], at: Position) -> bool {
        key == self.me.key.as_bytes() && at.epoch <= self.me.epoch
    }

    /// A gap is not believed while another neighbour is bringing the origin's messages.
    fn waits_until(&self, slot: Slot, at: usize) -> Option<Time> {
        let row = self.origins.row(slot);
        let link = &self.links[at];
        let another = row.proved
            && row.supplier != link.serial
            && self.links.iter().any(|it| it.serial == row.supplier);
        let gap_us = u64::from(self.config.gap_ms) * 1000;
        let waited = row.heard_us(self.now);
        let is_hasty = self.now < link.hasty_until;
        (another && waited < gap_us && !is_hasty).then(|| self.now.plus_us(gap_us - waited))
    }

    /// Takes the beginning of a message that was checked.
    fn begin(&mut self, at: usize, slot: Slot, judged: Judged, opening: &Opening<'_>, body: &[u8]) {
        let from = self.links[at].serial;
        let position = opening.position;
        if let Judged::After { first } = judged {
            self.stats.skipped += position.sequence - first;
            let last = Position::new(position.epoch, position.sequence - 1, 0);
            self.append(slot, last, from, What::Gap { first });
        }
        let last = packet::chunks(opening.size) == 1;
        let bytes: Arc<[u8]> = body.into();
        let partial = (!last).then(|| {
            Box::new(Partial {
                opening: bytes.clone(),
                from,
                previous: self.log.head(),
            })
        });
        let wall = opening.wall;
        let row = self.origins.row_mut(slot);
        row.wall = row.wall.max(wall);
        self.advance(slot, position, from, partial);
        self.append(slot, position, from, What::Opening { bytes, last });
    }

    /// Another chunk of a message came.
    pub(super) fn on_more(&mut self, at: usize, body: &[u8]) -> Result<(), Fault> {
        let more = More::parse(body)?;
        self.charge(at, more.key, body.len(), false);
        let Some(slot) = self.origins.find(more.key) else {
            self.stats.stale += 1;
            return Ok(());
        };
        let own = self.is_own(more.key, more.position);
        let row = self.origins.row_mut(slot);
        let expected = row.position();
        if !row.proved || own || more.position < expected {
            self.stats.duplicates += 1;
            return Ok(());
        }
        let same = (more.position.epoch, more.position.sequence) == (row.epoch, row.sequence);
        if same && row.is_broken() {
            self.stats.stale += 1;
            return Ok(());
        }
        let partial = row.partial.take_if(|_| more.position == expected);
        if partial.is_none() && self.floor > 0 {
            // Its beginning may have come while its origin was forgotten.
            self.stats.stale += 1;
            return Ok(());
        }
        let mut partial = partial.ok_or(Fault::Beyond)?;
        let opening = Opening::parse(&partial.opening)?;
        if !opening.has(more.position.chunk, more.chunk) {
            // An origin may have said two messages under one number. Only who brought this beginning
            // has to go on with it.
            let is_its = partial.from == self.links[at].serial;
            row.partial = Some(partial);
            self.stats.stale += u32::from(!is_its);
            return if is_its { Err(Fault::Changed) } else { Ok(()) };
        }
        let last = more.position.chunk + 1 == packet::chunks(opening.size);
        let previous = core::mem::replace(&mut partial.previous, self.log.head());
        let bytes = body.into();
        let from = self.links[at].serial;
        self.advance(slot, more.position, from, (!last).then_some(partial));
        let what = What::More {
            bytes,
            previous,
            last,
        };
        self.append(slot, more.position, from, what);
        Ok(())
    }

    /// The chunk at `position` was taken: the next one is expected. Without something partial that
    /// was the last of its message.
    pub(super) fn advance(
        &mut self,
        slot: Slot,
        position: Position,
        from: u32,
        partial: Option<Box<Partial>>,
    ) {
        let row = self.origins.row_mut(slot);
        (row.epoch, row.sequence, row.chunk) = if partial.is_some() {
            (position.epoch, position.sequence, position.chunk + 1)
        } else {
            (position.epoch, position.sequence + 1, 0)
        };
        self.stats.messages += u64::from(partial.is_none() && from != 0);
        row.partial = partial;
        row.at = tick(self.now);
        row.supplier = from;
        row.proved = true;
    }

    /// Puts an item into the log, which may drop the oldest.
    pub(super) fn append(&mut self, origin: Slot, position: Position, from: u32, what: What) {
        let head = self.log.head();
        let item = Item {
            origin,
            position,
            from,
            at: self.now,
            what,
        };
        self.stats.chunks += u64::from(from != 0 && !matches!(item.what, What::Gap { .. }));
        if from != 0 && item.ends() {
            self.readable |= core::mem::take(&mut self.reader_waits);
        }
        let mut links = self.links.iter_mut();
        if let Some(link) = links.find(|link| link.serial == from) {
            link.took(&item, head);
        }
        self.log.push(item);
        self.origins.row_mut(origin).items += 1;
        while self.log.bytes() > u64::from(self.config.ring_bytes) {
            self.drop_oldest();
        }
    }

    /// Drops the oldest item; who had not come so far loses it.
    pub(super) fn drop_oldest(&mut self) {
        let at = self.log.base();
        let Some(item) = self.log.pop() else {
            return;
        };
        for link in &mut self.links {
            if link.cursor == at {
                if link.is_tree() && link.peer_whole {
                    link.lose(&item);
                } else {
                    link.cursor += 1;
                }
            }
        }
        let row = self.origins.row_mut(item.origin);
        row.items -= 1;
        let begins = matches!(item.what, What::Opening { last: false, .. });
        let whose = (item.position.epoch, item.position.sequence);
        if begins && whose == (row.epoch, row.sequence) {
            row.partial = None;
        }
        if self.cursor == at {
            self.cursor += 1;
            self.lose(&item);
        }
    }

    /// What the neighbour itself broadcasts is paced.
    fn charge(&mut self, at: usize, key: &[u8; 32], bytes: usize, begins: bool) {
        let link = &mut self.links[at];
        if key == link.peer.as_bytes() {
            link.pace
                .charge(self.now, &self.config, HEAD + bytes, begins);
        }
    }

    /// Makes a row for an origin. If there are too many, the one that was quiet longest goes, and
    /// with it whatever the log has of it.
    pub(super) fn remember(&mut self, origin: Origin) -> Slot {
        if !self.origins.is_full() {
            return self.origins.insert(origin);
        }
        let quietest = self.origins.quietest(&self.me.key, self.wall());
        let slot = quietest.expect("there is room for more than ourselves");
        while self.origins.row(slot).items > 0 {
            self.drop_oldest();
        }
        let old = self.origins.replace(slot, origin);
        for link in &mut self.links {
            link.peer_at.remove(&slot);
            link.parked.take_if(|parked| parked.origin == slot);
        }
        // A clock that is ahead must not shut out everybody else.
        self.floor = old.wall.min(self.wall()).max(self.floor).max(1);
        self.stats.forgotten += 1;
        slot
    }

    /// The wall time by our own clock. Until we spoke that is when this life began, and the time
    /// since.
    fn wall(&self) -> u64 {
        let (then, wall) = self.clock.unwrap_or((Time::ZERO, self.me.epoch));
        wall.saturating_add(self.now.since_us(then) / 1000)
    }

    /// Takes up what was parked and waits no more: its time is over, or what it waited for came.
    pub(super) fn unpark(&mut self) {
        for at in 0..self.links.len() {
            let origins = &self.origins;
            let now = self.now;
            let link = &mut self.links[at];
            let ready = link.parked.take_if(|parked| {
                let row = origins.row(parked.origin);
                let judged = judge(row, parked.position);
                now >= parked.until || !matches!(judged, Judged::After { .. })
            });
            let Some(parked) = ready else {
                continue;
            };
            let judged = judge(self.origins.row(parked.origin), parked.position);
            if judged == Judged::Before {
                self.stats.duplicates += 1;
                continue;
            }
            if let Judged::After { .. } = judged {
                // The other one may have gone on meanwhile, but it may also keep us from reading
                // this one on purpose.
                let gap_ms = u64::from(self.config.gap_ms);
                let patient = self.now < parked.since.plus_ms(GAP_WAITS * gap_ms);
                let until = self.waits_until(parked.origin, at).filter(|_| patient);
                if let Some(until) = until {
                    self.links[at].parked = Some(Box::new(Parked { until, ..*parked }));
                    continue;
                }
                self.links[at].hasty_until = self.now.plus_ms(GAP_HASTE * gap_ms);
            }
            let opening = Opening::parse(&parked.body);
            let opening = opening.expect("what is parked was parsed before");
            self.begin(at, parked.origin, judged, &opening, &parked.body);
        }
    }
}
