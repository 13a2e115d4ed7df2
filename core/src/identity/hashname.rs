//! The short name of a member.

use core::{fmt, str::FromStr};

use data_encoding::HEXLOWER;
use sha1::{Digest as _, Sha1};

use super::{PublicKey, SpaceId};

/// SHA-1 of the public key and the space's id: 160 bits, 40 hex digits. It is a name and a place
/// in the mesh; who somebody is, is always decided on the 32-byte key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hashname([u8; 20]);

impl Hashname {
    /// The name of the member of `space` who holds `key`.
    pub fn of(key: &PublicKey, space: &SpaceId) -> Self {
        let mut hash = Sha1::new();
        hash.update(key.as_bytes());
        hash.update(space.as_bytes());
        Self(hash.finalize().into())
    }

    /// The hashname that these bytes are.
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The 20 bytes.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl fmt::Display for Hashname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Hashname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hashname({self})")
    }
}

impl FromStr for Hashname {
    type Err = HashnameError;

    fn from_str(text: &str) -> Result<Self, HashnameError> {
        let bytes = HEXLOWER
            .decode(text.as_bytes())
            .map_err(|_illegal| HashnameError)?;
        Ok(Self(bytes.try_into().map_err(|_length| HashnameError)?))
    }
}

/// A text is no hashname.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HashnameError;

impl fmt::Display for HashnameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a hashname has 40 hex digits in lower case")
    }
}

impl core::error::Error for HashnameError {}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;
    use crate::identity::{SecretKey, Space};

    #[test]
    fn hashname_differs_by_space_and_round_trips_as_text() {
        let key = SecretKey::from_bytes(&[9; 32]).public();
        let one = Hashname::of(&key, &Space::open("one").unwrap().id());
        let two = Hashname::of(&key, &Space::open("two").unwrap().id());
        assert_ne!(one, two);
        assert_eq!(one.to_string().parse(), Ok(one));
        assert_eq!(one.to_string().len(), 40);
        assert_eq!("A9".parse::<Hashname>(), Err(HashnameError));
    }
}
