//! Two switches that are recorded and do with each other whatever a switch can be asked to do, so
//! that their tapes hold every call.

mod near;

use std::{collections::BTreeMap, collections::VecDeque, net::SocketAddr};

use hydroid_core::{
    base::{Seed, Time, Wall},
    identity::{Admission, Gate, Hashname, Refusal, Roles, SecretKey, Space},
    line::{Provider, PureRust},
    switch::{
        Config, DownReason, Ecn, Event, Interface, LineEvent, LineId, Meta, Need, Part, Path, Read,
        SentError, SocketId, StreamEvent, StreamId, Transmit,
    },
    tape::{self, End, Recorded},
};

/// What nobody but the two may read in a tape that is redacted.
pub const PLAIN: &str = "what was said between four eyes";
/// The seeds, the secret keys and the gates, each a row of one byte.
pub const SECRETS: [u8; 7] = [0x31, 0x32, 0x33, 0xa1, 0xa2, 0xe1, 0xe2];

/// One of the two, and what it gave.
#[derive(Debug)]
pub struct One {
    /// The switch.
    pub switch: Recorded,
    /// Events that nobody looked at.
    pub events: VecDeque<Event>,
    /// What it asked to be kept.
    pub disk: BTreeMap<String, Vec<u8>>,
    address: SocketAddr,
    last: Option<Transmit>,
}

/// The two, and what is on its way between them.
#[derive(Debug)]
pub struct Duet {
    /// Now.
    pub now: Time,
    /// The two.
    pub both: [One; 2],
    flight: VecDeque<(Time, usize, usize, Vec<u8>)>,
    buf: Vec<u8>,
}

impl One {
    /// A switch at an address, that nothing was asked of yet but to listen.
    ///
    /// # Panics
    /// If there is no such switch.
    pub fn new(
        byte: u8,
        host: u8,
        now: Time,
        provider: &'static dyn Provider,
        tape: Option<tape::Config>,
    ) -> Self {
        let mut config = Config::default();
        config.life.anon_max = 8;
        let switch = Recorded::new(config, &Seed::new([byte; 32]), provider, tape);
        let mut switch = switch.expect("a legal config");
        let address = SocketAddr::from(([192, 0, 2, host], 4000));
        let socket = SocketId(0);
        let local = address;
        switch.handle_network_change(now, &[Interface { socket, local }]);
        switch.handle_clock(now, wall(now));
        Self {
            switch,
            events: VecDeque::new(),
            disk: BTreeMap::new(),
            address,
            last: None,
        }
    }

    /// Takes the event out that `wanted` knows.
    fn take<T>(&mut self, wanted: impl Fn(&Event) -> Option<T>) -> Option<T> {
        let at = self
            .events
            .iter()
            .position(|event| wanted(event).is_some())?;
        wanted(&self.events.remove(at)?)
    }
}

fn wall(now: Time) -> Wall {
    Wall::from_ms(1_700_000_000_000 + now.as_us() / 1000)
}

fn opened(event: &Event) -> Option<StreamId> {
    if let Event::Stream(StreamEvent::Opened { stream }) = event {
        return Some(*stream);
    }
    None
}

fn up(event: &Event) -> Option<LineId> {
    if let Event::Line(LineEvent::Up { line, .. }) = event {
        return Some(*line);
    }
    None
}

