//! Holds, the bounded accept queue, and the orderly end.

use super::*;
use crate::switch::{DownReason, LineState, LocalNetwork, ReadError};

#[test]
fn driver_line_closes_with_its_last_hold_if_it_was_asked_for() {
    let mut pair = Pair::new(Config::default());
    let line = pair.line();
    let (_, accepted) = pair.stream(line);
    // The end that did not ask drops what it has: the line stays.
    pair.b.driver.release_stream(accepted);
    pair.b.driver.release(pair.now, accepted.line);
    pair.a.driver.hold(line);
    pair.a.driver.release(pair.now, line);
    let state = |pair: &Pair| pair.a.driver.switch().line(line).map(|info| info.state);
    assert_eq!(state(&pair), Some(LineState::Up));
    pair.a.driver.release(pair.now, line);
    assert_ne!(state(&pair), Some(LineState::Up));
    pair.until(|pair| pair.a.driver.line(line).is_none());
    pair.until(|pair| pair.b.driver.line(accepted.line).is_none());
}

#[test]
fn driver_line_that_the_peer_opened_is_the_peers_to_close() {
    let mut pair = Pair::new(Config::default());
    let line = pair.line();
    let (_, accepted) = pair.stream(line);
    let (local, key, now) = (pair.b.local, pair.a.key, pair.now);
    let again = pair.b.driver.switch_mut().connect(now, local, &key, &[]);
    assert_eq!(again, Ok(accepted.line));
    pair.b.driver.hold_asked(accepted.line);
    for _ in 0..2 {
        pair.b.driver.release(now, accepted.line);
    }
    let info = pair.b.driver.switch().line(accepted.line).unwrap();
    assert_eq!((info.state, info.ours), (LineState::Up, false));
}

#[test]
fn driver_streams_beyond_the_accept_queue_are_refused() {
    let mut pair = Pair::new(Config {
        accept_max: 2,
        refused_code: 77,
        ..Config::default()
    });
    let line = pair.line();
    let mut open = || pair.a.driver.open_stream(pair.now, line, "{}").unwrap();
    let streams = [open(), open(), open()];
    let mut refused = None;
    pair.until(|pair| {
        let now = pair.now;
        let read = pair
            .a
            .driver
            .poll_read(now, streams[2], &mut [0; 9], Waker::noop());
        refused = Some(read);
        refused.as_ref().is_some_and(Poll::is_ready)
    });
    assert_eq!(refused, Some(Poll::Ready(Err(ReadError::Reset(77)))));
    assert!(pair.b.driver.accept().is_some());
    assert!(pair.b.driver.accept().is_some());
    assert!(pair.b.driver.accept().is_none());
}

#[test]
fn driver_end_delivers_what_was_written_and_closes_every_line() {
    let mut pair = Pair::new(Config::default());
    let line = pair.line();
    let (opened, accepted) = pair.stream(line);
    let switch = pair.a.driver.switch_mut();
    let written = switch.write(pair.now, opened, &[9; 20_000]).unwrap();
    switch.finish(pair.now, opened).unwrap();
    pair.a.driver.shut_down(pair.now, 60_000_000);
    assert!(pair.a.driver.is_ending());
    assert!(!pair.a.driver.is_over(pair.now, Flushed::Idle));
    let mut bytes = 0;
    pair.until(|pair| {
        bytes += pair.read(accepted).len();
        pair.a.driver.is_over(pair.now, Flushed::Idle)
    });
    pair.until(|pair| pair.b.driver.line(accepted.line).unwrap().down.is_some());
    bytes += pair.read(accepted).len();
    assert_eq!(bytes, written);
    let record = pair.b.driver.line(accepted.line).unwrap();
    let reason = alloc::string::String::new();
    assert_eq!(
        record.down,
        Some(DownReason::Closed { code: 0, reason }.into())
    );
    assert!(!pair.a.driver.is_over(pair.now, Flushed::Full));
}

