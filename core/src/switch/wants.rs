//! Which lines exist: a line lives while somebody wants it. A stream in it and the application
//! hold one line; a standing want holds whichever line there is to a peer, and has it opened again,
//! ever more rarely, for as long as there is none. A room asks with a reason and a rank, and may
//! have so many wants for that reason: beyond it the lowest rank goes first.

use alloc::vec::Vec;
use core::net::SocketAddr;

use super::{
    ConnectError, DownReason, LineId, Peer, Phase, Switch,
    error::LineError,
    known::{KnownPeer, Pair},
    link::Link,
};
use crate::{
    base::{Slot, Time},
    identity::{Hashname, PublicKey},
    wire::Route,
};

/// Who holds a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Wants {
    /// The application asked for it and has not closed or released it.
    pub(super) application: bool,
    /// Somebody wants a line to its peer, whichever it is.
    pub(super) standing: bool,
    /// A tree deals with its peer.
    pub(super) tree: bool,
}

impl Wants {
    /// True if the line is held whether or not it has streams: by the application, by a standing
    /// want, or by a tree.
    pub(super) const fn any(self) -> bool {
        self.application || self.standing || self.tree
    }
}

/// Why a line to a peer is wanted, whether or not there is one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Reason {
    /// The application wants it kept.
    Kept,
    /// It is one of those that are kept on the local network.
    Near,
}

impl Reason {
    const ALL: [Self; 2] = [Self::Kept, Self::Near];
}

impl Want {
    /// True if this is one of the reasons.
    pub(super) fn is_for(&self, reason: Reason) -> bool {
        self.reasons.iter().any(|it| it.0 == reason)
    }

    /// True if the application wants it.
    pub(super) fn is_kept(&self) -> bool {
        self.is_for(Reason::Kept)
    }
}

/// How much a line is wanted among those wanted for the same reason; the lowest goes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Rank(pub(super) u8);

impl Rank {
    /// That of the application: it never goes for another.
    pub(super) const APPLICATION: Self = Self(u8::MAX);
}

/// A standing want.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Want {
    reasons: Vec<(Reason, Rank)>,
    /// The last time that was waited before a dial; 0 before the first.
    pub(super) waited_ms: u64,
    /// Since when the line is up.
    up: Option<Time>,
    /// We ended the line ourselves, or its peer broke the protocol: it is not dialled until
    /// somebody asks again.
    pub(super) resting: bool,
}

impl Switch {
    // C. Commands: standing wants.

    /// Keeps a line from `local` to the holder of `peer`: opens one, unless there is one, and again
    /// whenever it ends, until `forget_line`. Each has a `LineId` of its own and tells of itself by
    /// `Up` and `Down`. Beside `addresses`, those are tried where the peer was before; a line that
    /// there is tries them too. Between dials that come to nothing the wait grows from
    /// `Life::redial_first_ms` to `Life::redial_most_ms`; after a sleep or a change of network it
    /// begins anew.
    ///
    /// A line that was closed by this end, or whose peer broke the protocol, is not opened again
    /// until the next call of this or the next start; the want itself is there still.
    ///
    /// # Errors
    /// [`ConnectError::NotInstalled`] and [`ConnectError::Oneself`]; [`ConnectError::NoAddress`] if
    /// none is given and none is known; [`ConnectError::Full`] if as many lines are kept as
    /// `Life::wants_max` allows.
    pub fn keep_line(
        &mut self,
        now: Time,
        local: Hashname,
        peer: &PublicKey,
        addresses: &[SocketAddr],
    ) -> Result<(), ConnectError> {
        let now = self.advance(now);
        let who = self.peer_of(local, peer)?;
        let pair = (local, *peer);
        let mut line = self.link_to(local, who.hashname);
        let known = self.known.find(&pair).and_then(|slot| self.known.get(slot));
        let reachable = known.is_some_and(|record| record.addresses().next().is_some());
        if addresses.is_empty() && line.is_none() && !reachable {
            return Err(ConnectError::NoAddress);
        }
        if let Some(at) = line.filter(|at| self.links.get(*at).is_some_and(Link::is_condemned)) {
            // Its peer broke the protocol, so it is not taken up again.
            self.end_untold(at);
            line = None;
        }
        let slot = self
            .want(pair, Reason::Kept, Rank::APPLICATION)
            .ok_or(ConnectError::Full)?;
        let most = self.config.life.kept_addresses_max;
        if let Some(record) = self.known.get_mut(slot) {
            record.give(addresses, most);
        }
        if let Some(link) = line.and_then(|line| self.links.get_mut(line)) {
            // As for the application: a line that is being closed stays.
            if let Phase::Closing { line, .. } = link.phase {
                link.phase = Phase::Up { line };
            }
        }
        if let Some(line) = line.and_then(|at| self.links.get(at)?.line()) {
            let routes = self.routes_to(addresses);
            self.lines.add_paths(now, line, &routes);
        }
        self.dial(now, slot, false);
        self.note_change(now);
        Ok(())
    }

