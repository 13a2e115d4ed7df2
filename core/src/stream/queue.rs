//! Streams that wait for their turn. A queue holds exactly those that have something for it, so
//! whether there is anything to send is known without looking at a stream.

use alloc::collections::VecDeque;

#[derive(Debug)]
pub(super) struct Queue {
    ids: VecDeque<u64>,
    turn_bytes: u64,
    /// What is left of the turn of the front.
    left_bytes: u64,
}

impl Queue {
    pub(super) const fn new(turn_bytes: u64) -> Self {
        Self {
            ids: VecDeque::new(),
            turn_bytes,
            left_bytes: turn_bytes,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    pub(super) fn front(&self) -> Option<u64> {
        self.ids.front().copied()
    }

    /// Bytes that the front may still send in its turn.
    pub(super) const fn left_bytes(&self) -> u64 {
        self.left_bytes
    }

    /// Makes `id` a member or none; `is_member` is the stream's own note of that.
    pub(super) fn set(&mut self, id: u64, is_member: &mut bool, wanted: bool) {
        if wanted && !*is_member {
            self.ids.push_back(id);
        }
        if !wanted && *is_member {
            // A stream leaves while it is at the front, but for rare cases: a reset, or packets
            // taken for lost that arrived.
            let place = self.ids.iter().position(|at| *at == id);
            let place = place.expect("a stream that notes it is queued is queued");
            self.ids.remove(place);
            if place == 0 {
                self.left_bytes = self.turn_bytes;
            }
        }
        *is_member = wanted;
    }

    /// The front has sent `bytes`. When its turn is used up, it goes to the back.
    pub(super) fn spend(&mut self, bytes: u64) {
        self.left_bytes = self.left_bytes.saturating_sub(bytes);
        if self.left_bytes == 0 {
            self.ids.rotate_left(usize::from(!self.ids.is_empty()));
            self.left_bytes = self.turn_bytes;
        }
    }

    pub(super) fn pop(&mut self) -> Option<u64> {
        self.ids.pop_front()
    }

    pub(super) fn clear(&mut self) {
        self.ids = VecDeque::new();
    }

    /// Gives memory back that `live` streams will not need.
    pub(super) fn fit(&mut self, live: usize) {
        if self.ids.capacity() > 64 + 8 * live {
            self.ids.shrink_to(16 + 2 * live);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn stream_queue_gives_turns_in_order() {
        let mut queue = Queue::new(100);
        let mut notes = [false; 4];
        for (id, note) in (0..).zip(&mut notes) {
            queue.set(id, note, true);
            queue.set(id, note, true);
        }
        let mut order = Vec::new();
        for bytes in [60, 40, 100, 30, 70, 100] {
            order.push(queue.front().unwrap());
            queue.spend(bytes);
        }
        assert_eq!(order, [0, 0, 1, 2, 2, 3]);
        queue.spend(30);
        queue.set(0, &mut notes[0], false);
        assert_eq!((queue.front(), queue.left_bytes()), (Some(1), 100));
        queue.set(2, &mut notes[2], false);
        assert_eq!(
            [queue.pop(), queue.pop(), queue.pop()],
            [Some(1), Some(3), None]
        );
        assert!(queue.is_empty());
    }
}
