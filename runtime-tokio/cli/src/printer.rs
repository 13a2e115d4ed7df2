//! The only hand that writes. A thread of its own prints what the others queue, so that a terminal
//! that is halted, or a pipe that nobody reads, stops no transfer and no signal. It also draws the
//! bars, and takes them away for as long as a line is printed.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::sync::oneshot;

/// Jobs that may wait; a reader that is further behind misses what may be missed.
const WAITING_MAX: usize = 1024;

/// What a bar looks like.
const BAR: &str = "{prefix}  {bar:30}  {percent:>3} %  {binary_bytes}/{binary_total_bytes}  \
                   {binary_bytes_per_sec}  {eta} left";

static PRINTER: LazyLock<Printer> = LazyLock::new(Printer::start);

/// Where a line goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum To {
    Stdout,
    Stderr,
}

enum Job {
    Line(To, String, Option<oneshot::Sender<io::Result<()>>>),
    Bar(u64, String, u64),
    Position(u64, u64),
    EndOfBar(u64),
    Mark(oneshot::Sender<()>),
}

struct Printer {
    jobs: Sender<Job>,
    waiting: AtomicUsize,
}

impl Printer {
    fn start() -> Self {
        let (jobs, queue) = channel();
        // The program ends without it where it hangs; the system takes it away then.
        thread::spawn(move || run(&queue));
        Self {
            jobs,
            waiting: AtomicUsize::new(0),
        }
    }

    fn queue(&self, job: Job) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _over = self.jobs.send(job);
    }

    /// The same for what may be missed; false if it is.
    fn queue_if_room(&self, job: Job) -> bool {
        let room = self.waiting.load(Ordering::Relaxed) < WAITING_MAX;
        if room {
            self.queue(job);
        }
        room
    }
}

/// Prints a line, unless too many wait already.
pub(crate) fn offer(to: To, line: String) {
    let _missed = PRINTER.queue_if_room(Job::Line(to, line, None));
}

/// Prints a line after those before it, and waits until it is taken.
///
/// # Errors
/// The system's.
pub(crate) async fn print(to: To, line: String) -> io::Result<()> {
    let (done, printed) = oneshot::channel();
    PRINTER.queue(Job::Line(to, line, Some(done)));
    printed.await.map_err(io::Error::other)?
}

/// Returns when everything before is printed, or lost.
pub(crate) async fn drained() {
    let (done, printed) = oneshot::channel();
    PRINTER.queue(Job::Mark(done));
    let _over = printed.await;
}

/// A bar on the terminal. Dropped, it is taken away.
#[derive(Debug)]
pub(crate) struct Bar {
    id: u64,
}

impl Bar {
    /// A bar for `size` bytes; `None` if too much waits already.
    pub(crate) fn begin(prefix: String, size: u64) -> Option<Self> {
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let begun = PRINTER.queue_if_room(Job::Bar(id, prefix, size));
        begun.then_some(Self { id })
    }

    /// Moves it to so many bytes.
    pub(crate) fn set(&self, bytes: u64) {
        let _missed = PRINTER.queue_if_room(Job::Position(self.id, bytes));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        PRINTER.queue(Job::EndOfBar(self.id));
    }
}

fn run(queue: &Receiver<Job>) {
    let screen = MultiProgress::new();
    let mut bars = BTreeMap::new();
    while let Ok(job) = queue.recv() {
        match job {
            Job::Line(to, line, done) => {
                let written = if bars.is_empty() {
                    write(to, &line)
                } else {
                    screen.suspend(|| write(to, &line))
                };
                if let Some(done) = done {
                    let _nobody_waits = done.send(written);
                }
            }
            Job::Bar(id, prefix, size) => {
                let style = ProgressStyle::with_template(BAR).expect("the template is legal");
                let bar = screen.add(ProgressBar::new(size).with_style(style));
                bars.insert(id, bar.with_prefix(prefix));
            }
            Job::Position(id, bytes) => {
                if let Some(bar) = bars.get(&id) {
                    bar.set_position(bytes);
                }
            }
            Job::EndOfBar(id) => {
                if let Some(bar) = bars.remove(&id) {
                    bar.finish_and_clear();
                    screen.remove(&bar);
                }
            }
            Job::Mark(done) => {
                let _nobody_waits = done.send(());
            }
        }
        PRINTER.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

fn write(to: To, line: &str) -> io::Result<()> {
    match to {
        To::Stdout => write_line(&mut io::stdout().lock(), line),
        To::Stderr => write_line(&mut io::stderr().lock(), line),
    }
}

fn write_line(out: &mut impl io::Write, line: &str) -> io::Result<()> {
    let line = format!("{line}\n");
    out.write_all(line.as_bytes())?;
    out.flush()
}
