//! The ledger: what all buffers take is bounded, nobody starves another, and everything goes on
//! once there is room.

use std::collections::BTreeMap;

use hydroid_core::{
    base::{LedgerConfig, Seed},
    switch::{
        Config, ConfigError, Event, LineError, LineId, OpenError, Read, ReadError, STREAM_REFUSED,
        StreamEvent, StreamId, Switch, WriteError,
    },
};
use hydroid_tests::{
    transfer::{CLEAN, Progress, opened, pattern, pump},
    world::World,
};

const SWITCH_BYTES: u64 = 2 << 20;

fn tight() -> Config {
    let mut config = Config::default();
    config.line.lines = 16;
    config.life.down_lines_max = 2;
    config.ledger = LedgerConfig {
        switch_bytes: SWITCH_BYTES,
        line_bytes: 1 << 20,
        line_least_bytes: 32 << 10,
        near_percent: 75,
    };
    config
}

/// The bound holds on every switch of the world.
fn holds(world: &World) {
    for node in &world.nodes {
        let status = node.switch.status();
        assert!(status.ledger_bytes <= SWITCH_BYTES, "{status:?}");
        assert!(status.promised_bytes <= SWITCH_BYTES, "{status:?}");
    }
}

/// What `fill` writes at most: a little more than a stream may carry from the first.
const FILL_BYTES: u64 = 70_000;

/// Node `from` opens a stream and writes what there is room for; tells how much that was.
fn fill(world: &mut World, from: usize, line: LineId) -> Option<(StreamId, u64)> {
    let now = world.now;
    let switch = &mut world.nodes[from].switch;
    let stream = match switch.open_stream(now, line, "{\"n\":0}") {
        Ok(stream) => stream,
        Err(OpenError::Blocked) => return None,
        Err(error) => panic!("open: {error}"),
    };
    let mut written = 0;
    while let Ok(taken) = switch.write(now, stream, &pattern(written, 10_000)) {
        written += taken as u64;
        if written >= FILL_BYTES {
            break;
        }
    }
    Some((stream, written))
}

#[test]
fn ledger_config_that_contradicts_itself_is_refused_by_name() {
    let mut config = tight();
    config.ledger.line_least_bytes = 1_000;
    let refused = Switch::new(config, &Seed::new([0; 32])).err();
    let illegal = ConfigError::Illegal("ledger.line_least_bytes");
    assert_eq!(refused, Some(illegal));
}

/// Ten peers send all that every line allows from the first, more than the switch may hold, and
/// nobody reads; another one's transfer goes on meanwhile, and in the end everything is there.
#[test]
fn ledger_bound_holds_while_ten_peers_fill_it_and_an_eleventh_is_served() {
    let mut world = World::new(1, 12, &tight(), CLEAN);
    let mut sent = BTreeMap::new();
    let lines: Vec<_> = (1..12).map(|from| world.line(from, 0)).collect();
    for (from, (line, theirs)) in (1..11).zip(&lines) {
        let own = (0..4).filter_map(|_| fill(&mut world, from, *line));
        sent.insert(*theirs, (from, own.collect::<Vec<_>>()));
    }
    for _ in 0..300 {
        world.run(10);
        holds(&world);
    }
    let full = world.nodes[0].switch.status();
    assert!(full.ledger_bytes > SWITCH_BYTES / 2, "{full:?}");
    assert!(world.nodes[0].switch.stats().packets_no_room > 0);
    // Whoever comes now has its least, and that is enough.
    let mut streams = Vec::new();
    while let Some(stream) = opened(&mut world, 0) {
        streams.push(stream);
    }
    let (line, _) = lines[10];
    let (now, total) = (world.now, 1_000_000);
    let late = world.nodes[11].switch.open_stream(now, line, "{\"n\":1}");
    let late = late.expect("opens");
    let (mut here, mut there, mut theirs) = (Progress::default(), Progress::default(), None);
    let done = world.until(120_000, |world| {
        holds(world);
        pump(world, 11, late, total, &mut here);
        theirs = theirs.or_else(|| opened(world, 0));
        pump(world, 0, theirs?, total, &mut there);
        (here.ended && there.ended).then_some(())
    });
    assert!(
        done.is_some(),
        "{here:?} {there:?} {:?}",
        world.nodes[0].switch.status()
    );
    // Longer than a line that is heard nothing of would live.
    for _ in 0..80 {
        world.run(1_000);
        holds(&world);
    }
    // The application reads at last, and all of it comes: nothing was lost or turned around.
    let mut read: BTreeMap<StreamId, u64> = streams.iter().map(|id| (*id, 0)).collect();
    let whole: u64 = sent
        .values()
        .flat_map(|(_, own)| own)
        .map(|(_, len)| *len)
        .sum();
    let done = world.until(120_000, |world| {
        holds(world);
        while let Some(stream) = opened(world, 0) {
            read.insert(stream, 0);
        }
        let now = world.now;
        let mut buf = [0; 4_096];
        for (stream, at) in &mut read {
            while let Ok(Read::Bytes(len)) = world.nodes[0].switch.read(now, *stream, &mut buf) {
                assert_eq!(buf[..len], pattern(*at, len));
                *at += len as u64;
            }
        }
        (read.values().sum::<u64>() == whole).then_some(())
    });
    let status = world.nodes[0].switch.status();
    assert!(done.is_some(), "{read:?} of {whole}: {status:?}");
    assert_eq!(status.lines, 11, "no line was lost over it");
}

