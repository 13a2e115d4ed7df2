//! What frames of the peer do to streams. A frame about a stream that is over changes nothing.

use super::{
    Effect, Misbehaviour, Streams, Taken,
    pair::Stream,
    pool::{Fx, Pool},
};
use crate::base::Time;

impl Streams {
    /// Bytes of a stream came, and its end behind them if `end`.
    ///
    /// # Errors
    /// How the peer misbehaved; the line ends.
    pub fn on_bytes(
        &mut self,
        now: Time,
        id: u64,
        offset: u64,
        data: &[u8],
        end: bool,
        fx: &mut Fx,
    ) -> Result<Taken, Misbehaviour> {
        if self.is_down || self.admit(id)?.is_none() {
            return Ok(Taken::Acted);
        }
        let stream = self.streams.get(&id).expect("the stream was admitted");
        let top = offset.saturating_add(data.len() as u64);
        if !stream.recv.has_room(top, &self.pool) {
            if stream.announced {
                return Ok(Taken::NoRoom);
            }
            // Its bytes are of no use before its head is whole, and that may never be.
            self.refuse(now, id);
        }
        self.on_frame(id, fx, |stream, pool, fx| {
            let had_head = stream.recv.head().is_some();
            stream.credit_due |= stream.recv.on_bytes(now, offset, data, end, pool)?;
            stream.credit_due &= stream.recv.wants_more();
            stream.stop_due &= !stream.recv.is_over();
            if !had_head && stream.recv.head().is_some() {
                announce(stream, fx);
            }
            stream.tell_readable(fx);
            Ok(())
        })?;
        Ok(Taken::Acted)
    }

    /// The peer gave up its direction after `size` bytes.
    ///
    /// # Errors
    /// How the peer misbehaved; the line ends.
    pub fn on_reset(
        &mut self,
        now: Time,
        id: u64,
        code: u64,
        size: u64,
        fx: &mut Fx,
    ) -> Result<(), Misbehaviour> {
        self.on_frame(id, fx, |stream, pool, fx| {
            let is_news = stream.recv.on_reset(now, code, size, pool)?;
            (stream.credit_due, stream.stop_due) = (false, false);
            if !stream.announced {
                // The application never heard of it and never will, so both directions are over.
                stream.recv.stop(now, pool);
                stream.cut(code, false, pool);
            } else if is_news {
                stream.told = true;
                fx.push(Effect::Reset { id, code });
            }
            Ok(())
        })
    }

    /// The peer reads no more of our direction.
    ///
    /// # Errors
    /// How the peer misbehaved; the line ends.
    pub fn on_stop(&mut self, id: u64, code: u64, fx: &mut Fx) -> Result<(), Misbehaviour> {
        self.on_frame(id, fx, |stream, pool, fx| {
            if stream.send.is_cut() || stream.send.is_over() {
                return Ok(());
            }
            stream.cut(code, true, pool);
            if stream.announced {
                fx.push(Effect::Stopped { id, code });
            }
            Ok(())
        })
    }

    /// The peer allows `bytes` on the line.
    pub fn on_line_credit(&mut self, bytes: u64) {
        self.pool.allow(bytes);
    }

    /// The peer allows `bytes` on a stream.
    ///
    /// # Errors
    /// How the peer misbehaved; the line ends.
    pub fn on_stream_credit(
        &mut self,
        id: u64,
        bytes: u64,
        fx: &mut Fx,
    ) -> Result<(), Misbehaviour> {
        self.on_frame(id, fx, |stream, _, _| {
            stream.send.allow(bytes);
            Ok(())
        })
    }

    /// The peer allows `count` streams.
    pub fn on_streams_credit(&mut self, count: u64, fx: &mut Fx) {
        self.ids.allow(count);
        self.tell_may_open(fx);
    }

    fn on_frame(
        &mut self,
        id: u64,
        fx: &mut Fx,
        change: impl FnOnce(&mut Stream, &mut Pool, &mut Fx) -> Result<(), Misbehaviour>,
    ) -> Result<(), Misbehaviour> {
        if self.is_down || self.admit(id)?.is_none() {
            return Ok(());
        }
        let stream = self.streams.get_mut(&id).expect("the stream was admitted");
        let before = self.pool.unacknowledged;
        change(stream, &mut self.pool, fx)?;
        self.settle(id, fx);
        if self.pool.unacknowledged < before {
            self.wake_writers(fx);
        }
        Ok(())
    }
}

/// The head of the peer has come.
fn announce(stream: &mut Stream, fx: &mut Fx) {
    let id = stream.id;
    if stream.announced {
        fx.push(Effect::Answered { id });
        return;
    }
    stream.announced = true;
    fx.push(Effect::Opened { id });
    if let Some(code) = stream.send.stopped() {
        // The stop overtook the head.
        fx.push(Effect::Stopped { id, code });
    }
}
