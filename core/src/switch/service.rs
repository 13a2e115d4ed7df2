//! C: commands to a space's services: its mesh and its tree. A hashname that takes no part in one
//! says so.

use alloc::{sync::Arc, vec::Vec};
use core::net::SocketAddr;

use super::{BroadcastError, Broadcasted, ReadBroadcastError, SpaceCommandError, Switch};
use crate::{
    base::{Time, Wall},
    identity::{Hashname, PublicKey, SecretKey},
    tree::{self, Node, Tree, cast},
};

/// How an identity takes part in the tree of its space. What is not said is as in the config.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Part {
    /// How many members it takes below itself, 2 to 8: the same for every member of a space.
    pub arity: Option<u8>,
    /// It takes none, ever, and is a leaf: on battery, say.
    pub leaf: Option<bool>,
}

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
        self.advance(now);
        if self.lines.identity(local).is_none() {
            return Err(SpaceCommandError::NotInstalled);
        }
        Err(SpaceCommandError::NotTaking)
    }

    /// Takes part in the tree of the space of `local`: at first as a tree of its own, until `meet`
    /// names somebody or somebody comes. `secret` is that of `local`; it signs what is broadcast.
    ///
    /// # Errors
    /// [`SpaceCommandError`] if `local` is not installed, takes part already, or `secret` is
    /// another's, or the arity is none; or if neither the time was told nor restored when `local`
    /// began its life before: nobody hears a member whose life is not later than that.
    pub fn join(
        &mut self,
        now: Time,
        local: Hashname,
        secret: &SecretKey,
        part: Part,
    ) -> Result<(), SpaceCommandError> {
        let now = self.advance(now);
        let identity = self.lines.identity(local);
        let (key, space) = identity.ok_or(SpaceCommandError::NotInstalled)?;
        if secret.public() != key {
            return Err(SpaceCommandError::OtherKey);
        }
        if self.trees.find_staying(local).is_some() {
            return Err(SpaceCommandError::Twice);
        }
        if self.told.is_none() && !self.has_lived(local) {
            return Err(SpaceCommandError::NoTime);
        }
        if self.trees.find(local).is_some() {
            // It was about to leave, and is another from now on.
            self.finish_leave(now, local);
        }
        let mut config = Arc::clone(&self.trees.config);
        let place = &config.place;
        let arity = part.arity.unwrap_or(place.arity);
        let leaf = part.leaf.unwrap_or(place.leaf);
        if (arity, leaf) != (place.arity, place.leaf) {
            let own = Arc::make_mut(&mut config);
            (own.place.arity, own.place.leaf) = (arity, leaf);
            own.check().map_err(|_arity| SpaceCommandError::Arity)?;
        }
        let epoch = self.next_epoch(now, local);
        let who = (Node { key, epoch }, space, secret.clone());
        let rng = self.tree_rng.fork("tree");
        let mut tree = Tree::new(now, config, who, rng);
        tree.set_keys(self.trees.provider.keys());
        self.trees.insert(local, tree);
        let bound = self.bound();
        self.command_tree(now, local, |tree| tree.set_bound(now, &bound));
        Ok(())
    }

    /// Joins the tree that the holder of `peer` is in, wherever it stands there. Trees that are
    /// grown become one.
    ///
    /// # Errors
    /// [`SpaceCommandError`] if `local` takes no part in its space's tree, `peer` is its own key, or
    /// there is neither a line to it nor an address to be tried.
    pub fn meet(
        &mut self,
        now: Time,
        local: Hashname,
        peer: &PublicKey,
        addresses: &[SocketAddr],
    ) -> Result<(), SpaceCommandError> {
        let now = self.taking(now, local)?;
        let peer_name = match self.peer_of(local, peer) {
            Ok(peer) => peer.hashname,
            Err(_oneself) => return Err(SpaceCommandError::Oneself),
        };
        if self.routes_to(addresses).is_empty() && self.link_to(local, peer_name).is_none() {
            return Err(SpaceCommandError::NoAddress);
        }
        let contact = [(*peer, Vec::from(addresses))];
        self.command_tree_with(now, local, |tree, fx| tree.join(now, &contact, fx));
        Ok(())
    }

    /// Leaves the tree of the space of `local` politely: its neighbours close the gap at once. What
    /// it broadcast just before still goes out: so the switch has to be driven for that long
    /// (`tree.cast.outbox_ms` at most).
    ///
    /// # Errors
    /// [`SpaceCommandError`] if `local` takes no part in its space's tree.
    pub fn leave(&mut self, now: Time, local: Hashname) -> Result<(), SpaceCommandError> {
        let now = self.taking(now, local)?;
        let until = self.command_tree(now, local, |tree| tree.speaks_until(now));
        match until.flatten() {
            Some(until) => {
                self.trees.leave_by(local, until);
                self.settle_trees(now);
            }
            None => self.finish_leave(now, local),
        }
        Ok(())
    }

    /// The name that the members of its space are to show for `local`. Names are no one's alone.
    ///
    /// # Errors
    /// [`SpaceCommandError`] if `local` takes no part in its space's tree, or the name is too long
    /// or has characters that are not for a name.
    pub fn set_name(
        &mut self,
        now: Time,
        local: Hashname,
        name: &str,
    ) -> Result<(), SpaceCommandError> {
        let now = self.taking(now, local)?;
        let named = self.command_tree(now, local, |tree| tree.set_name(now, name));
        match named {
            Some(Ok(())) => Ok(()),
            Some(Err(_illegal)) => Err(SpaceCommandError::Name),
            None => Err(SpaceCommandError::NotTaking),
        }
    }

    /// Sends bytes to every member of the tree of the space of `local`, and gives their number: each
    /// member reads them once, behind those of smaller numbers.
    ///
    /// # Errors
    /// [`BroadcastError`]; nothing was sent. After `Blocked`, `Writable` tells when there is room.
    pub fn broadcast(
        &mut self,
        now: Time,
        local: Hashname,
        bytes: &[u8],
    ) -> Result<u64, BroadcastError> {
        let taking = self.taking(now, local);
        let now = taking.map_err(|_none| BroadcastError::NotTaking)?;
        let wall = self.wall(now);
        let sent = self.command_tree(now, local, |tree| tree.broadcast(now, wall, bytes));
        match sent {
            Some(Ok(sequence)) => Ok(sequence),
            Some(Err(cast::BroadcastError::TooLarge { most })) => {
                Err(BroadcastError::TooLarge(most))
            }
            Some(Err(cast::BroadcastError::Blocked)) => Err(BroadcastError::Blocked),
            Some(Err(cast::BroadcastError::Replaced)) => Err(BroadcastError::Replaced),
            None => Err(BroadcastError::NotTaking),
        }
    }

    /// Reads the next broadcast that came to `local`, or learns which of somebody's are lost.
    ///
    /// # Errors
    /// [`ReadBroadcastError`]; a message that does not fit into `buf` stays.
    pub fn read_broadcast(
        &mut self,
        now: Time,
        local: Hashname,
        buf: &mut [u8],
    ) -> Result<Broadcasted, ReadBroadcastError> {
        self.taking(now, local)
            .map_err(|_none| ReadBroadcastError::NotTaking)?;
        let space = self.lines.identity(local).map(|it| it.1);
        let tree = self.trees.find_mut(local);
        let (Some(tree), Some(space)) = (tree, space) else {
            return Err(ReadBroadcastError::NotTaking);
        };
        let told = tree.read(buf).map_err(|error| match error {
            cast::ReadError::Blocked => ReadBroadcastError::Blocked,
            cast::ReadError::TooSmall { need } => ReadBroadcastError::TooShort(need),
        })?;
        Ok(match told {
            cast::Told::Message {
                origin,
                sequence,
                wall,
                len,
            } => Broadcasted::Message {
                origin: super::Peer {
                    hashname: Hashname::of(&origin.key, &space),
                    key: origin.key,
                },
                epoch: origin.epoch,
                sequence,
                wall,
                len,
            },
            cast::Told::Gap {
                origin,
                first,
                last,
            } => Broadcasted::Gap {
                origin: super::Peer {
                    hashname: Hashname::of(&origin.key, &space),
                    key: origin.key,
                },
                epoch: origin.epoch,
                first,
                last,
            },
        })
    }

    /// The part of `local` in the tree of its space: where it stands, and its picture of the
    /// members. `None` if it takes no part.
    pub fn tree(&self, local: Hashname) -> Option<&Tree> {
        self.trees.find_staying(local)
    }

    fn taking(&mut self, now: Time, local: Hashname) -> Result<Time, SpaceCommandError> {
        let now = self.advance(now);
        if self.lines.identity(local).is_none() {
            return Err(SpaceCommandError::NotInstalled);
        }
        if self.trees.find_staying(local).is_none() {
            return Err(SpaceCommandError::NotTaking);
        }
        Ok(now)
    }

    fn command_tree<T>(
        &mut self,
        now: Time,
        local: Hashname,
        call: impl FnOnce(&mut Tree) -> T,
    ) -> Option<T> {
        let mut given = None;
        self.command_tree_with(now, local, |tree, _| given = Some(call(tree)));
        given
    }

    /// Where others may reach us, as far as our sockets say.
    pub(super) fn bound(&self) -> Vec<SocketAddr> {
        let locals = self.sockets.iter().map(|at| at.local);
        locals.filter(|at| !at.ip().is_unspecified()).collect()
    }

    /// The wall time, as far as it was told.
    pub(super) fn wall(&self, now: Time) -> Wall {
        let told = self
            .told
            .map(|(at, wall)| wall.as_ms() + now.since_us(at) / 1000);
        Wall::from_ms(told.unwrap_or(0))
    }

    /// When the life of `local` in its tree begins: later than every one before.
    pub(super) fn next_epoch(&mut self, now: Time, local: Hashname) -> u64 {
        let wall_ms = self.wall(now).as_ms();
        self.keep_epoch(local, wall_ms)
    }
}

/// The effects that a command to a tree may have.
pub(super) type TreeEffects = crate::base::Effects<tree::Effect>;
