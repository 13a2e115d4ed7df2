//! The one event wheel: datagrams on their way, ordered by when they arrive and then by when they
//! were sent, and the next deadline of every node. Nothing is ever scanned.

use std::{cmp::Reverse, collections::BinaryHeap, net::SocketAddr};

use hydroid_core::base::{Slot, Time, Timers};

/// A datagram on its way.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    /// Who was there when it was sent.
    pub(super) hint: Option<usize>,
    pub(super) bytes: Vec<u8>,
}

/// What happens when.
#[derive(Debug, Default)]
pub(super) struct Wheel {
    heap: BinaryHeap<Reverse<(Time, u64, u32)>>,
    flights: Vec<Flight>,
    free: Vec<u32>,
    sequence: u64,
    deadlines: Timers,
}

impl Wheel {
    /// A datagram arrives at this time. Its bytes are copied into memory that is used again.
    pub(super) fn carry(
        &mut self,
        at: Time,
        (from, to): (SocketAddr, SocketAddr),
        hint: Option<usize>,
        bytes: &[u8],
    ) -> &mut [u8] {
        let place = self.free.pop().unwrap_or_else(|| {
            let bytes = Vec::new();
            self.flights.push(Flight {
                from,
                to,
                hint,
                bytes,
            });
            (self.flights.len() - 1) as u32
        });
        self.heap.push(Reverse((at, self.sequence, place)));
        self.sequence += 1;
        let flight = &mut self.flights[place as usize];
        (flight.from, flight.to, flight.hint) = (from, to, hint);
        flight.bytes.clear();
        flight.bytes.extend_from_slice(bytes);
        &mut flight.bytes
    }

    /// Takes out the next datagram that arrives by now.
    pub(super) fn arrived(&mut self, now: Time) -> Option<(u32, Flight)> {
        let Reverse((at, _, place)) = *self.heap.peek()?;
        if at > now {
            return None;
        }
        self.heap.pop();
        let flight = &mut self.flights[place as usize];
        let bytes = std::mem::take(&mut flight.bytes);
        Some((place, Flight { bytes, ..*flight }))
    }

    /// The memory of a datagram that was taken out is free again.
    pub(super) fn give_back(&mut self, place: u32, bytes: Vec<u8>) {
        self.flights[place as usize].bytes = bytes;
        self.free.push(place);
    }

    /// Gives memory up that is kept for later, if nothing is on its way.
    pub(super) fn rest(&mut self) {
        if self.heap.is_empty() {
            (self.heap, self.flights, self.free) = Default::default();
        }
    }

    /// A node is to be called at this time.
    pub(super) fn set(&mut self, node: usize, at: Option<Time>) {
        self.deadlines.set(node as Slot, at);
    }

    /// The next node that is due.
    pub(super) fn due(&mut self, now: Time) -> Option<usize> {
        self.deadlines.pop_due(now).map(|slot| slot as usize)
    }

    /// When something happens next.
    pub(super) fn next(&self) -> Time {
        let arrives = self.heap.peek().map_or(Time::NEVER, |Reverse(it)| it.0);
        let due = self.deadlines.next().map_or(Time::NEVER, |(at, _)| at);
        arrives.min(due)
    }

    /// Datagrams on their way.
    pub(super) fn in_flight(&self) -> usize {
        self.heap.len()
    }
}
