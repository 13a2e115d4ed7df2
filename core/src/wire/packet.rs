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
