//! The two directions of a stream, each to be used by a task of its own.

use std::{
    fmt,
    future::poll_fn,
    io,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use hydroid_core::{
    base::Time,
    driver::Driver,
    switch::{Read, StreamId},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{
    Line,
    error::{Ended, read_error, write_error},
    shared::Shared,
};

/// The peer's direction of a stream. Dropped before its end, it tells the peer to stop.
pub struct ReadHalf {
    stream: Arc<Held>,
    over: bool,
}

/// Our direction of a stream. Dropped before it was shut down, it is reset.
pub struct WriteHalf {
    stream: Arc<Held>,
    over: bool,
}

/// What both halves need.
struct Held {
    line: Line,
    id: StreamId,
    head: OnceLock<String>,
}

/// The halves of a new stream.
pub(crate) fn both(line: Line, id: StreamId, head: Option<String>) -> (ReadHalf, WriteHalf) {
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

impl ReadHalf {
    pub(crate) fn id(&self) -> StreamId {
        self.stream.id
    }

    pub(crate) fn line(&self) -> &Line {
        &self.stream.line
    }

    /// As [`Stream::head`](crate::Stream::head).
    pub fn head(&self) -> Option<String> {
        if let Some(head) = self.stream.head.get() {
            return Some(head.clone());
        }
        let state = self.stream.shared().lock();
        state
            .driver
            .switch()
            .stream_head(self.stream.id)
            .map(String::from)
    }

    /// As [`Stream::peer_head`](crate::Stream::peer_head).
    ///
    /// # Errors
    /// If the peer gave up its direction, or the line is no more.
    pub async fn peer_head(&mut self) -> io::Result<String> {
        let stream = &*self.stream;
        if let Some(head) = stream.head.get() {
            return Ok(head.clone());
        }
        let head = poll_fn(|cx| {
            let id = stream.id;
            let shared = stream.shared();
            shared.attempt_late(|driver, _| driver.poll_head(id, cx.waker()))
        });
        let head = head.await?.map_err(read_error)?;
        Ok(stream.head.get_or_init(|| head).clone())
    }

    /// As [`Stream::stop`](crate::Stream::stop).
    pub fn stop(&mut self, code: u64) {
        self.over = true;
        let _over = self
            .stream
            .command(|driver, now, id| driver.stop(now, id, code));
    }
}

impl WriteHalf {
    /// As [`Stream::answer`](crate::Stream::answer).
    ///
    /// # Errors
    /// If it is illegal or too late, or the stream is no more.
    pub fn answer(&mut self, head: &str) -> io::Result<()> {
        self.stream
            .command(|driver, now, id| driver.switch_mut().answer(now, id, head))?
            .map_err(write_error)
    }

    /// As [`Stream::reset`](crate::Stream::reset).
    pub fn reset(&mut self, code: u64) {
        self.over = true;
        let _over = self
            .stream
            .command(|driver, now, id| driver.reset(now, id, code));
    }

    /// As [`Stream::set_priority`](crate::Stream::set_priority).
    ///
    /// # Errors
    /// If the stream or its line is no more.
    pub fn set_priority(&self, priority: i8) -> io::Result<()> {
        self.stream
            .command(|driver, now, id| driver.switch_mut().prioritize(now, id, priority))?
            .map_err(write_error)
    }

    /// As [`Stream::finished`](crate::Stream::finished).
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
        let (id, shared) = (self.stream.id, self.stream.shared());
        poll_fn(|cx| shared.attempt_late(|driver, _| driver.poll_finished(id, cx.waker())))
            .await?
            .map_err(write_error)
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.over {
            return Ok(());
        }
        self.over = true;
        self.stream
            .command(|driver, now, id| driver.switch_mut().finish(now, id))?
            .map_err(write_error)
    }
}

impl Held {
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

impl AsyncRead for ReadHalf {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.over || buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let id = this.stream.id;
        let room = buf.initialize_unfilled();
        let shared = this.stream.shared();
        let read = shared.attempt_late(|driver, now| driver.poll_read(now, id, room, cx.waker()));
        read.map(|read| match read?.map_err(read_error)? {
            Read::Bytes(bytes) => {
                buf.advance(bytes);
                Ok(())
            }
            Read::End => {
                this.over = true;
                Ok(())
            }
        })
    }
}

impl AsyncWrite for WriteHalf {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let id = self.stream.id;
        let shared = self.stream.shared();
        let written = shared.attempt(|driver, now| driver.poll_write(now, id, data, cx.waker()));
        written.map(|written| written?.map_err(write_error))
    }

    /// What was written is on its way already.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.get_mut().finish())
    }
}

impl Drop for ReadHalf {
    fn drop(&mut self) {
        if !self.over {
            self.stop(0);
        }
    }
}

impl Drop for WriteHalf {
    fn drop(&mut self) {
        if !self.over {
            self.reset(0);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ended = self.command(|driver, _, id| driver.release_stream(id));
    }
}

impl fmt::Debug for ReadHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReadHalf({})", self.stream.id)
    }
}

impl fmt::Debug for WriteHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WriteHalf({})", self.stream.id)
    }
}
