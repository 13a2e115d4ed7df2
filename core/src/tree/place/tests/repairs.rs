//! Holes and who fills them.

use std::{collections::BTreeSet, vec};

use super::{super::*, colony::*};

fn moved(colony: &Colony, names: &str) {
    assert_eq!(colony.moved, names.chars().collect::<BTreeSet<char>>());
}

/// S0.5: the example of the first seed.
#[test]
fn tree_plug_the_first_example_is_exact() {
    // S0.5: a(b(d,e) c(f,g)) loses a and becomes d(b(-,e) c(f,g)).
    let mut colony = Colony::seven();
    assert_eq!(colony.place('a').plug(), Some(Letter('d')));
    colony.kill('a');
    colony.settle();
    assert_eq!(colony.draw(), "d(b(e) c(f g))");
    moved(&colony, "bcd");
    assert!(colony.places.values().all(Place::is_attached));
    // The same when c notices first: d waits for the word of an ancestor of its own.
    let mut colony = Colony::seven();
    colony.places.remove(&Letter('a'));
    colony.call('c', |place, eye, fx| place.on_lost(Letter('a'), eye, fx));
    colony.run();
    assert_eq!(colony.place('d').parent(), Some(Letter('b')));
    colony.call('b', |place, eye, fx| place.on_lost(Letter('a'), eye, fx));
    colony.run();
    assert_eq!(colony.draw(), "d(b(e) c(f g))");
}

#[test]
fn tree_plug_a_polite_departure_is_repaired_likewise() {
    let mut colony = Colony::seven();
    colony.call('a', |place, _, fx| place.leave(fx));
    colony.run();
    colony.places.remove(&Letter('a'));
    assert_eq!(colony.draw(), "d(b(e) c(f g))");
    let mut colony = Colony::seven();
    colony.call('c', |place, _, fx| place.leave(fx));
    colony.run();
    colony.places.remove(&Letter('c'));
    assert_eq!(colony.draw(), "a(b(d e) f(g))");
}

#[test]
fn tree_plug_an_inner_hole_is_filled_from_below() {
    let mut colony = Colony::grown("a ab ac bd be cf cg fh");
    assert_eq!(colony.draw(), "a(b(d e) c(f(h) g))");
    colony.kill('c');
    colony.settle();
    assert_eq!(colony.draw(), "a(b(d e) h(f g))");
    moved(&colony, "fgh");
}

#[test]
fn tree_plug_is_the_deepest_then_who_stayed_longest_then_the_smaller() {
    let mut colony = Colony::grown("a ab ac bd be ch hi");
    assert_eq!(colony.place('a').plug(), Some(Letter('i')));
    assert_eq!(colony.place('b').plug(), Some(Letter('d')));
    for _ in 0..2 {
        colony.call('e', |place, eye, fx| place.raise(eye, fx));
    }
    colony.settle();
    assert_eq!(colony.place('b').plug(), Some(Letter('e')));
    let leaf = Settings {
        leaf: true,
        ..Settings::default()
    };
    let mut colony = Colony::grown("a ab");
    colony.start('z', leaf);
    colony.join('z', 'b');
    colony.settle();
    assert_eq!(colony.place('b').plug(), None);
}

#[test]
fn tree_plug_two_repairs_of_one_hole_end_in_one() {
    let mut colony = Colony::seven();
    colony.places.remove(&Letter('b'));
    colony.call('a', |place, eye, fx| place.on_lost(Letter('b'), eye, fx));
    colony.queue.clear();
    for heir in ['d', 'e'] {
        let ask = colony
            .place(heir)
            .ask(Purpose::Heir, u16::MAX, Some(Letter('b')));
        colony.tell(heir, 'a', ask);
    }
    assert!(matches!(colony.sent('a', 'd')[..], [Message::Take(_)]));
    let to = vec![Letter('d')];
    assert_eq!(colony.sent('a', 'e'), vec![Message::Go { to }]);
}

#[test]
fn tree_plug_nobody_takes_the_place_of_one_that_lives() {
    let mut colony = Colony::seven();
    // e has lost b, which lives.
    colony.call('e', |place, eye, fx| place.on_lost(Letter('b'), eye, fx));
    colony.run();
    assert_eq!(colony.counted, [(Letter('a'), Fault::Hole)]);
    for _ in 0..6 {
        colony.fire(Timer::Ask);
        colony.fire(Timer::Raise);
    }
    colony.settle();
    assert_eq!(colony.place('d').parent(), Some(Letter('b')));
    assert_eq!(
        colony
            .places
            .values()
            .filter(|place| place.is_root())
            .count(),
        1
    );
    assert!(colony.places.values().all(Place::is_attached));
    // One that is silent may be dead, and then it is.
    let mut colony = Colony::seven();
    colony.eye.silent.insert(Letter('b'));
    colony.places.remove(&Letter('b'));
    colony.call('d', |place, eye, fx| place.on_lost(Letter('b'), eye, fx));
    colony.call('e', |place, eye, fx| place.on_lost(Letter('b'), eye, fx));
    colony.run();
    assert_eq!(colony.draw(), "a(c(f g) d(e))");
}

#[test]
fn tree_plug_any_number_may_die_at_once() {
    let mut colony = Colony::seven();
    for name in ['a', 'b', 'd'] {
        colony.places.remove(&Letter(name));
        colony.armed.retain(|(who, _)| who.0 != name);
    }
    colony.eye.contacts = "abcdefg".chars().map(Letter).collect();
    for (who, lost) in [('c', 'a'), ('e', 'b')] {
        colony.call(who, |place, eye, fx| place.on_lost(Letter(lost), eye, fx));
    }
    colony.run();
    for _ in 0..6 {
        colony.fire_all();
    }
    colony.settle();
    let roots = colony.places.values().filter(|place| place.is_root());
    assert_eq!(roots.count(), 1, "{}", colony.draw());
    assert!(colony.places.values().all(Place::is_attached));
}
