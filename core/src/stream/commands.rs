//! What the application does with streams.

use alloc::boxed::Box;

use super::{
    OpenError, Read, ReadError, Streams, WriteError, head,
    memory::{SMALLEST, capacity_for},
    pair::Stream,
    pool::{Fx, Pool},
    queue::SYSTEM,
};
use crate::base::Time;

impl Streams {
    /// Opens a stream with this head: JSON text of one object, or empty. Gives its id.
    ///
    /// # Errors
    /// See `OpenError`.
    pub fn open(&mut self, head: &str) -> Result<u64, OpenError> {
        let opened = self.try_open(head);
        self.open_asked = opened == Err(OpenError::Blocked);
        opened
    }

    fn try_open(&mut self, head: &str) -> Result<u64, OpenError> {
        if self.is_down {
            return Err(OpenError::LineDown);
        }
        if !head::head_fits(head.as_bytes(), self.pool.config.head_max_bytes) {
            return Err(OpenError::IllegalHead);
        }
        if !self.may_open() {
            self.open_blocked = true;
            return Err(OpenError::Blocked);
        }
        let id = self.ids.open();
        let mut stream = Box::new(Stream::new(id, true, &self.pool.config));
        stream.push_head(head, &mut self.pool);
        stream.refresh(&mut self.pool);
        self.streams.insert(id, stream);
        Ok(id)
    }

    /// Opens a stream of the switch's own with this head. It goes before every other. That it waits
    /// is not told to the caller, who did not ask.
    ///
    /// # Errors
    /// See `OpenError`.
    pub fn open_system(&mut self, head: &str) -> Result<u64, OpenError> {
        let id = self.try_open(head)?;
        self.set_system(id);
        Ok(id)
    }

    /// A stream is the switch's own: it goes before every other, and `prioritize` knows it not.
    pub fn set_system(&mut self, id: u64) {
        if let Some(stream) = self.streams.get_mut(&id)
            && !self.is_down
        {
            stream.set_rank(SYSTEM, &mut self.pool);
        }
    }

    /// True if a stream is the switch's own.
    pub fn is_system(&self, id: u64) -> bool {
        self.streams
            .get(&id)
            .is_some_and(|stream| stream.is_system())
    }

    /// What our direction of a stream has to send goes after that of streams with a higher
    /// priority, before that of those with a lower one, and in turns with equals. It is 0 at first.
    ///
    /// # Errors
    /// `UnknownStream` or `LineDown`.
    pub fn prioritize(&mut self, id: u64, priority: i8) -> Result<(), WriteError> {
        let stream = self.streams.get_mut(&id);
        let stream = stream.filter(|stream| !stream.is_system());
        let stream = stream.ok_or(WriteError::UnknownStream)?;
        if self.is_down {
            return Err(WriteError::LineDown);
        }
        stream.set_rank(priority.into(), &mut self.pool);
        Ok(())
    }

    /// Gives the head of our direction of a stream that the peer opened: JSON text of one object,
    /// or empty. Once, before anything is written. It finds room unless memory is at its limit.
    ///
    /// # Errors
    /// See `WriteError`.
    pub fn answer(&mut self, id: u64, head: &str) -> Result<(), WriteError> {
        let fits = head::head_fits(head.as_bytes(), self.pool.config.head_max_bytes);
        let (stream, pool) = self.writable(id)?;
        if !fits || !stream.head_owed {
            return Err(WriteError::IllegalHead);
        }
        let need = head::LENGTH_BYTES + head.len() as u64;
        if need > SMALLEST && !pool.memory.has_room(capacity_for(need)) {
            stream.block(need, pool);
            return Err(WriteError::Blocked);
        }
        stream.push_head(head, pool);
        stream.refresh(pool);
        Ok(())
    }

