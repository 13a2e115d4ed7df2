//! Randomness from one seed. Each draw replaces the generator's own key, so that memory read once
//! gives no earlier output (fast key erasure), and each fork is a generator of its own.

use core::fmt;

use chacha20::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// The 32 bytes that all randomness of a switch comes from. It wipes itself and never prints.
#[derive(Clone)]
pub struct Seed(Zeroizing<[u8; 32]>);

impl Seed {
    /// A seed of these bytes; a shell takes them from the operating system, fresh at each start.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for a tape.
    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// A deterministic generator: the same seed and the same calls give the same bytes everywhere.
pub struct Rng {
    key: Zeroizing<[u8; 32]>,
}

impl Rng {
    /// The generator at the root of everything that `seed` decides.
    pub fn new(seed: &Seed) -> Self {
        Self {
            key: seed.0.clone(),
        }
    }

    /// A generator of its own for the room or line called `label`.
    #[must_use]
    pub fn fork(&mut self, label: &str) -> Self {
        let mut secret = Zeroizing::new([0; 32]);
        self.fill(&mut *secret);
        let mut hash = Sha256::new();
        hash.update(b"hydroid/1 fork ");
        hash.update(label.as_bytes());
        hash.update(secret.as_slice());
        Self {
            key: Zeroizing::new(hash.finalize().into()),
        }
    }

    /// Fills `out` with random bytes, then forgets how they came about.
    pub fn fill(&mut self, out: &mut [u8]) {
        let mut stream = ChaCha20Rng::from_seed(*self.key);
        stream.fill_bytes(self.key.as_mut_slice());
        stream.fill_bytes(out);
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    /// A random number.
    pub fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.bytes())
    }

    /// A random number.
    pub fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.bytes())
    }

    /// A random number below `limit`, or 0 where `limit` is 0. The bias is below 2^-64 x `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.u64()) * u128::from(limit)) >> 64) as u64
    }
}

impl fmt::Debug for Rng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rng(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rng_same_seed_gives_same_bytes_and_forks_differ() {
        let mut one = Rng::new(&Seed::new([7; 32]));
        let mut two = Rng::new(&Seed::new([7; 32]));
        assert_eq!(one.bytes::<40>(), two.bytes::<40>());
        assert_eq!(one.fork("line").u64(), two.fork("line").u64());
        assert_ne!(one.fork("line").u64(), two.fork("mesh").u64());
    }

    #[test]
    fn rng_a_draw_replaces_the_key() {
        let mut rng = Rng::new(&Seed::new([7; 32]));
        let before = rng.key.clone();
        let _drawn = rng.u64();
        assert_ne!(before, rng.key);
        assert_eq!(
            alloc::format!("{rng:?} {:?}", Seed::new([7; 32])),
            "Rng(..) Seed(..)"
        );
    }

    #[test]
    fn rng_below_stays_below() {
        let mut rng = Rng::new(&Seed::new([1; 32]));
        assert_eq!(rng.below(0), 0);
        for limit in 1..200 {
            assert!(rng.below(limit) < limit);
        }
    }
}
