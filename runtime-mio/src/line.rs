//! A line to a peer.

use std::{
    io,
    ops::Deref,
    task::{Poll, Waker},
};

use hydroid_core::{
    driver::shell,
    switch::{DownReason, OpenError},
};

use crate::{Mio, Stream, block};

/// A line to a peer. Clones are the same line. A line that this end opened is closed, once what was
/// written in it is delivered, when the last handle of it and of its streams is dropped; one that
/// the peer opened is the peer's to close.
#[derive(Clone, Debug)]
pub struct Line(shell::Line<Mio>);

impl Line {
    /// That it is up.
    ///
    /// # Errors
    /// `WouldBlock` before that; else the [`ConnectError`](crate::ConnectError) inside says why it
    /// will never be or is no more.
    pub fn up(&self) -> io::Result<()> {
        block(self.0.poll_up(Waker::noop()).map_err(io::Error::from))
    }

    /// Opens a stream with `head`, a JSON object. The line need not be up yet.
    ///
    /// # Errors
    /// `WouldBlock` while the peer allows no further one, until [`Event::MayOpen`] or the end of the
    /// line; else the [`OpenError`] inside says that the head is illegal or the line no more.
    ///
    /// [`Event::MayOpen`]: crate::Event::MayOpen
    pub fn open_stream(&self, head: &str) -> io::Result<Stream> {
        let error = match self.0.poll_open_stream(head, Waker::noop()) {
            Poll::Ready(Ok(stream)) => return Ok(stream),
            Poll::Ready(Err(error)) => error,
            Poll::Pending => OpenError::Blocked,
        };
        let kind = match error {
            OpenError::Blocked => io::ErrorKind::WouldBlock,
            OpenError::UnknownLine => io::ErrorKind::NotConnected,
            OpenError::IllegalHead | _ => io::ErrorKind::InvalidInput,
        };
        Err(io::Error::new(kind, error))
    }

    /// The length of the next unreliable packet that the peer sent. Where nobody asks for them the
    /// oldest ones are dropped.
    ///
    /// # Errors
    /// `WouldBlock` if there is none, until [`Event::Packet`](crate::Event::Packet); else `buf` is
    /// too short, and the packet stays, or the line is no more.
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        block(self.0.poll_recv(buf, Waker::noop()))
    }

    /// Why the line is no more, once it is.
    pub fn closed(&self) -> Option<DownReason> {
        match self.0.poll_closed(Waker::noop()) {
            Poll::Ready(reason) => Some(reason),
            Poll::Pending => None,
        }
    }
}

impl From<shell::Line<Mio>> for Line {
    fn from(line: shell::Line<Mio>) -> Self {
        Self(line)
    }
}

impl Deref for Line {
    type Target = shell::Line<Mio>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}
