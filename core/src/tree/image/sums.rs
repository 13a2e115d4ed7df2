//! The exclusive or of the checks of those who are there, of all and of each part of the keys. A
//! stranger may ask for it with few bytes, so it is kept up with every change and never counted
//! anew.

use super::{
    compare::BITS_MOST,
    word::{PREFIX_BITS, Prefix},
};

/// What greetings and digests are made of.
#[derive(Debug)]
pub(super) struct Sums {
    whole: u64,
    /// Of the half of each check that digests show, by the first byte of the keys.
    parts: [u32; 1 << BITS_MOST],
}

impl Sums {
    pub(super) const fn new() -> Self {
        Self {
            whole: 0,
            parts: [0; 1 << BITS_MOST],
        }
    }

    /// Puts a check in, or takes the same one out.
    pub(super) const fn toggle(&mut self, who: Prefix, check: u64) {
        self.whole ^= check;
        self.parts[(who >> (PREFIX_BITS - BITS_MOST)) as usize] ^= check as u32;
    }

    /// That of all.
    pub(super) const fn whole(&self) -> u64 {
        self.whole
    }

    /// Those of 2^`bits` parts, in the order of the keys.
    pub(super) fn parts(&self, bits: u32) -> impl Iterator<Item = u32> {
        let parts = self.parts.chunks_exact(1 << (BITS_MOST - bits));
        parts.map(|part| part.iter().fold(0, |sum, next| sum ^ next))
    }
}
