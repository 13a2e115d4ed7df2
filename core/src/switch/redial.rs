//! When standing wants are dialled, and dialled again: ever more rarely for as long as nobody
//! answers.

use alloc::vec::Vec;
use core::net::SocketAddr;

use super::{Phase, Switch, known::Pair};
use crate::{
    base::{Rng, Slot, Time, Timers},
    identity::Hashname,
};

/// When standing wants are dialled again.
#[derive(Debug)]
pub(super) struct Redials {
    pub(super) timers: Timers,
    pub(super) rng: Rng,
    /// How many peers are wanted.
    pub(super) wants: u32,
}

/// Wants that one tick dials; those left are due at once. Each costs two agreements.
const DIALS_A_CALL: usize = 8;

impl Switch {
    /// Dials what is due.
    pub(super) fn redial_due(&mut self, now: Time) {
        for _ in 0..DIALS_A_CALL {
            let Some(slot) = self.redials.timers.pop_due(now) else {
                break;
            };
            self.dial(now, slot, true);
        }
    }

    /// Every want is dialled now, and the waits begin anew: the network may be another one.
    pub(super) fn redial_all(&mut self, now: Time) {
        self.redial_where(now, |_| true);
    }

    /// The wants of a hashname that was just installed are dialled now.
    pub(super) fn redial_of(&mut self, now: Time, local: Hashname) {
        self.redial_where(now, |pair| pair.0 == local);
    }

    fn redial_where(&mut self, now: Time, which: impl Fn(&Pair) -> bool) {
        let all = self.known.newest_first();
        let all = all.filter(|(_, record)| record.want.is_some() && which(&record.pair));
        let all: Vec<_> = all.map(|(slot, _)| slot).collect();
        for slot in all {
            let want = self.known.get_mut(slot).and_then(|it| it.want.as_mut());
            if let Some(want) = want.filter(|want| !want.resting) {
                want.waited_ms = 0;
                self.redials.timers.set(slot, Some(now));
            }
        }
    }

    /// Sees to it that there is a line, or will be. With `again`, an `open` asks on every known path
    /// even if there is one: its peer may have forgotten it.
    pub(super) fn dial(&mut self, now: Time, slot: Slot, again: bool) {
        let Some(record) = self.known.get(slot).filter(|it| it.want.is_some()) else {
            return;
        };
        let (local, key) = record.pair;
        let Ok(peer) = self.peer_of(local, &key) else {
            return;
        };
        let addresses: Vec<SocketAddr> = record.addresses().collect();
        let routes = self.routes_to(&addresses);
        let Some(at) = self.link_to(local, peer.hashname) else {
            let opened = self.open_link(now, local, peer, &routes).ok();
            match opened.and_then(|at| self.links.get_mut(at)) {
                Some(link) => link.wants.standing = true,
                None => self.redial_later(now, slot),
            }
            return;
        };
        let Some(link) = self.links.get_mut(at) else {
            return;
        };
        link.wants.standing = true;
        let (line, is_up) = match link.phase {
            Phase::Connecting { line } => (line, false),
            Phase::Up { line } => (line, true),
            Phase::Closing { .. } | Phase::Down(_) => return,
        };
        if again || !is_up {
            let first = self.first_beyond(now, at);
            self.lines.reopen(now, line, &routes, first);
        }
        self.touch(at);
    }

    /// The next dial, after a wait twice as long as the last one, give or take chance: peers that
    /// lost each other at one time do not all come back at one time.
    pub(super) fn redial_later(&mut self, now: Time, slot: Slot) {
        let life = &self.config.life;
        let want = self.known.get_mut(slot).and_then(|it| it.want.as_mut());
        let Some(want) = want.filter(|want| !want.resting) else {
            self.redials.timers.set(slot, None);
            return;
        };
        let twice = want.waited_ms.saturating_mul(2);
        want.waited_ms = twice.clamp(life.redial_first_ms, life.redial_most_ms);
        let us = want.waited_ms.saturating_mul(1000);
        let jittered = us - self.redials.rng.below(us / 4 + 1);
        self.redials.timers.set(slot, Some(now.plus_us(jittered)));
    }
}