#[test]
fn ledger_exhausted_by_one_peer_leaves_the_others_alone() {
    let mut world = World::new(2, 3, &tight(), CLEAN);
    let (greedy, _) = world.line(1, 0);
    let (honest, _) = world.line(2, 0);
    // It opens as many streams as it may, and what it may send on each nobody reads.
    while fill(&mut world, 1, greedy).is_some() {}
    world.run(5_000);
    holds(&world);
    while opened(&mut world, 0).is_some() {}
    let now = world.now;
    let ours = world.nodes[2]
        .switch
        .open_stream(now, honest, "{\"n\":0}")
        .expect("opens");
    let (mut here, mut there, mut theirs) = (Progress::default(), Progress::default(), None);
    let done = world.until(20_000, |world| {
        holds(world);
        pump(world, 2, ours, 3_000_000, &mut here);
        theirs = theirs.or_else(|| opened(world, 0));
        pump(world, 0, theirs?, 3_000_000, &mut there);
        (here.ended && there.ended).then_some(())
    });
    assert!(done.is_some(), "{here:?} {there:?}");
}

#[test]
fn ledger_refuses_streams_where_memory_is_short_and_events_are_not_polled() {
    let mut config = tight();
    config.ledger.line_bytes = 32 << 10;
    let mut world = World::new(3, 2, &config, CLEAN);
    let (line, _) = world.line(0, 1);
    let (full, _) = fill(&mut world, 0, line).expect("opens");
    world.run(1_000);
    let theirs = opened(&mut world, 1).expect("came");
    // Nobody reads at the other end, and what is short in the end is the line's memory there.
    let code = STREAM_REFUSED;
    let refused = (0..100).find_map(|_| {
        let now = world.now;
        let switch = &mut world.nodes[0].switch;
        let stream = switch.open_stream(now, line, "{\"n\":1}").ok()?;
        switch.write(now, stream, &[1]).ok()?;
        world.run(1_000);
        let stopped = Event::Stream(StreamEvent::Stopped { stream, code });
        let events = &world.nodes[0].events;
        events.contains(&stopped).then_some(stream)
    });
    assert!(refused.is_some(), "a stream is refused");
    assert!(world.nodes[1].switch.stats().streams_refused >= 1);
    let now = world.now;
    let switch = &mut world.nodes[0].switch;
    switch.reset(now, full, 3).expect("resets");
    world.run(1_000);
    let now = world.now;
    let read = world.nodes[1].switch.read(now, theirs, &mut [0; 9]);
    assert_eq!(read, Err(ReadError::Reset(3)));
}

