//! The life of a line, from the first open to the last packet.

use super::*;

#[test]
fn line_comes_up_in_one_round_trip_in_both_suites() {
    for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
        let config = Config {
            suite,
            ..Config::default()
        };
        let (world, a, b) = connected(&config);
        assert_eq!(
            (world.sides[0].ups[0].1, world.sides[1].ups[0].1),
            (true, false)
        );
        let [one, other] =
            [(0, a), (1, b)].map(|(of, slot)| world.sides[of].lines.info(slot).unwrap().clone());
        assert_eq!((one.suite, other.suite), (suite, suite));
        assert_eq!(
            (one.who.peer, other.who.peer),
            (world.sides[1].key, world.sides[0].key)
        );
        assert_eq!(
            (one.who.peer_hashname, other.who.local),
            (world.sides[1].name, world.sides[1].name)
        );
        assert_eq!((one.route, other.route), (route_to(1), route_to(0)));
        let [one, other] =
            [(0, a), (1, b)].map(|(of, slot)| *world.sides[of].lines.greeting(slot).unwrap());
        assert_eq!(one.seen, Some(route_to(0).path.remote));
        assert_eq!(other.seen, None);
        // Both know how long the handshake took, there and back.
        let took = [one.rtt_us, other.rtt_us];
        assert!(took.iter().all(|us| us.is_some()), "{took:?}");
    }
}

#[test]
fn line_either_suite_is_accepted_whatever_is_preferred() {
    let chacha = Config {
        suite: Suite::ChaCha20Poly1305,
        ..Config::default()
    };
    let mut world = World::new(&chacha);
    world.sides[1].lines.config.suite = Suite::Aes256Gcm;
    world.open(0);
    world.open(1);
    world.settle(&mut keep);
    world.assert_one_line();
}

#[test]
fn line_open_is_repeated_byte_for_byte_and_given_up() {
    let config = Config {
        repeat_first_ms: 100,
        repeat_most_ms: 300,
        open_ms: 1000,
        routes: 2,
        ..Config::default()
    };
    let (mut lines, name) = room(1, &config);
    let routes = [route_to(2), route_to(3), route_to(3), route_to(4)];
    let slot = lines
        .open(Time::ZERO, name, secret(2).public(), &routes, 0)
        .unwrap();
    let peer = lines.info(slot).unwrap().who.peer_hashname;
    assert_eq!(lines.state(name, peer), PeerState::Connecting);
    let mut fx = effects();
    let mut sent = Vec::new();
    while let Some(deadline) = lines.deadline() {
        while let Some((route, bytes)) = poll(&mut lines, deadline.at) {
            sent.push((route, bytes));
        }
        assert!(!lines.has_output());
        lines.on_deadline(deadline.at, &mut fx);
        if lines.is_empty() {
            assert_eq!(deadline.at, Time::ZERO.plus_ms(1000));
        }
    }
    // At 0, 100, 300, 600 and 900 ms, on the first two routes.
    assert_eq!(sent.len(), 10);
    assert!(sent.iter().all(|(_, bytes)| *bytes == sent[0].1));
    assert_eq!(
        sent.iter()
            .filter(|(route, _)| *route == route_to(3))
            .count(),
        5
    );
    let why = Down::Unreachable;
    assert_eq!(drain(&mut fx), [Effect::Down { slot, why }]);
    assert_eq!(lines.state(name, peer), PeerState::Resolved);
    assert_eq!(lines.find(name, peer), None);
}

