//! The room alone: rooms on one wire, with neither switch nor socket.

mod crowd;
mod hostile;
mod protocol;

use std::{cell::Cell, collections::BTreeMap, net::SocketAddr, vec, vec::Vec};

use zeroize::Zeroizing;

use super::*;
use crate::{
    base::{Effects, Rng, Seed, Time, Wall},
    identity::{Hashname, Keys, PublicKey, SecretKey, Signature, SpaceId},
    wire::{Head, Packet, SocketId},
};

const SPACE: SpaceId = SpaceId::from_bytes([7; 32]);
const WALL_MS: u64 = 1_700_000_000_000;

fn verify(
    space: &SpaceId,
    key: &PublicKey,
    kind: &str,
    bytes: &[u8],
    signature: &Signature,
) -> bool {
    key.verify(kind, space, bytes, signature)
}

/// A room with one identity and one network.
struct Host {
    lan: Lan,
    local: Hashname,
    key: PublicKey,
    address: SocketAddr,
    /// How far its clock goes before the others'; `None` if nobody told it the time.
    ahead_ms: Option<i64>,
    own: Own,
    changed: u32,
    dropped: BTreeMap<&'static str, u64>,
    /// It takes every signature for a good one, which costs nothing.
    trusts: bool,
    /// How many signatures it has checked.
    checked: Cell<u64>,
}

fn name(n: u16) -> Hashname {
    let mut bytes = [0; 20];
    bytes[..2].copy_from_slice(&n.to_be_bytes());
    Hashname::from_bytes(bytes)
}

fn secret(n: u16) -> SecretKey {
    let mut bytes = [1; 32];
    bytes[..2].copy_from_slice(&n.to_be_bytes());
    SecretKey::from_bytes(&bytes)
}

fn network(n: u16) -> LocalNetwork {
    let [a, b] = n.to_be_bytes();
    LocalNetwork {
        interface: 1,
        socket: SocketId(9),
        local: [10, 0, a, b].into(),
        prefix_bits: 8,
        broadcast: Some([10, 255, 255, 255].into()),
        multicast: true,
    }
}

fn member(n: u16, tag_key: TagKey) -> Member {
    Member {
        local: name(n),
        space: SPACE,
        secret: secret(n),
        tag_keys: vec![Zeroizing::new(tag_key)],
    }
}

impl Host {
    fn new(seed: u64, n: u16, config: &Config) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        bytes[8..10].copy_from_slice(&n.to_be_bytes());
        let mut lan = Lan::new(config, Rng::new(&Seed::new(bytes)));
        lan.announce(Time::ZERO, member(n, [3; 32]));
        Self {
            lan,
            local: name(n),
            key: secret(n).public(),
            address: SocketAddr::from((network(n).local, 40_000)),
            ahead_ms: Some(0),
            own: Own::default(),
            changed: 0,
            dropped: BTreeMap::new(),
            trusts: false,
            checked: Cell::new(0),
        }
    }

    fn wall(&self, now: Time) -> Option<Wall> {
        let right = i128::from(WALL_MS + now.as_us() / 1000);
        let ahead_ms = self.ahead_ms?;
        let shown = u64::try_from(right + i128::from(ahead_ms)).unwrap();
        Some(Wall::from_ms(shown))
    }

    fn hear(&mut self, now: Time, from: SocketAddr, packet: &[u8]) -> Result<(), Unheard> {
        let packet = Packet::decode(packet).expect("it is one");
        assert!(matches!(packet.head, Head::Binary(head) if is_announcement(head)));
        let mut fx = Effects::new(8);
        let at = (now, self.wall(now));
        let came = Came { interface: 1, from };
        let (checked, trusts) = (&self.checked, self.trusts);
        let verify = |space: &_, key: &_, kind: &_, bytes: &_, signature: &_| {
            checked.set(checked.get() + 1);
            trusts || verify(space, key, kind, bytes, signature)
        };
        let keys = (PublicKey::from_bytes as Keys, &verify as Verify<'_>);
        let heard = self.lan.on_packet(at, came, packet.body, keys, &mut fx);
        while fx.pop().is_some() {
            self.changed += 1;
        }
        if let Err(unheard) = heard {
            *self.dropped.entry(unheard.code()).or_default() += 1;
        }
        heard
    }

    fn knows(&self, other: &Self) -> bool {
        self.lan.found(self.local).any(|it| it.key == other.key)
    }

    fn neighbours(&self) -> usize {
        self.lan.found(self.local).count()
    }
}

/// Hosts on one wire.
struct Wire {
    hosts: Vec<Host>,
    now: Time,
    dice: Rng,
    /// Of a thousand packets so many reach nobody, each for itself.
    loss: u64,
    /// What is under way: when it arrives, from whom, to whom, and its bytes.
    flying: BTreeMap<(Time, u64), (usize, usize, Vec<u8>)>,
    flown: u64,
    /// Logical announcements: those of one host at one instant are one.
    said: Vec<Time>,
    recorded: Vec<(SocketAddr, Vec<u8>)>,
    /// Hosts that do not run yet, or any more.
    off: Vec<usize>,
}

