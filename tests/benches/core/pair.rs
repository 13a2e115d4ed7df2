//! Two switches that hand each other what they send, and a clock for each stage.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use hydroid_core::{
    base::{Seed, Time, Wall},
    identity::{SecretKey, Space},
    line::Provider,
    switch::{
        Config, Ecn, Event, Interface, LineError, LineEvent, LineId, Meta, Path, Read, ReadError,
        SocketId, StreamEvent, StreamId, Switch, Transmit,
    },
};

/// What a unit of work goes through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// The application writes.
    Write,
    /// Packets are built and sealed.
    Transmit,
    /// They are opened, and what is in them goes where it belongs.
    Datagram,
    /// The application reads.
    Read,
    /// Events are polled, and what is due is done.
    Event,
}

impl Stage {
    pub(super) const ALL: [Self; 5] = [
        Self::Write,
        Self::Transmit,
        Self::Datagram,
        Self::Read,
        Self::Event,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Transmit => "poll_transmit",
            Self::Datagram => "handle_datagram",
            Self::Read => "read",
            Self::Event => "events and timers",
        }
    }

    /// The function that does it and nothing else, by which instructions are counted.
    pub(super) const fn function(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Transmit => "transmit",
            Self::Datagram => "datagram",
            Self::Read => "read",
            Self::Event => "event",
        }
    }
}

/// One of the two.
struct End {
    switch: Switch,
    address: SocketAddr,
    /// What it has sent and nobody has taken yet; the buffers are used again.
    sent: Vec<(Transmit, Vec<u8>)>,
    spare: Vec<Vec<u8>>,
}

/// The two.
pub(super) struct Pair {
    now: Time,
    ends: [End; 2],
    line: [LineId; 2],
    events: Vec<Event>,
    /// How long each stage took.
    pub(super) took: [Duration; Stage::ALL.len()],
}

/// No system takes more in one call.
const RUN_BYTES: usize = 65_507;
/// Virtual time between two exchanges, and what one brings over at most, as a turn of a shell does.
const TURN_US: u64 = 100;
const TURN_DATAGRAMS: usize = 256;
static PIECE: [u8; 1 << 16] = [9; 1 << 16];

#[inline(never)]
fn write(switch: &mut Switch, now: Time, stream: StreamId, bytes: &[u8]) -> usize {
    switch.write(now, stream, bytes).unwrap_or(0)
}

#[inline(never)]
fn send(switch: &mut Switch, now: Time, line: LineId, packet: &[u8]) -> Result<(), LineError> {
    switch.send(now, line, packet)
}

#[inline(never)]
fn transmit(switch: &mut Switch, now: Time, buf: &mut [u8]) -> Option<Transmit> {
    switch.poll_transmit(now, buf)
}

#[inline(never)]
fn datagram(switch: &mut Switch, now: Time, meta: &Meta, bytes: &mut [u8]) {
    switch.handle_datagram(now, meta, bytes);
}

#[inline(never)]
fn read(
    switch: &mut Switch,
    now: Time,
    stream: StreamId,
    buf: &mut [u8],
) -> Result<Read, ReadError> {
    switch.read(now, stream, buf)
}

#[inline(never)]
fn event(switch: &mut Switch, now: Time, events: &mut Vec<Event>) {
    if switch.is_due(now) {
        switch.handle_timeout(now);
    }
    while let Some(event) = switch.poll_event() {
        events.push(event);
    }
}

impl End {
    fn new(host: u8, provider: &'static dyn Provider, now: Time) -> Self {
        let mut config = Config::default();
        config.life.datagram_most_bytes = config.life.datagram_bytes;
        let switch = Switch::with_provider(config, &Seed::new([host; 32]), provider);
        let mut switch = switch.expect("the default config is legal");
        let address = SocketAddr::from(([192, 0, 2, host], 4000));
        let (socket, local) = (SocketId(0), address);
        switch.handle_network_change(now, &[Interface { socket, local }]);
        switch.handle_clock(now, Wall::from_ms(1_700_000_000_000));
        Self {
            switch,
            address,
            sent: Vec::new(),
            spare: Vec::new(),
        }
    }
}

