//! Neighbours that lie, forge, repeat and never come to an end.

use std::vec;

use super::{bench::*, world::Dice, *};

fn config() -> Config {
    Config::default()
}

/// Ada, number 1, with a neighbour 2 on link 2 and a neighbour 3 on link 3.
fn ada() -> Cast {
    let mut ada = member(1, &config());
    link_to(&mut ada, ms(0), 2, 2);
    link_to(&mut ada, ms(0), 3, 3);
    ada
}

#[test]
fn cast_forged_origin_is_found_and_goes_no_further() {
    let mut ada = ada();
    let mut forged = message(5, 1, 7, b"mine");
    // The statement is of another than the signature.
    forged[0][3..35].copy_from_slice(node(6).key.as_bytes());
    assert_eq!(give(&mut ada, ms(1), 2, &forged[0]), Err(Fault::Forged));
    // Nor may it be of nobody.
    forged[0][3..35].copy_from_slice(&[0; 32]);
    assert_eq!(give(&mut ada, ms(1), 2, &forged[0]), Err(Fault::Forged));
    assert_eq!(ada.stats().fault(Fault::Forged), 2);
    assert_eq!(
        (read_all(&mut ada), poll(&mut ada, ms(1), 3)),
        (vec![], vec![])
    );
}

#[test]
fn cast_changed_bytes_are_found_wherever_they_stand() {
    let whole = message(5, 1, 7, &[9; CHUNK + 10]);
    for at in 3..whole[0].len() {
        if at > 400 && at % 997 != 0 {
            continue;
        }
        let mut ada = ada();
        let mut changed = whole[0].clone();
        changed[at] ^= 1;
        let done = give(&mut ada, ms(1), 2, &changed);
        let faults = [Fault::Forged, Fault::Changed, Fault::Malformed];
        assert!(faults.contains(&done.unwrap_err()), "byte {at}");
        assert!(poll(&mut ada, ms(1), 3).is_empty(), "byte {at}");
    }
    let mut ada = ada();
    give(&mut ada, ms(1), 2, &whole[0]).unwrap();
    let mut changed = whole[1].clone();
    *changed.last_mut().unwrap() ^= 1;
    assert_eq!(give(&mut ada, ms(1), 2, &changed), Err(Fault::Changed));
    changed.push(9);
    assert_eq!(give(&mut ada, ms(1), 2, &changed), Err(Fault::Changed));
    assert_eq!(read_all(&mut ada), []);
    // Somebody else has the right one.
    ada.on_unlinked(2);
    give(&mut ada, ms(1), 3, &whole[1]).unwrap();
    assert_eq!(read_all(&mut ada), [(5, 1, 1, true)]);
}

#[test]
fn cast_repeated_messages_are_told_once_and_checked_once() {
    let mut ada = ada();
    let packets = message(5, 1, 7, &[9; CHUNK + 10]);
    for link in [2, 3, 2] {
        for packet in &packets {
            give(&mut ada, ms(1), link, packet).unwrap();
        }
    }
    assert_eq!(read_all(&mut ada), [(5, 1, 1, true)]);
    let stats = ada.stats();
    assert_eq!(
        (stats.verified, stats.messages, stats.duplicates),
        (1, 1, 4)
    );
}

#[test]
fn cast_message_of_a_forgotten_origin_is_not_taken_for_new() {
    let config = Config {
        origins_max: 3,
        clock_ms: 10_000,
        ..config()
    };
    let mut ada = member(1, &config);
    link_to(&mut ada, ms(0), 2, 2);
    let wall = |at: u64| 1_000 + at;
    let old = message(5, 1, wall(1), b"old");
    give(&mut ada, ms(1), 2, &old[0]).unwrap();
    for number in 6..12 {
        let now = 100 * u64::from(number);
        // One of them says that it is in the far future.
        let said = if number == 7 { u64::MAX } else { wall(now) };
        let packet = message(number, 1, said, b"new");
        give(&mut ada, ms(now), 2, &packet[0]).unwrap();
    }
    assert!(ada.origins.rows().len() <= 3);
    assert!(ada.stats().forgotten >= 3);
    let told = read_all(&mut ada).len();
    give(&mut ada, ms(20_000), 2, &old[0]).unwrap();
    assert_eq!((read_all(&mut ada), ada.stats().stale), (vec![], 1));
    // It speaks again, and so does another: who was ahead of its time shut out nobody for long.
    for (number, sequence) in [(5, 2), (12, 1)] {
        let packet = message(number, sequence, wall(20_000), b"again");
        give(&mut ada, ms(20_000), 2, &packet[0]).unwrap();
    }
    assert_eq!(read_all(&mut ada), [(5, 2, 2, true), (12, 1, 1, true)]);
    assert_eq!(told, 7);
}

