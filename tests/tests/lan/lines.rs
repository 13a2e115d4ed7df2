//! The lines that are kept on a local network, and those who do not answer.

use hydroid_core::switch::Config;
use hydroid_tests::world::World;

use super::{NEAR, announce, join, knows, lines, members, room};

// S3.3, S3.7: lines go to those with little to do, each has one to fall back on, and nobody
// serves much more than others do.
#[test]
fn lan_lines_spread_over_those_who_are_there() {
    let mut world = room(3, 30, &Config::default(), NEAR);
    for n in 0..30 {
        announce(&mut world, n);
        world.run(100);
    }
    world.run(60_000);
    let (pairs, served) = lines(&world);
    assert!(pairs.values().all(|ends| *ends == 2), "{pairs:?}");
    assert!(
        served.iter().all(|lines| (2..=6).contains(lines)),
        "{served:?}"
    );
    // One goes: whoever had a line to it has another soon.
    world.crash(7);
    world.run(60_000);
    let (_, served) = lines(&world);
    let others = (0..30).filter(|n| *n != 7);
    for n in others {
        assert!(served[n] >= 2, "{n}: {served:?}");
        assert!(!knows(&world, n, 7));
    }
}

// S4.11: more lines than are wanted do not stay.
#[test]
fn lan_surplus_lines_are_trimmed() {
    let mut config = Config::default();
    config.lan.surplus_ms = 5_000;
    config.lan.lines = 1;
    let mut world = room(4, 6, &config, NEAR);
    for n in 0..6 {
        announce(&mut world, n);
        world.run(1_000);
    }
    world.run(5_000);
    // An application has lines to everybody for a while.
    let ours: Vec<_> = (1..6).map(|n| world.connect(0, n)).collect();
    world.run(30_000);
    let most = world.nodes[0].switch.status().lines;
    assert_eq!(most, 5);
    for line in ours {
        let now = world.now;
        world.nodes[0]
            .switch
            .release(now, line)
            .expect("it is held");
    }
    world.run(90_000);
    let left = world.nodes[0].switch.status().lines;
    assert!((1..=3).contains(&left), "{left} lines are left");
}

// Announcements are hints: whoever does not answer does not keep others from being met.
#[test]
fn lan_those_who_cannot_be_reached_hide_nobody() {
    for (seed, tree) in (14..19).flat_map(|seed| [(seed, false), (seed, true)]) {
        let mut world = room(seed, 8, &Config::default(), NEAR);
        let own = world.nodes[0].address;
        for n in 2..8 {
            let mute = world.nodes[n].address;
            world.cut(own, mute, [true, false]);
            // They seem to have less to do than the one that is there.
            if tree {
                join(&mut world, n);
            }
            announce(&mut world, n);
        }
        world.run(30_000);
        for n in [1, 0] {
            if tree {
                join(&mut world, n);
            }
            announce(&mut world, n);
            if n == 1 {
                // It is cut off from the others, too, and has nobody.
                for other in 2..8 {
                    let (one, other) = (world.nodes[1].address, world.nodes[other].address);
                    world.cut(one, other, [true, false]);
                }
            }
        }
        let key = world.nodes[1].key;
        let met = world.until(90_000, |world| {
            let node = &world.nodes[0];
            let mut known = node.switch.peers(node.hashname);
            let line = known.any(|it| it.line && it.peer.key == key);
            let placed = !tree || members(world, 0) >= 2;
            (line && placed).then_some(())
        });
        assert!(met.is_some(), "seed {seed}, tree: {tree}");
    }
}

/// How a packet begins that is an announcement.
const ANNOUNCEMENT: [u8; 3] = [0, 1, 1];

/// Datagrams from one to the other, for lines.
fn sent(world: &World, from: usize, to: usize) -> usize {
    let (from, to) = (world.nodes[from].address, world.nodes[to].address);
    let all = world.kept.iter().flatten();
    let lines = all.filter(|it| !it.2.starts_with(&ANNOUNCEMENT));
    lines.filter(|it| (it.0, it.1) == (from, to)).count()
}

