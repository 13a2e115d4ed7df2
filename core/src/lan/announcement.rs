//! What a switch tells a local network of one of its identities (PROTOCOL, section Announcements).

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr};

use sha2::{Digest as _, Sha256};

use super::Unheard;
use crate::{
    base::Wall,
    identity::{PublicKey, SecretKey, Signature, SpaceId},
    wire::{Head, Packet},
};

/// The kind of statement that an announcement is.
const KIND: &str = "announcement";
/// The head of the packet.
const HEAD: [u8; 1] = [1];
/// Bytes of the tag.
const TAG: usize = 8;
/// Bytes of what is signed.
const SIGNED: usize = 1 + 1 + 2 + 2 + 4 + 4 + 4 + 8 + 16 + 32;
/// Bytes of a signature.
const SIGNATURE: usize = 64;
/// Bytes of the whole packet.
pub(super) const LEN: usize = 2 + HEAD.len() + TAG + SIGNED + SIGNATURE;

/// What an announcement says beside who and where. Bits that are not known are for later versions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Capabilities {
    /// It goes, and is not to be dialled any more.
    pub leaves: bool,
    /// It has heard nobody yet, and wants to.
    pub asks: bool,
    /// It takes nobody below itself in the tree.
    pub leaf: bool,
    /// It takes part in the tree of its space.
    pub tree: bool,
    /// It does not believe whom it echoes, and wants an echo itself.
    pub doubts: bool,
}

/// By which hash a space knows its announcements: the gate of a closed space, the id of an open
/// one.
pub type TagKey = [u8; 32];

/// How signatures are checked: the space, the key, the kind, the bytes, the signature.
pub type Verify<'a> = &'a dyn Fn(&SpaceId, &PublicKey, &str, &[u8], &Signature) -> bool;

/// What is announced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Announcement {
    /// Who.
    pub key: PublicKey,
    /// Which start of the switch, the same for all its identities.
    pub instance: u32,
    /// Another number, which changes every minute, for the echo of others.
    pub nonce: u32,
    /// The nonce of somebody who was heard and is not believed, or does not believe us: it learns
    /// from that that this is no old announcement. 0 for nobody.
    pub echo: u32,
    /// When, by the announcer's clock; it rises from one announcement to the next.
    pub wall: Wall,
    /// The address that it is sent from.
    pub from: IpAddr,
    /// Where it takes lines: the port, at that address.
    pub port: u16,
    /// The announcer pauses no longer than so many seconds.
    pub pause_s: u16,
    /// How much it has to do already, from 0 to 255.
    pub load: u8,
    /// The rest.
    pub capabilities: Capabilities,
}

/// An announcement of a known form, as it came. Nothing of it is proven.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    tag: [u8; TAG],
    signed: &'a [u8; SIGNED],
    signature: Signature,
}

impl Capabilities {
    fn byte(self) -> u8 {
        let flags = [self.leaves, self.asks, self.leaf, self.tree, self.doubts];
        let bits = flags
            .iter()
            .zip(0..)
            .map(|(flag, at)| u8::from(*flag) << at);
        bits.sum()
    }

    const fn of(byte: u8) -> Self {
        Self {
            leaves: byte & 1 != 0,
            asks: byte & 2 != 0,
            leaf: byte & 4 != 0,
            tree: byte & 8 != 0,
            doubts: byte & 16 != 0,
        }
    }
}

/// What only somebody who knows the key of the space can write, and another one each time.
pub(super) fn tag(key: &TagKey, signed: &[u8; SIGNED]) -> [u8; TAG] {
    let mut hash = Sha256::new();
    hash.update(b"hydroid/1 announcement\0");
    hash.update(key);
    hash.update(signed);
    let digest: [u8; 32] = hash.finalize().into();
    let (tag, _) = digest.split_first_chunk().expect("8 of 32 bytes");
    *tag
}

impl Announcement {
    /// The whole packet.
    pub fn write(&self, tag_key: &TagKey, space: &SpaceId, secret: &SecretKey) -> Vec<u8> {
        let mut signed = Vec::with_capacity(SIGNED);
        signed.extend([self.capabilities.byte(), self.load]);
        signed.extend(self.port.to_be_bytes());
        signed.extend(self.pause_s.to_be_bytes());
        signed.extend(self.instance.to_be_bytes());
        signed.extend(self.nonce.to_be_bytes());
        signed.extend(self.echo.to_be_bytes());
        signed.extend(self.wall.as_ms().to_be_bytes());
        signed.extend(octets(self.from));
        signed.extend(self.key.as_bytes());
        let signed: &[u8; SIGNED] = signed[..].try_into().expect("each field has its length");
        let signature = secret.sign(KIND, space, signed);
        let body = [&tag(tag_key, signed)[..], signed, &signature.0].concat();
        let packet = Packet {
            head: Head::Binary(&HEAD),
            body: &body,
        };
        let mut bytes = Vec::with_capacity(LEN);
        packet
            .encode(&mut bytes)
            .expect("an announcement is a short packet");
        bytes
    }
}

/// An address as 16 bytes: one of IPv4 as the IPv6 address that stands for it (RFC 4291, 2.5.5.2).
fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// True if a packet with this head is meant to be an announcement.
pub fn is_announcement(head: &[u8]) -> bool {
    head == HEAD
}

