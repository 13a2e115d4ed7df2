//! Lines whose ends move, whose ways fall silent, and of whose packets somebody says that they came
//! from elsewhere.

use std::net::SocketAddr;

use hydroid_core::switch::{Config, LineState};
use hydroid_tests::{
    kept,
    roam::{GAP_MAX_US, RTT_US, Roam},
    seed::seed,
    transfer::{CLEAN, down},
    world::World,
};

fn at(network: u8, n: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, network, n], 4000))
}

fn roam(sender: usize) -> Roam {
    let mut roam = Roam::new(seed(1), &Config::default(), CLEAN, sender);
    assert!(roam.run(500) <= RTT_US, "bytes flow");
    roam
}

/// Node 1 has a second address, and node 0 knows both.
fn two_ways(sender: usize) -> Roam {
    let mut world = World::new(seed(1), 2, &Config::default(), CLEAN);
    world.give(1, &[at(9, 1)]);
    let mut roam = Roam::of(world, sender);
    assert!(roam.run(3_000) <= RTT_US, "bytes flow");
    roam
}

fn show(what: &str, gap_us: u64) {
    println!("{what}: {} ms without data", gap_us / 1000);
}

#[test]
fn paths_either_end_moves_under_a_transfer_and_nothing_is_lost() {
    for sender in [0, 1] {
        for mover in [0, 1] {
            for told in [true, false] {
                let mut roam = roam(sender);
                roam.world.move_to(mover, at(7, mover as u8), told);
                let gap_us = roam.run(3_000);
                show(
                    &format!("{sender} sends, {mover} moves, told {told}"),
                    gap_us,
                );
                // Who only receives, and owes nothing just then, asks when nothing came for a while.
                let lull_us = Config::default().life.lull_ms * 1000;
                let is_mute = mover != sender && !told;
                let extra_us = if is_mute { lull_us } else { 0 };
                assert!(gap_us <= GAP_MAX_US + extra_us, "{gap_us}");
                let route = roam.moves[1 - mover].last().expect("its peer followed");
                assert_eq!(route.path.remote, at(7, mover as u8));
                roam.end();
            }
        }
    }
}

#[test]
fn paths_router_that_gives_another_port_is_followed() {
    for sender in [0, 1] {
        for behind in [0, 1] {
            let mut world = World::new(seed(2), 2, &Config::default(), CLEAN);
            world.nodes[0].outside = Some(at(8, 0));
            if behind == 1 {
                world.nodes[0].outside = None;
            }
            let mut roam = Roam::of(world, sender);
            roam.run(500);
            let outside = SocketAddr::from(([10, 0, 8, behind as u8], 61_000));
            roam.world.nodes[behind].outside = Some(outside);
            let gap_us = roam.run(4_000);
            show(
                &format!("{sender} sends, {behind} gets another port"),
                gap_us,
            );
            // Who only receives finds out when nothing came for a while: it asks then.
            let lull_us = Config::default().life.lull_ms * 1000;
            let extra_us = if sender == behind { 0 } else { lull_us };
            assert!(gap_us <= GAP_MAX_US + extra_us, "{gap_us}");
            roam.end();
        }
    }
}

#[test]
fn paths_dead_one_is_left_for_the_other_address() {
    for sender in [0, 1] {
        for ways in [[true, true], [true, false], [false, true]] {
            let mut roam = two_ways(sender);
            let one = roam.paths(0)[0].route.path.remote;
            assert!(roam.paths(0)[1].proven, "the other one was asked");
            let here = roam.world.nodes[0].address;
            roam.world.cut(here, one, ways);
            let gap_us = roam.run(4_000);
            show(&format!("{sender} sends, cut {ways:?}"), gap_us);
            assert!(gap_us <= GAP_MAX_US, "{gap_us}");
            let paths = roam.paths(sender);
            assert_ne!(paths[0].route, paths[1].route);
            // And back again, when that one is cut in turn.
            roam.world.cut(here, one, [false, false]);
            let other = [roam.world.nodes[1].address, at(9, 1)];
            let other = other.into_iter().find(|address| *address != one);
            roam.run(20_000);
            roam.world.cut(here, other.expect("two"), [true, true]);
            let gap_us = roam.run(4_000);
            show("back", gap_us);
            assert!(gap_us <= GAP_MAX_US, "{gap_us}");
            roam.end();
        }
    }
}

