//! A peer that has proved its key and then says anything at all: no panic, no memory beyond the
//! limits, and an honest line on the same switch goes on as if nothing were.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
};

use hydroid_core::{
    base::{Ranges, Rng, Seed, Time},
    switch::{Config, Event, Read, StreamEvent, StreamId},
    tape::Recorded,
    wire::{SEALED_OVERHEAD, frame::Writer},
};
use hydroid_tests::{rogue::Rogue, seed::seed, transfer::pattern};

/// Seeds of a default run; `ROGUE_SEEDS` sets another number.
const SEEDS: u64 = 150;
/// What the friend sends, and reads again from its echo.
const FRIEND_BYTES: usize = 60_000;

/// What every stream, and every line, may carry before any credit frame (PROTOCOL, sections Line
/// credit and Stream credit).
const STREAM_CREDIT: u64 = 64 << 10;
const LINE_CREDIT: u64 = 256 << 10;

/// A rogue, an honest friend, and the application of the switch between them.
struct Play {
    rogue: Rogue,
    rng: Rng,
    most_bytes: u64,
    /// Streams that the application knows.
    streams: Vec<StreamId>,
    mouth: Mouth,
    friend: (StreamId, usize, usize),
    /// The switch's end of the friend's stream, and how much of it was echoed.
    echo: Option<StreamId>,
    backlog: Vec<u8>,
}

