//! Members to whom a liar told a generation that nobody else reaches.

use std::{format, string::String};

use super::{
    forge::{contact, json},
    world::{Kind, World},
};

/// The members that a test watches.
struct Captives {
    world: World,
    liar: usize,
    captive: usize,
}

/// A tree of `others`, and one member that a liar took as its child under a far generation, with
/// `below` others that joined it in good faith. Then the liar is gone.
fn captured(others: usize, below: usize) -> Captives {
    let mut world = World::grown(others);
    let liar = world.add(true);
    let captive = world.add(false);
    world.join(captive, liar);
    let is_asked = |world: &World| {
        let inbox = world.members[liar].inbox.iter();
        let texts = inbox.filter(|it| it.1 == Kind::Place);
        let mut texts = texts.map(|it| String::from_utf8_lossy(&it.2));
        texts.any(|text| text.contains(r#""tree":"ask""#))
    };
    world.run_until(1_000, is_asked);
    let root = contact(&world, liar);
    let take = format!(
        r#"{{"tree":"take","reign":{{"generation":{},"root":"{root}","sequence":1}},"depth":0,"path":[],"adrift":false,"size":9}}"#,
        1_u64 << 52
    );
    world.say(liar, captive, &json(&take));
    world.run(300);
    assert_eq!(world.parent(captive), Some(liar));
    for _ in 0..below {
        let at = world.add(false);
        world.join(at, captive);
        world.run(500);
    }
    assert_eq!(world.children(captive).len(), below.min(2));
    let key = world.members[liar].node.key;
    world.members[liar].is_puppet = false;
    world
        .halves
        .retain(|(own, other), _| *own != liar && *other != liar);
    world.call(captive, |tree, now, heard, fx| {
        tree.on_down(now, &key, heard, fx);
    });
    world.run(5_000);
    Captives {
        world,
        liar,
        captive,
    }
}

/// All are one tree before so much time has gone by; each hears each from then on.
fn come_home(captives: Captives) -> World {
    let Captives {
        mut world,
        liar,
        captive,
    } = captives;
    assert_eq!(world.parent(captive), None);
    world.crash(liar);
    world.join(captive, 0);
    world.run_until(200_000, World::is_one);
    world.run(10_000);
    assert!(world.is_one(), "{}", world.draw());
    world.demand_all(2_000);
    world
}

/// S0.4: nobody is kept out for ever.
#[test]
fn tree_captive_of_a_far_generation_begins_a_new_life_and_comes_home() {
    let mut captives = captured(7, 1);
    let captive = captives.captive;
    captives.world.set_name(captive, "nemo");
    let before = captives.world.members[captive].node;
    assert_eq!(captives.world.broadcast(captive, b"one"), 1);
    captives.world.run(1_000);
    let world = come_home(captives);
    assert!(world.tree(captive).place.reign().generation < 1 << 32);
    assert_eq!(world.tree(captive).stats().lives, 1);
    let after = world.members[captive].node;
    assert!(after.epoch > before.epoch && world.tree(captive).me() == after);
    let shown = world.tree(0).image().find(&after.key).unwrap();
    assert_eq!(shown.name.as_deref(), Some("nemo"));
}

#[test]
fn tree_captives_are_the_ones_who_yield_though_theirs_is_the_larger_tree() {
    let world = come_home(captured(2, 4));
    let lives = (0..2).map(|at| world.tree(at).stats().lives);
    assert_eq!(lives.sum::<u64>(), 0);
}

#[test]
fn tree_member_that_is_left_alone_yields_to_a_far_tree() {
    let mut captives = captured(2, 4);
    // It once told another of itself, so that it cannot simply begin anew.
    captives.world.crash(1);
    captives.world.run(30_000);
    let world = come_home(captives);
    assert_eq!(world.tree(0).stats().lives, 1);
}
