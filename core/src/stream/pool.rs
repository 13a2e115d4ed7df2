//! What the streams of a line share: credit, memory, and the queues of those that have output.

use alloc::collections::VecDeque;

use super::{
    Effect, Misbehaviour,
    config::{Config, LINE_CREDIT_FIRST_BYTES},
    credit::Grant,
    queue::Queue,
    ring::{Memory, WAKES},
};
use crate::base::{Effects, Time};

#[derive(Debug)]
pub(super) struct Pool {
    pub(super) config: Config,
    pub(super) rtt_us: u64,
    pub(super) memory: Memory,

    /// What the peer may send on the whole line.
    grant: Grant,
    pub(super) line_credit_due: bool,
    pub(super) streams_credit_due: bool,
    gaps: u64,

    /// What we may send on the whole line, and have sent.
    allowed: u64,
    sent: u64,
    /// How many bytes of a stream, and of all, may be written and not yet acknowledged now.
    stream_most: u64,
    line_most: u64,
    /// Bytes written and not yet acknowledged.
    pub(super) unacknowledged: u64,
    /// Streams with something written, an end or a reset that is not acknowledged.
    pub(super) unsettled: usize,
    frames_in_flight: u64,

    /// Streams with a reset, a stop or credit to tell.
    pub(super) control: Queue,
    /// Streams with lost bytes or a bare end to send: what needs no credit.
    pub(super) owed: Queue,
    /// Streams with new bytes that their own credit allows.
    pub(super) fresh: Queue,
    /// Streams that wait for room in the line's send buffer.
    writers: VecDeque<u64>,
}

impl Pool {
    pub(super) fn new(config: &Config) -> Self {
        let mut pool = Self {
            stream_most: 0,
            line_most: 0,
            config: config.clone(),
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
            control: Queue::new(u64::MAX),
            owed: Queue::new(config.turn_bytes),
            fresh: Queue::new(config.turn_bytes),
            writers: VecDeque::new(),
        };
        pool.follow(0);
        pool
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
    pub(super) const fn count_gaps(&mut self, before: usize, after: usize) -> bool {
        self.gaps = self.gaps + after as u64 - before as u64;
        after <= before || self.gaps <= self.config.gaps_max
    }

    /// The peer allows us `bytes` on the line.
    pub(super) fn allow(&mut self, bytes: u64) {
        self.allowed = self.allowed.max(bytes);
    }

    /// New bytes that may go out now, as far as the line is concerned.
    pub(super) const fn sendable(&self) -> u64 {
        if self.frames_in_flight >= self.config.frames_in_flight_max {
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

    /// The path carries `window_bytes` in flight: the send buffers follow it.
    pub(super) fn follow(&mut self, window_bytes: u64) {
        let config = &self.config;
        let least = config.send_buffer_stream_initial_bytes;
        let stream = window_bytes.saturating_mul(2).max(least);
        self.stream_most = stream.min(config.send_buffer_stream_max_bytes);
        let least = config.send_buffer_line_initial_bytes;
        let line = window_bytes.saturating_mul(4).max(least);
        self.line_most = line.min(config.send_buffer_line_max_bytes);
    }

    /// Bytes that one stream may have written and not yet acknowledged.
    pub(super) const fn stream_most(&self) -> u64 {
        self.stream_most
    }

    /// Bytes that may still be written to the streams of the line, as far as its own limit is
    /// concerned.
    pub(super) const fn line_room(&self) -> u64 {
        self.line_most.saturating_sub(self.unacknowledged)
    }

    /// Bytes that may still be written to the streams of the line.
    pub(super) fn room(&self) -> u64 {
        self.line_room().min(self.memory.near_room())
    }

    /// True if somebody waits because there is too little memory.
    pub(super) fn lacks_memory(&self) -> bool {
        !self.writers.is_empty() && self.memory.near_room() < WAKES
    }

    /// `id` waits for such room.
    pub(super) fn wait(&mut self, id: u64) {
        self.writers.push_back(id);
    }

    /// The streams that waited, one by one, once it is worth it to wake them.
    pub(super) fn wake(&mut self) -> Option<u64> {
        let is_short = self.line_room() * 8 < self.line_most
            || self.memory.near_room() < WAKES;
        if is_short {
            return None;
        }
        self.writers.pop_front()
    }

    /// `id` waits no longer.
    pub(super) fn unwait(&mut self, id: u64) {
        self.writers.retain(|at| *at != id);
    }

    pub(super) fn fit(&mut self, live: usize) {
        for queue in [&mut self.control, &mut self.owed, &mut self.fresh] {
            queue.fit(live);
        }
    }

    /// Gives up memory that is kept for later.
    pub(super) fn rest(&mut self) {
        self.fit(0);
        self.writers.shrink_to_fit();
    }

    /// The line is no more: nothing goes out.
    pub(super) fn down(&mut self) {
        for queue in [&mut self.control, &mut self.owed, &mut self.fresh] {
            queue.clear();
        }
        self.writers = VecDeque::new();
        self.line_credit_due = false;
        self.streams_credit_due = false;
        self.unsettled = 0;
    }

    pub(super) fn has_output(&self) -> bool {
        self.line_credit_due
            || self.streams_credit_due
            || !self.control.is_empty()
            || !self.owed.is_empty()
            || (!self.fresh.is_empty() && self.sendable() > 0)
    }
}

/// What every call into a stream needs beside the stream.
pub(super) type Fx = Effects<Effect>;
