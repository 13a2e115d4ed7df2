//! Bytes of one direction between two offsets, in buffers that all streams of a line share.

use alloc::{collections::VecDeque, vec::Vec};
use core::fmt;

use super::memory::{CHUNK, Memory, SMALLEST, capacity_for};

/// The bytes from `base` to `top` of a direction. An offset keeps its place while the base moves on,
/// so bytes are copied in once and out once, also those that come out of order.
///
/// What is small stands in one buffer, a power of two of bytes, that grows with it and is kept while
/// the ring runs empty and is used again. What is larger stands in chunks, and each that has nothing
/// to hold any more goes back to the line. So a ring takes no more than four times what it holds, or
/// two chunks beyond it, and one that runs empty again and again allocates nothing.
#[derive(Default)]
pub(super) struct Ring {
    /// A small buffer, or the first chunk.
    front: Vec<u8>,
    /// The chunks behind it.
    others: VecDeque<Vec<u8>>,
    /// The offset that stands at the start of the front.
    origin: u64,
    base: u64,
    top: u64,
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not what peers say to each other.
        write!(f, "Ring({}..{})", self.base, self.top)
    }
}

impl Ring {
    /// The offset of the first byte that is kept.
    pub(super) const fn base(&self) -> u64 {
        self.base
    }

    /// The offset behind the last byte that was put in.
    pub(super) const fn top(&self) -> u64 {
        self.top
    }

    /// Puts `data` at `offset`, which is not below the base. What lies between the top and `offset`
    /// has no meaning until it is put in, too.
    pub(super) fn put(&mut self, offset: u64, data: &[u8], memory: &mut Memory) {
        debug_assert!(offset >= self.base, "bytes below the base were given away");
        if data.is_empty() {
            return;
        }
        if self.is_empty() {
            memory.use_idle(self.front.len() as u32);
            self.origin = self.base;
        }
        let top = self.top.max(offset + data.len() as u64);
        self.cover(top, memory);
        self.top = top;
        let mut left = data;
        let mut at = offset - self.origin;
        while !left.is_empty() {
            let (chunk, place) = self.chunk_mut(at);
            let here = &mut chunk[place..];
            let len = here.len().min(left.len());
            here[..len].copy_from_slice(&left[..len]);
            left = &left[len..];
            at += len as u64;
        }
    }

    /// What the buffers would grow by if the ring went up to `top`.
    pub(super) fn growth(&self, top: u64) -> u64 {
        let (span, capacity) = (self.span_to(top.max(self.top)), self.capacity());
        if span <= capacity || self.may_move(top.max(self.top)) {
            return 0;
        }
        capacity_for(span) - capacity
    }

    /// Bytes that find room behind the top if the buffers may grow by `more`.
    pub(super) fn room(&self, more: u64) -> u64 {
        let capacity = self.capacity();
        let most = capacity.saturating_add(more);
        let grown = if most >= CHUNK {
            most / CHUNK * CHUNK
        } else if most >= SMALLEST {
            1 << most.ilog2()
        } else {
            0
        };
        capacity.max(grown) - self.span_to(self.top)
    }

    /// Copies the bytes from `offset` on into `out`, which ends at the top or before.
    pub(super) fn copy(&self, offset: u64, out: &mut [u8]) {
        debug_assert!(
            offset >= self.base && offset + out.len() as u64 <= self.top,
            "only bytes that are in the ring can be copied"
        );
        let mut left = out;
        let mut at = offset - self.origin;
        while !left.is_empty() {
            let (chunk, place) = self.chunk(at);
            let len = (chunk.len() - place).min(left.len());
            let (here, behind) = left.split_at_mut(len);
            here.copy_from_slice(&chunk[place..place + len]);
            left = behind;
            at += len as u64;
        }
    }

    /// Forgets the bytes below `base`.
    pub(super) fn advance(&mut self, base: u64, memory: &mut Memory) {
        if base <= self.base || self.is_empty() {
            self.base = self.base.max(base);
            self.top = self.top.max(self.base);
            return;
        }
        self.base = base;
        self.top = self.top.max(base);
        if self.is_empty() {
            self.empty(memory);
            return;
        }
        while base - self.origin >= CHUNK {
            self.origin += CHUNK;
            let next = self.others.pop_front();
            let next = next.expect("what is in the ring has its chunks");
            memory.give_back(core::mem::replace(&mut self.front, next));
        }
    }

    /// Forgets every byte and gives the buffers up.
    pub(super) fn clear(&mut self, memory: &mut Memory) {
        if !self.is_empty() {
            self.base = self.top;
            self.empty(memory);
        }
        self.rest(memory);
        self.others = VecDeque::new();
    }

