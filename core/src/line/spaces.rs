//! Closed spaces, as lines know them: who is let in, what changes that, and when it ends.

use alloc::{boxed::Box, vec::Vec};

use super::{
    Dropped, Effect, InstallError, Lines, Output, answer, home::Home, mac::MacKey, open::Opened,
    peers::Pair, state::Line, told::Limits,
};
use crate::{
    base::{Effects, Slot, Time},
    identity::{Admission, Document, Gate, Hashname, Membership, Refusal, Roles, SecretKey},
    wire::Route,
};

/// The least time between two refusals to one key, in milliseconds; each costs two agreements.
const REFUSED_EVERY_MS: u64 = 1000;

/// What changed in an admission.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Renewed {
    /// The space document, and perhaps the gate.
    pub document: bool,
    /// Our own membership.
    pub membership: bool,
}

impl Lines {
    /// Installs an identity in a closed space, and draws its boot.
    ///
    /// # Errors
    /// [`InstallError`]; nothing has changed then.
    pub fn install_member(
        &mut self,
        now: Time,
        secret: &SecretKey,
        admission: &Admission,
    ) -> Result<Hashname, InstallError> {
        if secret.public() != *admission.membership().key() {
            return Err(InstallError::OtherKey);
        }
        let mut home = Home::member(secret, admission, self.provider, &mut self.rng);
        let skew_ms = self.config.membership_skew_ms;
        if let Some(refusal) = home.refusal(self.clock.wall(now), skew_ms) {
            return Err(InstallError::Refused(refusal));
        }
        let last_ms = admission.membership().last_ms(skew_ms);
        home.expires = last_ms.and_then(|last_ms| self.clock.after(last_ms));
        self.settle_in(home)
    }

    /// Forgets an identity with its secret, and what waits for proofs to it. Its lines are the
    /// caller's to end. False if it is not installed.
    pub fn uninstall(&mut self, local: Hashname) -> bool {
        let Some(home) = self.home(local) else {
            return false;
        };
        self.homes[home].uninstall();
        for id in self.answers.forget(local) {
            self.ids.remove(&id);
        }
        // What its lines still ask would be asked for whoever is installed in its place.
        let lines = self.slots.iter();
        let of = lines.filter(|(_, line)| line.info.who.local == local && line.current.is_some());
        for slot in of.map(|(slot, _)| slot).collect::<Vec<_>>() {
            self.take_pending(slot);
            self.stop_asking(slot);
            self.set_timer(slot);
        }
        true
    }

    /// What lets an identity of ours into its closed space, as it stands now.
    pub fn admission(&self, local: Hashname) -> Option<&Admission> {
        self.homes[self.home(local)?].admission.as_deref()
    }

    /// Takes over what another admission of the same identity has that is newer.
    pub fn renew(&mut self, local: Hashname, other: &Admission) -> Renewed {
        self.renew_by(local, |admission| {
            admission.merge(other);
        })
    }

    /// Takes a newer document with its gate. False if it is not newer, or the gate does not fit.
    pub fn renew_document(&mut self, local: Hashname, document: Document, gate: Gate) -> bool {
        let renewed = self.renew_by(local, |admission| {
            admission.renew(document, Some(gate));
        });
        renewed.document
    }

    fn renew_by(&mut self, local: Hashname, change: impl FnOnce(&mut Admission)) -> Renewed {
        let home = self.home(local).map(|home| &mut self.homes[home]);
        let Some((home, mut admission)) = home.and_then(|home| {
            let admission = home.admission.take()?;
            Some((home, admission))
        }) else {
            return Renewed::default();
        };
        let (document, membership) = (admission.document().mark(), *admission.membership());
        change(&mut admission);
        let renewed = Renewed {
            document: document != admission.document().mark(),
            membership: membership != *admission.membership(),
        };
        home.admission = Some(admission);
        home.hang_doors();
        self.set_expiries();
        renewed
    }

    /// The peer of a line shows a membership. True if it ends later than the one it was let in by.
    ///
    /// # Errors
    /// [`Refusal`]: why it does not count.
    pub fn renew_peer(
        &mut self,
        now: Time,
        slot: Slot,
        shown: &[u8; Membership::LEN],
    ) -> Result<bool, Refusal> {
        let Some(line) = self.slots.get_mut(slot) else {
            return Ok(false);
        };
        let membership = Membership::parse(shown)?;
        let home = &self.homes[line.home];
        let admission = home.admission.as_ref().ok_or(Refusal::NoMember)?;
        let (wall, skew_ms) = (self.clock.wall(now), self.config.membership_skew_ms);
        admission.check(&membership, &line.info.who.peer, wall, skew_ms)?;
        let end = |it: &Membership| it.last_ms(0).unwrap_or(u64::MAX);
        let is_later = (line.membership.as_deref()).is_none_or(|old| end(old) < end(&membership));
        // Roles may have changed, too.
        line.membership = Some(Box::new(membership));
        self.set_expiry(slot);
        Ok(is_later)
    }

