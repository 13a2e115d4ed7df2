//! One path of one line: the packets in flight on it, what arrived and is owed in return, which
//! packets are lost, and how much may be sent now. It owns counters, times and the congestion
//! window; what a packet carried is an opaque record to it, whose fate it tells. It never seals,
//! queues or resends anything, and it sends nothing by itself: it is asked and it answers.

mod config;
mod congestion;
mod loss;
mod outcome;
mod pacing;
mod probe;
mod received;
mod rtt;
mod sent;
mod size;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;
use core::fmt;

pub use self::{
    config::{Algorithm, Config},
    congestion::{Congestion, Cubic},
    outcome::{Allowance, Due, Fate, Progress, RangesOfUnsent},
    rtt::Rtt,
    size::Sizes,
};
use self::{
    congestion::Control,
    loss::{Found, Loss, Measure},
    pacing::{Bucket, Pacer},
    probe::Probe,
    received::Received,
    sent::Sent,
    size::Size,
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
    sent: Sent<R>,
    received: Received,
    rtt: Rtt,
    loss: Loss,
    probe: Probe,
    pacer: Pacer,
    control: Control,
    size: Size,
    peer_ranges_delay_us: u64,
    /// The window was full after a packet of this ordinal or a later one had been sent.
    filled_before: u64,
    /// When something was sent first that nothing came back for.
    silent_since: Option<Time>,
    /// That was noticed.
    silence_told: bool,
    /// Packets in a row that asked for nothing.
    unasked_in_a_row: u16,
    /// Answers to what was sent before measure no round trip.
    paused: Time,
}

impl<R: Copy + fmt::Debug> Flow<R> {
    /// A path on which nothing was sent or received.
    pub fn new(config: &Config, now: Time) -> Self {
        Self {
            config: *config,
            sent: Sent::new(),
            received: Received::new(),
            rtt: Rtt::new(u64::from(config.initial_rtt_ms) * 1000),
            loss: Loss::default(),
            probe: Probe::new(now),
            pacer: Pacer::new(now),
            control: Control::new(config),
            size: Size::new(config.packet_bytes),
            peer_ranges_delay_us: u64::from(config.ranges_delay_ms) * 1000,
            filled_before: 0,
            silent_since: None,
            silence_told: false,
            unasked_in_a_row: 0,
            paused: Time::ZERO,
        }
    }

    /// Nobody ran for a while before `now`: how long answers to earlier packets took says nothing
    /// of the path.
    pub const fn on_pause(&mut self, now: Time) {
        self.paused = now;
    }

    /// Packets to send now, whatever the window; something to send for whoever asks for an
    /// [`Flow::allowance`].
    pub fn probes_owed(&self) -> u8 {
        self.probe.owed()
    }

    /// How long the peer says that it may hold ranges back, in milliseconds; until it says so, as
    /// long as we do.
    pub fn set_peer_ranges_delay_ms(&mut self, delay_ms: u64) {
        let most = u64::from(self.config.peer_ranges_delay_max_ms);
        self.peer_ranges_delay_us = delay_ms.min(most) * 1000;
    }

    /// What may be sent now that asks for ranges. Other packets may leave at any time. Asked only
    /// by who has something to send: a refusal by the pacer is a deadline.
    pub fn allowance(&mut self, now: Time) -> Allowance {
        if self.probe.owed() > 0 {
            return Allowance::Probes(self.probe.owed());
        }
        let room = self.window_bytes().saturating_sub(self.bytes_in_flight());
        // What makes it full goes only with what is in flight.
        let full = self.sent.eliciting() > 0
            && self.sent.len() >= self.config.in_flight_packets_max as usize;
        if full || room < self.config.packet_bytes() {
            return Allowance::Congested;
        }
        let bucket = Bucket::new(&self.config, self.control.rate(&self.rtt));
        match self.pacer.release(now, &bucket) {
            Ok(bytes) => Allowance::Bytes(bytes.min(room)),
            Err(until) => Allowance::Paced(until),
        }
    }

    /// A packet was sent: its counter, higher than all before it, the size of its datagram,
    /// whether it asks for ranges, and what it carries. A packet that asks for nothing is not in
    /// flight; its records get a fate when later packets do, or none.
    pub fn on_sent(&mut self, now: Time, counter: u64, bytes: u16, eliciting: bool, carried: &[R]) {
        if !eliciting {
            self.unasked_in_a_row = self.unasked_in_a_row.saturating_add(1);
            let known = self.sent.unasked() < u32::from(self.config.unasked_packets_max);
            if known && !carried.is_empty() {
                self.sent.push(now, counter, bytes, false, carried);
            }
            return;
        }
        self.unasked_in_a_row = 0;
        self.sent.push(now, counter, bytes, true, carried);
        self.size.on_sent(bytes);
        self.pacer.on_sent(u64::from(bytes));
        self.probe.on_asked(now);
        self.silent_since = self.silent_since.or(Some(now));
        if self.bytes_in_flight() + self.config.packet_bytes() > self.window_bytes() {
            self.filled_before = self.sent.next_ordinal();
        }
    }

