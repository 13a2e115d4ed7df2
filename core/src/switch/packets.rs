//! Unreliable packets of one line: those that wait to be sent, and those that nobody has read.

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};

/// Both rows, which are there only while they are used.
#[derive(Debug, Default)]
pub(super) struct Packets(Option<Box<Rows>>);

#[derive(Debug, Default)]
struct Rows {
    out: Row,
    unread: Row,
    /// One more to be sent, of at most so many bytes, found no room, and nobody was told since that
    /// there is some.
    blocked: Option<usize>,
}

/// The smallest buffer of a row, bytes.
const SMALLEST: usize = 256;
/// After a row has run empty so often it is looked whether its buffer is too large.
const LOOK_AFTER: u8 = 64;

/// Packets one behind the other in one buffer, so that one that comes and goes allocates nothing.
#[derive(Debug, Default)]
struct Row {
    bytes: Vec<u8>,
    /// Where the oldest begins; what is before it is gone.
    front: usize,
    lens: VecDeque<u16>,
    /// The most that the buffer was used for since it was looked at, and how often it ran empty.
    peak: usize,
    emptied: u8,
}

impl Row {
    /// What the buffer takes, whatever of it is used.
    const fn held_bytes(&self) -> u64 {
        self.bytes.capacity() as u64
    }

    /// What it must grow by at least for a packet of so many bytes.
    const fn growth(&self, len: usize) -> u64 {
        let need = self.bytes.len() - self.front + len;
        need.saturating_sub(self.bytes.capacity()) as u64
    }

    fn front(&self) -> Option<&[u8]> {
        let len = usize::from(*self.lens.front()?);
        Some(&self.bytes[self.front..self.front + len])
    }

    /// One more, for which the buffer may grow by `room`.
    fn push(&mut self, packet: &[u8], room: u64) {
        let held = self.bytes.capacity();
        if self.bytes.len() + packet.len() > held {
            let twice = (held * 2).max(SMALLEST);
            let has_room = (twice - held) as u64 <= room;
            // To move what is there costs as much as there is.
            if self.front > self.bytes.len() / 2 || !has_room {
                self.bytes.drain(..self.front);
                self.front = 0;
            }
            let need = self.bytes.len() + packet.len();
            if need > held {
                let whole = if has_room { twice.max(need) } else { need };
                self.bytes.reserve_exact(whole - self.bytes.len());
            }
        }
        self.bytes.extend_from_slice(packet);
        self.peak = self.peak.max(self.bytes.len());
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
            self.emptied += 1;
            if self.emptied >= LOOK_AFTER {
                let enough = self.peak * 2;
                if enough * 2 <= self.bytes.capacity() {
                    self.bytes = Vec::with_capacity(enough);
                }
                (self.emptied, self.peak) = (0, 0);
            }
        }
    }
}

impl Packets {
    /// Bytes that the buffers of both rows take.
    pub(super) fn held_bytes(&self) -> u64 {
        let rows = self.0.as_ref();
        rows.map_or(0, |rows| rows.out.held_bytes() + rows.unread.held_bytes())
    }

    /// The next one to be sent.
    pub(super) fn out(&self) -> Option<&[u8]> {
        self.0.as_ref()?.out.front()
    }

    /// The oldest that nobody has read.
    pub(super) fn unread(&self) -> Option<&[u8]> {
        self.0.as_ref()?.unread.front()
    }

    /// One more to be sent; false if `most` of them wait, or it takes more memory than `room`.
    pub(super) fn push_out(&mut self, packet: &[u8], most: u32, room: u64) -> bool {
        let rows = self.rows();
        let fits = rows.out.growth(packet.len()) <= room && rows.out.lens.len() < most as usize;
        if fits {
            rows.out.push(packet, room);
        } else {
            // Who found no room before still waits for it.
            rows.blocked = rows.blocked.max(Some(packet.len()));
        }
        fits
    }

    /// True if somebody waits to send for whom `room` is too little memory.
    pub(super) fn lacks_memory(&self, room: u64) -> bool {
        let rows = self.0.as_deref();
        rows.and_then(|rows| Some(rows.out.growth(rows.blocked?))) > Some(room)
    }

    /// True once if one found no room among `most`, and now half of them are gone and `room` is
    /// memory enough.
    pub(super) fn take_unblocked(&mut self, most: u32, room: u64) -> bool {
        if self.lacks_memory(room) {
            return false;
        }
        let half = most as usize / 2;
        let rows = self.0.as_mut().filter(|rows| rows.out.lens.len() <= half);
        rows.is_some_and(|rows| rows.blocked.take().is_some())
    }

