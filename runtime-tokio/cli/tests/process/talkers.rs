//! Chats with all three of their pipes in hand, and spaces that no other test is in.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::running::{CUT_OFF, World};

/// The name of a space that nobody else is in.
pub(crate) fn space() -> String {
    let mut random = [0; 8];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut file| std::io::Read::read_exact(&mut file, &mut random))
        .unwrap();
    format!("test-{:016x}", u64::from_be_bytes(random))
}

/// A process of the program; killed by its id if the test ends first.
pub(crate) struct Talker {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

impl Talker {
    pub(crate) fn start(mut command: Command) -> Self {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = lines(child.stdout.take().unwrap());
        let stderr = lines(child.stderr.take().unwrap());
        Self {
            stdin: child.stdin.take(),
            child,
            stdout,
            stderr,
        }
    }

    /// A chat in a space that begins with those of these tickets, and its own ticket.
    pub(crate) fn chat(
        world: &World,
        space: &str,
        name: &str,
        peers: &[&str],
        more: &[&str],
    ) -> (Self, String) {
        let mut arguments = vec!["--json", "chat", "--space", space, "--name", name];
        arguments.extend(["--listen", "127.0.0.1:0"]);
        for peer in peers {
            arguments.extend(["--peer", peer]);
        }
        arguments.extend(more);
        let talker = Self::start(world.command(&arguments));
        let ticket = talker.until("begin")["ticket"].as_str().unwrap().to_owned();
        (talker, ticket)
    }

    pub(crate) fn say(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(text.as_bytes()).unwrap();
        stdin.write_all(b"\n").unwrap();
    }

    /// Ends its stdin.
    pub(crate) fn end_input(&mut self) {
        self.stdin = None;
    }

    /// The next line of stdout.
    pub(crate) fn line(&self) -> String {
        match self.stdout.recv_timeout(CUT_OFF) {
            Ok(line) => line,
            Err(error) => {
                let said: Vec<_> = self.stderr.try_iter().collect();
                panic!("no line: {error}; stderr: {said:?}")
            }
        }
    }

    pub(crate) fn object(&self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    /// The next object of this event.
    pub(crate) fn until(&self, event: &str) -> Value {
        loop {
            let object = self.object();
            if object["event"] == event {
                return object;
            }
        }
    }

    /// The texts of the lines that are heard, up to the one that is `last`.
    pub(crate) fn texts_until(&self, last: &str) -> Vec<String> {
        let mut texts = Vec::new();
        while texts.last().is_none_or(|text| text != last) {
            let text = self.until("line")["text"].as_str().unwrap().to_owned();
            texts.push(text);
        }
        texts
    }

    /// Waits for a line of stderr that has these words.
    pub(crate) fn told(&self, words: &str) -> String {
        let mut said = Vec::new();
        loop {
            match self.stderr.recv_timeout(CUT_OFF) {
                Ok(line) if line.contains(words) => return line,
                Ok(line) => said.push(line),
                Err(error) => panic!("{words} is not said: {error}; {said:?}"),
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(self.child.id().cast_signed()).unwrap();
        kill_process(id, signal).unwrap();
    }

    /// Waits for its end, and gives what is left of stdout and stderr.
    #[track_caller]
    pub(crate) fn end_by(mut self, code: i32) -> (Vec<String>, Vec<String>) {
        let all = |lines: &Receiver<String>| {
            let mut all = Vec::new();
            while let Ok(line) = lines.recv_timeout(CUT_OFF) {
                all.push(line);
            }
            all
        };
        let (stdout, stderr) = (all(&self.stdout), all(&self.stderr));
        let ended = self.child.wait().unwrap().code();
        assert_eq!(ended, Some(code), "{stdout:?} {stderr:?}");
        (stdout, stderr)
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        let _over = self.child.kill();
        let _over = self.child.wait();
    }
}

fn lines(from: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (line, lines) = channel();
    thread::spawn(move || {
        let read = BufReader::new(from).lines();
        read.map_while(Result::ok)
            .all(|text| line.send(text).is_ok())
    });
    lines
}