#[test]
fn driver_end_comes_in_time_even_if_the_peer_is_gone() {
    let mut pair = Pair::new(Config::default());
    let line = pair.line();
    let (opened, _) = pair.stream(line);
    let (accepting, waker) = Woken::new();
    assert!(pair.a.driver.poll_accept(&waker).is_pending());
    let switch = pair.a.driver.switch_mut();
    switch.write(pair.now, opened, &[9; 20_000]).unwrap();
    let by = pair.now.plus_ms(50);
    pair.a.driver.shut_down(pair.now, 50_000);
    pair.a.driver.shut_down(pair.now, 90_000_000);
    let mut over = false;
    while !over {
        let wait = pair.a.driver.wait(pair.now, Flushed::Idle);
        assert!(pair.now.plus_us(wait) <= by);
        pair.now = pair.now.plus_us(wait.max(1));
        let flushed = pair.a.turn(pair.now, &mut pair.b);
        pair.a.wire.clear();
        over = pair.a.driver.is_over(pair.now, flushed);
        assert!(pair.now < by || over);
    }
    assert_eq!(accepting.times(), 1);
    assert_eq!(pair.a.driver.poll_accept(&waker), Poll::Ready(None));
}

#[test]
fn driver_end_is_due_at_once_where_no_line_is_left() {
    let mut pair = Pair::new(Config::default());
    let line = pair.line();
    // The peer closes first; then there are timers left, and nothing to wait for.
    pair.b.driver.shut_down(pair.now, 60_000_000);
    pair.until(|pair| pair.a.driver.line(line).unwrap().down.is_some());
    pair.until(|pair| pair.a.driver.wait(pair.now, Flushed::Idle) > 0);
    pair.a.driver.shut_down(pair.now, 60_000_000);
    assert!(pair.a.driver.is_over(pair.now, Flushed::Idle));
    assert_eq!(pair.a.driver.wait(pair.now, Flushed::Idle), 0);
    assert!(pair.a.driver.wait(pair.now, Flushed::Full) > 0);
}

/// `a` has a line up with `b`, and what told `b` of it is still on the wire.
fn up_at_one_end() -> (Pair, LineId) {
    let mut pair = Pair::new(Config {
        answered_ms: 40,
        ..Config::default()
    });
    let (key, to) = (pair.b.key, pair.b.address);
    let (now, local) = (pair.now, pair.a.local);
    let switch = pair.a.driver.switch_mut();
    let line = switch.connect(now, local, &key, &[to]).unwrap();
    pair.a.driver.hold_asked(line);
    while pair.a.driver.switch().line(line).unwrap().state != LineState::Up {
        pair.now = pair.now.plus_ms(1);
        pair.b.turn(pair.now, &mut pair.a);
        pair.a.turn(pair.now, &mut pair.b);
    }
    assert_eq!(pair.b.driver.switch().status().lines, 0);
    (pair, line)
}

#[test]
fn driver_end_tells_a_peer_whose_first_packet_is_on_its_way() {
    let (mut pair, line) = up_at_one_end();
    pair.b.driver.shut_down(pair.now, 60_000_000);
    assert!(!pair.b.driver.is_over(pair.now, Flushed::Idle));
    pair.until(|pair| pair.b.driver.is_over(pair.now, Flushed::Idle));
    pair.until(|pair| pair.a.driver.line(line).unwrap().down.is_some());
    let record = pair.a.driver.line(line).unwrap();
    let reason = alloc::string::String::new();
    let closed = DownReason::Closed { code: 0, reason };
    assert_eq!(record.down, Some(closed.into()));
}

#[test]
fn driver_end_waits_for_a_first_packet_that_never_comes_as_long_as_it_was_told() {
    let (mut pair, _) = up_at_one_end();
    let by = pair.now.plus_ms(40);
    pair.b.driver.shut_down(pair.now, 60_000_000);
    while !pair.b.driver.is_over(pair.now, Flushed::Idle) {
        let wait = pair.b.driver.wait(pair.now, Flushed::Idle);
        assert!(pair.now < by && pair.now.plus_us(wait) <= by);
        pair.now = pair.now.plus_us(wait.max(1));
        pair.a.wire.clear();
        pair.b.turn(pair.now, &mut pair.a);
    }
    assert_eq!(pair.now, by);
    assert_eq!(pair.b.driver.wait(by, Flushed::Idle), 0);
}