#[test]
fn line_open_errors_say_what_is_wrong() {
    let config = Config {
        lines: 1,
        hashnames: 2,
        ..Config::default()
    };
    let (mut lines, name) = room(1, &config);
    let (peer, routes) = (secret(2).public(), [route_to(2)]);
    let stranger = Hashname::of(&peer, &space());
    let now = Time::ZERO;
    assert_eq!(
        lines.open(now, stranger, peer, &routes, 0),
        Err(OpenError::NotInstalled)
    );
    assert_eq!(
        lines.open(now, name, secret(1).public(), &routes, 0),
        Err(OpenError::Oneself)
    );
    assert_eq!(lines.open(now, name, peer, &[], 0), Err(OpenError::NoRoute));
    let slot = lines.open(now, name, peer, &routes, 0).unwrap();
    assert_eq!(lines.open(now, name, peer, &[], 0), Ok(slot));
    assert_eq!(
        lines.open(now, name, secret(3).public(), &routes, 0),
        Err(OpenError::Full)
    );
    assert_eq!(
        lines.install(now, &secret(1), space()),
        Err(InstallError::Twice)
    );
    let other = lines.install(now, &secret(4), space()).unwrap();
    assert_eq!(
        lines.install(now, &secret(5), space()),
        Err(InstallError::Full)
    );
    assert_eq!(lines.installed().collect::<Vec<_>>(), [name, other]);
}

#[test]
fn line_takes_effect_only_with_the_first_sealed_packet() {
    let (mut a, a_name) = room(1, &Config::default());
    let (mut b, b_name) = room(2, &Config::default());
    let (now, mut fx) = (Time::ZERO, effects());
    b.set_first_stream(40);
    let slot = a
        .open(now, a_name, secret(2).public(), &[route_to(2)], 8)
        .unwrap();
    let open = poll_one(&mut a, now);
    assert_eq!(b.on_open(now, route_to(1), &open), Ok(()));
    assert_eq!(b.state(b_name, a_name), PeerState::Unknown);
    assert!(b.is_empty());
    let answer = poll_one(&mut b, now);
    assert!(answer.len() < open.len());
    assert_eq!(a.on_answer(now, route_to(2), &answer, &mut fx), Ok(()));
    assert_eq!(drain(&mut fx), [Effect::Up { slot, ours: true }]);
    assert_eq!(
        a.on_answer(now, route_to(2), &answer, &mut fx),
        Err(Dropped::Repeated)
    );
    let mut packet = seal(&mut a, slot, b"proof");
    let mut forged = packet.clone();
    forged[20] ^= 1;
    let refused = b.unseal(now, route_to(1), &mut forged, &mut fx);
    assert_eq!(refused, Err(Dropped::BadTag));
    let unsealed = b.unseal(now, route_to(9), &mut packet, &mut fx).unwrap();
    assert_eq!(
        (unsealed.plain, unsealed.counter, unsealed.newest),
        (&b"proof"[..], 0, true)
    );
    let there = unsealed.slot;
    assert_eq!(
        drain(&mut fx),
        [Effect::Up {
            slot: there,
            ours: false
        }]
    );
    assert_eq!(b.state(b_name, a_name), PeerState::Connected);
    let info = b.info(there).unwrap();
    assert_eq!(
        (info.route, info.first_stream, info.peer_first_stream),
        (route_to(9), 40, Some(8))
    );
    assert_eq!(a.info(slot).unwrap().peer_first_stream, Some(40));
}

#[test]
fn line_copies_of_an_open_get_the_same_answer_where_they_come_from() {
    let config = Config {
        half_open_ms: 4000,
        ..Config::default()
    };
    let (mut a, a_name) = room(1, &config);
    let (mut b, _) = room(2, &config);
    let now = Time::ZERO;
    a.open(now, a_name, secret(2).public(), &[route_to(2)], 0)
        .unwrap();
    let open = poll_one(&mut a, now);
    assert_eq!(b.on_open(now, route_to(1), &open), Ok(()));
    let first = poll(&mut b, now).unwrap();
    let later = Time::ZERO.plus_ms(3999);
    assert_eq!(b.on_open(later, route_to(5), &open), Err(Dropped::Repeated));
    let second = poll(&mut b, later).unwrap();
    assert_eq!((second.0, second.1), (route_to(5), first.1));
    assert_eq!(b.answers(), 1);
    let over = Time::ZERO.plus_ms(4000);
    assert_eq!(b.deadline().map(|deadline| deadline.at), Some(over));
    b.on_deadline(over, &mut effects());
    assert_eq!((b.answers(), b.ids.len(), b.deadline()), (0, 0, None));
}

