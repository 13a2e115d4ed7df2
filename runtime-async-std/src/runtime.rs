//! What the shells' common part does not know: sockets and timers are async-io's, tasks are
//! async-std's.

#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
#[cfg(windows)]
use std::os::windows::io::{AsSocket, BorrowedSocket};
use std::{
    io,
    net::UdpSocket,
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll, ready},
    time::Instant,
};

use async_io::{Async, Timer};
use async_std::task;
use hydroid_core::driver::shell::{Attempt, Runtime, Shell, Side};

use crate::Stream;

/// The shell of async-std and smol.
#[derive(Clone, Copy, Debug)]
pub struct AsyncStd;

impl Shell for AsyncStd {
    type Stream = Stream;
}

/// A socket, and what is known of it without asking the system.
#[derive(Debug)]
pub struct Socket {
    io: Async<UdpSocket>,
    /// It was empty, and the reactor watches for what comes.
    empty: AtomicBool,
}

#[cfg(unix)]
impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.as_fd()
    }
}

#[cfg(windows)]
impl AsSocket for Socket {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        self.io.as_socket()
    }
}

impl Socket {
    /// Ready if something may have come; else the task is woken then. Ready is said once.
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let readable = self.io.poll_readable(cx);
        self.empty.store(readable.is_pending(), Ordering::Relaxed);
        readable
    }
}

/// A timer, and the moment that it is set to.
#[derive(Debug)]
pub struct Sleep {
    timer: Timer,
    until: Option<Instant>,
}

impl Runtime for AsyncStd {
    type Socket = Socket;
    type Sleep = Sleep;

    fn watch(socket: UdpSocket) -> io::Result<Self::Socket> {
        Ok(Socket {
            io: Async::new_nonblocking(socket)?,
            empty: AtomicBool::new(false),
        })
    }

    fn poll_io(
        socket: &Self::Socket,
        side: Side,
        cx: &mut Context<'_>,
        attempt: &mut Attempt<'_>,
    ) -> Poll<io::Result<usize>> {
        // Each turn looks, and most turns are about something else than what came.
        if side == Side::Receive && socket.empty.load(Ordering::Relaxed) {
            ready!(socket.poll_readable(cx))?;
        }
        loop {
            match attempt() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
            // Pending at least once, and with the socket armed; so nothing that comes is missed.
            ready!(match side {
                Side::Receive => socket.poll_readable(cx),
                Side::Send => socket.io.poll_writable(cx),
            })?;
        }
    }

    fn sleep() -> Sleep {
        let timer = Timer::never();
        Sleep { timer, until: None }
    }

    fn poll_sleep(sleep: &mut Sleep, cx: &mut Context<'_>, until: Instant) -> Poll<()> {
        // One that fires too soon costs a turn; to put it off costs something in every turn.
        if sleep.until.is_none_or(|set| until < set) {
            sleep.timer.set_at(until);
            sleep.until = Some(until);
        }
        ready!(Pin::new(&mut sleep.timer).poll(cx));
        // A timer that has fired is no longer set.
        sleep.until = None;
        Poll::Ready(())
    }

    fn spawn(work: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        // The handle is dropped, and the task goes on.
        drop(task::spawn(work));
        Ok(())
    }
}
