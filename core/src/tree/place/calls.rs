//! What is called from outside.

use alloc::vec::Vec;

use super::{
    Effect, Fault, GO_MOST, Id, Message, Place, Purpose, RAISES_MOST, Sight, Timer, children::age,
    search::Search,
};
use crate::base::Effects;

/// Raises in which nothing was heard of the root, until the parent is left.
const STALE_MOST: u8 = 4;

impl<I: Id> Place<I> {
    /// Looks for a tree through these members. Whoever has a parent lets its root ask them.
    pub fn join(&mut self, contacts: &[I], sight: &mut impl Sight<I>, fx: &mut Effects<Effect<I>>) {
        let contacts = contacts.iter().filter(|node| **node != self.me);
        let mut contacts: Vec<I> = contacts.copied().take(GO_MOST).collect();
        if contacts.is_empty() {
            contacts = sight.contacts(GO_MOST);
        }
        self.probes = 0;
        if self.is_root() && self.search.is_none() {
            return self.begin(Search::new(Purpose::Root, contacts), fx);
        }
        for node in contacts {
            self.meet(node, fx);
        }
    }

    /// Goes for good: all neighbours are told, and nothing is done any more.
    pub fn leave(&mut self, fx: &mut Effects<Effect<I>>) {
        self.end_search(fx);
        let parent = self.parent();
        let neighbours: Vec<I> = self.children().chain(parent).collect();
        for node in neighbours {
            self.send(node, Message::Leave, fx);
            fx.push(Effect::Unlinked { node });
        }
        self.end(fx);
    }

    /// A member said something. What it says of itself is bound to it by whoever carries it.
    pub fn on_message(
        &mut self,
        from: I,
        mut message: Message<I>,
        sight: &mut impl Sight<I>,
        fx: &mut Effects<Effect<I>>,
    ) {
        if self.gone || from == self.me {
            return;
        }
        message.cut();
        let before = self.ground();
        self.bury_replaced(from, sight, fx);
        match message {
            Message::Ask(ask) => self.on_ask(from, &ask, sight, fx),
            Message::Take(take) => self.on_take(from, take, sight, fx),
            Message::Go { to } => self.on_go(from, &to, sight, fx),
            Message::Later => self.on_later(from, fx),
            Message::Decline => {
                self.children.take_offer(from);
                self.forget_waiting(from);
                self.changed_below(fx);
            }
            Message::Attach(below) => self.on_attach(from, below, fx),
            Message::State(state) => self.on_state(from, state, fx),
            Message::Up(below) => self.on_up(from, below, fx),
            Message::Part { to } => self.on_part(from, &to, sight, fx),
            Message::Leave => self.on_lost(from, sight, fx),
            Message::Raise { above } if self.is_news(above) && self.children.may_raise(from) => {
                self.raise_or_ask(above, fx);
            }
            Message::Meet { node } if self.children.contains(from) => self.meet(node, fx),
            Message::Raise { .. } | Message::Meet { .. } => {}
        }
        self.answer_waiting(before, sight, fx);
    }

    /// A neighbour that shows a later life is dead in its earlier one.
    fn bury_replaced(&mut self, from: I, sight: &mut impl Sight<I>, fx: &mut Effects<Effect<I>>) {
        let parent = self.parent();
        let earlier = self.children().chain(parent);
        let earlier: Vec<I> = earlier.filter(|node| from.replaces(node)).collect();
        for node in earlier {
            self.on_lost(node, sight, fx);
        }
    }

    fn on_part(
        &mut self,
        from: I,
        to: &[I],
        sight: &mut impl Sight<I>,
        fx: &mut Effects<Effect<I>>,
    ) {
        self.children.take_offer(from);
        if self.parent() == Some(from) {
            self.hasten_apart();
            self.orphaned(false, to, sight, fx);
        } else if self.children.contains(from) {
            self.lose_child(from, false, fx);
        } else {
            self.on_go(from, to, sight, fx);
        }
    }

