//! The loop: when it has something to do and when not, and what a program may do wrong.

mod pair;

use std::{
    io::{self, Read as _, Write as _},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use hydroid_mio::{Config, Event, RecordEnd, Unrecorded, driver, switch};
use mio::{Poll, Token, Waker};

use pair::{BOTH, Member, World, content, would_block};

const LONG: Duration = Duration::from_secs(20);

#[test]
fn turn_timeout_is_zero_while_there_is_work_and_not_otherwise() {
    let mut world = World::pair();
    let line = world.line(0, 1);
    let (mut near, mut far) = world.stream(&line, 1);
    world.pause(Duration::from_millis(300));
    let idle = |member: &mut Member| member.endpoint.timeout().unwrap() > Duration::ZERO;
    assert!(world.members.iter_mut().all(idle));
    // Something to send.
    near.write_all(b"work").unwrap();
    assert!(!idle(&mut world.members[0]));
    world.members[0].turn();
    assert!(idle(&mut world.members[0]));
    // Something to tell.
    world.until(|members| {
        members[1].endpoint.turn().unwrap();
        let readable = Event::Readable(far.id());
        let has_work = !idle(&mut members[1]);
        let event = members[1].endpoint.next_event();
        assert_eq!(has_work, event.is_some());
        (event == Some(readable)).then_some(())
    });
    assert_eq!(far.read(&mut [0; 8]).unwrap(), 4);
    world.pause(Duration::from_millis(300));
    assert!(world.members.iter_mut().all(idle));
}

#[test]
fn turn_is_bounded_and_says_that_there_is_more() {
    const DATAGRAMS: u32 = 100;
    let driver = driver::Config {
        received_per_turn: 10,
        ..Default::default()
    };
    let bounded = Member::with(Config {
        driver,
        ..Config::default()
    });
    let mut world = World::new([bounded]);
    world.pause(Duration::from_millis(20));
    let to = world.members[0].endpoint.local_addresses()[0];
    let stranger = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..DATAGRAMS {
        stranger.send_to(&[1; 9], to).unwrap();
    }
    let endpoint = &mut world.members[0].endpoint;
    let mut turns = 0;
    loop {
        endpoint.turn().unwrap();
        turns += 1;
        if endpoint.timeout() != Some(Duration::ZERO) {
            break;
        }
    }
    // A batch of the system's may go beyond the bound.
    assert!((3..=12).contains(&turns), "{turns}");
    assert_eq!(endpoint.stats().dropped_in_all(), u64::from(DATAGRAMS));
}

#[test]
fn turn_is_not_taken_for_nothing_while_a_line_is_idle() {
    let mut world = World::pair();
    let line = world.line(0, 1);
    let (near, far) = world.stream(&line, 1);
    world.pause(Duration::from_millis(500));
    let before = world.steps;
    world.pause(Duration::from_secs(2));
    let steps = world.steps - before;
    assert!(steps <= 20, "{steps} steps in two seconds of idleness");
    drop((near, far));
}

#[test]
fn turn_without_readiness_does_no_harm() {
    let mut world = World::pair();
    for _ in 0..1_000 {
        world.members.iter_mut().for_each(Member::turn);
    }
    let line = world.line(0, 1);
    let (mut near, mut far) = world.stream(&line, 1);
    near.write_all(b"x").unwrap();
    near.finish().unwrap();
    // No poll at all: turns alone carry it.
    let start = Instant::now();
    let mut got = Vec::new();
    while far.read_to_end(&mut got).is_err() {
        world.members.iter_mut().for_each(Member::turn);
        assert!(start.elapsed() < LONG);
    }
    assert_eq!(got, b"x");
}

#[test]
fn turn_that_never_comes_leaves_everything_bounded() {
    let a = Member::new();
    let b = Member::new();
    let line = a.endpoint.connect(a.hashname, &b.ticket).unwrap();
    assert!(would_block(line.up()));
    let mut streams = Vec::new();
    let refused = loop {
        match line.open_stream("{}") {
            Ok(stream) => streams.push(stream),
            Err(error) => break error,
        }
        assert!(streams.len() < 100_000);
    };
    assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
    let mut written = 0;
    while let Ok(bytes) = streams[0].write(&[0; 65_536]) {
        written += bytes;
        assert!(written < 1 << 30);
    }
    assert!(would_block(streams[0].write(b"x")));
    assert!(would_block(streams[0].peer_head()));
    assert!(would_block(streams[0].read(&mut [0; 8])));
}

/// What nobody takes is no reason to stop, and not lost either.
#[test]
fn turn_goes_on_where_nobody_takes_the_events() {
    let mut world = World::pair();
    let line = world.line(0, 1);
    let (mut near, mut far) = world.stream(&line, 1);
    let data = content(200_000, 1);
    let (mut left, mut got) = (&data[..], Vec::new());
    let start = Instant::now();
    while got.len() < data.len() {
        if let Ok(written) = near.write(left) {
            left = &left[written..];
        }
        let _more = far.read_to_end(&mut got);
        for member in &mut world.members {
            member.endpoint.turn().unwrap();
        }
        assert!(start.elapsed() < LONG);
    }
    assert!(got == data);
    let readable = Event::Readable(far.id());
    world.members[1].turn();
    let times = world.members[1]
        .events
        .iter()
        .filter(|event| **event == readable);
    assert!(times.count() <= 1);
}

#[test]
fn turn_handles_outlive_the_endpoint() {
    let mut world = World::pair();
    let line = world.line(0, 1);
    let (mut near, far) = world.stream(&line, 1);
    drop(world);
    let gone = |error: io::Error| assert_eq!(error.kind(), io::ErrorKind::NotConnected);
    gone(near.write(b"x").unwrap_err());
    gone(near.read(&mut [0; 8]).unwrap_err());
    gone(near.finished().unwrap_err());
    gone(near.peer_head().unwrap_err());
    gone(line.send(&[0, 2, 7, 1]).unwrap_err());
    gone(line.recv(&mut [0; 8]).unwrap_err());
    gone(line.open_stream("{}").unwrap_err());
    gone(line.up().unwrap_err());
    assert!(line.closed().is_some());
    drop((near, line, far));
}

#[test]
fn turn_goes_on_after_registering_again_with_another_token_and_another_poll() {
    let mut world = World::pair();
    let line = world.line(0, 1);
    let (mut near, mut far) = world.stream(&line, 1);
    let mut echo = |world: &mut World| {
        near.write_all(b"x").unwrap();
        assert_eq!(world.wait(|_| far.read(&mut [0; 8])).unwrap(), 1);
    };
    let again = |world: &mut World, token| {
        let registry = world.poll.registry();
        let endpoint = &mut world.members[1].endpoint;
        registry.reregister(endpoint, Token(token), BOTH).unwrap();
    };
    echo(&mut world);
    // The token of the other one: both are turned when either is ready.
    for token in [9, 0, 1] {
        again(&mut world, token);
        echo(&mut world);
    }
    let endpoint = &mut world.members[1].endpoint;
    assert!(
        world
            .poll
            .registry()
            .register(endpoint, Token(5), BOTH)
            .is_err()
    );
    echo(&mut world);
    let other = Poll::new().unwrap();
    let endpoint = &mut world.members[1].endpoint;
    world.poll.registry().deregister(endpoint).unwrap();
    assert!(world.poll.registry().deregister(endpoint).is_err());
    other.registry().register(endpoint, Token(0), BOTH).unwrap();
    let old = std::mem::replace(&mut world.poll, other);
    for (token, member) in world.members[..1].iter_mut().enumerate() {
        old.registry().deregister(&mut member.endpoint).unwrap();
        let registry = world.poll.registry();
        registry
            .register(&mut member.endpoint, Token(token), BOTH)
            .unwrap();
    }
    echo(&mut world);
}

/// Both directions of a stream are used by another thread, which knows no poll.
#[test]
fn turn_is_woken_by_a_handle_in_another_thread() {
    const ROUNDS: u8 = 50;
    let mut world = World::pair();
    let waker = Arc::new(Waker::new(world.poll.registry(), Token(99)).unwrap());
    for member in &mut world.members {
        member.endpoint.wake_by(Arc::clone(&waker));
    }
    let line = world.line(0, 1);
    let (mut near, mut far) = world.stream(&line, 1);
    world.pause(Duration::from_millis(100));
    let writing = thread::spawn(move || {
        for round in 0..ROUNDS {
            // The loop is asleep most of the time.
            thread::sleep(Duration::from_millis(5));
            near.write_all(&[round]).unwrap();
        }
        near.finish().unwrap();
        near
    });
    let start = Instant::now();
    let mut got = Vec::new();
    world.wait(|_| far.read_to_end(&mut got)).unwrap();
    assert_eq!(got, (0..ROUNDS).collect::<Vec<_>>());
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "nobody woke the loop"
    );
    let mut near = writing.join().unwrap();
    world.wait(|_| near.finished()).unwrap();
}

#[test]
fn turn_keeps_the_config_of_its_driver() {
    let driver = driver::Config {
        clock_period_ms: 50,
        ..Default::default()
    };
    let mut member = Member::with(Config {
        driver,
        switch: switch::Config::default(),
        ..Config::default()
    });
    member.turn();
    let wait = member.endpoint.timeout().unwrap();
    assert!(
        wait > Duration::ZERO && wait <= Duration::from_millis(50),
        "{wait:?}"
    );
}

#[test]
fn turn_ends_when_the_tape_is_written_and_tells_how_that_ended() {
    let folder = tempfile::tempdir().unwrap();
    let config = || Config {
        record_to: Some(folder.path().join("tape")),
        ..Config::default()
    };
    let mut world = World::new([Member::with(config()), Member::new()]);
    let refused = hydroid_mio::Endpoint::bind(config()).unwrap_err();
    assert!(Unrecorded::of(&refused).is_some());
    let _line = world.line(0, 1);
    assert!(world.members[0].endpoint.record_end().is_none());
    world.members[0].endpoint.shutdown(LONG);
    world.until(|members| members[0].endpoint.is_over().then_some(()));
    let end = world.members[0].endpoint.record_end();
    assert!(matches!(end, Some(RecordEnd::Closed)));
}
