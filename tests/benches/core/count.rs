//! Instructions, counted by valgrind, which runs this bench once more for each stage.

use std::{env, process::Command};

use super::pair::Stage;

/// This part of a work is counted; all of it would take valgrind minutes.
pub(super) const PART: usize = 16;

/// By which the bench knows that it runs to be counted: one round, and no clock.
pub(super) const COUNTED: &str = "--counted";

/// Instructions of a stage for each unit, or of all stages together; `None` where there is no
/// valgrind.
pub(super) fn instructions(work: &str, stage: Option<Stage>) -> Option<u64> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    let counted = |stage: &Stage| format!("--toggle-collect=*pair::{}", stage.function());
    match stage {
        Some(stage) => command.arg(counted(&stage)),
        None => command.args(Stage::ALL.iter().map(counted)),
    };
    let bench = env::current_exe().ok()?;
    let done = command
        .arg(bench)
        .args(["--only", work, COUNTED])
        .output()
        .ok()?;
    let units = String::from_utf8(done.stdout).ok()?;
    let units = units.trim().parse::<u64>().ok()?;
    let told = String::from_utf8(done.stderr).ok()?;
    let line = told.lines().find(|line| line.contains("Collected : "))?;
    let count = line.rsplit(": ").next()?.trim().parse::<u64>().ok()?;
    Some(count / units.max(1))
}