    /// Gives up what a small buffer has beyond what it holds.
    pub(super) fn rest(&mut self, memory: &mut Memory) {
        let (span, held) = (self.top - self.base, self.front.len() as u64);
        if self.is_empty() {
            memory.use_idle(held as u32);
            memory.give_back(core::mem::take(&mut self.front));
        } else if self.others.is_empty() && capacity_for(span) < held {
            self.resize(capacity_for(span), memory);
        }
    }

    const fn is_empty(&self) -> bool {
        self.base == self.top
    }

    /// What the buffers hold.
    fn capacity(&self) -> u64 {
        self.front.len() as u64 + self.others.len() as u64 * CHUNK
    }

    /// How far `top` is into the buffers.
    const fn span_to(&self, top: u64) -> u64 {
        // One that is empty begins anew.
        let origin = if self.is_empty() {
            self.base
        } else {
            self.origin
        };
        top - origin
    }

    /// True if what stands in a small buffer is little enough to be moved to its start, rather than
    /// grow, for bytes up to `top`.
    fn may_move(&self, top: u64) -> bool {
        self.others.is_empty() && (top - self.base) * 2 <= self.front.len() as u64
    }

    /// Has buffers for everything up to `top`.
    fn cover(&mut self, top: u64, memory: &mut Memory) {
        if top - self.origin <= self.capacity() {
            return;
        }
        if self.may_move(top) {
            let from = self.place(self.base);
            let until = self.place(self.top);
            self.front.copy_within(from..until, 0);
            self.origin = self.base;
            return;
        }
        let needs = capacity_for(top - self.origin).min(CHUNK);
        // One that is there already costs less than a small one that is yet to be had, and to grow.
        let capacity = if memory.has_chunk() { CHUNK } else { needs };
        if (self.front.len() as u64) < capacity {
            self.resize(capacity, memory);
        }
        while top - self.origin > self.capacity() {
            self.others.push_back(memory.buffer(CHUNK));
        }
    }

    /// Puts what stands in the front alone into a buffer of so many bytes.
    fn resize(&mut self, capacity: u64, memory: &mut Memory) {
        let mut buffer = memory.buffer(capacity);
        let stands = self.place(self.base)..self.place(self.top);
        buffer[..stands.len()].copy_from_slice(&self.front[stands]);
        memory.give_back(core::mem::replace(&mut self.front, buffer));
        self.origin = self.base;
    }

    /// Nothing is left: chunks go back, a small buffer is kept if there may be one.
    fn empty(&mut self, memory: &mut Memory) {
        for chunk in self.others.drain(..) {
            memory.give_back(chunk);
        }
        let bytes = self.front.len();
        if bytes as u64 == CHUNK || !memory.keep_idle(bytes as u32) {
            memory.give_back(core::mem::take(&mut self.front));
        }
    }

    /// The place of an offset within the front.
    const fn place(&self, offset: u64) -> usize {
        (offset - self.origin) as usize
    }

    /// The buffer with the byte that is so far in, and its place there.
    fn chunk(&self, at: u64) -> (&[u8], usize) {
        if at < self.front.len() as u64 {
            return (&self.front, at as usize);
        }
        (
            &self.others[(at / CHUNK) as usize - 1],
            (at % CHUNK) as usize,
        )
    }

