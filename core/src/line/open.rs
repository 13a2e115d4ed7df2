//! The bytes of an open (PROTOCOL, section Open): a head in clear, the first Noise message, a MAC.

use alloc::{borrow::Cow, boxed::Box, format, string::String, vec, vec::Vec};

use serde::Deserialize;

use super::{
    Dropped,
    cookie::{self, Cookie},
    head::{self, CLEAR, INNER},
    home::Home,
    mac::{self, Digest, MAC_LEN, MacKey, NO_GATE},
    noise::{Handshake, MESSAGE_1_OVERHEAD},
    state::End,
    suite::Suite,
    told::Told,
};
use crate::{
    base::Rng,
    identity::{Gate, Membership, PublicKey, SpaceId},
    wire::{Head, Packet},
};

/// Bytes of each open that we send, but for its cookie, so that its length tells nothing and no
/// answer is longer.
pub(super) const OPEN_LEN: usize = 600;
/// Bytes of the longest open that is taken, so that any fits a relayed path.
pub(super) const OPEN_MAX: usize = 1100;
/// The version that we speak.
pub(super) const VERSION: u64 = 1;

/// What our open says.
pub(super) struct Open<'a> {
    pub(super) suite: Suite,
    pub(super) home: &'a Home,
    pub(super) peer: &'a PublicKey,
    /// The MAC key of the peer.
    pub(super) mac: &'a MacKey,
    /// The id that we want to receive on.
    pub(super) line: u32,
    pub(super) time: u64,
    pub(super) end: End,
    /// Our end number of the line that the peer is asked after, if this open is to tell whether it
    /// has that still.
    pub(super) asks: Option<u32>,
    /// What the responder asked for under load.
    pub(super) cookie: Option<&'a Cookie>,
    pub(super) told: Told,
}

impl Open<'_> {
    /// Writes the datagram and gives it with the handshake that it begins.
    pub(super) fn write(&self, rng: Rng) -> Result<(Box<[u8]>, Handshake), Dropped> {
        let (suite, line) = (self.suite.name(), self.line);
        let cookie = self.cookie.map_or_else(String::new, cookie::member);
        let head = format!(r#"{{"open":{VERSION},"suite":"{suite}","line":{line}{cookie}}}"#);
        // A cookie takes no room from what is sealed.
        let whole = OPEN_LEN + cookie.len();
        let prologue = prologue(head.as_bytes(), &self.home.space, self.peer);
        let own = &self.home.agreement;
        let peer = self.peer.agreement();
        let mut handshake = Handshake::initiator(self.suite, own, &peer, &prologue, rng);
        let mut datagram = packet(head.as_bytes());
        let message = datagram.len();
        datagram.resize(whole, 0);
        let mut payload = packet(self.inner_head().as_bytes());
        payload.extend_from_slice(&self.told.body());
        let room = whole - message - MESSAGE_1_OVERHEAD - MAC_LEN;
        debug_assert!(
            payload.len() <= room,
            "an open has room for all that it may say"
        );
        payload.resize(room, 0);
        handshake.write(&payload, &mut datagram[message..whole - MAC_LEN])?;
        self.mac.write(&mut datagram);
        Ok((datagram.into(), handshake))
    }

    pub(super) fn inner_head(&self) -> String {
        let (key, boot, time) = (self.home.key, self.home.boot, self.time);
        let End { id, first_stream } = self.end;
        let asks = (self.asks).map_or_else(String::new, |end| format!(r#","asks":{end}"#));
        format!(
            r#"{{"key":"{key}","boot":"{boot:016x}","time":{time},"streams":{first_stream},"end":{id}{asks}{}}}"#,
            self.told.keys()
        )
    }
}

/// A packet with this head and no body yet.
pub(super) fn packet(head: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Packet {
        head: Head::of(head),
        body: &[],
    }
    .encode(&mut out)
    .expect("a head of ours is shorter than 65,536 bytes");
    out
}

/// What both ends hash before the first message: it binds the clear head, the space and the key
/// that the open is meant for.
pub(super) fn prologue(head: &[u8], space: &SpaceId, responder: &PublicKey) -> Vec<u8> {
    let length = u16::try_from(head.len()).expect("a head has at most 65,535 bytes");
    [
        b"hydroid/1 open".as_slice(),
        &length.to_be_bytes(),
        head,
        space.as_bytes(),
        responder.as_bytes(),
    ]
    .concat()
}

/// What anybody can read of an open that came in.
pub(super) struct Clear<'a> {
    pub(super) suite: Suite,
    pub(super) line: u32,
    head: &'a [u8],
    message: &'a [u8],
    pub(super) mac: &'a [u8; MAC_LEN],
    pub(super) digest: Digest,
    pub(super) cookie: Option<Cookie>,
}

#[derive(Deserialize)]
struct VersionHead {
    open: u64,
}

#[derive(Deserialize)]
struct ClearHead<'a> {
    suite: Suite,
    line: u32,
    #[serde(borrow)]
    cookie: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct InnerHead<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow)]
    boot: Cow<'a, str>,
    time: u64,
    streams: u64,
    end: u32,
    asks: Option<u32>,
}

