//! The hydroid switch under mio: an [`Endpoint`] that is an [`event::Source`](mio::event::Source),
//! a [`Line`] to each peer, and [`Stream`]s that are [`io::Read`] and
//! [`io::Write`].
//!
//! The program owns the [`Poll`](mio::Poll). Around its loop it does three things: it sleeps no
//! longer than [`Endpoint::timeout`], it calls [`Endpoint::turn`], and it takes the [`Event`]s that
//! [`Endpoint::next_event`] gives until there is none. Nothing ever waits: what cannot be done yet is
//! [`WouldBlock`](std::io::ErrorKind::WouldBlock), and an event tells when it is worth trying again.
//!
//! ```no_run
//! use std::io::{self, Read as _, Write as _};
//!
//! use hydroid_mio::{Config, Endpoint, Event, fresh_secret, identity::{Space, Ticket}};
//! use mio::{Events, Interest, Poll, Token};
//!
//! # fn ask(ticket: Ticket) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
//! let (mut poll, mut ready) = (Poll::new()?, Events::with_capacity(64));
//! let mut endpoint = Endpoint::bind(Config::default())?;
//! poll.registry().register(&mut endpoint, Token(0), Interest::READABLE | Interest::WRITABLE)?;
//! let me = endpoint.install(&fresh_secret()?, &Space::open("example")?)?;
//! // The line is not up yet, and what is written waits for that.
//! let line = endpoint.connect(me, &ticket)?;
//! let mut stream = line.open_stream("{}")?;
//! stream.write_all(b"hello")?;
//! stream.finish()?;
//! let mut answer = Vec::new();
//! loop {
//!     poll.poll(&mut ready, endpoint.timeout())?;
//!     endpoint.turn()?;
//!     while let Some(event) = endpoint.next_event() {
//!         if event == Event::Readable(stream.id()) {
//!             match stream.read_to_end(&mut answer) {
//!                 Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
//!                 end => return Ok(end.map(|_| answer)?),
//!             }
//!         }
//!     }
//! }
//! # }
//! ```
//!
//! Lines and streams may be used in other threads than the loop's. What they do there is sent at
//! the loop's next turn; a program that does so gives [`Endpoint::wake_by`] a [`mio::Waker`].
#![forbid(unsafe_code)]

mod endpoint;
mod line;
mod stream;

use std::{io, task::Poll};

pub use hydroid_core::{
    base::Seed,
    driver::{
        self, News as Event,
        shell::{
            Config, ConnectError, LanAddress, LanConfig, LanStatus, RecordEnd, Unrecorded,
            fresh_secret,
        },
    },
    identity,
    line::{Provider, PureRust},
    switch, tape,
};

pub use self::{
    endpoint::Endpoint,
    line::Line,
    stream::{ReadHalf, Stream, WriteHalf},
};

/// The shell of mio.
#[derive(Clone, Copy, Debug)]
pub struct Mio;

impl driver::shell::Shell for Mio {
    type Stream = Stream;
}

/// What is pending would block.
fn block<T>(done: Poll<io::Result<T>>) -> io::Result<T> {
    match done {
        Poll::Ready(done) => done,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}
