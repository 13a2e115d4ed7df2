//! Streams that wait for their turn. A queue holds exactly those that have something for it, so
//! whether there is anything to send is known without looking at a stream.

use alloc::{collections::VecDeque, vec::Vec};

/// What a stream ranks: the application's within `i8`, and above all of those the switch's own.
pub(super) type Rank = i16;

/// The rank of the streams of the switch itself, which no application can give.
pub(super) const SYSTEM: Rank = Rank::MAX;

/// Levels that nobody stands in are kept up to this many in all, so that a stream that comes and
/// goes allocates nothing.
const LEVELS_KEPT: usize = 8;

/// The streams of one rank, in the order of their turns.
#[derive(Debug)]
struct Level {
    rank: Rank,
    ids: VecDeque<u64>,
    /// What is left of the turn of the front.
    left_bytes: u64,
}

/// Streams by rank, the highest first, and fair turns among equals. A look at the front costs at
/// most the few empty levels above it.
#[derive(Debug)]
pub(super) struct Queue {
    levels: Vec<Level>,
    len: usize,
    turn_bytes: u64,
}

/// Who waits for a turn, and for what. A line at rest has none of it.
#[derive(Debug)]
pub(super) struct Queues {
    /// Streams with a reset, a stop or credit to tell.
    pub(super) control: Queue,
    /// Streams with lost bytes or a bare end to send: what needs no credit.
    pub(super) owed: Queue,
    /// Streams with new bytes that their own credit allows.
    pub(super) fresh: Queue,
    /// Streams that wait for room in the line's send buffer.
    pub(super) writers: VecDeque<u64>,
}

