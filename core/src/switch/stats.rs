//! What is counted: datagrams, bytes, and what was dropped for which reason.

use crate::{lan, line};

/// Counters since the start. They only grow.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Datagrams received.
    pub datagrams_in: u64,
    /// Datagrams handed out to be sent.
    pub datagrams_out: u64,
    /// Bytes of datagrams received.
    pub bytes_in: u64,
    /// Bytes of datagrams handed out.
    pub bytes_out: u64,
    /// Lines that came up.
    pub lines_up: u64,
    /// Times that the keys of a line were renewed.
    pub rekeyed: u64,
    /// Packets without a line dropped because nobody read them.
    pub anonymous_unread: u64,
    /// Lines that ended because the peer broke the protocol.
    pub misbehaved: u64,
    /// Frames skipped because this version does not know them.
    pub frames_skipped: u64,
    /// Packets that the peer's ranges did not show in time.
    pub packets_lost: u64,
    /// Unreliable packets dropped because nobody read them.
    pub packets_unread: u64,
    /// Sealed packets that were not acknowledged, because something in them found no memory.
    pub packets_no_room: u64,
    /// Streams of peers that were refused, for want of memory or because events are not polled.
    pub streams_refused: u64,
    /// Datagrams that the shell could not send.
    pub sent_errors: u64,
    /// Calls whose time was earlier than the call's before; it was taken for the same.
    pub time_backwards: u64,
    /// Sleeps of the machine that were noticed.
    pub sleeps: u64,
    dropped: [u64; DropReason::COUNT],
}

impl Stats {
    /// How many datagrams were dropped for `reason`.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped[reason.index()]
    }

    /// How many datagrams were dropped in all.
    pub fn dropped_in_all(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// The reasons for which datagrams were dropped, and how many for each.
    pub fn drops(&self) -> impl Iterator<Item = (DropReason, u64)> {
        let all = DropReason::all().map(|reason| (reason, self.dropped(reason)));
        all.filter(|(_, count)| *count > 0)
    }

    pub(super) fn drop(&mut self, reason: DropReason) {
        self.dropped[reason.index()] += 1;
    }
}

/// Why a stranger's datagram was dropped. Nothing else came of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DropReason {
    /// It is no packet: shorter than its length says, or empty.
    NoPacket,
    /// Its head is of no kind that this version knows.
    UnknownHead,
    /// The caller has so many events to read that no stranger is let in.
    EventsFull,
    /// The line room refused it.
    Line(line::Dropped),
    /// It is an announcement that was not heard.
    Lan(lan::Unheard),
}

impl DropReason {
    const OWN: usize = 3;
    const LAN: usize = Self::OWN + line::Dropped::COUNT;
    const COUNT: usize = Self::LAN + lan::Unheard::ALL.len();

    /// All of them, in the order of their index.
    fn all() -> impl Iterator<Item = Self> {
        let own = [Self::NoPacket, Self::UnknownHead, Self::EventsFull];
        let lines = line::Dropped::ALL.into_iter().map(Self::Line);
        let lan = lan::Unheard::ALL.into_iter().map(Self::Lan);
        own.into_iter().chain(lines).chain(lan)
    }

    /// A word for logs and figures, which stays the same.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoPacket => "no_packet",
            Self::UnknownHead => "unknown_head",
            Self::EventsFull => "events_full",
            Self::Line(dropped) => dropped.code(),
            Self::Lan(unheard) => unheard.code(),
        }
    }

    const fn index(self) -> usize {
        match self {
            Self::NoPacket => 0,
            Self::UnknownHead => 1,
            Self::EventsFull => 2,
            Self::Line(dropped) => Self::OWN + dropped as usize,
            Self::Lan(unheard) => Self::LAN + unheard as usize,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use super::*;

    #[test]
    fn stats_name_every_reason_once_and_tell_the_counted_ones() {
        let mut stats = Stats::default();
        let reasons: alloc::vec::Vec<_> = DropReason::all().collect();
        assert_eq!(reasons.len(), DropReason::COUNT);
        for (at, reason) in reasons.iter().enumerate() {
            assert_eq!(reason.index(), at);
        }
        let codes: BTreeSet<_> = reasons.iter().map(|one| one.code()).collect();
        assert_eq!(codes.len(), DropReason::COUNT);
        assert_eq!(stats.drops().count(), 0);
        let refused = DropReason::Line(line::Dropped::Refused);
        stats.drop(refused);
        stats.drop(refused);
        assert!(stats.drops().eq([(refused, 2)]));
    }
}
