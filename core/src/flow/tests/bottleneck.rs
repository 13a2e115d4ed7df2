//! Lines that share one link, in virtual time: a rate, a queue that drops what it has no room
//! for, and loss by chance each way.

use alloc::collections::BTreeMap;

use super::super::*;
use crate::{
    base::{Rng, Seed},
    wire::frame::{Frame, Frames},
};

pub(super) const PACKET: u16 = 1200;
/// 25 Mbit/s in bytes a second.
pub(super) const RATE: u64 = 3_125_000;
/// 50 ms there and back.
pub(super) const DELAY_US: u64 = 25_000;
/// What is on the wire of the two in a round trip.
pub(super) const PRODUCT: u64 = RATE * 2 * DELAY_US / 1_000_000;

/// One line that sends all the time, or so many packets.
pub(super) struct Line {
    sender: Flow<u32>,
    receiver: Flow<u32>,
    counters: [u64; 2],
    begins: Time,
    /// Packets that were not sent yet.
    pub(super) fresh: u32,
    again: Vec<u32>,
    next: u32,
    seen: Vec<bool>,
    /// Packets that came, each once.
    pub(super) got: u64,
    pub(super) sent: u64,
    pub(super) last_at: Time,
    fates: Vec<(Fate, u32)>,
}

enum Event {
    /// A packet with an item.
    Item(usize, u64, u32),
    Ranges(usize, Vec<u8>),
}

pub(super) struct Bottleneck {
    pub(super) now: Time,
    pub(super) lines: Vec<Line>,
    /// Bytes a second.
    pub(super) rate: u64,
    pub(super) delay_us: u64,
    pub(super) queue_bytes: u64,
    pub(super) lost_permille: u64,
    free_at: Time,
    /// Bytes dropped by the queue.
    pub(super) dropped: u64,
    pub(super) queue_most: u64,
    /// The queue at each packet, summed, and how many packets.
    pub(super) queue_sum: (u64, u64),
    flying: BTreeMap<(Time, u64), Event>,
    events: u64,
    rng: Rng,
}

impl Line {
    pub(super) fn new(config: &Config, begins: Time, packets: u32) -> Self {
        Self {
            sender: Flow::new(config, 1200),
            receiver: Flow::new(config, 1200),
            counters: [0; 2],
            begins,
            fresh: packets,
            again: Vec::new(),
            next: 0,
            seen: Vec::new(),
            got: 0,
            sent: 0,
            last_at: Time::ZERO,
            fates: Vec::new(),
        }
    }

    pub(super) fn flow(&self) -> &Flow<u32> {
        &self.sender
    }

    fn take_fates(&mut self) {
        for (fate, item) in self.fates.drain(..) {
            if fate == Fate::Lost
                && item != u32::MAX
                && !self.seen.get(item as usize).is_some_and(|it| *it)
            {
                self.again.push(item);
            }
        }
    }

    fn poll(&mut self, now: Time) -> Option<(u64, u32)> {
        if now < self.begins
            || (self.fresh == 0 && self.again.is_empty() && self.sender.probes_owed() == 0)
        {
            return None;
        }
        match self.sender.allowance(now) {
            Allowance::Congested | Allowance::Paced(_) => return None,
            Allowance::Probes(_) | Allowance::Packet => {}
        }
        let item = if let Some(item) = self.again.pop() {
            item
        } else if self.fresh > 0 {
            self.fresh -= 1;
            self.next += 1;
            self.next - 1
        } else {
            self.sender.oldest_in_flight(0).next()?
        };
        let counter = self.counters[0];
        self.counters[0] += 1;
        self.sent += 1;
        self.sender.on_sent(now, counter, PACKET, true, &[item]);
        Some((counter, item))
    }

    fn poll_ranges(&mut self, now: Time) -> Option<Vec<u8>> {
        if !self.receiver.ranges_due(now) {
            return None;
        }
        let mut buf = [0; 1000];
        let mut writer = Writer::new(&mut buf);
        let highest = self.receiver.write_ranges(now, &mut writer);
        let len = writer.len();
        let counter = self.counters[1];
        self.counters[1] += 1;
        let _ = (highest, counter);
        Some(buf[..len].to_vec())
    }
}

