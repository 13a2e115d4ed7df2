//! Switches on local networks of the world: they find each other, keep lines to some, and grow one
//! tree, without anybody naming anybody.

mod lines;

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use hydroid_core::{
    identity::{Admission, Gate, Roles, SecretKey},
    lan::Unheard,
    switch::{Config, DropReason, Event, Interface, Part, SocketId, SpaceCommandError},
    tape::Recorded,
};
use hydroid_tests::world::{Link, World};

/// A network of a room: half a millisecond away.
const NEAR: Link = Link {
    latency_us: 300,
    jitter_us: 200,
    ..Link::PERFECT
};

/// A world of so many switches on one network.
fn room(seed: u64, count: usize, config: &Config, link: Link) -> World {
    let mut world = World::new(seed, count, config, link);
    let places: Vec<_> = (0..count).map(|n| (n, world.nodes[n].address)).collect();
    world.hub(&places);
    world
}

fn announce(world: &mut World, n: usize) {
    let now = world.nodes[n].time(world.now);
    let node = &mut world.nodes[n];
    let (local, secret) = (node.hashname, node.secret.clone());
    node.switch
        .announce(now, local, &secret)
        .expect("it is announced");
}

fn join(world: &mut World, n: usize) {
    let now = world.nodes[n].time(world.now);
    let node = &mut world.nodes[n];
    let (local, secret) = (node.hashname, node.secret.clone());
    let joined = node.switch.join(now, local, &secret, Part::default());
    joined.expect("it joins");
}

fn neighbours(world: &World, n: usize) -> usize {
    let node = &world.nodes[n];
    node.switch.neighbours(node.hashname).count()
}

fn knows(world: &World, n: usize, other: usize) -> bool {
    let node = &world.nodes[n];
    let key = world.nodes[other].key;
    let mut all = node.switch.neighbours(node.hashname);
    all.any(|it| it.peer.key == key)
}

fn members(world: &World, n: usize) -> u32 {
    let node = &world.nodes[n];
    let tree = node.switch.tree(node.hashname);
    tree.map_or(0, |tree| tree.standing().members)
}

/// Lines that are up between each two, and how many each was asked for.
fn lines(world: &World) -> (BTreeMap<(usize, usize), u32>, Vec<u32>) {
    let (mut pairs, mut served) = (BTreeMap::new(), vec![0; world.nodes.len()]);
    for (n, node) in world.nodes.iter().enumerate() {
        for known in node.switch.peers(node.hashname).filter(|it| it.line) {
            let other = world.nodes.iter().position(|it| it.key == known.peer.key);
            let other = other.expect("it is one of them");
            *pairs.entry((n.min(other), n.max(other))).or_default() += 1;
            served[n] += 1;
        }
    }
    (pairs, served)
}

fn told(world: &mut World, n: usize) -> bool {
    let told = world.nodes[n].take(|event| matches!(event, Event::Lan(_)).then_some(()));
    told.is_some()
}

// S3.1, S3.2, S3.4, S4.5: whoever starts announces itself, finds and is found, and has a line.
#[test]
fn lan_two_switches_find_each_other_and_have_one_line() {
    for seed in 0..20 {
        let mut world = room(seed, 2, &Config::default(), NEAR);
        announce(&mut world, 0);
        // The first finds nobody, makes no line, and announces itself.
        world.run(3_000);
        assert_eq!((neighbours(&world, 0), lines(&world).0.len()), (0, 0));
        assert!(world.nodes[0].switch.stats().datagrams_out >= 5);
        announce(&mut world, 1);
        let from = world.now;
        let found = world.until(2_000, |world| {
            let both = knows(world, 0, 1) && knows(world, 1, 0);
            both.then_some(world.now)
        });
        let took_us = found.expect("they find each other").since_us(from);
        assert!(took_us <= 20_000, "seed {seed}: {took_us} us");
        assert!(told(&mut world, 0) && told(&mut world, 1));
        // A line, and one only, though both may ask for it at once.
        world.run(1_000);
        let (pairs, _) = lines(&world);
        assert_eq!(pairs, BTreeMap::from([((0, 1), 2)]));
        for n in 0..2 {
            assert_eq!(world.nodes[n].switch.status().lines, 1, "seed {seed}");
        }
    }
}

// S4.6: the known fault of the seed.
#[test]
fn lan_switches_that_start_at_one_moment_find_each_other() {
    let seeds = 0..1_000;
    for seed in seeds {
        let mut world = room(seed, 2, &Config::default(), NEAR);
        announce(&mut world, 0);
        announce(&mut world, 1);
        let met = world.until(1_000, |world| {
            (knows(world, 0, 1) && knows(world, 1, 0)).then_some(())
        });
        assert!(met.is_some(), "seed {seed}");
    }
}

