//! The backup link, and what its word is worth.

use super::{bench::*, *};
use crate::tree::cast::packet::{COUNT, HEAD, SHORT, Short};

fn config() -> Config {
    Config {
        digest_ms: 1_000,
        withheld_ms: 3_000,
        withheld_rest_ms: 60_000,
        ..Config::default()
    }
}

/// A digest of which the first so many come from below.
fn digest_of(below: u16, entries: &[(u8, u64, u64)]) -> Vec<u8> {
    let mut out = Vec::new();
    packet::write_head(packet::DIGEST, &mut out);
    out.extend_from_slice(&below.to_be_bytes());
    shorts(entries, out)
}

fn digest(entries: &[(u8, u64, u64)]) -> Vec<u8> {
    digest_of(0, entries)
}

fn lacked(entries: &[(u8, u64, u64)]) -> Vec<u8> {
    let mut out = Vec::new();
    packet::write_head(packet::LACKED, &mut out);
    shorts(entries, out)
}

fn shorts(entries: &[(u8, u64, u64)], mut out: Vec<u8>) -> Vec<u8> {
    for (number, epoch, next) in entries {
        Short::of(&node(*number).key, Position::new(*epoch, *next, 0)).write(&mut out);
    }
    out
}

/// Ada with the parent 2 and the backup 9.
fn ada() -> Cast {
    let mut ada = member(1, &config());
    link_to(&mut ada, ms(0), 2, 2);
    ada.set_above(2);
    ada.on_linked(ms(0), 9, node(9).key, true);
    ada
}

#[test]
fn cast_digests_are_short_and_rare_and_only_of_what_changed() {
    let mut ada = ada();
    assert!(!ada.has_output(9));
    for number in [5, 6, 5] {
        let sequence = if number == 6 {
            1
        } else {
            1 + u64::from(ada.log.head() > 1)
        };
        give(&mut ada, ms(10), 2, &message(number, sequence, 7, b"x")[0]).unwrap();
    }
    let first = poll(&mut ada, ms(10), 9);
    assert_eq!(first, digest(&[(5, 1_000, 3), (6, 1_000, 2)]));
    assert_eq!(first.len(), HEAD + COUNT + 2 * SHORT);
    give(&mut ada, ms(20), 2, &message(6, 2, 7, b"x")[0]).unwrap();
    assert!(!ada.has_output(9) && poll(&mut ada, ms(1_009), 9).is_empty());
    assert_eq!(ada.deadline(), Some(ms(1_010)));
    ada.on_deadline(ms(1_010));
    assert!(ada.has_output(9));
    assert_eq!(poll(&mut ada, ms(1_010), 9), digest(&[(6, 1_000, 3)]));
    assert!(poll(&mut ada, ms(5_000), 9).is_empty(), "nothing changed");
}

#[test]
fn cast_parent_that_withholds_is_left_once_the_backup_had_it_for_long() {
    let mut ada = ada();
    give(&mut ada, ms(0), 2, &message(5, 1, 7, b"1")[0]).unwrap();
    give(
        &mut ada,
        ms(100),
        9,
        &digest(&[(5, 1_000, 3), (6, 1_000, 2)]),
    )
    .unwrap();
    // One of both comes in time.
    give(&mut ada, ms(200), 2, &message(5, 2, 7, b"2")[0]).unwrap();
    assert!(!ada.withheld(ms(3_000)));
    assert_eq!(ada.deadline(), Some(ms(3_100)));
    ada.on_deadline(ms(3_100));
    assert!(ada.withheld(ms(3_100)) && !ada.withheld(ms(3_100)));
    // The next parent has it.
    ada.on_unlinked(2);
    link_to(&mut ada, ms(4_000), 3, 3);
    give(&mut ada, ms(5_000), 3, &message(6, 1, 7, b"1")[0]).unwrap();
    assert!(!ada.withheld(ms(20_000)));
    assert_eq!(ada.stats().doubted, 0);
    // So the backup is believed again, after a while.
    give(&mut ada, ms(20_000), 9, &digest(&[(6, 1_000, 9)])).unwrap();
    assert!(!ada.withheld(ms(50_000)), "not so soon");
    assert!(ada.withheld(ms(63_100)));
}

#[test]
fn cast_backup_that_lies_moves_us_once() {
    let mut ada = ada();
    let mut left = 0;
    for second in 0..600 {
        let now = ms(second * 1000);
        let lie = digest(&[(7, 5, second), (8, 1_000, 1 << 20)]);
        give(&mut ada, now, 9, &lie).unwrap();
        if ada.withheld(now) {
            left += 1;
            ada.on_unlinked(2);
            link_to(&mut ada, now, 2, 2);
        }
    }
    assert_eq!((left, ada.stats().doubted), (1, 1));
    // Another backup is heard again.
    ada.on_unlinked(9);
    ada.on_linked(ms(600_000), 9, node(10).key, true);
    give(&mut ada, ms(600_000), 9, &digest(&[(8, 1_000, 4)])).unwrap();
    assert!(ada.withheld(ms(604_000)));
}

