//! The backup: one member of another branch with which digests are exchanged, so that what a parent
//! keeps back is noticed, and an orphan has somebody to ask to whom it has a line. It is mutual:
//! each is the other's.

use alloc::vec::Vec;

use super::{Effect, Node, life::Tree, place::Sight as _, sight::look, speak, word::Word};
use crate::{
    base::{Effects, Slot, Time},
    identity::PublicKey,
};

/// Whom a member exchanges digests with, and whom it asked.
#[derive(Debug, Default)]
pub(super) struct Backup {
    is: Option<Node>,
    asked: Option<PublicKey>,
    ask_at: Option<Time>,
    /// Members that were asked in vain since there was one.
    tries: u8,
    /// Who said no, the newest last: whoever has a backup keeps it.
    refused: Vec<PublicKey>,
    /// Nobody of another branch was found: this one may be of ours.
    any: bool,
}

/// Tries after which somebody of our own branch will do.
const CHOOSY_TRIES: u8 = 3;
/// Members that are remembered for having said no.
const REFUSED_MOST: usize = 16;
/// Steps up in the image, to see in which branch somebody is.
const STEPS_MOST: u8 = 64;

impl Backup {
    pub(super) fn node(&self) -> Option<Node> {
        self.is
    }

    /// True if the backup may be of our own branch, for want of another.
    #[cfg(test)]
    pub(super) fn is_any(&self) -> bool {
        self.any
    }

    pub(super) fn peer(&self) -> Option<PublicKey> {
        self.is.map(|node| node.key)
    }
}

impl Tree {
    /// The member below the root that we are below, or are.
    fn branch(&self) -> PublicKey {
        let path = self.place.path();
        let below_root = path.len().checked_sub(2).and_then(|at| path.get(at));
        below_root.map_or(self.me.key, |node| node.key)
    }

    /// True if a member is in our branch, as far as the image knows.
    fn shares_branch(&self, key: &PublicKey) -> bool {
        let branch = self.branch();
        let mut next = Some(*key);
        for _ in 0..STEPS_MOST {
            let Some(at) = next.filter(|at| *at != branch) else {
                return next.is_some();
            };
            next = self.image.find(&at).and_then(|member| member.parent);
        }
        false
    }

    fn is_near(&self, key: &PublicKey) -> bool {
        let is_above = self.place.path().iter().any(|node| node.key == *key);
        is_above || self.place.children().any(|node| node.key == *key)
    }

    /// Asks somebody, if it is time and there is no backup, or one that has come into our branch:
    /// it would lack what we lack.
    pub(super) fn seek_backup(&mut self, now: Time, fx: &mut Effects<Effect>) {
        let is_due = self.backup.ask_at.is_none_or(|at| at <= now);
        if !is_due || self.place.parent().is_none() {
            return;
        }
        let wait_ms = u64::from(self.config.pair_ms);
        if let Some(node) = self.backup.is {
            self.backup.ask_at = Some(now.plus_ms(wait_ms));
            if self.backup.any || !self.shares_branch(&node.key) {
                return;
            }
            self.end_backup(fx);
        }
        // Those who find nobody ask ever more rarely, down to an eighth.
        let shift = self.backup.tries.min(CHOOSY_TRIES);
        self.backup.ask_at = Some(now.plus_ms(wait_ms << shift));
        if let Some(asked) = self.backup.asked.take() {
            self.let_go_of(&asked);
        }
        let heard = |_: Slot| now;
        let mut look = look!(self, now, &heard);
        let found = look.contacts(4);
        self.backup.tries = self.backup.tries.saturating_add(1);
        let any = self.backup.tries > CHOOSY_TRIES;
        let found = found.into_iter().find(|node| {
            let fits = any || !self.shares_branch(&node.key);
            let is_new = !self.backup.refused.contains(&node.key);
            fits && is_new && !self.is_near(&node.key)
        });
        let Some(node) = found else {
            // They may be free again.
            self.backup.refused.clear();
            return;
        };
        self.backup.asked = Some(node.key);
        let word = Word::Pair {
            branch: alloc::format!("{}", self.branch()),
            any,
        };
        self.send_packet(now, node, speak::packet(&word), fx);
    }

    /// Somebody says something beside the places: about being our backup, or whose tree it is.
    pub(super) fn on_word(&mut self, now: Time, from: Node, word: Word, fx: &mut Effects<Effect>) {
        match word {
            Word::Whose => {
                let root = self.place.reign().root.unwrap_or(self.me);
                let root = alloc::format!("{}", root.key);
                self.send_packet(now, from, speak::packet(&Word::Of { root }), fx);
            }
            Word::Of { root } => {
                let root: Option<PublicKey> = root.parse().ok();
                self.on_whose(now, from, root.map(|root| *root.as_bytes()));
            }
            Word::Pair { branch, any } => {
                let is_free = self.backup.is.is_none_or(|node| node.key == from.key);
                let other = any || alloc::format!("{}", self.branch()) != branch;
                let fits = is_free && other && !self.is_near(&from.key);
                if fits {
                    self.pair(now, from, any, fx);
                    self.send_packet(now, from, speak::packet(&Word::Paired), fx);
                } else {
                    self.send_packet(now, from, speak::packet(&Word::Unpair), fx);
                }
            }
            Word::Paired => {
                let asked = self.backup.asked == Some(from.key);
                if asked && self.backup.is.is_none() && !self.is_near(&from.key) {
                    self.pair(now, from, self.backup.tries > CHOOSY_TRIES, fx);
                } else if self.backup.is.is_none_or(|node| node.key != from.key) {
                    self.send_packet(now, from, speak::packet(&Word::Unpair), fx);
                }
            }
            Word::Unpair => {
                if self.backup.is.is_some_and(|node| node.key == from.key) {
                    self.unpair(fx);
                }
                if self.backup.asked == Some(from.key) {
                    self.backup.asked = None;
                    if self.backup.refused.len() >= REFUSED_MOST {
                        self.backup.refused.remove(0);
                    }
                    self.backup.refused.push(from.key);
                }
            }
        }
    }

    fn pair(&mut self, now: Time, with: Node, any: bool, fx: &mut Effects<Effect>) {
        if self.backup.is == Some(with) {
            return;
        }
        self.backup = Backup {
            is: Some(with),
            any,
            ..Backup::default()
        };
        let Some(peer) = self.peers.find_mut(&with.key) else {
            return;
        };
        peer.is_backup = true;
        peer.counts_from = now;
        self.begin_link(now, with.key, fx);
    }

    /// There is no backup any more.
    pub(super) fn unpair(&mut self, fx: &mut Effects<Effect>) {
        let Some(node) = self.backup.is.take() else {
            return;
        };
        self.backup.ask_at = None;
        if let Some(peer) = self.peers.find_mut(&node.key) {
            peer.is_backup = false;
            if let Some(link) = peer.link.filter(|_| !peer.is_neighbour) {
                self.end_link(link, fx);
            }
        }
    }

    /// The backup became a neighbour, or we leave: it is to look for another.
    pub(super) fn end_backup(&mut self, fx: &mut Effects<Effect>) {
        let Some(node) = self.backup.is else { return };
        let link = self.peers.find(&node.key).and_then(|peer| peer.link);
        self.unpair(fx);
        if let Some(link) = link {
            let packet = speak::packet(&Word::Unpair);
            fx.push(Effect::Say { link, packet });
        }
    }

    fn let_go_of(&mut self, key: &PublicKey) {
        if let Some(peer) = self.peers.find_mut(key) {
            peer.waiting = Vec::new();
        }
    }
}
