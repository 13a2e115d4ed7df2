//! Those who were told "later": they are answered as soon as something has changed.

use super::{Ask, Effect, GO_MOST, Id, Message, Place, Reign, Sight};
use crate::base::Effects;

/// One that waits for an answer.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Waiting<I> {
    node: I,
    ask: Ask<I>,
    pub(super) old: bool,
}

impl<I: Id> Place<I> {
    /// Says "later" and remembers what was asked; of more than a few, the last ones.
    pub(super) fn put_off(&mut self, node: I, ask: &Ask<I>, fx: &mut Effects<Effect<I>>) {
        self.forget_waiting(node);
        if self.waiting.len() == GO_MOST {
            self.waiting.remove(0);
        }
        self.waiting.push(Waiting {
            node,
            ask: ask.clone(),
            old: false,
        });
        self.arm_age(fx);
        self.send(node, Message::Later, fx);
    }

    pub(super) fn forget_waiting(&mut self, node: I) {
        self.waiting.retain(|waiting| waiting.node != node);
    }

    /// What the answers depend on.
    pub(super) fn ground(&self) -> (Reign<I>, bool, bool) {
        (self.reign(), self.is_adrift(), self.free() > 0)
    }

    /// Answers those who wait, if that has changed since.
    pub(super) fn answer_waiting(
        &mut self,
        before: (Reign<I>, bool, bool),
        sight: &mut impl Sight<I>,
        fx: &mut Effects<Effect<I>>,
    ) {
        if self.ground() == before {
            return;
        }
        for waiting in core::mem::take(&mut self.waiting) {
            self.on_ask(waiting.node, &waiting.ask, sight, fx);
        }
    }
}