    /// One more came. Gives how many were dropped: the oldest of `most` that nobody has read, or
    /// this one if it takes more memory than `room`.
    pub(super) fn push_unread(&mut self, packet: &[u8], most: u32, room: u64) -> u64 {
        let rows = self.0.as_deref();
        let growth = rows.map_or(packet.len() as u64, |rows| rows.unread.growth(packet.len()));
        if most == 0 || growth > room {
            return 1;
        }
        let row = &mut self.rows().unread;
        let is_full = row.lens.len() >= most as usize;
        if is_full {
            row.pop();
        }
        row.push(packet, room);
        u64::from(is_full)
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
                    rows.out.push(packet, 0);
                }
                all.pop();
            }
        }
    }

    /// Nothing can be sent any more.
    pub(super) fn clear_out(&mut self) {
        if let Some(rows) = &mut self.0 {
            (rows.out, rows.blocked) = (Row::default(), None);
        }
    }

    /// Gives up what is kept for later.
    pub(super) fn rest(&mut self) {
        let Some(rows) = &mut self.0 else {
            return;
        };
        for row in [&mut rows.out, &mut rows.unread] {
            if row.lens.is_empty() {
                *row = Row::default();
            }
        }
        // Who waits for memory is not forgotten.
        let is_empty = rows.out.lens.is_empty() && rows.unread.lens.is_empty();
        if is_empty && rows.blocked.is_none() {
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
            if turn % 7 < 4 && packets.push_out(&packet, 50, 1 << 20) {
                model.push_back(packet);
                pushed += 1;
            } else {
                assert_eq!(packets.out(), model.front().map(Vec::as_slice));
                packets.pop_out();
                popped += u32::from(model.pop_front().is_some());
            }
            let bytes: usize = model.iter().map(Vec::len).sum();
            let held = packets.held_bytes() as usize;
            assert!(held >= bytes && held <= (8 * 50 * 100).max(SMALLEST));
        }
        assert!(pushed > 2_000 && popped > 1_900 && model.len() <= 50);
        packets.shorten(50);
        let short = model.iter().filter(|packet| packet.len() <= 50);
        for packet in short {
            assert_eq!(packets.out(), Some(packet.as_slice()));
            packets.pop_out();
        }
        packets.rest();
        assert_eq!((packets.out(), packets.held_bytes()), (None, 0));
    }

    #[test]
    fn packets_take_no_more_memory_than_there_is() {
        let mut packets = Packets::default();
        let room = |packets: &Packets| 10_000 - packets.held_bytes();
        let mut kept = 0;
        for turn in 0..20_000_u32 {
            let packet = vec![0; (turn * 37 % 1201) as usize];
            let free = room(&packets);
            kept += u32::from(packets.push_unread(&packet, 100, free) == 0);
            if turn % 3 == 0 {
                packets.pop_unread();
            }
            assert!(packets.held_bytes() <= 10_000);
        }
        assert!(kept > 6_000, "{kept}");
        // What was large once is small again after small uses.
        while packets.unread().is_some() {
            packets.pop_unread();
        }
        for _use in 0..3 * u32::from(LOOK_AFTER) {
            assert_eq!(packets.push_unread(&[0; 100], 100, 10_000), 0);
            packets.pop_unread();
        }
        assert!(packets.held_bytes() <= 512, "{}", packets.held_bytes());
    }

    #[test]
    fn packets_that_found_no_room_are_told_of_it_once() {
        let mut packets = Packets::default();
        assert!((0..4).all(|_| packets.push_out(b"x", 4, 256)));
        assert!(!packets.take_unblocked(4, 256), "nobody waits");
        assert!(!packets.push_out(b"x", 4, 256) && !packets.lacks_memory(0));
        packets.pop_out();
        assert!(!packets.take_unblocked(4, 256), "that is not worth it");
        packets.pop_out();
        assert!(packets.take_unblocked(4, 256) && !packets.take_unblocked(4, 256));
        let long = [0; 1_000];
        assert!(!packets.push_out(&long, 4, 700) && packets.lacks_memory(700));
        assert!(
            !packets.take_unblocked(4, 700),
            "it would find no room again"
        );
        // Another one that finds room does not make the first one forgotten.
        assert!(packets.push_out(b"x", 4, 0));
        packets.pop_out();
        assert!(!packets.lacks_memory(800) && packets.take_unblocked(4, 800));
        // Nor does rest.
        packets.pop_out();
        packets.pop_out();
        assert!(!packets.push_out(&long, 4, 700));
        packets.rest();
        assert_eq!(packets.held_bytes(), 0);
        assert!(packets.take_unblocked(4, 1_000));
        packets.clear_out();
        packets.rest();
        assert!(packets.0.is_none());
    }

    #[test]
    fn packets_unread_make_room_for_newer_ones() {
        let mut packets = Packets::default();
        let all = 1 << 20;
        assert_eq!(packets.push_unread(b"1", 2, all), 0);
        assert_eq!(packets.push_unread(b"22", 2, all), 0);
        assert_eq!(packets.push_unread(b"333", 2, all), 1);
        assert_eq!(packets.unread(), Some(&b"22"[..]));
        packets.pop_unread();
        packets.pop_unread();
        assert_eq!(packets.push_unread(b"4", 0, all), 1);
        assert_eq!(packets.unread(), None);
    }
}
