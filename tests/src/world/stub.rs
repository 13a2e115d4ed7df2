//! Arithmetic that looks like that of a line, for worlds that are too large for the real one.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, MutexGuard},
};

use hydroid_core::{
    identity::{KeyError, Keys, PublicKey, Signature, SpaceId},
    line::{Cipher, Provider, PureRust, Suite},
};
use sha2::{Digest as _, Sha256};

use super::dice;

/// A provider of keyed hashes: what it makes is as long as what the real ones make and fails on
/// every forgery that somebody makes who does not know how it works. It protects nothing. It talks
/// to itself only.
///
/// What two secrets agree on is a hash of their public keys. Those of handshakes are hashes too;
/// those of identities are given by the identities, so the curve computes them, once each. Which
/// secrets are of handshakes is remembered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StubProvider;

/// What is remembered stands in so many tables, so that threads seldom wait for each other.
const TABLES: usize = 16;
/// So many handshakes of each table are under way at most.
const HANDSHAKES_MAX: usize = 1 << 16;

#[derive(Default)]
struct Publics {
    /// Of secrets made for handshakes: the younger ones and the older ones.
    handshakes: [HashMap<[u8; 32], [u8; 32]>; 2],
    identities: HashMap<[u8; 32], [u8; 32]>,
    /// Signatures that were checked, by a hash of all that was checked.
    checked: HashMap<[u8; 32], bool>,
    /// Bytes that were checked for being a key.
    keys: HashMap<[u8; 32], Result<PublicKey, KeyError>>,
}

/// Keys, and checks of signatures that each table remembers.
const CHECKED_MAX: usize = 1 << 12;
const KEYS_MAX: usize = 1 << 12;

static PUBLICS: LazyLock<[Mutex<Publics>; TABLES]> = LazyLock::new(Default::default);

/// The table that remembers these bytes, which are as good as drawn by chance.
fn publics(bytes: &[u8; 32]) -> MutexGuard<'static, Publics> {
    let table = &PUBLICS[usize::from(bytes[0]) % TABLES];
    table.lock().expect("nobody panics who holds it")
}

impl Publics {
    fn make(&mut self, secret: &[u8; 32]) -> [u8; 32] {
        let public = digest::<32>(*b"pub.", &[secret]);
        if self.handshakes[0].len() >= HANDSHAKES_MAX {
            self.handshakes.swap(0, 1);
            self.handshakes[0].clear();
        }
        self.handshakes[0].insert(*secret, public);
        public
    }

    fn of(&mut self, secret: &[u8; 32]) -> [u8; 32] {
        let mut made = self.handshakes.iter();
        let made = made.find_map(|made| made.get(secret).copied());
        made.unwrap_or_else(|| {
            let public = || PureRust.public(secret);
            *self.identities.entry(*secret).or_insert_with(public)
        })
    }
}

impl Provider for StubProvider {
    fn scheme(&self) -> &'static str {
        "stub"
    }

    /// The real check, once for each signature: a thousand members of a world check the same one.
    fn verify(
        &self,
        key: &PublicKey,
        kind: &str,
        space: &SpaceId,
        bytes: &[u8],
        signature: &Signature,
    ) -> bool {
        let parts = [
            key.as_bytes().as_slice(),
            kind.as_bytes(),
            space.as_bytes(),
            bytes,
            &signature.0,
        ];
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let hash: [u8; 32] = hash.finalize().into();
        let known = publics(&hash).checked.get(&hash).copied();
        known.unwrap_or_else(|| {
            let is_true = key.verify(kind, space, bytes, signature);
            let checked = &mut publics(&hash).checked;
            if checked.len() >= CHECKED_MAX {
                checked.clear();
            }
            checked.insert(hash, is_true);
            is_true
        })
    }

    /// The real check, once for each key.
    fn keys(&self) -> Keys {
        |bytes| {
            let known = publics(bytes).keys.get(bytes).copied();
            known.unwrap_or_else(|| {
                let key = PublicKey::from_bytes(bytes);
                let keys = &mut publics(bytes).keys;
                if keys.len() >= KEYS_MAX {
                    keys.clear();
                }
                keys.insert(*bytes, key);
                key
            })
        }
    }

    fn public(&self, secret: &[u8; 32]) -> [u8; 32] {
        publics(secret).make(secret)
    }

    fn agree(&self, secret: &[u8; 32], public: &[u8; 32]) -> [u8; 32] {
        if *public == [0; 32] {
            return [0; 32];
        }
        let own = publics(secret).of(secret);
        digest(*b"dh..", &[&own.min(*public), &own.max(*public)])
    }

    fn cipher(&self, suite: Suite, key: &[u8; 32]) -> Box<dyn Cipher> {
        let label = match suite {
            Suite::Aes256Gcm => *b"aes.",
            Suite::ChaCha20Poly1305 => *b"cha.",
        };
        let keys = digest::<32>(label, &[key]);
        let word = |at: usize| u64::from_le_bytes(keys[at..at + 8].try_into().expect("8 bytes"));
        Box::new(Stub {
            mask: word(0),
            halves: [word(8), word(16)],
        })
    }
}

/// A cipher that masks the text and hashes it.
struct Stub {
    mask: u64,
    halves: [u64; 2],
}

impl Stub {
    fn tag(&self, nonce: &[u8; 12], aad: &[u8], text: &[u8]) -> [u8; 16] {
        let beside = dice::hash(dice::hash(self.mask, nonce), aad);
        let hash = dice::hash(beside, text);
        let mut tag = [0; 16];
        for (half, out) in self.halves.iter().zip(tag.chunks_exact_mut(8)) {
            out.copy_from_slice(&dice::chain(*half, hash).to_le_bytes());
        }
        tag
    }

    fn mask(&self, nonce: &[u8; 12], text: &mut [u8]) {
        let mask = dice::hash(self.mask, nonce);
        let (words, rest) = text.as_chunks_mut::<8>();
        for word in words {
            *word = (u64::from_le_bytes(*word) ^ mask).to_le_bytes();
        }
        let rest = rest.iter_mut();
        rest.zip(mask.to_le_bytes())
            .for_each(|(byte, mask)| *byte ^= mask);
    }
}

impl Cipher for Stub {
    fn seal(&self, nonce: &[u8; 12], aad: &[u8], text: &mut [u8]) -> [u8; 16] {
        self.mask(nonce, text);
        self.tag(nonce, aad, text)
    }

    fn open(&self, nonce: &[u8; 12], aad: &[u8], text: &mut [u8], tag: &[u8; 16]) -> bool {
        let fits = self.tag(nonce, aad, text) == *tag;
        if fits {
            self.mask(nonce, text);
        } else {
            text.fill(0);
        }
        fits
    }
}

/// A hash of these parts under a label.
fn digest<const LEN: usize>(label: [u8; 4], parts: &[&[u8]]) -> [u8; LEN] {
    let mut out = [0; LEN];
    for (at, word) in (0..).zip(out.chunks_exact_mut(8)) {
        let key = dice::chain(u32::from_le_bytes(label).into(), at);
        let hash = parts.iter().fold(key, |key, part| dice::hash(key, part));
        word.copy_from_slice(&hash.to_le_bytes());
    }
    out
}
