//! Between two members there is at most one line, both ends agree about it, and where one is kept
//! there is one.

use super::{Verdict, demand};

/// What two nodes have of each other.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    /// Who.
    pub nodes: [usize; 2],
    /// Lines that are up, by what the first says and by what the second says.
    pub ups: [usize; 2],
    /// True if one of them keeps a line to the other.
    pub kept: bool,
    /// False if one of them was put out of the space.
    pub may: bool,
}

/// Each pair has the line that it can have.
///
/// # Errors
/// If it has another number of them.
pub fn lines(pair: &Pair) -> Verdict {
    let [one, other] = pair.nodes;
    let [here, there] = pair.ups;
    demand("lines", here <= 1 && here == there, || {
        format!("{one} has {here} lines with {other}, which has {there}")
    })?;
    demand("lines", pair.may || here == 0, || {
        format!("{one} and {other} have a line, and one of them is out")
    })?;
    demand("lines", here == 1 || !pair.kept || !pair.may, || {
        format!("{one} and {other} keep a line and have none")
    })
}
