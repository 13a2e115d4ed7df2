//! The trees that our identities stand in, and the carrying of lines, packets and time to them and
//! of their wishes back. What happens to a link is queued, so that no tree is called while another
//! call into it is under way.

#[cfg(test)]
mod tests;

use alloc::{collections::VecDeque, sync::Arc, vec::Vec};

use super::{Event, Switch, TreeEvent, branch::Linked, link::Link, service::TreeEffects};
use crate::{
    base::{Deadline, Effects, Slot, Slots, Time, Why},
    identity::{Hashname, PublicKey},
    line::Provider,
    tree::{self, Effect, News, Tree},
};

/// Rounds of one call: what is queued is bounded by what came and by the words that follow.
const ROUNDS_MOST: usize = 1 << 20;

/// How often somebody who leaves looks whether what it said last has arrived.
const LEAVER_LOOKS_MS: u64 = 20;

/// Our part in each tree.
#[derive(Debug)]
pub(super) struct Trees {
    all: Vec<Place>,
    queue: VecDeque<Input>,
    fx: Effects<Effect>,
    /// When the first of them is due.
    at: Option<Time>,
    /// Somebody was called since `at` was set.
    stale: bool,
    settling: bool,
    pub(super) config: Arc<tree::Config>,
    pub(super) provider: &'static dyn Provider,
}

/// The part of one identity.
#[derive(Debug)]
struct Place {
    local: Hashname,
    tree: tree::Boxed,
    /// What the caller was told and has not taken yet, a bit each.
    told: u8,
    /// It was called, and may have more to say.
    called: bool,
    /// It goes once what it said last has arrived, and then at the latest.
    leaves_at: Option<Time>,
}

/// Something that a tree is to learn.
#[derive(Clone, Copy, Debug)]
enum Input {
    /// A line is up.
    Up(Slot),
    /// A line is no more, or could not be made.
    Down(Hashname, PublicKey),
    /// The streams of a line have something, or find room.
    Moved(Slot),
    /// This identity needs a new life.
    NewLife(Hashname),
}

impl Trees {
    pub(super) fn new(config: &tree::Config, provider: &'static dyn Provider) -> Self {
        Self {
            all: Vec::new(),
            queue: VecDeque::new(),
            fx: Effects::new(tree::EFFECTS_MAX),
            at: None,
            stale: false,
            settling: false,
            config: Arc::new(config.clone()),
            provider,
        }
    }

    pub(super) fn find(&self, local: Hashname) -> Option<&Tree> {
        let place = self.all.iter().find(|place| place.local == local)?;
        Some(&place.tree)
    }

    pub(super) fn find_mut(&mut self, local: Hashname) -> Option<&mut Tree> {
        let place = self.all.iter_mut().find(|place| place.local == local)?;
        Some(&mut place.tree)
    }

    pub(super) fn insert(&mut self, local: Hashname, tree: Tree) {
        self.all.reserve_exact(1);
        self.all.push(Place {
            local,
            tree: tree.into(),
            told: 0,
            called: false,
            leaves_at: None,
        });
    }

    /// The part of somebody who does not leave it.
    pub(super) fn find_staying(&self, local: Hashname) -> Option<&Tree> {
        let place = self.all.iter().find(|place| place.local == local)?;
        place.leaves_at.is_none().then_some(&*place.tree)
    }

    /// It leaves as soon as what it said last has arrived, and at this time at the latest.
    pub(super) fn leave_by(&mut self, local: Hashname, at: Time) {
        let place = self.all.iter_mut().find(|place| place.local == local);
        if let Some(place) = place {
            place.leaves_at = Some(at);
        }
        self.stale = true;
    }

    pub(super) fn remove(&mut self, local: Hashname) {
        self.all.retain(|place| place.local != local);
        // It is due no more.
        self.stale = true;
    }

    /// When `handle_timeout` has something to do here.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        self.at.map(|at| Deadline::new(at, Why::Tree))
    }

    /// An event was taken: its like may be told again.
    pub(super) fn on_polled(&mut self, event: TreeEvent) {
        let (local, news) = event.parts();
        let place = self.all.iter_mut().find(|place| place.local == local);
        if let Some(place) = place {
            place.told &= !(1 << news as u8);
        }
    }
}

impl Switch {
    /// A line came up that may matter to a tree.
    pub(super) fn tree_up(&mut self, slot: Slot) {
        let link = self.links.get(slot).filter(|link| link.wants.tree);
        if link.is_some() {
            self.trees.queue.push_back(Input::Up(slot));
        }
    }

