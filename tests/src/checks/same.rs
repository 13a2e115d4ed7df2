//! The same plan gives the same run.

use super::{Verdict, demand};

/// Two runs of one plan came to the same.
///
/// # Errors
/// If not.
pub fn same<T: PartialEq + std::fmt::Debug>(first: &T, second: &T) -> Verdict {
    demand("same", first == second, || {
        format!("the same plan came to {first:?} and to {second:?}")
    })
}