#[test]
fn line_opens_not_newer_than_a_confirmed_one_are_answered_once_a_second() {
    let (mut world, a, _) = connected(&Config::default());
    // The peer starts again with a clock that is behind.
    let secret = secret(world_key(&world));
    let open = |line| open_as(&secret, secret.public(), 3 - world_key(&world), line, 0);
    let opens = [open(1), open(2), open(3)];
    let b = &mut world.sides[1].lines;
    let at = |ms: u64| Time::ZERO.plus_ms(60_000 + ms);
    assert_eq!(b.on_open(at(0), route_to(0), &opens[0]), Ok(()));
    assert_eq!(
        b.on_open(at(999), route_to(0), &opens[1]),
        Err(Dropped::NotNewer)
    );
    assert_eq!(b.on_open(at(1000), route_to(0), &opens[2]), Ok(()));
    // None of this touched the line that there is.
    assert!(world.sides[0].lines.info(a).is_some());
    let packet = seal(&mut world.sides[0].lines, a, &[PONG]);
    world.flights.push(Flight {
        to: 1,
        bytes: packet,
    });
    world.deliver(0, &mut keep);
    assert_eq!(world.sides[1].pongs, 2);
}

/// Which secret side 0 of a world has.
fn world_key(world: &World) -> u8 {
    if world.sides[0].key == secret(1).public() {
        1
    } else {
        2
    }
}

/// Side `of` forgets everything and, with `boot` unchanged or not, opens again.
pub(super) fn begin_again(world: &mut World, of: usize, restarted: bool) {
    let n = if of == 0 {
        world_key(world)
    } else {
        3 - world_key(world)
    };
    let (mut lines, name) = room(n, &Config::default());
    lines.rng = Rng::new(&Seed::new([77; 32]));
    let boot = world.sides[of].lines.homes[0].boot;
    lines.homes[0].boot = if restarted { boot ^ 1 } else { boot };
    lines.handle_clock(world.now, Wall::from_ms(1_700_000_000_000));
    assert_eq!(name, world.sides[of].name);
    world.sides[of].lines = lines;
    for side in &mut world.sides {
        side.ups.clear();
        side.downs.clear();
    }
}

#[test]
fn line_restarted_peer_that_opens_ends_the_old_line() {
    for (of, restarted) in [(0, true), (0, false), (1, true), (1, false)] {
        let (mut world, ..) = connected(&Config::default());
        let before = world.up(1 - of).unwrap();
        begin_again(&mut world, of, restarted);
        world.open(of);
        world.settle(&mut keep);
        let why = if restarted {
            Down::Restarted
        } else {
            Down::Replaced
        };
        assert_eq!(core::mem::take(&mut world.sides[1 - of].downs), [why]);
        assert_ne!(world.up(1 - of), Some(before));
        world.assert_one_line();
    }
}

#[test]
fn line_reopen_finds_a_peer_that_started_again() {
    for of in [0, 1] {
        let (mut world, ..) = connected(&Config::default());
        begin_again(&mut world, of, true);
        let (now, slot) = (world.now, world.up(1 - of).unwrap());
        world.sides[1 - of]
            .lines
            .reopen(now, slot, &[route_to(of as u8)], 77);
        world.settle(&mut keep);
        let downs = core::mem::take(&mut world.sides[1 - of].downs);
        assert_eq!(downs, [Down::Restarted]);
        world.assert_one_line();
        let info = |of: usize| world.sides[of].lines.info(world.up(of).unwrap()).unwrap();
        let told = (info(1 - of).first_stream, info(of).peer_first_stream);
        assert_eq!(told, (77, Some(77)), "no stream's id comes twice");
    }
}

