//! What happens by itself: beats, silence that is noticed, timers that run out.

use super::{
    Effect,
    life::Tree,
    peers::Peer,
    place::Timer,
    sight::{Heard, look},
};
use crate::base::{Effects, Time};

impl Tree {
    /// When `on_deadline` is due.
    pub fn deadline(&self) -> Time {
        let timers = self.timers.iter().map(|(_, at)| *at);
        let dials = self.peers.iter().filter_map(|peer| peer.dial_until);
        let parts = [self.cast.deadline(), self.image.deadline()];
        let own = self.beats.look_at.min(self.beats.beat_at);
        let own = own.min(self.beats.raise_at);
        let all = timers.chain(dials).chain(parts.into_iter().flatten());
        all.fold(own, Time::min)
    }

    /// Does what is due.
    pub fn on_deadline(&mut self, now: Time, heard: Heard<'_>, fx: &mut Effects<Effect>) {
        while let Some(timer) = self.take_due(now) {
            let mut look = look!(self, now, heard);
            self.place.on_timer(timer, &mut look, &mut self.place_fx);
            self.settle(now, heard, fx);
        }
        self.give_up_dials(now);
        if self.cast.deadline().is_some_and(|at| at <= now) {
            self.cast.on_deadline(now);
        }
        if self.image.deadline().is_some_and(|at| at <= now) {
            self.image.on_deadline(now);
            self.swear(now);
        }
        if self.beats.raise_at <= now {
            self.beats.raise_at = now.plus_ms(self.config.raise_ms.into());
            let mut look = look!(self, now, heard);
            self.place.raise(&mut look, &mut self.place_fx);
        }
        if self.beats.look_at <= now || self.beats.beat_at <= now {
            self.look_round(now, heard, fx);
        }
        self.settle(now, heard, fx);
        self.tell_parts(fx);
    }

    fn take_due(&mut self, now: Time) -> Option<Timer> {
        let due = self.timers.iter().position(|(_, at)| *at <= now)?;
        Some(self.timers.swap_remove(due).0)
    }

    /// Looks who is silent, asks those for a sign who were not heard lately, and on a beat lets the
    /// places say what could wait.
    fn look_round(&mut self, now: Time, heard: Heard<'_>, fx: &mut Effects<Effect>) {
        let traffic_us = u64::from(self.config.traffic_ms) * 1000;
        let stirred = self.beats.stirred;
        let is_busy = stirred.is_some_and(|at| now.since_us(at) < traffic_us);
        if is_busy && !self.beats.is_busy {
            // Nobody was bound to be heard as often while the tree rested.
            for peer in self.peers.iter_mut() {
                peer.counts_from = now;
            }
        }
        self.beats.is_busy = is_busy;
        let (beat_ms, silent_ms) = self.periods();
        let mut look_at = now.plus_ms(beat_ms);
        let kept = |peer: &&Peer| peer.is_neighbour || peer.is_backup;
        for peer in self.peers.iter().filter(kept) {
            let Some(link) = peer.link else { continue };
            let last = heard(link).max(peer.counts_from);
            let quiet_us = now.since_us(last);
            let severed_us = peer.severed.map_or(0, |at| now.since_us(at));
            if quiet_us >= silent_ms * 1000 || severed_us > beat_ms * 1000 {
                self.lost.push(peer.node());
                continue;
            }
            // One that is heard just before the next beat need not be asked then.
            if quiet_us * 2 >= beat_ms * 1000 {
                fx.push(Effect::Ping { link });
            }
            look_at = look_at.min(last.plus_ms(silent_ms));
        }
        self.beats.look_at = look_at;
        for node in &self.lost {
            self.stats.silent += 1;
            self.image.on_gone(now, *node);
        }
        if self.beats.beat_at <= now {
            self.beats.beat_at = now.plus_ms(beat_ms);
            self.on_beat(now, heard, fx);
        }
    }

    fn on_beat(&mut self, now: Time, heard: Heard<'_>, fx: &mut Effects<Effect>) {
        let mut look = look!(self, now, heard);
        self.place.on_beat(&mut look, &mut self.place_fx);
        if self.cast.withheld(now)
            && let Some(parent) = self.place.parent()
        {
            self.stats.withheld += 1;
            self.bar_for(now, parent, self.config.doubt_ms);
        }
        self.look_at_children(now);
        if let Some(backup) = self.backup.node()
            && self.cast.has_mute_backup(now)
        {
            // It may be one that is cut off itself.
            self.doubt(now, backup);
        }
        self.seek_backup(now, fx);
        self.ask_again(now, fx);
        self.let_go(now, fx);
    }

    /// How often a sign is asked for, and after which silence somebody is taken for dead, in
    /// milliseconds.
    pub(super) fn periods(&self) -> (u64, u64) {
        let config = &self.config;
        if self.beats.is_busy {
            (config.beat_ms.into(), config.silent_ms.into())
        } else {
            (config.rest_beat_ms.into(), config.rest_silent_ms.into())
        }
    }

    /// Something was broadcast or moved: silence is noticed sooner for a while.
    pub(super) fn stir(&mut self, now: Time) {
        self.beats.stirred = Some(now);
        if !self.beats.is_busy {
            self.beats.look_at = now;
            self.beats.beat_at = now;
        }
    }
}