#[test]
fn driver_that_is_ending_takes_no_new_line_and_no_new_stream() {
    let mut pair = Pair::new(Config::default());
    let line = pair.line();
    let opened = pair.a.driver.open_stream(pair.now, line, "{}").unwrap();
    pair.until(|pair| pair.b.driver.switch().status().streams > 0);
    pair.b.driver.shut_down(pair.now, 60_000_000);
    pair.until(|pair| pair.a.driver.line(line).unwrap().down.is_some());
    let read = pair
        .a
        .driver
        .poll_read(pair.now, opened, &mut [0; 9], Waker::noop());
    assert!(matches!(read, Poll::Ready(Err(_))));
    pair.until(|pair| pair.b.driver.is_over(pair.now, Flushed::Idle));
}

#[test]
fn driver_needs_wait_for_whoever_takes_them_the_newest_of_each_key() {
    let mut pair = Pair::new(Config {
        needs_max: 1,
        ..Config::default()
    });
    let (woken, waker) = Woken::new();
    assert!(pair.a.driver.poll_need(&waker).is_pending());
    let line = pair.line();
    assert_eq!(woken.times(), 1);
    // Of two keys one is dropped, and what is left is the newest.
    let key = |need| match need {
        switch::Need::Keep { key, .. } => key,
    };
    assert_eq!(pair.a.driver.next_need().map(key), Some("peers".into()));
    assert_eq!(pair.a.driver.next_need(), None);
    // What is still to be kept is told before the end.
    pair.a.driver.release(pair.now, line);
    pair.a.driver.shut_down(pair.now, 5_000_000);
    pair.until(|pair| pair.a.driver.is_over(pair.now, Flushed::Idle));
    let switch::Need::Keep { key, bytes } = pair.a.driver.next_need().unwrap();
    assert_eq!(key, "peers");
    let mut other = End::new(1, Config::default());
    let restored = other.driver.switch_mut().restore(pair.now, &key, &bytes);
    assert_eq!(restored, Ok(()));
    let known = other.driver.switch().peers(other.local).next().unwrap();
    assert_eq!((known.peer.key, known.line), (pair.b.key, false));
}

#[test]
fn driver_line_that_is_kept_outlives_its_handles() {
    let mut pair = Pair::new(Config::default());
    let line = pair.line();
    let (local, key) = (pair.a.local, pair.b.key);
    let switch = pair.a.driver.switch_mut();
    assert_eq!(switch.keep_line(pair.now, local, &key, &[]), Ok(()));
    pair.a.driver.release(pair.now, line);
    let info = pair.a.driver.switch().line(line).unwrap();
    assert_eq!(info.state, LineState::Up);
    // While lines are kept the clocks are compared every few seconds.
    pair.until(|pair| pair.a.driver.switch().poll_timeout().unwrap().at > pair.now.plus_ms(5_000));
    let wait = pair.a.driver.wait(pair.now, Flushed::Idle);
    assert_eq!(wait, Config::default().clock_look_ms * 1000);
}

#[test]
fn driver_end_waits_until_the_good_bye_was_said_again() {
    let mut pair = Pair::new(Config::default());
    let (now, local, secret) = (pair.now, pair.a.local, SecretKey::from_bytes(&[1; 32]));
    let network = LocalNetwork {
        interface: 1,
        socket: SocketId(0),
        local: pair.a.address.ip(),
        prefix_bits: 8,
        broadcast: None,
        multicast: true,
    };
    let switch = pair.a.driver.switch_mut();
    switch.handle_local_networks(now, &[network]);
    switch.announce(now, local, &secret).unwrap();
    pair.a.driver.shut_down(now, 60_000_000);
    let over = |pair: &mut Pair| pair.a.driver.is_over(pair.now, Flushed::Idle);
    assert!(!over(&mut pair));
    pair.until(over);
    assert_eq!(pair.now, now.plus_ms(60));
}
