use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
};

use hydroid_core::{
    base::Time,
    identity::{Hashname, PublicKey},
    switch::{Event, Interface, LineEvent, LineId, Path, SocketId, Switch},
};

use super::SOCKET;

/// One switch and what it told.
#[derive(Debug)]
pub struct Node {
    /// The switch.
    pub switch: Switch,
    /// Where it is reached, and where it sends from unless told otherwise.
    pub address: SocketAddr,
    /// Where else it is reached.
    pub also: Vec<SocketAddr>,
    /// Its sockets, if they are others than the one with these addresses.
    pub sockets: Vec<Interface>,
    /// As what others see it, if a router stands before it.
    pub outside: Option<SocketAddr>,
    /// Its hashname in the space of the world.
    pub hashname: Hashname,
    /// Its key.
    pub key: PublicKey,
    /// What it told and nobody has taken yet.
    pub events: VecDeque<Event>,
    /// False while it is cut off: nothing comes to it and nothing leaves it.
    pub online: bool,
    /// What its switch asked to be kept.
    pub disk: BTreeMap<String, Vec<u8>>,
    /// How often it asked.
    pub needs: u64,
    /// While its machine sleeps: since when.
    pub asleep: Option<Time>,
    /// How long it slept while its clock stood still.
    pub lag_us: u64,
}

impl Node {
    /// Where others reach it.
    pub fn seen(&self) -> SocketAddr {
        self.outside.unwrap_or(self.address)
    }

    /// Every address that it is reached at.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        if self.sockets.is_empty() {
            let first = [self.address].into_iter();
            return first.chain(self.also.iter().copied()).collect();
        }
        self.sockets.iter().map(|it| it.local).collect()
    }

    /// As what others see what it sends over this route; `None` if it cannot go out there.
    pub(super) fn source(&self, socket: SocketId, path: Path) -> Option<SocketAddr> {
        let local = path.local;
        if !self.sockets.is_empty() {
            let mut own = self.sockets.iter().filter(|it| it.socket == socket);
            let from = own.find(|it| local.is_none_or(|local| it.local.ip() == local))?;
            let is_of_family = from.local.is_ipv4() == path.remote.is_ipv4();
            return is_of_family.then_some(from.local);
        }
        let mut own = [self.address].into_iter().chain(self.also.iter().copied());
        let from = own.find(|address| local.is_none_or(|local| address.ip() == local))?;
        Some(
            self.outside
                .filter(|_| from == self.address)
                .unwrap_or(from),
        )
    }

    /// The socket, and the address of its own, that a datagram to there comes to.
    pub(super) fn inside(&self, to: SocketAddr) -> Option<(SocketId, SocketAddr)> {
        if !self.sockets.is_empty() {
            let own = self.sockets.iter().find(|it| it.local == to)?;
            return Some((own.socket, own.local));
        }
        let is_ours = self.seen() == to;
        let also = || self.also.iter().copied().find(|address| *address == to);
        let own = is_ours.then_some(self.address).or_else(also)?;
        Some((SOCKET, own))
    }

    /// Its shell tells what its socket is bound to.
    pub(super) fn tell_sockets(&mut self, now: Time, local: SocketAddr) {
        let socket = SOCKET;
        self.switch
            .handle_network_change(now, &[Interface { socket, local }]);
    }

    /// What its clock shows: less than the world's, if it stood still while the machine slept.
    pub const fn time(&self, now: Time) -> Time {
        Time::from_us(now.as_us() - self.lag_us)
    }

    /// Takes the first event for which `pick` gives something; the others stay.
    pub fn take<T>(&mut self, mut pick: impl FnMut(&Event) -> Option<T>) -> Option<T> {
        let (at, found) = self
            .events
            .iter()
            .enumerate()
            .find_map(|(at, event)| Some((at, pick(event)?)))?;
        self.events.remove(at);
        Some(found)
    }

    /// Takes the news that a line is up.
    pub fn take_up(&mut self) -> Option<LineId> {
        self.take(|event| {
            let Event::Line(LineEvent::Up { line, .. }) = event else {
                return None;
            };
            Some(*line)
        })
    }
}