#[test]
fn line_reopen_changes_nothing_where_the_peer_lives_or_is_silent() {
    for blocked in [false, true] {
        let (mut world, a, _) = connected(&Config::default());
        world.sides[0]
            .lines
            .reopen(world.now, a, &[route_to(1)], 77);
        world.settle(&mut |from, _, _: &[u8]| blocked && from == 1);
        world.assert_one_line();
        assert_eq!(world.up(0), Some(a));
        for of in [0, 1] {
            world.sides[of].ping_at = Some(world.now);
        }
        world.settle(&mut keep);
        assert_eq!((world.sides[0].pongs, world.sides[1].pongs), (2, 2));
    }
}

#[test]
fn line_closed_answers_each_packet_with_its_last_one_for_a_while() {
    let (mut world, a, b) = connected(&Config::default());
    let now = world.now;
    let [one, other] = &mut world.sides;
    let last = seal(&mut one.lines, a, b"farewell");
    one.lines.close(now, a, &last);
    assert_eq!(one.lines.state(one.name, other.name), PeerState::Resolved);
    assert_eq!(one.lines.find(one.name, other.name), None);
    assert_eq!(one.lines.next_counter(a), None);
    assert_eq!(one.lines.seal(a, &mut [0; 64], 1), None);
    let mut fx = effects();
    let long = seal(&mut other.lines, b, b"are you there?");
    for (mut packet, answers) in [
        (long.clone(), true),
        (long, false),
        (seal(&mut other.lines, b, b"short"), false),
        (seal(&mut other.lines, b, b"farewell"), true),
    ] {
        assert!(
            one.lines
                .unseal(now, route_to(6), &mut packet, &mut fx)
                .is_err()
        );
        let answer = poll(&mut one.lines, now);
        assert_eq!(answer, answers.then(|| (route_to(6), last.clone())));
    }
    let deadline = one.lines.deadline().unwrap();
    assert_eq!(deadline, Deadline::new(now.plus_ms(3000), Why::Closing));
    one.lines.on_deadline(deadline.at, &mut fx);
    assert!(fx.is_empty() && one.lines.is_empty());
    assert_eq!(one.lines.ids.len(), 0);
    let mut packet = seal(&mut other.lines, b, b"are you there?");
    let gone = one.lines.unseal(now, route_to(6), &mut packet, &mut fx);
    assert_eq!(gone, Err(Dropped::UnknownLine));
}

#[test]
fn line_closed_at_both_ends_falls_silent() {
    let (mut world, a, b) = connected(&Config::default());
    for (of, slot) in [(0, a), (1, b)] {
        let last = seal(&mut world.sides[of].lines, slot, b"farewell");
        world.sides[of].lines.close(world.now, slot, &last);
        world.flights.push(Flight {
            to: 1 - of,
            bytes: last,
        });
    }
    let before = world.sent;
    world.settle(&mut keep);
    assert!(world.sent - before <= 4);
    world.assert_nothing();
}

#[test]
fn line_at_rest_has_no_schedules_and_wakes_with_the_next_packet() {
    let (mut world, a, b) = connected(&Config::default());
    // Without its boxes; two schedules of AES would be 2 KiB more.
    let bytes = size_of::<Line>() + size_of::<session::Session>();
    assert!(bytes < 1280, "{bytes} bytes");
    std::println!("{bytes} bytes");
    for (of, slot) in [(0, a), (1, b)] {
        world.sides[of].lines.rest(slot);
        let line = world.sides[of].lines.slots.get(slot).unwrap();
        let session = line.current.as_ref().unwrap();
        assert!(session.sealing.is_at_rest() && session.opening.is_at_rest());
        world.sides[of].ping_at = Some(world.now);
    }
    world.settle(&mut keep);
    assert_eq!((world.sides[0].pongs, world.sides[1].pongs), (2, 2));
}

