//! A new life of a member that goes on: what it has heard and whom it knows stay, but its place, and
//! all that others were told of it, belong to the life before.

use super::{
    Effect, Node,
    life::{Again, Tree},
    place::Place,
    sight::Heard,
};
use crate::base::{Effects, Time};

impl Tree {
    /// The place of this life is over. `toward` is asked for one in the next.
    pub(super) fn end_life(&mut self, toward: Node, fx: &mut Effects<Effect>) {
        let addresses = self.addresses_of(&toward.key);
        self.remember_contact(toward.key, addresses);
        fx.push(Effect::NewLife);
    }

    /// Begins a life with this epoch, later than that of any before: it stands alone, and joins the
    /// tree of those whom it knows. It asks them a little later, on lines of that life.
    pub fn begin_life(
        &mut self,
        now: Time,
        epoch: u64,
        heard: Heard<'_>,
        fx: &mut Effects<Effect>,
    ) {
        self.leave(now, heard, fx);
        self.me.epoch = epoch;
        self.place = Place::new(self.me, self.config.place);
        self.timers.clear();
        self.lost.clear();
        self.cast.begin_life(self.me);
        let (secret, space) = (&self.secret, &self.space);
        let sign = |kind: &str, bytes: &[u8]| secret.sign(kind, space, bytes);
        self.image.begin_life(now, self.me, &sign);
        self.again = Again {
            at: now.plus_ms(self.config.again_ms.into()),
            waited_ms: self.config.again_ms,
        };
        self.stats.lives += 1;
        self.on_placed(now, fx);
    }
}
