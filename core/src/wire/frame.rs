//! What a sealed packet carries: a sequence of frames (PROTOCOL, section Frames).

use core::{fmt, str};

use super::varint;

/// One frame. Types below 64 are critical: a receiver that does not know one ends the line. From
/// 64 on a frame carries its length and is skipped by those who do not know it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Frame<'a> {
    /// Nothing; fills a packet.
    Padding,
    /// Asks for ranges in return.
    Ping,
    /// The counters that the sender of this frame has received.
    Ranges(RangesFrame<'a>),
    /// Bytes of a stream.
    Stream {
        /// The stream.
        id: u64,
        /// The place of the first byte.
        offset: u64,
        /// The bytes.
        data: &'a [u8],
        /// True if the direction ends with these bytes.
        end: bool,
    },
    /// The peer may send this many bytes on the whole line, all streams together, since its start.
    LineCredit {
        /// Bytes.
        bytes: u64,
    },
    /// The peer may send this many bytes on one stream.
    StreamCredit {
        /// The stream.
        id: u64,
        /// Bytes.
        bytes: u64,
    },
    /// The peer may open this many streams since the start of the line.
    StreamsCredit {
        /// Streams.
        count: u64,
    },
    /// The sender gives up its direction of a stream.
    Reset {
        /// The stream.
        id: u64,
        /// The application's reason.
        code: u64,
        /// How many bytes it had sent; counts against the credit of the line.
        size: u64,
    },
    /// The sender will not read more of a stream.
    Stop {
        /// The stream.
        id: u64,
        /// The application's reason.
        code: u64,
    },
    /// Eight random bytes that prove a path if they come back on it.
    Challenge([u8; 8]),
    /// The answer to a challenge.
    Response([u8; 8]),
    /// The line ends.
    Close {
        /// 0 is a graceful end; see PROTOCOL, section Close.
        code: u64,
        /// A sentence for people, at most 255 bytes.
        reason: &'a str,
    },
    /// A whole packet, unreliable.
    Packet(&'a [u8]),
    /// A frame that may be ignored, and is.
    Skipped {
        /// Its type, 64 or more.
        kind: u64,
    },
}

const PADDING: u64 = 0;
const PING: u64 = 1;
const RANGES: u64 = 2;
const STREAM: u64 = 3;
const STREAM_END: u64 = 4;
const LINE_CREDIT: u64 = 5;
const STREAM_CREDIT: u64 = 6;
const STREAMS_CREDIT: u64 = 7;
const RESET: u64 = 8;
const STOP: u64 = 9;
const CHALLENGE: u64 = 10;
const RESPONSE: u64 = 11;
const CLOSE: u64 = 12;
const PACKET: u64 = 13;
const SKIPPABLE: u64 = 64;

/// Why a plain text is no sequence of frames. It was authenticated, so the peer misbehaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameError {
    /// A frame goes beyond the end of the packet.
    Truncated,
    /// A critical type that this version does not know.
    UnknownCritical(u64),
    /// A value that no frame may have.
    Illegal,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("a frame goes beyond the end of its packet"),
            Self::UnknownCritical(kind) => write!(f, "unknown critical frame of type {kind}"),
            Self::Illegal => f.write_str("a frame has a value that none may have"),
        }
    }
}

impl core::error::Error for FrameError {}

/// The frames of a plain text, one after the other.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    rest: &'a [u8],
}

impl<'a> Frames<'a> {
    /// The frames in `plain`.
    pub const fn new(plain: &'a [u8]) -> Self {
        Self { rest: plain }
    }

