//! The two ciphers, and keys that can do without their schedule.

use core::fmt;

use aes_gcm::{Aes256Gcm, aead::AeadInOut as _, aead::KeyInit as _};
use chacha20poly1305::ChaCha20Poly1305;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::wire::TAG_LEN;

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

/// A cipher with its key schedule; about 1 KiB for AES, which is why it is boxed.
pub(super) enum Aead {
    Aes(alloc::boxed::Box<Aes256Gcm>),
    ChaCha(ChaCha20Poly1305),
}

impl Aead {
    pub(super) fn new(suite: Suite, key: &[u8; 32]) -> Self {
        match suite {
            Suite::Aes256Gcm => Self::Aes(alloc::boxed::Box::new(Aes256Gcm::new(key.into()))),
            Suite::ChaCha20Poly1305 => Self::ChaCha(ChaCha20Poly1305::new(key.into())),
        }
    }

    /// Turns `text` into ciphertext where it lies and gives the tag.
    pub(super) fn seal(&self, nonce: &[u8; 12], aad: &[u8], text: &mut [u8]) -> [u8; TAG_LEN] {
        let sealed = match self {
            Self::Aes(aes) => aes.encrypt_inout_detached(nonce.into(), aad, text.into()),
            Self::ChaCha(chacha) => chacha.encrypt_inout_detached(nonce.into(), aad, text.into()),
        };
        sealed
            .expect("no datagram comes near the longest text of a cipher")
            .into()
    }

    /// Turns `text` into plain text where it lies. If the tag does not fit, it says so and leaves
    /// `text` as it was.
    pub(super) fn open(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        text: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> bool {
        match self {
            Self::Aes(aes) => {
                aes.decrypt_inout_detached(nonce.into(), aad, text.into(), tag.into())
            }
            Self::ChaCha(chacha) => {
                chacha.decrypt_inout_detached(nonce.into(), aad, text.into(), tag.into())
            }
        }
        .is_ok()
    }
}

/// A key of one direction. Its schedule is made at the first use and can be dropped while the
/// line is at rest.
pub(super) struct Key {
    suite: Suite,
    bytes: Zeroizing<[u8; 32]>,
    schedule: Option<Aead>,
}

impl Key {
    pub(super) const fn new(suite: Suite, bytes: Zeroizing<[u8; 32]>) -> Self {
        Self {
            suite,
            bytes,
            schedule: None,
        }
    }

    pub(super) fn aead(&mut self) -> &Aead {
        self.schedule
            .get_or_insert_with(|| Aead::new(self.suite, &self.bytes))
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
