//! What a sealed packet carries: a sequence of frames (PROTOCOL, section Frames). It owns their
//! bytes, to and fro, and never what they do to a line, a stream or a path.

mod ranges;
mod read;
#[cfg(test)]
mod tests;
mod write;

use core::fmt;

pub use ranges::RangesFrame;
pub use read::Frames;
pub use write::Writer;

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
        /// 0 is a graceful end (PROTOCOL, section Close).
        code: u64,
        /// A sentence for people, at most 255 bytes.
        reason: &'a str,
    },
    /// A whole packet, unreliable.
    Packet(&'a [u8]),
    /// The sender wants new keys for the line.
    Rekey {
        /// The id that it wants to receive on under them.
        line: u32,
        /// The first message of a handshake.
        message: &'a [u8],
    },
    /// The answer to a rekey.
    Rekeyed {
        /// The id that its sender receives on under the new keys.
        line: u32,
        /// The second message of the handshake.
        message: &'a [u8],
    },
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
const REKEY: u64 = 14;
const REKEYED: u64 = 15;
const SKIPPABLE: u64 = 64;

/// Bytes of a challenge, and of a response.
pub const CHALLENGE_LEN: usize = 1 + 8;
/// Bytes of the longest reason of a close.
const REASON_MAX: usize = 255;

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