    fn number(&mut self) -> Result<u64, FrameError> {
        varint::read(&mut self.rest).ok_or(FrameError::Truncated)
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], FrameError> {
        let len = usize::try_from(len).ok().ok_or(FrameError::Truncated)?;
        let (bytes, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(FrameError::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn counted(&mut self) -> Result<&'a [u8], FrameError> {
        let len = self.number()?;
        self.take(len)
    }

    fn eight(&mut self) -> Result<[u8; 8], FrameError> {
        let bytes = self.take(8)?;
        bytes.try_into().ok().ok_or(FrameError::Truncated)
    }

    fn stream(&mut self, end: bool) -> Result<Frame<'a>, FrameError> {
        let (id, offset) = (self.number()?, self.number()?);
        let data = self.counted()?;
        if offset + data.len() as u64 > varint::VARINT_MAX {
            return Err(FrameError::Illegal);
        }
        Ok(Frame::Stream {
            id,
            offset,
            data,
            end,
        })
    }

    fn close(&mut self) -> Result<Frame<'a>, FrameError> {
        let code = self.number()?;
        let reason = self.counted()?;
        match str::from_utf8(reason) {
            Ok(reason) if reason.len() <= 255 => Ok(Frame::Close { code, reason }),
            _ => Err(FrameError::Illegal),
        }
    }

    fn frame(&mut self) -> Result<Frame<'a>, FrameError> {
        Ok(match self.number()? {
            PADDING => {
                let fill = self
                    .rest
                    .iter()
                    .position(|b| *b != 0)
                    .unwrap_or(self.rest.len());
                self.rest = &self.rest[fill..];
                Frame::Padding
            }
            PING => Frame::Ping,
            RANGES => Frame::Ranges(RangesFrame::read(&mut self.rest)?),
            STREAM => self.stream(false)?,
            STREAM_END => self.stream(true)?,
            LINE_CREDIT => Frame::LineCredit {
                bytes: self.number()?,
            },
            STREAM_CREDIT => Frame::StreamCredit {
                id: self.number()?,
                bytes: self.number()?,
            },
            STREAMS_CREDIT => Frame::StreamsCredit {
                count: self.number()?,
            },
            RESET => Frame::Reset {
                id: self.number()?,
                code: self.number()?,
                size: self.number()?,
            },
            STOP => Frame::Stop {
                id: self.number()?,
                code: self.number()?,
            },
            CHALLENGE => Frame::Challenge(self.eight()?),
            RESPONSE => Frame::Response(self.eight()?),
            CLOSE => self.close()?,
            PACKET => Frame::Packet(self.counted()?),
            kind if kind < SKIPPABLE => return Err(FrameError::UnknownCritical(kind)),
            kind => {
                self.counted()?;
                Frame::Skipped { kind }
            }
        })
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let frame = self.frame();
        if frame.is_err() {
            self.rest = &[];
        }
        Some(frame)
    }
}

/// Counters received: the highest, how long ago it came, and the runs below it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RangesFrame<'a> {
    /// The highest counter received.
    pub highest: u64,
    /// Microseconds between its arrival and this frame.
    pub delay_us: u64,
    /// How many counters the first run has, the highest among them.
    first: u64,
    /// `(gap, run)` pairs, checked, highest first.
    pairs: &'a [u8],
}

impl<'a> RangesFrame<'a> {
    fn read(rest: &mut &'a [u8]) -> Result<Self, FrameError> {
        let mut number = || varint::read(rest).ok_or(FrameError::Truncated);
        let (highest, delay_us, count, first) = (number()?, number()?, number()?, number()?);
        let mut floor = (highest + 1)
            .checked_sub(first)
            .ok_or(FrameError::Illegal)?;
        let start = *rest;
        if first == 0 || count > rest.len() as u64 {
            return Err(FrameError::Illegal);
        }
        for _ in 0..count {
            let gap = varint::read(rest).ok_or(FrameError::Truncated)?;
            let run = varint::read(rest).ok_or(FrameError::Truncated)?;
            if gap == 0 || run == 0 {
                return Err(FrameError::Illegal);
            }
            floor = floor.checked_sub(gap + run).ok_or(FrameError::Illegal)?;
        }
        let pairs = &start[..start.len() - rest.len()];
        Ok(Self {
            highest,
            delay_us,
            first,
            pairs,
        })
    }

