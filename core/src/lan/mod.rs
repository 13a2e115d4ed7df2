//! The local network: when to announce that a switch is there, to what, and what to make of the
//! announcements of others. It owns the announcement and the window against replays. It never opens
//! a socket, never decides who is trusted beyond what the space says, and never makes a line.

mod announcement;
mod config;
mod network;
mod rhythm;

pub use announcement::{Announcement, Capabilities, Heard, Tag, UnheardError};
pub use config::Config;
pub use network::{GROUP_V4, GROUP_V6, LocalNetwork, NetworkError, PORTS};
pub use rhythm::Rhythm;
