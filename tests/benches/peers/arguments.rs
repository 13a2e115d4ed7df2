//! What was asked for on the command line. Flags that are not known are the harness's.

use std::env;

use super::Outcome;

/// Rounds of which the median counts.
const ROUNDS: usize = 5;

pub(super) struct Arguments {
    pub(super) json: bool,
    /// Ours alone is what one looks at through a profiler.
    pub(super) ours: bool,
    /// The three shells instead of the two peers.
    pub(super) shells: bool,
    pub(super) rounds: usize,
    pub(super) only: Option<String>,
    /// One work once, by this shell: what a child process is started for.
    pub(super) by: Option<String>,
}

impl Arguments {
    pub(super) fn read() -> Outcome<Self> {
        let all: Vec<_> = env::args().skip(1).collect();
        let has = |flag: &str| all.iter().any(|it| it == flag);
        let of = |flag: &str| -> Outcome<Option<String>> {
            let Some(at) = all.iter().position(|it| it == flag) else {
                return Ok(None);
            };
            let value = all.get(at + 1).filter(|it| !it.starts_with("--"));
            let value = value.ok_or_else(|| format!("{flag} wants a value"))?;
            Ok(Some(value.clone()))
        };
        let rounds = match of("--rounds")? {
            None => ROUNDS,
            Some(text) => text
                .parse()
                .ok()
                .filter(|rounds| *rounds > 0)
                .ok_or_else(|| format!("--rounds wants a number above 0, and not `{text}`"))?,
        };
        Ok(Self {
            json: has("--json"),
            ours: has("--ours"),
            shells: has("--shells"),
            rounds,
            only: of("--only")?,
            by: of("--by")?,
        })
    }

    /// True if the row of this name is asked for.
    pub(super) fn wants(&self, name: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == name)
    }
}