    /// True if the next packet should ask for ranges (a ping does) although nothing else in it
    /// does: many did not, and what ranges they carried is still repeated.
    pub fn wants_ping(&self) -> bool {
        self.sent.eliciting() == 0 && self.unasked_in_a_row >= self.config.ping_every_packets.max(1)
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
        let mut progress = Progress::default();
        let (asked, highest_sent_at) = self.take_arrived(frame, &mut progress, fates);
        if progress.arrived_packets == 0 {
            return Ok(progress);
        }
        let sampled = highest_sent_at.filter(|sent_at| *sent_at >= self.paused);
        if let Some(sent_at) = sampled.filter(|_| asked) {
            let sample_us = now.since_us(sent_at);
            let delay_us = frame.delay_us.min(self.peer_ranges_delay_us);
            self.rtt.on_sample(now, sample_us, delay_us);
            progress.sample_us = Some(sample_us);
        }
        let found = self.find_lost(now, fates);
        (progress.lost_packets, progress.resized) = (found.packets, found.resized);
        if asked {
            self.control.on_ranges(now, &self.rtt);
            self.probe.on_answered();
            self.silent_since = (self.sent.eliciting() > 0).then_some(now);
            self.silence_told = false;
        }
        self.sent.trim();
        Ok(progress)
    }

    /// Gives the packets that a frame names their fate. Tells whether any of them asked for
    /// ranges, and when the highest was sent if it is among them.
    fn take_arrived(
        &mut self,
        frame: &RangesFrame<'_>,
        progress: &mut Progress,
        fates: &mut Vec<(Fate, R)>,
    ) -> (bool, Option<Time>) {
        let (mut asked, mut highest_sent_at) = (false, None);
        let (control, loss, filled_before) =
            (&mut self.control, &mut self.loss, self.filled_before);
        let size = &mut self.size;
        for run in frame.runs() {
            if self
                .sent
                .oldest_counter()
                .is_none_or(|oldest| run.end <= oldest)
            {
                break;
            }
            let ordinals = self.sent.ordinals(&run);
            while let Some(open) = self.sent.first_open(ordinals.clone()) {
                self.sent
                    .settle(open, Fate::Arrived, fates, |ordinal, packet| {
                        progress.arrived_packets += 1;
                        loss.on_arrived(ordinal);
                        size.on_arrived(packet.counter, packet.bytes);
                        if packet.counter == frame.highest {
                            highest_sent_at = Some(packet.sent_at);
                        }
                        if packet.eliciting {
                            asked = true;
                            let filled = ordinal < filled_before;
                            control.on_arrived(packet.sent_at, u64::from(packet.bytes), filled);
                        }
                    });
            }
        }
        (asked, highest_sent_at)
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
        let mut lost = 0;
        let all = 0..self.sent.next_ordinal();
        while let Some(open) = self.sent.first_open(all.clone()) {
            self.sent.settle(open, Fate::Lost, fates, |_, packet| {
                lost += u32::from(packet.eliciting);
            });
        }
        self.sent.trim();
        self.rtt = Rtt::new(u64::from(self.config.initial_rtt_ms) * 1000);
        if let Some(rtt_us) = rtt_us {
            self.rtt.on_sample(now, rtt_us, 0);
        }
        self.loss = Loss::default();
        self.probe = Probe::new(now);
        self.pacer = Pacer::new(now);
        self.control = Control::new(&self.config);
        self.filled_before = self.sent.next_ordinal();
        self.unasked_in_a_row = 0;
        (self.silent_since, self.silence_told) = (None, false);
        lost
    }

    /// When the oldest packet was sent that asks for ranges and has no fate.
    pub fn oldest_sent_at(&self) -> Option<Time> {
        self.sent.oldest_sent_at()
    }