impl Pair {
    /// Two switches with a line between them.
    pub(super) fn new(provider: &'static dyn Provider) -> Self {
        let now = Time::from_us(1_000);
        let mut ends = [1, 2].map(|host| End::new(host, provider, now));
        let secrets = [1, 2].map(|byte| SecretKey::from_bytes(&[byte; 32]));
        let space = Space::open("bench").expect("a name");
        let mut names = Vec::new();
        for (end, secret) in ends.iter_mut().zip(&secrets) {
            let name = end.switch.install(now, secret, &space);
            names.push(name.expect("room for one"));
        }
        let (key, address) = (secrets[1].public(), ends[1].address);
        let line = ends[0]
            .switch
            .connect(now, names[0], &key, &[address])
            .expect("an open");
        let mut pair = Self {
            now,
            ends,
            line: [line; 2],
            events: Vec::new(),
            took: [Duration::ZERO; Stage::ALL.len()],
        };
        let up = |event: &Event| {
            let Event::Line(LineEvent::Up { line, .. }) = event else {
                return None;
            };
            Some(*line)
        };
        pair.line[1] = (0..100)
            .find_map(|_| {
                pair.turn();
                pair.happened(1).iter().find_map(up)
            })
            .expect("the line comes up");
        pair
    }

    fn timed<T>(&mut self, stage: Stage, work: impl FnOnce(&mut Self) -> T) -> T {
        let begun = Instant::now();
        let done = work(self);
        self.took[stage as usize] += begun.elapsed();
        done
    }

    /// What either has to send reaches the other.
    fn turn(&mut self) {
        self.now = self.now.plus_us(TURN_US);
        for from in 0..2 {
            self.timed(Stage::Transmit, |pair| pair.send_all(from));
            self.timed(Stage::Datagram, |pair| pair.deliver(from, 1 - from));
        }
    }

    fn send_all(&mut self, from: usize) {
        let (now, end) = (self.now, &mut self.ends[from]);
        let mut left = TURN_DATAGRAMS;
        while left > 0 {
            let mut buf = end.spare.pop().unwrap_or_else(|| vec![0; RUN_BYTES]);
            match transmit(&mut end.switch, now, &mut buf) {
                Some(run) => {
                    left = left.saturating_sub(run.len.div_ceil(run.segment));
                    end.sent.push((run, buf));
                }
                None => {
                    end.spare.push(buf);
                    return;
                }
            }
        }
    }

    fn deliver(&mut self, from: usize, to: usize) {
        let mut sent = core::mem::take(&mut self.ends[from].sent);
        let remote = self.ends[from].address;
        for (run, mut buf) in sent.drain(..) {
            let meta = Meta {
                socket: SocketId(0),
                path: Path::to(remote),
                interface: 0,
                ecn: Ecn::None,
                stride: run.segment,
            };
            datagram(
                &mut self.ends[to].switch,
                self.now,
                &meta,
                &mut buf[..run.len],
            );
            self.ends[from].spare.push(buf);
        }
        self.ends[from].sent = sent;
    }

    /// What happened at one end.
    fn happened(&mut self, at: usize) -> &[Event] {
        self.timed(Stage::Event, |pair| {
            pair.events.clear();
            event(&mut pair.ends[at].switch, pair.now, &mut pair.events);
        });
        &self.events
    }

    /// A stream of one end, and what the other calls it.
    fn open(&mut self) -> [StreamId; 2] {
        let (now, line) = (self.now, self.line[0]);
        let ours = self.ends[0].switch.open_stream(now, line, "{}");
        let ours = ours.expect("room for a stream");
        let opened = |event: &Event| {
            let Event::Stream(StreamEvent::Opened { stream }) = event else {
                return None;
            };
            Some(*stream)
        };
        let theirs = (0..100).find_map(|_| {
            self.turn();
            self.happened(0);
            self.happened(1).iter().find_map(opened)
        });
        let theirs = theirs.expect("it comes to the other");
        [ours, theirs]
    }

