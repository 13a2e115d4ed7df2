//! The sockets that announcements come in by: one for each port and family, shared with every
//! other switch of the machine, and a member of the group on every interface that is used.

use std::{
    format, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    string::{String, ToString as _},
    vec::Vec,
};

use socket2::{Domain, SockRef, Socket as RawSocket, Type};

use super::{Watch, places::Place};
use crate::{
    driver::shell::{AsHandle, sockets::Socket},
    switch::{LAN_GROUP_V4, LAN_GROUP_V6, LAN_PORTS, SocketId},
};

/// How many sockets there may be.
pub(super) const LISTENERS: u32 = 2 * LAN_PORTS.len() as u32;

/// Every socket to listen by.
pub(super) struct Listening<I> {
    listeners: Vec<Listener<I>>,
}

/// One port of one family.
struct Listener<I> {
    id: SocketId,
    port: u16,
    family: Family,
    /// The socket, or why there is none.
    socket: Result<Socket<I>, String>,
    /// The interfaces on which it is a member of the group.
    joined: Vec<Member>,
    /// Those on which it could not become one, and why.
    refused: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Family {
    V4,
    V6,
}

/// An interface, and one of its addresses.
struct Member {
    index: u32,
    ip: IpAddr,
    name: String,
}

impl<I: AsHandle> Listening<I> {
    /// No sockets; those to come have ids from `first`.
    pub(super) fn new(first: u32, ports: [u16; LAN_PORTS.len()]) -> Self {
        let ports = [Family::V4, Family::V6]
            .into_iter()
            .flat_map(|family| ports.map(|port| (family, port)));
        let listeners = (first..).map(SocketId).zip(ports);
        let listeners = listeners.map(|(id, (family, port))| Listener {
            id,
            port,
            family,
            socket: Err(String::new()),
            joined: Vec::new(),
            refused: Vec::new(),
        });
        Self {
            listeners: listeners.collect(),
        }
    }

    /// Binds what is not bound yet, of the families that are used, and joins and leaves groups until
    /// they are those of `places`. True if there are new sockets.
    pub(super) fn update(
        &mut self,
        places: &[&Place],
        watch: Watch<I>,
        buffer_bytes: usize,
    ) -> bool {
        let mut is_new = false;
        for listener in &mut self.listeners {
            let family = listener.family;
            let wanted = members(places, family);
            if !wanted.is_empty() && listener.socket.is_err() {
                let socket = listen(family, listener.port, watch, buffer_bytes);
                listener.socket = socket.map_err(|error| error.to_string());
                is_new |= listener.socket.is_ok();
            }
            listener.join(wanted);
        }
        is_new
    }
}

impl<I> Listening<I> {
    /// The sockets that there are.
    pub(super) fn sockets(&self) -> impl Iterator<Item = (SocketId, &Socket<I>)> {
        let there = self.listeners.iter();
        there.filter_map(|it| Some((it.id, it.socket.as_ref().ok()?)))
    }

    /// What the runtime watches.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut I> {
        let there = self.listeners.iter_mut();
        there.filter_map(|it| Some(it.socket.as_mut().ok()?.io_mut()))
    }

