//! What others say that cannot be.

use std::vec;

use super::{super::*, colony::*};

fn below(size: u32, height: u16) -> Below<Letter> {
    Below {
        size,
        height,
        leaf: false,
        plug: None,
        open: Vec::new(),
    }
}

fn take(generation: u64, depth: u16) -> Message<Letter> {
    Message::Take(Take {
        reign: Reign {
            generation,
            root: Some(Letter('z')),
            sequence: 0,
        },
        depth,
        path: vec![Letter('z'); 200],
        adrift: false,
        size: 9,
        hole: None,
    })
}

#[test]
fn tree_liars_offers_that_nobody_asked_for_are_declined() {
    let mut colony = Colony::seven();
    colony.tell('z', 'd', take(9, 0));
    assert_eq!(colony.place('d').parent(), Some(Letter('b')));
    assert_eq!(colony.sent('d', 'z'), vec![Message::Decline]);
}

#[test]
fn tree_liars_offers_against_the_rule_are_counted() {
    let mut colony = Colony::grown("a");
    colony.call('a', |place, eye, fx| place.join(&[Letter('z')], eye, fx));
    colony.tell('z', 'a', take(u64::MAX, 0));
    assert_eq!(colony.counted, [(Letter('a'), Fault::Offer)]);
    assert!(colony.place('a').is_root());
}

#[test]
fn tree_liars_lists_are_cut() {
    let mut colony = Colony::grown("a");
    colony.call('a', |place, eye, fx| place.join(&[Letter('z')], eye, fx));
    colony.tell('z', 'a', take(1, 0));
    assert_eq!(colony.place('a').parent(), Some(Letter('z')));
    assert_eq!(colony.place('a').path().len(), PATH_MOST);
    let to: Vec<Letter> = ('A'..='z').map(Letter).collect();
    let mut colony = Colony::grown("a");
    colony.call('a', |place, eye, fx| place.join(&[Letter('z')], eye, fx));
    colony.queue.clear();
    colony.tell('z', 'a', Message::Go { to });
    let leads = colony.place('a').search.as_ref().unwrap().leads.len();
    assert!(leads < GO_MOST);
}

#[test]
fn tree_liars_sizes_beyond_all_bounds_are_cut_and_counted() {
    let mut colony = Colony::seven();
    colony.tell('d', 'b', Message::Up(below(u32::MAX, u16::MAX)));
    assert_eq!(colony.counted, [(Letter('b'), Fault::Bounds)]);
    colony.settle();
    assert!(colony.place('a').size() < 1 << 25);
}

#[test]
fn tree_liars_a_parent_cannot_be_a_child() {
    let mut colony = Colony::seven();
    for liar in ['b', 'a'] {
        colony.tell(liar, 'd', Message::Attach(below(1, 0)));
    }
    assert_eq!(colony.counted, [(Letter('d'), Fault::Ancestor); 2]);
    assert_eq!(colony.place('d').children().count(), 0);
}

#[test]
fn tree_liars_redirects_in_circles_end() {
    let mut colony = Colony::grown("a");
    colony.call('a', |place, eye, fx| {
        place.join(&[Letter('y'), Letter('z')], eye, fx);
    });
    for _ in 0..100 {
        let to = vec![Letter('y'), Letter('z')];
        colony.tell('y', 'a', Message::Go { to: to.clone() });
        colony.tell('z', 'a', Message::Go { to });
    }
    assert!(colony.queue.len() <= 2, "{:?}", colony.queue);
    assert!(colony.armed.contains(&(Letter('a'), Timer::Probe)));
}

#[test]
fn tree_liars_a_parent_that_tells_nothing_is_left() {
    let mut colony = Colony::seven();
    for _ in 0..3 {
        colony.call('d', |place, eye, fx| place.raise(eye, fx));
        assert_eq!(colony.place('d').parent(), Some(Letter('b')));
    }
    colony.call('d', |place, eye, fx| place.raise(eye, fx));
    assert_eq!(colony.place('d').parent(), None);
    assert_eq!(colony.counted, [(Letter('d'), Fault::Stale)]);
}

#[test]
fn tree_liars_words_of_who_is_no_parent_and_no_child_are_answered_and_ignored() {
    let mut colony = Colony::seven();
    let reign = colony.place('a').reign();
    let state = State {
        reign,
        depth: 0,
        path: None,
        adrift: false,
        moving: false,
        plug: None,
        rest: Vec::new(),
        size: 1,
    };
    let before = colony.place('d').clone();
    colony.tell('z', 'd', Message::State(state));
    colony.tell('z', 'd', Message::Up(below(5, 5)));
    colony.tell('z', 'd', Message::Raise { above: reign });
    colony.tell('z', 'd', Message::Meet { node: Letter('y') });
    colony.tell('z', 'd', Message::Later);
    assert_eq!(*colony.place('d'), before);
    let part = Message::Part { to: Vec::new() };
    assert_eq!(colony.sent('d', 'z'), vec![part.clone(), part]);
}

/// How often the root's reign changed while `d` asked for a higher one so often, and the root's
/// timer ran out after each.
fn raised(colony: &mut Colony, times: u64) -> usize {
    let mut reigns = 0;
    for _ in 0..times {
        let before = colony.place('a').reign();
        let above = Reign {
            generation: before.generation + 5,
            ..before
        };
        colony.tell('d', 'b', Message::Raise { above });
        colony.run();
        colony.fire(Timer::Raise);
        reigns += usize::from(colony.place('a').reign() > before);
    }
    reigns
}

