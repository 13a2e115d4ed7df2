//! What every bench of this folder counts with.

use std::{error::Error, fs};

pub(crate) type Failure = Box<dyn Error + Send + Sync>;
pub(crate) type Outcome<T> = Result<T, Failure>;

/// Processor time of all threads that live.
pub(crate) fn cpu_ns() -> Outcome<u64> {
    let mut ns = 0;
    for task in fs::read_dir("/proc/self/task")? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        ns += text.split(' ').next().ok_or("a number")?.parse::<u64>()?;
    }
    Ok(ns)
}
