//! Opens of others that were answered: the answer for copies of the open, and the session that
//! waits for its first sealed packet. All live equally long, so the oldest ends first.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};

use super::{Suite, mac::Digest, peers::Pair, session::Session, state::End, told::Told};
use crate::{
    base::{Index, Rng, Time, grow},
    identity::{Hashname, Membership, PublicKey},
};

/// A session that takes effect with its first sealed packet.
#[derive(Debug)]
pub(super) struct HalfOpen {
    pub(super) pair: Pair,
    /// The index of the hashname that the open was for.
    pub(super) home: usize,
    pub(super) key: PublicKey,
    pub(super) suite: Suite,
    pub(super) session: Session,
    pub(super) end: End,
    pub(super) peer_end: End,
    /// The peer's end number of the line that it asked after.
    pub(super) asks: Option<u32>,
    pub(super) peer_boot: u64,
    pub(super) time: u64,
    /// When the answer went out, while it went out once.
    pub(super) answered_at: Option<Time>,
    pub(super) told: Told,
    /// What lets the peer into a closed space.
    pub(super) membership: Option<Box<Membership>>,
}

/// The number of an answer; used again only after four thousand million others.
pub(super) type AnswerId = u32;

#[derive(Debug)]
struct Record {
    digest: Digest,
    pair: Pair,
    answer: Box<[u8]>,
    until: Time,
    half: Option<Box<HalfOpen>>,
}

/// The answers of the last seconds, oldest first.
#[derive(Debug)]
pub(super) struct Answers {
    records: VecDeque<Record>,
    /// The number of the oldest record.
    first: AnswerId,
    most: usize,
    by_digest: Index<Digest, AnswerId>,
    /// Those that still wait, by who opened.
    waiting: BTreeMap<Pair, Vec<AnswerId>>,
}

impl Answers {
    pub(super) fn new(most: u32, rng: &mut Rng) -> Self {
        Self {
            records: VecDeque::new(),
            first: 0,
            most: most as usize,
            by_digest: Index::new(rng),
            waiting: BTreeMap::new(),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.records.len() >= self.most
    }

    /// True if a session waits for its first sealed packet.
    pub(super) fn is_awaited(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// The number that the next record will have.
    pub(super) fn next_id(&self) -> AnswerId {
        self.first.wrapping_add(self.records.len() as u32)
    }

    pub(super) fn insert(
        &mut self,
        digest: Digest,
        answer: Box<[u8]>,
        until: Time,
        half: HalfOpen,
    ) -> AnswerId {
        let id = self.next_id();
        self.by_digest.insert(digest, id);
        self.waiting.entry(half.pair).or_default().push(id);
        grow(&mut self.records);
        self.records.push_back(Record {
            digest,
            pair: half.pair,
            answer,
            until,
            half: Some(Box::new(half)),
        });
        id
    }

    /// The answer to the open with this hash, and who opened.
    pub(super) fn find(&self, digest: &Digest) -> Option<(AnswerId, Pair)> {
        let id = *self.by_digest.get(digest)?;
        Some((id, self.record(id)?.pair))
    }

    pub(super) fn answer(&self, id: AnswerId) -> Option<&[u8]> {
        Some(&self.record(id)?.answer)
    }

    pub(super) fn half_mut(&mut self, id: AnswerId) -> Option<&mut HalfOpen> {
        let at = self.place(id);
        self.records.get_mut(at)?.half.as_deref_mut()
    }

    /// Takes the session of an answer; the answer itself stays for copies of its open.
    pub(super) fn take_half(&mut self, id: AnswerId) -> Option<HalfOpen> {
        let at = self.place(id);
        let half = self.records.get_mut(at)?.half.take()?;
        self.stop_waiting(id, half.pair);
        Some(*half)
    }

    /// Drops the sessions that wait to join a line which is no more, or were made when the peer
    /// asked after it, and gives their line ids: its ends begin another life.
    pub(super) fn drop_joining(
        &mut self,
        pair: &Pair,
        (end, boot, peer_end): (u32, u64, u32),
    ) -> Vec<u32> {
        let joins = |half: &HalfOpen| {
            let is_of_it = half.peer_end.id == peer_end || half.asks == Some(peer_end);
            half.end.id == end && half.peer_boot == boot && is_of_it
        };
        let waiting = self.waiting.get(pair).into_iter().flatten();
        let joining = waiting.filter(|id| {
            let half = self.record(**id).and_then(|record| record.half.as_ref());
            half.is_some_and(|half| joins(half))
        });
        let joining: Vec<_> = joining.copied().collect();
        let dropped = joining.into_iter().filter_map(|id| self.take_half(id));
        dropped.map(|half| half.session.ours).collect()
    }

    /// The end that waiting sessions of `pair` are to belong to, other than `not`.
    pub(super) fn waiting_end(&self, pair: &Pair, not: Option<u32>) -> Option<End> {
        let ids = self.waiting.get(pair)?.iter().rev();
        ids.filter_map(|id| Some(self.record(*id)?.half.as_ref()?.end))
            .find(|end| Some(end.id) != not)
    }

    /// When the oldest record ends.
    pub(super) fn deadline(&self) -> Option<Time> {
        Some(self.records.front()?.until)
    }

    /// Ends the oldest record if it is due, and gives the line id of a session that waited in
    /// vain.
    pub(super) fn expire(&mut self, now: Time) -> Option<Option<u32>> {
        if self.deadline()? > now {
            return None;
        }
        self.end_oldest()
    }

    /// Ends the oldest record, due or not, and gives the line id of a session that waited.
    pub(super) fn end_oldest(&mut self) -> Option<Option<u32>> {
        let record = self.records.pop_front()?;
        let id = self.first;
        self.first = id.wrapping_add(1);
        if self.records.is_empty() {
            // A record is large, and few switches are opened to all the time.
            self.records.shrink_to_fit();
        }
        if self.by_digest.get(&record.digest) == Some(&id) {
            self.by_digest.remove(&record.digest);
        }
        let half = record.half.map(|half| {
            self.stop_waiting(id, half.pair);
            half.session.ours
        });
        Some(half)
    }

    /// Forgets every answer of `local`, and gives the line ids of the sessions that waited.
    pub(super) fn forget(&mut self, local: Hashname) -> Vec<u32> {
        let mut ids = Vec::new();
        for record in self.records.iter_mut().filter(|it| it.pair.local == local) {
            self.by_digest.remove(&record.digest);
            ids.extend(record.half.take().map(|half| half.session.ours));
        }
        self.waiting.retain(|pair, _| pair.local != local);
        ids
    }

    fn stop_waiting(&mut self, id: AnswerId, pair: Pair) {
        if let Some(ids) = self.waiting.get_mut(&pair) {
            ids.retain(|waiting| *waiting != id);
            if ids.is_empty() {
                self.waiting.remove(&pair);
            }
            if self.waiting.is_empty() {
                // An empty map keeps a node of eleven places.
                self.waiting = BTreeMap::new();
            }
        }
    }

    fn record(&self, id: AnswerId) -> Option<&Record> {
        self.records.get(self.place(id))
    }

    /// Where a record stands, or would.
    const fn place(&self, id: AnswerId) -> usize {
        id.wrapping_sub(self.first) as usize
    }
}
