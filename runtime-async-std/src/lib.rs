//! The hydroid switch under async-std: an [`Endpoint`] behind one or more UDP sockets, a [`Line`] to
//! each peer, and [`Stream`]s that are [`futures_io::AsyncRead`] and [`futures_io::AsyncWrite`].
//!
//! An endpoint runs as one task of async-std's executor, which needs no setting up. The task ends
//! when [`Endpoint::shutdown`] was called, or when the last endpoint, line and stream is dropped.
//! Sockets and timers are those of [`async_io`], the reactor under async-std and under smol: what is
//! here can be awaited in any executor that is built on it, or in any at all.
//!
//! ```no_run
//! use async_std::io::{ReadExt as _, WriteExt as _};
//! use hydroid_async_std::{Config, Endpoint, fresh_secret, identity::{Space, Ticket}};
//!
//! # async fn dial(ticket: Ticket) -> Result<(), Box<dyn std::error::Error>> {
//! let endpoint = Endpoint::bind(Config::default())?;
//! let me = endpoint.install(&fresh_secret()?, &Space::open("example")?)?;
//! let line = endpoint.connect(me, &ticket).await?;
//! let mut stream = line.open_stream("{}").await?;
//! stream.write_all(b"hello").await?;
//! stream.finish()?;
//! let mut answer = Vec::new();
//! stream.read_to_end(&mut answer).await?;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod runtime;
mod stream;

pub use hydroid_core::{
    base::Seed,
    driver::{
        self,
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
    runtime::AsyncStd,
    stream::{ReadHalf, Stream, WriteHalf},
};

/// A switch behind one or more UDP sockets. Clones are the same endpoint.
pub type Endpoint = driver::shell::Endpoint<AsyncStd>;

/// A line to a peer. Clones are the same line.
pub type Line = driver::shell::Line<AsyncStd>;
