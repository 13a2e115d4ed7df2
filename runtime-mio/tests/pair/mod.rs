//! Endpoints on loopback that share one `Poll` and one thread, and a bound in time for every test.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::{
    io::{self, Read as _, Write as _},
    net::SocketAddr,
    time::{Duration, Instant},
};

use hydroid_mio::{
    Config, Endpoint, Event, Line, Stream, fresh_secret,
    identity::{Hashname, SecretKey, Space, Ticket},
    switch::{self, DownReason, LineEvent, LineId},
};
use mio::{Events, Interest, Poll, Token};

/// Nothing here may take this long; a test that does has hung.
const BOUND: Duration = Duration::from_secs(30);

pub(crate) const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

/// An endpoint with an identity, the ticket for it, and every event that it told.
pub(crate) struct Member {
    pub(crate) endpoint: Endpoint,
    pub(crate) hashname: Hashname,
    pub(crate) ticket: Ticket,
    pub(crate) events: Vec<Event>,
    secret: SecretKey,
}

impl Member {
    pub(crate) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(crate) fn with_switch(switch: switch::Config) -> Self {
        Self::with(Config {
            switch,
            ..Config::default()
        })
    }

    pub(crate) fn with(config: Config) -> Self {
        let listen = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
        let secret = fresh_secret().expect("the system has randomness");
        Self::listening(Config { listen, ..config }, secret)
    }

    pub(crate) fn listening(config: Config, secret: SecretKey) -> Self {
        let endpoint = Endpoint::bind(config).expect("there are ports");
        let space = Space::open("test").expect("the name is legal");
        let addresses = endpoint.local_addresses();
        let ticket = Ticket::new(secret.public(), space.clone(), &addresses, None);
        let hashname = endpoint.install(&secret, &space).expect("it is the first");
        Self {
            endpoint,
            hashname,
            ticket,
            events: Vec::new(),
            secret,
        }
    }

    /// A new endpoint with the same identity.
    pub(crate) fn again(&self) -> Self {
        let listen = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
        let config = Config {
            listen,
            ..Config::default()
        };
        Self::listening(config, self.secret.clone())
    }

    /// A turn, and everything that it told.
    pub(crate) fn turn(&mut self) {
        self.endpoint.turn().expect("the endpoint works");
        while let Some(event) = self.endpoint.next_event() {
            self.events.push(event);
        }
    }

    /// True if such an event was told; it counts as looked at then.
    pub(crate) fn saw(&mut self, is: impl Fn(&Event) -> bool) -> bool {
        let place = self.events.iter().position(is);
        place.map(|place| self.events.remove(place)).is_some()
    }

    pub(crate) fn saw_down(&mut self, down: LineId) -> Option<DownReason> {
        self.events.iter().find_map(|event| {
            let Event::Line(LineEvent::Down { line, reason }) = event else {
                return None;
            };
            (*line == down).then(|| reason.clone())
        })
    }
}

/// The loop of a program with several endpoints.
pub(crate) struct World {
    pub(crate) poll: Poll,
    pub(crate) members: Vec<Member>,
    pub(crate) steps: u64,
    events: Events,
    end: Instant,
}

impl World {
    pub(crate) fn new(members: impl Into<Vec<Member>>) -> Self {
        let mut world = Self {
            poll: Poll::new().expect("the system has a poll"),
            members: Vec::new(),
            steps: 0,
            events: Events::with_capacity(16),
            end: Instant::now() + BOUND,
        };
        for member in members.into() {
            world.add(member);
        }
        world
    }

    /// Two members.
    pub(crate) fn pair() -> Self {
        Self::new([Member::new(), Member::new()])
    }

    pub(crate) fn add(&mut self, mut member: Member) {
        let token = Token(self.members.len());
        let registry = self.poll.registry();
        let registered = registry.register(&mut member.endpoint, token, BOTH);
        registered.expect("it is registered nowhere");
        self.members.push(member);
    }

    /// Sleeps until a member has something to do, but no longer than `most`, and lets it do that.
    pub(crate) fn step(&mut self, most: Duration) {
        assert!(Instant::now() < self.end, "the test hung");
        let waits = self.members.iter_mut().map(|one| one.endpoint.timeout());
        let wait = waits.flatten().min().unwrap_or(most).min(most);
        self.poll
            .poll(&mut self.events, Some(wait))
            .expect("a poll works");
        self.steps += 1;
        self.members.iter_mut().for_each(Member::turn);
    }

    /// Steps until `done` gives something.
    pub(crate) fn until<T>(&mut self, mut done: impl FnMut(&mut [Member]) -> Option<T>) -> T {
        loop {
            if let Some(result) = done(&mut self.members) {
                return result;
            }
            self.step(BOUND);
        }
    }

    /// Steps until a call has something else to say than that it would block.
    pub(crate) fn wait<T>(
        &mut self,
        mut call: impl FnMut(&mut [Member]) -> io::Result<T>,
    ) -> io::Result<T> {
        self.until(|members| match call(members) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            result => Some(result),
        })
    }

    /// Steps for some time.
    pub(crate) fn pause(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            self.step(left);
        }
    }

    /// A line from one member to another, once it is up.
    pub(crate) fn line(&mut self, from: usize, to: usize) -> Line {
        let ticket = self.members[to].ticket.clone();
        let line = self.dial(from, &ticket).expect("the other is there");
        assert_eq!(line.peer().hashname, self.members[to].hashname);
        line
    }

    pub(crate) fn dial(&mut self, from: usize, ticket: &Ticket) -> io::Result<Line> {
        let from = &self.members[from];
        let line = from.endpoint.connect(from.hashname, ticket)?;
        self.wait(|_| line.up())?;
        Ok(line)
    }

    /// Both ends of a stream, from the line's end to member `to`.
    pub(crate) fn stream(&mut self, line: &Line, to: usize) -> (Stream, Stream) {
        let head = r#"{"test":1}"#;
        let opened = self.wait(|_| line.open_stream(head));
        let accepted = self.until(|members| members[to].endpoint.accept());
        assert_eq!(accepted.head().as_deref(), Some(head));
        (opened.expect("the line is up"), accepted)
    }

    /// Everything up to the end of the stream.
    pub(crate) fn read(&mut self, stream: &mut Stream) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.wait(|_| stream.read_to_end(&mut bytes))?;
        Ok(bytes)
    }

    pub(crate) fn write(&mut self, stream: &mut Stream, mut data: &[u8]) -> io::Result<()> {
        while !data.is_empty() {
            let written = self.wait(|_| stream.write(data))?;
            data = &data[written..];
        }
        Ok(())
    }
}

/// The core's error inside an error of the ecosystem.
pub(crate) fn inside<E: std::error::Error + Clone + 'static>(error: &io::Error) -> Option<E> {
    error.get_ref()?.downcast_ref().cloned()
}

pub(crate) fn would_block<T>(result: io::Result<T>) -> bool {
    result.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

/// Bytes that tell their place and their stream.
pub(crate) fn content(length: usize, salt: u64) -> Vec<u8> {
    (0..length as u64)
        .map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(salt) >> 56) as u8)
        .collect()
}
