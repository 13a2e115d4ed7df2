//! The Noise handshake (`IK`, revision 34 of the Noise specification), over primitives and
//! randomness of ours.

use alloc::boxed::Box;
use core::{cell::Cell, fmt};

use sha2::{Digest as _, Sha256};
use snow::{
    Builder, Error, HandshakeState,
    params::{CipherChoice, DHChoice, HashChoice},
    resolvers::CryptoResolver,
    types::{Cipher, Dh, Hash, Random},
};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{Dropped, Provider, Suite};
use crate::{base::Rng, wire::TAG_LEN};

/// What the first message has beside its payload: a key, a sealed key and the payload's tag.
pub(super) const MESSAGE_1_OVERHEAD: usize = 32 + 32 + TAG_LEN + TAG_LEN;
/// What the second message has beside its payload: a key and the payload's tag.
pub(super) const MESSAGE_2_OVERHEAD: usize = 32 + TAG_LEN;

/// The X25519 form of an identity, with its public half kept so that no handshake computes it,
/// and what its handshakes compute with.
pub(super) struct Static {
    pub(super) secret: Zeroizing<[u8; 32]>,
    pub(super) public: [u8; 32],
    pub(super) provider: &'static dyn Provider,
}

impl fmt::Debug for Static {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Static(..)")
    }
}

/// The keys of the two directions after both messages.
pub(super) struct Keys {
    pub(super) to_responder: Zeroizing<[u8; 32]>,
    pub(super) to_initiator: Zeroizing<[u8; 32]>,
}

/// A handshake under way.
pub(super) struct Handshake {
    state: Box<HandshakeState>,
}

impl Handshake {
    /// The end that sends the first message, to the holder of `peer` (X25519).
    pub(super) fn initiator(
        suite: Suite,
        own: &Static,
        peer: &[u8; 32],
        prologue: &[u8],
        rng: Rng,
    ) -> Self {
        Self::build(suite, own, Some(peer), prologue, rng)
    }

    /// The end that answers.
    pub(super) fn responder(suite: Suite, own: &Static, prologue: &[u8], rng: Rng) -> Self {
        Self::build(suite, own, None, prologue, rng)
    }

    fn build(
        suite: Suite,
        own: &Static,
        peer: Option<&[u8; 32]>,
        prologue: &[u8],
        rng: Rng,
    ) -> Self {
        let resolver = Box::new(Resolver {
            rng: Cell::new(Some(rng)),
            own: own.public,
            provider: own.provider,
        });
        let pattern = suite.pattern().parse().expect("the pattern is a legal one");
        let builder = Builder::with_resolver(pattern, resolver)
            .local_private_key(&*own.secret)
            .and_then(|builder| builder.prologue(prologue))
            .expect("each parameter is given once");
        let state = match peer {
            Some(peer) => builder
                .remote_public_key(peer)
                .and_then(Builder::build_initiator),
            None => builder.build_responder(),
        };
        Self {
            state: Box::new(state.expect("the resolver has every primitive")),
        }
    }

    /// Writes the next message around `payload` and tells its length. It can fail only where the
    /// other end chose a key with which every agreement comes out zero.
    pub(super) fn write(&mut self, payload: &[u8], out: &mut [u8]) -> Result<usize, Dropped> {
        self.state
            .write_message(payload, out)
            .map_err(|error| reason(&error))
    }

    /// Reads the next message and tells the length of its payload. After a failure the handshake
    /// stands where it stood.
    pub(super) fn read(&mut self, message: &[u8], out: &mut [u8]) -> Result<usize, Dropped> {
        self.state
            .read_message(message, out)
            .map_err(|error| reason(&error))
    }

    /// The X25519 key that the other end has shown to hold.
    pub(super) fn remote_static(&self) -> Option<[u8; 32]> {
        self.state.get_remote_static()?.try_into().ok()
    }

    /// The hash of all that both ends have said.
    pub(super) fn hash(&self) -> [u8; 32] {
        let hash = self.state.get_handshake_hash().try_into();
        hash.expect("a SHA-256 has 32 bytes")
    }

    /// The keys of the two directions after both messages.
    pub(super) fn split(mut self) -> Keys {
        let (to_responder, to_initiator) = self.state.dangerously_get_raw_split();
        Keys {
            to_responder: Zeroizing::new(to_responder),
            to_initiator: Zeroizing::new(to_initiator),
        }
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handshake(..)")
    }
}

fn reason(error: &Error) -> Dropped {
    if *error == Error::Dh {
        Dropped::WeakKey
    } else if *error == Error::Decrypt {
        Dropped::BadTag
    } else {
        Dropped::Malformed
    }
}

struct Resolver {
    rng: Cell<Option<Rng>>,
    own: [u8; 32],
    provider: &'static dyn Provider,
}