impl Queues {
    pub(super) const fn new(turn_bytes: u64) -> Self {
        Self {
            control: Queue::new(u64::MAX),
            owed: Queue::new(turn_bytes),
            fresh: Queue::new(turn_bytes),
            writers: VecDeque::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        let of_output = [&self.control, &self.owed, &self.fresh];
        of_output.iter().all(|queue| queue.is_empty()) && self.writers.is_empty()
    }

    /// Gives memory back that `live` streams will not need.
    pub(super) fn fit(&mut self, live: usize) {
        for queue in [&mut self.control, &mut self.owed, &mut self.fresh] {
            queue.fit(live);
        }
    }
}

impl Queue {
    pub(super) const fn new(turn_bytes: u64) -> Self {
        Self {
            levels: Vec::new(),
            len: 0,
            turn_bytes,
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whose turn it is, and its rank.
    pub(super) fn front(&self) -> Option<(Rank, u64)> {
        let level = self.first()?;
        Some((level.rank, *level.ids.front()?))
    }

    /// Bytes that the front may still send in its turn.
    pub(super) fn left_bytes(&self) -> u64 {
        self.first().map_or(0, |level| level.left_bytes)
    }

    /// Makes `id`, of this rank, a member or none; `is_member` is the stream's own note of that.
    pub(super) fn set(&mut self, id: u64, rank: Rank, is_member: &mut bool, wanted: bool) {
        if wanted && !*is_member {
            self.level(rank).ids.push_back(id);
            self.len += 1;
        }
        if !wanted && *is_member {
            self.leave(id, rank);
        }
        *is_member = wanted;
    }

    /// The front has sent `bytes`. When its turn is used up, it goes to the back.
    pub(super) fn spend(&mut self, bytes: u64) {
        let turn_bytes = self.turn_bytes;
        if let Some(level) = self.levels.iter_mut().find(|level| !level.ids.is_empty()) {
            level.left_bytes = level.left_bytes.saturating_sub(bytes);
            if level.left_bytes == 0 {
                level.ids.rotate_left(1);
                level.left_bytes = turn_bytes;
            }
        }
    }

    fn fit(&mut self, live: usize) {
        if live == 0 {
            self.levels.retain(|level| !level.ids.is_empty());
            self.levels.shrink_to_fit();
        }
        for level in &mut self.levels {
            if level.ids.capacity() > 64 + 8 * live {
                level.ids.shrink_to(16 + 2 * live);
            }
        }
    }

    fn first(&self) -> Option<&Level> {
        self.levels.iter().find(|level| !level.ids.is_empty())
    }

    fn level(&mut self, rank: Rank) -> &mut Level {
        let place = self.levels.partition_point(|level| level.rank > rank);
        if self
            .levels
            .get(place)
            .is_none_or(|level| level.rank != rank)
        {
            let level = Level {
                rank,
                ids: VecDeque::new(),
                left_bytes: self.turn_bytes,
            };
            self.levels.insert(place, level);
        }
        &mut self.levels[place]
    }

    fn leave(&mut self, id: u64, rank: Rank) {
        let turn_bytes = self.turn_bytes;
        let level = self.level(rank);
        // A stream leaves while it is at the front, but for rare cases: a reset, another rank, or
        // packets taken for lost that arrived.
        let place = level.ids.iter().position(|at| *at == id);
        let place = place.expect("a stream that notes it is queued is queued");
        level.ids.remove(place);
        if place == 0 {
            level.left_bytes = turn_bytes;
        }
        let is_empty = level.ids.is_empty();
        self.len -= 1;
        if is_empty && self.levels.len() > LEVELS_KEPT {
            self.levels.retain(|level| level.rank != rank);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_queue_gives_turns_in_order() {
        let mut queue = Queue::new(100);
        let mut notes = [false; 4];
        for (id, note) in (0..).zip(&mut notes) {
            queue.set(id, 0, note, true);
            queue.set(id, 0, note, true);
        }
        let mut order = Vec::new();
        for bytes in [60, 40, 100, 30, 70, 100] {
            order.push(queue.front().unwrap().1);
            queue.spend(bytes);
        }
        assert_eq!(order, [0, 0, 1, 2, 2, 3]);
        queue.spend(30);
        queue.set(0, 0, &mut notes[0], false);
        assert_eq!((queue.front(), queue.left_bytes()), (Some((0, 1)), 100));
        queue.set(2, 0, &mut notes[2], false);
        assert_eq!(queue.levels[0].ids, [1, 3]);
    }

    #[test]
    fn stream_queue_puts_the_higher_rank_first_and_keeps_the_turn_of_the_lower() {
        let mut queue = Queue::new(100);
        let (mut low, mut high, mut system) = ([false; 2], false, false);
        queue.set(1, -5, &mut low[0], true);
        queue.set(2, -5, &mut low[1], true);
        queue.spend(60);
        queue.set(3, 7, &mut high, true);
        assert_eq!((queue.front(), queue.left_bytes()), (Some((7, 3)), 100));
        queue.set(4, SYSTEM, &mut system, true);
        assert_eq!(queue.front(), Some((SYSTEM, 4)));
        queue.set(4, SYSTEM, &mut system, false);
        queue.spend(1_000);
        assert_eq!(
            queue.front(),
            Some((7, 3)),
            "alone, its turn is followed by its next"
        );
        queue.set(3, 7, &mut high, false);
        assert_eq!((queue.front(), queue.left_bytes()), (Some((-5, 1)), 40));
        queue.spend(40);
        assert_eq!(queue.front(), Some((-5, 2)));
    }

    #[test]
    fn stream_queue_of_every_rank_keeps_few_levels() {
        let mut queue = Queue::new(100);
        let mut notes = [false; 256];
        for (id, note) in (0..).zip(&mut notes) {
            queue.set(id, id as Rank - 128, note, true);
        }
        for id in (0..256_u64).rev() {
            assert_eq!(queue.front(), Some((id as Rank - 128, id)));
            queue.set(id, id as Rank - 128, &mut notes[id as usize], false);
        }
        assert!(queue.is_empty() && queue.levels.len() <= LEVELS_KEPT);
        queue.fit(0);
        assert_eq!(queue.levels.capacity(), 0);
    }
}
