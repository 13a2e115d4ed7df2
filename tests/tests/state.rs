//! What outlives a line and a start: lines that are kept, and the state that is given back.

use std::net::SocketAddr;

use hydroid_core::{
    base::{Time, Wall, Why},
    identity::SecretKey,
    switch::{
        Config, ConfigError, ConnectError, DownReason, Interface, Life, LineState, PeerState,
        RestoreError, Switch,
    },
};
use hydroid_tests::{
    kept::{HOUR_MS, carries, forget, keep, secret, state, with, world},
    rogue::Rogue,
    transfer::down,
    world::{SOCKET, World},
};

#[test]
fn state_line_that_is_kept_comes_up_and_again_after_every_end_until_it_is_forgotten() {
    let config = Config::default();
    let mut world = world(2, &config);
    keep(&mut world, 0, 1);
    let first = world.until(1_000, |world| world.nodes[0].take_up());
    let first = first.expect("it is dialled at once");
    assert!(world.nodes[0].switch.is_kept(first));
    world.run(10 * config.life.unheld_timeout_ms);
    assert_eq!(state(&world, 0, first), Some(LineState::Up), "it is held");
    // The peer closes it, starts again, and vanishes for a while.
    let theirs = world.nodes[1].take_up().expect("it is up there too");
    let now = world.now;
    let switch = &mut world.nodes[1].switch;
    switch.close(now, theirs, 3, "enough").expect("closes");
    world.until(2_000, |world| down(world, 0)).expect("ends");
    let second = world.until(5_000, |world| world.nodes[0].take_up());
    assert!(second.is_some_and(|second| second != first), "another line");
    world.restart(1, &secret(1), &config);
    let now = world.now;
    let switch = &mut world.nodes[0].switch;
    let stream = switch.open_stream(now, second.expect("is up"), "{}");
    stream.expect("opens");
    let restarted = world.until(5_000, |world| down(world, 0));
    assert_eq!(restarted.map(|it| it.1), Some(DownReason::Restarted));
    world
        .until(5_000, |world| world.nodes[0].take_up())
        .expect("comes up");
    world.nodes[1].online = false;
    let gone = world.until(40_000, |world| down(world, 0));
    assert_eq!(gone.map(|it| it.1), Some(DownReason::TimedOut));
    world.run(20_000);
    world.nodes[1].online = true;
    carries(&mut world, 0, 1, 61_000);
    while down(&mut world, 0).is_some() {}
    forget(&mut world, 0, 1);
    let ended = world.until(2 * config.life.unheld_timeout_ms, |world| down(world, 0));
    assert_eq!(ended.map(|it| it.1), Some(DownReason::Local));
    world.run(HOUR_MS);
    assert_eq!(world.nodes[0].switch.status().lines, 0);
    assert_eq!(
        world.nodes[0].switch.poll_timeout(),
        None,
        "nothing is left to do"
    );
}

#[test]
fn state_line_that_is_kept_by_both_ends_is_one_line() {
    let mut world = world(2, &Config::default());
    keep(&mut world, 0, 1);
    keep(&mut world, 1, 0);
    world.run(20_000);
    for node in 0..2 {
        assert_eq!(world.nodes[node].switch.status().lines, 1);
    }
    // Both redial when it breaks, and again one line results.
    world.nodes[1].online = false;
    world.run(200_000);
    world.nodes[1].online = true;
    world.run(65_000);
    for node in 0..2 {
        let node = &world.nodes[node];
        assert_eq!(node.switch.status().lines, 1);
        let (local, ups) = (node.hashname, node.switch.stats().lines_up);
        let peer = node.switch.peers(local).next().expect("is known").peer;
        let state = node.switch.peer_state(local, peer.hashname);
        assert_eq!((state, ups), (PeerState::Connected, 2));
    }
}

