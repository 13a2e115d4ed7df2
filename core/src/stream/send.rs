//! Our direction of a stream: written, sent, lost, arrived.

use super::{WriteError, config::STREAM_CREDIT_FIRST_BYTES, pool::Pool, ring::Ring};
use crate::base::Ranges;

/// Our direction of a stream. Bytes stay in the ring until they and all before them have arrived.
#[derive(Debug)]
pub(super) struct Send {
    /// From the first byte not yet acknowledged to the last one written.
    ring: Ring,
    /// The first byte that was never sent.
    next: u64,
    /// The peer's credit.
    allowed: u64,
    /// Sent, taken for lost, and not sent again.
    lost: Ranges,
    /// Arrived beyond the ring's base.
    arrived: Ranges,
    end: End,
    cut: Option<Cut>,
}

/// The end that `finish` asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// There is none yet.
    None,
    /// It is to be sent with the last byte, or alone.
    Due,
    Sent,
    Arrived,
}

/// A reset: the direction ends where it had got to.
#[derive(Clone, Copy, Debug)]
struct Cut {
    code: u64,
    /// True if the peer asked for it.
    stopped: bool,
    due: bool,
    arrived: bool,
}

/// A frame of ours that is to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Piece {
    pub(super) offset: u64,
    pub(super) len: u64,
    pub(super) end: bool,
}

impl Send {
    pub(super) fn new() -> Self {
        Self {
            ring: Ring::default(),
            next: 0,
            allowed: STREAM_CREDIT_FIRST_BYTES,
            lost: Ranges::new(),
            arrived: Ranges::new(),
            end: End::None,
            cut: None,
        }
    }

    /// Tells why nothing can be written any more, if so.
    pub(super) fn check(&self) -> Result<(), WriteError> {
        match (self.cut, self.end) {
            (Some(cut), _) if cut.stopped => Err(WriteError::Stopped(cut.code)),
            (Some(_), _) | (None, End::Due | End::Sent | End::Arrived) => Err(WriteError::Finished),
            (None, End::None) => Ok(()),
        }
    }

    /// Takes all of `bytes`.
    pub(super) fn push(&mut self, bytes: &[u8], pool: &mut Pool) {
        self.ring.put(self.ring.top(), bytes, &mut pool.memory);
        pool.unacknowledged += bytes.len() as u64;
    }

    /// Bytes that find room in the buffer if it may grow by `more`.
    pub(super) fn room(&self, more: u64) -> u64 {
        self.ring.room(more)
    }

    /// Bytes written and not yet acknowledged.
    pub(super) const fn unacknowledged(&self) -> u64 {
        self.ring.top() - self.ring.base()
    }

    /// True if something arrived behind what did not.
    pub(super) fn has_gap(&self) -> bool {
        self.arrived.first().is_some()
    }

    pub(super) fn finish(&mut self) {
        self.end = End::Due;
    }

    /// Ends the direction where it got to; what was not sent is dropped.
    pub(super) fn reset(&mut self, code: u64, stopped: bool, pool: &mut Pool) {
        pool.unacknowledged -= self.unacknowledged();
        self.ring.clear(&mut pool.memory);
        self.lost = Ranges::new();
        self.arrived = Ranges::new();
        self.cut = Some(Cut {
            code,
            stopped,
            due: true,
            arrived: false,
        });
    }

    /// True after a reset, ours or one that the peer asked for.
    pub(super) const fn is_cut(&self) -> bool {
        self.cut.is_some()
    }

    /// The code of the peer's stop.
    pub(super) fn stopped(&self) -> Option<u64> {
        self.cut.filter(|cut| cut.stopped).map(|cut| cut.code)
    }

    /// The peer's credit rises.
    pub(super) fn allow(&mut self, bytes: u64) {
        self.allowed = self.allowed.max(bytes);
    }

    /// The code and size of a reset that is to be told.
    pub(super) fn reset_due(&self) -> Option<(u64, u64)> {
        self.cut
            .filter(|cut| cut.due)
            .map(|cut| (cut.code, self.next))
    }

    pub(super) fn set_reset_due(&mut self, due: bool) {
        if let Some(cut) = &mut self.cut {
            cut.due = due && !cut.arrived;
        }
    }

    pub(super) fn on_reset_arrived(&mut self) {
        if let Some(cut) = &mut self.cut {
            (cut.arrived, cut.due) = (true, false);
        }
    }

    /// True if there is something to send that needs no credit.
    pub(super) fn is_owed(&self) -> bool {
        let is_bare_end = self.end == End::Due && self.next == self.ring.top();
        self.cut.is_none() && (!self.lost.is_empty() || is_bare_end)
    }

