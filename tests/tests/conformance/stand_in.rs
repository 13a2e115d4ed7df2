//! One end in a process of its own, so that it can be killed: no shell and no runtime gets a word out
//! then, and its socket is gone. The process runs the very same test, told by its environment whom it plays.

use std::{
    env,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    process::{self, Child, Command, Stdio},
    thread,
};

use crate::node::{End, Shell, suite};
use hydroid_core::{identity::Ticket, line::Suite};

/// What the environment tells the process: `listens`, or the ticket of the end that it dials.
const PART: &str = "HYDROID_CONFORMANCE_PART";
const LISTENS: &str = "listens";

/// Streams that the stand-in opens where it dials.
pub(crate) const STREAMS: usize = 3;
/// What it writes into each, and does not end.
pub(crate) const WORDS: &[u8] = b"written before";

/// The identities of the two parts.
pub(crate) const LISTENER: &str = "stand-in that listens";
pub(crate) const DIALLER: &str = "stand-in that dials";

/// A process that plays an end until it is killed, at the latest when this goes.
pub(crate) struct StandIn {
    process: Child,
    /// Where it is.
    pub(crate) ticket: Ticket,
}

impl StandIn {
    /// It echoes what comes. Here and below, `test` is the name of the test that this is called in.
    pub(crate) fn listens(test: &str) -> Self {
        Self::start(test, LISTENS)
    }

    /// It has opened its streams and written into each when this returns.
    pub(crate) fn dials(test: &str, ticket: &Ticket) -> Self {
        Self::start(test, &ticket.to_string())
    }

    fn start(test: &str, part: &str) -> Self {
        let process = Command::new(env::current_exe().expect("it runs"))
            .args(["--exact", "--nocapture", test])
            .env(PART, part)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut process = process.expect("a process can be started");
        let told = process.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(told).lines().map_while(Result::ok);
        let ticket = lines.find_map(|line| line.parse().ok());
        let Some(ticket) = ticket else {
            let _gone = process.kill();
            panic!("it did not start: {:?}", process.wait());
        };
        Self { process, ticket }
    }

    /// Ends it without a word.
    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("it is ours");
        self.process.wait().expect("it was killed");
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}

/// Plays the part that the environment asks for, if it asks for any, and does not return then: it is
/// killed, or whoever started it is gone.
pub(crate) fn play(dials: Shell, listens: Shell) {
    let Ok(part) = env::var(PART) else {
        return;
    };
    if part == LISTENS {
        echo(listens)
    } else {
        dial(dials, &part.parse().expect("it is a ticket"))
    }
}

/// Sends back what comes, and ends nothing.
fn echo(shell: Shell) -> ! {
    let end = End::bind(shell, LISTENER, suite(Suite::default()));
    // The harness may have begun a line.
    println!("\n{}", end.ticket);
    thread::spawn(move || {
        while let Ok(mut stream) = end.node.accept() {
            thread::spawn(move || -> io::Result<()> {
                let mut buf = [0; 1024];
                loop {
                    let count = stream.read(&mut buf)?;
                    stream.write_all(&buf[..count])?;
                }
            });
        }
    });
    wait_for_the_end()
}

fn dial(shell: Shell, to: &Ticket) -> ! {
    let end = End::bind(shell, DIALLER, suite(Suite::default()));
    let line = end.connect(to);
    let open = |_| {
        let mut stream = line.open("{}").expect("the line is up");
        stream.write_all(WORDS).expect("the line is up");
        stream
    };
    let _open: Vec<_> = (0..STREAMS).map(open).collect();
    println!("\n{}", end.ticket);
    wait_for_the_end()
}

/// Nothing is ever written to this process: its input ends when whoever started it does.
fn wait_for_the_end() -> ! {
    let _end = io::stdin().read(&mut [0]);
    process::exit(0)
}
