//! Two switches in memory, in virtual time, over links of every kind: streams.

use hydroid_core::{
    identity::SecretKey,
    line::Suite,
    switch::{Config, Event, Read, ReadError, StreamEvent, WriteError},
};
use hydroid_tests::{
    seed::seed,
    transfer::{CLEAN, Progress, opened, pump, transfer},
    world::{Link, World},
};

#[test]
fn pair_bytes_arrive_over_a_clean_link() {
    transfer(2, CLEAN, 3_000_000);
}

// S2.74
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
            ..Link::default()
        };
        transfer(first + n, link, 200_000);
    }
}

#[test]
fn pair_same_seed_same_datagrams() {
    let link = Link {
        loss: 50,
        jitter_us: 2_000,
        ..CLEAN
    };
    let run = || {
        let mut world = World::new(7, 2, &Config::default(), link);
        world.kept = Some(Vec::new());
        let (line, _) = world.line(0, 1);
        let now = world.now;
        let stream = world.nodes[0]
            .switch
            .open_stream(now, line, "{\"n\":1}")
            .expect("opens");
        let mut at = Progress::default();
        world.until(3_000, |world| {
            pump(world, 0, stream, 100_000, &mut at);
            None::<()>
        });
        world.kept.expect("was kept")
    };
    assert_eq!(run(), run());
}

// S2.91
#[test]
fn pair_ranges_that_are_owed_leave_with_data() {
    let mut world = World::new(7, 2, &Config::default(), CLEAN);
    let (line, _) = world.line(0, 1);
    let now = world.now;
    let ours = world.nodes[0]
        .switch
        .open_stream(now, line, "{}")
        .expect("opens");
    let wrote = world.nodes[0].switch.write(now, ours, b"there");
    assert_eq!(wrote, Ok(5));
    let theirs = world
        .until(1_000, |world| opened(world, 1))
        .expect("it came");
    world.run(500);
    let sent = |world: &World, n: usize| world.nodes[n].switch.stats().datagrams_out;
    let before = [sent(&world, 0), sent(&world, 1)];
    let mut trips = 0;
    let mut said = [0; 2];
    world.until(60_000, |world| {
        for (n, stream) in [(1, theirs), (0, ours)] {
            let (now, switch) = (world.now, &mut world.nodes[n].switch);
            if let Ok(Read::Bytes(len)) = switch.read(now, stream, &mut [0; 64]) {
                assert_eq!(len, 5);
                assert_eq!(switch.write(now, stream, b"again"), Ok(5));
                said[n] += 1;
                trips += usize::from(n == 0);
            }
        }
        (trips == 100).then_some(())
    });
    assert_eq!(trips, 100);
    for n in 0..2 {
        let datagrams = sent(&world, n) - before[n];
        assert!(
            datagrams <= said[n] + 3,
            "{datagrams} datagrams for {} answers",
            said[n]
        );
    }
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
            let Ok(stream) = world.nodes[0].switch.open_stream(now, line, &head) else {
                break;
            };
            world.nodes[0]
                .switch
                .write(now, stream, head.as_bytes())
                .expect("takes little");
            world.nodes[0].switch.finish(now, stream).expect("finishes");
            ours.push(stream);
            opened_count += 1;
        }
        while let Some(stream) = opened(world, 1) {
            let mut buf = [0; 64];
            let switch = &mut world.nodes[1].switch;
            let head = switch.stream_head(stream).expect("is there").to_owned();
            assert_eq!(
                switch.read(now, stream, &mut buf),
                Ok(Read::Bytes(head.len()))
            );
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
    assert!(
        done.is_some(),
        "{opened_count} opened, {answered} answered, {} open",
        ours.len()
    );
    world.run(2_000);
    assert_eq!(world.nodes[0].switch.status().streams, 0);
    assert_eq!(world.nodes[1].switch.status().streams, 0);
}

#[test]
fn pair_reset_and_stop_carry_their_codes() {
    let mut world = World::new(10, 2, &Config::default(), CLEAN);
    let (line, _) = world.line(0, 1);
    let now = world.now;
    let ours = world.nodes[0]
        .switch
        .open_stream(now, line, "{\"n\":0}")
        .expect("opens");
    world.nodes[0]
        .switch
        .write(now, ours, b"some")
        .expect("takes it");
    let theirs = world.until(1_000, |world| opened(world, 1)).expect("comes");
    let now = world.now;
    world.nodes[0].switch.reset(now, ours, 77).expect("resets");
    world.nodes[0].switch.stop(now, ours, 78).expect("stops");
    let got = world.until(1_000, |world| {
        world.nodes[1].take(|event| {
            let Event::Stream(StreamEvent::Stopped { stream, code }) = event else {
                return None;
            };
            Some((*stream, *code))
        })
    });
    assert_eq!(got, Some((theirs, 78)));
    let now = world.now;
    let switch = &mut world.nodes[1].switch;
    assert_eq!(
        switch.read(now, theirs, &mut [0; 8]),
        Err(ReadError::Reset(77))
    );
    assert_eq!(
        switch.write(now, theirs, b"x"),
        Err(WriteError::Stopped(78))
    );
    world.run(1_000);
    assert_eq!(world.nodes[0].switch.status().streams, 0);
    assert_eq!(world.nodes[1].switch.status().streams, 0);
}

#[test]
fn pair_nothing_is_queued_for_ever() {
    let (_, world) = transfer(12, CLEAN, 100_000);
    for node in &world.nodes {
        assert_eq!(node.switch.status().events, 0);
    }
}

#[test]
fn pair_bytes_arrive_under_either_suite_and_mixed() {
    let config = |suite| {
        let mut config = Config::default();
        config.line.suite = suite;
        config
    };
    let suites = [Suite::Aes256Gcm, Suite::ChaCha20Poly1305];
    for (ours, theirs) in suites
        .iter()
        .flat_map(|a| suites.iter().map(move |b| (*a, *b)))
    {
        let configs = [config(ours), config(theirs)];
        let mut world = World::new(20, 2, &configs[0], CLEAN);
        world.restart(1, &SecretKey::from_bytes(&[42; 32]), &configs[1]);
        for (from, to) in [(0, 1), (1, 0)] {
            let (line, _) = world.line(from, to);
            let now = world.now;
            let opened_stream = world.nodes[from].switch.open_stream(now, line, "{\"n\":0}");
            let stream = opened_stream.expect("opens");
            let mut at = Progress::default();
            pump(&mut world, from, stream, 5_000, &mut at);
            let theirs = world
                .until(1_000, |world| opened(world, to))
                .expect("comes");
            let mut end = Progress::default();
            let done = world.until(1_000, |world| {
                pump(world, to, theirs, 0, &mut end);
                end.ended.then_some(end.read)
            });
            assert_eq!(done, Some(5_000));
            let now = world.now;
            world.nodes[from]
                .switch
                .close(now, line, 0, "")
                .expect("closes");
            world.run(30_000);
        }
    }
}
