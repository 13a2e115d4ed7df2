//! What a caller learns of the local network.

use alloc::vec::Vec;
use core::net::SocketAddr;

use super::Peer;
use crate::identity::Hashname;

/// What happened to an identity of ours on the local network. It is not told again before it was
/// taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LanEvent {
    /// Others came, went, or are to be reached elsewhere: [`Switch::neighbours`] has them.
    ///
    /// [`Switch::neighbours`]: super::Switch::neighbours
    Neighbours {
        /// The identity.
        local: Hashname,
    },
}

/// A member of the space of one of our identities that announces itself on the local network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Neighbour {
    /// Who, as its signature says.
    pub peer: Peer,
    /// Where it takes lines, those on the best networks first.
    pub addresses: Vec<SocketAddr>,
    /// How much it has to do already, from 0 to 255.
    pub load: u8,
}