impl<'a> Heard<'a> {
    /// Looks at the body of a packet that [`is_announcement`].
    ///
    /// # Errors
    /// [`Unheard::Form`].
    pub fn parse(body: &'a [u8]) -> Result<Self, Unheard> {
        let (tag, rest) = body.split_first_chunk().ok_or(Unheard::Form)?;
        let (signed, rest) = rest.split_first_chunk().ok_or(Unheard::Form)?;
        let signature: [u8; SIGNATURE] = rest.try_into().map_err(|_length| Unheard::Form)?;
        Ok(Self {
            tag: *tag,
            signed,
            signature: Signature(signature),
        })
    }

    /// True if somebody wrote it who knows this.
    pub fn is_of(&self, tag_key: &TagKey) -> bool {
        tag(tag_key, self.signed) == self.tag
    }

    fn field<const AT: usize, const N: usize>(&self) -> [u8; N] {
        let field = self.signed.get(AT..).and_then(|rest| rest.first_chunk());
        *field.expect("the field is one of the signed ones")
    }

    /// The bytes of its key.
    pub fn key(&self) -> [u8; 32] {
        self.field::<42, 32>()
    }

    /// The instance that it claims.
    pub fn instance(&self) -> u32 {
        u32::from_be_bytes(self.field::<6, 4>())
    }

    /// When it was made, as it claims.
    pub fn wall(&self) -> Wall {
        Wall::from_ms(u64::from_be_bytes(self.field::<18, 8>()))
    }

    /// What it says, once its signature was checked.
    ///
    /// # Errors
    /// [`Unheard::Forged`].
    pub fn check(
        &self,
        space: &SpaceId,
        key: PublicKey,
        verify: Verify<'_>,
    ) -> Result<Announcement, Unheard> {
        if !verify(space, &key, KIND, self.signed, &self.signature) {
            return Err(Unheard::Forged);
        }
        Ok(self.unproven(key))
    }

    /// What it says if it is of this key, which nothing proves.
    pub(super) fn unproven(&self, key: PublicKey) -> Announcement {
        let [flags, load] = self.field::<0, 2>();
        Announcement {
            key,
            instance: self.instance(),
            nonce: u32::from_be_bytes(self.field::<10, 4>()),
            echo: u32::from_be_bytes(self.field::<14, 4>()),
            wall: self.wall(),
            from: Ipv6Addr::from(self.field::<26, 16>()).to_canonical(),
            port: u16::from_be_bytes(self.field::<2, 2>()),
            pause_s: u16::from_be_bytes(self.field::<4, 2>()),
            load,
            capabilities: Capabilities::of(flags),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: SpaceId = SpaceId::from_bytes([7; 32]);
    const TAG_KEY: TagKey = [9; 32];

    fn secret() -> SecretKey {
        SecretKey::from_bytes(&[3; 32])
    }

    fn announcement() -> Announcement {
        Announcement {
            key: secret().public(),
            instance: 0x0102_0304,
            nonce: 0x090a_0b0c,
            echo: 0x0506_0708,
            wall: Wall::from_ms(1_700_000_000_123),
            from: [192, 0, 2, 7].into(),
            port: 49_200,
            pause_s: 7,
            load: 9,
            capabilities: Capabilities {
                asks: true,
                ..Capabilities::default()
            },
        }
    }

    fn hear(bytes: &[u8], space: &SpaceId) -> Result<Announcement, Unheard> {
        let packet = Packet::decode(bytes).map_err(|_short| Unheard::Form)?;
        let Head::Binary(head) = packet.head else {
            return Err(Unheard::Form);
        };
        if !is_announcement(head) {
            return Err(Unheard::Form);
        }
        let heard = Heard::parse(packet.body)?;
        if !heard.is_of(&TAG_KEY) {
            return Err(Unheard::Strange);
        }
        let key = PublicKey::from_bytes(&heard.key()).map_err(|_illegal| Unheard::Forged)?;
        heard.check(space, key, &|space, key, kind, bytes, signature| {
            key.verify(kind, space, bytes, signature)
        })
    }

    #[test]
    fn lan_announcement_says_who_is_where_in_few_bytes() {
        let bytes = announcement().write(&TAG_KEY, &SPACE, &secret());
        assert_eq!(bytes.len(), LEN);
        const { assert!(LEN <= 220) };
        assert_eq!(hear(&bytes, &SPACE), Ok(announcement()));
        // The next one bears another tag: nobody outside can tell that it is of the same space.
        let mut next = announcement();
        next.wall = Wall::from_ms(1_700_000_000_124);
        let next = next.write(&TAG_KEY, &SPACE, &secret());
        assert_ne!(next[3..11], bytes[3..11]);
        let flags = (0..32).map(|byte| Capabilities::of(byte).byte());
        assert!(flags.eq(0..32));
        assert_eq!(Capabilities::of(0xe0), Capabilities::default());
    }

    #[test]
    fn lan_announcement_that_was_changed_or_cut_is_not_heard() {
        let bytes = announcement().write(&TAG_KEY, &SPACE, &secret());
        for at in 0..bytes.len() {
            assert_eq!(
                hear(&bytes[..at], &SPACE),
                Err(Unheard::Form),
                "cut at {at}"
            );
            let mut changed = bytes.clone();
            changed[at] ^= 0x10;
            assert!(hear(&changed, &SPACE).is_err(), "changed at {at}");
        }
        let long = [&bytes[..], &[0]].concat();
        assert_eq!(hear(&long, &SPACE), Err(Unheard::Form));
        let other = SpaceId::from_bytes([8; 32]);
        assert_eq!(hear(&bytes, &other), Err(Unheard::Forged));
    }
}
