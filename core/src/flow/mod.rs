//! One path of one line: the packets in flight on it, what arrived and is owed in return, which
//! packets are lost, how large packets may be, and how much may be sent now; and, after a change for
//! a better path, what is still in flight on the one before. It owns counters, times, the size of
//! packets and the congestion window; what a packet carried is an opaque record to it, whose fate it
//! tells. It never seals, queues or resends anything, and it sends nothing by itself: it is asked
//! and it answers.

mod before;
mod config;
mod congestion;
mod delivery;
mod loss;
mod outcome;
mod pacing;
mod probe;
mod received;
mod rtt;
mod sending;
mod sent;
mod size;
#[cfg(test)]
mod tests;

use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use self::{
    before::Before,
    congestion::Control,
    pacing::Bucket,
    received::Received,
    sending::{Known, Sending},
    size::Size,
};
pub use self::{
    config::{Algorithm, Config},
    congestion::{Congestion, Cubic, Losses, Model},
    delivery::Sample,
    outcome::{Allowance, Due, Fate, Progress, RangesOfUnsent},
    rtt::Rtt,
    size::Sizes,
};
use crate::{
    base::{Deadline, Time, Why},
    wire::frame::{RangesFrame, Writer},
};

/// The state of one path. `R` is what a packet carries, one small record for each frame that
/// somebody wants to know the fate of.
#[derive(Clone, Debug)]
pub struct Flow<R> {
    config: Config,
    received: Received,
    rtt: Rtt,
    size: Size,
    /// Bytes of a full datagram, never 0; windows and bursts count in it.
    packet_bytes: u16,
    peer_ranges_delay_us: u32,
    /// What only a path needs that packets of ours are on: made for the first of them, and given
    /// up at rest.
    sending: Option<Box<Sending<R>>>,
    /// What is in flight on the path before, if it was left for a better one.
    before: Option<Box<Before<R>>>,
}

impl<R: Copy + fmt::Debug> Flow<R> {
    /// A path on which nothing was sent or received, and that carries datagrams of so many bytes.
    pub fn new(config: &Config, packet_bytes: u16) -> Self {
        Self {
            config: *config,
            received: Received::new(),
            rtt: Rtt::new(u64::from(config.initial_rtt_ms) * 1000),
            size: Size::new(packet_bytes),
            packet_bytes: packet_bytes.max(1),
            peer_ranges_delay_us: u32::from(config.ranges_delay_ms) * 1000,
            sending: None,
            before: None,
        }
    }

    /// Full datagrams have this many bytes from now on; windows and bursts count in it.
    pub fn set_packet_bytes(&mut self, bytes: u16) {
        self.packet_bytes = bytes.max(1);
        if let Some(sending) = &mut self.sending {
            let bytes = u64::from(self.packet_bytes);
            sending.control.set_packet_bytes(bytes);
        }
    }

    /// The handshake took a round trip of `rtt_us`: the first sample, unless there was one.
    pub fn on_handshake(&mut self, now: Time, rtt_us: u64) {
        self.rtt.on_handshake(now, rtt_us);
    }

    /// Nobody ran for a while before `now`: how long answers to earlier packets took says nothing
    /// of the path.
    pub fn on_pause(&mut self, now: Time) {
        if let Some(sending) = &mut self.sending {
            sending.paused = now;
        }
    }

    /// Packets to send now, whatever the window; something to send for whoever asks for an
    /// [`Flow::allowance`].
    pub fn probes_owed(&self) -> u8 {
        self.sending.as_ref().map_or(0, |it| it.probe.owed())
    }

    /// How long the peer says that it may hold ranges back, in milliseconds; until it says so, as
    /// long as we do.
    pub fn set_peer_ranges_delay_ms(&mut self, delay_ms: u64) {
        let most_ms = self.config.peer_ranges_delay_max_ms;
        let delay_ms = u16::try_from(delay_ms).unwrap_or(most_ms).min(most_ms);
        self.peer_ranges_delay_us = u32::from(delay_ms) * 1000;
    }

