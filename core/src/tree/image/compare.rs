//! How two neighbours find out in what their images differ: greeting, digest, lists, wants.

use alloc::vec::Vec;

use super::{
    Fault, Image,
    entry::flag,
    link::{Hello, How},
    record::{take, take_prefix},
    word::{PREFIX_BITS, Prefix, prefix, six},
};
use crate::base::Time;

/// Digests split the keys into at most this many parts, as a power of two.
pub(super) const BITS_MOST: u32 = 8;
/// Entries that a part of the keys should have.
const PART: usize = 16;
/// A part that changed so many ticks ago is not compared with the backup: what changed is still on
/// its way to one of the two. 3 s.
const UNSETTLED: u16 = 47;
/// What a digest says of such a part.
const UNSETTLED_PART: u32 = 0;
/// Bytes of a greeting with all that is around it.
const HELLO_BYTES: usize = 16;
/// Bytes of a list's bounds, and of each of its items.
const LIST_FRONT: usize = 12;
const ITEM: usize = 10;

/// In a greeting: the sender keeps a sample only.
const SAMPLED: u8 = 1;
/// In a greeting: the link is new.
const NEW: u8 = 2;
/// In a greeting: it answers one.
const ANSWER: u8 = 4;

/// What a list says of somebody who is gone.
const GONE_ITEM: u32 = 0;

/// What a list says of an entry: the half of its check that digests do not show.
fn item_of(check: u64) -> u32 {
    ((check >> 32) as u32).max(GONE_ITEM + 1)
}

impl Image {
    /// The number of living entries and the exclusive or of their checks.
    const fn sum(&self) -> (u32, u64) {
        (self.store.living(), self.store.sums().whole())
    }

    /// The digest of each part; 0 is one that is not to be compared now.
    fn parts(&self, now: Time, bits: u32, settled: bool) -> Vec<u32> {
        let parts = self.store.sums().parts(bits);
        let mut parts: Vec<u32> = parts.map(|part| part.max(UNSETTLED_PART + 1)).collect();
        if settled {
            let tick = super::tick(now);
            for (at, touched) in self.touched.iter().enumerate() {
                if tick.wrapping_sub(*touched) < UNSETTLED {
                    parts[at >> (BITS_MOST - bits)] = UNSETTLED_PART;
                }
            }
        }
        parts
    }

    pub(super) fn write_hello(&mut self, place: usize, out: &mut Vec<u8>) {
        let (mut count, sum) = self.sum();
        let sampled = if self.whole { 0 } else { SAMPLED };
        let link = self.link(place);
        let why = match link.hello.take() {
            Some(Hello::New) => {
                count = link.had;
                NEW
            }
            Some(Hello::Answer) => ANSWER,
            Some(Hello::Ask) | None => 0,
        };
        out.push(sampled | why);
        out.extend_from_slice(&count.to_be_bytes());
        out.extend_from_slice(&sum.to_be_bytes());
    }

    pub(super) fn on_hello(
        &mut self,
        now: Time,
        place: usize,
        mut body: &[u8],
    ) -> Result<(), Fault> {
        let read = (|| {
            let [mode] = take(&mut body)?;
            let count = u32::from_be_bytes(take(&mut body)?);
            Some((mode, count, u64::from_be_bytes(take(&mut body)?)))
        })();
        let read = read.filter(|(mode, ..)| *mode & !SAMPLED <= ANSWER && body.is_empty());
        let (mode, count, sum) = read.ok_or(Fault::Malformed)?;
        if mode & SAMPLED != 0 || !self.whole {
            return Ok(());
        }
        let (mine, own) = self.sum();
        if (mine, own) == (count, sum) {
            return Ok(());
        }
        self.stats.repairs += 1;
        let me = self.me;
        let backup = self.link(place).backup;
        // A greeting has few bytes and a digest many.
        let cost = (self.digest_len(backup) / HELLO_BYTES).max(1);
        let link = self.link(place);
        // On a new link both ends have to judge by the same numbers, whatever changed since.
        let mine = if mode == NEW { link.had } else { mine };
        let owed = link.digest;
        if mode == ANSWER || (mine, me) > (count, link.peer) {
            self.link(place).digest = owed || self.may_look(now, place, cost);
        } else if mode == 0 {
            link.hello.get_or_insert(Hello::Answer);
        }
        Ok(())
    }

    /// Bytes of the body of a digest.
    pub(super) fn digest_len(&self, backup: bool) -> usize {
        1 + (4 << self.digest_bits(backup))
    }

    /// The backup is compared with again and again, and seldom finds anything.
    fn digest_bits(&self, backup: bool) -> u32 {
        let parts = (self.store.len() / PART).max(1);
        let most = if backup { BITS_MOST - 1 } else { BITS_MOST };
        parts.next_power_of_two().ilog2().min(most)
    }

