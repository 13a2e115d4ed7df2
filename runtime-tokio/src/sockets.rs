//! The UDP sockets: bound, their buffers raised, several datagrams at a time each way.

use std::{
    array,
    io::{self, IoSliceMut},
    net::SocketAddr,
    task::{Context, Poll, ready},
};

use hydroid_core::{
    driver::Sent,
    switch::{Ecn, Meta, Path, SentError, SocketId, Transmit},
};
use quinn_udp::{BATCH_SIZE, EcnCodepoint, RecvMeta, UdpSocketState};
use socket2::{Domain, SockRef, Socket as RawSocket, Type};
use tokio::{io::Interest, net::UdpSocket};

/// No system gives more than this at once, offloaded or not.
const RECEIVE_BYTES: usize = 1 << 16;

/// Every socket of an endpoint; a socket's id is its place.
pub(crate) struct Sockets {
    all: Vec<Socket>,
}

struct Socket {
    io: UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
}

/// Room for what comes in, used again and again. Pages that no datagram reaches are never touched.
pub(crate) struct Inbox {
    buf: Vec<u8>,
    metas: [RecvMeta; BATCH_SIZE],
}

impl Sockets {
    /// A socket for each address; see `Config::listen`.
    pub(crate) fn bind(listen: &[SocketAddr], buffer_bytes: usize) -> io::Result<Self> {
        let mut all: Vec<Socket> = Vec::with_capacity(listen.len());
        for &address in listen {
            let before = all.last().map(|socket: &Socket| socket.local.port());
            let same_port = before
                .filter(|_| address.port() == 0)
                .and_then(|port| Socket::bind((address.ip(), port).into(), buffer_bytes).ok());
            match same_port.map_or_else(|| Socket::bind(address, buffer_bytes), Ok) {
                Ok(socket) => all.push(socket),
                Err(_) if is_optional(address) && before.is_some() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self { all })
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.all.iter().map(|socket| socket.local)
    }

    pub(crate) const fn count(&self) -> usize {
        self.all.len()
    }

    /// How many datagrams every socket takes at once.
    pub(crate) fn segments(&self) -> usize {
        let segments = self
            .all
            .iter()
            .map(|socket| socket.state.max_gso_segments());
        segments.min().unwrap_or(1)
    }

    /// Takes what has come to the socket at `place`: the number of buffers that are filled.
    pub(crate) fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        place: usize,
        inbox: &mut Inbox,
    ) -> Poll<usize> {
        let socket = &self.all[place];
        loop {
            if ready!(socket.io.poll_recv_ready(cx)).is_err() {
                return Poll::Ready(0);
            }
            match socket.receive(inbox) {
                Ok(buffers) => return Poll::Ready(buffers),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // What an earlier send met; it says nothing about what comes in.
                Err(_) => return Poll::Ready(0),
            }
        }
    }

    /// Gives one piece to its socket.
    pub(crate) fn send(&self, piece: &Transmit, bytes: &[u8]) -> Sent {
        let Some(socket) = self.all.get(piece.socket.0 as usize) else {
            return Sent::Failed(SentError::Unreachable);
        };
        match socket.send(piece, bytes) {
            Ok(()) => Sent::Done,
            // From an address that the machine no longer has, nothing can be sent.
            Err(error)
                if error.kind() == io::ErrorKind::InvalidInput && piece.path.local.is_some() =>
            {
                Sent::Failed(SentError::Unreachable)
            }
            Err(error) => sent_error(&error),
        }
    }

    /// Ready once the socket of what was refused takes something again.
    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>, socket: SocketId) -> Poll<()> {
        let socket = self.all.get(socket.0 as usize);
        socket.map_or(Poll::Ready(()), |socket| {
            socket.io.poll_send_ready(cx).map(|_| ())
        })
    }
}

impl Socket {
    fn bind(address: SocketAddr, buffer_bytes: usize) -> io::Result<Self> {
        let raw = RawSocket::new(Domain::for_address(address), Type::DGRAM, None)?;
        if address.is_ipv6() {
            raw.set_only_v6(true)?;
        }
        raw.bind(&address.into())?;
        raw.set_nonblocking(true)?;
        let _smaller = raw.set_recv_buffer_size(buffer_bytes);
        let _smaller = raw.set_send_buffer_size(buffer_bytes);
        let io = UdpSocket::from_std(raw.into())?;
        let state = UdpSocketState::new((&io).into())?;
        let local = io.local_addr()?;
        Ok(Self { io, state, local })
    }

    fn receive(&self, inbox: &mut Inbox) -> io::Result<usize> {
        let Inbox { buf, metas } = inbox;
        let mut rooms = buf.chunks_mut(RECEIVE_BYTES);
        let mut rooms: [_; BATCH_SIZE] = array::from_fn(|_| {
            IoSliceMut::new(rooms.next().expect("an inbox has room for a whole batch"))
        });
        self.io.try_io(Interest::READABLE, || {
            self.state.recv((&self.io).into(), &mut rooms, metas)
        })
    }

    fn send(&self, piece: &Transmit, bytes: &[u8]) -> io::Result<()> {
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
        let send = || {
            self.io.try_io(Interest::WRITABLE, || {
                self.state.try_send((&self.io).into(), &transmit)
            })
        };
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

impl Inbox {
    pub(crate) fn new() -> Self {
        Self {
            buf: vec![0; RECEIVE_BYTES * BATCH_SIZE],
            metas: [RecvMeta::default(); BATCH_SIZE],
        }
    }

    /// The first `buffers` of what came to the socket at `place`.
    pub(crate) fn received(
        &mut self,
        place: usize,
        buffers: usize,
    ) -> impl Iterator<Item = (Meta, &mut [u8])> {
        let filled = self.metas[..buffers].iter();
        filled
            .zip(self.buf.chunks_mut(RECEIVE_BYTES))
            .map(move |(meta, room)| (meta_of(place, meta), &mut room[..meta.len]))
    }
}

fn meta_of(place: usize, meta: &RecvMeta) -> Meta {
    Meta {
        socket: SocketId(u32::try_from(place).unwrap_or(u32::MAX)),
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

/// What an error of the system means; one that says nothing about the way is a lost datagram.
fn sent_error(error: &io::Error) -> Sent {
    use io::ErrorKind::{
        AddrNotAvailable, HostUnreachable, NetworkUnreachable, PermissionDenied, WouldBlock,
    };
    let kind = error.kind();
    let unreachable = [
        AddrNotAvailable,
        HostUnreachable,
        NetworkUnreachable,
        PermissionDenied,
    ];
    if kind == WouldBlock {
        Sent::Full
    } else if unreachable.contains(&kind) {
        Sent::Failed(SentError::Unreachable)
    } else if quinn_udp::is_msg_size_err(error) {
        Sent::Failed(SentError::TooLarge)
    } else {
        Sent::Done
    }
}

#[cfg(test)]
mod tests;