// Nobody dials those on and on who do not answer.
#[test]
fn lan_those_who_do_not_answer_are_asked_once_in_a_while() {
    // The other wants no line itself, and will not dial.
    let mut world = one_that_chooses(20, 2);
    let (one, other) = (world.nodes[0].address, world.nodes[1].address);
    world.cut(one, other, [true, false]);
    announce(&mut world, 0);
    announce(&mut world, 1);
    world.kept = Some(Vec::new());
    world.run(1_000);
    assert!(knows(&world, 0, 1) && sent(&world, 0, 1) > 0);
    let before = sent(&world, 0, 1);
    world.run(55_000);
    let more = sent(&world, 0, 1) - before;
    assert!(more <= 20, "{more}");
    // It is tried again later, and found.
    world.mend();
    let line = world.until(70_000, |world| {
        (world.nodes[0].switch.status().lines > 0).then_some(())
    });
    assert!(line.is_some());
}

// Of those outside of the tree each gets its turn again and again, however little others seem to
// have to do: the last of them can be reached a minute after all were asked in vain.
#[test]
fn lan_those_outside_of_the_tree_are_asked_in_turn() {
    let mut patient = Config::default();
    patient.lan.meet_ms = 3_600_000;
    for seed in 21..26 {
        let mut world = room(seed, 9, &Config::default(), NEAR);
        let secrets: Vec<_> = world.nodes.iter().map(|it| it.secret.clone()).collect();
        for (n, secret) in secrets.iter().enumerate().skip(1) {
            // In trees of two, whose members ask nobody else themselves.
            world.restart(n, secret, &patient);
            world.tell_networks(n);
            let others = (0..n).filter(|other| n % 2 == 1 || other + 1 != n);
            for other in others.collect::<Vec<_>>() {
                let ends = (world.nodes[other].address, world.nodes[n].address);
                world.cut(ends.0, ends.1, [true, other != 0]);
            }
        }
        for n in 0..9 {
            join(&mut world, n);
            announce(&mut world, n);
        }
        world.run(60_000);
        let alone = (members(&world, 0), members(&world, 7), members(&world, 8));
        assert_eq!(alone, (1, 2, 2), "seed {seed}");
        for n in [7, 8] {
            let (own, other) = (world.nodes[0].address, world.nodes[n].address);
            world.cut(own, other, [false, false]);
        }
        let met = world.until(60_000, |world| (members(world, 0) >= 3).then_some(()));
        assert!(met.is_some(), "seed {seed}");
    }
}

// Whoever has fewer lines than it wants, and nobody left to ask, does not look on and on.
#[test]
fn lan_two_alone_do_little() {
    let mut world = room(22, 2, &Config::default(), NEAR);
    announce(&mut world, 0);
    announce(&mut world, 1);
    world.run(10_000);
    let before = world.deadlines;
    world.run(60_000);
    // Each announces itself, looks who is there, and is kept alive: three times in two seconds.
    let more = world.deadlines - before;
    assert!(more <= 2 * 90, "{more}");
}

/// A world on one network where all but the first keep no lines of their own accord, and the first
/// keeps one.
fn one_that_chooses(seed: u64, count: usize) -> World {
    let mut config = Config::default();
    config.lan.lines = 0;
    let mut world = room(seed, count, &config, NEAR);
    config.lan.lines = 1;
    let secret = world.nodes[0].secret.clone();
    world.restart(0, &secret, &config);
    world.tell_networks(0);
    world
}

fn has_line(world: &World, n: usize, other: usize) -> bool {
    let (node, key) = (&world.nodes[n], world.nodes[other].key);
    let mut known = node.switch.peers(node.hashname);
    known.any(|it| it.line && it.peer.key == key)
}

