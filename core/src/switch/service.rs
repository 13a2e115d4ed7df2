//! C: commands to a space's services: its mesh and its tree. A hashname that takes no part in one
//! says so.

use super::{SpaceCommandError, Switch};
use crate::{base::Time, identity::Hashname};

impl Switch {
    /// Looks for the members nearest to `target` in the space of `local`.
    ///
    /// # Errors
    /// [`SpaceCommandError`] if `local` takes no part in its space's mesh.
    pub fn seek(
        &mut self,
        now: Time,
        local: Hashname,
        target: Hashname,
    ) -> Result<(), SpaceCommandError> {
        let _unused = target;
        self.takes_no_part(now, local)
    }

    /// Joins the tree of the space of `local`.
    ///
    /// # Errors
    /// [`SpaceCommandError`] if `local` takes no part in its space's tree.
    pub fn join(&mut self, now: Time, local: Hashname) -> Result<(), SpaceCommandError> {
        self.takes_no_part(now, local)
    }

    /// Leaves the tree of the space of `local`.
    ///
    /// # Errors
    /// [`SpaceCommandError`] if `local` takes no part in its space's tree.
    pub fn leave(&mut self, now: Time, local: Hashname) -> Result<(), SpaceCommandError> {
        self.takes_no_part(now, local)
    }

    /// Sends bytes to every member of the tree of the space of `local`.
    ///
    /// # Errors
    /// [`SpaceCommandError`] if `local` takes no part in its space's tree.
    pub fn broadcast(
        &mut self,
        now: Time,
        local: Hashname,
        bytes: &[u8],
    ) -> Result<(), SpaceCommandError> {
        let _unused = bytes;
        self.takes_no_part(now, local)
    }

    /// Reads the next broadcast that came to `local`.
    ///
    /// # Errors
    /// [`SpaceCommandError`] if `local` takes no part in its space's tree.
    pub fn read_broadcast(
        &mut self,
        now: Time,
        local: Hashname,
        buf: &mut [u8],
    ) -> Result<usize, SpaceCommandError> {
        let _unused = buf;
        self.takes_no_part(now, local).map(|()| 0)
    }

    fn takes_no_part(&mut self, now: Time, local: Hashname) -> Result<(), SpaceCommandError> {
        self.advance(now);
        if self.lines.identity(local).is_none() {
            return Err(SpaceCommandError::NotInstalled);
        }
        Err(SpaceCommandError::NotTaking)
    }
}
