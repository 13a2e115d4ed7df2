//! The UDP sockets: bound, their buffers raised, several datagrams at a time each way.

use std::{
    array, fmt, format,
    io::{self, IoSliceMut},
    net::{SocketAddr, UdpSocket},
    task::Poll,
    vec,
    vec::Vec,
};

use quinn_udp::{BATCH_SIZE, EcnCodepoint, RecvMeta, UdpSocketState};
use socket2::{Domain, SockRef, Socket as RawSocket, Type};

use super::{AsHandle, Attempt};
use crate::{
    driver::Sent,
    switch::{Ecn, Meta, Path, SentError, SocketId, Transmit},
};

/// So many buffers are offered at first: to offer a whole batch costs more than one datagram does.
const FEW: usize = if BATCH_SIZE < 4 { BATCH_SIZE } else { 4 };

/// No system gives more than this at once, offloaded or not.
const RECEIVE_BYTES: usize = 1 << 16;

/// Every socket of an endpoint; a socket's id is its place.
pub struct Sockets<I> {
    all: Vec<Socket<I>>,
}

/// A bound UDP socket that does not block, as a runtime's `I`.
pub struct Socket<I> {
    io: I,
    state: UdpSocketState,
    local: SocketAddr,
}

/// Room for what comes in, used again and again. Pages that no datagram reaches are never touched.
pub struct Inbox {
    buf: Vec<u8>,
    metas: [RecvMeta; BATCH_SIZE],
    /// The last batch was full.
    crowded: bool,
}

impl Sockets<UdpSocket> {
    /// A socket for each address; see [`Config::listen`](super::Config::listen). Their buffers are
    /// raised to `buffer_bytes` as far as the system allows.
    ///
    /// # Errors
    /// If an address cannot be bound, which the error names.
    pub fn bind(listen: &[SocketAddr], buffer_bytes: usize) -> io::Result<Self> {
        let mut all: Vec<Socket<UdpSocket>> = Vec::with_capacity(listen.len());
        for &address in listen {
            let before = all.last().map(|socket| socket.local.port());
            let same_port = before
                .filter(|_| address.port() == 0)
                .and_then(|port| Socket::bind((address.ip(), port).into(), buffer_bytes).ok());
            match same_port.map_or_else(|| Socket::bind(address, buffer_bytes), Ok) {
                Ok(socket) => all.push(socket),
                Err(_) if is_optional(address) && before.is_some() => {}
                Err(error) => {
                    return Err(io::Error::new(error.kind(), format!("{address}: {error}")));
                }
            }
        }
        Ok(Self { all })
    }

    /// The same sockets, each as what `watch` makes of it.
    ///
    /// # Errors
    /// As `watch`.
    pub fn watched<I>(
        self,
        mut watch: impl FnMut(UdpSocket) -> io::Result<I>,
    ) -> io::Result<Sockets<I>> {
        let watched = self.all.into_iter();
        let watched = watched.map(|socket| socket.watched(&mut watch));
        let all = watched.collect::<io::Result<_>>()?;
        Ok(Sockets { all })
    }
}

impl<I> Sockets<I> {
    /// The addresses that they are bound to.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.all.iter().map(|socket| socket.local)
    }

    /// The runtime's sockets, to be registered with what watches them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut I> {
        self.all.iter_mut().map(|socket| &mut socket.io)
    }

    /// Every socket once, from the one at the place `first`, which is taken round.
    pub(super) fn from(&self, first: u32) -> impl Iterator<Item = (SocketId, &Socket<I>)> {
        let each = (0..).map(SocketId).zip(&self.all);
        let skipped = first as usize % self.all.len().max(1);
        each.clone().skip(skipped).chain(each.take(skipped))
    }

    /// True if the system may cut what a socket sends: then a large datagram that arrives says nothing
    /// of the path.
    pub fn may_fragment(&self) -> bool {
        self.all.iter().any(|socket| socket.state.may_fragment())
    }

    /// How many datagrams every socket takes at once.
    pub fn segments(&self) -> usize {
        let segments = self
            .all
            .iter()
            .map(|socket| socket.state.max_gso_segments());
        segments.min().unwrap_or(1)
    }
}

