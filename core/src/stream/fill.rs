//! What goes out: frames into packets, and what became of them.

use alloc::vec::Vec;

use super::{
    Carried, Effect, Streams,
    pair::Stream,
    pool::{Fx, Pool},
    send::Piece,
};
use crate::wire::frame::Writer;

/// Bytes of a stream are not cut for a rest of a packet smaller than this.
const SPLINTER_BYTES: u64 = 32;

impl Streams {
    /// True if `fill` would write something into a packet with room. Bytes that no credit allows
    /// are no output.
    pub fn has_output(&self) -> bool {
        self.pool.has_output()
    }

    /// Writes frames while there is room and output, and notes in `carried` what they carried:
    /// credit, resets and stops first, then bytes: the higher rank first, of one rank what was lost
    /// before what is new, stream by stream in turns.
    pub fn fill(&mut self, writer: &mut Writer<'_>, carried: &mut Vec<Carried>) {
        if self.fill_line(writer, carried) && self.fill_control(writer, carried) {
            self.fill_bytes(writer, carried);
        }
    }

    /// Writes again what `oldest` carried, as far as it still matters and there is room: a probe
    /// that may save the wait for a loss. It takes nothing out of the queues but lost bytes.
    pub fn fill_again(
        &mut self,
        writer: &mut Writer<'_>,
        carried: &mut Vec<Carried>,
        oldest: &[Carried],
    ) {
        if self.is_down {
            return;
        }
        for what in oldest {
            match *what {
                Carried::Bytes {
                    id, offset, len, ..
                } => {
                    self.bytes_again(id, offset, u64::from(len), writer, carried);
                }
                Carried::LineCredit => {
                    if writer.line_credit(self.pool.line_credit()) {
                        carried.push(*what);
                    }
                }
                Carried::StreamsCredit => {
                    if writer.streams_credit(self.ids.granted()) {
                        carried.push(*what);
                    }
                }
                Carried::StreamCredit { id } | Carried::Reset { id } | Carried::Stop { id } => {
                    if let Some(stream) = self.streams.get_mut(&id) {
                        mark(stream, *what);
                        write_control(stream, writer, carried);
                        stream.refresh(&mut self.pool);
                    }
                }
            }
        }
    }

    /// What a packet carried has arrived.
    pub fn on_arrived(&mut self, what: Carried, fx: &mut Fx) {
        if self.is_down {
            return;
        }
        match what {
            Carried::Bytes {
                id,
                offset,
                len,
                end,
            } => {
                self.pool.on_landed();
                if let Some(stream) = self.streams.get_mut(&id) {
                    if stream
                        .send
                        .on_arrived(offset, u64::from(len), end, &mut self.pool)
                    {
                        fx.push(Effect::Finished { id });
                    }
                    stream.tell_writable(&mut self.pool, fx);
                    self.settle(id, fx);
                    self.wake_writers(fx);
                }
            }
            Carried::Reset { id } => {
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.send.on_reset_arrived();
                    self.settle(id, fx);
                    // The reset made room when it was asked for, where nobody could be told.
                    self.wake_writers(fx);
                }
            }
            Carried::LineCredit
            | Carried::StreamsCredit
            | Carried::StreamCredit { .. }
            | Carried::Stop { .. } => {}
        }
    }

    /// What a packet carried was lost: it will go out again as far as it still matters.
    pub fn on_lost(&mut self, what: Carried) {
        if self.is_down {
            return;
        }
        match what {
            Carried::Bytes {
                id,
                offset,
                len,
                end,
            } => {
                self.pool.on_landed();
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.send.on_lost(offset, u64::from(len), end);
                    stream.refresh(&mut self.pool);
                }
            }
            Carried::LineCredit => self.pool.line_credit_due = true,
            Carried::StreamsCredit => self.pool.streams_credit_due = true,
            Carried::StreamCredit { id } | Carried::Reset { id } | Carried::Stop { id } => {
                if let Some(stream) = self.streams.get_mut(&id) {
                    mark(stream, what);
                    stream.refresh(&mut self.pool);
                }
            }
        }
    }

    /// Tells writers that waited for room in the buffer of the line, in their order, and no more of
    /// them than there is room for while something will still arrive and tell the others. What has
    /// no credit will not, nor need those who are told write anything.
    pub(super) fn wake_writers(&mut self, fx: &mut Fx) {
        let mut left = if self.pool.awaits_arrival() {
            self.pool.line_room()
        } else {
            u64::MAX
        };
        while left > 0
            && let Some(id) = self.pool.wake()
        {
            let stream = self
                .streams
                .get_mut(&id)
                .expect("a stream that waits is there");
            stream.waiting = false;
            left = left.saturating_sub(stream.tell_writable(&mut self.pool, fx));
        }
    }

    fn fill_line(&mut self, writer: &mut Writer<'_>, carried: &mut Vec<Carried>) -> bool {
        let pool = &mut self.pool;
        if pool.line_credit_due && writer.line_credit(pool.line_credit()) {
            pool.line_credit_due = false;
            carried.push(Carried::LineCredit);
        }
        if pool.streams_credit_due && writer.streams_credit(self.ids.granted()) {
            pool.streams_credit_due = false;
            carried.push(Carried::StreamsCredit);
        }
        !pool.line_credit_due && !pool.streams_credit_due
    }

    fn fill_control(&mut self, writer: &mut Writer<'_>, carried: &mut Vec<Carried>) -> bool {
        while let Some((_, id)) = self.pool.queues().and_then(|it| it.control.front()) {
            let stream = queued(self.streams.get_mut(&id));
            let is_done = write_control(stream, writer, carried);
            stream.refresh(&mut self.pool);
            if !is_done {
                return false;
            }
        }
        true
    }

    /// Bytes by rank, of equal ranks lost ones before new ones.
    fn fill_bytes(&mut self, writer: &mut Writer<'_>, carried: &mut Vec<Carried>) {
        loop {
            let Some(queues) = self.pool.queues() else {
                return;
            };
            let (owed, fresh) = (queues.owed.front(), queues.fresh.front());
            let fresh = fresh.filter(|_| self.pool.sendable() > 0);
            let went = match (owed, fresh) {
                (Some((rank, id)), Some((other, _))) if rank >= other => {
                    self.fill_owed(id, writer, carried)
                }
                (_, Some((_, id))) => self.fill_fresh(id, writer, carried),
                (Some((_, id)), None) => self.fill_owed(id, writer, carried),
                (None, None) => return,
            };
            if !went {
                return;
            }
        }
    }

    fn fill_owed(&mut self, id: u64, writer: &mut Writer<'_>, carried: &mut Vec<Carried>) -> bool {
        let stream = queued(self.streams.get_mut(&id));
        let room = writer.stream_room(id, stream.send.owed_at()) as u64;
        let wanted = stream.send.owed(u64::MAX).len;
        let left = self.pool.queues_mut().owed.left_bytes();
        let piece = stream.send.owed(room.min(left));
        if room < wanted.min(SPLINTER_BYTES)
            || !write_piece(stream, piece, &mut self.pool, writer, carried)
        {
            return false;
        }
        let queue = &mut self.pool.queues_mut().owed;
        if queue.front().is_some_and(|(_, front)| front == id) {
            queue.spend(piece.len);
        }
        true
    }

    fn fill_fresh(&mut self, id: u64, writer: &mut Writer<'_>, carried: &mut Vec<Carried>) -> bool {
        let stream = queued(self.streams.get_mut(&id));
        let most = stream
            .send
            .sendable()
            .min(self.pool.sendable())
            .min(self.pool.queues_mut().fresh.left_bytes());
        let room = writer.stream_room(id, stream.send.next()) as u64;
        let piece = stream.send.fresh(most.min(room));
        if piece.len == 0
            || room < most.min(SPLINTER_BYTES)
            || !write_piece(stream, piece, &mut self.pool, writer, carried)
        {
            return false;
        }
        let queue = &mut self.pool.queues_mut().fresh;
        if queue.front().is_some_and(|(_, front)| front == id) {
            queue.spend(piece.len);
        }
        true
    }

    fn bytes_again(
        &mut self,
        id: u64,
        offset: u64,
        len: u64,
        writer: &mut Writer<'_>,
        carried: &mut Vec<Carried>,
    ) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        // Not all of it need fit; the rest is lost or arrives, as it would have without this.
        let room = writer.stream_room(id, offset) as u64;
        let piece = stream.send.again(offset, len, u64::MAX);
        if let Some(piece) =
            piece.and_then(|whole| stream.send.again(whole.offset, whole.len, room))
        {
            write_piece(stream, piece, &mut self.pool, writer, carried);
        }
    }
}

