//! What a switch knows of its hashnames and of their peers, and what it tells nobody else.

use hydroid_core::{
    identity::{Hashname, SecretKey, Space},
    line::Dropped,
    switch::{Config, DownReason, DropReason, PeerState},
};
use hydroid_tests::{
    transfer::{CLEAN, down, opened},
    world::World,
};

// S2.27, S2.28, S2.32, S2.36, S2.37, S2.41, S2.42, S2.43, S2.44, S2.45, S2.46, S2.47
#[test]
fn tables_tell_of_a_peer_its_state_address_space_key_line_and_streams() {
    let mut world = World::new(1, 2, &Config::default(), CLEAN);
    let space = Space::open("world").expect("a legal name");
    let (ours, theirs) = (world.nodes[0].hashname, world.nodes[1].hashname);
    let (key, address) = (world.nodes[1].key, world.nodes[1].address);
    let state = |world: &World| world.nodes[0].switch.peer_state(ours, theirs);

    let hosted: Vec<_> = world.nodes[0].switch.installed().collect();
    assert_eq!(hosted.len(), 1);
    assert_eq!((hosted[0].hashname, hosted[0].space), (ours, space.id()));
    assert_eq!(hosted[0].key, world.nodes[0].key);

    assert_eq!(state(&world), PeerState::Unknown);
    let line = world.connect(0, 1);
    assert_eq!(state(&world), PeerState::Connecting);
    let up = world.until(1_000, |world| world.nodes[0].take_up());
    assert_eq!((up, state(&world)), (Some(line), PeerState::Connected));
    assert_eq!(world.connect(0, 1), line, "one line to one hashname");

    let now = world.now;
    let switch = &mut world.nodes[0].switch;
    switch.open_stream(now, line, "{}").expect("opens");
    let info = switch.line(line).expect("is up");
    assert_eq!((info.local, info.peer.hashname), (ours, theirs));
    assert_eq!((info.peer.key, info.streams), (key, 1));
    assert_eq!(Hashname::of(&info.peer.key, &space.id()), theirs);
    assert_eq!(info.route.map(|route| route.path.remote), Some(address));

    world.until(1_000, |world| opened(world, 1)).expect("comes");
    let now = world.now;
    let switch = &mut world.nodes[0].switch;
    switch.close(now, line, 0, "").expect("closes");
    world.until(10_000, |world| down(world, 0)).expect("ends");
    assert!(state(&world) < PeerState::Connecting);
    assert_eq!(world.nodes[0].switch.status().lines, 0);
}

// S2.5, S2.8: the id of its space is part of what a hashname is reached by.
#[test]
fn tables_hashnames_of_one_space_are_not_reached_from_another() {
    let mut world = World::new(2, 2, &Config::default(), CLEAN);
    let elsewhere = Space::open("elsewhere").expect("a legal name");
    let secret = SecretKey::from_bytes(&[42; 32]);
    let (key, address, now) = (world.nodes[1].key, world.nodes[1].address, world.now);
    let switch = &mut world.nodes[0].switch;
    let local = switch.install(now, &secret, &elsewhere).expect("installs");
    let line = switch.connect(now, local, &key, &[address]).expect("dials");
    let end = world.until(10_000, |world| down(world, 0));
    assert_eq!(end, Some((line, DownReason::Unreachable)));
    let stats = world.nodes[1].switch.stats();
    assert!(stats.dropped(DropReason::Line(Dropped::NotInstalled)) > 0);
    assert_eq!(stats.bytes_out, 0, "nobody answers");
    world.line(0, 1);
}

// S2.110, S2.111
#[test]
fn tables_first_packet_goes_out_once_the_line_is_open_and_only_sealed() {
    let mut world = World::new(3, 2, &Config::default(), CLEAN);
    world.kept = Some(Vec::new());
    let line = world.connect(0, 1);
    let packet = b"\0\x07{\"x\":1}the first packet";
    let now = world.now;
    let switch = &mut world.nodes[0].switch;
    switch.send(now, line, packet).expect("waits");
    let theirs = world.until(1_000, |world| world.nodes[1].take_up());
    let theirs = theirs.expect("comes up");
    world.run(100);
    let now = world.now;
    let mut buf = [0; 100];
    let len = world.nodes[1].switch.recv(now, theirs, &mut buf);
    assert_eq!(len.map(|len| &buf[..len]), Ok(&packet[..]));

    let kept = world.kept.expect("was kept");
    let is_handshake = |datagram: &[u8]| datagram[2..].starts_with(b"{");
    let handshakes = kept.iter().filter(|(.., datagram)| is_handshake(datagram));
    assert_eq!(handshakes.count(), 2, "an open and an answer");
    for (.., datagram) in &kept {
        assert!(is_handshake(datagram) || datagram[..2] == [0, 4]);
        let shown = datagram.windows(5).any(|window| window == b"first");
        assert!(!shown, "in clear");
    }
}
