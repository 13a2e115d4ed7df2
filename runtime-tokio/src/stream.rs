//! A stream: two directions, each with a head first.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use hydroid_core::switch::{Peer, StreamId};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{Line, ReadHalf, WriteHalf, half};

/// An ordered, reliable pair of byte sequences, each begun by a JSON head. `shutdown` ends our
/// direction and the peer's goes on. Dropping a stream gives up what has not ended: it resets our
/// direction unless that was shut down, and stops the peer's unless that was read to its end.
#[derive(Debug)]
pub struct Stream {
    reader: ReadHalf,
    writer: WriteHalf,
}

impl Stream {
    pub(crate) fn new(line: Line, id: StreamId, head: Option<String>) -> Self {
        let (reader, writer) = half::both(line, id, head);
        Self { reader, writer }
    }

    /// The two directions, to be used by two tasks.
    pub fn split(self) -> (ReadHalf, WriteHalf) {
        (self.reader, self.writer)
    }

    /// Its id in the switch.
    pub fn id(&self) -> StreamId {
        self.reader.id()
    }

    /// The line that it runs in.
    pub fn line(&self) -> &Line {
        self.reader.line()
    }

    /// Who is at the other end.
    pub fn peer(&self) -> Peer {
        self.line().peer()
    }

    /// The head of the peer's direction if it has come, JSON text; empty if the peer sent none.
    pub fn head(&self) -> Option<String> {
        self.reader.head()
    }

    /// The head of the peer's direction, once it has come; empty if the peer sends none.
    ///
    /// # Errors
    /// If the peer gave up its direction, or the line is no more.
    pub async fn peer_head(&mut self) -> io::Result<String> {
        self.reader.peer_head().await
    }

    /// Sends the head of our direction, a JSON object; before the first write, and only on a
    /// stream that the peer opened.
    ///
    /// # Errors
    /// If it is illegal or too late, or the stream is no more.
    pub fn answer(&mut self, head: &str) -> io::Result<()> {
        self.writer.answer(head)
    }

    /// Gives up our direction; the peer reads no more than it has, and learns `code`.
    pub fn reset(&mut self, code: u64) {
        self.writer.reset(code);
    }

    /// Ranks what we have to send here among the streams of the line: higher goes first, equals
    /// take turns. It is 0 at first.
    ///
    /// # Errors
    /// If the stream or its line is no more.
    pub fn set_priority(&self, priority: i8) -> io::Result<()> {
        self.writer.set_priority(priority)
    }

    /// Gives up the peer's direction; the peer writes no more, and learns `code`.
    pub fn stop(&mut self, code: u64) {
        self.reader.stop(code);
    }

    /// Ends our direction and waits until everything has reached the peer.
    ///
    /// # Errors
    /// If the peer stopped reading, or the line ended before.
    pub async fn finished(&mut self) -> io::Result<()> {
        self.writer.finished().await
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().reader).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().writer).poll_write(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().writer).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().writer).poll_shutdown(cx)
    }
}