fn queued(stream: Option<&mut alloc::boxed::Box<Stream>>) -> &mut Stream {
    stream.expect("a queued stream is there")
}

/// What a frame told of a stream is to be told again, if it still matters.
fn mark(stream: &mut Stream, what: Carried) {
    match what {
        Carried::StreamCredit { .. } => stream.credit_due = stream.recv.wants_more(),
        Carried::Reset { .. } => stream.send.set_reset_due(true),
        Carried::Stop { .. } => stream.stop_due = stream.stop.is_some() && !stream.recv.is_over(),
        Carried::Bytes { .. } | Carried::LineCredit | Carried::StreamsCredit => {}
    }
}

/// Writes what is to be told of a stream. True if all of it found room.
fn write_control(stream: &mut Stream, writer: &mut Writer<'_>, carried: &mut Vec<Carried>) -> bool {
    let id = stream.id;
    if let Some((code, size)) = stream.send.reset_due()
        && writer.reset(id, code, size)
    {
        stream.send.set_reset_due(false);
        carried.push(Carried::Reset { id });
    }
    if let Some(code) = stream.stop
        && stream.stop_due
        && writer.stop(id, code)
    {
        stream.stop_due = false;
        carried.push(Carried::Stop { id });
    }
    if stream.credit_due && writer.stream_credit(id, stream.recv.credit()) {
        stream.credit_due = false;
        carried.push(Carried::StreamCredit { id });
    }
    stream.send.reset_due().is_none() && !stream.stop_due && !stream.credit_due
}

/// Writes a piece of a stream. False if it found no room.
fn write_piece(
    stream: &mut Stream,
    piece: Piece,
    pool: &mut Pool,
    writer: &mut Writer<'_>,
    carried: &mut Vec<Carried>,
) -> bool {
    let len = usize::try_from(piece.len).expect("a piece fits into a packet");
    let send = &stream.send;
    if !writer.stream(stream.id, piece.offset, len, piece.end, |out| {
        send.copy(piece, out);
    }) {
        return false;
    }
    carried.push(Carried::Bytes {
        id: stream.id,
        offset: piece.offset,
        len: u32::try_from(piece.len).expect("a piece fits into a packet"),
        end: piece.end,
    });
    let new = stream.send.on_sent(piece);
    pool.on_sent(new);
    stream.refresh(pool);
    true
}
