//! What a task asks again and again until there is an answer. Each attempt that finds none leaves
//! the task's waker; what the switch has forgotten already is answered from the records.

use alloc::string::String;
use core::{
    net::SocketAddr,
    task::{Poll, Waker},
};

use super::{Driver, Wait};
use crate::{
    base::Time,
    switch::{
        DownReason, LanEvent, LineError, LineEvent, LineId, LineState, Need, OpenError, Read,
        ReadError, SpaceEvent, StreamId, TreeEvent, WriteError,
    },
};

impl Driver {
    /// Ready once a line that was asked for is up, or will never be.
    pub fn poll_up(&mut self, line: LineId, waker: &Waker) -> Poll<Result<(), DownReason>> {
        let down = || self.line(line)?.down.as_deref().cloned();
        match self.switch.line(line).map(|info| info.state) {
            Some(LineState::Up) => Poll::Ready(Ok(())),
            Some(LineState::Connecting) => self.wait_for(Wait::Line(line), waker),
            Some(LineState::Closing | LineState::Down) | None => {
                Poll::Ready(Err(down().unwrap_or(DownReason::Local)))
            }
        }
    }

    /// Ready once a line is no more.
    pub fn poll_down(&mut self, line: LineId, waker: &Waker) -> Poll<DownReason> {
        match self.line(line) {
            None => Poll::Ready(DownReason::Local),
            Some(record) => match &record.down {
                Some(reason) => Poll::Ready(DownReason::clone(reason)),
                None => self.wait_for(Wait::Line(line), waker),
            },
        }
    }

    /// The next line that came up or went down.
    pub fn poll_line_event(&mut self, waker: &Waker) -> Poll<LineEvent> {
        match self.next_line_event() {
            Some(event) => Poll::Ready(event),
            None => self.wait_for(Wait::LineEvent, waker),
        }
    }

    /// The next thing that happened to an identity of ours in a closed space.
    pub fn poll_space_event(&mut self, waker: &Waker) -> Poll<SpaceEvent> {
        match self.space_events.pop() {
            Some(event) => Poll::Ready(event),
            None => self.wait_for(Wait::SpaceEvent, waker),
        }
    }

    /// The next thing that happened to an identity of ours in the tree of its space.
    pub fn poll_tree_event(&mut self, waker: &Waker) -> Poll<TreeEvent> {
        match self.tree_events.pop() {
            Some(event) => Poll::Ready(event),
            None => self.wait_for(Wait::TreeEvent, waker),
        }
    }

    /// The next thing that happened to an identity of ours on the local network.
    pub fn poll_lan_event(&mut self, waker: &Waker) -> Poll<LanEvent> {
        match self.lan_events.pop() {
            Some(event) => Poll::Ready(event),
            None => self.wait_for(Wait::LanEvent, waker),
        }
    }

    /// As `Switch::recv_anon`, once a packet without a line has come.
    pub fn poll_recv_anon(
        &mut self,
        now: Time,
        buf: &mut [u8],
        waker: &Waker,
    ) -> Poll<Result<(SocketAddr, usize), LineError>> {
        match self.switch.recv_anon(now, buf) {
            Err(LineError::Blocked) => self.wait_for(Wait::Anon, waker),
            received => Poll::Ready(received),
        }
    }

    /// As `Switch::send`, once there is room for the packet.
    pub fn poll_send(
        &mut self,
        now: Time,
        line: LineId,
        packet: &[u8],
        waker: &Waker,
    ) -> Poll<Result<(), LineError>> {
        match self.switch.send(now, line, packet) {
            Err(LineError::Blocked) => self.wait_for(Wait::Send(line), waker),
            sent => Poll::Ready(sent),
        }
    }

    /// As `Switch::recv`, once an unreliable packet has come on the line.
    pub fn poll_recv(
        &mut self,
        now: Time,
        line: LineId,
        buf: &mut [u8],
        waker: &Waker,
    ) -> Poll<Result<usize, LineError>> {
        match self.switch.recv(now, line, buf) {
            Err(LineError::Blocked) => self.wait_for(Wait::Packet(line), waker),
            received => Poll::Ready(received),
        }
    }

    /// The next thing that the switch asks to be kept.
    pub fn poll_need(&mut self, waker: &Waker) -> Poll<Need> {
        match self.next_need() {
            Some(need) => Poll::Ready(need),
            None => self.wait_for(Wait::Need, waker),
        }
    }

    /// As [`Driver::open_stream`], once the peer allows a further stream.
    pub fn poll_open(
        &mut self,
        now: Time,
        line: LineId,
        head: &str,
        waker: &Waker,
    ) -> Poll<Result<StreamId, OpenError>> {
        match self.open_stream(now, line, head) {
            Err(OpenError::Blocked) => self.wait_for(Wait::Room(line), waker),
            opened => Poll::Ready(opened),
        }
    }

