//! Seeds, one after another, spread over threads.

use std::{
    io::{self, Write as _},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    plan::{Plan, Profile},
    run::{Extras, Failure, Tally, run_with},
};

/// Which seeds are run.
#[derive(Clone, Copy, Debug)]
pub struct Seeds {
    /// The first.
    pub from: u64,
    /// How many.
    pub count: u64,
    /// Of so many seeds one is run twice, and has to come to the same; 0 is none.
    pub twice: u64,
}

impl Seeds {
    /// So many from 1 on, unless `SWARM_SEEDS` (how many) and `SWARM_FROM` (from which on) say
    /// otherwise. They are printed.
    ///
    /// # Panics
    /// If one of these is no number.
    pub fn of(name: &str, count: u64, twice: u64) -> Self {
        let number = |variable: &str, default| match std::env::var(variable) {
            Ok(text) => text
                .parse()
                .expect("SWARM_SEEDS and SWARM_FROM are numbers"),
            Err(_) => default,
        };
        let (from, count) = (number("SWARM_FROM", 1), number("SWARM_SEEDS", count));
        say(&format!("{name}: SWARM_FROM={from} SWARM_SEEDS={count}"));
        Self { from, count, twice }
    }
}

/// The first seed found that fails.
#[derive(Clone, Debug)]
pub struct Found {
    /// What failed.
    pub plan: Plan,
    /// How.
    pub failure: Failure,
}

/// Runs these seeds on two threads; tells what all came to, or a failure.
///
/// # Errors
/// One that failed, the lowest of those that were run by then.
pub fn spread(
    profile: Profile,
    seeds: Seeds,
    extras: &Extras,
    draw: fn(Profile, u64) -> Plan,
) -> Result<Tally, Box<Found>> {
    let next = AtomicU64::new(0);
    let all = Mutex::new((Tally::default(), None::<Box<Found>>));
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= seeds.count {
                return;
            }
            let plan = draw(profile, seeds.from + at);
            let mut result = run_with(&plan, extras);
            if let Ok(tally) = &result
                && seeds.twice > 0
                && at.is_multiple_of(seeds.twice)
            {
                result = again(&plan, tally);
            }
            let mut all = all.lock().expect("no run panics here");
            match result {
                Ok(tally) => all.0 += tally,
                Err(failure) => {
                    let is_first = all.1.as_ref().is_none_or(|it| it.plan.seed > plan.seed);
                    if is_first {
                        all.1 = Some(Box::new(Found { plan, failure }));
                    }
                    next.store(seeds.count, Ordering::Relaxed);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
    let (tally, found) = all.into_inner().expect("no run panics here");
    found.map_or(Ok(tally), Err)
}

fn again(plan: &Plan, tally: &Tally) -> Result<Tally, Failure> {
    let second = run_with(plan, &Extras::default())?;
    let verdict = crate::checks::same(tally, &second);
    let at = hydroid_core::base::Time::ZERO;
    verdict.map_err(|broken| Failure { broken, at })?;
    Ok(second)
}

/// Prints a line that also whoever runs a test that passes is to see.
pub fn say(line: &str) {
    let _unseen = writeln!(io::stderr(), "{line}");
}