    /// What may be sent now that asks for ranges. Other packets may leave at any time. Asked only
    /// by who has something to send: a refusal by the pacer is a deadline.
    pub fn allowance(&mut self, now: Time) -> Allowance {
        let config = &self.config;
        let packet_bytes = u64::from(self.packet_bytes);
        let sending = made(&mut self.sending, (config, self.packet_bytes), now);
        if sending.probe.owed() > 0 {
            return Allowance::Probes(sending.probe.owed());
        }
        let window = sending.control.window_bytes();
        let room = window.saturating_sub(sending.sent.bytes_in_flight());
        // What makes it full goes only with what is in flight.
        let full = sending.sent.eliciting() > 0
            && sending.sent.len() >= config.in_flight_packets_max as usize;
        // Where not even one full packet fits, one may go that nothing is in flight beside.
        if full || room < packet_bytes.min(window) {
            sending.delivery.on_refused();
            return Allowance::Congested;
        }
        // What was measured with small packets, or in a lull, must not hold a large one up.
        let least = 2_000_000 * packet_bytes / self.rtt.smoothed_us();
        let rate = sending.control.rate(&self.rtt).max(least);
        let bucket = Bucket::new(config, packet_bytes, rate);
        match sending.pacer.release(now, &bucket) {
            Ok(()) => Allowance::Packet,
            Err(until) => {
                sending.delivery.on_refused();
                Allowance::Paced(until)
            }
        }
    }

    /// A packet was sent: its counter, higher than all before it, the size of its datagram,
    /// whether it asks for ranges, and what it carries. A packet that asks for nothing is not in
    /// flight; its records get a fate when later packets do, or none.
    pub fn on_sent(&mut self, now: Time, counter: u64, bytes: u16, eliciting: bool, carried: &[R]) {
        let of = (&self.config, self.packet_bytes);
        let packet = (counter, bytes, eliciting);
        made(&mut self.sending, of, now).on_sent(now, packet, carried, (of, &self.size));
    }

    /// True if the next packet should ask for ranges (a ping does) although nothing else in it
    /// does: many did not, and what ranges they carried is still repeated.
    pub fn wants_ping(&self) -> bool {
        self.sending.as_ref().is_some_and(|sending| {
            sending.sent.eliciting() == 0
                && sending.unasked_in_a_row >= self.config.ping_every_packets.max(1)
        })
    }

    /// The peer tells what it received; `next_counter` is the counter that the line will use next.
    /// Counters that went over another path are no concern of this one.
    ///
    /// # Errors
    /// [`RangesOfUnsent`] if the line never sent the highest counter; nothing has changed then.
    pub fn on_ranges(
        &mut self,
        now: Time,
        frame: &RangesFrame<'_>,
        next_counter: u64,
        fates: &mut Vec<(Fate, R)>,
    ) -> Result<Progress, RangesOfUnsent> {
        if frame.highest >= next_counter {
            return Err(RangesOfUnsent);
        }
        let before = self.settle_before(now, frame, fates);
        let mut progress = self.settle_current(now, frame, fates);
        progress.arrived_packets += before.arrived_packets;
        progress.lost_packets += before.lost_packets;
        Ok(progress)
    }

    fn settle_current(
        &mut self,
        now: Time,
        frame: &RangesFrame<'_>,
        fates: &mut Vec<(Fate, R)>,
    ) -> Progress {
        let mut progress = Progress::default();
        let packet_bytes = u64::from(self.packet_bytes);
        let Some(sending) = self.sending.as_deref_mut() else {
            return progress;
        };
        let told = (&mut progress, &mut self.size);
        let (asked, highest_sent_at) = sending.take_arrived(frame, packet_bytes, told, fates);
        if progress.arrived_packets == 0 {
            return progress;
        }
        let mut adjusted_us = None;
        let sampled = highest_sent_at.filter(|sent_at| *sent_at >= sending.paused);
        if let Some(sent_at) = sampled.filter(|_| asked) {
            let sample_us = now.since_us(sent_at);
            let delay_us = frame.delay_us.min(u64::from(self.peer_ranges_delay_us));
            progress.sample_us = Some(sample_us);
            adjusted_us = Some(self.rtt.on_sample(now, sample_us, delay_us));
        }
        progress.lost_packets = self.find_lost(now, fates);
        if let Some(sending) = self.sending.as_deref_mut() {
            if asked {
                sending.on_answered(now, &self.rtt, adjusted_us);
            }
            sending.sent.trim();
        }
        progress.resized = self.follow_size();
        progress
    }

