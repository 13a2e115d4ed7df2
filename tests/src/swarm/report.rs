//! What is left of a failure: a short plan that fails in the same way, a tape of each switch, and a
//! line to paste.

use std::{
    cell::Cell,
    fmt, fs,
    path::{Path, PathBuf},
    sync::Once,
};

use super::{
    plan::Plan,
    run::{Extras, Failure, run_with},
    shrink::shrink,
};

/// At most so many runs are spent on a shorter plan.
const RUNS_MAX: usize = 200;

/// A failure, made as short as it goes.
#[derive(Clone, Debug)]
pub struct Report {
    /// The plan that failed.
    pub plan: Plan,
    /// Which of its operations are needed.
    pub kept: Vec<usize>,
    /// How the short plan fails.
    pub failure: Failure,
    /// The test that runs it again.
    pub test: String,
    /// Where the short plan and the tapes are.
    pub folder: Option<PathBuf>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.plan.operations.len();
        writeln!(
            f,
            "swarm: seed {} fails with {} of {all} operations {}",
            self.plan.seed,
            self.kept.len(),
            self.failure
        )?;
        for operation in self.plan.keeping(&self.kept).operations {
            writeln!(f, "  {operation:?}")?;
        }
        if let Some(folder) = &self.folder {
            writeln!(f, "the plan and the tapes: {}", folder.display())?;
        }
        let (seed, kept, test) = (self.plan.seed, to_ranges(&self.kept), &self.test);
        write!(
            f,
            "SWARM_SEED={seed} SWARM_KEEP={kept} cargo test --workspace --test swarm {test}"
        )
    }
}

/// Places in ascending order as text: "3,17-19".
fn to_ranges(places: &[usize]) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for place in places {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *place => *last = *place,
            Some(_) | None => ranges.push((*place, *place)),
        }
    }
    let texts = ranges.iter().map(|(first, last)| match last - first {
        0 => first.to_string(),
        _ => format!("{first}-{last}"),
    });
    texts.collect::<Vec<_>>().join(",")
}

/// The places that such a text names.
///
/// # Errors
/// The first part of it that is no number and no range.
pub fn places(text: &str) -> Result<Vec<usize>, String> {
    let mut places = Vec::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| text.parse::<usize>().map_err(|_no_number| part.to_owned());
        places.extend(number(first)?..=number(last)?.min(PLACES_MAX));
    }
    Ok(places)
}

/// No plan has as many operations.
const PLACES_MAX: usize = 1 << 20;

/// Shrinks a failure, leaves the plan and the tapes of its switches in a folder of `folder`, and
/// tells about it.
pub fn report(
    plan: &Plan,
    failure: &Failure,
    extras: &Extras,
    (test, folder): (&str, &Path),
) -> Report {
    let runs = |kept: &[usize]| quietly(|| run_with(&plan.keeping(kept), extras)).err();
    let is_same = |it: &Failure| it.broken.check == failure.broken.check;
    let count = plan.operations.len();
    let kept = shrink(count, RUNS_MAX, |kept| {
        runs(kept).as_ref().is_some_and(is_same)
    });
    let folder = folder.join(format!("swarm-{test}-{}", plan.seed));
    let short = plan.keeping(&kept);
    let recorded = Extras {
        tapes: Some(folder.clone()),
        ..extras.clone()
    };
    let written = fs::create_dir_all(&folder)
        .and_then(|()| fs::write(folder.join("plan.txt"), short.to_text()));
    let failure = quietly(|| run_with(&short, &recorded)).err();
    Report {
        plan: plan.clone(),
        kept,
        failure: failure.unwrap_or_else(|| Failure {
            broken: crate::checks::Broken {
                check: "same",
                what: "it fails, and not again".into(),
            },
            at: hydroid_core::base::Time::ZERO,
        }),
        test: test.into(),
        folder: written.is_ok().then_some(folder),
    }
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Panics on this thread print nothing meanwhile: a shrinker has many of them.
fn quietly<T>(act: impl FnOnce() -> T) -> T {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                loud(info);
            }
        }));
    });
    QUIET.set(true);
    let result = act();
    QUIET.set(false);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_names_places_that_are_read_again() {
        let all = [0, 1, 2, 3, 7, 9, 10];
        assert_eq!(to_ranges(&all), "0-3,7,9-10");
        assert_eq!(places("0-3,7,9-10").as_deref(), Ok(&all[..]));
        assert_eq!(places(""), Ok(Vec::new()));
        assert_eq!(places("1,x"), Err("x".into()));
    }
}
