//! What the streams of a line share: credit, memory, and the queues of those that have output.

use alloc::{boxed::Box, sync::Arc};

use super::{
    Effect, Misbehaviour,
    config::{Config, LINE_CREDIT_FIRST_BYTES},
    credit::Grant,
    memory::{Memory, WAKES},
    queue::Queues,
};
use crate::base::{Effects, Time};

#[derive(Debug)]
pub(super) struct Pool {
    pub(super) config: Arc<Config>,
    pub(super) rtt_us: u64,
    pub(super) memory: Memory,

    /// What the peer may send on the whole line.
    grant: Grant,
    pub(super) line_credit_due: bool,
    pub(super) streams_credit_due: bool,
    gaps: u32,

    /// What we may send on the whole line, and have sent.
    allowed: u64,
    sent: u64,
    /// What the path carries in flight, which the send buffers follow.
    pub(super) window_bytes: u64,
    /// Bytes written and not yet acknowledged.
    pub(super) unacknowledged: u64,
    /// Streams with something written, an end or a reset that is not acknowledged.
    pub(super) unsettled: u32,
    frames_in_flight: u32,

    /// None while nobody waits, since the line was at rest last.
    queues: Option<Box<Queues>>,
}

impl Pool {
    pub(super) fn new(config: Arc<Config>) -> Self {
        Self {
            window_bytes: 0,
            rtt_us: 0,
            memory: Memory::new(config.buffers_spare_max_bytes),
            grant: Grant::new(
                LINE_CREDIT_FIRST_BYTES,
                config.line_window_initial_bytes,
                config.line_window_max_bytes,
            ),
            line_credit_due: false,
            streams_credit_due: false,
            gaps: 0,
            allowed: LINE_CREDIT_FIRST_BYTES,
            sent: 0,
            unacknowledged: 0,
            unsettled: 0,
            frames_in_flight: 0,
            queues: None,
            config,
        }
    }

    /// The peer may go on by `bytes` on the line.
    pub(super) const fn line_allows(&self, bytes: u64) -> bool {
        self.grant.allows(bytes)
    }

    /// The peer went on by `bytes` on the line.
    pub(super) fn spend(&mut self, now: Time, bytes: u64) -> Result<(), Misbehaviour> {
        self.grant.spend(now, bytes)
    }

    /// `bytes` that the peer sent were read or dropped.
    pub(super) fn restore(&mut self, now: Time, bytes: u64) {
        let raise = self.memory.limits.raise;
        let before = self.grant.promised();
        self.line_credit_due |= self.grant.restore(now, bytes, self.rtt_us, raise);
        let raised = self.grant.promised().saturating_sub(before);
        self.memory.limits.raise = raise.saturating_sub(raised);
    }

    /// What the peer may send on the line.
    pub(super) const fn line_credit(&self) -> u64 {
        self.grant.granted()
    }

    /// What the peer may send on the line beyond what it could from the first.
    pub(super) const fn promised(&self) -> u64 {
        self.grant.promised()
    }

    /// A stream had `before` gaps and has `after` now. False if that is one too many.
    pub(super) fn count_gaps(&mut self, before: usize, after: usize) -> bool {
        self.gaps = self.gaps + after as u32 - before as u32;
        after <= before || u64::from(self.gaps) <= self.config.gaps_max
    }

    /// The peer allows us `bytes` on the line.
    pub(super) fn allow(&mut self, bytes: u64) {
        self.allowed = self.allowed.max(bytes);
    }

    /// New bytes that may go out now, as far as the line is concerned.
    pub(super) fn sendable(&self) -> u64 {
        if u64::from(self.frames_in_flight) >= self.config.frames_in_flight_max {
            return 0;
        }
        self.allowed - self.sent
    }

    /// A frame went out; `new` of its bytes for the first time.
    pub(super) const fn on_sent(&mut self, new: u64) {
        self.sent += new;
        self.frames_in_flight += 1;
    }

