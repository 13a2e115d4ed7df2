//! What members do among themselves when nobody lies.

use std::vec::Vec;

use super::{
    super::{Config, EFFECTS_MAX, Effect, Node, Tree},
    forge::json,
    world::{World, address},
};
use crate::{
    base::{Effects, Rng, Seed, Time},
    identity::{PublicKey, SecretKey, SpaceId},
};

#[test]
fn tree_members_that_join_one_are_one_tree_and_hear_each_other() {
    let mut world = World::grown(7);
    world.demand_all(1_000);
    assert_eq!(world.books.gaps, []);
}

#[test]
fn tree_silent_parent_is_noticed_within_two_seconds_while_there_is_traffic() {
    let mut world = World::grown(7);
    let dead = world.inner();
    let below = world.children(dead);
    let node = world.members[dead].node;
    world.crash(dead);
    world.run(1_000);
    let lost = |world: &World, at: usize| world.tree(at).standing().parent != Some(node);
    assert!(
        below.iter().all(|at| !lost(&world, *at)),
        "noticed too soon"
    );
    world.run(1_000);
    assert!(below.iter().all(|at| lost(&world, *at)), "{}", world.draw());
    assert!(world.heal(1_500) <= 1_500);
    world.demand_all(1_000);
    assert_eq!(world.books.gaps, []);
}

#[test]
fn tree_silent_parent_is_noticed_within_twenty_seconds_at_rest() {
    let mut world = World::grown(7);
    world.run(90_000);
    // At rest nobody asks more often than every ten seconds.
    let before = world.pings;
    world.run(30_000);
    let each = (world.pings - before) / 7;
    assert!(each <= 4 * 4, "{each} signs of life a member in 30 s");
    let dead = world.inner();
    let below = world.children(dead);
    let node = world.members[dead].node;
    world.crash(dead);
    world.run(20_000);
    for at in below {
        assert_ne!(
            world.tree(at).standing().parent,
            Some(node),
            "{}",
            world.draw()
        );
    }
    assert!(world.heal(3_000) <= 3_000);
    world.demand_all(1_000);
}

#[test]
fn tree_backups_are_mutual_and_of_another_branch() {
    for members in [3, 7, 12, 15] {
        let mut world = World::grown(members);
        world.run(60_000);
        let root = world.root();
        let branch = |at: usize| {
            let mut at = at;
            while world.parent(at) != Some(root) {
                at = world.parent(at).unwrap();
            }
            at
        };
        let mut paired = 0;
        for at in world.honest() {
            let links = world.tree(at).links().count();
            assert!(links <= 4, "{at} has {links} links");
            let Some(backup) = world.tree(at).backup() else {
                continue;
            };
            let backup = world.index(&backup);
            assert_eq!(
                world.tree(backup).backup(),
                Some(world.members[at].node.key)
            );
            assert_ne!(world.parent(at), Some(backup));
            assert_ne!(world.parent(backup), Some(at));
            paired += 1;
            if !world.tree(at).backup.is_any() {
                assert_ne!(branch(at), branch(backup), "{at}\n{}", world.draw());
            }
        }
        assert!(
            paired * 3 >= (members - 1) * 2,
            "{paired} of {members}\n{}",
            world.draw()
        );
    }
}

#[test]
fn tree_member_meets_again_when_its_first_contact_was_dead() {
    let mut world = World::grown(4);
    let (dead, alive) = (world.add(false), world.root());
    let newcomer = world.add(false);
    world.crash(dead);
    world.join(newcomer, dead);
    world.run(5_000);
    assert_eq!(world.parent(newcomer), None);
    // It may name another at any time,
    world.join(newcomer, alive);
    assert!(world.heal(2_000) <= 2_000);
    // and the dead one is asked again: it leads back when it lives.
    let mut world = World::grown(4);
    let late = world.add(false);
    let newcomer = world.add(false);
    world.crash(late);
    world.join(newcomer, late);
    world.run(3_000);
    world.start(late);
    world.run(10_000);
    assert_eq!(world.top(newcomer), world.top(late), "{}", world.draw());
}

