//! Words about places, and who they are said to: lines that come and go, packets in and out, and
//! the carrying out of what the places want.

use alloc::{borrow::Cow, vec::Vec};
use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{
    Effect, News, Node,
    contact::{ADDRESSES_MOST, Contact},
    life::{PLACE_PACKET_MOST, Tree},
    place::{self, Message},
    sight::{Heard, look},
    word::{WORDS, Word},
};
use crate::{
    base::{Effects, Slot, Time},
    identity::PublicKey,
    wire::{
        Head, Packet,
        json::{self, Limits},
    },
};

/// Packets that wait for a line to one member.
const WAITING_MOST: usize = 8;
/// Turns of one call, each of which carries out all that the places want so far.
const TURNS_MOST: usize = 1_024;

/// A packet with this head and no body.
pub(super) fn packet<T: Serialize>(word: &T) -> Vec<u8> {
    let head = json::write(word);
    let packet = Packet {
        head: Head::Json(head.as_bytes()),
        body: &[],
    };
    let mut bytes = Vec::new();
    packet
        .encode(&mut bytes)
        .expect("what is said about places is bounded");
    bytes
}

#[derive(Deserialize)]
struct Tag<'a> {
    #[serde(borrow)]
    tree: Cow<'a, str>,
}

impl Tree {
    /// A line to this member is up: one that we wanted, or one that it speaks on.
    pub fn on_up(
        &mut self,
        now: Time,
        (link, key): (Slot, PublicKey),
        address: SocketAddr,
        fx: &mut Effects<Effect>,
    ) {
        self.make_room(&key, fx);
        let peer = self.peers.enter(now, key);
        if peer.link == Some(link) {
            return;
        }
        peer.link = Some(link);
        peer.address = Some(address);
        peer.dial_until = None;
        (peer.spoke, peer.counts_from) = (now, now);
        if peer.is_contact {
            fx.push(Effect::Greet { link });
        }
        for packet in core::mem::take(&mut peer.waiting) {
            fx.push(Effect::Say { link, packet });
        }
        if peer.is_neighbour || peer.is_backup {
            self.begin_link(now, key, fx);
        }
    }

    /// There is no line to this member: it ended, or could not be made.
    pub fn on_down(
        &mut self,
        now: Time,
        key: &PublicKey,
        heard: Heard<'_>,
        fx: &mut Effects<Effect>,
    ) {
        let Some(peer) = self.peers.find_mut(key) else {
            return;
        };
        let node = peer.node();
        let was_up = peer.link.is_some();
        if !was_up {
            self.miss(now, node);
        }
        let Some(peer) = self.peers.find_mut(key) else {
            return;
        };
        if was_up && peer.is_neighbour {
            self.image.on_gone(now, node);
        }
        self.lose(now, node, heard, fx);
        self.settle(now, heard, fx);
        self.tell_parts(fx);
    }

    /// This member says who it is, as it does before anything else, and as what it sees us.
    pub fn on_greeting(
        &mut self,
        now: Time,
        (link, key): (Slot, PublicKey),
        (epoch, seen): (u64, Option<SocketAddr>),
        heard: Heard<'_>,
        fx: &mut Effects<Effect>,
    ) {
        if let Some(seen) = seen.filter(|seen| self.seen != Some(*seen)) {
            self.seen = Some(seen);
            self.tell_own(now);
        }
        self.make_room(&key, fx);
        let peer = self.peers.enter(now, key);
        peer.spoke = now;
        let before = peer.epoch.filter(|before| *before != epoch);
        let old = Node {
            key,
            epoch: before.unwrap_or(0),
        };
        let address = peer.address;
        let is_contact = core::mem::take(&mut peer.is_contact);
        if before.is_some() {
            self.lost.push(old);
            self.settle(now, heard, fx);
        }
        let peer = self.peers.enter(now, key);
        peer.epoch = Some(epoch);
        peer.link = Some(link);
        let node = peer.node();
        let addresses: Vec<SocketAddr> = address.into_iter().collect();
        self.image.learn(node, &addresses);
        fx.push(Effect::Greet { link });
        if is_contact {
            self.ask_or_compare(now, node, fx);
            self.settle(now, heard, fx);
        }
        self.tell_parts(fx);
    }

    /// This member has no more to say on its line: it has let go of us.
    pub fn on_parted(
        &mut self,
        now: Time,
        key: &PublicKey,
        heard: Heard<'_>,
        fx: &mut Effects<Effect>,
    ) {
        let peer = self.peers.find(key);
        if let Some(peer) = peer.filter(|peer| peer.is_neighbour || peer.is_backup) {
            self.lost.push(peer.node());
            self.settle(now, heard, fx);
        }
        self.tell_parts(fx);
    }

