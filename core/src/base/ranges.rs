//! Sets of numbers kept as the runs that they consist of: counters received, bytes in hand.

use alloc::vec::Vec;
use core::ops::Range;

/// A set of `u64`, kept as sorted, disjoint, non-adjacent half-open runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ranges {
    runs: Vec<Range<u64>>,
}

impl Ranges {
    /// The empty set.
    pub const fn new() -> Self {
        Self { runs: Vec::new() }
    }

    /// Adds a run and tells how many numbers are new.
    pub fn insert(&mut self, run: Range<u64>) -> u64 {
        if run.is_empty() {
            return 0;
        }
        // Counters and offsets come in order but for a few.
        if let Some(last) = self.runs.last_mut().filter(|last| last.end == run.start) {
            last.end = run.end;
            return run.end - run.start;
        }
        let from = self.runs.partition_point(|r| r.end < run.start);
        let to = from + self.runs[from..].partition_point(|r| r.start <= run.end);
        let mut covered = 0;
        let mut merged = run.clone();
        for old in &self.runs[from..to] {
            covered += old
                .end
                .min(run.end)
                .saturating_sub(old.start.max(run.start));
            merged = merged.start.min(old.start)..merged.end.max(old.end);
        }
        if from == to {
            self.runs.insert(from, merged);
        } else {
            self.runs[from] = merged;
            self.runs.drain(from + 1..to);
            self.fit();
        }
        run.end - run.start - covered
    }

    /// Takes a run away and tells how many numbers were there.
    pub fn remove(&mut self, run: Range<u64>) -> u64 {
        if run.is_empty() {
            return 0;
        }
        let from = self.runs.partition_point(|r| r.end <= run.start);
        let to = from + self.runs[from..].partition_point(|r| r.start < run.end);
        if from == to {
            return 0;
        }
        let taken = self.runs[from..to]
            .iter()
            .map(|r| r.end.min(run.end) - r.start.max(run.start))
            .sum();
        let before = self.runs[from].start..run.start;
        let after = run.end..self.runs[to - 1].end;
        match (before.is_empty(), after.is_empty()) {
            (true, true) => drop(self.runs.drain(from..to)),
            (false, true) => {
                self.runs[from] = before;
                self.runs.drain(from + 1..to);
            }
            (true, false) => {
                self.runs[from] = after;
                self.runs.drain(from + 1..to);
            }
            (false, false) => {
                self.runs[from] = before;
                if to - from == 1 {
                    self.runs.insert(from + 1, after);
                } else {
                    self.runs[from + 1] = after;
                    self.runs.drain(from + 2..to);
                }
            }
        }
        self.fit();
        taken
    }

    /// Gives memory back when few runs are left of many: others may choose how many there are.
    fn fit(&mut self) {
        if self.runs.capacity() > 64 && self.runs.len() * 4 < self.runs.capacity() {
            self.runs.shrink_to((self.runs.len() * 2).max(16));
        }
    }

    /// True if `number` is in the set.
    pub fn contains(&self, number: u64) -> bool {
        let at = self.runs.partition_point(|r| r.end <= number);
        self.runs.get(at).is_some_and(|r| r.start <= number)
    }

    /// The lowest unbroken part of `run` that is in the set.
    pub fn first_in(&self, run: Range<u64>) -> Option<Range<u64>> {
        let at = self.runs.partition_point(|r| r.end <= run.start);
        let found = self.runs.get(at)?;
        let part = found.start.max(run.start)..found.end.min(run.end);
        (!part.is_empty()).then_some(part)
    }

    /// The lowest run.
    pub fn first(&self) -> Option<&Range<u64>> {
        self.runs.first()
    }

    /// The highest run.
    pub fn last(&self) -> Option<&Range<u64>> {
        self.runs.last()
    }

    /// Takes the lowest run away and gives it.
    pub fn pop_first(&mut self) -> Option<Range<u64>> {
        let first = (!self.runs.is_empty()).then(|| self.runs.remove(0));
        self.fit();
        first
    }

    /// The runs, lowest first; walk from either end.
    pub fn iter(&self) -> core::slice::Iter<'_, Range<u64>> {
        self.runs.iter()
    }

    /// How many runs there are.
    pub fn runs(&self) -> usize {
        self.runs.len()
    }

    /// True if the set is empty.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// How many runs there is memory for.
    pub fn capacity(&self) -> usize {
        self.runs.capacity()
    }

    /// Gives up memory that is kept for later.
    pub fn shrink_to_fit(&mut self) {
        self.runs.shrink_to_fit();
    }

    /// Empties the set and keeps its memory.
    pub fn clear(&mut self) {
        self.runs.clear();
    }
}

impl<'a> IntoIterator for &'a Ranges {
    type Item = &'a Range<u64>;
    type IntoIter = core::slice::Iter<'a, Range<u64>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use super::*;
    use crate::base::{Rng, Seed};

    #[test]
    fn ranges_agree_with_a_set_of_numbers() {
        let mut rng = Rng::new(&Seed::new([5; 32]));
        for _ in 0..300 {
            let (mut ranges, mut model) = (Ranges::new(), BTreeSet::new());
            for _ in 0..40 {
                let start = rng.below(60);
                let run = start..start + rng.below(12);
                if rng.below(3) == 0 {
                    let gone = run.clone().filter(|n| model.remove(n)).count() as u64;
                    assert_eq!(ranges.remove(run), gone);
                } else {
                    let new = run.clone().filter(|n| model.insert(*n)).count() as u64;
                    assert_eq!(ranges.insert(run), new);
                }
                let (from, to) = (rng.below(60), rng.below(80));
                let start = (from..to).find(|n| model.contains(n));
                let end = start.map(|s| (s..to).find(|n| !model.contains(n)).unwrap_or(to));
                assert_eq!(ranges.first_in(from..to), start.zip(end).map(|(s, e)| s..e));
                assert!(ranges.iter().all(|r| !r.is_empty()));
                assert!(ranges.runs.windows(2).all(|w| w[0].end < w[1].start));
                let flat: BTreeSet<u64> = ranges.iter().cloned().flatten().collect();
                assert_eq!(flat, model);
                assert!((0..80).all(|n| ranges.contains(n) == model.contains(&n)));
            }
        }
    }

    #[test]
    fn ranges_give_memory_back() {
        let mut ranges = Ranges::new();
        for n in 0..10_000 {
            ranges.insert(2 * n..2 * n + 1);
        }
        assert_eq!(ranges.runs(), 10_000);
        ranges.insert(0..19_990);
        assert!(ranges.runs.capacity() <= 64);
    }
}