#[test]
fn tree_members_that_let_go_of_each_other_meet_again() {
    let mut world = World::new(2, Config::default());
    // Each at its own time, before they are neighbours.
    for round in 0..8 {
        world.join(1, 0);
        world.run(10 * (round + 1));
        for (at, other) in [(1, 0), (0, 1)] {
            if world.tree(at).links().next().is_none() && round % 3 != at as u64 {
                world.call(at, |tree, _, _, fx| tree.release(&world_key(other), fx));
                world.settle();
            }
        }
    }
    world.join(1, 0);
    world.run(20_000);
    assert!(world.is_one(), "{}", world.draw());
    world.demand_all(1_000);
}

fn world_key(at: usize) -> PublicKey {
    super::world::secret(at).public()
}

#[test]
fn tree_member_that_starts_again_is_another_and_comes_back() {
    for pick in [World::root, World::inner, World::leaf] {
        let mut world = World::grown(7);
        let at = pick(&world);
        world.set_name(at, "ada");
        world.broadcast(at, b"before");
        world.run(1_000);
        let before = world.members[at].node;
        let contact = (at + 1) % 7;
        world.crash(at);
        world.run(300);
        world.start(at);
        world.set_name(at, "eve");
        world.join(at, contact);
        let epoch = world.members[at].node.epoch;
        assert!(epoch > before.epoch);
        world.run(2_500);
        assert!(world.heal(3_000) <= 3_000);
        world.demand_all(1_000);
        for other in world.honest().filter(|other| *other != at) {
            let told = world.tree(other).image().find(&before.key).unwrap();
            assert_eq!(
                (told.node.epoch, told.name.as_deref()),
                (epoch, Some("eve"))
            );
        }
    }
}

#[test]
fn tree_member_that_leaves_is_gone_at_once_and_the_rest_stay_one() {
    for pick in [World::root, World::inner, World::leaf] {
        let mut world = World::grown(7);
        let at = pick(&world);
        let key = world.members[at].node.key;
        world.leave(at);
        // Nobody has to notice a silence first.
        world.run(1_200);
        assert!(world.is_one(), "{}", world.draw());
        world.run(500);
        for other in world.honest() {
            assert_eq!(world.tree(other).image().find(&key), None, "{other}");
        }
        world.demand_all(1_000);
        assert_eq!(world.books.gaps, []);
    }
}

#[test]
fn tree_members_are_told_where_they_were_seen() {
    let mut world = World::new(3, Config::default());
    for at in 0..3 {
        world.call(at, |tree, now, _, _| tree.set_bound(now, &[]));
    }
    world.join(1, 0);
    world.run(500);
    world.join(2, 0);
    world.run(3_000);
    for at in 0..3 {
        for other in (0..3).filter(|other| *other != at) {
            let image = world.tree(at).image();
            let told = image.addresses(&world_key(other));
            assert_eq!(told, [address(other)], "{at} of {other}");
        }
    }
}

#[test]
fn tree_two_trees_that_meet_are_one_and_nothing_is_missed() {
    let mut world = World::new(12, Config::default());
    for at in (1..12).filter(|at| *at != 6) {
        world.join(at, if at < 6 { 0 } else { 6 });
        world.run(200);
    }
    world.run(3_000);
    for at in [2, 8] {
        world.broadcast(at, b"before");
    }
    world.run(500);
    world.join(3, 9);
    assert!(world.heal(5_000) <= 5_000);
    world.demand_all(1_000);
    for at in 0..12 {
        let image = world.tree(at).image();
        assert_eq!(image.len(), 12, "{at} knows {}", image.len());
    }
}

#[test]
fn tree_parted_halves_find_each_other_once_the_cut_is_mended() {
    let mut world = World::grown(8);
    let half: Vec<usize> = (0..4).collect();
    for one in &half {
        for other in 4..8 {
            world.cuts.insert((*one, other));
        }
    }
    world.run(15_000);
    world.cuts.clear();
    assert!(world.heal(15_000) <= 15_000);
    world.demand_all(1_500);
}

