//! Announcements at a live switch on a local network: what honest ones said, whole, changed or
//! again, from anywhere, while they come and go.

use std::net::SocketAddr;

use hydroid_core::{
    lan,
    line::Provider,
    switch::{Config, Part},
};

use super::Choices;
use crate::world::{Link, StubProvider, World};

/// Steps of one run.
const STEPS_MAX: usize = 60;
/// Honest switches; the first is the one that is lied to.
const COUNT: usize = 3;
/// What there may be of neighbours: nobody forges a signature.
const NEIGHBOURS_MOST: usize = COUNT - 1;

/// Lets strangers say to a switch what the bytes say. The contracts of the façade hold at each step,
/// nobody is found who does not exist, and at the end everybody is.
///
/// # Panics
/// If that is not so.
pub fn announcement(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let providers: Vec<&'static dyn Provider> = vec![&StubProvider; COUNT];
    let link = Link {
        latency_us: 300,
        ..Link::PERFECT
    };
    let mut world = World::with_providers(1, providers, &Config::default(), link);
    let places: Vec<_> = (0..COUNT).map(|n| (n, world.nodes[n].address)).collect();
    let hub = world.hub(&places);
    world.kept = Some(Vec::new());
    for n in 0..COUNT {
        announce(&mut world, n);
    }
    world.run(50);
    for _ in 0..STEPS_MAX {
        if choices.is_over() {
            break;
        }
        step(&mut world, hub, &mut choices);
        let node = &world.nodes[0];
        let found = node.switch.neighbours(node.hashname);
        let keys: Vec<_> = found.map(|it| it.peer.key).collect();
        let exist = |key| world.nodes.iter().any(|node| node.key == key);
        assert!(keys.len() <= NEIGHBOURS_MOST && keys.iter().all(|key| exist(*key)));
    }
    for n in 0..COUNT {
        if !world.nodes[n].switch.is_announcing() {
            announce(&mut world, n);
        }
        let address = world.nodes[n].address;
        world.unplug(n, hub);
        world.plug(n, hub, address);
    }
    // Longer than anything that was recorded counts.
    world.run(90_000);
    let node = &world.nodes[0];
    let found = node.switch.neighbours(node.hashname).count();
    assert_eq!(found, NEIGHBOURS_MOST, "everybody is found");
}

fn announce(world: &mut World, n: usize) {
    let now = world.nodes[n].time(world.now);
    let node = &mut world.nodes[n];
    let (local, secret) = (node.hashname, node.secret.clone());
    let _twice = node.switch.join(now, local, &secret, Part::default());
    let announced = node.switch.announce(now, local, &secret);
    announced.expect("it is not announced");
}

fn step(world: &mut World, hub: usize, choices: &mut Choices<'_>) {
    match choices.byte() % 6 {
        0 => world.run(u64::from(choices.number())),
        1 => {
            let n = choices.below(COUNT);
            let now = world.nodes[n].time(world.now);
            let node = &mut world.nodes[n];
            if node.switch.hush(now, node.hashname).is_err() {
                announce(world, n);
            }
        }
        2 => {
            let address = world.nodes[1].address;
            world.unplug(1, hub);
            if choices.byte().is_multiple_of(2) {
                world.plug(1, hub, address);
            }
        }
        3 => {
            let mut packet = vec![0, 1, 1];
            packet.extend_from_slice(choices.bytes());
            tell(world, choices, &packet);
        }
        _ => {
            let said = world.kept.iter().flatten().map(|it| &it.2);
            let said: Vec<_> = said.filter(|it| it.starts_with(&[0, 1, 1])).collect();
            let Some(said) = said.get(choices.below(said.len())) else {
                return;
            };
            let mut said = (*said).clone();
            for _ in 0..choices.byte() % 4 {
                let at = choices.below(said.len());
                said[at] ^= choices.byte();
            }
            tell(world, choices, &said);
        }
    }
}

/// A stranger says it, some address of the network or none.
fn tell(world: &mut World, choices: &mut Choices<'_>, packet: &[u8]) {
    let net = if choices.byte().is_multiple_of(4) {
        11
    } else {
        10
    };
    let port = lan::PORTS[choices.below(lan::PORTS.len())];
    let from = SocketAddr::from(([net, 0, 0, choices.byte()], port));
    for _ in 0..=choices.byte() % 8 {
        world.inject(from, 0, packet);
    }
    world.run(1);
}
