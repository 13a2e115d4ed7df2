use super::{Congestion, Losses};
use crate::{
    base::Time,
    flow::{Config, Rtt, Sample},
};

/// Fractions of a byte in the Reno estimate: it grows by less than a byte at a time.
const FRACTION_BITS: u32 = 16;
/// No window is larger, so that no product overflows.
const WINDOW_MAX: u64 = 1 << 40;
/// The curve is flat or steep enough beyond this distance from its middle (over an hour).
const DISTANCE_MAX_US: u64 = 1 << 32;
/// Cubic microseconds in a cubic second.
const CUBIC_SECOND: u128 = 1_000_000_000_000_000_000;

/// CUBIC (RFC 9438) in bytes and microseconds: after a loss the window returns along a cubic
/// curve to where the loss was, lingers there, and then probes beyond, whatever the round trip.
#[derive(Clone, Debug)]
pub struct Cubic {
    packet: u64,
    minimum_packets: u64,
    minimum: u64,
    maximum: u64,
    gain_percent: u64,
    slow_start_percent: u64,
    window: u64,
    /// Below this the window doubles each round trip.
    threshold: u64,
    /// Packets sent until then belong to the loss that was already answered.
    recovery_from: Option<Time>,
    /// Bytes that arrived since the window last grew, and that count for growth.
    arrived: u64,
    /// The window at the last loss, or less if that was below the one before it.
    plateau: u64,
    /// The window just before the last loss.
    prior: u64,
    epoch: Option<Epoch>,
}

/// One climb, from the end of a recovery to the next loss.
#[derive(Clone, Copy, Debug)]
struct Epoch {
    start: Time,
    /// The window at which the curve is flat.
    plateau: u64,
    /// How long after the start the curve is flat.
    middle_us: u64,
    /// The window that Reno would have, in fractions of a byte.
    reno: u64,
    /// What the last step towards the curve left over when it was divided by the window.
    rest: u64,
    /// Since when the application, and not the window, has been the limit.
    quiet_since: Option<Time>,
}

impl Cubic {
    /// A path that nothing is known of.
    pub(super) fn new(config: &Config, packet: u64) -> Self {
        let minimum_packets = u64::from(config.window_min_packets).max(1);
        let minimum = packet * minimum_packets;
        let maximum = config.window_max_bytes.min(WINDOW_MAX).max(minimum);
        let initial = packet * u64::from(config.window_initial_packets);
        Self {
            packet,
            minimum_packets,
            minimum,
            maximum,
            gain_percent: u64::from(config.pacing_gain_percent),
            slow_start_percent: u64::from(config.pacing_slow_start_percent),
            window: initial.clamp(minimum, maximum),
            threshold: u64::MAX,
            recovery_from: None,
            arrived: 0,
            plateau: 0,
            prior: 0,
            epoch: None,
        }
    }

    /// A path of which it is known that a window is too much.
    pub(super) fn overrun(now: Time, (packet, minimum_packets): (u64, u64), window: u64) -> Self {
        let minimum = packet * minimum_packets;
        let mut cubic = Self {
            packet,
            minimum_packets,
            minimum,
            maximum: WINDOW_MAX,
            gain_percent: 100,
            slow_start_percent: 100,
            window: window.clamp(minimum, WINDOW_MAX),
            threshold: 0,
            recovery_from: None,
            arrived: 0,
            plateau: 0,
            prior: 0,
            epoch: None,
        };
        cubic.reduce(now);
        cubic
    }

    /// The window is at least this: the next climb begins there.
    pub(super) fn raise(&mut self, window: u64) {
        if self.window < window {
            self.window = window;
            self.epoch = None;
        }
    }

    /// RFC 9438 section 4.6.
    pub(super) fn reduce(&mut self, now: Time) {
        self.recovery_from = Some(now);
        self.prior = self.window;
        // Fast convergence, RFC 9438 section 4.7: a window that no longer reaches the last
        // plateau leaves room for others.
        self.plateau = if self.window < self.plateau {
            self.window * 17 / 20
        } else {
            self.window
        };
        self.threshold = (self.window * 7 / 10).max(self.minimum);
        self.window = self.threshold;
        self.epoch = None;
        self.arrived = 0;
    }

