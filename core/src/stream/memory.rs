//! What the buffers of one line take: chunks of one size, kept for the next that needs one, so that
//! bytes are written where the processor's cache has been and not into memory of each stream's own.

use alloc::{boxed::Box, vec, vec::Vec};

use crate::base::Limits;

/// The smallest buffer that a ring takes, bytes.
pub(super) const SMALLEST: u64 = 256;

/// What holds more than this is made of pieces of this size, bytes.
pub(super) const CHUNK: u64 = 8 << 10;

/// Writers that wait for memory are woken when there are so many bytes of it; what is kept for later
/// leaves as much.
pub(super) const WAKES: u64 = 1024;

/// What the buffers of all rings of a line take, and how much of that is kept for later only; and
/// what is taken beside them: heads, and room set aside for those that are owed.
#[derive(Debug)]
pub(super) struct Memory {
    held_bytes: u64,
    /// In a box, since an idle line has none.
    spare: Option<Box<Spare>>,
    /// What small buffers of empty rings take.
    idle_bytes: u32,
    spare_max_bytes: u32,
    beside_bytes: u64,
    /// How far all of it may go for now.
    pub(super) limits: Limits,
}

/// Chunks that no ring has; the one that was given back last is taken first.
#[derive(Debug, Default)]
struct Spare {
    chunks: Vec<Vec<u8>>,
}

impl Memory {
    pub(super) fn new(spare_max_bytes: u64) -> Self {
        Self {
            held_bytes: 0,
            spare: None,
            idle_bytes: 0,
            spare_max_bytes: u32::try_from(spare_max_bytes).unwrap_or(u32::MAX),
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
        let spare_bytes = self.spare_bytes();
        spare_bytes > 0 && self.near_room() < spare_bytes.max(WAKES)
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

    /// A buffer of so many bytes, which may have anything in it.
    pub(super) fn buffer(&mut self, bytes: u64) -> Vec<u8> {
        if bytes == CHUNK
            && let Some(chunk) = self.spare.as_mut().and_then(|spare| spare.chunks.pop())
        {
            return chunk;
        }
        self.held_bytes += bytes;
        vec![0; usize::try_from(bytes).expect("a buffer has a chunk at most")]
    }

    /// True if a chunk is there that no ring has.
    pub(super) fn has_chunk(&self) -> bool {
        self.chunks_bytes() > 0
    }

    /// A ring needs this no more.
    pub(super) fn give_back(&mut self, buffer: Vec<u8>) {
        let bytes = buffer.len() as u64;
        let is_kept =
            bytes == CHUNK && self.spare_bytes() + CHUNK <= u64::from(self.spare_max_bytes);
        if is_kept && !self.begrudges(CHUNK) {
            let spare = self.spare.get_or_insert_with(Box::default);
            spare.chunks.push(buffer);
        } else {
            self.held_bytes -= bytes;
        }
    }

    /// A ring that runs empty has a small buffer of so many bytes. False if it is not to be kept.
    pub(super) fn keep_idle(&mut self, bytes: u32) -> bool {
        let spare_bytes = self.spare_bytes() + u64::from(bytes);
        let is_kept =
            spare_bytes <= u64::from(self.spare_max_bytes) && !self.begrudges(u64::from(bytes));
        if is_kept {
            self.idle_bytes += bytes;
        }
        is_kept
    }

    /// One that ran empty with such a buffer uses it again.
    pub(super) const fn use_idle(&mut self, bytes: u32) {
        self.idle_bytes -= bytes;
    }

    /// A stream is over: no more is kept for later than the others use.
    pub(super) fn fit(&mut self) {
        let Some(spare) = &mut self.spare else {
            return;
        };
        let chunks = spare.chunks.len() as u64;
        let used = (self.held_bytes - u64::from(self.idle_bytes)) / CHUNK - chunks;
        if used == 0 {
            self.rest();
        } else if chunks > used {
            spare
                .chunks
                .truncate(usize::try_from(used).unwrap_or(usize::MAX));
            self.held_bytes -= (chunks - used) * CHUNK;
        }
    }

    /// Gives up the chunks that no ring has.
    pub(super) fn rest(&mut self) {
        self.held_bytes -= self.chunks_bytes();
        self.spare = None;
    }

    fn spare_bytes(&self) -> u64 {
        self.chunks_bytes() + u64::from(self.idle_bytes)
    }

    fn chunks_bytes(&self) -> u64 {
        let chunks = self.spare.as_ref().map_or(0, |spare| spare.chunks.len());
        chunks as u64 * CHUNK
    }

    /// True if so many bytes more that are kept for later would stand in the way of others.
    fn begrudges(&self, bytes: u64) -> bool {
        self.near_room() < (self.spare_bytes() + bytes).max(WAKES)
    }
}

/// The buffer that so many bytes take.
pub(super) const fn capacity_for(span: u64) -> u64 {
    if span > CHUNK {
        return span.div_ceil(CHUNK) * CHUNK;
    }
    match span.next_power_of_two() {
        _ if span == 0 => 0,
        capacity if capacity < SMALLEST => SMALLEST,
        capacity => capacity,
    }
}
