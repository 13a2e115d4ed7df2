//! What a line takes while nothing happens on it, with its part of every table, in bytes that the
//! allocator counts.

use std::net::SocketAddr;

use hydroid_core::{
    base::{Seed, Time, Wall},
    identity::{Hashname, PublicKey, SecretKey, Space},
    switch::{Config, Ecn, Interface, Meta, Path, PureRust, SocketId, Switch, fast},
};

const SOCKET: SocketId = SocketId(0);
/// Identities at each end; there is a line between any two.
const IDENTITIES: u8 = 71;
/// What one end of an idle line may take, all tables included.
const LINE_BYTES_MAX: i64 = 2_048;

/// A switch whose memory is counted, and the bytes that it has.
struct Counted {
    switch: Switch,
    address: SocketAddr,
    identities: Vec<(Hashname, PublicKey)>,
    bytes: i64,
}

impl Counted {
    fn new(n: u8) -> Self {
        let mut config = Config::default();
        config.line.hashnames = IDENTITIES.into();
        config.line.lines = 6_000;
        let opens = 1_000_000;
        config.line.opens_per_second = opens;
        config.line.opens_burst = opens;
        config.line.opens_per_prefix_per_second = opens;
        let (seed, provider) = (Seed::new([n; 32]), fast().unwrap_or(&PureRust));
        let mut switch = Switch::with_provider(config, &seed, provider).expect("legal");
        let address = SocketAddr::from(([10, 0, 0, n], 4000));
        let (socket, local) = (SOCKET, address);
        switch.handle_network_change(Time::ZERO, &[Interface { socket, local }]);
        switch.handle_clock(Time::ZERO, Wall::from_ms(1_700_000_000_000));
        let space = Space::open("world").expect("legal");
        let identities = (0..IDENTITIES).map(|of| {
            let mut secret = [n; 32];
            secret[0] = of;
            let secret = SecretKey::from_bytes(&secret);
            let name = switch.install(Time::ZERO, &secret, &space);
            (name.expect("installs"), secret.public())
        });
        Self {
            identities: identities.collect(),
            switch,
            address,
            bytes: 0,
        }
    }

    fn call<T>(&mut self, call: impl FnOnce(&mut Switch) -> T) -> T {
        let mut result = None;
        let counted = allocation_counter::measure(|| result = Some(call(&mut self.switch)));
        self.bytes += counted.bytes_current;
        result.expect("it was called")
    }

    /// Sends everything to the other.
    fn flush(&mut self, now: Time, to: &mut Self, buf: &mut [u8]) -> bool {
        let mut busy = false;
        while let Some(sent) = self.call(|switch| switch.poll_transmit(now, buf)) {
            let meta = Meta {
                socket: SOCKET,
                path: Path::to(self.address),
                interface: 0,
                ecn: Ecn::None,
                stride: sent.segment,
            };
            to.call(|switch| switch.handle_datagram(now, &meta, &mut buf[..sent.len]));
            busy = true;
        }
        while self.call(Switch::poll_event).is_some() {}
        while self.call(Switch::poll_need).is_some() {}
        busy
    }
}

/// Two switches with a line between any two of their identities.
struct Pair {
    ends: [Counted; 2],
    now: Time,
    buf: Vec<u8>,
}

impl Pair {
    fn new() -> Self {
        Self {
            ends: [Counted::new(1), Counted::new(2)],
            now: Time::ZERO,
            buf: vec![0; 65_536],
        }
    }

    fn exchange(&mut self) {
        let [one, other] = &mut self.ends;
        while one.flush(self.now, other, &mut self.buf) | other.flush(self.now, one, &mut self.buf)
        {
        }
    }

    /// Lets so much time pass, and does what is due.
    fn pass(&mut self, ms: u64) {
        let end = self.now.plus_ms(ms);
        loop {
            self.exchange();
            let due = self.ends.iter().filter_map(|end| end.switch.poll_timeout());
            let due = due.map(|deadline| deadline.at).min();
            let Some(at) = due.filter(|at| *at <= end) else {
                break;
            };
            self.now = self.now.max(at);
            for end in &mut self.ends {
                let now = self.now;
                end.call(|switch| switch.handle_timeout(now));
            }
        }
        self.now = end;
    }

    fn bytes(&self) -> [i64; 2] {
        [0, 1].map(|of| self.ends[of].bytes)
    }
}

#[test]
fn memory_of_an_idle_line_is_within_its_budget() {
    let mut pair = Pair::new();
    let to = [pair.ends[1].address];
    let (ours, theirs) = (
        pair.ends[0].identities.clone(),
        pair.ends[1].identities.clone(),
    );
    let mut lines = 0;
    for (local, _) in &ours {
        for (_, key) in &theirs {
            let now = pair.now;
            let dialled = pair.ends[0].call(|switch| switch.connect(now, *local, key, &to));
            dialled.expect("dials");
            lines += 1;
            pair.exchange();
        }
        pair.pass(10);
    }
    let used = pair.bytes();
    pair.pass(12_000);
    let lines = i64::from(lines);
    for (of, end) in pair.ends.iter().enumerate() {
        assert_eq!(end.switch.status().lines as i64, lines);
        println!(
            "end {of}: {} bytes of a line in use, {} at rest",
            used[of] / lines,
            end.bytes / lines
        );
    }
    for end in &pair.ends {
        assert!(end.bytes / lines <= LINE_BYTES_MAX);
    }
}
