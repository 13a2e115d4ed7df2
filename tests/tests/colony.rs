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
        assert!(
            shape.is_one(),
            "{members} members, arity {arity}: {shape:?}"
        );
        assert!(shape.depth <= shape.optimum + 1, "{shape:?}");
    }
}

/// So many of the members die at once, drawn by chance.
fn cull(colony: &mut Colony, percent: usize, seed: u64) -> Vec<usize> {
    let there = colony.there();
    let mut dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut dead = Vec::new();
    for n in there {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        if (dice % 100) < percent as u64 {
            colony.kill(n);
            dead.push(n);
        }
    }
    dead
}

#[test]
fn tree_heals_whoever_dies() {
    for (percent, seed) in [(10, 1), (30, 2), (50, 3), (80, 4)] {
        let mut colony = grown(60, 2, seed);
        colony.run(5_000);
        let before = shape(&colony, 2);
        if !before.is_one() {
            for _ in 0..40 {
                colony.run(500);
                println!(
                    "{} {:?}",
                    colony.world.now.as_us() / 1000,
                    shape(&colony, 2).roots
                );
            }
            for n in &before.roots {
                println!(
                    "{n} {:?} {:?}",
                    colony.tree(*n).standing(),
                    colony.tree(*n).stats()
                );
            }
        }
        assert!(before.is_one());
        let root = before.roots[0];
        colony.kill(root);
        cull(&mut colony, percent, seed);
        let mut healed = None;
        for step in 0..400 {
            colony.run(50);
            let shape = shape(&colony, 2);
            assert_eq!(shape.looped, 0);
            if step % 10 == 0 {
                println!("{} roots {:?} torn {}", step * 50, shape.roots, shape.torn);
            }
            if shape.is_one() {
                healed = Some(step * 50);
                break;
            }
        }
        let after = shape(&colony, 2);
        for n in &after.roots {
            println!(
                "{n} {:?} {:?}",
                colony.tree(*n).standing(),
                colony.tree(*n).stats()
            );
        }
        println!(
            "{percent} %: healed after {healed:?} ms, {} members",
            after.members
        );
        assert!(
            healed.is_some_and(|ms| ms <= 3_500),
            "{percent}: {healed:?} {after:?}"
        );
        colony.run(30_000);
        let after = shape(&colony, 2);
        println!("{}", text(&after, 80));
        assert!(
            after.is_one() && after.depth <= after.optimum + 1,
            "{after:?}"
        );
    }
}

#[test]
fn tree_broadcasts_reach_everybody_once() {
    for members in [2, 5, 30] {
        let mut colony = grown(members, 2, 1);
        colony.run(5_000);
        for n in 0..members {
            assert!(colony.broadcast(n, 100));
        }
        assert!(colony.broadcast(members / 2, 300_000));
        colony.run(3_000);
        for n in 0..members {
            println!(
                "{n} {:?} {:?}",
                colony.tree(n).standing(),
                colony.tree(n).cast_stats()
            );
        }
        assert_eq!(colony.books.missing(0), []);
        assert_eq!(colony.books.wrongs, [""; 0]);
        assert_eq!(colony.books.gaps, 0);
    }
}
