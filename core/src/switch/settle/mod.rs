//! Carries one room's effects to another, one file a room. After each call that handles or
//! commands something, effects are popped in order until none is left.

mod flow;
mod line;
mod rekey;
mod stream;

pub(super) use stream::{read_error, write_error};
