//! Packets for one neighbour, one at a time.

use alloc::vec::Vec;

use super::{
    Fault, Image, Verify,
    entry::flag,
    link::How,
    record::{RECORD_MAX, write_change, write_entry, write_gone, write_name, write_over},
    word::{Prefix, prefix},
};
use crate::{
    base::Time,
    wire::{Head, Packet},
};

const NEWS: u8 = 0x10;
const HELLO: u8 = 0x11;
const DIGEST: u8 = 0x12;
const LIST: u8 = 0x13;
const WANT: u8 = 0x14;
const GOSSIP: u8 = 0x15;

/// Bytes before the body of a packet: the length of its head, and the head.
const FRONT: usize = 3;
/// A packet has at most so many bytes: what is sent to one should not wait long for another.
const PACKET_MAX: usize = 16 * 1024;
/// The least room in which every packet of any kind fits.
const ROOM_LEAST: usize = 256;

impl Image {
    /// Takes one packet.
    pub(super) fn on_body(
        &mut self,
        now: Time,
        place: usize,
        packet: &Packet<'_>,
        verify: Verify<'_>,
    ) -> Result<(), Fault> {
        let Head::Binary([head]) = packet.head else {
            return Err(Fault::Malformed);
        };
        match *head {
            NEWS => self.on_news(now, place, packet.body, verify),
            HELLO => self.on_hello(now, place, packet.body),
            DIGEST => self.on_digest(now, place, packet.body),
            LIST => self.on_list(now, place, packet.body),
            WANT => self.on_wants(now, place, packet.body),
            GOSSIP => self.on_gossip(now, place, packet.body),
            _ => Err(Fault::Malformed),
        }
    }

    /// Writes one packet for a neighbour.
    pub(super) fn write_packet(
        &mut self,
        now: Time,
        place: usize,
        room: usize,
        out: &mut Vec<u8>,
    ) -> bool {
        let room = room.min(PACKET_MAX);
        if room < ROOM_LEAST || !self.link(place).has_output() {
            return false;
        }
        let start = out.len();
        out.extend_from_slice(&[0, 1, 0]);
        let head = self.write_body(now, place, room - FRONT, out);
        out[start + 2] = head.unwrap_or(0);
        if head.is_none() {
            out.truncate(start);
        }
        head.is_some()
    }

    /// Writes the body of the packet that is most urgent and tells its head.
    fn write_body(
        &mut self,
        now: Time,
        place: usize,
        room: usize,
        out: &mut Vec<u8>,
    ) -> Option<u8> {
        let backup = self.link(place).backup;
        let (digest_len, whole) = (self.digest_len(backup), self.whole);
        let link = self.link(place);
        if link.hello.is_some() {
            self.write_hello(place, out);
            return Some(HELLO);
        }
        if !link.wants.is_empty() {
            self.write_wants(place, room, out);
            return Some(WANT);
        }
        if link.digest && whole && digest_len <= room {
            self.write_digest(now, place, out);
            return Some(DIGEST);
        }
        if link.queued() > 0 && self.write_news(place, room, out) {
            return Some(NEWS);
        }
        if self.link(place).gossip {
            self.write_gossip(now, place, room, out);
            return Some(GOSSIP);
        }
        self.write_list(now, place, room, out).then_some(LIST)
    }

    /// Writes entries from the front of the queue; false if none of them is to be told any more.
    fn write_news(&mut self, place: usize, room: usize, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        let whole = self.whole;
        let me = prefix(&self.me.key);
        while let Some((who, how)) = self.link(place).front() {
            if out.len() - start + RECORD_MAX > room {
                break;
            }
            self.link(place).pop();
            if whole || who == me {
                self.write_record(place, who, how, out);
            } else if let Some(mut entry) = self.store.note(who) {
                entry.set_queued(place, false);
            }
        }
        out.len() > start
    }

    fn write_record(&mut self, place: usize, who: Prefix, how: How, out: &mut Vec<u8>) {
        let Some(mut entry) = self.store.note(who) else {
            return;
        };
        if how != How::Name {
            entry.set_queued(place, false);
        }
        let Some(entry) = self.store.find(who) else {
            return;
        };
        if entry.is(flag::GONE) {
            match how {
                How::Short => write_gone(who, entry.life(), entry.version(), out),
                How::Whole => write_over(who, entry.epoch(), entry.version(), out),
                How::Name => {}
            }
            return;
        }
        let word = self.store.word(entry);
        match how {
            How::Short if !entry.is(flag::SWORN) => write_change(who, &word, out),
            How::Short | How::Whole => {
                write_entry(entry.key.as_bytes(), &word, self.store.oath(who), out);
            }
            How::Name => {}
        }
        if how == How::Whole && entry.is(flag::CALLED) {
            // The name may not fit into this packet any more.
            self.link(place).push(who, How::Name);
        } else if let Some(claim) = self.store.claim(who).filter(|_| how == How::Name) {
            let told = (claim.version, claim.name.as_str(), &claim.signature);
            write_name(who, word.epoch, told, out);
        }
    }
}
