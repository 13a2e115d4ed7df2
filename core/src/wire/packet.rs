//! The packet rule: `length: u16 big-endian | head: length bytes | body`.

use alloc::vec::Vec;
use core::fmt;

/// A packet, still in the bytes it came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packet<'a> {
    /// What the packet says about itself.
    pub head: Head<'a>,
    /// What it carries.
    pub body: &'a [u8],
}

/// The head of a packet; its length alone tells which kind it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Head<'a> {
    /// 0 bytes.
    None,
    /// 1 to 6 bytes.
    Binary(&'a [u8]),
    /// 7 bytes and more: one JSON object in UTF-8, not yet parsed.
    Json(&'a [u8]),
}

impl<'a> Head<'a> {
    /// The head that these bytes are.
    pub const fn of(bytes: &'a [u8]) -> Self {
        match bytes.len() {
            0 => Self::None,
            1..=6 => Self::Binary(bytes),
            _ => Self::Json(bytes),
        }
    }

    /// The bytes of the head.
    pub const fn bytes(&self) -> &'a [u8] {
        match *self {
            Self::None => &[],
            Self::Binary(bytes) | Self::Json(bytes) => bytes,
        }
    }
}

impl<'a> Packet<'a> {
    /// Takes bytes apart.
    ///
    /// # Errors
    /// [`PacketError::Truncated`] if there are fewer bytes than the length says.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, PacketError> {
        let (length, rest) = bytes.split_first_chunk().ok_or(PacketError::Truncated)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (head, body) = rest
            .split_at_checked(length)
            .ok_or(PacketError::Truncated)?;
        Ok(Self {
            head: Head::of(head),
            body,
        })
    }

    /// Writes the packet at the end of `out`.
    ///
    /// # Errors
    /// [`PacketError::HeadTooLong`] if the head has more than 65,535 bytes; `out` is as before.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), PacketError> {
        let head = self.head.bytes();
        let length = u16::try_from(head.len())
            .ok()
            .ok_or(PacketError::HeadTooLong)?;
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(head);
        out.extend_from_slice(self.body);
        Ok(())
    }
}

/// Why bytes are no packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PacketError {
    /// There are fewer bytes than the length in front says.
    Truncated,
    /// A head has at most 65,535 bytes.
    HeadTooLong,
}

impl fmt::Display for PacketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the packet is shorter than its length says",
            Self::HeadTooLong => "the head of a packet has at most 65,535 bytes",
        })
    }
}

impl core::error::Error for PacketError {}

#[cfg(test)]
#[allow(
    clippy::needless_pass_by_value,
    reason = "quickcheck hands its values over"
)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::wire::{Sealed, property::property};

    #[test]
    fn packet_head_is_told_by_its_length() {
        for (len, binary, json) in [
            (0, false, false),
            (1, true, false),
            (6, true, false),
            (7, false, true),
        ] {
            let bytes = vec![b'{'; len];
            let head = Head::of(&bytes);
            assert_eq!(matches!(head, Head::None), len == 0);
            assert_eq!(matches!(head, Head::Binary(_)), binary);
            assert_eq!(matches!(head, Head::Json(_)), json);
            assert_eq!(head.bytes(), bytes);
        }
    }

    #[test]
    fn packet_heads_end_at_their_limit() {
        let bytes = vec![7; 65_536];
        let packet = |len| Packet {
            head: Head::of(&bytes[..len]),
            body: b"body",
        };
        let mut out = vec![1];
        assert_eq!(
            packet(65_536).encode(&mut out),
            Err(PacketError::HeadTooLong)
        );
        assert_eq!(out, [1]);
        assert_eq!(packet(65_535).encode(&mut out), Ok(()));
        assert_eq!(Packet::decode(&out[1..]), Ok(packet(65_535)));
        for cut in [0, 1, 2, 65_536] {
            assert_eq!(Packet::decode(&out[1..=cut]), Err(PacketError::Truncated));
        }
    }

    #[test]
    fn packet_encode_and_decode_are_inverse() {
        fn there_and_back(head: Vec<u8>, body: Vec<u8>) -> bool {
            let packet = Packet {
                head: Head::of(&head),
                body: &body,
            };
            let mut out = Vec::new();
            packet.encode(&mut out) == Ok(()) && Packet::decode(&out) == Ok(packet)
        }
        property(40, 500).quickcheck(there_and_back as fn(Vec<u8>, Vec<u8>) -> bool);
    }

    #[test]
    fn packet_decode_and_encode_are_inverse_on_any_bytes() {
        fn back_and_there(mut bytes: Vec<u8>, length: u8) -> bool {
            // A length that may fit is more fruitful than a random one.
            if let Some(front) = bytes.first_chunk_mut() {
                *front = [0, length % 48];
            }
            let _clear = Sealed::parse(&bytes);
            match Packet::decode(&bytes) {
                Ok(packet) => {
                    let mut out = Vec::new();
                    packet.encode(&mut out) == Ok(()) && out == bytes
                }
                Err(error) => error == PacketError::Truncated,
            }
        }
        property(50, 1_000).quickcheck(back_and_there as fn(Vec<u8>, u8) -> bool);
    }
}