    /// New bytes that the credit of the stream allows to be sent.
    pub(super) fn sendable(&self) -> u64 {
        match self.cut {
            Some(_) => 0,
            None => self.allowed.min(self.ring.top()).saturating_sub(self.next),
        }
    }

    /// Everything that was written, and the end or the reset, is acknowledged.
    pub(super) fn is_settled(&self) -> bool {
        match self.cut {
            Some(cut) => cut.arrived,
            None => self.unacknowledged() == 0 && matches!(self.end, End::None | End::Arrived),
        }
    }

    /// Nothing will ever be sent again.
    pub(super) fn is_over(&self) -> bool {
        self.is_settled() && (self.cut.is_some() || self.end == End::Arrived)
    }

    /// The place of the piece that is owed first.
    pub(super) fn owed_at(&self) -> u64 {
        self.lost.first().map_or(self.next, |run| run.start)
    }

    /// The first piece that is owed, of at most `most` bytes.
    pub(super) fn owed(&self, most: u64) -> Piece {
        let run = self.lost.first().cloned().unwrap_or(self.next..self.next);
        self.piece(run.start, most.min(run.end - run.start))
    }

    /// The place of the next new byte.
    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    /// New bytes, `len` of them.
    pub(super) fn fresh(&self, len: u64) -> Piece {
        self.piece(self.next, len)
    }

    /// What is left to send of something sent before that may still be on its way.
    pub(super) fn again(&self, offset: u64, len: u64, most: u64) -> Option<Piece> {
        let top = (offset + len).min(self.ring.top());
        let mut start = offset.max(self.ring.base());
        let mut stop = top;
        for run in &self.arrived {
            if run.start <= start {
                start = start.max(run.end);
            } else {
                stop = stop.min(run.start);
                break;
            }
        }
        let piece = self.piece(start, stop.saturating_sub(start).min(most));
        let is_some = piece.len > 0 || (piece.end && self.end != End::Arrived);
        (self.cut.is_none() && start <= top && is_some).then_some(piece)
    }

    fn piece(&self, offset: u64, len: u64) -> Piece {
        Piece {
            offset,
            len,
            end: self.end != End::None && offset + len == self.ring.top(),
        }
    }

    /// The bytes of a piece.
    pub(super) fn copy(&self, piece: Piece, out: &mut [u8]) {
        self.ring.copy(piece.offset, out);
    }

    /// A piece went out. Gives how many of its bytes were new.
    pub(super) fn on_sent(&mut self, piece: Piece) -> u64 {
        let top = piece.offset + piece.len;
        self.lost.remove(piece.offset..top);
        if piece.end && self.end == End::Due {
            self.end = End::Sent;
        }
        let new = top.saturating_sub(self.next);
        self.next += new;
        new
    }

    /// Bytes arrived, and `end` with them. True if that was all and the end.
    pub(super) fn on_arrived(&mut self, offset: u64, len: u64, end: bool, pool: &mut Pool) -> bool {
        if self.cut.is_some() || self.is_over() {
            return false;
        }
        let top = offset + len;
        self.lost.remove(offset..top);
        if end {
            self.end = End::Arrived;
        }
        let base = self.ring.base();
        if offset > base {
            self.arrived.insert(offset..top);
        } else if top > base {
            // Whole runs may lie within what arrived, and one may begin where it ends.
            self.arrived.remove(base..top);
            let joined = self.arrived.first().filter(|run| run.start == top);
            let reached = joined.map_or(top, |run| run.end);
            self.arrived.remove(top..reached);
            pool.unacknowledged -= reached - base;
            self.ring.advance(reached, &mut pool.memory);
        }
        self.is_over()
    }

    /// Bytes were lost, and `end` with them.
    pub(super) fn on_lost(&mut self, offset: u64, len: u64, end: bool) {
        if self.cut.is_some() {
            return;
        }
        if end && self.end == End::Sent {
            self.end = End::Due;
        }
        let top = offset + len;
        let mut at = offset.max(self.ring.base());
        for run in &self.arrived {
            if run.end <= at {
                continue;
            }
            if run.start >= top {
                break;
            }
            self.lost.insert(at..run.start.max(at));
            at = run.end;
        }
        self.lost.insert(at..top.max(at));
    }

    /// Gives memory up that is kept for later.
    pub(super) fn rest(&mut self, pool: &mut Pool) {
        self.ring.rest(&mut pool.memory);
    }

    /// Gives all memory up.
    pub(super) fn drop_bytes(&mut self, pool: &mut Pool) {
        pool.unacknowledged -= self.unacknowledged();
        self.ring.clear(&mut pool.memory);
    }
}
