//! The places of a tree, without switches around them.

use hydroid_tests::tree::schedules;

/// A number from the environment, so that a longer run needs no other code.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("it is a number"))
}

#[test]
fn tree_random_schedules_make_no_loop_and_heal() {
    let first = number("HYDROID_SEED", 1);
    let count = number("HYDROID_SCHEDULES", 20_000);
    let (mut sent, mut slowest, mut failed) = (0, (0, 0), 0);
    for seed in first..first + count {
        match schedules::run(seed) {
            Ok(outcome) => {
                sent += outcome.sent;
                slowest = slowest.max((outcome.healed_ms, seed));
            }
            Err(wrong) => {
                failed += 1;
                println!(
                    "HYDROID_SEED={seed} HYDROID_SCHEDULES=1 \
                     cargo test -p hydroid-tests --test tree schedules: {wrong}"
                );
            }
        }
    }
    println!("{count} schedules from {first}: {sent} messages, slowest {slowest:?}");
    assert_eq!(failed, 0, "schedules that failed");
}
