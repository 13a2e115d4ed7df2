use super::*;

#[test]
#[should_panic(expected = "a contract is broken: more is held than the config allows")]
fn world_holds_every_switch_to_the_contracts() {
    let mut world = World::new(1, 2, &Config::default(), Link::PERFECT);
    world.nodes[0].limits.lines = 0;
    world.connect(0, 1);
    world.run(1);
}
