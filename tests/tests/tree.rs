//! The places of a tree, without switches around them.

use hydroid_tests::tree::{figures, model, schedules, sim::MS};

/// A number from the environment, so that a longer run needs no other code.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("it is a number"))
}

/// S0.10, by chance.
#[test]
fn tree_random_schedules_make_no_loop_and_heal() {
    let first = number("HYDROID_SEED", 1);
    let count = number("HYDROID_SCHEDULES", 20_000);
    let (mut sent, mut slowest, mut failed) = (0, (0, 0), 0);
    let (mut tried, mut kept) = (0, 0);
    for seed in first..first + count {
        match schedules::run(seed) {
            Ok(outcome) => {
                if outcome.kept == Some(false) {
                    println!("places were lost when one more died: HYDROID_SEED={seed}");
                }
                sent += outcome.sent;
                slowest = slowest.max((outcome.healed_ms, seed));
                tried += u64::from(outcome.kept.is_some());
                kept += u64::from(outcome.kept == Some(true));
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
    println!("one more died in {tried}: in {kept} all others kept their places");
    assert_eq!(failed, 0, "schedules that failed");
    // Where an heir is not heard of in time, those below the hole act alone.
    assert!(100 * kept >= 97 * tried, "{kept} of {tried}");
}

#[test]
fn tree_figures() {
    let members = number("HYDROID_MEMBERS", 1_000);
    let arity = u8::try_from(number("HYDROID_ARITY", 2)).expect("it is at most 8");
    let seed = number("HYDROID_SEED", 1);
    let within_ms = number("HYDROID_WITHIN_MS", 10_000);
    let (mut sim, grown) = figures::grow(seed, members, arity, within_ms);
    println!("grown: {grown:?}");
    assert!(members > 1_000 || grown.asked_most <= 32);
    let until = sim.now + 30_000 * MS;
    sim.run(until);
    for percent in [10, 30, 50, 80] {
        let mut sim = sim.clone();
        sim.talks = number("HYDROID_KILL", 0) == percent;
        let killed = figures::kill(&mut sim, percent);
        println!("killed {percent}: {killed:?}");
        assert_eq!(sim.wrong, None);
        assert!(killed.whole_ms < u64::MAX && killed.adopted_most <= 32);
        assert!(members > 1_000 || (killed.joined_ms <= 1_500 && killed.asked_most <= 32));
    }
    let merged = figures::merge(seed, members / 2, arity);
    println!("merged: {merged:?}");
    assert!(
        grown.balanced_ms <= 30_000 && merged.whole_ms <= 5_000 && merged.balanced_ms <= 30_000
    );
}

/// S0.10, in any order.
#[test]
fn tree_model_has_no_loop_in_any_order() {
    let most = number("HYDROID_STATES", 0);
    let scenarios = if most == 0 {
        model::short()
    } else {
        model::long()
    };
    let most = if most == 0 { u64::MAX } else { most };
    let (mut others, mut states) = (Vec::new(), 0);
    let least = if most == u64::MAX { 0 } else { 3 * most };
    for scenario in scenarios {
        let found = model::explore(&scenario, most).expect("the invariant holds in every state");
        println!("{}: {found:?}", scenario.name);
        states += found.states;
        if scenario.states > 0 && (!found.complete || found.states != scenario.states) {
            others.push((scenario.name, found.states));
        }
    }
    println!("{states} states in all");
    // Each of the long ones has more states than were ever counted.
    assert!(states >= least, "{states} states only");
    assert_eq!(others, [], "scenarios with other states than before");
}
