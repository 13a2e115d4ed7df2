use alloc::vec::Vec;
use core::fmt;

use super::{
    Config, Congestion, Fate, Progress, Rtt,
    congestion::{Control, Losses},
    delivery::{Delivery, Sample, Stamp},
    loss::{Found, Loss, Measure},
    pacing::Pacer,
    probe::Probe,
    sent::Sent,
    size::{Search, Size},
};
use crate::{base::Time, wire::frame::RangesFrame};

/// What a path keeps while packets of ours are on it: nothing here is worth memory at rest.
#[derive(Clone, Debug)]
pub(super) struct Sending<R> {
    pub(super) sent: Sent<R>,
    pub(super) loss: Loss,
    pub(super) probe: Probe,
    pub(super) pacer: Pacer,
    pub(super) control: Control,
    pub(super) search: Search,
    pub(super) delivery: Delivery,
    /// The window was full after a packet of this ordinal or a later one had been sent.
    filled_before: u64,
    /// When something was sent first that nothing came back for.
    silent_since: Option<Time>,
    /// That was noticed.
    silence_told: bool,
    /// Packets in a row that asked for nothing.
    pub(super) unasked_in_a_row: u16,
    /// Answers to what was sent before measure no round trip.
    pub(super) paused: Time,
}

/// What a path knows that packets are judged by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    pub(super) config: &'a Config,
    pub(super) rtt: &'a Rtt,
    /// The period of the first probe.
    pub(super) period_us: u64,
}

impl<'a> Known<'a> {
    pub(super) fn new(config: &'a Config, rtt: &'a Rtt, peer_ranges_delay_us: u32) -> Self {
        let delay_us = u64::from(peer_ranges_delay_us);
        let period_us = rtt.answer_us().saturating_add(delay_us);
        Self {
            config,
            rtt,
            period_us,
        }
    }
}

impl<R: Copy + fmt::Debug> Sending<R> {
    pub(super) fn new((config, packet_bytes): (&Config, u16), now: Time) -> Self {
        Self {
            sent: Sent::new(),
            loss: Loss::default(),
            probe: Probe::new(now),
            pacer: Pacer::new(now),
            control: Control::new(config, packet_bytes.into()),
            search: Search::default(),
            delivery: Delivery::default(),
            filled_before: 0,
            silent_since: None,
            silence_told: false,
            unasked_in_a_row: 0,
            paused: Time::ZERO,
        }
    }

    /// See [`Flow::on_sent`](super::Flow::on_sent).
    pub(super) fn on_sent(
        &mut self,
        now: Time,
        (counter, bytes, eliciting): (u64, u16, bool),
        carried: &[R],
        ((config, packet_bytes), size): ((&Config, u16), &Size),
    ) {
        if !eliciting {
            self.unasked_in_a_row = self.unasked_in_a_row.saturating_add(1);
            let known = self.sent.unasked() < u32::from(config.unasked_packets_max);
            if known && !carried.is_empty() {
                let stamp = Stamp::default();
                self.sent.push((now, stamp), counter, bytes, false, carried);
            }
            return;
        }
        self.unasked_in_a_row = 0;
        let stamp = self.delivery.on_sent(now, self.sent.bytes_in_flight());
        self.sent.push((now, stamp), counter, bytes, true, carried);
        self.search.on_sent(size, bytes);
        self.pacer.on_sent(u64::from(bytes));
        self.probe.on_asked(now);
        self.silent_since = self.silent_since.or(Some(now));
        let room = self.control.window_bytes();
        if self.sent.bytes_in_flight() + u64::from(packet_bytes) > room {
            self.filled_before = self.sent.next_ordinal();
        }
    }

