use super::Config;
use crate::base::Time;

/// The probe for a tail: when nothing answers the last packet sent, packets that ask for ranges
/// are sent whatever the window says, ever more rarely (RFC 9002 section 6.2). Nothing is taken
/// for lost by it, and it never gives up: the line ends a peer that stays silent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probe {
    from: Time,
    unanswered: u8,
    owed: u8,
}

impl Probe {
    pub(super) const fn new(now: Time) -> Self {
        Self {
            from: now,
            unanswered: 0,
            owed: 0,
        }
    }

    /// Packets to send now, whatever the window.
    pub(super) fn owed(&self) -> u8 {
        self.owed
    }

    /// Probes in a row that nothing came back for.
    pub(super) fn unanswered(&self) -> u8 {
        self.unanswered
    }

    /// When the tail is probed for, if nothing comes back.
    pub(super) fn at(&self, config: &Config, period_us: u64) -> Time {
        let doublings = self.unanswered.min(config.probe_doublings_max).min(32);
        self.from.plus_us(period_us.saturating_mul(1 << doublings))
    }

    /// A packet that asks for ranges was sent.
    pub(super) fn on_asked(&mut self, now: Time) {
        self.from = now;
        self.owed = self.owed.saturating_sub(1);
    }

    /// A packet that asked for ranges arrived.
    pub(super) fn on_answered(&mut self) {
        self.unanswered = 0;
        self.owed = 0;
    }

    /// A packet is to go out now, although it is not time to look for a tail.
    pub(super) fn owe_one(&mut self) {
        self.owed = self.owed.max(1);
    }

    /// Nothing is in flight any more.
    pub(super) fn on_rest(&mut self) {
        self.owed = 0;
    }

    /// The period is over; the next one begins, whether or not somebody sends.
    pub(super) fn on_deadline(&mut self, now: Time, config: &Config) -> u8 {
        self.from = now;
        self.unanswered = self.unanswered.saturating_add(1);
        self.owed = config.probe_packets.max(1);
        self.owed
    }
}
