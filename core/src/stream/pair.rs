//! One stream: its two directions, and what it waits for.

use super::{
    Effect,
    config::{Config, REFUSED},
    head,
    memory::SMALLEST,
    pool::{Fx, Pool},
    queue::{Rank, SYSTEM},
    recv::Recv,
    send::Send,
};

/// A stream that lives.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: u64,
    rank: Rank,
    pub(super) send: Send,
    pub(super) recv: Recv,
    /// The application knows of it: it opened it, or was told with the head.
    pub(super) announced: bool,
    /// Our head is still to come: an acceptor that has not answered.
    pub(super) head_owed: bool,
    /// `Readable` was told, and `read` has not given `Blocked` since.
    pub(super) told: bool,
    /// `write` gave `Blocked`, and `Writable` was not told since.
    pub(super) blocked: bool,
    /// It is among those that wait for room in the buffer of the line.
    pub(super) waiting: bool,
    /// The code of a stop by us, and whether it is to be told.
    pub(super) stop: Option<u64>,
    pub(super) stop_due: bool,
    pub(super) credit_due: bool,
    in_control: bool,
    in_owed: bool,
    in_fresh: bool,
    is_unsettled: bool,
}

impl Stream {
    pub(super) fn new(id: u64, is_ours: bool, config: &Config) -> Self {
        Self {
            id,
            rank: 0,
            send: Send::new(),
            recv: Recv::new(config),
            announced: is_ours,
            head_owed: false,
            told: false,
            blocked: false,
            waiting: false,
            stop: None,
            stop_due: false,
            credit_due: false,
            in_control: false,
            in_owed: false,
            in_fresh: false,
            is_unsettled: false,
        }
    }

    /// True if nobody will ask for this stream again.
    pub(super) fn is_over(&self) -> bool {
        self.send.is_over() && self.recv.is_over()
    }

    /// The stream is the peer's: our head is owed, and an empty one has its room set aside, so that
    /// an end always finds some.
    pub(super) fn owe_head(&mut self, pool: &mut Pool) {
        self.head_owed = true;
        pool.memory.take(SMALLEST);
    }

    /// The application never hears of the stream, and the peer is told so both ways.
    pub(super) fn refuse(&mut self, pool: &mut Pool) {
        self.recv.refuse();
        (self.stop, self.stop_due) = (Some(REFUSED), !self.recv.is_over());
        self.credit_due = false;
        self.cut(REFUSED, false, pool);
    }

    /// Gives up our direction.
    pub(super) fn cut(&mut self, code: u64, stopped: bool, pool: &mut Pool) {
        self.unowe_head(pool);
        if !self.send.is_cut() {
            self.send.reset(code, stopped, pool);
        }
    }

    /// Our head is owed no longer.
    pub(super) fn unowe_head(&mut self, pool: &mut Pool) {
        if core::mem::take(&mut self.head_owed) {
            pool.memory.give(SMALLEST);
        }
    }

    /// Puts our head in front of our bytes.
    pub(super) fn push_head(&mut self, text: &str, pool: &mut Pool) {
        self.unowe_head(pool);
        self.send.push(&head::length_of(text), pool);
        self.send.push(text.as_bytes(), pool);
    }

    /// Bytes that may be written now.
    pub(super) fn room(&self, pool: &Pool) -> u64 {
        let stream = self.most(pool).saturating_sub(self.send.unacknowledged());
        let aside = if self.head_owed { SMALLEST } else { 0 };
        let memory = self.send.room(pool.memory.near_room() + aside);
        stream.min(pool.line_room()).min(memory)
    }

    /// Bytes that may be written and not yet acknowledged. A stream that has some already takes no
    /// more than is left to the others of the line: many that are busy have a small part each, which
    /// is soon sent and read again, and not in turns all that there is. One that has a gap is not
    /// held back.
    fn most(&self, pool: &Pool) -> u64 {
        let gap = self.send.has_gap();
        let left = if gap { u64::MAX } else { pool.left() };
        pool.stream_most(gap).min(left)
    }

