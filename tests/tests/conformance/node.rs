//! What the script asks of a shell, whatever loop it runs in: calls that wait. A shell has one adapter
//! to this and nothing else of its own in here.

use std::{
    io::{self, Read, Write},
    net::SocketAddr,
    time::Duration,
};

use hydroid_core::{
    identity::{SecretKey, Space, Ticket},
    line::Suite,
    switch::{self, DownReason, LanEvent, LineEvent, LineId, Neighbour, Stats, Status},
};

/// A shell: its name, and how an endpoint of it is made and driven.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shell {
    pub(crate) name: &'static str,
    pub(crate) bind: fn(&SecretKey, &Space, switch::Config) -> io::Result<Box<dyn Node>>,
}

/// An endpoint with one identity, driven by a thread of its own until it is dropped.
pub(crate) trait Node: Send + Sync {
    fn addresses(&self) -> Vec<SocketAddr>;
    fn connect(&self, ticket: &Ticket) -> io::Result<Box<dyn Line>>;
    fn accept(&self) -> io::Result<Box<dyn Stream>>;
    fn line_event(&self) -> io::Result<LineEvent>;
    fn announce(&self, secret: &SecretKey) -> io::Result<()>;
    fn hush(&self) -> io::Result<()>;
    fn neighbours(&self) -> Vec<Neighbour>;
    fn lan_event(&self) -> io::Result<LanEvent>;
    fn stats(&self) -> Stats;
    fn status(&self) -> Status;
    fn shutdown(&self, within: Duration);
}

pub(crate) trait Line: Send + Sync {
    fn id(&self) -> LineId;
    fn open(&self, head: &str) -> io::Result<Box<dyn Stream>>;
    fn send(&self, packet: &[u8]) -> io::Result<()>;
    /// `TimedOut` if nothing comes `within` that time.
    fn recv(&self, buf: &mut [u8], within: Duration) -> io::Result<usize>;
    fn close(&self, code: u64, reason: &str);
    fn closed(&self) -> DownReason;
}

pub(crate) trait Stream: Read + Write + Send {
    /// The head of the peer's direction.
    fn head(&mut self) -> io::Result<String>;
    fn answer(&mut self, head: &str) -> io::Result<()>;
    /// Ends our direction.
    fn end(&mut self) -> io::Result<()>;
    /// Ends our direction and waits until everything has reached the peer.
    fn finished(&mut self) -> io::Result<()>;
    fn reset(&mut self, code: u64);
    fn stop(&mut self, code: u64);
}

/// A node and how others reach it.
pub(crate) struct End {
    pub(crate) node: Box<dyn Node>,
    pub(crate) ticket: Ticket,
}

impl End {
    /// The same `who` is the same identity, in this process and in another.
    pub(crate) fn bind(shell: Shell, who: &str, config: switch::Config) -> Self {
        let space = Space::open("conformance").expect("the name is legal");
        Self::bind_in(&space, shell, who, config)
    }

    /// The same in a space of its own.
    pub(crate) fn bind_in(space: &Space, shell: Shell, who: &str, config: switch::Config) -> Self {
        let (secret, space) = (secret(who), space.clone());
        let node = (shell.bind)(&secret, &space, config).expect("there are ports");
        let ticket = Ticket::new(secret.public(), space, &node.addresses(), None);
        Self { node, ticket }
    }

    pub(crate) fn connect(&self, to: &Ticket) -> Box<dyn Line> {
        self.node.connect(to).expect("the other end is there")
    }

    /// The line that comes up next, which the peer opened; and why those before it went down.
    pub(crate) fn next_line(&self, from: &Ticket) -> (Box<dyn Line>, Vec<DownReason>) {
        let mut downs = Vec::new();
        loop {
            match self.node.line_event().expect("the node works") {
                LineEvent::Up { line, peer, .. } => {
                    assert_eq!(peer.hashname, from.hashname());
                    let there = self.connect(from);
                    assert_eq!(there.id(), line, "the line that is up is given");
                    return (there, downs);
                }
                LineEvent::Down { reason, .. } => downs.push(reason),
                LineEvent::Moved { .. } | _ => {}
            }
        }
    }

    /// Both ends of a stream that the line's end opened.
    pub(crate) fn stream(&self, line: &dyn Line) -> (Box<dyn Stream>, Box<dyn Stream>) {
        let near = line.open(r#"{"conformance":1}"#).expect("the line is up");
        let mut far = self.node.accept().expect("it was opened");
        assert_eq!(far.head().expect("it is there"), r#"{"conformance":1}"#);
        (near, far)
    }
}

/// The key of an identity.
pub(crate) fn secret(who: &str) -> SecretKey {
    SecretKey::from_bytes(blake3::hash(who.as_bytes()).as_bytes())
}

/// A line from one to the other, at both ends; and why those that were there before went down.
pub(crate) fn dial(a: &End, b: &End) -> ([Box<dyn Line>; 2], Vec<DownReason>) {
    let near = a.connect(&b.ticket);
    let (far, downs) = b.next_line(&a.ticket);
    ([near, far], downs)
}

/// How an end learns that the other one closed.
pub(crate) fn closed(code: u64, reason: &str) -> DownReason {
    let reason = reason.into();
    DownReason::Closed { code, reason }
}

pub(crate) fn suite(suite: Suite) -> switch::Config {
    let mut config = switch::Config::default();
    config.line.suite = suite;
    config
}

/// The core's error inside an error of the ecosystem.
pub(crate) fn inside<E: std::error::Error + Clone + 'static>(error: &io::Error) -> Option<E> {
    error.get_ref()?.downcast_ref().cloned()
}
