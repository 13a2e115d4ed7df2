//! Bytes of one direction between two offsets, in a buffer that is used round and round.

use alloc::vec::Vec;
use core::fmt;

use crate::base::Limits;

/// The smallest buffer that a ring takes, bytes.
pub(super) const SMALLEST: u64 = 256;

/// Writers that wait for memory are woken when there are so many bytes of it; what is kept for later
/// leaves as much.
pub(super) const WAKES: u64 = 1024;

/// What the buffers of all rings of a line take, and how much of that is kept for later only; and
/// what is taken beside them: heads, and room set aside for those that are owed.
#[derive(Debug)]
pub(super) struct Memory {
    held_bytes: u64,
    spare_bytes: u64,
    spare_max_bytes: u64,
    beside_bytes: u64,
    /// How far all of it may go for now.
    pub(super) limits: Limits,
}

impl Memory {
    pub(super) const fn new(spare_max_bytes: u64) -> Self {
        Self {
            held_bytes: 0,
            spare_bytes: 0,
            spare_max_bytes,
            beside_bytes: 0,
            limits: Limits::NONE,
        }
    }

    /// Everything that counts against the limits.
    pub(super) const fn charged_bytes(&self) -> u64 {
        self.held_bytes + self.beside_bytes
    }

    /// True if what the peer sent may take so many bytes more.
    pub(super) const fn has_room(&self, bytes: u64) -> bool {
        self.charged_bytes().saturating_add(bytes) <= self.limits.most
    }

    /// Bytes that our own side may take more.
    pub(super) const fn near_room(&self) -> u64 {
        self.limits.near.saturating_sub(self.charged_bytes())
    }

    /// True if buffers that are kept for later stand in the way of others.
    pub(super) fn begrudges_spare(&self) -> bool {
        self.spare_bytes > 0 && self.near_room() < self.spare_bytes.max(WAKES)
    }

    /// So many bytes beside the rings are taken.
    pub(super) const fn take(&mut self, bytes: u64) {
        self.beside_bytes += bytes;
    }

    /// So many bytes beside the rings are given back.
    pub(super) const fn give(&mut self, bytes: u64) {
        self.beside_bytes -= bytes;
    }

    /// Bytes that all buffers take together.
    pub(super) const fn held_bytes(&self) -> u64 {
        self.held_bytes
    }
}

/// The bytes from `base` to `top` of a direction. An offset keeps its place in the buffer while the
/// base moves on, so bytes are copied in once and out once, also those that come out of order.
///
/// A ring gives its buffer up, or takes one that fits, once the buffer is more than four times what
/// it holds and the rings of the line have more than their allowance of such spare bytes together;
/// and it takes a smaller one once it ran empty again and again without using a quarter of it. So
/// all buffers of a line take at most four times (and a little) what they hold, and the allowance;
/// and a direction that runs empty again and again allocates nothing.
#[derive(Default)]
pub(super) struct Ring {
    /// As much of the buffer as was ever written to: it is not cleared before.
    bytes: Vec<u8>,
    /// What the buffer holds: 0 or a power of two.
    capacity: u64,
    /// The offset that stands at the start of the buffer.
    origin: u64,
    base: u64,
    top: u64,
    spare: u64,
    /// The most that it held since it was last looked whether the buffer is too large.
    peak: u64,
    /// So often it has run empty since.
    emptied: u8,
}

