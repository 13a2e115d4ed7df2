//! Stdin and stdout between processes, both ways.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, ChildStdin, ChildStdout, Stdio},
    sync::mpsc::{Receiver, channel},
    thread::{self, JoinHandle},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::running::{CUT_OFF, World};

const MIB: usize = 1 << 20;

/// A `pipe` with its three outputs in hand; killed by its id if the test ends first.
pub(crate) struct Piped {
    child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) stdout: Option<ChildStdout>,
    stderr: Receiver<String>,
}

impl Piped {
    pub(crate) fn start(world: &World, arguments: &[&str]) -> Self {
        let mut command = world.command(&[&["pipe"], arguments].concat());
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (line, stderr) = channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        thread::spawn(move || {
            lines
                .map_while(Result::ok)
                .all(|text| line.send(text).is_ok())
        });
        Self {
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            child,
            stderr,
        }
    }

    /// One that listens, and its ticket.
    pub(crate) fn listen(world: &World, more: &[&str]) -> (Self, String) {
        let piped = Self::start(world, &[&["--listen", "127.0.0.1:0"], more].concat());
        let ticket = piped.told();
        (piped, ticket)
    }

    /// The next line of stderr.
    fn told(&self) -> String {
        self.stderr
            .recv_timeout(CUT_OFF)
            .expect("it says something")
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stdin.as_mut().unwrap().write_all(bytes).unwrap();
    }

    pub(crate) fn read(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut bytes)
            .unwrap();
        bytes
    }

    /// Everything of stdout that is still to come, in a thread.
    pub(crate) fn read_all(&mut self) -> JoinHandle<blake3::Hash> {
        let mut stdout = self.stdout.take().unwrap();
        thread::spawn(move || {
            let mut hasher = blake3::Hasher::new();
            std::io::copy(&mut stdout, &mut hasher).unwrap();
            hasher.finalize()
        })
    }

    /// Writes so many bytes and ends, in a thread; their hash.
    pub(crate) fn write_all(&mut self, seed: u8, count: usize) -> (JoinHandle<()>, blake3::Hash) {
        let mut bytes = vec![0; count];
        blake3::Hasher::new_keyed(&[seed; 32])
            .finalize_xof()
            .fill(&mut bytes);
        let hash = blake3::hash(&bytes);
        let mut stdin = self.stdin.take().unwrap();
        let writing = thread::spawn(move || stdin.write_all(&bytes).unwrap());
        (writing, hash)
    }

    /// Waits for the end, and gives the code and what is left of stderr.
    fn end(mut self) -> (Option<i32>, String) {
        let mut said = Vec::new();
        while let Ok(line) = self.stderr.recv_timeout(CUT_OFF) {
            said.push(line);
        }
        (self.child.wait().unwrap().code(), said.join("\n"))
    }

    #[track_caller]
    pub(crate) fn end_by(self, code: i32, words: &str) {
        let (ended, said) = self.end();
        assert_eq!(ended, Some(code), "{said}");
        assert!(said.contains(words), "{words}: {said}");
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(self.child.id().cast_signed()).unwrap();
        kill_process(id, signal).unwrap();
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        let _over = self.child.kill();
        let _over = self.child.wait();
    }
}

#[test]
fn pipe_carries_both_ways_what_was_given() {
    let world = World::new();
    let (mut one, ticket) = Piped::listen(&world, &[]);
    let mut other = Piped::start(&world, &[&ticket]);
    let (writing_one, hash_one) = one.write_all(1, 64 * MIB);
    let (writing_other, hash_other) = other.write_all(2, 64 * MIB);
    let (read_one, read_other) = (one.read_all(), other.read_all());
    writing_one.join().unwrap();
    writing_other.join().unwrap();
    assert_eq!(read_one.join().unwrap(), hash_other);
    assert_eq!(read_other.join().unwrap(), hash_one);
    one.end_by(0, "");
    other.end_by(0, "");
    assert!(world.has_no_home(), "one-time identities leave nothing");
}

#[test]
fn pipe_gives_each_byte_at_once_and_ends_each_direction_by_itself() {
    let world = World::new();
    let (mut one, ticket) = Piped::listen(&world, &["--json"]);
    let ticket: serde_json::Value = serde_json::from_str(&ticket).unwrap();
    let mut other = Piped::start(&world, &[ticket["ticket"].as_str().unwrap(), "--json"]);
    // No line ends here, and nothing but bytes is on stdout.
    for byte in [b"a", b"\n", b"\0"] {
        one.write(byte);
        assert_eq!(other.read(1), byte);
        other.write(byte);
        assert_eq!(one.read(1), byte);
    }
    drop(other.stdin.take());
    assert_eq!(one.read_all().join().unwrap(), blake3::hash(b""));
    one.write(b"still");
    assert_eq!(other.read(5), b"still");
    drop(one.stdin.take());
    assert_eq!(other.read_all().join().unwrap(), blake3::hash(b""));
    one.end_by(0, "\"received\":3,\"sent\":8");
    other.end_by(0, "\"received\":8,\"sent\":3");
}

