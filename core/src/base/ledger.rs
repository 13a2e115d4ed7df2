//! How much memory buffers may take: one account for a whole switch, with a share for each line.
//! It only counts and tells; whoever holds the buffers keeps to what it says.

use serde::{Deserialize, Serialize};

/// How much memory buffers may take. A datagram whose bytes find no room is not acknowledged.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LedgerConfig {
    /// Bytes that all buffers of a switch take at most: what came and was not read, in order or
    /// not, heads, what was written and has not arrived, unread packets, and what lines that are
    /// down have left. One buffer that grows stands there twice for a moment.
    pub switch_bytes: u64,
    /// Bytes that the buffers of one line take at most.
    pub line_bytes: u64,
    /// Bytes that every line may take whatever the others do. It is set aside for as many lines as
    /// there can be, so this times their number is at most half of `switch_bytes`.
    pub line_least_bytes: u64,
    /// Percent of what there is from which on windows do not grow, streams are refused, and the
    /// own writers wait. The rest is for what peers may send already: at least 2 KiB of every
    /// `line_least_bytes`, or two ends could wait for each other for ever.
    pub near_percent: u8,
}

impl Default for LedgerConfig {
    fn default() -> Self {
        Self {
            switch_bytes: 512 << 20,
            line_bytes: 64 << 20,
            line_least_bytes: 32 << 10,
            near_percent: 75,
        }
    }
}

impl LedgerConfig {
    /// The buffer that the bytes of one packet take: so much of every least is for what comes,
    /// whatever our own side has taken. Two ends whose writers could take all would wait for each
    /// other for ever.
    pub const ARRIVING_BYTES: u64 = 2_048;

    /// Tells the first field with an illegal value, for a switch of so many lines whose longest
    /// head takes a buffer of so many bytes.
    ///
    /// # Errors
    /// The name of the field.
    pub fn check(&self, lines: u64, head_bytes: u64) -> Result<(), &'static str> {
        let least_bytes = self.line_least_bytes;
        if !(1..=100).contains(&self.near_percent) {
            return Err("ledger.near_percent");
        }
        if part(least_bytes, self.near_percent) < head_bytes {
            return Err("ledger.line_least_bytes");
        }
        if least_bytes - part(least_bytes, self.near_percent) < Self::ARRIVING_BYTES {
            return Err("ledger.near_percent");
        }
        if self.line_bytes < least_bytes {
            return Err("ledger.line_bytes");
        }
        if least_bytes.saturating_mul(lines) > self.switch_bytes / 2 {
            return Err("ledger.switch_bytes");
        }
        Ok(())
    }
}

/// What one line takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Share {
    held: u64,
    promised: u64,
}

impl Share {
    /// Bytes that the line was last said to take.
    pub const fn held_bytes(&self) -> u64 {
        self.held
    }
}

/// How far the buffers of a line may go for now. All but `raise` are counted from nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// What comes may make them take this many bytes.
    pub most: u64,
    /// What our own side starts may make them take this many bytes, and beyond it no stream of the
    /// peer's is let in.
    pub near: u64,
    /// Bytes by which the credit promised beyond the first may grow.
    pub raise: u64,
}

impl Limits {
    /// No limits.
    pub const NONE: Self = Self {
        most: u64::MAX,
        near: u64::MAX,
        raise: u64::MAX,
    };
}

/// The account of a switch. A line takes what it needs first of its least, which is set aside, and
/// then of what is common to all.
#[derive(Debug)]
pub struct Ledger {
    config: LedgerConfig,
    /// What is near of the least of a line, of its most, and of what is common.
    near_least: u64,
    near_line: u64,
    near_common: u64,
    /// What is common to all lines, and how much of it is taken.
    common: u64,
    taken: u64,
    held: u64,
    promised: u64,
}

impl Ledger {
    /// An account for at most so many lines.
    pub const fn new(config: LedgerConfig, lines: u64) -> Self {
        let aside = config.line_least_bytes.saturating_mul(lines);
        let common = config.switch_bytes.saturating_sub(aside);
        Self {
            near_least: part(config.line_least_bytes, config.near_percent),
            near_line: part(config.line_bytes, config.near_percent),
            near_common: part(common, config.near_percent),
            common,
            config,
            taken: 0,
            held: 0,
            promised: 0,
        }
    }

    /// Bytes that all buffers take.
    pub const fn held_bytes(&self) -> u64 {
        self.held
    }

    /// Bytes that peers may still send because they were told so, beyond what every line allows
    /// from the first.
    pub const fn promised_bytes(&self) -> u64 {
        self.promised
    }

    /// True if what is common is nearly taken.
    pub const fn is_near(&self) -> bool {
        self.taken >= self.near_common
    }

