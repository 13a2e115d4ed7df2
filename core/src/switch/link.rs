//! All that a switch keeps for one line: its flow, its streams, who holds it, how it ends.

use alloc::{boxed::Box, string::String, sync::Arc};

use super::{
    DownReason, LineId, LineState, Peer, branch::Branch, packets::Packets, system::System,
    wants::Wants,
};
use crate::{
    base::{Deadline, Share, Slot, Time, Why},
    flow::{self, Allowance, Flow},
    line::Who,
    stream::{self, Streams},
};

/// What one sealed packet carried, for the day when its fate is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Carried {
    /// Something of a stream, or of the credit of streams.
    Stream(stream::Carried),
    /// Our ranges up to this counter.
    Ranges(u64),
    /// Our rekey.
    Rekey,
    /// Our answer to a rekey.
    Rekeyed,
    /// A ping; whether it arrived is all there is to know.
    Ping,
    /// An unreliable packet: nobody asks what became of it.
    Packet,
}

/// One line and what belongs to it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) id: LineId,
    /// Who it is between.
    pub(super) who: Arc<Who>,
    /// True if we opened the line.
    pub(super) ours: bool,
    pub(super) phase: Phase,
    pub(super) wants: Wants,
    pub(super) flow: Flow<Carried>,
    pub(super) streams: Streams,
    /// Those of them that are the switch's own.
    pub(super) system: System,
    /// Unreliable packets to send, and unread ones.
    pub(super) packets: Packets,
    /// It was told that some came, and nobody has found none since.
    pub(super) packets_told: bool,
    /// What the line takes of the ledger.
    pub(super) share: Share,
    /// It stands among those that wait for memory.
    pub(super) starves: bool,
    /// When something authentic came last.
    pub(super) heard: Time,
    /// When the machine woke last: a silence that it slept through does not count.
    pub(super) woken: Time,
    /// When something authentic came or something was sent last.
    pub(super) moved: Time,
    /// Nothing moved for long enough, and the line was put to rest.
    pub(super) rested: bool,
    /// A ping is to go out.
    pub(super) ping: bool,
    /// A rekey of ours, and an answer to the peer's, are to go out.
    pub(super) rekey: bool,
    pub(super) rekeyed: bool,
    /// The keys are used up: nothing can go out before they are renewed.
    pub(super) exhausted: bool,
    /// Bytes of streams came, and nothing was asked since.
    pub(super) receiving: bool,
    /// The link stands in the queue of those that may have something to send.
    pub(super) queued: bool,
    /// Why the timer of the link is set.
    pub(super) why: Why,
}

/// What a link may send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Grant {
    /// Nothing now.
    Nothing,
    /// Ranges, or the end: what asks for no answer.
    Ranges,
    /// Anything.
    Anything,
}

/// Where a line is in its life.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Our `open` is on its way.
    Connecting {
        /// The line room's slot.
        line: Slot,
    },
    /// Open.
    Up {
        /// The line room's slot.
        line: Slot,
    },
    /// We are closing: first what was written arrives, then the end is told.
    Closing {
        /// The line room's slot.
        line: Slot,
        /// When the end is told even if not everything has arrived.
        by: Time,
        /// The end, as the peer and our own user will see it.
        end: Box<End>,
    },
    /// No more; what had come can be read.
    Down(DownReason),
}

/// How we end a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct End {
    pub(super) code: u64,
    pub(super) reason: String,
    pub(super) down: DownReason,
}

/// The periods of a link, in microseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Periods {
    pub(super) keep_alive_us: u64,
    pub(super) lull_us: u64,
    pub(super) idle_us: u64,
    pub(super) unheld_us: u64,
    pub(super) rest_us: u64,
}

impl Link {
    /// The other end.
    pub(super) fn peer(&self) -> Peer {
        Peer {
            hashname: self.who.peer_hashname,
            key: self.who.peer,
        }
    }

    /// The line room's slot, while there is one.
    pub(super) const fn line(&self) -> Option<Slot> {
        match self.phase {
            Phase::Connecting { line } | Phase::Up { line } | Phase::Closing { line, .. } => {
                Some(line)
            }
            Phase::Down(_) => None,
        }
    }

    /// What is said on the line for a tree.
    pub(super) fn branch_mut(&mut self) -> Option<&mut Branch> {
        self.system.branch_mut()
    }

    /// True if a tree has left what came of its link, since it was too much.
    pub(super) fn is_left(&mut self) -> bool {
        self.branch_mut().is_some_and(|branch| branch.left)
    }

    /// The phase as the caller sees it.
    pub(super) const fn state(&self) -> LineState {
        match self.phase {
            Phase::Connecting { .. } => LineState::Connecting,
            Phase::Up { .. } => LineState::Up,
            Phase::Closing { .. } => LineState::Closing,
            Phase::Down(_) => LineState::Down,
        }
    }

    /// True if sealed packets can go out.
    pub(super) const fn can_seal(&self) -> bool {
        matches!(self.phase, Phase::Up { .. } | Phase::Closing { .. })
    }

    /// True if the line is down and nothing that had come is left to read.
    pub(super) fn is_read_out(&self) -> bool {
        matches!(self.phase, Phase::Down(_))
            && self.streams.is_empty()
            && self.packets.unread().is_none()
    }

    /// True if the peer broke the protocol, or a membership ended: nothing that it says counts any
    /// more.
    pub(super) fn is_condemned(&self) -> bool {
        match &self.phase {
            Phase::Closing { end, .. } => {
                matches!(end.down, DownReason::Misbehaved(_) | DownReason::Revoked)
            }
            Phase::Connecting { .. } | Phase::Up { .. } | Phase::Down(_) => false,
        }
    }

