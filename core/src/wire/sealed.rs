//! A sealed packet: `00 04 | receiver's line id: 4 | counter: 8 | ciphertext | tag: 16`. It is an
//! ordinary packet with a head of 4 bytes, laid out so that it is opened where it lies.

use super::{VARINT_MAX, frame::CHALLENGE_LEN};

/// Bytes before the ciphertext: length, line id and counter; id and counter are the associated
/// data.
pub const SEALED_PREFIX: usize = 14;
/// Bytes of the tag behind the ciphertext.
pub const TAG_LEN: usize = 16;
/// What sealing adds to a plain text.
pub const SEALED_OVERHEAD: usize = SEALED_PREFIX + TAG_LEN;
/// Bytes of the shortest sealed packet that is sent: one with nothing but a challenge in it. What
/// comes from a new place is no shorter than the challenge that goes there.
pub const SEALED_LEAST: usize = SEALED_OVERHEAD + CHALLENGE_LEN;

/// What a sealed packet shows to anybody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sealed {
    /// The id that the receiver chose for the line.
    pub line: u32,
    /// The sender's counter, of at most 62 bits; it never repeats within a line.
    pub counter: u64,
}

impl Sealed {
    /// Reads the clear part; `None` if these bytes are no sealed packet, also because the counter
    /// is one that no frame could name.
    pub fn parse(datagram: &[u8]) -> Option<Self> {
        if datagram.len() < SEALED_OVERHEAD || datagram[..2] != [0, 4] {
            return None;
        }
        let line = u32::from_be_bytes(*datagram[2..].first_chunk()?);
        let counter = u64::from_be_bytes(*datagram[6..].first_chunk()?);
        (counter <= VARINT_MAX).then_some(Self { line, counter })
    }

    /// Writes the clear part to the front of `out`.
    ///
    /// # Panics
    /// If `out` is shorter than [`SEALED_PREFIX`].
    pub fn write(&self, out: &mut [u8]) {
        out[..2].copy_from_slice(&[0, 4]);
        out[2..6].copy_from_slice(&self.line.to_be_bytes());
        out[6..14].copy_from_slice(&self.counter.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Head, Packet, frame::Writer};

    #[test]
    fn packet_sealed_is_a_packet_with_a_binary_head() {
        let mut bytes = [0; SEALED_OVERHEAD];
        let sealed = Sealed {
            line: 0xdead_beef,
            counter: 7,
        };
        sealed.write(&mut bytes);
        assert_eq!(Sealed::parse(&bytes), Some(sealed));
        assert_eq!(Sealed::parse(&bytes[1..]), None);
        assert_eq!(Sealed::parse(&bytes[..SEALED_OVERHEAD - 1]), None);
        let packet = Packet::decode(&bytes).unwrap();
        assert_eq!(packet.head, Head::Binary(&[0xde, 0xad, 0xbe, 0xef]));
        assert_eq!(packet.body.len(), 8 + TAG_LEN);
    }

    #[test]
    fn packet_sealed_has_room_for_a_challenge() {
        let mut plain = [0; 32];
        let mut writer = Writer::new(&mut plain);
        assert!(writer.challenge(&[7; 8]));
        assert_eq!(SEALED_OVERHEAD + writer.len(), SEALED_LEAST);
        assert_eq!(SEALED_LEAST, 39, "PROTOCOL, section Paths");
    }

    #[test]
    fn packet_sealed_has_a_counter_of_62_bits() {
        let mut bytes = [0; SEALED_OVERHEAD];
        for (counter, legal) in [(VARINT_MAX, true), (VARINT_MAX + 1, false)] {
            let sealed = Sealed { line: 1, counter };
            sealed.write(&mut bytes);
            assert_eq!(Sealed::parse(&bytes), legal.then_some(sealed));
        }
    }
}