#[test]
fn state_line_closed_by_this_end_rests_until_it_is_asked_for_anew() {
    let mut world = world(2, &Config::default());
    keep(&mut world, 0, 1);
    let line = world.until(1_000, |world| world.nodes[0].take_up());
    let (line, now) = (line.expect("comes up"), world.now);
    let switch = &mut world.nodes[0].switch;
    switch.close(now, line, 0, "").expect("closes");
    world.run(HOUR_MS);
    let local = world.nodes[0].hashname;
    let switch = &mut world.nodes[0].switch;
    assert_eq!(switch.status().lines, 0);
    let known: Vec<_> = switch.peers(local).collect();
    assert!(known[0].wanted && !known[0].line, "{known:?}");
    keep(&mut world, 0, 1);
    let again = world.until(1_000, |world| world.nodes[0].take_up());
    let again = again.expect("is dialled again");
    // A line that is kept is not the application's to hold: what it asked for it may release.
    assert_eq!(world.connect(0, 1), again);
    let now = world.now;
    let switch = &mut world.nodes[0].switch;
    switch.release(now, again).expect("is there");
    world.run(HOUR_MS);
    assert_eq!(state(&world, 0, again), Some(LineState::Up));
}

#[test]
fn state_line_whose_peer_broke_the_protocol_is_not_dialled_again() {
    let mut rogue = Rogue::new(&Config::default());
    let (local, key, address) = rogue.names();
    let now = rogue.now;
    let kept = rogue.switch.keep_line(now, local, &key, &[address]);
    assert_eq!(kept, Ok(()), "by the line that there is");
    assert!(rogue.switch.is_kept(rogue.id()));
    rogue.send_plain(&[63]);
    rogue.hear();
    assert_eq!(rogue.switch.stats().misbehaved, 1);
    let later = now.plus_ms(HOUR_MS);
    for _ in 0..10 {
        rogue.switch.handle_timeout(later);
        while rogue.switch.poll_need().is_some() {}
    }
    assert_eq!(rogue.switch.status().lines, 0);
    let known = rogue.switch.peers(local).next().expect("is known");
    assert!(known.wanted && known.peer.key == key);
}

#[test]
fn state_redials_of_a_peer_that_is_off_are_bounded_and_find_it_after_a_day() {
    let config = with(Life {
        redial_first_ms: 1_000,
        redial_most_ms: 60_000,
        ..Life::default()
    });
    let mut world = world(2, &config);
    world.nodes[1].online = false;
    keep(&mut world, 0, 1);
    world.run(HOUR_MS);
    let dials = std::iter::from_fn(|| down(&mut world, 0));
    let dials = dials
        .inspect(|it| assert_eq!(it.1, DownReason::Unreachable))
        .count();
    assert!((50..=80).contains(&dials), "{dials} dials in an hour");
    world.run(23 * HOUR_MS);
    world.nodes[1].online = true;
    let ms = carries(&mut world, 0, 1, 70_000);
    assert!(ms > 1_000, "it was not waiting for it that closely");
    // A peer that closes whatever comes up is not dialled every second for that.
    let ups = |world: &World| world.nodes[0].switch.stats().lines_up;
    let before = ups(&world);
    world.until(HOUR_MS, |world| {
        while let Some(line) = world.nodes[1].take_up() {
            let now = world.now;
            let _over = world.nodes[1].switch.close(now, line, 1, "no");
        }
        None::<()>
    });
    let dials = ups(&world) - before;
    assert!((50..=80).contains(&dials), "{dials} lines in an hour");
}

