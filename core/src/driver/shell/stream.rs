//! A stream: two directions, each with a head first.

use std::{
    io,
    string::String,
    task::{Poll, Waker},
};

use super::{Line, ReadHalf, Runtime, Shell, WriteHalf, half};
use crate::switch::{Peer, StreamId};

/// An ordered, reliable pair of byte sequences, each begun by a JSON head. Our direction is ended
/// and the peer's goes on. Dropping a stream gives up what has not ended: it resets our direction
/// unless that was ended, and stops the peer's unless that was read to its end.
#[derive(Debug)]
pub struct Stream<S: Shell> {
    reader: ReadHalf<S>,
    writer: WriteHalf<S>,
}

impl<S: Shell> Stream<S> {
    pub(super) fn new(line: Line<S>, id: StreamId, head: Option<String>) -> Self {
        let (reader, writer) = half::both(line, id, head);
        Self { reader, writer }
    }

    /// The two directions, to be used apart.
    pub fn split(self) -> (ReadHalf<S>, WriteHalf<S>) {
        (self.reader, self.writer)
    }

    /// Its id in the switch.
    pub fn id(&self) -> StreamId {
        self.reader.id()
    }

    /// The line that it runs in.
    pub fn line(&self) -> &Line<S> {
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

    /// As [`WriteHalf::finish`].
    ///
    /// # Errors
    /// If the stream or its line is no more.
    pub fn finish(&mut self) -> io::Result<()> {
        self.writer.finish()
    }

    /// As [`ReadHalf::poll_peer_head`].
    pub fn poll_peer_head(&mut self, waker: &Waker) -> Poll<io::Result<String>> {
        self.reader.poll_peer_head(waker)
    }

    /// As [`ReadHalf::poll_read`].
    pub fn poll_read(&mut self, buf: &mut [u8], waker: &Waker) -> Poll<io::Result<usize>> {
        self.reader.poll_read(buf, waker)
    }

    /// As [`WriteHalf::poll_write`].
    pub fn poll_write(&mut self, data: &[u8], waker: &Waker) -> Poll<io::Result<usize>> {
        self.writer.poll_write(data, waker)
    }

    /// As [`WriteHalf::poll_stopped`].
    pub fn poll_stopped(&mut self, waker: &Waker) -> Poll<io::Result<()>> {
        self.writer.poll_stopped(waker)
    }
}

impl<S: Runtime> Stream<S> {
    /// The head of the peer's direction, once it has come; empty if the peer sends none.
    ///
    /// # Errors
    /// If the peer gave up its direction, or the line is no more.
    pub async fn peer_head(&mut self) -> io::Result<String> {
        self.reader.peer_head().await
    }

    /// Ends our direction and waits until everything has reached the peer.
    ///
    /// # Errors
    /// If the peer stopped reading, or the line ended before.
    pub async fn finished(&mut self) -> io::Result<()> {
        self.writer.finished().await
    }
}