impl CryptoResolver for Resolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Randomness(self.rng.take()?)))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        (*choice == DHChoice::Curve25519).then(|| {
            Box::new(Agreement {
                provider: self.provider,
                own: self.own,
                secret: Zeroizing::new([0; 32]),
                public: [0; 32],
            }) as Box<dyn Dh>
        })
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        (*choice == HashChoice::SHA256).then(|| Box::new(Hashing(Sha256::new())) as Box<dyn Hash>)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        let suite = if *choice == CipherChoice::AESGCM {
            Suite::Aes256Gcm
        } else {
            Suite::ChaCha20Poly1305
        };
        Some(Box::new(Sealing {
            provider: self.provider,
            suite,
            key: Zeroizing::new([0; 32]),
        }))
    }
}

struct Randomness(Rng);

impl Random for Randomness {
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Error> {
        self.0.fill(out);
        Ok(())
    }
}

/// X25519 (RFC 7748).
struct Agreement {
    provider: &'static dyn Provider,
    own: [u8; 32],
    secret: Zeroizing<[u8; 32]>,
    public: [u8; 32],
}

impl Dh for Agreement {
    fn name(&self) -> &'static str {
        "25519"
    }

    fn pub_len(&self) -> usize {
        32
    }

    fn priv_len(&self) -> usize {
        32
    }

    /// Only the static key is ever set, and its public half is known.
    fn set(&mut self, secret: &[u8]) {
        self.secret.copy_from_slice(secret);
        self.public = self.own;
    }

    fn generate(&mut self, rng: &mut dyn Random) -> Result<(), Error> {
        rng.try_fill_bytes(&mut *self.secret)?;
        self.public = self.provider.public(&self.secret);
        Ok(())
    }

    fn pubkey(&self) -> &[u8] {
        &self.public
    }

    fn privkey(&self) -> &[u8] {
        &*self.secret
    }

    /// An agreement of zeros shows a point of small order (RFC 7748 section 6.1) and is refused.
    fn dh(&self, peer: &[u8], out: &mut [u8]) -> Result<(), Error> {
        let (Some(peer), Some(out)) = (peer.first_chunk::<32>(), out.first_chunk_mut::<32>())
        else {
            return Err(Error::Input);
        };
        *out = self.provider.agree(&self.secret, peer);
        if out.ct_eq(&[0; 32]).into() {
            return Err(Error::Dh);
        }
        Ok(())
    }
}

struct Hashing(Sha256);

impl Hash for Hashing {
    fn name(&self) -> &'static str {
        "SHA256"
    }

    fn block_len(&self) -> usize {
        64
    }

    fn hash_len(&self) -> usize {
        32
    }

    fn reset(&mut self) {
        self.0 = Sha256::new();
    }

    fn input(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn result(&mut self, out: &mut [u8]) {
        out[..32].copy_from_slice(&core::mem::take(&mut self.0).finalize());
    }
}

struct Sealing {
    provider: &'static dyn Provider,
    suite: Suite,
    key: Zeroizing<[u8; 32]>,
}

impl Sealing {
    /// The nonces of the two ciphers in Noise: 4 zero bytes and the number, big-endian for AES and
    /// little-endian for ChaCha (section 12 of the Noise specification).
    fn nonce(&self, number: u64) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&match self.suite {
            Suite::Aes256Gcm => number.to_be_bytes(),
            Suite::ChaCha20Poly1305 => number.to_le_bytes(),
        });
        nonce
    }
}

impl Cipher for Sealing {
    fn name(&self) -> &'static str {
        match self.suite {
            Suite::Aes256Gcm => "AESGCM",
            Suite::ChaCha20Poly1305 => "ChaChaPoly",
        }
    }

    fn set(&mut self, key: &[u8; 32]) {
        self.key.copy_from_slice(key);
    }

    fn encrypt(&self, nonce: u64, aad: &[u8], plain: &[u8], out: &mut [u8]) -> usize {
        let (text, tag) = out.split_at_mut(plain.len());
        text.copy_from_slice(plain);
        let cipher = self.provider.brief_cipher(self.suite, &self.key);
        let sealed = cipher.seal(&self.nonce(nonce), aad, text);
        tag[..TAG_LEN].copy_from_slice(&sealed);
        plain.len() + TAG_LEN
    }

    fn decrypt(
        &self,
        nonce: u64,
        aad: &[u8],
        sealed: &[u8],
        out: &mut [u8],
    ) -> Result<usize, Error> {
        let (text, tag) = sealed.split_last_chunk().ok_or(Error::Decrypt)?;
        let out = out.get_mut(..text.len()).ok_or(Error::Decrypt)?;
        out.copy_from_slice(text);
        let cipher = self.provider.brief_cipher(self.suite, &self.key);
        if !cipher.open(&self.nonce(nonce), aad, out, tag) {
            return Err(Error::Decrypt);
        }
        Ok(text.len())
    }
}