    /// Gives the packets that a frame names their fate. Tells whether any of them asked for
    /// ranges, and when the highest was sent if it is among them.
    pub(super) fn take_arrived(
        &mut self,
        frame: &RangesFrame<'_>,
        packet_bytes: u64,
        (progress, size): (&mut Progress, &mut Size),
        fates: &mut Vec<(Fate, R)>,
    ) -> (bool, Option<Time>) {
        let (mut asked, mut highest_sent_at) = (false, None);
        let search = &mut self.search;
        let (control, loss, filled_before) =
            (&mut self.control, &mut self.loss, self.filled_before);
        let delivery = &mut self.delivery;
        let in_flight = self.sent.bytes_in_flight();
        delivery.on_frame(
            in_flight,
            in_flight + packet_bytes <= control.window_bytes(),
        );
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
                        search.on_arrived(size, packet.counter, packet.bytes);
                        if packet.counter == frame.highest {
                            highest_sent_at = Some(packet.sent_at);
                        }
                        if packet.eliciting {
                            asked = true;
                            let filled = ordinal < filled_before;
                            let bytes = u64::from(packet.bytes);
                            delivery.on_arrived(packet.sent_at, packet.stamp, bytes);
                            control.on_arrived(packet.sent_at, bytes, filled);
                        }
                    });
            }
        }
        (asked, highest_sent_at)
    }

    /// Something that asked for ranges arrived.
    pub(super) fn on_answered(&mut self, now: Time, rtt: &Rtt, rtt_us: Option<u64>) {
        let sample = Sample {
            in_flight_bytes: self.sent.bytes_in_flight(),
            rtt_us,
            ..self.delivery.sample(now)
        };
        self.control.on_ranges(now, rtt, &sample);
        self.probe.on_answered();
        self.silent_since = (self.sent.eliciting() > 0).then_some(now);
        self.silence_told = false;
    }

    /// Gives the packets that are lost by now their fate.
    pub(super) fn find_lost(
        &mut self,
        now: Time,
        known: &Known<'_>,
        size: &mut Size,
        fates: &mut Vec<(Fate, R)>,
    ) -> Found {
        let config = known.config;
        let measure = Measure {
            packets: u64::from(config.reordering_packets).max(1),
            overtaken_us: known.rtt.overtaken_us(config.reordering_eighths),
            persistent_us: known
                .period_us
                .saturating_mul(u64::from(config.persistent_periods)),
            rtt: known.rtt,
            config,
        };
        let packets = (&mut self.sent, &mut self.search, &mut *size);
        let found = self.loss.find(now, &measure, packets, fates);
        if found.fell {
            // What the window is left with counts in what is sent from now on.
            self.control.set_packet_bytes(u64::from(size.bytes()));
        }
        if let Some(sent_at) = found.last_sent_at {
            let losses = Losses {
                bytes: found.bytes,
                last_sent_at: sent_at,
                persistent: found.persistent,
            };
            self.control.on_lost(now, &losses);
        }
        if self.sent.eliciting() == 0 {
            self.probe.on_rest();
            self.silent_since = None;
        }
        found
    }

    /// Takes everything for lost that has no fate, and tells how many packets that asked for
    /// ranges were.
    pub(super) fn abandon(&mut self, fates: &mut Vec<(Fate, R)>) -> u32 {
        let mut lost = 0;
        let all = 0..self.sent.next_ordinal();
        while let Some(open) = self.sent.first_open(all.clone()) {
            self.sent.settle(open, Fate::Lost, fates, |_, packet| {
                lost += u32::from(packet.eliciting);
            });
        }
        lost
    }

    /// While an overtaken packet waits to be lost, nothing is probed for (RFC 9002 section 6.2.1).
    pub(super) fn probe_at(&self, known: &Known<'_>) -> Option<Time> {
        let armed = self.sent.eliciting() > 0 && self.loss.at().is_none();
        armed.then(|| self.probe.at(known.config, known.period_us))
    }

    /// Nothing came back for longer than an answer should take, even if something is still sent.
    pub(super) fn silence_at(&self, known: &Known<'_>) -> Option<Time> {
        let since = self.silent_since.filter(|_| !self.silence_told)?;
        Some(since.plus_us(known.period_us))
    }

    /// Tells of a silence once.
    pub(super) fn on_silence(&mut self, now: Time, known: &Known<'_>) -> bool {
        let silent = self.silence_at(known).is_some_and(|at| at <= now);
        self.silence_told |= silent;
        silent
    }
}
