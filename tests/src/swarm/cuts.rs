//! What may end lines, and until when: held against each end of a line that nobody asked for.

use std::collections::BTreeMap;

use hydroid_core::base::Time;

/// A silence that no line dies of, in milliseconds, if nothing happened just before.
pub(super) const SHORT_MS: u64 = 8_000;
/// A silence that lines die of.
pub(super) const LONG_MS: u64 = 45_000;
/// So long a machine may need to hear where another has gone.
const FOLLOW_MS: u64 = 3_000;

/// For each node the last time at which something happened, or still happens, that ends its lines.
#[derive(Debug)]
pub(super) struct Cuts {
    until: Vec<Time>,
    /// The same for pairs between which something stands.
    between: BTreeMap<(usize, usize), Time>,
    /// When the last silence of any node ended.
    silence: Time,
    /// Who moved lately, and when.
    moves: Vec<(usize, Time)>,
}

impl Cuts {
    pub(super) fn new(nodes: usize) -> Self {
        Self {
            until: vec![Time::ZERO; nodes],
            between: BTreeMap::new(),
            silence: Time::ZERO,
            moves: Vec::new(),
        }
    }

    /// Whatever lines the node has may end for what happens until then.
    pub(super) fn cut(&mut self, node: usize, until: Time) {
        self.until[node] = self.until[node].max(until);
    }

    /// The line between two nodes may end for what happens until then.
    pub(super) fn part(&mut self, one: usize, other: usize, until: Time) {
        let between = self.between.entry(pair(one, other)).or_default();
        *between = until.max(*between);
    }

    /// The last time that counts for the line between two nodes.
    pub(super) fn of(&self, one: usize, other: usize) -> Time {
        let between = self.between.get(&pair(one, other));
        let between = between.copied().unwrap_or_default();
        self.until[one].max(self.until[other]).max(between)
    }

    /// Whatever still happens ends now, but for those who are out for good.
    pub(super) fn end(&mut self, now: Time) {
        let nodes = self.until.iter_mut();
        for until in nodes.chain(self.between.values_mut()) {
            if *until != Time::NEVER {
                *until = now.min(*until);
            }
        }
    }

    /// A node hears nothing for so long. A short silence ends no line, if nothing happened before.
    pub(super) fn silent(&mut self, now: Time, node: usize, ms: u64) {
        let all = self.until.iter().copied();
        let last = all.fold(self.silence, Time::max);
        let alone = last.plus_ms(2 * SHORT_MS) < now;
        let end = now.plus_ms(ms);
        if ms > SHORT_MS || !alone {
            // Until its end, and whatever comes up meanwhile.
            self.cut(node, end);
        }
        self.silence = self.silence.max(end);
    }

    /// A node is somewhere else. Two that move before either has heard of the other may never meet
    /// again.
    pub(super) fn moved(&mut self, now: Time, node: usize) {
        self.moves.retain(|(_, at)| at.plus_ms(FOLLOW_MS) >= now);
        self.moves.push((node, now));
        if self.moves.iter().any(|(other, _)| *other != node) {
            for (moved, _) in self.moves.clone() {
                self.cut(moved, now);
            }
        }
    }
}

fn pair(one: usize, other: usize) -> (usize, usize) {
    (one.min(other), one.max(other))
}
