//! What a line takes while nothing happens on it, with its part of every table, in bytes that the
//! allocator counts.

use std::net::SocketAddr;

use hydroid_core::{
    base::{Seed, Time, Wall, Why},
    identity::{Hashname, PublicKey, SecretKey, Space},
    switch::{
        Config, Ecn, Event, Interface, LineId, Meta, Path, PureRust, Read, SocketId, StreamEvent,
        StreamId, Switch, fast,
    },
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
    /// The stream that the other opened last.
    opened: Option<StreamId>,
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
            opened: None,
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
        while let Some(event) = self.call(Switch::poll_event) {
            if let Event::Stream(StreamEvent::Opened { stream }) = event {
                self.opened = Some(stream);
            }
        }
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
    let mut dialled = Vec::new();
    for (local, _) in &ours {
        for (_, key) in &theirs {
            let now = pair.now;
            let line = pair.ends[0].call(|switch| switch.connect(now, *local, key, &to));
            dialled.push(line.expect("dials"));
            pair.exchange();
        }
        pair.pass(10);
    }
    let used = pair.bytes();
    pair.pass(12_000);
    let lines = dialled.len() as i64;
    for end in &pair.ends {
        let next = end.switch.poll_timeout().expect("lines are kept alive");
        // At the end where nobody holds them they end some time.
        let why = [Why::KeepAlive, Why::Idle].contains(&next.why);
        assert!(why && next.at > pair.now, "{next:?}");
    }
    for (of, end) in pair.ends.iter().enumerate() {
        assert_eq!(end.switch.status().lines as i64, lines);
        println!(
            "end {of}: {} bytes of a line in use, {} at rest",
            used[of] / lines,
            end.bytes / lines
        );
    }
    let new = pair.bytes();
    use_every_line(&mut pair, &dialled);
    for (of, (rested, new)) in pair.bytes().into_iter().zip(new).enumerate() {
        println!("end {of}: {} bytes at rest after use", rested / lines);
        assert!(new / lines <= LINE_BYTES_MAX);
        assert!(rested / lines <= new / lines + 8, "{rested} of {new}");
    }
}

/// A packet and a stream there and back on each line, and rest.
fn use_every_line(pair: &mut Pair, lines: &[LineId]) {
    let mut buf = [0; 4_096];
    for line in lines {
        let now = pair.now;
        let stream = pair.ends[0].call(|switch| {
            switch.send(now, *line, &[0, 0, 7]).expect("is taken");
            let stream = switch.open_stream(now, *line, "{}").expect("opens");
            switch.write(now, stream, &[7; 3_000]).expect("is taken");
            switch.finish(now, stream).expect("finishes");
            stream
        });
        pair.exchange();
        let theirs = pair.ends[1].opened.take().expect("it came");
        pair.ends[1].call(|switch| {
            assert_eq!(switch.recv(now, theirs.line, &mut buf), Ok(3));
            assert_eq!(switch.read(now, theirs, &mut buf), Ok(Read::Bytes(3_000)));
            assert_eq!(switch.read(now, theirs, &mut buf), Ok(Read::End));
            switch.write(now, theirs, &[7; 3_000]).expect("is taken");
            switch.finish(now, theirs).expect("finishes");
        });
        pair.exchange();
        pair.ends[0].call(|switch| {
            assert_eq!(switch.read(now, stream, &mut buf), Ok(Read::Bytes(3_000)));
            assert_eq!(switch.read(now, stream, &mut buf), Ok(Read::End));
        });
        pair.pass(1);
    }
    // Before the first of them is kept alive.
    pair.pass(8_000);
}

/// What a switch keeps for all of its lines, so that its next call allocates nothing.
const SCRATCH_BYTES: i64 = 2_048;
/// Bytes that one line carries in a burst.
const BURST_BYTES: u64 = 256 << 20;

#[test]
fn memory_of_a_line_that_carried_much_is_that_of_a_new_one_once_it_rests() {
    let mut pair = Pair::new();
    let (local, to) = (pair.ends[0].identities[0].0, [pair.ends[1].address]);
    let key = pair.ends[1].identities[0].1;
    let now = pair.now;
    let line = pair.ends[0].call(|switch| switch.connect(now, local, &key, &to));
    let line = line.expect("dials");
    pair.pass(13_000);
    let new = pair.bytes();
    let stream = pair.ends[0].call(|switch| switch.open_stream(now, line, "{}"));
    let stream = stream.expect("opens");
    let (mut written, mut read, mut theirs, piece) = (0, 0, None, vec![7; 1 << 20]);
    let mut most = new;
    while read < BURST_BYTES {
        let now = pair.now;
        while written < BURST_BYTES {
            let wrote = pair.ends[0].call(|switch| switch.write(now, stream, &piece));
            let Ok(len) = wrote else { break };
            written += len as u64;
        }
        pair.pass(1);
        let now = pair.now;
        theirs = theirs.or(pair.ends[1].opened.take());
        let Some(theirs) = theirs else { continue };
        let mut buf = [0; 1 << 16];
        while let Ok(Read::Bytes(len)) =
            pair.ends[1].call(|switch| switch.read(now, theirs, &mut buf))
        {
            read += len as u64;
        }
        for (most, bytes) in most.iter_mut().zip(pair.bytes()) {
            *most = bytes.max(*most);
        }
    }
    let now = pair.now;
    pair.ends[0]
        .call(|switch| switch.reset(now, stream, 0))
        .expect("resets");
    let theirs = theirs.expect("the stream came");
    let _stopped = pair.ends[0].call(|switch| switch.stop(now, stream, 0));
    let _reset = pair.ends[1].call(|switch| switch.reset(now, theirs, 0));
    pair.pass(50);
    let now = pair.now;
    let _stopped = pair.ends[1].call(|switch| switch.stop(now, theirs, 0));
    pair.pass(13_000);
    println!("new {new:?}, most {most:?}, at rest {:?}", pair.bytes());
    for (rested, new) in pair.bytes().into_iter().zip(new) {
        assert!(rested <= new + SCRATCH_BYTES, "{rested} of {new}");
    }
}
