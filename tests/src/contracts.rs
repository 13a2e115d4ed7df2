//! What a switch owes its caller at every step, whatever came before (the façade's contracts):
//! output that waits makes the deadline due, `None` stays `None`, once drained nothing is queued,
//! and nothing held goes beyond its limit. The world, the swarm and the fuzz targets all ask here.

use std::fmt;

use hydroid_core::{
    base::{Deadline, Time, Why},
    switch::{Config, Event, Need, Status, Transmit},
    tape::Recorded,
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

/// What a switch gave.
#[derive(Debug)]
pub enum Output<'a> {
    /// To be sent: its bytes stand beside it.
    Transmit(Transmit, &'a mut [u8]),
    /// Something happened.
    Event(Event),
    /// The switch asks for something.
    Need(Need),
}

/// Takes everything that a switch has to give, holds it to the contracts, then does what is due,
/// and so on until nothing is.
///
/// # Panics
/// If a contract is broken, or the switch never comes to rest.
pub fn drain(
    switch: &mut Recorded,
    now: Time,
    limits: Option<&Limits>,
    mut sink: impl FnMut(Output<'_>),
) {
    let mut buf = vec![0; 65_536];
    for turn in 0.. {
        assert!(turn < TURNS_MAX, "the switch spins at {now:?}");
        let mut step = Step::begin(switch, now);
        while let Some(transmit) = switch.poll_transmit(now, &mut buf) {
            step.took_transmit(&transmit, buf.len());
            let len = transmit.len;
            sink(Output::Transmit(transmit, &mut buf[..len]));
        }
        while let Some(event) = switch.poll_event() {
            step.took();
            sink(Output::Event(event));
        }
        while let Some(need) = switch.poll_need() {
            step.took();
            sink(Output::Need(need));
        }
        step.end(switch, &mut buf, true);
        demand(&step, limits);
        if step.after.is_none_or(|deadline| deadline.at > now) {
            return;
        }
        switch.handle_timeout(now);
    }
}

/// So many times a switch may have something due at one instant.
const TURNS_MAX: u32 = 10_000;

/// Holds a switch to the contracts at a time when everything was taken from it and nothing is due.
///
/// # Panics
/// If a contract is broken.
pub fn check(switch: &mut Recorded, now: Time) {
    let mut step = Step::begin(switch, now);
    let mut buf = [0; 2_048];
    step.end(switch, &mut buf, true);
    demand(&step, None);
    let is_later = step.after.is_none_or(|deadline| deadline.at > now);
    assert!(
        is_later,
        "drained, and yet due: {:?} at {now:?}",
        step.after
    );
}

/// Panics where a step breaks a contract.
///
/// # Panics
/// As it says.
pub fn demand(step: &Step, limits: Option<&Limits>) {
    if let Err(broken) = step.judge(limits) {
        panic!("a contract is broken: {broken}: {step:?}");
    }
}
