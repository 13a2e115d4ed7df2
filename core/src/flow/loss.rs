use alloc::vec::Vec;

use super::{
    Config, Fate,
    rtt::Rtt,
    sent::Sent,
    size::{Blame, Search, Size},
};
use crate::base::Time;

/// What one search for lost packets found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    /// How many packets.
    pub(super) packets: u32,
    /// How many bytes had those that asked for ranges.
    pub(super) bytes: u64,
    /// When the last lost packet that asked for ranges was sent.
    pub(super) last_sent_at: Option<Time>,
    /// True if everything sent over a long time is lost (RFC 9002 section 7.6).
    pub(super) persistent: bool,
    /// True if some of them may have been too large: smaller ones are sent from now on.
    pub(super) fell: bool,
}

/// A row of packets, one sent after the other, that were all lost.
#[derive(Clone, Copy, Debug)]
struct Row {
    next: u64,
    /// When the first was sent that asked for ranges after a round trip was known.
    from: Option<Time>,
}

/// Which packets are lost: those that were overtaken on this path by enough packets, or by any
/// packet for long enough (RFC 9002 section 6.1). It counts packets of the path, since the
/// counters of a line have holes on each of its paths.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Loss {
    /// The latest packet that arrived.
    overtaker: Option<u64>,
    at: Option<Time>,
    row: Option<Row>,
}

/// The measures that decide.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measure<'a> {
    pub(super) packets: u64,
    pub(super) overtaken_us: u64,
    pub(super) persistent_us: u64,
    pub(super) rtt: &'a Rtt,
    pub(super) config: &'a Config,
}

impl Loss {
    /// When the next packet is lost if nothing more arrives.
    pub(super) fn at(&self) -> Option<Time> {
        self.at
    }

    /// The packet `ordinal` has arrived.
    pub(super) fn on_arrived(&mut self, ordinal: u64) {
        self.overtaker = self.overtaker.max(Some(ordinal));
    }

    /// Gives the lost packets their fate. Packets are lost in the order in which they were sent,
    /// so the search ends at the first that is not.
    pub(super) fn find<R: Copy>(
        &mut self,
        now: Time,
        measure: &Measure<'_>,
        (sent, search, size): (&mut Sent<R>, &mut Search, &mut Size),
        fates: &mut Vec<(Fate, R)>,
    ) -> Found {
        let mut found = Found::default();
        self.at = None;
        let Some(overtaker) = self.overtaker else {
            return found;
        };
        while let Some(run) = sent.first_open(0..overtaker) {
            let due = |ordinal| sent.packet(ordinal).sent_at.plus_us(measure.overtaken_us);
            let lost = |ordinal| overtaker - ordinal >= measure.packets || due(ordinal) <= now;
            let end = run.clone().find(|ordinal| !lost(*ordinal));
            self.at = end.map(due);
            let end = end.unwrap_or(run.end);
            sent.settle(run.start..end, Fate::Lost, fates, |ordinal, packet| {
                found.packets += 1;
                let lost = (packet.counter, packet.bytes, packet.sent_at);
                let blame = search.on_lost(size, now, lost, measure.config);
                found.fell |= blame == Blame::Fall;
                let is_asking = packet.eliciting && blame != Blame::Size;
                let asked_at = is_asking.then_some(packet.sent_at);
                found.bytes += asked_at.map_or(0, |_| u64::from(packet.bytes));
                found.last_sent_at = asked_at.or(found.last_sent_at);
                found.persistent |= self.on_lost(ordinal, asked_at, measure);
            });
            if self.at.is_some() {
                break;
            }
        }
        found
    }

    /// True if the row that this packet ends is longer than a persistent congestion takes. Between
    /// two packets of a row none arrived: one that did would leave a hole in the ordinals, since
    /// packets are lost in order.
    fn on_lost(&mut self, ordinal: u64, asked_at: Option<Time>, measure: &Measure<'_>) -> bool {
        let mut from = self.row.filter(|r| r.next == ordinal).and_then(|r| r.from);
        let known_at = measure.rtt.first_at();
        if let Some(sent_at) = asked_at.filter(|at| known_at.is_some_and(|known| *at > known)) {
            let start = *from.get_or_insert(sent_at);
            if sent_at.since_us(start) > measure.persistent_us {
                self.row = None;
                return true;
            }
        }
        let next = ordinal + 1;
        self.row = Some(Row { next, from });
        false
    }
}
