//! How large packets are: what a path carries is found while there is much to send, and left again
//! when it vanishes.

use hydroid_core::switch::Config;
use hydroid_tests::{
    roam::{GAP_MAX_US, Roam},
    seed::seed,
    transfer::{CLEAN, Progress, opened, pump, transfer},
    world::{Link, World},
};

/// The largest datagram of UDP over IPv4.
const UDP_MOST: u16 = 65_507;

fn carries(mtu_bytes: u64) -> Link {
    Link { mtu_bytes, ..CLEAN }
}

/// What node `n` has found that its only path carries.
fn found(roam: &Roam, n: usize) -> u16 {
    roam.paths(n)[0].packet_bytes.unwrap_or(1_200)
}

/// Node 0 sends `total` bytes to node 1; the longest datagram that it sent.
fn send(world: &mut World, total: u64) -> usize {
    let (line, _) = world.line(0, 1);
    let now = world.now;
    let out = world.nodes[0].switch.open_stream(now, line, "{}");
    let out = out.expect("opens");
    world.kept = Some(Vec::new());
    let (mut here, mut there, mut come) = (Progress::default(), Progress::default(), None);
    let done = world.until(60_000, |world| {
        pump(world, 0, out, total, &mut here);
        come = come.or_else(|| opened(world, 1));
        pump(world, 1, come?, 0, &mut there);
        there.ended.then_some(())
    });
    assert!(done.is_some(), "{} of {total} came", there.read);
    let sent = world.kept.take().expect("kept");
    sent.iter().map(|it| it.2.len()).max().unwrap_or(0)
}

#[test]
fn sizes_path_that_carries_everything_gets_the_largest_datagrams() {
    let (_, world) = transfer(seed(1), CLEAN, 4_000_000);
    for node in &world.nodes {
        let stats = node.switch.stats();
        println!(
            "{} datagrams, {} lost",
            stats.datagrams_out, stats.packets_lost
        );
        assert!(stats.datagrams_out < 1_000, "{}", stats.datagrams_out);
        assert_eq!(stats.packets_lost, 0);
    }
}

#[test]
fn sizes_of_the_path_are_found_and_what_it_loses_is_no_congestion() {
    for mtu in [1_200, 1_250, 1_372, 1_472, 8_972] {
        let mut roam = Roam::new(seed(2), &Config::default(), carries(mtu), 0);
        let gap_us = roam.run(10_000);
        assert!(gap_us <= GAP_MAX_US, "{mtu}: {gap_us}");
        let found = found(&roam, 0);
        println!("{mtu}: {found}");
        assert!(
            u64::from(found) <= mtu && u64::from(found) * 8 >= mtu * 7,
            "{mtu}: {found}"
        );
        let lost = roam.world.nodes[0].switch.stats().packets_lost;
        assert!(lost <= 45, "{mtu}: nothing but what was tried: {lost}");
        roam.end();
    }
}

#[test]
fn sizes_beyond_the_interface_cost_nothing() {
    let mut world = World::new(seed(3), 2, &Config::default(), CLEAN);
    for node in 0..2 {
        world.nodes[node].interface_bytes = 1_472;
    }
    assert_eq!(send(&mut world, 1_000_000), 1_472);
    let stats = world.nodes[0].switch.stats();
    assert!(
        (1..=8).contains(&stats.sent_errors),
        "{}",
        stats.sent_errors
    );
    // What was refused is found to have been lost, and nothing else is.
    assert_eq!(stats.packets_lost, stats.sent_errors);
}

#[test]
fn sizes_never_exceed_the_buffer_of_the_shell() {
    for buffer_bytes in [1_200, 1_500, 5_000, 20_000] {
        let mut world = World::new(seed(4), 2, &Config::default(), CLEAN);
        world.buffer_bytes = buffer_bytes;
        let most = send(&mut world, 1_000_000);
        assert!(
            most <= buffer_bytes && most * 8 >= buffer_bytes * 7,
            "{most}"
        );
    }
}

#[test]
fn sizes_are_what_the_config_allows() {
    let mut config = Config::default();
    config.life.datagram_most_bytes = 3_000;
    let mut world = World::new(seed(4), 2, &config, CLEAN);
    assert_eq!(send(&mut world, 1_000_000), 3_000);
    config.life.datagram_most_bytes = config.life.datagram_bytes;
    let mut world = World::new(seed(4), 2, &config, CLEAN);
    assert_eq!(send(&mut world, 1_000_000), 1_200);
}

#[test]
fn sizes_are_not_tried_on_a_line_that_says_little() {
    let mut world = World::new(seed(5), 2, &Config::default(), CLEAN);
    assert!(send(&mut world, 10_000) <= 1_200);
    world.kept = Some(Vec::new());
    world.run(60_000);
    let sent = world.kept.take().expect("kept");
    assert!(sent.iter().all(|it| it.2.len() <= 1_200));
}

#[test]
fn sizes_that_shrink_under_way_are_left_and_found_again_when_they_grow() {
    let mut config = Config::default();
    config.flow.size_again_ms = 2_000;
    config.flow.size_hole_ms = 1_000;
    let mut roam = Roam::new(seed(6), &config, CLEAN, 0);
    roam.run(2_000);
    assert_eq!(found(&roam, 0), UDP_MOST);
    for (mtu, most) in [
        (1_472, 1_472),
        (1_200, 1_200),
        (0, UDP_MOST),
        (1_300, 1_300),
    ] {
        roam.world.link = carries(mtu);
        let gap_us = roam.run(15_000);
        println!(
            "{mtu}: {} ms without data, {}",
            gap_us / 1000,
            found(&roam, 0)
        );
        assert!(gap_us <= GAP_MAX_US, "{mtu}: {gap_us}");
        assert!(found(&roam, 0) <= most && found(&roam, 0) >= most / 8 * 7);
    }
    roam.end();
}

#[test]
fn sizes_that_the_interface_no_longer_takes_are_left_at_once() {
    let mut roam = Roam::new(seed(7), &Config::default(), CLEAN, 0);
    roam.run(2_000);
    assert_eq!(found(&roam, 0), UDP_MOST);
    roam.world.nodes[0].interface_bytes = 1_472;
    let gap_us = roam.run(3_000);
    assert!(gap_us <= GAP_MAX_US, "{gap_us}");
    assert_eq!(found(&roam, 0), 1_472);
    roam.end();
}
