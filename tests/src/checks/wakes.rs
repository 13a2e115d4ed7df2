//! Nobody waits for what is there: each wake-up was told.

use super::{Verdict, demand};

/// Somebody who was told to wait, and what is found by asking.
#[derive(Clone, Copy, Debug)]
pub struct Waiting {
    /// For what.
    pub what: &'static str,
    /// True if no event has ended the waiting.
    pub waits: bool,
    /// True if asking gives it.
    pub is_there: bool,
}

/// The waiting is for something that is not there.
///
/// # Errors
/// If it is there and nobody told.
pub fn wakes(of: &str, waiting: &Waiting) -> Verdict {
    demand("wakes", !(waiting.waits && waiting.is_there), || {
        format!("{of}: {} was there and nobody told", waiting.what)
    })
}
