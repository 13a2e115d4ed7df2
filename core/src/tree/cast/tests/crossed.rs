//! Neighbours that are honest and yet look as if they were not, and waits that others prolong.

use super::{bench::*, *};

/// Lets two talk until both have nothing to say.
fn talk(now: Time, one: &mut Cast, other: &mut Cast) {
    for turn in 0..20 {
        let (from, to) = if turn % 2 == 0 {
            (&mut *one, &mut *other)
        } else {
            (&mut *other, &mut *one)
        };
        let bytes = poll(from, now, number(to));
        if !bytes.is_empty() {
            assert_eq!(
                give(to, now, number(from), &bytes),
                Ok(()),
                "both are honest"
            );
        }
    }
}

#[test]
fn cast_origin_that_says_two_messages_under_one_number_makes_nobody_else_look_false() {
    let config = Config::default();
    let one = message(5, 1, 7, &[1; CHUNK + 10]);
    let two = message(5, 1, 7, &[2; CHUNK + 10]);
    let mut child = member(1, &config);
    let mut parent = member(2, &config);
    link_to(&mut child, ms(0), 5, 5);
    link_to(&mut parent, ms(0), 5, 5);
    give(&mut child, ms(1), 5, &two[0]).unwrap();
    give(&mut parent, ms(1), 5, &one[0]).unwrap();
    give(&mut parent, ms(1), 5, &one[1]).unwrap();
    child.on_unlinked(5);
    parent.on_unlinked(5);
    join(ms(10), &mut child, &mut parent);
    talk(ms(11), &mut child, &mut parent);
    assert_eq!(child.stats().stale, 1);
    // The next one comes, and the one that is lost is told of.
    link_to(&mut parent, ms(20), 6, 6);
    give(&mut parent, ms(20), 6, &message(5, 2, 8, b"next")[0]).unwrap();
    talk(ms(21), &mut child, &mut parent);
    assert_eq!(child.stats().skipped, 1);
}

#[test]
fn cast_neighbour_that_goes_on_with_another_message_than_it_began_is_false() {
    let one = message(5, 1, 7, &[1; CHUNK + 10]);
    let two = message(5, 1, 7, &[2; CHUNK + 10]);
    let mut ada = member(1, &Config::default());
    link_to(&mut ada, ms(0), 2, 2);
    give(&mut ada, ms(1), 2, &one[0]).unwrap();
    assert_eq!(give(&mut ada, ms(2), 2, &two[1]), Err(Fault::Changed));
    // One that was given both beginnings may not know better.
    let mut ada = member(1, &Config::default());
    link_to(&mut ada, ms(0), 2, 2);
    give(&mut ada, ms(1), 2, &one[0]).unwrap();
    give(&mut ada, ms(1), 2, &two[0]).unwrap();
    assert_eq!(give(&mut ada, ms(2), 2, &two[1]), Ok(()));
    assert_eq!(give(&mut ada, ms(3), 2, &one[1]), Ok(()));
    assert_eq!(ada.stats().messages, 1);
}

#[test]
fn cast_neighbour_whose_beginning_was_forgotten_with_its_origin_is_not_false() {
    let config = Config {
        origins_max: 3,
        clock_ms: 1_000_000,
        ..Config::default()
    };
    let mut ada = member(1, &config);
    link_to(&mut ada, ms(0), 2, 2);
    link_to(&mut ada, ms(0), 3, 3);
    give(&mut ada, ms(1), 2, &message(5, 1, 2_000, b"1")[0]).unwrap();
    let four = message(5, 4, 2_100, &[4; CHUNK + 10]);
    give(&mut ada, ms(2), 3, &four[0]).unwrap();
    assert!(ada.is_held(ms(2), 3));
    for n in 6..10 {
        give(&mut ada, ms(100), 2, &message(n, 1, 2_010, b"x")[0]).unwrap();
    }
    assert!(!ada.is_held(ms(101), 3));
    give(&mut ada, ms(102), 2, &message(5, 3, 2_090, b"3")[0]).unwrap();
    assert_eq!(give(&mut ada, ms(103), 3, &four[1]), Ok(()));
}

#[test]
fn cast_child_that_speaks_now_and_then_keeps_nobody_from_reading_the_parent() {
    let mut ada = member(1, &Config::default());
    link_to(&mut ada, ms(0), 2, 2);
    ada.set_above(2);
    link_to(&mut ada, ms(0), 5, 5);
    give(&mut ada, ms(0), 5, &message(5, 1, 7, b"1")[0]).unwrap();
    // Elsewhere in the tree it has said far later ones, which the honest parent forwards.
    let (mut held_ms, mut sequence, mut far) = (0, 1, 1_000);
    for now in (100..120_000).step_by(100) {
        while let Some(due) = ada.deadline().filter(|due| *due <= ms(now)) {
            ada.on_deadline(due);
            if ada.deadline() == Some(due) {
                break;
            }
        }
        if !ada.is_held(ms(now), 2) {
            far += 1_000;
            sequence = sequence.max(far - 1_000);
            give(&mut ada, ms(now), 2, &message(5, far, 7, b"far")[0]).unwrap();
        }
        if now % 900 == 0 {
            sequence += 1;
            give(&mut ada, ms(now), 5, &message(5, sequence, 7, b"drip")[0]).unwrap();
        }
        held_ms += u64::from(ada.is_held(ms(now), 2)) * 100;
    }
    assert!(held_ms <= 10_000, "{held_ms}");
}
