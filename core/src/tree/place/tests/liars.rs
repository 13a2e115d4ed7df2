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

fn take(generation: u32, depth: u16) -> Message<Letter> {
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
    colony.tell('z', 'a', take(u32::MAX, 0));
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
