//! The half of a turn that takes what has come in.

use std::{io, task::Poll};

use super::Engine;
use crate::{
    base::Time,
    driver::{
        Turn,
        shell::{
            AsHandle, Attempt, Side,
            shared::{Life, Shared},
            sockets::{Inbox, Socket},
        },
    },
    switch::SocketId,
};

/// The look at one socket after the other.
struct Look<'a> {
    shared: &'a Shared,
    inbox: &'a mut Inbox,
    turn: Turn,
    /// When something came last.
    seen: Option<Time>,
}

impl<I: AsHandle> Engine<I> {
    /// Takes what has come in, and gives when that was, if there was anything. A turn that does
    /// little is mostly clock if it asks for every step of it, so there is one look for what came at
    /// once.
    pub(super) fn receive(
        &mut self,
        io: &mut impl FnMut(&I, Side, &mut Attempt<'_>) -> Poll<io::Result<usize>>,
    ) -> Option<Time> {
        self.looked = self.ending;
        self.first = self.first.wrapping_add(1);
        let mut look = Look {
            shared: &self.shared,
            inbox: &mut self.inbox,
            turn: self.budget.clone(),
            seen: None,
        };
        for (id, socket) in self.sockets.from(self.first) {
            if !look.at(id, socket, io) {
                return look.seen;
            }
        }
        self.crowded = !look.turn.may_receive();
        if !self.lan.is_open() {
            return look.seen;
        }
        // Whoever floods a port that is known to all takes nothing from those who have lines.
        look.turn = self.budget.clone();
        let now = look.seen.unwrap_or_else(|| self.shared.now());
        look.seen = Some(now);
        if self.lan.may_hear(now) {
            for (id, socket) in self.lan.listeners() {
                if !look.at(id, socket, io) {
                    return look.seen;
                }
            }
            if !look.turn.may_receive() {
                self.lan.hear_more();
            }
        }
        look.seen
    }
}

impl Look<'_> {
    /// Takes what has come to one socket. False if the endpoint is no more.
    fn at<I: AsHandle>(
        &mut self,
        id: SocketId,
        socket: &Socket<I>,
        io: &mut impl FnMut(&I, Side, &mut Attempt<'_>) -> Poll<io::Result<usize>>,
    ) -> bool {
        while self.turn.may_receive() {
            let (buffers, more) = receive(self.inbox, |attempt| {
                io(socket.io(), Side::Receive, &mut || attempt(socket))
            });
            if buffers == 0 && more {
                // An error is what an earlier send met; it says nothing about what comes in.
                self.turn.on_received(0, 0);
                continue;
            }
            if buffers > 0 {
                let now = self.shared.now();
                let mut state = self.shared.lock();
                if state.life != Life::Running {
                    return false;
                }
                let now = state.latest(now);
                state.armed = Time::ZERO;
                for (meta, datagrams) in self.inbox.received(id, buffers) {
                    state.driver.received(now, &meta, datagrams, &mut self.turn);
                }
                self.seen = Some(now);
            }
            if !more {
                break;
            }
        }
        true
    }
}

/// Takes what has come to a socket, as `io` tries it: the number of buffers that are filled, and
/// whether there may be more. A batch that had room left says so by itself; the runtime learns that
/// the socket is empty with it, and not by another call of the system that finds nothing.
fn receive<I: AsHandle>(
    inbox: &mut Inbox,
    io: impl FnOnce(&mut dyn FnMut(&Socket<I>) -> io::Result<usize>) -> Poll<io::Result<usize>>,
) -> (usize, bool) {
    let mut last = None;
    let received = io(&mut |socket| {
        // What came is not dealt with yet.
        if let Some(buffers) = last.take() {
            return Ok(buffers);
        }
        let (buffers, more) = socket.try_receive(inbox)?;
        if more {
            return Ok(buffers);
        }
        last = Some(buffers);
        Err(io::ErrorKind::WouldBlock.into())
    });
    match received {
        Poll::Ready(received) => (received.unwrap_or(0), true),
        Poll::Pending => (last.unwrap_or(0), false),
    }
}