    fn chunk_mut(&mut self, at: u64) -> (&mut [u8], usize) {
        if at < self.front.len() as u64 {
            return (&mut self.front, at as usize);
        }
        let chunk = &mut self.others[(at / CHUNK) as usize - 1];
        (chunk, (at % CHUNK) as usize)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::base::{Rng, Seed};

    fn byte(offset: u64) -> u8 {
        (offset.wrapping_mul(2_654_435_761) >> 7) as u8
    }

    fn bytes(from: u64, to: u64) -> Vec<u8> {
        (from..to).map(byte).collect()
    }

    #[test]
    fn stream_ring_keeps_bytes_through_every_growth_and_chunk() {
        let mut rng = Rng::new(&Seed::new([9; 32]));
        for (spare, most) in [(0, 700), (10_000, 700), (1 << 20, 700), (1 << 20, 40_000)] {
            let (mut ring, mut memory) = (Ring::default(), Memory::new(spare));
            for _ in 0..3000 {
                let from = ring.top();
                let to = from + rng.below(most);
                let (growth, held) = (ring.growth(to), memory.held_bytes());
                assert!(to == from || ring.room(growth) >= to - from || growth == 0);
                if rng.below(2) == 0 {
                    // The later half first.
                    let middle = from + (to - from) / 2;
                    ring.put(middle, &bytes(middle, to), &mut memory);
                    ring.put(from, &bytes(from, middle), &mut memory);
                } else {
                    ring.put(from, &bytes(from, to), &mut memory);
                }
                assert!(memory.held_bytes() <= held + growth);
                let mut out = vec![0; (ring.top() - ring.base()) as usize];
                ring.copy(ring.base(), &mut out);
                assert_eq!(out, bytes(ring.base(), ring.top()));
                let base = ring.base() + rng.below(ring.top() - ring.base() + 1).min(most * 9 / 7);
                ring.advance(base, &mut memory);
                let span = ring.top() - ring.base();
                let held = ring.capacity();
                assert!(held <= (span * 4).max(SMALLEST).max(span + 2 * CHUNK) + spare.min(CHUNK));
                assert!(memory.held_bytes() <= held + spare);
            }
            ring.clear(&mut memory);
            memory.rest();
            assert_eq!(memory.held_bytes(), 0);
        }
    }

    #[test]
    fn stream_ring_that_runs_empty_keeps_its_buffer_within_the_allowance() {
        let (mut ring, mut memory) = (Ring::default(), Memory::new(4096));
        ring.put(0, &[1; 4000], &mut memory);
        let place = ring.front.as_ptr();
        for turn in 1..100 {
            ring.advance(turn * 4000, &mut memory);
            assert_eq!(memory.held_bytes(), 4096);
            ring.put(turn * 4000, &[2; 4000], &mut memory);
            assert_eq!(ring.front.as_ptr(), place);
        }
        let mut other = Ring::default();
        other.put(0, &[1; 4000], &mut memory);
        ring.advance(u64::from(u32::MAX), &mut memory);
        other.advance(4000, &mut memory);
        assert_eq!(memory.held_bytes(), 4096, "the allowance is for all rings");
        ring.rest(&mut memory);
        other.rest(&mut memory);
        assert_eq!(memory.held_bytes(), 0);
    }

    #[test]
    fn stream_rings_of_a_line_write_where_others_have_read() {
        let (mut one, mut two) = (Ring::default(), Ring::default());
        let mut memory = Memory::new(1 << 20);
        one.put(0, &[1; 100_000], &mut memory);
        assert_eq!(memory.held_bytes(), 13 * CHUNK);
        let first = one.others[0].as_ptr();
        one.advance(100_000, &mut memory);
        assert_eq!(memory.held_bytes(), 13 * CHUNK, "they are kept");
        two.put(0, &[2; 100_000], &mut memory);
        assert_eq!(memory.held_bytes(), 13 * CHUNK);
        two.advance(99_999, &mut memory);
        assert_eq!(
            two.front.as_ptr(),
            first,
            "what is given back last is taken first"
        );
        assert_eq!((one.capacity(), two.capacity()), (0, CHUNK));
        two.rest(&mut memory);
        memory.rest();
        assert_eq!(memory.held_bytes(), SMALLEST);
        let mut out = [0];
        two.copy(99_999, &mut out);
        assert_eq!(out, [2]);
    }

    #[test]
    fn stream_ring_of_little_stays_small_wherever_it_is() {
        let (mut ring, mut memory) = (Ring::default(), Memory::new(1 << 20));
        for at in 0..1_000 {
            ring.put(at * 50, &bytes(at * 50, at * 50 + 50), &mut memory);
            ring.advance(ring.base().max((at * 50).saturating_sub(30)), &mut memory);
            assert!(ring.capacity() <= 512);
            let mut out = vec![0; (ring.top() - ring.base()) as usize];
            ring.copy(ring.base(), &mut out);
            assert_eq!(out, bytes(ring.base(), ring.top()));
        }
    }

    #[test]
    fn stream_ring_takes_bytes_in_any_order_and_grows_meanwhile() {
        let mut rng = Rng::new(&Seed::new([4; 32]));
        for _ in 0..300 {
            let (mut ring, mut memory) = (Ring::default(), Memory::new(0));
            let mut read = 0;
            for _ in 0..20 {
                let to = read + 1 + rng.below(5_000);
                let mut pieces: Vec<_> = (read..to).step_by(97).collect();
                while !pieces.is_empty() {
                    let at = pieces.swap_remove(rng.below(pieces.len() as u64) as usize);
                    ring.put(at, &bytes(at, (at + 97).min(to)), &mut memory);
                }
                let mut out = vec![0; (to - read) as usize];
                ring.copy(read, &mut out);
                assert_eq!(out, bytes(read, to));
                read += rng.below(to - read + 1);
                ring.advance(read, &mut memory);
            }
        }
    }
}
