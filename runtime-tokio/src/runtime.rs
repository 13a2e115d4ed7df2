//! What the shells' common part does not know: how sockets, timers and tasks are had from tokio.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use hydroid_core::driver::shell::{Attempt, Runtime, Shell, Side};
use tokio::{
    io::Interest,
    net::UdpSocket,
    runtime::Handle,
    time::{Sleep, sleep},
};

use crate::Stream;

/// The shell of tokio.
#[derive(Clone, Copy, Debug)]
pub struct Tokio;

impl Shell for Tokio {
    type Stream = Stream;
}

impl Runtime for Tokio {
    type Socket = UdpSocket;
    type Sleep = Pin<Box<Sleep>>;

    fn watch(socket: std::net::UdpSocket) -> io::Result<UdpSocket> {
        let _runtime = Handle::try_current().map_err(io::Error::other)?;
        UdpSocket::from_std(socket)
    }

    fn poll_io(
        socket: &UdpSocket,
        side: Side,
        cx: &mut Context<'_>,
        attempt: &mut Attempt<'_>,
    ) -> Poll<io::Result<usize>> {
        let interest = match side {
            Side::Receive => Interest::READABLE,
            Side::Send => Interest::WRITABLE,
        };
        loop {
            // What `attempt` says tells tokio whether the socket is still ready.
            match socket.try_io(interest, &mut *attempt) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
            ready!(match side {
                Side::Receive => socket.poll_recv_ready(cx),
                Side::Send => socket.poll_send_ready(cx),
            })?;
        }
    }

    fn sleep() -> Self::Sleep {
        Box::pin(sleep(Duration::ZERO))
    }

    fn poll_sleep(sleep: &mut Self::Sleep, cx: &mut Context<'_>, until: Instant) -> Poll<()> {
        let until = until.into();
        // One that fires too soon costs a turn; to put it off costs something in every turn.
        if until < sleep.deadline() || sleep.is_elapsed() {
            sleep.as_mut().reset(until);
        }
        sleep.as_mut().poll(cx)
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        runtime.spawn(task);
        Ok(())
    }
}
