//! The limits of the streams of one line, and what every line grants before anything is said.

use serde::{Deserialize, Serialize};

use super::{head::LENGTH_BYTES, memory::capacity_for};
use crate::base::all_hold;

/// Bytes that a new stream may carry each way before any credit frame (PROTOCOL, section Streams).
pub const STREAM_CREDIT_FIRST_BYTES: u64 = 64 << 10;
/// Bytes that all streams of a new line may carry each way before any credit frame.
pub const LINE_CREDIT_FIRST_BYTES: u64 = 256 << 10;
/// Streams that each end may open on a new line before any credit frame.
pub const STREAMS_CREDIT_FIRST: u64 = 64;

/// The code by which a stream is refused that finds too little memory, or nobody who listens
/// (PROTOCOL, section Refused streams).
pub const REFUSED: u64 = 0x130;

/// Limits of the streams of one line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Config {
    /// Streams that live at once, opened by the peer; and as many opened by us. Each that was used
    /// costs about 500 bytes, its buffers and its head.
    pub streams_max: u64,
    /// The longest head that we send or take. A line may hold two for each stream that lives. Below
    /// 8 KiB legal peers are refused; above, both ends must agree on it elsewhere.
    pub head_max_bytes: u64,
    /// How far a peer may be ahead of what was read of one stream, at first. A new line doubles what
    /// it sends in each round trip, and what is behind a lost packet is not read for more than one:
    /// less stops it in between.
    pub stream_window_initial_bytes: u64,
    /// How far the window of a stream may grow. It grows only as far as the path and the reader
    /// use it, and costs memory only where the reader falls behind or packets are lost.
    pub stream_window_max_bytes: u64,
    /// How far a peer may be ahead of what was read of all streams together, at first.
    pub line_window_initial_bytes: u64,
    /// How far the window of the line may grow: the most that a peer can make us hold.
    pub line_window_max_bytes: u64,
    /// Bytes written to one stream that may wait to be sent or acknowledged, at first. It follows
    /// what the path carries: one and a half times the congestion window, four times while
    /// something in the middle is lost, so that there is always something to send, and no more, so
    /// that what is written is still in the processor's cache when it goes.
    pub send_buffer_stream_initial_bytes: u64,
    /// The most that it comes to, and that it begins with. Less than what the path carries in a
    /// round trip makes the stream slower.
    pub send_buffer_stream_max_bytes: u64,
    /// The same two for all streams of the line together, which follow three times the
    /// congestion window; an answer's head goes beyond it if need be.
    pub send_buffer_line_initial_bytes: u64,
    /// See `send_buffer_line_initial_bytes`.
    pub send_buffer_line_max_bytes: u64,
    /// What is kept of buffers that hold nothing, all together, so that streams that run empty
    /// between packets need no allocation, and write where others have just been read. A line at
    /// rest keeps none of it.
    pub buffers_spare_max_bytes: u64,
    /// Bytes that a stream may send before it is another's turn. More makes fuller packets and
    /// longer waits.
    pub turn_bytes: u64,
    /// Stream frames in flight at once; bounds the gaps that the peer must keep account of.
    pub frames_in_flight_max: u64,
    /// Gaps in all incoming streams together; a peer that makes more exceeds its credit. Each costs
    /// up to 64 bytes. Less than twice what peers keep in flight refuses legal peers.
    pub gaps_max: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            streams_max: 4096,
            head_max_bytes: 8 << 10,
            stream_window_initial_bytes: 1 << 20,
            stream_window_max_bytes: 8 << 20,
            line_window_initial_bytes: 2 << 20,
            line_window_max_bytes: 16 << 20,
            send_buffer_stream_initial_bytes: 128 << 10,
            send_buffer_stream_max_bytes: 16 << 20,
            send_buffer_line_initial_bytes: 512 << 10,
            send_buffer_line_max_bytes: 32 << 20,
            buffers_spare_max_bytes: 8 << 20,
            turn_bytes: 8 << 10,
            frames_in_flight_max: 8192,
            gaps_max: 16_384,
        }
    }
}

impl Config {
    /// Tells the first field with an illegal value.
    ///
    /// # Errors
    /// The name of the field.
    pub fn check(&self) -> Result<(), &'static str> {
        let rules = [
            (
                "streams_max",
                self.streams_max >= STREAMS_CREDIT_FIRST && self.streams_max <= 1 << 24,
            ),
            (
                "head_max_bytes",
                self.head_max_bytes <= u64::from(u16::MAX).min(STREAM_CREDIT_FIRST_BYTES - 2),
            ),
            (
                "stream_window_initial_bytes",
                self.stream_window_initial_bytes >= STREAM_CREDIT_FIRST_BYTES,
            ),
            (
                "stream_window_max_bytes",
                self.stream_window_max_bytes >= self.stream_window_initial_bytes
                    && self.stream_window_max_bytes <= 1 << 30,
            ),
            (
                "line_window_initial_bytes",
                self.line_window_initial_bytes
                    >= LINE_CREDIT_FIRST_BYTES.max(self.stream_window_initial_bytes),
            ),
            (
                "line_window_max_bytes",
                self.line_window_max_bytes
                    >= self
                        .line_window_initial_bytes
                        .max(self.stream_window_max_bytes)
                    && self.line_window_max_bytes <= 1 << 40,
            ),
            (
                "send_buffer_stream_initial_bytes",
                self.send_buffer_stream_initial_bytes >= self.head_max_bytes + 2,
            ),
            (
                "send_buffer_stream_max_bytes",
                self.send_buffer_stream_max_bytes >= self.head_max_bytes + 2
                    && self.send_buffer_stream_max_bytes <= 1 << 30,
            ),
            (
                "send_buffer_line_initial_bytes",
                self.send_buffer_line_initial_bytes >= self.send_buffer_stream_initial_bytes,
            ),
            (
                "send_buffer_line_max_bytes",
                self.send_buffer_line_max_bytes >= self.send_buffer_stream_max_bytes,
            ),
            ("turn_bytes", self.turn_bytes > 0),
            ("frames_in_flight_max", self.frames_in_flight_max > 0),
            ("gaps_max", self.gaps_max > 0),
        ];
        all_hold(&rules)
    }

    /// The buffer that the longest head takes.
    pub(crate) const fn head_buffer_bytes(&self) -> u64 {
        capacity_for(self.head_max_bytes + LENGTH_BYTES)
    }

    /// The most effects that one call can have: on the end of a line every stream that lives may
    /// tell its reader and its writer.
    pub const fn effects_max(&self) -> usize {
        self.streams_max as usize * 4 + 8
    }
}
