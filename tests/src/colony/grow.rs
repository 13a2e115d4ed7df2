//! How a colony comes to be, and what happens to it.

use std::{cell::RefCell, num::NonZero, thread};

use hydroid_core::{
    base::Time,
    line::{Provider, PureRust},
    switch::{Config, Event, Part, TreeEvent},
    tree::{Tree, cast},
};

use super::{Books, books::Note};
use crate::world::{Link, Node, StubProvider, World};

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
    /// On so many threads; it comes to the same on any number.
    pub threads: usize,
}

/// From so many members on it is worth while to have several threads.
const THREADED_FROM: usize = 200;

impl Settings {
    /// So many members with the config of everybody, and without real cryptography.
    pub fn new(members: usize, arity: u8, seed: u64) -> Self {
        let mut config = Config::default();
        config.tree.place.arity = arity;
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let threads = if members < THREADED_FROM {
            1
        } else {
            processors
        };
        Self {
            members,
            arity,
            seed,
            real: false,
            config,
            threads,
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
        world.go_in_strides(settings.threads);
        Self {
            world,
            books: Books::new(settings.members),
            joined: 0,
            config: settings.config.clone(),
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
        let message = self.books.write(bytes);
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
        let mut notes = self.world.stride(ms, read);
        notes.sort_by_key(|note| (note.at, note.n));
        for note in &notes {
            self.books.on_note(note);
        }
    }
}

/// Takes the events of node `n`, and reads its broadcasts.
fn read(at: Time, n: usize, node: &mut Node, notes: &mut Vec<Note>) {
    thread_local! {
        static BUF: RefCell<Vec<u8>> = RefCell::new(vec![0; cast::MESSAGE_MOST]);
    }
    let is_placed = |event: &Event| matches!(event, Event::Tree(TreeEvent::Placed { .. }));
    let is_readable = |event: &Event| matches!(event, Event::Tree(TreeEvent::Readable { .. }));
    let was_placed = node.events.iter().any(is_placed);
    let has_more = node.events.iter().any(is_readable);
    node.events.clear();
    let (local, now) = (node.hashname, node.time(at));
    let tree = node.switch.tree(local).filter(|_| was_placed);
    if let Some(tree) = tree.filter(|tree| tree.standing().parent.is_some()) {
        notes.push(Note::placed(at, n, tree.stats().asked));
    }
    if !has_more {
        return;
    }
    BUF.with_borrow_mut(|buf| {
        while let Ok(told) = node.switch.read_broadcast(now, local, buf) {
            notes.push(Note::told(at, n, told, buf));
        }
    });
}
