//! The tape: what was asked of a switch and what it gave, in order, so that it can be done again to
//! the byte. It owns the form of a tape, its writing, its reading and its replay. It never decides
//! anything about a line, never keeps more than its config allows, and never reads a clock or a file.
//!
//! [`Recorded`] is a switch with the same calls, which writes them down where it was asked to. The
//! form is in `TAPE.md` beside this crate's manifest.

mod commands;
pub mod contracts;
mod end;
mod follow;
mod lans;
mod loose;
mod perform;
mod player;
mod reader;
mod record;
mod recorded;
mod recorder;
mod streams;
#[cfg(test)]
mod tests;
mod told;
mod trees;
mod words;

use serde::{Deserialize, Serialize};

pub use self::{
    end::End,
    follow::follow,
    player::{Difference, Player, Step, Stop},
    reader::{Reader, Unread, Unreadable},
    record::{Record, of_text},
    recorded::Recorded,
};

/// What is recorded, and how much of it waits to be taken.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Config {
    /// Bytes of the tape that nobody has taken yet. Beyond it the tape ends with [`End::Behind`];
    /// the switch goes on and is never kept waiting.
    pub buffer_bytes: u64,
    /// No secrets, and of payloads only lengths and digests: a tape that tells what happened and
    /// cannot be replayed.
    pub redacted: bool,
    /// Nothing is kept but the digest of the tape as it would be.
    pub digest_only: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            buffer_bytes: 4 * 1024 * 1024,
            redacted: false,
            digest_only: false,
        }
    }
}
