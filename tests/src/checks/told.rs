//! Whoever heard every event knows how each line is.

use hydroid_core::switch::LineState;

use super::{Verdict, demand};

/// A line as its hearer knows it, and as the switch does, when nothing is under way.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// It was told to be up, and not to be down.
    pub up: bool,
    /// What the switch says.
    pub state: Option<LineState>,
}

/// They say the same.
///
/// # Errors
/// If not, or if the line is on its way somewhere after all this time.
pub fn told(line: &str, seen: &Told) -> Verdict {
    let is_up = seen.state == Some(LineState::Up);
    demand("told", is_up == seen.up, || {
        format!(
            "{line} is {:?}, and was told to be up: {}",
            seen.state, seen.up
        )
    })?;
    let under_way = matches!(seen.state, Some(LineState::Connecting | LineState::Closing));
    demand("told", !under_way, || {
        format!("{line} is still {:?}", seen.state)
    })
}
