//! 20 MiB over a link of 100 Mbit/s each way and 50 ms there and back that loses what chance takes,
//! in virtual time: rows of their own, since nothing here depends on the machine. The link holds
//! what it carries in a round trip, one product of rate and round trip, and drops what comes beyond
//! that. Each round is another seed of its dice, and all who race get the same.

mod ours;
mod quinns;

use std::{cmp::Reverse, collections::BinaryHeap};

use hydroid_core::base::{Rng, Seed};
use quinn_proto::congestion::{BbrConfig, CubicConfig};

use self::{ours::Ours, quinns::Quinns};
use super::{Outcome, median};

/// The rows, and how many datagrams of a hundred are lost each way.
pub(super) const ROWS: [(&str, u64); 3] = [("lossy-0", 0), ("lossy-1", 1), ("lossy-5", 5)];

/// Bytes a second.
const RATE: u64 = 12_500_000;
const DELAY_US: u64 = 25_000;
const QUEUE_BYTES: u64 = RATE * 2 * DELAY_US / 1_000_000;
const BYTES: u64 = 20 << 20;
const MIB: f64 = (1 << 20) as f64;
/// Steady from this time after the first byte on, and for how long it is watched.
const STEADY_US: u64 = 10_000_000;
const WATCH_US: u64 = 10_000_000;
/// Nothing takes longer.
const PATIENCE_US: u64 = 600_000_000;

/// Two ends: the first sends one stream of bytes to the second.
trait Ends {
    /// The next datagram that an end sends.
    fn poll(&mut self, now_us: u64, end: usize) -> Option<Vec<u8>>;
    fn deliver(&mut self, now_us: u64, end: usize, datagram: Vec<u8>);
    /// When an end is to be called.
    fn deadline_us(&mut self, end: usize) -> Option<u64>;
    fn on_deadline(&mut self, now_us: u64, end: usize);
    /// Once the stream is there, takes up to so many bytes of it, and tells how many.
    fn write(&mut self, now_us: u64, bytes: u64) -> Option<u64>;
    /// Bytes that came at the second end since it was asked.
    fn read(&mut self, now_us: u64) -> u64;
}

/// What came of one run.
#[derive(Clone, Copy, Debug)]
struct Took {
    /// MiB a second from the first byte to the last.
    rate: f64,
    /// The part of the link that is full later.
    share: f64,
}

struct Link {
    now_us: u64,
    free_at_us: [u64; 2],
    flying: BinaryHeap<Reverse<(u64, u64, usize, Vec<u8>)>>,
    sent: u64,
    lost_percent: u64,
    dice: Rng,
}

impl Link {
    fn new(lost_percent: u64, seed: usize) -> Self {
        Self {
            now_us: 1000,
            free_at_us: [0; 2],
            flying: BinaryHeap::new(),
            sent: 0,
            lost_percent,
            dice: Rng::new(&Seed::new([seed as u8 + 1; 32])),
        }
    }

    fn carry(&mut self, from: usize, datagram: Vec<u8>) {
        let begun_us = self.free_at_us[from].max(self.now_us);
        let waiting = (begun_us - self.now_us) * RATE / 1_000_000;
        if waiting > QUEUE_BYTES {
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

    /// Lets time go on to the next thing that happens.
    fn step(&mut self, ends: &mut impl Ends) -> Outcome<()> {
        for end in 0..2 {
            while let Some(datagram) = ends.poll(self.now_us, end) {
                self.carry(end, datagram);
            }
        }
        let arrival = self.flying.peek().map(|it| it.0.0);
        let deadlines = [ends.deadline_us(0), ends.deadline_us(1)];
        let next = deadlines.into_iter().flatten().chain(arrival).min();
        self.now_us = self.now_us.max(next.ok_or("nothing happens any more")?);
        if self.now_us > PATIENCE_US {
            return Err("that takes too long".into());
        }
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
        Ok(())
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
    loop {
        if let Some(taken) = ends.write(link.now_us, left) {
            begun_us.get_or_insert(link.now_us);
            left -= taken;
        }
        got += ends.read(link.now_us);
        if let Some(begun_us) = begun_us.filter(|begun_us| done(link.now_us - begun_us, got)) {
            return Ok(begun_us);
        }
        link.step(ends)?;
    }
}

fn once<E: Ends>(new: &impl Fn() -> Outcome<E>, lost_percent: u64, seed: usize) -> Outcome<Took> {
    let mut link = Link::new(lost_percent, seed);
    let begun_us = race(&mut new()?, &mut link, BYTES, |_, got| got >= BYTES)?;
    let seconds = (link.now_us - begun_us) as f64 / 1e6;
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
        rate: BYTES as f64 / MIB / seconds,
        share: steady as f64 / (RATE * WATCH_US / 1_000_000) as f64,
    })
}

/// Prints a row.
pub(super) fn row((name, lost_percent): (&str, u64), rounds: usize, json: bool) -> Outcome<()> {
    let bbr = || Quinns::new(BbrConfig::default());
    let cubic = || Quinns::new(CubicConfig::default());
    let mut all: [Vec<Took>; 3] = Default::default();
    for seed in 0..rounds {
        all[0].push(once(&|| Ours::new(), lost_percent, seed)?);
        all[1].push(once(&bbr, lost_percent, seed)?);
        all[2].push(once(&cubic, lost_percent, seed)?);
    }
    let rates = all
        .each_ref()
        .map(|of| median(of.iter().map(|it| it.rate)).unwrap_or(0.0));
    let shares = all
        .each_ref()
        .map(|of| median(of.iter().map(|it| it.share)).unwrap_or(0.0));
    let better = if rates[1] >= rates[2] { 1 } else { 2 };
    let (peer, named) = (rates[better], ["", "bbr", "cubic"][better]);
    let paired = all[0].iter().zip(&all[better]);
    let ratio = median(paired.map(|(a, b)| a.rate / b.rate)).unwrap_or(0.0);
    let limit = RATE as f64 / MIB;
    if json {
        let row = serde_json::json!({
            "work": name, "unit": "MiB", "ours": rates[0], "peer": peer, "limit": limit,
            "ratio": ratio, "peer_is": named, "bbr": rates[1], "cubic": rates[2],
            "share_ours": shares[0], "share_bbr": shares[1], "share_cubic": shares[2],
            "rounds": rounds,
        });
        println!("{row}");
    } else {
        println!(
            "| {name}, MiB/s; % of the link 10 s later | {:.2} | {peer:.2} ({named}) | {limit:.1} \
             | {ratio:.2} | {:.1} | {:.1} | cubic {:.2}, {:.1} |",
            rates[0],
            shares[0] * 100.0,
            shares[better] * 100.0,
            rates[2],
            shares[2] * 100.0,
        );
    }
    Ok(())
}
