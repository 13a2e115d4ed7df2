//! Two switches in memory, in virtual time, over links of every kind.

use std::collections::BTreeMap;

use hydroid_core::{
    base::Time,
    identity::SecretKey,
    switch::{
        Config, DownReason, DropReason, Event, LineEvent, LineId, LineState, Read, ReadError,
        StreamEvent, StreamId, WriteError,
    },
};
use hydroid_tests::{
    seed::seed,
    world::{Link, World},
};

const CLEAN: Link = Link { latency_us: 10_000, jitter_us: 0, loss: 0, double: 0, damage: 0 };

/// Bytes that tell their place.
fn pattern(from: u64, len: usize) -> Vec<u8> {
    (from..from + len as u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

fn opened(world: &mut World, node: usize) -> Option<StreamId> {
    world.nodes[node].take(|event| match event {
        Event::Stream(StreamEvent::Opened { stream }) => Some(*stream),
        _ => None,
    })
}

fn down(world: &mut World, node: usize) -> Option<(LineId, DownReason)> {
    world.nodes[node].take(|event| match event {
        Event::Line(LineEvent::Down { line, reason }) => Some((*line, reason.clone())),
        _ => None,
    })
}

/// One end of a transfer: how much is written and how much was read, all of it checked.
#[derive(Default, Clone, Copy)]
struct Progress {
    written: u64,
    read: u64,
    ended: bool,
}

/// Writes `total` bytes of the pattern and the end, and reads what comes, as far as it goes now.
fn pump(world: &mut World, node: usize, stream: StreamId, total: u64, at: &mut Progress) {
    let now = world.now;
    let switch = &mut world.nodes[node].switch;
    while at.written < total {
        let piece = pattern(at.written, (total - at.written).min(10_000) as usize);
        match switch.write(now, stream, &piece) {
            Ok(taken) => at.written += taken as u64,
            Err(WriteError::Blocked) => break,
            Err(error) => panic!("write: {error}"),
        }
        if at.written == total {
            switch.finish(now, stream).expect("finishes");
        }
    }
    let mut buf = [0; 4096];
    while !at.ended {
        match switch.read(now, stream, &mut buf) {
            Ok(Read::Bytes(len)) => {
                assert_eq!(buf[..len], pattern(at.read, len), "bytes are in their place");
                at.read += len as u64;
            }
            Ok(Read::End) => at.ended = true,
            Err(ReadError::Blocked) => break,
            Err(error) => panic!("read: {error}"),
        }
    }
}

/// Sends `total` bytes each way over a fresh line and tells how long that took.
fn transfer(seed: u64, link: Link, total: u64) -> (Time, World) {
    let mut world = World::new(seed, 2, &Config::default(), link);
    let (line, _) = world.line(0, 1);
    let now = world.now;
    let ours = world.nodes[0].switch.open_stream(now, line, r#"{"echo":1}"#).expect("opens");
    let (mut here, mut there) = (Progress::default(), Progress::default());
    let mut theirs = None;
    let done = world.until(600_000, |world| {
        pump(world, 0, ours, total, &mut here);
        if theirs.is_none() {
            theirs = opened(world, 1);
            let head = theirs.map(|stream| world.nodes[1].switch.stream_head(stream).map(str::to_owned));
            assert!(head.is_none_or(|head| head.as_deref() == Some(r#"{"echo":1}"#)));
        }
        let theirs = theirs?;
        pump(world, 1, theirs, total, &mut there);
        (here.ended && there.ended).then_some(())
    });
    assert!(done.is_some(), "the transfer ends: {} and {} read", here.read, there.read);
    assert_eq!((here.read, there.read), (total, total));
    world.run(2_000);
    assert_eq!(world.nodes[0].switch.status().streams, 0, "a stream that is over is gone");
    assert_eq!(world.nodes[1].switch.status().buffered_bytes, 0);
    (world.now, world)
}

#[test]
fn pair_line_is_up_after_one_round_trip_at_both_ends() {
    let mut world = World::new(1, 2, &Config::default(), CLEAN);
    let line = world.connect(0, 1);
    let up = world.until(1_000, |world| world.nodes[0].take_up());
    assert_eq!((up, world.now), (Some(line), Time::from_us(20_000)));
    let theirs = world.until(1_000, |world| world.nodes[1].take_up()).expect("comes up");
    assert_eq!(world.now, Time::from_us(30_000), "the first sealed packet proves the key");
    let info = world.nodes[1].switch.line(theirs).expect("is known");
    assert_eq!((info.peer.key, info.ours), (world.nodes[0].key, false));
    assert_eq!(info.state, LineState::Up);
}

#[test]
fn pair_bytes_arrive_over_a_clean_link() {
    transfer(2, CLEAN, 3_000_000);
}

#[test]
fn pair_bytes_arrive_over_every_kind_of_link() {
    let first = seed(100);
    for n in 0..12 {
        let link = Link {
            latency_us: 1_000 * (n % 4) * 10,
            jitter_us: 3_000 * (n % 3),
            loss: 10 * (n % 5) * n,
            double: 50 * (n % 2),
            damage: 20 * (n % 3),
        };
        transfer(first + n, link, 200_000);
    }
}

#[test]
fn pair_same_seed_same_datagrams() {
    let link = Link { loss: 50, jitter_us: 2_000, ..CLEAN };
    let run = || {
        let mut world = World::new(7, 2, &Config::default(), link);
        world.kept = Some(Vec::new());
        let (line, _) = world.line(0, 1);
        let now = world.now;
        let stream = world.nodes[0].switch.open_stream(now, line, "{\"n\":1}").expect("opens");
        let mut at = Progress::default();
        world.until(3_000, |world| {
            pump(world, 0, stream, 100_000, &mut at);
            None::<()>
        });
        world.kept.expect("was kept")
    };
    assert_eq!(run(), run());
}

#[test]
fn pair_thousands_of_streams_on_one_line() {
    let mut world = World::new(3, 2, &Config::default(), CLEAN);
    let (line, _) = world.line(0, 1);
    let (mut opened_count, mut answered) = (0, 0);
    let mut ours = Vec::new();
    let done = world.until(120_000, |world| {
        let now = world.now;
        while opened_count < 5_000 {
            let head = format!("{{\"n\":{opened_count}}}");
            let Ok(stream) = world.nodes[0].switch.open_stream(now, line, &head) else { break };
            world.nodes[0].switch.write(now, stream, head.as_bytes()).expect("takes little");
            world.nodes[0].switch.finish(now, stream).expect("finishes");
            ours.push(stream);
            opened_count += 1;
        }
        while let Some(stream) = opened(world, 1) {
            let mut buf = [0; 64];
            let switch = &mut world.nodes[1].switch;
            let head = switch.stream_head(stream).expect("is there").to_owned();
            assert_eq!(switch.read(now, stream, &mut buf), Ok(Read::Bytes(head.len())));
            assert_eq!(&buf[..head.len()], head.as_bytes());
            assert_eq!(switch.read(now, stream, &mut buf), Ok(Read::End));
            switch.finish(now, stream).expect("finishes");
            answered += 1;
        }
        let switch = &mut world.nodes[0].switch;
        ours.retain(|stream| {
            let mut buf = [0; 8];
            switch.read(now, *stream, &mut buf) != Ok(Read::End)
        });
        (answered == 5_000 && ours.is_empty()).then_some(())
    });
    assert!(done.is_some(), "{opened_count} opened, {answered} answered, {} open", ours.len());
    world.run(2_000);
    assert_eq!(world.nodes[0].switch.status().streams, 0);
    assert_eq!(world.nodes[1].switch.status().streams, 0);
}

#[test]
fn pair_crossed_connects_make_one_line() {
    for n in 0..40 {
        let link = Link { loss: 20 * (n % 20), jitter_us: 5_000, ..CLEAN };
        let mut world = World::new(seed(500) + n, 2, &Config::default(), link);
        let ids = [world.connect(0, 1), world.connect(1, 0)];
        world.run(15_000);
        let lines: Vec<_> = (0..2).map(|n| world.nodes[n].switch.status().lines).collect();
        assert_eq!(lines, [1, 1], "one line at each end, run {n}");
        for (node, id) in ids.iter().enumerate() {
            let info = world.nodes[node].switch.line(*id).expect("the line of the call is the one");
            assert_eq!(info.state, LineState::Up);
            let ups = std::iter::from_fn(|| world.nodes[node].take_up()).count();
            assert_eq!(ups, 1, "told once");
        }
        let now = world.now;
        let stream = world.nodes[0].switch.open_stream(now, ids[0], "{\"n\":0}").expect("opens");
        let got = world.until(20_000, |world| opened(world, 1));
        assert_eq!(got.map(|got| got.line), Some(ids[1]), "and it carries streams: {stream}");
    }
}

#[test]
fn pair_nobody_there_is_unreachable() {
    let mut world = World::new(4, 2, &Config::default(), CLEAN);
    world.nodes[1].online = false;
    let line = world.connect(0, 1);
    let end = world.until(20_000, |world| down(world, 0));
    assert_eq!(end, Some((line, DownReason::Unreachable)));
    assert_eq!(world.nodes[0].switch.status().lines, 0);
    assert_eq!(world.nodes[0].switch.poll_timeout(), None, "and nothing is left to do");
}

#[test]
fn pair_vanished_peer_is_noticed_and_streams_say_so() {
    let config = Config::default();
    let mut world = World::new(5, 2, &config, CLEAN);
    let (line, _) = world.line(0, 1);
    let now = world.now;
    let stream = world.nodes[0].switch.open_stream(now, line, "{\"n\":0}").expect("opens");
    world.run(100);
    world.nodes[1].online = false;
    let end = world.until(2 * config.life.idle_timeout_ms, |world| down(world, 0));
    assert_eq!(end, Some((line, DownReason::TimedOut)));
    let now = world.now;
    let switch = &mut world.nodes[0].switch;
    assert_eq!(switch.write(now, stream, b"x"), Err(WriteError::LineDown(DownReason::TimedOut)));
    let read = switch.read(now, stream, &mut [0; 8]);
    assert_eq!(read, Err(ReadError::LineDown(DownReason::TimedOut)));
    assert_eq!(switch.status().streams, 0, "both directions have told, the stream is gone");
}

#[test]
fn pair_held_line_lives_and_unheld_line_ends() {
    let config = Config::default();
    let mut world = World::new(6, 2, &config, CLEAN);
    let (line, _) = world.line(0, 1);
    world.run(10 * config.life.unheld_timeout_ms);
    assert_eq!(world.nodes[0].switch.line(line).map(|info| info.state), Some(LineState::Up));
    assert_eq!(world.nodes[1].switch.status().lines, 1, "the holder keeps both ends alive");
    let quiet = world.delivered;
    world.run(config.life.keep_alive_ms * 4);
    assert!(world.delivered - quiet <= 12, "a quiet line costs two datagrams now and then");
}

#[test]
fn pair_close_delivers_what_was_written() {
    let mut world = World::new(8, 2, &Config::default(), Link { loss: 100, ..CLEAN });
    let (line, _) = world.line(0, 1);
    let now = world.now;
    let stream = world.nodes[0].switch.open_stream(now, line, "{\"n\":0}").expect("opens");
    let sent = pattern(0, 50_000);
    let mut written = 0;
    while written < sent.len() {
        written += world.nodes[0].switch.write(now, stream, &sent[written..]).expect("takes it");
    }
    world.nodes[0].switch.finish(now, stream).expect("finishes");
    world.nodes[0].switch.close(now, line, 7, "enough").expect("closes");
    assert_eq!(world.until(9_000, |world| down(world, 0)), Some((line, DownReason::Local)));
    let (theirs, reason) = world.until(60_000, |world| down(world, 1)).expect("ends there too");
    assert_eq!(reason, DownReason::Closed { code: 7, reason: "enough".into() });
    let stream = opened(&mut world, 1).expect("the stream had come");
    assert_eq!(stream.line, theirs);
    let (mut got, mut buf, now) = (Vec::new(), [0; 999], world.now);
    while let Ok(Read::Bytes(len)) = world.nodes[1].switch.read(now, stream, &mut buf) {
        got.extend_from_slice(&buf[..len]);
    }
    assert_eq!(got, sent, "bytes that had arrived are read after the end");
}

#[test]
fn pair_restart_is_visible_and_the_new_line_works() {
    let config = Config::default();
    let mut world = World::new(9, 2, &config, CLEAN);
    let secret = SecretKey::from_bytes(&[42; 32]);
    world.restart(0, &secret, &config);
    let (_, theirs) = world.line(0, 1);
    let now = world.now;
    let held = world.nodes[1].switch.open_stream(now, theirs, "{\"n\":0}").expect("opens");
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
fn pair_reset_and_stop_carry_their_codes() {
    let mut world = World::new(10, 2, &Config::default(), CLEAN);
    let (line, _) = world.line(0, 1);
    let now = world.now;
    let ours = world.nodes[0].switch.open_stream(now, line, "{\"n\":0}").expect("opens");
    world.nodes[0].switch.write(now, ours, b"some").expect("takes it");
    let theirs = world.until(1_000, |world| opened(world, 1)).expect("comes");
    let now = world.now;
    world.nodes[0].switch.reset(now, ours, 77).expect("resets");
    world.nodes[0].switch.stop(now, ours, 78).expect("stops");
    let got = world.until(1_000, |world| {
        world.nodes[1].take(|event| match event {
            Event::Stream(StreamEvent::Stopped { stream, code }) => Some((*stream, *code)),
            _ => None,
        })
    });
    assert_eq!(got, Some((theirs, 78)));
    let now = world.now;
    let switch = &mut world.nodes[1].switch;
    assert_eq!(switch.read(now, theirs, &mut [0; 8]), Err(ReadError::Reset(77)));
    assert_eq!(switch.write(now, theirs, b"x"), Err(WriteError::Stopped(78)));
    world.run(1_000);
    assert_eq!(world.nodes[0].switch.status().streams, 0);
    assert_eq!(world.nodes[1].switch.status().streams, 0);
}

#[test]
fn pair_strangers_bytes_are_dropped_counted_and_cost_nothing() {
    let mut world = World::new(11, 3, &Config::default(), CLEAN);
    world.kept = Some(Vec::new());
    let (line, _) = world.line(0, 1);
    let now = world.now;
    let stream = world.nodes[0].switch.open_stream(now, line, "{\"n\":0}").expect("opens");
    let mut at = Progress::default();
    world.until(500, |world| {
        pump(world, 0, stream, 30_000, &mut at);
        None::<()>
    });
    let kept = world.kept.take().expect("was kept");
    let before = world.nodes[1].switch.status();
    let sent_before = world.nodes[1].switch.stats().bytes_out;
    let dropped_before = world.nodes[1].switch.stats().dropped_in_all();
    let stranger = world.nodes[2].address;
    let (mut injected, mut injected_bytes) = (0, 0);
    for (_, _, datagram) in kept.iter().take(200) {
        let mut turned = datagram.clone();
        turned[datagram.len() / 2] ^= 0x40;
        for bytes in [datagram[..datagram.len() / 2].to_vec(), turned, datagram.clone(), vec![]] {
            injected_bytes += bytes.len() as u64;
            injected += 1;
            world.inject(stranger, 1, bytes);
        }
    }
    for head in ["{\"open\":2,\"suite\":\"x\",\"line\":1}", "{\"hello\":\"world\"}", "{\"line\":12345}"] {
        let mut bytes = (head.len() as u16).to_be_bytes().to_vec();
        bytes.extend_from_slice(head.as_bytes());
        bytes.resize(700, 0);
        injected_bytes += bytes.len() as u64;
        injected += 1;
        world.inject(stranger, 1, bytes);
    }
    world.run(200);
    let switch = &world.nodes[1].switch;
    assert_eq!(switch.status().lines, before.lines);
    assert_eq!(switch.status().streams, before.streams);
    assert_eq!(switch.stats().dropped_in_all() - dropped_before, injected, "{:?}", switch.stats());
    assert!(switch.stats().dropped(DropReason::NoPacket) > 0);
    assert!(switch.stats().dropped(DropReason::UnknownHead) > 0);
    assert!(switch.stats().bytes_out - sent_before <= injected_bytes, "no amplification");
    let more = world.nodes[0].switch.open_stream(world.now, line, "{\"n\":1}");
    assert!(more.is_ok());
    assert!(world.until(5_000, |world| opened(world, 1)).is_some(), "the honest line goes on");
}

#[test]
fn pair_nothing_is_queued_for_ever() {
    let (_, world) = transfer(12, CLEAN, 100_000);
    let counts: BTreeMap<_, _> =
        world.nodes.iter().map(|node| (node.address, node.switch.status().events)).collect();
    assert!(counts.values().all(|events| *events == 0), "{counts:?}");
}
