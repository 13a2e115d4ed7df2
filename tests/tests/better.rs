//! Lines with several ways: the best is used, one that is better is taken without loss, and one that
//! is dead is left in time.

use std::net::SocketAddr;

use hydroid_core::switch::{Config, Event, LineEvent, Read, StreamId};
use hydroid_tests::{
    roam::Roam,
    seed::seed,
    transfer::opened,
    world::{Link, World},
};

fn at(network: u8, n: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, network, n], 4000))
}

fn takes(latency_us: u64) -> Link {
    Link {
        latency_us,
        ..Link::PERFECT
    }
}

/// Node 1 has two addresses, which node 0 reaches over links that take so long.
fn world(first_us: u64, second_us: u64) -> World {
    let mut world = World::new(seed(1), 2, &Config::default(), takes(first_us));
    world.give(1, &[at(9, 1)]);
    let here = world.nodes[0].address;
    world.way_between(here, at(9, 1), takes(second_us));
    world
}

/// The address of node 1 that node 0 uses.
fn used(world: &World, line: hydroid_core::switch::LineId) -> SocketAddr {
    let info = world.nodes[0].switch.line(line).expect("it lives");
    info.paths[0].route.path.remote
}

#[test]
fn paths_better_one_is_taken_without_loss() {
    for sender in [0, 1] {
        // Both are the same when the line comes up; then the first becomes worse.
        let mut roam = Roam::of(world(5_000, 5_000), sender);
        roam.run(3_000);
        let before = used(&roam.world, roam.lines[0]);
        let (here, first) = (roam.world.nodes[0].address, roam.world.nodes[1].address);
        let other = if before == first { at(9, 1) } else { first };
        roam.world.way_between(here, before, takes(40_000));
        let lost = |roam: &Roam| {
            let nodes = roam.world.nodes.iter();
            nodes
                .map(|node| node.switch.stats().packets_lost)
                .sum::<u64>()
        };
        let (mut gap_us, lost_before) = (0, lost(&roam));
        for _ in 0..60 {
            gap_us = gap_us.max(roam.run(1_000));
        }
        assert_eq!(used(&roam.world, roam.lines[0]), other);
        assert_eq!(lost(&roam) - lost_before, 0);
        println!("{sender} sends: {} ms without data", gap_us / 1000);
        // Only the step of the link itself is seen.
        assert!(gap_us <= 40_000 + 10_000, "{gap_us}");
        let moves = roam.moves.concat();
        assert!(moves.len() == 2, "each end once: {moves:?}");
        roam.end();
    }
}

#[test]
fn paths_that_are_much_alike_are_not_moved_between() {
    for (one_us, other_us) in [(10_000, 10_000), (10_000, 8_000), (50_000, 46_000)] {
        let mut world = world(one_us, other_us);
        let here = world.nodes[0].address;
        let jitter = |latency_us| Link {
            jitter_us: 5_000,
            ..takes(latency_us)
        };
        world.link = jitter(one_us);
        world.way_between(here, at(9, 1), jitter(other_us));
        let mut roam = Roam::of(world, 0);
        roam.run(100_000);
        let moves = roam.moves.concat().len();
        println!("{one_us} and {other_us}: {moves} moves");
        assert!(moves <= 2, "{moves}");
        roam.end();
    }
}

/// Node 0 writes a little on a line that was still, after the path was cut: how long until it comes.
fn little(world: &mut World, (out, come): (StreamId, StreamId), text: &[u8]) -> u64 {
    let now = world.now;
    world.nodes[0]
        .switch
        .write(now, out, text)
        .expect("takes it");
    let mut buf = [0; 64];
    let done = world.until(10_000, |world| {
        let now = world.now;
        let read = world.nodes[1].switch.read(now, come, &mut buf);
        matches!(read, Ok(Read::Bytes(_))).then_some(())
    });
    assert!(done.is_some(), "it comes");
    world.now.since_us(now)
}

/// Three round trips and 200 ms until the path is left, one to be asked and half a one to arrive;
/// and what measuring adds where the clock of the peer holds ranges back.
fn bound_us(rtt_us: u64) -> u64 {
    3 * rtt_us + 200_000 + rtt_us + rtt_us / 2 + 30_000
}

#[test]
fn paths_dead_one_is_left_in_time_when_little_is_said() {
    for rtt_ms in [1, 20, 100] {
        for quiet_ms in [0, 40_000] {
            let half_us = rtt_ms * 500;
            let mut world = world(half_us, half_us);
            let (now, key) = (world.now, world.nodes[1].key);
            let addresses = world.nodes[1].addresses();
            let node = &mut world.nodes[0];
            let line = node.switch.connect(now, node.hashname, &key, &addresses);
            let line = line.expect("dials");
            world.until(10_000, |world| world.nodes[0].take_up());
            let now = world.now;
            let out = world.nodes[0].switch.open_stream(now, line, "{}");
            let out = out.expect("opens");
            let come = world.until(5_000, |world| opened(world, 1));
            let streams = (out, come.expect("opens"));
            world.run(3_000);
            little(&mut world, streams, b"one");
            world.run(1_000 + quiet_ms);
            let (here, before) = (world.nodes[0].address, used(&world, line));
            world.cut(here, before, [true, true]);
            let us = little(&mut world, streams, b"two");
            println!("{rtt_ms} ms, quiet for {quiet_ms}: {} ms", us / 1000);
            assert!(us <= bound_us(rtt_ms * 1000), "{us}");
            let is_moved =
                |event: &Event| matches!(event, Event::Line(LineEvent::Moved { .. })).then_some(());
            let moved = world.nodes[0].take(is_moved);
            assert!(moved.is_some() && used(&world, line) != before);
        }
    }
}

#[test]
fn paths_dead_one_is_left_in_time_under_bulk() {
    for rtt_ms in [1, 20, 100] {
        for sender in [0, 1] {
            for ways in [[true, true], [true, false], [false, true]] {
                let mut roam = Roam::of(world(rtt_ms * 500, rtt_ms * 500), sender);
                roam.run(3_000);
                let (here, before) = (
                    roam.world.nodes[0].address,
                    used(&roam.world, roam.lines[0]),
                );
                roam.world.cut(here, before, ways);
                let gap_us = roam.run(3_000);
                println!(
                    "{rtt_ms} ms, {sender} sends, cut {ways:?}: {} ms",
                    gap_us / 1000
                );
                assert!(
                    gap_us <= bound_us(rtt_ms * 1000) + rtt_ms * 1000,
                    "{gap_us}"
                );
                roam.end();
            }
        }
    }
}