    /// A line is no more.
    pub(super) fn tree_down(&mut self, local: Hashname, peer: PublicKey) {
        if self.trees.find(local).is_some() {
            self.trees.queue.push_back(Input::Down(local, peer));
        }
    }

    /// The streams of a tree have moved on a line.
    pub(super) fn tree_moved(&mut self, slot: Slot) {
        let branch = self.links.get_mut(slot).and_then(Link::branch_mut);
        if let Some(branch) = branch.filter(|branch| !branch.queued) {
            branch.queued = true;
            self.trees.queue.push_back(Input::Moved(slot));
        }
    }

    /// Lets trees that are due do what they have to.
    pub(super) fn trees_due(&mut self, now: Time) {
        if self.trees.at.is_none_or(|at| at > now) {
            return;
        }
        let due = self.trees.all.iter();
        let due = due.filter(|place| place.tree.deadline() <= now);
        let due: Vec<Hashname> = due.map(|place| place.local).collect();
        self.trees.settling = true;
        for local in due {
            self.with_tree(now, local, |tree, links, fx| {
                let heard = |slot| heard(links, slot);
                tree.on_deadline(now, &heard, fx);
            });
            // What was not read before, because it was too much, may be now.
            let links = self.trees.find(local).into_iter().flat_map(Tree::links);
            for slot in links.map(|(slot, _)| slot).collect::<Vec<_>>() {
                if self.links.get_mut(slot).is_some_and(Link::is_left) {
                    self.tree_moved(slot);
                }
            }
        }
        self.trees.settling = false;
        // It may have been a leaver's time to look.
        self.trees.stale = true;
        self.settle_trees(now);
    }

    /// A command to a tree, and all that comes of it.
    pub(super) fn command_tree_with(
        &mut self,
        now: Time,
        local: Hashname,
        call: impl FnOnce(&mut Tree, &mut TreeEffects),
    ) {
        self.trees.settling = true;
        self.with_tree(now, local, |tree, _, fx| call(tree, fx));
        self.trees.settling = false;
        self.settle_trees(now);
    }

    /// The addresses of our sockets changed.
    pub(super) fn tell_bound(&mut self, now: Time) {
        let bound = self.bound();
        let locals = self.trees.all.iter().map(|place| place.local);
        for local in locals.collect::<Vec<_>>() {
            self.command_tree_with(now, local, |tree, _| tree.set_bound(now, &bound));
        }
    }

    /// Carries to the trees what happened to lines and streams, until nothing is left.
    pub(super) fn settle_trees(&mut self, now: Time) {
        if self.trees.settling || (self.trees.queue.is_empty() && !self.trees.stale) {
            return;
        }
        self.trees.settling = true;
        for round in 0.. {
            assert!(round < ROUNDS_MOST, "the trees never come to rest");
            let Some(input) = self.trees.queue.pop_front() else {
                let mut called = self.trees.all.iter_mut().filter(|place| place.called);
                let Some(place) = called.next() else {
                    break;
                };
                place.called = false;
                let local = place.local;
                self.pump_all(now, local);
                continue;
            };
            match input {
                Input::Up(slot) => self.on_tree_up(now, slot),
                Input::Down(local, peer) => self.with_tree(now, local, |tree, links, fx| {
                    tree.on_down(now, &peer, &|slot| heard(links, slot), fx);
                }),
                Input::Moved(slot) => self.on_branch(now, slot),
                Input::NewLife(local) => {
                    let epoch = self.next_epoch(now, local);
                    self.with_tree(now, local, |tree, links, fx| {
                        tree.begin_life(now, epoch, &|slot| heard(links, slot), fx);
                    });
                }
            }
        }
        self.trees.settling = false;
        if let Some(local) = self.leaver(now) {
            return self.finish_leave(now, local);
        }
        let deadlines = self.trees.all.iter().map(|place| {
            let deadline = place.tree.deadline();
            let leaves_at = place
                .leaves_at
                .map(|at| at.min(now.plus_ms(LEAVER_LOOKS_MS)));
            leaves_at.map_or(deadline, |at| at.min(deadline))
        });
        self.trees.at = deadlines.min();
        self.trees.stale = false;
    }

    /// One that leaves and has nothing on its way any more, or no time left.
    fn leaver(&self, now: Time) -> Option<Hashname> {
        let mut all = self.trees.all.iter();
        let leaver = all.find(|place| {
            let leaves_at = place.leaves_at;
            leaves_at.is_some_and(|at| at <= now || self.has_arrived(&place.tree))
        });
        leaver.map(|place| place.local)
    }

