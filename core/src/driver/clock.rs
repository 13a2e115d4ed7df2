//! When the switch is told the wall time: at the start, then every so often, and at once after the
//! wall clock jumped against the steady one (somebody set it, or the machine slept).

use super::Config;
use crate::base::{Time, Wall};

/// What the switch was last told, and what is due for that.
#[derive(Debug)]
pub(super) struct Clock {
    period_ms: u64,
    jump_ms: u64,
    look_ms: u64,
    told: Option<(Time, Wall)>,
}

impl Clock {
    pub(super) const fn new(config: &Config) -> Self {
        Self {
            period_ms: config.clock_period_ms,
            jump_ms: config.clock_jump_ms,
            look_ms: config.clock_look_ms,
            told: None,
        }
    }

    /// True if the switch is to be told `wall` now; it counts as told then.
    pub(super) fn is_due(&mut self, now: Time, wall: Wall) -> bool {
        let due = self.told.is_none_or(|(at, told)| {
            let elapsed_ms = now.since_us(at) / 1000;
            let expected_ms = told.as_ms().saturating_add(elapsed_ms);
            elapsed_ms >= self.period_ms || wall.as_ms().abs_diff(expected_ms) >= self.jump_ms
        });
        if due {
            self.told = Some((now, wall));
        }
        due
    }

    /// When the clocks are to be compared next: when the next telling is due, or soon if `looks`.
    /// A timer that does not count while the machine sleeps must be short to be of use.
    pub(super) fn next(&self, now: Time, looks: bool) -> Time {
        let told = self
            .told
            .map_or(Time::ZERO, |(at, _)| at.plus_ms(self.period_ms));
        if looks {
            return told.min(now.plus_ms(self.look_ms));
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Wall = Wall::from_ms(1_700_000_000_000);

    fn clock() -> Clock {
        Clock::new(&Config {
            clock_period_ms: 60_000,
            clock_jump_ms: 1_000,
            clock_look_ms: 3_000,
            ..Config::default()
        })
    }

    fn after_ms(ms: u64) -> Wall {
        Wall::from_ms(START.as_ms() + ms)
    }

    #[test]
    fn clock_is_told_at_the_start_and_every_period() {
        let mut clock = clock();
        assert_eq!(clock.next(Time::ZERO, false), Time::ZERO);
        assert!(clock.is_due(Time::from_us(5_000), START));
        assert_eq!(clock.next(Time::ZERO, false), Time::from_us(60_005_000));
        assert_eq!(clock.next(Time::ZERO, true), Time::from_us(3_000_000));
        assert!(!clock.is_due(Time::from_us(60_004_999), after_ms(59_999)));
        assert!(clock.is_due(Time::from_us(60_005_000), after_ms(60_000)));
    }

    #[test]
    fn clock_is_told_after_a_jump_either_way_and_once() {
        for jumped in [START.as_ms() + 3_600_000, START.as_ms() - 2_000] {
            let mut clock = clock();
            assert!(clock.is_due(Time::ZERO, START));
            assert!(!clock.is_due(Time::from_us(1_000_000), after_ms(1_999)));
            assert!(clock.is_due(Time::from_us(1_000_000), Wall::from_ms(jumped)));
            assert!(!clock.is_due(Time::from_us(1_000_000), Wall::from_ms(jumped)));
        }
    }
}
