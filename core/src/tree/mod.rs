//! The tree of a space: one parent, a few children, and whatever is told to all of them. It owns
//! who a member's neighbours are (`place`), the broadcasts that pass through it (`cast`) and its
//! picture of the other members (`image`). It never opens a line, never reads a clock, and trusts
//! nobody's word about a third.

pub mod cast;
pub mod image;
mod node;
pub mod place;

pub use node::{Id, Node};
