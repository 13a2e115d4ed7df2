//! Small stories of trees: a member joins, a hole is filled, two trees become one.

use hydroid_core::{
    line::Provider,
    switch::{Broadcasted, Config, Part, ReadBroadcastError},
    tape,
};
use hydroid_tests::{transfer::CLEAN, world::World};

use crate::scenarios::Tapes;

fn world(provider: &'static dyn Provider, count: usize) -> World {
    let tape = tape::Config::default();
    World::recorded(7, vec![provider; count], &Config::default(), CLEAN, &tape)
}

/// A node takes part in the tree, and asks another for a place.
fn join(world: &mut World, n: usize, contact: Option<usize>) {
    let now = world.now;
    let node = &mut world.nodes[n];
    let (local, secret) = (node.hashname, node.secret.clone());
    let joined = node.switch.join(now, local, &secret, Part::default());
    joined.expect("it is in no tree yet");
    if let Some(contact) = contact {
        meet(world, n, contact);
    }
}

/// Two on a local network who are told nothing of each other become a tree, and one goes.
pub(crate) fn lan(provider: &'static dyn Provider) -> Tapes {
    let mut world = world(provider, 2);
    let places = [0, 1].map(|n| (n, world.nodes[n].address));
    world.hub(&places);
    for n in [0, 1] {
        join(&mut world, n, None);
        let now = world.now;
        let node = &mut world.nodes[n];
        let (local, secret) = (node.hashname, node.secret.clone());
        let announced = node.switch.announce(now, local, &secret);
        announced.expect("it is installed");
        world.run(30);
    }
    world.run(300);
    assert!(parent(&world, 0).or(parent(&world, 1)).is_some());
    let now = world.now;
    let node = &mut world.nodes[1];
    node.switch
        .hush(now, node.hashname)
        .expect("it is announced");
    world.run(100);
    let node = &world.nodes[0];
    assert_eq!(node.switch.neighbours(node.hashname).count(), 0);
    world.tapes()
}

fn meet(world: &mut World, n: usize, contact: usize) {
    let now = world.now;
    let (key, at) = (world.nodes[contact].key, world.nodes[contact].seen());
    let node = &mut world.nodes[n];
    let met = node.switch.meet(now, node.hashname, &key, &[at]);
    met.expect("it is in a tree");
}

fn broadcast(world: &mut World, n: usize, text: &str) {
    let now = world.now;
    let node = &mut world.nodes[n];
    let sent = node.switch.broadcast(now, node.hashname, text.as_bytes());
    sent.expect("there is room");
}

/// Reads this, and nothing more.
fn hears(world: &mut World, n: usize, text: &str) {
    let now = world.now;
    let node = &mut world.nodes[n];
    let mut buf = [0; 64];
    let told = node.switch.read_broadcast(now, node.hashname, &mut buf);
    let Ok(Broadcasted::Message { len, .. }) = told else {
        panic!("node {n} reads {told:?}");
    };
    assert_eq!(&buf[..len], text.as_bytes());
    let more = node.switch.read_broadcast(now, node.hashname, &mut buf);
    assert_eq!(more, Err(ReadBroadcastError::Blocked));
}

fn parent(world: &World, n: usize) -> Option<usize> {
    let node = &world.nodes[n];
    let tree = node.switch.tree(node.hashname).expect("a member");
    let parent = tree.standing().parent?;
    (0..world.nodes.len()).find(|n| world.nodes[*n].key == parent.key)
}

/// A member joins another, says its name and something, and leaves.
pub(crate) fn joins(provider: &'static dyn Provider) -> Tapes {
    let mut world = world(provider, 2);
    join(&mut world, 0, None);
    join(&mut world, 1, Some(0));
    world.run(400);
    assert_eq!(parent(&world, 1), Some(0));
    let now = world.now;
    let node = &mut world.nodes[1];
    let named = node.switch.set_name(now, node.hashname, "ada");
    named.expect("a legal name");
    broadcast(&mut world, 1, "hello");
    broadcast(&mut world, 0, "welcome");
    world.run(200);
    hears(&mut world, 0, "hello");
    hears(&mut world, 1, "welcome");
    let (now, key) = (world.now, world.nodes[1].key);
    let node = &world.nodes[0];
    let tree = node.switch.tree(node.hashname).expect("a member");
    let told = tree.image().find(&key).and_then(|member| member.name);
    assert_eq!(told.as_deref(), Some("ada"));
    let node = &mut world.nodes[1];
    node.switch.leave(now, node.hashname).expect("a member");
    world.run(200);
    world.tapes()
}

/// The root of three is gone: one of its children takes its place, and the other follows.
pub(crate) fn plugs(provider: &'static dyn Provider) -> Tapes {
    let mut world = world(provider, 3);
    join(&mut world, 0, None);
    join(&mut world, 1, Some(0));
    join(&mut world, 2, Some(0));
    world.run(500);
    assert_eq!([1, 2].map(|n| parent(&world, n)), [Some(0); 2]);
    let now = world.now;
    let node = &mut world.nodes[0];
    node.switch.leave(now, node.hashname).expect("a member");
    world.run(500);
    let parents = [1, 2].map(|n| parent(&world, n));
    assert!([[None, Some(1)], [Some(2), None]].contains(&parents));
    broadcast(&mut world, 2, "we are two");
    world.run(100);
    hears(&mut world, 1, "we are two");
    world.tapes()
}

/// Two trees of two become one of four.
pub(crate) fn merges(provider: &'static dyn Provider) -> Tapes {
    let mut world = world(provider, 4);
    for root in [0, 2] {
        join(&mut world, root, None);
        join(&mut world, root + 1, Some(root));
    }
    world.run(400);
    assert_eq!([1, 3].map(|n| parent(&world, n)), [Some(0), Some(2)]);
    meet(&mut world, 3, 1);
    world.run(600);
    let roots = (0..4).filter(|n| parent(&world, *n).is_none());
    assert_eq!(roots.count(), 1);
    broadcast(&mut world, 3, "we are four");
    world.run(200);
    for n in 0..3 {
        hears(&mut world, n, "we are four");
    }
    world.tapes()
}
