//! The life of a stream, told by its effects.

use super::*;

const HEAD: &str = r#"{"sock":"127.0.0.1:80"}"#;

/// Two ends and a stream that the first opened and the second knows of.
fn opened() -> (End, End, u64) {
    let (mut a, mut b) = ends(&Config::default());
    let id = a.streams.open(HEAD).unwrap();
    pump(&mut a, &mut b);
    assert_eq!(b.effects(), [Effect::Opened { id }]);
    (a, b, id)
}

fn write(end: &mut End, id: u64, data: &[u8]) {
    assert_eq!(end.streams.write(id, data), Ok(data.len()));
}

#[test]
fn stream_is_opened_answered_used_and_freed() {
    let (mut a, mut b, id) = opened();
    assert_eq!((id, b.streams.head(id)), (6, Some(HEAD)));
    assert_eq!(a.streams.head(id), None);
    b.streams.answer(id, r#"{"ok":true}"#).unwrap();
    write(&mut b, id, b"hello");
    pump(&mut a, &mut b);
    assert_eq!(
        a.effects(),
        [Effect::Answered { id }, Effect::Readable { id }]
    );
    assert_eq!(a.streams.head(id), Some(r#"{"ok":true}"#));
    assert_eq!(a.read(id, 3).unwrap(), b"hel");
    assert_eq!(a.read(id, 3).unwrap(), b"lo");
    assert_eq!(a.read(id, 3), Err(ReadError::Blocked));
    write(&mut a, id, b"bye");
    a.streams.finish(id).unwrap();
    assert!(!a.streams.is_settled());
    assert_eq!(a.streams.write(id, b"more"), Err(WriteError::Finished));
    b.streams.finish(id).unwrap();
    pump(&mut a, &mut b);
    assert!(a.streams.is_settled());
    assert_eq!(
        a.effects(),
        [Effect::Finished { id }, Effect::Readable { id }]
    );
    assert_eq!(
        b.effects(),
        [Effect::Readable { id }, Effect::Finished { id }]
    );
    assert_eq!(a.read(id, 9).unwrap(), b"");
    assert_eq!(
        (b.read(id, 9).unwrap(), b.read(id, 9).unwrap()),
        (b"bye".to_vec(), Vec::new())
    );
    assert!(a.streams.is_empty() && b.streams.is_empty());
    assert_eq!(a.read(id, 9), Err(ReadError::UnknownStream));
    assert_eq!(b.streams.write(id, b""), Err(WriteError::UnknownStream));
}

#[test]
fn stream_of_the_larger_hashname_is_odd() {
    let (mut a, mut b) = ends(&Config::default());
    assert_eq!(
        [b.streams.open("").unwrap(), b.streams.open("").unwrap()],
        [17, 19]
    );
    assert_eq!(b.streams.next_number(), 10);
    pump(&mut a, &mut b);
    assert_eq!(
        a.effects(),
        [Effect::Opened { id: 17 }, Effect::Opened { id: 19 }]
    );
    assert_eq!(a.streams.head(17), Some(""));
}

#[test]
fn stream_without_a_byte_begins_and_ends() {
    let (mut a, mut b) = ends(&Config::default());
    let id = a.streams.open("").unwrap();
    a.streams.finish(id).unwrap();
    assert_eq!(
        a.pack(100).plain,
        [4, 6, 0, 2, 0, 0],
        "the end goes with the head"
    );
    let (mut a, id) = (End::new(&Config::default(), true), id);
    a.streams.open("").unwrap();
    a.streams.finish(id).unwrap();
    pump(&mut a, &mut b);
    assert_eq!(
        b.effects(),
        [Effect::Opened { id }, Effect::Readable { id }]
    );
    assert_eq!(b.read(id, 9).unwrap(), b"");
    b.streams.finish(id).unwrap();
    pump(&mut a, &mut b);
    assert_eq!(
        a.effects(),
        [
            Effect::Finished { id },
            Effect::Answered { id },
            Effect::Readable { id }
        ]
    );
    assert_eq!(
        a.streams.head(id),
        Some(""),
        "who ends without an answer sends an empty head"
    );
    assert_eq!(a.read(id, 9).unwrap(), b"");
    assert!(a.streams.is_empty() && b.streams.is_empty());
}

#[test]
fn stream_end_goes_alone_where_the_bytes_have_gone() {
    let (mut a, mut b, id) = opened();
    write(&mut a, id, b"all");
    pump(&mut a, &mut b);
    assert_eq!(b.effects(), [Effect::Readable { id }]);
    assert_eq!(b.read(id, 9).unwrap(), b"all");
    assert_eq!(b.read(id, 9), Err(ReadError::Blocked));
    a.streams.finish(id).unwrap();
    let packet = a.pack(100);
    let top = 2 + HEAD.len() as u64 + 3;
    let frame = Frame::Stream {
        id,
        offset: top,
        data: b"",
        end: true,
    };
    assert_eq!(Frames::new(&packet.plain).next(), Some(Ok(frame)));
    assert!(!a.streams.has_output());
    a.lost(&packet);
    assert!(a.streams.has_output());
    pump(&mut a, &mut b);
    assert_eq!(b.effects(), [Effect::Readable { id }]);
    assert_eq!(a.effects(), [Effect::Finished { id }]);
}

#[test]
fn stream_answer_is_given_once_and_first() {
    let (mut a, mut b, id) = opened();
    assert_eq!(a.streams.answer(id, "{}"), Err(WriteError::IllegalHead));
    assert_eq!(b.streams.answer(id, "[]"), Err(WriteError::IllegalHead));
    write(&mut b, id, b"");
    b.streams.answer(id, "{}").unwrap();
    assert_eq!(b.streams.answer(id, "{}"), Err(WriteError::IllegalHead));
    let other = a.streams.open("").unwrap();
    pump(&mut a, &mut b);
    write(&mut b, other, b"x");
    assert_eq!(b.streams.answer(other, "{}"), Err(WriteError::IllegalHead));
    let long = std::format!(r#"{{"a":"{}"}}"#, "x".repeat(8192));
    assert_eq!(a.streams.open(&long), Err(OpenError::IllegalHead));
    assert_eq!(a.streams.open("no"), Err(OpenError::IllegalHead));
}

#[test]
fn stream_opens_with_a_higher_one_and_is_told_with_its_head() {
    let (mut a, mut b) = ends(&Config::default());
    for _ in 0..3 {
        a.streams.open("").unwrap();
    }
    b.bytes(10, 0, b"\0\0", false).unwrap();
    assert_eq!(b.effects(), [Effect::Opened { id: 10 }]);
    assert_eq!(b.streams.count(), 1, "those below cost nothing yet");
    b.bytes(6, 1, b"\0xyz", false).unwrap();
    assert_eq!(b.effects(), []);
    b.bytes(6, 0, b"\0", false).unwrap();
    assert_eq!(
        b.effects(),
        [Effect::Opened { id: 6 }, Effect::Readable { id: 6 }]
    );
    assert_eq!(b.read(6, 9).unwrap(), b"xyz");
    assert_eq!(b.streams.head(8), None);
    drop(a);
}

#[test]
fn stream_reset_drops_what_was_written_and_is_read_at_once() {
    let (mut a, mut b, id) = opened();
    write(&mut a, id, &[1; 3000]);
    pump(&mut a, &mut b);
    assert_eq!(b.effects(), [Effect::Readable { id }]);
    write(&mut a, id, &[2; 3000]);
    a.streams.reset(id, 77).unwrap();
    assert_eq!(a.streams.unacknowledged_bytes(), 0);
    assert_eq!(a.streams.reset(id, 78), Err(WriteError::Finished));
    assert_eq!(a.streams.write(id, b"x"), Err(WriteError::Finished));
    let packet = a.pack(1200);
    let size = 2 + HEAD.len() as u64 + 3000;
    assert_eq!(
        Frames::new(&packet.plain).next(),
        Some(Ok(Frame::Reset { id, code: 77, size }))
    );
    b.take(Time::ZERO, &packet.plain).unwrap();
    b.take(Time::ZERO, &packet.plain).unwrap();
    a.lost(&packet);
    assert!(!a.streams.is_settled());
    pump(&mut a, &mut b);
    assert!(a.streams.is_settled());
    assert_eq!(b.effects(), [Effect::Reset { id, code: 77 }]);
    assert_eq!(
        (b.read(id, 9), b.read(id, 9)),
        (Err(ReadError::Reset(77)), Err(ReadError::Reset(77)))
    );
    b.streams.finish(id).unwrap();
    pump(&mut a, &mut b);
    assert!(b.streams.is_empty());
    assert_eq!(a.read(id, 9).unwrap(), b"");
    assert!(a.streams.is_empty());
}

#[test]
fn stream_reset_behind_all_bytes_is_no_end_but_behind_the_end_it_is_nothing() {
    let (mut a, mut b, id) = opened();
    let size = 2 + HEAD.len() as u64;
    b.streams
        .on_reset(Time::ZERO, id, 5, size, &mut b.fx)
        .unwrap();
    assert_eq!(b.effects(), [Effect::Reset { id, code: 5 }]);
    let other = a.streams.open("").unwrap();
    write(&mut a, other, b"whole");
    a.streams.finish(other).unwrap();
    let packet = a.pack(1200);
    b.take(Time::ZERO, &packet.plain).unwrap();
    a.streams.reset(other, 6).unwrap();
    pump(&mut a, &mut b);
    assert_eq!(
        b.effects(),
        [Effect::Opened { id: other }, Effect::Readable { id: other }]
    );
    assert_eq!(b.read(other, 9).unwrap(), b"whole");
    assert_eq!(b.read(other, 9).unwrap(), b"");
}

#[test]
fn stream_stop_is_answered_by_a_reset() {
    let (mut a, mut b, id) = opened();
    write(&mut a, id, &[1; 3000]);
    b.streams.stop(Time::ZERO, id, 9, &mut b.fx).unwrap();
    assert_eq!(b.read(id, 9), Err(ReadError::UnknownStream));
    pump(&mut a, &mut b);
    assert_eq!(a.effects(), [Effect::Stopped { id, code: 9 }]);
    assert_eq!(a.streams.write(id, b"x"), Err(WriteError::Stopped(9)));
    assert_eq!(a.streams.finish(id), Err(WriteError::Stopped(9)));
    assert_eq!(b.effects(), []);
    b.streams.reset(id, 1).unwrap();
    pump(&mut a, &mut b);
    assert_eq!(a.effects(), [Effect::Reset { id, code: 1 }]);
    assert!(b.streams.is_empty());
    a.streams.stop(Time::ZERO, id, 0, &mut a.fx).unwrap();
    assert!(a.streams.is_empty() && !a.streams.has_output());
}

#[test]
fn stream_stop_before_the_head_is_told_behind_it() {
    let (mut a, mut b) = ends(&Config::default());
    let id = a.streams.open("{}").unwrap();
    write(&mut a, id, b"one way");
    a.streams.stop(Time::ZERO, id, 4, &mut a.fx).unwrap();
    b.streams.on_stop(id, 4, &mut b.fx).unwrap();
    assert_eq!(b.effects(), []);
    pump(&mut a, &mut b);
    assert_eq!(
        b.effects(),
        [
            Effect::Opened { id },
            Effect::Stopped { id, code: 4 },
            Effect::Readable { id }
        ]
    );
    assert_eq!(b.streams.write(id, b"x"), Err(WriteError::Stopped(4)));
    assert_eq!(b.read(id, 20).unwrap(), b"one way");
    a.streams.finish(id).unwrap();
    pump(&mut a, &mut b);
    assert_eq!(b.read(id, 20).unwrap(), b"");
    assert!(a.streams.is_empty() && b.streams.is_empty());
}

#[test]
fn stream_given_up_before_its_head_came_is_never_told() {
    let (mut a, mut b) = ends(&Config::default());
    let id = a.streams.open("{}").unwrap();
    a.streams.reset(id, 3).unwrap();
    pump(&mut a, &mut b);
    assert_eq!(b.effects(), []);
    assert!(b.streams.is_empty());
    assert_eq!(a.effects(), [Effect::Reset { id, code: 3 }]);
    assert_eq!(a.read(id, 1), Err(ReadError::Reset(3)));
    assert!(a.streams.is_empty());
}

#[test]
fn stream_frames_of_one_that_is_over_change_nothing() {
    let (mut a, mut b, id) = opened();
    a.streams.reset(id, 0).unwrap();
    b.streams.reset(id, 0).unwrap();
    pump(&mut a, &mut b);
    assert_eq!(
        (a.read(id, 1), b.read(id, 1)),
        (Err(ReadError::Reset(0)), Err(ReadError::Reset(0)))
    );
    assert!(a.streams.is_empty() && b.streams.is_empty());
    (a.effects(), b.effects());
    b.bytes(id, 0, &[9; 90], true).unwrap();
    b.streams.on_stop(id, 1, &mut b.fx).unwrap();
    b.streams
        .on_reset(Time::ZERO, id, 1, 999, &mut b.fx)
        .unwrap();
    b.streams.on_stream_credit(id, 1 << 40, &mut b.fx).unwrap();
    b.streams.on_lost(Carried::Bytes {
        id,
        offset: 0,
        len: 9,
        end: true,
    });
    b.streams.on_lost(Carried::Reset { id });
    b.streams.on_arrived(
        Carried::Bytes {
            id,
            offset: 0,
            len: 9,
            end: true,
        },
        &mut b.fx,
    );
    assert!(b.streams.is_empty() && b.effects().is_empty() && !b.streams.has_output());
}

#[test]
fn stream_writer_is_told_of_room_once() {
    let config = Config {
        head_max_bytes: 100,
        send_buffer_stream_max_bytes: 1000,
        send_buffer_line_max_bytes: 2000,
        ..Config::default()
    };
    let (mut a, mut b) = ends(&config);
    let ids = [
        a.streams.open("").unwrap(),
        a.streams.open("").unwrap(),
        a.streams.open("").unwrap(),
    ];
    assert_eq!(a.streams.write(ids[0], &[0; 2000]), Ok(998));
    assert_eq!(
        a.streams.write(ids[0], &[0; 2000]),
        Err(WriteError::Blocked)
    );
    assert_eq!(a.streams.write(ids[1], &[0; 2000]), Ok(996));
    assert_eq!(
        a.streams.write(ids[2], &[0; 2000]),
        Err(WriteError::Blocked)
    );
    assert_eq!(a.streams.open(""), Err(OpenError::Blocked));
    assert_eq!(a.effects(), []);
    assert_eq!(a.streams.unacknowledged_bytes(), 2000);
    pump(&mut a, &mut b);
    assert_eq!(a.streams.unacknowledged_bytes(), 0);
    let told = a.effects();
    for effect in [
        Effect::Writable { id: ids[0] },
        Effect::Writable { id: ids[2] },
        Effect::MayOpen,
    ] {
        assert_eq!(
            told.iter().filter(|at| **at == effect).count(),
            1,
            "{effect:?}"
        );
    }
    assert_eq!(told.len(), 3);
}

#[test]
fn stream_turns_keep_a_small_one_from_waiting_behind_bulk() {
    let (mut a, _) = ends(&Config {
        turn_bytes: 2000,
        ..Config::default()
    });
    let bulk = a.streams.open("").unwrap();
    write(&mut a, bulk, &[1; 60_000]);
    a.pack(1000);
    let small = a.streams.open("").unwrap();
    write(&mut a, small, b"quick");
    let others = |packet: &Packet| {
        packet
            .carried
            .iter()
            .any(|c| matches!(c, Carried::Bytes { id, .. } if *id == small))
    };
    assert!((0..3).any(|_| others(&a.pack(1000))));
    let lost = Carried::Bytes {
        id: bulk,
        offset: 0,
        len: 900,
        end: false,
    };
    a.streams.on_lost(lost);
    assert_eq!(
        a.pack(1000).carried[0],
        lost,
        "what was lost goes before what is new"
    );
}

#[test]
fn stream_bytes_wait_for_credit_and_are_no_output_meanwhile() {
    let (mut a, mut b) = ends(&Config::default());
    let id = a.streams.open("").unwrap();
    write(&mut a, id, &[1; 100_000]);
    let mut packets = Vec::new();
    while a.streams.has_output() {
        packets.push(a.pack(1200));
    }
    let sent: u64 = packets
        .iter()
        .flat_map(|p| &p.carried)
        .map(|c| match c {
            Carried::Bytes { len, .. } => u64::from(*len),
            other => panic!("{other:?}"),
        })
        .sum();
    assert_eq!(sent, STREAM_CREDIT_FIRST_BYTES);
    let more = (2..=4)
        .map(|_| a.streams.open("").unwrap())
        .collect::<Vec<_>>();
    for id in more {
        write(&mut a, id, &[1; 100_000]);
    }
    let mut line = sent;
    while a.streams.has_output() {
        line += a
            .pack(1200)
            .carried
            .iter()
            .map(|c| {
                if let Carried::Bytes { len, .. } = c {
                    u64::from(*len)
                } else {
                    0
                }
            })
            .sum::<u64>();
    }
    assert_eq!(line, LINE_CREDIT_FIRST_BYTES);
    a.streams.on_stream_credit(id, 80_000, &mut a.fx).unwrap();
    assert!(!a.streams.has_output(), "the line allows none of it");
    a.streams.on_line_credit(LINE_CREDIT_FIRST_BYTES + 10);
    assert!(a.streams.has_output());
    assert_eq!(
        a.pack(1200).carried,
        [Carried::Bytes {
            id,
            offset: sent,
            len: 10,
            end: false
        }]
    );
    for packet in &packets {
        b.take(Time::ZERO, &packet.plain).unwrap();
    }
    assert!(!b.streams.has_output(), "no credit before anything is read");
    b.read(id, 40_000).unwrap();
    let carried = b.pack(1200).carried;
    assert_eq!(carried, [Carried::LineCredit, Carried::StreamCredit { id }]);
}

#[test]
fn stream_frames_in_flight_are_limited() {
    let (mut a, _) = ends(&Config {
        frames_in_flight_max: 3,
        ..Config::default()
    });
    let id = a.streams.open("").unwrap();
    write(&mut a, id, &[1; 10_000]);
    let packets: Vec<_> = (0..3).map(|_| a.pack(500)).collect();
    assert!(!a.streams.has_output());
    a.lost(&packets[1]);
    assert!(a.streams.has_output());
    a.arrived(&packets[0]);
    assert_eq!(a.pack(500).carried, packets[1].carried);
}

#[test]
fn stream_probe_sends_the_oldest_again() {
    let (mut a, mut b, id) = opened();
    write(&mut a, id, &[7; 500]);
    a.streams.finish(id).unwrap();
    let packet = a.pack(1200);
    let (mut plain, mut carried) = (vec![0; 1200], Vec::new());
    let mut writer = Writer::new(&mut plain);
    a.streams
        .fill_again(&mut writer, &mut carried, &packet.carried);
    let len = writer.len();
    assert_eq!(
        (&plain[..len], &carried),
        (&packet.plain[..], &packet.carried)
    );
    b.take(Time::ZERO, &plain[..len]).unwrap();
    a.arrived(&packet);
    assert_eq!(a.effects(), [Effect::Finished { id }]);
    let (mut plain, mut again) = (vec![0; 1200], Vec::new());
    a.streams
        .fill_again(&mut Writer::new(&mut plain), &mut again, &packet.carried);
    assert_eq!(again, [], "what arrived is not sent again");
    a.arrived(&Packet {
        plain: Vec::new(),
        carried,
    });
    assert_eq!(a.effects(), []);
}

#[test]
fn stream_probe_repeats_credit_resets_and_stops() {
    let (mut a, _, id) = opened();
    a.streams.reset(id, 1).unwrap();
    a.streams.stop(Time::ZERO, id, 2, &mut a.fx).unwrap();
    let packet = a.pack(1200);
    assert_eq!(
        packet.carried,
        [Carried::Reset { id }, Carried::Stop { id }]
    );
    let oldest = [
        Carried::Reset { id },
        Carried::Stop { id },
        Carried::LineCredit,
        Carried::StreamsCredit,
        Carried::StreamCredit { id },
    ];
    let (mut plain, mut carried) = (vec![0; 1200], Vec::new());
    a.streams
        .fill_again(&mut Writer::new(&mut plain), &mut carried, &oldest);
    assert_eq!(
        carried,
        oldest[..4],
        "credit for what is not read is pointless"
    );
    assert!(!a.streams.has_output());
}

#[test]
fn stream_outlives_its_line_until_it_is_read() {
    let (mut a, mut b) = ends(&Config::default());
    let [whole, part, gap, empty, reset] = [(); 5].map(|()| a.streams.open("{}").unwrap());
    for id in [whole, part, gap] {
        write(&mut a, id, b"bytes");
    }
    a.streams.finish(whole).unwrap();
    pump(&mut a, &mut b);
    b.bytes(gap, 12, b"beyond", false).unwrap();
    b.streams
        .on_reset(Time::ZERO, reset, 8, 4, &mut b.fx)
        .unwrap();
    assert_eq!(b.read(part, 9).unwrap(), b"bytes");
    assert_eq!(b.read(part, 9), Err(ReadError::Blocked));
    b.bytes(part, 9, b"more", false).unwrap();
    assert_eq!(b.read(empty, 9), Err(ReadError::Blocked));
    b.streams.write(empty, b"never").unwrap();
    b.bytes(empty + 20, 1, b"\0", false).unwrap();
    b.effects();
    b.streams.on_down(&mut b.fx);
    assert_eq!(b.effects(), [Effect::Readable { id: empty }]);
    assert!(!b.streams.has_output() && b.streams.is_settled());
    assert_eq!(b.streams.count(), 5, "one that was never told is gone");
    assert_eq!(b.streams.write(whole, b"x"), Err(WriteError::LineDown));
    assert_eq!(b.streams.reset(whole, 0), Err(WriteError::LineDown));
    assert_eq!(b.streams.open("{}"), Err(OpenError::LineDown));
    assert_eq!(b.read(whole, 9).unwrap(), b"bytes");
    assert_eq!(b.read(whole, 9).unwrap(), b"");
    assert_eq!(b.read(whole, 9), Err(ReadError::UnknownStream));
    assert_eq!(b.read(part, 9).unwrap(), b"more");
    assert_eq!(b.read(part, 9), Err(ReadError::LineDown));
    assert_eq!(b.read(gap, 9).unwrap(), b"bytes");
    assert_eq!(b.read(gap, 9), Err(ReadError::LineDown));
    assert_eq!(b.read(reset, 9), Err(ReadError::Reset(8)));
    b.streams.forget(empty);
    assert!(b.streams.is_empty());
    assert_eq!(b.streams.buffered_bytes(), 0);
    a.streams.write(part, b"late").unwrap();
    let packet = a.pack(1200);
    b.take(Time::ZERO, &packet.plain).unwrap();
    b.arrived(&Packet {
        plain: Vec::new(),
        carried: vec![Carried::LineCredit],
    });
    assert!(b.streams.is_empty() && b.effects().is_empty());
}

#[test]
fn stream_writer_that_waits_is_told_of_the_end_of_the_line() {
    let config = Config {
        head_max_bytes: 98,
        send_buffer_stream_max_bytes: 100,
        ..Config::default()
    };
    let (mut a, _) = ends(&config);
    let id = a.streams.open("").unwrap();
    a.streams.write(id, &[0; 200]).unwrap();
    assert_eq!(a.streams.write(id, b"x"), Err(WriteError::Blocked));
    a.streams.on_down(&mut a.fx);
    assert_eq!(
        a.effects(),
        [Effect::Writable { id }, Effect::Readable { id }]
    );
    a.streams.stop(Time::ZERO, id, 0, &mut a.fx).unwrap();
    assert!(a.streams.is_empty());
}