#[test]
fn ledger_writers_that_wait_for_what_others_have_are_told() {
    let mut config = tight();
    config.ledger.switch_bytes = 19 * 2 * (32 << 10);
    let mut world = World::new(4, 3, &config, CLEAN);
    let (one, _) = world.line(0, 1);
    let (two, theirs) = world.line(0, 2);
    world.nodes[1].online = false;
    let hogs: Vec<_> = std::iter::from_fn(|| fill(&mut world, 0, one)).collect();
    assert!(hogs.len() > 2);
    let now = world.now;
    let switch = &mut world.nodes[0].switch;
    let waits = switch.open_stream(now, two, "{\"n\":1}").expect("opens");
    let mut taken = 0;
    while let Ok(more) = switch.write(now, waits, &[7; 20_000]) {
        taken += more;
    }
    assert!((1_000..32 << 10).contains(&taken), "its least: {taken}");
    assert_eq!(switch.write(now, waits, &[7; 9]), Err(WriteError::Blocked));
    assert_eq!(switch.open_stream(now, two, "{}"), Err(OpenError::Blocked));
    let big = [&[0, 0][..], &[1; 1_000]].concat();
    while switch.send(now, two, &big).is_ok() {}
    assert_eq!(switch.send(now, two, &big), Err(LineError::Blocked));
    for (hog, _) in hogs {
        switch.reset(now, hog, 1).expect("resets");
    }
    let may_open = Event::Stream(StreamEvent::MayOpen { line: two });
    let writable = Event::Stream(StreamEvent::Writable { stream: waits });
    let told = world.until(2_000, |world| {
        let node = &mut world.nodes[0];
        node.events.contains(&may_open).then_some(())?;
        node.events.contains(&writable).then_some(())
    });
    assert_eq!(told, Some(()));
    while world.nodes[2]
        .switch
        .recv(world.now, theirs, &mut [0; 2_000])
        .is_ok()
    {}
}

#[test]
fn ledger_has_back_what_a_forgotten_line_held() {
    let mut world = World::new(11, 2, &tight(), CLEAN);
    let mut held = Vec::new();
    for _ in 0..5 {
        let (line, _) = world.line(0, 1);
        let (_, written) = fill(&mut world, 0, line).expect("a stream opens");
        assert!(written > 10_000, "{written} bytes");
        // Nobody reads what comes.
        world.run(1_000);
        let now = world.now;
        let node = &mut world.nodes[0];
        let closed = node.switch.close(now, line, 1, "enough");
        closed.expect("closes");
        world.run(20_000);
        let status = world.nodes[1].switch.status();
        held.push(status.ledger_bytes);
        world.nodes[1].events.clear();
        world.nodes[0].events.clear();
    }
    println!("{held:?}");
    // Two lines that are down and unread are kept.
    assert!(held[1] > held[0] && held[0] > 10_000, "{held:?}");
    assert!(held[2..].iter().all(|bytes| *bytes == held[1]), "{held:?}");
}

/// Unreliable packets that are sent before any of them can leave count at once: the next line is
/// told of what the one before it took.
#[test]
fn ledger_bound_holds_while_packets_are_sent_on_many_lines_at_once() {
    let mut config = tight();
    config.life.packets_max = 100_000;
    let mut world = World::new(7, 9, &config, CLEAN);
    let lines: Vec<_> = (1..9).map(|to| world.line(0, to).0).collect();
    let now = world.now;
    let switch = &mut world.nodes[0].switch;
    let packet = [0; 1_000];
    let mut taken = 1;
    while taken > 0 {
        taken = 0;
        for line in &lines {
            taken += u32::from(switch.send(now, *line, &packet).is_ok());
        }
        let status = switch.status();
        assert!(status.ledger_bytes <= SWITCH_BYTES, "{status:?}");
    }
    world.run(5_000);
    holds(&world);
}
