//! A line to a peer.

use std::{fmt, future::poll_fn, io, sync::Arc, time::Duration};

use hydroid_core::{
    driver::Driver,
    switch::{DownReason, LineId, LineInfo, OpenError, Peer},
};

use crate::{
    Stream,
    error::packet_error,
    shared::{Handle, Shared},
};

/// A line to a peer. Clones are the same line. A line that this end opened is closed, once what was
/// written in it is delivered, when the last handle of it and of its streams is dropped; one that
/// the peer opened is the peer's to close.
#[derive(Clone)]
pub struct Line {
    held: Arc<Held>,
}

/// One hold of the line in the driver.
struct Held {
    handle: Arc<Handle>,
    id: LineId,
    peer: Peer,
}

impl Line {
    /// The handle of a line; it takes over one hold.
    pub(crate) fn new(handle: Arc<Handle>, id: LineId, peer: Peer) -> Self {
        let held = Arc::new(Held { handle, id, peer });
        Self { held }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.held.handle.shared
    }

    /// The id that the events of the endpoint name it by.
    pub fn id(&self) -> LineId {
        self.held.id
    }

    /// Who is at the other end.
    pub fn peer(&self) -> Peer {
        self.held.peer
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

    /// Opens a stream with `head`, a JSON object; waits while the peer allows no further one.
    ///
    /// # Errors
    /// If the head is illegal or the line is no more.
    pub async fn open_stream(&self, head: &str) -> Result<Stream, OpenError> {
        let line = self.id();
        let id = poll_fn(|cx| {
            self.shared()
                .attempt(|driver, now| driver.poll_open(now, line, head, cx.waker()))
        })
        .await
        .unwrap_or(Err(OpenError::UnknownLine))?;
        Ok(Stream::new(self.clone(), id, None))
    }

    /// Sends one packet unreliably: it may be lost, and overtake or be overtaken; see
    /// [`Switch::send`].
    ///
    /// [`Switch::send`]: hydroid_core::switch::Switch::send
    ///
    /// # Errors
    /// The [`LineError`] inside says why it was not taken; `WouldBlock` if too many wait.
    ///
    /// [`LineError`]: hydroid_core::switch::LineError
    pub fn send(&self, packet: &[u8]) -> io::Result<()> {
        let line = self.id();
        let send = |driver: &mut Driver, now| driver.switch_mut().send(now, line, packet);
        self.shared().command(send)?.map_err(packet_error)
    }

    /// The length of the next unreliable packet that the peer sent. Where nobody asks for them the
    /// oldest ones are dropped.
    ///
    /// # Errors
    /// If `buf` is too short, and the packet stays, or the line is no more.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        let line = self.id();
        let received = poll_fn(|cx| {
            self.shared()
                .attempt(|driver, now| driver.poll_recv(now, line, buf, cx.waker()))
        });
        received.await?.map_err(packet_error)
    }

    /// Closes the line: what was written is delivered first, then the peer is told `code` (0 is a
    /// graceful end) and `reason`.
    pub fn close(&self, code: u64, reason: &str) {
        let close =
            |driver: &mut Driver, now| driver.switch_mut().close(now, self.id(), code, reason).ok();
        let _over = self.shared().command(close);
    }

    /// Why the line is no more, once it is.
    pub async fn closed(&self) -> DownReason {
        let line = self.id();
        poll_fn(|cx| {
            self.shared()
                .attempt_late(|driver, _| driver.poll_down(line, cx.waker()))
        })
        .await
        .unwrap_or(DownReason::Local)
    }
}

impl fmt::Debug for Line {
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