impl Play {
    fn new(seed: u64) -> Self {
        let mut config = Config::default();
        config.stream.streams_max = 64;
        config.stream.head_max_bytes = 64;
        config.stream.stream_window_initial_bytes = 64 << 10;
        config.stream.stream_window_max_bytes = 64 << 10;
        config.stream.line_window_initial_bytes = 256 << 10;
        config.stream.line_window_max_bytes = 256 << 10;
        config.stream.send_buffer_stream_max_bytes = 16 << 10;
        config.stream.send_buffer_line_max_bytes = 64 << 10;
        config.stream.gaps_max = 200;
        config.stream.buffers_spare_max_bytes = 10_000;
        let mut rogue = Rogue::new(&config);
        let line = rogue.befriend(&config);
        let friend = rogue.friend.as_mut().expect("there is one");
        let stream = friend
            .open_stream(rogue.now, line, "{\"n\":0}")
            .expect("opens");
        let mut bytes = [5; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let limits = &config.stream;
        let mut rng = Rng::new(&Seed::new(bytes));
        let mouth = Mouth {
            parity: u64::from(!rogue.is_smaller()),
            wild: [0, 1, 20][rng.below(3) as usize],
            ..Mouth::default()
        };
        Self {
            rogue,
            rng,
            // Two lines; a buffer takes up to twice what it holds and has at least 256 bytes.
            most_bytes: 2
                * (2 * (limits.line_window_max_bytes + limits.send_buffer_line_max_bytes)
                    + 130 * 256
                    + limits.buffers_spare_max_bytes),
            streams: Vec::new(),
            mouth,
            friend: (stream, 0, 0),
            echo: None,
            backlog: Vec::new(),
        }
    }

    /// One packet of the rogue's, what the application does about it, and some time.
    fn step(&mut self) {
        if self.rng.below(8) == 0 {
            // It says to be somewhere else, in a datagram of 31 bytes and more.
            let port = 5_000 + self.rng.below(6) as u16;
            let len = [1, 8, 9, 900][self.rng.below(4) as usize];
            let remote = SocketAddr::from(([10, 0, 0, 2], port));
            self.rogue.send_plain_from(remote, &vec![0; len]);
        } else if self.rng.below(4_000) < self.mouth.wild {
            let len = self.rng.below(60) as usize;
            let bytes: Vec<_> = (0..len).map(|_| self.rng.u32() as u8).collect();
            self.rogue.send_plain(&bytes);
        } else {
            let (rng, mouth) = (&mut self.rng, &mut self.mouth);
            mouth.heard = self.rogue.heard.clone();
            mouth.ours = self.streams.iter().map(number).collect();
            mouth.ours.retain(|id| id & 1 != mouth.parity);
            self.rogue.send(|writer| {
                for _ in 0..1 + rng.below(30) {
                    mouth.frame(rng, writer);
                }
            });
        }
        self.application();
        self.pump_friend();
        self.pass();
    }

    fn pass(&mut self) {
        self.rogue.hear();
        let us = [0, 500, 20_000, 300_000][self.rng.below(4) as usize];
        let rogue = &mut self.rogue;
        rogue.now = rogue.now.plus_us(us);
        let now = rogue.now;
        for switch in [Some(&mut rogue.switch), rogue.friend.as_mut()]
            .into_iter()
            .flatten()
        {
            tick(switch, now);
            assert!(!switch.is_due(now), "at {now:?} something stays due");
        }
        rogue.hear();
        let status = rogue.switch.status();
        assert!(status.buffered_bytes <= self.most_bytes, "{status:?}");
        assert!(status.streams <= 4 * 64 + 1, "{status:?}");
        assert!(status.events <= 2_000, "{status:?}");
    }

    /// The switch's own program does something with whatever streams there are.
    fn application(&mut self) {
        let id = self.rogue.id();
        let (switch, now) = (&mut self.rogue.switch, self.rogue.now);
        while let Some(event) = switch.poll_event() {
            self.rogue.events.push(event);
        }
        for event in self.rogue.events.drain(..) {
            if let Event::Stream(StreamEvent::Opened { stream }) = event {
                if stream.line == id {
                    self.streams.push(stream);
                } else {
                    self.echo = Some(stream);
                }
            }
        }
        match self.rng.below(6) {
            0 => self.streams.extend(switch.open_stream(now, id, "{}")),
            1 => {
                let _full = switch.send(now, id, &[0, 0, 1]);
            }
            2 => {
                let _none = switch.recv(now, id, &mut [0; 2_000]);
            }
            _ => {}
        }
        for _ in 0..self.rng.below(4) {
            let at = self.rng.below(self.streams.len() as u64) as usize;
            let Some(stream) = self.streams.get(at).copied() else {
                return;
            };
            let code = self.rng.below(9);
            let _whatever = match self.rng.below(9) {
                0 => switch.answer(now, stream, "{}").is_ok(),
                1 => switch.finish(now, stream).is_ok(),
                2 => switch.reset(now, stream, code).is_ok(),
                3 => switch.stop(now, stream, code).is_ok(),
                4 | 5 => switch.write(now, stream, &[1; 9_000]).is_ok(),
                _ => switch.read(now, stream, &mut [0; 9_000]).is_ok(),
            };
        }
    }

    /// The friend writes and reads, and the switch gives it back what it says.
    fn pump_friend(&mut self) {
        let (stream, mut written, mut read) = self.friend;
        let (switch, now) = (&mut self.rogue.switch, self.rogue.now);
        if let Some(echo) = self.echo {
            let mut buf = [0; 4_000];
            if self.backlog.is_empty()
                && let Ok(Read::Bytes(len)) = switch.read(now, echo, &mut buf)
            {
                self.backlog.extend_from_slice(&buf[..len]);
            }
            if let Ok(taken) = switch.write(now, echo, &self.backlog) {
                self.backlog.drain(..taken);
            }
        }
        let friend = self.rogue.friend.as_mut().expect("there is one");
        if written < FRIEND_BYTES {
            let piece = pattern(written as u64, (FRIEND_BYTES - written).min(3_000));
            written += friend.write(now, stream, &piece).unwrap_or(0);
        }
        let mut buf = [0; 4_000];
        if let Ok(Read::Bytes(len)) = friend.read(now, stream, &mut buf) {
            assert_eq!(buf[..len], pattern(read as u64, len), "the honest bytes");
            read += len;
        }
        self.friend = (stream, written, read);
    }

    fn run(&mut self) {
        for _ in 0..40 + self.rng.below(80) {
            self.step();
        }
        for _ in 0..2_000 {
            if self.friend.2 == FRIEND_BYTES {
                return;
            }
            self.application();
            self.pump_friend();
            self.pass();
        }
        panic!("the honest line goes on: {:?}", self.friend);
    }
}

fn number(stream: &StreamId) -> u64 {
    let text = stream.to_string();
    let number = text.rsplit('.').next().expect("a number");
    number.parse().expect("a number")
}

fn tick(switch: &mut Recorded, now: Time) {
    if switch.poll_timeout().is_some_and(|due| due.at <= now) {
        switch.handle_timeout(now);
    }
}

/// A number that is often legal and always interesting.
fn any(rng: &mut Rng) -> u64 {
    match rng.below(40) {
        0 => (1 << 62) - 1,
        1 => rng.u64() >> 2,
        2 => 1 << 32,
        _ => rng.below(70_000),
    }
}

/// What the rogue has said, so that it can go on legally, and how rarely it does not.
#[derive(Default)]
struct Mouth {
    parity: u64,
    /// Illegal things in a thousand.
    wild: u64,
    /// How far it has got in each stream without a gap and with, and whether that was the end.
    tops: BTreeMap<u64, (u64, u64, bool)>,
    /// What it has used of the credit of the line.
    spent: u64,
    /// Streams of the switch.
    ours: Vec<u64>,
    /// Counters of the switch that came.
    heard: Ranges,
}

impl Mouth {
    /// Writes one frame, drawn.
    fn frame(&mut self, rng: &mut Rng, writer: &mut Writer<'_>) {
        let wild = rng.below(1_000) < self.wild;
        let at = rng.below(self.ours.len() as u64) as usize;
        let own = self.ours.get(at).copied().filter(|_| rng.below(4) == 0);
        let mine = 2 * rng.below(if wild { 90 } else { 50 }) + self.parity;
        let id = own.unwrap_or(mine);
        let _room = match rng.below(40) {
            0..18 => self.stream(rng, writer, id, wild),
            18..22 => self.heard.is_empty() || writer.ranges(&self.heard, any(rng), 20),
            22 => self.some_ranges(rng, writer, wild),
            23..25 => writer.line_credit(any(rng)),
            25..27 => writer.stream_credit(id, any(rng)),
            27 => writer.streams_credit(any(rng)),
            28 => {
                let (_, top, ended) = self.tops.entry(id).or_default();
                *ended = true;
                writer.reset(id, rng.below(9), if wild { any(rng) } else { *top })
            }
            29 => writer.stop(id, rng.below(9)),
            30 => writer.challenge(&rng.bytes()),
            31 => writer.packet(&[0, 0, 7]),
            32 => wild && writer.close(any(rng), "no more"),
            33 => {
                writer.padding(rng.below(9) as usize);
                true
            }
            _ => writer.ping(),
        };
    }

