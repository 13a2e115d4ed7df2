//! How a command reaches a peer: by a switch of its own, or by that of the `up` which is the home's
//! identity already.

use std::{
    io,
    path::PathBuf,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use hydroid_core::identity::{Hashname, Ticket};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf},
    time::timeout,
};

use crate::{
    control::{self, Ask},
    exit::Failure,
    node::{self, LAST_BYTES, Line, Node, Stream},
    pipe::{self, Closer, Moved},
    relay::Relayed,
    transfer::heads::{Answer, Request},
};

/// Who dials.
#[derive(Debug)]
pub(crate) enum Dialer {
    /// A switch of this command.
    Own(Node),
    /// The `up` behind this socket.
    Up(PathBuf),
}

/// A peer that was reached.
#[derive(Debug)]
pub(crate) enum Reached {
    /// By this line.
    Own(Line),
    /// By a line of the `up` behind the socket.
    Up {
        /// The socket.
        socket: PathBuf,
        /// Whom.
        ticket: Box<Ticket>,
    },
}

/// A stream to a peer, whoever holds it.
#[derive(Debug)]
pub(crate) enum Channel {
    /// This command.
    Own(Stream),
    /// The `up` of this home; and who is at the other end.
    Up(Relayed, Hashname),
}

impl Dialer {
    /// Reaches a peer within `time`.
    ///
    /// # Errors
    /// As [`Node::connect`], or if `up` has gone.
    pub(crate) async fn connect(
        &self,
        ticket: &Ticket,
        time: Duration,
    ) -> Result<Reached, Failure> {
        match self {
            Self::Own(node) => Ok(Reached::Own(node.connect(ticket, time).await?)),
            Self::Up(socket) => {
                let ask = Ask::Connect {
                    ticket: ticket.to_string(),
                    within_ms: u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
                };
                control::ask(socket, &ask).await?.ok_or_else(gone)?;
                Ok(Reached::Up {
                    socket: socket.clone(),
                    ticket: Box::new(ticket.clone()),
                })
            }
        }
    }
}

fn gone() -> Failure {
    Failure::unreachable("the `up` of this home has ended; the same command works without it")
}

impl Reached {
    /// Who it is.
    pub(crate) fn peer(&self) -> Hashname {
        match self {
            Self::Own(line) => line.peer().hashname,
            Self::Up { ticket, .. } => ticket.hashname(),
        }
    }

    /// Opens a stream and waits for the answer to its head.
    ///
    /// # Errors
    /// As [`node::ask`], or if `up` has gone.
    pub(crate) async fn ask(&self, request: &Request) -> Result<(Channel, Answer), Failure> {
        let (socket, ticket) = match self {
            Self::Own(line) => {
                let (stream, answer) = node::ask(line, request).await?;
                return Ok((Channel::Own(stream), answer));
            }
            Self::Up { socket, ticket } => (socket, ticket),
        };
        let ask = Ask::Stream {
            ticket: ticket.to_string(),
            request: request.clone(),
        };
        let (answer, relayed) = control::stream(socket, &ask).await?.ok_or_else(gone)?;
        let answer = serde_json::from_value(answer);
        let answer = answer.map_err(|error| Failure::failed(error.to_string()))?;
        Ok((Channel::Up(relayed, self.peer()), answer))
    }
}

impl Channel {
    /// Who is at the other end.
    pub(crate) fn peer(&self) -> Hashname {
        match self {
            Self::Own(stream) => stream.peer().hashname,
            Self::Up(_, peer) => *peer,
        }
    }

    /// Ends our direction and waits until the peer has everything, within bounds.
    pub(crate) async fn last_bytes(self) {
        match self {
            Self::Own(stream) => node::last_bytes(stream).await,
            Self::Up(mut relayed, _) => {
                let _ended = relayed.shutdown().await;
                let _late = timeout(LAST_BYTES, relayed.outcome()).await;
            }
        }
    }

    /// Moves stdin and stdout through it, until both have ended.
    ///
    /// # Errors
    /// As [`pipe::run`].
    pub(crate) async fn pipe(self, closer: Closer) -> Result<Moved, Failure> {
        match self {
            Self::Own(stream) => pipe::run_standard(stream, closer).await,
            Self::Up(relayed, _) => pipe::run_relayed(relayed).await,
        }
    }
}

impl AsyncRead for Channel {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Own(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Up(relayed, _) => Pin::new(relayed).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Channel {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Own(stream) => Pin::new(stream).poll_write(cx, data),
            Self::Up(relayed, _) => Pin::new(relayed).poll_write(cx, data),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Own(stream) => Pin::new(stream).poll_flush(cx),
            Self::Up(relayed, _) => Pin::new(relayed).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Own(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Up(relayed, _) => Pin::new(relayed).poll_shutdown(cx),
        }
    }
}