#[test]
fn cast_gap_is_not_believed_while_another_brings_what_is_missing() {
    let mut ada = ada();
    give(&mut ada, ms(0), 2, &message(5, 1, 7, b"1")[0]).unwrap();
    // Neighbour 3 has it from elsewhere, sooner, and leaves out a few.
    give(&mut ada, ms(10), 3, &message(5, 5, 7, b"5")[0]).unwrap();
    assert!(ada.is_held(ms(10), 3) && !ada.is_held(ms(10), 2));
    assert_eq!(read_all(&mut ada), [(5, 1, 1, true)]);
    let flood = give(&mut ada, ms(10), 3, &message(5, 6, 7, b"6")[0]);
    assert_eq!(flood, Err(Fault::Flood));
    for sequence in 2..5 {
        let packet = message(5, sequence, 7, b"2 to 4");
        give(&mut ada, ms(900), 2, &packet[0]).unwrap();
    }
    assert!(!ada.is_held(ms(900), 3));
    let told: Vec<_> = (2..6).map(|it| (5, it, it, true)).collect();
    assert_eq!((read_all(&mut ada), ada.stats().skipped), (told, 0));
}

#[test]
fn cast_gap_is_told_once_nobody_else_brings_what_is_missing() {
    let mut ada = ada();
    give(&mut ada, ms(0), 2, &message(5, 1, 7, b"1")[0]).unwrap();
    give(&mut ada, ms(10), 3, &message(5, 5, 7, b"5")[0]).unwrap();
    let due = ada.deadline().unwrap();
    assert!(due > ms(900) && due <= ms(1_010), "{due:?}");
    ada.on_deadline(due.plus_ms(70));
    assert!(!ada.is_held(due.plus_ms(70), 3));
    let told = [(5, 1, 1, true), (5, 2, 4, false), (5, 5, 5, true)];
    assert_eq!(
        (read_all(&mut ada), ada.stats().skipped),
        (told.to_vec(), 3)
    );
    // Who brought it last is believed at once; and so is anybody once that one is gone.
    give(&mut ada, ms(2_000), 3, &message(5, 7, 7, b"7")[0]).unwrap();
    ada.on_unlinked(3);
    give(&mut ada, ms(2_001), 2, &message(5, 9, 7, b"9")[0]).unwrap();
    let told = [(6, false), (7, true), (8, false), (9, true)];
    let told = told.map(|(it, came)| (5, it, it, came));
    assert_eq!(read_all(&mut ada), told);
    assert!(!ada.is_held(ms(2_001), 2));
}

#[test]
fn cast_positions_without_end_or_out_of_place_are_a_fault() {
    let mut ada = member(1, &config());
    ada.on_linked(ms(0), 2, node(2).key, false);
    let early = give(&mut ada, ms(0), 2, &message(5, 1, 7, b"1")[0]);
    assert_eq!(early, Err(Fault::Misplaced));
    let packet = have(0, &[(5, Position::new(1, 1, 0)); 300]);
    let mut packets = 0;
    while give(&mut ada, ms(0), 2, &packet) == Ok(()) {
        packets += 1;
    }
    assert!((100..1_000).contains(&packets), "{packets}");
    assert_eq!(ada.stats().fault(Fault::Have), 1);
    assert!(ada.held_bytes() < 2_000, "{}", ada.held_bytes());
    // Twice is once too often, and so is a whole table for one who is no newcomer.
    link_to(&mut ada, ms(0), 3, 3);
    for flags in [packet::LAST, 0, packet::FULL] {
        let again = give(&mut ada, ms(0), 3, &have(flags, &[]));
        assert_eq!(
            again,
            if flags == packet::FULL {
                Ok(())
            } else {
                Err(Fault::Have)
            }
        );
    }
    link_to(&mut ada, ms(0), 4, 4);
    let full = give(&mut ada, ms(0), 4, &have(packet::FULL, &[]));
    assert_eq!(full, Err(Fault::Have), "we are no newcomer any more");
}

