//! What a switch owes its caller at every step, whatever came before (the façade's contracts):
//! output that waits makes the deadline due, `None` stays `None`, once drained nothing is queued,
//! and nothing held goes beyond its limit. A loose replay asks here, and whoever drives switches
//! to test them.

use core::fmt;

use super::Recorded;
use crate::{
    base::{Deadline, Time, Why},
    switch::{Config, Status, Transmit},
};

/// How much a switch of some config may hold at most.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of all buffers.
    pub ledger_bytes: u64,
    /// Lines.
    pub lines: usize,
    /// Events not yet polled, before the calls that a caller makes in one turn.
    pub events: usize,
}

impl Limits {
    /// Those of this config.
    pub const fn of(config: &Config) -> Self {
        Self {
            ledger_bytes: config.ledger.switch_bytes,
            lines: config.line.lines as usize,
            events: config.life.events_max as usize,
        }
    }
}

/// One step of a switch as its caller saw it: what was due before its outputs were taken, what
/// came, and how it stands now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// The time of the step.
    pub now: Time,
    /// The deadline before any output was taken.
    pub before: Option<Deadline>,
    /// How many outputs were taken, until every kind gave `None`.
    pub outputs: u64,
    /// An output came from a kind that had given `None`.
    pub again: bool,
    /// A transmit without bytes, without segments, or longer than its buffer.
    pub misshapen: bool,
    /// The deadline after it.
    pub after: Option<Deadline>,
    /// What the switch holds then, if that was asked.
    pub status: Option<Status>,
}

/// A contract that was broken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Broken {
    /// There was output, and the deadline was later than now.
    OutputNotDue,
    /// After `None` there was something again.
    NotNone,
    /// Everything was taken, and yet the deadline says that output waits.
    StillQueued,
    /// A transmit has no bytes, no segments, or more than its buffer holds.
    Misshapen,
    /// More is held than the config allows.
    BeyondLimit,
}

impl Broken {
    const fn sentence(self) -> &'static str {
        match self {
            Self::OutputNotDue => "output waited, and the deadline was later than now",
            Self::NotNone => "after `None` there was something again",
            Self::StillQueued => "everything was taken, and yet output is said to wait",
            Self::Misshapen => "a transmit is empty or longer than its buffer",
            Self::BeyondLimit => "more is held than the config allows",
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

impl Step {
    /// Begins a step, before any output is taken.
    pub fn begin(switch: &Recorded, now: Time) -> Self {
        Self {
            now,
            before: switch.poll_timeout(),
            outputs: 0,
            again: false,
            misshapen: false,
            after: None,
            status: None,
        }
    }

    /// A transmit was taken, into a buffer of so many bytes.
    pub const fn took_transmit(&mut self, transmit: &Transmit, buffer_bytes: usize) {
        self.outputs += 1;
        let fits = transmit.len > 0 && transmit.segment > 0 && transmit.len <= buffer_bytes;
        self.misshapen |= !fits;
    }

    /// An event or a need was taken.
    pub const fn took(&mut self) {
        self.outputs += 1;
    }

    /// Ends the step, after every kind of output gave `None`, and tells how the switch stands.
    pub fn end(&mut self, switch: &mut Recorded, buf: &mut [u8], asks_status: bool) {
        self.again = switch.poll_transmit(self.now, buf).is_some() || switch.has_events();
        self.after = switch.poll_timeout();
        self.status = asks_status.then(|| switch.status());
    }

    /// Holds the step to the contracts.
    ///
    /// # Errors
    /// The first that is broken.
    pub fn judge(&self, limits: Option<&Limits>) -> Result<(), Broken> {
        let was_due = self.before.is_some_and(|deadline| deadline.at <= self.now);
        if self.outputs > 0 && !was_due {
            return Err(Broken::OutputNotDue);
        }
        if self.misshapen {
            return Err(Broken::Misshapen);
        }
        if self.again {
            return Err(Broken::NotNone);
        }
        let is_due = |deadline: Deadline| deadline.at <= self.now && deadline.why == Why::Queued;
        if self.after.is_some_and(is_due) {
            return Err(Broken::StillQueued);
        }
        if let (Some(status), Some(limits)) = (&self.status, limits) {
            let holds = status.ledger_bytes <= limits.ledger_bytes
                && status.buffered_bytes <= status.ledger_bytes
                && status.lines <= limits.lines
                && status.events <= limits.events;
            if !holds {
                return Err(Broken::BeyondLimit);
            }
        }
        Ok(())
    }
}
