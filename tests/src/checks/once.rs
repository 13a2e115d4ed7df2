//! An unreliable packet comes once or not at all, and none comes that nobody sent.

use super::{Verdict, demand};

/// The packet of this number came, of `sent` that were sent; `is_new` if it had not come before.
///
/// # Errors
/// If it came twice, or from nowhere.
pub fn once(number: u64, sent: u64, is_new: bool) -> Verdict {
    demand("once", (1..=sent).contains(&number), || {
        format!("packet {number} came, of {sent} that were sent")
    })?;
    demand("once", is_new, || format!("packet {number} came twice"))
}
