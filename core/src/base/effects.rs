//! Queues with a limit. A room pushes what it wants done into its `Effects`; the switch carries
//! each one out, in order. What must not be lost when a queue is full goes into a `Bounded`.

use alloc::collections::VecDeque;

/// The effects of one call into a room, in order. They are bounded by the work of one call, so a
/// full queue is our own fault.
#[derive(Debug)]
pub struct Effects<T> {
    queue: VecDeque<T>,
    most: usize,
}

impl<T> Effects<T> {
    /// An empty list that may hold `most` effects.
    pub const fn new(most: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            most,
        }
    }

    /// Adds an effect at the end.
    ///
    /// # Panics
    /// If a single call has more effects than its bound allows.
    pub fn push(&mut self, effect: T) {
        assert!(
            self.queue.len() < self.most,
            "one call has more than {} effects",
            self.most
        );
        grow(&mut self.queue);
        self.queue.push_back(effect);
    }

    /// Gives memory back, but for `least` places.
    pub fn shrink_to(&mut self, least: usize) {
        self.queue.shrink_to(least);
    }

    /// Takes the oldest effect.
    pub fn pop(&mut self) -> Option<T> {
        self.queue.pop_front()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

/// A queue that says when it is full.
#[derive(Debug)]
pub struct Bounded<T> {
    queue: VecDeque<T>,
    most: usize,
}

impl<T> Bounded<T> {
    /// An empty queue that holds at most `most` things.
    pub const fn new(most: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            most,
        }
    }

    /// Adds a thing at the end.
    ///
    /// # Errors
    /// Gives the thing back if the queue is full.
    pub fn push(&mut self, thing: T) -> Result<(), T> {
        if self.queue.len() >= self.most {
            return Err(thing);
        }
        grow(&mut self.queue);
        self.queue.push_back(thing);
        Ok(())
    }

    /// Takes the oldest thing.
    pub fn pop(&mut self) -> Option<T> {
        self.queue.pop_front()
    }

    /// The oldest thing.
    pub fn front(&self) -> Option<&T> {
        self.queue.front()
    }

    /// How many things there are.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// True if there is nothing.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Empties the queue.
    pub fn clear(&mut self) {
        self.queue.clear();
    }

    /// Keeps only the things for which `keep` holds.
    pub fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        self.queue.retain(keep);
    }
}

/// Makes room for one more. From one on: things are large, and most queues hold one at most.
pub fn grow<T>(queue: &mut VecDeque<T>) {
    if queue.len() == queue.capacity() {
        queue.reserve_exact(queue.len().max(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounded_gives_back_what_does_not_fit() {
        let mut queue = Bounded::new(2);
        assert_eq!(
            (queue.push(1), queue.push(2), queue.push(3)),
            (Ok(()), Ok(()), Err(3))
        );
        assert_eq!((queue.front(), queue.len()), (Some(&1), 2));
        queue.retain(|n| *n == 2);
        assert_eq!((queue.pop(), queue.pop()), (Some(2), None));
        assert!(queue.is_empty());
    }

    #[test]
    #[should_panic(expected = "more than 1 effects")]
    fn effects_beyond_their_bound_are_our_fault() {
        let mut effects = Effects::new(1);
        effects.push(());
        assert!(!effects.is_empty());
        effects.push(());
    }
}