impl Duet {
    /// Two switches with this arithmetic, recorded as `tape` says.
    pub fn new(providers: [&'static dyn Provider; 2], tape: Option<&tape::Config>) -> Self {
        let now = Time::from_us(1_000);
        let [one, other] = providers;
        Self {
            now,
            both: [
                One::new(SECRETS[0], 1, now, one, tape.cloned()),
                One::new(SECRETS[1], 2, now, other, tape.cloned()),
            ],
            flight: VecDeque::new(),
            buf: vec![0; 20_000],
        }
    }

    /// Runs for `ms` milliseconds.
    pub fn run(&mut self, ms: u64) {
        let until = self.now.plus_ms(ms);
        loop {
            for n in 0..2 {
                self.drain(n);
            }
            let due = |one: &One| one.switch.poll_timeout().map_or(Time::NEVER, |it| it.at);
            let flight = self.flight.front().map_or(Time::NEVER, |it| it.0);
            let next = flight.min(due(&self.both[0])).min(due(&self.both[1]));
            if next > until {
                self.now = until;
                return;
            }
            self.now = self.now.max(next);
            while self.flight.front().is_some_and(|it| it.0 <= self.now) {
                let (_, to, segment, bytes) = self.flight.pop_front().expect("it is there");
                self.deliver(to, segment, bytes);
            }
            for one in &mut self.both {
                if due(one) <= self.now {
                    one.switch.handle_timeout(self.now);
                }
            }
        }
    }

    fn drain(&mut self, n: usize) {
        let one = &mut self.both[n];
        while let Some(transmit) = one.switch.poll_transmit(self.now, &mut self.buf) {
            let bytes = self.buf[..transmit.len].to_vec();
            let at = self.now.plus_us(800);
            self.flight.push_back((at, 1 - n, transmit.segment, bytes));
            one.last = Some(transmit);
        }
        while let Some(event) = one.switch.poll_event() {
            one.events.push_back(event);
        }
        while let Some(need) = one.switch.poll_need() {
            if let Need::Keep { key, bytes } = need {
                one.disk.insert(key, bytes);
            }
        }
    }

    fn deliver(&mut self, to: usize, stride: usize, mut bytes: Vec<u8>) {
        let meta = Meta {
            socket: SocketId(0),
            path: Path::new(Some(self.both[to].address.ip()), self.both[1 - to].address),
            interface: 3,
            ecn: Ecn::Ect0,
            stride,
        };
        let one = &mut self.both[to];
        one.switch.handle_datagram(self.now, &meta, &mut bytes);
    }

    /// Both ends of a line that the first opens between two identities.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn line(&mut self, local: Hashname, peer: &SecretKey) -> (LineId, LineId) {
        let to = [self.both[1].address];
        let ours = self.both[0]
            .switch
            .connect(self.now, local, &peer.public(), &to);
        let ours = ours.expect("dials");
        self.run(50);
        let [here, there] = &mut self.both;
        assert_eq!(here.take(up), Some(ours), "the line comes up");
        (ours, there.take(up).expect("the line comes up"))
    }

