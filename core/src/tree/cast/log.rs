//! The ring: chunks in the order in which they came, for neighbours and for the application.

use alloc::{collections::VecDeque, sync::Arc};

use super::packet::Position;
use crate::base::{Slot, Time, grow};

/// One chunk, or a gap in front of the next one of its origin.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) origin: Slot,
    /// Of a gap: the last message in it.
    pub(super) position: Position,
    /// The link that it came over, by serial; 0 is ourselves.
    pub(super) from: u32,
    pub(super) at: Time,
    pub(super) what: What,
}

/// What an item is.
#[derive(Debug)]
pub(super) enum What {
    /// The packet that begins a message.
    Opening { bytes: Arc<[u8]>, last: bool },
    /// A packet that goes on with one; the chunk before it is at `previous`.
    More {
        bytes: Arc<[u8]>,
        previous: u64,
        last: bool,
    },
    /// Messages from `first` on that never came.
    Gap { first: u64 },
}

impl Item {
    /// True if the application learns something by it.
    pub(super) const fn ends(&self) -> bool {
        match self.what {
            What::Opening { last, .. } | What::More { last, .. } => last,
            What::Gap { .. } => true,
        }
    }

    /// What is expected after it.
    pub(super) const fn after(&self) -> Position {
        let Position {
            epoch,
            sequence,
            chunk,
        } = self.position;
        if self.ends() {
            Position::new(epoch, sequence + 1, 0)
        } else {
            Position::new(epoch, sequence, chunk + 1)
        }
    }

    fn cost(&self) -> u64 {
        let bytes = match &self.what {
            What::Opening { bytes, .. } | What::More { bytes, .. } => bytes.len() + 16,
            What::Gap { .. } => 0,
        };
        (size_of::<Self>() + bytes) as u64
    }
}

/// Items with rising numbers, of which the oldest are dropped.
#[derive(Debug, Default)]
pub(super) struct Log {
    items: VecDeque<Item>,
    base: u64,
    bytes: u64,
}

impl Log {
    /// The number of the oldest item.
    pub(super) const fn base(&self) -> u64 {
        self.base
    }

    /// The number that the next item gets.
    pub(super) fn head(&self) -> u64 {
        self.base + self.items.len() as u64
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn get(&self, at: u64) -> Option<&Item> {
        self.items
            .get(usize::try_from(at.checked_sub(self.base)?).ok()?)
    }

    pub(super) fn push(&mut self, item: Item) {
        self.bytes += item.cost();
        grow(&mut self.items);
        self.items.push_back(item);
    }

    pub(super) fn oldest(&self) -> Option<&Item> {
        self.items.front()
    }

    pub(super) fn pop(&mut self) -> Option<Item> {
        let item = self.items.pop_front()?;
        self.base += 1;
        self.bytes -= item.cost();
        if self.items.len() * 4 < self.items.capacity() {
            self.items.shrink_to(self.items.len() * 2);
        }
        Some(item)
    }

    /// Bytes on the heap.
    pub(super) fn held_bytes(&self) -> u64 {
        let spare = self.items.capacity() - self.items.len();
        self.bytes + (spare * size_of::<Item>()) as u64
    }
}