#[test]
fn cast_two_backups_in_turn_move_us_once_in_a_while() {
    let mut ada = ada();
    let mut left = 0;
    for second in 0..120 {
        let now = ms(second * 1000);
        // A new backup every ten seconds, each a liar.
        if second % 10 == 0 {
            ada.on_unlinked(9);
            ada.on_linked(now, 9, node(9).key, true);
        }
        give(&mut ada, now, 9, &digest(&[(8, 1_000, 1 << 20)])).unwrap();
        left += u32::from(ada.withheld(now));
    }
    assert_eq!(left, 2, "once in each minute");
}

#[test]
fn cast_backup_carries_digests_and_digests_go_nowhere_else() {
    let mut ada = ada();
    let message = &message(5, 1, 7, b"1")[0];
    assert_eq!(give(&mut ada, ms(0), 9, message), Err(Fault::Misplaced));
    let have = have(packet::LAST, &[]);
    assert_eq!(give(&mut ada, ms(0), 9, &have), Err(Fault::Misplaced));
    assert_eq!(
        give(&mut ada, ms(0), 2, &digest(&[])),
        Err(Fault::Misplaced)
    );
    assert_eq!(give(&mut ada, ms(0), 9, &digest(&[])), Ok(()));
    let cut = &digest(&[(5, 1, 1)])[..10];
    assert_eq!(give(&mut ada, ms(0), 9, cut), Err(Fault::Malformed));
    // Digests without end are held like any flood, and take no room.
    let many: Vec<_> = (3..39).map(|it| (it, 1, 9)).collect();
    for _ in 0..300 {
        give(&mut ada, ms(0), 9, &digest(&many)).unwrap();
    }
    assert!(ada.is_held(ms(0), 9));
    assert!(ada.held_bytes() < 5_000);
}

#[test]
fn cast_parent_that_passes_nothing_up_is_left_once_the_backup_lacks_it() {
    let mut ada = ada();
    link_to(&mut ada, ms(0), 3, 3);
    // What a child brings is told as such, and so is what is our own.
    give(&mut ada, ms(10), 3, &message(5, 1, 7, b"1")[0]).unwrap();
    give(&mut ada, ms(10), 2, &message(6, 1, 7, b"1")[0]).unwrap();
    let said = poll(&mut ada, ms(10), 9);
    assert_eq!(said, digest_of(1, &[(5, 1_000, 2), (6, 1_000, 2)]));
    // That it lacks what our parent brought is no fault of our parent.
    give(&mut ada, ms(3_100), 9, &lacked(&[(6, 1_000, 2)])).unwrap();
    assert!(!ada.withheld(ms(3_100)));
    // Nor can it lack what we have not, or what is of another life.
    for beyond in [(5, 1_000, 3), (5, 999, 2), (7, 1_000, 1)] {
        give(&mut ada, ms(3_150), 9, &lacked(&[beyond])).unwrap();
        assert!(!ada.withheld(ms(3_150)), "{beyond:?}");
    }
    let many = [(5, 1_000, 2); 65];
    let told = give(&mut ada, ms(3_150), 9, &lacked(&many));
    assert_eq!(told, Err(Fault::Malformed));
    assert!(!ada.withheld(ms(3_150)));
    give(&mut ada, ms(3_200), 9, &lacked(&[(5, 1_000, 2)])).unwrap();
    assert!(ada.withheld(ms(3_200)) && !ada.withheld(ms(3_200)));
    // Its word moves us once.
    ada.on_unlinked(2);
    link_to(&mut ada, ms(4_000), 2, 2);
    ada.set_above(2);
    give(&mut ada, ms(100_000), 9, &lacked(&[(5, 1_000, 2)])).unwrap();
    assert!(!ada.withheld(ms(100_000)));
}

#[test]
fn cast_backup_is_told_what_we_lack_of_what_comes_from_below_it() {
    let mut ada = ada();
    let said = digest_of(1, &[(5, 1_000, 3), (6, 1_000, 2)]);
    give(&mut ada, ms(100), 9, &said).unwrap();
    give(&mut ada, ms(200), 2, &message(6, 1, 7, b"1")[0]).unwrap();
    // Of the other we were told by the parent, which the backup is told at the next time.
    assert_eq!(poll(&mut ada, ms(200), 9), digest(&[(6, 1_000, 2)]));
    assert!(!ada.has_output(9));
    assert_eq!(ada.deadline(), Some(ms(3_100)));
    ada.on_deadline(ms(3_100));
    assert!(ada.has_output(9) && !ada.withheld(ms(3_100)));
    assert_eq!(poll(&mut ada, ms(3_100), 9), lacked(&[(5, 1_000, 3)]));
    assert!(!ada.has_output(9), "once");
    // If the other end does nothing, our parent is left after a while longer.
    assert!(!ada.withheld(ms(12_000)));
    assert!(ada.withheld(ms(12_100)));
}