    fn grow(&mut self, now: Time, rtt: &Rtt, arrived: u64) {
        if self.window < self.threshold {
            self.window = (self.window + arrived).min(self.maximum);
            return;
        }
        let mut epoch = match self.epoch {
            Some(epoch) => epoch,
            None => Epoch::new(now, self.window, self.plateau, self.packet),
        };
        epoch.resume(now);
        epoch.reno = epoch
            .reno
            .saturating_add(self.reno_growth(epoch.reno, arrived));
        let reno = epoch.reno >> FRACTION_BITS;
        let since_us = now.since_us(epoch.start);
        let ahead_us = since_us.saturating_add(rtt.smoothed_us());
        let grown = if epoch.at(since_us, self.packet) < reno {
            reno.max(self.window)
        } else {
            // RFC 9438 section 4.2: towards the curve's value a round trip ahead, and by no more
            // than half in one round trip.
            let target = epoch.at(ahead_us, self.packet);
            let target = target.clamp(self.window, self.window + self.window / 2);
            let step = u128::from(target - self.window) * u128::from(arrived);
            let step = step + u128::from(epoch.rest);
            let window = u128::from(self.window);
            epoch.rest = (step % window) as u64;
            self.window + (step / window) as u64
        };
        self.window = grown.min(self.maximum);
        self.epoch = Some(epoch);
    }

    /// RFC 9438 section 4.3: 3 (1 - beta) / (1 + beta) = 9/17 packets for each window, and a whole
    /// packet once the window of the last loss is reached.
    fn reno_growth(&self, reno: u64, arrived: u64) -> u64 {
        let (over, under) = if reno >> FRACTION_BITS < self.prior {
            (9, 17)
        } else {
            (1, 1)
        };
        let bytes = (u128::from(arrived) * u128::from(self.packet) * over) << FRACTION_BITS;
        u64::try_from(bytes / (u128::from(self.window) * under)).unwrap_or(0)
    }
}

impl Congestion for Cubic {
    fn window_bytes(&self) -> u64 {
        self.window
    }

    fn rate(&self, rtt: &Rtt) -> u64 {
        let percent = if self.window < self.threshold {
            self.slow_start_percent
        } else {
            self.gain_percent
        };
        let bytes = self.window.saturating_mul(percent * 10_000);
        bytes / rtt.smoothed_us()
    }

    fn on_arrived(&mut self, sent_at: Time, bytes: u64, filled: bool) {
        let recovering = self.recovery_from.is_some_and(|from| sent_at <= from);
        if filled && !recovering {
            self.arrived = self.arrived.saturating_add(bytes).min(WINDOW_MAX);
        }
    }

    fn on_ranges(&mut self, now: Time, rtt: &Rtt, _: &Sample) {
        match core::mem::take(&mut self.arrived) {
            0 => {
                if let Some(epoch) = &mut self.epoch {
                    epoch.quiet_since.get_or_insert(now);
                }
            }
            arrived => self.grow(now, rtt, arrived),
        }
    }

    fn on_lost(&mut self, now: Time, losses: &Losses) {
        if self
            .recovery_from
            .is_none_or(|from| losses.last_sent_at > from)
        {
            self.reduce(now);
        }
        if losses.persistent {
            self.window = self.minimum;
            self.recovery_from = None;
            self.epoch = None;
        }
    }

    fn set_packet_bytes(&mut self, bytes: u64) {
        self.packet = bytes;
        self.minimum = (bytes * self.minimum_packets).min(self.maximum);
        self.window = self.window.max(self.minimum);
        // The curve is in packets: the climb begins again from where it is.
        self.epoch = None;
    }
}

impl Epoch {
    fn new(start: Time, window: u64, plateau: u64, packet: u64) -> Self {
        let below = plateau.saturating_sub(window);
        // K = cube root of ((W_max - cwnd) / C) seconds, with C = 0.4 packets a cubic second.
        let cube = u128::from(below) * 5 * CUBIC_SECOND / (2 * u128::from(packet));
        Self {
            start,
            plateau: plateau.max(window),
            middle_us: cube_root(cube),
            reno: window << FRACTION_BITS,
            rest: 0,
            quiet_since: None,
        }
    }

    /// Time in which the application was the limit does not count (RFC 9438 section 5.8).
    fn resume(&mut self, now: Time) {
        if let Some(since) = self.quiet_since.take() {
            self.start = self.start.plus_us(now.since_us(since));
        }
    }

    /// The curve: W(t) = C (t - K)^3 + W_max.
    fn at(&self, since_us: u64, packet: u64) -> u64 {
        let distance = u128::from(since_us.abs_diff(self.middle_us).min(DISTANCE_MAX_US));
        let height = distance.pow(3) * u128::from(packet) * 2 / (5 * CUBIC_SECOND);
        let height = u64::try_from(height).unwrap_or(WINDOW_MAX).min(WINDOW_MAX);
        if since_us < self.middle_us {
            self.plateau.saturating_sub(height)
        } else {
            self.plateau + height
        }
    }
}

/// The largest number whose cube is not larger than `number`, bit by bit from the top.
fn cube_root(number: u128) -> u64 {
    let mut root: u128 = 0;
    for bit in (0..42).rev() {
        let larger = root | 1 << bit;
        if larger.pow(3) <= number {
            root = larger;
        }
    }
    root as u64
}

#[cfg(test)]
mod tests;
