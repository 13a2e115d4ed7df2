//! A member's picture of the others: who is there, where, below whom and by what name. It owns the
//! entries, how they travel and how they are repaired. What it holds about others are hints; only a
//! name that its bearer signed is shown as one. It never decides who a neighbour is and opens no line.

mod config;

pub use config::{ADDRESSES_MOST, Config, Fault, Member, NAME_BYTES_MAX, NameError, Stats};

use alloc::{sync::Arc, vec::Vec};
use core::net::SocketAddr;

use crate::{
    base::{Rng, Slot, Time},
    identity::{PublicKey, Signature},
    tree::Node,
    wire::Packet,
};

/// Tells whether a signature over a kind and bytes is its maker's; the space is bound by whoever
/// hands it in.
pub type Verify<'a> = &'a dyn Fn(&PublicKey, &str, &[u8], &Signature) -> bool;

/// Signs a kind and bytes as the owner of the image.
pub type Sign<'a> = &'a dyn Fn(&str, &[u8]) -> Signature;

/// One member's picture of the members of its space.
#[derive(Debug)]
pub struct Image {
    config: Arc<Config>,
    me: Node,
    arity: u8,
    rng: Rng,
    stats: Stats,
}

impl Image {
    /// The picture of a member that knows nobody but itself. An inner member is taken to have
    /// `arity` slots.
    pub fn new(config: Arc<Config>, me: Node, arity: u8, rng: &mut Rng) -> Self {
        let rng = rng.fork("image");
        Self {
            config,
            me,
            arity,
            rng,
            stats: Stats::default(),
        }
    }

    /// Says where I stand. A change raises my version and travels.
    pub fn set_own(
        &mut self,
        _now: Time,
        _parent: Option<PublicKey>,
        _addresses: &[SocketAddr],
        _leaf: bool,
    ) {
    }

    /// Claims a name; the empty one takes the claim back.
    ///
    /// # Errors
    /// [`NameError`] if nobody would show it.
    pub fn set_name(
        &mut self,
        _now: Time,
        _name: &str,
        _sign: Sign<'_>,
    ) -> Result<(), NameError> {
        Ok(())
    }

    /// True if somebody has lied about me, so that my word needs my signature: call
    /// [`Self::swear`]. To be asked after every call that takes a packet or passes a deadline, and
    /// after [`Self::set_own`].
    pub fn owes_oath(&self) -> bool {
        false
    }

    /// Signs what is said about me.
    pub fn swear(&mut self, _now: Time, _sign: Sign<'_>) {}

    /// Tells how many members the whole tree has, as far as is known: beyond the limit the image
    /// becomes a sample, well below it whole again.
    pub fn set_size(&mut self, _now: Time, _members: u32) {}

    /// A line to a tree neighbour is there, or one to the backup.
    pub fn on_linked(&mut self, _now: Time, _link: Slot, _peer: Node, _backup: bool) {}

    /// The line is gone, or its other end is no neighbour any more.
    pub fn on_unlinked(&mut self, _link: Slot) {}

    /// A neighbour is dead or left. It is told to all; whoever is not dead says so.
    pub fn on_gone(&mut self, _now: Time, _node: Node) {}

    /// Takes a packet in.
    ///
    /// # Errors
    /// What the neighbour did that no honest one does; it is counted, and the neighbour should be
    /// dropped.
    pub fn on_packet(
        &mut self,
        _now: Time,
        _link: Slot,
        _packet: &Packet<'_>,
        _verify: Verify<'_>,
    ) -> Result<(), Fault> {
        Ok(())
    }

    /// Appends one whole packet of at most `room` bytes; false if there is none, or none that fits.
    pub fn poll(&mut self, _now: Time, _link: Slot, _room: usize, _out: &mut Vec<u8>) -> bool {
        false
    }

    /// True if something waits to be polled.
    pub fn has_output(&self, _link: Slot) -> bool {
        false
    }

    /// When [`Self::on_deadline`] is due.
    pub fn deadline(&self) -> Option<Time> {
        None
    }

    /// Does what is due.
    pub fn on_deadline(&mut self, _now: Time) {}

    /// Everybody who is there, in the order of the keys, also me.
    pub fn members(&self) -> impl Iterator<Item = Member> + '_ {
        core::iter::empty()
    }

    /// One member.
    pub fn find(&self, _key: &PublicKey) -> Option<Member> {
        None
    }

    /// Where a member may be reached.
    pub fn addresses(&self, _key: &PublicKey) -> Vec<SocketAddr> {
        Vec::new()
    }

    /// Everybody who bears a name.
    pub fn named(&self, _name: &str) -> Vec<PublicKey> {
        Vec::new()
    }

    /// How many there are, with me.
    pub fn len(&self) -> usize {
        1
    }

    /// False: I am there.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// False if the space is too large for a whole picture.
    pub fn is_whole(&self) -> bool {
        true
    }

    /// Any other member, evenly.
    pub fn contact(&self, _dice: u64) -> Option<Node> {
        None
    }

    /// A holder of one of the shallowest open slots above a depth, and never me. One that was named
    /// is not named again for a second.
    pub fn slot(&mut self, _now: Time, _dice: u64, _shallower_than: u16) -> Option<Node> {
        None
    }

    /// Remembers a hint from elsewhere.
    pub fn learn(&mut self, _node: Node, _addresses: &[SocketAddr]) {}

    /// What was counted.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Bytes of memory held.
    pub fn held_bytes(&self) -> u64 {
        0
    }
}
