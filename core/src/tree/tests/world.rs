//! Members that are joined by queues: lines, streams and time as a switch carries them.

use std::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    string::String,
    sync::Arc,
    vec::Vec,
};

use super::{
    super::*,
    half::{Envelope, Half, Wire},
};
use crate::{
    base::{Effects, Rng, Seed, Slot, Time, Wall},
    identity::{PublicKey, SecretKey, SpaceId},
};

/// Wall time at the beginning.
const WALL_MS: u64 = 1_700_000_000_000;
/// Calls at one time, at most.
const CALLS_MOST: u32 = 100_000;

/// What a packet is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Place,
    Bulk,
}

/// Changes what a member sends: to whom, which, and what goes in its place.
pub(super) type Twist = Box<dyn FnMut(usize, Kind, Vec<u8>) -> Vec<Vec<u8>>>;

/// A member, or one that only pretends to be.
pub(super) struct Member {
    pub(super) tree: Option<Tree>,
    pub(super) node: Node,
    pub(super) life: u32,
    /// It runs no tree: the test speaks for it.
    pub(super) is_puppet: bool,
    /// It is not one of those who are promised anything.
    pub(super) lies: bool,
    pub(super) twist: Option<Twist>,
    /// What a puppet was told.
    pub(super) inbox: Vec<(usize, Kind, Vec<u8>)>,
}

/// Something that a member has yet to be told of a line.
#[derive(Clone, Copy, Debug)]
pub(super) enum Input {
    Up,
    Down,
    Begun,
    Moved,
    /// It needs a new life.
    NewLife,
}

/// All of them.
pub(super) struct World {
    pub(super) now: Time,
    pub(super) members: Vec<Member>,
    pub(super) halves: BTreeMap<(usize, usize), Half>,
    pub(super) queue: BTreeMap<(u64, u64), Envelope>,
    /// When a dial that nobody answered has failed.
    pub(super) dials: VecDeque<(Time, usize, usize)>,
    pub(super) inputs: VecDeque<(usize, usize, Input)>,
    pub(super) ids: u32,
    pub(super) sent: u64,
    config: Arc<Config>,
    pub(super) space: SpaceId,
    /// Pairs whose packets wait until it is mended.
    pub(super) cuts: BTreeSet<(usize, usize)>,
    pub(super) books: Books,
    /// Signs of life that were asked for.
    pub(super) pings: u64,
}

/// What was said, and what everybody was told.
#[derive(Default)]
pub(super) struct Books {
    pub(super) said: BTreeMap<(Node, u64), Vec<u8>>,
    pub(super) names: BTreeSet<(PublicKey, String)>,
    /// Reader and origin: the last number, and how many messages.
    pub(super) read: BTreeMap<(usize, Node), (u64, u64)>,
    pub(super) gaps: Vec<(usize, Node, u64, u64)>,
}

pub(super) fn address(at: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, at as u8 + 1], 4_000))
}

pub(super) fn secret(at: usize) -> SecretKey {
    SecretKey::from_bytes(&[at as u8 + 1; 32])
}

impl World {
    /// So many members, each a tree of its own.
    pub(super) fn new(members: usize, config: Config) -> Self {
        let mut world = Self {
            now: Time::ZERO,
            members: Vec::new(),
            halves: BTreeMap::new(),
            queue: BTreeMap::new(),
            dials: VecDeque::new(),
            inputs: VecDeque::new(),
            ids: 0,
            sent: 0,
            config: Arc::new(config),
            space: SpaceId::from_bytes([7; 32]),
            cuts: BTreeSet::new(),
            books: Books::default(),
            pings: 0,
        };
        for _ in 0..members {
            world.add(false);
        }
        world
    }

    /// One tree of so many, which has come to rest.
    pub(super) fn grown(members: usize) -> Self {
        Self::grown_with(members, Config::default())
    }

