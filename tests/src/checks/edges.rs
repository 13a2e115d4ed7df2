//! Events are edges: each is told once, to somebody for whom it is news.

use super::{Verdict, demand};

/// An event, and what its hearer knew before.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "each field is what its hearer knew")]
pub enum Edge {
    /// A line came up.
    Up { was_up: bool, was_down: bool },
    /// A line is no more. `lives` if the switch holds it nevertheless.
    Down {
        known: bool,
        was_down: bool,
        lives: bool,
    },
    /// A line takes another way.
    Moved { is_up: bool },
    /// The peer opened a stream.
    Opened { line_was_up: bool, known: bool },
    /// The peer gave its head.
    Answered { ours: bool, before: bool },
    /// Something came, or ended, in a stream.
    Readable { known: bool },
    /// There is room.
    Writable { waited: bool },
    /// Everything arrived.
    Finished { finished: bool },
    /// The peer reads no more.
    Stopped { known: bool },
    /// A stream may be opened.
    MayOpen { waited: bool },
    /// Something of a kind that nobody gave cause for.
    Other { caused: bool },
}

/// The event was news.
///
/// # Errors
/// If it came twice, too late, or to nobody who asked.
pub fn edge(of: &str, edge: Edge) -> Verdict {
    let news = match edge {
        Edge::Up { was_up, was_down } => !was_up && !was_down,
        Edge::Down {
            known,
            was_down,
            lives,
        } => known && !was_down && !lives,
        Edge::Moved { is_up } => is_up,
        Edge::Opened { line_was_up, known } => line_was_up && !known,
        Edge::Answered { ours, before } => ours && !before,
        Edge::Readable { known } | Edge::Stopped { known } => known,
        Edge::Writable { waited } | Edge::MayOpen { waited } => waited,
        Edge::Finished { finished } => finished,
        Edge::Other { caused } => caused,
    };
    demand("edges", news, || format!("{of}: no news is {edge:?}"))
}