    /// A packet about places came. One that is none ends nothing, but it is counted, and its sender
    /// is not dealt with for a while.
    pub fn on_place(
        &mut self,
        now: Time,
        key: &PublicKey,
        bytes: &[u8],
        heard: Heard<'_>,
        fx: &mut Effects<Effect>,
    ) {
        let Some(peer) = self.peers.find_mut(key).filter(|peer| peer.epoch.is_some()) else {
            return;
        };
        peer.spoke = now;
        let from = peer.node();
        if self.peers.is_barred(now, key) {
            return;
        }
        let limits = Limits::of_bytes(PLACE_PACKET_MOST as u32);
        let head = match Packet::decode(bytes).map(|packet| packet.head) {
            Ok(Head::Json(head)) => head,
            Ok(Head::None | Head::Binary(_)) | Err(_) => &[],
        };
        let word = match json::parse::<Tag<'_>>(head, &limits) {
            Ok(tag) if WORDS.contains(&tag.tree.as_ref()) => {
                json::parse(head, &limits).map(Said::Word)
            }
            Ok(_) => json::parse(head, &limits).map(Said::Place),
            Err(error) => Err(error),
        };
        let is_legal = match word {
            Ok(Said::Word(word)) => {
                self.on_word(now, from, word, fx);
                true
            }
            Ok(Said::Place(message)) => self.on_message(now, from, message, heard),
            Err(_malformed) => false,
        };
        if !is_legal {
            self.stats.malformed += 1;
            self.bar(now, from);
        }
        self.settle(now, heard, fx);
        self.tell_parts(fx);
    }

    fn on_message(
        &mut self,
        now: Time,
        from: Node,
        mut message: Message<Contact>,
        heard: Heard<'_>,
    ) -> bool {
        self.stats.asks += u64::from(matches!(message, Message::Ask(_)));
        if matches!(message, Message::Leave) {
            self.image.on_gone(now, from);
        }
        let Self {
            image,
            peers,
            place,
            keys,
            ..
        } = self;
        let mut legal = true;
        message.cut();
        let message = message.map(&mut |contact: Contact| {
            let known = peers.key(&contact.key);
            let Some(key) = known.or_else(|| keys(&contact.key).ok()) else {
                legal = false;
                return from;
            };
            let node = Node {
                key,
                epoch: contact.epoch,
            };
            image.learn(node, &contact.addresses);
            if let Some(address) = contact.addresses.first() {
                peers.learn(node, *address, place.path());
            }
            node
        });
        if !legal {
            return false;
        }
        let mut look = look!(self, now, heard);
        self.place
            .on_message(from, message, &mut look, &mut self.place_fx);
        true
    }

    /// Asks this member for a place.
    pub(super) fn ask(&mut self, now: Time, node: Node) {
        let heard = |_: Slot| now;
        let mut look = look!(self, now, &heard);
        self.place.join(&[node], &mut look, &mut self.place_fx);
    }

    /// Carries out what the places want until they want nothing more.
    pub(super) fn settle(&mut self, now: Time, heard: Heard<'_>, fx: &mut Effects<Effect>) {
        for _ in 0..TURNS_MOST {
            while let Some(effect) = self.place_fx.pop() {
                self.carry_out(now, effect, fx);
            }
            let Some(node) = self.lost.pop() else {
                return;
            };
            self.lose(now, node, heard, fx);
        }
        // What is left is carried out with the next call.
        debug_assert!(false, "the places want something for ever");
    }

    /// Somebody is gone, as far as we are concerned.
    fn lose(&mut self, now: Time, node: Node, heard: Heard<'_>, fx: &mut Effects<Effect>) {
        if self.backup.node() == Some(node) {
            self.unpair(fx);
        }
        let mut look = look!(self, now, heard);
        self.place.on_lost(node, &mut look, &mut self.place_fx);
        while let Some(effect) = self.place_fx.pop() {
            self.carry_out(now, effect, fx);
        }
        let peer = self.peers.find(&node.key);
        if peer.is_some_and(|peer| peer.node() == node) {
            self.release(&node.key, fx);
        }
    }

    fn carry_out(&mut self, now: Time, effect: place::Effect<Node>, fx: &mut Effects<Effect>) {
        match effect {
            place::Effect::Send { to, message } => self.send(now, to, message, fx),
            place::Effect::Arm { timer, ms } => {
                self.timers.retain(|(other, _)| *other != timer);
                self.timers.push((timer, now.plus_ms(ms.into())));
            }
            place::Effect::Disarm { timer } => self.timers.retain(|(other, _)| *other != timer),
            place::Effect::Linked { node } => self.link(now, node, fx),
            place::Effect::Unlinked { node } => self.unlink(now, node, fx),
            place::Effect::Placed => self.on_placed(now, fx),
            place::Effect::Counted(fault) => self.stats.count(fault),
            place::Effect::Bar { node } => self.doubt(now, node),
            place::Effect::NewLife { toward } => self.end_life(toward, fx),
        }
    }

    pub(super) fn on_placed(&mut self, now: Time, fx: &mut Effects<Effect>) {
        self.tell_own(now);
        let size = self.place.size();
        if size != self.size {
            self.size = size;
            self.image.set_size(now, size);
            self.stir(now);
        }
        fx.push(Effect::Told(News::Placed));
    }

    fn link(&mut self, now: Time, node: Node, fx: &mut Effects<Effect>) {
        if self.backup.node() == Some(node) {
            self.end_backup(fx);
        }
        self.stir(now);
        self.stats.moves += u64::from(self.place.parent() == Some(node));
        let peer = self.peers.enter(now, node.key);
        peer.is_neighbour = true;
        peer.counts_from = now;
        peer.elsewhere_ms = 0;
        // A first neighbour is told where we stand in the same breath as who we are.
        self.tell_own(now);
        self.begin_link(now, node.key, fx);
    }

    fn unlink(&mut self, now: Time, node: Node, fx: &mut Effects<Effect>) {
        self.stir(now);
        let Some(peer) = self.peers.find_mut(&node.key) else {
            return;
        };
        (peer.is_neighbour, peer.spoke) = (false, now);
        if let Some(link) = peer.link {
            self.end_link(link, fx);
        }
    }

    fn send(&mut self, now: Time, to: Node, message: Message<Node>, fx: &mut Effects<Effect>) {
        let message = message.map(&mut |node: Node| self.contact(node));
        self.send_packet(now, to, packet(&message), fx);
    }

    /// Says this to a member, over a line that is there or is made for it.
    pub(super) fn send_packet(
        &mut self,
        now: Time,
        to: Node,
        packet: Vec<u8>,
        fx: &mut Effects<Effect>,
    ) {
        if to.key == self.me.key || self.peers.is_barred(now, &to.key) {
            self.lost.push(to);
            return;
        }
        let addresses = self.addresses_of(&to.key);
        let peer = self.peers.enter(now, to.key);
        if peer.epoch.is_some_and(|epoch| epoch > to.epoch) {
            // That life of the member is over.
            self.lost.push(to);
            return;
        }
        peer.spoke = now;
        if let Some(link) = peer.link {
            if !peer.is_held {
                peer.is_held = true;
                fx.push(Effect::Dial {
                    peer: to.key,
                    addresses: Vec::new(),
                });
            }
            fx.push(Effect::Say { link, packet });
            return;
        }
        if peer.waiting.len() >= WAITING_MOST {
            peer.waiting.remove(0);
        }
        peer.waiting.push(packet);
        if peer.epoch.is_none() && to.epoch > 0 {
            peer.epoch = Some(to.epoch);
        }
        if peer.dial_until.is_none() {
            peer.dial_until = Some(now.plus_ms(self.config.dial_ms.into()));
            peer.is_held = true;
            self.stats.asked += 1;
            fx.push(Effect::Dial {
                peer: to.key,
                addresses,
            });
        }
    }

    /// How a member is told to others: with where it may be.
    fn contact(&self, node: Node) -> Contact {
        Contact {
            key: *node.key.as_bytes(),
            epoch: node.epoch,
            addresses: self.addresses_of(&node.key),
        }
    }

    /// Where a member may be, the likeliest first.
    pub(super) fn addresses_of(&self, key: &PublicKey) -> Vec<SocketAddr> {
        let mut addresses = Vec::new();
        if *key == self.me.key {
            addresses.extend(self.own_addresses());
        } else {
            let peer = self.peers.find(key);
            addresses.extend(peer.and_then(|peer| peer.address));
            let said = self.image.addresses(key);
            for address in said.into_iter().chain(self.peers.hint(key)) {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
        }
        addresses.truncate(ADDRESSES_MOST);
        addresses
    }

    /// A member could not be reached.
    fn miss(&mut self, now: Time, node: Node) {
        self.stats.unreachable += 1;
        let until = now.plus_ms(self.config.missed_ms.into());
        self.peers.miss(node.key, until);
    }

    /// Members whose line did not come up in time are given up.
    pub(super) fn give_up_dials(&mut self, now: Time) {
        let mut missed = Vec::new();
        for peer in self.peers.iter_mut() {
            if peer.dial_until.is_some_and(|at| at <= now) {
                peer.dial_until = None;
                missed.push(peer.node());
            }
        }
        for node in missed {
            self.miss(now, node);
            self.lost.push(node);
        }
    }
}

/// What a packet about places says.
enum Said {
    Word(Word),
    Place(Message<Contact>),
}
