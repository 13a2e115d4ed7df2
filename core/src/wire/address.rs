//! Where datagrams come from and go to.

use core::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

/// A way between one of our addresses and one of the peer's. An address that is IPv4 in the dress
/// of IPv6 (`::ffff:a.b.c.d`) is folded to IPv4, so that one way has one name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Path {
    /// Our address, where the shell knows it; replies leave from there.
    pub local: Option<IpAddr>,
    /// The peer's address.
    pub remote: SocketAddr,
}

impl Path {
    /// The way to `remote` from whichever address of ours the system takes.
    pub fn to(remote: SocketAddr) -> Self {
        Self {
            local: None,
            remote: fold(remote),
        }
    }

    /// The way between `local` and `remote`, folded.
    pub fn new(local: Option<IpAddr>, remote: SocketAddr) -> Self {
        Self {
            local: local.map(|ip| ip.to_canonical()),
            remote: fold(remote),
        }
    }
}

/// One socket of the shell's; the number is the shell's choice.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct SocketId(pub u32);

/// A way, and the socket of ours that it begins at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Route {
    /// The socket.
    pub socket: SocketId,
    /// The way.
    pub path: Path,
}

/// The address with IPv4 out of its IPv6 dress. A flow label says nothing about where a peer is
/// and is dropped; a scope is kept, since a link-local address means nothing without one.
pub fn fold(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => address,
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => SocketAddr::new(IpAddr::V4(v4), v6.port()),
            None => SocketAddr::V6(core::net::SocketAddrV6::new(
                *v6.ip(),
                v6.port(),
                0,
                v6.scope_id(),
            )),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_mapped_v4_is_folded() {
        let mapped: SocketAddr = "[::ffff:192.0.2.7]:42".parse().unwrap();
        let plain: SocketAddr = "192.0.2.7:42".parse().unwrap();
        assert_eq!(Path::to(mapped), Path::to(plain));
        assert_eq!(
            Path::new(Some(mapped.ip()), mapped),
            Path::new(Some(plain.ip()), plain)
        );
        let six: SocketAddr = "[fe80::1%3]:42".parse().unwrap();
        assert_eq!(fold(six), six);
    }
}
