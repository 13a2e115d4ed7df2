//! Datagrams into a live switch. It has a line with an honest friend and one with a rogue; strangers
//! send bytes and what they overheard, whole or changed, and the rogue seals whatever it wants.

use std::{collections::BTreeMap, net::SocketAddr};

use hydroid_core::{
    base::{LedgerConfig, Ranges},
    switch::{Config, Event, Life, LineId, LineState, Read, StreamEvent, StreamId},
    wire::frame::Writer,
};

use super::Choices;
use crate::{
    contracts::{self, Limits},
    rogue::Rogue,
    world::StubProvider,
};

/// Steps of one run.
const STEPS_MAX: usize = 200;
/// Bytes of the longest plain text that a datagram has room for.
const PLAIN_MAX: usize = 1_400;
/// So often something is due in the longest time that passes at once.
const TURNS_MAX: u32 = 100_000;
/// A stranger's packet has zeros behind it up to so many bytes.
const STRANGER_BYTES: usize = 600;

/// Lets strangers and a rogue do what the bytes say. The contracts of the façade hold at each step,
/// nobody gets more bytes than it sent before it proved where it is, and at the end the friend's
/// line carries a stream both ways.
///
/// # Panics
/// If that is not so.
pub fn datagram(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let mut siege = Siege::new(choices.byte());
    for _ in 0..STEPS_MAX {
        if choices.is_over() {
            break;
        }
        siege.step(&mut choices);
        siege.check();
    }
    siege.end();
}

struct Siege {
    rogue: Rogue,
    limits: Limits,
    friend: LineId,
    streams: Vec<StreamId>,
    /// What each stranger sent.
    came: BTreeMap<SocketAddr, u64>,
}

impl Siege {
    fn new(kind: u8) -> Self {
        let config = if kind.is_multiple_of(2) {
            wanted()
        } else {
            tight()
        };
        let mut rogue = Rogue::with_provider(&config, &StubProvider);
        let friend = rogue.befriend(&config);
        rogue.hear();
        let mut siege = Self {
            rogue,
            limits: Limits::of(&config),
            friend,
            streams: Vec::new(),
            came: BTreeMap::new(),
        };
        siege.check();
        siege
    }

    fn step(&mut self, choices: &mut Choices<'_>) {
        match choices.byte() % 9 {
            0 => self.stranger(choices.byte(), &mut choices.bytes().to_vec()),
            1 => {
                let from = choices.byte();
                let head = choices.bytes();
                let mut packet = (head.len() as u16).to_be_bytes().to_vec();
                packet.extend_from_slice(head);
                packet.resize(packet.len().max(STRANGER_BYTES), 0);
                self.stranger(from, &mut packet);
            }
            2 => {
                let mut overheard = self.overheard(choices);
                self.stranger(choices.byte(), &mut overheard);
            }
            3 => {
                let (_, _, rogue) = self.rogue.names();
                let mut overheard = self.overheard(choices);
                self.rogue.hand_from(rogue, &mut overheard);
            }
            4 => {
                let plain = choices.bytes();
                self.rogue.send_plain(&plain[..plain.len().min(PLAIN_MAX)]);
            }
            5 => self.frames(choices),
            6 => self.pass(1 << (choices.byte() % 17)),
            7 => self.use_streams(choices),
            _ => self.friend_sends(choices),
        }
    }

    fn stranger(&mut self, n: u8, datagram: &mut [u8]) {
        let remote = SocketAddr::from(([100, 0, 0, n % 4], 4000));
        *self.came.entry(remote).or_default() += datagram.len() as u64;
        self.rogue.hand_from(remote, datagram);
    }

    /// One of the datagrams that were sent, with some bytes changed, and perhaps cut.
    fn overheard(&self, choices: &mut Choices<'_>) -> Vec<u8> {
        let mut datagram = self.rogue.kept[choices.below(self.rogue.kept.len())].clone();
        for _ in 0..choices.byte() % 4 {
            let at = choices.below(datagram.len());
            if let Some(byte) = datagram.get_mut(at) {
                *byte ^= choices.byte();
            }
        }
        if choices.byte().is_multiple_of(8) {
            datagram.truncate(choices.below(datagram.len() + 1));
        }
        datagram
    }

