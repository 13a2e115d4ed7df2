//! How large the packets of a path may be (RFC 8899): larger ones are tried, one at a time, while
//! there is much to send, and given up where they are lost and small ones are not.

use core::fmt;

use super::{Config, Flow, made};
use crate::base::Time;

/// What links carry, with the headers of IP and UDP in it: the largest that IP has, jumbo frames,
/// Ethernet, and Ethernet with more and more around the packet.
const LINKS: [u16; 7] = [u16::MAX, 9_000, 1_500, 1_492, 1_450, 1_400, 1_280];
/// A packet is full if no more than this is missing.
const NEARLY: u16 = 64;
/// Between what passes and what does not, nothing more is tried than this part of what passes.
const WORTH: u16 = 8;

/// What is noted as the bytes of a packet that tries its size: it counts against no window.
const TRY_BYTES: u16 = 0;

/// What a path is known to carry before anything was tried, and what may be tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sizes {
    /// Bytes of a datagram that every path carries.
    pub base: u16,
    /// The largest datagram that is tried.
    pub most: u16,
    /// Bytes that IP and UDP add to each.
    pub headers: u16,
}

/// The size of packets on one path: what of it is kept at rest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    sizes: Sizes,
    /// The largest that passes, as far as is known.
    found: u16,
    /// The smallest that does not; beyond the largest that is tried if nothing was.
    refused: u16,
    /// Nothing is tried before.
    again_at: Time,
}

/// The search for a larger one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Search {
    /// The packet that is on its way to try its size.
    tried: Option<Try>,
    /// So often what is tried next was lost.
    losses: u8,
    /// Full packets that were sent.
    full: u8,
    hole: Hole,
}

/// A packet that is sent to try its size.
#[derive(Clone, Copy, Debug)]
struct Try {
    counter: u64,
    bytes: u16,
}

/// Packets that are larger than the base and were lost although smaller ones that were sent later
/// arrived.
#[derive(Clone, Copy, Debug, Default)]
struct Hole {
    /// Whatever was sent before a larger packet that arrived says nothing.
    after_counter: Option<u64>,
    packets: u8,
    rounds: u8,
    /// When the last of them was found lost: what was sent later is another round.
    round_at: Time,
}

/// What a lost packet says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Blame {
    /// The path has less room than was thought.
    Congestion,
    /// It tried its size, or was still on its way when smaller ones were sent again: that says
    /// nothing of congestion.
    Size,
    /// The same as of congestion, and so many of them are lost that they may have been too large:
    /// smaller ones are sent from now on.
    Fall,
}

impl Size {
    /// A path that carries packets of `base` bytes, and of which nothing else is tried.
    pub(super) const fn new(base: u16) -> Self {
        let sizes = Sizes {
            base,
            most: base,
            headers: 0,
        };
        Self {
            sizes,
            found: base,
            refused: base,
            again_at: Time::ZERO,
        }
    }

    /// The path is another one, which was found to carry `found` bytes if it was in use before.
    pub(super) fn begin(sizes: Sizes, found: Option<u16>) -> Self {
        let base = sizes.base.min(sizes.most);
        let sizes = Sizes { base, ..sizes };
        Self {
            sizes,
            found: found.unwrap_or(base).clamp(base, sizes.most),
            refused: sizes.most.saturating_add(1),
            ..Self::new(base)
        }
    }

    /// Bytes of a full packet.
    pub(super) const fn bytes(&self) -> u16 {
        self.found
    }

    /// True if packets are sent that not every path carries.
    pub(super) const fn is_beyond_base(&self) -> bool {
        self.found > self.sizes.base
    }

    /// The largest first: what the interface itself does not carry is refused at once and costs
    /// nothing. What links usually carry comes before anything in between.
    fn next(&self) -> Option<u16> {
        let is_open = |bytes: &u16| (self.found + 1..self.refused).contains(bytes);
        let links = LINKS.iter().map(|link| link - self.sizes.headers);
        let usual = [self.sizes.most].into_iter().chain(links).find(is_open);
        usual.or_else(|| {
            let gap = self.refused - self.found;
            (gap > self.found / WORTH).then_some(self.found + gap / 2)
        })
    }

    const fn forget_refusals(&mut self) {
        self.refused = self.sizes.most.saturating_add(1);
    }
}

impl Search {
    /// The size to try now. Only who has something to send asks, so a line at rest tries nothing.
    pub(super) fn due(&mut self, size: &mut Size, now: Time, config: &Config) -> Option<u16> {
        let idle = self.tried.is_some() || self.full < config.size_after_packets;
        if idle || size.found >= size.sizes.most || now < size.again_at {
            return None;
        }
        let next = size.next();
        if next.is_none() {
            // Everything was tried. Perhaps the path is another one later.
            size.forget_refusals();
            size.again_at = now.plus_ms(config.size_again_ms.into());
        }
        next
    }

    /// A packet was sent that is no try.
    pub(super) const fn on_sent(&mut self, size: &Size, bytes: u16) {
        if bytes.saturating_add(NEARLY) >= size.found {
            self.full = self.full.saturating_add(1);
        }
    }

