//! How much may be in flight on one path. It owns the window and the rate that follows from it,
//! and it never sees a packet's content, a timer or a loss that was not already decided.

mod cubic;
mod model;

pub use cubic::Cubic;
pub use model::Model;

use super::{Algorithm, Config, Rtt, Sample};
use crate::base::Time;

/// Packets that were found lost together.
#[derive(Clone, Copy, Debug)]
pub struct Losses {
    /// How many bytes they had.
    pub bytes: u64,
    /// When the last of them was sent.
    pub last_sent_at: Time,
    /// They are all that was sent over a long time.
    pub persistent: bool,
}

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

    /// All that one ranges frame told has been told, losses too.
    fn on_ranges(&mut self, now: Time, rtt: &Rtt, sample: &Sample);

    /// Packets were lost.
    fn on_lost(&mut self, now: Time, losses: &Losses);

    /// Full datagrams have this many bytes from now on, at least 1. Of what is known of the path
    /// only what is counted in packets changes.
    fn set_packet_bytes(&mut self, bytes: u64);
}

/// The congestion control that a config chose: an enum, so that a path can be copied and printed.
#[derive(Clone, Debug)]
pub(super) enum Control {
    Model(Model),
    Cubic(Cubic),
}

impl Control {
    pub(super) fn new(config: &Config, packet_bytes: u64) -> Self {
        match config.algorithm {
            Algorithm::Model => Self::Model(Model::new(config, packet_bytes)),
            Algorithm::Cubic => Self::Cubic(Cubic::new(config, packet_bytes)),
        }
    }
}

/// Asks the one that was chosen.
macro_rules! chosen {
    ($control:expr, $it:ident => $then:expr) => {
        match $control {
            Control::Model($it) => $then,
            Control::Cubic($it) => $then,
        }
    };
}

impl Congestion for Control {
    fn window_bytes(&self) -> u64 {
        chosen!(self, it => it.window_bytes())
    }

    fn rate(&self, rtt: &Rtt) -> u64 {
        chosen!(self, it => it.rate(rtt))
    }

    fn on_arrived(&mut self, sent_at: Time, bytes: u64, filled: bool) {
        chosen!(self, it => it.on_arrived(sent_at, bytes, filled));
    }

    fn on_ranges(&mut self, now: Time, rtt: &Rtt, sample: &Sample) {
        chosen!(self, it => it.on_ranges(now, rtt, sample));
    }

    fn on_lost(&mut self, now: Time, losses: &Losses) {
        chosen!(self, it => it.on_lost(now, losses));
    }

    fn set_packet_bytes(&mut self, bytes: u64) {
        chosen!(self, it => it.set_packet_bytes(bytes));
    }
}
