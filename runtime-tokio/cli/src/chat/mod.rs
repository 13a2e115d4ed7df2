//! What is said in a space. This room owns the lines, who has signed them, and which of them were
//! seen; it never prints and never asks who is there.

pub(crate) mod line;
pub(crate) mod log;
pub(crate) mod news;
pub(crate) mod room;
pub(crate) mod session;

/// Bytes of the longest text of one line.
pub(crate) const TEXT_MAX: usize = 4096;

/// Lines that a newcomer is given.
pub(crate) const PAST_MOST: usize = 100;
