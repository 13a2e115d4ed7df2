use core::fmt;

use super::Document;
use crate::{
    base::Wall,
    identity::{PublicKey, SecretKey, Signature, Space, SpaceId},
};

/// What a member may do beyond being one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Roles(u8);

impl Roles {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Takes part in running the space's mesh.
    pub const SPACER: Self = Self(1);
    /// Carries packets of others.
    pub const RELAY: Self = Self(2);
    /// Signs others in. It counts only if the space document, or the space itself, names the key.
    pub const OPERATOR: Self = Self(4);

    /// The roles of these bits; those that this version does not know are kept and mean nothing.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// One bit a role.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// These roles and those.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These roles but not those.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// True if all of `other` are among these.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// An operator's word that a key is a member of a closed space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Membership {
    bytes: [u8; Self::LEN],
    key: PublicKey,
    signer: PublicKey,
}

/// What a membership's signature says that it is.
const KIND: &str = "member";
/// Bytes that are signed.
const SIGNED: usize = 32 + 1 + 8 + 32;

impl Membership {
    /// Bytes of a membership.
    pub const LEN: usize = SIGNED + 64;

    /// Signs `key` in. `until_s` is the wall time in seconds after which the membership ends; 0 is
    /// never.
    pub fn sign(
        operator: &SecretKey,
        space: &SpaceId,
        key: &PublicKey,
        roles: Roles,
        until_s: u64,
    ) -> Self {
        let signer = operator.public();
        let mut bytes = [0; Self::LEN];
        bytes[..32].copy_from_slice(key.as_bytes());
        bytes[32] = roles.bits();
        bytes[33..41].copy_from_slice(&until_s.to_be_bytes());
        bytes[41..SIGNED].copy_from_slice(signer.as_bytes());
        let signature = operator.sign(KIND, space, &bytes[..SIGNED]);
        bytes[SIGNED..].copy_from_slice(&signature.0);
        Self {
            bytes,
            key: *key,
            signer,
        }
    }

    /// Reads a membership; whether it counts, [`Self::check`] tells.
    ///
    /// # Errors
    /// [`Refusal::NoMember`] if it holds no legal keys.
    pub fn parse(bytes: &[u8; Self::LEN]) -> Result<Self, Refusal> {
        let key = |at: usize| {
            let bytes = bytes[at..].first_chunk().expect("a key lies within");
            PublicKey::from_bytes(bytes).map_err(|_illegal| Refusal::NoMember)
        };
        Ok(Self {
            bytes: *bytes,
            key: key(0)?,
            signer: key(41)?,
        })
    }

    /// The bytes, as they are shown in handshakes.
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.bytes
    }

    /// Who is a member.
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Who signed.
    pub const fn signer(&self) -> &PublicKey {
        &self.signer
    }

    /// What the member may do.
    pub const fn roles(&self) -> Roles {
        Roles::from_bits(self.bytes[32])
    }

    /// The wall time in seconds after which it ends; 0 is never.
    pub fn until_s(&self) -> u64 {
        let bytes = self.bytes[33..].first_chunk().expect("8 bytes lie within");
        u64::from_be_bytes(*bytes)
    }

    /// Tells whether this shows that the holder of `key` is a member of `space` now. Without a wall
    /// time nothing has expired; `skew_ms` is how far clocks may be apart. It costs one check of a
    /// signature, after everything that is cheaper.
    ///
    /// # Errors
    /// [`Refusal`]: the first of its reasons that applies.
    pub fn check(
        &self,
        key: &PublicKey,
        space: &Space,
        document: &Document,
        wall: Option<Wall>,
        skew_ms: u64,
    ) -> Result<Roles, Refusal> {
        self.stands(key, space, document, wall, skew_ms)?;
        let (signed, signature) = self.bytes.split_at(SIGNED);
        let signature = Signature(*signature.first_chunk().expect("64 bytes are left"));
        if !self.signer.verify(KIND, &space.id(), signed, &signature) {
            return Err(Refusal::NoMember);
        }
        Ok(self.roles())
    }

    /// The same again for one that was checked before: everything but the signature.
    ///
    /// # Errors
    /// [`Refusal`]: the first of its reasons that applies.
    pub fn stands(
        &self,
        key: &PublicKey,
        space: &Space,
        document: &Document,
        wall: Option<Wall>,
        skew_ms: u64,
    ) -> Result<(), Refusal> {
        if self.key != *key {
            return Err(Refusal::NoMember);
        }
        if document.is_revoked(key) {
            return Err(Refusal::Revoked);
        }
        if !document.is_operator(space, &self.signer) {
            return Err(Refusal::Signer);
        }
        if self.has_expired(wall, skew_ms) {
            return Err(Refusal::Expired);
        }
        Ok(())
    }

    /// True if its time is over.
    pub fn has_expired(&self, wall: Option<Wall>, skew_ms: u64) -> bool {
        let last_ms = self.last_ms(skew_ms);
        last_ms.is_some_and(|last_ms| wall.is_some_and(|wall| wall.as_ms() > last_ms))
    }

    /// The last millisecond, by the wall, in which it counts; `None` if it never ends.
    pub fn last_ms(&self, skew_ms: u64) -> Option<u64> {
        let until_s = self.until_s();
        (until_s != 0).then(|| until_s.saturating_mul(1000).saturating_add(skew_ms))
    }
}

/// Why a key is not let into a closed space.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Refusal {
    /// No membership was shown, or one for another key or another space, or a forged one.
    NoMember,
    /// Its time is over.
    Expired,
    /// The space document revokes the key.
    Revoked,
    /// Who signed it is no operator of the space.
    Signer,
}

impl Refusal {
    /// The name in the head of an answer.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoMember => "nomember",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Signer => "signer",
        }
    }

    /// The code by which a line is closed whose peer is no member any more.
    pub const fn close_code(self) -> u64 {
        match self {
            Self::Revoked => 0x120,
            Self::Expired => 0x121,
            Self::Signer => 0x122,
            Self::NoMember => 0x123,
        }
    }

    /// The reason with this code.
    pub fn of_close_code(code: u64) -> Option<Self> {
        [Self::Revoked, Self::Expired, Self::Signer, Self::NoMember]
            .into_iter()
            .find(|refusal| refusal.close_code() == code)
    }

    /// The reason with this name; one that is not known counts as `NoMember`.
    pub fn of_code(code: &str) -> Self {
        [Self::Expired, Self::Revoked, Self::Signer]
            .into_iter()
            .find(|refusal| refusal.code() == code)
            .unwrap_or(Self::NoMember)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoMember => "the key is no member of the space",
            Self::Expired => "the membership has expired",
            Self::Revoked => "the membership was revoked",
            Self::Signer => "who signed the membership is no operator of the space",
        })
    }
}

impl core::error::Error for Refusal {}
