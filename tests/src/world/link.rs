//! What lies between two hosts, and what it does to what it carries.

use hydroid_core::base::Time;
use serde::{Deserialize, Serialize};

/// What a link does to datagrams; the rates are in parts of a thousand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Link {
    /// One way, for every datagram.
    pub latency_us: u64,
    /// Up to this much more, drawn for each: it reorders.
    pub jitter_us: u64,
    /// Lost.
    pub loss: u64,
    /// Delivered twice.
    pub double: u64,
    /// One bit turned.
    pub damage: u64,
    /// Held up, so that later ones overtake it.
    pub reorder: u64,
    /// For how long at most.
    pub reorder_us: u64,
    /// Bytes that it carries a second; 0 is as many as come.
    pub rate_bytes_s: u64,
    /// Where there is a rate: bytes that may wait for it, with the datagram that is going out. What
    /// would make them more is dropped. 0 is any number.
    pub queue_bytes: u64,
    /// Bytes of the longest datagram that it carries; 0 is any.
    pub mtu_bytes: u64,
}

impl Link {
    /// At once, and all of it.
    pub const PERFECT: Self = Self {
        latency_us: 0,
        jitter_us: 0,
        loss: 0,
        double: 0,
        damage: 0,
        reorder: 0,
        reorder_us: 0,
        rate_bytes_s: 0,
        queue_bytes: 0,
        mtu_bytes: 0,
    };
}

/// What waits at a link that has a rate. Times are reckoned from when it began to be busy, so that
/// no rounding adds up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pipe {
    begun: Time,
    sent_bytes: u64,
    free_at: Time,
}

impl Pipe {
    /// Takes a datagram of so many bytes and tells when the last of it has gone out; `None` if
    /// there is no room for it.
    pub(super) fn take(&mut self, now: Time, bytes: u64, link: &Link) -> Option<Time> {
        let rate = u128::from(link.rate_bytes_s);
        if self.free_at <= now {
            (self.begun, self.sent_bytes) = (now, 0);
        }
        let gone = u128::from(now.since_us(self.begun)) * rate / MICROS;
        let waiting = u128::from(self.sent_bytes).saturating_sub(gone);
        if link.queue_bytes > 0 && waiting + u128::from(bytes) > u128::from(link.queue_bytes) {
            return None;
        }
        self.sent_bytes += bytes;
        let takes_us = (u128::from(self.sent_bytes) * MICROS).div_ceil(rate);
        self.free_at = self
            .begun
            .plus_us(u64::try_from(takes_us).unwrap_or(u64::MAX));
        Some(self.free_at)
    }
}

/// Microseconds of a second.
const MICROS: u128 = 1_000_000;
