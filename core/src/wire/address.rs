//! Where datagrams come from and go to.

use core::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

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

/// An address as members tell it to each other (PROTOCOL, section Addresses): folded, and without
/// a scope, which means nothing on another machine. In a head it is text: `192.0.2.7:42` or
/// `[2001:db8::1]:42`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Address(SocketAddr);

impl Address {
    /// Bytes of the longest text that is read.
    pub const TEXT_MOST: usize = 56;

    /// The address as it is told.
    pub fn new(address: SocketAddr) -> Self {
        let folded = fold(address);
        Self(SocketAddr::new(folded.ip(), folded.port()))
    }

    /// The address as sockets take it.
    pub const fn socket(&self) -> SocketAddr {
        self.0
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::new(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.len() > Self::TEXT_MOST || text.contains('%') {
            return Err(AddressError);
        }
        text.parse().map(Self::new).map_err(|_illegal| AddressError)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(AddressVisitor)
    }
}

struct AddressVisitor;

impl de::Visitor<'_> for AddressVisitor {
    type Value = Address;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address with a port")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Address, E> {
        text.parse().map_err(E::custom)
    }
}

/// A text is no address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AddressError;

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address is like 192.0.2.7:42 or [2001:db8::1]:42, without a scope")
    }
}

impl core::error::Error for AddressError {}

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString as _};
    use core::net::SocketAddrV6;

    use super::*;
    use crate::wire::{json, property::property};

    #[test]
    fn address_text_is_read_folded_and_written() {
        let deepest = "[1111:2222:3333:4444:5555:6666:123.123.123.123]:00065535";
        assert_eq!(deepest.len(), Address::TEXT_MOST);
        for (text, written) in [
            ("192.0.2.7:42", "192.0.2.7:42"),
            ("[::ffff:192.0.2.7]:42", "192.0.2.7:42"),
            ("[2001:DB8:0::1]:042", "[2001:db8::1]:42"),
            (deepest, "[1111:2222:3333:4444:5555:6666:7b7b:7b7b]:65535"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), written);
        }
        let long = deepest.replace("65535", "065535");
        for text in [
            "",
            "192.0.2.7",
            "192.0.2.07:1",
            "192.0.2.7:65536",
            "2001:db8::1:5",
            "home:1",
        ]
        .into_iter()
        .chain([
            "[fe80::1%3]:5",
            " 192.0.2.7:1",
            "192.0.2.7:1 ",
            "192.0.2.7:-1",
            &long,
        ]) {
            assert_eq!(text.parse::<Address>(), Err(AddressError), "{text}");
        }
    }

    #[test]
    fn address_in_a_head_goes_there_and_back() {
        fn there_and_back(address: SocketAddr, scope: u32) -> bool {
            let scoped = match address {
                SocketAddr::V4(_) => address,
                SocketAddr::V6(v6) => SocketAddrV6::new(*v6.ip(), v6.port(), scope, scope).into(),
            };
            let told = Address::new(scoped);
            let head = json::write(&Told::from([("at".into(), told)]));
            let read: Told = json::parse(head.as_bytes(), &json::Limits::default()).unwrap();
            let folded = fold(address);
            read["at"] == told
                && told.socket().ip() == folded.ip()
                && told.to_string().parse() == Ok(told)
        }
        property(20, 500).quickcheck(there_and_back as fn(SocketAddr, u32) -> bool);
        let limits = json::Limits::default();
        let escaped = json::parse::<Told>(br#"{"at":"192.0.2.7\u003a42"}"#, &limits);
        assert_eq!(escaped.unwrap()["at"].to_string(), "192.0.2.7:42");
        let wrong = json::parse::<Told>(b"{\"at\":\"192.0.2.7\"}", &limits);
        assert_eq!(wrong.unwrap_err().fault, json::JsonFault::Shape);
    }

    type Told = alloc::collections::BTreeMap<String, Address>;

    #[test]
    fn address_text_survives_anything() {
        fn survives(text: String, near: SocketAddr, at: usize) -> bool {
            let mut typo = near.to_string();
            typo.replace_range(at % typo.len().., &text);
            let read = [text, typo].map(|text| text.parse::<Address>());
            let mut legal = read.into_iter().flatten();
            legal.all(|address| address.to_string().parse() == Ok(address))
        }
        property(10, 500).quickcheck(survives as fn(String, SocketAddr, usize) -> bool);
    }

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