    /// A packet was sent to try its size.
    const fn on_tried(&mut self, counter: u64, bytes: u16) {
        self.tried = Some(Try { counter, bytes });
    }

    fn take_tried(&mut self, counter: u64) -> Option<u16> {
        let tried = self.tried.take_if(|tried| tried.counter == counter);
        tried.map(|tried| tried.bytes)
    }

    /// A packet arrived.
    pub(super) fn on_arrived(&mut self, size: &mut Size, counter: u64, bytes: u16) {
        let tried = self.take_tried(counter);
        if let Some(tried) = tried {
            (size.found, self.losses) = (tried, 0);
        }
        if tried.is_some() || bytes > size.sizes.base {
            let hole = &mut self.hole;
            hole.after_counter = hole.after_counter.max(Some(counter));
            (hole.packets, hole.rounds) = (0, 0);
        }
    }

    /// A packet was lost: its counter, its bytes, and when it was sent.
    pub(super) fn on_lost(
        &mut self,
        size: &mut Size,
        now: Time,
        (counter, bytes, sent_at): (u64, u16, Time),
        config: &Config,
    ) -> Blame {
        if let Some(tried) = self.take_tried(counter) {
            self.losses = self.losses.saturating_add(1);
            if self.losses >= config.size_losses.max(1) {
                (size.refused, self.losses) = (tried, 0);
            }
            return Blame::Size;
        }
        if bytes == TRY_BYTES || bytes > size.found {
            return Blame::Size;
        }
        let hole = &mut self.hole;
        let is_new = hole.after_counter.is_none_or(|after| counter > after);
        if bytes <= size.sizes.base || !is_new {
            return Blame::Congestion;
        }
        hole.packets = hole.packets.saturating_add(1);
        if hole.rounds == 0 || sent_at > hole.round_at {
            hole.rounds = hole.rounds.saturating_add(1);
            hole.round_at = now;
        }
        if hole.packets < config.size_hole_packets && hole.rounds < config.size_hole_rounds {
            return Blame::Congestion;
        }
        size.again_at = now.plus_ms(config.size_hole_ms.into());
        size.forget_refusals();
        self.fall(size);
        Blame::Fall
    }

    /// The system does not take so many bytes in one datagram.
    fn on_too_large(&mut self, size: &mut Size, bytes: u16) {
        if size.sizes.base < bytes && bytes <= size.found {
            size.refused = bytes;
            self.fall(size);
        } else if size.found < bytes && bytes < size.refused {
            size.refused = bytes;
            (self.tried, self.losses) = (None, 0);
        }
    }

    fn fall(&mut self, size: &mut Size) {
        size.found = size.sizes.base;
        *self = Self::default();
    }
}

impl<R: Copy + fmt::Debug> Flow<R> {
    /// The path carries packets of the base, or of `found` bytes if that was found when it was in
    /// use before; larger ones may be tried.
    pub fn set_sizes(&mut self, sizes: Sizes, found: Option<u16>) {
        let most = self.config.size_most_bytes().max(sizes.base);
        let most = most.min(sizes.most);
        self.size = Size::begin(Sizes { most, ..sizes }, found);
        self.set_packet_bytes(self.size.found);
    }

    /// Bytes of a full packet now.
    pub const fn packet_bytes(&self) -> u16 {
        self.size.found
    }

    /// Bytes of the next packet at most: of one that looks for a tail, so many that it arrives
    /// whatever became of larger ones.
    pub fn next_bytes(&self) -> u16 {
        if self.probes_owed() > 0 {
            self.size.sizes.base
        } else {
            self.size.found
        }
    }

    /// A packet of just so many bytes, with a ping and padding and nothing else, would tell whether
    /// the path carries it. Asked by who may send and has something to.
    pub fn size_probe_due(&mut self, now: Time) -> Option<u16> {
        let sending = self.sending.as_deref_mut()?;
        if sending.probe.owed() > 0 {
            return None;
        }
        sending.search.due(&mut self.size, now, &self.config)
    }

    /// It was sent. Ranges tell of it as of any other; its loss is no congestion.
    pub fn on_size_probe_sent(&mut self, now: Time, counter: u64, bytes: u16) {
        let sending = made(&mut self.sending, (&self.config, self.packet_bytes), now);
        sending.unasked_in_a_row = 0;
        let stamp = sending
            .delivery
            .on_sent(now, sending.sent.bytes_in_flight());
        sending
            .sent
            .push((now, stamp), counter, TRY_BYTES, true, &[]);
        sending.pacer.on_extra_sent(u64::from(bytes));
        sending.probe.on_asked(now);
        sending.search.on_tried(counter, bytes);
    }

    /// The system refused a datagram of so many bytes, which is too large for its interface.
    pub fn on_too_large(&mut self, bytes: u16) {
        if let Some(sending) = self.sending.as_deref_mut() {
            sending.search.on_too_large(&mut self.size, bytes);
        }
        self.follow_size();
    }

    /// Windows and bursts count in what packets have now; true if that is new.
    pub(super) fn follow_size(&mut self) -> bool {
        let bytes = self.size.found;
        let is_new = bytes != self.packet_bytes;
        if is_new {
            self.set_packet_bytes(bytes);
        }
        is_new
    }
}

#[cfg(test)]
mod tests;
