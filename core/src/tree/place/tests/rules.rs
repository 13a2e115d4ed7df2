//! The rule by itself, each of its clauses.

use super::{
    super::{
        Id as _, Open, Reign,
        rule::{Followed, GENERATION_MOST, LEAP, Standing},
    },
    colony::Letter,
};

fn reign(generation: u64, sequence: u32) -> Reign<Letter> {
    Reign {
        generation,
        root: Some(Letter('r')),
        sequence,
    }
}

#[test]
fn tree_rule_a_parent_is_newer_or_nearer() {
    let mut standing = Standing::new(Letter('a'));
    assert!(standing.is_root());
    // A root has depth 0: nobody of its own reign is nearer.
    assert!(!standing.allows(standing.reign(), 0));
    assert!(standing.take_parent(Letter('p'), reign(1, 1), 4));
    assert_eq!(
        (standing.depth(), standing.parent()),
        (5, Some(Letter('p')))
    );
    // At the same reign only a parent above the least depth.
    assert!(!standing.allows(reign(1, 1), 5));
    assert!(!standing.allows(reign(1, 1), 6));
    assert!(standing.allows(reign(1, 1), 4));
    assert!(standing.allows(reign(1, 2), 100));
    assert!(!standing.allows(reign(1, 0), 0));
    assert!(!standing.allows(reign(0, 9), 0));
    // The refused one changes nothing.
    assert!(!standing.take_parent(Letter('q'), reign(1, 1), 5));
    assert_eq!(
        (standing.depth(), standing.parent()),
        (5, Some(Letter('p')))
    );
}

#[test]
fn tree_rule_the_least_depth_is_kept_without_a_parent() {
    let mut standing = Standing::new(Letter('a'));
    assert!(standing.take_parent(Letter('p'), reign(1, 1), 4));
    standing.lose_parent();
    assert!(standing.is_adrift() && !standing.is_root());
    assert!(!standing.allows(reign(1, 1), 5));
    assert!(standing.take_parent(Letter('q'), reign(1, 1), 2));
    assert_eq!(standing.depth(), 3);
    standing.lose_parent();
    // Where it stood before does not count, but the least that it ever had.
    assert!(!standing.allows(reign(1, 1), 4));
    assert!(!standing.allows(reign(1, 1), 3));
}

#[test]
fn tree_rule_a_parents_depth_never_rises_within_a_reign() {
    let mut standing = Standing::new(Letter('a'));
    assert!(standing.take_parent(Letter('p'), reign(1, 1), 4));
    let parent = Letter('p');
    assert_eq!(standing.follow(parent, reign(1, 1), 4), Followed::Same);
    assert_eq!(standing.follow(parent, reign(1, 1), 5), Followed::Refused);
    assert_eq!(standing.follow(parent, reign(1, 0), 1), Followed::Older);
    assert_eq!(
        standing.follow(Letter('q'), reign(9, 9), 1),
        Followed::Older
    );
    assert_eq!(standing.follow(parent, reign(1, 1), 2), Followed::Changed);
    assert_eq!(standing.follow(parent, reign(1, 2), 9), Followed::Changed);
    assert_eq!((standing.reign(), standing.depth()), (reign(1, 2), 10));
}

#[test]
fn tree_rule_a_reign_rises_only() {
    let me = Letter('a');
    let mut standing = Standing::new(me);
    assert!(standing.take_parent(Letter('p'), reign(3, 7), 4));
    assert!(!standing.raise(me, reign(9, 9)));
    assert!(standing.found(me, 0));
    assert_eq!((standing.reign().generation, standing.depth()), (4, 0));
    let first = standing.reign();
    assert!(!standing.raise(me, reign(3, 7)));
    assert!(standing.raise(me, first));
    assert_eq!(standing.reign().sequence, 1);
    // Sequences that are used up, and another's reign, cost a generation.
    let last = Reign {
        sequence: u32::MAX,
        ..first
    };
    assert!(standing.raise(me, last));
    assert_eq!(
        (standing.reign().generation, standing.reign().sequence),
        (5, 0)
    );
    assert!(standing.raise(me, reign(5, 0)));
    assert_eq!(standing.reign().generation, 6);
}

