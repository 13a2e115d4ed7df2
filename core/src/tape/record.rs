//! One record of a tape, taken apart.

use alloc::{boxed::Box, string::String, vec::Vec};

use data_encoding::HEXLOWER;
use serde::Deserialize;

use super::{End, Unread, words};
use crate::{
    base::Time,
    switch,
    wire::{
        Packet,
        json::{self, Limits, Value},
    },
};

/// What the head of a record may hold; which of it is there, the kind of the record decides.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Fields {
    pub(super) n: u64,
    pub(super) t: u64,
    pub(super) tape: Option<String>,
    pub(super) call: Option<String>,
    pub(super) out: Option<String>,
    pub(super) end: Option<String>,
    pub(super) version: Option<u64>,
    pub(super) secrets: Option<bool>,
    pub(super) scheme: Option<String>,
    pub(super) config: Option<Box<switch::Config>>,
    pub(super) socket: Option<u32>,
    pub(super) local: Option<String>,
    pub(super) remote: Option<String>,
    pub(super) interface: Option<u32>,
    pub(super) ecn: Option<String>,
    pub(super) stride: Option<u64>,
    pub(super) ttl: Option<u8>,
    pub(super) len: Option<u64>,
    pub(super) segment: Option<u64>,
    pub(super) error: Option<String>,
    pub(super) wall: Option<u64>,
    pub(super) sockets: Option<Vec<u32>>,
    pub(super) locals: Option<Vec<String>>,
    pub(super) networks: Option<Vec<String>>,
    pub(super) space: Option<String>,
    pub(super) closed: Option<bool>,
    pub(super) roots: Option<Vec<String>>,
    pub(super) key: Option<String>,
    pub(super) to: Option<Vec<String>>,
    pub(super) line: Option<u64>,
    pub(super) stream: Option<u64>,
    pub(super) code: Option<u64>,
    pub(super) more: Option<bool>,
    pub(super) priority: Option<i8>,
    pub(super) room: Option<u64>,
    pub(super) name: Option<String>,
    pub(super) target: Option<String>,
    pub(super) arity: Option<u8>,
    pub(super) leaf: Option<bool>,
    pub(super) epoch: Option<u64>,
    pub(super) sequence: Option<u64>,
    pub(super) last: Option<u64>,
    pub(super) peer: Option<String>,
    pub(super) none: Option<bool>,
    pub(super) due: Option<u64>,
    pub(super) why: Option<String>,
    pub(super) event: Option<String>,
    pub(super) need: Option<String>,
    pub(super) ours: Option<bool>,
    pub(super) from: Option<String>,
    pub(super) bytes: Option<u64>,
    pub(super) sum: Option<String>,
    pub(super) err: Option<String>,
    pub(super) ok: Option<Value>,
    pub(super) peer_code: Option<u64>,
    pub(super) reason: Option<String>,
    pub(super) versions: Option<String>,
    pub(super) refusal: Option<String>,
}

/// One record of a tape.
pub struct Record<'a> {
    /// The packet that it is.
    packet: &'a [u8],
    head: &'a str,
    body: &'a [u8],
    pub(super) fields: Box<Fields>,
}

impl<'a> Record<'a> {
    /// The record that this packet is.
    ///
    /// # Errors
    /// [`Unread`] if it is none.
    pub(super) fn parse(packet: &'a [u8]) -> Result<Self, Unread> {
        let parts = Packet::decode(packet).map_err(|_short| Unread::NoPacket)?;
        let (head, body) = (parts.head.bytes(), parts.body);
        let fields = json::parse(head, &Limits::default()).map_err(Unread::Head)?;
        let head = core::str::from_utf8(head).map_err(|_illegal| Unread::NoPacket)?;
        // Between the values of a head nothing may stand, least of all what begins a line.
        if head.bytes().any(|byte| byte < 0x20) {
            return Err(Unread::Lines);
        }
        Ok(Self {
            packet,
            head,
            body,
            fields,
        })
    }

    /// Its number, from 0.
    pub fn n(&self) -> u64 {
        self.fields.n
    }

    /// The time of the call, or of the call before it.
    pub fn at(&self) -> Time {
        Time::from_us(self.fields.t)
    }

    /// Its head, one JSON object.
    pub const fn head(&self) -> &'a str {
        self.head
    }

    /// What follows the head.
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Why the tape ends, if this is its last record.
    pub fn end(&self) -> Option<End> {
        End::of_code(self.fields.end.as_deref()?)
    }

    /// True if this is the first record of a tape that holds what a replay needs.
    pub fn holds_secrets(&self) -> bool {
        self.fields.secrets == Some(true)
    }

    /// The record as one line of JSON, its body as hexadecimal digits under the key `body`. It
    /// steers no terminal, whoever wrote the tape.
    pub fn text(&self) -> String {
        let mut line = words::harmless(self.head);
        if !self.body.is_empty() {
            line.pop();
            line.push_str(BODY);
            HEXLOWER.encode_append(self.body, &mut line);
            line.push_str("\"}");
        }
        line
    }

    /// What it says, for people.
    pub fn words(&self) -> String {
        words::of(self)
    }

    /// The packet that it is.
    pub(super) const fn packet(&self) -> &'a [u8] {
        self.packet
    }
}

impl core::fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.text())
    }
}

const BODY: &str = ",\"body\":\"";

/// The bytes of the record, with its length, that stands as text in a line.
///
/// # Errors
/// [`Unread`] if it is none.
pub fn of_text(line: &str) -> Result<Vec<u8>, Unread> {
    let split = line.rsplit_once(BODY).and_then(|(head, rest)| {
        let hex = rest.strip_suffix("\"}")?;
        Some((head, HEXLOWER.decode(hex.as_bytes()).ok()?))
    });
    let (head, body) = match split {
        Some((head, body)) if !body.is_empty() => (String::from(head) + "}", body),
        Some(_) | None => (line.into(), Vec::new()),
    };
    json::parse::<Value>(head.as_bytes(), &Limits::default()).map_err(Unread::Head)?;
    let packet = Packet {
        head: crate::wire::Head::of(head.as_bytes()),
        body: &body,
    };
    let mut bytes = alloc::vec![0; 4];
    packet
        .encode(&mut bytes)
        .map_err(|_long| Unread::NoPacket)?;
    let length = u32::try_from(bytes.len() - 4).map_err(|_long| Unread::TooLong)?;
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    Ok(bytes)
}
