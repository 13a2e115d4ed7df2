//! A line to a peer.

use std::{
    fmt,
    future::poll_fn,
    io,
    marker::PhantomData,
    sync::Arc,
    task::{Poll, Waker},
    time::Duration,
};

use super::{
    ConnectError, Runtime, Shell, Stream,
    error::packet_error,
    shared::{Handle, Shared},
};
use crate::{
    driver::Driver,
    switch::{DownReason, LineId, LineInfo, OpenError, Peer, Who},
};

/// A line to a peer. Clones are the same line. A line that this end opened is closed, once what was
/// written in it is delivered, when the last handle of it and of its streams is dropped; one that
/// the peer opened is the peer's to close.
#[derive(Clone)]
pub struct Line<S> {
    held: Arc<Held>,
    shell: PhantomData<fn() -> S>,
}

/// One hold of the line in the driver.
struct Held {
    handle: Arc<Handle>,
    id: LineId,
    who: Arc<Who>,
}

impl<S> Line<S> {
    /// The handle of a line; it takes over one hold.
    pub(super) fn new(handle: Arc<Handle>, id: LineId, who: Arc<Who>) -> Self {
        let held = Arc::new(Held { handle, id, who });
        let shell = PhantomData;
        Self { held, shell }
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.held.handle.shared
    }

    /// The id that the events of the endpoint name it by.
    pub fn id(&self) -> LineId {
        self.held.id
    }

    /// Who is at the other end.
    pub fn peer(&self) -> Peer {
        let who = &self.held.who;
        Peer {
            hashname: who.peer_hashname,
            key: who.peer,
        }
    }

    /// What the switch knows of it; `None` once it is over.
    pub fn info(&self) -> Option<LineInfo> {
        let state = self.shared().lock();
        state.driver.switch().line(self.id())
    }

    /// The smoothed round trip, once there was one.
    pub fn rtt(&self) -> Option<Duration> {
        self.info()?.rtt_us.map(Duration::from_micros)
    }

    /// Sends one packet unreliably: it may be lost, and overtake or be overtaken; see
    /// [`Switch::send`].
    ///
    /// [`Switch::send`]: crate::switch::Switch::send
    ///
    /// # Errors
    /// The [`LineError`] inside says why it was not taken; `WouldBlock` if too many wait.
    ///
    /// [`LineError`]: crate::switch::LineError
    pub fn send(&self, packet: &[u8]) -> io::Result<()> {
        let line = self.id();
        let send = |driver: &mut Driver, now| driver.switch_mut().send(now, line, packet);
        self.shared().brief(send)?.map_err(packet_error)
    }

    /// As [`Line::send_wait`]; `waker` is woken to look again.
    pub fn poll_send(&self, packet: &[u8], waker: &Waker) -> Poll<io::Result<()>> {
        let line = self.id();
        let sent = self
            .shared()
            .attempt(|driver, now| driver.poll_send(now, line, packet, waker));
        sent.map(|sent| sent?.map_err(packet_error))
    }

    /// Closes the line: what was written is delivered first, then the peer is told `code` (0 is a
    /// graceful end) and `reason`.
    pub fn close(&self, code: u64, reason: &str) {
        let close =
            |driver: &mut Driver, now| driver.switch_mut().close(now, self.id(), code, reason).ok();
        let _over = self.shared().command(close);
    }

    /// Ready once a line that was asked for is up, or will never be; `waker` is woken to look again.
    pub fn poll_up(&self, waker: &Waker) -> Poll<Result<(), ConnectError>> {
        let line = self.id();
        let up = self
            .shared()
            .attempt(|driver, _| driver.poll_up(line, waker));
        up.map(|up| Ok(up??))
    }

    /// As [`Line::recv`]; `waker` is woken to look again.
    pub fn poll_recv(&self, buf: &mut [u8], waker: &Waker) -> Poll<io::Result<usize>> {
        let line = self.id();
        let received = self
            .shared()
            .attempt(|driver, now| driver.poll_recv(now, line, buf, waker));
        received.map(|received| received?.map_err(packet_error))
    }

    /// As [`Line::closed`]; `waker` is woken to look again.
    pub fn poll_closed(&self, waker: &Waker) -> Poll<DownReason> {
        let line = self.id();
        let closed = self
            .shared()
            .attempt_late(|driver, _| driver.poll_down(line, waker));
        closed.map(|closed| closed.unwrap_or(DownReason::Local))
    }
}

impl<S: Shell> Line<S> {
    /// As [`Line::open_stream`]; `waker` is woken to look again.
    pub fn poll_open_stream(
        &self,
        head: &str,
        waker: &Waker,
    ) -> Poll<Result<S::Stream, OpenError>> {
        let line = self.id();
        let opened = self
            .shared()
            .attempt(|driver, now| driver.poll_open(now, line, head, waker));
        opened.map(|opened| {
            let id = opened.unwrap_or(Err(OpenError::UnknownLine))?;
            let line = Self::clone(self);
            Ok(Stream::new(line, id, None).into())
        })
    }
}

impl<S: Runtime> Line<S> {
    /// Opens a stream with `head`, a JSON object; waits while the peer allows no further one.
    ///
    /// # Errors
    /// If the head is illegal or the line is no more.
    pub async fn open_stream(&self, head: &str) -> Result<S::Stream, OpenError> {
        poll_fn(|cx| self.poll_open_stream(head, cx.waker())).await
    }

    /// As [`Line::send`], once there is room for the packet. It is not held back for others: what
    /// is sent is still unreliable.
    ///
    /// # Errors
    /// The [`LineError`](crate::switch::LineError) inside says why it will never be taken.
    pub async fn send_wait(&self, packet: &[u8]) -> io::Result<()> {
        poll_fn(|cx| self.poll_send(packet, cx.waker())).await
    }

    /// The length of the next unreliable packet that the peer sent. Where nobody asks for them the
    /// oldest ones are dropped.
    ///
    /// # Errors
    /// If `buf` is too short, and the packet stays, or the line is no more.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_recv(buf, cx.waker())).await
    }

    /// Why the line is no more, once it is.
    pub async fn closed(&self) -> DownReason {
        poll_fn(|cx| self.poll_closed(cx.waker())).await
    }
}

impl<S> fmt::Debug for Line<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Line({} to {})", self.id(), self.peer().hashname)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let id = self.id;
        let release = |driver: &mut Driver, now| driver.release(now, id);
        let _ended = self.handle.shared.command(release);
    }
}
