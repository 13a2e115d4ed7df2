//! The sizes of what the room keeps of a line.

use super::{
    Place,
    path::Known,
    paths::Paths,
    peers::Pair,
    rekey::Renewal,
    session::Session,
    state::{Info, Line},
    window::Window,
};

/// Each part, and the whole last.
pub(crate) fn sizes() -> [(&'static str, usize); 9] {
    [
        ("line: who", size_of::<Info>()),
        ("line: window", size_of::<Window>()),
        ("line: session", size_of::<Session>()),
        ("line: renewal", size_of::<Renewal>()),
        ("line: paths", size_of::<Paths>()),
        ("line", size_of::<Line>()),
        ("line: one path", size_of::<Known>()),
        ("line: a peer's names", size_of::<Pair>()),
        ("line: what an id leads to", size_of::<(u32, Place)>()),
    ]
}
