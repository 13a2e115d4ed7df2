//! Neighbours and readers that are slow, origins that are fast, and long messages among short ones.

use std::vec;

use super::{bench::*, *};

#[test]
fn cast_link_that_takes_nothing_slows_nobody_and_gets_exact_gaps() {
    let config = Config {
        ring_bytes: 30_000,
        ..Config::default()
    };
    let mut ada = member(1, &config);
    for (link, number) in [(2, 2), (3, 3), (4, 4)] {
        link_to(&mut ada, ms(0), link, number);
    }
    for sequence in 1..=300 {
        let packet = &message(5, sequence, 7, &[9; 500])[0];
        give(&mut ada, ms(sequence), 2, packet).unwrap();
        assert_eq!(
            poll(&mut ada, ms(sequence), 3),
            *packet,
            "at once and unchanged"
        );
        assert!(ada.ring_bytes() <= 30_000);
        assert!(ada.held_bytes() < 40_000, "{}", ada.held_bytes());
    }
    // What is left goes on in order; the number of the first tells what is missing.
    let mut bob = member(4, &config);
    link_to(&mut bob, ms(0), 1, 1);
    give(&mut bob, ms(0), 1, &message(5, 1, 7, &[9; 500])[0]).unwrap();
    let mut told = read_all(&mut bob);
    loop {
        let packet = poll(&mut ada, ms(301), 4);
        if packet.is_empty() {
            break;
        }
        give(&mut bob, ms(301), 1, &packet).unwrap();
    }
    told.extend(read_all(&mut bob));
    assert_eq!(told[..2], [(5, 1, 1, true), (5, 2, told[1].2, false)]);
    assert_eq!(told.last(), Some(&(5, 300, 300, true)));
    assert!(told.len() > 30, "{}", told.len());
    // So it is with an application that does not read.
    let read = read_all(&mut ada);
    assert_eq!(read[0], (5, 1, read[0].2, false));
    assert_eq!(read.len() as u64, 1 + 300 - read[0].2);
    assert_eq!(ada.stats().missed, read[0].2);
}

#[test]
fn cast_link_is_sent_no_rest_of_a_message_that_it_lost_the_beginning_of() {
    let config = Config {
        ring_bytes: 60_000,
        ..Config::default()
    };
    let (mut ada, mut bob) = (member(1, &config), member(4, &config));
    link_to(&mut ada, ms(0), 2, 2);
    join(ms(0), &mut ada, &mut bob);
    pump(ms(0), &mut ada, &mut bob);
    for sequence in 1..=3 {
        for packet in message(5, sequence, 7, &[9; 2 * CHUNK]) {
            give(&mut ada, ms(1), 2, &packet).unwrap();
        }
    }
    pump(ms(2), &mut ada, &mut bob);
    assert_eq!(read_all(&mut bob), [(5, 1, 2, false), (5, 3, 3, true)]);
    assert_eq!(read_all(&mut ada), [(5, 1, 2, false), (5, 3, 3, true)]);
}

#[test]
fn cast_ring_forgets_by_age() {
    let config = Config {
        ring_ms: 1_000,
        ..Config::default()
    };
    let mut ada = member(1, &config);
    link_to(&mut ada, ms(0), 2, 2);
    for sequence in 1..=3 {
        give(&mut ada, ms(10), 2, &message(5, sequence, 7, b"x")[0]).unwrap();
    }
    let due = ada.deadline().unwrap();
    assert!(due >= ms(1_010) && due <= ms(1_100));
    ada.on_deadline(due);
    assert_eq!((ada.ring_bytes(), ada.deadline()), (0, None));
    assert_eq!(read_all(&mut ada), [(5, 1, 3, false)]);
}

#[test]
fn cast_long_message_does_not_hold_up_a_short_one_of_another() {
    let (mut ada, mut bob) = (member(1, &Config::default()), member(2, &Config::default()));
    join(ms(0), &mut ada, &mut bob);
    link_to(&mut ada, ms(0), 3, 3);
    pump(ms(0), &mut ada, &mut bob);
    let long: Vec<u8> = (0..MESSAGE_MOST).map(|it| it as u8).collect();
    say(&mut ada, ms(1), &long).unwrap();
    let mut packets = 0;
    let mut short_at = None;
    let mut buf = vec![0; MESSAGE_MOST];
    loop {
        let bytes = poll(&mut ada, ms(1), 2);
        if bytes.is_empty() {
            break;
        }
        packets += 1;
        assert!(bytes.len() <= PACKET_MOST);
        give(&mut bob, ms(1), 1, &bytes).unwrap();
        if packets == 10 {
            give(&mut ada, ms(1), 3, &message(5, 1, 7, b"short")[0]).unwrap();
        }
        if short_at.is_none() && bob.read(&mut buf).is_ok() {
            short_at = Some(packets);
        }
    }
    assert_eq!((packets, short_at), (65, Some(11)));
    let message = bob.read(&mut buf[..9]);
    assert_eq!(message, Err(ReadError::TooSmall { need: MESSAGE_MOST }));
    assert!(matches!(
        bob.read(&mut buf),
        Ok(Told::Message {
            len: MESSAGE_MOST,
            ..
        })
    ));
    assert_eq!(buf, long);
    // Who got it all from there has none of it twice.
    assert_eq!((ada.stats().duplicates, bob.stats().duplicates), (0, 0));
}

