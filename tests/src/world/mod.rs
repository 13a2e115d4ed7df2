//! Switches in one process and in virtual time, thousands if need be, joined by links that delay,
//! lose, double, reorder, damage, hold up and refuse what they carry. It sleeps exactly to the next
//! deadline, looks at no node without cause, and holds every switch to the contracts of the façade
//! at every step.

mod clock;
mod dice;
mod disk;
mod faults;
mod hosts;
mod hub;
mod link;
mod network;
mod node;
mod nodes;
mod strides;
mod stub;
#[cfg(test)]
mod tests;
mod wheel;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
};

use hydroid_core::{
    base::{Deadline, Rng, Seed, Time, Wall},
    identity::{SecretKey, Space},
    line::{Provider, PureRust},
    switch::{Config, LineId, SocketId},
    tape,
};

pub use self::{
    clock::Clock,
    disk::Disk,
    faults::{Fault, Faults},
    link::Link,
    node::{Live, Node},
    nodes::Nodes,
    stub::StubProvider,
};
use self::{dice::Dice, network::Partition, strides::Strides, wheel::Wheel};
use crate::contracts::{self, Step};

/// Switches, the links between them, and the time.
#[derive(Debug)]
pub struct World {
    /// Now.
    pub now: Time,
    /// The switches; node `n` has the address `10.0.0.n:4000`, and beyond 255 `10.x.y.z:4000` with
    /// its number in the last three bytes.
    pub nodes: Nodes,
    /// The link between any two of them that were given no other.
    pub link: Link,
    /// Up to this much more latency between two nodes, each way: by how far they are apart.
    pub apart_us: u64,
    /// Datagrams delivered so far.
    pub delivered: u64,
    /// Deadlines handled so far.
    pub deadlines: u64,
    /// Every datagram that was sent, if it is kept: from, to, bytes.
    pub kept: Option<Vec<(SocketAddr, SocketAddr, Vec<u8>)>>,
    /// Every datagram that was delivered, if it is kept: when, to which node, bytes.
    pub caught: Option<Vec<(Time, usize, Vec<u8>)>>,
    /// Ways that carry nothing: from, to.
    pub cuts: BTreeSet<(SocketAddr, SocketAddr)>,
    /// What a shell's buffer holds.
    pub buffer_bytes: usize,
    /// Stands for every datagram that was sent: when, from where, to where, and its bytes.
    pub digest: u64,
    /// What went wrong so far.
    pub faults: Faults,
    /// At every step everything that a switch holds is counted too, and held to its limits. That
    /// costs a look at each of its lines.
    pub thorough: bool,
    /// More steps than this at one instant mean that somebody spins.
    pub steps_max: u32,
    wheel: Wheel,
    dice: Dice,
    rng: Rng,
    space: Space,
    buf: Vec<u8>,
    providers: Vec<&'static dyn Provider>,
    /// How each node is recorded from its next start on, if it is.
    tapes: Vec<Option<tape::Config>>,
    /// Tapes of switches that are no more.
    past: Vec<(usize, Vec<u8>)>,
    links: BTreeMap<(usize, usize), Link>,
    /// The links between addresses, which go before those between nodes.
    ways: BTreeMap<(SocketAddr, SocketAddr), Link>,
    pipes: BTreeMap<(usize, usize), link::Pipe>,
    partitions: Vec<Partition>,
    hubs: Vec<hub::Hub>,
    /// Nodes whose outputs are to be taken.
    busy: VecDeque<usize>,
    /// Nodes that have told something since somebody asked.
    heard: VecDeque<usize>,
    /// If it goes in strides.
    strides: Option<Strides>,
}

/// The only socket of a node that was given no others.
pub const SOCKET: SocketId = SocketId(0);
/// What a shell's buffer holds.
const BUFFER_BYTES: usize = 64 * 1024;
/// See [`World::steps_max`].
const STEPS_MAX: u32 = 10_000;

