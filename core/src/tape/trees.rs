//! Commands about trees, noted.

use core::net::SocketAddr;

use super::{recorded::Recorded, recorder::Body};
use crate::{
    base::Time,
    identity::{Hashname, PublicKey, SecretKey},
    switch::{BroadcastError, Broadcasted, Part, ReadBroadcastError, SpaceCommandError},
};

impl Recorded {
    /// As `Switch::join`.
    ///
    /// # Errors
    /// The same.
    pub fn join(
        &mut self,
        now: Time,
        local: Hashname,
        secret: &SecretKey,
        part: Part,
    ) -> Result<(), SpaceCommandError> {
        let bytes = self.is_recording().then(|| secret.to_bytes());
        let result = self.switch.join(now, local, secret, part);
        self.tape.note(now, "join", |it| {
            it.hashname("local", local);
            if let Some(arity) = part.arity {
                it.number("arity", arity.into());
            }
            if let Some(leaf) = part.leaf {
                it.flag("leaf", leaf);
            }
            it.done(&result);
            Body::Secret(bytes.as_deref().map_or(&[], |bytes| bytes), &[])
        });
        result
    }

    /// As `Switch::meet`.
    ///
    /// # Errors
    /// The same.
    pub fn meet(
        &mut self,
        now: Time,
        local: Hashname,
        peer: &PublicKey,
        addresses: &[SocketAddr],
    ) -> Result<(), SpaceCommandError> {
        let result = self.switch.meet(now, local, peer, addresses);
        self.tape.note(now, "meet", |it| {
            it.hashname("local", local);
            it.public(peer);
            it.addresses("to", addresses.iter().copied());
            it.done(&result);
            Body::None
        });
        result
    }

    /// As `Switch::leave`.
    ///
    /// # Errors
    /// The same.
    pub fn leave(&mut self, now: Time, local: Hashname) -> Result<(), SpaceCommandError> {
        let result = self.switch.leave(now, local);
        self.tape.note(now, "leave", |it| {
            it.hashname("local", local);
            it.done(&result);
            Body::None
        });
        result
    }

    /// As `Switch::set_name`.
    ///
    /// # Errors
    /// The same.
    pub fn set_name(
        &mut self,
        now: Time,
        local: Hashname,
        name: &str,
    ) -> Result<(), SpaceCommandError> {
        let result = self.switch.set_name(now, local, name);
        self.tape.note(now, "set_name", |it| {
            it.hashname("local", local);
            it.done(&result);
            Body::Payload(name.as_bytes())
        });
        result
    }

    /// As `Switch::broadcast`.
    ///
    /// # Errors
    /// The same.
    pub fn broadcast(
        &mut self,
        now: Time,
        local: Hashname,
        bytes: &[u8],
    ) -> Result<u64, BroadcastError> {
        let result = self.switch.broadcast(now, local, bytes);
        self.tape.note(now, "broadcast", |it| {
            it.hashname("local", local);
            it.result(&result, |it, sequence| it.number("ok", *sequence));
            Body::Payload(bytes)
        });
        result
    }

    /// As `Switch::read_broadcast`.
    ///
    /// # Errors
    /// The same.
    pub fn read_broadcast(
        &mut self,
        now: Time,
        local: Hashname,
        buf: &mut [u8],
    ) -> Result<Broadcasted, ReadBroadcastError> {
        let result = self.switch.read_broadcast(now, local, buf);
        self.tape.note(now, "read_broadcast", |it| {
            it.hashname("local", local);
            it.number("room", buf.len() as u64);
            it.result(&result, |it, told| it.broadcasted(told, buf));
            Body::None
        });
        result
    }
}
