//! Standing where no other tree comes near: a liar has told a generation that others need years to
//! reach. Reigns never fall (`PROOF.md`), so that only another node, a new life of the member, can
//! stand under theirs.

use alloc::vec::Vec;

use super::{Ask, Effect, Id, Message, Place, Reign, Timer, rule::LEAP};
use crate::base::Effects;

/// Generations beyond this are out of the reach of those who have not lied: they would have to rise
/// for ten minutes.
const APART: u64 = 64 * LEAP;

/// Calls of `raise` for which it is seen whether others come nearer: a minute.
const WAIT_MOST: u32 = 6;

/// Whether hardly anybody can follow to this reign.
fn is_apart<I>(reign: &Reign<I>) -> bool {
    reign.generation > APART
}

impl<I: Id> Place<I> {
    /// Another tree asks which is not apart, as ours is. True if this life is over.
    pub(super) fn yields_to(&mut self, from: I, ask: &Ask<I>, fx: &mut Effects<Effect<I>>) -> bool {
        let yields = self.is_root() && is_apart(&self.reign());
        if yields && ask.size > 1 && !is_apart(&ask.reign) {
            self.wait_apart(from, fx);
        }
        self.gone
    }

    /// A parent lets go of us. Where nobody else comes near, it begins a new life itself: so do those
    /// below it, as soon as somebody says "later", and not one minute after the other.
    pub(super) fn hasten_apart(&mut self) {
        if is_apart(&self.reign()) {
            self.apart = Some(self.stay.saturating_sub(WAIT_MOST));
        }
    }

    /// A larger tree would take us, but says "later", since its reign is below ours.
    pub(super) fn on_put_off(&mut self, by: I, fx: &mut Effects<Effect<I>>) {
        if self.parent().is_none() && is_apart(&self.reign()) {
            self.wait_apart(by, fx);
        }
    }

    /// A tree of a reign that is beyond our reach offered a place. Who has others below stays with
    /// them: a liar shall not draw the roots out of trees.
    pub(super) fn on_far_offer(&mut self, by: I, fx: &mut Effects<Effect<I>>) {
        if self.parent().is_none() && self.children.list.is_empty() {
            self.wait_apart(by, fx);
        }
    }

    /// Begins a new life if it has been apart for long, and sends those below to `toward`.
    fn wait_apart(&mut self, toward: I, fx: &mut Effects<Effect<I>>) {
        let since = *self.apart.get_or_insert(self.stay);
        if self.stay.saturating_sub(since) < WAIT_MOST {
            return;
        }
        self.end_search(fx);
        let children: Vec<I> = self.children().collect();
        for node in children {
            let to = [toward].into();
            self.send(node, Message::Part { to }, fx);
            fx.push(Effect::Unlinked { node });
        }
        self.end(fx);
        fx.push(Effect::NewLife { toward });
    }

    /// Nothing is done any more from now on.
    pub(super) fn end(&mut self, fx: &mut Effects<Effect<I>>) {
        self.children = super::children::Children::new();
        self.standing.lose_parent();
        self.path.clear();
        self.duty = None;
        self.gone = true;
        for timer in [
            Timer::Duty,
            Timer::Probe,
            Timer::Age,
            Timer::Tell,
            Timer::Raise,
        ] {
            fx.push(Effect::Disarm { timer });
        }
    }
}