impl Wire {
    fn new(seed: u64, count: u16, config: &Config) -> Self {
        let mut wire = Self {
            hosts: (0..count).map(|n| Host::new(seed, n, config)).collect(),
            now: Time::ZERO,
            dice: Rng::new(&Seed::new([seed as u8; 32])),
            loss: 0,
            flying: BTreeMap::new(),
            flown: 0,
            said: Vec::new(),
            recorded: Vec::new(),
            off: Vec::new(),
        };
        for n in 0..count {
            wire.start(n);
        }
        wire
    }

    fn start(&mut self, n: u16) {
        self.off.retain(|off| *off != usize::from(n));
        let stations = [(network(n), 40_000)].into_iter();
        self.hosts[usize::from(n)]
            .lan
            .set_stations(self.now, stations);
    }

    /// Runs until `done`, or for so long; true if it was done.
    fn until(&mut self, ms: u64, mut done: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now.plus_ms(ms);
        loop {
            self.speak();
            if done(self) {
                return true;
            }
            let due = self.hosts.iter().enumerate();
            let due = due.filter(|(n, _)| !self.off.contains(n));
            let due = due.filter_map(|(_, host)| host.lan.deadline()).min();
            let arrives = self.flying.keys().next().map(|it| it.0);
            let next = due.into_iter().chain(arrives).min().unwrap_or(Time::NEVER);
            if next > end {
                self.now = end;
                return false;
            }
            self.now = self.now.max(next);
            self.step();
        }
    }

    fn step(&mut self) {
        let now = self.now;
        while let Some(entry) = self.flying.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let (from, to, bytes) = entry.remove();
            if self.off.contains(&to) {
                continue;
            }
            let from = self.hosts[from].address;
            let _heard = self.hosts[to].hear(now, from, &bytes);
        }
        for (n, host) in self.hosts.iter_mut().enumerate() {
            if self.off.contains(&n) || host.lan.deadline().is_none_or(|at| at > now) {
                continue;
            }
            let (wall, own) = (host.wall(now), host.own);
            let mut fx = Effects::new(8);
            host.lan.on_deadline(now, wall, &|_| own, &mut fx);
            while fx.pop().is_some() {
                host.changed += 1;
            }
        }
    }

    fn speak(&mut self) {
        let mut buf = [0; 256];
        for from in 0..self.hosts.len() {
            let mut spoke = false;
            while let Some((route, len)) = self.hosts[from].lan.poll(&mut buf) {
                spoke = true;
                assert_eq!(route.socket, SocketId(9));
                if route.path.remote.ip().is_multicast() {
                    self.send(from, &buf[..len]);
                }
            }
            if spoke {
                self.said.push(self.now);
            }
        }
    }

    fn send(&mut self, from: usize, bytes: &[u8]) {
        self.recorded
            .push((self.hosts[from].address, bytes.to_vec()));
        for to in 0..self.hosts.len() {
            if to == from || self.dice.below(1_000) < self.loss {
                continue;
            }
            self.flown += 1;
            let at = self.now.plus_us(100 + self.dice.below(400));
            let flight = (from, to, bytes.to_vec());
            self.flying.insert((at, self.flown), flight);
        }
    }

    fn all_know_all(&self) -> bool {
        let most = self.hosts.len() - 1;
        self.hosts.iter().all(|host| host.neighbours() == most)
    }

    fn ms(&self) -> u64 {
        self.now.as_us() / 1000
    }
}

#[test]
fn lan_two_that_start_find_each_other_at_once() {
    for seed in 0..50 {
        let mut wire = Wire::new(seed, 2, &Config::default());
        wire.off.push(1);
        let later = wire.dice.below(3_000);
        assert!(!wire.until(later, Wire::all_know_all));
        let from = wire.now;
        wire.start(1);
        assert!(wire.until(1_000, Wire::all_know_all));
        let took_us = wire.now.since_us(from);
        assert!(took_us <= 15_000, "seed {seed}: {took_us} us");
    }
}

// S4.6.
#[test]
fn lan_those_who_start_at_the_same_moment_on_the_same_port_find_each_other() {
    for seed in 0..1_000 {
        let mut wire = Wire::new(seed, 2, &Config::default());
        assert!(wire.until(100, Wire::all_know_all), "seed {seed}");
    }
}

#[test]
fn lan_loss_of_a_third_delays_and_hides_nobody() {
    let mut took = Vec::new();
    for seed in 0..300 {
        let mut wire = Wire::new(seed, 2, &Config::default());
        wire.loss = 300;
        assert!(wire.until(60_000, Wire::all_know_all), "seed {seed}");
        took.push(wire.ms());
    }
    took.sort_unstable();
    assert!(took[took.len() * 99 / 100] <= 3_000, "{took:?}");
}

#[test]
fn lan_fifty_that_start_together_all_know_each_other_soon() {
    for seed in 0..3 {
        let mut wire = Wire::new(seed, 50, &Config::default());
        assert!(wire.until(1_500, Wire::all_know_all), "seed {seed}");
        // One more is told of enough of them, and they all learn of it.
        let mut more = Wire::new(seed, 51, &Config::default());
        more.off.push(50);
        more.until(30_000, |_| false);
        more.start(50);
        let before = more.said.len();
        assert!(more.until(300, |it| it.hosts[50].neighbours() >= 5));
        assert!(more.until(1_500, |it| {
            it.hosts[..50].iter().all(|host| host.knows(&it.hosts[50]))
        }));
        let said = more.said.len() - before;
        assert!(said <= 40, "{said} answers");
    }
}