#[test]
fn paths_end_that_comes_back_is_followed_back() {
    let mut roam = roam(1);
    let home = roam.world.nodes[0].address;
    for address in [at(7, 0), home, at(7, 0), home] {
        roam.world.move_to(0, address, true);
        let gap_us = roam.run(1_000);
        assert!(gap_us <= GAP_MAX_US, "{gap_us}");
    }
    assert!(roam.paths(1).len() <= 4);
    roam.end();
}

#[test]
fn paths_both_ends_move_at_once_and_meet_where_one_can_still_be_found() {
    for sender in [0, 1] {
        let mut world = World::new(seed(3), 2, &Config::default(), CLEAN);
        world.give(1, &[at(9, 1)]);
        let mut roam = Roam::of(world, sender);
        roam.run(3_000);
        let used = roam.paths(0)[0].route.path.remote;
        let kept = if used == at(9, 1) {
            roam.world.nodes[1].address
        } else {
            at(9, 1)
        };
        // Node 1 loses the address in use and has a new one; the one that stays is the other.
        roam.world.nodes[1].also = vec![kept];
        roam.world.move_to(1, at(6, 1), false);
        roam.world.move_to(0, at(7, 0), true);
        let gap_us = roam.run(8_000);
        show("both move", gap_us);
        assert!(gap_us <= GAP_MAX_US + 500_000, "{gap_us}");
        roam.end();
    }
}

#[test]
fn paths_open_on_every_path_finds_a_peer_that_no_path_answers() {
    let mut roam = two_ways(0);
    let addresses = [roam.world.nodes[1].address, at(9, 1)];
    let here = roam.world.nodes[0].address;
    for address in addresses {
        roam.world.cut(here, address, [true, true]);
    }
    roam.world.kept = Some(Vec::new());
    roam.run(6_000);
    let opens = roam.world.kept.take().expect("kept");
    for address in addresses {
        let is_open = |(_, to, bytes): &&(SocketAddr, SocketAddr, Vec<u8>)| {
            *to == address && bytes.len() == 600
        };
        assert!(
            opens.iter().filter(is_open).count() > 1,
            "asked at {address}"
        );
    }
    roam.world.cut(here, addresses[1], [false, false]);
    roam.run(14_000);
    assert_eq!(roam.paths(0)[0].route.path.remote, addresses[1]);
    roam.end();
}

#[test]
fn paths_captured_packet_sent_again_makes_no_path() {
    let mut roam = roam(0);
    roam.world.kept = Some(Vec::new());
    roam.run(100);
    let kept = roam.world.kept.take().expect("kept");
    let before = roam.paths(1);
    let to_one: Vec<_> = kept
        .into_iter()
        .filter(|(_, to, _)| {
            *to == before[0]
                .route
                .path
                .local
                .map_or(*to, |ip| (ip, 4000).into())
        })
        .map(|(_, _, bytes)| bytes)
        .collect();
    assert!(to_one.len() > 10, "something was captured");
    // What was still on its way arrives.
    roam.run(100);
    for bytes in to_one {
        roam.world.inject(at(66, 6), 1, &bytes);
    }
    roam.world.kept = Some(Vec::new());
    assert!(roam.run(1_000) <= RTT_US);
    assert_eq!(roam.paths(1).len(), before.len());
    let kept = roam.world.kept.take().expect("kept");
    assert!(kept.iter().all(|(_, to, _)| *to != at(66, 6)), "no answer");
    roam.end();
}

/// Somebody on the way is faster than the way: copies of packets arrive first, from his addresses.
fn raced(roam: &mut Roam, addresses: &[SocketAddr], ms: u64) -> (u64, u64) {
    let (mut there, mut back) = (0, 0);
    for n in 0..ms / 10 {
        roam.world.kept = Some(Vec::new());
        let gap_us = roam.run(10);
        assert!(gap_us <= GAP_MAX_US);
        let kept = roam.world.kept.take().expect("kept");
        let (from, to) = (roam.world.nodes[0].address, roam.world.nodes[1].address);
        for (_, at, bytes) in &kept {
            if addresses.contains(at) {
                back += bytes.len() as u64;
            }
        }
        let newest = kept.iter().rev().find(|it| (it.0, it.1) == (from, to));
        if let Some((_, _, bytes)) = newest {
            there += bytes.len() as u64;
            let address = addresses[n as usize % addresses.len()];
            roam.world.inject(address, 1, bytes);
        }
    }
    (there, back)
}

