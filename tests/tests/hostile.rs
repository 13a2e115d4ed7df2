//! What strangers and misbehaving peers can do to a switch: nothing that lasts.

use hydroid_core::{
    line::Dropped,
    switch::{Config, DownReason, DropReason, Event, LineEvent, Misbehaviour},
};
use hydroid_tests::{
    rogue::Rogue,
    transfer::{CLEAN, Progress, opened, pump},
    world::World,
};

// S2.71
#[test]
fn hostile_strangers_bytes_are_dropped_counted_and_cost_nothing() {
    let mut world = World::new(11, 3, &Config::default(), CLEAN);
    world.kept = Some(Vec::new());
    let (line, _) = world.line(0, 1);
    let now = world.now;
    let stream = world.nodes[0]
        .switch
        .open_stream(now, line, "{\"n\":0}")
        .expect("opens");
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
        for bytes in [
            datagram[..datagram.len() / 2].to_vec(),
            turned,
            datagram.clone(),
            vec![],
        ] {
            injected_bytes += bytes.len() as u64;
            injected += 1;
            world.inject(stranger, 1, &bytes);
        }
    }
    for head in [
        "{\"open\":2,\"suite\":\"x\",\"line\":1}",
        "{\"hello\":\"world\"}",
        "{\"line\":12345}",
    ] {
        let mut bytes = (head.len() as u16).to_be_bytes().to_vec();
        bytes.extend_from_slice(head.as_bytes());
        bytes.resize(700, 0);
        injected_bytes += bytes.len() as u64;
        injected += 1;
        world.inject(stranger, 1, &bytes);
    }
    world.run(200);
    let switch = &world.nodes[1].switch;
    assert_eq!(switch.status().lines, before.lines);
    assert_eq!(switch.status().streams, before.streams);
    assert_eq!(
        switch.stats().dropped_in_all() - dropped_before,
        injected,
        "{:?}",
        switch.stats()
    );
    assert!(switch.stats().dropped(DropReason::NoPacket) > 0);
    assert!(
        switch.stats().bytes_out - sent_before <= injected_bytes,
        "no amplification"
    );
    let more = world.nodes[0]
        .switch
        .open_stream(world.now, line, "{\"n\":1}");
    assert!(more.is_ok());
    assert!(
        world.until(5_000, |world| opened(world, 1)).is_some(),
        "the honest line goes on"
    );
}

