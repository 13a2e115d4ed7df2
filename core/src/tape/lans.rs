//! Commands about the local network, noted.

use super::{recorded::Recorded, recorder::Body};
use crate::{
    base::Time,
    identity::{Hashname, SecretKey},
    switch::{LocalNetwork, SpaceCommandError},
};

impl Recorded {
    /// As `Switch::handle_local_networks`.
    pub fn handle_local_networks(&mut self, now: Time, networks: &[LocalNetwork]) {
        self.tape.note(now, "handle_local_networks", |it| {
            let all = networks.iter();
            it.list("networks", all, |it, network| it.quoted(network));
            Body::None
        });
        self.switch.handle_local_networks(now, networks);
    }

    /// As `Switch::announce`.
    ///
    /// # Errors
    /// The same.
    pub fn announce(
        &mut self,
        now: Time,
        local: Hashname,
        secret: &SecretKey,
    ) -> Result<(), SpaceCommandError> {
        let bytes = self.is_recording().then(|| secret.to_bytes());
        let result = self.switch.announce(now, local, secret);
        self.tape.note(now, "announce", |it| {
            it.hashname("local", local);
            it.done(&result);
            Body::Secret(bytes.as_deref().map_or(&[], |bytes| bytes), &[])
        });
        result
    }

    /// As `Switch::hush`.
    ///
    /// # Errors
    /// The same.
    pub fn hush(&mut self, now: Time, local: Hashname) -> Result<(), SpaceCommandError> {
        let result = self.switch.hush(now, local);
        self.tape.note(now, "hush", |it| {
            it.hashname("local", local);
            it.done(&result);
            Body::None
        });
        result
    }
}
