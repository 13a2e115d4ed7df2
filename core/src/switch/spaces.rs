//! C: closed spaces. Who is let in, what that changes for lines, and what spreads among the members
//! (PROTOCOL, section Closed spaces).

use alloc::{format, string::ToString as _, vec::Vec};

use super::{
    DownReason, Event, InstallError, LineState, SpaceCommandError, SpaceEvent, Switch,
    link::{End, Phase},
    system::Topic,
};
use crate::{
    base::{Slot, Time},
    identity::{Admission, Hashname, Refusal, SecretKey},
};

impl Switch {
    /// Lets the switch answer and dial as the holder of `secret` in a closed space, into which the
    /// admission lets it. It starts a new boot.
    ///
    /// # Errors
    /// [`InstallError`] if it is installed already, the switch is full, or the admission is for
    /// another key or does not count.
    pub fn install_member(
        &mut self,
        now: Time,
        secret: &SecretKey,
        admission: &Admission,
    ) -> Result<Hashname, InstallError> {
        let now = self.advance(now);
        let local = self.lines.install_member(now, secret, admission)?;
        self.expelled.retain(|expelled| *expelled != local);
        self.on_installed(now, local);
        Ok(local)
    }

    /// Answers and dials as `local` no more: it leaves its tree, its lines end at once, and its
    /// secret and which lines of it are kept are forgotten. What it broadcast just before may be
    /// lost; see `leave`.
    ///
    /// # Errors
    /// [`SpaceCommandError::NotInstalled`].
    pub fn uninstall(&mut self, now: Time, local: Hashname) -> Result<(), SpaceCommandError> {
        let now = self.advance(now);
        if self.trees.find(local).is_some() {
            self.finish_leave(now, local);
        }
        self.stop_announcing(now, local);
        if !self.lines.uninstall(local) {
            return Err(SpaceCommandError::NotInstalled);
        }
        for slot in self.links_of(local) {
            self.end_at_once(now, slot, (0, "uninstalled"), DownReason::Local);
        }
        self.unwant_all_of(now, local);
        Ok(())
    }

    /// What lets `local` into its closed space, as it stands now: peers may have renewed the
    /// document and the gates. `None` in an open space.
    pub fn admission(&self, local: Hashname) -> Option<&Admission> {
        self.lines.admission(local)
    }

    /// Takes over what `admission` has that is newer than what `local` has: membership, document,
    /// gates. It takes effect at once: peers that are no members any more lose their lines, and the
    /// others learn of it.
    ///
    /// # Errors
    /// [`SpaceCommandError::NotInstalled`], or `OtherAdmission` if it is for another key or space.
    pub fn renew(
        &mut self,
        now: Time,
        local: Hashname,
        admission: &Admission,
    ) -> Result<(), SpaceCommandError> {
        let now = self.advance(now);
        let ours = self.lines.admission(local);
        let Some(ours) = ours else {
            return Err(match self.lines.identity(local) {
                Some(_) => SpaceCommandError::OtherAdmission,
                None => SpaceCommandError::NotInstalled,
            });
        };
        let is_same_key = ours.membership().key() == admission.membership().key();
        if ours.space() != admission.space() || !is_same_key {
            return Err(SpaceCommandError::OtherAdmission);
        }
        let renewed = self.lines.renew(local, admission);
        if renewed.document || renewed.membership {
            self.on_renewed(now, local);
        }
        if renewed.membership && self.lines.own_refusal(now, local).is_none() {
            for slot in self.links_of(local) {
                self.say(slot, Topic::Member);
            }
        }
        Ok(())
    }

    /// What `local` knows of its space is newer than before: the caller learns it, lines of those
    /// who are out end, and the others are told.
    pub(super) fn on_renewed(&mut self, now: Time, local: Hashname) {
        let Some(admission) = self.lines.admission(local) else {
            return;
        };
        let version = admission.document().version();
        let (space, key) = (admission.space().id(), *admission.membership().key());
        let bytes = admission.to_bytes().to_vec();
        self.keep(&format!("space.{space}.{key}"), bytes);
        let renewed = SpaceEvent::Renewed { local, version };
        self.events.push_back(Event::Space(renewed));
        self.retag(local);
        match self.lines.own_refusal(now, local) {
            Some(why) => return self.expel(now, local, why),
            None => self.expelled.retain(|expelled| *expelled != local),
        }
        for slot in self.links_of(local) {
            let link = self.links.get_mut(slot);
            let line = link.and_then(|link| {
                link.system.on_news();
                link.line()
            });
            match line.and_then(|line| self.lines.refusal(now, line)) {
                Some(why) => self.end_refused(now, slot, why),
                None => self.say(slot, Topic::Space),
            }
        }
    }

    /// We are no member any more: no line of `local` stays.
    pub(super) fn expel(&mut self, now: Time, local: Hashname, why: Refusal) {
        if !self.expelled.contains(&local) {
            self.expelled.push(local);
            let expelled = SpaceEvent::Expelled { local, why };
            self.events.push_back(Event::Space(expelled));
        }
        self.stop_announcing(now, local);
        for slot in self.links_of(local) {
            self.end_at_once(now, slot, (0, "its membership ended"), DownReason::Revoked);
        }
    }

    /// The peer of a line is no member any more, and is told so.
    pub(super) fn end_refused(&mut self, now: Time, slot: Slot, why: Refusal) {
        let told = (why.close_code(), why.to_string());
        self.end_at_once(now, slot, (told.0, &told.1), DownReason::Revoked);
    }

    /// Ends a line without waiting for anything that was written.
    fn end_at_once(&mut self, now: Time, slot: Slot, told: (u64, &str), down: DownReason) {
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        match link.state() {
            LineState::Connecting => self.end_link(slot, down),
            LineState::Up | LineState::Closing => {
                let line = link.line().expect("a line that is up has its place");
                let end = End {
                    code: told.0,
                    reason: told.1.into(),
                    down,
                };
                link.phase = Phase::Closing {
                    line,
                    by: now,
                    end: end.into(),
                };
            }
            LineState::Down => {}
        }
        self.touch(slot);
    }

    fn links_of(&self, local: Hashname) -> Vec<Slot> {
        let links = self.links.iter();
        let links = links.filter(|(_, link)| link.who.local == local && link.line().is_some());
        links.map(|(slot, _)| slot).collect()
    }
}