#[test]
fn tree_liars_get_few_new_reigns_and_the_others_theirs() {
    let mut colony = Colony::seven();
    assert_eq!(raised(&mut colony, 100), 8);
    // The others get theirs.
    colony.beat();
    let before = colony.place('a').reign();
    colony.tell('e', 'b', Message::Raise { above: before });
    colony.run();
    assert!(colony.place('a').reign() > before);
    colony.fire(Timer::Raise);
    colony.beat();
    assert_eq!(raised(&mut colony, 100), 1);
}

#[test]
fn tree_liars_that_ask_a_root_for_new_reigns_wait_longer_and_longer() {
    let mut colony = Colony::seven();
    let mut waits = Vec::new();
    for _ in 0..20 {
        let reign = Reign {
            generation: colony.place('a').reign().generation + 5,
            ..colony.place('a').reign()
        };
        let ask = Ask {
            r#as: Purpose::Orphan,
            reign,
            least: 0,
            size: 1,
            height: 0,
            leaf: false,
            most: u16::MAX,
            hole: None,
        };
        colony.tell('z', 'a', Message::Ask(ask));
        waits.push(colony.waits[&(Letter('a'), Timer::Raise)]);
        colony.fire(Timer::Raise);
    }
    assert_eq!((waits[0], waits[19]), (100, 1_000));
    assert!(waits.is_sorted());
}

#[test]
fn tree_liars_that_drag_a_branch_away_are_caught_up_with() {
    let mut colony = Colony::grown("a ab ac bd be cf cg dh di");
    let far = |colony: &Colony, leaps: u64| {
        let reign = colony.place('a').reign();
        State {
            reign: Reign {
                generation: reign.generation + leaps * rule::LEAP,
                ..reign
            },
            depth: 1,
            path: None,
            adrift: false,
            moving: false,
            plug: None,
            rest: Vec::new(),
            size: 7,
        }
    };
    // Far beyond, then as far as may be: d goes along, its neighbours do not know of it.
    for leaps in [3, 2, 1] {
        let state = far(&colony, leaps);
        colony.tell('b', 'd', Message::State(state));
    }
    let mut dragged = colony.place('d').reign().generation;
    assert!(dragged > rule::LEAP / 2);
    for name in "abcdefghi".chars() {
        colony.call(name, |place, eye, fx| place.raise(eye, fx));
    }
    let state = far(&colony, 2);
    colony.queue.clear();
    colony.tell('b', 'd', Message::State(state));
    assert!(colony.place('d').reign().generation > dragged);
    dragged = colony.place('d').reign().generation;
    colony.eye.contacts = "acfg".chars().map(Letter).collect();
    colony.kill('b');
    for _ in 0..16 {
        for name in "acdefghi".chars() {
            colony.call(name, |place, eye, fx| place.raise(eye, fx));
        }
        colony.fire_all();
        colony.settle();
    }
    let roots = colony.places.values().filter(|place| place.is_root());
    assert_eq!(roots.count(), 1, "{}", colony.draw());
    assert!(colony.place('a').reign().generation > dragged);
}

#[test]
fn tree_liars_that_tell_a_newcomer_the_last_generation_keep_it_for_no_longer_than_they_hold_it() {
    let mut colony = Colony::seven();
    let before = colony.place('a').reign();
    colony.start('h', Settings::default());
    colony.call('h', |place, eye, fx| place.join(&[Letter('z')], eye, fx));
    colony.tell('z', 'h', take(rule::GENERATION_MOST, 0));
    assert_eq!(colony.place('h').parent(), Some(Letter('z')));
    // Nobody in the tree follows it there, whoever asks whom.
    colony.call('f', |place, eye, fx| place.join(&[Letter('h')], eye, fx));
    colony.run();
    colony.eye.contacts = "fg".chars().map(Letter).collect();
    colony.call('h', |place, eye, fx| place.on_lost(Letter('z'), eye, fx));
    colony.run();
    for _ in 0..4 {
        colony.fire(Timer::Found);
        colony.fire(Timer::Probe);
        colony.settle();
    }
    assert!(colony.place('h').parent().is_some(), "{}", colony.draw());
    assert_eq!(colony.place('h').reign(), colony.place('a').reign());
    assert!(colony.place('a').reign().generation <= before.generation + 1);
}

#[test]
fn tree_liars_that_ask_for_generations_all_the_time_keep_no_two_trees_apart() {
    let mut colony = Colony::grown("a ab ac bd be p pq pr");
    let lie = |colony: &mut Colony| {
        let reign = colony.place('a').reign();
        let generation = reign.generation + 9 * rule::LEAP;
        let above = Reign {
            generation,
            ..reign
        };
        colony.tell('d', 'b', Message::Raise { above });
        colony.run();
    };
    let round = |colony: &mut Colony| {
        lie(colony);
        for name in "abcdepqr".chars() {
            colony.call(name, |place, eye, fx| place.raise(eye, fx));
        }
        colony.run();
        colony.fire_all();
        colony.settle();
    };
    // Both have risen before, as after any repair.
    for name in "ap".chars() {
        let above = Reign {
            root: Some(Letter('z')),
            ..colony.place(name).reign()
        };
        colony.call(name, |place, _, fx| place.raise_above(above, fx));
    }
    colony.settle();
    for _ in 0..6 {
        round(&mut colony);
    }
    let apart = colony.place('a').reign().generation - colony.place('p').reign().generation;
    assert!(apart > 2 * rule::LEAP, "{apart}");
    colony.eye.contacts = "abcdepqr".chars().map(Letter).collect();
    for _ in 0..20 {
        round(&mut colony);
    }
    assert_eq!(colony.place('p').reign(), colony.place('a').reign());
}
