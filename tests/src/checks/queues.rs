//! At the end every queue is empty.

use super::{Verdict, demand};

/// How long the queues are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Queues {
    /// Events that the switch has not told.
    pub events: usize,
    /// Events that were told and nobody has taken.
    pub untaken: usize,
    /// Unreliable packets that nobody has read.
    pub packets: usize,
    /// Datagrams that the switch has not given away.
    pub transmits: usize,
    /// Things to keep that it has not asked for.
    pub needs: usize,
    /// Datagrams that are on their way, to anybody.
    pub in_flight: usize,
}

/// They are empty.
///
/// # Errors
/// If one is not.
pub fn queues(node: usize, queues: &Queues) -> Verdict {
    demand("queues", *queues == Queues::default(), || {
        format!("at node {node} there wait {queues:?}")
    })
}