    /// So many streams with so many bytes in each; gives how many datagrams carried them.
    pub(super) fn bulk(&mut self, streams: usize, bytes: usize) -> u64 {
        let streams: Vec<_> = (0..streams).map(|_| self.open()).collect();
        let places = |at: usize| -> BTreeMap<StreamId, usize> {
            let ids = streams.iter().map(|ids| ids[at]);
            ids.zip(0..).collect()
        };
        let places = [places(0), places(1)];
        let mut left = vec![[bytes; 2]; streams.len()];
        // Whose turn it is to write, and to read: who was told so.
        let mut told: [Vec<usize>; 2] = [(0..streams.len()).collect(), Vec::new()];
        self.took = Default::default();
        let before = self.ends[0].switch.stats().datagrams_out;
        let mut buf = vec![0; PIECE.len()];
        while left.iter().any(|[_, unread]| *unread > 0) {
            self.timed(Stage::Write, |pair| {
                let (switch, now) = (&mut pair.ends[0].switch, pair.now);
                for place in told[0].drain(..) {
                    let unwritten = &mut left[place][0];
                    while *unwritten > 0 {
                        let piece = &PIECE[..PIECE.len().min(*unwritten)];
                        match write(switch, now, streams[place][0], piece) {
                            0 => break,
                            taken => *unwritten -= taken,
                        }
                    }
                }
            });
            self.turn();
            self.timed(Stage::Read, |pair| {
                let (switch, now) = (&mut pair.ends[1].switch, pair.now);
                for place in told[1].drain(..) {
                    let unread = &mut left[place][1];
                    while let Ok(Read::Bytes(taken)) =
                        read(switch, now, streams[place][1], &mut buf)
                    {
                        *unread -= taken;
                    }
                }
            });
            for at in 0..2 {
                let happened = self.happened(at).iter().filter_map(|event| {
                    let Event::Stream(
                        StreamEvent::Writable { stream } | StreamEvent::Readable { stream },
                    ) = event
                    else {
                        return None;
                    };
                    places[at].get(stream).copied()
                });
                told[at].extend(happened);
            }
        }
        self.ends[0].switch.stats().datagrams_out - before
    }

    /// So many times a few bytes there and back.
    pub(super) fn echo(&mut self, trips: usize) -> u64 {
        let streams = self.open();
        let mut buf = [0; 64];
        self.took = Default::default();
        for _trip in 0..trips {
            for (from, to) in [(0, 1), (1, 0)] {
                self.timed(Stage::Write, |pair| {
                    let taken = write(&mut pair.ends[from].switch, pair.now, streams[from], &buf);
                    assert_eq!(taken, buf.len(), "room for a few bytes");
                });
                let mut unread = buf.len();
                while unread > 0 {
                    self.now = self.now.plus_us(TURN_US);
                    self.timed(Stage::Transmit, |pair| pair.send_all(from));
                    self.timed(Stage::Datagram, |pair| pair.deliver(from, to));
                    self.happened(from);
                    self.happened(to);
                    self.timed(Stage::Read, |pair| {
                        let switch = &mut pair.ends[to].switch;
                        if let Ok(Read::Bytes(taken)) =
                            read(switch, pair.now, streams[to], &mut buf)
                        {
                            unread -= taken;
                        }
                    });
                }
            }
        }
        trips as u64
    }

    /// So many messages, as many at a time as there is room for.
    pub(super) fn messages(&mut self, count: usize) -> u64 {
        // A message begins with the length of its head; it has none.
        let mut packet = [7; 102];
        packet[..2].fill(0);
        let (mut sent, mut heard) = (0, 0);
        let mut buf = [0; 2048];
        self.took = Default::default();
        while heard < count {
            self.timed(Stage::Write, |pair| {
                let (now, line) = (pair.now, pair.line[0]);
                while sent < count && send(&mut pair.ends[0].switch, now, line, &packet).is_ok() {
                    sent += 1;
                }
            });
            self.turn();
            self.timed(Stage::Read, |pair| {
                let (now, line) = (pair.now, pair.line[1]);
                while pair.ends[1].switch.recv(now, line, &mut buf).is_ok() {
                    heard += 1;
                }
            });
            self.happened(0);
            self.happened(1);
        }
        count as u64
    }
}
