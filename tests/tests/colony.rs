//! Trees of shipped switches in the world: they grow, are cut, merge, and every broadcast reaches
//! everybody once.

use hydroid_tests::colony::{Colony, Settings, shape, text};

/// A tree of so many members, each of whom asked one of those before.
fn grown(members: usize, arity: u8, seed: u64) -> Colony {
    let mut colony = Colony::new(&Settings::new(members, arity, seed));
    colony.join(0, None);
    for n in 1..members {
        colony.run(50);
        colony.join(n, Some((n * 7 + seed as usize) % n));
    }
    colony
}

#[test]
fn tree_grows_from_any_contact() {
    for (members, arity) in [(2, 2), (3, 2), (7, 2), (30, 2), (30, 4)] {
        let mut colony = grown(members, arity, 1);
        colony.run(30_000);
        let shape = shape(&colony, arity);
        println!("{}", text(&shape, 40));
        assert!(shape.is_one(), "{members} members, arity {arity}: {shape:?}");
        assert!(shape.depth <= shape.optimum + 1, "{shape:?}");
    }
}
