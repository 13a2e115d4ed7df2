use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use super::{
    Config, Fate, Flow, Progress, Rtt,
    sending::{Known, Sending},
    size::Size,
};
use crate::{base::Time, wire::frame::RangesFrame};

/// What is in flight on a path that was left for a better one. Nothing more goes there, and what
/// went keeps its fate: by ranges, by time, and at the latest when no answer can come any more.
#[derive(Clone, Debug)]
pub(super) struct Before<R> {
    pub(super) sending: Box<Sending<R>>,
    rtt: Rtt,
    size: Size,
    until: Time,
    peer_ranges_delay_us: u32,
}

impl<R: Copy + fmt::Debug> Before<R> {
    fn is_over(&self) -> bool {
        self.sending.sent.eliciting() == 0
    }

    fn find_lost(&mut self, now: Time, config: &Config, fates: &mut Vec<(Fate, R)>) -> u32 {
        let known = Known::new(config, &self.rtt, self.peer_ranges_delay_us);
        let size = &mut self.size;
        let found = self.sending.find_lost(now, &known, size, fates);
        self.sending.sent.trim();
        found.packets
    }

    /// When something is lost if nothing more arrives.
    pub(super) fn at(&self) -> Time {
        let at = self.sending.loss.at();
        at.map_or(self.until, |at| at.min(self.until))
    }
}

impl<R: Copy + fmt::Debug> Flow<R> {
    /// The line goes on over a better path, whose round trip is `rtt_us`. Nothing is lost by it:
    /// what is in flight may arrive. Window, round trip, pace and probes begin anew. Tells how many
    /// packets are lost after all, since they went over a path that was left earlier.
    pub fn on_better_path(&mut self, now: Time, rtt_us: u64, fates: &mut Vec<(Fate, R)>) -> u32 {
        let lost = self.abandon_before(fates);
        // It is left because it has become slow, which the round trip measured on it may not show.
        let periods = u64::from(self.config.persistent_periods.max(1));
        let period_us = self.probe_period_us().saturating_mul(periods);
        let sending = self.sending.take();
        self.before = sending.map(|sending| {
            Box::new(Before {
                sending,
                rtt: self.rtt,
                size: self.size,
                until: now.plus_us(period_us),
                peer_ranges_delay_us: self.peer_ranges_delay_us,
            })
        });
        self.before.take_if(|before| before.is_over());
        self.begin(now, Some(rtt_us));
        lost
    }

    /// What is in flight on the path before is taken for lost.
    pub(super) fn abandon_before(&mut self, fates: &mut Vec<(Fate, R)>) -> u32 {
        let before = self.before.take();
        before.map_or(0, |mut before| before.sending.abandon(fates))
    }

    /// Ranges tell of the path before, too.
    pub(super) fn settle_before(
        &mut self,
        now: Time,
        frame: &RangesFrame<'_>,
        fates: &mut Vec<(Fate, R)>,
    ) -> Progress {
        let mut progress = Progress::default();
        if let Some(before) = self.before.as_deref_mut() {
            let told = (&mut progress, &mut before.size);
            let packet_bytes = u64::from(self.packet_bytes);
            before
                .sending
                .take_arrived(frame, packet_bytes, told, fates);
            if progress.arrived_packets > 0 {
                progress.lost_packets = before.find_lost(now, &self.config, fates);
            }
        }
        self.before.take_if(|before| before.is_over());
        progress
    }

    /// Does what is due for the path before, and tells how many packets are lost.
    pub(super) fn on_before_due(&mut self, now: Time, fates: &mut Vec<(Fate, R)>) -> u32 {
        let Some(before) = self.before.as_deref_mut() else {
            return 0;
        };
        if before.until <= now {
            return self.abandon_before(fates);
        }
        let is_due = before.at() <= now;
        let lost = if is_due {
            before.find_lost(now, &self.config, fates)
        } else {
            0
        };
        self.before.take_if(|before| before.is_over());
        lost
    }
}
