//! Switches in one process and in virtual time, joined by a link that delays, loses, doubles,
//! reorders and damages what it carries. It sleeps exactly to the next deadline and checks the
//! contracts of the façade at every step.

mod node;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    net::SocketAddr,
};

use hydroid_core::{
    base::{Rng, Seed, Time, Wall},
    identity::{SecretKey, Space},
    line::{Provider, PureRust},
    switch::{Config, Interface, LineId, Meta, Need, Path, SentError, SocketId, Switch},
};

pub use self::node::Node;

/// What the link does to datagrams; the rates are in parts of a thousand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Link {
    /// One way, for every datagram.
    pub latency_us: u64,
    /// Up to this much more, drawn for each: it reorders.
    pub jitter_us: u64,
    /// Lost.
    pub loss: u64,
    /// Delivered twice.
    pub double: u64,
    /// One bit turned.
    pub damage: u64,
}

/// Switches, the link between them, and the time.
#[derive(Debug)]
pub struct World {
    /// Now.
    pub now: Time,
    /// The switches; node `n` has the address `10.0.0.n:4000`.
    pub nodes: Vec<Node>,
    /// The link, the same between all of them.
    pub link: Link,
    /// Datagrams delivered so far.
    pub delivered: u64,
    /// Every datagram that was sent, if it is kept: from, to, bytes.
    pub kept: Option<Vec<(SocketAddr, SocketAddr, Vec<u8>)>>,
    /// Ways that carry nothing: from, to.
    pub cuts: BTreeSet<(SocketAddr, SocketAddr)>,
    /// What a shell's buffer holds.
    pub buffer_bytes: usize,
    /// Stands for every datagram that was sent: when, from where, to where, and its bytes.
    pub digest: u64,
    flight: BTreeMap<(Time, u64), (SocketAddr, SocketAddr, Vec<u8>)>,
    sequence: u64,
    rng: Rng,
    space: Space,
    buf: Vec<u8>,
    providers: Vec<&'static dyn Provider>,
}

/// The only socket of a node that was given no others.
pub const SOCKET: SocketId = SocketId(0);
/// What a shell's buffer holds.
const BUFFER_BYTES: usize = 64 * 1024;
/// More steps than this at one instant mean that somebody spins.
const STEPS_MAX: u32 = 10_000;

impl World {
    /// A world of `count` switches.
    pub fn new(seed: u64, count: u8, config: &Config, link: Link) -> Self {
        let providers = vec![&PureRust as &dyn Provider; count.into()];
        Self::with_providers(seed, providers, config, link)
    }