#[test]
fn state_lines_kept_are_bounded_and_need_an_address() {
    let config = with(Life {
        wants_max: 2,
        kept_peers_max: 3,
        ..Life::default()
    });
    let mut world = world(4, &config);
    let keys: Vec<_> = world.nodes.iter().map(|node| node.key).collect();
    let (now, local) = (world.now, world.nodes[0].hashname);
    let other = world.nodes[1].hashname;
    let switch = &mut world.nodes[0].switch;
    let mut ask = |key, addresses: &[SocketAddr]| switch.keep_line(now, local, key, addresses);
    let at = SocketAddr::from(([10, 0, 0, 1], 4000));
    assert_eq!(ask(&keys[1], &[]), Err(ConnectError::NoAddress));
    assert_eq!(ask(&keys[0], &[at]), Err(ConnectError::Oneself));
    assert_eq!(ask(&keys[1], &[at]), Ok(()));
    assert_eq!(ask(&keys[2], &[at]), Ok(()));
    assert_eq!(ask(&keys[3], &[at]), Err(ConnectError::Full));
    assert_eq!(ask(&keys[2], &[]), Ok(()), "its address is known");
    let elsewhere = switch.keep_line(now, other, &keys[2], &[at]);
    assert_eq!(elsewhere, Err(ConnectError::NotInstalled));
    forget(&mut world, 0, 1);
    keep(&mut world, 0, 3);
    world.run(1_000);
    let known = world.nodes[0].switch.peers(local);
    assert_eq!(known.filter(|peer| peer.wanted).count(), 2);
    let refused = |life| Switch::new(with(life), &hydroid_core::base::Seed::new([0; 32])).err();
    let life = Life {
        wants_max: 3,
        kept_peers_max: 3,
        ..Life::default()
    };
    assert_eq!(refused(life), Some(ConfigError::Illegal("life.wants_max")));
    let life = Life {
        redial_first_ms: 0,
        ..Life::default()
    };
    assert_eq!(
        refused(life),
        Some(ConfigError::Illegal("life.redial_first_ms"))
    );
    let life = Life {
        kept_addresses_max: 65,
        ..Life::default()
    };
    assert_eq!(
        refused(life),
        Some(ConfigError::Illegal("life.kept_addresses_max"))
    );
}

// S2.31, S2.35
#[test]
fn state_given_back_brings_lines_that_are_kept_and_peers_that_are_known() {
    let config = Config::default();
    let mut world = world(3, &config);
    keep(&mut world, 0, 1);
    carries(&mut world, 0, 1, 5_000);
    world.line(0, 2);
    world.run(2_000);
    world.restart_kept(0, &secret(0), &config);
    let local = world.nodes[0].hashname;
    let other = world.nodes[2].hashname;
    let known: Vec<_> = world.nodes[0].switch.peers(local).collect();
    let marks: Vec<_> = known
        .iter()
        .map(|it| (it.peer.key, it.wanted, it.line))
        .collect();
    let (one, two) = (world.nodes[1].key, world.nodes[2].key);
    assert_eq!(marks.len(), 2);
    assert!(marks.contains(&(one, true, true)) && marks.contains(&(two, false, true)));
    assert!(known.iter().all(|it| it.addresses.len() == 1));
    let switch = &world.nodes[0].switch;
    assert_eq!(switch.peer_state(local, other), PeerState::Resolved);
    let ms = carries(&mut world, 0, 1, 5_000);
    assert!(ms < 1_000, "{ms} ms");
    world.run(60_000);
    assert_eq!(
        world.nodes[0].switch.status().lines,
        1,
        "the other one was not wanted"
    );
    // Without state nobody is known, and the switch runs as well.
    world.restart(0, &secret(0), &config);
    assert_eq!(world.nodes[0].switch.peers(local).count(), 0);
    keep(&mut world, 0, 1);
    carries(&mut world, 0, 1, 5_000);
}

#[test]
fn state_mark_of_a_line_goes_with_a_close_by_either_end_and_stays_if_it_broke() {
    let config = Config::default();
    for (closer, stays) in [(Some(0), false), (Some(1), false), (None, true)] {
        let mut world = world(2, &config);
        let (ours, theirs) = world.line(0, 1);
        let now = world.now;
        match closer {
            Some(node) => {
                let line = [ours, theirs][node];
                let switch = &mut world.nodes[node].switch;
                switch.close(now, line, 0, "").expect("closes");
            }
            None => world.nodes[1].online = false,
        }
        world.until(60_000, |world| down(world, 0)).expect("ends");
        world.run(2_000);
        world.restart_kept(0, &secret(0), &config);
        let local = world.nodes[0].hashname;
        let known = world.nodes[0].switch.peers(local).next();
        assert_eq!(known.map(|peer| peer.line), Some(stays), "{closer:?}");
    }
}

