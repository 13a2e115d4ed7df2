//! The provider that is always there: Rust alone, without a standard library.

use alloc::boxed::Box;

use aes_gcm::{Aes256Gcm, KeyInit as _, aead::AeadInOut};
use chacha20poly1305::ChaCha20Poly1305;
use curve25519_dalek::MontgomeryPoint;
use zeroize::Zeroize as _;

use super::{Cipher, Provider};
use crate::{line::Suite, wire::TAG_LEN};

/// The default: Rust alone, for every processor.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PureRust;

impl Provider for PureRust {
    fn public(&self, secret: &[u8; 32]) -> [u8; 32] {
        MontgomeryPoint::mul_base_clamped(*secret).to_bytes()
    }

    fn agree(&self, secret: &[u8; 32], public: &[u8; 32]) -> [u8; 32] {
        let mut point = MontgomeryPoint(*public).mul_clamped(*secret);
        let agreed = point.to_bytes();
        point.zeroize();
        agreed
    }

    fn cipher(&self, suite: Suite, key: &[u8; 32]) -> Box<dyn Cipher> {
        match suite {
            Suite::Aes256Gcm => Box::new(Pure(Aes256Gcm::new(key.into()))),
            Suite::ChaCha20Poly1305 => Box::new(Pure(ChaCha20Poly1305::new(key.into()))),
        }
    }
}

/// One of the two ciphers; about 1 KiB for AES.
struct Pure<T>(T);

/// Both ciphers have the same interface, but for the names of their types.
macro_rules! cipher {
    ($cipher:ty) => {
        impl Cipher for Pure<$cipher> {
            fn seal(&self, nonce: &[u8; 12], aad: &[u8], text: &mut [u8]) -> [u8; TAG_LEN] {
                self.0
                    .encrypt_inout_detached(nonce.into(), aad, text.into())
                    .expect("no datagram comes near the longest text of a cipher")
                    .into()
            }

            fn open(
                &self,
                nonce: &[u8; 12],
                aad: &[u8],
                text: &mut [u8],
                tag: &[u8; TAG_LEN],
            ) -> bool {
                let into = (&mut *text).into();
                let opened = self
                    .0
                    .decrypt_inout_detached(nonce.into(), aad, into, tag.into());
                if opened.is_err() {
                    text.fill(0);
                }
                opened.is_ok()
            }
        }
    };
}

cipher!(Aes256Gcm);
cipher!(ChaCha20Poly1305);
