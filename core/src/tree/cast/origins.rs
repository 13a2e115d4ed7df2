//! How far every origin has been heard: one row each, found by its key.

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use super::packet::{Position, UNPROVED};
use crate::{
    base::{Finder, Rng, Slot, Time},
    identity::PublicKey,
};

/// How far one origin has been heard.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) key: PublicKey,
    pub(super) epoch: u64,
    /// The message that is expected, or under way.
    pub(super) sequence: u64,
    /// The latest wall time it ever stated.
    pub(super) wall: u64,
    /// What is kept of the message that is under way; without it the rest of it is useless.
    pub(super) partial: Option<Box<Partial>>,
    /// When it was heard last, in ticks.
    pub(super) at: u32,
    /// The link that brought it last, by serial; 0 is none.
    pub(super) supplier: u32,
    /// How many items the log holds of it.
    pub(super) items: u32,
    /// The chunk that is expected.
    pub(super) chunk: u8,
    /// False if the position is only a neighbour's word: no message showed it.
    pub(super) proved: bool,
}

/// A message that is under way.
#[derive(Debug)]
pub(super) struct Partial {
    /// The packet that began it.
    pub(super) opening: Arc<[u8]>,
    /// The link that brought the beginning, by serial; 0 is none, or one that brought another, too.
    pub(super) from: u32,
    /// Where in the log the chunk before the next one is.
    pub(super) previous: u64,
}

impl Origin {
    pub(super) fn new(key: PublicKey, at: Position, proved: bool) -> Self {
        Self {
            key,
            epoch: at.epoch,
            sequence: at.sequence,
            wall: 0,
            partial: None,
            at: 0,
            supplier: 0,
            items: 0,
            chunk: at.chunk,
            proved,
        }
    }

    pub(super) const fn position(&self) -> Position {
        Position::new(self.epoch, self.sequence, self.chunk)
    }

    /// True if chunks of the message that is under way were taken that cannot be read any more.
    pub(super) const fn is_broken(&self) -> bool {
        self.chunk > 0 && self.partial.is_none()
    }

    /// What is told about it to a neighbour: of a broken message nothing is had.
    pub(super) const fn told(&self) -> Position {
        let mut at = self.position();
        if !self.proved {
            at.chunk = UNPROVED;
        } else if self.is_broken() {
            at.chunk = 0;
        }
        at
    }

    pub(super) const fn heard_us(&self, now: Time) -> u64 {
        (tick(now).saturating_sub(self.at) as u64) << TICK
    }
}

/// A tick has 2^16 microseconds.
const TICK: u32 = 16;

/// The time in ticks: of 32 bits they last for eight years.
pub(super) const fn tick(now: Time) -> u32 {
    (now.as_us() >> TICK) as u32
}

/// The rows of all origins that are remembered.
#[derive(Debug)]
pub(super) struct Origins {
    rows: Vec<Origin>,
    finder: Finder,
    most: u32,
}

impl Origins {
    pub(super) fn new(most: u32, rng: &mut Rng) -> Self {
        Self {
            rows: Vec::new(),
            finder: Finder::new(rng),
            most,
        }
    }

    pub(super) fn find(&self, key: &[u8; 32]) -> Option<Slot> {
        let rows = &self.rows;
        let is_it = |slot: Slot| rows[slot as usize].key.as_bytes() == key;
        self.finder.find(key, is_it)
    }

    pub(super) fn row(&self, slot: Slot) -> &Origin {
        &self.rows[slot as usize]
    }

    pub(super) fn row_mut(&mut self, slot: Slot) -> &mut Origin {
        &mut self.rows[slot as usize]
    }

    pub(super) fn rows(&self) -> &[Origin] {
        &self.rows
    }

    pub(super) fn is_full(&self) -> bool {
        self.rows.len() >= self.most.max(2) as usize
    }

    /// Adds a row while there is room for it.
    pub(super) fn insert(&mut self, origin: Origin) -> Slot {
        let slot = self.rows.len() as Slot;
        let key = *origin.key.as_bytes();
        if self.rows.len() == self.rows.capacity() {
            self.rows.reserve_exact(1 + self.rows.len() / 16);
        }
        self.rows.push(origin);
        let rows = &self.rows;
        self.finder
            .insert(&key, slot, |at| *rows[at as usize].key.as_bytes());
        slot
    }

    /// Puts another origin in the place of one, which is given back.
    pub(super) fn replace(&mut self, slot: Slot, origin: Origin) -> Origin {
        let old = *self.row(slot).key.as_bytes();
        let rows = &self.rows;
        let key_of = |at: Slot| *rows[at as usize].key.as_bytes();
        self.finder.remove(&old, slot, key_of);
        let key = *origin.key.as_bytes();
        let old = core::mem::replace(&mut self.rows[slot as usize], origin);
        let rows = &self.rows;
        self.finder
            .insert(&key, slot, |at| *rows[at as usize].key.as_bytes());
        old
    }

    /// The one that was quiet longest, but for `own`; one whose clock is ahead of `wall` only if all
    /// are. It looks at each: a new origin beyond the limit costs a signature, which takes longer.
    pub(super) fn quietest(&self, own: &PublicKey, wall: u64) -> Option<Slot> {
        let others = self.rows.iter().enumerate().filter(|row| row.1.key != *own);
        let quietest = others.min_by_key(|row| (row.1.wall > wall, row.1.at))?;
        Some(quietest.0 as Slot)
    }

    pub(super) fn held_bytes(&self) -> u64 {
        let rows = self.rows.capacity() * size_of::<Origin>();
        // A place in the finder is a number and a byte, at a load of at most seven eighths.
        let places = (self.finder.len() * 8 / 7).next_power_of_two();
        (rows + if self.rows.is_empty() { 0 } else { places * 5 }) as u64
    }
}
