//! Places for things that come and go, addressed by small numbers that are used again.

use alloc::{boxed::Box, vec::Vec};

/// The number of a place in a `Slots`. It is used again after its thing is gone, so it never
/// leaves the switch: what others hold is an id.
pub type Slot = u32;

/// A vector with holes: constant time to put, find and take, and a fixed order to walk in. Each
/// thing stands for itself, so that room for more of them costs a pointer each, and what is taken
/// away gives its memory back.
#[derive(Debug)]
pub struct Slots<T> {
    places: Vec<Option<Box<T>>>,
    free: Vec<Slot>,
}

impl<T> Slots<T> {
    /// No places yet.
    pub const fn new() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Puts `value` into a free place and tells which.
    pub fn insert(&mut self, value: T) -> Slot {
        let value = Box::new(value);
        if let Some(slot) = self.free.pop() {
            self.places[slot as usize] = Some(value);
            return slot;
        }
        let slot = Slot::try_from(self.places.len()).expect("fewer than 2^32 things at once");
        if self.places.len() == self.places.capacity() {
            // From one on: many switches have few of each kind.
            self.places.reserve_exact(self.places.len().max(1));
        }
        self.places.push(Some(value));
        slot
    }

    /// What is at `slot`.
    pub fn get(&self, slot: Slot) -> Option<&T> {
        self.places.get(slot as usize)?.as_deref()
    }

    /// What is at `slot`, to change.
    pub fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        self.places.get_mut(slot as usize)?.as_deref_mut()
    }

    /// Takes away what is at `slot`.
    pub fn remove(&mut self, slot: Slot) -> Option<T> {
        let value = self.places.get_mut(slot as usize)?.take()?;
        self.free.push(slot);
        Some(*value)
    }

    /// How many things there are.
    pub fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// True if there is nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Everything, in the order of the slots.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, &T)> {
        (0..)
            .zip(&self.places)
            .filter_map(|(slot, place)| Some((slot, place.as_deref()?)))
    }
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_used_again() {
        let mut slots = Slots::new();
        let (a, b) = (slots.insert('a'), slots.insert('b'));
        assert_eq!(slots.remove(a), Some('a'));
        assert_eq!(slots.remove(a), None);
        assert_eq!(slots.insert('c'), a);
        assert_eq!(slots.iter().collect::<Vec<_>>(), [(a, &'c'), (b, &'b')]);
        assert_eq!(slots.len(), 2);
        *slots.get_mut(b).unwrap() = 'd';
        assert_eq!(slots.get(b), Some(&'d'));
        assert!(!slots.is_empty());
    }
}