    /// Keeps no line from `local` to `peer` any more. The one that there is closes once nobody else
    /// holds it, after `Life::unheld_timeout_ms`; one that is only being opened is given up.
    pub fn forget_line(&mut self, now: Time, local: Hashname, peer: Hashname) {
        let now = self.advance(now);
        let Some((_, space)) = self.lines.identity(local) else {
            return;
        };
        let is_it =
            |(local_of, key): &Pair| *local_of == local && Hashname::of(key, &space) == peer;
        let mut all = self.known.newest_first();
        let found = all.find(|(_, record)| is_it(&record.pair));
        let found = found.map(|(slot, _)| slot);
        drop(all);
        if let Some(slot) = found {
            self.unwant(now, slot, Reason::Kept);
            self.note_change(now);
        }
    }

    /// The application holds the line no more, and it is not closed for that: it lives while a
    /// stream or a want holds it, and `Life::unheld_timeout_ms` longer.
    ///
    /// # Errors
    /// [`LineError::UnknownLine`] if it is over already.
    pub fn release(&mut self, now: Time, line: LineId) -> Result<(), LineError> {
        self.advance(now);
        let slot = self.slot(line).ok_or(LineError::UnknownLine)?;
        let link = self.links.get_mut(slot).ok_or(LineError::UnknownLine)?;
        link.wants.application = false;
        self.touch(slot);
        Ok(())
    }

    /// True if somebody besides the application wants the line: `keep_line`, a tree, or what is kept
    /// on the local network.
    pub fn is_kept(&self, line: LineId) -> bool {
        let link = self.slot(line).and_then(|slot| self.links.get(slot));
        link.is_some_and(|link| link.wants.standing || link.wants.tree)
    }

    /// True if a line is wanted to anybody, whether or not there is one.
    pub const fn has_wants(&self) -> bool {
        self.redials.wants > 0
    }

