//! Joining, wherever one comes.

use std::{string::ToString, vec};

use super::{super::*, colony::*};

#[test]
fn tree_place_one_that_stands_alone_founds_and_takes() {
    let colony = Colony::grown("a ab");
    assert_eq!(colony.draw(), "a(b)");
    let reign = colony.place('b').reign();
    assert_eq!((reign.generation, reign.root), (1, Some(Letter('a'))));
    assert_eq!(
        (colony.place('b').depth(), colony.place('b').size()),
        (1, 2)
    );
}

/// S0.2: whoever has a slot gives it.
#[test]
fn tree_place_a_free_slot_is_given_by_root_inner_and_leaf() {
    assert_eq!(Colony::grown("a ab ac").draw(), "a(b c)");
    assert_eq!(Colony::grown("a ab ac bd be").draw(), "a(b(d e) c)");
    assert_eq!(Colony::seven().draw(), "a(b(d e) c(f g))");
}

/// S0.3: a full one names others.
#[test]
fn tree_place_a_full_member_names_the_shallowest_open_slots() {
    let mut colony = Colony::grown("a ab ac bd be");
    colony.start('x', Settings::default());
    // S0.3, S0.4: the root is full, and c has the shallowest slot.
    colony.join('x', 'a');
    assert_eq!(colony.draw(), "a(b(d e) c(x))");
    let mut colony = Colony::seven();
    for (name, contact) in [('h', 'a'), ('i', 'b'), ('j', 'c')] {
        colony.start(name, Settings::default());
        colony.join(name, contact);
        assert_eq!(colony.place(name).depth(), 3);
    }
}

#[test]
fn tree_place_a_slot_that_the_sight_knows_is_named_first() {
    let mut colony = Colony::seven();
    colony.eye.slot = Some(Letter('g'));
    colony.start('x', Settings::default());
    colony.join('x', 'a');
    assert_eq!(colony.place('x').parent(), Some(Letter('g')));
}

#[test]
fn tree_place_two_that_join_each_other_become_one_tree() {
    let mut colony = Colony::new();
    for (name, other) in [('a', 'b'), ('b', 'a')] {
        colony.start(name, Settings::default());
        colony.call(name, |place, eye, fx| {
            place.join(&[Letter(other)], eye, fx);
        });
    }
    colony.run();
    colony.settle();
    let text = colony.draw();
    assert!(text == "a(b)" || text == "b(a)", "{text}");
}

#[test]
fn tree_place_a_slot_is_promised_to_one_only() {
    let mut colony = Colony::grown("a ab");
    for name in ['x', 'y'] {
        colony.start(name, Settings::default());
        let ask = colony.place(name).ask(Purpose::Root, u16::MAX, None);
        colony.tell(name, 'a', ask);
    }
    assert!(matches!(colony.sent('a', 'x')[..], [Message::Take(_)]));
    let go = vec![Message::Go {
        to: vec![Letter('b')],
    }];
    assert_eq!(colony.sent('a', 'y'), go);
    // What is not taken is free again, but not at once.
    colony.queue.clear();
    assert_eq!(colony.place('a').free(), 0);
    colony.fire(Timer::Age);
    assert_eq!(colony.place('a').free(), 0);
    colony.fire(Timer::Age);
    assert_eq!(colony.place('a').free(), 1);
}

#[test]
fn tree_place_every_arity_is_filled() {
    for arity in 2..=8 {
        let settings = Settings {
            arity,
            ..Settings::default()
        };
        let mut colony = Colony::new();
        for (at, name) in ('A'..='Z').enumerate() {
            colony.start(name, settings);
            if at > 0 {
                colony.join(name, 'A');
                colony.settle();
            }
        }
        let deepest = colony.places.values().map(Place::depth).max();
        let most = summary::optimum(26, arity);
        assert!(deepest <= Some(most + 1), "{arity}: {}", colony.draw());
        let roots = colony.places.values().filter(|place| place.is_root());
        assert_eq!(roots.count(), 1);
        let fullest = colony.places.values().map(|place| place.children().count());
        assert!(fullest.max() <= Some(usize::from(arity)));
    }
    assert_eq!(summary::optimum(1, 2), 0);
    assert_eq!((summary::optimum(7, 2), summary::optimum(8, 2)), (2, 3));
    assert_eq!(
        Settings {
            arity: 1,
            ..Settings::default()
        }
        .legal()
        .arity,
        2
    );
}

#[test]
fn tree_place_one_that_takes_no_children_gives_way() {
    let leaf = Settings {
        leaf: true,
        ..Settings::default()
    };
    let mut colony = Colony::new();
    colony.start('a', Settings::default());
    for name in ['b', 'c'] {
        colony.start(name, leaf);
        colony.join(name, 'a');
    }
    colony.settle();
    assert_eq!(colony.draw(), "a(b c)");
    colony.start('x', Settings::default());
    colony.join('x', 'a');
    for _ in 0..4 {
        colony.fire(Timer::Raise);
        colony.fire(Timer::Ask);
    }
    colony.settle();
    assert_eq!(colony.draw(), "a(c x(b))");
    // And nobody stands below one, be it the only one there is.
    let mut colony = Colony::new();
    colony.start('a', leaf);
    colony.start('b', Settings::default());
    colony.join('b', 'a');
    assert_eq!(colony.draw(), "b(a)");
}

#[test]
fn tree_place_the_settings_go_through_serde() {
    let settings = Settings {
        arity: 3,
        leaf: true,
        offer_ms: 1,
        ask_ms: 2,
        again_ms: 3,
        heir_ms: 4,
        plug_ms: 5,
        found_ms: 6,
        depth_ms: 7,
        settle_ms: 8,
        tell_ms: 9,
        raise_ms: 10,
    };
    let text = serde_json::to_string(&settings).unwrap();
    assert!(text.contains("\"raise_ms\":10"), "{text}");
    assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), settings);
    assert_eq!(Settings::default().arity.to_string(), "2");
}
