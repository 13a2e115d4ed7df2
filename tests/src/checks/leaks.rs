//! Once everything is closed, a switch holds nothing.

use hydroid_core::{base::Deadline, switch::Status};

use super::{Verdict, demand};

/// What a switch holds when nobody holds anything of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Left {
    /// What it says.
    pub status: Status,
    /// When it wants to be called.
    pub deadline: Option<Deadline>,
    /// Lines of which the end was not told.
    pub unheard: usize,
    /// Lines of which it knows still.
    pub known: usize,
}

/// Nothing is left.
///
/// # Errors
/// What is.
pub fn leaks(node: usize, left: &Left) -> Verdict {
    let Left {
        status,
        deadline,
        unheard,
        known,
    } = left;
    let counts = [status.lines, status.streams, *unheard, *known];
    let bytes = [
        status.buffered_bytes,
        status.ledger_bytes,
        status.promised_bytes,
    ];
    demand("leaks", counts == [0; 4] && bytes == [0; 3], || {
        format!("node {node} holds {left:?}")
    })?;
    demand("leaks", deadline.is_none(), || {
        format!("node {node} has something left to do: {deadline:?}")
    })
}
