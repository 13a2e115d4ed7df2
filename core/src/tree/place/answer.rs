//! What is answered to those who ask for a place.

use alloc::vec::Vec;

use super::{
    Ask, Below, Effect, Fault, GO_MOST, Id, Message, NAMED_MOST, Open, Place, Purpose,
    RAISE_SLOW_MS, Reign, Sight, Timer, balance::TALL, search::Search,
};
use crate::base::Effects;

/// Steps to the root over which it takes too long to ask for a new reign.
const FAR: u16 = 8;

impl<I: Id> Place<I> {
    /// Whether the rule lets the asker take us for its parent.
    pub(super) fn is_feasible(&self, ask: &Ask<I>) -> bool {
        self.is_allowed(ask, self.depth())
    }

    /// The same of a member of our reign at this depth.
    fn is_allowed(&self, ask: &Ask<I>, depth: u16) -> bool {
        let reign = self.reign();
        reign > ask.reign || (reign == ask.reign && depth < ask.least)
    }

    pub(super) fn on_ask(
        &mut self,
        from: I,
        ask: &Ask<I>,
        sight: &mut impl Sight<I>,
        fx: &mut Effects<Effect<I>>,
    ) {
        // One that stands above us may not come below us, but it may ask us to fill a hole above it.
        let above = self.parent() == Some(from) || self.path.contains(&from);
        if self.gone || (above && ask.hole.is_none()) {
            return self.refuse(from, fx);
        }
        if ask.r#as != Purpose::Mover && self.children.contains(from) {
            // It has lost us, which we did not notice.
            self.lose_child(from, false, fx);
        }
        if let Some(hole) = ask.hole {
            return self.on_hole(from, ask, hole, sight, fx);
        }
        match ask.r#as {
            Purpose::Root => self.on_root(from, ask, sight, fx),
            Purpose::Orphan | Purpose::Heir => self.on_orphan(from, ask, sight, fx),
            Purpose::Mover if self.is_adrift() => self.refuse(from, fx),
            Purpose::Mover => self.place(from, ask, sight, fx),
        }
    }

    /// The root of a tree asks, be it of one member: the smaller of two trees joins the larger.
    fn on_root(
        &mut self,
        from: I,
        ask: &Ask<I>,
        sight: &mut impl Sight<I>,
        fx: &mut Effects<Effect<I>>,
    ) {
        if ask.size == 0 && self.settings.leaf {
            return self.refuse(from, fx);
        }
        if self.reign().root == Some(from) {
            return self.refuse(from, fx);
        }
        if self.yields_to(from, ask, fx) {
            return;
        }
        // Who is not the root may know of fewer members than there are, but whom the root has named
        // slots to asks as an orphan.
        let below = ask.size <= 1 || self.is_larger(from, ask);
        if below && self.is_feasible(ask) {
            return self.place(from, ask, sight, fx);
        }
        let larger = self.is_larger(from, ask);
        if !self.is_root() && self.is_adrift() {
            return self.refuse(from, fx);
        }
        if !self.is_root() && (!larger || self.depth() > FAR) {
            return self.on_root_elsewhere(from, fx);
        }
        if !larger {
            self.refuse(from, fx);
            return self.meet(from, fx);
        }
        self.raise_or_ask(ask.reign, fx);
        if self.is_feasible(ask) {
            self.place(from, ask, sight, fx);
        } else {
            self.put_off(from, ask, fx);
        }
    }

    /// Whether our tree is the larger one; of equals, whose root is the larger. Of two that stand
    /// alone, who is asked takes the other.
    fn is_larger(&self, from: I, ask: &Ask<I>) -> bool {
        if ask.size == 1 && self.size() == 1 && !self.settings.leaf {
            return true;
        }
        let size = if self.settings.leaf && self.is_root() {
            0
        } else {
            self.size()
        };
        (size, self.reign().root) > (ask.size, Some(from))
    }

    /// We are in a tree and not its root: roots agree among themselves. A head that is adrift
    /// looks for a tree and is glad to hear of one.
    fn on_root_elsewhere(&mut self, from: I, fx: &mut Effects<Effect<I>>) {
        if self.is_adrift() {
            self.refuse(from, fx);
            return self.pass_on(Message::Meet { node: from }, fx);
        }
        let to = self.reign().root.into_iter().collect();
        self.send(from, Message::Go { to }, fx);
    }

    fn on_orphan(
        &mut self,
        from: I,
        ask: &Ask<I>,
        sight: &mut impl Sight<I>,
        fx: &mut Effects<Effect<I>>,
    ) {
        if self.is_feasible(ask) {
            return self.place(from, ask, sight, fx);
        }
        // A root that takes nobody would outbid another of its kind for ever.
        let idle = self.settings.leaf && self.is_root();
        if idle || (!self.is_adrift() && self.reign().root == Some(from)) {
            return self.refuse(from, fx);
        }
        if !self.is_adrift() {
            self.raise_or_ask(ask.reign, fx);
            if self.is_feasible(ask) {
                return self.place(from, ask, sight, fx);
            }
            return self.put_off(from, ask, fx);
        }
        self.refuse(from, fx);
    }

    /// The rule allows it: gives the asker a slot, or names those who have one.
    pub(super) fn place(
        &mut self,
        from: I,
        ask: &Ask<I>,
        sight: &mut impl Sight<I>,
        fx: &mut Effects<Effect<I>>,
    ) {
        let own = self.is_feasible(ask) && self.depth() <= ask.most;
        let other = own && !self.children.contains(from);
        if other && ask.r#as == Purpose::Orphan && self.free_for(ask.hole) == 0 {
            // Who looks for others has no heir to rely on: what is kept for one is of no use.
            self.children.give_hole();
        }
        let free = other && self.free_for(ask.hole) > 0;
        // Whoever has a slot gives it, but where its child would stand too deep.
        let deep = self.depth() >= self.limit();
        let shallower = match self.depth().checked_sub(1) {
            Some(depth) if free && deep => depth,
            Some(_) | None if free => 0,
            Some(_) | None => u16::MAX,
        };
        let kept = free && self.kept.is_some();
        let idle = self.children.idle().filter(|_| own && !ask.leaf && !free);
        let mut to = Vec::new();
        if !kept && shallower > 0 {
            let shallower = shallower.min(ask.most.saturating_add(1));
            let held = idle.is_none() && !free;
            to = self.open_for(from, ask, (shallower, held), sight, fx);
        }
        if !to.is_empty() {
            return self.send(from, Message::Go { to }, fx);
        }
        if free || idle.is_some() {
            return self.offer(from, ask.hole, idle, fx);
        }
        self.place_further(from, ask, sight, fx);
    }

    /// No open slot is known: children know better, and if the rule forbids them, a newer reign
    /// will allow it.
    fn place_further(
        &mut self,
        from: I,
        ask: &Ask<I>,
        sight: &mut impl Sight<I>,
        fx: &mut Effects<Effect<I>>,
    ) {
        let depth = self.depth().saturating_add(1);
        let useful = ask.r#as != Purpose::Mover;
        if useful && self.is_allowed(ask, depth) {
            let children = self.children.list.iter();
            let mut to: Vec<I> = children
                .filter(|child| !child.below.leaf && child.node != from)
                .map(|child| child.node)
                .collect();
            if !to.is_empty() {
                let turn = sight.dice() % (to.len() as u64);
                to.rotate_left(usize::try_from(turn).unwrap_or(0));
                return self.send(from, Message::Go { to }, fx);
            }
            // Nobody below us takes children; those above know of more.
            if let Some(parent) = self.parent().filter(|_| !self.is_adrift()) {
                let to = [parent].into();
                return self.send(from, Message::Go { to }, fx);
            }
        } else if useful {
            self.raise_or_ask(ask.reign, fx);
        }
        if useful {
            return self.put_off(from, ask, fx);
        }
        // Nobody below us stands high enough, but somebody below one of those above may.
        let far = self.depth() > ask.most && ask.height >= TALL;
        let above = far.then(|| self.above(ask.most, sight)).flatten();
        let to = above.into_iter().filter(|node| *node != from).collect();
        self.send(from, Message::Go { to }, fx);
    }

    /// Holders of open slots at a depth below the first of the bounds that the rule allows and that
    /// were not named lately; those that are held only if the second says so.
    fn open_for(
        &mut self,
        from: I,
        ask: &Ask<I>,
        (shallower, held): (u16, bool),
        sight: &mut impl Sight<I>,
        fx: &mut Effects<Effect<I>>,
    ) -> Vec<I> {
        let deepest = match self.reign() > ask.reign {
            true => shallower,
            false => shallower.min(ask.least),
        };
        let me = self.me;
        let fits = |open: &Open<I>| {
            let fits = open.depth < deepest && (!open.held || (held && !ask.leaf));
            let named = self.named.iter().any(|(named, _)| *named == open.node);
            fits && open.node != me && open.node != from && !named
        };
        let mut open: Vec<Open<I>> = self.children.open(None);
        for below in &mut open {
            below.depth = below.depth.saturating_add(self.depth());
        }
        open.retain(fits);
        // What is told from below is newer than what is told from above, and told to few.
        let enough = self.limit();
        if open.iter().all(|open| open.held || open.depth >= enough) {
            open.extend(self.rest.iter().copied().filter(fits));
            open.sort_by_key(|open| (open.held, open.depth.max(enough - 1)));
        } else {
            open.sort_by_key(|open| (open.held, open.depth));
        }
        let worth = |open: &Open<I>| (open.held, open.depth.max(enough - 1));
        let best = open.first().map(worth);
        let alike = open.iter().filter(|open| best == Some(worth(open))).count();
        if alike > 1 {
            let turn = sight.dice() % (alike as u64);
            open[..alike].rotate_left(usize::try_from(turn).unwrap_or(0));
        }
        let mut to: Vec<I> = sight.slot(deepest).into_iter().collect();
        to.retain(|node| *node != me && *node != from);
        to.extend(open.iter().take(3).map(|open| open.node));
        to.dedup();
        if let Some(first) = to.first() {
            self.name(*first, fx);
        }
        to
    }

    /// Remembers that this slot was named.
    fn name(&mut self, node: I, fx: &mut Effects<Effect<I>>) {
        if self.named.len() == NAMED_MOST {
            self.named.remove(0);
        }
        self.named.push((node, false));
        self.arm_age(fx);
    }

    pub(super) fn on_attach(&mut self, from: I, below: Below<I>, fx: &mut Effects<Effect<I>>) {
        let below = self.believable(below, fx);
        self.forget_waiting(from);
        if self.parent() == Some(from) || self.path.contains(&from) {
            fx.push(Effect::Counted(Fault::Ancestor));
            return self.send(from, Message::Part { to: Vec::new() }, fx);
        }
        let offer = self.children.take_offer(from);
        if let Some(child) = self.children.find(from) {
            child.below = below;
            child.told = None;
        } else if let Some(idle) = offer.and_then(|offer| offer.instead) {
            // A child that takes none gives way to one that does, and goes below it.
            if self.children.contains(idle) {
                self.lose_child(idle, false, fx);
                self.send(idle, Message::Part { to: [from].into() }, fx);
            }
            self.adopt(from, below, fx);
        } else if offer.is_some() || self.free() > 0 {
            self.adopt(from, below, fx);
        } else {
            let to = self.plug().into_iter().collect();
            return self.send(from, Message::Part { to }, fx);
        }
        self.tell_child(from, fx);
        self.changed_below(fx);
    }

    fn adopt(&mut self, node: I, below: Below<I>, fx: &mut Effects<Effect<I>>) {
        if self.children.list.len() >= usize::from(self.settings.arity) || self.settings.leaf {
            return self.send(node, Message::Part { to: Vec::new() }, fx);
        }
        self.children.add(node, below);
        fx.push(Effect::Linked { node });
        if self.is_root() {
            self.rest_root(fx);
            fx.push(Effect::Placed);
        }
    }

    /// Whether a reign above this one has not been asked for yet.
    pub(super) fn is_news(&self, above: Reign<I>) -> bool {
        let asked = if self.is_root() {
            self.raise_above
        } else {
            self.raising
        };
        self.reign() <= above && asked.is_none_or(|asked| asked < above)
    }

    /// The reign is to rise above this one: as the root at once, else the parent is asked.
    pub(super) fn raise_or_ask(&mut self, above: Reign<I>, fx: &mut Effects<Effect<I>>) {
        if !self.is_news(above) {
            return;
        }
        if !self.is_root() {
            self.raising = Some(above);
            self.pass_on(Message::Raise { above }, fx);
        } else if self.raise_armed {
            self.raise_above = Some(above);
        } else {
            self.raise_above(above, fx);
            self.raise_armed = true;
            self.raises = self.raises.saturating_sub(1);
            let ms = if self.raises == 0 {
                RAISE_SLOW_MS
            } else {
                self.settings.raise_ms
            };
            let timer = Timer::Raise;
            fx.push(Effect::Arm { timer, ms });
        }
    }

    pub(super) fn raise_above(&mut self, above: Reign<I>, fx: &mut Effects<Effect<I>>) {
        let risen = self.standing.raise(self.me, above);
        self.on_risen(risen, fx);
    }

    /// The same towards a reign that is too far to stand under it.
    pub(super) fn climb_above(&mut self, above: Reign<I>, fx: &mut Effects<Effect<I>>) {
        let risen = self.standing.climb(self.me, above);
        self.on_risen(risen, fx);
    }

    fn on_risen(&mut self, risen: bool, fx: &mut Effects<Effect<I>>) {
        if risen {
            self.tell_children(fx);
            fx.push(Effect::Placed);
        }
    }

    pub(super) fn on_raise_timer(&mut self, fx: &mut Effects<Effect<I>>) {
        self.raise_armed = false;
        if let Some(above) = self.raise_above.take() {
            self.raise_or_ask(above, fx);
        }
    }

    /// Another tree, or a member that looks for one, may be worth asking: the topmost does it.
    pub(super) fn meet(&mut self, node: I, fx: &mut Effects<Effect<I>>) {
        if node == self.me {
            return;
        }
        if self.parent().is_some() {
            return self.pass_on(Message::Meet { node }, fx);
        }
        if let Some(search) = &mut self.search {
            search.tried.retain(|tried| *tried != node);
            if !search.asked.contains(&node) {
                search.lead(&[node]);
                search.window = search.window.max(search.asked.len() + 1).min(GO_MOST);
            }
            self.ask_more(fx);
        } else if self.is_root() {
            self.begin(Search::new(Purpose::Root, [node].into()), fx);
        }
    }

    fn pass_on(&mut self, message: Message<I>, fx: &mut Effects<Effect<I>>) {
        if let Some(parent) = self.parent() {
            self.send(parent, message, fx);
        }
    }
}
