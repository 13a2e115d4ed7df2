//! Lines that we open: the open goes out, the answer comes in.

use alloc::{boxed::Box, sync::Arc};

use super::{
    Down, Dropped, Effect, Lines, OpenError, Output, Place,
    answer::{self, Reply},
    cookie::Cookie,
    mac::MacKey,
    noise::Handshake,
    open::Open,
    peers::Pair,
    pending::Pending,
    session::Session,
    state::{End, Greeting, Info, Line, Who},
    told::{Limits, Told},
};
use crate::{
    base::{Effects, Slot, Time},
    identity::{Hashname, Membership, PublicKey},
    wire::Route,
};

impl Lines {
    /// Opens a line from our hashname `local` to the holder of `peer`, on all these routes. If
    /// there is a line already, or one under way, that one is given and the routes are added to
    /// its candidates. `first_stream` is the number of the first stream that we shall open in it;
    /// what was told to the peer, and counts, is in [`Lines::info`].
    ///
    /// # Errors
    /// [`OpenError`]; nothing has changed then.
    pub fn open(
        &mut self,
        now: Time,
        local: Hashname,
        peer: PublicKey,
        routes: &[Route],
        first_stream: u64,
    ) -> Result<Slot, OpenError> {
        let home = self.home(local).ok_or(OpenError::NotInstalled)?;
        let pair = self.pair(home, &peer);
        if pair.peer == local {
            return Err(OpenError::Oneself);
        }
        if let Some(slot) = self.peers.slot(&pair, &self.slots) {
            self.add_routes(now, slot, routes);
            return Ok(slot);
        }
        let wall = self.clock.wall(now);
        let skew_ms = self.config.membership_skew_ms;
        if let Some(refusal) = self.homes[home].refusal(wall, skew_ms) {
            return Err(OpenError::Refused(refusal));
        }
        let route = *routes.first().ok_or(OpenError::NoRoute)?;
        if self.is_full() {
            return Err(OpenError::Full);
        }
        let waiting = self.answers.waiting_end(&pair, None);
        let end = waiting.unwrap_or_else(|| End {
            id: self.rng.u32(),
            first_stream,
        });
        let info = Info {
            who: Arc::new(Who {
                local,
                peer,
                peer_hashname: pair.peer,
            }),
            ours: true,
            suite: self.config.suite,
            route,
            boot: self.homes[home].boot,
            peer_boot: None,
            first_stream: end.first_stream,
            peer_first_stream: None,
            peer_limits: Limits::default(),
            sessions: 1,
        };
        let slot = self.slots.insert(Line::new(info, home, end.id));
        self.peers.come(pair, slot, &mut self.slots);
        self.send_open(now, slot, end);
        self.add_routes(now, slot, routes);
        Ok(slot)
    }

    /// Sends an open on these routes to a peer that we have a line with and do not hear: if it
    /// started again, its answer replaces the line (`Restarted`), and `first_stream` is the number
    /// of our first stream in the new one; if not, nothing changes.
    pub fn reopen(&mut self, now: Time, slot: Slot, routes: &[Route], first_stream: u64) {
        let Some(line) = self.slots.get_mut(slot) else {
            return;
        };
        let is_ours = self.homes[line.home].hashname == line.info.who.local;
        if line.closing.is_some() || routes.is_empty() || !is_ours {
            return;
        }
        if line.pending.is_none() {
            // One end number goes with one number of a stream, in all opens and answers. An answer
            // that waits for its proof is for the life of the peer that is asked after here.
            let waiting = self.answers.waiting_end(&line.pair(), Some(line.end));
            let rng = &mut self.rng;
            let end = **line.again.get_or_insert_with(|| {
                Box::new(waiting.unwrap_or_else(|| End {
                    id: rng.u32(),
                    first_stream,
                }))
            });
            self.send_open(now, slot, end);
        }
        self.add_routes(now, slot, routes);
    }

    fn send_open(&mut self, now: Time, slot: Slot, end: End) {
        let line = self.slots.get(slot).expect("the line was just there");
        if !self.homes[line.home].is_installed() {
            return;
        }
        let (id, written) = self.write_open(now, slot, end, None, 0);
        let suite = self.config.suite;
        let pending = Pending::new(now, &self.config, (id, suite, end), written);
        let line = self.slots.get_mut(slot).expect("the line was just there");
        line.pending = Some(Box::new(pending));
        self.set_timer(slot);
    }

    /// Writes an open of the line at `slot`, with a MAC by our gate of this number, and gives the id
    /// that it wants to receive on.
    pub(super) fn write_open(
        &mut self,
        now: Time,
        slot: Slot,
        end: End,
        cookie: Option<&Cookie>,
        gate: usize,
    ) -> (u32, (Box<[u8]>, Handshake)) {
        let rng = self.rng.fork("open");
        let id = self.draw_id(Place::Pending(slot));
        let line = self.slots.get_mut(slot).expect("the line was just there");
        let home = &mut self.homes[line.home];
        let time = home.next_open(self.clock.at(now));
        self.opened = true;
        let door = &home.doors[gate];
        let mac = MacKey::new(door.gate.as_bytes(), &line.info.who.peer, &home.space);
        let open = Open {
            suite: self.config.suite,
            home,
            peer: &line.info.who.peer,
            mac: &mac,
            line: id,
            time,
            end,
            asks: line.current.is_some().then_some(line.end),
            told: Told::ours(self.limits, home.admission.as_deref()),
            cookie,
        };
        let written = open
            .write(rng)
            .expect("a key that is not weak agrees to more than zero");
        (id, written)
    }

