//! What a member says about itself, in the form in which it travels and is compared.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::ADDRESSES_MOST;
use crate::{identity::PublicKey, wire::Address};

/// The first six bytes of a key, as a number. In an image nobody else's key begins so.
pub(super) type Prefix = u64;

/// Bits of a prefix.
pub(super) const PREFIX_BITS: u32 = 48;
/// The largest epoch that can be told: wall time for the next 8,900 years.
pub(super) const EPOCH_MAX: u64 = (1 << 48) - 1;

/// The prefix of a key.
pub(super) fn prefix(key: &PublicKey) -> Prefix {
    prefix_of(key.as_bytes())
}

/// The prefix of what may be a key.
pub(super) fn prefix_of(key: &[u8; 32]) -> Prefix {
    let first = key.first_chunk().expect("a key has more than 8 bytes");
    u64::from_be_bytes(*first) >> (64 - PREFIX_BITS)
}

/// The last six bytes of a number.
pub(super) const fn six(number: u64) -> [u8; 6] {
    let [_, _, a, b, c, d, e, f] = number.to_be_bytes();
    [a, b, c, d, e, f]
}

/// The number that six bytes are.
pub(super) const fn number(six: [u8; 6]) -> u64 {
    let [a, b, c, d, e, f] = six;
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}

/// At most two addresses, as they stand on the wire (PROTOCOL, section Addresses).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Places {
    count: u8,
    len: u8,
    bytes: [u8; 38],
}

impl Places {
    /// No address.
    pub(super) const NONE: Self = Self {
        count: 0,
        len: 0,
        bytes: [0; 38],
    };

    /// The first two of these that somebody could send a datagram to.
    pub(super) fn of(addresses: &[SocketAddr]) -> Self {
        let mut places = Self::NONE;
        let told = addresses.iter().map(|address| Address::new(*address));
        for address in told.map(|address| address.socket()) {
            if usize::from(places.count) < ADDRESSES_MOST && is_sendable(&address) {
                places.push(&address);
            }
        }
        places
    }

    fn push(&mut self, address: &SocketAddr) {
        match address.ip() {
            IpAddr::V4(ip) => self.append(&[&[4], &ip.octets()[..]]),
            IpAddr::V6(ip) => self.append(&[&[6], &ip.octets()[..]]),
        }
        self.append(&[&address.port().to_be_bytes()]);
        self.count += 1;
    }

    fn append(&mut self, parts: &[&[u8]]) {
        for part in parts {
            let from = usize::from(self.len);
            self.bytes[from..from + part.len()].copy_from_slice(part);
            self.len += part.len() as u8;
        }
    }

    /// Reads `count` addresses from the front of `input`; none if one is not of the form, or not
    /// one that a datagram can be sent to.
    pub(super) fn read(input: &mut &[u8], count: u8) -> Option<Self> {
        let mut places = Self::NONE;
        for _ in 0..count {
            let (family, rest) = input.split_first()?;
            let (ip, rest): (IpAddr, _) = match family {
                4 => {
                    let (octets, rest) = rest.split_first_chunk::<4>()?;
                    (Ipv4Addr::from(*octets).into(), rest)
                }
                6 => {
                    let (octets, rest) = rest.split_first_chunk::<16>()?;
                    (Ipv6Addr::from(*octets).into(), rest)
                }
                _ => return None,
            };
            let (port, rest) = rest.split_first_chunk::<2>()?;
            let address = SocketAddr::new(ip, u16::from_be_bytes(*port));
            if ip.to_canonical() != ip || !is_sendable(&address) {
                return None;
            }
            places.push(&address);
            *input = rest;
        }
        Some(places)
    }

    /// How many there are.
    pub(super) const fn count(&self) -> u8 {
        self.count
    }

    /// As they stand on the wire.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// As sockets take them.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        let (mut input, mut addresses) = (self.bytes(), Vec::new());
        while let Some((family, rest)) = input.split_first() {
            let len = if *family == 4 { 4 } else { 16 };
            let (octets, rest) = rest.split_at(len);
            let ip = match <[u8; 4]>::try_from(octets) {
                Ok(octets) => IpAddr::from(octets),
                Err(_long) => {
                    IpAddr::from(<[u8; 16]>::try_from(octets).expect("a family has its length"))
                }
            };
            let (port, rest) = rest.split_first_chunk().expect("a port follows");
            addresses.push(SocketAddr::new(ip, u16::from_be_bytes(*port)));
            input = rest;
        }
        addresses
    }
}

/// False for what no datagram should ever be sent to on a stranger's word.
fn is_sendable(address: &SocketAddr) -> bool {
    let ip = address.ip();
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !broadcast
}

/// All that a member says about itself in one entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Word {
    /// Its life.
    pub(super) epoch: u64,
    /// How many times it has spoken in it.
    pub(super) version: u32,
    /// Its parent.
    pub(super) parent: Option<Prefix>,
    /// It takes no children.
    pub(super) leaf: bool,
    /// Where it may be reached.
    pub(super) places: Places,
}

impl Word {
    /// What is later: among words of one member the later one holds.
    pub(super) const fn stamp(&self) -> (u64, u32) {
        (self.epoch, self.version)
    }
}
