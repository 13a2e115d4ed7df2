//! Opens of others: refused cheaply, answered, held back, or answered again.

use super::{
    Dropped, Lines, Output, Place,
    answer::Answer,
    half::HalfOpen,
    home::Home,
    mac::{Digest, MacKey},
    open::{self, Opened},
    peers::Pair,
    pending::Held,
    session::Session,
    state::End,
    told::Told,
};
use crate::{
    base::{Slot, Time},
    wire::Route,
};

impl Lines {
    /// Takes an open. Nothing of it takes effect before its initiator's first sealed packet; the
    /// answer is there to be polled.
    ///
    /// # Errors
    /// [`Dropped`]: why it did nothing, or, for a copy, nothing new.
    pub fn on_open(&mut self, now: Time, route: Route, datagram: &[u8]) -> Result<(), Dropped> {
        let clear = open::Clear::parse(datagram);
        if matches!(clear, Err(Dropped::UnknownVersion)) {
            self.tell_versions(now, route, datagram);
        }
        let clear = clear?;
        let fits = |(at, home): (usize, &Home)| {
            let door = home.door(&clear.digest, clear.mac)?;
            Some((at, door.gate.clone()))
        };
        let mut homes = self.homes.iter().enumerate();
        let (home, gate) = homes.find_map(fits).ok_or(Dropped::NotInstalled)?;
        if self.on_copy(now, route, &clear.digest) {
            return Err(Dropped::Repeated);
        }
        let (wall, skew_ms) = (self.clock.wall(now), self.config.membership_skew_ms);
        if self.homes[home].refusal(wall, skew_ms).is_some() {
            return Err(Dropped::Refused);
        }
        self.admit(now, route, (home, &gate), &clear)?;
        let rng = self.rng.fork("answer");
        let mut opened = clear.read(&self.homes[home], rng)?;
        let pair = self.pair(home, &opened.key);
        if pair.peer == pair.local {
            return Err(Dropped::Oneself);
        }
        let every_ms = self.config.not_newer_ms;
        let open = (&pair, opened.time);
        if !(self.peers).may_answer(now, open, every_ms, &mut self.slots) {
            return Err(Dropped::NotNewer);
        }
        opened.gate = gate;
        match self.homes[home].admit(&opened.told, &opened.key, wall, skew_ms) {
            Ok(membership) => opened.membership = membership,
            Err(refusal) => return Err(self.refuse(now, pair, opened, route, refusal)),
        }
        match self.insists(&pair) {
            Some(slot) => self.hold(now, slot, opened, route),
            None => self.answer(now, home, opened, route),
        }
    }

    /// True if an open with this hash came before. Its answer goes to where this copy came from.
    fn on_copy(&mut self, now: Time, route: Route, digest: &Digest) -> bool {
        if let Some((answer, pair)) = self.answers.find(digest) {
            let _full = self.outputs.push((Output::Answer(answer), route));
            if let Some(half) = self.answers.half_mut(answer) {
                half.answered_at = None;
            }
            self.await_proof(now, &pair);
            return true;
        }
        let Some(slot) = self.held.get(digest).copied() else {
            return false;
        };
        if let Some(held) = self.pending_mut(slot).and_then(|open| open.held.as_mut()) {
            held.route = route;
        }
        self.insist(slot, route, false);
        true
    }

    /// The line whose open is under way while the peer's crosses it, if ours is the one that
    /// counts: that of the smaller hashname.
    fn insists(&self, pair: &Pair) -> Option<Slot> {
        let slot = self.peers.slot(pair, &self.slots)?;
        let line = self.slots.get(slot)?;
        (line.pending.is_some() && pair.local < pair.peer).then_some(slot)
    }

    /// Keeps the peer's open for later and sends our own to where it came from.
    fn hold(&mut self, now: Time, slot: Slot, opened: Opened, route: Route) -> Result<(), Dropped> {
        let later = now.plus_ms(self.config.crossed_ms);
        let digest = opened.digest;
        let pending = self
            .pending_mut(slot)
            .expect("only a crossed open is held back");
        let mut at = later;
        if let Some(held) = &pending.held {
            if held.opened.time >= opened.time {
                return Err(Dropped::NotNewer);
            }
            at = held.at;
        }
        let before = pending.held.replace(Held { opened, route, at });
        if let Some(before) = before {
            self.held.remove(&before.opened.digest);
        }
        self.held.insert(digest, slot);
        self.insist(slot, route, true);
        self.set_timer(slot);
        Ok(())
    }

