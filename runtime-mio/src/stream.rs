//! Streams with the standard library's traits. Everything else that they do is the shells' common
//! part.

use std::{
    io::{self, Read, Write},
    ops::{Deref, DerefMut},
    task::{Poll, Waker},
};

use hydroid_core::driver::shell;

use crate::{Line, Mio, block};

/// An ordered, reliable pair of byte sequences, each begun by a JSON head. `finish` ends our
/// direction and the peer's goes on. Dropping a stream gives up what has not ended: it resets our
/// direction unless that was finished, and stops the peer's unless that was read to its end.
#[derive(Debug)]
pub struct Stream {
    inner: shell::Stream<Mio>,
    line: Line,
}

/// The peer's direction of a stream. Dropped before its end, it tells the peer to stop.
#[derive(Debug)]
pub struct ReadHalf {
    inner: shell::ReadHalf<Mio>,
}

/// Our direction of a stream. Dropped before it was finished, it is reset.
#[derive(Debug)]
pub struct WriteHalf {
    inner: shell::WriteHalf<Mio>,
}

impl Stream {
    /// The two directions, to be used apart.
    pub fn split(self) -> (ReadHalf, WriteHalf) {
        let (reader, writer) = self.inner.split();
        (ReadHalf { inner: reader }, WriteHalf { inner: writer })
    }

    /// The line that it runs in.
    pub const fn line(&self) -> &Line {
        &self.line
    }
}

impl From<shell::Stream<Mio>> for Stream {
    fn from(inner: shell::Stream<Mio>) -> Self {
        let line = inner.line().clone().into();
        Self { inner, line }
    }
}

/// The first time may find that what became of the stream is still to be told, and tell it.
fn twice<T>(mut poll: impl FnMut() -> Poll<io::Result<T>>) -> io::Result<T> {
    match poll() {
        Poll::Pending => block(poll()),
        done @ Poll::Ready(_) => block(done),
    }
}

macro_rules! reads {
    ($($half:ident),+) => {$(
        impl $half {
            /// The head of the peer's direction; empty if the peer sends none.
            ///
            /// # Errors
            /// `WouldBlock` before it has come, until [`Event::Answered`] or
            /// [`Event::Readable`]; else the peer gave up its direction, or the line is no more.
            ///
            /// [`Event::Answered`]: crate::Event::Answered
            /// [`Event::Readable`]: crate::Event::Readable
            pub fn peer_head(&mut self) -> io::Result<String> {
                twice(|| self.inner.poll_peer_head(Waker::noop()))
            }
        }

        /// `WouldBlock` until [`Event::Readable`](crate::Event::Readable).
        impl Read for $half {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                block(self.inner.poll_read(buf, Waker::noop()))
            }
        }
    )+};
}

macro_rules! writes {
    ($($half:ident),+) => {$(
        impl $half {
            /// Ends our direction, and tells that everything has reached the peer.
            ///
            /// # Errors
            /// `WouldBlock` before that, until [`Event::Finished`]; else the peer stopped reading,
            /// or the line ended before.
            ///
            /// [`Event::Finished`]: crate::Event::Finished
            pub fn finished(&mut self) -> io::Result<()> {
                self.inner.finish()?;
                self.stopped()
            }

            /// Tells whether the peer takes nothing more. Whoever waits for something to write
            /// would learn it only by the next write.
            ///
            /// # Errors
            /// Always, unless our direction was ended and everything has reached the peer;
            /// `WouldBlock` while the peer takes more.
            pub fn stopped(&mut self) -> io::Result<()> {
                twice(|| self.inner.poll_stopped(Waker::noop()))
            }
        }

        /// `WouldBlock` until [`Event::Writable`](crate::Event::Writable). What was written is on
        /// its way already: to flush does nothing.
        impl Write for $half {
            fn write(&mut self, data: &[u8]) -> io::Result<usize> {
                block(self.inner.poll_write(data, Waker::noop()))
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
    )+};
}

macro_rules! derefs {
    ($($half:ident),+) => {$(
        impl Deref for $half {
            type Target = shell::$half<Mio>;

            fn deref(&self) -> &Self::Target {
                &self.inner
            }
        }

        impl DerefMut for $half {
            fn deref_mut(&mut self) -> &mut Self::Target {
                &mut self.inner
            }
        }
    )+};
}

reads!(Stream, ReadHalf);
writes!(Stream, WriteHalf);
derefs!(Stream, ReadHalf, WriteHalf);
