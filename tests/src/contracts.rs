//! The contracts of the façade (`hydroid_core::tape::contracts`), held up to a switch at every step:
//! the world, the swarm and the fuzz targets all ask here.

use hydroid_core::{
    base::Time,
    switch::{Event, Need, Transmit},
    tape::Recorded,
};

pub use hydroid_core::tape::contracts::{Broken, Limits, Step};

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
