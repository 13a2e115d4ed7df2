//! What each step took, and a bound for all of them together.

use std::{
    fmt::Write as _,
    panic::resume_unwind,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

/// No pair takes so long; one that does waits for something that never comes.
const BOUND: Duration = Duration::from_secs(180);

#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    rows: Arc<Mutex<Vec<Row>>>,
}

#[derive(Debug)]
enum Row {
    Heading(String),
    Begun(&'static str),
    Done(&'static str, Duration),
}

impl Table {
    /// Runs a step and notes it.
    pub(crate) fn step<T>(&self, name: &'static str, step: impl FnOnce() -> T) -> T {
        self.rows().push(Row::Begun(name));
        let begun = Instant::now();
        let done = step();
        let took = begun.elapsed();
        if let Some(row) = self.rows().last_mut() {
            *row = Row::Done(name, took);
        }
        done
    }

    /// What the steps that follow are about.
    pub(crate) fn heading(&self, text: &str) {
        self.rows().push(Row::Heading(text.into()));
    }

    fn rows(&self) -> MutexGuard<'_, Vec<Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn text(&self, title: &str) -> String {
        let rows = self.rows();
        let all: Duration = rows.iter().filter_map(Row::took).sum();
        let mut text = format!("{title:<56} {:>6} ms", all.as_millis());
        for row in &*rows {
            let _fits = match row {
                Row::Heading(name) => write!(text, "\n  {name}"),
                Row::Begun(name) => write!(text, "\n    {name:<52}  not done"),
                Row::Done(name, took) => {
                    write!(text, "\n    {name:<52} {:>6} ms", took.as_millis())
                }
            };
        }
        text
    }
}

impl Row {
    const fn took(&self) -> Option<Duration> {
        match self {
            Self::Heading(_) | Self::Begun(_) => None,
            Self::Done(_, took) => Some(*took),
        }
    }
}

/// Runs a script in a thread of its own and prints its table, also if it fails or hangs.
///
/// # Panics
/// If the script does, or takes longer than the bound.
pub(crate) fn run(title: &str, script: impl FnOnce(&Table) + Send + 'static) {
    let table = Table::default();
    let noted = table.clone();
    let (done, wait) = mpsc::channel::<()>();
    let work = thread::spawn(move || {
        let _done = done;
        script(&noted);
    });
    let hung = wait.recv_timeout(BOUND) == Err(mpsc::RecvTimeoutError::Timeout);
    println!("{}", table.text(title));
    assert!(!hung, "a step never ends");
    if let Err(panic) = work.join() {
        resume_unwind(panic);
    }
}
