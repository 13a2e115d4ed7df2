//! Named networks. A space's id binds its name to its policy and its root operators, so that two
//! spaces may bear one name.

use alloc::{string::String, vec::Vec};
use core::fmt;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::PublicKey;

/// A space: its name and who may come in.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Space {
    name: String,
    /// The keys of the root operators in ascending order; none in an open space.
    roots: Vec<PublicKey>,
}

/// Bytes of the longest name.
const NAME_MAX: usize = 63;

impl Space {
    /// Root operators of one closed space; each costs 32 bytes in every record of it.
    pub const ROOTS_MOST: usize = 8;

    /// The open space of this name: whoever knows it may come.
    ///
    /// # Errors
    /// [`SpaceError`] if the name is empty, longer than 63 bytes, or has a character other than
    /// `a` to `z`, `0` to `9`, `-` and `.`.
    pub fn open(name: &str) -> Result<Self, SpaceError> {
        check_name(name)?;
        Ok(Self {
            name: name.into(),
            roots: Vec::new(),
        })
    }

    /// The closed space of this name and these root operators, whose order means nothing: whom one
    /// of them, or an operator that they name, has signed in may come.
    ///
    /// # Errors
    /// [`SpaceError`] as for an open one, and if there is no root operator, more than
    /// [`Self::ROOTS_MOST`], or one twice.
    pub fn closed(name: &str, roots: &[PublicKey]) -> Result<Self, SpaceError> {
        check_name(name)?;
        let mut roots = roots.to_vec();
        roots.sort_unstable();
        let twice = roots.windows(2).any(|pair| pair[0] == pair[1]);
        if roots.is_empty() || roots.len() > Self::ROOTS_MOST || twice {
            return Err(SpaceError::Roots);
        }
        Ok(Self {
            name: name.into(),
            roots,
        })
    }

    /// The root operators in ascending order; none in an open space.
    pub fn roots(&self) -> &[PublicKey] {
        &self.roots
    }

    /// True if only members that were signed in may come.
    pub const fn is_closed(&self) -> bool {
        !self.roots.is_empty()
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256 of name, policy and root operator keys (PROTOCOL, section Spaces).
    pub fn id(&self) -> SpaceId {
        let mut hash = Sha256::new();
        hash.update(b"hydroid/1 space\0");
        hash.update([self.name.len() as u8]);
        hash.update(self.name.as_bytes());
        let policy = if self.is_closed() {
            b"\0closed\0".as_slice()
        } else {
            b"\0open\0"
        };
        hash.update(policy);
        hash.update([self.roots.len() as u8]);
        for root in &self.roots {
            hash.update(root.as_bytes());
        }
        SpaceId(hash.finalize().into())
    }
}

/// The id of a space.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpaceId([u8; 32]);

impl SpaceId {
    /// The id that these bytes are.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for SpaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for SpaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpaceId({self})")
    }
}

/// Why there is no such space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SpaceError {
    /// The text is no name of a space.
    Name,
    /// The root operators are none, too many, or one is there twice.
    Roots,
}

impl fmt::Display for SpaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "the name of a space has 1 to 63 of the characters a-z, 0-9, '-' and '.'",
            Self::Roots => "a closed space has 1 to 8 root operators, none twice",
        })
    }
}

impl core::error::Error for SpaceError {}

fn check_name(name: &str) -> Result<(), SpaceError> {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(legal) {
        return Err(SpaceError::Name);
    }
    Ok(())
}
