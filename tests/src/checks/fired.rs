//! A swarm that no fault meets proves nothing.

use super::{Verdict, demand};

/// Each kind of fault fired at least so often.
///
/// # Errors
/// The first that did not.
pub fn fired<'a>(faults: impl IntoIterator<Item = (&'a str, u64)>, least: u64) -> Verdict {
    for (kind, count) in faults {
        demand("fired", count >= least, || {
            format!("{kind} fired {count} times and not {least}")
        })?;
    }
    Ok(())
}