    fn find_lost(&mut self, now: Time, fates: &mut Vec<(Fate, R)>) -> u32 {
        let known = Known::new(&self.config, &self.rtt, self.peer_ranges_delay_us);
        let Some(sending) = self.sending.as_deref_mut() else {
            return 0;
        };
        let found = sending.find_lost(now, &known, &mut self.size, fates);
        if found.persistent {
            self.rtt.forget_minimum();
        }
        found.packets
    }

    /// The line goes on over another path, with a round trip of `rtt_us` if one is known. What was
    /// received and what is owed stay; what is in flight is taken for lost, and the new path is not
    /// blamed for it; window, round trip, pace and probes begin anew (RFC 9000 section 9.4).
    pub fn on_path_change(
        &mut self,
        now: Time,
        rtt_us: Option<u64>,
        fates: &mut Vec<(Fate, R)>,
    ) -> u32 {
        let sending = self.sending.take();
        let lost = sending.map_or(0, |mut sending| sending.abandon(fates));
        let lost = lost + self.abandon_before(fates);
        self.begin(now, rtt_us);
        lost
    }

    fn begin(&mut self, now: Time, rtt_us: Option<u64>) {
        self.rtt = Rtt::new(u64::from(self.config.initial_rtt_ms) * 1000);
        if let Some(rtt_us) = rtt_us {
            self.rtt.on_sample(now, rtt_us, 0);
        }
    }

    /// When the oldest packet was sent that asks for ranges and has no fate.
    pub fn oldest_sent_at(&self) -> Option<Time> {
        self.sending.as_ref()?.sent.oldest_sent_at()
    }

    /// Does what is due at `now`; afterwards no deadline is due any more.
    pub fn on_deadline(&mut self, now: Time, fates: &mut Vec<(Fate, R)>) -> Due {
        let mut due = Due::default();
        self.received.on_deadline(now, &self.config);
        let overdue = |sending: &Sending<R>| sending.loss.at().is_some_and(|at| at <= now);
        let overdue = self.sending.as_deref().is_some_and(overdue);
        if overdue {
            due.lost_packets = self.find_lost(now, fates);
            due.resized = self.follow_size();
        }
        due.lost_packets += self.on_before_due(now, fates);
        let known = Known::new(&self.config, &self.rtt, self.peer_ranges_delay_us);
        if let Some(sending) = self.sending.as_deref_mut() {
            if overdue {
                sending.sent.trim();
            }
            sending.pacer.on_deadline(now);
            due.silence = sending.on_silence(now, &known);
            if due.silence && self.size.is_beyond_base() {
                // Whoever goes on to send would wait long for a tail to look for.
                sending.probe.owe_one();
                due.probes = sending.probe.owed();
            }
            if sending.probe_at(&known).is_some_and(|at| at <= now) {
                due.probes = sending.probe.on_deadline(now, &self.config);
            }
        }
        due
    }

    /// When [`Flow::on_deadline`] is due next and why. What is already due to be sent is no
    /// deadline: see [`Flow::ranges_due`] and [`Flow::allowance`].
    pub fn deadline(&self) -> Option<Deadline> {
        let at = |time: Option<Time>, why| time.map(|at| Deadline::new(at, why));
        let ranges = at(self.received.at(&self.config), Why::Ranges);
        let before = self.before.as_deref().map(Before::at);
        let ranges = Deadline::earlier(ranges, at(before, Why::Loss));
        let Some(sending) = self.sending.as_deref() else {
            return ranges;
        };
        let known = &Known::new(&self.config, &self.rtt, self.peer_ranges_delay_us);
        let repair = at(sending.loss.at(), Why::Loss).or(at(sending.probe_at(known), Why::Probe));
        let repair = Deadline::earlier(repair, at(sending.silence_at(known), Why::Probe));
        let pacing = at(sending.pacer.until(), Why::Pacing);
        Deadline::earlier(Deadline::earlier(repair, ranges), pacing)
    }