impl Socket<UdpSocket> {
    fn bind(address: SocketAddr, buffer_bytes: usize) -> io::Result<Self> {
        let raw = RawSocket::new(Domain::for_address(address), Type::DGRAM, None)?;
        Self::bind_raw(raw, address, buffer_bytes)
    }

    /// The same of a socket with options of its own.
    pub(super) fn bind_raw(
        raw: RawSocket,
        address: SocketAddr,
        buffer_bytes: usize,
    ) -> io::Result<Self> {
        if address.is_ipv6() {
            raw.set_only_v6(true)?;
        }
        raw.bind(&address.into())?;
        raw.set_nonblocking(true)?;
        let _smaller = raw.set_recv_buffer_size(buffer_bytes);
        let _smaller = raw.set_send_buffer_size(buffer_bytes);
        let io = UdpSocket::from(raw);
        let state = UdpSocketState::new((&io).into())?;
        let local = io.local_addr()?;
        Ok(Self { io, state, local })
    }

    /// The same socket, as what `watch` makes of it.
    pub(super) fn watched<I>(
        self,
        watch: impl FnOnce(UdpSocket) -> io::Result<I>,
    ) -> io::Result<Socket<I>> {
        let Self { io, state, local } = self;
        let io = watch(io)?;
        Ok(Socket { io, state, local })
    }
}

impl<I: AsHandle> Sockets<I> {
    /// Gives one piece to its socket; `io` tries that, and is pending where the socket is full.
    pub fn send(
        &self,
        piece: &Transmit,
        bytes: &[u8],
        io: impl FnOnce(&I, &mut Attempt<'_>) -> Poll<io::Result<usize>>,
    ) -> Sent {
        let Some(socket) = self.all.get(piece.socket.0 as usize) else {
            return Sent::Failed(SentError::Unreachable);
        };
        let mut attempt = || socket.try_send(piece, bytes).map(|()| bytes.len());
        match io(&socket.io, &mut attempt) {
            Poll::Pending => Sent::Full,
            Poll::Ready(sent) => what_became(piece, sent),
        }
    }
}

impl<I> Socket<I> {
    /// The runtime's socket.
    pub const fn io(&self) -> &I {
        &self.io
    }

    pub(super) const fn io_mut(&mut self) -> &mut I {
        &mut self.io
    }

    /// The address that it is bound to.
    pub const fn local(&self) -> SocketAddr {
        self.local
    }
}

impl<I: AsHandle> Socket<I> {
    /// Takes what has come: the number of buffers that are filled, and whether there may be more.
    ///
    /// # Errors
    /// `WouldBlock` if nothing has come; any other tells what an earlier send met, and nothing of
    /// what comes in.
    pub fn try_receive(&self, inbox: &mut Inbox) -> io::Result<(usize, bool)> {
        let (buffers, room) = if inbox.crowded {
            (self.receive::<BATCH_SIZE>(inbox)?, BATCH_SIZE)
        } else {
            (self.receive::<FEW>(inbox)?, FEW)
        };
        let more = buffers >= room;
        inbox.crowded = more;
        Ok((buffers, more))
    }

    fn receive<const ROOMS: usize>(&self, inbox: &mut Inbox) -> io::Result<usize> {
        let Inbox { buf, metas, .. } = inbox;
        let mut rooms = buf.chunks_mut(RECEIVE_BYTES);
        let mut rooms: [_; ROOMS] = array::from_fn(|_| {
            IoSliceMut::new(rooms.next().expect("an inbox has room for a whole batch"))
        });
        self.state.recv((&self.io).into(), &mut rooms, metas)
    }