    /// True if its neighbours have all that it has for them.
    fn has_arrived(&self, tree: &Tree) -> bool {
        tree.links().all(|(slot, _)| {
            let link = self.links.get(slot);
            link.is_none_or(|link| link.streams.is_settled() && !tree.has_bulk(slot))
        })
    }

    /// Goes for good.
    pub(super) fn finish_leave(&mut self, now: Time, local: Hashname) {
        if let Some(place) = self.trees.all.iter_mut().find(|it| it.local == local) {
            place.leaves_at = None;
        }
        self.command_tree_with(now, local, |tree, fx| tree.leave(now, &|_| now, fx));
        self.trees.remove(local);
        self.settle_trees(now);
    }

    /// Calls into a tree and carries out what it wants. What it has for its neighbours is written
    /// once all that is queued was told.
    pub(super) fn with_tree(
        &mut self,
        now: Time,
        local: Hashname,
        call: impl FnOnce(&mut Tree, &Slots<Link>, &mut Effects<Effect>),
    ) {
        let mut fx = core::mem::replace(&mut self.trees.fx, Effects::new(0));
        self.trees.stale = true;
        if let Some(place) = self.trees.all.iter_mut().find(|it| it.local == local) {
            place.called = true;
            call(&mut place.tree, &self.links, &mut fx);
        }
        while let Some(effect) = fx.pop() {
            self.tree_wants(now, local, effect);
        }
        self.trees.fx = fx;
    }

    fn tree_wants(&mut self, now: Time, local: Hashname, effect: Effect) {
        match effect {
            Effect::Dial { peer, addresses } => {
                if !self.want_for_tree(now, (local, peer), &addresses) {
                    self.trees.queue.push_back(Input::Down(local, peer));
                }
            }
            Effect::Release { peer } => self.unwant_for_tree(local, &peer),
            Effect::Greet { link } => self.say_place(link, &[]),
            Effect::Say { link, packet } => self.say_place(link, &packet),
            Effect::Open { link, backup } => self.open_link_of(now, link, linked(backup)),
            Effect::Accept { link, backup } => {
                if let Some(link) = self.links.get_mut(link) {
                    let branch = link.system.branch();
                    let fx = &mut self.stream_effects;
                    branch.accept(now, linked(backup), &mut link.streams, fx);
                }
                self.tree_moved(link);
                self.touch(link);
            }
            Effect::Close { link } => {
                if let Some(link) = self.links.get_mut(link)
                    && let Some(branch) = link.system.branch_mut()
                {
                    branch.unlink(now, &mut link.streams, &mut self.stream_effects);
                }
                self.touch(link);
            }
            Effect::Ping { link } => {
                if let Some(link) = self.links.get_mut(link) {
                    link.ping = true;
                }
                self.touch(link);
            }
            Effect::NewLife => self.trees.queue.push_back(Input::NewLife(local)),
            Effect::Told(news) => self.tell_tree(local, news),
        }
    }

    fn tell_tree(&mut self, local: Hashname, news: News) {
        let place = self.trees.all.iter_mut().find(|it| it.local == local);
        let place = place.filter(|place| place.leaves_at.is_none());
        let Some(place) = place.filter(|place| place.told & (1 << news as u8) == 0) else {
            return;
        };
        place.told |= 1 << news as u8;
        self.events.push_back(Event::Tree(match news {
            News::Placed => TreeEvent::Placed { local },
            News::Readable => TreeEvent::Readable { local },
            News::Writable => TreeEvent::Writable { local },
            News::Members => TreeEvent::Members { local },
        }));
    }

    pub(super) fn on_tree_up(&mut self, now: Time, slot: Slot) {
        let Some(link) = self.links.get(slot).filter(|link| link.can_seal()) else {
            return;
        };
        let (local, key) = (link.who.local, link.who.peer);
        let info = link.line().and_then(|line| self.lines.info(line));
        let Some(remote) = info.map(|info| info.route.path.remote) else {
            return;
        };
        self.with_tree(now, local, |tree, _, fx| {
            tree.on_up(now, (slot, key), remote, fx);
        });
    }
}

const fn linked(backup: bool) -> Linked {
    if backup {
        Linked::Backup
    } else {
        Linked::Child
    }
}

pub(super) fn heard(links: &Slots<Link>, slot: Slot) -> Time {
    links.get(slot).map_or(Time::ZERO, |link| link.heard)
}
