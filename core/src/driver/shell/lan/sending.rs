//! The sockets that announcements go out by: one for each address, so that each leaves by its own
//! interface, and what goes wrong on one concerns no other.

use std::{
    fmt, format, io, mem,
    net::{IpAddr, SocketAddr, SocketAddrV6},
    string::{String, ToString as _},
    vec::Vec,
};

use socket2::{Domain, Socket as RawSocket, Type};

use super::places::Place;
use crate::{
    driver::Sent,
    switch::{LAN_GROUP_V4, LAN_GROUP_V6, LAN_PORTS, LocalNetwork, SentError, SocketId, Transmit},
};

/// An announcement never leaves the network that it is made on.
const HOPS: u32 = 1;

/// Every socket to send by.
pub(super) struct Sending {
    senders: Vec<Sender>,
    /// The id of the next socket.
    next: u32,
    /// Addresses that could not be had at the last look, and why.
    refused: Vec<String>,
    /// What is wrong was not told yet.
    changed: bool,
}

/// A socket that is bound to an address of the machine.
struct Sender {
    id: SocketId,
    place: Place,
    socket: RawSocket,
    multicast: bool,
    /// Why the group cannot be sent to.
    group_error: Option<String>,
    /// Why not everybody can be sent to.
    everybody_error: Option<String>,
    /// The system refused to send since the last look.
    failed: bool,
}

impl Sending {
    /// No sockets; those to come have ids from `first`.
    pub(super) const fn new(first: u32) -> Self {
        Self {
            senders: Vec::new(),
            next: first,
            refused: Vec::new(),
            changed: false,
        }
    }

    /// Makes sockets for `places` that have none, and anew where one failed; the others go. A socket
    /// that is made anew keeps its id: nothing has changed for the switch.
    pub(super) fn update(&mut self, places: &[Place]) {
        let mut before = mem::take(&mut self.senders);
        self.refused.clear();
        for place in places {
            let known = before.iter().position(|it| it.place == *place);
            let known = known.map(|at| before.swap_remove(at));
            if known.as_ref().is_some_and(Sender::works) {
                self.senders.extend(known);
                continue;
            }
            match Sender::open(self.next, place) {
                Ok(sender) => self.put(sender, known),
                Err(error) => self.refused.push(format!("{place}: {error}")),
            }
        }
        self.changed = true;
    }

    /// Takes `sender` over from the one before it, if there was one.
    fn put(&mut self, mut sender: Sender, before: Option<Sender>) {
        match before {
            Some(before) => {
                sender.id = before.id;
                // Whether it works again, only the next announcement tells.
                sender.group_error = sender.group_error.or(before.group_error);
                sender.everybody_error = before.everybody_error;
            }
            None => self.next += 1,
        }
        self.senders.push(sender);
    }

    /// The networks that can be announced on.
    pub(super) fn networks(&self) -> impl Iterator<Item = (&Place, LocalNetwork)> {
        let of_use = self.senders.iter().filter(|it| it.is_of_use());
        of_use.map(|it| (&it.place, it.network()))
    }

    /// What is wrong.
    pub(super) fn errors(&self) -> impl Iterator<Item = String> {
        let of_senders = self.senders.iter().flat_map(Sender::errors);
        self.refused.iter().cloned().chain(of_senders)
    }

    /// True once after what is wrong may have changed.
    pub(super) const fn take_changed(&mut self) -> bool {
        mem::replace(&mut self.changed, false)
    }

    /// Sends an announcement. One that the system takes no room for is lost, as on any network.
    pub(super) fn send(&mut self, piece: &Transmit, bytes: &[u8]) -> Sent {
        let mut senders = self.senders.iter_mut();
        let Some(sender) = senders.find(|it| it.id == piece.socket) else {
            return Sent::Failed(SentError::Unreachable);
        };
        self.changed |= sender.send(piece, bytes);
        Sent::Done
    }
}

