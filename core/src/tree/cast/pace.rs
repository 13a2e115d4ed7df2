//! How fast one origin may broadcast.

use super::Config;
use crate::base::Time;

const SECOND: u64 = 1_000_000;

/// A bucket that runs empty at an even pace: what was said costs time, and so much of it may be
/// owed as there is room to burst.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    owed_until: Time,
}

impl Pace {
    /// So many bytes were said, at the beginning of a message or not.
    pub(super) fn charge(&mut self, now: Time, config: &Config, bytes: usize, begins: bool) {
        let by_bytes = bytes as u64 * SECOND / u64::from(config.origin_bytes_per_s.max(1));
        let by_messages = SECOND / u64::from(config.origin_messages_per_s.max(1));
        let cost = by_bytes.max(if begins { by_messages } else { 0 });
        self.owed_until = self.owed_until.max(now).plus_us(cost);
    }

    /// When no more is owed than `burst_s` seconds allow.
    pub(super) fn free_at(&self, burst_s: u64) -> Time {
        let free = self.owed_until.as_us().saturating_sub(burst_s * SECOND);
        Time::from_us(free)
    }
}