/// What the initiator of an open says, shown to hold the key but not yet to be there: the open may
/// be a copy of an old one.
pub(super) struct Opened {
    pub(super) handshake: Handshake,
    pub(super) line: u32,
    pub(super) suite: Suite,
    pub(super) key: PublicKey,
    pub(super) boot: u64,
    pub(super) time: u64,
    pub(super) end: End,
    /// The peer's end number of the line that it asks after.
    pub(super) asks: Option<u32>,
    pub(super) digest: Digest,
    pub(super) told: Told,
    /// The gate that its MAC was keyed with.
    pub(super) gate: Gate,
    /// What lets the initiator into a closed space, once that was looked at.
    pub(super) membership: Option<Box<Membership>>,
}

impl<'a> Clear<'a> {
    pub(super) fn parse(datagram: &'a [u8]) -> Result<Self, Dropped> {
        let packet = Packet::decode(datagram).map_err(|_truncated| Dropped::Malformed)?;
        let head = packet.head.bytes();
        let VersionHead { open } = head::parse(head, &CLEAR)?;
        if open != VERSION {
            return Err(Dropped::UnknownVersion);
        }
        let ClearHead {
            suite,
            line,
            cookie,
        } = head::parse(head, &CLEAR)?;
        let cookie = cookie.map(|text| cookie::read(&text)).transpose()?;
        if !(OPEN_LEN..=OPEN_MAX).contains(&datagram.len()) {
            return Err(Dropped::Malformed);
        }
        let (message, mac) = packet.body.split_last_chunk().ok_or(Dropped::Malformed)?;
        let digest = mac::digest(&datagram[..datagram.len() - MAC_LEN]);
        Ok(Self {
            suite,
            line,
            head,
            message,
            mac,
            digest,
            cookie,
        })
    }

    /// Reads what is sealed to `home`: two agreements.
    pub(super) fn read(&self, home: &Home, rng: Rng) -> Result<Opened, Dropped> {
        let prologue = prologue(self.head, &home.space, &home.key);
        let mut handshake = Handshake::responder(self.suite, &home.agreement, &prologue, rng);
        let mut payload = vec![0; self.message.len()];
        let length = handshake.read(self.message, &mut payload)?;
        let inner = Packet::decode(&payload[..length]).map_err(|_truncated| Dropped::Malformed)?;
        let told = Told::read(&inner)?;
        let inner: InnerHead<'_> = head::parse(inner.head.bytes(), &INNER)?;
        let mut key = [0; 32];
        head::hex(&inner.key, &mut key)?;
        let key = PublicKey::from_bytes(&key).map_err(|_illegal| Dropped::WeakKey)?;
        if handshake.remote_static() != Some(key.agreement()) {
            return Err(Dropped::KeyMismatch);
        }
        Ok(Opened {
            handshake,
            line: self.line,
            suite: self.suite,
            key,
            boot: head::hex64(&inner.boot)?,
            time: inner.time,
            end: End::of_peer(inner.end, inner.streams)?,
            asks: inner.asks,
            digest: self.digest,
            told,
            gate: Gate::new(NO_GATE),
            membership: None,
        })
    }
}
