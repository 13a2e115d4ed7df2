//! The local network: when to announce that our identities are there, to what, and what to make of
//! the announcements of others. It owns the announcement, who was heard, and the windows against
//! replays and floods. It never opens a socket, never trusts anybody (that begins with the line), and
//! never asks for a line: it only tells who is there.

mod announcement;
mod config;
mod echoes;
mod known;
mod leaving;
mod network;
mod rhythm;
mod room;
#[cfg(test)]
mod tests;
mod unheard;

pub use announcement::{Announcement, Capabilities, Heard, TagKey, Verify, is_announcement};
pub use config::Config;
pub use known::Found;
pub use network::{GROUP_V4, GROUP_V6, LocalNetwork, NetworkError, PORTS};
pub use room::{Came, Effect, Lan, Member, NETWORKS_MOST, Own};
pub use unheard::Unheard;