    /// The line to this member ended, its beats stopped, or no line to it could be made.
    pub fn on_lost(&mut self, node: I, sight: &mut impl Sight<I>, fx: &mut Effects<Effect<I>>) {
        if self.gone {
            return;
        }
        self.children.take_offer(node);
        self.forget_waiting(node);
        let neighbour = self.parent() == Some(node) || self.children.contains(node);
        let many = neighbour && self.lost.is_some_and(|(lost, _)| lost != node);
        if neighbour {
            self.lost = Some((node, false));
            self.arm_age(fx);
        }
        if self.children.contains(node) {
            self.lose_child(node, true, fx);
        }
        if let Some(duty) = &mut self.duty {
            duty.askers.retain(|asker| *asker != node);
            if duty.upper == Some(node) {
                self.end_duty(&[], sight, fx);
            }
        }
        if self.parent() == Some(node) {
            self.orphaned(true, &[], sight, fx);
        } else {
            self.on_unreachable(node, sight, fx);
        }
        if many {
            self.on_many_lost(sight, fx);
        }
    }

    /// More than one neighbour is lost at about the same time, so many members may be: heirs are
    /// not relied on, and orphans will need a new reign.
    fn on_many_lost(&mut self, sight: &mut impl Sight<I>, fx: &mut Effects<Effect<I>>) {
        if self.is_head_adrift() {
            self.alone(sight, fx);
        } else if !self.is_adrift() {
            self.raise_or_ask(self.reign(), fx);
        }
    }

    /// A timer that was armed has run out.
    pub fn on_timer(
        &mut self,
        timer: Timer,
        sight: &mut impl Sight<I>,
        fx: &mut Effects<Effect<I>>,
    ) {
        if self.gone {
            return;
        }
        let before = self.ground();
        match timer {
            Timer::Ask => self.on_ask_timer(sight, fx),
            Timer::Plug => self.on_plug_timer(sight, fx),
            Timer::Duty => self.end_duty(&[], sight, fx),
            Timer::Found => self.on_found_timer(fx),
            Timer::Probe => self.on_probe(sight, fx),
            Timer::Age => self.on_age(fx),
            Timer::Tell => self.on_tell(fx),
            Timer::Raise => self.on_raise_timer(fx),
        }
        self.answer_waiting(before, sight, fx);
    }

    fn on_age(&mut self, fx: &mut Effects<Effect<I>>) {
        self.age_armed = false;
        let kept = self.children.age();
        age(&mut self.named);
        self.filled = self.filled.take().filter(|filled| !filled.old);
        if let Some(filled) = &mut self.filled {
            filled.old = true;
        }
        self.kept = match self.kept {
            Some((hole, false)) => Some((hole, true)),
            Some((_, true)) | None => None,
        };
        self.changed_below(fx);
        self.lost = match self.lost {
            Some((lost, false)) => Some((lost, true)),
            Some((_, true)) | None => None,
        };
        self.waiting.retain(|waiting| !waiting.old);
        for waiting in &mut self.waiting {
            waiting.old = true;
        }
        let kept = kept || !self.named.is_empty() || !self.waiting.is_empty();
        let kept = kept || self.lost.is_some();
        if kept || self.filled.is_some() || self.kept.is_some() {
            self.arm_age(fx);
        }
    }

    /// To be called regularly: what could wait is told, and who stands too deep moves.
    pub fn on_beat(&mut self, sight: &mut impl Sight<I>, fx: &mut Effects<Effect<I>>) {
        if self.gone {
            return;
        }
        self.raising = None;
        self.children.beat();
        self.raises = (self.raises + 2).min(RAISES_MOST);
        self.left = match self.left {
            Some((left, false)) => Some((left, true)),
            Some((_, true)) | None => None,
        };
        self.beat_words(fx);
        self.balance(sight, fx);
    }

    /// To be called every 10 s: a root renews its reign, and the others count how long they have
    /// heard nothing of theirs.
    pub fn raise(&mut self, sight: &mut impl Sight<I>, fx: &mut Effects<Effect<I>>) {
        if self.gone {
            return;
        }
        self.stay = self.stay.saturating_add(1).min(u32::MAX - 1);
        self.standing.tick();
        let Some(parent) = self.parent() else {
            self.rest_root(fx);
            if !self.children.list.is_empty() {
                self.raise_above(self.reign(), fx);
            }
            return;
        };
        self.stale += 1;
        if self.stale >= STALE_MOST {
            self.stale = 0;
            fx.push(Effect::Counted(Fault::Stale));
            fx.push(Effect::Bar { node: parent });
            self.send(parent, Message::Part { to: Vec::new() }, fx);
            self.orphaned(false, &[], sight, fx);
        }
    }
}
