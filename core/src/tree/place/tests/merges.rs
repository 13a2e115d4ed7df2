//! Trees that meet, and members that stand too deep.

use super::{super::*, colony::*};

/// a(b c) and x(y), of which one has the higher reign.
fn two(higher: char) -> Colony {
    let mut colony = Colony::grown("a ab ac x xy");
    for _ in 0..3 {
        colony.call(higher, |place, eye, fx| {
            let _reign = place.standing.raise(
                place.me,
                Reign {
                    generation: place.reign().generation + 1,
                    ..place.reign()
                },
            );
            place.raise(eye, fx);
        });
        colony.run();
    }
    colony.settle();
    colony.moved.clear();
    colony
}

#[test]
fn tree_merge_the_smaller_root_joins_whoever_asked_and_whoever_reigns() {
    for higher in ['a', 'x'] {
        for (asker, contact) in [('a', 'x'), ('x', 'a'), ('b', 'y'), ('y', 'c')] {
            let mut colony = two(higher);
            colony.join(asker, contact);
            for _ in 0..6 {
                colony.fire(Timer::Raise);
                colony.fire(Timer::Ask);
                colony.fire(Timer::Probe);
            }
            colony.settle();
            let text = colony.draw();
            assert!(
                text == "a(b(x(y)) c)" || text == "a(b c(x(y)))",
                "{higher} {asker} {text}"
            );
            // Nobody moves but the smaller root.
            assert_eq!(colony.moved.iter().collect::<std::string::String>(), "x");
        }
    }
}

#[test]
fn tree_balance_who_stands_too_deep_moves_up_with_all_below() {
    // Two trees of seven merge: one of them now stands below a leaf of the other.
    let mut colony = Colony::grown("a ab ac bd be cf cg h hi hj ik il jm jn");
    colony.join('h', 'a');
    let deepest = |colony: &Colony| colony.places.values().map(Place::depth).max();
    assert_eq!(deepest(&colony), Some(5));
    for _ in 0..20 {
        colony.call('a', |place, eye, fx| place.raise(eye, fx));
        colony.settle();
        colony.fire(Timer::Ask);
    }
    assert!(deepest(&colony) <= Some(4), "{}", colony.draw());
    // And then nobody moves any more.
    colony.moved.clear();
    for _ in 0..5 {
        colony.settle();
    }
    assert!(colony.moved.is_empty());
}