#[test]
fn lan_answers_come_the_sooner_and_the_fewer_the_less_is_allowed() {
    let config = Config {
        answer_ms: 0,
        answers_enough: 1,
        ..Config::default()
    };
    let mut wire = Wire::new(12, 21, &config);
    wire.off.push(20);
    wire.until(30_000, |_| false);
    let before = wire.said.len();
    wire.start(20);
    assert!(
        wire.until(5, |it| it.hosts[20].neighbours() >= 15),
        "at once"
    );
    // Whoever hears one of these first answers has nothing to add.
    wire.until(900, |_| false);
    let said = wire.said.len() - before;
    assert!(said <= 5 + 2 * 20, "{said}");
}

#[test]
fn lan_window_bounds_how_far_clocks_may_be_apart() {
    let config = Config {
        window_ms: 2_000,
        ..Config::default()
    };
    for (ahead_ms, is_near) in [(1_900, true), (2_100, false)] {
        let mut wire = Wire::new(13, 2, &config);
        wire.hosts[1].ahead_ms = Some(ahead_ms);
        wire.until(1_000, |_| false);
        let untimely = wire.hosts[0].dropped.contains_key("announcement_untimely");
        assert_eq!(untimely, !is_near, "{ahead_ms} ms");
        assert!(wire.all_know_all());
    }
}

// S3.12: the more there are, the less each says.
#[test]
fn lan_settled_network_says_five_things_a_second_at_most() {
    for count in [2_u16, 13, 100] {
        let mut wire = Wire::new(1, count, &Config::default());
        for host in &mut wire.hosts {
            host.trusts = count > 50;
        }
        // Until all know each other, and each has paused.
        let pause_ms = rhythm::Rhythm::longest_ms(count.into());
        wire.until(60_000 + 2 * pause_ms, |_| false);
        assert!(wire.all_know_all(), "{count}");
        let from = wire.said.len();
        let ms = 60_000 + pause_ms;
        wire.until(ms, |_| false);
        let said = (wire.said.len() - from) as u64;
        assert!(said * 1_000 <= 5 * ms, "{count}: {said} in {ms} ms");
        assert!(wire.all_know_all(), "{count}: nobody is taken for gone");
    }
}

#[test]
fn lan_whoever_leaves_says_so_and_whoever_falls_silent_is_missed() {
    let mut wire = Wire::new(4, 3, &Config::default());
    assert!(wire.until(100, Wire::all_know_all));
    wire.until(5_000, |_| false);
    let (now, wall) = (wire.now, wire.hosts[2].wall(wire.now));
    let local = wire.hosts[2].local;
    wire.hosts[2].lan.hush(now, wall, local);
    assert!(wire.until(2, |it| !it.hosts[0].knows(&it.hosts[2])));
    wire.off.push(2);
    wire.until(10_000, |_| false);
    assert!(wire.hosts[0].knows(&wire.hosts[1]));
    assert_eq!(wire.hosts[0].neighbours(), 1);
    wire.off.push(1);
    let changed = wire.hosts[0].changed;
    assert!(wire.until(30_000, |it| it.hosts[0].neighbours() == 0));
    assert_eq!(wire.hosts[0].changed, changed + 1);
}

// S3.9, S4.2, S4.10.
#[test]
fn lan_port_that_is_sent_to_changes_and_every_network_is_said_to() {
    let config = Config {
        port_ms: 10_000,
        ..Config::default()
    };
    let mut host = Host::new(10, 0, &config);
    let networks = [
        (network(0), 1),
        (
            LocalNetwork {
                interface: 2,
                socket: SocketId(5),
                broadcast: None,
                local: "fe80::1".parse().unwrap(),
                ..network(0)
            },
            2,
        ),
    ];
    host.lan.set_stations(Time::ZERO, networks.into_iter());
    let mut ports = BTreeMap::new();
    let mut buf = [0; 256];
    let end = Time::ZERO.plus_ms(60_000);
    let mut short = [0; 100];
    while let Some(now) = host.lan.deadline().filter(|at| *at < end) {
        let mut fx = Effects::new(8);
        host.lan
            .on_deadline(now, host.wall(now), &|_| Own::default(), &mut fx);
        assert!(host.lan.has_output());
        assert_eq!(host.lan.poll(&mut short), None, "it waits for room");
        let mut to = Vec::new();
        while let Some((route, _)) = host.lan.poll(&mut buf) {
            *ports.entry(route.path.remote.port()).or_insert(0) += 1;
            to.push((route.socket.0, route.path.remote.ip().is_multicast()));
        }
        to.sort_unstable();
        assert_eq!(to, [(5, true), (9, false), (9, true)]);
    }
    assert!(ports.keys().eq(PORTS.iter()), "{ports:?}");
}
