//! Two switches in memory, in virtual time: the life of a line.

use hydroid_core::{
    base::Time,
    identity::SecretKey,
    switch::{Config, DownReason, Event, LineState, Read, ReadError, StreamEvent, WriteError},
};
use hydroid_tests::{
    seed::seed,
    transfer::{CLEAN, Progress, down, opened, pattern, pump},
    world::{Link, World},
};

// S2.65
#[test]
fn life_line_is_up_after_one_round_trip_at_both_ends() {
    let mut world = World::new(1, 2, &Config::default(), CLEAN);
    let line = world.connect(0, 1);
    let up = world.until(1_000, |world| world.nodes[0].take_up());
    assert_eq!((up, world.now), (Some(line), Time::from_us(20_000)));
    let theirs = world
        .until(1_000, |world| world.nodes[1].take_up())
        .expect("comes up");
    assert_eq!(
        world.now,
        Time::from_us(30_000),
        "the first sealed packet proves the key"
    );
    let info = world.nodes[1].switch.line(theirs).expect("is known");
    assert_eq!((info.peer.key, info.ours), (world.nodes[0].key, false));
    assert_eq!(info.state, LineState::Up);
}

#[test]
fn life_stream_ids_are_not_used_again_in_the_next_line_of_the_same_peers() {
    let mut world = World::new(9, 2, &Config::default(), CLEAN);
    let mut ids = Vec::new();
    for _ in 0..2 {
        let (ours, theirs) = world.line(0, 1);
        let now = world.now;
        for (node, line) in [(0, ours), (1, theirs)] {
            let switch = &mut world.nodes[node].switch;
            let stream = switch.open_stream(now, line, "").expect("opens");
            let name = stream.to_string();
            let (_, id) = name.split_once('.').expect("a line and an id");
            ids.push(id.to_owned());
        }
        let switch = &mut world.nodes[0].switch;
        switch.close(now, ours, 0, "").expect("closes");
        world.until(10_000, |world| down(world, 1)).expect("ends");
    }
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "{ids:?}");
}

#[test]
fn life_crossed_connects_make_one_line() {
    for n in 0..40 {
        let link = Link {
            loss: 20 * (n % 20),
            jitter_us: 5_000,
            ..CLEAN
        };
        let mut world = World::new(seed(500) + n, 2, &Config::default(), link);
        let ids = [world.connect(0, 1), world.connect(1, 0)];
        world.run(15_000);
        let lines: Vec<_> = (0..2)
            .map(|n| world.nodes[n].switch.status().lines)
            .collect();
        assert_eq!(lines, [1, 1], "one line at each end, run {n}");
        for (node, id) in ids.iter().enumerate() {
            let info = world.nodes[node]
                .switch
                .line(*id)
                .expect("the line of the call is the one");
            assert_eq!(info.state, LineState::Up);
            let ups = std::iter::from_fn(|| world.nodes[node].take_up()).count();
            assert_eq!(ups, 1, "told once");
        }
        let now = world.now;
        let stream = world.nodes[0]
            .switch
            .open_stream(now, ids[0], "{\"n\":0}")
            .expect("opens");
        let got = world.until(20_000, |world| opened(world, 1));
        assert_eq!(
            got.map(|got| got.line),
            Some(ids[1]),
            "and it carries streams: {stream}"
        );
    }
}

#[test]
fn life_nobody_there_is_unreachable() {
    let mut world = World::new(4, 2, &Config::default(), CLEAN);
    world.nodes[1].online = false;
    let line = world.connect(0, 1);
    let end = world.until(20_000, |world| down(world, 0));
    assert_eq!(end, Some((line, DownReason::Unreachable)));
    assert_eq!(world.nodes[0].switch.status().lines, 0);
    assert_eq!(
        world.nodes[0].switch.poll_timeout(),
        None,
        "and nothing is left to do"
    );
}

// S2.96, S2.97
#[test]
fn life_vanished_peer_is_noticed_and_streams_say_so() {
    let config = Config::default();
    let mut world = World::new(5, 2, &config, CLEAN);
    let (line, _) = world.line(0, 1);
    let now = world.now;
    let stream = world.nodes[0]
        .switch
        .open_stream(now, line, "{\"n\":0}")
        .expect("opens");
    world.run(100);
    world.nodes[1].online = false;
    let end = world.until(2 * config.life.idle_timeout_ms, |world| down(world, 0));
    assert_eq!(end, Some((line, DownReason::TimedOut)));
    let now = world.now;
    let switch = &mut world.nodes[0].switch;
    assert_eq!(
        switch.write(now, stream, b"x"),
        Err(WriteError::LineDown(DownReason::TimedOut))
    );
    let read = switch.read(now, stream, &mut [0; 8]);
    assert_eq!(read, Err(ReadError::LineDown(DownReason::TimedOut)));
    assert_eq!(
        switch.status().streams,
        0,
        "both directions have told, the stream is gone"
    );
}

#[test]
fn life_held_line_lives_and_unheld_line_ends() {
    let config = Config::default();
    let mut world = World::new(6, 2, &config, CLEAN);
    let (line, _) = world.line(0, 1);
    world.run(10 * config.life.unheld_timeout_ms);
    assert_eq!(
        world.nodes[0].switch.line(line).map(|info| info.state),
        Some(LineState::Up)
    );
    assert_eq!(
        world.nodes[1].switch.status().lines,
        1,
        "the holder keeps both ends alive"
    );
    let quiet = world.delivered;
    world.run(config.life.keep_alive_ms * 4);
    assert!(
        world.delivered - quiet <= 12,
        "a quiet line costs two datagrams now and then"
    );
}

