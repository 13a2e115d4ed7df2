//! The two ciphers, and keys that can do without their schedule.

use alloc::boxed::Box;
use core::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Cipher, Provider};

/// The cipher of a handshake and of the line that it makes; part of the open's head in clear.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Suite {
    /// AES-256-GCM: the faster one on a processor with instructions for it.
    #[default]
    #[serde(rename = "aes256gcm")]
    Aes256Gcm,
    /// ChaCha20-Poly1305 (RFC 8439): the faster one everywhere else.
    #[serde(rename = "chacha20poly1305")]
    ChaCha20Poly1305,
}

impl Suite {
    /// The name in the head of an open.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes256Gcm => "aes256gcm",
            Self::ChaCha20Poly1305 => "chacha20poly1305",
        }
    }

    /// The name of the whole handshake, from which its hash begins.
    pub(super) const fn pattern(self) -> &'static str {
        match self {
            Self::Aes256Gcm => "Noise_IK_25519_AESGCM_SHA256",
            Self::ChaCha20Poly1305 => "Noise_IK_25519_ChaChaPoly_SHA256",
        }
    }
}

/// A key of one direction. Its schedule is made at the first use and can be dropped while the
/// line is at rest.
pub(super) struct Key {
    bytes: Zeroizing<[u8; 32]>,
    schedule: Option<Box<dyn Cipher>>,
}

impl Key {
    pub(super) const fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self {
            bytes,
            schedule: None,
        }
    }

    pub(super) fn cipher(&mut self, suite: Suite, provider: &dyn Provider) -> &dyn Cipher {
        &**self
            .schedule
            .get_or_insert_with(|| provider.cipher(suite, &self.bytes))
    }

    pub(super) fn rest(&mut self) {
        self.schedule = None;
    }

    #[cfg(test)]
    pub(super) const fn is_at_rest(&self) -> bool {
        self.schedule.is_none()
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}
