//! A switch in a process of its own, in the namespace of a machine. The process runs this very test
//! program, told by its environment to play that part; it says in lines what it meets, and when.

use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::lab::Machine;

/// What the environment tells the process: the name of its space.
pub(crate) const SPACE: &str = "HYDROID_NAMESPACES_SPACE";
/// What its input tells it.
pub(crate) const ANNOUNCE: &str = "announce";
pub(crate) const LEAVE: &str = "leave";
/// A word that its lines begin with, so that they are none of the harness's.
const MARK: &str = "@host";
/// Nothing takes so long.
const BOUND: Duration = Duration::from_secs(60);

/// A running process. It is ended when this goes.
pub(crate) struct Host {
    process: Child,
    input: ChildStdin,
    told: Arc<Told>,
}

/// What it has said.
struct Told {
    lines: Mutex<Vec<Line>>,
    more: Condvar,
}

/// One line: when, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) at_us: u64,
    pub(crate) word: String,
    pub(crate) rest: String,
}

/// Says something, in the process.
pub(crate) fn say(word: &str, rest: &str) {
    let mut out = std::io::stdout().lock();
    // The harness may have begun a line. Nobody listens any more if this fails.
    let _gone = write!(out, "\n{MARK} {} {word} {rest}\n", now_us()).and_then(|()| out.flush());
}

/// The wall time, which is the same in every process.
pub(crate) fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_micros() as u64)
}

impl Host {
    /// Starts one on a machine and waits until it has its sockets; nobody is announced yet.
    pub(crate) fn start(machine: &Machine, space: &str) -> Self {
        let program = env::current_exe().expect("it runs");
        let mut process = Command::new("ip")
            .args(["netns", "exec", &machine.namespace])
            .arg(program)
            .args(["--exact", "--nocapture", crate::PART])
            .env(SPACE, space)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process can be started");
        let input = process.stdin.take().expect("it is piped");
        let output = process.stdout.take().expect("it is piped");
        let told = Arc::new(Told {
            lines: Mutex::new(Vec::new()),
            more: Condvar::new(),
        });
        let noted = Arc::clone(&told);
        thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            for line in lines.filter_map(|line| Line::parse(&line)) {
                noted.lines().push(line);
                noted.more.notify_all();
            }
        });
        Self {
            process,
            input,
            told,
        }
    }

    /// Tells it to do something.
    pub(crate) fn tell(&mut self, word: &str) {
        writeln!(self.input, "{word}").expect("it lives");
    }

    /// Its key, once it has its sockets.
    pub(crate) fn key(&self) -> String {
        self.first("ready", |_| true).rest
    }

    /// The first line of this word that fits, once there is one.
    pub(crate) fn first(&self, word: &str, fits: impl Fn(&str) -> bool) -> Line {
        self.wait(word, |lines| {
            let mut of_word = lines.iter().filter(|line| line.word == word);
            of_word.find(|line| fits(&line.rest)).cloned()
        })
    }

    /// When it knew all of these for the first time.
    pub(crate) fn knows_us(&self, keys: &[String]) -> u64 {
        let found = |key: &String| self.first("found", |rest| rest.starts_with(key.as_str()));
        let found = keys.iter().map(|key| found(key).at_us);
        found.max().unwrap_or(0)
    }

    /// Everything that it has said so far.
    pub(crate) fn lines(&self) -> Vec<Line> {
        self.told.lines().clone()
    }

    fn wait<T>(&self, what: &str, look: impl Fn(&[Line]) -> Option<T>) -> T {
        let (begun, mut lines) = (Instant::now(), self.told.lines());
        loop {
            if let Some(found) = look(&lines) {
                return found;
            }
            let left = BOUND.saturating_sub(begun.elapsed());
            assert!(!left.is_zero(), "no {what} in {BOUND:?}: {lines:?}");
            let waited = self.told.more.wait_timeout(lines, left);
            lines = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}

impl Told {
    fn lines(&self) -> MutexGuard<'_, Vec<Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.splitn(4, ' ');
        if words.next()? != MARK {
            return None;
        }
        Some(Self {
            at_us: words.next()?.parse().ok()?,
            word: words.next()?.into(),
            rest: words.next()?.into(),
        })
    }
}
