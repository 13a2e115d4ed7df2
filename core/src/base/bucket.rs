//! What somebody may cost us: a store that fills at a steady rate.

use super::Time;

/// What one is, in a bucket.
const ONE: u64 = 1_000_000;

/// A store that fills at a steady rate up to a most, and is full at first.
#[derive(Debug)]
pub struct Bucket {
    per_second: u64,
    most: u64,
    level: u64,
    at: Time,
}

impl Bucket {
    /// One that holds `burst` and gets `per_second` back.
    pub fn new(per_second: u32, burst: u32) -> Self {
        let most = u64::from(burst) * ONE;
        Self {
            per_second: per_second.into(),
            most,
            level: most,
            at: Time::ZERO,
        }
    }

    /// Takes `count`, if `left` are left then; false, and nothing is taken, if not.
    pub fn take(&mut self, now: Time, count: u32, left: u32) -> bool {
        let more = now.since_us(self.at).saturating_mul(self.per_second);
        self.level = self.level.saturating_add(more).min(self.most);
        self.at = self.at.max(now);
        let cost = u64::from(count) * ONE;
        let takes = self.level >= cost + u64::from(left) * ONE;
        if takes {
            self.level -= cost;
        }
        takes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_gives_what_it_has_and_gets_back_what_the_time_is_worth() {
        let mut bucket = Bucket::new(4, 10);
        let at = |ms: u64| Time::from_us(ms * 1_000);
        assert!(!bucket.take(at(0), 11, 0) && bucket.take(at(0), 7, 3));
        assert!(!bucket.take(at(0), 1, 3) && bucket.take(at(0), 3, 0));
        // A quarter of a second is worth one, however often it is looked meanwhile.
        for ms in [60, 120, 180, 240] {
            assert!(!bucket.take(at(ms), 1, 0), "{ms}");
        }
        assert!(bucket.take(at(250), 1, 0));
        // Never more than it holds, and time that seems to go back gives nothing.
        assert!(!bucket.take(at(3_600_000), 11, 0) && bucket.take(at(3_600_000), 10, 0));
        assert!(!bucket.take(at(0), 1, 0) && !bucket.take(at(3_600_000), 1, 0));
    }
}