    /// The rogue seals frames that are well formed, if nothing else.
    fn frames(&mut self, choices: &mut Choices<'_>) {
        let own = u64::from(!self.rogue.is_smaller());
        self.rogue.send(|writer| {
            for _ in 0..=choices.byte() % 4 {
                frame(writer, own, choices);
            }
        });
    }

    /// Lets so many milliseconds pass.
    fn pass(&mut self, ms: u64) {
        let end = self.rogue.now.plus_ms(ms);
        for turn in 0.. {
            assert!(turn < TURNS_MAX, "it never comes to rest");
            self.rogue.hear();
            self.take_events();
            let both = [Some(&self.rogue.switch), self.rogue.friend.as_ref()];
            let due = both
                .into_iter()
                .flatten()
                .filter_map(|switch| switch.poll_timeout());
            let next = due.map(|due| due.at.max(self.rogue.now)).min();
            let next = next.filter(|next| *next <= end);
            self.rogue.now = next.unwrap_or(end);
            let now = self.rogue.now;
            self.rogue.switch.handle_timeout(now);
            if let Some(friend) = &mut self.rogue.friend {
                friend.handle_timeout(now);
            }
            if next.is_none() {
                break;
            }
        }
    }

    fn take_events(&mut self) {
        while let Some(event) = self.rogue.switch.poll_event() {
            self.rogue.events.push(event);
        }
        for event in std::mem::take(&mut self.rogue.events) {
            if let Event::Stream(StreamEvent::Opened { stream }) = event {
                self.streams.push(stream);
            }
        }
        while self.rogue.switch.poll_need().is_some() {}
        let friend = self.rogue.friend.as_mut().expect("there is a friend");
        while friend.poll_event().is_some() || friend.poll_need().is_some() {}
    }

    /// The application of the switch does something with a stream that came.
    fn use_streams(&mut self, choices: &mut Choices<'_>) {
        self.take_events();
        let now = self.rogue.now;
        let switch = &mut self.rogue.switch;
        let Some(stream) = self.streams.get(choices.below(self.streams.len())) else {
            return;
        };
        let mut buf = [0; 4096];
        let _done = match choices.byte() % 6 {
            0 => switch.write(now, *stream, &buf).is_ok(),
            1 => switch.finish(now, *stream).is_ok(),
            2 => switch.reset(now, *stream, 1).is_ok(),
            3 => switch.stop(now, *stream, 1).is_ok(),
            4 => switch.answer(now, *stream, "{\"n\":1}").is_ok(),
            _ => switch.read(now, *stream, &mut buf).is_ok(),
        };
    }

    fn friend_sends(&mut self, choices: &mut Choices<'_>) {
        let now = self.rogue.now;
        let friend = self.rogue.friend.as_mut().expect("there is a friend");
        let packet = [&[0, 0], choices.bytes()].concat();
        let _sent = friend.send(now, self.friend, &packet);
    }

    /// Everybody says what there is to say; then the contracts hold.
    fn check(&mut self) {
        self.pass(0);
        let now = self.rogue.now;
        contracts::drain(&mut self.rogue.switch, now, Some(&self.limits), |output| {
            panic!("everything was taken before: {output:?}");
        });
        contracts::check(&mut self.rogue.switch, now);
        for (remote, sent) in &self.rogue.strayed {
            let came = self.came.get(remote).copied().unwrap_or(0);
            assert!(*sent <= came, "{sent} bytes to {remote}, for {came}");
        }
    }

