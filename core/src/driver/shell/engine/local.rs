//! The part of the engine that tells the switch of the local networks.

use std::vec::Vec;

use super::Engine;
use crate::{
    base::Time,
    driver::shell::{AsHandle, shared::State},
    switch::{Interface, SocketId},
};

impl<I: AsHandle> Engine<I> {
    /// Looks which networks there are, and tells the switch what has changed. The system is asked
    /// outside of the lock.
    pub(super) fn look(&mut self, now: Time) {
        let changes = self.lan.look(now);
        let own: Vec<Interface> = (0..)
            .map(SocketId)
            .zip(self.sockets.addresses())
            .map(|(socket, local)| Interface { socket, local })
            .collect();
        // One that is bound to an address of its own has that one or none.
        let moved = changes.moved && own.iter().any(|it| it.local.ip().is_unspecified());
        let mut state = self.shared.lock();
        let now = state.latest(now);
        let switch = state.driver.switch_mut();
        if moved {
            switch.handle_network_change(now, &own);
        }
        if let Some(networks) = changes.networks {
            switch.handle_local_networks(now, &networks);
        }
    }
}

impl<I> Engine<I> {
    /// True if sockets are to be opened or closed.
    pub(super) fn is_unheeded(&self, state: &State) -> bool {
        state.announces() != self.lan.is_open()
    }

    /// Leaves for the handles how it stands on the local networks.
    pub(super) fn tell_lan(&mut self, state: &mut State) {
        state.heeded = self.lan.is_open();
        if let Some(status) = self.lan.take_status() {
            state.lan = status;
        }
    }
}
