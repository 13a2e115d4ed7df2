//! A direction ends where its writer ended it, or with a code that somebody gave.

use super::{Verdict, demand};

/// How a reader saw a direction end.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// To its very end.
    Whole {
        /// Bytes that were read.
        read: u64,
        /// Bytes that were written.
        written: u64,
        /// True if the writer finished.
        finished: bool,
    },
    /// Given up.
    Reset {
        /// With this code.
        code: u64,
        /// The codes that either side, or the switch, has given.
        given: [Option<u64>; 3],
    },
}

/// The end is one that was made.
///
/// # Errors
/// If nobody wrote it, it comes too early or too late, or nobody gave the code.
pub fn end(stream: u64, end: &End) -> Verdict {
    match *end {
        End::Whole {
            read,
            written,
            finished,
        } => {
            demand("ends", finished, || {
                format!("stream {stream}: an end that nobody wrote, after {read} bytes")
            })?;
            demand("ends", read == written, || {
                format!("stream {stream}: its end after {read} of {written} bytes")
            })
        }
        End::Reset { code, given } => demand("ends", given.contains(&Some(code)), || {
            format!("stream {stream}: reset by {code}, and given were {given:?}")
        }),
    }
}
