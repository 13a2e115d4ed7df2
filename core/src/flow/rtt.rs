use crate::base::Time;

/// The finest period that a timer is trusted with (RFC 9002 section 6.1.2).
pub(super) const GRANULARITY_US: u64 = 1000;

/// A sample is never taken for longer than this (more than an hour), so that nothing overflows.
const SAMPLE_MAX_US: u64 = u32::MAX as u64;

/// A handshake that took longer waited for somebody rather than for the path.
const HANDSHAKE_MAX_US: u64 = 1_000_000;

/// The round trip of one path, estimated as RFC 9002 section 5 says, with shifts.
#[derive(Clone, Copy, Debug)]
pub struct Rtt {
    /// Eight times the smoothed round trip: keeps what a shift by three would lose.
    smoothed_8: u64,
    /// Four times the mean deviation.
    variation_4: u64,
    latest_us: u32,
    minimum_us: u64,
    /// `Time::NEVER` while there was no sample.
    first_at: Time,
    /// All that is known is what a handshake took, and somebody may have slept meanwhile.
    assumed: bool,
}

impl Rtt {
    /// An estimate that nothing was measured for.
    pub(super) fn new(initial_us: u64) -> Self {
        let initial_us = initial_us.clamp(1, SAMPLE_MAX_US);
        Self {
            smoothed_8: initial_us * 8,
            variation_4: initial_us * 2,
            latest_us: within(initial_us),
            minimum_us: u64::MAX,
            first_at: Time::NEVER,
            assumed: false,
        }
    }

    /// The handshake took so long: that is the first sample, unless there was one.
    pub(super) fn on_handshake(&mut self, now: Time, took_us: u64) {
        if self.first_at == Time::NEVER {
            self.on_sample(now, took_us.min(HANDSHAKE_MAX_US), 0);
            self.assumed = true;
        }
    }

    /// Takes in a round trip of `sample_us`, of which the peer says that it waited `delay_us`, and
    /// tells what is left of it as far as the peer is believed.
    pub(super) fn on_sample(&mut self, now: Time, sample_us: u64, delay_us: u64) -> u64 {
        let sample_us = sample_us.clamp(1, SAMPLE_MAX_US);
        self.latest_us = within(sample_us);
        self.minimum_us = self.minimum_us.min(sample_us);
        if self.first_at == Time::NEVER {
            self.first_at = now;
            self.begin(sample_us);
            return sample_us;
        }
        // The peer's word may not bring the round trip below what was once seen.
        let adjusted_us = match sample_us.checked_sub(delay_us) {
            Some(adjusted_us) if adjusted_us >= self.minimum_us => adjusted_us,
            _ => sample_us,
        };
        if core::mem::take(&mut self.assumed) && adjusted_us < self.smoothed_us() / 2 {
            self.begin(adjusted_us);
            return adjusted_us;
        }
        let deviation_us = self.smoothed_us().abs_diff(adjusted_us);
        self.variation_4 = self.variation_4 - (self.variation_4 >> 2) + deviation_us;
        self.smoothed_8 = self.smoothed_8 - (self.smoothed_8 >> 3) + adjusted_us;
        adjusted_us
    }

    fn begin(&mut self, sample_us: u64) {
        self.smoothed_8 = sample_us * 8;
        self.variation_4 = sample_us * 2;
    }

    /// After persistent congestion the path may be another one (RFC 9002 section 5.2).
    pub(super) fn forget_minimum(&mut self) {
        self.minimum_us = u64::from(self.latest_us);
    }

    /// When the first sample was taken.
    pub(super) fn first_at(&self) -> Option<Time> {
        (self.first_at != Time::NEVER).then_some(self.first_at)
    }

    /// The smoothed round trip in microseconds, at least 1.
    pub fn smoothed_us(&self) -> u64 {
        (self.smoothed_8 >> 3).max(1)
    }

    /// How long an answer may take, apart from what the peer waits: the probe period of RFC 9002
    /// section 6.2.1 without the peer's delay.
    pub(super) fn answer_us(&self) -> u64 {
        self.smoothed_us() + self.variation_4.max(GRANULARITY_US)
    }

    /// How long after it was sent a packet that was overtaken is lost (RFC 9002 section 6.1.2).
    pub(super) fn overtaken_us(&self, eighths: u8) -> u64 {
        let round_us = self.smoothed_us().max(u64::from(self.latest_us));
        (round_us * u64::from(eighths) / 8).max(GRANULARITY_US)
    }
}

fn within(sample_us: u64) -> u32 {
    u32::try_from(sample_us).unwrap_or(u32::MAX)
}

#[cfg(test)]
impl Rtt {
    /// The last sample in microseconds.
    pub(super) fn latest_us(&self) -> u64 {
        u64::from(self.latest_us)
    }

    /// The shortest sample in microseconds, if any was taken.
    pub(super) fn minimum_us(&self) -> Option<u64> {
        self.first_at().map(|_| self.minimum_us)
    }

    /// The mean deviation in microseconds.
    pub(super) fn variation_us(&self) -> u64 {
        self.variation_4 >> 2
    }
}
