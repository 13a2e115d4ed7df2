//! Files that are offered without a ticket: refused where nobody can be asked, asked where somebody
//! sits at a terminal.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read as _, Write as _},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::{
    members::up_at,
    running::{CUT_OFF, Ended, World},
    talkers::{Talker, space},
};

/// A process at a terminal of its own.
pub(crate) struct AtTerminal {
    pub(crate) child: Child,
    terminal: File,
    shown: Receiver<String>,
    all: String,
}

impl AtTerminal {
    pub(crate) fn start(mut command: Command) -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap();
        let end = || -> Stdio {
            let mut options = OpenOptions::new();
            let file = options.read(true).write(true).open(name.to_str().unwrap());
            file.unwrap().into()
        };
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn();
        let terminal = File::from(terminal);
        let mut reader = terminal.try_clone().unwrap();
        let (text, shown) = channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // It is an error once the process has gone.
            while let Ok(len) = reader.read(&mut bytes) {
                if text
                    .send(String::from_utf8_lossy(&bytes[..len]).into_owned())
                    .is_err()
                {
                    return;
                }
            }
        });
        Self {
            child: child.unwrap(),
            terminal,
            shown,
            all: String::new(),
        }
    }

    /// Waits until the words are shown behind those that were waited for before.
    pub(crate) fn until(&mut self, words: &str) -> String {
        loop {
            if let Some(at) = self.all.find(words) {
                let end = at + words.len();
                let before = self.all[..end].to_owned();
                self.all = self.all[end..].into();
                return before;
            }
            match self.shown.recv_timeout(CUT_OFF) {
                Ok(text) => self.all.push_str(&text),
                Err(error) => panic!("{words} is not shown: {error}; {}", self.all),
            }
        }
    }

    pub(crate) fn enter(&mut self, text: &str) {
        self.terminal.write_all(text.as_bytes()).unwrap();
        self.terminal.write_all(b"\n").unwrap();
    }
}

impl Drop for AtTerminal {
    fn drop(&mut self) {
        let _over = self.child.kill();
        let _over = self.child.wait();
    }
}

fn offer(world: &World, space: &str, file: &str, ticket: &str) -> Ended {
    let send = [
        "send", file, "--to", "anna", "--space", space, "--name", "bob",
    ];
    world.run(&[&send[..], &["--listen", "127.0.0.1:0", "--peer", ticket]].concat())
}

#[test]
fn offers_are_refused_where_nobody_can_be_asked() {
    let (one, two, space) = (World::new(), World::new(), space());
    let file = two.file("file", 1000);
    let file = file.to_str().unwrap();
    let (up, ticket) = up_at(&one, &space, "anna", &[]);
    offer(&two, &space, file, &ticket).by_saying(5, "refuses");
    up.signal(rustix::process::Signal::TERM);
    up.end().by(0).saying("bob~");
    assert!(one.names("in").is_empty());
    let (chat, ticket) = Talker::chat(&one, &space, "anna", &[], &["--stay"]);
    offer(&two, &space, file, &ticket).by_saying(5, "refuses");
    let refused = chat.until("refused");
    assert_eq!(
        (&refused["name"], &refused["bytes"]),
        (&"file".into(), &1000.into())
    );
    // A name that leads out of the folder is none, whatever is accepted.
    assert!(one.names("in").is_empty());
}

#[test]
fn offers_to_an_up_are_asked_at_its_terminal() {
    let (one, two, space) = (World::new(), World::new(), space());
    let file = two.file("big.iso", 4 << 20);
    let file = file.to_str().unwrap();
    let into = one.path("in");
    let up = [
        "up",
        "--listen",
        "127.0.0.1:0",
        "--into",
        into.to_str().unwrap(),
    ];
    let up = [&up[..], &["--space", &space, "--name", "anna"]].concat();
    let mut up = AtTerminal::start(one.command(&up));
    let begun = up.until("up; files go into");
    let ticket = begun.lines().find(|line| line.starts_with("hyd1"));
    let ticket = ticket.unwrap().trim_end().to_owned();
    thread::scope(|scope| {
        let ask = || scope.spawn(|| offer(&two, &space, file, &ticket));
        for answer in ["n", "", "what?"] {
            let offered = ask();
            let question = up.until("Take it? [y/N]");
            assert!(
                question.contains(" offers big.iso (4.0 MiB)."),
                "{question}"
            );
            assert!(question.contains("bob~"), "{question}");
            up.enter(answer);
            offered.join().unwrap().by_saying(5, "they do not take it");
            assert!(one.names("in").is_empty());
        }
        let offered = ask();
        up.until("Take it? [y/N]");
        up.enter("y");
        offered.join().unwrap().by(0);
    });
    let received = up.until(", BLAKE3 ");
    assert!(received.contains("big.iso from bob~"), "{received}");
    assert!(fs::read(one.path("in/big.iso")).unwrap() == fs::read(file).unwrap());
}

#[test]
fn offers_to_a_chat_are_accepted_and_refused_by_commands() {
    let (one, two, space) = (World::new(), World::new(), space());
    let file = two.file("big.iso", 4 << 20);
    let file = file.to_str().unwrap();
    let (bob, ticket) = Talker::chat(&two, &space, "bob", &[], &["--stay"]);
    let into = one.path("in");
    let chat = [
        "chat",
        "--listen",
        "127.0.0.1:0",
        "--into",
        into.to_str().unwrap(),
    ];
    let chat = [
        &chat[..],
        &["--space", &space, "--name", "anna", "--peer", &ticket],
    ]
    .concat();
    let mut anna = AtTerminal::start(one.command(&chat));
    anna.until("bob~");
    anna.enter("/accept");
    anna.until("nothing is offered");
    thread::scope(|scope| {
        // The same home: another process is its identity, and this one somebody else.
        let ask = || scope.spawn(|| offer(&two, &space, file, &ticket));
        let offered = ask();
        let question = anna.until("/accept or /refuse it");
        assert!(
            question.contains("? offers big.iso (4.0 MiB)."),
            "nobody has met this key: {question}"
        );
        anna.enter("/refuse");
        offered.join().unwrap().by_saying(5, "they do not take it");
        // The folder is made if somebody has removed it.
        fs::remove_dir(&into).unwrap();
        let offered = ask();
        anna.until("/accept or /refuse it");
        anna.enter("/accept");
        offered.join().unwrap().by(0);
        // What became of one offer is told before the next is asked about.
        let offered = [ask(), ask(), ask()];
        anna.until("/accept or /refuse it");
        thread::sleep(Duration::from_secs(2));
        // Those who wait for an answer keep nobody else out.
        let ping = ["ping", "anna", "-c", "1", "--listen", "127.0.0.1:0"];
        let ping = [&ping[..], &["--space", &space, "--peer", &ticket]].concat();
        two.run(&ping).by(0);
        anna.enter("/refuse");
        for _more in 0..2 {
            let next = anna.until("/accept or /refuse it");
            assert!(next.contains("refused, you said no"), "{next}");
            anna.enter("/refuse");
        }
        anna.until("refused, you said no");
        for offered in offered {
            offered.join().unwrap().by_saying(5, "they do not take it");
        }
    });
    assert!(fs::read(one.path("in/big.iso")).unwrap() == fs::read(file).unwrap());
    anna.enter("/fly");
    anna.until("no such command");
    anna.enter("//fly");
    assert_eq!(bob.texts_until("/fly"), ["/fly"]);
    anna.enter("/who");
    anna.until("here: ");
    anna.until("bob~");
    anna.enter("/quit");
    assert_eq!(anna.child.wait().unwrap().code(), Some(0));
}
