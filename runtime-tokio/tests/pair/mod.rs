//! Two endpoints on loopback, and a bound in time for every test.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::{net::SocketAddr, time::Duration};

use hydroid_tokio::{
    Config, Endpoint, Line, Provider, Stream, driver, fresh_secret,
    identity::{Hashname, SecretKey, Space, Ticket},
    switch,
};

/// Nothing here may take this long; a test that does has hung.
const BOUND: Duration = Duration::from_secs(30);

pub(crate) async fn bounded<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(BOUND, work)
        .await
        .expect("the test hung")
}

/// An endpoint with an identity, and the ticket for it.
pub(crate) struct Member {
    pub(crate) endpoint: Endpoint,
    pub(crate) hashname: Hashname,
    pub(crate) ticket: Ticket,
    pub(crate) secret: SecretKey,
}

impl Member {
    pub(crate) fn new(switch: switch::Config) -> Self {
        Self::within("test", switch)
    }

    pub(crate) fn within(space: &str, switch: switch::Config) -> Self {
        let config = Config {
            switch,
            ..Config::default()
        };
        Self::bind(space, config)
    }

    pub(crate) fn with_driver(driver: driver::Config) -> Self {
        let config = Config {
            driver,
            ..Config::default()
        };
        Self::bind("test", config)
    }

    pub(crate) fn with_provider(provider: &'static dyn Provider) -> Self {
        let config = Config {
            provider,
            ..Config::default()
        };
        Self::bind("test", config)
    }

    pub(crate) fn with_both(switch: switch::Config, provider: &'static dyn Provider) -> Self {
        let config = Config {
            switch,
            provider,
            ..Config::default()
        };
        Self::bind("test", config)
    }

    /// One that listens on every address of every family that there is.
    pub(crate) fn everywhere() -> Self {
        Self::listening("test", Config::default())
    }

    fn bind(space: &str, config: Config) -> Self {
        let listen = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
        Self::listening(space, Config { listen, ..config })
    }

    fn listening(space: &str, config: Config) -> Self {
        let endpoint = Endpoint::bind(config).expect("there are ports");
        let space = Space::open(space).expect("the name is legal");
        let secret = fresh_secret().expect("the system has randomness");
        let addresses = endpoint.local_addresses();
        let ticket = Ticket::new(secret.public(), space.clone(), &addresses, None);
        let hashname = endpoint.install(&secret, &space).expect("it is the first");
        assert_eq!(hashname, ticket.hashname());
        Self {
            endpoint,
            hashname,
            ticket,
            secret,
        }
    }

    /// A new endpoint with the same identity, at another port.
    pub(crate) fn again(&self) -> Self {
        let listen = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
        let config = Config {
            listen,
            ..Config::default()
        };
        let endpoint = Endpoint::bind(config).expect("there are ports");
        let space = Space::open("test").expect("the name is legal");
        let hashname = endpoint.install(&self.secret, &space);
        Self {
            hashname: hashname.expect("it is the first"),
            endpoint,
            ticket: self.ticket.clone(),
            secret: self.secret.clone(),
        }
    }

    pub(crate) async fn connect(&self, to: &Self) -> Line {
        let connected = self.endpoint.connect(self.hashname, &to.ticket);
        connected.await.expect("the other is there")
    }
}

/// Two members and a line from the first to the second.
pub(crate) async fn pair() -> (Member, Member, Line) {
    let (a, b) = (
        Member::new(switch::Config::default()),
        Member::new(switch::Config::default()),
    );
    let line = a.connect(&b).await;
    assert_eq!(line.peer().hashname, b.hashname);
    (a, b, line)
}

/// Both ends of a stream that the line's end opened.
pub(crate) async fn stream(line: &Line, to: &Member) -> (Stream, Stream) {
    let opened = line
        .open_stream(r#"{"test":1}"#)
        .await
        .expect("the line is up");
    let accepted = to.endpoint.accept().await.expect("it was opened");
    assert_eq!(accepted.head().as_deref(), Some(r#"{"test":1}"#));
    (opened, accepted)
}

/// Bytes that tell their place and their stream.
pub(crate) fn content(length: usize, salt: u64) -> Vec<u8> {
    (0..length as u64)
        .map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(salt) >> 56) as u8)
        .collect()
}
