//! What the room tells: messages and gaps, errors, faults of neighbours, and figures.

use core::fmt;

use crate::{base::Wall, tree::Node};

/// What `read` gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told {
    /// A message, whole.
    Message {
        /// Who broadcast it.
        origin: Node,
        /// Its number among those of this life of its origin, from 1.
        sequence: u64,
        /// When it was broadcast, by the origin's clock.
        wall: Wall,
        /// Its bytes; they stand at the start of the buffer.
        len: usize,
    },
    /// Messages that were broadcast and never come.
    Gap {
        /// Whose they were.
        origin: Node,
        /// The first one that is missing.
        first: u64,
        /// The last one that is missing.
        last: u64,
    },
}

/// Why `read` gave nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadError {
    /// There is nothing; `take_readable` will say when there is.
    Blocked,
    /// The next message is longer than the buffer.
    TooSmall {
        /// Its bytes.
        need: usize,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blocked => f.write_str("there is nothing to read"),
            Self::TooSmall { need } => write!(f, "the message has {need} bytes"),
        }
    }
}

impl core::error::Error for ReadError {}

/// Why nothing was broadcast.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BroadcastError {
    /// The message is too long.
    TooLarge {
        /// The most bytes that a message may have.
        most: u32,
    },
    /// Too much waits, or too much was said lately; `take_writable` will say when it goes on.
    Blocked,
    /// A later life of this member speaks; nobody listens to this one.
    Replaced,
}

impl fmt::Display for BroadcastError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { most } => write!(f, "a message has at most {most} bytes"),
            Self::Blocked => f.write_str("too much waits to be broadcast"),
            Self::Replaced => f.write_str("a later life of this member speaks"),
        }
    }
}

impl core::error::Error for BroadcastError {}

/// How a neighbour proved false.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Fault {
    /// Bytes that are no packet of this room.
    Malformed,
    /// A statement that its origin did not sign.
    Forged,
    /// A chunk that is not the one in the statement.
    Changed,
    /// A chunk whose message did not begin on this link, or of which one before it is missing.
    Beyond,
    /// Positions that nobody asked for, or without end.
    Have,
    /// What a link of this kind does not carry.
    Misplaced,
    /// More than the link may send while it is held.
    Flood,
}

impl Fault {
    /// All of them, in the order of [`Stats::faults`].
    pub const ALL: [Self; 7] = [
        Self::Malformed,
        Self::Forged,
        Self::Changed,
        Self::Beyond,
        Self::Have,
        Self::Misplaced,
        Self::Flood,
    ];

    /// A word for it, which stays the same.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Forged => "forged",
            Self::Changed => "changed",
            Self::Beyond => "beyond",
            Self::Have => "have",
            Self::Misplaced => "misplaced",
            Self::Flood => "flood",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "bytes that are no packet of broadcasts",
            Self::Forged => "a statement that its origin did not sign",
            Self::Changed => "a chunk that is not the one that was signed",
            Self::Beyond => "a chunk without the one before it",
            Self::Have => "positions out of place or without end",
            Self::Misplaced => "a packet that a link of this kind does not carry",
            Self::Flood => "more than a held link may send",
        })
    }
}

impl core::error::Error for Fault {}

/// What happened so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Messages of others that came whole.
    pub messages: u64,
    /// Messages that the application read.
    pub delivered: u64,
    /// Chunks of others that were taken.
    pub chunks: u64,
    /// Chunks that came although they were not needed any more.
    pub duplicates: u64,
    /// Signatures that were checked.
    pub verified: u64,
    /// Messages that the application was told it will never get.
    pub missed: u64,
    /// Messages that were jumped over because a later one came first.
    pub skipped: u64,
    /// Messages refused as possible repetitions of what was forgotten, and chunks of them or of
    /// another message with the same number.
    pub stale: u32,
    /// Origins that were forgotten.
    pub forgotten: u32,
    /// Backup neighbours whose word proved worthless.
    pub doubted: u32,
    /// Faults of neighbours, in the order of [`Fault::ALL`].
    pub faults: [u32; 7],
}

impl Stats {
    /// How often neighbours proved false in this way.
    pub fn fault(&self, fault: Fault) -> u32 {
        self.faults[fault as usize]
    }
}
