//! The loose replay: a switch is given the inputs of a tape, whatever it makes of them, and held to
//! the contracts of the façade.

use alloc::vec::Vec;

use super::{
    Recorded,
    contracts::{Broken, Limits, Step},
    perform::perform,
    reader::Unread,
    record::Record,
};
use crate::{base::Time, switch::Config};

/// A switch may have so much to tell at once that this many outputs are taken between two records;
/// whoever gives more never ends.
const OUTPUTS_MAX: u32 = 1 << 20;

/// What a handshake needs at most.
const HANDSHAKE_BYTES: usize = 1_100;

/// What is watched of a switch.
#[derive(Debug)]
pub(super) struct Watch {
    limits: Limits,
    /// Room in which every datagram fits, so that nothing waits for want of it.
    enough: usize,
    /// The time so far. That it goes on is the caller's part of the contracts, and a tape may have
    /// been altered.
    now: Time,
}

impl Watch {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            limits: Limits::of(config),
            enough: usize::from(config.life.datagram_bytes).max(HANDSHAKE_BYTES),
            now: Time::ZERO,
        }
    }

    /// Does what a record says, and gives the contract that was broken by it, if one was. Outputs
    /// are taken where the tape has them, and all of them where nothing was to be sent any more:
    /// the switch may give others than it did.
    pub(super) fn perform(
        &mut self,
        switch: &mut Recorded,
        record: &Record<'_>,
        scratch: &mut Vec<u8>,
    ) -> Result<Option<Broken>, Unread> {
        self.now = self.now.max(record.at());
        let mut step = Step::begin(switch, self.now);
        match record.fields.out.as_deref() {
            Some("transmit") => {
                let buf = record.fields.room(scratch)?;
                match switch.poll_transmit(self.now, buf) {
                    Some(transmit) => step.took_transmit(&transmit, buf.len()),
                    None if buf.len() >= self.enough => take_all(switch, &mut step, buf),
                    None => {}
                }
            }
            Some("event") => took(&mut step, switch.poll_event().is_some()),
            Some("need") => took(&mut step, switch.poll_need().is_some()),
            Some(_) | None => perform(switch, record, scratch)?,
        }
        Ok(step.judge(Some(&self.limits)).err())
    }
}

/// Takes what is left, and ends the step.
fn take_all(switch: &mut Recorded, step: &mut Step, buf: &mut [u8]) {
    for _ in 0..OUTPUTS_MAX {
        if switch.poll_event().is_none() && switch.poll_need().is_none() {
            break;
        }
        step.took();
    }
    step.end(switch, buf, true);
}

const fn took(step: &mut Step, given: bool) {
    if given {
        step.took();
    }
}