    /// The peers of an installed hashname that are remembered, newest first: those that a line was
    /// up with, also before the last start if it was restored, and those that a line is kept to.
    pub fn peers(&self, local: Hashname) -> impl Iterator<Item = KnownPeer> + '_ {
        let identity = self.lines.identity(local);
        let all = self.known.newest_first();
        all.filter_map(move |(_, record)| {
            let (_, space) = identity.filter(|_| record.pair.0 == local)?;
            let key = record.pair.1;
            Some(KnownPeer {
                peer: Peer {
                    hashname: Hashname::of(&key, &space),
                    key,
                },
                addresses: record.addresses().collect(),
                wanted: record.want.as_ref().is_some_and(Want::is_kept),
                line: record.line,
            })
        })
    }

    /// Notes that a line is wanted. `None` if there are as many as that reason allows, each of a
    /// rank at least as high.
    pub(super) fn want(&mut self, pair: Pair, reason: Reason, rank: Rank) -> Option<Slot> {
        let most = match reason {
            Reason::Kept => self.config.life.wants_max,
            Reason::Near => self.lan.lines_most(),
        };
        let rank_of = |want: &Want| want.reasons.iter().find(|it| it.0 == reason).map(|it| it.1);
        let others = self.known.newest_first();
        let others = others.filter(|(_, record)| record.pair != pair);
        let ranks = others.filter_map(|(slot, it)| Some((rank_of(it.want.as_ref()?)?, slot)));
        let ranks: Vec<_> = ranks.collect();
        if ranks.len() >= most as usize {
            let lowest = ranks.iter().min().filter(|lowest| lowest.0 < rank)?.1;
            self.unwant(self.now, lowest, reason);
        }
        let slot = self.known.enter(pair);
        let record = self.known.get_mut(slot)?;
        self.redials.wants += u32::from(record.want.is_none());
        let is_new = record.want.is_none();
        let want = record.want.get_or_insert_default();
        want.reasons.retain(|it| it.0 != reason);
        want.reasons.push((reason, rank));
        if is_new || reason == Reason::Kept {
            (want.resting, want.waited_ms) = (false, 0);
        }
        Some(slot)
    }

    /// A tree wants a line to this member: one that is there is held, else one is opened. False if
    /// there can be none.
    pub(super) fn want_for_tree(
        &mut self,
        now: Time,
        (local, key): Pair,
        addresses: &[SocketAddr],
    ) -> bool {
        let Ok(peer) = self.peer_of(local, &key) else {
            return false;
        };
        let routes = self.routes_to(addresses);
        let at = match self.link_to(local, peer.hashname) {
            Some(at) => at,
            None if routes.is_empty() => return false,
            None => match self.open_link(now, local, peer, &routes) {
                Ok(at) => at,
                Err(_none) => return false,
            },
        };
        let Some(link) = self.links.get_mut(at) else {
            return false;
        };
        let line = match link.phase {
            Phase::Connecting { line } | Phase::Up { line } => line,
            Phase::Closing { .. } | Phase::Down(_) => return false,
        };
        link.wants.tree = true;
        if link.can_seal() {
            self.lines.add_paths(now, line, &routes);
            self.tree_up(at);
        }
        self.touch(at);
        true
    }

    /// A tree deals with this member no more: what it had to say ends, and the line lives on if
    /// somebody else holds it.
    pub(super) fn unwant_for_tree(&mut self, local: Hashname, key: &PublicKey) {
        let Ok(peer) = self.peer_of(local, key) else {
            return;
        };
        let Some(at) = self.link_to(local, peer.hashname) else {
            return;
        };
        self.end_branch(at);
        if let Some(link) = self.links.get_mut(at) {
            link.wants.tree = false;
            if matches!(link.phase, Phase::Connecting { .. }) && !link.is_held() {
                self.end_link(at, DownReason::Local);
            }
        }
        self.touch(at);
    }

    /// A line is not wanted any more, not for this reason.
    pub(super) fn unwant(&mut self, now: Time, slot: Slot, reason: Reason) {
        let Some(record) = self.known.get_mut(slot) else {
            return;
        };
        let Some(want) = &mut record.want else { return };
        want.reasons.retain(|it| it.0 != reason);
        if !want.reasons.is_empty() {
            return;
        }
        record.want = None;
        self.redials.wants -= 1;
        let pair = record.pair;
        self.redials.timers.set(slot, None);
        let peer = self.peer_of(pair.0, &pair.1).ok();
        let Some(at) = peer.and_then(|peer| self.link_to(pair.0, peer.hashname)) else {
            return;
        };
        if let Some(link) = self.links.get_mut(at) {
            link.wants.standing = false;
            if matches!(link.phase, Phase::Connecting { .. }) && !link.is_held() {
                self.close_link(now, at, 0, "");
            }
            self.touch(at);
        }
    }

    /// Who the holder of `key` is in the space of `local`.
    pub(super) fn peer_of(&self, local: Hashname, key: &PublicKey) -> Result<Peer, ConnectError> {
        let (_, space) = self
            .lines
            .identity(local)
            .ok_or(ConnectError::NotInstalled)?;
        let peer = Peer {
            hashname: Hashname::of(key, &space),
            key: *key,
        };
        if peer.hashname == local {
            return Err(ConnectError::Oneself);
        }
        Ok(peer)
    }

    /// The link of the one line between two hashnames.
    pub(super) fn link_to(&self, local: Hashname, peer: Hashname) -> Option<Slot> {
        self.link_of(self.lines.find(local, peer)?)
    }

    /// A line came up: its peer is worth remembering, and a want for it is served.
    pub(super) fn on_known_up(&mut self, now: Time, at: Slot) {
        let Some(link) = self.links.get(at) else {
            return;
        };
        let pair = (link.who.local, link.who.peer);
        let route = link
            .line()
            .and_then(|line| Some(self.lines.info(line)?.route));
        let slot = self.known.enter(pair);
        let most = self.config.life.kept_addresses_max;
        if let Some(record) = self.known.get_mut(slot) {
            record.line = true;
            if let Some(route) = route {
                record.prove(route.path.remote, most);
            }
            if let Some(want) = record.want.as_mut().filter(|want| !want.resting) {
                want.up = Some(now);
                self.redials.timers.set(slot, None);
                if let Some(link) = self.links.get_mut(at) {
                    link.wants.standing = true;
                }
            }
        }
        self.note_change(now);
    }

    /// A line goes another way: its peer is likely to be there next time, too.
    pub(super) fn on_known_moved(&mut self, now: Time, pair: &Pair, route: Route) {
        let most = self.config.life.kept_addresses_max;
        let record = self.known.find(pair).and_then(|at| self.known.get_mut(at));
        if let Some(record) = record {
            record.prove(route.path.remote, most);
            self.note_change(now);
        }
    }

    /// Nobody wants a line of this hashname any more.
    pub(super) fn unwant_all_of(&mut self, now: Time, local: Hashname) {
        let all = self.known.newest_first();
        let all = all.filter(|(_, record)| record.pair.0 == local && record.want.is_some());
        let all: Vec<_> = all.map(|(slot, _)| slot).collect();
        for slot in all {
            for reason in Reason::ALL {
                self.unwant(now, slot, reason);
            }
        }
        self.note_change(now);
    }

    /// A line is no more: if it is wanted, and did not end by our will, it is dialled again.
    pub(super) fn on_known_down(&mut self, pair: &Pair, reason: &DownReason) {
        let now = self.now;
        let Some(slot) = self.known.find(pair) else {
            return;
        };
        let (orderly, rests) = match reason {
            DownReason::Local => (true, true),
            DownReason::Closed { .. } => (true, false),
            DownReason::Misbehaved(_) | DownReason::Refused(_) | DownReason::Revoked => {
                (false, true)
            }
            DownReason::Unreachable
            | DownReason::Exhausted
            | DownReason::OtherVersions { .. }
            | DownReason::TimedOut
            | DownReason::Restarted
            | DownReason::Replaced => (false, false),
        };
        if let Some(record) = self.known.get_mut(slot) {
            record.line &= !orderly;
            if let Some(want) = &mut record.want {
                want.resting |= rests;
                // A line that stayed up for longer than we waited for it was worth the dial.
                let up_us = want.up.take().map_or(0, |up| now.since_us(up));
                if up_us > want.waited_ms.saturating_mul(1000) {
                    want.waited_ms = 0;
                }
                self.redial_later(now, slot);
            }
        }
        self.note_change(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::Seed,
        identity::{SecretKey, Space},
        switch::Config,
    };

    #[test]
    fn switch_wants_of_a_reason_are_so_many_and_the_lowest_rank_goes_first() {
        let mut config = Config::default();
        config.lan.lines = 2;
        let mut switch = Switch::new(config, &Seed::new([1; 32])).unwrap();
        let secret = |n: u8| SecretKey::from_bytes(&[n; 32]);
        let space = Space::open("test").unwrap();
        let local = switch.install(Time::ZERO, &secret(9), &space).unwrap();
        switch.announce(Time::ZERO, local, &secret(9)).unwrap();
        let pair = |n: u8| (local, secret(n).public());
        let want = |switch: &mut Switch, n: u8, rank: u8| {
            let slot = switch.want(pair(n), Reason::Near, Rank(rank));
            slot.is_some()
        };
        assert!(want(&mut switch, 1, 5) && want(&mut switch, 2, 3));
        assert!(!want(&mut switch, 3, 3), "it is no more than the lowest");
        assert!(want(&mut switch, 3, 4));
        let wanted = |switch: &Switch, n: u8| {
            let slot = switch.known.find(&pair(n));
            let record = slot.and_then(|slot| switch.known.get(slot));
            record.is_some_and(|it| it.want.as_ref().is_some_and(|it| it.is_for(Reason::Near)))
        };
        assert_eq!([1, 2, 3].map(|n| wanted(&switch, n)), [true, false, true]);
        // Those of the application are counted for themselves.
        assert!(
            switch
                .want(pair(4), Reason::Kept, Rank::APPLICATION)
                .is_some()
        );
        assert!(wanted(&switch, 1) && wanted(&switch, 3));
        assert!(want(&mut switch, 1, 9), "it is one of them");
    }
}
