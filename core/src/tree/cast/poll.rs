//! What goes out over a link.

use alloc::vec::Vec;

use super::{
    Cast,
    link::Fate,
    log::What,
    packet::{self, HEAD},
};
use crate::base::{Slot, Time};

impl Cast {
    /// Writes the next packet for the link, of at most `room` bytes, at the end of `out`. False if
    /// there is none, or none that fits. What goes over one link may let something of ours enter
    /// the log, and then other links have output, too.
    pub fn poll(&mut self, now: Time, link: Slot, room: usize, out: &mut Vec<u8>) -> bool {
        self.now = now;
        let Some(at) = self.link_at(link) else {
            return false;
        };
        if !self.links[at].is_tree() {
            return self.poll_lacked(at, room, out) || self.poll_digest(at, room, out);
        }
        if self.links[at].saying.is_some() {
            return self.poll_have(at, room, out);
        }
        if !self.links[at].is_open() {
            return false;
        }
        loop {
            let link = &mut self.links[at];
            let Some(item) = self.log.get(link.cursor) else {
                link.settle(&self.origins);
                if self.enter() {
                    continue;
                }
                return false;
            };
            let fate = link.fate(item);
            let written = match (&item.what, fate) {
                (What::Opening { bytes, .. }, Fate::Send) => Some((packet::MESSAGE, bytes)),
                (What::More { bytes, .. }, Fate::Send) => Some((packet::MORE, bytes)),
                (What::Gap { .. }, Fate::Send) | (_, Fate::Pass) => None,
            };
            if let Some((kind, bytes)) = written {
                if HEAD + bytes.len() > room {
                    return false;
                }
                packet::write_head(kind, out);
                out.extend_from_slice(bytes);
            }
            link.step(item, fate);
            if written.is_some() {
                return true;
            }
        }
    }

    /// True if `poll` may have something for the link.
    pub fn has_output(&self, link: Slot) -> bool {
        let Some(at) = self.link_at(link) else {
            return false;
        };
        let link = &self.links[at];
        if let Some(backup) = &link.backup {
            let changed = link.cursor < self.log.head();
            let says = backup
                .says_at(&self.config)
                .is_some_and(|at| at <= self.now);
            return says || backup.is_due(changed, self.now, &self.config);
        }
        let more = link.cursor < self.log.head() || !self.outbox.is_empty();
        link.saying.is_some() || (link.is_open() && more)
    }

    pub(super) fn link_at(&self, link: Slot) -> Option<usize> {
        self.links.iter().position(|it| it.slot == link)
    }
}