    fn find_lost(&mut self, now: Time, fates: &mut Vec<(Fate, R)>) -> Found {
        let measure = Measure {
            packets: u64::from(self.config.reordering_packets).max(1),
            overtaken_us: self.rtt.overtaken_us(self.config.reordering_eighths),
            persistent_us: self
                .probe_period_us()
                .saturating_mul(u64::from(self.config.persistent_periods)),
            rtt: &self.rtt,
            config: &self.config,
        };
        let packets = (&mut self.sent, &mut self.size);
        let mut found = self.loss.find(now, &measure, packets, fates);
        found.resized = self.follow_size();
        if let Some(sent_at) = found.last_sent_at.filter(|_| !found.fell) {
            self.control.on_lost(now, sent_at, found.persistent);
        }
        if found.persistent && !found.fell {
            self.rtt.forget_minimum();
        }
        if self.sent.eliciting() == 0 {
            self.probe.on_rest();
            self.silent_since = None;
        }
        found
    }

    /// Does what is due at `now`; afterwards no deadline is due any more.
    pub fn on_deadline(&mut self, now: Time, fates: &mut Vec<(Fate, R)>) -> Due {
        let mut due = Due {
            paced: self.pacer.on_deadline(now),
            ranges: self.received.on_deadline(now, &self.config),
            ..Due::default()
        };
        if self.loss.at().is_some_and(|at| at <= now) {
            let found = self.find_lost(now, fates);
            (due.lost_packets, due.resized) = (found.packets, found.resized);
            self.sent.trim();
        }
        if self.silence_at().is_some_and(|at| at <= now) {
            self.silence_told = true;
            due.silence = true;
        }
        if self.probe_at().is_some_and(|at| at <= now) {
            due.probes = self.probe.on_deadline(now, &self.config);
        }
        due
    }

    /// When [`Flow::on_deadline`] is due next and why. What is already due to be sent is no
    /// deadline: see [`Flow::ranges_due`] and [`Flow::allowance`].
    pub fn deadline(&self) -> Option<Deadline> {
        let at = |time: Option<Time>, why| time.map(|at| Deadline::new(at, why));
        let repair = at(self.loss.at(), Why::Loss).or(at(self.probe_at(), Why::Probe));
        let repair = Deadline::earlier(repair, at(self.silence_at(), Why::Probe));
        let ranges = at(self.received.at(&self.config), Why::Ranges);
        let pacing = at(self.pacer.until(), Why::Pacing);
        Deadline::earlier(Deadline::earlier(repair, ranges), pacing)
    }

    /// While an overtaken packet waits to be lost, nothing is probed for (RFC 9002 section 6.2.1).
    fn probe_at(&self) -> Option<Time> {
        let armed = self.sent.eliciting() > 0 && self.loss.at().is_none();
        armed.then(|| self.probe.at(&self.config, self.probe_period_us()))
    }

    /// Nothing came back for longer than an answer should take, even if something is still sent.
    fn silence_at(&self) -> Option<Time> {
        let since = self.silent_since.filter(|_| !self.silence_told)?;
        Some(since.plus_us(self.probe_period_us()))
    }

    /// The period of the first probe in microseconds: the longest that an answer should take.
    pub fn probe_period_us(&self) -> u64 {
        self.rtt
            .answer_us()
            .saturating_add(self.peer_ranges_delay_us)
    }

    /// Probes in a row that nothing came back for: 0 on a path that works.
    pub fn probes_unanswered(&self) -> u8 {
        self.probe.unanswered()
    }

    /// What the packet number `skip`, counted from the oldest that asks for ranges and has no
    /// fate, carried: a probe carries it again, whichever copy arrives.
    pub fn oldest_in_flight(&self, skip: usize) -> impl Iterator<Item = R> + use<'_, R> {
        self.sent.oldest(skip)
    }

    /// Bytes of the packets that ask for ranges and have no fate.
    pub fn bytes_in_flight(&self) -> u64 {
        self.sent.bytes_in_flight()
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
        let least = 2 * self.config.packet_bytes();
        self.control.window_bytes().max(least)
    }

    /// Windows and bursts count in packets of so many bytes from now on.
    pub fn set_packet_bytes(&mut self, bytes: u16) {
        self.config.packet_bytes = bytes;
    }

    /// True if nothing is in flight and nothing owed: the path can be forgotten, and a new one
    /// begun when there is something to send or something comes.
    pub fn is_at_rest(&self) -> bool {
        self.sent.eliciting() == 0 && !self.received.owes()
    }

    /// The path is at rest: gives up buffers that are kept for later.
    pub fn rest(&mut self) {
        self.sent.rest();
        self.size.rest();
    }

    /// A packet arrived that is no repetition: its counter, and whether it asks for ranges.
    pub fn on_received(&mut self, now: Time, counter: u64, eliciting: bool) {
        self.received
            .on_packet(now, counter, eliciting, &self.config);
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
