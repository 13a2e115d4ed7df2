//! Children that stand below somebody else, too: one key that is everybody's child would keep all
//! newcomers out. Who is a child says itself below whom it stands, and all see the same word of it.

use alloc::vec::Vec;

use super::{Node, life::Tree};
use crate::base::Time;

/// Periods of repair after which an image that still says something else is not merely late.
const LATE_MOST: u32 = 3;
/// How much faster it counts for a child that it stands below us than against it that it does not.
const TRUST: u32 = 4;

impl Tree {
    /// Looks, once a beat, below whom our children say that they stand, and lets those go that have
    /// long said another.
    pub(super) fn look_at_children(&mut self, now: Time) {
        let beat_ms = u32::try_from(self.periods().0).unwrap_or(u32::MAX);
        let late_ms = self.config.image.repair_ms.saturating_mul(LATE_MOST);
        let children: Vec<Node> = self.place.children().collect();
        for child in children {
            let word = self.image.find(&child.key);
            let is_ours = word.and_then(|word| word.parent) == Some(self.me.key);
            let Some(peer) = self.peers.find_mut(&child.key) else {
                continue;
            };
            if is_ours {
                let credit_ms = beat_ms.saturating_mul(TRUST);
                peer.elsewhere_ms = peer.elsewhere_ms.saturating_sub(credit_ms);
                continue;
            }
            peer.elsewhere_ms = peer.elsewhere_ms.saturating_add(beat_ms);
            if peer.elsewhere_ms >= late_ms {
                self.stats.elsewhere += 1;
                self.bar(now, child);
            }
        }
    }
}
