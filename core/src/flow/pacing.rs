use super::Config;
use crate::base::Time;

/// Millionths of a byte in a byte: a rate in bytes a second times microseconds.
const SCALE: u64 = 1_000_000;

/// A bucket that fills at the rate of the path and that sending empties, so that a window leaves
/// over a round trip and not in one burst (RFC 9002 section 7.7).
#[derive(Clone, Copy, Debug)]
pub(super) struct Pacer {
    /// Millionths of bytes.
    tokens: u64,
    filled_at: Time,
    until: Option<Time>,
}

/// What the rate makes of the limits in the config, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Bucket {
    /// Bytes a second, at least 1.
    rate: u64,
    /// What one call releases at most.
    burst: u64,
    /// What must have come together before anything is released again.
    least: u64,
    /// What the bucket holds.
    depth: u64,
}

impl Bucket {
    pub(super) fn new(config: &Config, rate: u64) -> Self {
        let rate = rate.max(1);
        let packet = config.packet_bytes();
        let within = |us: u32| rate.saturating_mul(u64::from(us)) / SCALE;
        let ready = within(config.pacing_burst_us);
        let always = packet.saturating_mul(u64::from(config.pacing_burst_packets_min));
        let most = u64::from(config.pacing_burst_bytes).max(packet);
        let burst = ready.max(always).min(most).max(packet);
        Self {
            rate,
            burst,
            least: ready.min(most).max(packet),
            depth: burst.max(within(config.pacing_slack_us)),
        }
    }
}

impl Pacer {
    /// A full bucket.
    pub(super) const fn new(now: Time) -> Self {
        Self {
            tokens: u64::MAX,
            filled_at: now,
            until: None,
        }
    }

    /// When sending goes on; none if the pacer refused nothing.
    pub(super) fn until(&self) -> Option<Time> {
        self.until
    }

    /// Lets go what was refused, if it is time.
    pub(super) fn on_deadline(&mut self, now: Time) -> bool {
        let due = self.until.is_some_and(|at| at <= now);
        if due {
            self.until = None;
        }
        due
    }

    /// Bytes that one burst may have now, or when to ask again. What was refused stays refused
    /// until the deadline, however often one asks.
    pub(super) fn release(&mut self, now: Time, bucket: &Bucket) -> Result<u64, Time> {
        if let Some(until) = self.until {
            return Err(until);
        }
        let new = now.since_us(self.filled_at).saturating_mul(bucket.rate);
        let depth = bucket.depth.saturating_mul(SCALE);
        self.tokens = self.tokens.saturating_add(new).min(depth);
        self.filled_at = self.filled_at.max(now);
        let missing = bucket
            .least
            .saturating_mul(SCALE)
            .saturating_sub(self.tokens);
        if missing == 0 {
            return Ok(bucket.burst.min(self.tokens / SCALE));
        }
        let until = now.plus_us(missing.div_ceil(bucket.rate));
        self.until = Some(until);
        Err(until)
    }

    /// Takes what was sent out of the bucket.
    pub(super) fn on_sent(&mut self, bytes: u64) {
        self.tokens = self.tokens.saturating_sub(bytes.saturating_mul(SCALE));
    }
}
