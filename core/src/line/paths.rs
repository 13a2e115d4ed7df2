//! The ways to one peer: which one carries the traffic, which others answer, and when the first is
//! left for another (PROTOCOL, section Paths).

mod better;
mod places;

use alloc::vec::Vec;
use core::net::SocketAddr;

use super::{
    Config,
    path::{Departure, Doubt, Known, Pace, PathFrame, PathInfo, is_same},
};
use crate::{
    base::{Rng, Time},
    wire::Route,
};

/// Challenges of one round, before a path counts as silent this time.
const SENDS: u8 = 3;
/// Rounds without an answer, while another path works, after which a path is forgotten.
const ROUNDS: u8 = 3;
/// Paths that packets of the peer may name in a burst.
const NAMES: u64 = 8;
/// The round trip that is taken for a path before one is known.
const ROUND_US: u64 = 100_000;

/// The paths of one line; the first one is in use.
#[derive(Clone, Debug, Default)]
pub(super) struct Paths {
    known: Vec<Known>,
    /// Where the peer was said to be when the line was opened.
    opened: Vec<Route>,
    /// Where the peer was or was said to be, by sockets that are no more.
    lost: Vec<SocketAddr>,
    responses: Vec<(Route, [u8; 8])>,
    doubt: Option<Doubt>,
    held: bool,
    /// The path on which the peer was heard last, if it is not the first.
    elsewhere: Option<Route>,
    /// Being heard elsewhere begins no doubt before.
    quiet_until: Time,
    /// When the bucket of names is full again.
    named_until: Time,
    rtt_us: u64,
}

impl Paths {
    /// The line is up, on this path; the others are those that were tried.
    pub(super) fn start(&mut self, now: Time, route: Route, config: &Config) {
        let again = now.plus_ms(config.path_again_ms);
        let mut first = Known::new(route, now, None, again);
        first.proven = true;
        self.known = Vec::from([first]);
        for n in 0..self.opened.len() {
            let route = self.opened[n];
            if self.place(&route).is_none() && self.known.len() < config.paths as usize {
                self.known.push(Known::new(route, now, None, again));
            }
        }
    }

    /// The path in use.
    pub(super) fn active(&self) -> Option<Route> {
        self.known.first().map(|path| path.route)
    }

