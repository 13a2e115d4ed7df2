//! A link of 100 Mbit/s each way and 50 ms there and back that loses what chance takes, in virtual
//! time, and who races over it: two ends that send a stream of bytes, ours or others. The link
//! holds what it carries in a round trip, one product of rate and round trip, and drops what comes
//! beyond that. All who race with one seed get the same dice.

mod ours;

use std::{cmp::Reverse, collections::BinaryHeap, error::Error};

use hydroid_core::base::{Rng, Seed};

pub use self::ours::Ours;

/// What may fail.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Bytes a second.
pub const RATE: u64 = 12_500_000;
/// A round trip.
pub const ROUND_US: u64 = 2 * DELAY_US;
const DELAY_US: u64 = 25_000;
/// The largest datagram that it carries: that of an Ethernet.
const DATAGRAM_MOST: u16 = 1472;
const QUEUE_BYTES: u64 = RATE * 2 * DELAY_US / 1_000_000;
const BYTES: u64 = 20 << 20;
/// Bytes in a MiB.
pub const MIB: f64 = (1 << 20) as f64;
/// Steady from this time after the first byte on, and for how long it is watched.
const STEADY_US: u64 = 10_000_000;
const WATCH_US: u64 = 10_000_000;
/// A message, and how long nothing is said after one.
const MESSAGE: u64 = 1000;
const QUIET_US: u64 = 500_000;
/// No race takes longer.
const PATIENCE_US: u64 = 600_000_000;

/// Two ends: the first sends one stream of bytes to the second.
pub trait Ends {
    /// The next datagram that an end sends.
    fn poll(&mut self, now_us: u64, end: usize) -> Option<Vec<u8>>;
    /// A datagram came.
    fn deliver(&mut self, now_us: u64, end: usize, datagram: Vec<u8>);
    /// When an end is to be called.
    fn deadline_us(&mut self, end: usize) -> Option<u64>;
    /// The deadline of an end has come.
    fn on_deadline(&mut self, now_us: u64, end: usize);
    /// Once the stream is there, takes up to so many bytes of it, and tells how many.
    fn write(&mut self, now_us: u64, bytes: u64) -> Option<u64>;
    /// Bytes that came at the second end since it was asked.
    fn read(&mut self, now_us: u64) -> u64;
}

/// What came of one run.
#[derive(Clone, Copy, Debug)]
pub struct Took {
    /// MiB a second from the first byte to the last.
    pub rate: f64,
    /// The part of the link that is full later.
    pub share: f64,
}

/// When it comes, its number, to whom, and the datagram.
type Flying = (u64, u64, usize, Vec<u8>);

/// The link and what is on it.
#[derive(Debug)]
pub struct Link {
    /// Now.
    pub now_us: u64,
    /// Datagrams that each end sent.
    pub carried: [u64; 2],
    free_at_us: [u64; 2],
    flying: BinaryHeap<Reverse<Flying>>,
    sent: u64,
    lost_percent: u64,
    dice: Rng,
}

impl Link {
    /// A link that loses so many datagrams of a hundred each way.
    #[must_use]
    pub fn new(lost_percent: u64, seed: usize) -> Self {
        Self {
            now_us: 1000,
            carried: [0; 2],
            free_at_us: [0; 2],
            flying: BinaryHeap::new(),
            sent: 0,
            lost_percent,
            dice: Rng::new(&Seed::new([seed as u8 + 1; 32])),
        }
    }

    fn carry(&mut self, from: usize, datagram: Vec<u8>) {
        self.carried[from] += 1;
        let begun_us = self.free_at_us[from].max(self.now_us);
        let waiting = (begun_us - self.now_us) * RATE / 1_000_000;
        if waiting > QUEUE_BYTES || datagram.len() > usize::from(DATAGRAM_MOST) {
            return;
        }
        let takes_us = (datagram.len() as u64 * 1_000_000).div_ceil(RATE);
        self.free_at_us[from] = begun_us + takes_us;
        if self.dice.below(100) < self.lost_percent {
            return;
        }
        let at_us = self.free_at_us[from] + DELAY_US;
        self.sent += 1;
        self.flying
            .push(Reverse((at_us, self.sent, 1 - from, datagram)));
    }

