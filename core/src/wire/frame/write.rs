//! Frames into a buffer.

use super::{
    CHALLENGE, CLOSE, LINE_CREDIT, PACKET, PING, RANGES, REASON_MAX, REKEY, REKEYED, RESET,
    RESPONSE, STOP, STREAM, STREAM_CREDIT, STREAM_END, STREAMS_CREDIT,
    varint::{self, VARINT_MAX, varint_len},
};
use crate::base::Ranges;

/// Writes frames into a buffer of fixed size. Each method writes a whole frame, or nothing and
/// gives `false`.
#[derive(Debug)]
pub struct Writer<'a> {
    buf: &'a mut [u8],
    len: usize,
}

impl<'a> Writer<'a> {
    /// A writer to the front of `buf`.
    pub const fn new(buf: &'a mut [u8]) -> Self {
        Self { buf, len: 0 }
    }

    /// Bytes written.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// True if nothing is written yet.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that still fit.
    pub const fn room(&self) -> usize {
        self.buf.len() - self.len
    }

    fn number(&mut self, number: u64) {
        self.len += varint::write(number, &mut self.buf[self.len..]);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.buf[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    fn numbers(&mut self, numbers: &[u64]) -> bool {
        self.numbers_and(numbers, 0)
    }

    /// Writes the numbers if they and `more` bytes fit.
    fn numbers_and(&mut self, numbers: &[u64], more: usize) -> bool {
        let len: usize = numbers.iter().map(|n| varint_len(*n)).sum();
        let fits = self
            .room()
            .checked_sub(len)
            .is_some_and(|left| more <= left);
        if fits {
            numbers.iter().for_each(|n| self.number(*n));
        }
        fits
    }

    /// Writes a frame of numbers and then bytes.
    fn numbers_then(&mut self, numbers: &[u64], bytes: &[u8]) -> bool {
        let fits = self.numbers_and(numbers, bytes.len());
        if fits {
            self.bytes(bytes);
        }
        fits
    }

    /// Fills up with `len` bytes of padding, or as many as fit.
    pub fn padding(&mut self, len: usize) {
        let end = self.len + len.min(self.room());
        self.buf[self.len..end].fill(0);
        self.len = end;
    }

    /// Writes a ping.
    pub fn ping(&mut self) -> bool {
        self.numbers(&[PING])
    }

    /// Writes the counters in `received`, highest first, as many runs as fit and at most
    /// `runs_most`, which is taken for 1 if it is 0. Writes nothing if `received` is empty.
    pub fn ranges(&mut self, received: &Ranges, delay_us: u64, runs_most: usize) -> bool {
        let Some(top) = received.last() else {
            return false;
        };
        let (highest, first) = (top.end - 1, top.end - top.start);
        let fixed = [RANGES, highest, delay_us, 0, first];
        let fixed: usize = fixed.iter().map(|n| varint_len(*n)).sum();
        let Some(mut left) = self.room().checked_sub(fixed) else {
            return false;
        };
        let below = received
            .iter()
            .rev()
            .skip(1)
            .take(runs_most.saturating_sub(1));
        let (mut count, mut floor) = (0, top.start);
        for run in below.clone() {
            let pair = varint_len(floor - run.end) + varint_len(run.end - run.start);
            let longer_count = varint_len(count + 1) - varint_len(count);
            let Some(rest) = left.checked_sub(pair + longer_count) else {
                break;
            };
            (left, count, floor) = (rest, count + 1, run.start);
        }
        self.numbers(&[RANGES, highest, delay_us, count, first]);
        floor = top.start;
        for run in below.take(count as usize) {
            self.numbers(&[floor - run.end, run.end - run.start]);
            floor = run.start;
        }
        true
    }

    /// How many bytes of stream data fit into a frame for `id` at `offset`; 0 if none.
    pub fn stream_room(&self, id: u64, offset: u64) -> usize {
        let head = 1 + varint_len(id) + varint_len(offset);
        let room = self.room().saturating_sub(head);
        // The length in front of the data takes 1, 2, 4 or 8 bytes, by how much follows.
        [(1, 0x3f), (2, 0x3fff), (4, 0x3fff_ffff), (8, usize::MAX)]
            .into_iter()
            .map(|(len, most)| room.saturating_sub(len).min(most))
            .fold(0, usize::max)
    }

    /// Writes a stream frame of `len` bytes, which `fill` copies into their place. `len` may be 0,
    /// to say that a stream is there or where it ends.
    pub fn stream(
        &mut self,
        id: u64,
        offset: u64,
        len: usize,
        end: bool,
        fill: impl FnOnce(&mut [u8]),
    ) -> bool {
        let kind = if end { STREAM_END } else { STREAM };
        if !self.numbers_and(&[kind, id, offset, len as u64], len) {
            return false;
        }
        fill(&mut self.buf[self.len..self.len + len]);
        self.len += len;
        true
    }

    /// Writes the credit of the line.
    pub fn line_credit(&mut self, bytes: u64) -> bool {
        self.numbers(&[LINE_CREDIT, bytes])
    }

    /// Writes the credit of a stream.
    pub fn stream_credit(&mut self, id: u64, bytes: u64) -> bool {
        self.numbers(&[STREAM_CREDIT, id, bytes])
    }

    /// Writes how many streams the peer may open.
    pub fn streams_credit(&mut self, count: u64) -> bool {
        self.numbers(&[STREAMS_CREDIT, count])
    }

    /// Writes a reset. A code of more than 62 bits is written as [`VARINT_MAX`].
    pub fn reset(&mut self, id: u64, code: u64, size: u64) -> bool {
        self.numbers(&[RESET, id, code.min(VARINT_MAX), size])
    }

    /// Writes a stop. A code of more than 62 bits is written as [`VARINT_MAX`].
    pub fn stop(&mut self, id: u64, code: u64) -> bool {
        self.numbers(&[STOP, id, code.min(VARINT_MAX)])
    }

    /// Writes a challenge.
    pub fn challenge(&mut self, bytes: &[u8; 8]) -> bool {
        self.numbers_then(&[CHALLENGE], bytes)
    }

    /// Writes the answer to a challenge.
    pub fn response(&mut self, bytes: &[u8; 8]) -> bool {
        self.numbers_then(&[RESPONSE], bytes)
    }

    /// Writes the end of the line. A code of more than 62 bits is written as [`VARINT_MAX`]; a
    /// reason of more than 255 bytes is cut, between two characters.
    pub fn close(&mut self, code: u64, reason: &str) -> bool {
        let reason = &reason.as_bytes()[..reason.floor_char_boundary(REASON_MAX)];
        self.numbers_then(&[CLOSE, code.min(VARINT_MAX), reason.len() as u64], reason)
    }

    /// Writes the wish for new keys.
    pub fn rekey(&mut self, line: u32, message: &[u8]) -> bool {
        self.message(REKEY, line, message)
    }

    /// Writes the answer to such a wish.
    pub fn rekeyed(&mut self, line: u32, message: &[u8]) -> bool {
        self.message(REKEYED, line, message)
    }

    fn message(&mut self, kind: u64, line: u32, message: &[u8]) -> bool {
        let len = message.len() as u64;
        let fits = self.numbers_and(&[kind], 4 + varint_len(len) + message.len());
        if fits {
            self.bytes(&line.to_be_bytes());
            self.number(len);
            self.bytes(message);
        }
        fits
    }

    /// Writes a whole packet.
    pub fn packet(&mut self, packet: &[u8]) -> bool {
        self.numbers_then(&[PACKET, packet.len() as u64], packet)
    }
}
