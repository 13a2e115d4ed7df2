//! The switch's part in the tree of a space and on the local network.

use std::{collections::BTreeMap, time::Duration};

use hydroid_core::{
    identity::{Hashname, PublicKey, SecretKey, Space, Ticket},
    switch::{
        BroadcastError, Broadcasted, InstallError, Neighbour, Part, ReadBroadcastError,
        SpaceCommandError,
    },
    tree::Tree,
};

use super::Node;
use crate::exit::Failure;

impl Node {
    /// Is in one more open space.
    ///
    /// # Errors
    /// [`Failure`] if there are too many.
    pub(crate) fn install_open(&self, secret: &SecretKey, space: &Space) -> Result<(), Failure> {
        match self.endpoint.install(secret, space) {
            Ok(_) | Err(InstallError::Twice) => Ok(()),
            Err(error) => Err(Failure::failed(format!(
                "the space {} cannot be taken part in: {error}",
                space.name()
            ))),
        }
    }

    /// Takes part in the tree of the space of `local`; below a leaf there is never anybody.
    ///
    /// # Errors
    /// [`Failure`] if it cannot.
    pub(crate) fn join_tree(
        &self,
        local: Hashname,
        secret: &SecretKey,
        leaf: bool,
    ) -> Result<(), Failure> {
        let part = Part {
            leaf: leaf.then_some(true),
            ..Part::default()
        };
        self.endpoint.join(local, secret, part).map_err(failed)
    }

    /// Joins the tree that a member is in.
    ///
    /// # Errors
    /// [`Failure`] if it is ourselves, or has no address that can be sent to.
    pub(crate) fn meet(&self, local: Hashname, ticket: &Ticket) -> Result<(), Failure> {
        self.endpoint.meet(local, ticket).map_err(failed)
    }

    /// Leaves the tree and the local network, and says so there.
    pub(crate) fn leave_tree(&self, local: Hashname) {
        let _was_not_announced = self.endpoint.hush(local);
        let _was_not_there = self.endpoint.leave(local);
    }

    /// Shows this name to the members of the space.
    ///
    /// # Errors
    /// [`Failure`] of usage if it is no name.
    pub(crate) fn set_name(&self, local: Hashname, name: &str) -> Result<(), Failure> {
        let set = self.endpoint.set_name(local, name);
        set.map_err(|error| {
            if error == SpaceCommandError::Name {
                return Failure::usage(
                    "a name has at most 64 bytes, and only characters that show, none of them white \
                     space at either end: name another by --name",
                );
            }
            failed(error)
        })
    }

    /// Announces ourselves on the local networks.
    ///
    /// # Errors
    /// [`Failure`] if that cannot be.
    pub(crate) fn announce(&self, local: Hashname, secret: &SecretKey) -> Result<(), Failure> {
        self.endpoint.announce(local, secret).map_err(failed)
    }

    /// What does not work on the local networks, with where and why.
    pub(crate) fn hindrances(&self) -> Vec<String> {
        self.endpoint.lan_status().errors
    }

    /// The others of the space on the local networks.
    pub(crate) fn neighbours(&self, local: Hashname) -> Vec<Neighbour> {
        self.endpoint.neighbours(local)
    }

    /// Looks at the tree; `None` if we take no part in it.
    pub(crate) fn with_tree<T>(&self, local: Hashname, look: impl FnOnce(&Tree) -> T) -> Option<T> {
        self.endpoint.with_tree(local, look)
    }

    /// Says something to every member of the tree.
    ///
    /// # Errors
    /// [`BroadcastError`]; after `Blocked` an event tells when there is room.
    pub(crate) fn broadcast(&self, local: Hashname, bytes: &[u8]) -> Result<u64, BroadcastError> {
        self.endpoint.broadcast(local, bytes)
    }

    /// What somebody said next.
    ///
    /// # Errors
    /// [`ReadBroadcastError`]; after `Blocked` an event tells when there is something.
    pub(crate) fn read_broadcast(
        &self,
        local: Hashname,
        buf: &mut [u8],
    ) -> Result<Broadcasted, ReadBroadcastError> {
        self.endpoint.read_broadcast(local, buf)
    }

    /// The ways there and back to those with whom `local` has a line, as far as the events of lines
    /// were asked for.
    pub(crate) fn rtts(&self, local: Hashname) -> BTreeMap<PublicKey, Duration> {
        let lines = self.lines().clone();
        let here = lines.into_iter().filter(|(_, (own, _))| *own == local);
        let rtts =
            here.filter_map(|(line, (_, key))| Some((key, self.endpoint.line(line)?.rtt()?)));
        rtts.collect()
    }

    /// Returns when something happened in the trees or on the local networks that we take part in;
    /// false when the switch has ended.
    pub(crate) async fn space_news(&self) -> bool {
        tokio::select! {
            event = self.endpoint.tree_event() => event.is_some(),
            event = self.endpoint.lan_event() => event.is_some(),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn failed(error: SpaceCommandError) -> Failure {
    Failure::failed(format!("the tree of the space: {error}"))
}