    /// A line takes so many bytes now, and promises so many.
    pub fn settle(&mut self, share: &mut Share, held: u64, promised: u64) {
        self.held = self.held + held - share.held;
        self.promised = self.promised + promised - share.promised;
        self.taken = self.taken + self.beyond(held) - self.beyond(share.held);
        *share = Share { held, promised };
        debug_assert!(held <= self.config.line_bytes, "a line takes too much");
        debug_assert!(self.taken <= self.common, "the lines take too much");
        debug_assert!(self.held <= self.config.switch_bytes, "so does the switch");
    }

    /// How far the line of this share may go.
    pub fn limits(&self, share: &Share) -> Limits {
        let LedgerConfig {
            line_bytes,
            line_least_bytes: least,
            ..
        } = self.config;
        let beyond = self.beyond(share.held);
        let most = least + beyond + self.common.saturating_sub(self.taken);
        let left = self.near_common.saturating_sub(self.taken);
        let near = self.near_least + beyond + left;
        let raise_line = self.near_line.saturating_sub(share.held + share.promised);
        Limits {
            most: most.min(line_bytes),
            near: near.min(self.near_line),
            raise: left.saturating_sub(self.promised).min(raise_line),
        }
    }

    const fn beyond(&self, held: u64) -> u64 {
        held.saturating_sub(self.config.line_least_bytes)
    }
}

const fn part(bytes: u64, percent: u8) -> u64 {
    // Divided first, so that no configured number is too large.
    bytes / 100 * percent as u64 + bytes % 100 * percent as u64 / 100
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::base::{Rng, Seed};

    fn config() -> LedgerConfig {
        LedgerConfig {
            switch_bytes: 10_000,
            line_bytes: 5_000,
            line_least_bytes: 400,
            near_percent: 50,
        }
    }

    #[test]
    fn ledger_keeps_its_bound_and_every_least_whatever_lines_take() {
        let mut rng = Rng::new(&Seed::new([4; 32]));
        let mut ledger = Ledger::new(config(), 10);
        let mut shares = [Share::default(); 10];
        for _ in 0..10_000 {
            let n = rng.below(10) as usize;
            let limits = ledger.limits(&shares[n]);
            assert!(limits.most >= 400 && limits.near <= limits.most);
            assert!(limits.near >= 200);
            let held = match rng.below(4) {
                0 => 0,
                1 => shares[n].held / 2,
                2 => limits.most.max(shares[n].held),
                _ => rng.below(limits.most + 1),
            };
            let promised = rng.below(shares[n].promised + limits.raise + 1);
            ledger.settle(&mut shares[n], held, promised);
            let held = shares.iter().map(|share| share.held);
            assert_eq!(held.sum::<u64>(), ledger.held_bytes());
            assert!(ledger.held_bytes() <= 10_000);
            assert!(ledger.promised_bytes() <= 3_000, "half of what is common");
        }
        for share in &mut shares {
            ledger.settle(share, 0, 0);
        }
        assert_eq!((ledger.taken, ledger.held, ledger.promised), (0, 0, 0));
    }

    #[test]
    fn ledger_that_one_line_exhausts_leaves_the_others_their_least() {
        let mut ledger = Ledger::new(config(), 10);
        let (mut greedy, other) = (Share::default(), Share::default());
        let most = ledger.limits(&greedy).most;
        assert_eq!(most, 5_000, "no more than a line may have");
        ledger.settle(&mut greedy, most, 0);
        let limits = ledger.limits(&other);
        assert!(ledger.is_near());
        assert_eq!((limits.most, limits.near, limits.raise), (1_800, 200, 0));
        let mut second = Share::default();
        ledger.settle(&mut second, 1_800, 0);
        assert_eq!(ledger.limits(&other).most, 400);
        assert_eq!(
            ledger.limits(&greedy).most,
            5_000,
            "what it has it may keep"
        );
        ledger.settle(&mut greedy, 0, 0);
        assert!(!ledger.is_near());
    }

    #[test]
    fn ledger_config_that_contradicts_itself_is_refused_by_name() {
        let fine = LedgerConfig::default();
        assert_eq!(fine.check(8_000, 16 << 10), Ok(()));
        let near_percent = LedgerConfig {
            near_percent: 101,
            ..fine
        };
        let nothing_for_what_comes = LedgerConfig {
            near_percent: 95,
            ..fine
        };
        let line_least_bytes = LedgerConfig {
            line_least_bytes: 1_000,
            ..fine
        };
        let line_bytes = LedgerConfig {
            line_bytes: 10_000,
            ..fine
        };
        let switch_bytes = LedgerConfig {
            switch_bytes: 1 << 20,
            ..fine
        };
        let refused = [
            near_percent,
            nothing_for_what_comes,
            line_least_bytes,
            line_bytes,
            switch_bytes,
        ];
        let refused: Vec<_> = refused
            .iter()
            .map(|config| config.check(8_000, 16 << 10).unwrap_err())
            .collect();
        let names = [
            "ledger.near_percent",
            "ledger.near_percent",
            "ledger.line_least_bytes",
            "ledger.line_bytes",
            "ledger.switch_bytes",
        ];
        assert_eq!(refused, names);
    }
}