impl Bottleneck {
    pub(super) fn new(seed: u64, lost_percent: u64, lines: Vec<Line>) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        Self {
            now: Time::ZERO,
            lines,
            rate: RATE,
            delay_us: DELAY_US,
            queue_bytes: PRODUCT,
            lost_permille: lost_percent * 10,
            free_at: Time::ZERO,
            dropped: 0,
            queue_most: 0,
            queue_sum: (0, 0),
            flying: BTreeMap::new(),
            events: 0,
            rng: Rng::new(&Seed::new(bytes)),
        }
    }

    /// Four times as fast, where packets should be small beside what is on the wire.
    pub(super) fn hasten(&mut self) {
        (self.rate, self.queue_bytes) = (self.rate * 4, self.queue_bytes * 4);
    }

    /// Bytes in the queue when a packet came, on average.
    pub(super) fn queue_mean(&self) -> u64 {
        self.queue_sum.0 / self.queue_sum.1.max(1)
    }

    /// Counts anew.
    pub(super) fn forget(&mut self) {
        (self.dropped, self.queue_most, self.queue_sum) = (0, 0, (0, 0));
    }

    fn lost(&mut self) -> bool {
        self.rng.below(1000) < self.lost_permille
    }

    fn carry(&mut self, line: usize, counter: u64, item: u32) {
        let queued = self.free_at.since_us(self.now) * self.rate / 1_000_000;
        self.queue_most = self.queue_most.max(queued);
        self.queue_sum = (self.queue_sum.0 + queued, self.queue_sum.1 + 1);
        if queued > self.queue_bytes {
            self.dropped += u64::from(PACKET);
            return;
        }
        let takes_us = u64::from(PACKET) * 1_000_000 / self.rate;
        self.free_at = self.now.max(self.free_at).plus_us(takes_us);
        if !self.lost() {
            let at = self.free_at.plus_us(self.delay_us);
            self.events += 1;
            self.flying
                .insert((at, self.events), Event::Item(line, counter, item));
        }
    }

    fn poll(&mut self) {
        for line in 0..self.lines.len() {
            while let Some((counter, item)) = self.lines[line].poll(self.now) {
                self.carry(line, counter, item);
            }
            while let Some(ranges) = self.lines[line].poll_ranges(self.now) {
                if !self.lost() {
                    let at = self.now.plus_us(self.delay_us);
                    self.events += 1;
                    self.flying
                        .insert((at, self.events), Event::Ranges(line, ranges));
                }
            }
        }
    }

    fn deliver(&mut self, event: Event) {
        match event {
            Event::Item(line, counter, item) => {
                let line = &mut self.lines[line];
                line.receiver.on_received(self.now, counter, true);
                let item = item as usize;
                if line.seen.len() <= item {
                    line.seen.resize(item + 1, false);
                }
                if !core::mem::replace(&mut line.seen[item], true) {
                    line.got += 1;
                    line.last_at = self.now;
                }
            }
            Event::Ranges(line, bytes) => {
                let line = &mut self.lines[line];
                for frame in Frames::new(&bytes) {
                    let Ok(Frame::Ranges(frame)) = frame else {
                        continue;
                    };
                    line.sender
                        .on_ranges(self.now, &frame, line.counters[0], &mut line.fates)
                        .expect("the peer names what was sent");
                }
                line.take_fates();
            }
        }
    }

    pub(super) fn step(&mut self) -> bool {
        self.poll();
        let mut next = self.flying.keys().next().map(|key| key.0);
        for line in &self.lines {
            let begins = (line.begins > self.now).then_some(line.begins);
            let of = [line.sender.deadline(), line.receiver.deadline()];
            let all = of
                .into_iter()
                .flatten()
                .map(|it| it.at)
                .chain(begins)
                .chain(next);
            next = all.min();
        }
        let Some(next) = next else { return false };
        self.now = next;
        while let Some(entry) = self.flying.first_entry().filter(|it| it.key().0 <= next) {
            let event = entry.remove();
            self.deliver(event);
        }
        for line in &mut self.lines {
            line.sender.on_deadline(next, &mut line.fates);
            line.receiver.on_deadline(next, &mut line.fates);
            line.take_fates();
        }
        true
    }

    /// Goes on until that time, and tells how many bytes each line got meanwhile.
    pub(super) fn until(&mut self, at: Time) -> Vec<u64> {
        let before: Vec<_> = self.lines.iter().map(|line| line.got).collect();
        while self.now < at {
            if !self.step() {
                self.now = at;
            }
        }
        let after = self.lines.iter().zip(before);
        after
            .map(|(line, before)| (line.got - before) * u64::from(PACKET))
            .collect()
    }

    /// Goes on until nothing more happens.
    pub(super) fn finish(&mut self) -> Time {
        while self
            .lines
            .iter()
            .any(|it| it.fresh > 0 || it.got < u64::from(it.next))
            && self.step()
        {}
        self.now
    }
}
