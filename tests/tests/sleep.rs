//! Machines that sleep for a night, clocks that stand still meanwhile or go backwards, and lines that
//! come back.

use std::net::SocketAddr;

use hydroid_core::{
    base::Wall,
    switch::{Config, DownReason, Interface, Life, LineId, LineState, PeerState},
};
use hydroid_tests::{
    kept::{HOUR_MS, carries, keep, state, with, world},
    transfer::{down, opened},
    world::{SOCKET, World},
};

/// A night: node 0 sleeps for 8 hours in which node 1 stays up and lets the line die.
fn night(counted: bool, moved: bool, busy: bool) {
    let config = with(Life {
        sleep_ms: 5_000,
        ..Life::default()
    });
    let mut world = world(2, &config);
    keep(&mut world, 0, 1);
    carries(&mut world, 0, 1, 5_000);
    if busy {
        // Something is under way when the lid closes.
        let now = world.now;
        let local = world.nodes[0].hashname;
        let peer = world.nodes[1].hashname;
        assert_eq!(
            world.nodes[0].switch.peer_state(local, peer),
            PeerState::Connected
        );
        let line = world.connect(0, 1);
        let switch = &mut world.nodes[0].switch;
        let stream = switch.open_stream(now, line, "{}").expect("opens");
        switch.write(now, stream, &[7; 20_000]).expect("takes some");
        world.run(5);
        world.nodes[0].switch.release(now, line).expect("is up");
    }
    world.sleep(0);
    world.run(8 * HOUR_MS);
    assert_eq!(world.nodes[1].switch.status().lines, 0, "it died there");
    if moved {
        world.nodes[0].address = SocketAddr::from(([10, 0, 7, 7], 4000));
    }
    world.wake(0, counted);
    // A clock that stood still tells by itself; one that went on tells with the next call.
    let sleeps = world.nodes[0].switch.stats().sleeps;
    assert_eq!(sleeps, u64::from(!counted));
    if moved {
        let now = world.nodes[0].time(world.now);
        let interface = Interface {
            socket: SOCKET,
            local: world.nodes[0].address,
        };
        world.nodes[0]
            .switch
            .handle_network_change(now, &[interface]);
    }
    world.nodes[1].events.clear();
    let ms = carries(&mut world, 0, 1, 5_000);
    println!("counted {counted} moved {moved} busy {busy}: {ms} ms");
    assert_eq!(world.nodes[0].switch.stats().sleeps, 1);
    for node in 0..2 {
        assert_eq!(world.nodes[node].switch.status().lines, 1);
    }
}

#[test]
fn sleep_of_a_night_and_lines_that_are_kept_come_back_by_themselves() {
    for counted in [true, false] {
        for moved in [true, false] {
            for busy in [true, false] {
                night(counted, moved, busy);
            }
        }
    }
}

#[test]
fn sleep_is_over_before_a_line_is_declared_dead_that_could_not_answer() {
    for counted in [true, false] {
        let config = Config::default();
        let mut world = world(2, &config);
        let (line, _) = world.line(0, 1);
        let now = world.now;
        let switch = &mut world.nodes[0].switch;
        let stream = switch.open_stream(now, line, "{}").expect("opens");
        world.run(1_000);
        // The peer does not mind: it waits for longer than the sleep takes.
        world.sleep(0);
        world.run(25_000);
        world.wake(0, counted);
        world.nodes[1].events.clear();
        world.run(100);
        assert_eq!(state(&world, 0, line), Some(LineState::Up));
        // And one whose peer is gone ends after its idle time, not before.
        world.nodes[1].online = false;
        world.sleep(0);
        world.run(HOUR_MS);
        world.wake(0, counted);
        let woken = world.now;
        let ended = world.until(40_000, |world| down(world, 0));
        assert_eq!(ended, Some((line, DownReason::TimedOut)), "{stream}");
        let ms = world.now.since_us(woken) / 1000;
        assert!((29_000..=31_000).contains(&ms), "after {ms} ms");
    }
}

#[test]
fn sleep_between_question_and_answer_measures_no_round_trip() {
    let mut world = world(2, &Config::default());
    let (line, _) = world.line(0, 1);
    world.run(1_000);
    let now = world.now;
    let switch = &mut world.nodes[0].switch;
    let stream = switch.open_stream(now, line, "{}").expect("opens");
    switch.write(now, stream, &[1; 2_000]).expect("takes it");
    world.run(15);
    // The answer waits in the socket: only the clock goes on meanwhile.
    let before = world.nodes[0]
        .switch
        .line(line)
        .and_then(|info| info.rtt_us);
    let late = world.now.plus_ms(HOUR_MS);
    world.nodes[0].switch.handle_timeout(late);
    world.now = late;
    world.run(5_000);
    let after = world.nodes[0]
        .switch
        .line(line)
        .and_then(|info| info.rtt_us);
    assert!(
        before.is_some() && after < Some(1_000_000),
        "{before:?} {after:?}"
    );
}

#[test]
fn sleep_with_a_wall_clock_that_goes_backwards_is_harmless() {
    let mut world = world(2, &Config::default());
    let (line, _) = world.line(0, 1);
    for hours in [1, 100, 2] {
        let now = world.now;
        let wall = Wall::from_ms(world.wall().as_ms() - hours * HOUR_MS);
        world.nodes[0].switch.handle_clock(now, wall);
        world.run(1_000);
    }
    assert_eq!(state(&world, 0, line), Some(LineState::Up));
    let (now, other) = (world.now, Wall::from_ms(0));
    world.nodes[1].switch.handle_clock(now, other);
    world.run(60_000);
    assert_eq!(state(&world, 0, line), Some(LineState::Up));
    carries_on(&mut world, line);
}

fn carries_on(world: &mut World, line: LineId) {
    let now = world.now;
    let switch = &mut world.nodes[0].switch;
    switch.open_stream(now, line, r#"{"n":2}"#).expect("opens");
    assert!(world.until(1_000, |world| opened(world, 1)).is_some());
}