#[test]
fn tree_rule_nobody_leaps_out_of_reach() {
    let mut standing = Standing::new(Letter('a'));
    assert!(!standing.take_parent(Letter('p'), reign(GENERATION_MOST + 1, 0), 0));
    assert!(!standing.take_parent(Letter('p'), reign(1, 0), u16::MAX));
    assert!(standing.take_parent(Letter('p'), reign(1, 0), 0));
    assert!(!standing.allows(reign(LEAP + 2, 0), 0));
    assert!(standing.allows(reign(LEAP + 1, 0), 0));
    assert!(!Letter('a').replaces(&Letter('b')));
}

#[test]
fn tree_rule_generations_rise_by_so_many_in_a_time_and_last_for_a_thousand_years() {
    let (me, liar) = (Letter('a'), Letter('p'));
    let mut below = Standing::new(me);
    assert!(below.take_parent(liar, reign(1, 0), 0));
    let mut root = Standing::new(me);
    assert!(root.found(me, 0));
    for _ in 0..3 {
        root.tick();
        below.tick();
        let (old, generation) = (root.reign(), below.reign().generation);
        // As far as it may at once, however far away the other is, and no further by any words.
        assert!(root.raise(me, reign(generation + 9 * LEAP, 0)));
        assert!(!root.raise(me, reign(generation + 9 * LEAP, 0)));
        assert_eq!(root.reign().generation, old.generation + LEAP / 2);
        // On its own account it may go twice as far.
        assert!(root.climb(me, reign(generation + 9 * LEAP, 0)));
        assert!(!root.climb(me, reign(generation + 9 * LEAP, 0)));
        assert_eq!(root.reign().generation, old.generation + LEAP);
        for step in 1..9 {
            let _ = below.follow(liar, reign(generation + step * LEAP, 0), 0);
        }
        assert_eq!(below.reign().generation, generation + LEAP);
        // Within what is left the sequence rises all the same.
        assert!(root.raise(me, root.reign()));
    }
    let years = GENERATION_MOST / LEAP * 10 / (365 * 86_400);
    assert!(years > 1_000, "{years}");
    // A number of JSON may be read as a floating one.
    const { assert!(GENERATION_MOST + 1 < 1 << 53) };
}

#[test]
fn tree_rule_who_told_nobody_of_a_far_generation_begins_anew() {
    let (me, liar) = (Letter('a'), Letter('p'));
    let mut standing = Standing::new(me);
    assert!(standing.take_parent(liar, reign(GENERATION_MOST, 0), 3));
    assert_eq!(
        standing.follow(liar, reign(GENERATION_MOST, 1), 3),
        Followed::Changed
    );
    let mut other = standing.clone();
    assert!(!standing.begin_anew(me));
    standing.lose_parent();
    assert!(standing.begin_anew(me) && standing == Standing::new(me));
    // Where others can follow it needs not.
    let mut near = Standing::new(me);
    assert!(near.take_parent(liar, reign(LEAP, 0), 3));
    assert!(other.is_away() && !near.is_away());
    assert!(near.is_far(reign(3 * LEAP, 0)) && !near.is_far(reign(2 * LEAP, 0)));
    assert!(!near.is_far(reign(GENERATION_MOST + 1, 0)));
    // Whom it told may stand below it: its reign stays.
    assert_eq!(other.tell(), (reign(GENERATION_MOST, 1), 4));
    other.lose_parent();
    assert!(!other.begin_anew(me) && other.is_adrift());
    assert_eq!(other.reign(), reign(GENERATION_MOST, 1));
}

#[test]
fn tree_rule_the_shallowest_slots_come_first_and_held_ones_last() {
    let open = |node, depth, held| Open {
        node: Letter(node),
        depth,
        held,
    };
    let all = [
        open('a', 0, true),
        open('b', 3, false),
        open('c', 1, false),
        open('d', 3, false),
        open('e', 4, false),
    ];
    let best = super::super::children::shallowest(all.to_vec());
    let names: std::string::String = best.iter().map(|open| open.node.0).collect();
    assert_eq!(names, "cbde");
}
