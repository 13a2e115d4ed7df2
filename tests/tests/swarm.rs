//! Swarms of many seeds: anything may fail, then it heals and everything is demanded.
//!
//! `SWARM_SEEDS` says how many seeds are run and `SWARM_FROM` from which on. `SWARM_SEED` runs one,
//! of which `SWARM_KEEP` keeps only some operations, by their places: that is the line that a failure
//! prints.

use std::path::Path;

use hydroid_core::{
    line::{Provider, PureRust},
    tape::Player,
};
use hydroid_tests::{
    checks,
    swarm::{
        Extras, Plan, Profile, Seeds, Tally, draw, places, report, run, run_with, say, spread,
    },
    world::StubProvider,
};

/// How often each kind of fault fires over the default seeds, at least.
const FIRED_LEAST: u64 = 100;

/// Runs one profile and tells what it came to; `None` if only one plan was asked for.
fn swarm(test: &str, profile: Profile, (count, twice): (u64, u64)) -> Option<Tally> {
    let extras = Extras {
        weigh: Some(freed_bytes),
        ..Extras::default()
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    if let Some(plan) = one(profile) {
        match run_with(&plan, &extras) {
            Ok(tally) => say(&format!("swarm: {test}: {tally:?}")),
            Err(failure) => panic!("{}", report(&plan, &failure, &extras, (test, folder))),
        }
        return None;
    }
    let seeds = Seeds::of(test, count, twice);
    match spread(profile, seeds, &extras, draw) {
        Ok(tally) => {
            say(&format!(
                "swarm: {test}: {} seeds, {} operations, {} lines, {} streams, {} events, faults: {}",
                seeds.count,
                tally.operations,
                tally.lines,
                tally.streams,
                tally.happened,
                tally.faults
            ));
            (seeds.count >= count).then_some(tally)
        }
        Err(found) => panic!(
            "{}",
            report(&found.plan, &found.failure, &extras, (test, folder))
        ),
    }
}

/// The one plan that the environment asks for.
fn one(profile: Profile) -> Option<Plan> {
    let seed = std::env::var("SWARM_SEED").ok()?;
    let plan = draw(profile, seed.parse().expect("SWARM_SEED is a number"));
    let Ok(kept) = std::env::var("SWARM_KEEP") else {
        return Some(plan);
    };
    Some(plan.keeping(&places(&kept).expect("SWARM_KEEP is a list of places")))
}

fn freed_bytes(act: &mut dyn FnMut()) -> u64 {
    let counted = allocation_counter::measure(act);
    u64::try_from(-counted.bytes_current).unwrap_or(0)
}

/// Things happened at all.
fn happened(counts: &[u64]) {
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}

#[test]
fn swarm_large_heals_and_leaves_nothing() {
    if let Some(all) = swarm("swarm_large", Profile::Large, (200, 40)) {
        let faults = all
            .faults
            .iter()
            .map(|(fault, count)| (fault.word(), count));
        checks::fired(faults, FIRED_LEAST).expect("each kind of fault fires often enough");
        happened(&[all.whole, all.cut, all.lines, all.moved, all.sleeps]);
    }
}

#[test]
fn swarm_tree_heals_and_leaves_nothing() {
    if let Some(all) = swarm("swarm_tree", Profile::Tree, (60, 10)) {
        happened(&[all.told, all.lines, all.sleeps]);
    }
}

#[test]
fn swarm_fine_heals_and_leaves_nothing() {
    if let Some(all) = swarm("swarm_fine", Profile::Fine, (60, 10)) {
        happened(&[all.whole, all.lines, all.moved]);
    }
}

#[test]
fn swarm_kept_lines_end_for_a_cause_and_come_back() {
    if let Some(all) = swarm("swarm_kept", Profile::Kept, (1_000, 50)) {
        happened(&[all.whole, all.cut, all.lines, all.sleeps]);
    }
}

#[test]
fn swarm_of_one_seed_is_the_same_every_time() {
    for profile in [Profile::Large, Profile::Fine, Profile::Kept] {
        let plan = draw(profile, 7);
        assert_eq!(plan, draw(profile, 7));
        assert_eq!(run(&plan), run(&plan));
    }
}

/// A plan that failed once, as the list of operations that it shrank to.
fn regression(text: &str) {
    let plan = Plan::from_text(text).expect("a plan");
    let tally = run(&plan).expect("what failed once holds now");
    assert!(tally.lines > 0, "{tally:?}");
}

/// In a closed space the switch opens streams of its own; one that found no room had the
/// application told that it may open one, which it had not asked for.
#[test]
fn swarm_regression_own_stream_that_waited_is_not_told_to_the_application() {
    regression(include_str!("plans/own_stream_waits.plan"));
}

/// A line asked after itself with its own end number, though another first stream, and what came of
/// it kept that number. The peer of a third such line had kept the second, took the handshake for
/// one of that, and a line that only one end knew ended as misbehaviour.
#[test]
fn swarm_regression_end_number_is_not_used_for_a_third_line() {
    regression(include_str!("plans/end_number_behind_a_cut.plan"));
}

/// A line that had taken another's place asked after itself, once its peer had moved, with a number
/// that the peer did not know, and so was replaced though both ends had it.
#[test]
fn swarm_regression_line_is_known_by_the_number_that_it_asks_with() {
    regression(include_str!("plans/asked_in_a_new_line.plan"));
}

/// An end that had just answered its peer's next life asked after the last one with another number,
/// and the line that the peer had from the answer was replaced.
#[test]
fn swarm_regression_end_asks_with_the_number_that_it_has_answered_with() {
    regression(include_str!("plans/asked_while_answered.plan"));
}

/// A peer that had answered moved before it heard more. Its new address was said, and nobody was
/// asked there.
#[test]
fn swarm_regression_address_that_is_said_anew_is_tried() {
    regression(include_str!("plans/kept_where_it_went.plan"));
}

/// Both ends dialled after a long sleep, and each kept another of the two lines.
#[test]
fn swarm_regression_both_ends_keep_one_line_after_a_sleep() {
    regression(include_str!("plans/both_dial_after_sleep.plan"));
}

/// An end whose peer had not proved itself to it yet, and had moved, asked whether it was still
/// there, and answered the open that came from there with the first stream of what it asked for and
/// not of the line, which both then kept.
#[test]
fn swarm_regression_open_from_the_end_of_a_line_is_answered_as_that_line() {
    regression(include_str!("plans/end_answers_as_its_line.plan"));
}

/// What a failure leaves is of use only if it can be replayed.
#[test]
fn swarm_tapes_replay_to_the_byte() {
    let providers: [(Profile, &'static dyn Provider); 3] = [
        (Profile::Large, &StubProvider),
        (Profile::Fine, &PureRust),
        (Profile::Kept, &PureRust),
    ];
    for (profile, provider) in providers {
        let folder = tempfile::tempdir().expect("a folder");
        let tapes = Extras {
            tapes: Some(folder.path().into()),
            ..Extras::default()
        };
        let plan = draw(profile, 7);
        run_with(&plan, &tapes).expect("the plan holds");
        let files = std::fs::read_dir(folder.path()).expect("the folder is there");
        let mut count = 0;
        for file in files {
            let file = file.expect("an entry can be read").path();
            let mut player = Player::strict(provider);
            player.feed(&std::fs::read(&file).expect("a tape"));
            while let Some(_step) = player.step().expect("the tape replays") {}
            assert!(player.count() > 1 && player.left() == 0, "{file:?}");
            count += 1;
        }
        assert!(count >= plan.nodes, "{count} tapes of {} nodes", plan.nodes);
    }
}
