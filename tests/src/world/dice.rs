//! Chance and digests for worlds that handle millions of datagrams a second: no cryptography, only
//! the same numbers every time.

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

/// What these bytes come to under this key.
pub(super) fn hash(key: u64, bytes: &[u8]) -> u64 {
    let mut state = mix(key ^ bytes.len() as u64);
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        let word = u64::from_le_bytes(word.try_into().expect("8 bytes"));
        state = fold(state ^ word, STEP) ^ state.rotate_left(23);
    }
    let mut last = [0; 8];
    last[..words.remainder().len()].copy_from_slice(words.remainder());
    mix(fold(state ^ u64::from_le_bytes(last), STEP) ^ state.rotate_left(23))
}

/// The same for a number.
pub(super) const fn chain(key: u64, number: u64) -> u64 {
    mix(key.rotate_left(5) ^ number.wrapping_mul(STEP))
}
