//! Streams with tokio's traits. Everything else that they do is the shells' common part.

use std::{
    io,
    ops::{Deref, DerefMut},
    pin::Pin,
    task::{Context, Poll},
};

use hydroid_core::driver::shell;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::Tokio;

/// An ordered, reliable pair of byte sequences, each begun by a JSON head. `shutdown` ends our
/// direction and the peer's goes on. Dropping a stream gives up what has not ended: it resets our
/// direction unless that was shut down, and stops the peer's unless that was read to its end.
#[derive(Debug)]
pub struct Stream(shell::Stream<Tokio>);

/// The peer's direction of a stream. Dropped before its end, it tells the peer to stop.
#[derive(Debug)]
pub struct ReadHalf(shell::ReadHalf<Tokio>);

/// Our direction of a stream. Dropped before it was shut down, it is reset.
#[derive(Debug)]
pub struct WriteHalf(shell::WriteHalf<Tokio>);

impl Stream {
    /// The two directions, to be used by two tasks.
    pub fn split(self) -> (ReadHalf, WriteHalf) {
        let (reader, writer) = self.0.split();
        (ReadHalf(reader), WriteHalf(writer))
    }
}

impl From<shell::Stream<Tokio>> for Stream {
    fn from(stream: shell::Stream<Tokio>) -> Self {
        Self(stream)
    }
}

macro_rules! reads {
    ($($half:ident),+) => {$(
        impl AsyncRead for $half {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                let room = buf.initialize_unfilled();
                let read = self.get_mut().0.poll_read(room, cx.waker());
                read.map_ok(|bytes| buf.advance(bytes))
            }
        }
    )+};
}

macro_rules! writes {
    ($($half:ident),+) => {$(
        impl AsyncWrite for $half {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                data: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.get_mut().0.poll_write(data, cx.waker())
            }

            /// What was written is on its way already.
            fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(self.get_mut().0.finish())
            }
        }
    )+};
}

macro_rules! derefs {
    ($($half:ident),+) => {$(
        impl Deref for $half {
            type Target = shell::$half<Tokio>;

            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }

        impl DerefMut for $half {
            fn deref_mut(&mut self) -> &mut Self::Target {
                &mut self.0
            }
        }
    )+};
}

reads!(Stream, ReadHalf);
writes!(Stream, WriteHalf);
derefs!(Stream, ReadHalf, WriteHalf);
