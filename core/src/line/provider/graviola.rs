//! The fast provider: proven assembly for the curve and vector instructions for the ciphers, by
//! graviola. It runs only where [`provider`] gives it.

use alloc::boxed::Box;

use graviola::{
    aead::{AesGcm, ChaCha20Poly1305},
    key_agreement::x25519::{PublicKey, StaticPrivateKey},
    util::is_cpu_supported,
};

use crate::{
    line::{Cipher, Provider, PureRust, Suite},
    wire::TAG_LEN,
};

#[derive(Debug)]
struct Graviola;

/// The provider, if this processor has what it needs.
pub(super) fn provider() -> Option<&'static dyn Provider> {
    is_cpu_supported().then_some(&Graviola)
}

impl Provider for Graviola {
    fn public(&self, secret: &[u8; 32]) -> [u8; 32] {
        StaticPrivateKey::from_array(secret).public_key().as_bytes()
    }

    fn agree(&self, secret: &[u8; 32], public: &[u8; 32]) -> [u8; 32] {
        let secret = StaticPrivateKey::from_array(secret);
        let agreed = secret.diffie_hellman(&PublicKey::from_array(public));
        // Its one error is an agreement of zeros.
        agreed.map_or([0; 32], |agreed| agreed.0)
    }

    fn cipher(&self, suite: Suite, key: &[u8; 32]) -> Box<dyn Cipher> {
        match suite {
            Suite::Aes256Gcm => Box::new(Fast(AesGcm::new(key))),
            Suite::ChaCha20Poly1305 => Box::new(Fast(ChaCha20Poly1305::new(*key))),
        }
    }

    /// Its tables for AES-GCM take as long as the sealing of some 20 kB.
    fn brief_cipher(&self, suite: Suite, key: &[u8; 32]) -> Box<dyn Cipher> {
        match suite {
            Suite::Aes256Gcm => PureRust.cipher(suite, key),
            Suite::ChaCha20Poly1305 => self.cipher(suite, key),
        }
    }
}

/// One of the two ciphers.
struct Fast<T>(T);

/// Both ciphers have the same interface, but for the names of their types.
macro_rules! cipher {
    ($cipher:ty) => {
        impl Cipher for Fast<$cipher> {
            fn seal(&self, nonce: &[u8; 12], aad: &[u8], text: &mut [u8]) -> [u8; TAG_LEN] {
                let mut tag = [0; TAG_LEN];
                self.0.encrypt(nonce, aad, text, &mut tag);
                tag
            }

            /// What does not fit is cleared by the library.
            fn open(
                &self,
                nonce: &[u8; 12],
                aad: &[u8],
                text: &mut [u8],
                tag: &[u8; TAG_LEN],
            ) -> bool {
                self.0.decrypt(nonce, aad, text, tag).is_ok()
            }
        }
    };
}

cipher!(AesGcm);
cipher!(ChaCha20Poly1305);
