//! Memory: each line is told how far it may go before anything happens to it, and what it takes is
//! noted afterwards.

use super::{Event, Switch, link::Link};
use crate::base::Slot;

/// Places that each list of a switch keeps whatever is in it.
const SCRATCH_KEPT: usize = 16;

impl Switch {
    /// Notes what a line takes, and tells it how far it may go from now on.
    pub(super) fn lend(&mut self, slot: Slot) {
        let closed = self.events.len() >= self.config.life.events_max as usize;
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        self.stats.streams_refused += link.streams.take_refused();
        let promised = match link.line() {
            Some(_) => link.streams.promised_bytes(),
            None => 0,
        };
        let held = link.charged_bytes();
        self.ledger.settle(&mut link.share, held, promised);
        let mut limits = self.ledger.limits(&link.share);
        limits.most = limits.most.saturating_sub(link.packets.held_bytes());
        limits.near = limits.near.saturating_sub(link.packets.held_bytes());
        link.streams.set_limits(limits, closed);
    }

    /// The same after something happened, and whoever waits for memory is told of what there is.
    pub(super) fn balance(&mut self, slot: Slot) {
        self.lend(slot);
        self.tell_room(slot);
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        if self.ledger.is_near() && !link.starves && link.lacks_memory() {
            link.starves = true;
            self.starving.push_back(slot);
        }
        let told = !self.stream_effects.is_empty() || !self.arrived.is_empty();
        let same = link.charged_bytes() == link.share.held_bytes();
        if told || !same || !link.system.is_silent() {
            self.settle_streams(slot);
            // The switch's own streams may have taken something meanwhile.
            self.lend(slot);
        }
        while !self.ledger.is_near()
            && let Some(slot) = self.starving.pop_front()
        {
            self.feed(slot);
        }
    }

    /// Tells those on a line who wait for room, as far as there is some.
    fn tell_room(&mut self, slot: Slot) {
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        link.streams.on_room(&mut self.stream_effects);
        if link.may_send_again(self.config.life.packets_max) {
            self.events.push_back(Event::MaySend { line: link.id });
        }
    }

    /// There is memory again for a line that waited for what others had.
    fn feed(&mut self, slot: Slot) {
        self.lend(slot);
        if let Some(link) = self.links.get_mut(slot).filter(|link| link.starves) {
            link.starves = false;
            self.tell_room(slot);
            self.settle_streams(slot);
            self.lend(slot);
        }
    }

    /// Nothing moved on a line for a while: it keeps its keys and what is not read, and gives up
    /// key schedules and buffers that are kept for later.
    pub(super) fn rest(&mut self, slot: Slot) {
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        link.rested = true;
        link.streams.rest();
        link.flow.rest();
        link.packets.rest();
        link.system.rest();
        if let Some(line) = link.line() {
            self.lines.rest(line);
        }
        self.rest_scratch();
    }

    /// What calls grew that had much to do is given up as well.
    fn rest_scratch(&mut self) {
        self.fates.shrink_to(SCRATCH_KEPT);
        self.carried.shrink_to(SCRATCH_KEPT);
        self.carried_streams.shrink_to(SCRATCH_KEPT);
        self.arrived.shrink_to(SCRATCH_KEPT);
        self.events.shrink_to(SCRATCH_KEPT);
        self.ready.shrink_to(SCRATCH_KEPT);
        self.starving.shrink_to(SCRATCH_KEPT);
        self.line_effects.shrink_to(SCRATCH_KEPT);
        self.stream_effects.shrink_to(SCRATCH_KEPT);
    }
}

impl Link {
    /// Bytes that everything takes that the ledger counts.
    fn charged_bytes(&self) -> u64 {
        self.streams.charged_bytes() + self.packets.held_bytes()
    }

    /// True if somebody waits for memory.
    pub(super) fn lacks_memory(&self) -> bool {
        self.streams.lacks_memory() || self.packets.lacks_memory(self.packet_room())
    }

    /// True once if an unreliable packet found no room among `most`, and now one would.
    fn may_send_again(&mut self, most: u32) -> bool {
        let room = self.packet_room();
        self.packets.take_unblocked(most, room)
    }

    /// Bytes by which the rows of unreliable packets may grow, those that go out and those that
    /// came: if nobody reads them, they are not to stand in the way of streams.
    pub(super) const fn packet_room(&self) -> u64 {
        self.streams.near_room()
    }
}
