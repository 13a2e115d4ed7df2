//! What every shell over the standard library would write again: the handles of an endpoint, of a
//! line and of a stream, errors as `io::Error`, the UDP sockets, and one turn between the sockets
//! and the driver. It never waits for anything: a shell brings the readiness of sockets, a timer
//! and a task, or drives an [`Engine`] by hand.
//!
//! A shell with tasks says by a [`Runtime`] how its sockets become ready, how it sleeps and how it
//! spawns; then [`Endpoint::bind`] and everything that waits is there. One without tasks is a
//! [`Shell`]: it calls [`bind`], then [`Engine::turn`] whenever a socket is ready, the waker that
//! it gave was woken, or [`Engine::wait`] is over; every handle has a `poll_…` for whatever there
//! is to wait for.

mod config;
mod endpoint;
mod engine;
mod error;
mod half;
mod lan;
mod line;
mod member;
pub mod recorder;
mod shared;
mod sockets;
mod stream;
#[cfg(test)]
mod tests;

use std::{
    fmt, io,
    net::UdpSocket,
    task::{Context, Poll},
    time::Instant,
};

#[cfg(unix)]
pub use std::os::fd::AsFd as AsHandle;
#[cfg(windows)]
pub use std::os::windows::io::AsSocket as AsHandle;

pub use self::{
    config::{Config, LanConfig},
    endpoint::{Endpoint, bind, fresh_secret},
    engine::{Engine, Rest},
    error::{ConnectError, Ended},
    half::{ReadHalf, WriteHalf},
    lan::{LanAddress, LanStatus},
    line::Line,
    recorder::{RecordEnd, Recorder, Unrecorded},
    sockets::{Inbox, Socket, Sockets},
    stream::Stream,
};

/// A shell: the streams of one ecosystem.
pub trait Shell: Copy + fmt::Debug + Send + Sync + 'static {
    /// A stream with the ecosystem's own traits for reading and writing.
    type Stream: From<Stream<Self>>;
}

/// A shell whose runtime has tasks.
pub trait Runtime: Shell {
    /// A UDP socket that the runtime watches.
    type Socket: AsHandle + Send + Sync;
    /// A timer.
    type Sleep: Send;

    /// Watches a socket, which does not block.
    ///
    /// # Errors
    /// If there is no runtime here, or the system refuses.
    fn watch(socket: UdpSocket) -> io::Result<Self::Socket>;

    /// Tries `attempt` until it does something else than `WouldBlock`. Pending if the socket is not
    /// ready; then the task is woken once it is.
    fn poll_io(
        socket: &Self::Socket,
        side: Side,
        cx: &mut Context<'_>,
        attempt: &mut Attempt<'_>,
    ) -> Poll<io::Result<usize>>;

    /// A timer that was never set.
    fn sleep() -> Self::Sleep;

    /// Ready if it is `until`; else the task is woken then.
    fn poll_sleep(sleep: &mut Self::Sleep, cx: &mut Context<'_>, until: Instant) -> Poll<()>;

    /// Starts a task that nobody waits for.
    ///
    /// # Errors
    /// If there is no runtime here.
    fn spawn(task: impl Future<Output = ()> + Send + 'static) -> io::Result<()>;
}

/// One call of the system, which may say `WouldBlock`.
pub type Attempt<'a> = dyn FnMut() -> io::Result<usize> + 'a;

/// What a socket is to be ready for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Datagrams come in.
    Receive,
    /// Datagrams go out.
    Send,
}
