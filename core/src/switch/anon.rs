//! Packets without a line (PROTOCOL, section Anonymous packets): in clear, from anybody, and only
//! where the owner wants them.

use alloc::boxed::Box;
use core::net::SocketAddr;

use super::{Event, LineError, Switch, Transmit};
use crate::{
    base::{Bounded, Time},
    line,
    wire::{Head, Packet, Route},
};

/// What came and nobody read, and what is to go out.
#[derive(Debug)]
pub(super) struct Anonymous {
    incoming: Bounded<(SocketAddr, Box<[u8]>)>,
    outgoing: Bounded<(Route, Box<[u8]>)>,
    /// The caller was told that something came, and has not read all of it.
    told: bool,
    is_wanted: bool,
}

impl Anonymous {
    pub(super) const fn new(most: u32) -> Self {
        Self {
            incoming: Bounded::new(most as usize),
            outgoing: Bounded::new(most as usize),
            told: false,
            is_wanted: most > 0,
        }
    }

    pub(super) fn has_output(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Writes the oldest packet that is to go out, if `buf` has room for it.
    pub(super) fn next(&mut self, buf: &mut [u8]) -> Option<Transmit> {
        let (_, packet) = self.outgoing.front()?;
        buf.get_mut(..packet.len())?.copy_from_slice(packet);
        let (route, packet) = self.outgoing.pop()?;
        Some(Transmit::of(route, packet.len(), packet.len()))
    }
}

impl Switch {
    /// Sends one packet to an address, in clear and without a line: nothing proves who sent it, and
    /// it may be lost. Its head is a JSON object that no handshake has.
    ///
    /// # Errors
    /// [`LineError`]; the packet is not taken. `Blocked` if as many as `Life::anon_max` wait.
    pub fn send_anon(&mut self, now: Time, to: SocketAddr, packet: &[u8]) -> Result<(), LineError> {
        self.advance(now);
        let head = Packet::decode(packet).map_err(|_short| LineError::NoPacket)?;
        match head.head {
            Head::Json(head) if line::is_anonymous(head) => {}
            Head::Json(_) | Head::Binary(_) | Head::None => return Err(LineError::Reserved),
        }
        if packet.len() > usize::from(self.config.life.datagram_bytes) {
            return Err(LineError::TooLarge);
        }
        let route = self.route_to(to).ok_or(LineError::NoSocket)?;
        let waiting = &mut self.anonymous.outgoing;
        waiting
            .push((route, packet.into()))
            .map_err(|_full| LineError::Blocked)
    }

    /// Takes the oldest packet that came without a line, and tells where from and its length. The
    /// address is what the packet says, and proves nothing.
    ///
    /// # Errors
    /// [`LineError::Blocked`] if there is none, [`LineError::TooLarge`] if `buf` is too short; the
    /// packet stays.
    pub fn recv_anon(
        &mut self,
        now: Time,
        buf: &mut [u8],
    ) -> Result<(SocketAddr, usize), LineError> {
        self.advance(now);
        let anonymous = &mut self.anonymous;
        let Some((from, packet)) = anonymous.incoming.front() else {
            anonymous.told = false;
            return Err(LineError::Blocked);
        };
        let (from, len) = (*from, packet.len());
        let room = buf.get_mut(..len).ok_or(LineError::TooLarge)?;
        room.copy_from_slice(packet);
        anonymous.incoming.pop();
        Ok((from, len))
    }

    /// Keeps a packet without a line, if it is one and they are wanted.
    pub(super) fn on_anonymous(&mut self, route: Route, head: &[u8], datagram: &[u8]) -> bool {
        let anonymous = &mut self.anonymous;
        if !anonymous.is_wanted || !line::is_anonymous(head) {
            return false;
        }
        let packet = (route.path.remote, datagram.into());
        if let Err(packet) = anonymous.incoming.push(packet) {
            anonymous.incoming.pop();
            self.stats.anonymous_unread += 1;
            let _kept = anonymous.incoming.push(packet);
        }
        if !core::mem::replace(&mut anonymous.told, true) {
            self.events.push_back(Event::Anon);
        }
        true
    }
}
