use super::Config;
use crate::base::Time;

/// Millionths of a byte in a byte: a rate in bytes a second times microseconds.
const SCALE: u64 = 1_000_000;

/// Where so much has come together a packet may go, however large.
const LEAST_BYTES: u64 = 1_200;

/// A bucket that fills at the rate of the path and that sending empties, so that a window leaves
/// over a round trip and not in one burst (RFC 9002 section 7.7).
#[derive(Clone, Copy, Debug)]
pub(super) struct Pacer {
    /// Millionths of bytes; less than none after a packet that was larger than what was there.
    tokens: i64,
    filled_at: Time,
    until: Option<Time>,
}

/// What the rate makes of the limits in the config, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Bucket {
    /// Bytes a second, at least 1.
    rate: u64,
    /// What must have come together before a packet goes.
    least: u64,
    /// What the bucket holds.
    depth: u64,
}

impl Bucket {
    pub(super) fn new(config: &Config, packet: u64, rate: u64) -> Self {
        let rate = rate.max(1);
        let within = |us: u32| rate.saturating_mul(u64::from(us)) / SCALE;
        let ready = within(config.pacing_burst_us);
        let always = packet.saturating_mul(u64::from(config.pacing_burst_packets_min));
        let most = u64::from(config.pacing_burst_bytes).max(packet);
        let burst = ready.max(always).min(most).max(packet);
        Self {
            rate,
            // A small packet need not wait until a full one could go: see `Pacer::on_sent`.
            least: ready.min(most).max(packet.min(LEAST_BYTES)),
            depth: burst.max(within(config.pacing_slack_us)),
        }
    }
}

impl Pacer {
    /// A full bucket.
    pub(super) const fn new(now: Time) -> Self {
        Self {
            tokens: i64::MAX,
            filled_at: now,
            until: None,
        }
    }

    /// When sending goes on; none if the pacer refused nothing.
    pub(super) fn until(&self) -> Option<Time> {
        self.until
    }

    /// Lets go what was refused, if it is time.
    pub(super) fn on_deadline(&mut self, now: Time) {
        self.until.take_if(|until| *until <= now);
    }

    /// Lets a packet go, or tells when to ask again. What was refused stays refused until the
    /// deadline, however often one asks.
    pub(super) fn release(&mut self, now: Time, bucket: &Bucket) -> Result<(), Time> {
        if let Some(until) = self.until {
            return Err(until);
        }
        let new = now.since_us(self.filled_at).saturating_mul(bucket.rate);
        let depth = signed(bucket.depth.saturating_mul(SCALE));
        self.tokens = self.tokens.saturating_add(signed(new)).min(depth);
        self.filled_at = self.filled_at.max(now);
        let missing = signed(bucket.least.saturating_mul(SCALE)).saturating_sub(self.tokens);
        let missing = u64::try_from(missing).unwrap_or(0);
        if missing == 0 {
            return Ok(());
        }
        let until = now.plus_us(missing.div_ceil(bucket.rate));
        self.until = Some(until);
        Err(until)
    }

    /// Takes what was sent out of the bucket. What was not there is owed.
    pub(super) fn on_sent(&mut self, bytes: u64) {
        let tokens = signed(bytes.saturating_mul(SCALE));
        self.tokens = self.tokens.saturating_sub(tokens);
    }

    /// The same for a packet that nobody waited for: nothing is owed for it.
    pub(super) fn on_extra_sent(&mut self, bytes: u64) {
        let tokens = signed(bytes.saturating_mul(SCALE));
        let least = self.tokens.min(0);
        self.tokens = self.tokens.saturating_sub(tokens).max(least);
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
