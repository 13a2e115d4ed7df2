//! Local networks: what is sent to everybody on one comes to everybody on it, the sender too.

use std::net::{IpAddr, SocketAddr};

use hydroid_core::lan::LocalNetwork;

use super::{SOCKET, World};

/// Nodes that are on one network, each with its address there.
#[derive(Debug)]
pub(super) struct Hub {
    places: Vec<(usize, SocketAddr)>,
}

/// Bits that the addresses of one network share.
const PREFIX_BITS: u8 = 16;

impl World {
    /// A network with these nodes on it, each at one of its addresses, and its number. Their shells
    /// tell of it.
    pub fn hub(&mut self, places: &[(usize, SocketAddr)]) -> usize {
        self.hubs.push(Hub {
            places: places.to_vec(),
        });
        for (n, _) in places {
            self.tell_networks(*n);
        }
        self.hubs.len() - 1
    }

    /// Node `n` is on this network no more, and its shell tells so.
    pub fn unplug(&mut self, n: usize, hub: usize) {
        self.hubs[hub].places.retain(|(node, _)| *node != n);
        self.tell_networks(n);
    }

    /// Node `n` is on this network, at this address of its own, and its shell tells so.
    pub fn plug(&mut self, n: usize, hub: usize, address: SocketAddr) {
        self.hubs[hub].places.push((n, address));
        self.tell_networks(n);
    }

    /// The shell of node `n` tells on which networks it is.
    pub fn tell_networks(&mut self, n: usize) {
        let hubs = (1..).zip(&self.hubs);
        let networks = hubs.filter_map(|(interface, hub)| {
            let (_, address) = hub.places.iter().find(|(node, _)| *node == n)?;
            let local = address.ip();
            let own = self.nodes[n].sockets.iter();
            let mut own = own.filter(|it| it.local.ip() == local);
            Some(LocalNetwork {
                interface,
                socket: own.next().map_or(SOCKET, |it| it.socket),
                local,
                prefix_bits: PREFIX_BITS,
                broadcast: None,
                multicast: true,
            })
        });
        let networks: Vec<_> = networks.collect();
        let now = self.nodes[n].time(self.now);
        self.nodes[n].switch.handle_local_networks(now, &networks);
    }

    /// Node `from` says something to everybody on the network where it has this address.
    pub(super) fn say_to_all(&mut self, (from, source): (usize, SocketAddr), datagram: &[u8]) {
        let is_there = |hub: &&Hub| hub.places.contains(&(from, source));
        let Some(hub) = self.hubs.iter().find(is_there) else {
            return;
        };
        for (_, to) in hub.places.clone() {
            self.send((from, source), to, datagram);
        }
    }
}

/// True if this is everybody on a network.
pub(super) fn is_everybody(to: IpAddr) -> bool {
    to.is_multicast()
}