#[test]
fn state_given_back_before_the_identity_and_the_sockets_waits_for_them() {
    let config = Config::default();
    let mut world = world(2, &config);
    keep(&mut world, 0, 1);
    carries(&mut world, 0, 1, 5_000);
    world.run(2_000);
    let (now, local, address) = (world.now, world.nodes[0].hashname, world.nodes[0].address);
    let seed = hydroid_core::base::Seed::new([9; 32]);
    let mut switch = Switch::new(config, &seed).expect("a legal config");
    for (key, bytes) in world.nodes[0].disk.iter() {
        assert_eq!(switch.restore(now, key, bytes), Ok(()));
    }
    assert_eq!(switch.peers(local).count(), 0, "its space is not known yet");
    let space = hydroid_core::identity::Space::open("world").expect("a legal name");
    switch.install(now, &secret(0), &space).expect("installs");
    assert_eq!(switch.peers(local).count(), 1);
    let interface = Interface {
        socket: SOCKET,
        local: address,
    };
    world.nodes[0].switch = switch.into();
    world.run(500);
    assert_eq!(
        world.nodes[0].switch.status().lines,
        0,
        "there is no socket"
    );
    let now = world.now;
    world.nodes[0]
        .switch
        .handle_network_change(now, &[interface]);
    carries(&mut world, 0, 1, 2_000);
}

