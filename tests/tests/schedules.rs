//! A thousand schedules of restarts, sleeps, silences, moves, closes and loss, each drawn from one
//! number: streams arrive whole, or say what cut them, and the lines that are kept come back.

use std::panic::catch_unwind;

use hydroid_tests::{
    seed::seed,
    swarm::schedule::{Outcome, run},
};

/// Seeds of a default run; `SCHEDULES` sets another number.
const SEEDS: u64 = 1_000;
/// Of so many seeds one is run twice.
const TWICE: u64 = 50;

#[test]
fn schedules_of_any_seed_leave_streams_intact_and_lines_that_are_kept_up() {
    let first = seed(1);
    let seeds = match std::env::var("SCHEDULES") {
        Ok(text) => text.parse().expect("SCHEDULES is a number"),
        Err(_) => SEEDS,
    };
    let again =
        |seed| format!("HYDROID_SEED={seed} SCHEDULES=1 cargo test --workspace --test schedules");
    let half = |from: u64| {
        let mut all = Outcome::default();
        for seed in (first + from..first + seeds).step_by(2) {
            let outcome = catch_unwind(|| run(seed)).unwrap_or_else(|_| panic!("{}", again(seed)));
            if seed % TWICE == 0 {
                assert_eq!(run(seed), outcome, "not the same twice: {}", again(seed));
            }
            all.whole += outcome.whole;
            all.cut += outcome.cut;
            all.lines += outcome.lines;
            all.sleeps += outcome.sleeps;
        }
        all
    };
    let halves = std::thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        let one = half(0);
        [one, other.join().expect("see above")]
    });
    println!("{halves:?}");
    let some = halves[0];
    if seeds >= SEEDS {
        let happened = [some.whole, some.cut, some.lines, some.sleeps];
        assert!(happened.iter().all(|it| *it > 0), "everything happened");
    }
}
