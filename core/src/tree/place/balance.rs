//! Balance: who stands deeper than it need moves up, with all that hangs below it.

use alloc::vec::Vec;

use super::{Effect, Id, Place, Purpose, Sight, search::Search};
use crate::base::Effects;

/// Beats for which nobody moves after the tree has become smaller.
pub(super) const STILL_BEATS: u8 = 2;

impl<I: Id> Place<I> {
    /// The depth below which a holder of an open slot has to stand, so that a move there is of
    /// use; `None` while the place is good enough.
    fn fit(&self) -> Option<u16> {
        let (limit, height) = (self.limit(), self.height());
        let deep = self.parent().is_some() && self.depth().saturating_add(height) > limit;
        limit.checked_sub(height).filter(|fit| deep && *fit > 0)
    }

    /// Whether it, or an ancestor, is about to move: those below hold still.
    pub(super) fn is_moving(&self) -> bool {
        if self.moving_above {
            return true;
        }
        let known = |fit| self.rest.iter().any(|open| !open.held && open.depth < fit);
        let search = self.search.as_ref();
        let searching = search.is_some_and(|search| search.purpose == Purpose::Mover);
        searching || self.fit().is_some_and(known)
    }

    pub(super) fn balance(&mut self, sight: &mut impl Sight<I>, fx: &mut Effects<Effect<I>>) {
        let busy = self.search.is_some() || self.duty.is_some() || self.moving_above;
        // While a hole is filled the tree seems smaller than it is.
        let still = self.still > 0;
        self.still = self.still.saturating_sub(1);
        let busy = busy || still || self.is_adrift();
        let Some(fit) = self.fit().filter(|_| !busy) else {
            return;
        };
        // Not all of them at once: the slots that are known are few.
        if sight.dice() % 2 == 1 {
            return;
        }
        let mut leads: Vec<I> = sight.slot(fit).into_iter().collect();
        leads.retain(|node| *node != self.me && Some(*node) != self.parent());
        let rest = self
            .rest
            .iter()
            .filter(|open| !open.held && open.depth < fit);
        leads.extend(rest.map(|open| open.node));
        // What was tried is told anew if it is still open.
        self.rest.retain(|open| open.depth >= fit);
        // Those above know of more, the higher the more, but there are few of them.
        if let Some(far) = self.path.len().checked_sub(2) {
            let turn = sight.dice() % (far as u64 + 1);
            let at = 1 + usize::try_from(turn).unwrap_or(0);
            leads.extend(self.path.get(at));
        }
        if leads.is_empty() {
            return;
        }
        let mut search = Search::new(Purpose::Mover, leads);
        search.most = fit - 1;
        self.begin(search, fx);
    }
}
