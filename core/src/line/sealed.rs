//! Sealed packets in and out, and the first one of a session, by which its initiator proves that
//! it is there.

use alloc::{boxed::Box, sync::Arc};

use super::{
    Departure, Dropped, Effect, Lines, Output, Place,
    half::{AnswerId, HalfOpen},
    outgoing::Made,
    rekey::SEALED_MAX,
    session::{Session, plain},
    state::{Info, Line, Who},
    told::Limits,
};
use crate::{
    base::{Effects, Slot, Time},
    wire::{Route, Sealed, VARINT_MAX},
};

/// A sealed packet that was opened where it lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unsealed<'a> {
    /// The line that it came on.
    pub slot: Slot,
    /// The sender's counter.
    pub counter: u64,
    /// True if no packet with a higher counter came before: only such a one tells where the peer
    /// is now.
    pub newest: bool,
    /// The plain text.
    pub plain: &'a [u8],
}

impl Lines {
    /// Opens a sealed packet where it lies. One that is not ours stays as it was; in one that does
    /// not fit, zeros take the place of the text.
    ///
    /// # Errors
    /// [`Dropped`]: why it did nothing.
    pub fn unseal<'a>(
        &mut self,
        now: Time,
        route: Route,
        datagram: &'a mut [u8],
        fx: &mut Effects<Effect>,
    ) -> Result<Unsealed<'a>, Dropped> {
        let Sealed { line: id, counter } = Sealed::parse(datagram).ok_or(Dropped::Malformed)?;
        if counter > VARINT_MAX {
            return Err(Dropped::Malformed);
        }
        let slot = match self.ids.get(&id) {
            Some(Place::Line(slot)) => self.open_known(*slot, (id, counter), datagram, fx)?,
            Some(Place::Half(answer)) => {
                let answer = *answer;
                self.open_first(now, route, answer, counter, datagram, fx)?
            }
            Some(Place::Pending(_) | Place::Rekey(_)) | None => {
                return Err(Dropped::UnknownLine);
            }
        };
        let line = self.slots.get_mut(slot).expect("it was just there");
        line.window.check(counter)?;
        let newest = line.window.mark(counter);
        line.opened_in = id;
        if let Some(closing) = &line.closing {
            if datagram.len() >= closing.last.len() {
                let _full = self.outputs.push((Output::Closing(id), route));
            }
            return Err(Dropped::Closing);
        }
        if line.has_moved_on() {
            line.older_until = Some(now.plus_ms(self.config.older_ms));
            self.set_timer(slot);
        }
        if self.rekey_if_due(now, slot) {
            fx.push(Effect::Renew { slot });
        }
        Ok(Unsealed {
            slot,
            counter,
            newest,
            plain: plain(datagram),
        })
    }

    fn open_known(
        &mut self,
        slot: Slot,
        (id, counter): (u32, u64),
        datagram: &mut [u8],
        fx: &mut Effects<Effect>,
    ) -> Result<Slot, Dropped> {
        let line = self.slots.get_mut(slot).expect("an id leads to its line");
        line.window.check(counter)?;
        let session = line.session_mut(id).expect("an id leads to its session");
        if !session.open(self.provider, counter, datagram) {
            return Err(Dropped::BadTag);
        }
        if line.renewal.next_mut(id).is_some() {
            self.on_next_heard(slot, fx);
        }
        Ok(slot)
    }

    fn open_first(
        &mut self,
        now: Time,
        route: Route,
        answer: AnswerId,
        counter: u64,
        datagram: &mut [u8],
        fx: &mut Effects<Effect>,
    ) -> Result<Slot, Dropped> {
        let is_full = self.is_full();
        let half = self.answers.half_mut(answer);
        let half = half.expect("an id leads to its waiting session");
        let pair = half.pair;
        let slot = self.peers.slot(&pair, &self.slots);
        if slot.is_none() && is_full {
            return Err(Dropped::Full);
        }
        if !half.session.open(self.provider, counter, datagram) {
            return Err(Dropped::BadTag);
        }
        let half = self.answers.take_half(answer).expect("it was just there");
        let home = &self.homes[half.home];
        let (wall, skew_ms) = (self.clock.wall(now), self.config.membership_skew_ms);
        let membership = half.membership.as_deref();
        if membership.is_some_and(|it| home.stands(it, &half.key, wall, skew_ms).is_err()) {
            self.ids.remove(&half.session.ours);
            return Err(Dropped::Refused);
        }
        let time = half.time;
        let slot = self.confirm(now, route, slot, half, fx);
        if let Some(line) = self.slots.get_mut(slot) {
            line.opens.confirm(time);
        }
        Ok(slot)
    }

    /// The initiator is there: its session becomes a line, joins the line that it crossed, or
    /// takes the place of one that the peer has forgotten.
    fn confirm(
        &mut self,
        now: Time,
        route: Route,
        slot: Option<Slot>,
        half: HalfOpen,
        fx: &mut Effects<Effect>,
    ) -> Slot {
        let (boot, end) = (half.peer_boot, half.peer_end.id);
        let (fresh, made) = self.take_apart(now, route, half);
        let Some(slot) = slot else {
            let slot = self.slots.insert(fresh);
            self.come_up(now, slot, made, fx);
            return slot;
        };
        let line = self.slots.get_mut(slot).expect("a peer leads to its line");
        if line.current.is_none() {
            line.end = fresh.end;
            line.info.first_stream = fresh.info.first_stream;
            self.take_pending(slot);
            self.come_up(now, slot, made, fx);
            self.set_timer(slot);
            slot
        } else if line.end == fresh.end && line.is_peer_life(boot, end) {
            self.join(now, slot, made, fx);
            slot
        } else {
            self.replace(now, slot, fresh, made, fx)
        }
    }

    fn take_apart(&self, now: Time, route: Route, half: HalfOpen) -> (Line, Made) {
        let info = Info {
            who: Arc::new(Who {
                local: half.pair.local,
                peer: half.key,
                peer_hashname: half.pair.peer,
            }),
            ours: false,
            suite: half.suite,
            route,
            boot: self.homes[half.home].boot,
            peer_boot: None,
            first_stream: half.end.first_stream,
            peer_first_stream: None,
            peer_limits: Limits::default(),
            sessions: 1,
        };
        let made = Made {
            route,
            suite: half.suite,
            peer_boot: half.peer_boot,
            peer_end: half.peer_end,
            seen: None,
            rtt_us: half.answered_at.map(|at| now.since_us(at)),
            told: half.told,
            membership: half.membership,
            session: half.session,
        };
        (Line::new(info, half.home, half.end.id), made)
    }

    /// A second handshake of one line is complete. If each end made one, the session stays whose
    /// initiator has the smaller hashname, at both ends; the other is accepted for a while.
    fn join(&mut self, now: Time, slot: Slot, made: Made, fx: &mut Effects<Effect>) {
        let line = self
            .slots
            .get_mut(slot)
            .expect("a line that is joined is there");
        let pair = line.pair();
        if line.info.sessions > 1 || line.renewal.waits() {
            // Both ends have gone on to new keys; this packet was on its way for long.
            self.ids.remove(&made.session.ours);
            return;
        }
        let current = line.current.take().expect("a line that is joined is up");
        let new_stays = !current.by_us || pair.peer < pair.local;
        self.ids.insert(made.session.ours, Place::Line(slot));
        let (stays, goes) = if new_stays {
            line.info.suite = made.suite;
            if line.paths.set_active(now, made.route, &self.config) {
                line.info.route = made.route;
                // What is on its way by the other, and all that was found out about that, is of no
                // use on this one.
                let moved = Some(Departure::Dead);
                fx.push(Effect::Paths { slot, moved });
            }
            (made.session, current)
        } else {
            (current, made.session)
        };
        line.membership = made.membership;
        line.current = Some(stays);
        line.older_until = None;
        let oldest = line.older.replace(Box::new(goes));
        if let Some(oldest) = oldest {
            self.ids.remove(&oldest.ours);
        }
        if new_stays {
            // It was chained to what is the older session now. Where that one stays the peer may
            // have answered already, and the answer fits no other rekey.
            self.stop_asking(slot);
        }
        self.set_expiry(slot);
    }

    /// Seals the plain text at `buf[SEALED_PREFIX..][..plain_len]` where it lies, and tells the
    /// length of the packet and its counter. `None` if the line is not up, or has used up its
    /// counters or its keys, or `buf` is shorter than the plain text and `SEALED_OVERHEAD`.
    pub fn seal(&mut self, slot: Slot, buf: &mut [u8], plain_len: usize) -> Option<(usize, u64)> {
        let counter = self.next_counter(slot)?;
        let line = self.slots.get_mut(slot)?;
        let total = line
            .current
            .as_mut()?
            .seal(self.provider, counter, buf, plain_len)?;
        line.counter += 1;
        Some((total, counter))
    }

    /// The counter of the next packet that [`Lines::seal`] makes; `None` if it would make none.
    pub fn next_counter(&self, slot: Slot) -> Option<u64> {
        let line = self.slots.get(slot)?;
        let current = line.current.as_ref()?;
        let can = line.closing.is_none() && current.sealed < SEALED_MAX;
        (can && line.counter <= VARINT_MAX).then_some(line.counter)
    }

    /// The line is at rest: drops its key schedules, some 2 KiB, and keeps the keys. The next
    /// packet makes them again. What has not come so far is not awaited any more.
    pub fn rest(&mut self, slot: Slot) {
        if let Some(line) = self.slots.get_mut(slot) {
            line.greeting = None;
            line.window.close();
            line.paths.rest();
            let older = line.older.as_deref_mut();
            let sessions = [line.current.as_mut(), older];
            sessions.into_iter().flatten().for_each(Session::rest);
            line.renewal.rest();
        }
    }
}