    pub(super) fn infos(&self) -> impl Iterator<Item = PathInfo> + '_ {
        self.known.iter().map(|path| PathInfo {
            route: path.route,
            proven: path.proven,
            rtt_us: path.rtt_us,
            packet_bytes: path.packet_bytes,
        })
    }

    /// The path in use was found to carry datagrams of so many bytes.
    pub(super) fn set_packet_bytes(&mut self, bytes: u16) {
        if let Some(active) = self.known.first_mut() {
            active.packet_bytes = Some(bytes);
        }
    }

    /// Where ranges go: to where the peer was heard last, if it answers there and the path in use is
    /// in doubt.
    pub(super) fn for_ranges(&self) -> Option<Route> {
        let elsewhere = self.elsewhere.filter(|_| self.doubt.is_some())?;
        let path = &self.known[self.place(&elsewhere)?];
        path.proven.then_some(path.route)
    }

    /// Makes this path the one in use, because a handshake says so; true if it was another one.
    pub(super) fn set_active(&mut self, now: Time, route: Route, config: &Config) -> bool {
        let place = self.place(&route).unwrap_or_else(|| {
            self.known.push(Known::new(route, now, None, now));
            self.known.len() - 1
        });
        if place == 0 {
            return false;
        }
        self.move_to(place, now, config);
        self.known.truncate(config.paths.max(1) as usize);
        // The peer has completed a handshake from there, as it does where a line begins.
        (self.known[0].proven, self.known[0].allowed) = (true, None);
        true
    }

    /// A packet with the highest counter so far came in on `route`: its bytes.
    pub(super) fn on_newest(
        &mut self,
        now: Time,
        (route, bytes): (Route, usize),
        pace: Pace,
        config: &Config,
        rng: &mut Rng,
    ) {
        match self.place(&route) {
            Some(0) => self.on_heard(now, &route, config),
            Some(place) => {
                self.elsewhere = Some(route);
                let path = &mut self.known[place];
                path.heard = now;
                path.allowed = path.allowed.map(|old| old + bytes as u64);
                if self.doubt.is_some() || now >= self.quiet_until {
                    self.ask(place, now, SENDS, config, rng);
                    self.doubt(now, (pace, false), config, rng);
                }
            }
            None if self.may_name(now, config) && self.make_room(now, config) => {
                self.elsewhere = Some(route);
                let path = Known::new(route, now, Some(bytes as u64), now);
                self.known.push(path);
                self.ask(self.known.len() - 1, now, SENDS, config, rng);
                self.doubt(now, (pace, false), config, rng);
            }
            None => {}
        }
    }

    /// As [`Paths::on_newest`] for a packet on the path in use, if no doubt is to be ended by it and
    /// nothing to be learned from it; false, and nothing is done, if there is.
    pub(super) fn is_where_it_was(&mut self, now: Time, route: &Route) -> bool {
        let is_plain = self.doubt.is_none() && self.elsewhere.is_none();
        let active = self.known.first_mut();
        let Some(active) = active.filter(|active| is_plain && active.route == *route) else {
            return false;
        };
        active.heard = now;
        true
    }

    /// Something new came on the path in use: it lives.
    fn on_heard(&mut self, now: Time, route: &Route, config: &Config) {
        let active = &mut self.known[0];
        active.heard = now;
        if active.route.path.local.is_none() && route.path.local.is_some() {
            active.route.path.local = route.path.local;
            let route = active.route;
            let mut first = true;
            self.known
                .retain(|path| core::mem::take(&mut first) || !is_same(&path.route, &route));
        }
        self.elsewhere = None;
        if self.doubt.is_some_and(|doubt| !doubt.unanswered) {
            self.on_answered(now, now, config);
        }
    }

    /// What was sent on the path in use at `sent_at` is answered: it lived then.
    pub(super) fn on_answered(&mut self, now: Time, sent_at: Time, config: &Config) {
        if self.doubt.take_if(|doubt| doubt.began <= sent_at).is_some() {
            self.quiet_until = now.plus_ms(config.path_again_ms);
        }
    }

    /// The peer asks whether we are where it sent this; the answer goes there. One for each path.
    pub(super) fn on_challenge(&mut self, route: Route, bytes: [u8; 8], config: &Config) {
        self.responses.retain(|(to, _)| *to != route);
        if self.responses.len() >= config.paths.max(1) as usize {
            self.responses.remove(0);
        }
        self.responses.push((route, bytes));
    }

    /// The peer answers; tells if the path in use is another one now. It counts only on the path
    /// that the challenge was sent on.
    pub(super) fn on_response(
        &mut self,
        now: Time,
        (route, bytes): (&Route, [u8; 8]),
        config: &Config,
        rng: &mut Rng,
    ) -> Option<Departure> {
        let asked = |path: &Known| {
            path.challenge.as_ref().and_then(|challenge| {
                (challenge.bytes == bytes && is_same(&path.route, route)).then_some(challenge.first)
            })?
        };
        let found = self.known.iter().enumerate();
        let (place, first) = found
            .filter_map(|(place, path)| Some((place, asked(path)?)))
            .next()?;
        let path = &mut self.known[place];
        path.challenge = None;
        path.proven = true;
        path.allowed = None;
        path.rounds = 0;
        path.heard = now;
        path.answered = Some(now);
        path.measure(now.since_us(first));
        path.again = now.plus_ms(config.path_probe_ms);
        if place == 0 {
            self.on_heard(now, route, config);
            self.on_answered(now, first, config);
        } else if self.doubt.is_some_and(|doubt| doubt.over) {
            self.move_to(place, now, config);
            return Some(Departure::Dead);
        }
        let is_better = self.compare(place, now, config, rng);
        is_better.then_some(Departure::Better)
    }

    /// Nothing answers on the path in use, or nothing can be sent there: every path is asked.
    pub(super) fn on_silence(&mut self, now: Time, pace: Pace, config: &Config, rng: &mut Rng) {
        self.doubt(now, (pace, true), config, rng);
        for place in 1..self.known.len() {
            self.ask(place, now, SENDS, config, rng);
        }
    }

    /// True if this is a path of the line.
    pub(super) fn knows(&self, route: &Route) -> bool {
        self.place(route).is_some()
    }

    /// The round trip of the path in use, as it was told last.
    pub(super) const fn rtt_us(&self) -> u64 {
        if self.rtt_us == 0 {
            ROUND_US
        } else {
            self.rtt_us
        }
    }

    /// The peer may be at `route` too, as we know ourselves.
    pub(super) fn add(&mut self, now: Time, route: Route, config: &Config, rng: &mut Rng) {
        let place = match self.place(&route) {
            Some(place) => place,
            None if self.make_room(now, config) => {
                self.known.push(Known::new(route, now, None, now));
                self.known.len() - 1
            }
            None => return,
        };
        self.ask(place, now, SENDS, config, rng);
    }

    /// True if a frame waits to go out alone.
    pub(super) fn has_output(&self) -> bool {
        let waits = |path: &Known| path.challenge.as_ref().is_some_and(|it| it.ready);
        !self.responses.is_empty() || self.known.iter().any(waits)
    }

    /// The next frame that goes out alone, and where.
    pub(super) fn poll(&mut self, now: Time) -> Option<(Route, PathFrame)> {
        if !self.responses.is_empty() {
            let (route, bytes) = self.responses.remove(0);
            return Some((route, PathFrame::Response(bytes)));
        }
        self.known.iter_mut().find_map(|path| {
            let bytes = path.take(now)?;
            Some((path.route, PathFrame::Challenge(bytes)))
        })
    }

    /// When something is to be done.
    pub(super) fn deadline(&self) -> Option<Time> {
        let doubt = self.doubt.filter(|doubt| !doubt.over);
        let doubt = doubt.map(|doubt| doubt.until);
        let paths = self.known.iter().enumerate();
        let paths = paths.filter_map(|(place, path)| match &path.challenge {
            Some(challenge) => (!challenge.ready).then_some(challenge.due),
            None => (place > 0 && self.held && path.may_send()).then_some(path.again),
        });
        paths.chain(doubt).min()
    }

    /// Does what is due; true if the path in use is another one now.
    pub(super) fn on_deadline(&mut self, now: Time, config: &Config, rng: &mut Rng) -> bool {
        for place in (0..self.known.len()).rev() {
            let path = &mut self.known[place];
            let may_send = path.may_send();
            match &mut path.challenge {
                Some(challenge) if challenge.ready || challenge.due > now => {}
                Some(challenge) if challenge.left > 0 => {
                    challenge.ready = true;
                    if !may_send {
                        path.take(now);
                    }
                }
                Some(_) => self.on_unanswered(place, now, config),
                // What may not be sent is not due, or it would stay so for ever.
                None if place > 0 && self.held && may_send && path.again <= now => {
                    let is_rival = path.proven;
                    self.ask(place, now, 1, config, rng);
                    if is_rival {
                        // Only what was measured at the same time can be compared.
                        self.ask(0, now, 1, config, rng);
                    }
                }
                None => {}
            }
        }
        let mut moved = false;
        if let Some(doubt) = &mut self.doubt
            && !doubt.over
            && doubt.until <= now
        {
            doubt.over = true;
            let began = doubt.began;
            let answered = |path: &Known| path.answered.is_some_and(|at| at >= began);
            let others = self.known.iter().enumerate().skip(1);
            let others = others.filter(|(_, path)| answered(path));
            let best = others.min_by_key(|(_, path)| path.rtt_us);
            if let Some(place) = best.map(|(place, _)| place) {
                self.move_to(place, now, config);
                moved = true;
            }
        }
        moved
    }

    /// Somebody holds the line, or nobody; true if that is new.
    pub(super) fn set_held(&mut self, held: bool) -> bool {
        core::mem::replace(&mut self.held, held) != held
    }

    fn place(&self, route: &Route) -> Option<usize> {
        let exact = self.known.iter().position(|path| path.route == *route);
        exact.or_else(|| {
            let mut known = self.known.iter();
            known.position(|path| is_same(&path.route, route))
        })
    }

    /// The path in use has so long to show that it lives.
    fn doubt(
        &mut self,
        now: Time,
        (pace, unanswered): (Pace, bool),
        config: &Config,
        rng: &mut Rng,
    ) {
        self.rtt_us = pace.rtt_us;
        if let Some(doubt) = &mut self.doubt {
            doubt.unanswered |= unanswered;
        } else {
            // An answer to what was asked earlier would say nothing.
            self.known
                .iter_mut()
                .take(1)
                .for_each(|path| path.challenge = None);
            let grace_us = config.path_grace_ms.saturating_mul(1000);
            let patience_us = pace.rtt_us.saturating_mul(3).saturating_add(grace_us);
            let until = pace.since.plus_us(patience_us);
            self.doubt = Some(Doubt {
                began: now,
                until: until.max(now.plus_us(pace.rtt_us)),
                unanswered,
                over: false,
                gone: false,
            });
        }
        if !self.known.is_empty() {
            self.ask(0, now, SENDS, config, rng);
        }
    }

    /// Asks at a path, unless an answer is awaited there.
    fn ask(&mut self, place: usize, now: Time, left: u8, config: &Config, rng: &mut Rng) {
        let line_us = self.rtt_us.max(ROUND_US);
        let path = &mut self.known[place];
        if path.challenge.is_none() && path.may_send() {
            let round_us = path.rtt_us.unwrap_or(0).max(line_us);
            let period_us = round_us.saturating_add(config.path_grace_ms.saturating_mul(333));
            path.begin(now, rng.bytes(), left, period_us);
        }
    }

    /// A round of challenges was not answered.
    fn on_unanswered(&mut self, place: usize, now: Time, config: &Config) {
        let doubted = self.doubt.is_some();
        let path = &mut self.known[place];
        path.challenge = None;
        path.again = now.plus_ms(config.path_probe_ms);
        if place == 0 {
            return;
        }
        path.proven = false;
        path.rounds += u8::from(!doubted && path.rounds < ROUNDS);
        let is_forgotten = path.rounds >= ROUNDS || path.allowed.is_some();
        if is_forgotten {
            self.known.remove(place);
        }
    }

    /// Another path carries the traffic from now on. The one before stays, to be asked again, if its
    /// socket does.
    fn move_to(&mut self, place: usize, now: Time, config: &Config) {
        let path = self.known.remove(place);
        let before = &mut self.known[0];
        before.proven = false;
        before.challenge = None;
        before.rounds = 0;
        before.again = now.plus_ms(config.path_probe_ms);
        if self.doubt.take().is_some_and(|doubt| doubt.gone) {
            self.known.remove(0);
        }
        self.known.insert(0, path);
        self.elsewhere = None;
        self.quiet_until = now;
    }

    /// Each name costs the bucket a share of its time.
    fn may_name(&mut self, now: Time, config: &Config) -> bool {
        let share_us = config.path_named_ms.saturating_mul(1000);
        let until = self.named_until.max(now).plus_us(share_us);
        let may = until.since_us(now) <= share_us.saturating_mul(NAMES);
        if may {
            self.named_until = until;
        }
        may
    }

    /// Room for one path more: the one that answered nothing goes first, then the one that was not
    /// heard for longest. One that is being asked for the first time stays.
    fn make_room(&mut self, now: Time, config: &Config) -> bool {
        if self.known.len() < config.paths as usize {
            return true;
        }
        let asked_lately =
            |path: &Known| path.answered.is_none() && path.challenge.is_some() && path.rounds == 0;
        let others = self.known.iter().enumerate().skip(1);
        let others = others.filter(|(_, path)| !asked_lately(path) && path.heard < now);
        let worst = others.min_by_key(|(_, path)| (path.proven, path.heard));
        let Some((place, _)) = worst else {
            return false;
        };
        self.known.remove(place);
        true
    }
}