    /// As [`Driver::accept`], once there is a stream; `None` once the end has begun.
    pub fn poll_accept(&mut self, waker: &Waker) -> Poll<Option<StreamId>> {
        if self.is_ending() {
            return Poll::Ready(None);
        }
        match self.accept() {
            Some(stream) => Poll::Ready(Some(stream)),
            None => self.wait_for(Wait::Accept, waker),
        }
    }

    /// The head of the peer's direction once it has come; empty if the peer sends none.
    pub fn poll_head(
        &mut self,
        stream: StreamId,
        waker: &Waker,
    ) -> Poll<Result<String, ReadError>> {
        if let Some(head) = self.switch.stream_head(stream) {
            return Poll::Ready(Ok(String::from(head)));
        }
        match self.why_no_bytes(stream) {
            Some(error) => Poll::Ready(Err(error)),
            None => self.wait_alive(
                (stream, Wait::Head(stream)),
                ReadError::UnknownStream,
                waker,
            ),
        }
    }

    /// As `Switch::read`, once there is something to read.
    pub fn poll_read(
        &mut self,
        now: Time,
        stream: StreamId,
        buf: &mut [u8],
        waker: &Waker,
    ) -> Poll<Result<Read, ReadError>> {
        match self.switch.read(now, stream, buf) {
            Err(ReadError::Blocked) => self.wait_for(Wait::Read(stream), waker),
            Err(ReadError::UnknownStream) => {
                let why = self.why_no_bytes(stream);
                Poll::Ready(Err(why.unwrap_or(ReadError::UnknownStream)))
            }
            Ok(Read::End) => {
                self.note(stream, |record| record.read = true);
                Poll::Ready(Ok(Read::End))
            }
            read => Poll::Ready(read),
        }
    }

    /// As `Switch::write`, once there is room.
    pub fn poll_write(
        &mut self,
        now: Time,
        stream: StreamId,
        data: &[u8],
        waker: &Waker,
    ) -> Poll<Result<usize, WriteError>> {
        match self.switch.write(now, stream, data) {
            Err(WriteError::Blocked) => self.wait_for(Wait::Write(stream), waker),
            Err(WriteError::UnknownStream) => {
                let why = self.why_no_room(stream);
                Poll::Ready(Err(why.unwrap_or(WriteError::UnknownStream)))
            }
            written => Poll::Ready(written),
        }
    }

    /// Ready once everything that was written, the end too, has reached the peer, or never will.
    pub fn poll_finished(
        &mut self,
        stream: StreamId,
        waker: &Waker,
    ) -> Poll<Result<(), WriteError>> {
        if self.stream(stream).is_some_and(|record| record.finished) {
            return Poll::Ready(Ok(()));
        }
        match self.why_no_room(stream) {
            Some(error) => Poll::Ready(Err(error)),
            None => self.wait_alive(
                (stream, Wait::Finished(stream)),
                WriteError::UnknownStream,
                waker,
            ),
        }
    }

    /// Never ready: for a task that waits to be told of the end.
    pub fn poll_ended(&mut self, waker: &Waker) -> Poll<()> {
        self.wait_for(Wait::Ended, waker)
    }

    fn wait_for<T>(&mut self, wait: Wait, waker: &Waker) -> Poll<T> {
        self.waiters.register(wait, waker);
        Poll::Pending
    }

    /// Waits, unless the stream is over and nothing more will be told of it.
    fn wait_alive<T, E>(
        &mut self,
        (stream, wait): (StreamId, Wait),
        over: E,
        waker: &Waker,
    ) -> Poll<Result<T, E>> {
        if self.switch.has_stream(stream) {
            return self.wait_for(wait, waker);
        }
        if self.switch.has_events() {
            // What became of it is still to be dispatched; then look again.
            waker.wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Err(over))
    }

    /// Why nothing more will come, as far as it is known.
    fn why_no_bytes(&self, stream: StreamId) -> Option<ReadError> {
        if let Some(code) = self.stream(stream).and_then(|record| record.reset) {
            return Some(ReadError::Reset(code));
        }
        if self.stream(stream).is_some_and(|record| record.turned_away) {
            return Some(ReadError::UnknownStream);
        }
        let down = self.line(stream.line)?.down.as_deref().cloned()?;
        Some(ReadError::LineDown(down))
    }

    /// Why nothing more will reach the peer, as far as it is known.
    fn why_no_room(&self, stream: StreamId) -> Option<WriteError> {
        if let Some(code) = self.stream(stream).and_then(|record| record.stopped) {
            return Some(WriteError::Stopped(code));
        }
        if self.stream(stream).is_some_and(|record| record.given_up) {
            return Some(WriteError::Finished);
        }
        let down = self.line(stream.line)?.down.as_deref().cloned()?;
        Some(WriteError::LineDown(down))
    }
}