#[test]
fn cast_positions_from_the_future_silence_nobody() {
    let mut ada = member(1, &config());
    link_to(&mut ada, ms(0), 2, 2);
    let lie = Position::new(u64::MAX, packet::SEQUENCE_MOST, 0);
    let flags = packet::FULL | packet::LAST;
    give(&mut ada, ms(0), 2, &have(flags, &[(5, lie), (1, lie)])).unwrap();
    // Somebody else brings the truth; we do not even tell the lie on as if it was proved.
    let mut eve = member(3, &config());
    link_to(&mut eve, ms(0), 4, 4);
    give(&mut eve, ms(0), 4, &message(5, 1, 7, b"1")[0]).unwrap();
    join(ms(1), &mut ada, &mut eve);
    let told = poll(&mut ada, ms(1), 3);
    assert_eq!(told.last(), Some(&packet::UNPROVED));
    give(&mut eve, ms(1), 1, &told).unwrap();
    pump(ms(1), &mut ada, &mut eve);
    assert_eq!(read_all(&mut ada), [(5, 1, 1, true)]);
    // Nor does it keep us from speaking.
    assert_eq!(say(&mut ada, ms(2), b"I"), Ok(1));
    pump(ms(2), &mut ada, &mut eve);
    assert_eq!(read_all(&mut eve), [(5, 1, 1, true), (1, 1, 1, true)]);
}

#[test]
fn cast_chunks_out_of_order_are_a_fault() {
    let packets = message(5, 1, 7, &[9; 3 * CHUNK]);
    let mut ada = ada();
    give(&mut ada, ms(0), 2, &packets[0]).unwrap();
    let beyond = give(&mut ada, ms(0), 2, &packets[2]);
    assert_eq!(beyond, Err(Fault::Beyond));
    let next = message(5, 2, 7, &[9; 2 * CHUNK]);
    assert_eq!(give(&mut ada, ms(0), 2, &next[1]), Err(Fault::Beyond));
    // Of an origin that nothing is known of, it may be the rest of something refused as old.
    let unknown = message(6, 1, 7, &[9; 2 * CHUNK]);
    assert_eq!(give(&mut ada, ms(0), 2, &unknown[1]), Ok(()));
    assert_eq!(ada.stats().stale, 1);
    assert_eq!(read_all(&mut ada), []);
}

#[test]
fn cast_own_messages_come_back_to_nobody() {
    let mut ada = ada();
    say(&mut ada, ms(0), b"mine").unwrap();
    let back = poll(&mut ada, ms(0), 2);
    give(&mut ada, ms(0), 3, &back).unwrap();
    // A copy of the key cannot go on in our name, but a later life can.
    give(&mut ada, ms(0), 3, &message(1, 9, 7, b"copy")[0]).unwrap();
    assert_eq!((read_all(&mut ada), ada.stats().duplicates), (vec![], 2));
    let later = message_of(1, Position::new(1_001, 1, 0), 7, b"later");
    give(&mut ada, ms(0), 3, &later[0]).unwrap();
    assert_eq!(read_all(&mut ada), [(1, 1, 1, true)]);
    let replaced = say(&mut ada, ms(1), b"still me");
    assert_eq!(replaced, Err(BroadcastError::Replaced));
}

#[test]
fn cast_later_life_ends_the_one_before() {
    let mut ada = ada();
    give(&mut ada, ms(0), 2, &message(5, 1, 7, b"1")[0]).unwrap();
    give(&mut ada, ms(0), 2, &message(5, 2, 7, &[9; 2 * CHUNK])[0]).unwrap();
    let later = message_of(5, Position::new(2_000, 1, 0), 9, b"again");
    give(&mut ada, ms(0), 3, &later[0]).unwrap();
    give(&mut ada, ms(0), 2, &message(5, 3, 7, b"3")[0]).unwrap();
    assert_eq!(read_all(&mut ada), [(5, 1, 1, true), (5, 1, 1, true)]);
    assert_eq!(ada.stats().duplicates, 1);
}

#[test]
fn cast_takes_any_bytes_without_harm() {
    let mut dice = Dice(5);
    let packets = message(5, 1, 7, &[9; CHUNK + 100]);
    for round in 0..3_000 {
        let mut ada = ada();
        ada.on_linked(ms(0), 4, node(4).key, true);
        for _ in 0..4 {
            let mut bytes = packets[dice.below(2) as usize].clone();
            let short = dice.below(bytes.len() as u64) as usize;
            if dice.one_in(2) {
                bytes.truncate(3 + short);
            }
            bytes.resize(bytes.len().max(3), 0);
            bytes[2] = dice.below(7) as u8;
            for _ in 0..dice.below(3) {
                let at = 3 + dice.below(bytes.len() as u64 - 3 + 1) as usize;
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = dice.below(256) as u8;
                }
            }
            let link = 2 + dice.below(3) as Slot;
            let _fault = give(&mut ada, ms(round), link, &bytes);
        }
        assert!(ada.held_bytes() < 200_000);
        while !poll(&mut ada, ms(round), 3).is_empty() {}
        read_all(&mut ada);
    }
}
