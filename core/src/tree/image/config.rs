//! Limits, periods, and what was counted.

use alloc::{string::String, vec::Vec};
use core::{fmt, net::SocketAddr};

use serde::{Deserialize, Serialize};

use crate::{base::all_hold, identity::PublicKey, tree::Node};

/// Bytes of the longest name.
pub const NAME_BYTES_MAX: usize = 64;
/// Addresses of a member that are told and kept.
pub const ADDRESSES_MOST: usize = 2;

/// What the owner of a switch decides about its pictures of spaces.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Config {
    /// Members that a whole image holds, at about 80 bytes each; beyond it a sample is kept.
    pub members_max: u32,
    /// Members in a sample, and those from elsewhere that are remembered beside a whole image, at
    /// about 150 bytes each.
    pub sample: u32,
    /// How long a member may hang below somebody who is gone before it is forgotten. Less forgets
    /// orphans that are still looking for a place, more keeps the dead of a branch for longer.
    pub gone_ms: u32,
    /// How long it is remembered that a member is gone, at 80 bytes each: until then a member that
    /// has not heard of it cannot bring it back.
    pub departed_ms: u32,
    /// From one comparison with the backup to the next. Less costs digests, more leaves what was
    /// lost unrepaired for longer.
    pub repair_ms: u32,
    /// What changes about me waits for this long, so that several changes are one. It is part of
    /// the time that the image takes to agree.
    pub own_delay_ms: u32,
    /// I contradict what is told about me at most this often.
    pub refute_ms: u32,
    /// The picture is measured (depths, open slots) at most this often while somebody asks for
    /// slots; once costs a step for each member.
    pub survey_ms: u32,
    /// A slot that was named is not named again for this long.
    pub named_ms: u32,
    /// From one round of gossip among samples to the next.
    pub gossip_ms: u32,
    /// What is told about members is believed of one link at this rate, and twice a whole image at
    /// once besides.
    pub records_per_s: u32,
    /// Bytes that my own name may have, at most 64.
    pub name_bytes_max: u8,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            members_max: 16_384,
            sample: 64,
            gone_ms: 5_000,
            departed_ms: 60_000,
            repair_ms: 30_000,
            own_delay_ms: 100,
            refute_ms: 1_000,
            survey_ms: 250,
            named_ms: 1_000,
            gossip_ms: 5_000,
            records_per_s: 2_000,
            name_bytes_max: NAME_BYTES_MAX as u8,
        }
    }
}

impl Config {
    /// The name of a field that is illegal, if one is.
    ///
    /// # Errors
    /// The field's name.
    pub fn check(&self) -> Result<(), &'static str> {
        all_hold(&[
            ("tree.image.members_max", self.members_max > 0),
            ("tree.image.sample", self.sample > 0),
            ("tree.image.repair_ms", self.repair_ms > 0),
            ("tree.image.gossip_ms", self.gossip_ms > 0),
            ("tree.image.records_per_s", self.records_per_s > 0),
            (
                "tree.image.name_bytes_max",
                usize::from(self.name_bytes_max) <= NAME_BYTES_MAX,
            ),
        ])
    }
}

/// One member as the image has it. All of it but a name is hearsay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Who, and which life.
    pub node: Node,
    /// Its parent; none if it is a root, or if the parent is not known.
    pub parent: Option<PublicKey>,
    /// Where it may be reached, at most two addresses.
    pub addresses: Vec<SocketAddr>,
    /// The name it claims; its signature was checked.
    pub name: Option<String>,
    /// How many times it has spoken in this life.
    pub version: u32,
    /// It takes no children.
    pub leaf: bool,
    /// Steps to the root, if the chain of parents leads to one.
    pub depth: Option<u16>,
}

/// A name that cannot be claimed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NameError {
    /// It has more bytes than the settings allow.
    TooLong {
        /// Bytes that it may have.
        most: u8,
    },
    /// It has a character that shows nothing or turns text round, or begins or ends with white space.
    Hidden,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { most } => write!(f, "a name has at most {most} bytes"),
            Self::Hidden => f.write_str(
                "a name has only characters that show, and begins and ends with no white space",
            ),
        }
    }
}

impl core::error::Error for NameError {}

/// What a neighbour did that no honest one does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fault {
    /// The packet is none of this part, or not of its form.
    Malformed,
    /// A claim or an oath with a false signature.
    Forged,
    /// A name that is too long, no UTF-8, or that hides something.
    Name,
}

impl Fault {
    /// A word for it, which stays the same.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Forged => "forged",
            Self::Name => "name",
        }
    }
}

/// What was counted since the image was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Bytes of the packets that came.
    pub bytes: u64,
    /// Records that changed the image.
    pub taken: u64,
    /// Records that said what was known, or less.
    pub stale: u64,
    /// Records about members that are not known.
    pub unknown: u64,
    /// Records beyond the rate of their link.
    pub flooded: u64,
    /// Members for whom there was no room.
    pub full: u64,
    /// Records about me that are not mine.
    pub lies: u64,
    /// Times that I was said to be gone.
    pub mourned: u64,
    /// Records without an oath about members that have sworn.
    pub unsworn: u64,
    /// Records of members whose key begins like that of another.
    pub twins: u64,
    /// Claims of names that are older than what is known.
    pub replayed: u64,
    /// Packets that were malformed.
    pub malformed: u64,
    /// Claims and oaths with a false signature.
    pub forged: u64,
    /// Illegal names.
    pub names: u64,
    /// Members forgotten because they hung below nobody who is there.
    pub forgotten: u64,
    /// Members that named me as their parent and were not there.
    pub disowned: u64,
    /// Links beyond the most that there can be.
    pub links_refused: u64,
    /// Times that the image was measured, a step for each member.
    pub surveys: u64,
    /// Greetings, digests and lists that were not answered, since their link has had us compare too
    /// much.
    pub overcompared: u64,
    /// Comparisons that found the other end different.
    pub repairs: u64,
}
