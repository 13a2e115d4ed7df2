//! Two ends and the wires between them, in virtual time. Each datagram carries items, and an item
//! whose packet is lost travels again.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};

use super::super::*;
use crate::{
    base::{Rng, Seed},
    wire::frame::{Frame, Frames},
};

#[derive(Clone, Copy, Debug)]
pub(super) struct Wire {
    pub(super) delay_us: u64,
    pub(super) jitter_us: u64,
    pub(super) lost_percent: u64,
    pub(super) twice_percent: u64,
    /// Bytes a second.
    pub(super) rate: u64,
    pub(super) queue_bytes: u64,
}

impl Wire {
    pub(super) const FREE: Self = Self {
        delay_us: 20_000,
        jitter_us: 0,
        lost_percent: 0,
        twice_percent: 0,
        rate: u64::MAX,
        queue_bytes: u64::MAX,
    };
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Carried {
    Item(u32),
    Ranges(u64),
    Ping,
}

#[derive(Debug)]
struct Attempt {
    counter: u64,
    carried: Carried,
    fate: Option<Fate>,
}

#[derive(Clone, Debug)]
struct Datagram {
    counter: u64,
    bytes: u16,
    eliciting: bool,
    items: Vec<u32>,
    ranges: Vec<u8>,
}

pub(super) struct End {
    pub(super) flow: Flow<u32>,
    pub(super) counter: u64,
    pub(super) todo: VecDeque<u32>,
    /// What the peer has of ours, as the fates tell it.
    pub(super) told: BTreeSet<u32>,
    /// What we have of the peer's.
    pub(super) got: BTreeSet<u32>,
    /// When how many bytes left that ask for ranges.
    pub(super) log: Vec<(Time, u64)>,
    attempts: Vec<Attempt>,
    in_flight: BTreeMap<u64, u16>,
    in_flight_bytes: u64,
    fates: Vec<(Fate, u32)>,
}

impl End {
    fn new(config: &Config, items: u32) -> Self {
        Self {
            flow: Flow::new(config, 1200),
            counter: 0,
            todo: (0..items).collect(),
            told: BTreeSet::new(),
            got: BTreeSet::new(),
            log: Vec::new(),
            attempts: Vec::new(),
            in_flight: BTreeMap::new(),
            in_flight_bytes: 0,
            fates: Vec::new(),
        }
    }

    fn take_fates(&mut self) {
        for (fate, record) in core::mem::take(&mut self.fates) {
            let attempt = &mut self.attempts[record as usize];
            assert_eq!(attempt.fate.replace(fate), None, "a fate is told once");
            if let Some(bytes) = self.in_flight.remove(&attempt.counter) {
                self.in_flight_bytes -= u64::from(bytes);
            }
            match (attempt.carried, fate) {
                (Carried::Item(item), Fate::Arrived) => drop(self.told.insert(item)),
                (Carried::Item(item), Fate::Lost) if !self.told.contains(&item) => {
                    self.todo.push_front(item);
                }
                (Carried::Ranges(highest), Fate::Arrived) => self.flow.on_ranges_arrived(highest),
                (Carried::Item(_) | Carried::Ranges(_) | Carried::Ping, _) => {}
            }
        }
        assert_eq!(self.flow.bytes_in_flight(), self.in_flight_bytes);
    }

    fn on_datagram(&mut self, now: Time, datagram: &Datagram) {
        self.flow
            .on_received(now, datagram.counter, datagram.eliciting);
        self.got.extend(&datagram.items);
        for frame in Frames::new(&datagram.ranges) {
            if let Ok(Frame::Ranges(frame)) = frame {
                let told = self
                    .flow
                    .on_ranges(now, &frame, self.counter, &mut self.fates);
                told.expect("the peer names what was sent");
            }
        }
        self.take_fates();
    }

    fn on_deadline(&mut self, now: Time) {
        self.flow.on_deadline(now, &mut self.fates);
        let next = self.flow.deadline();
        assert!(
            next.is_none_or(|d| d.at > now),
            "{next:?} is due at {now:?}"
        );
        self.take_fates();
    }

    /// Everything that may leave now, one packet at a time.
    fn poll(&mut self, now: Time) -> Option<Datagram> {
        let mut items = Vec::new();
        let mut asks = self.flow.wants_ping() && self.flow.ranges_due(now);
        if !self.todo.is_empty() || self.flow.probes_owed() > 0 {
            match self.flow.allowance(now) {
                Allowance::Probes(_) => {
                    asks = true;
                    let again = |record: u32| match self.attempts[record as usize].carried {
                        Carried::Item(item) => Some(item),
                        Carried::Ranges(_) | Carried::Ping => None,
                    };
                    items.extend(self.flow.oldest_in_flight(0).filter_map(again));
                }
                Allowance::Packet => {
                    asks = true;
                    items.extend(self.todo.pop_front());
                }
                Allowance::Congested | Allowance::Paced(_) => {}
            }
        }
        if !asks && !self.flow.ranges_due(now) {
            return None;
        }
        Some(self.packet(now, items, asks))
    }

