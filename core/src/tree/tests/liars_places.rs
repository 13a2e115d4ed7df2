//! A member that lies about places.

use std::{boxed::Box, format, string::String, vec::Vec};

use super::{
    super::place::{Fault, Message},
    forge::{contact, json, rewrite},
    world::{Kind, World},
};
use crate::identity::SecretKey;

/// A reign as it stands in a packet.
fn reign(world: &World, generation: u64, root: usize, sequence: u32) -> String {
    let root = contact(world, root);
    format!(r#"{{"generation":{generation},"root":"{root}","sequence":{sequence}}}"#)
}

/// What is said to be below, as keys of a packet.
fn below(size: u32, height: u16, open: &str) -> String {
    format!(r#""size":{size},"height":{height},"leaf":false,"open":[{open}]"#)
}

/// One tree of seven, and a stranger that speaks to `to` by hand.
fn beset(to: impl Fn(&World) -> usize) -> (World, usize, usize) {
    let mut world = World::grown(7);
    let to = to(&world);
    let liar = world.add(true);
    world.dial(liar, to);
    world.run(200);
    (world, liar, to)
}

/// Those about places that a puppet was told.
fn heard(world: &World, liar: usize, word: &str) -> usize {
    let tag = format!(r#""tree":"{word}""#);
    let inbox = world.members[liar].inbox.iter();
    let texts = inbox.filter(|it| it.1 == Kind::Place);
    texts
        .filter(|it| String::from_utf8_lossy(&it.2).contains(&tag))
        .count()
}

#[test]
fn tree_liar_does_not_get_a_slot_that_it_only_claims() {
    let (mut world, liar, root) = beset(World::root);
    let before = world.children(root);
    let attach = format!(r#"{{"tree":"attach",{}}}"#, below(1, 0, ""));
    world.say(liar, root, &json(&attach));
    world.run(300);
    assert_eq!(world.children(root), before);
    assert_eq!(heard(&world, liar, "part"), 1);
    world.demand_all(1_000);
}

#[test]
fn tree_liar_is_no_heir_of_a_place_whose_holder_lives() {
    let (mut world, liar, root) = beset(World::root);
    let before = world.children(root);
    let hole = contact(&world, before[0]);
    let reign = reign(&world, 1, liar, 1);
    let ask = format!(
        r#"{{"tree":"ask","as":"heir","reign":{reign},"least":9,"size":1,"height":0,"leaf":false,"most":65535,"hole":"{hole}"}}"#
    );
    world.say(liar, root, &json(&ask));
    world.run(300);
    assert_eq!(world.children(root), before);
    assert_eq!(world.faults(Fault::Hole), 1);
    world.demand_all(1_000);
}

#[test]
fn tree_liar_above_is_no_child_of_those_below() {
    let mut world = World::grown(7);
    let liar = world.inner();
    world.members[liar].lies = true;
    let child = world.children(liar)[0];
    let attach = format!(r#"{{"tree":"attach",{}}}"#, below(1, 0, ""));
    world.say(liar, child, &json(&attach));
    world.run(300);
    assert_eq!(world.faults(Fault::Ancestor), 1);
    assert!(world.heal(2_000) <= 2_000);
    world.demand_all(1_000);
}

#[test]
fn tree_liars_that_redirect_in_circles_keep_nobody_from_the_tree() {
    let mut world = World::grown(4);
    let liars = [world.add(true), world.add(true)];
    let newcomer = world.add(false);
    for liar in liars {
        world.join(newcomer, liar);
    }
    let honest = 0;
    world.join(newcomer, honest);
    let go = |world: &World, to: usize| {
        let to = contact(world, to);
        json(&format!(r#"{{"tree":"go","to":["{to}"]}}"#))
    };
    let mut asked = 0;
    for _ in 0..60 {
        world.run(50);
        for (n, liar) in liars.into_iter().enumerate() {
            let inbox = core::mem::take(&mut world.members[liar].inbox);
            for (from, _, bytes) in inbox {
                if String::from_utf8_lossy(&bytes).contains(r#""tree":"ask""#) {
                    asked += 1;
                    let bytes = go(&world, liars[1 - n]);
                    world.say(liar, from, &bytes);
                }
            }
        }
    }
    // Within three seconds it stands with the honest ones, and asked no liar for ever.
    assert!(world.is_one(), "{}", world.draw());
    assert!(asked <= 20, "asked {asked} times");
    world.demand_all(1_000);
}

/// Lets an inner member change what it tells its children of itself, and tells how long honest
/// members took to be one tree without it, and how many were below it.
fn state_lies(
    change: impl Fn(&mut super::super::place::State<super::super::Contact>) + 'static,
) -> (World, u64) {
    let mut world = World::grown(7);
    let liar = world.inner();
    let below = world.children(liar);
    assert_eq!(below.len(), 2);
    world.members[liar].lies = true;
    world.members[liar].twist = Some(Box::new(move |_, kind, bytes| {
        if kind == Kind::Bulk {
            return [bytes].into();
        }
        let changed = rewrite(&bytes, |message| {
            if let Message::State(state) = message {
                change(state);
            }
        });
        [changed].into()
    }));
    let is_below = |at: usize| {
        let above = core::iter::successors(Some(at), |at| world.parent(*at));
        above.into_iter().any(|at| at == liar)
    };
    let others: Vec<usize> = world.honest().filter(|at| !is_below(*at)).collect();
    let parents: Vec<_> = others.iter().map(|at| world.parent(*at)).collect();
    // One that says nothing new of the root is left after four times ten seconds.
    let mut ms = 0;
    let lost = |world: &World| below.iter().any(|at| world.parent(*at) == Some(liar));
    while lost(&world) {
        assert!(ms <= 51_000, "{}", world.draw());
        world.run(100);
        ms += 100;
        for (at, parent) in others.iter().zip(&parents) {
            let stands = world.parent(*at).is_some() || parent.is_none();
            assert!(stands || !lost(&world), "{at} hangs on nobody");
        }
    }
    ms += world.heal(3_000);
    world.demand_all(1_000);
    (world, ms)
}

#[test]
fn tree_liar_that_tells_an_old_reign_is_left_by_those_below_it() {
    let (world, _) = state_lies(|state| {
        state.reign.sequence = 0;
        state.reign.generation = 1;
    });
    assert!(world.faults(Fault::Stale) >= 1);
    assert!(world.sum(|tree| tree.stats().barred) >= 1);
}

#[test]
fn tree_liar_that_tells_a_greater_depth_is_left_by_those_below_it() {
    // It is deeper each time, also where nothing else is new.
    let deeper = core::cell::Cell::new(7);
    let (world, _) = state_lies(move |state| {
        state.depth += deeper.get();
        deeper.set(deeper.get() + 1);
    });
    assert!(world.faults(Fault::Risen) >= 1);
}

#[test]
fn tree_liar_that_tells_a_reign_from_nowhere_is_left_by_those_below_it() {
    let (world, _) = state_lies(|state| state.reign.generation = u64::MAX);
    assert!(world.faults(Fault::Risen) >= 1);
}

#[test]
fn tree_liar_with_a_false_size_is_cut_and_gone_with_it() {
    let mut world = World::grown(7);
    let liar = world.leaf();
    let parent = world.parent(liar).unwrap();
    world.members[liar].lies = true;
    let open = contact(&world, liar);
    let open = format!(r#"{{"node":"{open}","depth":1,"held":false}}"#);
    let up = format!(r#"{{"tree":"up",{}}}"#, below(u32::MAX, u16::MAX, &open));
    world.say(liar, parent, &json(&up));
    world.run(1_000);
    assert_eq!(world.faults(Fault::Bounds), 1);
    assert!(world.sum(|tree| u64::from(tree.standing().members)) <= 8 << 24);
    // Whoever comes meanwhile stands in the tree for all that.
    let newcomer = world.add(false);
    world.join(newcomer, 0);
    assert!(world.heal(3_000) <= 3_000);
    world.demand_all(1_000);
    world.crash(liar);
    world.run(6_000);
    assert!(world.heal(3_000) <= 3_000);
    let honest = world.honest().count() as u32;
    for at in world.honest() {
        let members = world.tree(at).standing().members;
        assert!(members.abs_diff(honest) <= 1, "{at} thinks of {members}");
    }
}

#[test]
fn tree_liar_that_offers_a_place_against_the_rule_is_declined() {
    let mut world = World::grown(4);
    let liar = world.add(true);
    let newcomer = world.add(false);
    let asked = |world: &World| heard(world, liar, "ask") > 0;
    for (n, (generation, depth)) in [(u64::MAX, 0), (7, 60_000)].into_iter().enumerate() {
        world.members[liar].inbox.clear();
        world.join(newcomer, liar);
        world.run_until(1_000, asked);
        let reign = reign(&world, generation, liar, 1);
        let take = format!(
            r#"{{"tree":"take","reign":{reign},"depth":{depth},"path":[],"adrift":false,"size":9}}"#
        );
        world.say(liar, newcomer, &json(&take));
        world.run(300);
        assert_eq!(world.faults(Fault::Offer), n as u64 + 1);
    }
    assert_eq!(world.parent(newcomer), None);
    world.join(newcomer, 0);
    assert!(world.heal(3_000) <= 3_000);
    world.demand_all(1_000);
}

#[test]
fn tree_liar_that_draws_a_whole_tree_below_itself_holds_it_for_a_while_only() {
    let (mut world, liar, root) = beset(World::root);
    let meet = contact(&world, liar);
    let child = world.children(root)[0];
    world.say(
        child,
        root,
        &json(&format!(r#"{{"tree":"meet","node":"{meet}"}}"#)),
    );
    world.run_until(1_000, |world| heard(world, liar, "ask") > 0);
    let reign = reign(&world, 9, liar, 1);
    let take = format!(
        r#"{{"tree":"take","reign":{reign},"depth":0,"path":[],"adrift":false,"size":999}}"#
    );
    world.say(liar, root, &json(&take));
    world.run(300);
    assert_eq!(world.parent(root), Some(liar));
    // They hear each other all the while, and the liar once it is left.
    world.demand_all(1_000);
    let ms = world.heal(51_000);
    assert!(ms > 30_000, "it was left after {ms} ms already");
    assert!(world.faults(Fault::Stale) >= 1);
    world.demand_all(1_000);
}

#[test]
fn tree_liar_that_says_nothing_new_as_root_parts_honest_members_for_a_short_time_only() {
    let mut world = World::grown(15);
    let liar = world.root();
    world.members[liar].lies = true;
    world.members[liar].twist = Some(Box::new(move |_, kind, bytes| {
        let is_state = String::from_utf8_lossy(&bytes).contains(r#""tree":"state""#);
        if kind == Kind::Place && is_state {
            return Vec::new();
        }
        [bytes].into()
    }));
    let barred = |world: &World, after_ms: u64| {
        let honest: Vec<usize> = world.honest().collect();
        let bars = |at: usize, other: usize| {
            let until = world.now.plus_ms(after_ms);
            let key = world.members[other].node.key;
            world.tree(at).peers.is_barred(until, &key)
        };
        let pairs = honest
            .iter()
            .flat_map(|at| honest.iter().map(|it| (*at, *it)));
        pairs.filter(|(at, other)| bars(*at, *other)).count()
    };
    let left = |world: &World| world.honest().all(|at| world.parent(at) != Some(liar));
    world.run_until(51_000, left);
    world.heal(20_000);
    // Those whose parent was told nothing either may have it back after a quarter of a minute.
    let doubt_ms = u64::from(super::super::Config::default().doubt_ms);
    assert_eq!(barred(&world, doubt_ms), 0, "{}", world.draw());
    world.demand_all(1_000);
    assert!(world.faults(Fault::Stale) >= 2);
}

#[test]
fn tree_liar_that_talks_garbage_is_counted_and_not_dealt_with() {
    let key = "ff".repeat(32);
    let long = "x".repeat(20_000);
    let garbage: [Vec<u8>; 11] = [
        [0].into(),
        [0xff; 9].into(),
        [0, 1, 7].into(),
        json("{\"tree\""),
        json(r#"{"tree":7}"#),
        json(r#"{"tree":"unheard"}"#),
        json(r#"{"tree":"go"}"#),
        json(r#"{"tree":"go","to":[7]}"#),
        json(&format!(r#"{{"tree":"meet","node":"{key}.1"}}"#)),
        json(&format!(r#"{{"tree":"later","x":"{long}"}}"#)),
        json(r#"{"tree":"state","reign":[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]}"#),
    ];
    for (n, bytes) in garbage.iter().enumerate() {
        let (mut world, liar, root) = beset(World::root);
        world.say(liar, root, bytes);
        world.run(200);
        let stats = world.tree(root).stats();
        assert_eq!((stats.malformed, stats.barred), (1, 1), "packet {n}");
        // Nothing that it says now is heard.
        world.members[liar].inbox.clear();
        let meet = contact(&world, liar);
        world.say(
            liar,
            root,
            &json(&format!(r#"{{"tree":"meet","node":"{meet}"}}"#)),
        );
        world.say(liar, root, &json(r#"{"tree":"whose"}"#));
        world.run(200);
        assert_eq!(world.members[liar].inbox, []);
        assert!(world.is_one());
    }
}

#[test]
fn tree_liar_that_floods_with_words_costs_little_memory() {
    let mut world = World::grown(7);
    let liar = world.leaf();
    let parent = world.parent(liar).unwrap();
    world.members[liar].lies = true;
    let before = world.tree(parent).held_bytes().0;
    for n in 0..3_000_u32 {
        let key = SecretKey::from_bytes(&[(n % 60) as u8 + 100; 32]).public();
        let who = format!("{key}.{n}1@10.9.{}.{}:4000", n % 200, n % 250 + 1);
        let words = [
            format!(r#"{{"tree":"meet","node":"{who}"}}"#),
            format!(
                r#"{{"tree":"raise","above":{{"generation":{n},"root":"{who}","sequence":1}}}}"#
            ),
            format!(r#"{{"tree":"go","to":["{who}"]}}"#),
            format!(r#"{{"tree":"part","to":["{who}"]}}"#),
            format!(r#"{{"tree":"pair","branch":"{key}"}}"#),
        ];
        let word = &words[n as usize % if n < 2_000 { 3 } else { 5 }];
        world.say(liar, parent, &json(word));
        if n % 50 == 0 {
            world.run(20);
        }
    }
    world.run(1_000);
    let most = world.honest().map(|at| world.tree(at).held_bytes().0);
    let most = most.max().unwrap();
    assert!(most <= before + 32_768, "{before} bytes grew to {most}");
    assert!(world.heal(5_000) <= 5_000);
    world.demand_all(2_000);
}

#[test]
fn tree_liar_with_every_epoch_there_is_breaks_nothing() {
    for epoch in [1, 1 << 47, (1 << 48) - 1, 1 << 48, u64::MAX] {
        let mut world = World::grown(4);
        let liar = world.add(true);
        world.members[liar].node.epoch = epoch;
        let leaf = world.leaf();
        world.dial(liar, leaf);
        world.run(200);
        let attach = format!(r#"{{"tree":"attach",{}}}"#, below(1, 0, ""));
        world.say(liar, leaf, &json(&attach));
        world.run(3_000);
        world.demand_all(1_000);
        // It is another in each life, and the last one counts.
        world.members[liar].node.epoch = epoch.wrapping_add(5).max(1);
        world.halves.get_mut(&(liar, leaf)).unwrap().out = None;
        world.say(liar, leaf, &json(&attach));
        world.run(3_000);
        assert!(world.heal(1_000) <= 1_000, "{}", world.draw());
        world.demand_all(1_000);
    }
}

#[test]
fn tree_liar_that_names_hundreds_has_eight_of_them_looked_at() {
    let (mut world, liar, to) = beset(World::leaf);
    world.dial(liar, to);
    world.run(200);
    world.say(liar, to, &json(r#"{"tree":"later"}"#));
    world.run(100);
    let key = |n: u8| *SecretKey::from_bytes(&[n; 32]).public().as_bytes();
    let named = (100..200).map(|n| {
        let key = data_encoding::HEXLOWER.encode(&key(n));
        format!("\"{key}.1@10.8.0.{n}:4000\"")
    });
    let named: Vec<String> = named.collect();
    let go = format!(r#"{{"tree":"go","to":[{}]}}"#, named.join(","));
    world.say(liar, to, &json(&go));
    world.run(100);
    let is_known = |n: &u8| world.tree(to).peers.key(&key(*n)).is_some();
    assert_eq!((100..200).filter(is_known).count(), 8);
    assert_eq!(world.tree(to).stats().malformed, 0);
}
