//! The next deadline among many, without a scan: a binary heap that knows where each slot stands.

use alloc::vec::Vec;
use core::cmp::Ordering;

use super::{Slot, Time};

const ABSENT: u32 = u32::MAX;
/// Room that is kept for deadlines whether or not there are so many.
const LEAST: usize = 64;

/// At most one deadline for each slot. Setting one costs the logarithm of how many there are,
/// reading the next one costs nothing, and neither allocates once the tables have grown.
#[derive(Debug, Default)]
pub struct Timers {
    heap: Vec<(Time, Slot)>,
    place: Vec<u32>,
}

impl Timers {
    /// No deadlines.
    pub const fn new() -> Self {
        Self {
            heap: Vec::new(),
            place: Vec::new(),
        }
    }

    /// Sets, moves or takes away the deadline of `slot`.
    pub fn set(&mut self, slot: Slot, at: Option<Time>) {
        if self.place.len() <= slot as usize {
            self.place.resize(slot as usize + 1, ABSENT);
        }
        let place = self.place[slot as usize];
        match at {
            Some(at) if place == ABSENT => {
                self.heap.push((at, slot));
                let last = self.heap.len() - 1;
                self.place[slot as usize] = last as u32;
                self.rise(last);
            }
            Some(at) => {
                let old = core::mem::replace(&mut self.heap[place as usize].0, at);
                match at.cmp(&old) {
                    Ordering::Less => self.rise(place as usize),
                    Ordering::Equal => {}
                    Ordering::Greater => self.sink(place as usize),
                }
            }
            None if place != ABSENT => self.take(place as usize),
            None => {}
        }
    }

    /// The earliest deadline and whose it is; among equal times the lowest slot.
    pub fn next(&self) -> Option<(Time, Slot)> {
        self.heap.first().copied()
    }

    /// Takes away and gives the earliest deadline if it is due.
    pub fn pop_due(&mut self, now: Time) -> Option<Slot> {
        let (at, slot) = self.next()?;
        if at > now {
            return None;
        }
        self.take(0);
        Some(slot)
    }

    /// How many deadlines there are.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// True if there is no deadline.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    fn take(&mut self, place: usize) {
        let (_, slot) = self.heap.swap_remove(place);
        self.place[slot as usize] = ABSENT;
        if self.heap.len() * 4 < self.heap.capacity() && self.heap.capacity() > LEAST {
            self.heap.shrink_to((self.heap.len() * 2).max(LEAST));
        }
        if let Some(&(_, moved)) = self.heap.get(place) {
            self.place[moved as usize] = place as u32;
            self.settle(place);
        }
    }

    fn settle(&mut self, place: usize) {
        self.rise(place);
        self.sink(place);
    }

    fn rise(&mut self, mut place: usize) {
        while place > 0 {
            let parent = (place - 1) / 2;
            if self.heap[parent] <= self.heap[place] {
                break;
            }
            self.swap(place, parent);
            place = parent;
        }
    }

    fn sink(&mut self, mut place: usize) {
        loop {
            let mut least = place;
            for child in [2 * place + 1, 2 * place + 2] {
                if child < self.heap.len() && self.heap[child] < self.heap[least] {
                    least = child;
                }
            }
            if least == place {
                break;
            }
            self.swap(place, least);
            place = least;
        }
    }

    fn swap(&mut self, one: usize, other: usize) {
        self.heap.swap(one, other);
        self.place[self.heap[one].1 as usize] = one as u32;
        self.place[self.heap[other].1 as usize] = other as u32;
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use super::*;
    use crate::base::{Rng, Seed};

    #[test]
    fn timers_agree_with_a_scan() {
        let mut rng = Rng::new(&Seed::new([9; 32]));
        let (mut timers, mut model) = (Timers::new(), BTreeMap::new());
        for _ in 0..20_000 {
            let slot = rng.below(60) as Slot;
            let at = Time::from_us(rng.below(500));
            match rng.below(4) {
                0 => {
                    timers.set(slot, None);
                    model.remove(&slot);
                }
                1 => {
                    let due = model
                        .iter()
                        .map(|(s, t)| (*t, *s))
                        .min()
                        .filter(|(t, _)| *t <= at);
                    assert_eq!(timers.pop_due(at), due.map(|(_, s)| s));
                    due.map(|(_, s)| model.remove(&s));
                }
                _ => {
                    timers.set(slot, Some(at));
                    model.insert(slot, at);
                }
            }
            assert_eq!(timers.next(), model.iter().map(|(s, t)| (*t, *s)).min());
            assert_eq!(timers.len(), model.len());
        }
    }
}