    /// The same with other choices.
    pub(super) fn grown_with(members: usize, config: Config) -> Self {
        let mut world = Self::new(members, config);
        for at in 1..members {
            world.join(at, 0);
            world.run(200);
        }
        world.run(4_000);
        assert!(world.is_one(), "{}", world.draw());
        world
    }

    /// One more member; a puppet if `is_puppet`.
    pub(super) fn add(&mut self, is_puppet: bool) -> usize {
        let at = self.members.len();
        let node = Node {
            key: secret(at).public(),
            epoch: WALL_MS,
        };
        self.members.push(Member {
            tree: None,
            node,
            life: 0,
            is_puppet,
            lies: is_puppet,
            twist: None,
            inbox: Vec::new(),
        });
        if !is_puppet {
            self.start(at);
        }
        at
    }

    /// A new life of a member begins.
    pub(super) fn start(&mut self, at: usize) {
        let (now, config, space) = (self.now, Arc::clone(&self.config), self.space);
        let member = &mut self.members[at];
        member.life += 1;
        member.node.epoch = WALL_MS + now.as_us() / 1000 + u64::from(member.life);
        let seed = Seed::new([at as u8 + 1 + 50 * (member.life as u8 - 1); 32]);
        let who = (member.node, space, secret(at));
        let mut tree = Tree::new(now, config, who, Rng::new(&seed));
        tree.set_bound(now, &[address(at)]);
        member.tree = Some(tree);
        self.halves.retain(|(own, _), _| *own != at);
    }

    /// A member goes on in a new life; its lines are those of before.
    pub(super) fn begin_life(&mut self, at: usize) {
        let epoch = self.members[at].node.epoch + 1;
        self.members[at].node.epoch = epoch;
        self.call(at, |tree, now, heard, fx| {
            tree.begin_life(now, epoch, heard, fx);
        });
    }

    /// It is gone without a word.
    pub(super) fn crash(&mut self, at: usize) {
        self.members[at].tree = None;
        self.halves.retain(|(own, _), _| *own != at);
    }

    pub(super) fn tree(&self, at: usize) -> &Tree {
        self.members[at].tree.as_ref().unwrap()
    }

    pub(super) fn wall(&self) -> Wall {
        Wall::from_ms(WALL_MS + self.now.as_us() / 1000)
    }

    pub(super) fn index(&self, key: &PublicKey) -> usize {
        let found = self.members.iter().position(|it| it.node.key == *key);
        found.unwrap()
    }

    pub(super) fn join(&mut self, at: usize, contact: usize) {
        let who = (self.members[contact].node.key, [address(contact)].into());
        self.call(at, |tree, now, _, fx| tree.join(now, &[who], fx));
        self.settle();
    }

    pub(super) fn leave(&mut self, at: usize) {
        self.call(at, |tree, now, heard, fx| tree.leave(now, heard, fx));
        self.members[at].tree = None;
        self.settle();
    }

    pub(super) fn broadcast(&mut self, at: usize, bytes: &[u8]) -> u64 {
        let wall = self.wall();
        let node = self.members[at].node;
        let sequence = self.call(at, |tree, now, _, _| tree.broadcast(now, wall, bytes));
        let sequence = sequence.unwrap().unwrap();
        self.books.said.insert((node, sequence), bytes.into());
        self.settle();
        sequence
    }

    pub(super) fn set_name(&mut self, at: usize, name: &str) {
        let key = self.members[at].node.key;
        self.books.names.insert((key, name.into()));
        let named = self.call(at, |tree, now, _, _| tree.set_name(now, name));
        named.unwrap().unwrap();
        self.settle();
    }

    /// Says this about places in the name of `from`, which has to have a line.
    pub(super) fn say(&mut self, from: usize, to: usize, bytes: &[u8]) {
        self.say_place(from, to, bytes.into(), false);
    }

    /// Sends this on the link, if there is one.
    pub(super) fn send_bulk(&mut self, from: usize, to: usize, bytes: &[u8]) -> bool {
        let half = self.halves.get_mut(&(from, to));
        let Some((half, id)) = half.and_then(|half| half.bulk.map(|id| (half, id))) else {
            return false;
        };
        half.flying += bytes.len();
        let bytes = bytes.into();
        self.send(from, to, Wire::Bulk { id, bytes });
        true
    }

