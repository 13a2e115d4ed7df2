//! Broadcasts and what is told of the members: packets with heads of one byte, on a stream of their
//! own, so that they never stand before a word about places.

use alloc::vec::Vec;

use super::{
    Effect,
    life::{Tree, Verify},
    sight::Heard,
};
use crate::{
    base::{Effects, Slot, Time},
    identity::PublicKey,
    wire::{Head, Packet},
};

/// The head bytes of broadcasts, and of images.
const CAST_HEADS: core::ops::RangeInclusive<u8> = 0x01..=0x0f;
const IMAGE_HEADS: core::ops::RangeInclusive<u8> = 0x10..=0x1f;

impl Tree {
    /// A packet of a broadcast or of the image came. One that no honest member sends makes us leave
    /// its sender.
    pub fn on_bulk(
        &mut self,
        now: Time,
        link: Slot,
        bytes: &[u8],
        (verify, heard): (Verify<'_>, Heard<'_>),
        fx: &mut Effects<Effect>,
    ) {
        let peer = self.peers.on_link(link);
        let Some(peer) = peer.filter(|peer| peer.is_neighbour || peer.is_backup) else {
            return;
        };
        let node = peer.node();
        let packet = Packet::decode(bytes);
        let head = match packet.as_ref().map(|packet| packet.head) {
            Ok(Head::Binary([head])) => Some(*head),
            Ok(Head::None | Head::Binary(_) | Head::Json(_)) | Err(_) => None,
        };
        let is_true = match (packet, head) {
            (Ok(packet), Some(head)) if CAST_HEADS.contains(&head) => {
                let chunks = self.cast.stats().chunks;
                let taken = self.cast.on_packet(now, link, &packet, verify);
                if self.cast.stats().chunks > chunks {
                    self.stir(now);
                }
                taken.is_ok()
            }
            (Ok(packet), Some(head)) if IMAGE_HEADS.contains(&head) => {
                self.image.on_packet(now, link, &packet, verify).is_ok()
            }
            // A later version may say more.
            (Ok(_), Some(_)) => true,
            (Ok(_) | Err(_), None) | (Err(_), Some(_)) => {
                self.stats.malformed += 1;
                false
            }
        };
        self.swear(now);
        if !is_true {
            self.bar(now, node);
        }
        self.settle(now, heard, fx);
        self.tell_parts(fx);
    }

    /// This member has ended the link with us. Why, it says about places, or it is as good as dead.
    pub fn on_severed(&mut self, now: Time, key: &PublicKey) {
        if let Some(peer) = self.peers.find_mut(key) {
            peer.severed.get_or_insert(now);
        }
    }

    /// A link has begun on a stream that the peer opened, or has begun anew.
    pub fn on_begun(&mut self, now: Time, link: Slot) {
        if let Some(peer) = self.peers.iter_mut().find(|peer| peer.link == Some(link)) {
            peer.severed = None;
        }
        let peer = self.peers.on_link(link);
        let linked = peer.filter(|peer| peer.is_neighbour || peer.is_backup);
        if let Some((node, is_backup)) = linked.map(|peer| (peer.node(), !peer.is_neighbour)) {
            self.cast.on_linked(now, link, node.key, is_backup);
            self.image.on_linked(now, link, node, is_backup);
        }
    }

    /// Links with a neighbour or the backup: with a stream of ours, if it is our parent, or our
    /// backup and its key is the larger one.
    pub(super) fn begin_link(&mut self, now: Time, key: PublicKey, fx: &mut Effects<Effect>) {
        let Some(peer) = self.peers.find_mut(&key) else {
            return;
        };
        peer.severed = None;
        let Some(link) = peer.link else { return };
        let (node, backup) = (peer.node(), !peer.is_neighbour);
        let opens = if backup {
            self.me.key < key
        } else {
            self.place.parent().is_some_and(|parent| parent.key == key)
        };
        if opens {
            fx.push(Effect::Open { link, backup });
            self.cast.on_linked(now, link, key, backup);
            self.image.on_linked(now, link, node, backup);
            if !backup {
                self.cast.set_above(link);
            }
        } else {
            fx.push(Effect::Accept { link, backup });
        }
    }

    /// The link with this member is over, whichever it was.
    pub(super) fn end_link(&mut self, link: Slot, fx: &mut Effects<Effect>) {
        self.cast.on_unlinked(link);
        self.image.on_unlinked(link);
        fx.push(Effect::Close { link });
    }

    /// Appends the next packet for this line, of at most `room` bytes; false if there is none.
    pub fn poll_bulk(&mut self, now: Time, link: Slot, room: usize, out: &mut Vec<u8>) -> bool {
        // They take turns, so that neither keeps the other waiting.
        self.image_first = !self.image_first;
        let by_image = self.image_first && self.image.poll(now, link, room, out);
        by_image || self.cast.poll(now, link, room, out) || self.image.poll(now, link, room, out)
    }

    /// True if `poll_bulk` may have something.
    pub fn has_bulk(&self, link: Slot) -> bool {
        self.cast.has_output(link) || self.image.has_output(link)
    }

    /// True if what this line brings is not to be read for now; `deadline` tells when it is again.
    pub fn is_held(&self, now: Time, link: Slot) -> bool {
        self.cast.is_held(now, link)
    }

    /// The lines to neighbours and the backup.
    pub fn links(&self) -> impl Iterator<Item = (Slot, PublicKey)> + '_ {
        let dealt = self
            .peers
            .iter()
            .filter(|peer| peer.is_neighbour || peer.is_backup);
        dealt.filter_map(|peer| Some((peer.link?, peer.key)))
    }
}
