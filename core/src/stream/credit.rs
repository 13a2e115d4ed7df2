//! Credit that we grant to the peer, for a stream or for the line. Counters only rise: a frame that
//! is lost, repeated or late does no harm.

use super::Misbehaviour;
use crate::{base::Time, wire::VARINT_MAX};

/// What the peer may send, has sent, and what of that was read.
#[derive(Debug)]
pub(super) struct Grant {
    granted: u64,
    used: u64,
    read: u64,
    window: u64,
    window_max: u64,
    /// When it was last raised; before that, when it was first used.
    raised: Option<Time>,
}

impl Grant {
    pub(super) const fn new(granted: u64, window: u64, window_max: u64) -> Self {
        Self {
            granted,
            used: 0,
            read: 0,
            window,
            window_max,
            raised: None,
        }
    }

    /// How far the peer may go.
    pub(super) const fn granted(&self) -> u64 {
        self.granted
    }

    /// How far it went.
    pub(super) const fn used(&self) -> u64 {
        self.used
    }

    /// True if it may go on by `bytes`.
    pub(super) const fn allows(&self, bytes: u64) -> bool {
        bytes <= self.granted - self.used
    }

    /// The peer goes on by `bytes`.
    pub(super) fn spend(&mut self, now: Time, bytes: u64) -> Result<(), Misbehaviour> {
        if !self.allows(bytes) {
            return Err(Misbehaviour::CreditExceeded);
        }
        self.used += bytes;
        self.raised.get_or_insert(now);
        Ok(())
    }

    /// `bytes` more were read or dropped. True if that raised the credit, so that the peer is to be
    /// told.
    ///
    /// It is raised when the peer gets at least as much by it as it has left, so half a window
    /// ahead of need where the reader keeps up; but not by crumbs of a window that stays nearly
    /// full, and not on a stream that has used little of what every stream has.
    pub(super) fn restore(&mut self, now: Time, bytes: u64, rtt_us: u64) -> bool {
        self.read += bytes;
        debug_assert!(self.read <= self.used, "nothing is read that was not sent");
        let gain = (self.read + self.window).saturating_sub(self.granted);
        let left = self.granted - self.used;
        let is_due = gain >= left && gain * 16 >= self.window && self.used * 4 >= self.granted;
        if !is_due {
            return false;
        }
        // Half a window in two round trips: the window is what limits the peer, or soon will be.
        let since = now.since_us(self.raised.unwrap_or(now));
        if since < rtt_us.saturating_mul(2) {
            self.window = (self.window * 2).min(self.window_max);
        }
        self.raised = Some(now);
        self.granted = (self.read + self.window).clamp(self.granted, VARINT_MAX);
        true
    }

    #[cfg(test)]
    pub(super) const fn window(&self) -> u64 {
        self.window
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT_US: u64 = 10_000;

    fn at(ms: u64) -> Time {
        Time::ZERO.plus_ms(ms)
    }

    #[test]
    fn stream_credit_is_raised_half_a_window_ahead() {
        let mut grant = Grant::new(1000, 1000, 1000);
        grant.spend(at(0), 400).unwrap();
        assert!(!grant.restore(at(100), 400, RTT_US));
        grant.spend(at(100), 100).unwrap();
        assert!(grant.restore(at(200), 100, RTT_US));
        assert_eq!((grant.granted(), grant.used()), (1500, 500));
        assert_eq!(
            grant.spend(at(200), 1001),
            Err(Misbehaviour::CreditExceeded)
        );
        assert_eq!(grant.spend(at(200), 1000), Ok(()));
    }

    #[test]
    fn stream_credit_of_a_reader_that_lags_is_not_raised_by_crumbs() {
        let mut grant = Grant::new(1600, 1600, 1600);
        grant.spend(at(0), 1600).unwrap();
        assert!(!grant.restore(at(1), 99, RTT_US));
        assert!(grant.restore(at(2), 1, RTT_US));
        assert_eq!(grant.granted(), 1700);
    }

    #[test]
    fn stream_credit_window_doubles_while_it_limits_the_peer() {
        let mut grant = Grant::new(1000, 1000, 6000);
        let mut now = 0;
        let mut windows = alloc::vec::Vec::new();
        for period_ms in [19, 19, 20, 21, 5, 5] {
            now += period_ms;
            let half = grant.granted() - grant.used() - grant.window() / 2;
            grant.spend(at(now - period_ms), half).unwrap();
            assert!(grant.restore(at(now), half, RTT_US));
            windows.push(grant.window());
        }
        assert_eq!(windows, [2000, 4000, 4000, 4000, 6000, 6000]);
    }

    #[test]
    fn stream_credit_larger_than_the_first_is_told_only_to_streams_that_use_it() {
        let mut grant = Grant::new(64 << 10, 256 << 10, 256 << 10);
        grant.spend(at(0), 16 << 10).unwrap();
        assert!(!grant.restore(at(1), (16 << 10) - 1, 0) || grant.granted() > 64 << 10);
        let mut small = Grant::new(64 << 10, 256 << 10, 256 << 10);
        small.spend(at(0), 10 << 10).unwrap();
        assert!(!small.restore(at(1), 10 << 10, 0));
    }
}
