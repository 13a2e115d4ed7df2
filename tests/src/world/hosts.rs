//! What happens to hosts: they start, move, sleep, crash and start again, and their clocks are off.

use std::net::SocketAddr;

use hydroid_core::{
    base::{Seed, Time, Wall},
    identity::SecretKey,
    switch::{Config, Interface},
    tape::{self, Recorded},
};

use super::{Clock, Fault, Node, SOCKET, World, clock::Ticks};
use crate::contracts::Limits;

/// A shell tells the wall time so often.
pub(super) const WALL_EVERY_MS: u64 = 60_000;

/// What a clock that is right shows then.
pub(super) fn wall(now: Time) -> Wall {
    Wall::from_ms(1_700_000_000_000 + now.as_us() / 1000)
}

impl World {
    /// A fresh switch for node `n`.
    pub(super) fn boot(&self, n: usize, secret: &SecretKey, config: &Config, seed: &Seed) -> Node {
        let address = address(n);
        let mut switch = Recorded::new(
            config.clone(),
            seed,
            self.providers[n],
            self.tapes[n].clone(),
        )
        .expect("a legal config");
        switch.handle_network_change(
            self.now,
            &[Interface {
                socket: SOCKET,
                local: address,
            }],
        );
        let clock = self
            .nodes
            .get(n)
            .map_or_else(Clock::default, |old| old.clock);
        switch.handle_clock(self.now, self.wall_of(n));
        let hashname = switch
            .install(self.now, secret, &self.space)
            .expect("installs");
        let names = (secret.clone(), hashname);
        let mut node = Node::new(self.now, switch, address, names, Limits::of(config));
        if let Some(old) = self.nodes.get(n) {
            (node.clock, node.clock_set) = (clock, old.clock_set);
            node.tells_wall_at = old.tells_wall_at;
            node.ticks = Ticks::right(self.now, clock.ticks_ppm);
        }
        node
    }

    /// Node `n` loses everything but its identity and starts again.
    pub fn restart(&mut self, n: usize, secret: &SecretKey, config: &Config) {
        self.faults.fire(Fault::Restart);
        self.start_again(n, secret, config);
    }

    /// The same, but it gets back what it asked to be kept.
    ///
    /// # Panics
    /// If the switch does not take it.
    pub fn restart_kept(&mut self, n: usize, secret: &SecretKey, config: &Config) {
        self.faults.fire(Fault::RestartKept);
        let node = &mut self.nodes[n];
        let (disk, needs) = (std::mem::take(&mut node.disk), node.needs);
        self.start_again(n, secret, config);
        let node = &mut self.nodes[n];
        for (key, bytes) in disk.iter() {
            let restored = node.switch.restore(self.now, key, bytes);
            restored.expect("what was kept is taken back");
        }
        (node.disk, node.needs) = (disk, needs);
    }

    fn start_again(&mut self, n: usize, secret: &SecretKey, config: &Config) {
        let seed = Seed::new(self.rng.bytes());
        let node = self.boot(n, secret, config, &seed);
        let tape = self.tape(n);
        self.past
            .extend(Some((n, tape)).filter(|(_, tape)| !tape.is_empty()));
        self.nodes.put(n, node);
    }

    /// From its next start on, node `n` is recorded in this way.
    pub fn record(&mut self, n: usize, tape: tape::Config) {
        self.tapes[n] = Some(tape);
    }

    /// What was recorded of node `n` since it started, or since this was asked last.
    pub fn tape(&mut self, n: usize) -> Vec<u8> {
        let mut tape = Vec::new();
        self.nodes.all[n].switch.inner().take_tape(&mut tape);
        tape
    }

    /// Everything that was recorded, of switches that are no more and of those that live, each with
    /// the number of its node.
    pub fn tapes(&mut self) -> Vec<(usize, Vec<u8>)> {
        let mut tapes = std::mem::take(&mut self.past);
        for n in 0..self.nodes.len() {
            let tape = self.tape(n);
            tapes.extend(Some((n, tape)).filter(|(_, tape)| !tape.is_empty()));
        }
        tapes
    }

    /// Node `n` stops without a word, until it is restarted: nothing comes to it, nothing leaves
    /// it, and nobody calls its switch.
    pub fn crash(&mut self, n: usize) {
        self.faults.fire(Fault::Crash);
        self.nodes[n].crashed = true;
        self.nodes[n].switch.touched = true;
    }

    /// Node `n` has another address from now on; at the old one nobody is. `told` says whether its
    /// shell notices.
    pub fn move_to(&mut self, n: usize, address: SocketAddr, told: bool) {
        self.faults.fire(Fault::Move);
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

    /// Node `n` loses the address that it is reached at first, and goes on with the next of its
    /// others. Its shell does not notice. False if it has no other.
    pub fn lose_address(&mut self, n: usize) -> bool {
        if self.nodes[n].also.is_empty() {
            return false;
        }
        self.faults.fire(Fault::AddressLost);
        let node = &mut self.nodes[n];
        node.address = node.also.remove(0);
        true
    }

    /// Node `n` has these sockets from now on, each with one address, and its shell tells so.
    pub fn bind(&mut self, n: usize, sockets: &[Interface]) {
        let now = self.nodes[n].time(self.now);
        let node = &mut self.nodes[n];
        node.sockets = sockets.to_vec();
        node.switch.handle_network_change(now, sockets);
    }

    /// The machine of node `n` sleeps: nothing comes to it, and nobody calls its switch.
    pub fn sleep(&mut self, n: usize) {
        self.faults.fire(Fault::Sleep);
        let node = &mut self.nodes[n];
        node.asleep.get_or_insert(self.now);
        node.switch.touched = true;
    }

    /// The machine of node `n` wakes. If its clock `counted` while it slept, its shell notices
    /// nothing but late timers; if not, it notices that the wall time ran ahead.
    pub fn wake(&mut self, n: usize, counted: bool) {
        let wall = self.wall_of(n);
        let now = self.now;
        let node = &mut self.nodes[n];
        let Some(since) = node.asleep.take() else {
            return;
        };
        node.switch.touched = true;
        if !counted {
            node.ticks.resume(now, since, node.clock.ticks_ppm);
            let now = node.time(now);
            node.switch.handle_clock(now, wall);
        }
    }

    /// The clocks of node `n` are off by so much from now on. Its shell tells the wall time at once
    /// and then every minute.
    pub fn set_clock(&mut self, n: usize, clock: Clock) {
        if clock != Clock::default() {
            self.faults.fire(Fault::Clock);
        }
        let now = self.now;
        let node = &mut self.nodes[n];
        node.ticks.resume(now, now, clock.ticks_ppm);
        (node.clock, node.clock_set) = (clock, now);
        node.tells_wall_at = Some(now);
        node.switch.touched = true;
    }

    /// What the wall clock of node `n` shows.
    pub fn wall_of(&self, n: usize) -> Wall {
        let right = self.wall();
        let node = self.nodes.get(n);
        node.map_or(right, |node| node.wall(self.now, right))
    }
}

/// Where node `n` is at first.
fn address(n: usize) -> SocketAddr {
    let [_, a, b, c] = u32::try_from(n)
        .expect("fewer than 2^24 nodes")
        .to_be_bytes();
    SocketAddr::from(([10, a, b, c], 4000))
}