    /// Gives one piece to the system.
    ///
    /// # Errors
    /// `WouldBlock` if it takes nothing now. Most others mean that this datagram is lost.
    pub fn try_send(&self, piece: &Transmit, bytes: &[u8]) -> io::Result<()> {
        let transmit = quinn_udp::Transmit {
            destination: piece.path.remote,
            ecn: match piece.ecn {
                Ecn::None => None,
                Ecn::Ect0 => Some(EcnCodepoint::Ect0),
                Ecn::Ect1 => Some(EcnCodepoint::Ect1),
                Ecn::Congested => Some(EcnCodepoint::Ce),
            },
            contents: bytes,
            segment_size: (piece.segment < bytes.len()).then_some(piece.segment),
            src_ip: piece.path.local,
        };
        let send = || self.state.try_send((&self.io).into(), &transmit);
        match piece.ttl {
            None => send(),
            Some(ttl) => self.with_ttl(ttl.into(), send),
        }
    }

    /// Runs `send` with another time to live than usual.
    fn with_ttl(&self, ttl: u32, send: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let raw = SockRef::from(&self.io);
        let (usual, set): (_, fn(&RawSocket, u32) -> io::Result<()>) = if self.local.is_ipv4() {
            (raw.ttl_v4()?, RawSocket::set_ttl_v4)
        } else {
            (raw.unicast_hops_v6()?, RawSocket::set_unicast_hops_v6)
        };
        set(&raw, ttl)?;
        let sent = send();
        set(&raw, usual)?;
        sent
    }
}

impl<I> fmt::Debug for Sockets<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.all).finish()
    }
}

impl<I> fmt::Debug for Socket<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Socket({})", self.local)
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}

impl Default for Inbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Inbox {
    /// Room for one batch.
    pub fn new() -> Self {
        Self {
            buf: vec![0; RECEIVE_BYTES * BATCH_SIZE],
            metas: [RecvMeta::default(); BATCH_SIZE],
            crowded: false,
        }
    }

    /// The first `buffers` of what came to the socket `id`: a run of equal datagrams each.
    pub fn received(
        &mut self,
        id: SocketId,
        buffers: usize,
    ) -> impl Iterator<Item = (Meta, &mut [u8])> {
        let filled = self.metas[..buffers].iter();
        filled
            .zip(self.buf.chunks_mut(RECEIVE_BYTES))
            .map(move |(meta, room)| (meta_of(id, meta), &mut room[..meta.len]))
    }
}

fn meta_of(socket: SocketId, meta: &RecvMeta) -> Meta {
    Meta {
        socket,
        path: Path::new(meta.dst_ip, meta.addr),
        interface: meta.interface_index.unwrap_or(0),
        ecn: match meta.ecn {
            None => Ecn::None,
            Some(EcnCodepoint::Ect0) => Ecn::Ect0,
            Some(EcnCodepoint::Ect1) => Ecn::Ect1,
            Some(EcnCodepoint::Ce) => Ecn::Congested,
        },
        stride: meta.stride,
    }
}

/// Every IPv6 address may be missing where there is no IPv6.
fn is_optional(address: SocketAddr) -> bool {
    address.is_ipv6() && address.ip().is_unspecified()
}

/// What became of a piece, by what the system said. An error that says nothing about the way is a
/// lost datagram.
fn what_became(piece: &Transmit, sent: io::Result<usize>) -> Sent {
    use io::ErrorKind::{
        AddrNotAvailable, HostUnreachable, InvalidInput, NetworkUnreachable, PermissionDenied,
        WouldBlock,
    };
    let Err(error) = sent else {
        return Sent::Done;
    };
    let unreachable = [
        AddrNotAvailable,
        HostUnreachable,
        NetworkUnreachable,
        PermissionDenied,
    ];
    let kind = error.kind();
    // From an address that the machine no longer has, nothing can be sent.
    let moved = kind == InvalidInput && piece.path.local.is_some();
    if kind == WouldBlock {
        Sent::Full
    } else if moved || unreachable.contains(&kind) {
        Sent::Failed(SentError::Unreachable)
    } else if quinn_udp::is_msg_size_err(&error) {
        Sent::Failed(SentError::TooLarge)
    } else {
        Sent::Done
    }
}

#[cfg(test)]
mod tests;