#[test]
fn hostile_heads_of_strangers_are_told_by_their_keys_and_dropped_under_their_reason() {
    for (head, reason) in [
        (r#"{ "line":1, "open":3 }"#, Dropped::UnknownVersion),
        (r#"{"open":1,"suite":"x","line":1}"#, Dropped::Malformed),
        (r#"{"open":1,"open":1,"line":1}"#, Dropped::Malformed),
        (r#"{"hello":1.5}"#, Dropped::Malformed),
        (r#"{ "line":12345 }"#, Dropped::UnknownLine),
    ] {
        let mut rogue = Rogue::new(&Config::default());
        rogue.stranger(head);
        let stats = rogue.switch.stats();
        assert_eq!(stats.dropped(DropReason::Line(reason)), 1, "{head}");
        assert_eq!(stats.dropped_in_all(), 1, "{head}");
    }
    let mut rogue = Rogue::new(&Config::default());
    rogue.stranger(r#"{"hello":"world"}"#);
    assert_eq!(rogue.switch.stats().dropped(DropReason::UnknownHead), 1);
}

/// What the rogue sends, and what must come of it.
fn demand(how: Misbehaviour, say: impl FnOnce(&mut Rogue)) {
    let mut rogue = Rogue::new(&Config::default());
    say(&mut rogue);
    let closed = rogue.hear();
    assert_eq!(
        closed,
        Some((how.code(), how.sentence().to_owned())),
        "the rogue is told"
    );
    while let Some(event) = rogue.switch.poll_event() {
        rogue.events.push(event);
    }
    let down = rogue.events.iter().any(|event| {
        let Event::Line(LineEvent::Down { reason, .. }) = event else {
            return false;
        };
        *reason == DownReason::Misbehaved(how)
    });
    assert!(down, "{how:?}: {:?}", rogue.events);
    assert_eq!(rogue.switch.stats().misbehaved, 1);
    assert_eq!(rogue.switch.status().lines, 0);
    assert_eq!(rogue.switch.status().buffered_bytes, 0);
}

/// The id of the rogue's `n`-th stream: which end has the smaller hashname is not ours to choose.
fn rogue_stream(rogue: &mut Rogue, n: u64) -> u64 {
    let info = rogue.switch.status();
    assert_eq!(info.lines, 1);
    2 * n + u64::from(!rogue.is_smaller())
}

#[test]
fn hostile_frames_that_break_the_rules_end_the_line_with_their_name() {
    demand(Misbehaviour::MalformedFrame, |rogue| {
        rogue.send_plain(&[3, 0, 0, 40, 1]);
    });
    demand(Misbehaviour::MalformedFrame, |rogue| {
        rogue.send(|writer| {
            writer.packet(&[0, 9, 1]);
        });
    });
    demand(Misbehaviour::UnknownCriticalFrame, |rogue| {
        rogue.send_plain(&[63]);
    });
    demand(Misbehaviour::RangesOfUnsent, |rogue| {
        rogue.send_plain(&[2, 0x40, 200, 0, 0, 1]);
    });
    demand(Misbehaviour::CreditExceeded, |rogue| {
        let id = rogue_stream(rogue, 0);
        rogue.send(|writer| {
            writer.stream(id, 64 << 20, 1, false, |place| place.fill(0));
        });
    });
    demand(Misbehaviour::TooManyStreams, |rogue| {
        let id = rogue_stream(rogue, 1 << 30);
        rogue.send(|writer| {
            writer.stream(id, 0, 1, false, |place| place.fill(0));
        });
    });
    demand(Misbehaviour::UnknownStream, |rogue| {
        let id = rogue_stream(rogue, 0) ^ 1;
        rogue.send(|writer| {
            writer.stream(id, 0, 1, false, |place| place.fill(0));
        });
    });
    demand(Misbehaviour::EndMoved, |rogue| {
        let id = rogue_stream(rogue, 0);
        rogue.send(|writer| {
            writer.stream(id, 10, 1, true, |place| place.fill(0));
            writer.stream(id, 20, 1, false, |place| place.fill(0));
        });
    });
    demand(Misbehaviour::IllegalHead, |rogue| {
        let id = rogue_stream(rogue, 0);
        rogue.send(|writer| {
            let head = b"\0\x08{\"a\":1.5";
            writer.stream(id, 0, head.len(), false, |place| {
                place.copy_from_slice(head);
            });
        });
    });
}

#[test]
fn hostile_frames_that_may_be_ignored_are_skipped_and_counted() {
    let mut rogue = Rogue::new(&Config::default());
    rogue.send_plain(&[0x40, 64, 3, 1, 2, 3, 0x40, 99, 0, 1]);
    assert_eq!(rogue.hear(), None);
    assert_eq!(rogue.switch.stats().frames_skipped, 2);
    assert_eq!(rogue.switch.status().lines, 1, "and the line goes on");
}

#[test]
fn hostile_head_over_its_limit_is_refused_before_it_is_kept() {
    demand(Misbehaviour::IllegalHead, |rogue| {
        let id = rogue_stream(rogue, 0);
        rogue.send(|writer| {
            writer.stream(id, 0, 2, false, |place| {
                place.copy_from_slice(&[0xff, 0xff]);
            });
        });
    });
}

#[test]
fn hostile_peer_that_never_reads_holds_no_more_than_the_windows() {
    let config = Config::default();
    let mut rogue = Rogue::new(&config);
    let mut opened = 0;
    'streams: for n in 0..64 {
        let id = rogue_stream(&mut rogue, n);
        for piece in 0..64 {
            rogue.send(|writer| {
                writer.stream(id, 2 + piece * 1000, 1000, false, |place| place.fill(0));
            });
            if let Some((code, _)) = rogue.hear() {
                assert_eq!(code, Misbehaviour::CreditExceeded.code());
                break 'streams;
            }
        }
        opened += 1;
        let held = rogue.switch.status().buffered_bytes;
        assert!(
            held <= 2 * config.stream.line_window_max_bytes,
            "{held} bytes after {opened}"
        );
    }
    assert!(opened < 64, "the line's credit was at its end");
}
