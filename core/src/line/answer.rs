//! The bytes of an answer (PROTOCOL, section Answer): the initiator's line id in clear, the second
//! Noise message, a MAC.

use alloc::{borrow::Cow, boxed::Box, format, string::String, vec};
use core::net::SocketAddr;

use serde::Deserialize;

use super::{
    Dropped,
    head::{self, CLEAR, INNER},
    mac::{self, Digest, MAC_LEN, MacKey},
    noise::{Handshake, MESSAGE_2_OVERHEAD},
    open::{OPEN_LEN, packet},
    state::End,
    told::Told,
};
use crate::identity::Refusal;
use crate::wire::{Address, Packet};

/// What our answer says.
pub(super) struct Answer<'a> {
    /// The id that the initiator receives on.
    pub(super) to: u32,
    /// The MAC key of the initiator.
    pub(super) mac: &'a MacKey,
    /// The id that we want to receive on.
    pub(super) line: u32,
    pub(super) boot: u64,
    pub(super) end: End,
    /// Where the open came from.
    pub(super) seen: SocketAddr,
    pub(super) told: Told,
}

/// Writes the answer that refuses an initiator.
pub(super) fn refuse(
    to: u32,
    mac: &MacKey,
    refusal: Refusal,
    handshake: &mut Handshake,
) -> Result<Box<[u8]>, Dropped> {
    let head = format!(r#"{{"refused":"{}"}}"#, refusal.code());
    write(to, mac, &packet(head.as_bytes()), handshake)
}

/// Writes the datagram around what is sealed in it; it is shorter than any open.
fn write(
    to: u32,
    mac: &MacKey,
    payload: &[u8],
    handshake: &mut Handshake,
) -> Result<Box<[u8]>, Dropped> {
    let mut datagram = packet(format!(r#"{{"line":{to}}}"#).as_bytes());
    let message = datagram.len();
    let rest = message + MESSAGE_2_OVERHEAD + payload.len();
    datagram.resize(rest + MAC_LEN, 0);
    debug_assert!(
        datagram.len() < OPEN_LEN,
        "an answer is shorter than an open"
    );
    handshake.write(payload, &mut datagram[message..rest])?;
    mac.write(&mut datagram);
    Ok(datagram.into())
}

impl Answer<'_> {
    /// Writes the datagram.
    pub(super) fn write(&self, handshake: &mut Handshake) -> Result<Box<[u8]>, Dropped> {
        let mut payload = packet(self.inner_head().as_bytes());
        payload.extend_from_slice(&self.told.body());
        write(self.to, self.mac, &payload, handshake)
    }

    pub(super) fn inner_head(&self) -> String {
        let Self {
            line, boot, end, ..
        } = self;
        let End { id, first_stream } = end;
        let seen = Address::new(self.seen);
        format!(
            r#"{{"line":{line},"boot":"{boot:016x}","streams":{first_stream},"end":{id},"seen":"{seen}"{}}}"#,
            self.told.keys()
        )
    }
}

/// What anybody can read of an answer that came in.
pub(super) struct Clear<'a> {
    /// The id of the open that it answers.
    pub(super) line: u32,
    message: &'a [u8],
    pub(super) mac: &'a [u8; MAC_LEN],
    pub(super) digest: Digest,
}

#[derive(Deserialize)]
struct ClearHead {
    line: u32,
}

#[derive(Deserialize)]
struct InnerHead<'a> {
    line: u32,
    #[serde(borrow)]
    boot: Cow<'a, str>,
    streams: u64,
    end: u32,
    seen: Address,
}

/// What the responder says; nobody else could have written it.
pub(super) struct Answered {
    pub(super) line: u32,
    pub(super) boot: u64,
    pub(super) end: End,
    pub(super) seen: SocketAddr,
    pub(super) told: Told,
}

/// What an answer comes to.
pub(super) enum Reply {
    /// A line.
    Answered(Box<Answered>),
    /// The responder does not take us for a member of the space.
    Refused(Refusal),
}

#[derive(Deserialize)]
struct RefusedHead<'a> {
    #[serde(borrow)]
    refused: Option<Cow<'a, str>>,
}

impl<'a> Clear<'a> {
    pub(super) fn parse(datagram: &'a [u8]) -> Result<Self, Dropped> {
        let packet = Packet::decode(datagram).map_err(|_truncated| Dropped::Malformed)?;
        let ClearHead { line } = head::parse(packet.head.bytes(), &CLEAR)?;
        if datagram.len() > OPEN_LEN {
            return Err(Dropped::Malformed);
        }
        let (message, mac) = packet.body.split_last_chunk().ok_or(Dropped::Malformed)?;
        let digest = mac::digest(&datagram[..datagram.len() - MAC_LEN]);
        Ok(Self {
            line,
            message,
            mac,
            digest,
        })
    }

    /// Reads what is sealed to the handshake: two agreements.
    pub(super) fn read(&self, handshake: &mut Handshake) -> Result<Reply, Dropped> {
        let mut payload = vec![0; self.message.len()];
        let length = handshake.read(self.message, &mut payload)?;
        let inner = Packet::decode(&payload[..length]).map_err(|_truncated| Dropped::Malformed)?;
        let RefusedHead { refused } = head::parse(inner.head.bytes(), &INNER)?;
        if let Some(code) = refused {
            return Ok(Reply::Refused(Refusal::of_code(&code)));
        }
        let told = Told::read(&inner)?;
        let inner: InnerHead<'_> = head::parse(inner.head.bytes(), &INNER)?;
        Ok(Reply::Answered(Box::new(Answered {
            line: inner.line,
            boot: head::hex64(&inner.boot)?,
            end: End::of_peer(inner.end, inner.streams)?,
            seen: inner.seen.socket(),
            told,
        })))
    }
}
