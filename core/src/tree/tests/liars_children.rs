//! Members that are children of everybody.

use std::{format, string::String, vec::Vec};

use super::{
    forge::{contact, json},
    world::{Kind, World},
};

/// Takes every slot that `at` gives for the liar.
fn take_slot(world: &mut World, liar: usize, at: usize) {
    let who = contact(world, liar);
    let ask = format!(
        r#"{{"tree":"ask","as":"orphan","reign":{{"generation":0,"root":"{who}","sequence":0}},"least":0,"size":1,"height":0,"leaf":false,"most":65535}}"#
    );
    world.say(liar, at, &json(&ask));
    world.run(200);
    let inbox = core::mem::take(&mut world.members[liar].inbox);
    let texts = inbox.iter().filter(|it| it.1 == Kind::Place && it.0 == at);
    let mut texts = texts.map(|it| String::from_utf8_lossy(&it.2));
    if texts.any(|text| text.contains(r#""tree":"take""#)) {
        let attach = r#"{"tree":"attach","size":1,"height":0,"leaf":false,"open":[]}"#;
        world.say(liar, at, &json(attach));
        world.run(100);
        world.open(liar, at, false);
        world.run(100);
    }
}

/// S0.4: asking any node ends in an open slot all the same.
#[test]
fn tree_liars_that_are_everybodys_children_keep_nobody_out_for_long() {
    let mut world = World::grown(3);
    let liars: Vec<usize> = (0..2).map(|_| world.add(true)).collect();
    for liar in &liars {
        for at in 0..3 {
            world.dial(*liar, at);
            world.run(100);
            take_slot(&mut world, *liar, at);
        }
    }
    let held = |world: &World| (0..3).map(|at| world.children(at).len()).sum::<usize>();
    assert_eq!(held(&world), 6, "every slot is taken");
    let newcomer = world.add(false);
    world.join(newcomer, 0);
    world.run(60_000);
    assert_eq!(world.parent(newcomer), None);
    // They stay for three periods of repair; then each place that they held is free.
    world.run_until(90_000, |world| world.parent(newcomer).is_some());
    assert!(world.sum(|tree| tree.stats().elsewhere) >= 1);
    world.run(60_000);
    world.demand_all(2_000);
}

#[test]
fn tree_children_that_move_and_leave_are_not_taken_for_liars() {
    let mut world = World::grown(15);
    for turn in 0..8 {
        let leaf = 14 - turn as usize;
        world.crash(leaf);
        world.run(10_000 + turn * 777);
        world.start(leaf);
        world.join(leaf, (leaf + 1) % 15);
        world.run(30_000);
    }
    assert_eq!(world.sum(|tree| tree.stats().elsewhere), 0);
    assert!(world.is_one());
}
