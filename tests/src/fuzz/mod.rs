//! What bytes from anybody are let loose on: the bodies of the fuzz targets in `tests/fuzz/`, which
//! the committed corpora go through in every test run. It owns what is demanded of any input, and
//! never draws anything by itself: the same bytes do the same again.

mod announcement;
mod datagram;
mod operations;
mod packet;
mod tape;
mod ticket;

pub use self::{
    announcement::announcement, datagram::datagram, operations::operations, packet::packet,
    tape::tape, ticket::ticket,
};

/// A target: the name of its folder in the corpora, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 6] = [
    ("announcement", announcement),
    ("datagram", datagram),
    ("operations", operations),
    ("packet", packet),
    ("tape", tape),
    ("ticket", ticket),
];

/// Bytes that decide what happens next; once they are used up, they are zeros.
#[derive(Clone, Copy, Debug)]
pub struct Choices<'a> {
    rest: &'a [u8],
}

impl<'a> Choices<'a> {
    /// These bytes.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// True once every byte is used.
    pub const fn is_over(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let [first] = self.array();
        first
    }

    /// The next two bytes as a number.
    pub fn number(&mut self) -> u16 {
        u16::from_be_bytes(self.array())
    }

    /// One of `count`; 0 if there are none.
    pub fn below(&mut self, count: usize) -> usize {
        let drawn = if count > 256 {
            self.number().into()
        } else {
            usize::from(self.byte())
        };
        drawn % count.max(1)
    }

    /// The next bytes, after a number that says how many; fewer at the end.
    pub fn bytes(&mut self) -> &'a [u8] {
        let len = usize::from(self.number()).min(self.rest.len());
        let (bytes, rest) = self.rest.split_at(len);
        self.rest = rest;
        bytes
    }

    fn array<const LEN: usize>(&mut self) -> [u8; LEN] {
        let len = LEN.min(self.rest.len());
        let (bytes, rest) = self.rest.split_at(len);
        self.rest = rest;
        let mut array = [0; LEN];
        array[..len].copy_from_slice(bytes);
        array
    }
}