    /// Takes as much of `data` as there is room for, and tells how many bytes that was.
    ///
    /// # Errors
    /// See `WriteError`.
    pub fn write(&mut self, id: u64, data: &[u8]) -> Result<usize, WriteError> {
        let (stream, pool) = self.writable(id)?;
        if data.is_empty() {
            return Ok(0);
        }
        let head_bytes = if stream.head_owed {
            head::LENGTH_BYTES
        } else {
            0
        };
        let room = stream.room(pool).saturating_sub(head_bytes);
        let len = usize::try_from(room).unwrap_or(usize::MAX).min(data.len());
        if len == 0 {
            stream.block(head_bytes + 1, pool);
            return Err(WriteError::Blocked);
        }
        if stream.head_owed {
            stream.push_head("", pool);
        }
        stream.send.push(&data[..len], pool);
        stream.refresh(pool);
        Ok(len)
    }

    /// Ends our direction behind what was written.
    ///
    /// # Errors
    /// See `WriteError`; never `Blocked`.
    pub fn finish(&mut self, id: u64) -> Result<(), WriteError> {
        let (stream, pool) = self.writable(id)?;
        if stream.head_owed {
            // Two bytes beyond the limit at worst, so that an end always finds room.
            stream.push_head("", pool);
        }
        stream.send.finish();
        stream.refresh(pool);
        Ok(())
    }

    /// Gives up our direction; what was written and did not arrive is dropped. Also possible after
    /// `finish`, until everything has arrived.
    ///
    /// # Errors
    /// See `WriteError`; never `Blocked`.
    pub fn reset(&mut self, id: u64, code: u64) -> Result<(), WriteError> {
        if self.is_down && self.streams.contains_key(&id) {
            return Err(WriteError::LineDown);
        }
        let stream = self.streams.get_mut(&id).ok_or(WriteError::UnknownStream)?;
        if stream.send.is_cut() || stream.send.is_over() {
            return stream.send.check();
        }
        stream.cut(code, false, &mut self.pool);
        stream.refresh(&mut self.pool);
        Ok(())
    }

    /// Copies what has come into `out`, as much as fits.
    ///
    /// # Errors
    /// See `ReadError`.
    pub fn read(
        &mut self,
        now: Time,
        id: u64,
        out: &mut [u8],
        fx: &mut Fx,
    ) -> Result<Read, ReadError> {
        let stream = self.streams.get_mut(&id).ok_or(ReadError::UnknownStream)?;
        let (mut read, raised) = stream.recv.read(now, out, &mut self.pool);
        if read == Err(ReadError::Blocked) {
            stream.told = false;
            if self.is_down {
                read = Err(ReadError::LineDown);
            }
        }
        if !self.is_down {
            stream.credit_due |= raised;
            if raised || stream.recv.is_over() {
                self.settle(id, fx);
            }
        } else if !matches!(read, Ok(Read::Bytes(_))) {
            self.remove(id);
        }
        read
    }

    /// Reads no more: drops what has come and asks the peer to cease.
    ///
    /// # Errors
    /// `UnknownStream`.
    pub fn stop(&mut self, now: Time, id: u64, code: u64, fx: &mut Fx) -> Result<(), ReadError> {
        if self.is_down && self.streams.contains_key(&id) {
            self.remove(id);
            return Ok(());
        }
        let stream = self.streams.get_mut(&id).ok_or(ReadError::UnknownStream)?;
        if stream.recv.stop(now, &mut self.pool) {
            (stream.stop, stream.stop_due) = (Some(code), true);
        }
        stream.credit_due = false;
        self.settle(id, fx);
        Ok(())
    }

    /// The peer's head: `None` until it came, empty if the peer sent none.
    pub fn head(&self, id: u64) -> Option<&str> {
        self.streams.get(&id)?.recv.head()
    }

    /// A stream whose direction is open.
    fn writable(&mut self, id: u64) -> Result<(&mut Stream, &mut Pool), WriteError> {
        let stream = self.streams.get_mut(&id).ok_or(WriteError::UnknownStream)?;
        if self.is_down {
            return Err(WriteError::LineDown);
        }
        stream.send.check()?;
        Ok((stream, &mut self.pool))
    }
}
