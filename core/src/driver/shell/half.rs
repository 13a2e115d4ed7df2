//! The two directions of a stream, each to be used by a task of its own.

use std::{
    fmt,
    future::poll_fn,
    io,
    string::String,
    sync::{Arc, OnceLock},
    task::{Poll, Waker},
};

use super::{
    Line, Runtime, Shell,
    error::{Ended, read_error, write_error},
    shared::Shared,
};
use crate::{
    base::Time,
    driver::Driver,
    switch::{Read, StreamId},
};

/// The peer's direction of a stream. Dropped before its end, it tells the peer to stop.
pub struct ReadHalf<S: Shell> {
    stream: Arc<Held<S>>,
    over: bool,
}

/// Our direction of a stream. Dropped before it was ended, it is reset.
pub struct WriteHalf<S: Shell> {
    stream: Arc<Held<S>>,
    over: bool,
}

/// What both halves need.
struct Held<S: Shell> {
    line: Line<S>,
    id: StreamId,
    head: OnceLock<String>,
}

/// The halves of a new stream.
pub(super) fn both<S: Shell>(
    line: Line<S>,
    id: StreamId,
    head: Option<String>,
) -> (ReadHalf<S>, WriteHalf<S>) {
    let head = head.map_or_else(OnceLock::new, OnceLock::from);
    let stream = Arc::new(Held { line, id, head });
    let reader = ReadHalf {
        stream: Arc::clone(&stream),
        over: false,
    };
    let writer = WriteHalf {
        stream,
        over: false,
    };
    (reader, writer)
}

impl<S: Shell> ReadHalf<S> {
    /// The id of the stream in the switch.
    pub fn id(&self) -> StreamId {
        self.stream.id
    }

    /// The line that the stream runs in.
    pub fn line(&self) -> &Line<S> {
        &self.stream.line
    }

    /// As [`Stream::head`](super::Stream::head).
    pub fn head(&self) -> Option<String> {
        if let Some(head) = self.stream.head.get() {
            return Some(head.clone());
        }
        let state = self.stream.shared().lock();
        let head = state.driver.switch().stream_head(self.stream.id);
        head.map(String::from)
    }

    /// As [`Stream::stop`](super::Stream::stop).
    pub fn stop(&mut self, code: u64) {
        self.over = true;
        let _over = self
            .stream
            .command(|driver, now, id| driver.stop(now, id, code));
    }

    /// As [`ReadHalf::peer_head`]; `waker` is woken to look again.
    pub fn poll_peer_head(&mut self, waker: &Waker) -> Poll<io::Result<String>> {
        let stream = &*self.stream;
        if let Some(head) = stream.head.get() {
            return Poll::Ready(Ok(head.clone()));
        }
        let head = stream
            .shared()
            .attempt_late(|driver, _| driver.poll_head(stream.id, waker));
        head.map(|head| {
            let head = head?.map_err(read_error)?;
            Ok(stream.head.get_or_init(|| head).clone())
        })
    }

    /// What has come, into `buf`: how many bytes; 0 is the end. `waker` is woken to look again.
    pub fn poll_read(&mut self, buf: &mut [u8], waker: &Waker) -> Poll<io::Result<usize>> {
        if self.over || buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let id = self.stream.id;
        let shared = self.stream.shared();
        let read = shared.attempt_late(|driver, now| driver.poll_read(now, id, buf, waker));
        read.map(|read| match read?.map_err(read_error)? {
            Read::Bytes(bytes) => Ok(bytes),
            Read::End => {
                self.over = true;
                Ok(0)
            }
        })
    }
}

impl<S: Runtime> ReadHalf<S> {
    /// As [`Stream::peer_head`](super::Stream::peer_head).
    ///
    /// # Errors
    /// If the peer gave up its direction, or the line is no more.
    pub async fn peer_head(&mut self) -> io::Result<String> {
        poll_fn(|cx| self.poll_peer_head(cx.waker())).await
    }
}