impl Sender {
    fn open(id: u32, place: &Place) -> io::Result<Self> {
        let (socket, set) = open(place)?;
        let group_error = set.and_then(|()| probe(place)).err();
        let multicast = group_error.is_none();
        // Many systems have no group on the loopback interface over IPv6, and need none.
        let is_expected = |error: &io::Error| {
            place.ip.is_loopback() && error.kind() == io::ErrorKind::NetworkUnreachable
        };
        let group_error = group_error.filter(|error| !is_expected(error));
        Ok(Self {
            id: SocketId(id),
            place: place.clone(),
            socket,
            multicast,
            group_error: group_error.map(|error| error.to_string()),
            everybody_error: None,
            failed: false,
        })
    }

    const fn works(&self) -> bool {
        self.is_of_use() && !self.failed
    }

    const fn is_of_use(&self) -> bool {
        self.multicast || self.place.broadcast.is_some()
    }

    const fn network(&self) -> LocalNetwork {
        LocalNetwork {
            interface: self.place.index,
            socket: self.id,
            local: self.place.ip,
            prefix_bits: self.place.prefix_bits,
            broadcast: self.place.broadcast,
            multicast: self.multicast,
        }
    }

    fn errors(&self) -> impl Iterator<Item = String> {
        let texts = [
            ("multicast", &self.group_error),
            ("broadcast", &self.everybody_error),
        ];
        texts.into_iter().filter_map(|(what, error)| {
            let error = error.as_ref()?;
            Some(format!("{}: {what}: {error}", self.place))
        })
    }

    /// True if what is wrong has changed.
    fn send(&mut self, piece: &Transmit, bytes: &[u8]) -> bool {
        let to = piece.path.remote;
        let result = bytes
            .chunks(piece.segment.max(1))
            .try_for_each(|datagram| self.socket.send_to(datagram, &to.into()).map(drop));
        let error = match result {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Err(error) => Some(error.to_string()),
            Ok(()) => None,
        };
        self.failed |= error.is_some();
        let noted = if to.ip().is_multicast() {
            &mut self.group_error
        } else {
            &mut self.everybody_error
        };
        let changed = *noted != error;
        *noted = error;
        changed
    }
}

/// A socket that sends from a place, and whether it could be set up for the group.
fn open(place: &Place) -> io::Result<(RawSocket, io::Result<()>)> {
    let address = place.address();
    let socket = RawSocket::new(Domain::for_address(address), Type::DGRAM, None)?;
    let is_bound = bind_to(&socket, &place.name);
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Nobody reads what comes here; the system keeps as little of it as it can.
    let _more = socket.set_recv_buffer_size(1);
    socket.bind(&address.into())?;
    socket.set_nonblocking(true)?;
    let set = match place.ip {
        IpAddr::V4(ip) => {
            socket.set_broadcast(true)?;
            socket.set_ttl_v4(HOPS)?;
            // Two interfaces may have one address; then the system may take it for the other's.
            let chosen = socket.set_multicast_if_v4(&ip);
            chosen.or(is_bound).and_then(|()| {
                socket.set_multicast_ttl_v4(HOPS)?;
                socket.set_multicast_loop_v4(true)
            })
        }
        IpAddr::V6(_) => socket.set_multicast_if_v6(place.index).and_then(|()| {
            socket.set_multicast_hops_v6(HOPS)?;
            socket.set_multicast_loop_v6(true)
        }),
    };
    Ok((socket, set))
}

/// Asks the system whether there is a way to the group, without sending anything.
fn probe(place: &Place) -> io::Result<()> {
    let (socket, set) = open(place)?;
    set?;
    let group: SocketAddr = match place.ip {
        IpAddr::V4(_) => (LAN_GROUP_V4, LAN_PORTS[0]).into(),
        IpAddr::V6(_) => SocketAddrV6::new(LAN_GROUP_V6, LAN_PORTS[0], 0, place.index).into(),
    };
    socket.connect(&group.into())
}

/// Has everything that a socket sends leave by that interface: where two of them are on one
/// network, the system would send to everybody by one of them only.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
fn bind_to(socket: &RawSocket, name: &str) -> io::Result<()> {
    socket.bind_device(Some(name.as_bytes()))
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "fuchsia")))]
fn bind_to(_: &RawSocket, _: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.ip)
    }
}
