//! The members of the tree of a swarm: what they do, and the account of what they said and were
//! told.

use std::collections::BTreeMap;

use hydroid_core::{
    base::Time,
    identity::PublicKey,
    switch::{Broadcasted, Part},
    tree::{Node, cast},
};

use super::{plan::Profile, run::Run};
use crate::{
    checks::{
        Verdict,
        trees::{self, Message, Stands},
    },
    world::World,
};

/// What was said, and who was told what last.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// By the key of the origin, its life and its number.
    said: BTreeMap<(PublicKey, (u64, u64)), Vec<u8>>,
    /// By who was told and by the key of the origin.
    last: BTreeMap<(usize, PublicKey), (u64, u64)>,
    /// What was told since everything was healed, by who was.
    since: BTreeMap<usize, usize>,
    healed: bool,
    /// Messages that were read.
    pub(super) told: u64,
}

/// The node that is this life of a member.
fn find(world: &World, node: Node) -> Option<usize> {
    let is_it = |at: &usize| me(world, *at) == Some(node);
    (0..world.nodes.len()).find(is_it)
}

fn me(world: &World, at: usize) -> Option<Node> {
    let node = &world.nodes[at];
    node.switch.tree(node.hashname).map(|tree| tree.me())
}

fn parent(world: &World, at: usize) -> Option<usize> {
    let node = &world.nodes[at];
    let tree = node.switch.tree(node.hashname)?;
    find(world, tree.standing().parent?)
}

impl Members {
    /// A node starts again, and knows nothing.
    pub(super) fn forget(&mut self, node: usize) {
        self.last.retain(|(at, _), _| *at != node);
    }

    /// A member was told that something of its tree is otherwise.
    pub(super) fn on_event(&mut self, world: &mut World, node: usize) -> Verdict {
        let parents: Vec<_> = (0..world.nodes.len()).map(|at| parent(world, at)).collect();
        trees::loops(&parents)?;
        let mut buf = vec![0; cast::MESSAGE_MOST];
        loop {
            let here = &mut world.nodes[node];
            let now = here.time(world.now);
            let told = here.switch.read_broadcast(now, here.hashname, &mut buf);
            let (origin, is, len) = match told {
                Ok(Broadcasted::Message {
                    origin,
                    epoch,
                    sequence,
                    len,
                    ..
                }) => (origin.key, (epoch, sequence), len),
                Ok(Broadcasted::Gap { .. }) => continue,
                Ok(_) | Err(_) => return Ok(()),
            };
            let said = self.said.get(&(origin, is));
            let message = Message {
                is,
                before: self.last.insert((node, origin), is),
                is_true: said.is_some_and(|said| *said == buf[..len]),
            };
            trees::message(&format!("node {node}"), &message)?;
            self.told += 1;
            if self.healed && buf[..len].starts_with(HEALED) {
                *self.since.entry(node).or_default() += 1;
            }
        }
    }
}

/// How a message begins that is said when everything works.
const HEALED: &[u8] = b"healed";

impl Run<'_> {
    fn with_tree_now(&self, node: usize) -> Time {
        self.world.nodes[node].time(self.world.now)
    }

    /// It takes part in the tree, if it does not, and asks `to` for a place.
    pub(super) fn join(&mut self, node: usize, to: usize) {
        let now = self.with_tree_now(node);
        let here = &mut self.world.nodes[node];
        let part = Part::default();
        let joined = here
            .switch
            .join(now, here.hashname, &self.secrets[node], part);
        if joined.is_ok() {
            // What it was told in another part of its life may be told again.
            self.cast.members.forget(node);
        }
        self.meet(node, to);
    }

    pub(super) fn meet(&mut self, node: usize, to: usize) {
        let now = self.with_tree_now(node);
        let (key, addresses) = self.said_of(to);
        let here = &mut self.world.nodes[node];
        let _none = here.switch.meet(now, here.hashname, &key, &addresses);
    }

    pub(super) fn leave(&mut self, node: usize) {
        let now = self.with_tree_now(node);
        let here = &mut self.world.nodes[node];
        let _none = here.switch.leave(now, here.hashname);
    }

    pub(super) fn broadcast(&mut self, node: usize, bytes: usize) {
        self.say(node, &vec![node as u8; bytes]);
    }

    fn say(&mut self, node: usize, text: &[u8]) {
        let now = self.with_tree_now(node);
        let is = me(&self.world, node);
        let here = &mut self.world.nodes[node];
        let sent = here.switch.broadcast(now, here.hashname, text);
        if let (Ok(sequence), Some(is)) = (sent, is) {
            let place = (is.key, (is.epoch, sequence));
            self.cast.members.said.insert(place, text.into());
        }
    }

    fn is_tree(&self) -> bool {
        self.plan.profile == Profile::Tree
    }

    /// Everybody takes part, and asks the next one.
    pub(super) fn join_all(&mut self) {
        let count = self.cast.apps.len();
        for node in (0..count).filter(|_| self.is_tree()).collect::<Vec<_>>() {
            self.join(node, (node + 1) % count);
        }
    }

    pub(super) fn broadcast_all(&mut self) {
        self.cast.members.healed = true;
        let count = self.cast.apps.len();
        for node in (0..count).filter(|_| self.is_tree()).collect::<Vec<_>>() {
            self.say(node, &[HEALED, &[node as u8]].concat());
        }
    }

    pub(super) fn leave_all(&mut self) {
        let count = self.cast.apps.len();
        for node in (0..count).filter(|_| self.is_tree()).collect::<Vec<_>>() {
            self.leave(node);
        }
    }

    /// All are one tree, see each other, and heard what was said last.
    pub(super) fn demand_tree(&self) -> Verdict {
        if !self.is_tree() {
            return Ok(());
        }
        let world = &self.world;
        let count = self.cast.apps.len();
        let shown = |at: usize| {
            let node = &world.nodes[at];
            let tree = node.switch.tree(node.hashname);
            let members = tree.into_iter().flat_map(|tree| tree.image().members());
            let right = members.filter(|member| {
                find(world, member.node).is_some_and(|of| {
                    let key = parent(world, of).map(|at| world.nodes[at].key);
                    member.parent == key
                })
            });
            right.count()
        };
        let stands: Vec<_> = (0..count)
            .map(|at| Stands {
                parent: parent(world, at),
                shown: shown(at),
                told: self.cast.members.since.get(&at).copied().unwrap_or(0),
            })
            .collect();
        trees::one(&stands)
    }
}
