//! The peer's direction of a stream: bytes in hand, their order, the head, the end.

use alloc::{boxed::Box, vec};

use super::{
    Misbehaviour, Read, ReadError,
    config::{Config, STREAM_CREDIT_FIRST_BYTES},
    credit::Grant,
    head,
    pool::Pool,
    ring::Ring,
};
use crate::base::{Ranges, Time};

/// The peer's direction of a stream.
#[derive(Debug)]
pub(super) struct Recv {
    /// From the first byte not yet read to the highest that came.
    ring: Ring,
    /// Everything below is in hand.
    ready: u64,
    /// In hand beyond `ready`.
    held: Ranges,
    /// Where the direction ends, once that is known.
    end: Option<u64>,
    grant: Grant,
    head: Option<Box<str>>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Open,
    /// We read no more. Until the end is known, what comes is counted and dropped.
    Stopped,
    /// The peer gave up, and the application has not read that yet.
    Reset(u64),
    /// The application knows how it ended: with the end, or with a reset of this code.
    Over(Option<u64>),
}

impl Recv {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            ring: Ring::default(),
            ready: 0,
            held: Ranges::new(),
            end: None,
            grant: Grant::new(
                STREAM_CREDIT_FIRST_BYTES,
                config.stream_window_initial_bytes,
                config.stream_window_max_bytes,
            ),
            head: None,
            state: State::Open,
        }
    }

    /// The peer's head, once it is there.
    pub(super) fn head(&self) -> Option<&str> {
        self.head.as_deref()
    }

    /// How far the peer may go.
    pub(super) const fn credit(&self) -> u64 {
        self.grant.granted()
    }

    /// True if more can come that anybody wants.
    pub(super) fn wants_more(&self) -> bool {
        self.state == State::Open && self.end.is_none()
    }

    /// True if the application has to learn of nothing more, and everything is accounted for.
    pub(super) fn is_over(&self) -> bool {
        match self.state {
            State::Open | State::Reset(_) => false,
            State::Stopped => self.end.is_some(),
            State::Over(_) => true,
        }
    }

    /// True if `read` has something to give.
    pub(super) fn is_readable(&self) -> bool {
        match self.state {
            State::Open => {
                self.head.is_some()
                    && (self.ready > self.ring.base() || self.end == Some(self.ready))
            }
            State::Reset(_) => true,
            State::Stopped | State::Over(_) => false,
        }
    }

    /// True if there is room for bytes up to `top`, and for the head that they may complete.
    pub(super) fn has_room(&self, top: u64, pool: &Pool) -> bool {
        let more = top.saturating_sub(self.grant.used());
        if self.state != State::Open || !self.grant.allows(more) {
            // It is dropped, or misbehaviour.
            return true;
        }
        let head = match self.head {
            Some(_) => 0,
            None => top.max(self.ring.top()).min(pool.config.head_max_bytes),
        };
        let need = self.ring.growth(top) + head;
        need == 0 || pool.memory.has_room(need)
    }

    /// Bytes came. True if that raised the credit.
    pub(super) fn on_bytes(
        &mut self,
        now: Time,
        offset: u64,
        data: &[u8],
        end: bool,
        pool: &mut Pool,
    ) -> Result<bool, Misbehaviour> {
        let top = offset
            .checked_add(data.len() as u64)
            .ok_or(Misbehaviour::CreditExceeded)?;
        self.reach(now, top, end, pool)?;
        match self.state {
            State::Open => self.keep(now, offset, data, pool),
            State::Stopped => {
                self.skip(now, pool);
                Ok(false)
            }
            State::Reset(_) | State::Over(_) => Ok(false),
        }
    }

    /// The peer has got to `top`, and ends there if `end`: checks that and accounts for it.
    fn reach(
        &mut self,
        now: Time,
        top: u64,
        end: bool,
        pool: &mut Pool,
    ) -> Result<(), Misbehaviour> {
        let used = self.grant.used();
        let is_moved = match self.end {
            Some(at) => top > at || (end && top != at),
            None => end && top < used,
        };
        if is_moved {
            return Err(Misbehaviour::EndMoved);
        }
        let more = top.saturating_sub(used);
        if !self.grant.allows(more) || !pool.line_allows(more) {
            return Err(Misbehaviour::CreditExceeded);
        }
        self.grant.spend(now, more)?;
        pool.spend(now, more)?;
        if end {
            self.end = Some(top);
        }
        Ok(())
    }

    fn keep(
        &mut self,
        now: Time,
        offset: u64,
        data: &[u8],
        pool: &mut Pool,
    ) -> Result<bool, Misbehaviour> {
        let known = usize::try_from(self.ready.saturating_sub(offset)).unwrap_or(usize::MAX);
        if let Some(data) = data.get(known..).filter(|data| !data.is_empty()) {
            let from = offset.max(self.ready);
            let to = from + data.len() as u64;
            self.ring.put(from, data, &mut pool.memory);
            let gaps = self.held.runs();
            if from > self.ready {
                self.held.insert(from..to);
            } else {
                let reached = match self.held.first() {
                    Some(run) if run.start <= to => self.held_to(to),
                    Some(_) | None => to,
                };
                self.ready = reached;
            }
            if !pool.count_gaps(gaps, self.held.runs()) {
                return Err(Misbehaviour::CreditExceeded);
            }
        }
        if self.head.is_none() {
            self.take_head(now, pool)
        } else {
            Ok(false)
        }
    }

    /// Where the bytes in hand end, if those below `to` are; takes what is reached from `held`.
    fn held_to(&mut self, to: u64) -> u64 {
        self.held.remove(self.ready..to);
        match self.held.first() {
            Some(run) if run.start == to => self.held.pop_first().map_or(to, |run| run.end),
            Some(_) | None => to,
        }
    }

    /// Takes the head from the front of the bytes, once it is whole.
    fn take_head(&mut self, now: Time, pool: &mut Pool) -> Result<bool, Misbehaviour> {
        let is_cut = |need: u64, end: Option<u64>| end.is_some_and(|end| end < need);
        if self.ready < head::LENGTH_BYTES {
            let is_cut = is_cut(head::LENGTH_BYTES, self.end);
            return if is_cut {
                Err(Misbehaviour::IllegalHead)
            } else {
                Ok(false)
            };
        }
        let mut length = [0; 2];
        self.ring.copy(0, &mut length);
        let length = u16::from_be_bytes(length);
        let need = head::LENGTH_BYTES + u64::from(length);
        if u64::from(length) > pool.config.head_max_bytes || is_cut(need, self.end) {
            return Err(Misbehaviour::IllegalHead);
        }
        if self.ready < need {
            return Ok(false);
        }
        let mut bytes = vec![0; usize::from(length)];
        self.ring.copy(head::LENGTH_BYTES, &mut bytes);
        self.head = Some(head::take(&bytes, pool.config.head_max_bytes)?);
        pool.memory.take(u64::from(length));
        Ok(self.consume(now, need, pool))
    }

    /// The first `len` bytes are read. True if that raised the credit.
    fn consume(&mut self, now: Time, len: u64, pool: &mut Pool) -> bool {
        self.ring.advance(self.ring.base() + len, &mut pool.memory);
        // The line's own credit may have taken all that there was to promise.
        let raise = pool.memory.limits.raise;
        pool.restore(now, len);
        self.grant.restore(now, len, pool.rtt_us, raise) && self.wants_more()
    }

    /// Drops everything up to where the peer has got to.
    fn skip(&mut self, now: Time, pool: &mut Pool) {
        let base = self.ring.base();
        let unread = self.grant.used() - base;
        self.ring.advance(self.grant.used(), &mut pool.memory);
        self.ready = self.grant.used();
        pool.restore(now, unread);
    }

    /// Drops the bytes and what describes them.
    fn forget(&mut self, now: Time, pool: &mut Pool) {
        self.skip(now, pool);
        self.drop_bytes(pool);
    }

    /// The peer gives up after `size` bytes. True if the application is to know.
    pub(super) fn on_reset(
        &mut self,
        now: Time,
        code: u64,
        size: u64,
        pool: &mut Pool,
    ) -> Result<bool, Misbehaviour> {
        // Whatever is whole and ended already cannot be given up any more.
        let is_whole = self.head.is_some() && self.end == Some(self.ready);
        self.reach(now, size, true, pool)?;
        match self.state {
            State::Open if is_whole => Ok(false),
            State::Open => {
                self.state = State::Reset(code);
                self.forget(now, pool);
                Ok(true)
            }
            State::Stopped => {
                self.skip(now, pool);
                Ok(false)
            }
            State::Reset(_) | State::Over(_) => Ok(false),
        }
    }

    /// Nobody will read a stream that has just begun, or that was stopped.
    pub(super) fn refuse(&mut self) {
        self.state = State::Stopped;
    }

    /// We read no more. True if the peer is to be told.
    pub(super) fn stop(&mut self, now: Time, pool: &mut Pool) -> bool {
        match self.state {
            State::Open => {
                self.state = State::Stopped;
                self.forget(now, pool);
                self.end.is_none()
            }
            State::Reset(code) => {
                self.state = State::Over(Some(code));
                false
            }
            State::Stopped | State::Over(_) => false,
        }
    }

    /// Copies bytes to `out`. The flag is true if that raised the credit.
    pub(super) fn read(
        &mut self,
        now: Time,
        out: &mut [u8],
        pool: &mut Pool,
    ) -> (Result<Read, ReadError>, bool) {
        match self.state {
            State::Reset(code) => {
                self.state = State::Over(Some(code));
                return (Err(ReadError::Reset(code)), false);
            }
            State::Stopped => return (Err(ReadError::UnknownStream), false),
            State::Over(Some(code)) => return (Err(ReadError::Reset(code)), false),
            State::Over(None) => return (Ok(Read::End), false),
            State::Open => {}
        }
        if !self.is_readable() {
            return (Err(ReadError::Blocked), false);
        }
        let base = self.ring.base();
        if base == self.ready {
            self.state = State::Over(None);
            self.drop_bytes(pool);
            return (Ok(Read::End), false);
        }
        let len = usize::try_from(self.ready - base)
            .unwrap_or(usize::MAX)
            .min(out.len());
        self.ring.copy(base, &mut out[..len]);
        let raised = self.consume(now, len as u64, pool);
        (Ok(Read::Bytes(len)), raised)
    }

    /// Gives memory up that is kept for later.
    pub(super) fn rest(&mut self, pool: &mut Pool) {
        self.ring.rest(&mut pool.memory);
    }

    /// Gives up the head.
    pub(super) fn drop_head(&mut self, pool: &mut Pool) {
        if let Some(head) = self.head.take() {
            pool.memory.give(head.len() as u64);
        }
    }

    /// Gives all memory up.
    pub(super) fn drop_bytes(&mut self, pool: &mut Pool) {
        self.ring.clear(&mut pool.memory);
        pool.count_gaps(self.held.runs(), 0);
        self.held = Ranges::new();
    }
}
