//! In a line that lives, both ends of every stream are read to their ends.

use super::{Verdict, demand};

/// One end of a stream, once everybody had time to be done.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    /// Its number.
    pub number: u64,
    /// True if its line lives.
    pub lives: bool,
    /// True if nothing is left to be written.
    pub written: bool,
    /// How its reading ended; true if whole.
    pub read: Option<bool>,
    /// True if it was reset, stopped or refused by anybody.
    pub given_up: bool,
    /// How the reading of the other end went: `None` if there is no other end.
    pub twin: Option<Option<bool>>,
}

/// It is done, and whole unless somebody gave it up.
///
/// # Errors
/// If not.
pub fn whole(stream: &Stream) -> Verdict {
    let number = stream.number;
    if !stream.lives {
        return demand("whole", stream.read.is_some(), || {
            format!("stream {number} is not told that its line is no more")
        });
    }
    demand("whole", stream.read.is_some() && stream.written, || {
        format!("stream {number} is not done: {stream:?}")
    })?;
    if stream.given_up {
        return Ok(());
    }
    let both = (stream.read, stream.twin) == (Some(true), Some(Some(true)));
    demand("whole", both, || {
        format!("stream {number} is not whole at both ends: {stream:?}")
    })
}
