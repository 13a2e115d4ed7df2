use alloc::{collections::VecDeque, vec::Vec};
use core::ops::Range;

use super::{Fate, delivery::Stamp};
use crate::base::{Ranges, Time};

/// What is remembered of a packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet {
    pub(super) counter: u64,
    pub(super) sent_at: Time,
    carried_from: u64,
    carried: u16,
    pub(super) bytes: u16,
    pub(super) eliciting: bool,
    pub(super) stamp: Stamp,
}

/// The packets of one path, numbered in the order in which they were sent: the *ordinal*, which
/// unlike the line's counter has no holes. Those with a fate stay as gravestones until everything
/// before them has one too, so nothing is ever moved.
#[derive(Clone, Debug)]
pub(super) struct Sent<R> {
    packets: VecDeque<Packet>,
    /// The ordinal of the packet in front.
    base: u64,
    carried: VecDeque<R>,
    carried_base: u64,
    /// The ordinals that have no fate yet, so that none of the others is ever looked at again.
    open: Ranges,
    bytes_in_flight: u64,
    eliciting: u32,
    unasked: u32,
}

impl<R: Copy> Sent<R> {
    pub(super) const fn new() -> Self {
        Self {
            packets: VecDeque::new(),
            base: 0,
            carried: VecDeque::new(),
            carried_base: 0,
            open: Ranges::new(),
            bytes_in_flight: 0,
            eliciting: 0,
            unasked: 0,
        }
    }

    /// Bytes of the packets that ask for ranges and have no fate.
    pub(super) fn bytes_in_flight(&self) -> u64 {
        self.bytes_in_flight
    }

    /// How many packets ask for ranges and have no fate.
    pub(super) fn eliciting(&self) -> u32 {
        self.eliciting
    }

    /// How many packets ask for nothing and have no fate.
    pub(super) fn unasked(&self) -> u32 {
        self.unasked
    }

    /// Packets remembered, gravestones among them.
    pub(super) fn len(&self) -> usize {
        self.packets.len()
    }

    /// The ordinal that the next packet will have.
    pub(super) fn next_ordinal(&self) -> u64 {
        self.base + self.packets.len() as u64
    }

    pub(super) fn push(
        &mut self,
        (sent_at, stamp): (Time, Stamp),
        counter: u64,
        bytes: u16,
        eliciting: bool,
        carried: &[R],
    ) {
        debug_assert!(
            self.packets.back().is_none_or(|p| p.counter < counter),
            "the counters of a line only grow"
        );
        let ordinal = self.next_ordinal();
        self.packets.push_back(Packet {
            counter,
            sent_at,
            carried_from: self.carried_base + self.carried.len() as u64,
            carried: u16::try_from(carried.len()).expect("a packet has fewer than 65,536 frames"),
            bytes,
            eliciting,
            stamp,
        });
        self.carried.extend(carried);
        self.open.insert(ordinal..ordinal + 1);
        if eliciting {
            self.eliciting += 1;
            self.bytes_in_flight += u64::from(bytes);
        } else {
            self.unasked += 1;
        }
    }

    /// The ordinals of the packets whose counters are in `counters`.
    pub(super) fn ordinals(&self, counters: &Range<u64>) -> Range<u64> {
        let from = self.packets.partition_point(|p| p.counter < counters.start);
        let to = self.packets.partition_point(|p| p.counter < counters.end);
        self.base + from as u64..self.base + to as u64
    }

    /// The lowest unbroken run within `ordinals` that has no fate.
    pub(super) fn first_open(&self, ordinals: Range<u64>) -> Option<Range<u64>> {
        self.open.first_in(ordinals)
    }

    /// The counter of the oldest packet that has no fate.
    pub(super) fn oldest_counter(&self) -> Option<u64> {
        self.open.first().map(|run| self.packet(run.start).counter)
    }

    /// When the oldest packet was sent that asks for ranges and has no fate.
    pub(super) fn oldest_sent_at(&self) -> Option<Time> {
        let mut open = self.open.iter().flat_map(Clone::clone);
        open.find_map(|ordinal| {
            let packet = self.packet(ordinal);
            packet.eliciting.then_some(packet.sent_at)
        })
    }

    /// A packet that has no fate.
    pub(super) fn packet(&self, ordinal: u64) -> &Packet {
        &self.packets[(ordinal - self.base) as usize]
    }

    /// What a packet carried.
    fn records(&self, packet: &Packet) -> impl Iterator<Item = R> + use<'_, R> {
        let from = (packet.carried_from - self.carried_base) as usize;
        self.carried
            .range(from..from + usize::from(packet.carried))
            .copied()
    }

    /// What the packet number `skip`, counted from the oldest that asks for ranges, carried.
    pub(super) fn oldest(&self, skip: usize) -> impl Iterator<Item = R> + use<'_, R> {
        self.open
            .iter()
            .flat_map(Clone::clone)
            .map(|ordinal| self.packet(ordinal))
            .filter(|packet| packet.eliciting)
            .nth(skip)
            .into_iter()
            .flat_map(|packet| self.records(packet))
    }

    /// Gives a run of packets that have none their fate, and shows each one.
    pub(super) fn settle(
        &mut self,
        run: Range<u64>,
        fate: Fate,
        fates: &mut Vec<(Fate, R)>,
        mut each: impl FnMut(u64, &Packet),
    ) {
        for ordinal in run.clone() {
            let packet = self.packet(ordinal);
            fates.extend(self.records(packet).map(|record| (fate, record)));
            each(ordinal, packet);
            let (bytes, eliciting) = (u64::from(packet.bytes), packet.eliciting);
            if eliciting {
                self.eliciting -= 1;
                self.bytes_in_flight -= bytes;
            } else {
                self.unasked -= 1;
            }
        }
        self.open.remove(run);
    }

    /// Forgets the gravestones in front.
    pub(super) fn trim(&mut self) {
        let keep = self
            .open
            .first()
            .map_or(self.next_ordinal(), |run| run.start);
        self.packets.drain(..(keep - self.base) as usize);
        self.base = keep;
        let end = self.carried_base + self.carried.len() as u64;
        let keep = self.packets.front().map_or(end, |p| p.carried_from);
        self.carried.drain(..(keep - self.carried_base) as usize);
        self.carried_base = keep;
    }

    #[cfg(test)]
    pub(super) fn capacities(&self) -> [usize; 2] {
        [self.packets.capacity(), self.carried.capacity()]
    }
}