#[test]
fn state_that_was_not_kept_so_is_refused_whole() {
    let config = Config::default();
    let mut world = world(2, &config);
    keep(&mut world, 0, 1);
    carries(&mut world, 0, 1, 5_000);
    world.run(2_000);
    let disk = world.nodes[0].disk.clone();
    assert_eq!(disk.keys().collect::<Vec<_>>(), ["opens", "peers"]);
    world.restart(0, &secret(0), &config);
    let (now, local) = (world.now, world.nodes[0].hashname);
    let switch = &mut world.nodes[0].switch;
    for (key, bytes) in disk.iter() {
        for at in 0..bytes.len() {
            let mut turned = bytes.to_vec();
            turned[at] ^= 1 << (at % 8);
            let cut = switch.restore(now, key, &bytes[..at]);
            assert_eq!(cut, Err(RestoreError::Malformed), "{key} cut at {at}");
            let got = switch.restore(now, key, &turned);
            assert_eq!(got, Err(RestoreError::Malformed), "{key} turned at {at}");
        }
        let mut longer = bytes.to_vec();
        longer.push(0);
        let got = switch.restore(now, key, &longer);
        assert_eq!(got, Err(RestoreError::Malformed));
        let other = switch.restore(now, "other", bytes);
        assert_eq!(other, Err(RestoreError::UnknownKey));
    }
    assert_eq!(
        switch.restore(now, "peers", &disk["opens"]),
        Err(RestoreError::Malformed)
    );
    assert_eq!(switch.peers(local).count(), 0, "nothing of it took effect");
    assert_eq!(switch.restore(now, "peers", &disk["peers"]), Ok(()));
    let text = String::from_utf8_lossy(&disk["peers"]);
    assert!(
        text.contains(r#""wanted":true"#),
        "people can read it: {text}"
    );
}

#[test]
fn state_needs_are_bounded_however_much_changes_and_come_no_faster_than_told() {
    let config = with(Life {
        keep_every_ms: 2_000,
        kept_peers_max: 70,
        ..Life::default()
    });
    let mut world = world(12, &config);
    let begun = world.now;
    for round in 0..200 {
        let from = 1 + round % 11;
        let (line, _) = world.line(from, 0);
        let now = world.now;
        let switch = &mut world.nodes[from].switch;
        switch.close(now, line, 0, "").expect("closes");
        world.run(100);
        world.nodes[0].events.clear();
    }
    let seconds = world.now.since_us(begun) / 1_000_000;
    let needs = world.nodes[0].needs;
    assert!(
        needs >= 3 && needs <= seconds / 2 + 2,
        "{needs} in {seconds} s"
    );
    // Unread they do not pile up: one a key.
    let node = &mut world.nodes[0];
    let (key, local) = (SecretKey::from_bytes(&[99; 32]).public(), node.hashname);
    let at = SocketAddr::from(([10, 0, 0, 77], 4000));
    let mut now = world.now;
    for _ in 0..100 {
        now = now.plus_ms(2_000);
        let _kept = node.switch.keep_line(now, local, &key, &[at]);
        node.switch.handle_timeout(now);
        while node.switch.poll_transmit(now, &mut [0; 2_000]).is_some() {}
    }
    let left = std::iter::from_fn(|| node.switch.poll_need()).count();
    assert_eq!(left, 2);
}

#[test]
fn state_opens_are_newer_after_a_start_with_the_clock_set_back() {
    let config = with(Life {
        open_ahead_ms: 60_000,
        ..Life::default()
    });
    for kept in [true, false] {
        let mut world = world(2, &config);
        world.run(HOUR_MS);
        let (now, wall) = (world.now, world.wall());
        world.nodes[0].switch.handle_clock(now, wall);
        let needs = world.nodes[0].needs;
        for _ in 0..5 {
            let (line, _) = world.line(0, 1);
            let now = world.now;
            let switch = &mut world.nodes[0].switch;
            switch.close(now, line, 0, "").expect("closes");
            world.run(5_000);
        }
        assert!(
            world.nodes[0].needs - needs <= 11,
            "one for the opens of a minute"
        );
        if kept {
            world.restart_kept(0, &secret(0), &config);
        } else {
            world.restart(0, &secret(0), &config);
        }
        // A day earlier than it was.
        let now = world.now;
        let wall = Wall::from_ms(world.wall().as_ms() - 24 * HOUR_MS);
        world.nodes[0].switch.handle_clock(now, wall);
        let (line, _) = world.line(0, 1);
        let dropped =
            world.nodes[1]
                .switch
                .stats()
                .dropped(hydroid_core::switch::DropReason::Line(
                    hydroid_core::line::Dropped::NotNewer,
                ));
        let switch = &mut world.nodes[0].switch;
        assert_eq!(dropped, 0, "the exception is there for the first: {line}");
        switch.close(now, line, 0, "").expect("closes");
        world.until(5_000, |world| down(world, 0)).expect("ends");
        let line = world.connect(0, 1);
        world.run(200);
        let up = state(&world, 0, line) == Some(LineState::Up);
        assert_eq!(up, kept, "the second within a second needs a newer time");
    }
}

#[test]
fn state_deadlines_of_redials_and_needs_say_so() {
    let mut world = world(2, &Config::default());
    world.nodes[1].online = false;
    keep(&mut world, 0, 1);
    let why = |world: &World| world.nodes[0].switch.poll_timeout().map(|it| it.why);
    world
        .until(10_000, |world| down(world, 0))
        .expect("unreachable");
    world.run(100);
    assert_eq!(why(&world), Some(Why::Redial));
    let local = world.nodes[0].hashname;
    let (now, peer) = (world.now, world.nodes[1].hashname);
    assert!(world.nodes[0].switch.has_wants());
    world.nodes[0].switch.forget_line(now, local, peer);
    world.nodes[0]
        .switch
        .forget_line(now.plus_us(1), local, peer);
    let far = Time::from_us(now.as_us() + 2);
    assert!(!world.nodes[0].switch.has_wants());
    assert!(
        world.nodes[0]
            .switch
            .poll_timeout()
            .is_none_or(|it| it.at < far || it.why == Why::Keep)
    );
}

#[test]
fn state_lines_of_an_identity_that_is_taken_away_are_not_kept() {
    let config = Config::default();
    let mut world = world(2, &config);
    keep(&mut world, 0, 1);
    world.until(1_000, |world| world.nodes[0].take_up());
    let (now, local) = (world.now, world.nodes[0].hashname);
    let switch = &mut world.nodes[0].switch;
    switch.uninstall(now, local).expect("was installed");
    assert!(!switch.has_wants());
    world.run(HOUR_MS);
    let status = world.nodes[0].switch.status();
    assert_eq!((status.lines, status.installed), (0, 0));
    let deadline = world.nodes[0].switch.poll_timeout();
    assert_eq!(deadline, None, "nothing is left to do");
    world.restart_kept(0, &secret(0), &config);
    world.run(1_000);
    assert_eq!(world.nodes[0].take_up(), None, "nor after a start");
}
