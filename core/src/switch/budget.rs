//! What a line is made of: the parts whose sizes the budget of an idle line is spent on (DESIGN,
//! section 16). `tests/tests/memory.rs` counts what the allocator says.

use std::{println, vec::Vec};

use super::link::{Carried, Link, Phase};
use crate::{flow::Flow, line, stream::Streams};

/// What the two boxes of a line and its one path may take; what is on the heap beside them at rest
/// is of the flow, and the tables are some 100 bytes a line.
const OWN_BYTES_MAX: usize = 1_536;

#[test]
fn budget_of_the_parts_of_a_line_is_kept() {
    let link = [
        ("link: flow", size_of::<Flow<Carried>>()),
        ("link: streams", size_of::<Streams>()),
        ("link: phase", size_of::<Phase>()),
        ("link", size_of::<Link>()),
    ];
    let parts: Vec<_> = line::sizes().into_iter().chain(link).collect();
    for (part, bytes) in &parts {
        println!("{bytes:5} {part}");
    }
    let of = |name| parts.iter().filter(move |it| it.0 == name).map(|it| it.1);
    let own: usize = ["link", "line", "line: one path"]
        .into_iter()
        .flat_map(of)
        .sum();
    assert!(own <= OWN_BYTES_MAX, "{own} bytes");
}
