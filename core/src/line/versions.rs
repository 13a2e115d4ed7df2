//! Opens of other versions (PROTOCOL, section Versions): they are told which one we speak, and who
//! tells us such a thing is believed only when nobody else answers.

use alloc::{format, vec::Vec};
use core::fmt;

use serde::Deserialize;

use super::{
    Dropped, Lines, Place,
    head::{self, CLEAR},
    open::{VERSION, packet},
};
use crate::{base::Time, wire::Packet, wire::Route};

/// How many versions are kept of what somebody tells.
const KEPT: usize = 4;

/// The versions that a peer is said to speak, the first few of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Versions {
    told: [u64; KEPT],
    count: u8,
}

impl Versions {
    /// `None` if there is none, or ours is among them.
    fn of(told: &[u64]) -> Option<Self> {
        if told.is_empty() || told.contains(&VERSION) {
            return None;
        }
        let mut versions = Self {
            told: [0; KEPT],
            count: 0,
        };
        for (place, version) in versions.told.iter_mut().zip(told) {
            *place = *version;
            versions.count += 1;
        }
        Some(versions)
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = &self.told[..self.count.into()];
        for (n, version) in told.iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            write!(f, "{comma}{version}")?;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Asked {
    line: u32,
}

#[derive(Deserialize)]
struct Told {
    line: u32,
    versions: Vec<u64>,
}

impl Lines {
    /// Tells the sender of an open of another version which one we speak, if that is no longer than
    /// the question, and not too often.
    pub(super) fn tell_versions(&mut self, now: Time, route: Route, datagram: &[u8]) {
        let Ok(question) = Packet::decode(datagram) else {
            return;
        };
        let Ok(Asked { line }) = head::parse(question.head.bytes(), &CLEAR) else {
            return;
        };
        let reply = packet(format!(r#"{{"line":{line},"versions":[{VERSION}]}}"#).as_bytes());
        if reply.len() <= datagram.len() && self.load.versions.take(now, 1, 0) {
            let _full = self.replies.push((reply.into(), route));
        }
    }

    /// Somebody tells which versions a peer speaks that we open to. It proves nothing, so it is
    /// the reason that the line ends with only if nobody answers.
    ///
    /// # Errors
    /// [`Dropped`]: why it did nothing.
    pub fn on_versions(&mut self, datagram: &[u8]) -> Result<(), Dropped> {
        let packet = Packet::decode(datagram).map_err(|_truncated| Dropped::Malformed)?;
        let Told { line, versions } = head::parse(packet.head.bytes(), &CLEAR)?;
        let Some(&Place::Pending(slot)) = self.ids.get(&line) else {
            return Err(Dropped::UnknownLine);
        };
        let versions = Versions::of(&versions).ok_or(Dropped::Malformed)?;
        let pending = self.pending_mut(slot).expect("an id leads to its open");
        if pending.versions.is_some() {
            return Err(Dropped::Repeated);
        }
        pending.versions = Some(versions);
        Ok(())
    }
}
