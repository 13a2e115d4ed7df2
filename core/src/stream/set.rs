//! All streams of a line.

use alloc::{boxed::Box, collections::BTreeMap, sync::Arc};

use super::{
    Effect, Misbehaviour,
    config::Config,
    head,
    ids::{Ids, Known},
    memory::SMALLEST,
    pair::Stream,
    pool::{Fx, Pool},
};
use crate::base::{Limits, Time};

/// The streams of one line.
#[derive(Debug)]
pub struct Streams {
    pub(super) streams: BTreeMap<u64, Box<Stream>>,
    pub(super) ids: Ids,
    pub(super) pool: Pool,
    pub(super) is_down: bool,
    /// A stream was to be opened and there was no room, and there was none since.
    pub(super) open_blocked: bool,
    /// It was the caller's: `open` gave `Blocked`, and neither a stream nor `MayOpen` since.
    pub(super) open_asked: bool,
    /// Streams of the peer's are refused.
    closed: bool,
    /// How many were, since somebody asked.
    refused: u32,
}

impl Streams {
    /// No streams yet. `smaller` tells if our hashname is the smaller of the two; `our_first` and
    /// `peer_first` are the numbers that the ends told each other in the handshake, the peer's
    /// `None` until it came.
    pub fn new(
        config: Arc<Config>,
        smaller: bool,
        our_first: u64,
        peer_first: Option<u64>,
    ) -> Self {
        Self {
            streams: BTreeMap::new(),
            ids: Ids::new(config.streams_max, smaller, our_first, peer_first),
            pool: Pool::new(config),
            is_down: false,
            open_blocked: false,
            open_asked: false,
            closed: false,
            refused: 0,
        }
    }

    /// The peer has told its first number in the handshake.
    pub const fn set_peer_first(&mut self, first: u64) {
        self.ids.set_peer_first(first);
    }

    /// The round-trip time of the path in microseconds, by which windows grow, and the bytes that
    /// it carries in flight, which send buffers follow.
    pub fn set_path(&mut self, rtt_us: u64, window_bytes: u64) {
        (self.pool.rtt_us, self.pool.window_bytes) = (rtt_us, window_bytes);
    }

    /// The number that our next line to this peer begins with.
    pub const fn next_number(&self) -> u64 {
        self.ids.next()
    }

    /// Bytes written that the peer has not acknowledged.
    pub const fn unacknowledged_bytes(&self) -> u64 {
        self.pool.unacknowledged
    }

    /// Bytes that the buffers take, of both directions.
    pub const fn buffered_bytes(&self) -> u64 {
        self.pool.memory.held_bytes()
    }

    /// Bytes that buffers and heads take: what counts against the limits.
    pub const fn charged_bytes(&self) -> u64 {
        self.pool.memory.charged_bytes()
    }

    /// Bytes that the peer may send on the line beyond what it could from the first.
    pub const fn promised_bytes(&self) -> u64 {
        self.pool.promised()
    }

    /// How far buffers may go from now on, and whether streams of the peer's are refused. Where
    /// that is not far, nothing is kept for later.
    pub fn set_limits(&mut self, limits: Limits, closed: bool) {
        self.pool.memory.limits = limits;
        self.closed = closed;
        if self.pool.memory.begrudges_spare() {
            self.give_up_spare();
        }
    }

    /// Bytes that something else of the line may take.
    pub const fn near_room(&self) -> u64 {
        self.pool.memory.near_room()
    }

    /// True if somebody waits for memory.
    pub fn lacks_memory(&self) -> bool {
        let need = self.pool.config.head_buffer_bytes();
        self.pool.lacks_memory() || (self.open_blocked && self.pool.memory.near_room() < need)
    }

    /// Tells those who waited, as far as there is memory for them.
    pub fn on_room(&mut self, fx: &mut Fx) {
        if !self.is_down {
            self.wake_writers(fx);
            self.tell_may_open(fx);
        }
    }

    /// How many streams of the peer's were refused since this was last asked.
    pub const fn take_refused(&mut self) -> u64 {
        core::mem::replace(&mut self.refused, 0) as u64
    }

    /// True if this stream lives.
    pub fn has(&self, id: u64) -> bool {
        self.streams.contains_key(&id)
    }

    /// How many streams live.
    pub fn count(&self) -> usize {
        self.streams.len()
    }

    /// True if no stream lives.
    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// True if everything written, every end and every reset is acknowledged.
    pub const fn is_settled(&self) -> bool {
        self.pool.unsettled == 0
    }

    /// The line is at rest: gives up the memory that is kept for later.
    pub fn rest(&mut self) {
        self.give_up_spare();
        self.pool.rest();
        self.ids.rest();
        if self.streams.is_empty() {
            // An empty map keeps a node of eleven places.
            self.streams = BTreeMap::new();
        }
    }

    fn give_up_spare(&mut self) {
        for stream in self.streams.values_mut() {
            stream.send.rest(&mut self.pool);
            stream.recv.rest(&mut self.pool);
        }
        self.pool.memory.rest();
    }

    pub(super) fn may_open(&self) -> bool {
        let head_max = self.pool.config.head_max_bytes + head::LENGTH_BYTES;
        let has_memory = self.pool.memory.near_room() >= self.pool.config.head_buffer_bytes();
        !self.is_down && self.ids.may_open() && self.pool.line_room() >= head_max && has_memory
    }

    pub(super) fn tell_may_open(&mut self, fx: &mut Fx) {
        if self.open_blocked && self.may_open() {
            self.open_blocked = false;
            if core::mem::take(&mut self.open_asked) {
                fx.push(Effect::MayOpen);
            }
        }
    }

    /// The stream that a frame is about; `None` if it is over.
    pub(super) fn admit(&mut self, id: u64) -> Result<Option<&mut Box<Stream>>, Misbehaviour> {
        match self.ids.admit(id)? {
            Known::Begins => {
                self.pool.streams_credit_due |= self.ids.raise();
                let mut stream = Box::new(Stream::new(id, false, &self.pool.config));
                if self.closed || self.pool.memory.near_room() < SMALLEST {
                    self.refused += 1;
                    stream.refuse(&mut self.pool);
                } else {
                    stream.owe_head(&mut self.pool);
                }
                Ok(Some(self.streams.entry(id).or_insert(stream)))
            }
            Known::Before => Ok(self.streams.get_mut(&id)),
        }
    }

    /// A stream whose head is not there yet finds no memory.
    pub(super) fn refuse(&mut self, now: Time, id: u64) {
        if let Some(stream) = self.streams.get_mut(&id) {
            self.refused += 1;
            stream.recv.stop(now, &mut self.pool);
            stream.refuse(&mut self.pool);
        }
    }

    /// Brings the queues in line with a stream that changed, and lets it go if it is over.
    pub(super) fn settle(&mut self, id: u64, fx: &mut Fx) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        if stream.is_over() {
            self.remove(id);
        } else {
            stream.refresh(&mut self.pool);
        }
        self.tell_may_open(fx);
    }

    pub(super) fn remove(&mut self, id: u64) {
        let Some(mut stream) = self.streams.remove(&id) else {
            return;
        };
        stream.release(&mut self.pool);
        self.pool.streams_credit_due |= self.ids.close(id) && !self.is_down;
        self.pool.fit(self.streams.len());
        self.pool.memory.fit();
    }
}