    /// A frame arrived or was lost.
    pub(super) const fn on_landed(&mut self) {
        self.frames_in_flight = self.frames_in_flight.saturating_sub(1);
    }

    /// True if bytes are on their way, or will be without anybody's doing.
    pub(super) fn awaits_arrival(&self) -> bool {
        self.frames_in_flight > 0
            || self.queues().is_some_and(|queues| {
                !queues.owed.is_empty() || (!queues.fresh.is_empty() && self.sendable() > 0)
            })
    }

    /// Bytes that one stream may have written and not yet acknowledged; one that has a gap keeps
    /// what arrived behind it for another round trip or two.
    pub(super) fn stream_most(&self, gap: bool) -> u64 {
        let config = &self.config;
        let halves = if gap { 8 } else { 3 };
        let stream = self.window_bytes.saturating_mul(halves) / 2;
        stream
            .max(config.send_buffer_stream_initial_bytes)
            .min(config.send_buffer_stream_max_bytes)
    }

    /// Bytes that may still be written to the streams of the line, as far as its own limit is
    /// concerned.
    pub(super) fn line_room(&self) -> u64 {
        self.line_most().saturating_sub(self.unacknowledged)
    }

    /// The same, and as much as one turn takes at least.
    pub(super) fn left(&self) -> u64 {
        self.line_room().max(self.config.turn_bytes)
    }

    fn line_most(&self) -> u64 {
        let config = &self.config;
        let line = self.window_bytes.saturating_mul(3);
        line.max(config.send_buffer_line_initial_bytes)
            .min(config.send_buffer_line_max_bytes)
    }

    /// Bytes that may still be written to the streams of the line.
    pub(super) fn room(&self) -> u64 {
        self.line_room().min(self.memory.near_room())
    }

    /// True if somebody waits because there is too little memory.
    pub(super) fn lacks_memory(&self) -> bool {
        let mut queues = self.queues.iter();
        queues.any(|queues| !queues.writers.is_empty()) && self.memory.near_room() < WAKES
    }

    /// `id` waits for such room.
    pub(super) fn wait(&mut self, id: u64) {
        self.queues_mut().writers.push_back(id);
    }

    /// The streams that waited, one by one, once it is worth it to wake them.
    pub(super) fn wake(&mut self) -> Option<u64> {
        let is_short = self.line_room() * 8 < self.line_most() || self.memory.near_room() < WAKES;
        if is_short {
            return None;
        }
        self.queues.as_mut()?.writers.pop_front()
    }

    /// `id` waits no longer.
    pub(super) fn unwait(&mut self, id: u64) {
        if let Some(queues) = &mut self.queues {
            queues.writers.retain(|at| *at != id);
        }
    }

    /// Who waits, if anybody may.
    pub(super) fn queues(&self) -> Option<&Queues> {
        self.queues.as_deref()
    }

    pub(super) fn queues_mut(&mut self) -> &mut Queues {
        let turn_bytes = self.config.turn_bytes;
        let fresh = || Box::new(Queues::new(turn_bytes));
        self.queues.get_or_insert_with(fresh)
    }

    pub(super) fn fit(&mut self, live: usize) {
        if let Some(queues) = &mut self.queues {
            queues.fit(live);
        }
    }

    /// Gives up memory that is kept for later.
    pub(super) fn rest(&mut self) {
        self.queues = self.queues.take().filter(|queues| !queues.is_empty());
        self.fit(0);
    }

    /// The line is no more: nothing goes out.
    pub(super) fn down(&mut self) {
        self.queues = None;
        self.line_credit_due = false;
        self.streams_credit_due = false;
        self.unsettled = 0;
    }

    pub(super) fn has_output(&self) -> bool {
        self.line_credit_due
            || self.streams_credit_due
            || self.queues().is_some_and(|queues| {
                !queues.control.is_empty()
                    || !queues.owed.is_empty()
                    || (!queues.fresh.is_empty() && self.sendable() > 0)
            })
    }
}

/// What every call into a stream needs beside the stream.
pub(super) type Fx = Effects<Effect>;