    /// The period of the first probe in microseconds: the longest that an answer should take.
    pub fn probe_period_us(&self) -> u64 {
        Known::new(&self.config, &self.rtt, self.peer_ranges_delay_us).period_us
    }

    /// Probes in a row that nothing came back for: 0 on a path that works.
    pub fn probes_unanswered(&self) -> u8 {
        self.sending.as_ref().map_or(0, |it| it.probe.unanswered())
    }

    /// What the packet number `skip`, counted from the oldest that asks for ranges and has no
    /// fate, carried: a probe carries it again, whichever copy arrives.
    pub fn oldest_in_flight(&self, skip: usize) -> impl Iterator<Item = R> + use<'_, R> {
        let sending = self.sending.as_deref();
        sending
            .into_iter()
            .flat_map(move |sending| sending.sent.oldest(skip))
    }

    /// Bytes of the packets that ask for ranges and have no fate.
    pub fn bytes_in_flight(&self) -> u64 {
        let sending = self.sending.as_ref();
        let before = self.before.as_ref().map(|it| &it.sending);
        let all = sending.into_iter().chain(before);
        all.map(|it| it.sent.bytes_in_flight()).sum()
    }

    /// The smoothed round trip in microseconds, once one was measured.
    pub fn rtt_us(&self) -> Option<u64> {
        self.rtt.first_at().map(|_| self.rtt.smoothed_us())
    }

    /// The estimate of the round trip.
    pub fn rtt(&self) -> &Rtt {
        &self.rtt
    }

    /// Bytes that may be in flight.
    pub fn window_bytes(&self) -> u64 {
        self.sending.as_ref().map_or_else(
            || Control::new(&self.config, self.packet_bytes.into()).window_bytes(),
            |sending| sending.control.window_bytes(),
        )
    }

    /// True if nothing is in flight and nothing owed: the path can be forgotten, and a new one
    /// begun when there is something to send or something comes.
    pub fn is_at_rest(&self) -> bool {
        let eliciting = self.sending.as_ref().map_or(0, |it| it.sent.eliciting());
        eliciting == 0 && self.before.is_none() && !self.received.owes()
    }

    /// The path is at rest: gives up everything that the next packet makes again, and what was
    /// received and told.
    pub fn rest(&mut self) {
        if self.is_at_rest() {
            self.sending = None;
            self.received.rest();
        }
    }

    /// A packet arrived that is no repetition: its counter, and whether it asks for ranges.
    pub fn on_received(&mut self, now: Time, counter: u64, eliciting: bool) {
        let rtt_us = self.rtt_us();
        self.received
            .on_packet(now, (counter, eliciting), rtt_us, &self.config);
    }

    /// True if ranges are owed; a packet that leaves anyway may carry them.
    pub fn owes_ranges(&self) -> bool {
        self.received.owes()
    }

    /// True if ranges must be sent now, in a packet of their own if need be.
    pub fn ranges_due(&self, now: Time) -> bool {
        self.received.is_due(now, &self.config)
    }

    /// Writes a ranges frame and tells its highest counter; none if there is no room or nothing
    /// arrived. When the packet that carries it arrives, that counter goes to
    /// [`Flow::on_ranges_arrived`].
    pub fn write_ranges(&mut self, now: Time, writer: &mut Writer<'_>) -> Option<u64> {
        self.received.write(now, writer, &self.config)
    }

    /// The peer has our ranges up to `highest`: they are not repeated.
    pub fn on_ranges_arrived(&mut self, highest: u64) {
        self.received.on_ranges_arrived(highest);
    }
}

/// What is needed for sending, made if it is not there.
fn made<'a, R: Copy + fmt::Debug>(
    sending: &'a mut Option<Box<Sending<R>>>,
    of: (&Config, u16),
    now: Time,
) -> &'a mut Sending<R> {
    sending.get_or_insert_with(|| Box::new(Sending::new(of, now)))
}
