//! What became of the packets that were sent.

use crate::{
    base::Slot,
    flow::{Fate, RangesOfUnsent},
    switch::{Misbehaviour, Switch, link::Carried},
};

impl Switch {
    /// Hands the fate of everything that packets carried to the room it came from.
    pub(in crate::switch) fn settle_fates(&mut self, slot: Slot) {
        let mut fates = core::mem::take(&mut self.fates);
        if let Some(link) = self.links.get_mut(slot) {
            for (fate, carried) in fates.drain(..) {
                match (fate, carried) {
                    (Fate::Arrived, Carried::Stream(part)) => {
                        link.streams.on_arrived(part, &mut self.stream_effects);
                    }
                    (Fate::Lost, Carried::Stream(part)) => link.streams.on_lost(part),
                    (Fate::Arrived, Carried::Ranges(highest)) => {
                        link.flow.on_ranges_arrived(highest);
                    }
                    (Fate::Lost, Carried::Rekey) => link.rekey = true,
                    (Fate::Lost, Carried::Rekeyed) => link.rekeyed = true,
                    (Fate::Arrived, Carried::Rekey | Carried::Rekeyed) => {}
                    // Newer ranges say what older ones said, a lost ping has done its work by
                    // being noticed, and packets are unreliable.
                    (Fate::Lost, Carried::Ranges(_)) => {}
                    (Fate::Arrived | Fate::Lost, Carried::Ping | Carried::Packet) => {}
                }
            }
        }
        fates.clear();
        self.fates = fates;
    }
}

impl From<RangesOfUnsent> for Misbehaviour {
    fn from(_: RangesOfUnsent) -> Self {
        Self::RangesOfUnsent
    }
}