    pub(super) fn write_digest(&mut self, now: Time, place: usize, out: &mut Vec<u8>) {
        let link = self.link(place);
        link.digest = false;
        let backup = link.backup;
        let bits = self.digest_bits(backup);
        out.push(bits as u8);
        for part in self.parts(now, bits, backup) {
            out.extend_from_slice(&part.to_be_bytes());
        }
    }

    pub(super) fn on_digest(
        &mut self,
        now: Time,
        place: usize,
        mut body: &[u8],
    ) -> Result<(), Fault> {
        let [bits] = take(&mut body).ok_or(Fault::Malformed)?;
        let bits = u32::from(bits);
        if bits > BITS_MOST || body.len() != 4 << bits {
            return Err(Fault::Malformed);
        }
        if !self.whole {
            return Ok(());
        }
        let backup = self.link(place).backup;
        let mine = self.parts(now, bits, backup);
        let width = PREFIX_BITS - bits;
        let mut lists: Vec<(Prefix, Prefix)> = Vec::new();
        for (at, (mine, theirs)) in (0_u64..).zip(mine.iter().zip(body.chunks_exact(4))) {
            let theirs = u32::from_be_bytes(theirs.try_into().expect("chunks of four"));
            if *mine == theirs || [*mine, theirs].contains(&UNSETTLED_PART) {
                continue;
            }
            let (from, to) = (at << width, ((at + 1) << width) - 1);
            match lists.last_mut().filter(|(_, last)| *last + 1 == from) {
                Some((_, last)) => *last = to,
                None => lists.push((from, to)),
            }
        }
        // A later digest says all that an earlier one said.
        self.link(place).lists = lists.into();
        Ok(())
    }

    /// Writes as much of the next list as fits; false if nothing does.
    pub(super) fn write_list(
        &mut self,
        now: Time,
        place: usize,
        room: usize,
        out: &mut Vec<u8>,
    ) -> bool {
        let Some(most) = room.checked_sub(LIST_FRONT).map(|room| room / ITEM) else {
            return false;
        };
        let Some((from, to)) = self.link(place).lists.front().copied().filter(|_| most > 0) else {
            return false;
        };
        // Few bytes of a digest may ask for lists of everybody.
        let cost = self.store.count(from..=to).min(most);
        if !self.may_look(now, place, cost) {
            self.link(place).lists.clear();
            return false;
        }
        let start = out.len();
        out.extend_from_slice(&six(from));
        out.extend_from_slice(&six(to));
        let (mut items, mut rest, mut scratch) = (0, None, Vec::new());
        for entry in self.store.range(from..=to) {
            let who = prefix(&entry.key);
            if items == most {
                rest = Some(who);
                break;
            }
            let said = if entry.is(flag::GONE) {
                GONE_ITEM
            } else {
                item_of(self.store.check(entry, &mut scratch))
            };
            out.extend_from_slice(&six(who));
            out.extend_from_slice(&said.to_be_bytes());
            items += 1;
        }
        let lists = &mut self.link(place).lists;
        match rest {
            Some(next) => {
                lists[0].0 = next;
                out[start + 6..start + 12].copy_from_slice(&six(next - 1));
            }
            None => drop(lists.pop_front()),
        }
        true
    }

    pub(super) fn on_list(
        &mut self,
        now: Time,
        place: usize,
        mut body: &[u8],
    ) -> Result<(), Fault> {
        let from = take_prefix(&mut body).ok_or(Fault::Malformed)?;
        let to = take_prefix(&mut body).ok_or(Fault::Malformed)?;
        if from > to || !body.len().is_multiple_of(ITEM) {
            return Err(Fault::Malformed);
        }
        let (mut theirs, mut least) = (Vec::with_capacity(body.len() / ITEM), from);
        for item in body.chunks_exact(ITEM) {
            let mut item = item;
            let who = take_prefix(&mut item).ok_or(Fault::Malformed)?;
            let said = u32::from_be_bytes(take(&mut item).ok_or(Fault::Malformed)?);
            if who < least || who > to {
                return Err(Fault::Malformed);
            }
            least = who + 1;
            theirs.push((who, said));
        }
        if !self.whole {
            return Ok(());
        }
        // An empty list of everybody has as few bytes as one of nobody. Of more than an image holds
        // a neighbour may tell whose limit is another; it is answered all the same.
        let most = self.config.members_max as usize;
        let cost = self.store.count(from..=to).max(theirs.len());
        if !self.may_look(now, place, cost.min(most)) {
            return Ok(());
        }
        self.survey_for(now, place);
        let (give, wants) = self.differences(from, to, &theirs);
        self.give(place, give);
        add_new(&mut self.link(place).wants, &wants, most);
        Ok(())
    }