    /// The friend's line is as good as ever.
    fn end(mut self) {
        self.pass(20_000);
        self.check();
        let now = self.rogue.now;
        let friend = self.rogue.friend.as_mut().expect("there is a friend");
        let state = friend.line(self.friend).map(|info| info.state);
        assert_eq!(state, Some(LineState::Up), "the honest line lives");
        let head = r#"{"friend":1}"#;
        let ours = friend.open_stream(now, self.friend, head).expect("opens");
        friend.write(now, ours, b"still there?").expect("is taken");
        friend.finish(now, ours).expect("was open");
        self.streams.clear();
        self.pass(2_000);
        self.check();
        let now = self.rogue.now;
        let switch = &mut self.rogue.switch;
        let is_it = |stream: &&StreamId| switch.stream_head(**stream) == Some(head);
        let theirs = *self.streams.iter().find(is_it).expect("the stream came");
        let mut buf = [0; 64];
        assert_eq!(switch.read(now, theirs, &mut buf), Ok(Read::Bytes(12)));
        assert_eq!(buf[..12], *b"still there?");
        switch.write(now, theirs, b"yes").expect("is taken");
        self.pass(2_000);
        let friend = self.rogue.friend.as_mut().expect("there is a friend");
        let read = friend.read(self.rogue.now, ours, &mut buf);
        assert_eq!((read, &buf[..3]), (Ok(Read::Bytes(3)), &b"yes"[..]));
    }
}

/// Packets without a line are wanted.
fn wanted() -> Config {
    Config {
        life: Life {
            anon_max: 4,
            ..Life::default()
        },
        ..Config::default()
    }
}

/// As little of everything as there may be.
fn tight() -> Config {
    let mut config = wanted();
    config.line.lines = 4;
    config.line.half_open = 4;
    config.line.outputs = 8;
    config.line.opens_per_second = 4;
    config.line.opens_burst = 4;
    config.life.down_lines_max = 1;
    config.life.events_max = 16;
    config.life.packets_max = 2;
    config.stream.head_max_bytes = 200;
    config.stream.streams_max = 64;
    config.ledger = LedgerConfig {
        line_least_bytes: 8 << 10,
        line_bytes: 16 << 10,
        switch_bytes: 128 << 10,
        ..LedgerConfig::default()
    };
    config
}

/// A small number mostly, a large one sometimes.
fn value(choices: &mut Choices<'_>) -> u64 {
    match choices.byte() {
        255 => (1 << 62) - 1,
        254 => 1 << 32,
        253 => u64::from(choices.number()) << 16,
        small @ 128..=252 => u64::from(small) << 5,
        small => small.into(),
    }
}

fn frame(writer: &mut Writer<'_>, own: u64, choices: &mut Choices<'_>) {
    let id = 2 * (value(choices) >> 2) + own;
    let fits = match choices.byte() % 13 {
        0 => {
            let (offset, len) = (value(choices), usize::from(choices.byte()));
            let (end, first) = (choices.byte().is_multiple_of(4), choices.byte());
            let len = len.min(writer.stream_room(id, offset));
            writer.stream(id, offset, len, end, |place| {
                place.fill(b' ');
                if let [high, low, ..] = place {
                    (*high, *low) = (0, first);
                }
            })
        }
        1 => {
            // A stream that is whole, with a legal head or nearly so.
            let head = [r#"{"n":1}"#, r#"{"sys":"space"}"#, r#"{"n":1.5}"#][choices.below(3)];
            let bytes = [&[0, head.len() as u8], head.as_bytes(), b"bytes"].concat();
            bytes.len() <= writer.stream_room(id, 0)
                && writer.stream(id, 0, bytes.len(), true, |place| {
                    place.copy_from_slice(&bytes);
                })
        }
        2 => writer.line_credit(value(choices)),
        3 => writer.stream_credit(id, value(choices)),
        4 => writer.streams_credit(value(choices)),
        5 => writer.reset(id, value(choices), value(choices)),
        6 => writer.stop(id ^ u64::from(choices.byte() % 2), value(choices)),
        7 => writer.challenge(&[choices.byte(); 8]),
        8 => writer.response(&[choices.byte(); 8]),
        9 => writer.rekey(value(choices) as u32, choices.bytes()),
        10 => writer.rekeyed(value(choices) as u32, choices.bytes()),
        11 => {
            let mut received = Ranges::new();
            for _ in 0..=choices.byte() % 3 {
                let from = value(choices).min(1 << 60);
                received.insert(from..from + 1 + u64::from(choices.byte()));
            }
            writer.ranges(&received, value(choices), 8)
        }
        _ => writer.packet(choices.bytes()),
    };
    let _cut = !fits && writer.ping();
}
