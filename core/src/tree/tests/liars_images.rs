//! A member that lies about who is there.

use std::vec::Vec;

use super::{
    super::Config,
    forge::{entry, gone, name, news},
    world::{World, secret},
};
use crate::identity::SecretKey;

/// One tree of seven in which a leaf lies, its parent, and somebody of another branch.
fn leaf() -> (World, usize, usize, usize) {
    let mut world = World::grown(7);
    let liar = world.leaf();
    world.members[liar].lies = true;
    let parent = world.parent(liar).unwrap();
    let victim = world
        .honest()
        .find(|at| ![parent, liar].contains(at) && world.children(*at).is_empty());
    (world, liar, parent, victim.unwrap())
}

/// The name that each honest member shows for `of`.
fn names(world: &World, of: usize) -> Vec<Option<std::string::String>> {
    let key = world.members[of].node.key;
    let others = world.honest().filter(|at| *at != of);
    let shown = others.map(|at| world.tree(at).image().find(&key).and_then(|it| it.name));
    shown.collect()
}

#[test]
fn tree_liar_that_claims_a_name_for_somebody_else_is_barred() {
    let (mut world, liar, parent, victim) = leaf();
    world.set_name(victim, "ada");
    world.run(1_000);
    let node = world.members[victim].node;
    let packet = name(&world, node, &secret(liar), 9, "eve");
    assert!(world.send_bulk(liar, parent, &packet));
    world.run(1_000);
    assert_eq!(world.tree(parent).image_stats().forged, 1);
    assert_eq!(world.tree(parent).stats().barred, 1);
    assert!(
        names(&world, victim)
            .iter()
            .all(|it| it.as_deref() == Some("ada"))
    );
    world.demand_all(1_000);
}

#[test]
fn tree_liar_with_the_name_of_another_is_shown_beside_it() {
    let (mut world, liar, _, victim) = leaf();
    world.set_name(victim, "ada");
    world.set_name(liar, "ada");
    world.run(1_000);
    for at in world.honest() {
        let mut named = world.tree(at).image().named("ada");
        if at == victim {
            named.retain(|key| *key != world.members[victim].node.key);
            assert_eq!(named, [world.members[liar].node.key]);
        } else {
            assert_eq!(named.len(), 2, "{at}");
        }
    }
}

#[test]
fn tree_liar_that_buries_the_living_is_contradicted_within_three_seconds() {
    let (mut world, liar, parent, victim) = leaf();
    let node = world.members[victim].node;
    let told = world.tree(parent).image().find(&node.key).unwrap();
    for version in [told.version as u8, told.version as u8 + 9] {
        assert!(world.send_bulk(liar, parent, &news(&[gone(node, version)])));
    }
    world.run(3_000);
    for at in world.honest().filter(|at| *at != victim) {
        assert!(world.tree(at).image().find(&node.key).is_some(), "{at}");
    }
    assert!(world.tree(victim).image_stats().mourned >= 1);
    world.demand_all(1_000);
}

#[test]
fn tree_liar_that_moves_somebody_elsewhere_is_outsworn_within_three_seconds() {
    let (mut world, liar, parent, victim) = leaf();
    let node = world.members[victim].node;
    let false_place = [6, 6, 6, 6, 0x0f, 0xa0];
    let lie = entry(node.key.as_bytes(), node.epoch, 60, false_place);
    assert!(world.send_bulk(liar, parent, &news(&[lie])));
    world.run(3_000);
    for at in world.honest().filter(|at| *at != victim) {
        let told = world.tree(at).image().find(&node.key).unwrap();
        assert_eq!(told.addresses, [super::world::address(victim)], "{at}");
    }
    assert!(world.tree(victim).image_stats().lies >= 1);
    world.demand_all(1_000);
}

#[test]
fn tree_liar_that_invents_members_is_limited_and_they_are_forgotten() {
    let mut config = Config::default();
    config.image.members_max = 512;
    let mut world = World::grown_with(7, config);
    let liar = world.leaf();
    world.members[liar].lies = true;
    let parent = world.parent(liar).unwrap();
    let invented: Vec<Vec<u8>> = (0..4_000_u32)
        .map(|n| {
            let mut seed = [9; 32];
            seed[..4].copy_from_slice(&n.to_be_bytes());
            let key = SecretKey::from_bytes(&seed).public();
            entry(key.as_bytes(), 5, 1, [10, 1, 1, 1, 1, 1])
        })
        .collect();
    for records in invented.chunks(200) {
        assert!(world.send_bulk(liar, parent, &news(records)));
    }
    world.run(500);
    assert!(world.tree(parent).image_stats().flooded > 0);
    for at in world.honest() {
        let (_, _, image) = world.tree(at).held_bytes();
        assert!(image <= 1 << 20, "{image} bytes");
    }
    world.demand_all(1_000);
    // Who hangs below nobody is in doubt for five seconds and then forgotten.
    world.run(12_000);
    for at in world.honest() {
        assert!(
            world.tree(at).image().len() <= 7,
            "{at}: {}",
            world.tree(at).image().len()
        );
    }
    world.demand_all(1_000);
}

#[test]
fn tree_liar_whose_news_are_none_is_barred_and_counted() {
    let no_key = news(&[entry(&[0xff; 32], 5, 1, [10, 1, 1, 1, 1, 1])]);
    let no_place = entry(secret(9).public().as_bytes(), 5, 1, [0; 6]);
    let no_place = news(&[no_place]);
    let packets: [&[u8]; 6] = [
        &[0, 1, 0x10, 7],
        &[0, 1, 0x11, 1, 2],
        &[0, 1, 0x12, 9],
        &[0, 1, 0x14, 1],
        &no_key,
        &no_place,
    ];
    for bytes in packets {
        let (mut world, liar, parent, _) = leaf();
        assert!(world.send_bulk(liar, parent, bytes));
        world.run(500);
        let tree = world.tree(parent);
        assert_eq!(tree.image_stats().malformed, 1, "{bytes:?}");
        assert_eq!(tree.stats().barred, 1, "{bytes:?}");
        assert!(world.is_one());
    }
}
