//! Chance and digests for worlds that handle millions of datagrams a second: no cryptography, only
//! the same numbers every time.

use std::hash::{BuildHasher, Hasher};

/// Weyl's sequence, whose step is the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A generator of numbers, by Steele, Lea and Flood's SplitMix.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// A number below `limit`, or 0 where that is 0.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        if limit <= 1 {
            return 0;
        }
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }

    /// True so many times of a thousand.
    pub(super) fn fires(&mut self, rate: u64) -> bool {
        rate > 0 && self.below(1000) < rate
    }
}

/// Hashes for tables of the world's own, of which nobody chooses the keys.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hashes(u64);

impl BuildHasher for Hashes {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        Self(STEP)
    }
}

impl Hasher for Hashes {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = hash(self.0, bytes);
    }
}

/// Every bit of the result hangs on every bit of the number.
const fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Both halves of a product, one on the other.
const fn fold(one: u64, other: u64) -> u64 {
    let product = one as u128 * other as u128;
    product as u64 ^ (product >> 64) as u64
}

/// What these bytes come to under this key. Long ones go four words abreast, so that no word waits
/// for the one before.
pub(super) fn hash(key: u64, bytes: &[u8]) -> u64 {
    let mut state = mix(key ^ bytes.len() as u64);
    let (blocks, bytes) = bytes.as_chunks::<32>();
    if !blocks.is_empty() {
        let mut lanes = [1, 2, 3, 4].map(|lane| state ^ STEP.wrapping_mul(lane));
        for block in blocks {
            for (lane, word) in lanes.iter_mut().zip(block.as_chunks::<8>().0) {
                *lane = step(*lane, *word);
            }
        }
        state = lanes.into_iter().fold(state, chain);
    }
    let (words, bytes) = bytes.as_chunks::<8>();
    state = words.iter().fold(state, |state, word| step(state, *word));
    let mut last = [0; 8];
    last[..bytes.len()].copy_from_slice(bytes);
    mix(step(state, last))
}

const fn step(state: u64, word: [u8; 8]) -> u64 {
    fold(state ^ u64::from_le_bytes(word), STEP) ^ state.rotate_left(23)
}

/// The same for a number.
pub(super) const fn chain(key: u64, number: u64) -> u64 {
    mix(key.rotate_left(5) ^ number.wrapping_mul(STEP))
}
