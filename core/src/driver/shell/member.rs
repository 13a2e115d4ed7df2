//! What an endpoint does as a member of a space: its part in the tree, and on the local network.

use std::{
    future::poll_fn,
    task::{Poll, Waker},
    vec::Vec,
};

use super::{Endpoint, LanStatus, Runtime};
use crate::{
    driver::Driver,
    identity::{Hashname, SecretKey, Ticket},
    switch::{
        BroadcastError, Broadcasted, LanEvent, Neighbour, Part, ReadBroadcastError,
        SpaceCommandError, Tree, TreeEvent,
    },
};

impl<S> Endpoint<S> {
    /// Takes part in the tree of the space of `local`: see [`Switch::join`](crate::switch::Switch::join).
    ///
    /// # Errors
    /// The same; an endpoint that has ended has nothing installed.
    pub fn join(
        &self,
        local: Hashname,
        secret: &SecretKey,
        part: Part,
    ) -> Result<(), SpaceCommandError> {
        self.member(|driver, now| driver.switch_mut().join(now, local, secret, part))
    }

    /// Joins the tree that the member whom `ticket` names is in: see
    /// [`Switch::meet`](crate::switch::Switch::meet).
    ///
    /// # Errors
    /// The same; `NoAddress` for a ticket of another space, too.
    pub fn meet(&self, local: Hashname, ticket: &Ticket) -> Result<(), SpaceCommandError> {
        self.member(|driver, now| {
            let mut installed = driver.switch().installed();
            let own = installed.find(|it| it.hashname == local);
            if own.is_some_and(|own| own.space != ticket.space_id()) {
                return Err(SpaceCommandError::NoAddress);
            }
            drop(installed);
            let switch = driver.switch_mut();
            switch.meet(now, local, &ticket.key, &ticket.addresses)
        })
    }

    /// Leaves the tree of the space of `local`: see [`Switch::leave`](crate::switch::Switch::leave).
    ///
    /// # Errors
    /// The same.
    pub fn leave(&self, local: Hashname) -> Result<(), SpaceCommandError> {
        self.member(|driver, now| driver.switch_mut().leave(now, local))
    }

    /// The name that the members of its space are to show for `local`: see
    /// [`Switch::set_name`](crate::switch::Switch::set_name).
    ///
    /// # Errors
    /// The same.
    pub fn set_name(&self, local: Hashname, name: &str) -> Result<(), SpaceCommandError> {
        self.member(|driver, now| driver.switch_mut().set_name(now, local, name))
    }

    /// Sends bytes to every member of the tree: see
    /// [`Switch::broadcast`](crate::switch::Switch::broadcast).
    ///
    /// # Errors
    /// The same. After `Blocked`, a tree event tells when there is room.
    pub fn broadcast(&self, local: Hashname, bytes: &[u8]) -> Result<u64, BroadcastError> {
        let send = |driver: &mut Driver, now| driver.switch_mut().broadcast(now, local, bytes);
        let sent = self.handle.shared.command(send);
        sent.unwrap_or(Err(BroadcastError::NotTaking))
    }

    /// Reads the next broadcast that came to `local`: see
    /// [`Switch::read_broadcast`](crate::switch::Switch::read_broadcast).
    ///
    /// # Errors
    /// The same. After `Blocked`, a tree event tells when there is something.
    pub fn read_broadcast(
        &self,
        local: Hashname,
        buf: &mut [u8],
    ) -> Result<Broadcasted, ReadBroadcastError> {
        let read = |driver: &mut Driver, now| driver.switch_mut().read_broadcast(now, local, buf);
        let read = self.handle.shared.command(read);
        read.unwrap_or(Err(ReadBroadcastError::NotTaking))
    }

    /// Looks at the part of `local` in the tree of its space; `None` if it takes no part. The
    /// endpoint stands still meanwhile.
    pub fn with_tree<T>(&self, local: Hashname, look: impl FnOnce(&Tree) -> T) -> Option<T> {
        let state = self.handle.shared.lock();
        state.driver.switch().tree(local).map(look)
    }

    /// As [`Endpoint::tree_event`]; `waker` is woken to look again.
    pub fn poll_tree_event(&self, waker: &Waker) -> Poll<Option<TreeEvent>> {
        let poll = |driver: &mut Driver, _| driver.poll_tree_event(waker);
        self.handle.shared.attempt_late(poll).map(Result::ok)
    }

    /// Announces `local` on the local networks: see
    /// [`Switch::announce`](crate::switch::Switch::announce).
    ///
    /// # Errors
    /// The same.
    pub fn announce(&self, local: Hashname, secret: &SecretKey) -> Result<(), SpaceCommandError> {
        self.member(|driver, now| driver.switch_mut().announce(now, local, secret))
    }

    /// Announces `local` no more: see [`Switch::hush`](crate::switch::Switch::hush).
    ///
    /// # Errors
    /// The same.
    pub fn hush(&self, local: Hashname) -> Result<(), SpaceCommandError> {
        self.member(|driver, now| driver.switch_mut().hush(now, local))
    }

    /// The others of the space of `local` that are announced on the local network: see
    /// [`Switch::neighbours`](crate::switch::Switch::neighbours).
    pub fn neighbours(&self, local: Hashname) -> Vec<Neighbour> {
        let state = self.handle.shared.lock();
        state.driver.switch().neighbours(local).collect()
    }

    /// Where identities are announced, and what hinders that.
    pub fn lan_status(&self) -> LanStatus {
        self.handle.shared.lock().lan.clone()
    }

    /// As [`Endpoint::lan_event`]; `waker` is woken to look again.
    pub fn poll_lan_event(&self, waker: &Waker) -> Poll<Option<LanEvent>> {
        let poll = |driver: &mut Driver, _| driver.poll_lan_event(waker);
        self.handle.shared.attempt_late(poll).map(Result::ok)
    }

    fn member(
        &self,
        command: impl FnOnce(&mut Driver, crate::base::Time) -> Result<(), SpaceCommandError>,
    ) -> Result<(), SpaceCommandError> {
        let done = self.handle.shared.command(command);
        done.unwrap_or(Err(SpaceCommandError::NotInstalled))
    }
}

impl<S: Runtime> Endpoint<S> {
    /// The next thing that happens to an identity of ours in the tree of its space. A bounded number
    /// is kept for whoever asks late. `None` once the endpoint has ended.
    pub async fn tree_event(&self) -> Option<TreeEvent> {
        poll_fn(|cx| self.poll_tree_event(cx.waker())).await
    }

    /// The next thing that happens to an identity of ours on the local network. A bounded number is
    /// kept for whoever asks late. `None` once the endpoint has ended.
    pub async fn lan_event(&self) -> Option<LanEvent> {
        poll_fn(|cx| self.poll_lan_event(cx.waker())).await
    }
}
