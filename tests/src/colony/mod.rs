//! A colony: the members of one space in a world, grown to a tree, cut and watched. It keeps the
//! books of who was told what, and every broadcast is held to them: once, in order, true.

mod books;
pub mod census;
mod draw;
pub mod figures;
mod grow;
mod look;
pub mod story;

pub use self::{
    books::{Books, Heard},
    draw::{svg, text},
    grow::{Colony, Settings},
    look::{Shape, shape},
};
