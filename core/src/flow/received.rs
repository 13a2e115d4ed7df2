use super::{Config, rtt::GRANULARITY_US};
use crate::{
    base::{Ranges, Time},
    wire::{VARINT_MAX, frame::Writer},
};

/// Ranges are told at least so often in a round trip, where the packets in it suffice.
const TOLD_IN_A_ROUND: u16 = 8;

/// The counters that arrived on this path and what of them the peer must still be told.
#[derive(Clone, Debug)]
pub(super) struct Received {
    counters: Ranges,
    highest_at: Time,
    /// Packets that ask for ranges since ranges were last sent.
    owed: u16,
    owed_since: Time,
    at_once: bool,
    /// The lowest counter that no ranges were sent for.
    untold_from: u64,
    /// When this round trip began, and the packets in it that ask for ranges.
    round_since: Time,
    round_packets: u16,
    /// After so many they are due, or after so long; 0 for what the config says.
    every: u8,
    within_us: u32,
}

impl Received {
    pub(super) const fn new() -> Self {
        Self {
            counters: Ranges::new(),
            highest_at: Time::ZERO,
            owed: 0,
            owed_since: Time::ZERO,
            at_once: false,
            untold_from: u64::MAX,
            round_since: Time::ZERO,
            round_packets: 0,
            every: 0,
            within_us: 0,
        }
    }

    /// A packet arrived, on a path of this round trip if one is known.
    pub(super) fn on_packet(
        &mut self,
        now: Time,
        (counter, eliciting): (u64, bool),
        rtt_us: Option<u64>,
        config: &Config,
    ) {
        // A counter beyond what a frame can tell, or one that came before, changes nothing.
        let next = self.counters.last().map(|run| run.end);
        if counter > VARINT_MAX || self.counters.insert(counter..counter + 1) == 0 {
            return;
        }
        if next.is_none_or(|next| counter >= next) {
            self.highest_at = now;
        }
        if self.counters.runs() > usize::from(config.ranges_runs_max.max(1)) {
            self.counters.pop_first();
        }
        self.untold_from = self.untold_from.min(counter);
        if eliciting {
            self.count(now, rtt_us, config);
            if self.owed == 0 {
                self.owed_since = now;
            }
            self.owed = self.owed.saturating_add(1);
            // A gap, or the end of one, is what the peer waits for (RFC 9000 section 13.2.1).
            self.at_once |= next.is_some_and(|next| counter != next)
                || self.owed >= u16::from(self.every.max(config.ranges_every_packets));
        }
    }

    /// Where many packets come in a round trip, ranges are due after more of them: a part of what
    /// the peer has in flight, so that it never waits for them.
    fn count(&mut self, now: Time, rtt_us: Option<u64>, config: &Config) {
        let Some(rtt_us) = rtt_us else {
            // What another path carried says nothing of one that nothing is known of.
            (self.every, self.within_us) = (0, 0);
            return;
        };
        self.round_packets = self.round_packets.saturating_add(1);
        let round_us = now.since_us(self.round_since);
        if round_us < rtt_us {
            return;
        }
        // What came in a time that was much longer says nothing of one round trip.
        let packets = if round_us < rtt_us * 2 {
            self.round_packets
        } else {
            0
        };
        let most = config.ranges_every_packets_max;
        self.every = u8::try_from(packets / TOLD_IN_A_ROUND)
            .unwrap_or(most)
            .min(most);
        (self.round_since, self.round_packets) = (now, 0);
        // The last of many are told soon, too.
        let soon_us = if self.every > config.ranges_every_packets {
            (rtt_us / 4).max(GRANULARITY_US)
        } else {
            0
        };
        self.within_us = u32::try_from(soon_us).unwrap_or(0);
    }

    /// True if ranges are owed, at once or later.
    pub(super) fn owes(&self) -> bool {
        self.owed > 0
    }

    /// True if ranges must be sent now.
    pub(super) fn is_due(&self, now: Time, config: &Config) -> bool {
        self.owes() && (self.at_once || self.due_at(config) <= now)
    }

    /// When ranges that are owed become due; none if they already are.
    pub(super) fn at(&self, config: &Config) -> Option<Time> {
        (self.owes() && !self.at_once).then(|| self.due_at(config))
    }

    fn due_at(&self, config: &Config) -> Time {
        let most_us = u64::from(config.ranges_delay_ms) * 1000;
        let within_us = match self.within_us {
            0 => most_us,
            within_us => u64::from(within_us).min(most_us),
        };
        self.owed_since.plus_us(within_us)
    }

    /// Makes ranges due whose time has come.
    pub(super) fn on_deadline(&mut self, now: Time, config: &Config) {
        self.at_once |= self.is_due(now, config);
    }

    /// Writes what arrived and tells the highest counter of it; none if nothing fits or arrived.
    pub(super) fn write(
        &mut self,
        now: Time,
        writer: &mut Writer<'_>,
        config: &Config,
    ) -> Option<u64> {
        let delay_us = now.since_us(self.highest_at).min(VARINT_MAX);
        let runs_most = usize::from(config.ranges_runs_max);
        if !writer.ranges(&self.counters, delay_us, runs_most) {
            return None;
        }
        (self.owed, self.at_once, self.untold_from) = (0, false, u64::MAX);
        self.counters.last().map(|run| run.end - 1)
    }

    /// The peer has seen ranges up to `highest`; only what it was not yet told must be kept.
    pub(super) fn on_ranges_arrived(&mut self, highest: u64) {
        let end = highest.saturating_add(1).min(self.untold_from);
        self.counters.remove(0..end);
    }

    /// The path is at rest: where the counters stand, and what was not told, is all that is kept.
    pub(super) fn rest(&mut self) {
        let last = self.counters.last().map_or(0, |run| run.start);
        self.counters.remove(0..last.min(self.untold_from));
        self.counters.shrink_to_fit();
    }

    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.counters.capacity() * 16
    }

    #[cfg(test)]
    pub(super) fn counters(&self) -> &Ranges {
        &self.counters
    }
}
