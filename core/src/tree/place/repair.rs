//! What is done about holes: by those below one, by the heir of the place, by the one above.

use alloc::vec::Vec;

use super::{
    Ask, Effect, Fault, GO_MOST, Id, Message, Place, Purpose, Sight, Take, Timer, search::Search,
};
use crate::base::Effects;

/// Taking over the place of an ancestor.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Duty<I> {
    /// Whose place.
    pub(super) hole: I,
    /// Who has to give it; `None` where it is the root's.
    pub(super) upper: Option<I>,
    /// Who waits for it to be filled.
    pub(super) askers: Vec<I>,
}

/// A place that was given to an heir.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Filled<I> {
    pub(super) hole: I,
    pub(super) heir: I,
    pub(super) old: bool,
}

impl<I: Id> Place<I> {
    /// The parent is gone, or has said that it is none (then `hole` is false).
    pub(super) fn orphaned(
        &mut self,
        hole: bool,
        leads: &[I],
        sight: &mut impl Sight<I>,
        fx: &mut Effects<Effect<I>>,
    ) {
        let Some(lost) = self.parent() else {
            return;
        };
        self.end_search(fx);
        self.standing.lose_parent();
        fx.push(Effect::Unlinked { node: lost });
        self.told_up = None;
        self.raising = None;
        let mut above = core::mem::take(&mut self.path);
        above.retain(|node| *node != lost);
        let heir = self.heir.take().filter(|_| hole);
        let rooted = !self.adrift_above;
        let mut search = Search::new(Purpose::Orphan, leads.to_vec());
        search.lost.push(lost);
        if !hole {
            search.lost.clear();
        }
        search.above = above;
        let step = self
            .settings
            .depth_ms
            .saturating_mul(u32::from(self.depth()));
        let spread = u32::try_from(sight.dice() % 128).unwrap_or(0);
        let ms = self.settings.found_ms.saturating_add(step) + spread;
        let timer = Timer::Found;
        fx.push(Effect::Arm { timer, ms });
        match heir {
            Some(heir) if heir == self.me => {
                let upper = search.above.first().copied();
                self.search = Some(search);
                match upper {
                    Some(upper) => {
                        self.begin_duty(lost, Some(upper), None, fx);
                        let ms = self.settings.heir_ms;
                        let timer = Timer::Plug;
                        fx.push(Effect::Arm { timer, ms });
                    }
                    None if rooted => self.fill_root(lost, fx),
                    None => self.alone(sight, fx),
                }
            }
            Some(heir) => {
                search.heir = Some((lost, heir));
                self.search = Some(search);
                self.ask_heir(lost, heir, fx);
            }
            None => {
                self.search = Some(search);
                self.alone(sight, fx);
            }
        }
        fx.push(Effect::Placed);
    }

    fn ask_heir(&mut self, hole: I, heir: I, fx: &mut Effects<Effect<I>>) {
        let message = self.ask(Purpose::Orphan, u16::MAX, Some(hole));
        self.send(heir, message, fx);
        if self.search.as_ref().is_some_and(|search| !search.alone) {
            let ms = self.settings.heir_ms;
            let timer = Timer::Plug;
            fx.push(Effect::Arm { timer, ms });
        }
    }

    /// The heir cannot take the place; it may know who did.
    pub(super) fn on_heir_says(
        &mut self,
        hole: I,
        to: &[I],
        sight: &mut impl Sight<I>,
        fx: &mut Effects<Effect<I>>,
    ) {
        let me = self.me;
        let Some(search) = &mut self.search else {
            return;
        };
        if let Some((_, heir)) = search.heir {
            search.tried.push(heir);
        }
        let next = to
            .iter()
            .find(|node| **node != me && !search.tried.contains(node));
        match next {
            Some(next) if search.tried.len() < GO_MOST => {
                search.heir = Some((hole, *next));
                self.ask_heir(hole, *next, fx);
            }
            Some(_) | None => {
                search.heir = None;
                self.alone(sight, fx);
            }
        }
    }

    /// Waits for the heir alone no more, and asks whoever may know a place.
    pub(super) fn alone(&mut self, sight: &mut impl Sight<I>, fx: &mut Effects<Effect<I>>) {
        let Some(search) = self.search.as_mut().filter(|search| !search.alone) else {
            return;
        };
        search.alone = true;
        fx.push(Effect::Disarm { timer: Timer::Plug });
        self.refill(sight);
        self.tell_path(fx);
        self.ask_more(fx);
    }

    pub(super) fn on_plug_timer(&mut self, sight: &mut impl Sight<I>, fx: &mut Effects<Effect<I>>) {
        self.alone(sight, fx);
    }