// S3.3: by load, but not by it alone, which nothing proves.
#[test]
fn lan_those_with_least_to_do_are_preferred() {
    let mut idle = 0;
    for seed in 30..50 {
        let mut world = one_that_chooses(seed, 9);
        for n in 1..8 {
            for other in (n + 1)..8 {
                world.connect(n, other);
            }
        }
        world.run(2_000);
        for n in 1..9 {
            announce(&mut world, n);
        }
        world.run(2_000);
        announce(&mut world, 0);
        world.run(800);
        idle += u32::from(has_line(&world, 0, 8));
    }
    assert!((7..20).contains(&idle), "{idle} of 20");
}

// The more there are in a tree, the fewer of them deal with each who is outside.
#[test]
fn lan_few_of_a_tree_ask_somebody_from_outside() {
    let mut world = room(52, 41, &Config::default(), NEAR);
    for n in 0..40 {
        join(&mut world, n);
        announce(&mut world, n);
    }
    world.run(20_000);
    assert_eq!(members(&world, 0), 40);
    // It hears nobody, and nobody is heard by it.
    for n in 0..40 {
        let (one, other) = (world.nodes[n].address, world.nodes[40].address);
        world.cut(one, other, [true, false]);
    }
    world.kept = Some(Vec::new());
    join(&mut world, 40);
    announce(&mut world, 40);
    world.run(3_500);
    let askers = (0..40).filter(|n| sent(&world, *n, 40) > 0).count();
    assert!((1..=12).contains(&askers), "{askers} of 40");
}

// Small trees that hear of each other are one soon, with no need to wait for a crowd.
#[test]
fn lan_two_small_trees_are_soon_one() {
    let mut world = room(53, 4, &Config::default(), NEAR);
    let (one, other) = ([0, 1], [2, 3]);
    world.part(&one, &other);
    world.part(&other, &one);
    for n in 0..4 {
        join(&mut world, n);
        announce(&mut world, n);
    }
    world.run(10_000);
    assert!((0..4).all(|n| members(&world, n) == 2));
    world.mend();
    let known = world.until(10_000, |world| {
        let all = (0..4).all(|n| (0..4).all(|other| n == other || knows(world, n, other)));
        all.then_some(())
    });
    assert!(known.is_some());
    let met = world.until(1_500, |world| {
        (0..4).all(|n| members(world, n) == 4).then_some(())
    });
    assert!(met.is_some());
}

#[test]
fn lan_members_of_a_tree_want_no_line_before_it_has_made_its_own() {
    let mut world = room(54, 10, &Config::default(), NEAR);
    for n in 0..10 {
        join(&mut world, n);
        announce(&mut world, n);
    }
    world.run(1_500);
    assert!((0..10).all(|n| members(&world, n) > 1));
    assert!((0..10).all(|n| !world.nodes[n].switch.has_wants()));
    // Then a leaf of it has one to fall back on.
    world.run(10_000);
    assert!((0..10).all(|n| world.nodes[n].switch.status().lines >= 2));
}

#[test]
fn lan_those_whom_many_keep_lines_to_keep_none_themselves() {
    let mut world = one_that_chooses(55, 6);
    for n in 0..6 {
        announce(&mut world, n);
    }
    world.run(2_000);
    assert!(world.nodes[0].switch.has_wants());
    for n in 1..6 {
        world.connect(n, 0);
    }
    world.run(5_000);
    assert!(world.nodes[0].switch.has_wants(), "not at once");
    let trimmed = world.until(15_000, |world| {
        (!world.nodes[0].switch.has_wants()).then_some(())
    });
    assert!(trimmed.is_some());
}

// A line that has ended is none, although an application has not let go of it.
#[test]
fn lan_lines_that_ended_are_none() {
    let mut world = one_that_chooses(56, 3);
    let line = world.connect(0, 1);
    world.run(500);
    assert!(has_line(&world, 0, 1));
    for n in 0..3 {
        announce(&mut world, n);
    }
    world.run(5_000);
    assert!(!world.nodes[0].switch.has_wants(), "one is there");
    let now = world.nodes[0].time(world.now);
    let closed = world.nodes[0].switch.close(now, line, 0, "");
    closed.expect("it was up");
    world.run(5_000);
    assert!(has_line(&world, 0, 1) || has_line(&world, 0, 2));
}
