//! Everything stays within the config, whatever strangers send.

use super::*;

/// A valid open to room 1 from the identity whose secret begins with `n`.
fn open_from(n: u32) -> Vec<u8> {
    let mut bytes = [8; 32];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    let secret = SecretKey::from_bytes(&bytes);
    open_as(&secret, secret.public(), 1, n, 1)
}

#[test]
fn line_half_open_stays_bounded_under_ten_thousand_opens() {
    let config = Config {
        half_open: 100,
        outputs: 20,
        peers: 10,
        ..Config::default()
    };
    let (mut lines, _) = room(1, &config);
    let now = Time::ZERO;
    let mut refused = 0;
    for n in 0..10_000 {
        match lines.on_open(now, route_to(3), &open_from(n)) {
            Ok(()) => assert!(n < 50),
            Err(dropped) => {
                assert_eq!(dropped, Dropped::CookieAsked);
                refused += 1;
            }
        }
        assert!(lines.answers() <= 50 && lines.ids.len() <= 50 && lines.outputs.len() <= 20);
        assert!(lines.replies.len() <= 20);
    }
    assert_eq!((refused, lines.peers.len(), lines.len()), (9950, 0, 0));
    // Ten seconds later, and it takes more than one call, everybody may come again.
    let later = lines.deadline().unwrap().at;
    let mut calls = 0;
    while lines
        .deadline()
        .is_some_and(|deadline| deadline.at <= later)
    {
        lines.on_deadline(later, &mut effects());
        calls += 1;
    }
    assert_eq!((calls, lines.answers(), lines.ids.len()), (2, 0, 0));
    assert_eq!(lines.on_open(later, route_to(3), &open_from(60)), Ok(()));
}

#[test]
fn line_no_more_lines_than_the_config_allows() {
    let config = Config {
        lines: 1,
        ..Config::default()
    };
    let (mut b, b_name) = room(1, &config);
    let (now, mut fx) = (Time::ZERO, effects());
    let mut results = Vec::new();
    for n in [2, 3] {
        let (mut a, a_name) = room(n, &Config::default());
        let slot = a
            .open(now, a_name, secret(1).public(), &[route_to(1)], 0)
            .unwrap();
        b.on_open(now, route_to(n), &poll_one(&mut a, now)).unwrap();
        a.on_answer(now, route_to(1), &poll_one(&mut b, now), &mut fx)
            .unwrap();
        let mut proof = seal(&mut a, slot, b"proof");
        results.push(
            b.unseal(now, route_to(n), &mut proof, &mut fx)
                .map(|it| it.slot),
        );
    }
    assert_eq!(results, [Ok(0), Err(Dropped::Full)]);
    assert_eq!((b.len(), b.state(b_name, b_name)), (1, PeerState::Unknown));
}

#[test]
fn line_peers_without_a_line_are_bounded_and_the_oldest_goes() {
    let config = Config {
        peers: 3,
        ..Config::default()
    };
    let (mut lines, name) = room(1, &config);
    let peer = |n: u8| Hashname::from_bytes([n; 20]);
    for n in 0..5 {
        lines.note(name, peer(n), PeerState::Seen);
    }
    assert_eq!(lines.peers.len(), 3);
    assert_eq!(lines.state(name, peer(1)), PeerState::Unknown);
    for state in [PeerState::Resolving, PeerState::Seen, PeerState::Resolved] {
        lines.note(name, peer(4), state);
        assert_eq!(lines.state(name, peer(4)), state);
    }
    lines.note(name, peer(4), PeerState::Connected);
    assert_eq!(lines.state(name, peer(4)), PeerState::Resolved);
    lines.note(name, peer(4), PeerState::Unknown);
    assert_eq!(lines.state(name, peer(4)), PeerState::Unknown);
    lines.note(peer(9), peer(4), PeerState::Seen);
    assert_eq!(lines.peers.len(), 2);
    // A peer with a line is not among them, and is remembered when the line is gone.
    let slot = lines
        .open(Time::ZERO, name, secret(2).public(), &[route_to(2)], 0)
        .unwrap();
    let there = lines.info(slot).unwrap().who.peer_hashname;
    for n in 10..20 {
        lines.note(name, peer(n), PeerState::Seen);
    }
    assert_eq!(lines.peers.len(), 4);
    lines.forget(slot);
    assert_eq!(lines.state(name, there), PeerState::Resolved);
    assert_eq!(lines.peers.len(), 3);
}

#[test]
fn line_periods_of_the_config_are_kept() {
    let config = Config {
        crossed_ms: 700,
        older_ms: 900,
        closing_ms: 50,
        not_newer_ms: 10,
        ..Config::default()
    };
    let mut world = World::new(&config);
    // The opens of the smaller side never arrive, so it answers after 700 ms.
    let mut lost = |from, _, bytes: &[u8]| from == 0 && kind_of(bytes) == Ok(Some(Kind::Open));
    world.open(0);
    world.open(1);
    while world.up(1).is_none() {
        world.collect(&mut lost);
        if world.flights.is_empty() {
            world.advance();
        } else {
            world.deliver(0, &mut lost);
        }
    }
    assert_eq!(world.now, Time::ZERO.plus_ms(700));
    let slot = world.up(1).unwrap();
    let last = seal(&mut world.sides[1].lines, slot, b"x");
    world.sides[1].lines.close(world.now, slot, &last);
    let deadline = world.sides[1].lines.deadline().map(|deadline| deadline.at);
    assert_eq!(deadline, Some(world.now.plus_ms(50)));
}