    /// A world with a switch for each of these providers.
    pub fn with_providers(
        seed: u64,
        providers: Vec<&'static dyn Provider>,
        config: &Config,
        link: Link,
    ) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let mut rng = Rng::new(&Seed::new(bytes));
        let mut world = Self {
            now: Time::ZERO,
            nodes: Vec::new(),
            link,
            delivered: 0,
            kept: None,
            cuts: BTreeSet::new(),
            buffer_bytes: BUFFER_BYTES,
            digest: 0,
            flight: BTreeMap::new(),
            sequence: 0,
            rng: rng.fork("world"),
            space: Space::open("world").expect("a legal name"),
            buf: vec![0; BUFFER_BYTES],
            providers,
        };
        for n in (0..=u8::MAX).take(world.providers.len()) {
            let secret = SecretKey::from_bytes(&rng.bytes());
            let node = world.boot(n, &secret, config, &Seed::new(rng.bytes()));
            world.nodes.push(node);
        }
        world
    }

    /// A fresh switch for node `n`.
    fn boot(&self, n: u8, secret: &SecretKey, config: &Config, seed: &Seed) -> Node {
        let address = SocketAddr::from(([10, 0, 0, n], 4000));
        let mut switch = Switch::with_provider(config.clone(), seed, self.providers[n as usize])
            .expect("a legal config");
        switch.handle_network_change(
            self.now,
            &[Interface {
                socket: SOCKET,
                local: address,
            }],
        );
        switch.handle_clock(self.now, self.wall());
        let key = secret.public();
        let hashname = switch
            .install(self.now, secret, &self.space)
            .expect("installs");
        Node {
            switch,
            address,
            also: Vec::new(),
            sockets: Vec::new(),
            outside: None,
            hashname,
            key,
            events: VecDeque::new(),
            online: true,
            disk: BTreeMap::new(),
            needs: 0,
            asleep: None,
            lag_us: 0,
        }
    }

    /// Node `n` loses everything but its identity and starts again.
    pub fn restart(&mut self, n: u8, secret: &SecretKey, config: &Config) {
        let seed = Seed::new(self.rng.bytes());
        self.nodes[n as usize] = self.boot(n, secret, config, &seed);
    }

    /// Node `n` has another address from now on; at the old one nobody is. `told` says whether its
    /// shell notices.
    pub fn move_to(&mut self, n: usize, address: SocketAddr, told: bool) {
        let now = self.nodes[n].time(self.now);
        let node = &mut self.nodes[n];
        node.address = address;
        if told {
            node.tell_sockets(now, address);
        }
    }

    /// Node `n` has further addresses on its one socket.
    pub fn give(&mut self, n: usize, also: &[SocketAddr]) {
        let now = self.nodes[n].time(self.now);
        let node = &mut self.nodes[n];
        node.also = also.to_vec();
        let any = SocketAddr::from(([0, 0, 0, 0], node.address.port()));
        node.tell_sockets(now, any);
    }

    /// Node `n` has these sockets from now on, each with one address, and its shell tells so.
    pub fn bind(&mut self, n: usize, sockets: &[Interface]) {
        let now = self.nodes[n].time(self.now);
        let node = &mut self.nodes[n];
        node.sockets = sockets.to_vec();
        node.switch.handle_network_change(now, sockets);
    }

    /// Cuts a way, or both ways, between two addresses, or mends it.
    pub fn cut(&mut self, one: SocketAddr, other: SocketAddr, ways: [bool; 2]) {
        for (way, is_cut) in [(one, other), (other, one)].into_iter().zip(ways) {
            if is_cut {
                self.cuts.insert(way);
            } else {
                self.cuts.remove(&way);
            }
        }
    }

    /// The same, but it gets back what it asked to be kept.
    ///
    /// # Panics
    /// If the switch does not take it.
    pub fn restart_kept(&mut self, n: u8, secret: &SecretKey, config: &Config) {
        let node = &mut self.nodes[n as usize];
        let (disk, needs) = (std::mem::take(&mut node.disk), node.needs);
        self.restart(n, secret, config);
        let node = &mut self.nodes[n as usize];
        for (key, bytes) in &disk {
            let restored = node.switch.restore(self.now, key, bytes);
            restored.expect("what was kept is taken back");
        }
        (node.disk, node.needs) = (disk, needs);
    }

    /// The machine of node `n` sleeps: nothing comes to it, and nobody calls its switch.
    pub fn sleep(&mut self, n: usize) {
        self.nodes[n].asleep = Some(self.now);
    }

    /// The machine of node `n` wakes. If its clock `counted` while it slept, its shell notices
    /// nothing but late timers; if not, it notices that the wall time ran ahead.
    pub fn wake(&mut self, n: usize, counted: bool) {
        let (now, wall) = (self.now, self.wall());
        let node = &mut self.nodes[n];
        let Some(since) = node.asleep.take() else {
            return;
        };
        if !counted {
            node.lag_us += now.since_us(since);
            let now = node.time(now);
            node.switch.handle_clock(now, wall);
        }
    }

    /// The wall time.
    pub fn wall(&self) -> Wall {
        Wall::from_ms(1_700_000_000_000 + self.now.as_us() / 1000)
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
    pub fn until<T>(&mut self, ms: u64, mut done: impl FnMut(&mut Self) -> Option<T>) -> Option<T> {
        let end = self.now.plus_ms(ms);
        loop {
            self.settle();
            if let Some(found) = done(self) {
                self.settle();
                return Some(found);
            }
            // What was commanded just now takes effect before time goes on.
            self.settle();
            let next = self.next();
            if next > end {
                self.now = end;
                return None;
            }
            self.now = next;
        }
    }

    /// Runs for `ms` milliseconds.
    pub fn run(&mut self, ms: u64) {
        self.until(ms, |_| None::<()>);
    }

    /// Puts a datagram on its way to node `to`, as if `from` had sent it.
    pub fn inject(&mut self, from: SocketAddr, to: usize, datagram: Vec<u8>) {
        let to = self.nodes[to].address;
        self.flight
            .insert((self.now, self.sequence), (from, to, datagram));
        self.sequence += 1;
    }

    /// Does everything that happens at this instant.
    fn settle(&mut self) {
        for step in 0.. {
            assert!(step < STEPS_MAX, "the world spins at {:?}", self.now);
            let mut busy = false;
            for n in 0..self.nodes.len() {
                busy |= self.drain(n);
            }
            while let Some(entry) = self.flight.first_entry().filter(|e| e.key().0 <= self.now) {
                let (from, to, datagram) = entry.remove();
                self.deliver(from, to, datagram);
                busy = true;
            }
            for node in self.nodes.iter_mut().filter(|node| node.asleep.is_none()) {
                let now = node.time(self.now);
                let due = node.switch.poll_timeout();
                if due.is_some_and(|deadline| deadline.at <= now) {
                    node.switch.handle_timeout(now);
                    busy = true;
                }
            }
            if !busy {
                break;
            }
        }
    }

    fn drain(&mut self, n: usize) -> bool {
        if self.nodes[n].asleep.is_some() {
            return false;
        }
        let mut busy = false;
        let mut buf = std::mem::take(&mut self.buf);
        buf.resize(self.buffer_bytes, 0);
        let now = self.nodes[n].time(self.now);
        while let Some(transmit) = self.nodes[n].switch.poll_transmit(now, &mut buf) {
            busy = true;
            assert!(
                transmit.len > 0 && transmit.segment > 0,
                "an empty transmit"
            );
            let node = &mut self.nodes[n];
            let Some(from) = node.source(transmit.socket, transmit.path) else {
                let error = SentError::Unreachable;
                node.switch.handle_sent_error(now, &transmit, error);
                continue;
            };
            for datagram in buf[..transmit.len].chunks(transmit.segment) {
                self.send((n, from), transmit.path.remote, datagram);
            }
        }
        assert_eq!(
            self.nodes[n].switch.poll_transmit(now, &mut buf),
            None,
            "None stays None"
        );
        self.buf = buf;
        let node = &mut self.nodes[n];
        while let Some(event) = node.switch.poll_event() {
            node.events.push_back(event);
            busy = true;
        }
        while let Some(need) = node.switch.poll_need() {
            let Need::Keep { key, bytes } = need else {
                panic!("a need of no known kind: {need:?}");
            };
            node.disk.insert(key, bytes);
            node.needs += 1;
            busy = true;
        }
        busy
    }

    fn send(&mut self, (from, from_address): (usize, SocketAddr), to: SocketAddr, datagram: &[u8]) {
        let mut hasher = DefaultHasher::new();
        (self.digest, self.now, from_address, to, datagram).hash(&mut hasher);
        self.digest = hasher.finish();
        if let Some(kept) = &mut self.kept {
            kept.push((from_address, to, datagram.to_vec()));
        }
        let is_cut = self.cuts.contains(&(from_address, to));
        if is_cut || !self.nodes[from].online || self.rng.below(1000) < self.link.loss {
            return;
        }
        let copies = if self.rng.below(1000) < self.link.double {
            2
        } else {
            1
        };
        for _ in 0..copies {
            let mut datagram = datagram.to_vec();
            if self.rng.below(1000) < self.link.damage {
                let bit = self.rng.below(datagram.len() as u64 * 8);
                datagram[bit as usize / 8] ^= 1 << (bit % 8);
            }
            let delay = self.link.latency_us + self.rng.below(self.link.jitter_us + 1);
            self.flight.insert(
                (self.now.plus_us(delay), self.sequence),
                (from_address, to, datagram),
            );
            self.sequence += 1;
        }
    }

    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, mut datagram: Vec<u8>) {
        let node = self
            .nodes
            .iter_mut()
            .find_map(|node| Some((node.inside(to)?, node)));
        let Some(((socket, to), node)) =
            node.filter(|(_, node)| node.online && node.asleep.is_none())
        else {
            return;
        };
        let now = node.time(self.now);
        self.delivered += 1;
        let meta = Meta {
            socket,
            path: Path::new(Some(to.ip()), from),
            interface: 0,
            ecn: hydroid_core::switch::Ecn::None,
            stride: datagram.len(),
        };
        node.switch.handle_datagram(now, &meta, &mut datagram);
    }

    /// The next instant at which something happens.
    fn next(&self) -> Time {
        let awake = self.nodes.iter().filter(|node| node.asleep.is_none());
        let timers = awake.filter_map(|node| {
            let deadline = node.switch.poll_timeout()?;
            let at = deadline.at.plus_us(node.lag_us);
            assert!(
                at > self.now,
                "drained, and yet due: {deadline:?} at {:?}",
                self.now
            );
            Some(at)
        });
        let flight = self.flight.keys().next().map(|(at, _)| *at);
        timers.chain(flight).min().unwrap_or(Time::NEVER)
    }
}
