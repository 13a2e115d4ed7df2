//! Those whom a member deals with: its neighbours, its backup, and whoever asked or was asked
//! lately. It owns their lines' numbers, what waits for a line, and who is barred.

use alloc::vec::Vec;
use core::net::SocketAddr;

use super::Node;
use crate::{
    base::{Slot, Time},
    identity::PublicKey,
};

/// Somebody that is dealt with.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) key: PublicKey,
    /// When its present life began; `None` until it said so.
    pub(super) epoch: Option<u64>,
    /// Its line, while that is up.
    pub(super) link: Option<Slot>,
    /// Where it was seen.
    pub(super) address: Option<SocketAddr>,
    /// We asked for the line.
    pub(super) is_held: bool,
    /// If its line is not up by then, it is given up.
    pub(super) dial_until: Option<Time>,
    /// What is to be said once the line is up.
    pub(super) waiting: Vec<Vec<u8>>,
    /// It is parent or child.
    pub(super) is_neighbour: bool,
    /// It is our backup.
    pub(super) is_backup: bool,
    /// It was given by the caller, to be asked for a place once its epoch is known.
    pub(super) is_contact: bool,
    /// When something was last said by either end.
    pub(super) spoke: Time,
    /// Since when its silence counts.
    pub(super) counts_from: Time,
    /// Since when it has ended the link without a word about places.
    pub(super) severed: Option<Time>,
    /// As a child: for how long it has said that it stands below somebody else.
    pub(super) elsewhere_ms: u32,
}

impl Peer {
    const fn new(now: Time, key: PublicKey) -> Self {
        Self {
            key,
            epoch: None,
            link: None,
            address: None,
            is_held: false,
            dial_until: None,
            waiting: Vec::new(),
            is_neighbour: false,
            is_backup: false,
            is_contact: false,
            spoke: now,
            counts_from: now,
            severed: None,
            elsewhere_ms: 0,
        }
    }

    /// Its present life; one that has said nothing yet has epoch 0.
    pub(super) fn node(&self) -> Node {
        Node {
            key: self.key,
            epoch: self.epoch.unwrap_or(0),
        }
    }

    /// True if it is of use beyond a few words.
    pub(super) const fn is_kept(&self) -> bool {
        self.is_neighbour || self.is_backup || self.is_contact || self.dial_until.is_some()
    }
}

/// All of them, by key.
#[derive(Debug, Default)]
pub(super) struct Peers {
    all: Vec<Peer>,
    /// Who proved false, and until when it is not dealt with.
    barred: Vec<(PublicKey, Time)>,
    /// Who did not answer, and until when others are asked instead.
    unreached: Vec<(PublicKey, Time)>,
    /// Where members are that somebody named, the newest last.
    hints: Vec<(Node, SocketAddr)>,
}

/// Members that did not answer and are remembered; beyond it the oldest may be asked again.
const UNREACHED_MOST: usize = 64;
/// Members whose address is remembered because somebody named them.
const HINTS_MOST: usize = 32;

/// Places of peers that may stay empty.
const SPARE: usize = 4;

/// Barred members that are remembered; beyond it the oldest is let back in.
const BARRED_MOST: usize = 64;

impl Peers {
    pub(super) fn find(&self, key: &PublicKey) -> Option<&Peer> {
        let place = self.place(key).ok()?;
        Some(&self.all[place])
    }

    pub(super) fn find_mut(&mut self, key: &PublicKey) -> Option<&mut Peer> {
        let place = self.place(key).ok()?;
        Some(&mut self.all[place])
    }

    /// The one with this line.
    pub(super) fn on_link(&self, link: Slot) -> Option<&Peer> {
        self.all.iter().find(|peer| peer.link == Some(link))
    }

    /// The one with this key, made if it is new.
    pub(super) fn enter(&mut self, now: Time, key: PublicKey) -> &mut Peer {
        let place = match self.place(&key) {
            Ok(place) => place,
            Err(place) => {
                if self.all.len() == self.all.capacity() {
                    self.all.reserve_exact(self.all.len() / 4 + 2);
                }
                self.all.insert(place, Peer::new(now, key));
                place
            }
        };
        &mut self.all[place]
    }