    /// A stream that the first opens in a line, and the other's end of it.
    ///
    /// # Panics
    /// If it does not open.
    pub fn stream(&mut self, line: LineId) -> (StreamId, StreamId) {
        let head = format!(r#"{{"about":"{PLAIN}"}}"#);
        let ours = self.both[0].switch.open_stream(self.now, line, &head);
        self.run(10);
        let theirs = self.both[1].take(opened).expect("the stream opens");
        (ours.expect("opens"), theirs)
    }

    /// Writes bytes at one end and reads them at the other, to the end of that direction.
    fn carry(&mut self, from: usize, (out, into): (StreamId, StreamId), mut bytes: &[u8]) {
        let mut buf = [0; 3000];
        loop {
            let now = self.now;
            while let Ok(taken @ 1..) = self.both[from].switch.write(now, out, bytes) {
                bytes = &bytes[taken..];
            }
            if bytes.is_empty() {
                let _again = self.both[from].switch.finish(now, out);
            }
            self.run(5);
            let now = self.now;
            loop {
                match self.both[1 - from].switch.read(now, into, &mut buf) {
                    Ok(Read::Bytes(_)) => {}
                    Ok(Read::End) => return,
                    Err(_) => break,
                }
            }
        }
    }

    /// Ends the tapes and gives them.
    pub fn tapes(&mut self) -> Vec<Vec<u8>> {
        let now = self.now;
        let tape = |one: &mut One| {
            let mut bytes = Vec::new();
            one.switch.end_tape(now, End::Closed);
            one.switch.take_tape(&mut bytes);
            bytes
        };
        self.both.iter_mut().map(tape).collect()
    }
}

/// A short conversation: a line, a stream, and a few words each way.
///
/// # Panics
/// If something goes otherwise than it should.
pub fn brief(tape: &tape::Config) -> Duet {
    let mut duet = Duet::new([&PureRust, &PureRust], Some(tape));
    let keys = [SECRETS[3], SECRETS[4]].map(|byte| SecretKey::from_bytes(&[byte; 32]));
    let open = Space::open("example").expect("a legal name");
    let now = duet.now;
    let installed = [0, 1].map(|n| duet.both[n].switch.install(now, &keys[n], &open));
    let [Ok(me), Ok(_)] = installed else {
        panic!("nothing is installed: {installed:?}");
    };
    let (line, _) = duet.line(me, &keys[1]);
    let (ours, theirs) = duet.stream(line);
    duet.carry(0, (ours, theirs), PLAIN.as_bytes());
    duet.carry(1, (theirs, ours), PLAIN.as_bytes());
    duet
}

/// A conversation in which every call of a switch is made at least once: the tapes of the two, and
/// of a third that starts again with what the first had kept.
///
/// # Panics
/// If something goes otherwise than it should.
pub fn everything(
    providers: [&'static dyn Provider; 2],
    tape: Option<&tape::Config>,
) -> (Duet, One) {
    let mut duet = Duet::new(providers, tape);
    let keys = [SECRETS[3], SECRETS[4]].map(|byte| SecretKey::from_bytes(&[byte; 32]));
    let open = Space::open("example").expect("a legal name");
    let now = duet.now;
    let [me, _] = [0, 1].map(|n| {
        let switch = &mut duet.both[n].switch;
        let installed = switch.install(now, &keys[n], &open).expect("installs");
        assert!(switch.install(now, &keys[n], &open).is_err());
        assert!(switch.restore(now, "nothing \"\\\u{1}", b"?").is_err());
        installed
    });
    let (line, _) = duet.line(me, &keys[1]);
    streams(&mut duet, line);
    packets(&mut duet, line);
    let at = [duet.both[1].address];
    let first = &mut duet.both[0].switch;
    let kept = first.keep_line(duet.now, me, &keys[1].public(), &at);
    kept.expect("is kept");
    first.release(duet.now, line).expect("there is the line");
    duet.run(3_000);
    // A night.
    duet.now = duet.now.plus_ms(3_600_000);
    let (now, first) = (duet.now, &mut duet.both[0]);
    first.switch.handle_clock(now, wall(now));
    let lost = first.last.expect("something was sent");
    first
        .switch
        .handle_sent_error(now, &lost, SentError::Unreachable);
    first
        .switch
        .handle_sent_error(now, &lost, SentError::TooLarge);
    duet.run(5_000);
    trees(&mut duet, &keys, &open);
    near::near(&mut duet, &keys, &open);
    let again = again(&mut duet, providers[0], tape, (&keys[0], &open));
    closed(&mut duet, &keys);
    last(&mut duet, me, &keys[1]);
    (duet, again)
}

fn streams(duet: &mut Duet, line: LineId) {
    let (ours, theirs) = duet.stream(line);
    let second = &mut duet.both[1].switch;
    second
        .answer(duet.now, theirs, r#"{"yes":true}"#)
        .expect("answers");
    second.prioritize(duet.now, theirs, -3).expect("ranks");
    let long: Vec<u8> = PLAIN.bytes().cycle().take(700_000).collect();
    duet.carry(0, (ours, theirs), &long);
    duet.carry(1, (theirs, ours), PLAIN.as_bytes());
    let (ours, theirs) = duet.stream(line);
    duet.both[0]
        .switch
        .reset(duet.now, ours, 7)
        .expect("resets");
    duet.run(20);
    let read = duet.both[1].switch.read(duet.now, theirs, &mut [0; 10]);
    assert!(read.is_err(), "the stream was reset");
    let (ours, theirs) = duet.stream(line);
    duet.both[1]
        .switch
        .stop(duet.now, theirs, 9)
        .expect("stops");
    duet.run(20);
    let write = duet.both[0].switch.write(duet.now, ours, b"more");
    assert!(write.is_err(), "the stream was stopped");
}

fn packets(duet: &mut Duet, line: LineId) {
    let packet = [&[0, 0], PLAIN.as_bytes()].concat();
    let anonymous = [&[0, 7], b"{\"a\":1}".as_slice(), PLAIN.as_bytes()].concat();
    let to = duet.both[1].address;
    let first = &mut duet.both[0].switch;
    first.send(duet.now, line, &packet).expect("sends");
    assert!(first.send(duet.now, line, &[9, 9, 9]).is_err());
    first.send_anon(duet.now, to, &anonymous).expect("sends");
    duet.run(20);
    let second = &mut duet.both[1];
    let (mut buf, now) = ([0; 500], duet.now);
    let theirs = second.take(|event| {
        let Event::Packet { line } = event else {
            return None;
        };
        Some(*line)
    });
    let theirs = theirs.expect("a packet came");
    assert_eq!(second.switch.recv(now, theirs, &mut buf), Ok(packet.len()));
    assert!(second.switch.recv(now, theirs, &mut buf).is_err());
    let (_, len) = second.switch.recv_anon(now, &mut buf).expect("came");
    assert_eq!(len, anonymous.len());
    assert!(second.switch.recv_anon(now, &mut buf).is_err());
}

/// Both are a tree, and one of them leaves it.
fn trees(duet: &mut Duet, keys: &[SecretKey; 2], space: &Space) {
    let names = [0, 1].map(|n| Hashname::of(&keys[n].public(), &space.id()));
    let (now, to) = (duet.now, [duet.both[1].address]);
    for n in [0, 1] {
        let switch = &mut duet.both[n].switch;
        assert!(switch.set_name(now, names[n], PLAIN).is_err());
        let part = Part {
            arity: Some(3),
            leaf: Some(n == 0),
        };
        switch.join(now, names[n], &keys[n], part).expect("joins");
        assert!(switch.join(now, names[n], &keys[n], part).is_err());
        assert!(switch.set_name(now, names[n], "\u{1}").is_err());
        switch.set_name(now, names[n], "ada").expect("is a name");
    }
    let first = &mut duet.both[0].switch;
    let met = first.meet(now, names[0], &keys[1].public(), &to);
    met.expect("meets");
    duet.run(500);
    let sent = duet.both[0]
        .switch
        .broadcast(duet.now, names[0], PLAIN.as_bytes());
    assert_eq!(sent, Ok(1));
    duet.run(100);
    let (now, mut buf) = (duet.now, [0; 100]);
    let second = &mut duet.both[1].switch;
    let short = second.read_broadcast(now, names[1], &mut buf[..3]);
    assert!(short.is_err(), "it does not fit");
    let told = second.read_broadcast(now, names[1], &mut buf);
    assert!(told.is_ok(), "{told:?}");
    assert_eq!(&buf[..PLAIN.len()], PLAIN.as_bytes());
    assert!(second.read_broadcast(now, names[1], &mut buf).is_err());
    second.leave(now, names[1]).expect("leaves");
    assert!(second.leave(now, names[1]).is_err());
    duet.run(500);
    let now = duet.now;
    duet.both[0].switch.leave(now, names[0]).expect("leaves");
    duet.run(500);
}

/// A third that starts where the first stopped, alone.
fn again(
    duet: &mut Duet,
    provider: &'static dyn Provider,
    tape: Option<&tape::Config>,
    (key, space): (&SecretKey, &Space),
) -> One {
    duet.both[0].switch.keep_now(duet.now);
    duet.drain(0);
    let mut one = One::new(SECRETS[2], 1, Time::ZERO, provider, tape.cloned());
    for (key, bytes) in &duet.both[0].disk {
        one.switch
            .restore(Time::ZERO, key, bytes)
            .expect("is taken back");
    }
    assert_eq!(
        duet.both[0].disk.len(),
        3,
        "peers, opens and epochs are kept"
    );
    one.switch
        .install(Time::ZERO, key, space)
        .expect("installs");
    let mut dials = 0;
    for ms in (0..10_000).step_by(100) {
        let now = Time::from_us(ms * 1000);
        one.switch.handle_timeout(now);
        while one.switch.poll_transmit(now, &mut duet.buf).is_some() {
            dials += 1;
        }
    }
    assert!(dials > 1, "what was kept is dialled");
    one.switch.end_tape(Time::from_us(10_000_000), End::Closed);
    one
}

/// A closed space: the second is let in and put out.
fn closed(duet: &mut Duet, keys: &[SecretKey; 2]) {
    let gates = [SECRETS[5], SECRETS[6]].map(|byte| Gate::new([byte; 32]));
    let [gate, next] = gates;
    let founder = Admission::found(&keys[0], "club", gate).expect("founds");
    let member = founder.admit(&keys[0], &keys[1].public(), Roles::default(), 0);
    let member = member.expect("admits");
    let now = duet.now;
    let me = duet.both[0].switch.install_member(now, &keys[0], &founder);
    let me = me.expect("installs");
    let second = &mut duet.both[1].switch;
    let other = second
        .install_member(now, &keys[1], &member)
        .expect("installs");
    let (line, _) = duet.line(me, &keys[1]);
    let (ours, theirs) = duet.stream(line);
    duet.carry(0, (ours, theirs), PLAIN.as_bytes());
    let renewed = founder.revoke(&keys[0], &[keys[1].public()], next);
    let renewed = renewed.expect("revokes");
    duet.both[0]
        .switch
        .renew(duet.now, me, &renewed)
        .expect("renews");
    duet.run(5_000);
    let refused = |event: &Event| {
        let Event::Line(LineEvent::Down { reason, .. }) = event else {
            return None;
        };
        if let DownReason::Refused(why) = reason {
            return Some(*why);
        }
        None
    };
    let why = duet.both[1].take(refused);
    assert_eq!(why, Some(Refusal::Revoked), "it is put out");
    duet.both[1]
        .switch
        .uninstall(duet.now, other)
        .expect("is there");
}

fn last(duet: &mut Duet, me: Hashname, peer: &SecretKey) {
    let space = Space::open("example").expect("a legal name");
    let name = Hashname::of(&peer.public(), &space.id());
    let at = [duet.both[1].address];
    let (now, switch) = (duet.now, &mut duet.both[0].switch);
    assert!(switch.seek(now, me, name).is_err());
    assert!(switch.join(now, me, peer, Part::default()).is_err());
    assert!(switch.leave(now, me).is_err());
    assert!(switch.broadcast(now, me, PLAIN.as_bytes()).is_err());
    assert!(switch.read_broadcast(now, me, &mut [0; 9]).is_err());
    switch.forget_line(now, me, name);
    let line = switch.connect(now, me, &peer.public(), &at);
    duet.run(100);
    let line = line.expect("dials");
    let closed = duet.both[0].switch.close(duet.now, line, 3, PLAIN);
    closed.expect("closes");
    duet.run(6_000);
}
