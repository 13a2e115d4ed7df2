//! Two drivers of real switches, joined by sockets that are queues.

mod ends;
mod news;
mod turns;
mod waiting;

use alloc::{sync::Arc, vec, vec::Vec};
use core::{
    net::SocketAddr,
    sync::atomic::{AtomicU32, Ordering},
    task::{Poll, Waker},
};
use std::task::Wake;

use super::{Config, Driver, Flushed, Outbox, Sent, Turn};
use crate::{
    base::{Seed, Time, Wall},
    identity::{Hashname, PublicKey, SecretKey, Space},
    switch::{self, Ecn, Interface, LineId, Meta, Path, SocketId, StreamId, Switch, Transmit},
};

/// A waker that counts.
#[derive(Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Woken {
    fn new() -> (Arc<Self>, Waker) {
        let woken = Arc::new(Self::default());
        (Arc::clone(&woken), woken.into())
    }

    fn times(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One end: a driver and a socket that takes so much and keeps what it took.
struct End {
    driver: Driver,
    outbox: Outbox,
    address: SocketAddr,
    local: Hashname,
    key: PublicKey,
    room: usize,
    wire: Vec<(Transmit, Vec<u8>)>,
}

impl End {
    fn new(number: u8, config: Config) -> Self {
        let address = SocketAddr::from(([10, 0, 0, number], 1));
        let seed = Seed::new([number; 32]);
        let mut switch = Switch::new(switch::Config::default(), &seed).unwrap();
        let socket = SocketId(0);
        let interface = Interface {
            socket,
            local: address,
        };
        switch.handle_network_change(Time::ZERO, &[interface]);
        let secret = SecretKey::from_bytes(&[number; 32]);
        let space = Space::open("test").unwrap();
        let local = switch.install(Time::ZERO, &secret, &space).unwrap();
        let mut driver = Driver::new(switch, config);
        driver.tick(Time::ZERO, Wall::from_ms(1_700_000_000_000));
        Self {
            driver,
            outbox: Outbox::new(65_507),
            address,
            local,
            key: secret.public(),
            room: usize::MAX,
            wire: Vec::new(),
        }
    }

    fn flush(&mut self, now: Time, turn: &mut Turn) -> Flushed {
        let Self {
            driver,
            outbox,
            room,
            wire,
            ..
        } = self;
        driver.flush(now, outbox, turn, 64, |transmit, bytes| {
            if bytes.len() > *room {
                return Sent::Full;
            }
            *room -= bytes.len();
            wire.push((*transmit, bytes.to_vec()));
            Sent::Done
        })
    }

    /// One turn: what is on `other`'s wire in, what there is out.
    fn turn(&mut self, now: Time, other: &mut Self) -> Flushed {
        let mut turn = self.driver.turn();
        for (transmit, mut bytes) in other.wire.drain(..) {
            let meta = Meta {
                socket: SocketId(0),
                path: Path::to(other.address),
                interface: 0,
                ecn: Ecn::None,
                stride: transmit.segment,
            };
            self.driver.received(now, &meta, &mut bytes, &mut turn);
        }
        let wall_ms = 1_700_000_000_000 + now.as_us() / 1000;
        self.driver.tick(now, Wall::from_ms(wall_ms));
        let flushed = self.flush(now, &mut turn);
        self.driver.dispatch(now);
        let mut fired = Vec::new();
        self.driver.waiters().take_fired(&mut fired);
        fired.into_iter().for_each(Waker::wake);
        flushed
    }
}

/// Two ends and their common clock.
struct Pair {
    a: End,
    b: End,
    now: Time,
}

impl Pair {
    fn new(config: Config) -> Self {
        Self {
            a: End::new(1, config.clone()),
            b: End::new(2, config),
            now: Time::ZERO,
        }
    }

    /// Turns of both ends, a millisecond apart, until `done` holds.
    fn until(&mut self, mut done: impl FnMut(&mut Self) -> bool) {
        for _ in 0..20_000 {
            if done(self) {
                return;
            }
            self.now = self.now.plus_ms(1);
            self.a.turn(self.now, &mut self.b);
            self.b.turn(self.now, &mut self.a);
        }
        panic!("20 s have not been enough");
    }

    /// A line from `a` to `b` that is up, with a hold.
    fn line(&mut self) -> LineId {
        let (local, key, address) = (self.a.local, self.b.key, self.b.address);
        let switch = self.a.driver.switch_mut();
        let line = switch.connect(self.now, local, &key, &[address]).unwrap();
        self.a.driver.hold_asked(line);
        self.until(|pair| {
            let up = pair.a.driver.poll_up(line, Waker::noop());
            assert!(!matches!(up, Poll::Ready(Err(_))));
            up.is_ready()
        });
        line
    }

    /// A stream that `a` opened and `b` accepted.
    fn stream(&mut self, line: LineId) -> (StreamId, StreamId) {
        let opened = self.a.driver.open_stream(self.now, line, "{}").unwrap();
        let mut accepted = None;
        self.until(|pair| {
            accepted = pair.b.driver.accept();
            accepted.is_some()
        });
        (opened, accepted.unwrap())
    }

    /// Everything that `b` can read now.
    fn read(&mut self, stream: StreamId) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut buf = vec![0; 4096];
        let driver = &mut self.b.driver;
        while let Poll::Ready(Ok(switch::Read::Bytes(len))) =
            driver.poll_read(self.now, stream, &mut buf, Waker::noop())
        {
            bytes.extend_from_slice(&buf[..len]);
        }
        bytes
    }
}
