//! The trees that our identities stand in, and the carrying of lines, packets and time to them and
//! of their wishes back. What happens to a link is queued, so that no tree is called while another
//! call into it is under way.

use alloc::{collections::VecDeque, sync::Arc, vec::Vec};

use super::{
    Event, Switch, TreeEvent,
    branch::{Came, Greeting, Linked, Pipes},
    link::{Link, Phase},
    service::TreeEffects,
    system::{self, Topic},
};
use crate::{
    base::{Deadline, Effects, Slot, Slots, Time, Why},
    identity::{Hashname, PublicKey},
    line::Provider,
    stream::{self, Read, Streams},
    tree::{self, Effect, News, Tree},
};

/// Rounds of one call: what is queued is bounded by what came and by the words that follow.
const ROUNDS_MOST: usize = 1 << 20;

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
    provider: &'static dyn Provider,
}

/// The part of one identity.
#[derive(Debug)]
struct Place {
    local: Hashname,
    tree: tree::Boxed,
    /// What the caller was told and has not taken yet, a bit each.
    told: u8,
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
        });
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
                self.tree_moved(slot);
            }
        }
        self.trees.settling = false;
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
                break;
            };
            match input {
                Input::Up(slot) => self.on_tree_up(now, slot),
                Input::Down(local, peer) => self.with_tree(now, local, |tree, links, fx| {
                    tree.on_down(now, &peer, &|slot| heard(links, slot), fx);
                }),
                Input::Moved(slot) => self.on_branch(now, slot),
            }
        }
        self.trees.settling = false;
        let deadlines = self.trees.all.iter().map(|place| place.tree.deadline());
        self.trees.at = deadlines.min();
        self.trees.stale = false;
    }

    /// Calls into a tree and carries out what it wants.
    pub(super) fn with_tree(
        &mut self,
        now: Time,
        local: Hashname,
        call: impl FnOnce(&mut Tree, &Slots<Link>, &mut Effects<Effect>),
    ) {
        let mut fx = core::mem::replace(&mut self.trees.fx, Effects::new(0));
        self.trees.stale = true;
        if let Some(place) = self.trees.all.iter_mut().find(|it| it.local == local) {
            call(&mut place.tree, &self.links, &mut fx);
        }
        while let Some(effect) = fx.pop() {
            self.tree_wants(now, local, effect);
        }
        self.trees.fx = fx;
        self.pump_all(now, local);
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
            Effect::Told(news) => self.tell_tree(local, news),
        }
    }

    fn open_link_of(&mut self, now: Time, slot: Slot, linked: Linked) {
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        let branch = link.system.branch();
        let fx = &mut self.stream_effects;
        // The peer allows no stream for now: it is as if it were not there.
        branch.severed |= !branch.link(now, linked, &mut link.streams, fx);
        self.tree_moved(slot);
        self.touch(slot);
    }

    fn tell_tree(&mut self, local: Hashname, news: News) {
        let place = self.trees.all.iter_mut().find(|it| it.local == local);
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

    fn on_tree_up(&mut self, now: Time, slot: Slot) {
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

    /// Tells the tree what the streams of a line brought, and writes what there is room for.
    fn on_branch(&mut self, now: Time, slot: Slot) {
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        let (local, key) = (link.who.local, link.who.peer);
        let Some(branch) = link.branch_mut() else {
            return;
        };
        branch.queued = false;
        if let Some(greeting) = branch.greeting.take() {
            self.on_tree_up(now, slot);
            let said = (greeting.epoch, greeting.seen);
            self.with_tree(now, local, |tree, links, fx| {
                let heard = |slot| heard(links, slot);
                tree.on_greeting(now, (slot, key), said, &heard, fx);
            });
        }
        self.read_places(now, slot, (local, key));
        let branch = self.links.get_mut(slot).and_then(Link::branch_mut);
        if branch.is_some_and(|branch| core::mem::take(&mut branch.begun)) {
            self.with_tree(now, local, |tree, _, _| tree.on_begun(now, slot));
        }
        self.read_bulk(now, slot, local);
        let parted = self.links.get_mut(slot).is_some_and(|link| {
            let branch = link.system.branch_mut();
            branch.is_some_and(|branch| {
                branch.prune(&link.streams);
                core::mem::take(&mut branch.parted)
            })
        });
        let branch = self.links.get_mut(slot).and_then(Link::branch_mut);
        if branch.is_some_and(|branch| core::mem::take(&mut branch.severed)) {
            self.with_tree(now, local, |tree, _, _| tree.on_severed(now, &key));
        }
        if parted {
            self.with_tree(now, local, |tree, links, fx| {
                tree.on_parted(now, &key, &|slot| heard(links, slot), fx);
            });
        }
        self.pump(now, slot, local);
        self.touch(slot);
    }

    fn read_places(&mut self, now: Time, slot: Slot, (local, key): (Hashname, PublicKey)) {
        while let Some(packet) = self.next_packet(now, slot, Pipes::Places) {
            self.with_tree(now, local, |tree, links, fx| {
                tree.on_place(now, &key, &packet, &|slot| heard(links, slot), fx);
            });
        }
    }

    fn read_bulk(&mut self, now: Time, slot: Slot, local: Hashname) {
        loop {
            let Some(tree) = self.trees.find(local) else {
                return;
            };
            if tree.is_held(now, slot) {
                return;
            }
            let Some(packet) = self.next_packet(now, slot, Pipes::Bulk) else {
                return;
            };
            let provider = self.trees.provider;
            let space = self.lines.identity(local).map(|it| it.1);
            let Some(space) = space else { return };
            self.with_tree(now, local, |tree, links, fx| {
                let verify = |key: &PublicKey, kind: &str, bytes: &[u8], signature: &_| {
                    provider.verify(key, kind, &space, bytes, signature)
                };
                let heard = |slot| heard(links, slot);
                tree.on_bulk(now, slot, &packet, (&verify, &heard), fx);
            });
        }
    }

    fn next_packet(&mut self, now: Time, slot: Slot, which: Pipes) -> Option<Vec<u8>> {
        let link = self.links.get_mut(slot)?;
        let branch = link.system.branch_mut()?;
        let pipe = branch.pipe(which);
        let most = match which {
            Pipes::Places => tree::PLACE_PACKET_MOST,
            Pipes::Bulk => tree::BULK_PACKET_MOST,
        };
        match pipe.read(now, most, &mut link.streams, &mut self.stream_effects) {
            Came::Nothing => None,
            Came::Packet(packet) => Some(packet),
            Came::TooLong => {
                self.misbehaved(now, slot, super::Misbehaviour::IllegalSystem);
                None
            }
            Came::End => {
                if let Some(id) = pipe.into {
                    branch.forget(id);
                }
                None
            }
        }
    }

    /// Says something about places; nothing but who we are, if the packet is empty.
    fn say_place(&mut self, slot: Slot, packet: &[u8]) {
        let most = self.trees.config.unsent_max_bytes as usize;
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        let (local, key) = (link.who.local, link.who.peer);
        let route = link.line().and_then(|line| self.lines.info(line));
        let Phase::Up { .. } = link.phase else { return };
        let Some(tree) = self.trees.find(local) else {
            return;
        };
        let greeting = Greeting {
            epoch: tree.me().epoch,
            seen: route.map(|info| info.route.path.remote),
        };
        let (branch, streams) = (link.system.branch(), &mut link.streams);
        if branch.places.out.is_none() {
            branch.places.out = streams.open_system(&greeting.head()).ok();
        }
        if !packet.is_empty() {
            branch.places.push(packet);
        }
        if !branch.places.write(streams) && branch.places.unsent_bytes() > most {
            // Whoever does not even take this is none to stand next to.
            self.trees.queue.push_back(Input::Down(local, key));
        }
        self.touch(slot);
    }

    fn pump_all(&mut self, now: Time, local: Hashname) {
        let links = self.trees.find(local).into_iter().flat_map(Tree::links);
        let links: Vec<Slot> = links.map(|(slot, _)| slot).collect();
        for slot in links {
            self.pump(now, slot, local);
        }
    }

    /// Writes to a neighbour what there is for it, as far as there is room.
    fn pump(&mut self, now: Time, slot: Slot, local: Hashname) {
        let Self { links, trees, .. } = self;
        let Some(tree) = trees.find_mut(local) else {
            return;
        };
        let Some(link) = links
            .get_mut(slot)
            .filter(|link| matches!(link.phase, Phase::Up { .. }))
        else {
            return;
        };
        if !tree.has_bulk(slot) && link.branch_mut().is_none() {
            return;
        }
        let (branch, streams) = (link.system.branch(), &mut link.streams);
        let mut wrote = branch.places.unsent_bytes() > 0 || branch.bulk.unsent_bytes() > 0;
        branch.places.write(streams);
        let mut packet = Vec::new();
        while branch.bulk.out.is_some()
            && !branch.begun
            && branch.bulk.write(streams)
            && tree.poll_bulk(now, slot, tree::BULK_PACKET_MOST, &mut packet)
        {
            branch.bulk.push(&packet);
            packet.clear();
            wrote = true;
        }
        if wrote {
            self.touch(slot);
        }
    }

    /// Nothing more is said to this member, and nothing more is heard of it.
    pub(super) fn end_branch(&mut self, slot: Slot) {
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        if let Some(branch) = link.system.branch_mut() {
            branch.end(self.now, &mut link.streams, &mut self.stream_effects);
            self.touch(slot);
        }
    }

    /// Looks at an effect of the streams of a line: true if it is about one of a tree's.
    pub(super) fn on_branch_effect(&mut self, slot: Slot, effect: stream::Effect) -> bool {
        let Some(link) = self.links.get_mut(slot) else {
            return false;
        };
        let id = match effect {
            stream::Effect::MayOpen => return false,
            stream::Effect::Opened { id } => return self.on_branch_opened(slot, id),
            stream::Effect::Answered { id }
            | stream::Effect::Readable { id }
            | stream::Effect::Finished { id }
            | stream::Effect::Writable { id }
            | stream::Effect::Reset { id, .. }
            | stream::Effect::Stopped { id, .. } => id,
        };
        let branch = link.system.branch_mut();
        let Some(branch) = branch.filter(|branch| branch.ids().any(|of| of == id)) else {
            return false;
        };
        match effect {
            stream::Effect::Reset { .. } | stream::Effect::Stopped { .. } => branch.forget(id),
            stream::Effect::MayOpen
            | stream::Effect::Opened { .. }
            | stream::Effect::Answered { .. }
            | stream::Effect::Readable { .. }
            | stream::Effect::Finished { .. }
            | stream::Effect::Writable { .. } => {}
        }
        if !branch.hears(id) {
            // The acceptor has nothing to say on a stream of ours, nor anybody on one that ended.
            read_out(self.now, id, &mut link.streams, &mut self.stream_effects);
        }
        self.tree_moved(slot);
        true
    }

    fn on_branch_opened(&mut self, slot: Slot, id: u64) -> bool {
        let Some(link) = self.links.get_mut(slot) else {
            return false;
        };
        let head = link.streams.head(id);
        let which = match head.and_then(system::topic) {
            Some(Topic::Tree) => Pipes::Places,
            Some(Topic::Cast) => Pipes::Bulk,
            Some(Topic::Space | Topic::Member | Topic::Unknown) | None => return false,
        };
        if self.trees.find(link.who.local).is_none() {
            return false;
        }
        let head = alloc::string::String::from(head.unwrap_or_default());
        link.streams.set_system(id);
        let (branch, streams) = (link.system.branch(), &mut link.streams);
        let is_legal = match which {
            Pipes::Places => {
                let _over = streams.finish(id);
                branch.on_places(id, &head)
            }
            Pipes::Bulk => branch.on_bulk(self.now, (id, &head), streams, &mut self.stream_effects),
        };
        if !is_legal {
            self.misbehaved(self.now, slot, super::Misbehaviour::IllegalSystem);
            return true;
        }
        self.tree_moved(slot);
        true
    }
}

/// Reads a stream to its end and keeps nothing.
fn read_out(now: Time, id: u64, streams: &mut Streams, fx: &mut Effects<stream::Effect>) {
    let mut buf = [0; 512];
    while let Ok(Read::Bytes(_)) = streams.read(now, id, &mut buf, fx) {}
}

const fn linked(backup: bool) -> Linked {
    if backup {
        Linked::Backup
    } else {
        Linked::Child
    }
}

fn heard(links: &Slots<Link>, slot: Slot) -> Time {
    links.get(slot).map_or(Time::ZERO, |link| link.heard)
}
