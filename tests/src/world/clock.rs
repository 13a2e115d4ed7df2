//! The clocks of a host, which need not be right.

use hydroid_core::base::Time;

/// How far the clocks of a host are off.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Clock {
    /// Its timer gains so many millionths.
    pub ticks_ppm: i64,
    /// Its wall clock is ahead by so much.
    pub wall_ahead_ms: i64,
    /// Its wall clock gains so many millionths of true time.
    pub wall_ppm: i64,
}

/// What the timer of a host shows, by what it showed at some time of the world.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ticks {
    world: Time,
    own: Time,
    ppm: i64,
}

const MILLION: i128 = 1_000_000;

impl Ticks {
    /// What it shows.
    pub(super) fn at(&self, now: Time) -> Time {
        let since_us = now.since_us(self.world);
        if self.ppm == 0 {
            return self.own.plus_us(since_us);
        }
        let own_us = i128::from(since_us) * (MILLION + i128::from(self.ppm)) / MILLION;
        self.own.plus_us(u64::try_from(own_us).unwrap_or(u64::MAX))
    }

    /// When it will show this, or more, for the first time.
    pub(super) fn when(&self, own: Time) -> Time {
        let left_us = own.since_us(self.own);
        if self.ppm == 0 || own == Time::NEVER {
            return self.world.plus_us(left_us);
        }
        let rate = MILLION + i128::from(self.ppm);
        let world_us = (i128::from(left_us) * MILLION + rate - 1) / rate;
        self.world
            .plus_us(u64::try_from(world_us).unwrap_or(u64::MAX))
    }

    /// It shows now what it did at `then`, and goes on at this rate.
    pub(super) fn resume(&mut self, now: Time, then: Time, ppm: i64) {
        *self = Self {
            own: self.at(then),
            world: now,
            ppm,
        };
    }

    /// It shows the world's time.
    pub(super) const fn right(now: Time, ppm: i64) -> Self {
        Self {
            world: now,
            own: now,
            ppm,
        }
    }
}
