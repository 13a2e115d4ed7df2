//! How much may be in flight on one path. It owns the window and the rate that follows from it,
//! and it never sees a packet's content, a timer or a loss that was not already decided.

mod cubic;

pub use cubic::Cubic;

use super::{Algorithm, Config, Rtt};
use crate::base::Time;

/// What a congestion control is told and must answer. Times are those of sending, so that what
/// was sent before a reaction does not cause another one.
pub trait Congestion {
    /// Bytes that may be in flight.
    fn window_bytes(&self) -> u64;

    /// Bytes a second at which packets leave.
    fn rate(&self, rtt: &Rtt) -> u64;

    /// One packet of `bytes` bytes, sent at `sent_at`, has arrived. `filled` tells whether the
    /// window was full after it was sent or later; if not, the application was the limit and
    /// nothing was learned about the path (RFC 9002 section 7.8).
    fn on_arrived(&mut self, sent_at: Time, bytes: u64, filled: bool);

    /// All that one ranges frame told has been told.
    fn on_ranges(&mut self, now: Time, rtt: &Rtt);

    /// Packets were lost, the last of them sent at `last_sent_at`; `persistent` if it was all that
    /// was sent over a long time.
    fn on_lost(&mut self, now: Time, last_sent_at: Time, persistent: bool);

    /// Full datagrams have this many bytes from now on, at least 1. Of what is known of the path
    /// only what is counted in packets changes.
    fn set_packet_bytes(&mut self, bytes: u64);
}

/// The congestion control that a config chose: an enum, so that a path can be copied and printed.
#[derive(Clone, Debug)]
pub(super) enum Control {
    Cubic(Cubic),
}

impl Control {
    pub(super) fn new(config: &Config) -> Self {
        match config.algorithm {
            Algorithm::Cubic => Self::Cubic(Cubic::new(config)),
        }
    }

    fn chosen(&self) -> &dyn Congestion {
        match self {
            Self::Cubic(cubic) => cubic,
        }
    }

    fn chosen_mut(&mut self) -> &mut dyn Congestion {
        match self {
            Self::Cubic(cubic) => cubic,
        }
    }
}

impl Congestion for Control {
    fn window_bytes(&self) -> u64 {
        self.chosen().window_bytes()
    }

    fn rate(&self, rtt: &Rtt) -> u64 {
        self.chosen().rate(rtt)
    }

    fn on_arrived(&mut self, sent_at: Time, bytes: u64, filled: bool) {
        self.chosen_mut().on_arrived(sent_at, bytes, filled);
    }

    fn on_ranges(&mut self, now: Time, rtt: &Rtt) {
        self.chosen_mut().on_ranges(now, rtt);
    }

    fn on_lost(&mut self, now: Time, last_sent_at: Time, persistent: bool) {
        self.chosen_mut().on_lost(now, last_sent_at, persistent);
    }

    fn set_packet_bytes(&mut self, bytes: u64) {
        self.chosen_mut().set_packet_bytes(bytes);
    }
}