// S4.1, S4.13: members of a tree become one, and a crash is healed.
#[test]
fn lan_members_grow_one_tree_without_being_told_of_each_other() {
    for (seed, apart_ms) in [(5, 0), (6, 300)] {
        let mut world = room(seed, 20, &Config::default(), NEAR);
        for n in 0..20 {
            join(&mut world, n);
            announce(&mut world, n);
            world.run(apart_ms);
        }
        let grown = world.until(15_000, |world| {
            (0..20)
                .all(|n| members(world, n) == 20)
                .then_some(world.now)
        });
        assert!(grown.is_some(), "seed {seed}: {:?}", sizes(&world));
        let now = world.now;
        let node = &mut world.nodes[3];
        let sent = node.switch.broadcast(now, node.hashname, b"hello");
        sent.expect("it is sent");
        world.run(2_000);
        for n in (0..20).filter(|n| *n != 3) {
            let mut buf = [0; 64];
            let now = world.now;
            let node = &mut world.nodes[n];
            let read = node.switch.read_broadcast(now, node.hashname, &mut buf);
            assert!(read.is_ok() && buf.starts_with(b"hello"), "{n}: {read:?}");
            assert!(
                node.switch
                    .read_broadcast(now, node.hashname, &mut buf)
                    .is_err()
            );
        }
        let root = (0..20).find(|n| {
            let node = &world.nodes[*n];
            let tree = node.switch.tree(node.hashname);
            tree.is_some_and(|tree| tree.standing().is_root)
        });
        let root = root.expect("there is one");
        world.crash(root);
        let healed = world.until(60_000, |world| {
            let others = (0..20).filter(|n| *n != root);
            others
                .map(|n| members(world, n))
                .all(|it| it == 19)
                .then_some(())
        });
        assert!(healed.is_some(), "seed {seed}: {:?}", sizes(&world));
    }
}

fn sizes(world: &World) -> Vec<u32> {
    (0..world.nodes.len()).map(|n| members(world, n)).collect()
}

// Two halves of a network that were apart are one tree again once they hear each other.
#[test]
fn lan_trees_that_could_not_hear_each_other_become_one() {
    let mut world = room(7, 12, &Config::default(), NEAR);
    let (one, other): (Vec<usize>, Vec<usize>) = ((0..6).collect(), (6..12).collect());
    world.part(&one, &other);
    world.part(&other, &one);
    for n in 0..12 {
        join(&mut world, n);
        announce(&mut world, n);
    }
    world.run(20_000);
    assert!(
        (0..12).all(|n| members(&world, n) == 6),
        "{:?}",
        sizes(&world)
    );
    world.mend();
    let met = world.until(60_000, |world| {
        (0..12).all(|n| members(world, n) == 12).then_some(())
    });
    assert!(met.is_some(), "{:?}", sizes(&world));
}

/// The first node of two networks, the second on one, the third on the other.
fn multi_homed(seed: u64) -> World {
    let mut world = World::new(seed, 3, &Config::default(), NEAR);
    let at = |a: u8, b: u8| SocketAddr::from(([10, a, 0, b], 4000));
    let socket = |n| SocketId(n);
    world.bind(
        0,
        &[
            Interface {
                socket: socket(0),
                local: at(0, 0),
            },
            Interface {
                socket: socket(1),
                local: at(1, 0),
            },
        ],
    );
    world.move_to(2, at(1, 2), true);
    let near = world.nodes[1].address;
    world.hub(&[(0, at(0, 0)), (1, near)]);
    world.hub(&[(0, at(1, 0)), (2, at(1, 2))]);
    world
}

#[test]
fn lan_switch_on_two_networks_finds_and_joins_those_on_both() {
    let mut world = multi_homed(8);
    for n in 0..3 {
        join(&mut world, n);
        announce(&mut world, n);
    }
    let met = world.until(5_000, |world| {
        let all =
            knows(world, 0, 1) && knows(world, 0, 2) && knows(world, 1, 0) && knows(world, 2, 0);
        (all && (0..3).all(|n| members(world, n) == 3)).then_some(())
    });
    assert!(met.is_some(), "{:?}", sizes(&world));
    assert!(!knows(&world, 1, 2) && !knows(&world, 2, 1));
    // A network goes and comes back.
    world.unplug(0, 1);
    let gone = world.until(60_000, |world| (!knows(world, 0, 2)).then_some(()));
    assert!(gone.is_some());
    let back = SocketAddr::from(([10, 1, 0, 0], 4000));
    world.plug(0, 1, back);
    let from = world.now;
    let again = world.until(1_000, |world| knows(world, 0, 2).then_some(world.now));
    assert!(again.expect("it is found again").since_us(from) < 200_000);
}

