//! The cheap refusal: a MAC over the hash of a handshake datagram, checked before any curve
//! arithmetic (PROTOCOL, section MAC). Whoever knows the receiver's key and space can make one; in a
//! closed space it takes the gate as well.

use core::fmt;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::identity::{PublicKey, SpaceId};

/// Bytes of the MAC, the last ones of a handshake datagram.
pub(super) const MAC_LEN: usize = 16;

/// The gate of an open space.
pub(super) const NO_GATE: [u8; 32] = [0; 32];

/// The hash of a datagram without its MAC.
pub(super) type Digest = [u8; 32];

/// Hashes a datagram without its MAC.
pub(super) fn digest(without_mac: &[u8]) -> Digest {
    Sha256::digest(without_mac).into()
}

/// What the MACs of handshake datagrams to one hashname are keyed with.
pub(super) struct MacKey(Zeroizing<[u8; 32]>);

impl MacKey {
    pub(super) fn new(gate: &[u8; 32], receiver: &PublicKey, space: &SpaceId) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"hydroid/1 open mac");
        hash.update(gate);
        hash.update(receiver.as_bytes());
        hash.update(space.as_bytes());
        Self(Zeroizing::new(hash.finalize().into()))
    }

    pub(super) fn mac(&self, digest: &Digest) -> [u8; MAC_LEN] {
        let mut hash = Sha256::new();
        hash.update(self.0.as_slice());
        hash.update(digest);
        let whole: [u8; 32] = hash.finalize().into();
        *whole.first_chunk().expect("16 bytes are fewer than 32")
    }

    pub(super) fn fits(&self, digest: &Digest, mac: &[u8; MAC_LEN]) -> bool {
        self.mac(digest).ct_eq(mac).into()
    }

    /// Writes the MAC into the last bytes of a datagram and gives the hash of the others.
    pub(super) fn write(&self, datagram: &mut [u8]) -> Digest {
        let (rest, mac) = datagram
            .split_last_chunk_mut::<MAC_LEN>()
            .expect("a handshake datagram has room for its MAC");
        let digest = digest(rest);
        *mac = self.mac(&digest);
        digest
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(..)")
    }
}
