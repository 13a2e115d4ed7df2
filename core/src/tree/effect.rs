//! What a tree asks of the switch.

use alloc::vec::Vec;
use core::net::SocketAddr;

use crate::{base::Slot, identity::PublicKey};

/// What a tree wants done. A `link` is a line that is up, by the number that it was told with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// A line to this member is wanted: `on_up` or `on_down` is the answer. It is held until
    /// `Release`.
    Dial {
        /// Who.
        peer: PublicKey,
        /// Where it may be, the likeliest first.
        addresses: Vec<SocketAddr>,
    },
    /// The line to this member is not wanted any more, nor what was on its way to it.
    Release {
        /// Who.
        peer: PublicKey,
    },
    /// The stream about places is to be there, whether or not there is anything to say, so that the
    /// peer learns who asks.
    Greet {
        /// The line.
        link: Slot,
    },
    /// A packet about places, in order behind those before.
    Say {
        /// The line.
        link: Slot,
        /// The packet.
        packet: Vec<u8>,
    },
    /// A link begins, as the peer's child or as its backup: broadcasts and images flow from now on,
    /// on a stream of ours.
    Open {
        /// The line.
        link: Slot,
        /// The peer is our backup, not our parent.
        backup: bool,
    },
    /// A link is to begin, as the peer's parent or as its backup, with a stream that the peer opens:
    /// `on_begun` tells each time that there is a new one.
    Accept {
        /// The line.
        link: Slot,
        /// The peer is our backup, not our child.
        backup: bool,
    },
    /// The link is over.
    Close {
        /// The line.
        link: Slot,
    },
    /// The peer is to give a sign of life.
    Ping {
        /// The line.
        link: Slot,
    },
    /// The member has to begin a new life: call `begin_life` with a later epoch.
    NewLife,
    /// The caller is to be told.
    Told(News),
}

/// What the caller learns of a tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum News {
    /// The member stands elsewhere than before, or the tree has another size.
    Placed,
    /// There is a broadcast to read. Told once until the read that finds none.
    Readable,
    /// There is room for a broadcast again. Told once after one found none.
    Writable,
    /// Somebody came, went, or changed what it says of itself.
    Members,
}
