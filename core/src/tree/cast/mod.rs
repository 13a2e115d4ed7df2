//! Broadcasts: each message once, in its origin's order, to every member. It owns the signing and
//! checking of messages, the log from which new neighbours are told what they missed, and the limits
//! of both. It never decides who a neighbour is.

mod config;
mod told;

use alloc::{sync::Arc, vec::Vec};

use super::Node;
use crate::{
    base::{Rng, Slot, Time, Wall},
    identity::{PublicKey, Signature},
    wire::Packet,
};

pub use config::Config;
pub use told::{BroadcastError, Fault, ReadError, Stats, Told};

/// The longest message.
pub const MESSAGE_MOST: usize = 1 << 20;
/// Bytes of a message that travel in one packet.
pub const CHUNK: usize = 16 << 10;
/// The longest packet that `poll` writes; with less room it may never go on.
pub const PACKET_MOST: usize = 18_559;
/// The kind of statement that an origin signs.
pub const KIND: &str = "broadcast";

/// Checks a signature over `kind` and bytes in the space; see [`PublicKey::verify`].
pub type Verify<'a> = &'a dyn Fn(&PublicKey, &str, &[u8], &Signature) -> bool;
/// Makes one; see [`crate::identity::SecretKey::sign`].
pub type Sign<'a> = &'a dyn Fn(&str, &[u8]) -> Signature;

/// The broadcasts of one space as one member sees them.
#[derive(Debug)]
pub struct Cast {
    config: Arc<Config>,
    me: Node,
    stats: Stats,
}

impl Cast {
    /// A member without neighbours that has heard nothing.
    pub fn new(config: Arc<Config>, me: Node, rng: &mut Rng) -> Self {
        let _ = rng;
        Self {
            config,
            me,
            stats: Stats::default(),
        }
    }

    /// Tells `bytes` to everybody, and its number, from 1. It is not given to ourselves.
    ///
    /// # Errors
    /// See [`BroadcastError`]; nothing was broadcast.
    pub fn broadcast(
        &mut self,
        now: Time,
        wall: Wall,
        sign: Sign<'_>,
        bytes: &[u8],
    ) -> Result<u64, BroadcastError> {
        let _ = (now, wall, sign, bytes, &self.config, self.me);
        Err(BroadcastError::Blocked)
    }

    /// Reads the next message into `buf`, or tells of the next gap.
    ///
    /// # Errors
    /// See [`ReadError`]; nothing was taken.
    pub fn read(&mut self, buf: &mut [u8]) -> Result<Told, ReadError> {
        let _ = buf;
        Err(ReadError::Blocked)
    }

    /// True once for each time that there is something to read after `read` said that there is not.
    pub fn take_readable(&mut self) -> bool {
        false
    }

    /// True once for each time that `broadcast` may go on after it was blocked.
    pub fn take_writable(&mut self) -> bool {
        false
    }

    /// A link to a neighbour begins: the parent or a child, or the backup.
    pub fn on_linked(&mut self, now: Time, link: Slot, peer: PublicKey, backup: bool) {
        let _ = (now, link, peer, backup);
    }

    /// The link ended, and whatever was under way on it.
    pub fn on_unlinked(&mut self, link: Slot) {
        let _ = link;
    }

    /// A packet came over the link. Ask `is_held` before each: what comes over a link that waits
    /// with a gap is a flood.
    ///
    /// # Errors
    /// [`Fault`] if the neighbour proved false: it is to be dropped and barred. It was counted.
    pub fn on_packet(
        &mut self,
        now: Time,
        link: Slot,
        packet: &Packet<'_>,
        verify: Verify<'_>,
    ) -> Result<(), Fault> {
        let _ = (now, link, packet, verify);
        Ok(())
    }

    /// Writes the next packet for the link, of at most `room` bytes, at the end of `out`. False if
    /// there is none, or none that fits.
    pub fn poll(&mut self, now: Time, link: Slot, room: usize, out: &mut Vec<u8>) -> bool {
        let _ = (now, link, room, out);
        false
    }

    /// True if `poll` has something for the link.
    pub fn has_output(&self, link: Slot) -> bool {
        let _ = link;
        false
    }

    /// True if nothing more is to be read from the link for now; `deadline` tells when that ends.
    pub fn is_held(&self, now: Time, link: Slot) -> bool {
        let _ = (now, link);
        false
    }

    /// When `on_deadline` is due.
    pub fn deadline(&self) -> Option<Time> {
        None
    }

    /// Does what is due. After it some links may be held no more, and others have output.
    pub fn on_deadline(&mut self, now: Time) {
        let _ = now;
    }

    /// True if the parent was shown to lack for long what the backup has: leave and bar it. At most
    /// once in a while, and no more for a backup whose word proved worthless.
    pub fn withheld(&mut self, now: Time) -> bool {
        let _ = now;
        false
    }

    /// What happened so far.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Bytes on the heap, those of the ring included.
    pub fn held_bytes(&self) -> u64 {
        0
    }

    /// Bytes of chunks in the ring.
    pub fn ring_bytes(&self) -> u64 {
        0
    }
}