    /// True if the end may be told now.
    pub(super) fn end_is_due(&self, now: Time) -> bool {
        match &self.phase {
            Phase::Closing { by, .. } => {
                *by <= now || (self.streams.is_settled() && self.packets.out().is_none())
            }
            Phase::Connecting { .. } | Phase::Up { .. } | Phase::Down(_) => false,
        }
    }

    /// True if ranges are owed that go before the end: what came counts as come. They have a packet
    /// of their own, since the last one must be short to answer all that still comes.
    pub(super) fn tells_before_end(&self) -> bool {
        self.flow.owes_ranges() && !self.is_condemned()
    }

    /// True if there is something that wants to be in an eliciting packet.
    pub(super) fn has_content(&self) -> bool {
        self.ping
            || self.rekey
            || self.rekeyed
            || self.streams.has_output()
            || self.packets.out().is_some()
    }

    /// What may go out now: nothing, what owes nobody an answer, or anything.
    pub(super) fn grant(&mut self, now: Time) -> Grant {
        if !self.can_seal() || self.exhausted {
            return Grant::Nothing;
        }
        let asked = self.flow.probes_owed() > 0 || self.has_content();
        if asked
            && matches!(
                self.flow.allowance(now),
                Allowance::Packet | Allowance::Probes(_)
            )
        {
            return Grant::Anything;
        }
        if self.end_is_due(now) || self.flow.ranges_due(now) {
            return Grant::Ranges;
        }
        Grant::Nothing
    }

    /// True if somebody holds the line.
    pub(super) fn is_held(&self) -> bool {
        self.wants.any() || self.streams_held() > 0
    }

    /// The application's streams that live.
    pub(super) fn streams_held(&self) -> usize {
        self.streams.count() - self.system.count(&self.streams)
    }

    /// What is due when, the flow's own deadlines and those of the line's life.
    pub(super) fn deadline(&self, now: Time, periods: &Periods) -> Option<Deadline> {
        let life = match &self.phase {
            Phase::Connecting { .. } | Phase::Down(_) => return None,
            // An end that is due is output that waits, and nothing comes after it.
            Phase::Closing { .. } if self.end_is_due(now) => return None,
            Phase::Closing { by, .. } => Deadline::new(*by, Why::Closing),
            Phase::Up { .. } => self.life_deadline(periods),
        };
        if self.exhausted {
            // What the flow asks for cannot be sent.
            return Some(life);
        }
        let rest = self.rest_at(periods).map(|at| Deadline::new(at, Why::Rest));
        let again = self.system.deadline();
        let again = again.map(|at| Deadline::new(at, Why::KeepAlive));
        let life = Deadline::earlier(Deadline::earlier(Some(life), again), rest);
        Deadline::earlier(life, self.flow.deadline())
    }

    /// When the line is put to rest; once, until something moves again.
    pub(super) fn rest_at(&self, periods: &Periods) -> Option<Time> {
        let is_quiet = matches!(self.phase, Phase::Up { .. })
            && self.flow.is_at_rest()
            && !self.ping
            && !self.rested;
        is_quiet.then(|| self.moved.plus_us(periods.rest_us))
    }

    /// Something came or was sent.
    pub(super) const fn on_moved(&mut self, now: Time) {
        (self.moved, self.rested) = (now, false);
    }

    /// What the line's life asks for at `now`, if it is due.
    pub(super) fn life_due(&self, now: Time, periods: &Periods) -> Option<Why> {
        match self.phase {
            Phase::Up { .. } => {
                let deadline = self.life_deadline(periods);
                (deadline.at <= now).then_some(deadline.why)
            }
            Phase::Connecting { .. } | Phase::Closing { .. } | Phase::Down(_) => None,
        }
    }

    fn life_deadline(&self, periods: &Periods) -> Deadline {
        let quiet = self.heard.max(self.woken);
        if !self.is_held() && self.flow.bytes_in_flight() == 0 {
            return Deadline::new(quiet.plus_us(periods.unheld_us), Why::Idle);
        }
        // Whoever holds streams of the switch's own looks after its peer itself.
        let is_lull = self.receiving && self.streams_held() > 0;
        let quiet_us = if is_lull {
            periods.lull_us.min(periods.keep_alive_us)
        } else {
            periods.keep_alive_us
        };
        let alive = quiet.plus_us(quiet_us);
        if self.ping || self.flow.bytes_in_flight() > 0 {
            // A probe is on its way already: all that is left is to give up.
            return Deadline::new(quiet.plus_us(periods.idle_us), Why::Idle);
        }
        Deadline::new(alive, Why::KeepAlive)
    }
}

impl Carried {
    /// True if the peer must answer a packet with this in it by ranges.
    pub(super) const fn elicits(&self) -> bool {
        match self {
            Self::Stream(_) | Self::Ping | Self::Packet | Self::Rekey | Self::Rekeyed => true,
            Self::Ranges(_) => false,
        }
    }

    /// What was carried of a stream.
    pub(super) const fn stream(&self) -> Option<stream::Carried> {
        match self {
            Self::Stream(part) => Some(*part),
            Self::Ranges(_) | Self::Ping | Self::Packet | Self::Rekey | Self::Rekeyed => None,
        }
    }
}

/// The fates of what packets carried, kept to be used again.
pub(super) type Fates = alloc::vec::Vec<(flow::Fate, Carried)>;
