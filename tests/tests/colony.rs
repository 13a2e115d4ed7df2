//! Trees of shipped switches in the world: they grow, are cut, merge, and every broadcast reaches
//! everybody once.

use hydroid_core::switch::{Part, SpaceCommandError};
use hydroid_tests::colony::{Colony, Settings, shape, text};

/// A tree of so many members, each of whom asked one of those before.
fn grown(members: usize, arity: u8, seed: u64) -> Colony {
    let mut colony = Colony::new(&Settings::new(members, arity, seed));
    colony.join(0, None);
    for n in 1..members {
        colony.run(50);
        colony.join(n, Some((n * 7 + seed as usize) % n));
    }
    colony
}

/// S0.2, S0.4, S0.12: whoever is asked, there is a place.
#[test]
fn tree_grows_from_any_contact() {
    for (members, arity) in [(2, 2), (3, 2), (7, 2), (30, 2), (30, 4)] {
        let mut colony = grown(members, arity, 1);
        colony.run(30_000);
        let shape = shape(&colony, arity);
        println!("{}", text(&shape, 40));
        assert!(
            shape.is_one(),
            "{members} members, arity {arity}: {shape:?}"
        );
        assert!(shape.depth <= shape.optimum + 1, "{shape:?}");
    }
}

/// So many of the members die at once, drawn by chance.
fn cull(colony: &mut Colony, percent: usize, seed: u64) -> Vec<usize> {
    let there = colony.there();
    let mut dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut dead = Vec::new();
    for n in there {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        if (dice % 100) < percent as u64 {
            colony.kill(n);
            dead.push(n);
        }
    }
    dead
}

/// Runs until all are one tree, and tells how long that took, in milliseconds.
fn healed(colony: &mut Colony, most_ms: u64) -> u64 {
    let begun = colony.world.now;
    loop {
        let shape = shape(colony, 2);
        assert_eq!(shape.looped, 0);
        let took = colony.world.now.since_us(begun) / 1000;
        if shape.is_one() {
            return took;
        }
        assert!(
            took < most_ms,
            "not one tree after {took} ms: {:?}",
            shape.roots
        );
        colony.run(20);
    }
}

/// S0.6: a branch whose parent is gone is never lost, however many die at once. S3.6, S4.7, S0.12.
#[test]
fn tree_heals_whoever_dies() {
    for (percent, seed) in [(10, 1), (30, 2), (50, 3), (80, 4)] {
        let mut colony = grown(60, 2, seed);
        colony.run(5_000);
        let before = shape(&colony, 2);
        assert!(before.is_one(), "{before:?}");
        colony.kill(before.roots[0]);
        cull(&mut colony, percent, seed);
        let took = healed(&mut colony, 10_000);
        println!("{percent} %: one tree again after {took} ms");
        colony.run(30_000);
        let after = shape(&colony, 2);
        assert!(
            after.is_one() && after.depth <= after.optimum + 1,
            "{}",
            text(&after, 80)
        );
    }
}

/// The tree of the first seed's example: a(b(d,e) c(f,g)), as 0(1(3,4) 2(5,6)).
fn example() -> Colony {
    let mut colony = Colony::new(&Settings::new(7, 2, 9));
    colony.join(0, None);
    for (n, parent) in [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2), (6, 2)] {
        colony.join(n, Some(parent));
        colony.run(2_000);
    }
    let shape = shape(&colony, 2);
    for (n, parent) in [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2), (6, 2)] {
        assert_eq!(shape.parents.get(&n), Some(&parent), "{}", text(&shape, 9));
    }
    colony
}

/// S0.5: when the root is gone, politely or not, one leaf takes its place and nobody else moves.
#[test]
fn tree_plug_takes_the_place_and_nobody_else_moves() {
    for polite in [false, true] {
        let mut colony = example();
        if polite {
            colony.leave(0);
        } else {
            colony.kill(0);
        }
        colony.run(20);
        let took = healed(&mut colony, 3_000);
        println!("polite {polite}: {took} ms");
        assert!(!polite || took <= 500, "polite departure took {took} ms");
        let after = shape(&colony, 2);
        let plug = after.roots[0];
        assert!((3..=6).contains(&plug), "{}", text(&after, 9));
        for (n, parent) in [(3, 1), (4, 1), (5, 2), (6, 2)] {
            let now = after.parents.get(&n);
            assert!(n == plug || now == Some(&parent), "{}", text(&after, 9));
        }
        assert_eq!(after.parents.get(&1), Some(&plug));
        assert_eq!(after.parents.get(&2), Some(&plug));
    }
}

