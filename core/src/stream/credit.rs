//! Credit that we grant to the peer, for a stream or for the line. Counters only rise: a frame that
//! is lost, repeated or late does no harm.

use super::Misbehaviour;
use crate::{base::Time, wire::VARINT_MAX};

/// What the peer may send, has sent, and what of that was read.
#[derive(Debug)]
pub(super) struct Grant {
    granted: u64,
    /// What was granted from the first.
    first: u64,
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
            first: granted,
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

    /// How far it may still go, beyond what everybody may from the first.
    pub(super) const fn promised(&self) -> u64 {
        (self.granted - self.used).saturating_sub(self.first)
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
    ///
    /// What is promised beyond the first credit grows by no more than `raise`: where memory is short
    /// the window falls back to the first one as it is used, and never below.
    pub(super) fn restore(&mut self, now: Time, bytes: u64, rtt_us: u64, raise: u64) -> bool {
        self.read += bytes;
        debug_assert!(self.read <= self.used, "nothing is read that was not sent");
        let most = (self.first + self.promised()).saturating_add(raise);
        let window = self.window.min(most);
        let gain = (self.read + window).saturating_sub(self.granted);
        let left = self.granted - self.used;
        let is_due = gain >= left && gain * 16 >= window && self.used * 4 >= self.granted;
        if !is_due {
            return false;
        }
        // Half a window in two round trips: the window is what limits the peer, or soon will be.
        let since = now.since_us(self.raised.unwrap_or(now));
        if since < rtt_us.saturating_mul(2) && window == self.window {
            self.window = (self.window * 2).min(self.window_max);
        }
        self.raised = Some(now);
        let window = self.window.min(most);
        self.granted = (self.read + window).clamp(self.granted, VARINT_MAX);
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
        assert!(!grant.restore(at(100), 400, RTT_US, u64::MAX));
        grant.spend(at(100), 100).unwrap();
        assert!(grant.restore(at(200), 100, RTT_US, u64::MAX));
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
        assert!(!grant.restore(at(1), 99, RTT_US, u64::MAX));
        assert!(grant.restore(at(2), 1, RTT_US, u64::MAX));
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
            assert!(grant.restore(at(now), half, RTT_US, u64::MAX));
            windows.push(grant.window());
        }
        assert_eq!(windows, [2000, 4000, 4000, 4000, 6000, 6000]);
    }

    #[test]
    fn stream_credit_larger_than_the_first_is_told_only_to_streams_that_use_it() {
        let mut grant = Grant::new(64 << 10, 256 << 10, 256 << 10);
        grant.spend(at(0), 16 << 10).unwrap();
        assert!(!grant.restore(at(1), (16 << 10) - 1, 0, u64::MAX) || grant.granted() > 64 << 10);
        let mut small = Grant::new(64 << 10, 256 << 10, 256 << 10);
        small.spend(at(0), 10 << 10).unwrap();
        assert!(!small.restore(at(1), 10 << 10, 0, u64::MAX));
    }

    #[test]
    fn stream_credit_where_memory_is_short_falls_back_to_the_first_and_never_stalls() {
        let mut grant = Grant::new(1000, 8000, 8000);
        grant.spend(at(0), 1000).unwrap();
        assert!(grant.restore(at(1), 1000, 0, u64::MAX));
        assert_eq!((grant.granted(), grant.promised()), (9000, 7000));
        let mut now = 1;
        let mut promised = grant.promised();
        for _ in 0..100 {
            now += 1;
            let bytes = (grant.granted() - grant.used()).min(500);
            assert!(bytes > 0, "the peer can always go on");
            grant.spend(at(now), bytes).unwrap();
            grant.restore(at(now), bytes, RTT_US, 0);
            assert!(grant.promised() <= promised);
            promised = grant.promised();
        }
        assert_eq!((promised, grant.window()), (0, 8000));
        assert!(grant.granted() - grant.used() <= 1000);
        grant.spend(at(now), 500).unwrap();
        assert!(grant.restore(at(now), 500, 0, 300));
        assert_eq!(grant.promised(), 300, "as far as there is room");
    }
}