    /// A writer finds no room for `need` bytes, and is told when there is some.
    pub(super) fn block(&mut self, need: u64, pool: &mut Pool) {
        self.blocked = true;
        let waits = pool.room() < need || self.send.unacknowledged() == 0;
        if waits && !self.waiting {
            self.waiting = true;
            pool.wait(self.id);
        }
    }

    /// Tells a blocked writer of room, once it is a quarter of the buffer. One that nothing more
    /// will arrive for waits for the room of the line. Gives the room that was told of.
    pub(super) fn tell_writable(&mut self, pool: &mut Pool, fx: &mut Fx) -> u64 {
        if !self.blocked || self.waiting || self.send.check().is_err() {
            return 0;
        }
        let room = self.room(pool);
        let is_last = self.send.unacknowledged() == 0;
        if room * 4 >= self.most(pool) || (is_last && room > 0) {
            self.blocked = false;
            fx.push(Effect::Writable { id: self.id });
            return room;
        }
        if is_last {
            self.waiting = true;
            pool.wait(self.id);
        }
        0
    }

    /// Tells a reader, unless it was told.
    pub(super) fn tell_readable(&mut self, fx: &mut Fx) {
        if self.announced && !self.told && self.recv.is_readable() {
            self.told = true;
            fx.push(Effect::Readable { id: self.id });
        }
    }

    /// Brings the queues in line with what there is to send.
    pub(super) fn refresh(&mut self, pool: &mut Pool) {
        let control = self.stop_due || self.credit_due || self.send.reset_due().is_some();
        let (owed, fresh) = (self.send.is_owed(), self.send.sendable() > 0);
        self.queue(pool, control, owed, fresh);
        let is_unsettled = !self.send.is_settled();
        pool.unsettled += u32::from(is_unsettled);
        pool.unsettled -= u32::from(self.is_unsettled);
        self.is_unsettled = is_unsettled;
    }

    /// Gives the stream another rank; what it has to send keeps it, also what was lost.
    pub(super) fn set_rank(&mut self, rank: Rank, pool: &mut Pool) {
        self.queue(pool, false, false, false);
        self.rank = rank;
        self.refresh(pool);
    }

    /// True if the stream is the switch's own.
    pub(super) const fn is_system(&self) -> bool {
        self.rank == SYSTEM
    }

    fn queue(&mut self, pool: &mut Pool, control: bool, owed: bool, fresh: bool) {
        let (id, rank) = (self.id, self.rank);
        let is_in = self.in_control || self.in_owed || self.in_fresh;
        if !is_in && !control && !owed && !fresh {
            return;
        }
        let queues = pool.queues_mut();
        queues.control.set(id, rank, &mut self.in_control, control);
        queues.owed.set(id, rank, &mut self.in_owed, owed);
        queues.fresh.set(id, rank, &mut self.in_fresh, fresh);
    }

    /// Gives everything back that it has of the pool.
    pub(super) fn release(&mut self, pool: &mut Pool) {
        self.recv.drop_bytes(pool);
        self.recv.drop_head(pool);
        self.silence(pool);
    }

    /// The line is no more, and its queues with it.
    pub(super) const fn leave_queues(&mut self) {
        (self.in_control, self.in_owed, self.in_fresh) = (false, false, false);
        (self.is_unsettled, self.waiting) = (false, false);
    }

    /// Nothing goes out any more.
    pub(super) fn silence(&mut self, pool: &mut Pool) {
        self.unowe_head(pool);
        self.send.drop_bytes(pool);
        self.queue(pool, false, false, false);
        pool.unsettled -= u32::from(self.is_unsettled);
        self.is_unsettled = false;
        if self.waiting {
            pool.unwait(self.id);
            self.waiting = false;
        }
    }
}
