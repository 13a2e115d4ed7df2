//! Starts the program, reads what it prints, and leaves no process and no file behind.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// What hangs for longer hangs for ever.
pub(crate) const CUT_OFF: Duration = Duration::from_secs(60);

/// Folders for the processes of one test.
pub(crate) struct World {
    folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["tmp", "in", "here", "user"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of pseudo-random bytes.
    pub(crate) fn file(&self, name: &str, size: u64) -> PathBuf {
        let mut bytes = vec![0; size as usize];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// The program in the folder `here`, with the home `home`.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hydroid"));
        self.set(&mut command);
        command.args(arguments);
        command
    }

    /// The program, with a SIGINT that its parent ignores, as a shell's background jobs have it.
    pub(crate) fn command_that_ignores_sigint(&self, arguments: &[&str]) -> Command {
        let mut command = self.command_in_shell("trap '' INT; exec \"$0\" \"$@\"");
        command.args(arguments);
        command
    }

    /// The program as `$0`, started by this script.
    pub(crate) fn command_in_shell(&self, script: &str) -> Command {
        let mut command = Command::new("sh");
        self.set(&mut command);
        command.args(["-c", script, env!("CARGO_BIN_EXE_hydroid")]);
        command
    }

    fn set(&self, command: &mut Command) {
        command
            .current_dir(self.path("here"))
            .env("HYDROID_HOME", self.path("home"))
            .env("HOME", self.path("user"))
            .env("TMPDIR", self.path("tmp"))
            // Tests that run at once find each other only where they say so.
            .env("HYDROID_INTERFACES", "none-of-this-name")
            .env("USER", "tester")
            .env_remove("HYDROID_LOG")
            .env_remove("XDG_DOWNLOAD_DIR")
            .env_remove("XDG_CONFIG_HOME");
    }

    pub(crate) fn start<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Running {
        Running::start(self.command(arguments))
    }

    /// Runs the program to its end.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Ended {
        self.start(arguments).end()
    }

    /// A `send` on loopback, and its ticket.
    pub(crate) fn send(&self, file: &Path) -> (Running, String) {
        let file = file.to_str().unwrap();
        let mut running = self.start(&["send", file, "--listen", "127.0.0.1:0"]);
        let ticket = running.line();
        (running, ticket)
    }

    /// An `up` on loopback that takes files into `in`, and its ticket.
    pub(crate) fn up(&self, more: &[&str]) -> (Running, String) {
        let into = self.path("in");
        let mut arguments = vec!["up", "--listen", "127.0.0.1:0", "--into"];
        arguments.push(into.to_str().unwrap());
        arguments.extend(more);
        let mut running = self.start(&arguments);
        let line = running.line();
        let ticket = match serde_json::from_str::<Value>(&line) {
            Ok(object) => object["ticket"].as_str().unwrap().to_owned(),
            Err(_plain) => line,
        };
        (running, ticket)
    }

    /// The names in a folder, sorted.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// True if no process has made a home.
    pub(crate) fn has_no_home(&self) -> bool {
        !self.path("home").exists()
    }
}

/// A process of the program; killed by its id if the test ends first.
pub(crate) struct Running {
    child: Child,
    stdout: Receiver<Vec<u8>>,
    stderr: Receiver<String>,
    lines: Vec<Vec<u8>>,
}

impl Running {
    pub(crate) fn start(command: Command) -> Self {
        Self::start_onto(command, Stdio::piped())
    }

    /// The same with a stderr that takes nothing, as that of a terminal that was halted.
    pub(crate) fn start_halted(command: Command) -> Self {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut filler = writer.try_clone().unwrap();
        thread::spawn(move || {
            let _never = filler.write_all(&[b'.'; 1 << 20]);
            drop(reader);
        });
        Self::start_onto(command, writer.into())
    }

    fn start_onto(mut command: Command, stderr: Stdio) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr);
        let mut child = command.spawn().unwrap();
        let (line, stdout) = channel();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            loop {
                let mut bytes = Vec::new();
                if out.read_until(b'\n', &mut bytes).unwrap_or(0) == 0 || line.send(bytes).is_err()
                {
                    return;
                }
            }
        });
        let (text, stderr) = channel();
        let err = child.stderr.take();
        thread::spawn(move || {
            let mut all = String::new();
            if let Some(mut err) = err {
                let _read = err.read_to_string(&mut all);
            }
            let _over = text.send(all);
        });
        Self {
            child,
            stdout,
            stderr,
            lines: Vec::new(),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line of stdout.
    pub(crate) fn line(&mut self) -> String {
        match self.stdout.recv_timeout(CUT_OFF) {
            Ok(line) => {
                let text = String::from_utf8(line.clone()).unwrap();
                self.lines.push(line);
                text.trim_end().to_owned()
            }
            Err(error) => panic!(
                "no line: {error}; stderr: {:?}",
                self.stderr.recv_timeout(CUT_OFF)
            ),
        }
    }

    /// The next object of this event, which comes between others at times.
    pub(crate) fn until(&mut self, event: &str) -> Value {
        loop {
            let object: Value = serde_json::from_str(&self.line()).unwrap();
            if object["event"] == event {
                return object;
            }
        }
    }

    /// Waits until some bytes of stdout have come.
    pub(crate) fn some_bytes(&mut self) {
        let some = self
            .stdout
            .recv_timeout(CUT_OFF)
            .expect("something is printed");
        self.lines.push(some);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(self.child.id().cast_signed()).unwrap();
        kill_process(id, signal).unwrap();
    }

    /// Ends it without a word.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it is over.
    pub(crate) fn end(mut self) -> Ended {
        let stderr = self
            .stderr
            .recv_timeout(CUT_OFF)
            .expect("the process hangs");
        let mut stdout = std::mem::take(&mut self.lines).concat();
        while let Ok(line) = self.stdout.recv_timeout(CUT_OFF) {
            stdout.extend(line);
        }
        let code = self.child.wait().unwrap().code();
        Ended {
            code,
            stdout,
            stderr,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _over = self.child.kill();
        let _over = self.child.wait();
    }
}

/// What a process left.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ended {
    /// Fails unless it ended by this code.
    #[track_caller]
    pub(crate) fn by(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stderr: {}", self.stderr);
        self
    }

    /// Fails unless it ended by this code and one sentence, which has `words` in it.
    #[track_caller]
    pub(crate) fn by_saying(self, code: i32, words: &str) -> Self {
        let ended = self.by(code);
        let sentences: Vec<_> = ended
            .stderr
            .lines()
            .filter(|line| line.starts_with("hydroid: "))
            .collect();
        assert!(
            matches!(sentences[..], [sentence] if sentence.contains(words)),
            "{words:?} is not the one sentence: {}",
            ended.stderr
        );
        ended
    }

    /// Fails unless stderr has `words` in it.
    #[track_caller]
    pub(crate) fn saying(self, words: &str) -> Self {
        assert!(self.stderr.contains(words), "{words}: {}", self.stderr);
        self
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }

    /// Stdout as one object a line.
    pub(crate) fn objects(&self) -> Vec<Value> {
        let text = self.text();
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}
