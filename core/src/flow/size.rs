//! How large the packets of a path may be (RFC 8899): larger ones are tried, one at a time, while
//! there is much to send, and given up where they are lost and small ones are not.

use core::fmt;

use super::{Config, Flow};
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

/// The size of packets on one path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    sizes: Sizes,
    /// The largest that passes, as far as is known.
    found: u16,
    /// The smallest that does not; beyond the largest that is tried if nothing was.
    refused: u16,
    /// The size that is being tried; 0 if none is.
    tried: u16,
    tried_counter: u64,
    /// So often what is tried next was lost.
    losses: u8,
    /// Full packets that were sent.
    full: u8,
    /// Nothing is tried before.
    again_at: Time,
    hole: Hole,
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
    /// It may have been too large; that says nothing of congestion.
    Size,
    /// So many were too large that smaller ones are sent from now on.
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
            tried: 0,
            tried_counter: 0,
            losses: 0,
            full: 0,
            again_at: Time::ZERO,
            hole: Hole {
                after_counter: None,
                packets: 0,
                rounds: 0,
                round_at: Time::ZERO,
            },
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

    /// Bytes of the largest packets that pass.
    pub(super) const fn found(&self) -> u16 {
        self.found
    }

    /// The size to try now. Only who has something to send asks, so a line at rest tries nothing.
    pub(super) fn due(&mut self, now: Time, config: &Config) -> Option<u16> {
        let idle = self.tried > 0 || self.full < config.size_after_packets;
        if idle || self.found >= self.sizes.most || now < self.again_at {
            return None;
        }
        let next = self.next();
        if next.is_none() {
            // Everything was tried. Perhaps the path is another one later.
            (self.refused, self.losses) = (self.sizes.most.saturating_add(1), 0);
            self.again_at = now.plus_ms(config.size_again_ms);
        }
        next
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

    /// A packet was sent that is no try.
    pub(super) const fn on_sent(&mut self, bytes: u16) {
        if bytes.saturating_add(NEARLY) >= self.found {
            self.full = self.full.saturating_add(1);
        }
    }

    /// A packet was sent to try its size.
    pub(super) const fn on_tried(&mut self, counter: u64, bytes: u16) {
        (self.tried, self.tried_counter) = (bytes, counter);
    }

    const fn is_tried(&self, counter: u64) -> bool {
        self.tried > 0 && self.tried_counter == counter
    }

    /// A packet arrived.
    pub(super) fn on_arrived(&mut self, counter: u64, bytes: u16) {
        let is_tried = self.is_tried(counter);
        if is_tried {
            (self.found, self.tried, self.losses) = (self.tried, 0, 0);
        }
        if is_tried || bytes > self.sizes.base {
            self.on_large(counter);
        }
    }

    fn on_large(&mut self, counter: u64) {
        self.hole.after_counter = self.hole.after_counter.max(Some(counter));
        (self.hole.packets, self.hole.rounds) = (0, 0);
    }

    /// A packet was lost: its counter, its bytes, and when it was sent.
    pub(super) fn on_lost(
        &mut self,
        now: Time,
        (counter, bytes, sent_at): (u64, u16, Time),
        config: &Config,
    ) -> Blame {
        if self.is_tried(counter) {
            self.losses = self.losses.saturating_add(1);
            if self.losses >= config.size_losses.max(1) {
                (self.refused, self.losses) = (self.tried, 0);
            }
            self.tried = 0;
            return Blame::Size;
        }
        if bytes == TRY_BYTES || bytes > self.found {
            return Blame::Size;
        }
        let is_new = self.hole.after_counter.is_none_or(|after| counter > after);
        if bytes <= self.sizes.base || !is_new {
            return Blame::Congestion;
        }
        self.hole.packets = self.hole.packets.saturating_add(1);
        if self.hole.rounds == 0 || sent_at > self.hole.round_at {
            self.hole.rounds = self.hole.rounds.saturating_add(1);
            self.hole.round_at = now;
        }
        if self.hole.packets < config.size_hole_packets
            && self.hole.rounds < config.size_hole_rounds
        {
            return Blame::Congestion;
        }
        self.again_at = now.plus_ms(config.size_hole_ms);
        self.fall(self.sizes.most.saturating_add(1));
        Blame::Fall
    }

    /// The system does not take so many bytes in one datagram.
    pub(super) const fn on_too_large(&mut self, bytes: u16) {
        if self.sizes.base < bytes && bytes <= self.found {
            self.fall(bytes);
        } else if self.found < bytes && bytes < self.refused {
            (self.refused, self.tried, self.losses) = (bytes, 0, 0);
        }
    }

    const fn fall(&mut self, refused: u16) {
        (self.found, self.refused) = (self.sizes.base, refused);
        (self.tried, self.losses, self.full) = (0, 0, 0);
        (self.hole.packets, self.hole.rounds) = (0, 0);
    }

    /// Nothing moves any more: there has to be much to send again before anything is tried.
    pub(super) const fn rest(&mut self) {
        self.full = 0;
    }
}