    /// Opens a line in the name of a puppet.
    pub(super) fn dial(&mut self, from: usize, to: usize) {
        let key = self.members[to].node.key;
        self.carry_dial(from, key, &[address(to)]);
    }

    /// Begins a link in the name of a puppet.
    pub(super) fn open(&mut self, from: usize, to: usize, backup: bool) {
        self.ids += 1;
        let id = self.ids;
        self.halves.get_mut(&(from, to)).unwrap().begin(id);
        self.send(from, to, Wire::Cast { id, backup });
    }

    /// Calls a member and carries out what it wants.
    pub(super) fn call<T>(
        &mut self,
        at: usize,
        call: impl FnOnce(&mut Tree, Time, Heard<'_>, &mut Effects<Effect>) -> T,
    ) -> Option<T> {
        let mut tree = self.members[at].tree.take()?;
        let halves = &self.halves;
        let heard = |slot: Slot| {
            let half = halves.get(&(at, slot as usize));
            half.map_or(Time::ZERO, |half| half.heard)
        };
        let mut fx = Effects::new(EFFECTS_MAX);
        let given = call(&mut tree, self.now, &heard, &mut fx);
        self.members[at].tree = Some(tree);
        while let Some(effect) = fx.pop() {
            self.carry_out(at, effect);
        }
        self.read(at);
        self.pump(at);
        Some(given)
    }

    /// Lets so much time go by.
    pub(super) fn run(&mut self, ms: u64) {
        let until = self.now.plus_ms(ms);
        let mut calls = (self.now, 0);
        while let Some(at) = self.next_at().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            calls = if calls.0 == self.now {
                (self.now, calls.1 + 1)
            } else {
                (self.now, 0)
            };
            assert!(calls.1 < CALLS_MOST, "no time goes by");
            self.step();
            self.settle();
            self.check();
        }
        self.now = until;
    }

    /// Lets time go by until this holds, at most so much.
    pub(super) fn run_until(&mut self, most_ms: u64, holds: impl Fn(&Self) -> bool) {
        let mut ms = 0;
        while !holds(self) {
            assert!(ms < most_ms, "it does not hold after {ms} ms");
            self.run(5);
            ms += 5;
        }
    }

    fn next_at(&self) -> Option<Time> {
        let flying = self.queue.keys().next().map(|(at, _)| Time::from_us(*at));
        let trees = self.members.iter().filter_map(|it| it.tree.as_ref());
        let trees = trees.map(Tree::deadline);
        let dials = self.dials.front().map(|it| it.0);
        flying.into_iter().chain(trees).chain(dials).min()
    }

    fn step(&mut self) {
        let first = self.queue.first_entry();
        if let Some(entry) = first.filter(|entry| entry.key().0 <= self.now.as_us()) {
            let (key, envelope) = entry.remove_entry();
            let pair = (
                envelope.from.min(envelope.to),
                envelope.from.max(envelope.to),
            );
            if self.cuts.contains(&pair) {
                let later = (key.0 + 50_000, key.1);
                self.queue.insert(later, envelope);
                return;
            }
            return self.deliver(envelope);
        }
        while let Some((_, at, to)) = self.dials.pop_front_if(|it| it.0 <= self.now) {
            let half = self.halves.get(&(at, to));
            if half.is_some_and(|half| half.held && !half.up) {
                self.halves.remove(&(at, to));
                self.inputs.push_back((at, to, Input::Down));
            }
        }
        for at in 0..self.members.len() {
            let tree = self.members[at].tree.as_ref();
            if tree.is_some_and(|tree| tree.deadline() <= self.now) {
                self.call(at, |tree, now, heard, fx| tree.on_deadline(now, heard, fx));
                for to in 0..self.members.len() {
                    self.inputs.push_back((at, to, Input::Moved));
                }
            }
        }
    }
}
