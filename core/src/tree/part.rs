//! Having no more to do with somebody: for want of use, or since they proved false.

use alloc::vec::Vec;

use super::{
    Effect, Node,
    life::{EFFECTS_MAX, Tree},
};
use crate::{
    base::{Effects, Time},
    identity::PublicKey,
};

/// Members that are dealt with at once, at most: each may be an effect or two when they are let go.
const PEERS_MOST: usize = EFFECTS_MAX / 4;

impl Tree {
    /// Lets go of those who are of no more use.
    pub(super) fn let_go(&mut self, now: Time, fx: &mut Effects<Effect>) {
        let linger_us = u64::from(self.config.linger_ms) * 1000;
        let most = self.config.asked_max as usize;
        let idle = self.peers.iter().filter(|peer| !peer.is_kept());
        let mut idle: Vec<_> = idle.map(|peer| (peer.spoke, peer.key)).collect();
        idle.sort_unstable();
        let crowd = self.peers.len().saturating_sub(most);
        for (n, (spoke, key)) in idle.into_iter().enumerate() {
            if n < crowd || now.since_us(spoke) >= linger_us {
                self.release(&key, fx);
            }
        }
    }

    /// Lets go of who was silent longest if too many are dealt with until the next beat, so that no
    /// call has to let go of more.
    pub(super) fn make_room(&mut self, newcomer: &PublicKey, fx: &mut Effects<Effect>) {
        if self.peers.len() < PEERS_MOST || self.peers.find(newcomer).is_some() {
            return;
        }
        let idle = self.peers.iter().filter(|peer| !peer.is_kept());
        let oldest = idle.min_by_key(|peer| (peer.spoke, peer.key));
        if let Some(key) = oldest.map(|peer| peer.key) {
            self.release(&key, fx);
        }
    }

    /// Has no more to do with a member.
    pub(super) fn release(&mut self, key: &PublicKey, fx: &mut Effects<Effect>) {
        let Some(peer) = self.peers.remove(key) else {
            return;
        };
        if let Some(link) = peer.link.filter(|_| peer.is_neighbour || peer.is_backup) {
            self.cast.on_unlinked(link);
            self.image.on_unlinked(link);
        }
        if peer.link.is_some() || peer.is_held {
            fx.push(Effect::Release { peer: *key });
        }
    }

    /// Does not deal with a member for a while.
    pub(super) fn bar(&mut self, now: Time, node: Node) {
        self.bar_for(now, node, self.config.bar_ms);
    }

    /// Does without a parent that told nothing new of the root. It may be one that was told nothing
    /// itself, and is let back in soon; the second time it is not.
    pub(super) fn doubt(&mut self, now: Time, node: Node) {
        let ms = if self.peers.was_barred(&node.key) {
            self.config.bar_ms
        } else {
            self.config.doubt_ms
        };
        self.bar_for(now, node, ms);
    }

    /// The same for so long.
    pub(super) fn bar_for(&mut self, now: Time, node: Node, ms: u32) {
        self.stats.barred += 1;
        let until = now.plus_ms(ms.into());
        self.peers.bar(node.key, until);
        self.lost.push(node);
    }
}
