//! The networks that a machine has an address on, as a shell tells of them.

use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
    str::FromStr,
};

use crate::wire::SocketId;

/// The ports that announcements go to. All of them are listened to, each by every switch of a
/// machine; the one that is sent to changes (PROTOCOL, section Announcements).
pub const PORTS: [u16; 4] = [49_152, 49_153, 49_154, 49_155];
/// The group that announcements go to over IPv4.
pub const GROUP_V4: Ipv4Addr = Ipv4Addr::new(239, 255, 104, 121);
/// The group that announcements go to over IPv6, on the link alone.
pub const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff12, 0, 0, 0, 0, 0, 0, 0x6879);

/// An address of the machine on a local network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LocalNetwork {
    /// The system's index of the interface.
    pub interface: u32,
    /// The socket to announce by, which sends from this address.
    pub socket: SocketId,
    /// The address.
    pub local: IpAddr,
    /// How many of its first bits all addresses of the network share.
    pub prefix_bits: u8,
    /// The address of everybody on the network, where it has one.
    pub broadcast: Option<Ipv4Addr>,
    /// The group can be sent to there.
    pub multicast: bool,
}

impl fmt::Display for LocalNetwork {
    /// `<interface> <socket> <address>/<prefix>`, and the address of everybody and `multicast`, where
    /// they are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (interface, socket) = (self.interface, self.socket.0);
        let (local, prefix) = (self.local, self.prefix_bits);
        write!(f, "{interface} {socket} {local}/{prefix}")?;
        if let Some(all) = self.broadcast {
            write!(f, " {all}")?;
        }
        if self.multicast {
            f.write_str(" multicast")?;
        }
        Ok(())
    }
}

/// The text is no network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NetworkError;

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a network is an interface, a socket, an address with its prefix, and the address of everybody and multicast, where they are")
    }
}

impl core::error::Error for NetworkError {}

impl FromStr for LocalNetwork {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let mut words = text.split(' ');
        let mut next = || words.next().ok_or(NetworkError);
        let interface = next()?.parse().map_err(|_illegal| NetworkError)?;
        let socket = next()?.parse().map_err(|_illegal| NetworkError)?;
        let (local, prefix) = next()?.split_once('/').ok_or(NetworkError)?;
        let local = local.parse().map_err(|_illegal| NetworkError)?;
        let prefix_bits = prefix.parse().map_err(|_illegal| NetworkError)?;
        let (mut broadcast, mut multicast) = (None, false);
        for word in words {
            match word.parse() {
                Ok(all) if broadcast.is_none() && !multicast => broadcast = Some(all),
                Err(_word) if word == "multicast" && !multicast => multicast = true,
                Ok(_) | Err(_) => return Err(NetworkError),
            }
        }
        Ok(Self {
            interface,
            socket: SocketId(socket),
            local,
            prefix_bits,
            broadcast,
            multicast,
        })
    }
}

impl LocalNetwork {
    /// Where an announcement goes to.
    pub(super) fn destinations(&self, port: u16) -> impl Iterator<Item = SocketAddr> + use<> {
        let group = self.multicast.then(|| match self.local {
            IpAddr::V4(_) => SocketAddr::from((GROUP_V4, port)),
            IpAddr::V6(_) => SocketAddrV6::new(GROUP_V6, port, 0, self.interface).into(),
        });
        let all = self.broadcast.filter(|_| self.local.is_ipv4());
        let all = all.map(|all| SocketAddr::from((all, port)));
        group.into_iter().chain(all)
    }

    /// True if an address is one of this network.
    pub(super) fn has(&self, address: IpAddr) -> bool {
        match (self.local, address) {
            (IpAddr::V4(ours), IpAddr::V4(other)) => {
                let apart = u32::from(ours) ^ u32::from(other);
                apart.leading_zeros() >= u32::from(self.prefix_bits)
            }
            (IpAddr::V6(ours), IpAddr::V6(other)) => {
                let apart = u128::from(ours) ^ u128::from(other);
                apart.leading_zeros() >= u32::from(self.prefix_bits)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{string::ToString as _, vec::Vec};

    use super::*;

    fn network(local: &str, prefix_bits: u8) -> LocalNetwork {
        LocalNetwork {
            interface: 3,
            socket: SocketId(1),
            local: local.parse().unwrap(),
            prefix_bits,
            broadcast: None,
            multicast: true,
        }
    }

    #[test]
    fn lan_network_knows_its_own() {
        let v4 = network("192.0.2.7", 24);
        let v6 = network("fe80::1", 64);
        for (network, address, is_own) in [
            (v4, "192.0.2.254", true),
            (v4, "192.0.3.7", false),
            (v4, "fe80::1", false),
            (v6, "fe80::9:1", true),
            (v6, "fe80:0:0:1::1", false),
            (network("192.0.2.7", 32), "192.0.2.7", true),
            (network("192.0.2.7", 32), "192.0.2.6", false),
            (network("192.0.2.7", 0), "8.8.8.8", true),
            (network("::1", 128), "::1", true),
            (network("::1", 128), "::2", false),
        ] {
            assert_eq!(network.has(address.parse().unwrap()), is_own, "{address}");
        }
    }

    #[test]
    fn lan_network_has_one_text() {
        let all = "192.0.2.255".parse().ok();
        for (mut network, text) in [
            (
                network("192.0.2.7", 24),
                "3 1 192.0.2.7/24 192.0.2.255 multicast",
            ),
            (network("fe80::1", 64), "3 1 fe80::1/64 multicast"),
        ] {
            network.broadcast = all.filter(|_| network.local.is_ipv4());
            assert_eq!(network.to_string(), text);
            assert_eq!(text.parse(), Ok(network));
        }
        for bad in [
            "",
            "3",
            "3 1",
            "3 1 x/2",
            "3 1 ::1",
            "3 1 ::1/64 x",
            "3 1 ::1/64 multicast multicast",
        ] {
            assert_eq!(bad.parse::<LocalNetwork>(), Err(NetworkError), "{bad}");
        }
    }

    // S4.3.
    #[test]
    fn lan_network_is_announced_to_its_group_and_to_everybody() {
        let all = "192.0.2.255".parse().unwrap();
        let v4 = LocalNetwork {
            broadcast: Some(all),
            ..network("192.0.2.7", 24)
        };
        let to: Vec<_> = v4.destinations(PORTS[1]).collect();
        let texts = to.iter().map(std::string::ToString::to_string);
        let texts: Vec<_> = texts.collect();
        assert_eq!(texts, ["239.255.104.121:49153", "192.0.2.255:49153"]);
        let v6: Vec<_> = network("fe80::1", 64).destinations(PORTS[0]).collect();
        assert_eq!(v6[0].to_string(), "[ff12::6879%3]:49152");
        let mute = LocalNetwork {
            multicast: false,
            ..v4
        };
        assert_eq!(mute.destinations(PORTS[1]).count(), 1);
    }
}
