//! What both ends tell each other in a handshake beside what makes the line: their limits, and in a
//! closed space what shows them to be members (PROTOCOL, sections Open and Answer).

use alloc::{format, string::String, vec::Vec};

use serde::Deserialize;

use super::{
    Dropped,
    head::{self, INNER},
};
use crate::{
    identity::{Admission, Membership},
    wire::Packet,
};

/// What one end bears, as it tells the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bits of what it can do beyond this version; none is defined.
    pub capabilities: u64,
    /// How long it may hold ranges back, in milliseconds.
    pub ranges_delay_ms: u16,
    /// The largest datagram that it takes, in bytes; at least 600.
    pub datagram_bytes: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            capabilities: 0,
            ranges_delay_ms: 25,
            datagram_bytes: u16::MAX,
        }
    }
}

/// Bytes of a datagram that every end takes.
const DATAGRAM_LEAST: u16 = super::open::OPEN_LEN as u16;

/// The first bytes of a document's hash.
pub(super) type Mark = [u8; 8];

/// What one end told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Told {
    pub(super) limits: Limits,
    /// The version of the space document that it holds; 0 in an open space.
    pub(super) version: u64,
    /// What begins the body: in a closed space a membership and the mark of the document.
    pub(super) shown: Option<([u8; Membership::LEN], Mark)>,
}

#[derive(Deserialize)]
struct ToldHead {
    #[serde(default)]
    caps: u64,
    #[serde(default = "delay")]
    delay: u16,
    #[serde(default = "datagram")]
    datagram: u16,
    #[serde(default)]
    version: u64,
}

fn delay() -> u16 {
    Limits::default().ranges_delay_ms
}

fn datagram() -> u16 {
    Limits::default().datagram_bytes
}

impl Told {
    /// What we tell.
    pub(super) fn ours(limits: Limits, admission: Option<&Admission>) -> Self {
        let document = admission.map(Admission::document);
        let shown = admission.map(|admission| {
            (
                *admission.membership().as_bytes(),
                admission.document().mark(),
            )
        });
        Self {
            limits,
            version: document.map_or(0, |document| document.version()),
            shown,
        }
    }

    /// Reads it from the packet inside a handshake message.
    pub(super) fn read(inner: &Packet<'_>) -> Result<Self, Dropped> {
        let told: ToldHead = head::parse(inner.head.bytes(), &INNER)?;
        if told.datagram < DATAGRAM_LEAST {
            return Err(Dropped::Malformed);
        }
        let shown = inner.body.split_first_chunk();
        let shown = shown.and_then(|(shown, rest)| Some((*shown, *rest.first_chunk()?)));
        Ok(Self {
            limits: Limits {
                capabilities: told.caps,
                ranges_delay_ms: told.delay,
                datagram_bytes: told.datagram,
            },
            version: told.version,
            shown,
        })
    }

    /// The keys of it in an inner head, each behind a comma.
    pub(super) fn keys(&self) -> String {
        let Limits {
            capabilities,
            ranges_delay_ms,
            datagram_bytes,
        } = self.limits;
        let limits = format!(
            r#","caps":{capabilities},"delay":{ranges_delay_ms},"datagram":{datagram_bytes}"#
        );
        match self.shown {
            Some(_) => format!(r#"{limits},"version":{}"#, self.version),
            None => limits,
        }
    }

    /// The beginning of the body.
    pub(super) fn body(&self) -> Vec<u8> {
        self.shown
            .map(|(membership, mark)| [membership.as_slice(), &mark].concat())
            .unwrap_or_default()
    }
}
