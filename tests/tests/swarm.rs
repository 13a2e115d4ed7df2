//! Many small worlds, each drawn from one number, in which everything may fail; then it heals and
//! everything is demanded.

use std::panic::catch_unwind;

use hydroid_tests::{
    seed::seed,
    swarm::{Tally, run},
};

/// Seeds of a default run; `SWARM_SEEDS` sets another number.
const SEEDS: u64 = 60;

#[test]
fn swarm_of_any_seed_heals_and_leaves_nothing() {
    let first = seed(1);
    let seeds = match std::env::var("SWARM_SEEDS") {
        Ok(text) => text.parse().expect("SWARM_SEEDS is a number"),
        Err(_) => SEEDS,
    };
    let mut all = Tally::default();
    for seed in first..first + seeds {
        let Ok(tally) = catch_unwind(|| run(seed)) else {
            panic!("HYDROID_SEED={seed} SWARM_SEEDS=1 cargo test --workspace --test swarm");
        };
        all.streams += tally.streams;
        all.whole += tally.whole;
        all.lines += tally.lines;
        all.moved += tally.moved;
        all.datagrams += tally.datagrams;
    }
    println!("{all:?}");
    let happened = all.whole > 0 && all.lines > 0 && all.moved > 0;
    assert!(happened || seeds < SEEDS, "nothing happened: {all:?}");
}

#[test]
fn swarm_of_one_seed_is_the_same_every_time() {
    let seed = seed(7);
    assert_eq!(run(seed), run(seed));
}
