//! The members that the program names: they are asked for a place, and again, until they are known to
//! be in our tree.

use alloc::vec::Vec;
use core::net::SocketAddr;

use super::{
    Effect, Node,
    life::{Again, Tree},
    speak,
    word::Word,
};
use crate::{
    base::{Effects, Time},
    identity::PublicKey,
};

/// Members that the program named and that are remembered.
const CONTACTS_MOST: usize = 8;
/// The longest time until they are asked again.
const AGAIN_MOST_MS: u32 = 60_000;

impl Tree {
    /// Joins the tree that these members are in, or one of them if they are in several; without any
    /// it waits until somebody asks. It may be said again, with others.
    pub fn join(
        &mut self,
        now: Time,
        contacts: &[(PublicKey, Vec<SocketAddr>)],
        fx: &mut Effects<Effect>,
    ) {
        let me = self.me.key;
        let others = contacts.iter().filter(|(key, _)| *key != me);
        for (key, addresses) in others.clone() {
            self.remember_contact(*key, addresses.clone());
        }
        self.again = Again {
            at: now.plus_ms(self.config.again_ms.into()),
            waited_ms: self.config.again_ms,
        };
        self.ask_contacts(now, others, fx);
    }

    /// This one is to be asked until it is known to be in our tree.
    pub(crate) fn remember_contact(&mut self, key: PublicKey, addresses: Vec<SocketAddr>) {
        self.contacts.retain(|(other, _)| *other != key);
        if self.contacts.len() >= CONTACTS_MOST {
            self.contacts.remove(0);
        }
        self.contacts.push((key, addresses));
    }

    /// Those whom the program named are asked again until they are known to be in our tree.
    pub(super) fn ask_again(&mut self, now: Time, fx: &mut Effects<Effect>) {
        if self.contacts.is_empty() || self.again.at > now {
            return;
        }
        self.again.waited_ms = self.again.waited_ms.saturating_mul(2).min(AGAIN_MOST_MS);
        self.again.at = now.plus_ms(self.again.waited_ms.into());
        let contacts = self.contacts.clone();
        self.ask_contacts(now, contacts.iter(), fx);
    }

    fn ask_contacts<'a>(
        &mut self,
        now: Time,
        contacts: impl Iterator<Item = &'a (PublicKey, Vec<SocketAddr>)>,
        fx: &mut Effects<Effect>,
    ) {
        for (key, addresses) in contacts {
            let is_new = self.peers.find(key).is_none_or(|peer| peer.epoch.is_none());
            let peer = self.peers.enter(now, *key);
            if let Some(node) = Some(peer.node()).filter(|_| !is_new && peer.link.is_some()) {
                self.ask_or_compare(now, node, fx);
                continue;
            }
            peer.is_contact = true;
            peer.spoke = now;
            peer.address = peer.address.or(addresses.first().copied());
            if peer.is_held && peer.link.is_none() {
                continue;
            }
            match peer.link {
                Some(link) => fx.push(Effect::Greet { link }),
                None => {
                    peer.is_held = true;
                    fx.push(Effect::Dial {
                        peer: *key,
                        addresses: addresses.clone(),
                    });
                }
            }
        }
        self.stir(now);
    }

    /// Asks a member for a place or, if we have one, which tree it is in.
    pub(super) fn ask_or_compare(&mut self, now: Time, node: Node, fx: &mut Effects<Effect>) {
        if self.place.size() <= 1 {
            self.ask(now, node);
        } else {
            self.send_packet(now, node, speak::packet(&Word::Whose), fx);
        }
    }

    /// A member says whose tree it is in.
    pub(super) fn on_whose(&mut self, now: Time, from: Node, root: Option<[u8; 32]>) {
        let own = self.place.reign().root;
        if own.is_some_and(|own| root == Some(*own.key.as_bytes())) {
            self.contacts.retain(|(key, _)| *key != from.key);
        } else if self.contacts.iter().any(|(key, _)| *key == from.key) {
            self.ask(now, from);
        }
    }
}