/// S0.11: two grown trees become one through any pair of members, and no message is lost.
#[test]
fn tree_merge_of_grown_trees_loses_nobody_and_nothing() {
    for (one, other) in [(0, 20), (14, 34), (9, 20), (0, 39)] {
        let mut colony = Colony::new(&Settings::new(40, 2, 5));
        for half in [0..20, 20..40] {
            colony.join(half.start, None);
            for n in half.start + 1..half.end {
                colony.run(50);
                colony.join(n, Some(half.start + (n * 7) % (n - half.start)));
            }
        }
        colony.run(3_000);
        assert_eq!(shape(&colony, 2).roots.len(), 2);
        colony.meet(one, other);
        let mut took = 0;
        for n in 0..40 {
            assert!(colony.broadcast(n, 64));
            colony.run(50);
            took = healed(&mut colony, 5_000).max(took);
        }
        colony.run(5_000);
        assert_eq!(colony.books.missing(0), []);
        assert_eq!(colony.books.wrongs, [""; 0]);
    }
}

/// A member that takes no children is a leaf for ever, and the others grow around it.
#[test]
fn tree_leaf_members_stay_leaves() {
    let mut colony = Colony::new(&Settings::new(12, 2, 3));
    let leaf = Part {
        leaf: Some(true),
        ..Part::default()
    };
    colony.join(0, None);
    for n in 1..12 {
        let part = if n % 3 == 0 { leaf } else { Part::default() };
        colony.join_as(n, Some(n - 1), part);
        colony.run(200);
    }
    colony.run(20_000);
    let grown = shape(&colony, 2);
    assert!(grown.is_one(), "{}", text(&grown, 20));
    colony.kill(grown.roots[0]);
    colony.run(10_000);
    let after = shape(&colony, 2);
    assert!(after.is_one(), "{}", text(&after, 20));
    for n in [3, 6, 9] {
        assert!(
            after.children.get(&n).is_none_or(Vec::is_empty),
            "{}",
            text(&after, 20)
        );
    }
}

/// S0.1, S3.6, S3.7, S3.8: a member keeps a parent, its children and a backup, with one line to each, and
/// lets go of everybody else.
#[test]
fn tree_few_lines_are_kept() {
    let mut colony = grown(40, 2, 2);
    colony.run(90_000);
    for n in 0..40 {
        let kept = colony.tree(n).links().count();
        assert!(kept <= 4, "member {n} keeps {kept}: {:?}", colony.tree(n));
        // Those that somebody asked something lately go after half a minute.
        let lines = colony.world.nodes[n].switch.status().lines;
        assert!(lines <= 6, "member {n} has {lines}: {:?}", colony.tree(n));
    }
    let paired = (0..40).filter(|n| colony.tree(*n).backup().is_some());
    assert!(paired.count() >= 30, "most have a backup");
    for n in 0..40 {
        let Some(key) = colony.tree(n).backup() else {
            continue;
        };
        let nodes = &colony.world.nodes;
        let other = (0..40).find(|other| nodes[*other].key == key);
        let back = colony.tree(other.expect("a member")).backup();
        assert_eq!(back, Some(nodes[n].key), "backups are mutual");
    }
}

/// S0.7, S0.9: everybody has everybody in the image, with names; two may bear the same one.
#[test]
fn tree_image_shows_everybody_by_name() {
    let mut colony = grown(20, 2, 6);
    for n in 0..20 {
        let (now, name) = (colony.world.now, format!("member {}", n % 19));
        let node = &mut colony.world.nodes[n];
        let local = node.hashname;
        node.switch.set_name(now, local, &name).expect("a name");
        let long = node.switch.set_name(now, local, &"x".repeat(65));
        assert_eq!(long, Err(SpaceCommandError::Name));
        assert!(node.switch.set_name(now, local, "tab\there").is_err());
    }
    colony.run(5_000);
    colony.kill(3);
    colony.run(8_000);
    let shape = shape(&colony, 2);
    for n in colony.there() {
        let image = colony.tree(n).image();
        assert_eq!(image.len(), 19, "member {n}");
        for member in image.members() {
            let nodes = &colony.world.nodes;
            let who = (0..20).find(|who| nodes[*who].key == member.node.key);
            let who = who.expect("a member");
            let parent = shape.parents.get(&who).map(|parent| nodes[*parent].key);
            assert_eq!(member.parent.is_some(), parent.is_some(), "{n} of {who}");
            let name = format!("member {}", who % 19);
            assert_eq!(member.name.as_deref(), Some(name.as_str()), "{n} of {who}");
            assert!(member.addresses.contains(&nodes[who].address) || who == n);
        }
        assert_eq!(image.named("member 0").len(), 2);
    }
}

/// S0.8, S3.5: up and down the tree to everybody, once and in order.
#[test]
fn tree_broadcasts_reach_everybody_once() {
    for members in [2, 5, 30] {
        let mut colony = grown(members, 2, 1);
        colony.run(5_000);
        for n in 0..members {
            assert!(colony.broadcast(n, 100));
        }
        assert!(colony.broadcast(members / 2, 300_000));
        colony.run(3_000);
        for n in 0..members {
            println!(
                "{n} {:?} {:?}",
                colony.tree(n).standing(),
                colony.tree(n).cast_stats()
            );
        }
        assert_eq!(colony.books.missing(0), []);
        assert_eq!(colony.books.wrongs, [""; 0]);
        assert_eq!(colony.books.gaps, 0);
    }
}

