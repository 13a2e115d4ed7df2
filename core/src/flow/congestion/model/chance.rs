use crate::flow::Config;

/// What is learned of a round trip counts a sixteenth less with each one after it.
const FADE_SHIFT: u32 = 4;
/// Shares are kept in 1,024ths.
const SHARE_SHIFT: u32 = 10;

/// What a path loses by itself, however little is sent: as much of it as is usual, up to a bound,
/// is no sign of a full buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chance {
    /// The bound as a share.
    bound: u64,
    all: u64,
    lost: u64,
    /// The share that is lost, at most the bound.
    share: u64,
}

impl Chance {
    pub(super) fn new(config: &Config) -> Self {
        let percent = u64::from(config.loss_tolerated_percent.min(50));
        Self {
            bound: (percent << SHARE_SHIFT) / 100,
            all: 0,
            lost: 0,
            share: 0,
        }
    }

    pub(super) const fn forget(&mut self) {
        (self.all, self.lost, self.share) = (0, 0, 0);
    }

    /// So many bytes arrived in a round trip that no queue was lengthened in, and so many did not.
    pub(super) fn learn(&mut self, arrived: u64, lost: u64) {
        self.all = self.all - (self.all >> FADE_SHIFT) + arrived + lost;
        self.lost = self.lost - (self.lost >> FADE_SHIFT) + lost;
        let share = (self.lost << SHARE_SHIFT).checked_div(self.all);
        self.share = share.unwrap_or(0).min(self.bound);
    }

    /// What must be sent so that so much arrives.
    pub(super) const fn with_lost(&self, arrived: u64) -> u64 {
        // 1 / (1 - share), short of the third power.
        let more = (arrived * self.share) >> SHARE_SHIFT;
        arrived + more + ((more * self.share) >> SHARE_SHIFT)
    }

    /// True if a round trip lost more than chance does: three deviations beyond what is usual, and
    /// more than two packets. While nothing is usual yet, all up to the bound is.
    pub(super) fn is_beyond(&self, arrived: u64, lost: u64, packet: u64, starting: bool) -> bool {
        let share = if starting { self.bound } else { self.share };
        let all = (arrived + lost) / packet;
        let usual = (all * share) >> SHARE_SHIFT;
        lost / packet > usual + (9 * usual).isqrt() + 2
    }
}
