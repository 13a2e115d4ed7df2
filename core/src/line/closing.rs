//! Time, and the end of lines.

use alloc::boxed::Box;

use super::{
    Down, Effect, Lines, Place,
    open::OPEN_MAX,
    pending::Pending,
    spaces,
    state::{Closing, Line},
};
use crate::base::{Deadline, Effects, Slot, Time, Why};

/// Lines and answers that one call attends to; what is left is due at once.
const DUE_A_CALL: usize = 32;
/// More effects than this from one call into the room are our fault. Of each line that is due it may
/// tell that its peer's membership has ended and something of its paths, and then that ours has.
pub const EFFECTS_MAX: usize = 2 * DUE_A_CALL + 1;

impl Lines {
    /// When the room wants to be called, apart from output that waits.
    pub fn deadline(&self) -> Option<Deadline> {
        let answers = self.answers.deadline();
        let answers = answers.map(|at| Deadline::new(at, Why::Handshake));
        let line = self.timers.next().map(|(at, slot)| {
            let line = self.slots.get(slot);
            let why = match line {
                Some(line) if line.closing.is_some() => Why::Closing,
                Some(line) if line.expires == Some(at) => Why::Membership,
                Some(line) if line.pending.is_none() && line.older_until.is_none() => Why::Probe,
                Some(_) | None => Why::Handshake,
            };
            Deadline::new(at, why)
        });
        let own = self.own_expiry();
        let own = own.map(|at| Deadline::new(at, Why::Membership));
        Deadline::earlier(Deadline::earlier(line, answers), own)
    }

    /// Does what is due. There may be more of it: see [`Lines::deadline`].
    pub fn on_deadline(&mut self, now: Time, fx: &mut Effects<Effect>) {
        for _ in 0..DUE_A_CALL {
            let Some(slot) = self.timers.pop_due(now) else {
                break;
            };
            self.on_due(now, slot, fx);
        }
        self.on_own_expiry(now, fx);
        for _ in 0..DUE_A_CALL {
            let Some(expired) = self.answers.expire(now) else {
                break;
            };
            if let Some(id) = expired {
                self.ids.remove(&id);
            }
        }
    }

    fn on_due(&mut self, now: Time, slot: Slot, fx: &mut Effects<Effect>) {
        let line = self.slots.get_mut(slot).expect("a timer leads to its line");
        if line
            .closing
            .as_ref()
            .is_some_and(|closing| closing.until <= now)
        {
            self.forget(slot);
            return;
        }
        spaces::on_peer_expiry(now, slot, line, fx);
        if line.renewal.exhausted_until.is_some_and(|at| at <= now) {
            self.forget(slot);
            let why = Down::Exhausted;
            fx.push(Effect::Down { slot, why });
            return;
        }
        if line.older_until.is_some_and(|until| until <= now) {
            line.older_until = None;
            if let Some(older) = line.older.take() {
                self.ids.remove(&older.ours);
            }
        }
        if let Some(pending) = line.pending.as_mut() {
            let repeats = pending.is_repeat_due(now, self.config.repeat_most_ms);
            let answers = pending.is_held_due(now);
            if repeats {
                pending.next_gate(&self.homes[line.home], &line.info.who.peer);
                for route in &pending.routes {
                    let output = (super::Output::Open(pending.line), *route);
                    let _full = self.outputs.push(output);
                }
            }
            if answers {
                self.answer_held(now, slot);
            }
            if let Some(why) = self.give_up(now, slot) {
                fx.push(Effect::Down { slot, why });
                return;
            }
        }
        self.on_paths_due(now, slot, fx);
        self.set_timer(slot);
    }

    /// Ends an open that nobody answered; says why if there was no line beside it.
    fn give_up(&mut self, now: Time, slot: Slot) -> Option<Down> {
        let line = self.slots.get(slot).expect("a line that is due is there");
        let open = line.pending.as_ref().filter(|open| open.until <= now)?;
        let why = open.versions.map_or(Down::Unreachable, Down::Version);
        if line.current.is_some() {
            self.take_pending(slot);
            return None;
        }
        self.forget(slot);
        Some(why)
    }

    /// Closes a line whose last datagram, with the close frame, was just sealed: no packet is
    /// taken or sealed any more, but for a while the peer's packets are answered by that datagram,
    /// if they are not shorter. The peer has no line with us from now on.
    pub fn close(&mut self, now: Time, slot: Slot, last_datagram: &[u8]) {
        let Some(line) = self.slots.get_mut(slot) else {
            return;
        };
        let can_answer = (1..=OPEN_MAX).contains(&last_datagram.len());
        if line.current.is_none() || !can_answer {
            self.forget(slot);
            return;
        }
        if line.closing.is_some() {
            return;
        }
        line.closing = Some(Box::new(Closing {
            last: last_datagram.into(),
            until: now.plus_ms(self.config.closing_ms),
        }));
        line.expires = None;
        let (pair, opens) = (line.pair(), line.opens);
        self.take_pending(slot);
        self.drop_joining(slot);
        self.stop_asking(slot);
        self.rest(slot);
        self.peers.go(pair, slot, opens, &self.slots);
        self.set_timer(slot);
    }

    /// Forgets a line at once, whatever its state, and tells nobody.
    pub fn forget(&mut self, slot: Slot) {
        self.take_pending(slot);
        self.drop_joining(slot);
        let is_found = |line: &Line| self.peers.slot(&line.pair(), &self.slots) == Some(slot);
        let is_found = self.slots.get(slot).is_some_and(is_found);
        let Some(line) = self.slots.remove(slot) else {
            return;
        };
        for session in line.current.iter().chain(line.older.as_deref()) {
            self.ids.remove(&session.ours);
        }
        for id in line.renewal.ids() {
            self.ids.remove(&id);
        }
        if is_found {
            self.peers.go(line.pair(), slot, line.opens, &self.slots);
        }
        self.timers.set(slot, None);
    }

    /// No session joins this line any more: one that did later would bring back an end whose peer
    /// still has the old line (PROTOCOL, section Crossed opens).
    fn drop_joining(&mut self, slot: Slot) {
        let Some(line) = self.slots.get(slot).filter(|line| line.current.is_some()) else {
            return;
        };
        if let (Some(boot), Some(peer_end)) = (line.info.peer_boot, line.peer_end) {
            let life = (line.end, boot, peer_end);
            for id in self.answers.drop_joining(&line.pair(), life) {
                self.ids.remove(&id);
            }
        }
    }

    /// Ends our open, if one is under way, with everything that leads to it.
    pub(super) fn take_pending(&mut self, slot: Slot) -> Option<Pending> {
        let line = self.slots.get_mut(slot)?;
        let pending = line.pending.take()?;
        if line.current.is_none() {
            line.paths.remember(&pending.routes, self.config.routes);
        }
        if let Some(Place::Pending(_)) = self.ids.get(&pending.line) {
            self.ids.remove(&pending.line);
        }
        if let Some(held) = &pending.held {
            self.held.remove(&held.opened.digest);
        }
        Some(*pending)
    }

    pub(super) fn pending_mut(&mut self, slot: Slot) -> Option<&mut Pending> {
        self.slots.get_mut(slot)?.pending.as_deref_mut()
    }

    /// Sets the timer of a line to what it waits for.
    pub(super) fn set_timer(&mut self, slot: Slot) {
        let deadline = self.slots.get(slot).and_then(|line| line.deadline());
        self.timers.set(slot, deadline);
    }
}
