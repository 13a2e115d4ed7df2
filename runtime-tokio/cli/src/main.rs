//! The hydroid program.
fn main() {}
