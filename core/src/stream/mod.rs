//! The streams of one line: heads, bytes and their order, credit per stream and per line, ends,
//! resets, stops, and fairness among streams. It fills frames into packets and takes them from
//! packets; it is told what of them arrived and what was lost. It never knows a packet's counter,
//! when something is lost, a key or a path, and it never tells whose line it is.

mod commands;
mod config;
mod credit;
mod down;
mod fill;
mod head;
mod ids;
mod incoming;
mod memory;
mod pair;
mod pool;
mod queue;
mod recv;
mod ring;
mod send;
mod set;

#[cfg(test)]
mod tests;

pub use config::{
    Config, LINE_CREDIT_FIRST_BYTES, REFUSED, STREAM_CREDIT_FIRST_BYTES, STREAMS_CREDIT_FIRST,
};
pub use set::Streams;

/// What a packet carried for a stream or for all of them. Whoever keeps the packets in flight keeps
/// these and gives each back once: arrived, or lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Carried {
    /// Bytes of a stream.
    Bytes {
        /// The stream.
        id: u64,
        /// The place of the first byte.
        offset: u64,
        /// How many.
        len: u32,
        /// True if the direction ends with them.
        end: bool,
    },
    /// The credit of the line.
    LineCredit,
    /// The credit of a stream.
    StreamCredit {
        /// The stream.
        id: u64,
    },
    /// How many streams the peer may open.
    StreamsCredit,
    /// That we gave up our direction of a stream.
    Reset {
        /// The stream.
        id: u64,
    },
    /// That we read no more of a stream.
    Stop {
        /// The stream.
        id: u64,
    },
}

/// Something happened to a stream. Effects are edges: each is told once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// The peer opened a stream and its head is there.
    Opened {
        /// The stream.
        id: u64,
    },
    /// The head of the acceptor of our stream is there, also if it is empty.
    Answered {
        /// The stream.
        id: u64,
    },
    /// There is something to read, or to learn by `read`. Told once until `read` gives `Blocked`.
    Readable {
        /// The stream.
        id: u64,
    },
    /// There is room to write again, after `write` gave `Blocked`.
    Writable {
        /// The stream.
        id: u64,
    },
    /// Everything that we wrote, and the end, has reached the peer.
    Finished {
        /// The stream.
        id: u64,
    },
    /// The peer gave up its direction; `read` gives the same code.
    Reset {
        /// The stream.
        id: u64,
        /// The peer's reason.
        code: u64,
    },
    /// The peer reads no more; our direction was reset for it.
    Stopped {
        /// The stream.
        id: u64,
        /// The peer's reason.
        code: u64,
    },
    /// A stream may be opened again, after `open` gave `Blocked`.
    MayOpen,
}

/// What became of bytes that came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// They were acted on.
    Acted,
    /// There is no memory for them. Nothing changed; they must come again.
    NoRoom,
}

/// What `read` gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Read {
    /// So many bytes were copied.
    Bytes(usize),
    /// The direction ended and everything was read.
    End,
}

/// Why no stream was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpenError {
    /// A limit of the peer's or of ours; `MayOpen` will tell.
    Blocked,
    /// The head is no JSON object within the limit.
    IllegalHead,
    /// The line is no more.
    LineDown,
}

/// Why nothing was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WriteError {
    /// There is no such stream.
    UnknownStream,
    /// No room for now; `Writable` will tell.
    Blocked,
    /// Our direction was finished or reset by us.
    Finished,
    /// The peer reads no more; its code.
    Stopped(u64),
    /// The line is no more.
    LineDown,
    /// The head was sent already, or is no JSON object within the limit.
    IllegalHead,
}

/// Why nothing was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadError {
    /// There is no such stream.
    UnknownStream,
    /// Nothing for now; `Readable` will tell.
    Blocked,
    /// The peer gave up its direction; its code.
    Reset(u64),
    /// The line ended before the stream did.
    LineDown,
}

/// How an authenticated peer broke the rules for streams. It ends the line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Misbehaviour {
    /// It sent more than its credit allows, or cut it into more pieces than anybody keeps track of.
    CreditExceeded,
    /// It opened more streams than it may.
    TooManyStreams,
    /// It speaks on a stream of ours that was never opened, or on one of its own from before.
    UnknownStream,
    /// The end of a stream is where it was not, or bytes lie beyond it.
    EndMoved,
    /// The head of a stream is no JSON object, or longer than its limit, or cut off by the end.
    IllegalHead,
}