    /// Whether the peer may have us look at so many more entries. If not, all is compared again
    /// when it may.
    fn may_look(&mut self, now: Time, place: usize, entries: usize) -> bool {
        let again = now.plus_ms(u64::from(self.config.refute_ms));
        let link = self.link(place);
        let may = link.spend_look(now, entries);
        if !may {
            link.amends_at.get_or_insert(again);
            self.stats.overcompared += 1;
        }
        may
    }

    /// Queues what the peer lacks, or keeps it back for as long as it is in doubt: whoever is gone
    /// would go round for ever among those who forget it one after another.
    fn give(&mut self, place: usize, lacked: Vec<(Prefix, How)>) {
        let mut doubted = Vec::new();
        for (who, how) in lacked {
            if self.is_doubted(who) {
                doubted.push(who);
            } else {
                self.queue(place, who, how);
            }
        }
        let most = self.config.members_max as usize;
        add_new(&mut self.link(place).withheld, &doubted, most);
    }

    fn is_doubted(&self, who: Prefix) -> bool {
        let entry = self.store.find(who);
        entry.is_some_and(|entry| entry.is(flag::DOUBT))
    }

    /// After a survey: gives what was kept back and is not in doubt any more.
    pub(super) fn give_withheld(&mut self) {
        for place in 0..self.links.len() {
            let Some(link) = self.links[place].as_mut() else {
                continue;
            };
            // None of them is there twice, so that what is left need not be looked through.
            let (kept, given): (Vec<_>, Vec<_>) = core::mem::take(&mut link.withheld)
                .into_iter()
                .partition(|who| self.is_doubted(*who));
            self.link(place).withheld = kept;
            for who in given {
                self.queue(place, who, How::Whole);
            }
        }
    }

    /// What the peer lacks of a range, and what I lack.
    fn differences(
        &self,
        from: Prefix,
        to: Prefix,
        theirs: &[(Prefix, u32)],
    ) -> (Vec<(Prefix, How)>, Vec<Prefix>) {
        let (mut give, mut wants, mut scratch) = (Vec::new(), Vec::new(), Vec::new());
        let mut rest = theirs.iter().copied().peekable();
        let missing = |(who, said): (Prefix, u32)| (said != GONE_ITEM).then_some(who);
        for entry in self.store.range(from..=to) {
            let who = prefix(&entry.key);
            while let Some(item) = rest.next_if(|(other, _)| *other < who) {
                wants.extend(missing(item));
            }
            match rest.next_if(|(other, _)| *other == who) {
                None if entry.is(flag::GONE) => {}
                None => give.push((who, How::Whole)),
                Some((_, GONE_ITEM)) if entry.is(flag::GONE) => {}
                // What they know may be older, also of another life; the answer will show.
                Some((_, GONE_ITEM)) if entry.is(flag::DOUBT) => wants.push(who),
                Some((_, GONE_ITEM)) => give.push((who, How::Whole)),
                Some(_) if entry.is(flag::GONE) => {
                    give.push((who, How::Whole));
                    wants.push(who);
                }
                Some((_, said)) => {
                    if item_of(self.store.check(entry, &mut scratch)) != said {
                        give.push((who, How::Whole));
                        wants.push(who);
                    }
                }
            }
        }
        wants.extend(rest.filter_map(missing));
        (give, wants)
    }

    pub(super) fn write_wants(&mut self, place: usize, room: usize, out: &mut Vec<u8>) {
        let wants = &mut self.link(place).wants;
        let count = wants.len().min(room / 6);
        for who in wants.drain(..count) {
            out.extend_from_slice(&six(who));
        }
        if wants.is_empty() {
            wants.shrink_to(8);
        }
    }

    pub(super) fn on_wants(
        &mut self,
        now: Time,
        place: usize,
        mut body: &[u8],
    ) -> Result<(), Fault> {
        self.survey_for(now, place);
        let mut lacked = Vec::new();
        while let Some(who) = take_prefix(&mut body) {
            if self.whole && self.store.find(who).is_some() {
                lacked.push((who, How::Whole));
            }
        }
        self.give(place, lacked);
        body.is_empty().then_some(()).ok_or(Fault::Malformed)
    }
}

/// Appends those that are not there yet, in their order, as long as there are fewer than `most`. It
/// does not look through all that is there for each of them: both may be many.
pub(super) fn add_new(there: &mut Vec<Prefix>, more: &[Prefix], most: usize) {
    if more.is_empty() || there.len() >= most {
        return;
    }
    let mut sorted: Vec<(Prefix, bool)> = more.iter().map(|who| (*who, false)).collect();
    sorted.sort_unstable();
    sorted.dedup();
    for who in &*there {
        if let Ok(at) = sorted.binary_search_by_key(who, |(it, _)| *it) {
            sorted[at].1 = true;
        }
    }
    for who in more {
        let Ok(at) = sorted.binary_search_by_key(who, |(it, _)| *it) else {
            continue;
        };
        if there.len() < most && !sorted[at].1 {
            sorted[at].1 = true;
            there.push(*who);
        }
    }
}
