//! What must hold of a swarm, one invariant a file. Each check is a function over values that were
//! seen: it knows no world and no switch, so that a test can feed it a lie and see that it notices
//! (`tests/checks_bite.rs`). It never changes anything, and it never panics.

mod bytes;
mod causes;
mod edges;
mod ends;
mod fired;
mod leaks;
mod lines;
mod memory;
mod once;
mod queues;
mod same;
mod told;
pub mod trees;
mod wakes;
mod whole;

use std::fmt;

pub use self::{
    bytes::{Got, byte, bytes},
    causes::{Ending, cause},
    edges::{Edge, edge},
    ends::{End, end},
    fired::fired,
    leaks::{Left, leaks},
    lines::{Pair, lines},
    memory::{Weight, memory},
    once::once,
    queues::{Queues, queues},
    same::same,
    told::{Told, told},
    wakes::{Waiting, wakes},
    whole::{Stream, whole},
};

/// An invariant that does not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// Its name, which is that of the file.
    pub check: &'static str,
    /// What was seen, for people.
    pub what: String,
}

/// What a check says.
pub type Verdict = Result<(), Broken>;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.what)
    }
}

/// The verdict of `check` if `holds` is all that it asks.
pub(crate) fn demand(check: &'static str, holds: bool, what: impl FnOnce() -> String) -> Verdict {
    if holds {
        return Ok(());
    }
    let what = what();
    Err(Broken { check, what })
}
