//! How a colony comes to be, and what happens to it.

use hydroid_core::{
    line::{Provider, PureRust},
    switch::{Config, Event, Part, TreeEvent},
    tree::{Tree, cast},
};

use super::Books;
use crate::world::{Link, StubProvider, World};

/// What a colony is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many members.
    pub members: usize,
    /// How many each takes below itself.
    pub arity: u8,
    /// Every choice of chance.
    pub seed: u64,
    /// With real cryptography; else with a stub that checks the signatures of broadcasts only.
    pub real: bool,
    /// The config of each switch.
    pub config: Config,
}

impl Settings {
    /// So many members with the config of everybody, and without real cryptography.
    pub fn new(members: usize, arity: u8, seed: u64) -> Self {
        let mut config = Config::default();
        config.tree.place.arity = arity;
        Self {
            members,
            arity,
            seed,
            real: false,
            config,
        }
    }
}

/// The members of a space.
#[derive(Debug)]
pub struct Colony {
    /// Where they live. Links take 10 to 50 ms one way, always the same between any two.
    pub world: World,
    /// Who was told what.
    pub books: Books,
    /// How many of the nodes have joined so far.
    pub joined: usize,
    config: Config,
    buf: Vec<u8>,
}

/// One way, at least; [`APART_US`] is how much more it may be.
const LINK: Link = Link {
    latency_us: 10_000,
    ..Link::PERFECT
};
const APART_US: u64 = 40_000;

impl Colony {
    /// Members that have not joined yet.
    pub fn new(settings: &Settings) -> Self {
        let provider: &'static dyn Provider = if settings.real {
            &PureRust
        } else {
            &StubProvider
        };
        let providers = vec![provider; settings.members];
        let mut world = World::with_providers(settings.seed, providers, &settings.config, LINK);
        world.apart_us = APART_US;
        world.thorough = settings.members <= 64;
        Self {
            world,
            books: Books::new(settings.members),
            joined: 0,
            config: settings.config.clone(),
            buf: vec![0; cast::MESSAGE_MOST],
        }
    }

    /// The part of a member in the tree.
    ///
    /// # Panics
    /// If it takes none.
    pub fn tree(&self, n: usize) -> &Tree {
        let node = &self.world.nodes[n];
        node.switch.tree(node.hashname).expect("a member")
    }

    /// True if it has joined, and neither died nor left.
    pub fn is_there(&self, n: usize) -> bool {
        let node = &self.world.nodes[n];
        node.is_awake() && node.switch.tree(node.hashname).is_some()
    }

    /// Those who are there.
    pub fn there(&self) -> Vec<usize> {
        let all = 0..self.world.nodes.len();
        all.filter(|n| self.is_there(*n)).collect()
    }

    /// Node `n` joins, and asks `contact` for a place if there is one.
    ///
    /// # Panics
    /// If it cannot.
    pub fn join(&mut self, n: usize, contact: Option<usize>) {
        self.join_as(n, contact, Part::default());
    }

    /// The same in this way.
    ///
    /// # Panics
    /// If it cannot.
    pub fn join_as(&mut self, n: usize, contact: Option<usize>, part: Part) {
        let now = self.world.now;
        let node = &mut self.world.nodes[n];
        let (local, secret) = (node.hashname, node.secret.clone());
        let joined = node.switch.join(now, local, &secret, part);
        joined.expect("a node that has not joined");
        self.joined += 1;
        self.books.on_joined(now, n);
        self.books.name(self.world.nodes[n].key, n);
        if let Some(contact) = contact {
            self.meet(n, contact);
        }
    }

    /// Node `n`, which died, starts again and joins: a new life of the same member.
    ///
    /// # Panics
    /// If it cannot.
    pub fn revive(&mut self, n: usize, contact: usize) {
        let secret = self.world.nodes[n].secret.clone();
        self.world.restart(n, &secret, &self.config);
        self.join(n, Some(contact));
    }

    /// Node `n` asks `contact` for a place.
    ///
    /// # Panics
    /// If it is no member.
    pub fn meet(&mut self, n: usize, contact: usize) {
        let now = self.world.now;
        let (key, at) = {
            let nodes = &self.world.nodes;
            let other = &nodes[contact];
            (other.key, other.seen())
        };
        let node = &mut self.world.nodes[n];
        let local = node.hashname;
        let met = node.switch.meet(now, local, &key, &[at]);
        met.expect("a member that meets another");
    }

    /// Node `n` leaves politely.
    ///
    /// # Panics
    /// If it is no member.
    pub fn leave(&mut self, n: usize) {
        let now = self.world.now;
        let node = &mut self.world.nodes[n];
        let local = node.hashname;
        node.switch.leave(now, local).expect("a member leaves");
        self.books.on_gone(n);
    }

    /// Node `n` dies without a word.
    pub fn kill(&mut self, n: usize) {
        self.world.crash(n);
        self.books.on_gone(n);
    }

    /// Node `n` broadcasts a message of so many bytes, at least eight; false if there is no room.
    ///
    /// # Panics
    /// If it is no member.
    pub fn broadcast(&mut self, n: usize, bytes: usize) -> bool {
        let now = self.world.now;
        let message = self.books.write(n, bytes);
        let epoch = self.tree(n).me().epoch;
        let node = &mut self.world.nodes[n];
        let sent = node.switch.broadcast(now, node.hashname, &message);
        match sent {
            Ok(sequence) => {
                self.books.on_sent(now, (n, epoch), sequence, &message);
                true
            }
            Err(_full) => false,
        }
    }

    /// Runs for so long, and reads everything that comes the instant that it does.
    pub fn run(&mut self, ms: u64) {
        self.until(ms, |_| None::<()>);
    }

    /// Runs until `done` gives something, or for so long.
    pub fn until<T>(&mut self, ms: u64, mut done: impl FnMut(&World) -> Option<T>) -> Option<T> {
        let Self {
            world, books, buf, ..
        } = self;
        world.until(ms, |world| {
            while let Some(n) = world.heard() {
                read(world, n, books, buf);
            }
            done(world)
        })
    }
}

/// Takes the events of node `n`, and reads its broadcasts.
fn read(world: &mut World, n: usize, books: &mut Books, buf: &mut [u8]) {
    let now = world.now;
    let node = &mut world.nodes[n];
    let events = std::mem::take(&mut node.events);
    let local = node.hashname;
    let is_placed = |event: &Event| matches!(event, Event::Tree(TreeEvent::Placed { .. }));
    if events.iter().any(is_placed)
        && books.entry(n).is_none()
        && let Some(tree) = node.switch.tree(local)
        && tree.standing().parent.is_some()
    {
        books.on_placed(now, n, tree.stats().asked);
    }
    let has_more = events
        .iter()
        .any(|event| matches!(event, Event::Tree(TreeEvent::Readable { .. })));
    if !has_more {
        return;
    }
    while let Ok(told) = node.switch.read_broadcast(now, local, buf) {
        books.on_read(now, n, &told, buf);
    }
}
