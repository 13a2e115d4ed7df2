//! What neighbours tell each other: state downwards, summaries upwards.

use alloc::vec::Vec;

use super::{
    Below, Effect, Fault, Id, Message, PATH_MOST, Place, State, Timer, balance::STILL_BEATS,
    children::Told, rule::Followed,
};
use crate::base::Effects;

/// Members of a tree that are believed.
pub(super) const SIZE_MOST: u32 = 1 << 24;
/// Levels below a member that are believed.
pub(super) const HEIGHT_MOST: u16 = 4_096;
/// Beats after which the parent is told once more, whether or not anything changed.
const BEATS_UP: u8 = 16;

impl<I: Id> Place<I> {
    /// Tells every child at once.
    pub(super) fn tell_children(&mut self, fx: &mut Effects<Effect<I>>) {
        let children: Vec<I> = self.children().collect();
        for child in children {
            self.tell_child(child, fx);
        }
    }

    /// The path changed: it has to be told again, and at once.
    pub(super) fn tell_path(&mut self, fx: &mut Effects<Effect<I>>) {
        for child in &mut self.children.list {
            child.told = None;
        }
        self.tell_children(fx);
    }

    pub(super) fn tell_child(&mut self, node: I, fx: &mut Effects<Effect<I>>) {
        let (told, rest) = (self.to_tell(node), self.rest_for(Some(node)));
        let Some(child) = self.children.find(node) else {
            return;
        };
        let (reign, depth) = self.standing.tell();
        let path = child.told.is_none();
        child.told = Some(told);
        let message = Message::State(State {
            reign,
            depth,
            path: path.then(|| self.path.clone()),
            adrift: self.is_adrift(),
            moving: told.moving,
            plug: told.plug,
            rest,
            size: told.size,
        });
        self.send(node, message, fx);
    }

    /// What this child has to know, so that it is told when it changes.
    fn to_tell(&self, node: I) -> Told<I> {
        let mut list = self.children.list.iter();
        let height = list.find(|child| child.node == node);
        let height = height.map_or(0, |child| child.below.height);
        let deep = self.depth().saturating_add(height + 1) > self.goal();
        let rest = self.rest_for(Some(node));
        Told {
            plug: self.plug(),
            moving: self.is_moving(),
            size: self.size(),
            rest: rest.first().filter(|_| deep).map(|open| open.depth),
        }
    }

    /// Tells those children for whom something changed that could wait.
    pub(super) fn tell_changed(&mut self, fx: &mut Effects<Effect<I>>) {
        let nodes: Vec<I> = self.children().collect();
        for node in nodes {
            let now = self.to_tell(node);
            let before = self.children.find(node).and_then(|child| child.told);
            let same = before.is_some_and(|before| {
                let near = before.size.abs_diff(now.size) <= before.size / 8;
                near && before
                    == Told {
                        size: before.size,
                        ..now
                    }
            });
            if !same {
                self.tell_child(node, fx);
            }
        }
    }

    /// Something below changed: the parent will be told.
    pub(super) fn changed_below(&mut self, fx: &mut Effects<Effect<I>>) {
        if self.parent().is_some() && !self.tell_armed {
            self.tell_armed = true;
            let ms = self.settings.tell_ms;
            fx.push(Effect::Arm {
                timer: Timer::Tell,
                ms,
            });
        }
    }

    /// Tells the parent if there is news, or `anyway`.
    pub(super) fn tell_parent(&mut self, anyway: bool, fx: &mut Effects<Effect<I>>) {
        let Some(parent) = self.parent() else {
            return;
        };
        let below = self.below();
        if anyway || self.told_up.as_ref() != Some(&below) {
            self.told_up = Some(below.clone());
            self.send(parent, Message::Up(below), fx);
        }
    }

    pub(super) fn on_tell(&mut self, fx: &mut Effects<Effect<I>>) {
        self.tell_armed = false;
        self.tell_parent(false, fx);
    }

    pub(super) fn beat_words(&mut self, fx: &mut Effects<Effect<I>>) {
        self.beats = (self.beats + 1) % BEATS_UP;
        // A parent that does not know of us says so then.
        self.tell_parent(self.beats == 0, fx);
        self.tell_changed(fx);
    }

    pub(super) fn on_state(&mut self, from: I, state: State<I>, fx: &mut Effects<Effect<I>>) {
        let left = self.left.is_some_and(|(left, _)| left == from);
        if left && self.children.expects(from) {
            // It was the parent just now and comes below us: this is from before.
            return;
        }
        if self.parent() != Some(from) {
            return self.send(from, Message::Part { to: Vec::new() }, fx);
        }
        let followed = self.standing.follow(from, state.reign, state.depth);
        match followed {
            Followed::Older => return,
            Followed::Refused => return fx.push(Effect::Counted(Fault::Risen)),
            Followed::Changed => {
                self.raising = None;
                self.stale = 0;
            }
            Followed::Same => {}
        }
        let path = state.path.map(|path| self.path_below(from, path));
        let path_changed = path.as_ref().is_some_and(|path| *path != self.path);
        let adrift_changed = self.adrift_above != state.adrift;
        let resized = self.size_told != state.size;
        if state.size < self.size_told {
            self.still = STILL_BEATS;
        }
        self.path = path.unwrap_or_else(|| core::mem::take(&mut self.path));
        self.adrift_above = state.adrift;
        self.moving_above = state.moving;
        self.heir = state.plug;
        self.rest = state.rest;
        self.rest.retain(|open| open.node != self.me);
        self.size_told = state.size;
        let changed = followed == Followed::Changed || adrift_changed;
        if path_changed {
            self.tell_path(fx);
        } else if changed {
            self.tell_children(fx);
        }
        if path_changed || changed || resized {
            fx.push(Effect::Placed);
        }
    }

    /// The own path below a parent with this one. It ends before ourselves: it may be older than
    /// our coming here.
    pub(super) fn path_below(&self, parent: I, path: Vec<I>) -> Vec<I> {
        let above = path.into_iter().take_while(|node| *node != self.me);
        core::iter::once(parent)
            .chain(above)
            .take(PATH_MOST)
            .collect()
    }

    pub(super) fn on_up(&mut self, from: I, below: Below<I>, fx: &mut Effects<Effect<I>>) {
        let below = self.believable(below, fx);
        match self.children.find(from) {
            Some(child) if child.below == below => {}
            Some(child) => {
                child.below = below;
                self.changed_below(fx);
            }
            None => self.send(from, Message::Part { to: Vec::new() }, fx),
        }
    }

    /// A summary within all bounds, and without ourselves.
    pub(super) fn believable(&self, mut below: Below<I>, fx: &mut Effects<Effect<I>>) -> Below<I> {
        let size = below.size.clamp(1, SIZE_MOST);
        let height = below.height.min(HEIGHT_MOST);
        if (size, height) != (below.size, below.height) {
            fx.push(Effect::Counted(Fault::Bounds));
        }
        below.size = size;
        below.height = height;
        below.open.retain(|open| open.node != self.me);
        below.plug = below
            .plug
            .filter(|plug| plug.node != self.me && plug.depth <= HEIGHT_MOST);
        below
    }
}