#[test]
fn tree_deals_with_so_many_at_once_and_no_more() {
    let config = Config {
        asked_max: 8,
        ..Config::default()
    };
    let mut world = World::grown_with(3, config);
    let leaf = world.leaf();
    for n in 0..100_u8 {
        let key = SecretKey::from_bytes(&[n + 100; 32]).public();
        let remote = address(usize::from(n));
        world.call(leaf, |tree, now, heard, fx| {
            tree.on_up(now, (u32::from(n) + 100, key), remote, fx);
            tree.on_greeting(now, (u32::from(n) + 100, key), (5, None), heard, fx);
            let whose = json(r#"{"tree":"whose"}"#);
            tree.on_place(now, &key, &whose, heard, fx);
            let who = std::format!("{key}.5@10.8.0.{}:4000", n + 1);
            let meet = json(&std::format!(r#"{{"tree":"meet","node":"{who}"}}"#));
            tree.on_place(now, &key, &meet, heard, fx);
            // The harness has no such members.
            *fx = Effects::<Effect>::new(EFFECTS_MAX);
        });
    }
    world.run(700);
    let peers = world.tree(leaf).peers.len();
    assert!(peers <= 8, "{peers} members are dealt with");
    let bytes = world.tree(leaf).held_bytes().0;
    assert!(bytes <= 40_000, "{bytes} bytes");
    world.demand_all(1_000);
}

#[test]
fn tree_that_is_greeted_by_thousands_between_two_beats_lets_go_of_them_in_time() {
    let key = |n: u32| {
        let mut bytes = [9; 32];
        bytes[..4].copy_from_slice(&n.to_be_bytes());
        SecretKey::from_bytes(&bytes)
    };
    let me = Node {
        key: key(0).public(),
        epoch: 5,
    };
    let mut tree = Tree::new(
        Time::ZERO,
        alloc::sync::Arc::new(Config::default()),
        (me, SpaceId::from_bytes([7; 32]), key(0)),
        Rng::new(&Seed::new([1; 32])),
    );
    let heard = |_: u32| Time::ZERO;
    let now = Time::ZERO.plus_ms(1);
    for n in 1..=4_200 {
        let mut fx = Effects::new(EFFECTS_MAX);
        let link = (n, key(n).public());
        tree.on_up(now, link, address(1), &mut fx);
        tree.on_greeting(now, link, (7, None), &heard, &mut fx);
    }
    assert!(tree.peers.len() <= EFFECTS_MAX / 4, "{}", tree.peers.len());
    let mut fx = Effects::new(EFFECTS_MAX);
    tree.on_deadline(now.plus_ms(20_000), &heard, &mut fx);
    assert!(tree.peers.len() <= 64);
    tree.leave(now.plus_ms(20_001), &heard, &mut fx);
    assert_eq!(tree.peers.len(), 0);
}

#[test]
fn tree_newcomer_is_told_of_in_one_word_and_so_is_who_finds_another_parent() {
    let mut world = World::grown(7);
    let taken = |world: &World| -> Vec<u64> {
        let all = 0..7;
        all.map(|at| world.tree(at).image_stats().taken).collect()
    };
    let before = taken(&world);
    let newcomer = world.add(false);
    world.join(newcomer, world.root());
    world.run(3_000);
    let more: Vec<u64> = taken(&world)
        .iter()
        .zip(&before)
        .map(|it| it.0 - it.1)
        .collect();
    assert_eq!(more, [1; 7], "who it is and where it stands is one record");
    // One that leaves: that it is gone, and the words of those who stood below it.
    let gone = world.parent(newcomer).unwrap();
    let moved = world.children(gone).len() as u64;
    let before = taken(&world);
    world.leave(gone);
    world.run(3_000);
    let there = (0..7).filter(|at| *at != gone);
    for at in there {
        let more = world.tree(at).image_stats().taken - before[at];
        assert!(
            more <= 1 + moved + 1,
            "{at} took {more} records for {moved} below"
        );
    }
}