#[test]
fn cast_long_message_waits_for_nobody_for_ever() {
    let config = Config {
        outbox_ms: 500,
        outbox_bytes: 100_000,
        ..Config::default()
    };
    let mut ada = member(1, &config);
    link_to(&mut ada, ms(0), 2, 2);
    say(&mut ada, ms(1), &[1; 120_000]).unwrap();
    assert_eq!((ada.ring_bytes(), ada.deadline()), (0, Some(ms(501))));
    assert_eq!(say(&mut ada, ms(2), b"x"), Err(BroadcastError::Blocked));
    assert!(!ada.take_writable());
    ada.on_deadline(ms(501));
    assert!(ada.ring_bytes() > 120_000);
    assert!(ada.take_writable() && !ada.take_writable());
    assert_eq!(say(&mut ada, ms(502), b"x"), Ok(2));
    // Without neighbours it waits not at all.
    ada.on_unlinked(2);
    say(&mut ada, ms(503), &[1; 120_000]).unwrap();
    assert!(ada.ring_bytes() > 240_000);
}

#[test]
fn cast_messages_have_a_longest() {
    let config = Config {
        message_bytes_max: 10,
        ..Config::default()
    };
    let mut ada = member(1, &config);
    let long = say(&mut ada, ms(0), &[0; 11]);
    assert_eq!(long, Err(BroadcastError::TooLarge { most: 10 }));
    assert_eq!(say(&mut ada, ms(0), &[0; 10]), Ok(1));
    assert_eq!(say(&mut ada, ms(0), &[]), Ok(2));
}

#[test]
fn cast_flood_of_a_neighbour_is_held_and_paced() {
    let config = Config {
        origin_messages_per_s: 10,
        origin_bytes_per_s: 100_000,
        ..Config::default()
    };
    let mut ada = member(1, &config);
    link_to(&mut ada, ms(0), 2, 2);
    link_to(&mut ada, ms(0), 3, 3);
    let mut taken: u64 = 0;
    let mut now = 0;
    while now < 10_000 {
        if ada.is_held(ms(now), 2) {
            let due = ada.deadline().unwrap();
            assert!(due > ms(now));
            now = due.as_us().div_ceil(1000);
            ada.on_deadline(due);
            continue;
        }
        taken += 1;
        give(&mut ada, ms(now), 2, &message(2, taken, 7, b"me")[0]).unwrap();
        assert!(!ada.is_held(ms(now), 3), "nobody else is");
    }
    // Ten seconds at ten a second, two seconds to burst, and the one that went beyond.
    assert!((118..=122).contains(&taken), "{taken}");
    // What it passes on for others is none of that.
    for sequence in 1..=200 {
        give(
            &mut ada,
            ms(60_000),
            2,
            &message(5, sequence, 7, b"other")[0],
        )
        .unwrap();
    }
    assert!(!ada.is_held(ms(60_000), 2));
    // Bytes count as well.
    give(
        &mut ada,
        ms(60_000),
        2,
        &message(2, taken + 1, 7, &[0; CHUNK])[0],
    )
    .unwrap();
    for packet in message(2, taken + 2, 7, &vec![0; 20 * CHUNK]) {
        give(&mut ada, ms(60_000), 2, &packet).unwrap();
    }
    assert!(ada.is_held(ms(61_000), 2));
}

#[test]
fn cast_own_messages_are_paced_below_what_neighbours_take() {
    let config = Config {
        origin_messages_per_s: 10,
        ..Config::default()
    };
    let (mut ada, mut bob) = (member(1, &config), member(2, &config));
    join(ms(0), &mut ada, &mut bob);
    pump(ms(0), &mut ada, &mut bob);
    let mut said = 0;
    for now in 0..5_000 {
        if ada.deadline().is_some_and(|due| due <= ms(now)) {
            ada.on_deadline(ms(now));
        }
        if (now == 0 || ada.take_writable()) && said < 1_000 {
            while say(&mut ada, ms(now), b"x").is_ok() {
                said += 1;
            }
        }
        pump(ms(now), &mut ada, &mut bob);
        assert!(!bob.is_held(ms(now), 1), "{now}");
    }
    assert!((59..=61).contains(&said), "{said}");
    assert_eq!(read_all(&mut bob).len(), said);
}

#[test]
fn cast_reading_and_writing_are_edges() {
    let mut ada = member(1, &Config::default());
    link_to(&mut ada, ms(0), 2, 2);
    assert!(!ada.take_readable());
    let packets = message(5, 1, 7, &[9; CHUNK + 1]);
    give(&mut ada, ms(0), 2, &packets[0]).unwrap();
    assert!(!ada.take_readable(), "it is not whole");
    give(&mut ada, ms(0), 2, &packets[1]).unwrap();
    assert!(ada.take_readable() && !ada.take_readable());
    give(&mut ada, ms(0), 2, &message(5, 2, 7, b"2")[0]).unwrap();
    assert!(!ada.take_readable(), "nobody said that there was nothing");
    assert_eq!(read_all(&mut ada).len(), 2);
    give(&mut ada, ms(0), 2, &message(5, 3, 7, b"3")[0]).unwrap();
    assert!(ada.take_readable());
}
