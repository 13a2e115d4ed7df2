//! Whom one asks that looks for a place, in which order, and for how long an answer counts.

use std::vec;

use super::{super::*, colony::*};

fn take(depth: u16, size: u32, path: &str) -> Message<Letter> {
    Message::Take(Take {
        reign: Reign {
            generation: 1,
            root: Some(Letter('r')),
            sequence: 0,
        },
        depth,
        path: path.chars().map(Letter).collect(),
        adrift: false,
        size,
        hole: None,
    })
}

/// One that stands below z, which stands at this depth.
fn below_z(depth: u16, size: u32, path: &str) -> Colony {
    let mut colony = Colony::new();
    colony.start('h', Settings::default());
    colony.call('h', |place, eye, fx| place.join(&[Letter('z')], eye, fx));
    colony.tell('z', 'h', take(depth, size, path));
    assert_eq!(colony.place('h').parent(), Some(Letter('z')));
    colony.queue.clear();
    colony
}

#[test]
fn tree_place_an_orphan_asks_no_ancestor_far_above_while_there_are_others() {
    let mut colony = below_z(4, 9, "wvur");
    colony.eye.contacts = "rcuw".chars().map(Letter).collect();
    colony.call('h', |place, eye, fx| place.on_lost(Letter('z'), eye, fx));
    let asked = |colony: &Colony| {
        let all = colony.queue.iter().map(|(_, to, _)| to.0);
        all.collect::<alloc::string::String>()
    };
    // Those near to it may be asked: few know them.
    assert_eq!(asked(&colony), "wvc");
    for _ in 0..4 {
        colony.fire_quietly(Timer::Ask);
    }
    assert!(asked(&colony).contains('r'), "{}", asked(&colony));
}

#[test]
fn tree_place_an_answer_may_take_longer_than_the_next_question() {
    let late = |rounds: usize| {
        let mut colony = Colony::new();
        colony.start('h', Settings::default());
        colony.call('h', |place, eye, fx| place.join(&[Letter('z')], eye, fx));
        for _ in 0..rounds {
            colony.fire_quietly(Timer::Ask);
        }
        colony.tell('z', 'h', take(0, 9, ""));
        colony.place('h').parent()
    };
    assert_eq!(late(3), Some(Letter('z')));
    // But not for ever.
    assert_eq!(late(4), None);
}

#[test]
fn tree_balance_who_stands_far_too_deep_is_content_with_little() {
    // Of 100 the lowest need stand at 6, and may at 7.
    for (depth, asks) in [(20, true), (6, false)] {
        let mut colony = below_z(depth, 100, "r");
        let state = State {
            reign: colony.place('h').reign(),
            depth,
            path: None,
            adrift: false,
            moving: false,
            plug: None,
            rest: vec![Open {
                node: Letter('q'),
                depth: 6,
                held: false,
            }],
            size: 100,
        };
        colony.tell('z', 'h', Message::State(state));
        colony.call('h', |place, eye, fx| place.on_beat(eye, fx));
        let sent = colony.sent('h', 'q');
        let most = sent.iter().find_map(|message| {
            let Message::Ask(ask) = message else {
                return None;
            };
            Some(ask.most)
        });
        assert_eq!(most, asks.then_some(6), "{depth}");
    }
}