impl World {
    /// A world of `count` switches.
    pub fn new(seed: u64, count: usize, config: &Config, link: Link) -> Self {
        let providers = vec![&PureRust as &dyn Provider; count];
        Self::with_providers(seed, providers, config, link)
    }

    /// The same, with every switch recorded from its start.
    pub fn recorded(
        seed: u64,
        providers: Vec<&'static dyn Provider>,
        config: &Config,
        link: Link,
        tape: &tape::Config,
    ) -> Self {
        Self::build(seed, providers, config, link, Some(tape))
    }

    /// A world with a switch for each of these providers.
    pub fn with_providers(
        seed: u64,
        providers: Vec<&'static dyn Provider>,
        config: &Config,
        link: Link,
    ) -> Self {
        Self::build(seed, providers, config, link, None)
    }

    fn build(
        seed: u64,
        providers: Vec<&'static dyn Provider>,
        config: &Config,
        link: Link,
        tape: Option<&tape::Config>,
    ) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let mut rng = Rng::new(&Seed::new(bytes));
        let dice = Dice::new(rng.fork("world").u64());
        let mut world = Self {
            now: Time::ZERO,
            nodes: Nodes::default(),
            link,
            apart_us: 0,
            delivered: 0,
            deadlines: 0,
            kept: None,
            caught: None,
            cuts: BTreeSet::new(),
            buffer_bytes: BUFFER_BYTES,
            digest: 0,
            faults: Faults::default(),
            thorough: true,
            steps_max: STEPS_MAX,
            wheel: Wheel::default(),
            dice,
            rng: rng.fork("restarts"),
            space: Space::open("world").expect("a legal name"),
            buf: vec![0; BUFFER_BYTES],
            tapes: vec![tape.cloned(); providers.len()],
            past: Vec::new(),
            providers,
            links: BTreeMap::new(),
            ways: BTreeMap::new(),
            pipes: BTreeMap::new(),
            partitions: Vec::new(),
            hubs: Vec::new(),
            busy: VecDeque::new(),
            heard: VecDeque::new(),
            strides: None,
        };
        world.nodes.all.reserve_exact(world.providers.len());
        for n in 0..world.providers.len() {
            let secret = SecretKey::from_bytes(&rng.bytes());
            let node = world.boot(n, &secret, config, &Seed::new(rng.bytes()));
            world.nodes.push(node);
        }
        world
    }

    /// The wall time, of a clock that is right.
    pub fn wall(&self) -> Wall {
        hosts::wall(self.now)
    }

    /// Node `from` opens a line to node `to`.
    pub fn connect(&mut self, from: usize, to: usize) -> LineId {
        let (key, address) = (self.nodes[to].key, self.nodes[to].seen());
        let now = self.nodes[from].time(self.now);
        let node = &mut self.nodes[from];
        node.switch
            .connect(now, node.hashname, &key, &[address])
            .expect("a line to dial")
    }

    /// Both ends of a line between two nodes, up.
    pub fn line(&mut self, from: usize, to: usize) -> (LineId, LineId) {
        let ours = self.connect(from, to);
        let up = self.until(30_000, |world| world.nodes[from].take_up());
        assert_eq!(up, Some(ours), "the line comes up");
        let theirs = self.until(30_000, |world| world.nodes[to].take_up());
        (ours, theirs.expect("the line comes up"))
    }

    /// Runs until `done` gives something, or for `ms` milliseconds.
    pub fn until<T>(&mut self, ms: u64, done: impl FnMut(&mut Self) -> Option<T>) -> Option<T> {
        self.until_us(ms.saturating_mul(1000), done)
    }

    /// Runs until `done` gives something, or for `us` microseconds.
    pub fn until_us<T>(
        &mut self,
        us: u64,
        mut done: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<T> {
        assert!(self.strides.is_none(), "a world in strides only strides");
        let end = self.now.plus_us(us);
        loop {
            self.settle();
            if let Some(found) = done(self) {
                self.settle();
                return Some(found);
            }
            // What was commanded just now takes effect before time goes on.
            self.settle();
            let next = self.wheel.next();
            assert!(next > self.now, "settled, and yet due at {:?}", self.now);
            if next > end {
                self.now = end;
                return None;
            }
            self.now = next;
        }
    }

    /// Runs for `ms` milliseconds, and keeps no more memory afterwards than it must.
    pub fn run(&mut self, ms: u64) {
        self.until(ms, |_| None::<()>);
        self.wheel.rest();
    }

    /// A node that has told something since it was given here last; each once.
    pub fn heard(&mut self) -> Option<usize> {
        let n = self.heard.pop_front()?;
        self.nodes.all[n].heard = false;
        Some(n)
    }

    /// Datagrams on their way.
    pub fn in_flight(&self) -> usize {
        self.wheel.in_flight()
    }

    /// Does everything that happens at this instant.
    fn settle(&mut self) {
        for step in 0.. {
            assert!(step < self.steps_max, "the world spins at {:?}", self.now);
            self.look();
            while let Some(n) = self.busy.pop_front() {
                self.drain(n);
            }
            let mut busy = false;
            while let Some((place, mut flight)) = self.wheel.arrived(self.now) {
                self.deliver(&mut flight);
                self.wheel.give_back(place, flight.bytes);
                busy = true;
            }
            while let Some(n) = self.wheel.due(self.now) {
                self.wake_up(n);
                busy = true;
            }
            if !busy && self.nodes.changed.is_empty() {
                break;
            }
        }
    }

    /// Takes note of whatever somebody did to nodes.
    fn look(&mut self) {
        let mut changed = std::mem::take(&mut self.nodes.changed);
        for n in changed.drain(..) {
            self.nodes.list(n);
            let node = &mut self.nodes.all[n];
            node.changed = false;
            if node.switch.touched {
                node.switch.touched = false;
                self.touch(n);
            }
        }
        // Its memory is used again; nothing was put there meanwhile.
        self.nodes.changed = changed;
    }

    /// What this node has to give is to be taken.
    fn touch(&mut self, n: usize) {
        if !std::mem::replace(&mut self.nodes.all[n].busy, true) {
            self.busy.push_back(n);
        }
    }

    /// Node `n` is due.
    fn wake_up(&mut self, n: usize) {
        let wall = self.wall();
        let node = &mut self.nodes.all[n];
        if !node.is_awake() {
            return;
        }
        self.deadlines += u64::from(node.wake_up(self.now, wall));
        self.touch(n);
    }

    /// Takes everything that node `n` has to give.
    fn drain(&mut self, n: usize) {
        self.nodes.all[n].busy = false;
        if !self.nodes.all[n].is_awake() {
            return self.wheel.set(n, None);
        }
        let mut buf = std::mem::take(&mut self.buf);
        buf.resize(self.buffer_bytes, 0);
        let due = self.take_outputs(n, &mut buf);
        self.buf = buf;
        let next = self.nodes.all[n].next(due);
        self.wheel.set(n, next);
    }

    /// Tells the deadline of its switch afterwards.
    fn take_outputs(&mut self, n: usize, buf: &mut [u8]) -> Option<Deadline> {
        let now = self.nodes.all[n].ticks.at(self.now);
        let mut step = Step::begin(&self.nodes.all[n].switch, now);
        while let Some((transmit, from)) = self.nodes.all[n].give_out(now, buf, &mut step) {
            for datagram in buf[..transmit.len].chunks(transmit.segment) {
                let to = transmit.path.remote;
                if hub::is_everybody(to.ip()) {
                    self.say_to_all((n, from), datagram);
                } else {
                    self.send((n, from), to, datagram);
                }
            }
        }
        let node = &mut self.nodes.all[n];
        if node.tell(&mut step) && !std::mem::replace(&mut node.heard, true) {
            self.heard.push_back(n);
        }
        step.end(node.switch.inner(), buf, self.thorough);
        contracts::demand(&step, Some(&node.limits));
        step.after
    }
}