#[test]
fn pipe_has_one_other_end_and_that_shows_the_token() {
    let world = World::new();
    let (mut one, ticket) = Piped::listen(&world, &[]);
    let mut without: hydroid_core::identity::Ticket = ticket.parse().unwrap();
    without.token = None;
    let without = without.to_string();
    world.run(&["pipe", &without]).by_saying(5, "token");
    world.run(&["ping", &ticket, "-c", "1"]).by(0);
    world.run(&["recv", &ticket]).by_saying(5, "here is a pipe");
    let mut other = Piped::start(&world, &[&ticket]);
    one.write(b"x");
    other.read(1);
    world.run(&["pipe", &ticket]).by_saying(1, "somebody else");
    world.run(&["pipe", &without]).by_saying(5, "token");
    world.run(&["ping", &ticket, "-c", "1"]).by(0);
    drop((one.stdin.take(), other.stdin.take()));
    one.end_by(0, "");
    other.end_by(0, "");
    let file = world.file("file", 5);
    let (sender, ticket) = world.send(&file);
    world
        .run(&["pipe", &ticket])
        .by_saying(5, "a file is given");
    drop(sender);
}

#[test]
fn pipe_with_a_broken_stdout_stops_the_peer() {
    let world = World::new();
    let (mut one, ticket) = Piped::listen(&world, &[]);
    let mut other = Piped::start(&world, &[&ticket]);
    one.write(b"x");
    other.read(1);
    drop(other.stdout.take());
    one.write(b"y");
    other.end_by(1, "stdout takes nothing more");
    // The peer may learn of both directions in either order.
    one.end_by(1, "the peer");
}

/// The memory of a process that is its own, in KiB.
fn memory_kib(piped: &Piped) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", piped.child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.unwrap().split_whitespace().nth(1);
    number.unwrap().parse().unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn pipe_that_nobody_reads_takes_little_and_loses_nothing() {
    let world = World::new();
    let (mut one, ticket) = Piped::listen(&world, &[]);
    let mut other = Piped::start(&world, &[&ticket]);
    one.write(b"x");
    other.read(1);
    let before = [memory_kib(&one), memory_kib(&other)];
    let (writing, hash) = one.write_all(3, 100 * MIB);
    // In the time of these round trips all of it would be through twice.
    for _ in 0..2000 {
        other.write(b"z");
        assert_eq!(one.read(1), b"z");
    }
    assert!(!writing.is_finished(), "100 MiB do not fit between them");
    for (piped, before) in [&one, &other].into_iter().zip(before) {
        let more_mib = (memory_kib(piped) - before) >> 10;
        assert!(more_mib < 48, "{more_mib} MiB more");
    }
    let reading = other.read_all();
    writing.join().unwrap();
    assert_eq!(reading.join().unwrap(), hash);
    drop(other.stdin.take());
    one.end_by(0, "");
    other.end_by(0, "");
}

#[test]
fn pipe_ends_when_the_peer_is_killed() {
    let world = World::new();
    for dialler in [false, true] {
        let (mut one, ticket) = Piped::listen(&world, &[]);
        let mut other = Piped::start(&world, &[&ticket]);
        one.write(b"x");
        other.read(1);
        let (killed, left) = if dialler { (other, one) } else { (one, other) };
        killed.signal(Signal::KILL);
        // Nobody tells it, and its stdin is open still.
        left.end_by(4, "gone");
    }
}

#[test]
fn pipe_ends_by_signals_and_when_the_peer_is_gone() {
    let world = World::new();
    let (waiting, _ticket) = Piped::listen(&world, &[]);
    waiting.signal(Signal::INT);
    waiting.end_by(130, "interrupted");
    let (mut one, ticket) = Piped::listen(&world, &[]);
    let mut other = Piped::start(&world, &[&ticket]);
    one.write(b"x");
    other.read(1);
    other.signal(Signal::TERM);
    other.end_by(130, "interrupted");
    // Its stdin is open still.
    one.end_by(4, "gone");
    world
        .run(&["pipe", "hyd1", "--listen", "127.0.0.1:0"])
        .by_saying(2, "malformed");
}
