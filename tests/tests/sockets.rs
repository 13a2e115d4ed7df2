//! Lines of nodes with several sockets: some come and go, and they are of both families.

use std::net::{Ipv6Addr, SocketAddr};

use hydroid_core::switch::{Config, Interface, PathInfo, SocketId};
use hydroid_tests::{
    roam::{GAP_MAX_US, RTT_US, Roam},
    seed::seed,
    transfer::CLEAN,
    world::World,
};

fn v4(network: u8, n: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, network, n], 4000))
}

fn v6(n: u16) -> SocketAddr {
    let ip = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n);
    SocketAddr::from((ip, 4000))
}

const fn socket(id: u32, local: SocketAddr) -> Interface {
    Interface {
        socket: SocketId(id),
        local,
    }
}

/// Each node has these sockets.
fn roam(sockets: [&[Interface]; 2], sender: usize) -> Roam {
    let mut world = World::new(seed(1), 2, &Config::default(), CLEAN);
    for (n, sockets) in sockets.iter().enumerate() {
        world.bind(n, sockets);
    }
    let mut roam = Roam::of(world, sender);
    assert!(roam.run(3_000) <= RTT_US, "bytes flow");
    roam
}

/// The socket that a node sends from.
fn in_use(roam: &Roam, node: usize) -> SocketId {
    roam.paths(node)[0].route.socket
}

#[test]
fn sockets_that_vanish_take_their_paths_along_and_the_line_goes_on_over_another() {
    for sender in [0, 1] {
        for loser in [0, 1] {
            let two = |n| [socket(0, v4(0, n)), socket(1, v4(5, n))];
            let mut roam = roam([&two(0), &two(1)], sender);
            let used = in_use(&roam, loser);
            let mut left = two(loser as u8).to_vec();
            left.retain(|it| it.socket != used);
            roam.world.bind(loser, &left);
            let gap_us = roam.run(4_000);
            println!("{sender} sends, {loser} loses a socket: {gap_us} us without data");
            assert!(gap_us <= GAP_MAX_US, "{gap_us}");
            let of_gone = |it: &PathInfo| it.route.socket == used;
            assert!(!roam.paths(loser).iter().any(of_gone), "no path is left");
            assert_eq!(in_use(&roam, loser), left[0].socket);
            // The other end follows to where it is.
            let remote = roam.paths(1 - loser)[0].route.path.remote;
            assert_eq!(remote, left[0].local);
            roam.end();
        }
    }
}

#[test]
fn sockets_are_all_tried_when_a_line_is_opened_and_when_the_one_in_use_vanishes() {
    for dead in [0, 1] {
        let mut world = World::new(seed(1), 2, &Config::default(), CLEAN);
        let both = [socket(0, v4(0, 0)), socket(1, v4(5, 0))];
        world.bind(0, &both);
        world.cut(both[dead].local, v4(0, 1), [true, true]);
        let mut roam = Roam::of(world, 0);
        assert!(roam.run(3_000) <= RTT_US, "bytes flow");
        assert_eq!(in_use(&roam, 0), both[1 - dead].socket);
        // The other one works by now; nobody has noticed when it is needed.
        roam.world.cut(both[dead].local, v4(0, 1), [false, false]);
        roam.world.bind(0, &both[dead..=dead]);
        let gap_us = roam.run(4_000);
        println!("only socket {dead} is left: {gap_us} us without data");
        assert!(gap_us <= GAP_MAX_US, "{gap_us}");
        roam.end();
    }
}

#[test]
fn sockets_that_are_new_make_candidates_and_take_over_when_the_old_way_dies() {
    for sender in [0, 1] {
        let (old, new) = (socket(0, v4(0, 0)), socket(7, v4(5, 0)));
        let there = v4(0, 1);
        let mut roam = roam([&[old], &[socket(0, there)]], sender);
        assert_eq!(roam.paths(0).len(), 1);
        roam.world.bind(0, &[old, new]);
        assert!(roam.run(3_000) <= RTT_US, "it is none the worse for it");
        let paths = roam.paths(0);
        let fresh = paths.iter().find(|it| it.route.socket == new.socket);
        assert!(fresh.is_some_and(|it| it.proven), "{paths:?}");
        roam.world.cut(old.local, there, [true, true]);
        let gap_us = roam.run(4_000);
        println!("{sender} sends, the old way dies: {gap_us} us without data");
        assert!(gap_us <= GAP_MAX_US, "{gap_us}");
        assert_eq!(in_use(&roam, 0), new.socket);
        roam.end();
    }
}

#[test]
fn sockets_of_both_families_carry_one_line_that_roams_between_them() {
    for sender in [0, 1] {
        let of = |n: u8| [socket(0, v4(0, n)), socket(1, v6(n.into()))];
        let mut roam = roam([&of(0), &of(1)], sender);
        for _ in 0..2 {
            let family = roam.paths(0)[0].route.path.remote.is_ipv4();
            let [four, six] = [(v4(0, 0), v4(0, 1)), (v6(0), v6(1))];
            let (dead, alive) = if family { (four, six) } else { (six, four) };
            roam.world.cut(dead.0, dead.1, [true, true]);
            let gap_us = roam.run(4_000);
            println!("{sender} sends, from IPv4 {family} to the other: {gap_us} us without data");
            assert!(gap_us <= GAP_MAX_US, "{gap_us}");
            for (node, there) in [(0, alive.1), (1, alive.0)] {
                assert_eq!(roam.paths(node)[0].route.path.remote, there);
            }
            roam.world.cut(dead.0, dead.1, [false, false]);
            assert!(roam.run(20_000) <= RTT_US, "it stays");
        }
        // One end has only one family left, and then only the other.
        for only in [of(0)[0], of(0)[1], of(0)[0]] {
            roam.world.bind(0, &[only]);
            let gap_us = roam.run(4_000);
            println!("{sender} sends, only {only:?} is left: {gap_us} us without data");
            assert!(gap_us <= GAP_MAX_US, "{gap_us}");
            assert_eq!(in_use(&roam, 0), only.socket);
        }
        roam.end();
    }
}
