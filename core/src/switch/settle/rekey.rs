//! New keys of lines: the frames that ask for them and agree to them must arrive.

use alloc::vec::Vec;

use crate::{
    base::{Slot, Time},
    line::Lines,
    switch::{
        Misbehaviour, Switch,
        link::{Carried, Link},
    },
    wire::frame::Writer,
};

impl Switch {
    /// The peer asks for new keys.
    pub(in crate::switch) fn on_rekey(
        &mut self,
        now: Time,
        (slot, line): (Slot, Slot),
        theirs: u32,
        message: &[u8],
    ) -> Result<(), Misbehaviour> {
        let answers = self.lines.on_rekey(now, line, theirs, message);
        let answers = answers.map_err(|_garbage| Misbehaviour::MalformedFrame)?;
        if let (true, Some(link)) = (answers, self.links.get_mut(slot)) {
            link.rekeyed = true;
        }
        Ok(())
    }

    /// The peer agrees to new keys.
    pub(in crate::switch) fn on_rekeyed(
        &mut self,
        now: Time,
        line: Slot,
        theirs: u32,
        message: &[u8],
    ) -> Result<(), Misbehaviour> {
        let fx = &mut self.line_effects;
        let moved = self.lines.on_rekeyed(now, line, theirs, message, fx);
        moved.map_err(|_garbage| Misbehaviour::MalformedFrame)?;
        self.settle_line(now);
        Ok(())
    }

    /// New keys of a line are due, or it has them.
    pub(in crate::switch) fn on_renewal(&mut self, line: Slot, done: bool) {
        let slot = self.link_of(line);
        let Some((slot, link)) = slot.and_then(|slot| Some((slot, self.links.get_mut(slot)?)))
        else {
            return;
        };
        if done {
            link.exhausted = false;
            self.stats.rekeyed += 1;
        } else {
            link.rekey = true;
        }
        self.touch(slot);
    }
}

impl Link {
    /// Writes what is to be said about new keys, as far as it is still of use.
    pub(in crate::switch) fn write_rekeys(
        &mut self,
        lines: &Lines,
        line: Slot,
        writer: &mut Writer<'_>,
        carried: &mut Vec<Carried>,
    ) {
        if self.rekey {
            let frame = lines.rekey(line);
            self.rekey = frame.is_some_and(|(id, message)| !writer.rekey(id, message));
            if frame.is_some() && !self.rekey {
                carried.push(Carried::Rekey);
            }
        }
        if self.rekeyed {
            let frame = lines.rekeyed(line);
            self.rekeyed = frame.is_some_and(|(id, message)| !writer.rekeyed(id, message));
            if frame.is_some() && !self.rekeyed {
                carried.push(Carried::Rekeyed);
            }
        }
    }
}