/// Members that come and go.
const VISITORS: usize = 30;

/// A neighbour that does not even take what is said about places is given up, before its silence is
/// noticed.
#[test]
fn tree_setting_unsent_max_bytes_is_what_waits_for_a_neighbour_at_most() {
    let kept = |unsent_max_bytes: u32| {
        let mut settings = Settings::new(VISITORS + 2, 2, 1);
        let config = &mut settings.config;
        config.tree.unsent_max_bytes = unsent_max_bytes;
        config.tree.silent_ms = 50_000;
        config.tree.beat_ms = 100;
        let room = config.stream.head_max_bytes + 2;
        config.stream.send_buffer_stream_initial_bytes = room;
        config.stream.send_buffer_stream_max_bytes = room;
        let mut colony = Colony::new(&settings);
        colony.join(0, None);
        colony.join(1, Some(0));
        colony.run(3_000);
        let parent = usize::from(!colony.tree(0).standing().is_root);
        let below = |colony: &Colony| colony.tree(parent).children().count();
        assert_eq!(below(&colony), 1);
        // Whoever comes and goes changes the size of the tree, which the child is told.
        let child = colony.tree(1 - parent).me();
        colony.kill(1 - parent);
        for n in 2..VISITORS + 2 {
            colony.join(n, Some(parent));
            colony.run(400);
            colony.leave(n);
            colony.run(400);
        }
        colony.tree(parent).children().any(|it| it == child)
    };
    assert!(kept(1 << 20));
    assert!(!kept(256));
}

/// A colony on several threads comes to what it comes to on one, bit for bit.
#[test]
fn colony_goes_on_alike_on_any_number_of_threads() {
    let runs = [1, 2, 4].map(|threads| {
        let mut settings = Settings::new(140, 2, 3);
        settings.threads = threads;
        let mut colony = Colony::new(&settings);
        colony.join(0, None);
        for n in 1..140 {
            colony.run(7);
            colony.join(n, Some(n / 3));
        }
        colony.run(1_500);
        for n in [0, 70, 139] {
            assert!(colony.broadcast(n, 100));
            colony.kill(n + 1 - n / 139 * 2);
            colony.run(1_003);
        }
        let heard: Vec<_> = colony.books.heard().collect();
        let world = &colony.world;
        assert!(colony.books.read > 300 && world.delivered > 10_000);
        let counts = (world.now, world.delivered, world.deadlines, world.digest);
        (counts, format!("{heard:?}"))
    });
    assert_eq!(runs[0], runs[1]);
    assert_eq!(runs[0], runs[2]);
}

/// Members look after their neighbours on beats, and their lines do not ask beside that whenever a
/// broadcast has come and no other follows.
#[test]
fn tree_lines_do_not_ask_in_lulls() {
    let delivered = [50, 10_000].map(|lull_ms| {
        let mut settings = Settings::new(3, 2, 4);
        settings.config.life.lull_ms = lull_ms;
        let mut colony = Colony::new(&settings);
        colony.join(0, None);
        for n in 1..3 {
            colony.join(n, Some(0));
            colony.run(1_000);
        }
        for _ in 0..20 {
            assert!(colony.broadcast(1, 100));
            colony.run(300);
        }
        assert_eq!(colony.books.read, 40);
        colony.world.delivered
    });
    assert_eq!(delivered[0], delivered[1]);
}

/// S3.5: whoever says good bye is heard, however much it says, and is gone soon after.
#[test]
fn tree_what_is_broadcast_just_before_leaving_arrives() {
    for (leaver, bytes) in [(0, 10), (3, 100_000), (6, 100_000)] {
        let mut colony = grown(7, 2, 3);
        colony.run(20_000);
        assert!(colony.broadcast(leaver, bytes));
        colony.leave(leaver);
        assert!(!colony.is_there(leaver));
        colony.run(3_000);
        let read = colony.books.heard().map(|heard| heard.read);
        assert_eq!(read.collect::<Vec<_>>(), [6], "member {leaver}");
        assert_eq!(colony.books.gaps, 0);
        assert!(shape(&colony, 2).is_one());
        // And it may come back at once.
        colony.broadcast((leaver + 1) % 7, bytes);
        colony.leave((leaver + 1) % 7);
        colony.join((leaver + 1) % 7, Some((leaver + 2) % 7));
        colony.run(10_000);
        let shape = shape(&colony, 2);
        assert!(shape.is_one() && shape.members == 6, "{shape:?}");
    }
}
