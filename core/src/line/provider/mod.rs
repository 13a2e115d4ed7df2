//! Where the arithmetic of a line is done. A provider computes and never chooses: every one gives
//! the same bytes for the same bytes, so what runs on a switch says nothing about which it has.

#[cfg(all(feature = "fast", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod graviola;
mod pure;
#[cfg(test)]
pub(in crate::line) mod tests;

use alloc::boxed::Box;
use core::fmt;

use super::Suite;
use crate::{
    identity::{Keys, PublicKey, Signature, SpaceId},
    wire::TAG_LEN,
};

pub use pure::PureRust;

/// The fast provider (feature `fast`), if this processor has what it needs: on x86-64 AES, PCLMUL,
/// AVX2, BMI and ADX, on AArch64 AES, PMULL, SHA-2 and NEON. Elsewhere [`PureRust`] is to be taken.
/// Where there is one, its AES is faster than its ChaCha20.
#[cfg(feature = "fast")]
pub fn fast() -> Option<&'static dyn Provider> {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    let found = graviola::provider();
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let found = None;
    found
}

/// The curve and the two ciphers of a line. One of the two traits that a user may implement; what
/// it must give, byte for byte, is in RFC 7748, RFC 8439 and NIST SP 800-38D (PROTOCOL, section Keys
/// and nonces).
pub trait Provider: fmt::Debug + Send + Sync {
    /// The public key of a secret one (X25519, RFC 7748 section 6.1). The secret is not clamped
    /// yet.
    fn public(&self, secret: &[u8; 32]) -> [u8; 32];

    /// What a secret key and a peer's public key agree on (X25519, RFC 7748 section 5). The secret
    /// is not clamped yet, and any 32 bytes are a public key: its highest bit does not count, and
    /// a coordinate of the prime or more is reduced. Zeros are given as such; the room refuses
    /// them.
    fn agree(&self, secret: &[u8; 32], public: &[u8; 32]) -> [u8; 32];

    /// The name of what it computes, which a tape keeps: a replay under another is refused.
    fn scheme(&self) -> &'static str {
        "x25519"
    }

    /// True if `signature` was made by `key` over this kind, this space and these bytes (Ed25519,
    /// RFC 8032), checked strictly.
    fn verify(
        &self,
        key: &PublicKey,
        kind: &str,
        space: &SpaceId,
        bytes: &[u8],
        signature: &Signature,
    ) -> bool {
        key.verify(kind, space, bytes, signature)
    }

    /// How bytes become a key; whoever has seen the same bytes before may remember what they were.
    fn keys(&self) -> Keys {
        PublicKey::from_bytes
    }

    /// A cipher under this key, with its schedule made. It wipes itself when it is dropped.
    fn cipher(&self, suite: Suite, key: &[u8; 32]) -> Box<dyn Cipher>;

    /// The same for one short text, where to make the schedule may take longer than the text does.
    /// A handshake has six of them.
    fn brief_cipher(&self, suite: Suite, key: &[u8; 32]) -> Box<dyn Cipher> {
        self.cipher(suite, key)
    }
}

/// A cipher of a [`Provider`], ready for any number of texts. A text has at most 65,535 bytes, and
/// so have the bytes beside it that the tag covers (`aad`).
pub trait Cipher: Send + Sync {
    /// Turns `text` into ciphertext where it lies and gives the tag.
    fn seal(&self, nonce: &[u8; 12], aad: &[u8], text: &mut [u8]) -> [u8; TAG_LEN];

    /// Turns `text` into plain text where it lies. If the tag does not fit, it says so by `false`
    /// and leaves zeros in place of the text.
    fn open(&self, nonce: &[u8; 12], aad: &[u8], text: &mut [u8], tag: &[u8; TAG_LEN]) -> bool;
}