    pub(super) fn remove(&mut self, key: &PublicKey) -> Option<Peer> {
        let place = self.place(key).ok()?;
        let peer = self.all.remove(place);
        // Those who were dealt with while many asked take no room for ever.
        if self.all.capacity() > self.all.len() * 2 + SPARE {
            self.all.shrink_to(self.all.len() + SPARE / 2);
        }
        Some(peer)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.all.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Peer> {
        self.all.iter_mut()
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Somebody says where a member is. Of too many hints the oldest goes whose member is not one of
    /// `kept`.
    pub(super) fn learn(&mut self, node: Node, address: SocketAddr, kept: &[Node]) {
        self.hints.retain(|(other, _)| other.key != node.key);
        if self.hints.len() >= HINTS_MOST {
            let is_spare = |key: &PublicKey| kept.iter().all(|node| node.key != *key);
            let oldest = self.hints.iter().position(|(node, _)| is_spare(&node.key));
            self.hints.remove(oldest.unwrap_or(0));
        }
        self.hints.push((node, address));
    }

    /// The key with these bytes, if it is that of somebody who was named lately: to see whether any
    /// bytes are a key takes a hundred times as long.
    pub(super) fn key(&self, bytes: &[u8; 32]) -> Option<PublicKey> {
        let hints = self.hints.iter().map(|(node, _)| node.key);
        let mut all = self.all.iter().map(|peer| peer.key).chain(hints);
        all.find(|key| key.as_bytes() == bytes)
    }

    /// Where a member is said to be.
    pub(super) fn hint(&self, key: &PublicKey) -> Option<SocketAddr> {
        let mut hints = self.hints.iter();
        hints.find(|(node, _)| node.key == *key).map(|it| it.1)
    }

    /// One of those who were named lately, by chance.
    pub(super) fn named(&self, dice: u64) -> Option<Node> {
        let place = dice.checked_rem(self.hints.len() as u64)?;
        self.hints.get(place as usize).map(|it| it.0)
    }

    pub(super) fn bar(&mut self, key: PublicKey, until: Time) {
        self.barred.retain(|(other, _)| *other != key);
        if self.barred.len() >= BARRED_MOST {
            self.barred.remove(0);
        }
        self.barred.push((key, until));
    }

    /// A member did not answer: others are asked until then.
    pub(super) fn miss(&mut self, key: PublicKey, until: Time) {
        self.unreached.retain(|(other, _)| *other != key);
        if self.unreached.len() >= UNREACHED_MOST {
            self.unreached.remove(0);
        }
        self.unreached.push((key, until));
    }

    /// True if a member is worth asking.
    pub(super) fn is_likely(&self, now: Time, key: &PublicKey) -> bool {
        let mut unreached = self.unreached.iter();
        let missed = unreached.any(|(other, until)| other == key && *until > now);
        !missed && !self.is_barred(now, key)
    }

    pub(super) fn is_barred(&self, now: Time, key: &PublicKey) -> bool {
        self.barred
            .iter()
            .any(|(other, until)| other == key && *until > now)
    }

    /// True of one that was barred lately, whether or not it still is.
    pub(super) fn was_barred(&self, key: &PublicKey) -> bool {
        self.barred.iter().any(|(other, _)| other == key)
    }

    /// Bytes that all of this takes.
    pub(super) fn held_bytes(&self) -> usize {
        let waiting = self.all.iter().flat_map(|peer| &peer.waiting);
        self.all.capacity() * size_of::<Peer>()
            + waiting.map(Vec::capacity).sum::<usize>()
            + (self.barred.capacity() + self.unreached.capacity()) * size_of::<(PublicKey, Time)>()
            + self.hints.capacity() * size_of::<(Node, SocketAddr)>()
    }

    fn place(&self, key: &PublicKey) -> Result<usize, usize> {
        self.all.binary_search_by(|peer| peer.key.cmp(key))
    }
}
