//! B: the clock. One timer a line, the earliest of all of them on top; a tick costs what is due.

use alloc::vec::Vec;

use super::{
    DownReason, Switch,
    link::{Grant, Phase},
};
use crate::{
    base::{Slot, Time, Wall, Why},
    identity::Hashname,
};

impl Switch {
    /// Does what is due at `now`; without anything due it costs nothing. Of very much that is due at
    /// once it does a part, and the deadline stays due.
    pub fn handle_timeout(&mut self, now: Time) {
        let now = self.advance(now);
        if self
            .lines
            .deadline()
            .is_some_and(|deadline| deadline.at <= now)
        {
            self.lines.on_deadline(now, &mut self.line_effects);
            self.settle_line(now);
        }
        // Each link is attended to once, so that the work is bounded whatever they set anew.
        for _ in 0..self.timers.len() {
            let Some(slot) = self.timers.pop_due(now) else {
                break;
            };
            self.on_link_deadline(now, slot);
            self.settle_streams(slot);
            self.touch(slot);
        }
        self.redial_due(now);
        self.keep_due(now);
        self.trees_due(now);
        self.settle_trees(now);
        self.lan_due(now);
    }

    /// Tells the wall time: at the start, after a sleep, and every minute. It orders our opens and
    /// judges what expires; it moves no timer, and may go backwards. If it ran ahead of `now` by
    /// more than `Life::sleep_ms`, the machine slept, or somebody set the clock: every line that is
    /// held is probed at once, and those that are kept are dialled.
    pub fn handle_clock(&mut self, now: Time, wall: Wall) {
        let now = self.advance(now);
        self.lines.handle_clock(now, wall);
        // By another clock a membership may count again, and end once more.
        let is_out = |local: &Hashname| self.lines.own_refusal(now, *local).is_some();
        self.expelled.retain(is_out);
        let slept = self.told.is_some_and(|(at, told)| {
            let expected_ms = told.as_ms().saturating_add(now.since_us(at) / 1000);
            wall.as_ms().saturating_sub(expected_ms) > self.config.life.sleep_ms
        });
        self.told = Some((now, wall));
        if slept {
            self.on_wake(now);
        }
    }

    /// Nobody called for long, so silence says nothing yet: every line shows first whether it
    /// lives, and idle times begin anew.
    fn on_wake(&mut self, now: Time) {
        self.stats.sleeps += 1;
        let up = self.links.iter();
        let up = up.filter(|(_, link)| matches!(link.phase, Phase::Up { .. }));
        let up: Vec<_> = up.map(|(slot, _)| slot).collect();
        for slot in up {
            if let Some(link) = self.links.get_mut(slot) {
                link.woken = now;
                link.ping |= link.is_held();
                link.flow.on_pause(now);
            }
            self.touch(slot);
        }
        self.redial_all(now);
        self.lan.room.wake(now);
    }

    fn on_link_deadline(&mut self, now: Time, slot: Slot) {
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        if link
            .flow
            .deadline()
            .is_some_and(|deadline| deadline.at <= now)
        {
            let due = link.flow.on_deadline(now, &mut self.fates);
            self.stats.packets_lost += u64::from(due.lost_packets);
            self.settle_fates(slot);
            if due.resized {
                self.note_size(slot);
            }
            if due.silence || due.probes > 0 {
                self.on_silence(now, slot);
            }
            if due.probes > 0 {
                self.ask_for_restart(now, slot);
            }
        }
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        if link.rest_at(&self.periods).is_some_and(|at| at <= now) {
            self.rest(slot);
        }
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        match link.life_due(now, &self.periods) {
            Some(Why::KeepAlive) => (link.ping, link.receiving) = (true, false),
            Some(Why::Idle) if link.is_held() => self.end_link(slot, DownReason::TimedOut),
            Some(Why::Idle) => self.close_link(now, slot, 0, "nobody holds the line"),
            _ => {}
        }
    }

    /// Puts a link back in order after anything happened to it: its place in the queue of those
    /// that may send, its timer, and its end.
    pub(super) fn touch(&mut self, slot: Slot) {
        let now = self.now;
        self.balance(slot);
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        let line = link.line().filter(|_| link.can_seal());
        let asks = line.is_some_and(|line| self.lines.has_path_output(line));
        if !link.queued && (asks || link.grant(now) != Grant::Nothing) {
            link.queued = true;
            self.ready.push_back(slot);
        }
        if let Some(line) = line {
            self.lines.set_held(line, link.is_held());
        }
        let deadline = link.deadline(now, &self.periods);
        if let Some(deadline) = deadline {
            link.why = deadline.why;
        }
        self.timers.set(slot, deadline.map(|deadline| deadline.at));
        if link.is_read_out() {
            self.forget_link(slot);
        }
        self.settle_trees(now);
    }

    /// The time of a call; one that is earlier than the call's before is taken for the same. One
    /// that comes much later than was asked for comes after a sleep.
    pub(super) fn advance(&mut self, now: Time) -> Time {
        if now < self.now {
            self.stats.time_backwards += 1;
        }
        let sleep_us = self.config.life.sleep_ms.saturating_mul(1000);
        let late = now.since_us(self.now) > sleep_us
            && self
                .poll_timeout()
                .is_some_and(|told| now.since_us(told.at) > sleep_us);
        self.now = self.now.max(now);
        if late {
            self.on_wake(self.now);
        }
        self.now
    }
}