    /// The runs received, as half-open ranges, highest first.
    pub fn runs(&self) -> impl Iterator<Item = core::ops::Range<u64>> + use<'a> {
        let mut rest = self.pairs;
        let mut floor = self.highest + 1 - self.first;
        let first = floor..self.highest + 1;
        core::iter::once(first).chain(core::iter::from_fn(move || {
            let gap = varint::read(&mut rest)?;
            let run = varint::read(&mut rest)?;
            let end = floor - gap;
            floor = end - run;
            Some(floor..end)
        }))
    }
}

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
        let fits = numbers
            .iter()
            .map(|n| varint::varint_len(*n))
            .sum::<usize>()
            <= self.room();
        if fits {
            numbers.iter().for_each(|n| self.number(*n));
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
    /// `runs_most`. Writes nothing if `received` is empty.
    pub fn ranges(
        &mut self,
        received: &crate::base::Ranges,
        delay_us: u64,
        runs_most: usize,
    ) -> bool {
        let Some(top) = received.last() else {
            return false;
        };
        let (highest, first) = (top.end - 1, top.end - top.start);
        let fixed = varint::varint_len(highest)
            + varint::varint_len(delay_us)
            + varint::varint_len(first)
            + 1;
        let Some(mut left) = self.room().checked_sub(fixed + varint::varint_len(16_383)) else {
            return false;
        };
        let (mut count, mut floor) = (0, top.start);
        let below = || {
            received
                .iter()
                .rev()
                .skip(1)
                .take(runs_most.clamp(1, 16_384) - 1)
        };
        for run in below() {
            let size =
                varint::varint_len(floor - run.end) + varint::varint_len(run.end - run.start);
            let Some(rest) = left.checked_sub(size) else {
                break;
            };
            (left, count, floor) = (rest, count + 1, run.start);
        }
        self.numbers(&[RANGES, highest, delay_us, count as u64, first]);
        floor = top.start;
        for run in below().take(count) {
            self.numbers(&[floor - run.end, run.end - run.start]);
            floor = run.start;
        }
        true
    }

    /// How many bytes of stream data fit into a frame for `id` at `offset`; 0 if none.
    pub fn stream_room(&self, id: u64, offset: u64) -> usize {
        let head = 1 + varint::varint_len(id) + varint::varint_len(offset);
        let room = self.room().saturating_sub(head);
        // The length in front of the data takes 1, 2 or 4 bytes, by how much follows.
        match room {
            0 => 0,
            1..=64 => room - 1,
            65..=16_385 => room - 2,
            _ => room - 4,
        }
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
        let head = [kind, id, offset, len as u64];
        if head.iter().map(|n| varint::varint_len(*n)).sum::<usize>() + len > self.room() {
            return false;
        }
        self.numbers(&head);
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

    /// Writes a reset.
    pub fn reset(&mut self, id: u64, code: u64, size: u64) -> bool {
        self.numbers(&[RESET, id, code, size])
    }

    /// Writes a stop.
    pub fn stop(&mut self, id: u64, code: u64) -> bool {
        self.numbers(&[STOP, id, code])
    }

    /// Writes a challenge.
    pub fn challenge(&mut self, bytes: &[u8; 8]) -> bool {
        self.tagged(CHALLENGE, bytes)
    }

    /// Writes the answer to a challenge.
    pub fn response(&mut self, bytes: &[u8; 8]) -> bool {
        self.tagged(RESPONSE, bytes)
    }

    /// Writes the end of the line; a reason of more than 255 bytes is cut.
    pub fn close(&mut self, code: u64, reason: &str) -> bool {
        let reason = &reason[..reason.floor_char_boundary(255)];
        let size = 1 + varint::varint_len(code) + varint::varint_len(reason.len() as u64);
        if size + reason.len() > self.room() {
            return false;
        }
        self.numbers(&[CLOSE, code, reason.len() as u64]);
        self.bytes(reason.as_bytes());
        true
    }

    /// Writes a whole packet.
    pub fn packet(&mut self, packet: &[u8]) -> bool {
        let len = packet.len() as u64;
        if 1 + varint::varint_len(len) + packet.len() > self.room() {
            return false;
        }
        self.numbers(&[PACKET, len]);
        self.bytes(packet);
        true
    }

    fn tagged(&mut self, kind: u64, bytes: &[u8]) -> bool {
        if 1 + bytes.len() > self.room() {
            return false;
        }
        self.number(kind);
        self.bytes(bytes);
        true
    }
}