    fn packet(&mut self, now: Time, items: Vec<u32>, eliciting: bool) -> Datagram {
        let mut buf = [0; 400];
        let mut writer = Writer::new(&mut buf);
        let owed = self.flow.owes_ranges();
        let highest = owed
            .then(|| self.flow.write_ranges(now, &mut writer))
            .flatten();
        let ranges_len = writer.len();
        let carried = items.iter().map(|item| Carried::Item(*item));
        let carried = carried.chain(highest.map(Carried::Ranges));
        let ping = (eliciting && items.is_empty()).then_some(Carried::Ping);
        let from = self.attempts.len() as u32;
        let (counter, fate) = (self.counter, None);
        let attempts = carried.chain(ping).map(|carried| Attempt {
            counter,
            carried,
            fate,
        });
        self.attempts.extend(attempts);
        let bytes = if items.is_empty() { 60 } else { 1200 };
        let records: Vec<u32> = (from..self.attempts.len() as u32).collect();
        self.flow.on_sent(now, counter, bytes, eliciting, &records);
        if eliciting {
            self.in_flight.insert(counter, bytes);
            self.in_flight_bytes += u64::from(bytes);
            self.log.push((now, u64::from(bytes)));
        }
        self.counter += 1;
        let ranges = buf[..ranges_len].to_vec();
        Datagram {
            counter,
            bytes,
            eliciting,
            items,
            ranges,
        }
    }
}

pub(super) struct World {
    pub(super) now: Time,
    pub(super) ends: [End; 2],
    /// What the ends send travels over the wire of the same number.
    pub(super) wires: [Wire; 2],
    /// Every so many packets the line sends one over another path.
    pub(super) holes: u64,
    free_at: [Time; 2],
    flying: BTreeMap<(Time, u64), (usize, Datagram)>,
    datagrams: u64,
    rng: Rng,
}

impl World {
    pub(super) fn new(config: &Config, seed: u64, items: [u32; 2], wires: [Wire; 2]) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        Self {
            now: Time::ZERO,
            ends: items.map(|items| End::new(config, items)),
            wires,
            holes: u64::MAX,
            free_at: [Time::ZERO; 2],
            flying: BTreeMap::new(),
            datagrams: 0,
            rng: Rng::new(&Seed::new(bytes)),
        }
    }

    fn carry(&mut self, from: usize, datagram: &Datagram) {
        let wire = self.wires[from];
        let waiting_us = self.free_at[from].since_us(self.now);
        let queued = u128::from(waiting_us) * u128::from(wire.rate) / 1_000_000;
        if queued > u128::from(wire.queue_bytes) || self.rng.below(100) < wire.lost_percent {
            return;
        }
        let takes_us = u64::from(datagram.bytes) * 1_000_000 / wire.rate;
        self.free_at[from] = self.now.max(self.free_at[from]).plus_us(takes_us);
        let copies = 1 + u64::from(self.rng.below(100) < wire.twice_percent);
        for _ in 0..copies {
            let late_us = wire.delay_us + self.rng.below(wire.jitter_us + 1);
            let at = self.free_at[from].plus_us(late_us);
            self.flying
                .insert((at, self.datagrams), (1 - from, datagram.clone()));
            self.datagrams += 1;
        }
    }

    fn poll(&mut self) {
        for from in [0, 1] {
            while let Some(datagram) = self.ends[from].poll(self.now) {
                self.carry(from, &datagram);
                if self.rng.below(self.holes) == 0 {
                    self.ends[from].counter += 1;
                }
            }
        }
    }

    /// One step in time; false if nothing more will happen.
    pub(super) fn step(&mut self) -> bool {
        self.poll();
        let arrival = self.flying.keys().next().map(|key| key.0);
        let deadlines = self
            .ends
            .iter()
            .filter_map(|end| Some(end.flow.deadline()?.at));
        let Some(next) = arrival.into_iter().chain(deadlines).min() else {
            return false;
        };
        assert!(next >= self.now, "nothing that is due is left over");
        self.now = next;
        while let Some(entry) = self.flying.first_entry().filter(|e| e.key().0 <= next) {
            let (to, datagram) = entry.remove();
            self.ends[to].on_datagram(next, &datagram);
        }
        for end in &mut self.ends {
            if end.flow.deadline().is_some_and(|d| d.at <= next) {
                end.on_deadline(next);
            }
        }
        true
    }

    /// Goes on until nothing more happens, in at most `steps` steps.
    pub(super) fn finish(&mut self, steps: usize) {
        let more = (0..steps).find(|_| !self.step());
        assert!(
            more.is_some(),
            "still busy at {:?} after {steps} steps",
            self.now
        );
    }
}