    /// Adds candidates to an open under way, and sends it to each that is new.
    fn add_routes(&mut self, now: Time, slot: Slot, routes: &[Route]) {
        let line = self.slots.get_mut(slot).expect("the line is there");
        let Some(pending) = line.pending.as_mut() else {
            return;
        };
        for route in routes {
            if pending.add_route(*route, self.config.routes) {
                pending.sent_at = pending.sent_at.filter(|at| *at == now);
                let _full = self.outputs.push((Output::Open(pending.line), *route));
            }
        }
    }

    /// Takes an answer to an open of ours. The line that it makes is in the effects.
    ///
    /// # Errors
    /// [`Dropped`]: why it did nothing.
    pub fn on_answer(
        &mut self,
        now: Time,
        route: Route,
        datagram: &[u8],
        fx: &mut Effects<Effect>,
    ) -> Result<(), Dropped> {
        let clear = answer::Clear::parse(datagram)?;
        let slot = match self.ids.get(&clear.line) {
            Some(Place::Pending(slot)) => *slot,
            Some(Place::Line(_)) => return Err(Dropped::Repeated),
            Some(Place::Half(_) | Place::Rekey(_)) | None => return Err(Dropped::UnknownLine),
        };
        let line = self.slots.get_mut(slot).expect("an id leads to its line");
        let home = &self.homes[line.home];
        if home.door(&clear.digest, clear.mac).is_none() {
            return Err(Dropped::NotInstalled);
        }
        let pending = line.pending.as_mut().expect("an id leads to its open");
        let reply = clear.read(&mut pending.handshake)?;
        let (wall, skew_ms) = (self.clock.wall(now), self.config.membership_skew_ms);
        let admitted = match reply {
            Reply::Refused(refusal) => Err(refusal),
            Reply::Answered(answered) => home
                .admit(&answered.told, &line.info.who.peer, wall, skew_ms)
                .map(|membership| (answered, membership)),
        };
        let (answered, membership) = match admitted {
            Ok(admitted) => admitted,
            Err(refusal) => {
                self.forget(slot);
                let why = Down::Refused(refusal);
                fx.push(Effect::Down { slot, why });
                return Ok(());
            }
        };
        let is_probe = line.current.is_some();
        let lives = is_probe && line.is_peer_life(answered.boot, answered.end.id);
        let pending = self.take_pending(slot).expect("it was just there");
        if lives {
            self.on_found(now, slot, route, fx);
            return Ok(());
        }
        let hash = pending.handshake.hash();
        let made = Made {
            route,
            suite: pending.suite,
            peer_boot: answered.boot,
            peer_end: answered.end,
            seen: Some(answered.seen),
            rtt_us: pending.sent_at.map(|at| now.since_us(at)),
            told: answered.told,
            membership,
            session: Session::new(
                pending.suite,
                true,
                (pending.line, answered.line),
                pending.handshake.split(),
            )
            .begun(now, hash),
        };
        if is_probe {
            let line = self.slots.get(slot).expect("it was just there");
            let next = line.next(pending.end);
            self.replace(now, slot, next, made, fx);
        } else {
            self.come_up(now, slot, made, fx);
        }
        Ok(())
    }

    /// Puts `line` in place of the one at `slot`, whose peer has forgotten it.
    pub(super) fn replace(
        &mut self,
        now: Time,
        slot: Slot,
        mut line: Line,
        made: Made,
        fx: &mut Effects<Effect>,
    ) -> Slot {
        let old = self.slots.get_mut(slot).expect("what is replaced is there");
        line.paths.inherit(&mut old.paths);
        let why = if old.info.peer_boot == Some(made.peer_boot) {
            Down::Replaced
        } else {
            Down::Restarted
        };
        // The new line gets its slot while the old one still has its own, so that they differ.
        let new = self.slots.insert(line);
        self.forget(slot);
        fx.push(Effect::Down { slot, why });
        self.come_up(now, new, made, fx);
        new
    }

    /// The line at `slot` has its first session.
    pub(super) fn come_up(&mut self, now: Time, slot: Slot, made: Made, fx: &mut Effects<Effect>) {
        let line = self
            .slots
            .get_mut(slot)
            .expect("a line that comes up is there");
        let ours = made.session.by_us;
        line.info.ours = ours;
        line.info.suite = made.suite;
        line.info.route = made.route;
        line.paths.start(now, made.route, &self.config);
        line.info.peer_boot = Some(made.peer_boot);
        line.info.peer_first_stream = Some(made.peer_end.first_stream);
        line.info.peer_limits = made.told.limits;
        let shown = made.told.shown.filter(|_| made.membership.is_some());
        line.greeting = Some(Box::new(Greeting {
            seen: made.seen,
            rtt_us: made.rtt_us,
            document: shown.map(|(_, mark)| (made.told.version, mark)),
        }));
        line.membership = made.membership;
        line.peer_end = Some(made.peer_end.id);
        self.ids.insert(made.session.ours, Place::Line(slot));
        line.current = Some(made.session);
        let pair = line.pair();
        self.peers.come(pair, slot, &mut self.slots);
        self.set_expiry(slot);
        self.set_timer(slot);
        fx.push(Effect::Up { slot, ours });
    }

    pub(super) fn pair(&self, home: usize, peer: &PublicKey) -> Pair {
        let home = &self.homes[home];
        Pair {
            local: home.hashname,
            peer: Hashname::of(peer, &home.space),
        }
    }
}

/// What a handshake has made.
pub(super) struct Made {
    pub(super) route: Route,
    pub(super) suite: super::Suite,
    pub(super) peer_boot: u64,
    pub(super) peer_end: End,
    pub(super) seen: Option<core::net::SocketAddr>,
    /// The round trip that the handshake took.
    pub(super) rtt_us: Option<u64>,
    pub(super) session: Session,
    pub(super) told: Told,
    /// What lets the peer into a closed space.
    pub(super) membership: Option<Box<Membership>>,
}