impl<R: Copy + fmt::Debug> Flow<R> {
    /// The path carries packets of the base, or of `found` bytes if that was found when it was in
    /// use before; larger ones may be tried.
    pub fn set_sizes(&mut self, sizes: Sizes, found: Option<u16>) {
        self.size = Size::begin(sizes, found);
        self.set_packet_bytes(self.size.found());
    }

    /// Bytes of a full packet now.
    pub const fn packet_bytes(&self) -> u16 {
        self.size.found
    }

    /// Bytes of the next packet at most: of one that looks for a tail, so many that it arrives
    /// whatever became of larger ones.
    pub fn next_bytes(&self) -> u16 {
        if self.probe.owed() > 0 {
            self.size.sizes.base
        } else {
            self.size.found
        }
    }

    /// A packet of just so many bytes, with a ping and padding and nothing else, would tell whether
    /// the path carries it. Asked by who may send and has something to.
    pub fn size_probe_due(&mut self, now: Time) -> Option<u16> {
        let may = self.probe.owed() == 0;
        let config = &self.config;
        may.then(|| self.size.due(now, config)).flatten()
    }

    /// It was sent. Ranges tell of it as of any other; its loss is no congestion.
    pub fn on_size_probe_sent(&mut self, now: Time, counter: u64, bytes: u16) {
        self.unasked_in_a_row = 0;
        self.sent.push(now, counter, TRY_BYTES, true, &[]);
        self.pacer.on_sent(u64::from(bytes));
        self.probe.on_asked(now);
        self.size.on_tried(counter, bytes);
    }

    /// The system refused a datagram of so many bytes, which is too large for its interface.
    pub fn on_too_large(&mut self, bytes: u16) {
        self.size.on_too_large(bytes);
        self.follow_size();
    }

