//! The bytes inside a ticket's text: `version | key | space | addresses | token | checksum`.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{SpaceRef, Ticket, TicketError, Token};
use crate::{
    identity::{PublicKey, Space, SpaceId},
    wire::Address,
};

const VERSION: u8 = 1;
const BY_NAME: u8 = 0;
const BY_ID: u8 = 1;
const CHECKSUM_LEN: usize = 4;

/// Bytes of the longest content: an open space with a name of 63 bytes, 16 addresses of IPv6, a
/// token of 32. Room for all of it at once leaves no copy of a token behind in a smaller buffer.
const CONTENT_MOST: usize = 1 + 32 + 65 + 1 + Ticket::ADDRESSES_MOST * 19 + 33 + CHECKSUM_LEN;

/// The addresses that the text carries: the first few, each once, folded and without a scope,
/// which means nothing to anybody else.
pub(super) fn carried(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let mut carried = Vec::new();
    for address in addresses {
        let address = Address::new(*address).socket();
        if carried.len() < Ticket::ADDRESSES_MOST && !carried.contains(&address) {
            carried.push(address);
        }
    }
    carried
}

/// The first bytes of a hash over everything before them.
fn checksum(content: &[u8]) -> [u8; CHECKSUM_LEN] {
    let mut hash = Sha256::new();
    hash.update(b"hydroid/1 ticket");
    hash.update(content);
    let hash: [u8; 32] = hash.finalize().into();
    [hash[0], hash[1], hash[2], hash[3]]
}

/// Writes the bytes of `ticket`.
pub(super) fn write(ticket: &Ticket) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(CONTENT_MOST));
    out.push(VERSION);
    out.extend_from_slice(ticket.key.as_bytes());
    match &ticket.space {
        SpaceRef::Open(space) => {
            out.extend_from_slice(&[BY_NAME, space.name().len() as u8]);
            out.extend_from_slice(space.name().as_bytes());
        }
        SpaceRef::Id(id) => {
            out.push(BY_ID);
            out.extend_from_slice(id.as_bytes());
        }
    }
    let addresses = carried(&ticket.addresses);
    out.push(addresses.len() as u8);
    for address in addresses {
        match address.ip() {
            IpAddr::V4(ip) => {
                out.push(4);
                out.extend_from_slice(&ip.octets());
            }
            IpAddr::V6(ip) => {
                out.push(6);
                out.extend_from_slice(&ip.octets());
            }
        }
        out.extend_from_slice(&address.port().to_be_bytes());
    }
    let token = ticket.token.as_ref().map_or(&[][..], Token::as_bytes);
    out.push(token.len() as u8);
    out.extend_from_slice(token);
    let checksum = checksum(&out);
    out.extend_from_slice(&checksum);
    out
}

/// Reads the bytes of a ticket. What is not exactly as [`write()`] writes it is refused, so that no
/// ticket has two texts.
pub(super) fn read(bytes: &[u8]) -> Result<Ticket, TicketError> {
    let (content, sum) = bytes.split_last_chunk().ok_or(TicketError::Checksum)?;
    if *sum != checksum(content) {
        return Err(TicketError::Checksum);
    }
    let mut rest = Rest(content);
    match rest.byte() {
        Some(VERSION) => {}
        Some(0) | None => return Err(TicketError::Malformed),
        Some(later) => return Err(TicketError::Version(later)),
    }
    let key = rest.array().ok_or(TicketError::Malformed)?;
    let key = PublicKey::from_bytes(&key).map_err(TicketError::Key)?;
    let ticket = rest.after_key(key).ok_or(TicketError::Malformed)?;
    if *write(&ticket) != bytes {
        return Err(TicketError::Malformed);
    }
    Ok(ticket)
}

/// What is not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn counted(&mut self) -> Option<&'a [u8]> {
        let len = self.byte()?;
        self.take(len.into())
    }

    fn after_key(&mut self, key: PublicKey) -> Option<Ticket> {
        let space = match self.byte()? {
            BY_NAME => {
                let name = core::str::from_utf8(self.counted()?).ok()?;
                SpaceRef::Open(Space::open(name).ok()?)
            }
            BY_ID => SpaceRef::Id(SpaceId::from_bytes(self.array()?)),
            _ => return None,
        };
        let count = self.byte()?;
        let addresses = (0..count).map(|_| self.address()).collect::<Option<_>>()?;
        let token = match self.counted()? {
            [] => None,
            bytes => Some(Token::new(bytes).ok()?),
        };
        Some(Ticket {
            key,
            space,
            addresses,
            token,
        })
    }

    fn address(&mut self) -> Option<SocketAddr> {
        let ip = match self.byte()? {
            4 => IpAddr::V4(Ipv4Addr::from_octets(self.array()?)),
            6 => IpAddr::V6(Ipv6Addr::from_octets(self.array()?)),
            _ => return None,
        };
        Some(SocketAddr::new(ip, u16::from_be_bytes(self.array()?)))
    }
}
