//! What the image does.

mod churn;
mod world;

use std::sync::OnceLock;

use super::*;
use crate::{
    base::Seed,
    identity::SecretKey,
};
use sha2::{Digest as _, Sha256};

/// Keys, made once: making one costs more than most of what is done with it.
pub(super) fn key(at: usize) -> PublicKey {
    static KEYS: OnceLock<Vec<PublicKey>> = OnceLock::new();
    let keys = KEYS.get_or_init(|| {
        let secret = |at: u32| {
            let bytes: [u8; 32] = Sha256::digest(at.to_be_bytes()).into();
            SecretKey::from_bytes(&bytes).public()
        };
        (0..256).map(secret).collect()
    });
    keys[at]
}

/// A stand-in for a signature, which is as false when it is not over these bytes.
pub(super) fn seal(key: &PublicKey, kind: &str, bytes: &[u8]) -> Signature {
    let half: [u8; 32] = Sha256::new()
        .chain_update(key.as_bytes())
        .chain_update(kind)
        .chain_update(bytes)
        .finalize()
        .into();
    let mut whole = [0; 64];
    whole[..32].copy_from_slice(&half);
    Signature(whole)
}

/// Checks a stand-in.
pub(super) fn sealed(key: &PublicKey, kind: &str, bytes: &[u8], seal_: &Signature) -> bool {
    seal(key, kind, bytes) == *seal_
}

pub(super) fn rng(seed: u64) -> Rng {
    let mut bytes = [0x1d; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    Rng::new(&Seed::new(bytes))
}