// S4.4, S4.14: a closed space is heard by its members alone.
#[test]
fn lan_members_of_a_closed_space_are_found_by_members_alone() {
    let mut world = room(9, 4, &Config::default(), NEAR);
    let secrets: Vec<SecretKey> = (0..4)
        .map(|n| SecretKey::from_bytes(&[n + 1; 32]))
        .collect();
    let club = Admission::found(&secrets[0], "club", Gate::new([9; 32])).expect("a legal name");
    for n in 0..3 {
        let now = world.now;
        let key = secrets[n].public();
        let admission = club
            .admit(&secrets[0], &key, Roles::SPACER, 0)
            .expect("it is let in");
        let node = &mut world.nodes[n];
        let local = node.switch.install_member(now, &secrets[n], &admission);
        (node.hashname, node.key) = (local.expect("installs"), key);
        node.secret = secrets[n].clone();
        announce(&mut world, n);
    }
    announce(&mut world, 3);
    world.kept = Some(Vec::new());
    world.run(10_000);
    for n in 0..3 {
        assert_eq!(neighbours(&world, n), 2, "{n}");
    }
    assert_eq!(neighbours(&world, 3), 0);
    let strange = DropReason::Lan(Unheard::Strange);
    assert!(world.nodes[3].switch.stats().dropped(strange) > 0);
    // One is put out: its gate is another from then on, and nobody hears it or is heard by it.
    let gate = Gate::new([10; 32]);
    let kicked = club.revoke(&secrets[0], &[secrets[2].public()], gate);
    let kicked = kicked.expect("the founder puts others out");
    let now = world.now;
    let local = world.nodes[0].hashname;
    world.nodes[0]
        .switch
        .renew(now, local, &kicked)
        .expect("it is newer");
    world.run(60_000);
    assert!(knows(&world, 0, 1) && knows(&world, 1, 0));
    assert!(!knows(&world, 0, 2) && !knows(&world, 1, 2));
    assert!(!knows(&world, 2, 0) && !knows(&world, 2, 1));
}

// S4.13: a leaver says so.
#[test]
fn lan_goodbye_is_heard_at_once_and_a_line_is_not_held_for_it() {
    let mut world = room(10, 3, &Config::default(), NEAR);
    for n in 0..3 {
        announce(&mut world, n);
    }
    world.run(5_000);
    let (now, local) = (world.now, world.nodes[2].hashname);
    world.nodes[2]
        .switch
        .hush(now, local)
        .expect("it is announced");
    let gone = world.until(100, |world| {
        (!knows(world, 0, 2) && !knows(world, 1, 2)).then_some(())
    });
    assert!(gone.is_some());
    assert_eq!(neighbours(&world, 2), 0);
    world.run(90_000);
    assert_eq!(world.nodes[2].switch.status().lines, 0);
    assert!(!world.nodes[2].switch.has_wants());
    assert_eq!(world.nodes[0].switch.status().lines, 1);
}

#[test]
fn lan_switch_that_wakes_announces_itself_at_once() {
    let mut world = room(11, 2, &Config::default(), NEAR);
    announce(&mut world, 0);
    announce(&mut world, 1);
    world.run(5_000);
    world.sleep(1);
    let gone = world.until(60_000, |world| (!knows(world, 0, 1)).then_some(()));
    assert!(gone.is_some());
    world.wake(1, false);
    let back = world.until(500, |world| knows(world, 0, 1).then_some(()));
    assert!(back.is_some());
}

#[test]
fn lan_commands_say_why_they_cannot_be() {
    let mut world = room(12, 1, &Config::default(), NEAR);
    let now = world.now;
    let other = SecretKey::from_bytes(&[99; 32]);
    let local = world.nodes[0].hashname;
    let secret = world.nodes[0].secret.clone();
    let switch: &mut Recorded = &mut world.nodes[0].switch;
    let stranger = hydroid_core::identity::Hashname::from_bytes([1; 20]);
    assert_eq!(
        switch.announce(now, stranger, &secret),
        Err(SpaceCommandError::NotInstalled)
    );
    assert_eq!(
        switch.announce(now, local, &other),
        Err(SpaceCommandError::OtherKey)
    );
    assert_eq!(switch.hush(now, local), Err(SpaceCommandError::NotTaking));
    assert_eq!(
        switch.hush(now, stranger),
        Err(SpaceCommandError::NotInstalled)
    );
    assert_eq!(switch.announce(now, local, &secret), Ok(()));
    assert_eq!(
        switch.announce(now, local, &secret),
        Err(SpaceCommandError::Twice)
    );
    assert!(switch.is_announcing());
    assert_eq!(switch.uninstall(now, local), Ok(()));
    assert!(!switch.is_announcing());
}

// A switch that is bound to one address is announced on that network alone.
#[test]
fn lan_switch_is_announced_only_where_it_takes_lines() {
    let mut world = World::new(13, 1, &Config::default(), NEAR);
    let elsewhere: IpAddr = [127, 0, 0, 1].into();
    let own = world.nodes[0].address;
    let networks =
        [(elsewhere, 1), (own.ip(), 2)].map(|(local, interface)| hydroid_core::lan::LocalNetwork {
            interface,
            socket: SocketId(interface),
            local,
            prefix_bits: 8,
            broadcast: None,
            multicast: true,
        });
    let now = world.now;
    let node = &mut world.nodes[0];
    let (local, secret) = (node.hashname, node.secret.clone());
    node.switch.handle_local_networks(now, &networks);
    node.switch
        .announce(now, local, &secret)
        .expect("it is announced");
    node.switch.handle_timeout(now);
    let mut buf = [0; 2048];
    let mut to = Vec::new();
    while let Some(transmit) = node.switch.poll_transmit(now, &mut buf) {
        assert_eq!(transmit.ttl, Some(1));
        to.push((transmit.socket, transmit.path.local));
    }
    assert_eq!(to, [(SocketId(2), Some(own.ip()))]);
}
