//! Our identities on the local network: which of them are announced, and who else is there.

use alloc::vec::Vec;

use super::{Event, LanEvent, Neighbour, SpaceCommandError, Switch};
use crate::{
    base::Time,
    identity::{Hashname, SecretKey},
    lan::LocalNetwork,
};

impl Switch {
    /// Tells which addresses the machine has on local networks, and by which socket each is to be
    /// announced: all of them, at the start and whenever that changes. Identities are announced on
    /// those that one of the sockets of `handle_network_change` serves, and a change begins a burst
    /// of announcements.
    pub fn handle_local_networks(&mut self, now: Time, networks: &[LocalNetwork]) {
        let now = self.advance(now);
        self.lan.networks = networks.to_vec();
        let _ = now;
    }

    /// Announces `local` on the local networks from now on, and takes note of the others of its
    /// space that are announced there: [`Switch::neighbours`]. Lines are kept to some of them (see
    /// `lan.lines`), and where `local` takes part in the tree of its space, those who are not in it
    /// are asked into it. `secret` is that of `local`; it signs the announcements.
    ///
    /// # Errors
    /// [`SpaceCommandError`] if `local` is not installed, is announced already, or `secret` is
    /// another's.
    pub fn announce(
        &mut self,
        now: Time,
        local: Hashname,
        secret: &SecretKey,
    ) -> Result<(), SpaceCommandError> {
        let now = self.advance(now);
        let identity = self.lines.identity(local);
        let (key, _) = identity.ok_or(SpaceCommandError::NotInstalled)?;
        if secret.public() != key {
            return Err(SpaceCommandError::OtherKey);
        }
        if self.lan.locals.contains(&local) {
            return Err(SpaceCommandError::Twice);
        }
        self.lan.locals.push(local);
        let _ = now;
        Ok(())
    }

    /// Announces `local` no more, and says so: others know at once that it went.
    ///
    /// # Errors
    /// [`SpaceCommandError`] if `local` is not installed or not announced.
    pub fn hush(&mut self, now: Time, local: Hashname) -> Result<(), SpaceCommandError> {
        let now = self.advance(now);
        if self.lines.identity(local).is_none() {
            return Err(SpaceCommandError::NotInstalled);
        }
        if !self.lan.locals.contains(&local) {
            return Err(SpaceCommandError::NotTaking);
        }
        self.lan.locals.retain(|it| *it != local);
        let _ = now;
        Ok(())
    }

    /// True if any identity is announced.
    pub const fn is_announcing(&self) -> bool {
        !self.lan.locals.is_empty()
    }

    /// The others of the space of `local` that are announced on the local network, in the order of
    /// their keys.
    pub fn neighbours(&self, local: Hashname) -> impl Iterator<Item = Neighbour> + '_ {
        let _ = local;
        core::iter::empty()
    }
}

/// As long as the room is not there.
#[derive(Debug, Default)]
pub(super) struct Skeleton {
    networks: Vec<LocalNetwork>,
    locals: Vec<Hashname>,
}

impl Skeleton {
    /// Tells the caller.
    #[allow(dead_code, reason = "until the room is there")]
    fn tell(events: &mut alloc::collections::VecDeque<Event>, local: Hashname) {
        events.push_back(Event::Lan(LanEvent::Neighbours { local }));
    }
}
