//! What the shells' common part does not know: sockets and timers are async-io's, tasks are
//! async-std's.

use std::{
    io,
    net::UdpSocket,
    pin::Pin,
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

/// A timer, and the moment that it is set to.
#[derive(Debug)]
pub struct Sleep {
    timer: Timer,
    until: Option<Instant>,
}

impl Runtime for AsyncStd {
    type Socket = Async<UdpSocket>;
    type Sleep = Sleep;

    fn watch(socket: UdpSocket) -> io::Result<Self::Socket> {
        Async::new_nonblocking(socket)
    }

    fn poll_io(
        socket: &Self::Socket,
        side: Side,
        cx: &mut Context<'_>,
        attempt: &mut Attempt<'_>,
    ) -> Poll<io::Result<usize>> {
        loop {
            match attempt() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
            // Pending at least once, and with the socket armed; so nothing that comes is missed.
            ready!(match side {
                Side::Receive => socket.poll_readable(cx),
                Side::Send => socket.poll_writable(cx),
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