    /// Makes `route` a candidate of our own open, and sends it there if that is new or `at_once`.
    fn insist(&mut self, slot: Slot, route: Route, at_once: bool) {
        let most = self.config.routes;
        if let Some(pending) = self.pending_mut(slot) {
            let is_new = pending.add_route(route, most);
            if is_new || at_once {
                pending.sent_at = None;
                let output = Output::Open(pending.line);
                let _full = self.outputs.push((output, route));
            }
        }
    }

    /// Answers after all what was held back.
    pub(super) fn answer_held(&mut self, now: Time, slot: Slot) {
        let Some(line) = self.slots.get_mut(slot) else {
            return;
        };
        let home = line.home;
        let held = line.pending.as_mut().and_then(|open| open.held.take());
        if let Some(Held { opened, route, .. }) = held {
            self.held.remove(&opened.digest);
            self.make_place();
            if !self.answers.is_full() {
                // An agreement of zeros is the initiator's own fault; it gets no answer.
                let _weak = self.answer(now, home, opened, route);
            }
        }
    }

    fn answer(
        &mut self,
        now: Time,
        home: usize,
        mut opened: Opened,
        route: Route,
    ) -> Result<(), Dropped> {
        let pair = self.pair(home, &opened.key);
        let end = self.end_for(&pair, &opened);
        let id = self.draw_id(Place::Half(self.answers.next_id()));
        let home_of = &self.homes[home];
        let written = Answer {
            to: opened.line,
            mac: &MacKey::new(opened.gate.as_bytes(), &opened.key, &home_of.space),
            line: id,
            boot: home_of.boot,
            end,
            seen: route.path.remote,
            told: Told::ours(self.limits, home_of.admission.as_deref()),
        }
        .write(&mut opened.handshake);
        let bytes = match written {
            Ok(bytes) => bytes,
            Err(dropped) => {
                self.ids.remove(&id);
                return Err(dropped);
            }
        };
        let hash = opened.handshake.hash();
        let half = HalfOpen {
            pair,
            home,
            key: opened.key,
            suite: opened.suite,
            session: Session::new(
                opened.suite,
                false,
                (id, opened.line),
                opened.handshake.split(),
            )
            .begun(now, hash),
            end,
            peer_end: opened.end,
            asks: opened.asks,
            peer_boot: opened.boot,
            time: opened.time,
            answered_at: Some(now),
            told: opened.told,
            membership: opened.membership,
        };
        let until = now.plus_ms(self.config.half_open_ms);
        let answer = self.answers.insert(opened.digest, bytes, until, half);
        let _full = self.outputs.push((Output::Answer(answer), route));
        self.await_proof(now, &pair);
        Ok(())
    }

    /// The end that the answer to an open belongs to: that of the line it crosses or repeats, else
    /// one that all opens of this peer share until a line is up, so that an open of ours meanwhile
    /// shares it too.
    fn end_for(&mut self, pair: &Pair, opened: &Opened) -> End {
        let slot = self.peers.slot(pair, &self.slots);
        let line = slot.and_then(|slot| self.slots.get(slot));
        if let Some(line) = line {
            // What is under way to see whether the peer has forgotten the line is of no account to
            // a peer that has not.
            let is_ours = |end| line.is_peer_life(opened.boot, end);
            if is_ours(opened.end.id) || opened.asks.is_some_and(is_ours) {
                return line.own_end();
            }
            if let Some(end) = line.next_end() {
                return end;
            }
        }
        let other = line.map(|line| line.end);
        let waiting = self.answers.waiting_end(pair, other);
        waiting.unwrap_or_else(|| End {
            id: self.rng.u32(),
            first_stream: self.first_stream,
        })
    }

    /// An open of ours to this peer is not given up while the proof of the peer's own, which was
    /// just answered, may be under way.
    fn await_proof(&mut self, now: Time, pair: &Pair) {
        let until = now.plus_ms(self.config.crossed_ms);
        if let Some(slot) = self.peers.slot(pair, &self.slots)
            && let Some(pending) = self.pending_mut(slot)
        {
            pending.until = pending.until.max(until);
            self.set_timer(slot);
        }
    }
}