/// After a ring has run empty so often it is looked whether its buffer is too large.
const LOOK_AFTER: u8 = 64;

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
        let top = self.top.max(offset + data.len() as u64);
        if top - self.base > self.capacity {
            self.resize(capacity_for(top - self.base), memory);
        }
        self.top = top;
        self.peak = self.peak.max(top - self.base);
        let start = self.place(offset);
        let capacity = usize::try_from(self.capacity).expect("a window fits into memory");
        let first = data.len().min(capacity - start);
        self.write(start, &data[..first]);
        self.write(0, &data[first..]);
        self.account(memory);
    }

    /// Writes to a place of the buffer, which grows as far as need be.
    fn write(&mut self, place: usize, data: &[u8]) {
        if self.bytes.len() < place {
            self.bytes.resize(place, 0);
        }
        let (over, new) = data.split_at(data.len().min(self.bytes.len() - place));
        self.bytes[place..place + over.len()].copy_from_slice(over);
        self.bytes.extend_from_slice(new);
    }

    /// What the buffer would grow by if the ring went up to `top`.
    pub(super) fn growth(&self, top: u64) -> u64 {
        let span = top.max(self.top) - self.base;
        if span <= self.capacity {
            return 0;
        }
        capacity_for(span) - self.capacity
    }

    /// Bytes that find room behind the top if the buffer may grow by `more`.
    pub(super) fn room(&self, more: u64) -> u64 {
        let most = self.capacity.saturating_add(more);
        let power = if most < SMALLEST {
            0
        } else {
            1 << most.ilog2()
        };
        self.capacity.max(power) - (self.top - self.base)
    }

    /// Copies the bytes from `offset` on into `out`, which ends at the top or before.
    pub(super) fn copy(&self, offset: u64, out: &mut [u8]) {
        debug_assert!(
            offset >= self.base && offset + out.len() as u64 <= self.top,
            "only bytes that are in the ring can be copied"
        );
        if out.is_empty() {
            return;
        }
        let start = self.place(offset);
        let capacity = usize::try_from(self.capacity).expect("a window fits into memory");
        let (front, back) = out.split_at_mut(out.len().min(capacity - start));
        front.copy_from_slice(&self.bytes[start..start + front.len()]);
        back.copy_from_slice(&self.bytes[..back.len()]);
    }

    /// Forgets the bytes below `base`.
    pub(super) fn advance(&mut self, base: u64, memory: &mut Memory) {
        self.base = self.base.max(base);
        self.top = self.top.max(self.base);
        if self.base == self.top {
            // What comes next stands where the processor's cache has been, not further round.
            self.origin = self.base;
            self.emptied += 1;
            if self.emptied >= LOOK_AFTER {
                let enough = capacity_for(self.peak);
                (self.emptied, self.peak) = (0, 0);
                if enough * 4 <= self.capacity {
                    self.resize(enough * 2, memory);
                }
            }
        }
        self.account(memory);
    }

    /// Forgets every byte and gives the buffer up.
    pub(super) fn clear(&mut self, memory: &mut Memory) {
        self.base = self.top;
        self.resize(0, memory);
        self.account(memory);
    }

    /// Gives up what the buffer has beyond what it holds.
    pub(super) fn rest(&mut self, memory: &mut Memory) {
        if self.spare > 0 {
            self.resize(capacity_for(self.top - self.base), memory);
            self.account(memory);
        }
    }

    fn place(&self, offset: u64) -> usize {
        // The buffer's length is a power of two, so this is the remainder, on every width.
        offset.wrapping_sub(self.origin) as usize & (self.capacity as usize).wrapping_sub(1)
    }

    fn account(&mut self, memory: &mut Memory) {
        memory.spare_bytes -= self.spare;
        self.spare = self.spare_now();
        memory.spare_bytes += self.spare;
        let is_much = memory.spare_bytes > memory.spare_max_bytes || memory.begrudges_spare();
        if self.spare > 0 && is_much {
            self.resize(capacity_for(self.top - self.base), memory);
            memory.spare_bytes -= self.spare;
            self.spare = 0;
        }
    }

    fn spare_now(&self) -> u64 {
        let span = self.top - self.base;
        if span > 0 && self.capacity <= SMALLEST {
            return 0;
        }
        self.capacity.saturating_sub(span * 4)
    }

    fn resize(&mut self, capacity: u64, memory: &mut Memory) {
        if capacity == self.capacity {
            return;
        }
        memory.held_bytes += capacity;
        memory.held_bytes -= self.capacity;
        let room = usize::try_from(capacity).expect("a window fits into memory");
        let mut bytes = Vec::with_capacity(room);
        if self.top > self.base {
            // What lies between runs that came is not there yet, at the end of the buffer even that
            // is missing.
            let start = self.place(self.base);
            let span = usize::try_from(self.top - self.base).expect("it fits into the old one");
            let front = span.min(self.capacity as usize - start);
            bytes.extend_from_slice(&self.bytes[start..(start + front).min(self.bytes.len())]);
            if span > front {
                bytes.resize(front, 0);
                bytes.extend_from_slice(&self.bytes[..span - front]);
            }
        }
        (self.bytes, self.capacity, self.origin) = (bytes, capacity, self.base);
    }
}

/// The buffer that so many bytes take.
pub(super) const fn capacity_for(span: u64) -> u64 {
    if span == 0 {
        return 0;
    }
    let capacity = span.next_power_of_two();
    if capacity < SMALLEST {
        SMALLEST
    } else {
        capacity
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
    fn stream_ring_keeps_bytes_through_every_growth_and_wrap() {
        let mut rng = Rng::new(&Seed::new([9; 32]));
        for spare in [0, 10_000, 1 << 20] {
            let (mut ring, mut memory) = (Ring::default(), Memory::new(spare));
            for _ in 0..3000 {
                let from = ring.top();
                let to = from + rng.below(700);
                if rng.below(2) == 0 {
                    // The later half first.
                    let middle = from + (to - from) / 2;
                    ring.put(middle, &bytes(middle, to), &mut memory);
                    ring.put(from, &bytes(from, middle), &mut memory);
                } else {
                    ring.put(from, &bytes(from, to), &mut memory);
                }
                let mut out = vec![0; (ring.top() - ring.base()) as usize];
                ring.copy(ring.base(), &mut out);
                assert_eq!(out, bytes(ring.base(), ring.top()));
                let base = ring.base() + rng.below(ring.top() - ring.base() + 1).min(900);
                ring.advance(base, &mut memory);
                assert_eq!(memory.held_bytes(), ring.capacity);
                assert!(ring.bytes.capacity() as u64 <= ring.capacity);
                let span = ring.top() - ring.base();
                assert!(ring.capacity <= (span * 4).max(SMALLEST) + spare);
            }
            ring.clear(&mut memory);
            assert_eq!((memory.held_bytes, memory.spare_bytes), (0, 0));
        }
    }

    #[test]
    fn stream_ring_that_runs_empty_keeps_its_buffer_within_the_allowance() {
        let (mut ring, mut memory) = (Ring::default(), Memory::new(4096));
        ring.put(0, &[1; 4000], &mut memory);
        let place = ring.bytes.as_ptr();
        for turn in 1..100 {
            ring.advance(turn * 4000, &mut memory);
            assert_eq!(memory.held_bytes(), 4096);
            ring.put(turn * 4000, &[2; 4000], &mut memory);
            assert_eq!(ring.bytes.as_ptr(), place);
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
    fn stream_ring_that_was_large_once_is_small_again_after_small_uses() {
        let (mut ring, mut memory) = (Ring::default(), Memory::new(1 << 20));
        ring.put(0, &[1; 100_000], &mut memory);
        ring.advance(100_000, &mut memory);
        assert_eq!(memory.held_bytes(), 1 << 17);
        let mut at = 100_000;
        for _use in 0..4 * u64::from(LOOK_AFTER) {
            ring.put(at, &[2; 300], &mut memory);
            at += 300;
            ring.advance(at, &mut memory);
        }
        assert_eq!(memory.held_bytes(), 1024);
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
