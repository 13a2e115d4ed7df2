//! The keys of one handshake, and sealed packets under them (PROTOCOL, section Sealed packets).

use core::fmt;

use super::{
    Provider,
    noise::Keys,
    suite::{Key, Suite},
};
use crate::base::Time;
use crate::wire::{SEALED_OVERHEAD, SEALED_PREFIX, Sealed, TAG_LEN};

/// What a handshake leaves behind: an id and a key for each direction.
pub(super) struct Session {
    /// The id that we receive on.
    pub(super) ours: u32,
    /// The id that the peer receives on.
    pub(super) theirs: u32,
    /// True if we sent the open.
    pub(super) by_us: bool,
    /// True once a packet of the peer's was opened: it seals in this session.
    pub(super) heard: bool,
    suite: Suite,
    pub(super) sealing: Key,
    pub(super) opening: Key,
    /// Packets sealed and opened.
    pub(super) sealed: u64,
    pub(super) opened: u64,
    /// When the handshake was complete.
    pub(super) since: Time,
    /// The handshake's hash, which the next one is chained to.
    pub(super) hash: [u8; 32],
}

impl Session {
    /// The session of our end, from the keys as the handshake gives them.
    pub(super) fn new(suite: Suite, by_us: bool, (ours, theirs): (u32, u32), keys: Keys) -> Self {
        let (sealing, opening) = if by_us {
            (keys.to_responder, keys.to_initiator)
        } else {
            (keys.to_initiator, keys.to_responder)
        };
        Self {
            ours,
            theirs,
            by_us,
            heard: false,
            suite,
            sealing: Key::new(sealing),
            opening: Key::new(opening),
            sealed: 0,
            opened: 0,
            since: Time::ZERO,
            hash: [0; 32],
        }
    }

    /// The session of a handshake that was complete at `since` and has this hash.
    pub(super) fn begun(self, since: Time, hash: [u8; 32]) -> Self {
        Self {
            since,
            hash,
            ..self
        }
    }

    /// Seals the plain text at `buf[SEALED_PREFIX..][..plain_len]` where it lies and tells the
    /// length of the packet; `None` if `buf` has no room for it.
    pub(super) fn seal(
        &mut self,
        provider: &dyn Provider,
        counter: u64,
        buf: &mut [u8],
        plain_len: usize,
    ) -> Option<usize> {
        let total = plain_len.checked_add(SEALED_OVERHEAD)?;
        let packet = buf.get_mut(..total)?;
        let (rest, tag) = packet.split_last_chunk_mut::<TAG_LEN>()?;
        let sealed = Sealed {
            line: self.theirs,
            counter,
        };
        sealed.write(rest);
        let (clear, text) = rest.split_at_mut(SEALED_PREFIX);
        let cipher = self.sealing.cipher(self.suite, provider);
        self.sealed += 1;
        *tag = cipher.seal(&nonce(counter), &clear[2..], text);
        Some(total)
    }

    /// Opens a sealed packet where it lies; the plain text is then in [`plain`] of it. In one that
    /// does not fit, there are zeros instead.
    pub(super) fn open(
        &mut self,
        provider: &dyn Provider,
        counter: u64,
        packet: &mut [u8],
    ) -> bool {
        let Some((rest, tag)) = packet.split_last_chunk_mut::<TAG_LEN>() else {
            return false;
        };
        let Some((clear, text)) = rest.split_at_mut_checked(SEALED_PREFIX) else {
            return false;
        };
        let cipher = self.opening.cipher(self.suite, provider);
        let fits = cipher.open(&nonce(counter), &clear[2..], text, tag);
        self.heard |= fits;
        self.opened += u64::from(fits);
        fits
    }

    pub(super) fn rest(&mut self) {
        self.sealing.rest();
        self.opening.rest();
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({:08x} {:08x})", self.ours, self.theirs)
    }
}

/// Where the plain text of an opened packet lies.
pub(super) fn plain(packet: &[u8]) -> &[u8] {
    &packet[SEALED_PREFIX..packet.len() - TAG_LEN]
}

fn nonce(counter: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter.to_be_bytes());
    nonce
}
