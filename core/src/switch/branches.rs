//! The streams of trees: what they bring goes to the tree of their line, and what it has to say is
//! written as far as there is room.

use alloc::vec::Vec;

use super::{
    Misbehaviour, Switch,
    branch::{Came, Greeting, Linked, Pipes},
    link::{Link, Phase},
    system::{self, Topic},
    trees::heard,
};
use crate::{
    base::{Effects, Slot, Time},
    identity::{Hashname, PublicKey},
    stream::{self, Read, Streams},
    tree::{self, Tree},
};

impl Switch {
    /// Tells the tree what the streams of a line brought, and writes what there is room for.
    pub(super) fn on_branch(&mut self, now: Time, slot: Slot) {
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
            let is_held = tree.is_held(now, slot);
            if let Some(branch) = self.links.get_mut(slot).and_then(Link::branch_mut) {
                branch.left = is_held;
            }
            if is_held {
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
                self.misbehaved(now, slot, Misbehaviour::IllegalSystem);
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
    pub(super) fn say_place(&mut self, slot: Slot, packet: &[u8]) {
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
            self.tree_down(local, key);
        }
        self.touch(slot);
    }

    pub(super) fn pump_all(&mut self, now: Time, local: Hashname) {
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
            self.misbehaved(self.now, slot, Misbehaviour::IllegalSystem);
            return true;
        }
        self.tree_moved(slot);
        true
    }

    pub(super) fn open_link_of(&mut self, now: Time, slot: Slot, linked: Linked) {
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
}

/// Reads a stream to its end and keeps nothing.
fn read_out(now: Time, id: u64, streams: &mut Streams, fx: &mut Effects<stream::Effect>) {
    let mut buf = [0; 512];
    while let Ok(Read::Bytes(_)) = streams.read(now, id, &mut buf, fx) {}
}
