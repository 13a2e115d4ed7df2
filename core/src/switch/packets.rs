//! Unreliable packets of one line: those that wait to be sent, and those that nobody has read.

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};

/// Both rows, which are there only while they are used.
#[derive(Debug, Default)]
pub(super) struct Packets(Option<Box<Rows>>);

#[derive(Debug, Default)]
struct Rows {
    out: Row,
    unread: Row,
    /// One more to be sent found no room, and nobody was told since that there is some.
    blocked: bool,
}

/// Packets one behind the other in one buffer, so that one that comes and goes allocates nothing.
#[derive(Debug, Default)]
struct Row {
    bytes: Vec<u8>,
    /// Where the oldest begins; what is before it is gone.
    front: usize,
    lens: VecDeque<u16>,
}

impl Row {
    fn bytes(&self) -> u64 {
        (self.bytes.len() - self.front) as u64
    }

    fn front(&self) -> Option<&[u8]> {
        let len = usize::from(*self.lens.front()?);
        Some(&self.bytes[self.front..self.front + len])
    }

    fn push(&mut self, packet: &[u8]) {
        if self.front > self.bytes.len() / 2 {
            self.bytes.drain(..self.front);
            self.front = 0;
        }
        self.bytes.extend_from_slice(packet);
        let len = u16::try_from(packet.len()).expect("a packet fits a datagram");
        self.lens.push_back(len);
    }

    fn pop(&mut self) {
        if let Some(len) = self.lens.pop_front() {
            self.front += usize::from(len);
        }
        if self.lens.is_empty() {
            self.bytes.clear();
            self.front = 0;
        }
    }
}

impl Packets {
    /// Bytes of all of them.
    pub(super) fn bytes(&self) -> u64 {
        let rows = self.0.as_ref();
        rows.map_or(0, |rows| rows.out.bytes() + rows.unread.bytes())
    }

    /// The next one to be sent.
    pub(super) fn out(&self) -> Option<&[u8]> {
        self.0.as_ref()?.out.front()
    }

    /// The oldest that nobody has read.
    pub(super) fn unread(&self) -> Option<&[u8]> {
        self.0.as_ref()?.unread.front()
    }

    /// One more to be sent; false if `most` of them wait, or there is no memory for it.
    pub(super) fn push_out(&mut self, packet: &[u8], most: u32, has_room: bool) -> bool {
        let rows = self.rows();
        let fits = has_room && rows.out.lens.len() < most as usize;
        if fits {
            rows.out.push(packet);
        }
        // Who found no room before still waits for it.
        rows.blocked |= !fits;
        fits
    }

    /// True if somebody waits for room to send.
    pub(super) fn is_blocked(&self) -> bool {
        self.0.as_ref().is_some_and(|rows| rows.blocked)
    }

    /// True once if one found no room among `most`, and half of it is free again.
    pub(super) fn take_unblocked(&mut self, most: u32) -> bool {
        let Some(rows) = self.0.as_mut().filter(|rows| rows.blocked) else {
            return false;
        };
        rows.blocked = rows.out.lens.len() > most as usize / 2;
        !rows.blocked
    }

    /// One more came. False if the oldest of `most` that nobody has read was dropped for it.
    pub(super) fn push_unread(&mut self, packet: &[u8], most: u32) -> bool {
        let row = &mut self.rows().unread;
        let is_full = row.lens.len() >= most as usize;
        if is_full {
            row.pop();
        }
        if most > 0 {
            row.push(packet);
        }
        !is_full
    }

    /// The first one was sent.
    pub(super) fn pop_out(&mut self) {
        if let Some(rows) = &mut self.0 {
            rows.out.pop();
        }
    }

    /// The oldest one was read.
    pub(super) fn pop_unread(&mut self) {
        if let Some(rows) = &mut self.0 {
            rows.unread.pop();
        }
    }

    /// Drops those to be sent that are longer than this.
    pub(super) fn shorten(&mut self, longest: usize) {
        if let Some(rows) = &mut self.0 {
            let mut all = core::mem::take(&mut rows.out);
            while let Some(packet) = all.front() {
                if packet.len() <= longest {
                    rows.out.push(packet);
                }
                all.pop();
            }
        }
    }

    /// Nothing can be sent any more.
    pub(super) fn clear_out(&mut self) {
        if let Some(rows) = &mut self.0 {
            (rows.out, rows.blocked) = (Row::default(), false);
        }
    }

    /// Gives up what is kept for later.
    pub(super) fn rest(&mut self) {
        if self.out().is_none() && self.unread().is_none() {
            self.0 = None;
        }
    }

    fn rows(&mut self) -> &mut Rows {
        self.0.get_or_insert_with(Box::default)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn packets_come_out_as_they_went_in() {
        let mut packets = Packets::default();
        let mut model = VecDeque::new();
        let (mut pushed, mut popped) = (0_u32, 0);
        for turn in 0..5_000_u32 {
            let packet = vec![turn as u8; (turn * 37 % 101) as usize];
            if turn % 7 < 4 && packets.push_out(&packet, 50, true) {
                model.push_back(packet);
                pushed += 1;
            } else {
                assert_eq!(packets.out(), model.front().map(Vec::as_slice));
                packets.pop_out();
                popped += u32::from(model.pop_front().is_some());
            }
            let bytes: usize = model.iter().map(Vec::len).sum();
            assert_eq!(packets.bytes(), bytes as u64);
        }
        assert!(pushed > 2_000 && popped > 1_900 && model.len() <= 50);
        packets.shorten(50);
        let short = model.iter().filter(|packet| packet.len() <= 50);
        for packet in short {
            assert_eq!(packets.out(), Some(packet.as_slice()));
            packets.pop_out();
        }
        assert_eq!((packets.out(), packets.bytes()), (None, 0));
    }

    #[test]
    fn packets_that_found_no_room_are_told_of_it_once() {
        let mut packets = Packets::default();
        assert!((0..4).all(|_| packets.push_out(b"x", 4, true)));
        assert!(!packets.take_unblocked(4), "nobody waits");
        assert!(!packets.push_out(b"x", 4, true) && packets.is_blocked());
        packets.pop_out();
        assert!(!packets.take_unblocked(4), "that is not worth it");
        packets.pop_out();
        assert!(packets.take_unblocked(4) && !packets.take_unblocked(4));
        assert!(!packets.push_out(b"x", 4, false) && packets.take_unblocked(4));
        // Another one that finds room does not make the first one forgotten.
        assert!(!packets.push_out(b"long", 4, false) && packets.push_out(b"x", 4, true));
        packets.pop_out();
        assert!(packets.take_unblocked(4));
        packets.clear_out();
        packets.rest();
        assert!(packets.0.is_none());
    }

    #[test]
    fn packets_unread_make_room_for_newer_ones() {
        let mut packets = Packets::default();
        assert!(packets.push_unread(b"1", 2) && packets.push_unread(b"22", 2));
        assert!(!packets.push_unread(b"333", 2));
        assert_eq!((packets.unread(), packets.bytes()), (Some(&b"22"[..]), 5));
        packets.pop_unread();
        packets.pop_unread();
        assert!(!packets.push_unread(b"4", 0) && packets.unread().is_none());
    }
}