    /// The ports that are listened to, over either family.
    pub(super) fn ports(&self) -> Vec<u16> {
        let there = self.listeners.iter().filter(|it| it.socket.is_ok());
        let mut ports: Vec<_> = there.map(|it| it.port).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    /// What is wrong.
    pub(super) fn errors(&self) -> impl Iterator<Item = String> {
        self.listeners.iter().flat_map(|it| {
            let error = it.socket.as_ref().err().filter(|error| !error.is_empty());
            let unbound =
                error.map(|error| format!("{} port {}: {error}", it.family.name(), it.port));
            unbound.into_iter().chain(it.refused.iter().cloned())
        })
    }
}

impl<I: AsHandle> Listener<I> {
    /// Is in the group on `wanted` from now on, and nowhere else.
    fn join(&mut self, wanted: Vec<Member>) {
        self.refused.clear();
        let Ok(socket) = &self.socket else {
            return;
        };
        let raw = SockRef::from(socket.io());
        for left in self
            .joined
            .extract_if(.., |it| !wanted.iter().any(|other| other.is(it)))
        {
            // An interface that is gone has taken it along.
            let _gone = leave(&raw, &left);
        }
        for member in wanted {
            if self.joined.iter().any(|it| it.is(&member)) {
                continue;
            }
            match join(&raw, &member) {
                Ok(()) => self.joined.push(member),
                Err(error) => {
                    let (name, family, port) = (&member.name, self.family.name(), self.port);
                    let text = format!("{name}: multicast to {family} port {port}: {error}");
                    self.refused.push(text);
                }
            }
        }
    }
}

impl Family {
    const fn name(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

impl Member {
    /// True if it is the same interface.
    const fn is(&self, other: &Self) -> bool {
        self.index == other.index
    }
}

/// The interfaces of a family, each once.
fn members(places: &[&Place], family: Family) -> Vec<Member> {
    let of_family = places
        .iter()
        .filter(|it| it.ip.is_ipv6() == (family == Family::V6));
    let mut members: Vec<Member> = Vec::new();
    for place in of_family {
        if members.iter().all(|it| it.index != place.index) {
            members.push(Member {
                index: place.index,
                ip: place.ip,
                name: place.name.clone(),
            });
        }
    }
    members
}

fn listen<I>(
    family: Family,
    port: u16,
    watch: Watch<I>,
    buffer_bytes: usize,
) -> io::Result<Socket<I>> {
    let address: SocketAddr = match family {
        Family::V4 => (Ipv4Addr::UNSPECIFIED, port).into(),
        Family::V6 => (Ipv6Addr::UNSPECIFIED, port).into(),
    };
    let raw = RawSocket::new(Domain::for_address(address), Type::DGRAM, None)?;
    share(&raw)?;
    Socket::bind_raw(raw, address, buffer_bytes)?.watched(watch)
}

#[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
fn share(socket: &RawSocket) -> io::Result<()> {
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)
}

#[cfg(not(all(unix, not(any(target_os = "solaris", target_os = "illumos")))))]
fn share(socket: &RawSocket) -> io::Result<()> {
    socket.set_reuse_address(true)
}

fn join(socket: &RawSocket, member: &Member) -> io::Result<()> {
    match member.ip {
        IpAddr::V4(ip) => v4::join(socket, member.index, ip),
        IpAddr::V6(_) => socket.join_multicast_v6(&LAN_GROUP_V6, member.index),
    }
}

fn leave(socket: &RawSocket, member: &Member) -> io::Result<()> {
    match member.ip {
        IpAddr::V4(ip) => v4::leave(socket, member.index, ip),
        IpAddr::V6(_) => socket.leave_multicast_v6(&LAN_GROUP_V6, member.index),
    }
}

/// An interface has an index, which is its own; two may have one address.
#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_vendor = "apple",
    windows
))]
mod v4 {
    use socket2::InterfaceIndexOrAddress::Index;

    use super::*;

    pub(super) fn join(socket: &RawSocket, index: u32, _: Ipv4Addr) -> io::Result<()> {
        socket.join_multicast_v4_n(&LAN_GROUP_V4, &Index(index))
    }

    pub(super) fn leave(socket: &RawSocket, index: u32, _: Ipv4Addr) -> io::Result<()> {
        socket.leave_multicast_v4_n(&LAN_GROUP_V4, &Index(index))
    }
}

/// Other systems know an interface by its address alone.
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_vendor = "apple",
    windows
)))]
mod v4 {
    use super::*;

    pub(super) fn join(socket: &RawSocket, _: u32, ip: Ipv4Addr) -> io::Result<()> {
        socket.join_multicast_v4(&LAN_GROUP_V4, &ip)
    }

    pub(super) fn leave(socket: &RawSocket, _: u32, ip: Ipv4Addr) -> io::Result<()> {
        socket.leave_multicast_v4(&LAN_GROUP_V4, &ip)
    }
}
