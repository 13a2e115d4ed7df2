//! The tree of a space: one parent, a few children, and whatever is told to all of them. It owns
//! who a member's neighbours are (`place`), the broadcasts that pass through it (`cast`) and its
//! picture of the other members (`image`). It never opens a line, never reads a clock, and trusts
//! nobody's word about a third.

mod backup;
mod beats;
mod bulk;
pub mod cast;
mod config;
mod contact;
mod contacts;
mod doubles;
mod effect;
pub mod image;
mod life;
mod new_life;
mod node;
mod part;
mod peers;
pub mod place;
mod sight;
mod speak;
#[cfg(test)]
mod tests;
mod word;

pub use config::Config;
pub use contact::{Contact, ContactError};
pub use effect::{Effect, News};
pub use life::{
    BULK_PACKET_MOST, Boxed, EFFECTS_MAX, PLACE_PACKET_MOST, Standing, Stats, Tree, Verify,
};
pub use node::{Id, Node};
pub use sight::Heard;
