//! What a switch tells a local network of one of its identities (PROTOCOL, section Announcements).

use alloc::vec::Vec;
use core::fmt;

use sha2::{Digest as _, Sha256};

use crate::{
    base::Wall,
    identity::{Keys, PublicKey, SecretKey, Signature, SpaceId},
    wire::{Head, Packet},
};

/// The kind of statement that an announcement is.
const KIND: &str = "announcement";
/// The head of the packet.
const HEAD: [u8; 1] = [1];
/// Bytes of the body before the signature.
const SIGNED: usize = 8 + 1 + 1 + 8 + 4 + 2 + 32;
/// Bytes of a signature.
const SIGNATURE: usize = 64;
/// Bytes of the body.
const BODY: usize = SIGNED + SIGNATURE;
/// The capabilities that are known; others are for later versions.
const KNOWN: u8 = 0b111;

/// By what the members of a space know their announcements; others learn nothing of the space.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Tag([u8; 8]);

impl Tag {
    /// The tag of a space by its secret: the gate of a closed space, the id of an open one.
    pub fn of(secret: &[u8; 32]) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"hydroid/1 announcement\0");
        hash.update(secret);
        let digest: [u8; 32] = hash.finalize().into();
        let [a, b, c, d, e, f, g, h, ..] = digest;
        Self([a, b, c, d, e, f, g, h])
    }
}

/// What an announcement says beside who and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Capabilities {
    /// It goes, and is not to be dialled any more.
    pub leaves: bool,
    /// It has just begun to listen, and wants to hear who else is there.
    pub asks: bool,
    /// It takes nobody below itself in the tree.
    pub leaf: bool,
}

impl Capabilities {
    fn byte(self) -> u8 {
        u8::from(self.leaves) | u8::from(self.asks) << 1 | u8::from(self.leaf) << 2
    }

    const fn of(byte: u8) -> Self {
        Self {
            leaves: byte & 1 != 0,
            asks: byte & 2 != 0,
            leaf: byte & 4 != 0,
        }
    }
}

/// What is announced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Announcement {
    /// Who.
    pub key: PublicKey,
    /// Which start of the switch: two of one key in one space are two switches, or two starts.
    pub instance: u32,
    /// When, by the announcer's clock; it rises from one announcement of an instance to the next.
    pub wall: Wall,
    /// Where it takes lines: the port, at the address that the announcement comes from.
    pub port: u16,
    /// How much it has to do already, from 0 to 255: newcomers dial those with little first.
    pub load: u8,
    /// The rest.
    pub capabilities: Capabilities,
}

/// An announcement of a known form, of a space that is to be found by its tag.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    tag: Tag,
    signed: &'a [u8; SIGNED],
    signature: Signature,
}

/// Why an announcement is not heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnheardError {
    /// It is none, or of another length than this version's.
    Form,
    /// The key is none.
    Key,
    /// The key did not sign it in this space.
    Forged,
}

impl fmt::Display for UnheardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "the packet is no announcement",
            Self::Key => "the announcement has no legal key",
            Self::Forged => "the announcement is not signed by its key for this space",
        })
    }
}

impl core::error::Error for UnheardError {}

impl Announcement {
    /// The whole packet.
    pub fn write(&self, tag: Tag, space: &SpaceId, secret: &SecretKey) -> Vec<u8> {
        let mut body = Vec::with_capacity(BODY);
        body.extend_from_slice(&tag.0);
        body.push(self.capabilities.byte());
        body.push(self.load);
        body.extend_from_slice(&self.wall.as_ms().to_be_bytes());
        body.extend_from_slice(&self.instance.to_be_bytes());
        body.extend_from_slice(&self.port.to_be_bytes());
        body.extend_from_slice(self.key.as_bytes());
        let signature = secret.sign(KIND, space, &body);
        body.extend_from_slice(&signature.0);
        let packet = Packet {
            head: Head::Binary(&HEAD),
            body: &body,
        };
        let mut bytes = Vec::new();
        packet
            .encode(&mut bytes)
            .expect("an announcement is a short packet");
        bytes
    }
}

