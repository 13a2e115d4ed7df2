use crate::{base::Time, flow::Config};

/// No round trip is taken for longer.
const LONGEST_US: u64 = 1 << 24;

/// The round trip of a path without a queue: the shortest that was seen. A path may change, so it
/// must be seen again from time to time; whoever keeps no queue does without asking, and for
/// others the window is halved until it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trip {
    period_us: u64,
    minimum_us: u64,
    /// When it was last seen.
    seen_at: Time,
    renewal: Renewal,
}

#[derive(Clone, Copy, Debug)]
enum Renewal {
    /// It was seen of late.
    No,
    /// The queue goes away.
    Emptying,
    /// It is gone since then: the shortest seen meanwhile is the path's.
    Empty { since: Time, shortest_us: u64 },
}

impl Trip {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            period_us: u64::from(config.round_trip_renewal_ms) * 1000,
            minimum_us: LONGEST_US,
            seen_at: Time::ZERO,
            renewal: Renewal::No,
        }
    }

    pub(super) const fn minimum_us(&self) -> u64 {
        self.minimum_us
    }

    /// When it was last seen.
    pub(super) const fn seen_at(&self) -> Time {
        self.seen_at
    }

    /// True while no more than half of what fits on the wire should be in flight.
    pub(super) const fn is_renewing(&self) -> bool {
        match self.renewal {
            Renewal::No => false,
            Renewal::Emptying | Renewal::Empty { .. } => true,
        }
    }

    pub(super) const fn forget(&mut self) {
        (self.minimum_us, self.renewal) = (LONGEST_US, Renewal::No);
    }

    pub(super) fn on_sample(&mut self, now: Time, us: u64) {
        let us = us.clamp(1, LONGEST_US - 1);
        // What is longer by a sixteenth is the same path with a packet or two before ours.
        if us <= self.minimum_us + (self.minimum_us >> 4) {
            self.seen_at = now;
        }
        self.minimum_us = self.minimum_us.min(us);
        if let Renewal::Empty { shortest_us, .. } = &mut self.renewal {
            *shortest_us = us.min(*shortest_us);
        }
    }

    /// Goes on with seeing it again; `empty` tells whether half of what fits is in flight.
    pub(super) fn renew(&mut self, now: Time, empty: bool) {
        match self.renewal {
            Renewal::No => {
                if now.since_us(self.seen_at) > self.period_us {
                    self.renewal = Renewal::Emptying;
                }
            }
            Renewal::Emptying => {
                if empty {
                    let shortest_us = LONGEST_US;
                    let since = now;
                    self.renewal = Renewal::Empty { since, shortest_us };
                }
            }
            Renewal::Empty { since, shortest_us } => {
                if now.since_us(since) >= shortest_us {
                    (self.minimum_us, self.seen_at) = (shortest_us, now);
                    self.renewal = Renewal::No;
                }
            }
        }
    }
}
