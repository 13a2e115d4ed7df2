//! The hydroid switch under tokio: an [`Endpoint`] behind one or more UDP sockets, a [`Line`] to
//! each peer, and [`Stream`]s that are [`tokio::io::AsyncRead`] and [`tokio::io::AsyncWrite`].
//!
//! An endpoint runs as one task of the runtime that it was bound in. The task ends when
//! [`Endpoint::shutdown`] was called, or when the last endpoint, line and stream is dropped.
//!
//! The runtime must have IO and time (`enable_all`, as `#[tokio::main]` does): without one of them
//! [`Endpoint::bind`] panics, as everything of tokio's does, and without any runtime it is an error.
//!
//! ```no_run
//! use hydroid_tokio::{Config, Endpoint, fresh_secret, identity::{Space, Ticket}};
//! use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
//!
//! # async fn dial(ticket: Ticket) -> Result<(), Box<dyn std::error::Error>> {
//! let endpoint = Endpoint::bind(Config::default())?;
//! let me = endpoint.install(&fresh_secret()?, &Space::open("example")?)?;
//! let line = endpoint.connect(me, &ticket).await?;
//! let mut stream = line.open_stream("{}").await?;
//! stream.write_all(b"hello").await?;
//! stream.shutdown().await?;
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
    runtime::Tokio,
    stream::{ReadHalf, Stream, WriteHalf},
};

/// A switch behind one or more UDP sockets. Clones are the same endpoint.
pub type Endpoint = driver::shell::Endpoint<Tokio>;

/// A line to a peer. Clones are the same line.
pub type Line = driver::shell::Line<Tokio>;