impl<'a> Heard<'a> {
    /// Looks at a datagram, which costs no more than to read it.
    ///
    /// # Errors
    /// [`UnheardError::Form`].
    pub fn parse(packet: &Packet<'a>) -> Result<Self, UnheardError> {
        let Head::Binary(head) = packet.head else {
            return Err(UnheardError::Form);
        };
        let (signed, rest) = packet
            .body
            .split_first_chunk::<SIGNED>()
            .filter(|_| *head == HEAD)
            .ok_or(UnheardError::Form)?;
        let signature: [u8; SIGNATURE] = rest.try_into().map_err(|_len| UnheardError::Form)?;
        let [a, b, c, d, e, f, g, h, ..] = *signed;
        Ok(Self {
            tag: Tag([a, b, c, d, e, f, g, h]),
            signed,
            signature: Signature(signature),
        })
    }

    /// Whose space it is for, if it is one of ours.
    pub const fn tag(&self) -> Tag {
        self.tag
    }

    /// The announcement, once its signature was checked for the space with its tag: to be asked only
    /// where the load allows it.
    ///
    /// # Errors
    /// [`UnheardError::Key`] or [`UnheardError::Forged`].
    pub fn check(&self, space: &SpaceId, keys: Keys) -> Result<Announcement, UnheardError> {
        let (head, key) = self
            .signed
            .split_last_chunk::<32>()
            .expect("the key is the end of what is signed");
        let key = keys(key).map_err(|_illegal| UnheardError::Key)?;
        if !key.verify(KIND, space, self.signed, &self.signature) {
            return Err(UnheardError::Forged);
        }
        let &[
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            flags,
            load,
            w0,
            w1,
            w2,
            w3,
            w4,
            w5,
            w6,
            w7,
            i0,
            i1,
            i2,
            i3,
            p0,
            p1,
        ] = head
        else {
            unreachable!("the length is that of the fields");
        };
        Ok(Announcement {
            key,
            instance: u32::from_be_bytes([i0, i1, i2, i3]),
            wall: Wall::from_ms(u64::from_be_bytes([w0, w1, w2, w3, w4, w5, w6, w7])),
            port: u16::from_be_bytes([p0, p1]),
            load,
            capabilities: Capabilities::of(flags & KNOWN),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: SpaceId = SpaceId::from_bytes([7; 32]);

    fn secret() -> SecretKey {
        SecretKey::from_bytes(&[3; 32])
    }

    fn announcement() -> Announcement {
        Announcement {
            key: secret().public(),
            instance: 0x0102_0304,
            wall: Wall::from_ms(1_700_000_000_123),
            port: 49_152,
            load: 9,
            capabilities: Capabilities {
                asks: true,
                ..Capabilities::default()
            },
        }
    }

    fn hear(bytes: &[u8], space: &SpaceId) -> Result<(Tag, Announcement), UnheardError> {
        let packet = Packet::decode(bytes).map_err(|_short| UnheardError::Form)?;
        let heard = Heard::parse(&packet)?;
        Ok((heard.tag(), heard.check(space, PublicKey::from_bytes)?))
    }

    #[test]
    fn lan_announcement_says_who_is_where_in_few_bytes() {
        let tag = Tag::of(SPACE.as_bytes());
        let bytes = announcement().write(tag, &SPACE, &secret());
        assert_eq!(bytes.len(), 123);
        assert_eq!(hear(&bytes, &SPACE), Ok((tag, announcement())));
        // Nothing of it is the space's id.
        assert!(
            bytes
                .windows(4)
                .all(|window| window != &SPACE.as_bytes()[..4])
        );
        assert_ne!(Tag::of(&[8; 32]), tag);
    }

    #[test]
    fn lan_announcement_that_was_changed_or_cut_is_not_heard() {
        let tag = Tag::of(SPACE.as_bytes());
        let bytes = announcement().write(tag, &SPACE, &secret());
        for at in 0..bytes.len() {
            assert_eq!(
                hear(&bytes[..at], &SPACE),
                Err(UnheardError::Form),
                "cut at {at}"
            );
            let mut changed = bytes.clone();
            changed[at] ^= 0x10;
            assert!(hear(&changed, &SPACE).is_err(), "changed at {at}");
        }
        let long = [&bytes[..], &[0]].concat();
        assert_eq!(hear(&long, &SPACE), Err(UnheardError::Form));
        let other = SpaceId::from_bytes([8; 32]);
        assert_eq!(hear(&bytes, &other), Err(UnheardError::Forged));
    }
}