// S2.80
#[test]
fn line_counters_go_on_from_session_to_session_and_packets_are_taken_once() {
    // The smaller side's opens arrive late, so that both handshakes complete.
    let mut world = World::new(&Config::default());
    let mut lost = |from, _, bytes: &[u8]| from == 0 && kind_of(bytes) == Ok(Some(Kind::Open));
    world.open(0);
    world.open(1);
    let own = poll_one(&mut world.sides[0].lines, world.now);
    while world.up(1).is_none() {
        world.collect(&mut lost);
        if world.flights.is_empty() {
            world.advance();
        } else {
            world.deliver(0, &mut lost);
        }
    }
    let now = world.now;
    let (one, other) = world.sides.split_at_mut(1);
    let (one, other) = (&mut one[0].lines, &mut other[0].lines);
    let mut fx = effects();
    let b = 0;
    let mut early = seal(other, b, b"in the first session");
    other.on_open(now, route_to(0), &own).unwrap();
    let answer = poll_one(other, now);
    one.on_answer(now, route_to(1), &answer, &mut fx).unwrap();
    let a = one.find(world_name(one), world_name(other)).unwrap();
    assert_eq!(
        one.unseal(now, route_to(1), &mut early, &mut fx)
            .unwrap()
            .counter,
        0
    );
    let mut proof = seal(one, a, b"in the second session");
    assert_eq!(
        other
            .unseal(now, route_to(0), &mut proof, &mut fx)
            .unwrap()
            .slot,
        b
    );
    assert_eq!(
        drain(&mut fx),
        [Effect::Up {
            slot: a,
            ours: true
        }]
    );
    let mut next = seal(other, b, b"there as well");
    let mut copy = next.clone();
    assert_eq!(other.next_counter(b), Some(2));
    let unsealed = one.unseal(now, route_to(1), &mut next, &mut fx).unwrap();
    assert_eq!((unsealed.slot, unsealed.counter), (a, 1));
    let again = one.unseal(now, route_to(1), &mut copy, &mut fx);
    assert_eq!(again, Err(Dropped::Replayed));
}

fn world_name(lines: &Lines) -> Hashname {
    lines.installed().next().unwrap()
}

#[test]
fn line_time_of_opens_rises_with_the_clock_and_without() {
    let (mut lines, _) = room(1, &Config::default());
    let now = Time::from_us(5);
    let next = |lines: &mut Lines, now| {
        let at = lines.clock.at(now);
        lines.homes[0].next_open(at)
    };
    assert_eq!((next(&mut lines, now), next(&mut lines, now)), (5, 6));
    lines.handle_clock(now, Wall::from_ms(1000));
    assert_eq!(next(&mut lines, Time::from_us(8)), 1_000_003);
    lines.handle_clock(now, Wall::from_ms(1));
    assert_eq!(next(&mut lines, Time::from_us(8)), 1_000_004);
}

#[test]
fn line_that_is_gone_leaves_its_end_number_to_no_later_one() {
    let (mut world, a, b) = connected(&Config::default());
    // Side 1 asks whether side 0 is there still, and side 0 answers for the line that both have.
    let before = world.sides[0].lines.slots.get(a).unwrap().end;
    let (now, route) = (world.now, route_to(0));
    world.sides[1].lines.reopen(now, b, &[route], 77);
    let open = poll_one(&mut world.sides[1].lines, now);
    let answered = world.sides[0].lines.on_open(now, route_to(1), &open);
    assert_eq!(answered, Ok(()));
    // Then side 0 gives the line up and dials anew: that is another life of its end.
    world.sides[0].lines.forget(a);
    let key = world.sides[1].key;
    let name = world.sides[0].name;
    let again = world.sides[0].lines.open(now, name, key, &[route_to(1)], 7);
    let after = world.sides[0].lines.slots.get(again.unwrap()).unwrap().end;
    assert_ne!(after, before);
    assert_eq!(
        world.sides[0].lines.ids.len(),
        1,
        "nothing waits to join the old one"
    );
}
