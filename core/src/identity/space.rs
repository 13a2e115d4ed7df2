//! Named networks. A space's id binds its name to its policy and its root operators, so that two
//! spaces may bear one name.

use alloc::string::String;
use core::fmt;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

/// A space: its name and who may come in.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Space {
    name: String,
}

/// Bytes of the longest name.
const NAME_MAX: usize = 63;

impl Space {
    /// The open space of this name: whoever knows it may come.
    ///
    /// # Errors
    /// [`SpaceError`] if the name is empty, longer than 63 bytes, or has a character other than
    /// `a` to `z`, `0` to `9`, `-` and `.`.
    pub fn open(name: &str) -> Result<Self, SpaceError> {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
        if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(legal) {
            return Err(SpaceError);
        }
        Ok(Self { name: name.into() })
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
        hash.update(b"\0open\0");
        hash.update([0]);
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

/// A text is no name of a space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SpaceError;

impl fmt::Display for SpaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a space has 1 to 63 of the characters a-z, 0-9, '-' and '.'")
    }
}

impl core::error::Error for SpaceError {}