#[test]
fn life_close_delivers_what_was_written() {
    let mut world = World::new(8, 2, &Config::default(), Link { loss: 100, ..CLEAN });
    let (line, _) = world.line(0, 1);
    let now = world.now;
    let stream = world.nodes[0]
        .switch
        .open_stream(now, line, "{\"n\":0}")
        .expect("opens");
    let sent = pattern(0, 50_000);
    let mut written = 0;
    while written < sent.len() {
        written += world.nodes[0]
            .switch
            .write(now, stream, &sent[written..])
            .expect("takes it");
    }
    world.nodes[0].switch.finish(now, stream).expect("finishes");
    world.nodes[0]
        .switch
        .close(now, line, 7, "enough")
        .expect("closes");
    assert_eq!(
        world.until(9_000, |world| down(world, 0)),
        Some((line, DownReason::Local))
    );
    let (theirs, reason) = world
        .until(60_000, |world| down(world, 1))
        .expect("ends there too");
    assert_eq!(
        reason,
        DownReason::Closed {
            code: 7,
            reason: "enough".into()
        }
    );
    let stream = opened(&mut world, 1).expect("the stream had come");
    assert_eq!(stream.line, theirs);
    let (mut got, mut buf, now) = (Vec::new(), [0; 999], world.now);
    while let Ok(Read::Bytes(len)) = world.nodes[1].switch.read(now, stream, &mut buf) {
        got.extend_from_slice(&buf[..len]);
    }
    assert_eq!(got, sent, "bytes that had arrived are read after the end");
}

#[test]
fn life_close_tells_what_had_come_before() {
    let mut world = World::new(8, 2, &Config::default(), CLEAN);
    let (line, theirs) = world.line(0, 1);
    world.run(1_000);
    let now = world.now;
    let switch = &mut world.nodes[0].switch;
    let stream = switch.open_stream(now, line, "{}").expect("opens");
    switch.write(now, stream, &pattern(0, 100)).expect("writes");
    switch.finish(now, stream).expect("finishes");
    let come = world.until(1_000, |world| opened(world, 1)).expect("comes");
    let mut there = Progress::default();
    pump(&mut world, 1, come, 0, &mut there);
    assert_eq!((there.read, there.ended), (100, true));
    let (sent, now) = (world.nodes[1].switch.stats().datagrams_out, world.now);
    let switch = &mut world.nodes[1].switch;
    switch.close(now, theirs, 0, "").expect("closes");
    world.until(1_000, |world| down(world, 0)).expect("ends");
    let finished = world.nodes[0].take(|event| {
        let Event::Stream(StreamEvent::Finished { stream }) = event else {
            return None;
        };
        Some(*stream)
    });
    assert_eq!(finished, Some(stream), "all had arrived before the end");
    let sent = world.nodes[1].switch.stats().datagrams_out - sent;
    assert_eq!(sent, 2, "what came is told, then the end");
}

#[test]
fn life_restart_is_visible_and_the_new_line_works() {
    let config = Config::default();
    let mut world = World::new(9, 2, &config, CLEAN);
    let secret = SecretKey::from_bytes(&[42; 32]);
    world.restart(0, &secret, &config);
    let (_, theirs) = world.line(0, 1);
    let now = world.now;
    let held = world.nodes[1]
        .switch
        .open_stream(now, theirs, "{\"n\":0}")
        .expect("opens");
    world.run(100);
    world.restart(0, &secret, &config);
    let (_, again) = world.line(0, 1);
    assert_ne!(again, theirs);
    assert_eq!(down(&mut world, 1), Some((theirs, DownReason::Restarted)));
    let now = world.now;
    let read = world.nodes[1].switch.read(now, held, &mut [0; 8]);
    assert_eq!(read, Err(ReadError::LineDown(DownReason::Restarted)));
    assert_eq!(world.nodes[1].switch.status().lines, 1);
}

#[test]
fn life_restart_of_a_peer_is_found_within_seconds() {
    let secret = SecretKey::from_bytes(&[42; 32]);
    for (restart_probes, restart_silence_ms, found) in [
        (3, 1_000, true),
        (u8::MAX, 1_000, false),
        (3, 60_000, false),
    ] {
        let mut config = Config::default();
        config.life.restart_probes = restart_probes;
        config.life.restart_silence_ms = restart_silence_ms;
        let mut world = World::new(10, 2, &config, CLEAN);
        world.restart(0, &secret, &config);
        let (line, _) = world.line(1, 0);
        world.restart(0, &secret, &config);
        let now = world.now;
        let written = world.nodes[1].switch.open_stream(now, line, "{\"n\":0}");
        written.expect("opens");
        let ended = world.until(4_000, |world| down(world, 1));
        assert_eq!(ended, found.then_some((line, DownReason::Restarted)));
    }
}

#[test]
fn life_stream_ids_are_not_used_again_in_the_line_that_a_question_after_the_peer_made() {
    let secret = SecretKey::from_bytes(&[42; 32]);
    let config = Config::default();
    let mut world = World::new(10, 2, &config, CLEAN);
    world.restart(0, &secret, &config);
    let (line, _) = world.line(1, 0);
    world.restart(0, &secret, &config);
    let mut ids = Vec::new();
    let mut open = |world: &mut World, line| {
        let now = world.now;
        let stream = world.nodes[1].switch.open_stream(now, line, "{\"n\":0}");
        ids.push(stream.expect("opens").to_string());
    };
    open(&mut world, line);
    let again = world.until(4_000, |world| world.nodes[1].take_up());
    open(&mut world, again.expect("the peer is found"));
    let id = |n: usize| ids[n].split_once('.').expect("a line and an id").1;
    assert_ne!(id(0), id(1));
}
