//! What members do among themselves when nobody lies.

use super::world::World;

#[test]
fn tree_members_that_join_one_are_one_tree_and_hear_each_other() {
    let mut world = World::grown(7);
    world.demand_all(1_000);
    assert_eq!(world.books.gaps, []);
}