    /// Lets time go on to the next thing that happens, or as far as that.
    fn step(&mut self, ends: &mut impl Ends, most_us: u64) {
        for end in 0..2 {
            while let Some(datagram) = ends.poll(self.now_us, end) {
                self.carry(end, datagram);
            }
        }
        let arrival = self.flying.peek().map(|it| it.0.0);
        let deadlines = [ends.deadline_us(0), ends.deadline_us(1)];
        let next = deadlines.into_iter().flatten().chain(arrival).min();
        self.now_us = self.now_us.max(next.unwrap_or(most_us).min(most_us));
        while self.flying.peek().is_some_and(|it| it.0.0 <= self.now_us) {
            if let Some(Reverse((_, _, to, datagram))) = self.flying.pop() {
                ends.deliver(self.now_us, to, datagram);
            }
        }
        for (end, at) in deadlines.into_iter().enumerate() {
            if at.is_some_and(|at| at <= self.now_us) {
                ends.on_deadline(self.now_us, end);
            }
        }
    }
}

/// Sends as much as goes until `done` says that it is enough, and tells when the first byte was
/// written.
fn race<E: Ends>(
    ends: &mut E,
    link: &mut Link,
    bytes: u64,
    mut done: impl FnMut(u64, u64) -> bool,
) -> Outcome<u64> {
    let (mut left, mut begun_us, mut got) = (bytes, None, 0);
    let patience_us = link.now_us + PATIENCE_US;
    while link.now_us < patience_us {
        if let Some(taken) = ends.write(link.now_us, left) {
            begun_us.get_or_insert(link.now_us);
            left -= taken;
        }
        got += ends.read(link.now_us);
        if let Some(begun_us) = begun_us.filter(|begun_us| done(link.now_us - begun_us, got)) {
            return Ok(begun_us);
        }
        let quiet_us = begun_us.unwrap_or(link.now_us) + QUIET_US;
        let most_us = if quiet_us > link.now_us {
            quiet_us
        } else {
            patience_us
        };
        link.step(ends, most_us);
    }
    Err("that takes too long".into())
}

/// Sends 20 MiB, and again for ten seconds once it is well under way.
///
/// # Errors
/// Nothing more happens, or it takes too long.
pub fn once<E: Ends>(
    new: &impl Fn() -> Outcome<E>,
    lost_percent: u64,
    seed: usize,
) -> Outcome<Took> {
    let (rate, _) = start(&mut new()?, lost_percent, seed)?;
    let mut link = Link::new(lost_percent, seed);
    let (mut before, mut after) = (None, 0);
    race(&mut new()?, &mut link, u64::MAX, |us, got| {
        if us >= STEADY_US {
            before.get_or_insert(got);
        }
        after = got;
        us >= STEADY_US + WATCH_US
    })?;
    let steady = after - before.unwrap_or(0);
    Ok(Took {
        rate,
        share: steady as f64 / (RATE * WATCH_US / 1_000_000) as f64,
    })
}

/// Sends 20 MiB, and tells how many MiB a second that were, and how many datagrams each end sent.
///
/// # Errors
/// Nothing more happens, or it takes too long.
pub fn start(ends: &mut impl Ends, lost_percent: u64, seed: usize) -> Outcome<(f64, [u64; 2])> {
    let mut link = Link::new(lost_percent, seed);
    let begun_us = race(ends, &mut link, BYTES, |_, got| got >= BYTES)?;
    let seconds = (link.now_us - begun_us) as f64 / 1e6;
    Ok((BYTES as f64 / MIB / seconds, link.carried))
}

/// Sends so many messages of 1,000 bytes, each once the line has been quiet for a while, and tells
/// how long each took to be readable, in microseconds, and how many datagrams each end sent for
/// them.
///
/// # Errors
/// Nothing more happens, or it takes too long.
pub fn messages(
    ends: &mut impl Ends,
    lost_percent: u64,
    seed: usize,
    count: u64,
) -> Outcome<(Vec<u64>, [u64; 2])> {
    let mut link = Link::new(lost_percent, seed);
    // The line comes up, and what it has to say at first is said.
    race(ends, &mut link, MESSAGE, |us, got| {
        got >= MESSAGE && us >= QUIET_US
    })?;
    let (mut all, before) = (Vec::new(), link.carried);
    for _message in 0..count {
        let mut took_us = None;
        let begun_us = link.now_us;
        race(ends, &mut link, MESSAGE, |us, got| {
            if got >= MESSAGE {
                took_us.get_or_insert(us);
            }
            took_us.is_some() && us >= QUIET_US
        })?;
        all.extend(took_us);
        link.now_us = link.now_us.max(begun_us + QUIET_US);
    }
    all.sort_unstable();
    let sent = [0, 1].map(|end| link.carried[end] - before[end]);
    Ok((all, sent))
}
