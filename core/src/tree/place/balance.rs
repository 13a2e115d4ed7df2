//! Balance: who stands deeper than it need moves up, with all that hangs below it.

use alloc::vec::Vec;

use super::{Effect, Id, Open, Place, Purpose, Sight, search::Search, summary::optimum};
use crate::base::Effects;

/// Beats for which nobody moves after the tree has become smaller.
pub(super) const STILL_BEATS: u8 = 2;
/// Levels below a member for which it takes more than any member's own slot.
pub(super) const TALL: u16 = 3;
/// The deepest of the levels whose slots are so few that nobody asks for them.
const MOST_LEAST: u16 = 3;
/// A tree of so many is to be as low as can be if a fifth of its slots is open then.
const ROOMY_LEAST: u32 = 64;
/// How far above the slots that it looks for somebody asks.
const ABOVE_LEVELS: u64 = 4;

impl<I: Id> Place<I> {
    /// The depth below which a holder of an open slot has to stand, so that a move there is of
    /// use; `None` while the place is good enough.
    fn fit(&self) -> Option<u16> {
        let height = self.height();
        let lowest = self.depth().saturating_add(height);
        // Who stands far too deep is content with little, of which there is more.
        let limit = if lowest > self.limit() {
            self.limit()
        } else {
            self.goal()
        };
        let deep = self.parent().is_some() && lowest > limit;
        limit.checked_sub(height).filter(|fit| deep && *fit > 0)
    }

    /// The depth that the tree is to have: the least, where that leaves slots enough to be found.
    pub(super) fn goal(&self) -> u16 {
        let size = self.size();
        if size < ROOMY_LEAST {
            return self.limit();
        }
        optimum(size.saturating_add(size / 4), self.settings.arity)
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

    /// An ancestor that stands a little above `most`, by chance: it is the lowest that knows of
    /// slots there. Those further up are few and would be asked by all.
    pub(super) fn above(&self, most: u16, sight: &mut impl Sight<I>) -> Option<I> {
        let levels = u16::try_from(sight.dice() % ABOVE_LEVELS).unwrap_or(0);
        let most = Some(most).filter(|most| *most > MOST_LEAST)?;
        let steps = self.depth().checked_sub(most.saturating_sub(levels) + 1)?;
        self.path.get(usize::from(steps)).copied()
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
        let fits = |open: &&Open<I>| !open.held && open.depth < fit;
        let mut rest: Vec<I> = self
            .rest
            .iter()
            .filter(fits)
            .map(|open| open.node)
            .collect();
        if !rest.is_empty() {
            let turn = sight.dice() % (rest.len() as u64);
            rest.rotate_left(usize::try_from(turn).unwrap_or(0));
        }
        leads.extend(rest);
        // What was tried is told anew if it is still open.
        self.rest.retain(|open| open.depth >= fit);
        // Small branches fit almost anywhere, and the tallest nowhere but where it is known.
        if self.height() < TALL {
            leads.extend(sight.contacts(2));
        } else if sight.dice().is_multiple_of(2) {
            leads.extend(self.above(fit - 1, sight));
        }
        leads.retain(|node| Some(*node) != self.parent());
        if leads.is_empty() {
            return;
        }
        let mut search = Search::new(Purpose::Mover, leads);
        search.most = fit - 1;
        self.begin(search, fx);
    }
}
