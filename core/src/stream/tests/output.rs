//! What goes out, when, and in which order.

use super::*;

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

// S2.93, S2.94
#[test]
fn stream_bytes_wait_for_credit_and_are_no_output_meanwhile() {
    let (mut a, mut b) = ends(&Config::default());
    let id = a.streams.open("").unwrap();
    write(&mut a, id, &[1; 100_000]);
    let mut packets = Vec::new();
    while a.streams.has_output() {
        packets.push(a.pack(1200));
    }
    let sent: u64 = packets.iter().map(bytes_in).sum();
    assert_eq!(sent, STREAM_CREDIT_FIRST_BYTES);
    let more = (2..=4)
        .map(|_| a.streams.open("").unwrap())
        .collect::<Vec<_>>();
    for id in more {
        write(&mut a, id, &[1; 100_000]);
    }
    let mut line = sent;
    while a.streams.has_output() {
        line += bytes_in(&a.pack(1200));
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
    let packet = b.pack(1200);
    assert!(!b.streams.has_output());
    b.lost(&packet);
    let carried = b.pack(1200).carried;
    assert_eq!(carried, packet.carried);
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
fn stream_pieces_that_arrived_join_whatever_their_order() {
    let (mut a, _) = ends(&Config::default());
    let id = a.streams.open("").unwrap();
    write(&mut a, id, &[1; 98]);
    a.streams.finish(id).unwrap();
    a.pack(200);
    // One piece within the last, and one behind it.
    for (offset, len, end) in [
        (10, 20, false),
        (80, 20, true),
        (40, 20, false),
        (0, 80, false),
    ] {
        assert_eq!(a.effects(), []);
        let piece = Carried::Bytes {
            id,
            offset,
            len,
            end,
        };
        a.streams.on_arrived(piece, &mut a.fx);
    }
    assert_eq!(a.effects(), [Effect::Finished { id }]);
    assert!(a.streams.is_settled());
}

#[test]
fn stream_writer_whose_own_bytes_arrived_waits_for_the_room_of_the_line() {
    let config = Config {
        head_max_bytes: 100,
        send_buffer_stream_max_bytes: 1000,
        send_buffer_line_max_bytes: 2000,
        ..Config::default()
    };
    let (mut a, mut b) = ends(&config);
    let ids: Vec<_> = (0..24).map(|_| a.streams.open("").unwrap()).collect();
    pump(&mut a, &mut b);
    b.effects();
    assert_eq!(b.streams.write(ids[0], &[0; 2000]), Ok(998));
    let more = b.streams.write(ids[0], &[0; 2000]);
    assert_eq!(more, Err(WriteError::Blocked), "the stream has no room");
    let first = b.pack(1200);
    // Answers always find room, so that there is none left in the line.
    let head = alloc::format!("{{\"a\":\"{}\"}}", "x".repeat(80));
    for id in &ids[1..] {
        assert_eq!(b.streams.answer(*id, &head), Ok(()));
    }
    b.arrived(&first);
    assert_eq!(b.effects(), [], "still there is none");
    pump(&mut b, &mut a);
    let told = b.effects();
    assert_eq!(told, [Effect::Writable { id: ids[0] }]);
}