    fn stream(&mut self, rng: &mut Rng, writer: &mut Writer<'_>, id: u64, wild: bool) -> bool {
        let known = self.tops.entry(id).or_default();
        if known.2 && !wild {
            return false;
        }
        // A far gap makes the switch hold room for what may come.
        let gap = [0, 0, rng.below(90), rng.below(60_000)][rng.below(4) as usize];
        let at = if wild { any(rng) } else { known.0 + gap }.min((1 << 62) - 2_000);
        let most = [60, 1_000][rng.below(2) as usize];
        let len = rng.below(most);
        let more = (at + len).saturating_sub(known.1);
        if !wild && (at + len > STREAM_CREDIT || self.spent + more > LINE_CREDIT) {
            return false;
        }
        let end = gap == 0 && at + len >= known.1.max(4) && rng.below(40) == 0;
        let done = writer.stream(id, at, len as usize, end, |place| {
            for (n, byte) in (at..).zip(place) {
                *byte = [0, 2, b'{', b'}'].get(n as usize).copied().unwrap_or(7);
            }
        });
        if done && gap == 0 {
            (known.0, known.2) = (at + len, end);
        }
        if done {
            known.1 = known.1.max(at + len);
            self.spent = self.spent.saturating_add(more);
        }
        done
    }

    fn some_ranges(&self, rng: &mut Rng, writer: &mut Writer<'_>, wild: bool) -> bool {
        let mut some = Ranges::new();
        for _ in 0..rng.below(9) {
            if let Some(run) = self.heard.first_in(rng.below(300)..u64::MAX) {
                some.insert(run.start..run.start + 1 + u64::from(wild));
            }
        }
        some.is_empty() || writer.ranges(&some, any(rng), 20)
    }
}

#[test]
fn rogues_say_anything_and_harm_nobody() {
    let first = seed(1);
    let seeds = match std::env::var("ROGUE_SEEDS") {
        Ok(text) => text.parse().expect("ROGUE_SEEDS is a number"),
        Err(_) => SEEDS,
    };
    let (mut misbehaved, mut lived) = (0, 0);
    for seed in first..first + seeds {
        let mut play = Play::new(seed);
        if catch_unwind(AssertUnwindSafe(|| play.run())).is_err() {
            panic!("HYDROID_SEED={seed} ROGUE_SEEDS=1 cargo test --workspace --test rogues");
        }
        misbehaved += play.rogue.switch.stats().misbehaved;
        lived += u64::from(play.rogue.switch.status().lines == 2);
    }
    println!("{misbehaved} rogues were found out, {lived} were not");
    assert!(misbehaved > 0 && lived > 0, "both kinds were seen");
}

#[test]
fn rogues_that_fall_silent_send_nobody_more_than_they_sent_themselves() {
    for len in [1, 9] {
        let mut rogue = Rogue::new(&Config::default());
        let (id, victim) = (rogue.id(), SocketAddr::from(([10, 0, 0, 9], 53)));
        let opened = rogue.switch.open_stream(rogue.now, id, "{}");
        opened.expect("the line is held");
        rogue.send_plain_from(victim, &vec![0; len]);
        while rogue.now < Time::ZERO.plus_ms(25_000) {
            rogue.now = rogue.now.plus_ms(50);
            tick(&mut rogue.switch, rogue.now);
            rogue.hear();
        }
        let sent = (len + SEALED_OVERHEAD) as u64;
        let strayed = rogue.strayed.get(&victim).copied().unwrap_or_default();
        assert!(strayed <= sent, "{strayed} bytes for {sent}");
    }
}
