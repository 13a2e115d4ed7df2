//! When a switch announces itself of its own accord: a burst, and then at intervals that swell and
//! shrink like a sine wave, whose mean grows with the number of switches that were heard, so that a
//! network of hundreds is no louder than one of a few.

use crate::base::{Rng, Time};

/// When the announcements of a burst are due, in milliseconds from its beginning.
const BURST_MS: [u64; 5] = [0, 60, 180, 420, 900];
/// The shortest mean interval.
const MEAN_LEAST_MS: u64 = 4_000;
/// What each switch that was heard adds to the mean, beyond that. Of intervals that swing by three
/// quarters the rate is half as high again as of even ones: so all of them together announce at
/// most five times a second.
const MEAN_EACH_MS: u64 = 320;
/// How long one wave takes.
const WAVE_MS: u64 = 64_000;
/// How far the interval swings, in thousandths of the mean.
const SWING: i64 = 750;
/// A quarter of a sine wave, in thousandths.
const QUARTER: [i64; 17] = [
    0, 98, 195, 290, 383, 471, 556, 634, 707, 773, 831, 882, 924, 957, 981, 995, 1_000,
];

/// The announcements of one switch.
#[derive(Debug)]
pub struct Rhythm {
    /// When the burst began.
    burst_at: Time,
    /// How many of it went out.
    said: usize,
    /// Where in the wave this switch began.
    phase_ms: u64,
    next: Time,
}

impl Rhythm {
    /// A switch that begins now.
    pub fn new(now: Time, rng: &mut Rng) -> Self {
        Self {
            burst_at: now,
            said: 0,
            phase_ms: rng.below(WAVE_MS),
            next: now,
        }
    }

    /// When the next announcement is due.
    pub const fn next(&self) -> Time {
        self.next
    }

    /// The network is another one, or the machine slept: a burst begins.
    pub const fn burst(&mut self, now: Time) {
        (self.burst_at, self.said, self.next) = (now, 0, now);
    }

    /// An announcement went out; `heard` others are on this network.
    pub fn on_said(&mut self, now: Time, heard: usize) {
        self.said = (self.said + 1).min(BURST_MS.len());
        self.next = match BURST_MS.get(self.said) {
            Some(ms) => self.burst_at.plus_ms(*ms).max(now),
            None => now.plus_ms(self.interval_ms(now, heard)),
        };
    }

    fn interval_ms(&self, now: Time, heard: usize) -> u64 {
        let mean_ms = (heard as u64 + 1).saturating_mul(MEAN_EACH_MS);
        let mean_ms = mean_ms.max(MEAN_LEAST_MS);
        let at_ms = (now.as_us() / 1000 + self.phase_ms) % WAVE_MS;
        let thousandths = 1_000 + SWING * sine(at_ms) / 1_000;
        mean_ms.saturating_mul(thousandths.unsigned_abs()) / 1_000
    }
}

/// The sine of a moment of the wave, in thousandths.
fn sine(at_ms: u64) -> i64 {
    let quarter_ms = WAVE_MS / 4;
    let (quarter, within_ms) = (at_ms / quarter_ms, at_ms % quarter_ms);
    let rising_ms = match quarter {
        0 | 2 => within_ms,
        _ => quarter_ms - within_ms,
    };
    let step_ms = quarter_ms / (QUARTER.len() as u64 - 1);
    let at = (rising_ms / step_ms) as usize;
    let low = QUARTER[at];
    let high = QUARTER.get(at + 1).copied().unwrap_or(low);
    let size = low + (high - low) * (rising_ms % step_ms) as i64 / step_ms as i64;
    if quarter < 2 { size } else { -size }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::base::Seed;

    fn rng(n: u16) -> Rng {
        let [a, b] = n.to_be_bytes();
        let mut seed = [0; 32];
        (seed[0], seed[1]) = (a, b);
        Rng::new(&Seed::new(seed))
    }

    /// The moments at which a switch announces itself within so long, in milliseconds.
    fn moments(n: u16, heard: usize, ms: u64) -> Vec<u64> {
        let mut rhythm = Rhythm::new(Time::ZERO, &mut rng(n));
        let mut moments = Vec::new();
        while rhythm.next() < Time::ZERO.plus_ms(ms) {
            let now = rhythm.next();
            moments.push(now.as_us() / 1000);
            rhythm.on_said(now, heard);
        }
        moments
    }

    #[test]
    fn lan_rhythm_begins_with_a_burst_and_goes_on_like_a_wave() {
        let moments = moments(1, 1, 640_000);
        assert_eq!(moments[..5], BURST_MS);
        let intervals: Vec<u64> = moments[5..]
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .collect();
        let (least, most) = (
            intervals.iter().min().unwrap(),
            intervals.iter().max().unwrap(),
        );
        assert!((1_000..1_500).contains(least), "{least}");
        assert!((6_000..=7_000).contains(most), "{most}");
        // One is like the next: nothing jumps from short to long.
        let jumps = intervals.windows(2).map(|pair| pair[0].abs_diff(pair[1]));
        assert!(jumps.max().unwrap() < 3_500);
        // A new network, a new burst.
        let mut rhythm = Rhythm::new(Time::ZERO, &mut rng(2));
        let later = Time::from_us(90_000_000);
        rhythm.burst(later);
        for ms in BURST_MS {
            assert_eq!(rhythm.next(), later.plus_ms(ms));
            rhythm.on_said(rhythm.next(), 7);
        }
    }

    #[test]
    fn lan_rhythm_of_many_is_no_louder_than_of_a_few() {
        const MS: u64 = 1_280_000;
        for count in [2_u16, 5, 12, 13, 50, 200, 500] {
            let said = (0..count).map(|n| {
                let moments = moments(n, usize::from(count) - 1, MS);
                moments.iter().filter(|ms| **ms >= 1_000).count() as u64
            });
            let said: u64 = said.sum();
            assert!(said * 1_000 <= 5 * MS, "{count}: {said} in {MS} ms");
            assert!(
                count < 13 || said * 2_000 >= 5 * MS,
                "{count}: {said} in {MS} ms"
            );
        }
    }
}