    /// Why the peer of a line is no member any more, if it is none.
    pub fn refusal(&self, now: Time, slot: Slot) -> Option<Refusal> {
        let line = self.slots.get(slot)?;
        let membership = line.membership.as_deref()?;
        let (wall, skew_ms) = (self.clock.wall(now), self.config.membership_skew_ms);
        let home = &self.homes[line.home];
        home.stands(membership, &line.info.who.peer, wall, skew_ms)
            .err()
    }

    /// Why we are no member any more of the space of an identity of ours, if we are none.
    pub fn own_refusal(&self, now: Time, local: Hashname) -> Option<Refusal> {
        let skew_ms = self.config.membership_skew_ms;
        self.homes[self.home(local)?].refusal(self.clock.wall(now), skew_ms)
    }

    /// What the peer of a line may do, in a closed space: an operator is one only by the document.
    pub fn roles(&self, slot: Slot) -> Option<Roles> {
        let line = self.slots.get(slot)?;
        let admission = self.homes[line.home].admission.as_ref()?;
        let roles = line.membership.as_ref()?.roles();
        let document = admission.document();
        Some(
            if document.is_operator(admission.space(), &line.info.who.peer) {
                roles.with(Roles::OPERATOR)
            } else {
                roles.without(Roles::OPERATOR)
            },
        )
    }

    /// Sets what we tell peers of ourselves in handshakes from now on.
    pub const fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Tells an initiator, whose key is proved, that it is not let in.
    pub(super) fn refuse(
        &mut self,
        now: Time,
        pair: Pair,
        mut opened: Opened,
        route: Route,
        refusal: Refusal,
    ) -> Dropped {
        if !self.may_refuse(now, pair) {
            return Dropped::Refused;
        }
        let home = self.home(pair.local).map(|home| &self.homes[home]);
        let Some(home) = home else {
            return Dropped::Refused;
        };
        let mac = MacKey::new(opened.gate.as_bytes(), &opened.key, &home.space);
        let written = answer::refuse(opened.line, &mac, refusal, &mut opened.handshake);
        if let Ok(bytes) = written
            && self.refusals.push(bytes).is_ok()
            && self.outputs.push((Output::Refusal, route)).is_err()
        {
            self.refusals.pop();
        }
        Dropped::Refused
    }

    /// At most one refusal a second for each key, and as many in all as opens may wait.
    fn may_refuse(&mut self, now: Time, pair: Pair) -> bool {
        let is_over = |at: &Time| at.plus_ms(REFUSED_EVERY_MS) <= now;
        let most = self.config.half_open as usize;
        if self.refused.len() >= most {
            self.refused.retain(|_, at| !is_over(at));
        }
        let may = match self.refused.get(&pair) {
            Some(at) => is_over(at),
            None => self.refused.len() < most,
        };
        if may {
            self.refused.insert(pair, now);
        }
        may
    }

    /// The clock or a document has changed: sets anew when each membership ends.
    pub(super) fn set_expiries(&mut self) {
        if self.homes.iter().all(|home| home.admission.is_none()) {
            return;
        }
        let slots: Vec<Slot> = self.slots.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            self.set_expiry(slot);
        }
        let skew_ms = self.config.membership_skew_ms;
        for home in &mut self.homes {
            let membership = home.admission.as_ref().map(|it| it.membership());
            let last_ms = membership.and_then(|it| it.last_ms(skew_ms));
            home.expires = last_ms.and_then(|last_ms| self.clock.after(last_ms));
        }
    }

    /// Sets anew when the membership of a line's peer ends.
    pub(super) fn set_expiry(&mut self, slot: Slot) {
        let Some(line) = self.slots.get_mut(slot) else {
            return;
        };
        let skew_ms = self.config.membership_skew_ms;
        let last_ms = line.membership.as_ref().and_then(|it| it.last_ms(skew_ms));
        line.expires = last_ms.and_then(|last_ms| self.clock.after(last_ms));
        self.set_timer(slot);
    }

    /// When the first of our own memberships ends.
    pub(super) fn own_expiry(&self) -> Option<Time> {
        self.homes.iter().filter_map(|home| home.expires).min()
    }

    /// Tells of the memberships of ours that have ended, each once.
    pub(super) fn on_own_expiry(&mut self, now: Time, fx: &mut Effects<Effect>) {
        let due = |home: &&mut Home| home.expires.is_some_and(|at| at <= now);
        if let Some(home) = self.homes.iter_mut().find(due) {
            home.expires = None;
            fx.push(Effect::Expelled {
                local: home.hashname,
                why: Refusal::Expired,
            });
        }
    }
}

/// Tells, once, that the membership of a line's peer has ended.
pub(super) fn on_peer_expiry(now: Time, slot: Slot, line: &mut Line, fx: &mut Effects<Effect>) {
    if line.expires.take_if(|at| *at <= now).is_some() {
        fx.push(Effect::Refused {
            slot,
            why: Refusal::Expired,
        });
    }
}