impl<S: Shell> WriteHalf<S> {
    /// As [`Stream::answer`](super::Stream::answer).
    ///
    /// # Errors
    /// If it is illegal or too late, or the stream is no more.
    pub fn answer(&mut self, head: &str) -> io::Result<()> {
        self.stream
            .command(|driver, now, id| driver.switch_mut().answer(now, id, head))?
            .map_err(write_error)
    }

    /// As [`Stream::reset`](super::Stream::reset).
    pub fn reset(&mut self, code: u64) {
        self.over = true;
        let _over = self
            .stream
            .command(|driver, now, id| driver.reset(now, id, code));
    }

    /// As [`Stream::set_priority`](super::Stream::set_priority).
    ///
    /// # Errors
    /// If the stream or its line is no more.
    pub fn set_priority(&self, priority: i8) -> io::Result<()> {
        self.stream
            .command(|driver, now, id| driver.switch_mut().prioritize(now, id, priority))?
            .map_err(write_error)
    }

    /// Ends our direction: the peer reads what was written, then the end. A second time it does
    /// nothing.
    ///
    /// # Errors
    /// If the stream or its line is no more.
    pub fn finish(&mut self) -> io::Result<()> {
        if self.over {
            return Ok(());
        }
        self.over = true;
        self.stream
            .command(|driver, now, id| driver.switch_mut().finish(now, id))?
            .map_err(write_error)
    }

    /// As [`WriteHalf::stopped`]; `waker` is woken to look again.
    pub fn poll_stopped(&mut self, waker: &Waker) -> Poll<io::Result<()>> {
        let (id, shared) = (self.stream.id, self.stream.shared());
        let stopped = shared.attempt_late(|driver, _| driver.poll_finished(id, waker));
        stopped.map(|stopped| stopped?.map_err(write_error))
    }

    /// Writes what there is room for: how many bytes of `data`. What was written is on its way
    /// already. `waker` is woken to look again.
    pub fn poll_write(&mut self, data: &[u8], waker: &Waker) -> Poll<io::Result<usize>> {
        let (id, shared) = (self.stream.id, self.stream.shared());
        let written = shared.attempt(|driver, now| driver.poll_write(now, id, data, waker));
        written.map(|written| written?.map_err(write_error))
    }
}

impl<S: Runtime> WriteHalf<S> {
    /// As [`Stream::finished`](super::Stream::finished).
    ///
    /// # Errors
    /// If the peer stopped reading, or the line ended before.
    pub async fn finished(&mut self) -> io::Result<()> {
        self.finish()?;
        self.stopped().await
    }

    /// Waits until the peer takes nothing more, or the line is over. Whoever waits for something to
    /// write would learn it only by the next write.
    ///
    /// # Errors
    /// Always, unless our direction was ended and everything has reached the peer.
    pub async fn stopped(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_stopped(cx.waker())).await
    }
}

impl<S: Shell> Held<S> {
    fn shared(&self) -> &Shared {
        self.line.shared()
    }

    fn command<T>(
        &self,
        command: impl FnOnce(&mut Driver, Time, StreamId) -> T,
    ) -> Result<T, Ended> {
        self.shared()
            .command(|driver, now| command(driver, now, self.id))
    }
}

impl<S: Shell> Drop for ReadHalf<S> {
    fn drop(&mut self) {
        if !self.over {
            self.stop(0);
        }
    }
}

impl<S: Shell> Drop for WriteHalf<S> {
    fn drop(&mut self) {
        if !self.over {
            self.reset(0);
        }
    }
}

impl<S: Shell> Drop for Held<S> {
    fn drop(&mut self) {
        let _ended = self.command(|driver, _, id| driver.release_stream(id));
    }
}

impl<S: Shell> fmt::Debug for ReadHalf<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReadHalf({})", self.stream.id)
    }
}

impl<S: Shell> fmt::Debug for WriteHalf<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WriteHalf({})", self.stream.id)
    }
}