#[test]
fn paths_packets_raced_from_elsewhere_move_nothing_while_the_old_path_answers() {
    let mut roam = roam(0);
    let (there, back) = raced(&mut roam, &[at(66, 6)], 2_000);
    assert!(back > 0 && back <= there, "{there} bytes made {back}");
    assert!(roam.moves.concat().is_empty(), "{:?}", roam.moves);
    roam.run(5_000);
    let paths = roam.paths(1);
    assert_eq!(
        paths.len(),
        1,
        "what never answered is forgotten: {paths:?}"
    );
    roam.end();
}

#[test]
fn paths_flood_of_candidates_is_bounded_and_an_honest_move_gets_through() {
    let mut roam = roam(0);
    let flood: Vec<_> = (0..40).map(|n| at(66, n)).collect();
    let (there, back) = raced(&mut roam, &flood, 2_000);
    println!("{there} bytes from 40 addresses made {back}");
    assert!(back <= there, "{there} bytes made {back}");
    assert!(roam.paths(1).len() <= 4);
    assert!(roam.moves.concat().is_empty(), "{:?}", roam.moves);
    roam.world.move_to(0, at(7, 0), true);
    let gap_us = roam.run(4_000);
    assert!(gap_us <= GAP_MAX_US + 1_500_000, "{gap_us}");
    roam.end();
}

#[test]
fn paths_line_that_nobody_holds_asks_nothing() {
    let mut config = Config::default();
    config.life.unheld_timeout_ms = 100_000;
    config.life.idle_timeout_ms = 200_000;
    let mut world = World::new(seed(4), 2, &config, CLEAN);
    world.give(1, &[at(9, 1)]);
    let roam = Roam::of(world, 0);
    let lines = roam.lines;
    let mut world = roam.end();
    let held = world.delivered;
    world.run(50_000);
    assert!(world.delivered > held, "a held one asks");
    let info = world.nodes[1].switch.line(lines[1]).expect("lives");
    assert_eq!(info.state, LineState::Up);
    for address in [world.nodes[1].address, at(9, 1)] {
        let here = world.nodes[0].address;
        world.cut(here, address, [true, true]);
    }
    world.run(1_000);
    world.kept = Some(Vec::new());
    world.run(60_000);
    let one = world.nodes[1].address;
    let sent = world.kept.take().expect("kept");
    let by_one = sent.iter().filter(|it| it.0 == one || it.0 == at(9, 1));
    assert_eq!(by_one.count(), 0, "an unheld one says nothing");
    assert!(down(&mut world, 1).is_none());
}

#[test]
fn paths_peer_that_moved_is_remembered_where_it_went() {
    let mut roam = roam(0);
    roam.world.move_to(1, at(7, 1), true);
    roam.run(3_000);
    let node = &roam.world.nodes[0];
    let known: Vec<_> = node.switch.peers(node.hashname).collect();
    assert_eq!(known[0].addresses[0], at(7, 1));
    roam.world.run(10_000);
    let disk = &roam.world.nodes[0].disk;
    let peers = String::from_utf8_lossy(&disk["peers"]);
    assert!(
        peers.contains("[\"10.0.7.1:4000\""),
        "after a start, too: {peers}"
    );
}

#[test]
fn paths_line_that_is_kept_goes_where_its_peer_is_said_to_be_now() {
    let mut world = kept::world(2, &Config::default());
    kept::keep(&mut world, 0, 1);
    let line = world.until(1_000, |world| world.nodes[0].take_up());
    let line = line.expect("comes up");
    world.run(3_000);
    // The peer is somewhere else and does not say so; somebody else does.
    let elsewhere = at(7, 1);
    world.move_to(1, elsewhere, false);
    kept::keep(&mut world, 0, 1);
    world.run(1_000);
    let paths = world.nodes[0].switch.line(line).expect("it lives").paths;
    let there = paths.iter().find(|it| it.route.path.remote == elsewhere);
    assert!(there.is_some_and(|it| it.proven), "{paths:?}");
}