    /// Somebody below `hole` asks, or the heir of that place does.
    pub(super) fn on_hole(
        &mut self,
        from: I,
        ask: &Ask<I>,
        hole: I,
        sight: &mut impl Sight<I>,
        fx: &mut Effects<Effect<I>>,
    ) {
        if ask.r#as == Purpose::Heir {
            return self.on_heir(from, ask, hole, sight, fx);
        }
        if self.kept.is_some_and(|(kept, _)| kept == hole) {
            return self.place(from, ask, sight, fx);
        }
        if let Some(duty) = self.duty.as_ref().filter(|duty| duty.hole == hole) {
            let upper = duty.upper;
            return self.join_duty(from, hole, upper, fx);
        }
        let at = self.path.iter().position(|node| *node == hole);
        let near = at.filter(|_| !self.settings.leaf && !self.is_adrift());
        match near {
            Some(_) if !self.children.list.is_empty() => {
                let to = self.plug().into_iter().collect();
                self.send(from, Message::Go { to }, fx);
            }
            Some(_) if self.duty.is_some() => self.refuse(from, fx),
            Some(at) => {
                let upper = self.path.get(at + 1).copied();
                if upper.is_none() && self.reign().root != Some(hole) {
                    return self.refuse(from, fx);
                }
                self.begin_duty(hole, upper, None, fx);
                self.join_duty(from, hole, upper, fx);
            }
            None => self.refuse(from, fx),
        }
    }

    pub(super) fn refuse(&mut self, node: I, fx: &mut Effects<Effect<I>>) {
        self.send(node, Message::Go { to: Vec::new() }, fx);
    }

    /// As the heir: asks for the place of `hole`.
    fn begin_duty(
        &mut self,
        hole: I,
        upper: Option<I>,
        asker: Option<I>,
        fx: &mut Effects<Effect<I>>,
    ) {
        // Others may have asked before we noticed the hole ourselves.
        if self.duty.as_ref().is_some_and(|duty| duty.hole == hole) {
            return;
        }
        self.duty = Some(Duty {
            hole,
            upper,
            askers: asker.into_iter().collect(),
        });
        if let Some(upper) = upper {
            let message = self.ask(Purpose::Heir, u16::MAX, Some(hole));
            self.send(upper, message, fx);
        }
        let ms = self.settings.plug_ms;
        let timer = Timer::Duty;
        fx.push(Effect::Arm { timer, ms });
    }

    /// One more waits for the heir, which we are. The root's place is taken on the word of an
    /// ancestor only: of a child of the root, below which we stand.
    fn join_duty(&mut self, from: I, hole: I, upper: Option<I>, fx: &mut Effects<Effect<I>>) {
        let witness = upper.is_none() && self.path.contains(&from);
        if let Some(duty) = &mut self.duty
            && !duty.askers.contains(&from)
            && duty.askers.len() < GO_MOST
        {
            duty.askers.push(from);
        }
        self.send(from, Message::Later, fx);
        if witness {
            self.fill_root(hole, fx);
        }
    }

    /// Takes the root's place.
    fn fill_root(&mut self, hole: I, fx: &mut Effects<Effect<I>>) {
        self.found(fx);
        let duty = self.duty.get_or_insert(Duty {
            hole,
            upper: None,
            askers: Vec::new(),
        });
        duty.hole = hole;
        self.settle_duty(fx);
    }

    /// The place is ours: those who stood below it are taken.
    pub(super) fn settle_duty(&mut self, fx: &mut Effects<Effect<I>>) {
        let Some(duty) = self.duty.take() else {
            return;
        };
        fx.push(Effect::Disarm { timer: Timer::Duty });
        self.kept = Some((duty.hole, false));
        self.arm_age(fx);
        for asker in duty.askers {
            if self.free_for(Some(duty.hole)) > 0 {
                self.offer(asker, Some(duty.hole), None, fx);
            }
        }
        self.changed_below(fx);
    }

    /// The place is not to be had.
    pub(super) fn end_duty(
        &mut self,
        to: &[I],
        sight: &mut impl Sight<I>,
        fx: &mut Effects<Effect<I>>,
    ) {
        let Some(duty) = self.duty.take() else {
            return;
        };
        fx.push(Effect::Disarm { timer: Timer::Duty });
        for asker in duty.askers {
            self.send(asker, Message::Go { to: to.to_vec() }, fx);
        }
        if self.is_head_adrift() {
            if let Some(search) = &mut self.search {
                search.lead(to);
            }
            self.alone(sight, fx);
        }
    }

    /// An heir asks for the place of one that was our child.
    fn on_heir(
        &mut self,
        from: I,
        ask: &Ask<I>,
        hole: I,
        sight: &mut impl Sight<I>,
        fx: &mut Effects<Effect<I>>,
    ) {
        if self.children.contains(hole) {
            if !sight.is_silent(hole) {
                fx.push(Effect::Counted(Fault::Hole));
                return self.refuse(from, fx);
            }
            self.lose_child(hole, true, fx);
        }
        if self.is_feasible(ask) && self.children.take_hole(hole) {
            let heir = from;
            let old = false;
            self.filled = Some(Filled { hole, heir, old });
            return self.offer(from, Some(hole), None, fx);
        }
        let filled = self.filled.as_ref().filter(|filled| filled.hole == hole);
        let to = filled.map(|filled| filled.heir).into_iter().collect();
        self.send(from, Message::Go { to }, fx);
    }

    /// A child is gone. If it was an inner one that is dead, its place is kept for its heir.
    pub(super) fn lose_child(&mut self, node: I, dead: bool, fx: &mut Effects<Effect<I>>) {
        let Some(child) = self.children.remove(node) else {
            return;
        };
        let heir = child.below.plug.is_some_and(|plug| plug.node != node);
        if dead && heir {
            self.children.keep_hole(node);
            self.arm_age(fx);
        }
        fx.push(Effect::Unlinked { node });
        self.changed_below(fx);
        if self.is_root() {
            fx.push(Effect::Placed);
        }
    }

    /// Keeps a slot for `to` and says so.
    pub(super) fn offer(
        &mut self,
        to: I,
        hole: Option<I>,
        instead: Option<I>,
        fx: &mut Effects<Effect<I>>,
    ) {
        self.children.offer(to, instead);
        self.arm_age(fx);
        let (reign, depth) = self.standing.tell();
        let take = Take {
            reign,
            depth,
            path: self.path.clone(),
            adrift: self.is_adrift(),
            size: self.size(),
            hole,
        };
        self.send(to, Message::Take(take), fx);
    }

    pub(super) fn arm_age(&mut self, fx: &mut Effects<Effect<I>>) {
        if !self.age_armed {
            self.age_armed = true;
            let ms = self.settings.offer_ms;
            let timer = Timer::Age;
            fx.push(Effect::Arm { timer, ms });
        }
    }
}
