//! What the periods and limits of a member's part mean: each is seen to be what it says.

use super::{
    super::{Config, speak, word::Word},
    forge::json,
    world::{World, address, secret},
};
use crate::base::Time;

/// A member asks another whose tree it is.
fn whose(world: &mut World, from: usize, to: usize) {
    let node = world.members[to].node;
    world.call(from, |tree, now, _, fx| {
        tree.peers.learn(node, address(to), &[]);
        tree.send_packet(now, node, speak::packet(&Word::Whose), fx);
    });
    world.settle();
}

/// Two members; the second asks one that does not answer.
fn asks_nobody(config: Config) -> World {
    let mut world = World::new(2, config);
    let dead = world.add(false);
    world.cuts.insert((1, dead));
    whose(&mut world, 1, dead);
    world
}

#[test]
fn tree_setting_dial_ms_is_how_long_an_answer_is_waited_for() {
    for most_ms in [200, 900] {
        let config = Config {
            dial_ms: most_ms,
            ..Config::default()
        };
        let mut world = asks_nobody(config);
        let unreachable = |world: &World| world.tree(1).stats().unreachable;
        world.run(u64::from(most_ms) - 10);
        assert_eq!(unreachable(&world), 0, "given up before {most_ms} ms");
        world.run(20);
        assert_eq!(unreachable(&world), 1, "not given up after {most_ms} ms");
    }
}

#[test]
fn tree_setting_missed_ms_is_how_long_others_are_asked_instead() {
    for most_ms in [300, 4_000] {
        let config = Config {
            dial_ms: 200,
            missed_ms: most_ms,
            again_ms: 30_000,
            ..Config::default()
        };
        let mut world = asks_nobody(config);
        world.run(200);
        let is_likely = |world: &World, ms: u64| {
            let key = secret(2).public();
            world.tree(1).peers.is_likely(world.now.plus_ms(ms), &key)
        };
        let most_ms = u64::from(most_ms);
        assert!(!is_likely(&world, 0));
        assert!(!is_likely(&world, most_ms - 10));
        assert!(is_likely(&world, most_ms + 10));
    }
}

/// One tree of four and a stranger that has said something to its root.
fn visited(config: Config) -> (World, usize, usize) {
    let mut world = World::grown_with(4, config);
    let (root, stranger) = (world.root(), world.add(true));
    world.dial(stranger, root);
    world.run(200);
    world.say(stranger, root, &json(r#"{"tree":"whose"}"#));
    world.run(100);
    (world, root, stranger)
}

#[test]
fn tree_setting_linger_ms_is_how_long_a_visitor_is_kept() {
    for most_ms in [1_000, 8_000] {
        let config = Config {
            linger_ms: most_ms,
            ..Config::default()
        };
        let beat_ms = u64::from(config.beat_ms);
        let (mut world, root, stranger) = visited(config);
        let key = world.members[stranger].node.key;
        let is_kept = |world: &World| world.tree(root).peers.find(&key).is_some();
        world.run(u64::from(most_ms) - 200);
        assert!(is_kept(&world), "let go before {most_ms} ms");
        world.run(200 + beat_ms);
        assert!(!is_kept(&world), "kept for more than {most_ms} ms");
    }
}

#[test]
fn tree_setting_bar_ms_is_how_long_a_liar_is_not_dealt_with() {
    for most_ms in [2_000, 9_000] {
        let config = Config {
            bar_ms: most_ms,
            ..Config::default()
        };
        let (mut world, root, liar) = visited(config);
        world.say(liar, root, &json("{\"tree\""));
        world.run(100);
        let answers = |world: &mut World| {
            world.members[liar].inbox.clear();
            world.halves.remove(&(liar, root));
            world.dial(liar, root);
            world.run(200);
            world.say(liar, root, &json(r#"{"tree":"whose"}"#));
            world.run(200);
            world.members[liar].inbox.len()
        };
        // Neither is it heard nor is anything said to it, though another member names it.
        let node = world.members[liar].node;
        assert_eq!(answers(&mut world), 0);
        whose(&mut world, root, liar);
        world.run(u64::from(most_ms) - 1_000);
        assert_eq!(world.members[liar].inbox.len(), 0);
        assert!(!world.tree(root).peers.is_likely(world.now, &node.key));
        world.run(1_000);
        assert!(world.tree(root).peers.is_likely(world.now, &node.key));
        assert_eq!(answers(&mut world), 1, "still barred after {most_ms} ms");
    }
}

#[test]
fn tree_setting_pair_ms_is_how_often_a_backup_is_sought() {
    let paired = |pair_ms: u32| {
        let config = Config {
            pair_ms,
            ..Config::default()
        };
        let mut world = World::grown_with(9, config);
        world.run(6_000);
        let backed = |at: &usize| world.tree(*at).backup().is_some();
        world.honest().filter(backed).count()
    };
    let (often, seldom) = (paired(300), paired(60_000));
    assert!(often > seldom, "{often} have a backup, and {seldom}");
}

#[test]
fn tree_setting_doubt_ms_is_how_long_a_parent_that_keeps_back_is_barred() {
    for most_ms in [3_000, 20_000] {
        let config = Config {
            doubt_ms: most_ms,
            ..Config::default()
        };
        let mut world = World::grown_with(7, config);
        world.run(40_000);
        let liar = world.inner();
        let below = world.children(liar);
        super::liars_casts::withhold(&mut world, liar, below.clone());
        let (root, mut left) = (world.root(), Time::ZERO);
        let doubts = |world: &World| world.sum(|tree| tree.stats().withheld) > 0;
        for _ in 0..150 {
            world.broadcast(root, b"again");
            world.run(100);
            left = world.now;
            if doubts(&world) {
                break;
            }
        }
        assert!(doubts(&world), "{}", world.draw());
        let doubter = |at: &&usize| world.tree(**at).stats().withheld > 0;
        let at = *below.iter().find(doubter).unwrap();
        let key = world.members[liar].node.key;
        let is_barred = |ms: u64| world.tree(at).peers.is_barred(left.plus_ms(ms), &key);
        assert!(is_barred(u64::from(most_ms) - 200));
        assert!(!is_barred(u64::from(most_ms)));
    }
}
