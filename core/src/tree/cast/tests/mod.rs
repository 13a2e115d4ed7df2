//! The room alone, and many of it joined by queues.

mod bench;
mod crossed;
mod demands;
mod digest;
mod lies;
mod protocol;
mod sizes;
mod slow;
mod world;

use std::sync::OnceLock;

use sha2::{Digest as _, Sha256};

use super::{packet::Position, *};
use crate::identity::SecretKey;

/// Keys of as many members as any test has.
pub(super) fn keys() -> &'static [PublicKey] {
    static KEYS: OnceLock<Vec<PublicKey>> = OnceLock::new();
    KEYS.get_or_init(|| (1..=40).map(|n| secret(n).public()).collect())
}

pub(super) fn secret(number: u8) -> SecretKey {
    SecretKey::from_bytes(&[number; 32])
}

/// A signature that costs little: a hash with the key, which still fails on forgery.
pub(super) fn stub(key: &PublicKey, kind: &str, bytes: &[u8]) -> Signature {
    let mut hash = Sha256::new();
    hash.update(b"stub");
    hash.update(key.as_bytes());
    hash.update(kind);
    hash.update(bytes);
    let digest: [u8; 32] = hash.finalize().into();
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&digest);
    signature[32..].copy_from_slice(&digest);
    Signature(signature)
}

pub(super) fn stub_verify(key: &PublicKey, kind: &str, bytes: &[u8], it: &Signature) -> bool {
    *it == stub(key, kind, bytes)
}