    /// Windows and bursts count in what packets have now; true if that is new.
    pub(super) fn follow_size(&mut self) -> bool {
        let bytes = self.size.found;
        let is_new = bytes != self.config.packet_bytes;
        if is_new {
            self.set_packet_bytes(bytes);
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    const FREE: Sizes = Sizes {
        base: 1_200,
        most: 65_507,
        headers: 28,
    };

    fn config() -> Config {
        Config::default()
    }

    fn ms(ms: u64) -> Time {
        Time::ZERO.plus_ms(ms)
    }

    /// A path on which much was sent.
    fn busy(found: Option<u16>) -> Size {
        let mut size = Size::begin(FREE, found);
        send(&mut size);
        size
    }

    fn send(size: &mut Size) {
        for _ in 0..config().size_after_packets {
            size.on_sent(size.found());
        }
    }

    /// Tries until nothing is left, on a path that carries `mtu` bytes, and tells what was tried.
    fn search(size: &mut Size, mtu: u16, is_told: bool) -> Vec<u16> {
        let mut tried = Vec::new();
        for counter in 0.. {
            let Some(bytes) = size.due(ms(0), &config()) else {
                break;
            };
            tried.push(bytes);
            size.on_tried(counter, bytes);
            if bytes <= mtu {
                size.on_arrived(counter, 0);
            } else if is_told {
                size.on_too_large(bytes);
            } else {
                size.on_lost(ms(0), (counter, 0, ms(0)), &config());
            }
        }
        tried
    }

    #[test]
    fn flow_size_is_the_largest_at_once_where_everything_passes() {
        let mut size = busy(None);
        assert_eq!(search(&mut size, u16::MAX, true), [65_507]);
        assert_eq!(size.found(), 65_507);
        assert_eq!(size.due(ms(10_000_000), &config()), None, "nothing to gain");
    }

    #[test]
    fn flow_size_goes_down_by_what_links_carry_and_each_refusal_is_one_try() {
        let mut size = busy(None);
        let tried = search(&mut size, 1_472, true);
        assert_eq!(tried[..3], [65_507, 8_972, 1_472]);
        assert_eq!(size.found(), 1_472);
        assert!(tried.len() <= 10, "{tried:?}");
        for (mtu, least) in [
            (9_000, 8_972),
            (1_452, 1_422),
            (1_420, 1_372),
            (1_200, 1_200),
        ] {
            for is_told in [true, false] {
                let mut size = busy(None);
                let tried = search(&mut size, mtu, is_told);
                assert!((least..=mtu).contains(&size.found()), "{mtu}: {tried:?}");
            }
        }
    }

    #[test]
    fn flow_size_in_between_is_halved_where_it_pays() {
        let mut size = busy(None);
        search(&mut size, 4_324, true);
        assert!((3_900..=4_324).contains(&size.found()), "{}", size.found());
    }

    #[test]
    fn flow_size_that_is_lost_is_tried_so_often_and_all_of_it_again_after_a_while() {
        let mut size = busy(None);
        let tried = search(&mut size, 1_472, false);
        assert_eq!(tried[..4], [65_507, 65_507, 65_507, 8_972]);
        let again = ms(config().size_again_ms);
        assert_eq!(size.due(ms(config().size_again_ms - 1), &config()), None);
        assert_eq!(size.due(again, &config()), Some(65_507));
    }

    #[test]
    fn flow_size_is_not_tried_before_much_was_sent_and_after_a_rest() {
        let mut size = Size::begin(FREE, None);
        for _ in 0..1000 {
            size.on_sent(1_000);
        }
        assert_eq!(size.due(ms(0), &config()), None, "no full packets");
        send(&mut size);
        assert!(size.due(ms(0), &config()).is_some());
        size.rest();
        assert_eq!(size.due(ms(0), &config()), None);
    }

    #[test]
    fn flow_size_tries_one_at_a_time_and_nothing_beyond_the_most() {
        let most = 4_000;
        let mut size = Size::begin(Sizes { most, ..FREE }, None);
        send(&mut size);
        assert_eq!(size.due(ms(0), &config()), Some(4_000));
        size.on_tried(1, 4_000);
        assert_eq!(size.due(ms(0), &config()), None);
        let least = Sizes { most: 600, ..FREE };
        assert_eq!(Size::begin(least, Some(9_000)).found(), 600);
    }

    #[test]
    fn flow_size_falls_when_larger_packets_are_lost_in_a_row() {
        let mut size = busy(Some(9_000));
        for counter in 1..config().size_hole_packets.into() {
            let lost = (counter, 9_000, ms(1));
            assert_eq!(size.on_lost(ms(50), lost, &config()), Blame::Congestion);
        }
        // One that came tells that it was something else.
        size.on_arrived(100, 9_000);
        assert_eq!(
            size.on_lost(ms(50), (99, 9_000, ms(1)), &config()),
            Blame::Congestion
        );
        for counter in 101..100 + u64::from(config().size_hole_packets) {
            let lost = (counter, 9_000, ms(1));
            assert_eq!(size.on_lost(ms(50), lost, &config()), Blame::Congestion);
            size.on_arrived(counter, 1_200);
        }
        let last = (200, 9_000, ms(1));
        assert_eq!(size.on_lost(ms(50), last, &config()), Blame::Fall);
        assert_eq!(size.found(), 1_200);
        let late = (201, 9_000, ms(1));
        assert_eq!(size.on_lost(ms(50), late, &config()), Blame::Size);
        let small = (202, 1_200, ms(1));
        assert_eq!(size.on_lost(ms(50), small, &config()), Blame::Congestion);
        send(&mut size);
        assert_eq!(size.due(ms(50), &config()), None, "later");
        assert!(
            size.due(ms(50 + config().size_hole_ms), &config())
                .is_some()
        );
    }

    #[test]
    fn flow_size_falls_when_nothing_large_arrives_over_a_few_rounds() {
        let mut size = busy(Some(9_000));
        for round in 1..config().size_hole_rounds.into() {
            let lost = (round, 9_000, ms(round * 100));
            let verdict = size.on_lost(ms(round * 100 + 50), lost, &config());
            assert_eq!(verdict, Blame::Congestion);
        }
        let lost = (10, 9_000, ms(1_000));
        assert_eq!(size.on_lost(ms(1_050), lost, &config()), Blame::Fall);
    }

    #[test]
    fn flow_size_falls_at_once_where_the_system_refuses_what_passed() {
        let mut size = busy(Some(9_000));
        size.on_too_large(1_200);
        assert_eq!(size.found(), 9_000, "it was not for its size");
        size.on_too_large(9_000);
        assert_eq!(size.found(), 1_200);
        send(&mut size);
        assert_eq!(size.due(ms(0), &config()), Some(8_972), "below, at once");
    }
}
