//! What the places may look up while they decide: who else could be asked, and who is silent.

use alloc::vec::Vec;

use super::{Config, Node, image::Image, peers::Peers, place::Sight};
use crate::base::{Rng, Slot, Time};

/// When something came on a line last.
pub type Heard<'a> = &'a dyn Fn(Slot) -> Time;

/// What one call may look at.
pub(super) struct Look<'a> {
    pub(super) now: Time,
    pub(super) me: Node,
    pub(super) heard: Heard<'a>,
    pub(super) config: &'a Config,
    pub(super) peers: &'a Peers,
    pub(super) image: &'a mut Image,
    pub(super) rng: &'a mut Rng,
    pub(super) backup: Option<Node>,
    pub(super) is_busy: bool,
}

/// A look for one call. It borrows what the places do not hold.
macro_rules! look {
    ($tree:ident, $now:expr, $heard:expr) => {
        $crate::tree::sight::Look {
            now: $now,
            me: $tree.me,
            heard: $heard,
            config: &$tree.config,
            peers: &$tree.peers,
            image: &mut $tree.image,
            rng: &mut $tree.rng,
            backup: $tree.backup.node(),
            is_busy: $tree.beats.is_busy,
        }
    };
}
pub(super) use look;

/// Draws from the image for each contact that is asked for: some will be known already.
const DRAWS_A_CONTACT: usize = 2;

impl Sight<Node> for Look<'_> {
    fn contacts(&mut self, most: usize) -> Vec<Node> {
        let mut found: Vec<Node> = self.backup.into_iter().take(most).collect();
        for turn in 0..most * DRAWS_A_CONTACT {
            if found.len() >= most {
                break;
            }
            // Who was named lately may stand in a tree that was once the same, and whose members
            // are in no image of ours any more.
            let dice = self.rng.u64();
            let is_whole = self.image.is_whole();
            let stranger = |node: &Node| !is_whole || self.image.find(&node.key).is_none();
            let drawn = match turn % 2 {
                0 => self.image.contact(dice).or_else(|| self.peers.named(dice)),
                _ => {
                    let named = self.peers.named(dice).filter(stranger);
                    named.or_else(|| self.image.contact(dice))
                }
            };
            let Some(node) = drawn else { break };
            let is_new = found.iter().all(|other| other.key != node.key);
            let is_other = node.key != self.me.key;
            if is_new && is_other && self.peers.is_likely(self.now, &node.key) {
                found.push(node);
            }
        }
        found
    }

    fn strangers(&mut self, most: usize) -> Vec<Node> {
        let mut found: Vec<Node> = Vec::new();
        for turn in 0..most * DRAWS_A_CONTACT {
            let dice = self.rng.u64();
            let drawn = match turn % 2 {
                0 => self.peers.named(dice),
                _ => self.image.contact(dice),
            };
            let Some(node) = drawn else { continue };
            // Whoever hangs on our root in a whole image is in our tree.
            let known = self.image.find(&node.key).filter(|it| it.depth.is_some());
            let is_known = self.image.is_whole() && known.is_some();
            let is_other = node.key != self.me.key && !found.contains(&node);
            let is_dealt = self.peers.find(&node.key).is_some();
            let is_likely = self.peers.is_likely(self.now, &node.key);
            if found.len() < most && is_other && !is_known && !is_dealt && is_likely {
                found.push(node);
            }
        }
        found
    }

    fn slot(&mut self, shallower_than: u16) -> Option<Node> {
        if !self.image.is_whole() {
            return None;
        }
        let found = self
            .image
            .slot(self.now, self.rng.u64(), shallower_than)
            .filter(|node| self.peers.is_likely(self.now, &node.key))?;
        Some(found)
    }

    fn is_silent(&self, node: Node) -> bool {
        let Some(peer) = self.peers.find(&node.key) else {
            return true;
        };
        if peer.node() != node {
            return true;
        }
        let Some(link) = peer.link else { return true };
        let beat_ms = if self.is_busy {
            self.config.beat_ms
        } else {
            self.config.rest_beat_ms
        };
        let last = (self.heard)(link).max(peer.counts_from);
        self.now.since_us(last) > u64::from(beat_ms) * 1500
    }

    fn dice(&mut self) -> u64 {
        self.rng.u64()
    }
}
