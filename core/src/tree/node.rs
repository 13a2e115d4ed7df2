//! Who stands in a tree.

use core::{fmt::Debug, hash::Hash};

use crate::identity::PublicKey;

/// Whatever tells members apart. In a switch it is a [`Node`]; a model of the protocol may use
/// numbers, and is then the very same code.
pub trait Id: Copy + Ord + Hash + Debug {
    /// True if this is a later life of the same member: whatever holds of `other` is over.
    fn replaces(&self, other: &Self) -> bool;
}

/// One life of a member. One that starts again is another node with a later epoch, so that nothing
/// that was said about its last life holds for this one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Node {
    /// The member's key.
    pub key: PublicKey,
    /// When this life began: wall time in milliseconds, and always more than that of the life
    /// before.
    pub epoch: u64,
}

impl Id for Node {
    fn replaces(&self, other: &Self) -> bool {
        self.key == other.key && self.epoch > other.epoch
    }
}
