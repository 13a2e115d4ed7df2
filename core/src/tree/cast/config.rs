//! The limits of broadcasts.

use serde::{Deserialize, Serialize};

use super::MESSAGE_MOST;
use crate::base::all_hold;

/// Limits of one member's broadcasts in one space.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Config {
    /// Bytes of chunks that are kept for neighbours and for the application. More bridges longer
    /// cuts; a message longer than this can never be read.
    pub ring_bytes: u32,
    /// How long a chunk is kept. More bridges longer cuts and costs memory, up to the bytes above.
    pub ring_ms: u32,
    /// The longest message that this member broadcasts. It takes what others send up to 1 MiB, which
    /// is the same for all.
    pub message_bytes_max: u32,
    /// Bytes of own messages that may wait to enter the ring before `broadcast` is blocked.
    pub outbox_bytes: u32,
    /// How long own messages wait for a neighbour that takes them before they enter the ring
    /// regardless, and who leaves for its last ones to arrive.
    pub outbox_ms: u32,
    /// Origins whose positions are remembered, 100 bytes each. Beyond it the one that was quiet
    /// longest is forgotten.
    pub origins_max: u32,
    /// How fast one origin may broadcast. It holds for ourselves, and with twice the room to burst
    /// for what a neighbour originates, which is held when it goes beyond.
    pub origin_bytes_per_s: u32,
    /// How many messages one origin may broadcast a second; see `origin_bytes_per_s`.
    pub origin_messages_per_s: u32,
    /// How long a gap that one neighbour claims waits for another who was bringing what is missing.
    pub gap_ms: u32,
    /// How much later than our own clock a message of an origin that we do not know may say it is,
    /// once origins had to be forgotten.
    pub clock_ms: u32,
    /// The shortest time between two digests to a backup neighbour.
    pub digest_ms: u32,
    /// For how long the parent may lack what the backup has before it is taken to withhold it.
    pub withheld_ms: u32,
    /// For how long no parent is taken to withhold anything after one was.
    pub withheld_rest_ms: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ring_bytes: 4 << 20,
            ring_ms: 60_000,
            message_bytes_max: 1 << 20,
            outbox_bytes: 2 << 20,
            outbox_ms: 1_000,
            origins_max: 4_096,
            origin_bytes_per_s: 1 << 20,
            origin_messages_per_s: 100,
            gap_ms: 1_000,
            clock_ms: 300_000,
            digest_ms: 1_000,
            withheld_ms: 3_000,
            withheld_rest_ms: 60_000,
        }
    }
}

impl Config {
    /// The name of a field that is illegal, if one is.
    ///
    /// # Errors
    /// The field's name.
    pub fn check(&self) -> Result<(), &'static str> {
        let message = self.message_bytes_max;
        all_hold(&[
            ("tree.cast.ring_bytes", self.ring_bytes >= message),
            ("tree.cast.ring_ms", self.ring_ms > 0),
            (
                "tree.cast.message_bytes_max",
                (1..=MESSAGE_MOST as u32).contains(&message),
            ),
            ("tree.cast.origins_max", self.origins_max > 0),
            ("tree.cast.origin_bytes_per_s", self.origin_bytes_per_s > 0),
            (
                "tree.cast.origin_messages_per_s",
                self.origin_messages_per_s > 0,
            ),
            ("tree.cast.digest_ms", self.digest_ms > 0),
        ])
    }
}
