//! What becomes of datagrams between hosts.

use std::{collections::BTreeSet, net::SocketAddr};

use super::{Fault, Link, World, dice, wheel::Flight};

/// Nothing goes from any of the ones to any of the others.
#[derive(Debug)]
pub(super) struct Partition {
    from: BTreeSet<usize>,
    to: BTreeSet<usize>,
}

impl World {
    /// What goes from node `from` to node `to` takes this link, and what comes back the one that it
    /// took before.
    pub fn link_between(&mut self, from: usize, to: usize, link: Link) {
        self.links.insert((from, to), link);
        self.pipes.remove(&(from, to));
    }

    /// What goes from one of these addresses to the other takes this link, both ways.
    pub fn way_between(&mut self, one: SocketAddr, other: SocketAddr, link: Link) {
        self.ways.insert((one, other), link);
        self.ways.insert((other, one), link);
    }

    /// The link of the world is between all nodes again.
    pub fn forget_links(&mut self) {
        self.links.clear();
        self.ways.clear();
        self.pipes.clear();
    }

    /// Cuts a way, or both ways, between two addresses, or mends it.
    pub fn cut(&mut self, one: SocketAddr, other: SocketAddr, ways: [bool; 2]) {
        for (way, is_cut) in [(one, other), (other, one)].into_iter().zip(ways) {
            if is_cut {
                self.cuts.insert(way);
            } else {
                self.cuts.remove(&way);
            }
        }
    }

    /// Nothing goes from any of these nodes to any of those, at whatever addresses; the other way
    /// stays as it is.
    pub fn part(&mut self, from: &[usize], to: &[usize]) {
        self.partitions.push(Partition {
            from: from.iter().copied().collect(),
            to: to.iter().copied().collect(),
        });
    }

    /// Every cut and every partition is mended.
    pub fn mend(&mut self) {
        self.cuts.clear();
        self.partitions.clear();
    }

    /// Between two nodes nothing longer than this goes, whatever link there is otherwise.
    pub fn narrow(&mut self, one: usize, other: usize, mtu_bytes: u64) {
        for way in [(one, other), (other, one)] {
            let link = self.links.get(&way).copied().unwrap_or(self.link);
            let mtu_bytes = match link.mtu_bytes {
                0 => mtu_bytes,
                least => least.min(mtu_bytes),
            };
            self.links.insert(way, Link { mtu_bytes, ..link });
        }
    }

    /// Puts a datagram on its way to node `to`, as if `from` had sent it.
    pub fn inject(&mut self, from: SocketAddr, to: usize, datagram: &[u8]) {
        let address = self.nodes[to].address;
        let way = (from, address);
        self.wheel.carry(self.now, way, Some(to), datagram);
    }

    /// Node `from` sends a datagram to node `to`, as its shell would: it takes the link between them.
    pub fn throw(&mut self, from: usize, to: usize, datagram: &[u8]) {
        self.look();
        let (source, target) = (self.nodes[from].seen(), self.nodes[to].seen());
        self.send((from, source), target, datagram);
    }

    pub(super) fn send(
        &mut self,
        (from, from_address): (usize, SocketAddr),
        to_address: SocketAddr,
        datagram: &[u8],
    ) {
        let addresses = (from_address, to_address);
        self.digest = dice::chain(self.digest, self.now.as_us());
        self.digest = digest_of(self.digest, addresses, datagram);
        if let Some(kept) = &mut self.kept {
            kept.push((from_address, to_address, datagram.to_vec()));
        }
        let to = self.nodes.at(to_address);
        if self.is_cut((from, from_address), (to, to_address)) {
            return self.faults.fire(Fault::Cut);
        }
        let given = to.filter(|_| !self.links.is_empty());
        let given = given.and_then(|to| self.links.get(&(from, to)));
        let way = (from_address, to_address);
        let way = Some(way).filter(|_| !self.ways.is_empty());
        let given = way.and_then(|way| self.ways.get(&way)).or(given);
        let link = given.copied().unwrap_or(self.link);
        let bytes = datagram.len() as u64;
        if link.mtu_bytes > 0 && bytes > link.mtu_bytes {
            return self.faults.fire(Fault::TooLarge);
        }
        if self.dice.fires(link.loss) {
            return self.faults.fire(Fault::Loss);
        }
        let mut gone_at = self.now;
        if link.rate_bytes_s > 0 {
            let pipe = self.pipes.entry((from, to.unwrap_or(usize::MAX)));
            match pipe.or_default().take(self.now, bytes, &link) {
                Some(at) => gone_at = at,
                None => return self.faults.fire(Fault::QueueFull),
            }
        }
        let doubled = self.dice.fires(link.double);
        if doubled {
            self.faults.fire(Fault::Double);
        }
        let apart_us = to.map_or(0, |to| apart_us(self.apart_us, from, to));
        for _ in 0..=u8::from(doubled) {
            let mut delay_us = link.latency_us + apart_us + self.dice.below(link.jitter_us + 1);
            if self.dice.fires(link.reorder) {
                self.faults.fire(Fault::Reorder);
                delay_us += 1 + self.dice.below(link.reorder_us);
            }
            let at = gone_at.plus_us(delay_us);
            let way = (from_address, to_address);
            let carried = self.wheel.carry(at, way, to, datagram);
            if self.dice.fires(link.damage) {
                self.faults.fire(Fault::Damage);
                let bit = self.dice.below(bytes * 8);
                carried[bit as usize / 8] ^= 1 << (bit % 8);
            }
        }
    }

    /// Nothing is cut, and no two nodes or addresses have a link of their own.
    pub(super) fn is_open(&self) -> bool {
        self.links.is_empty()
            && self.ways.is_empty()
            && self.cuts.is_empty()
            && self.partitions.is_empty()
            && self.kept.is_none()
            && self.caught.is_none()
    }

    fn is_cut(
        &self,
        (from, from_address): (usize, SocketAddr),
        (to, to_address): (Option<usize>, SocketAddr),
    ) -> bool {
        let is_parted = |to: usize| {
            let mut all = self.partitions.iter();
            all.any(|it| it.from.contains(&from) && it.to.contains(&to))
        };
        !self.nodes.all[from].online
            || (!self.cuts.is_empty() && self.cuts.contains(&(from_address, to_address)))
            || to.is_some_and(is_parted)
    }

    /// Hands a datagram to whoever is where it was sent to, if anybody is.
    pub(super) fn deliver(&mut self, flight: &mut Flight) {
        let is_there = |n: &usize| self.nodes.all[*n].inside(flight.to).is_some();
        let hint = flight.hint.filter(is_there);
        let Some(n) = hint.or_else(|| self.nodes.at(flight.to)) else {
            return;
        };
        let node = &mut self.nodes.all[n];
        if node.inside(flight.to).is_none() || !node.is_awake() {
            return;
        }
        if !node.online {
            return self.faults.fire(Fault::Cut);
        }
        self.delivered += 1;
        if let Some(caught) = &mut self.caught {
            caught.push((self.now, n, flight.bytes.clone()));
        }
        node.take_in(self.now, (flight.from, flight.to), &mut flight.bytes);
        // Those that come at one instant are answered together.
        self.touch(n);
    }
}

/// How much further two nodes are from each other than others may be; the same each way.
pub(super) fn apart_us(most_us: u64, from: usize, to: usize) -> u64 {
    if most_us == 0 {
        return 0;
    }
    let (one, other) = (from.min(to) as u64, from.max(to) as u64);
    dice::chain(dice::chain(0x61_70_61_72_74, one), other) % (most_us + 1)
}

/// Stands for a datagram from the one of these addresses to the other.
pub(super) fn digest_of(key: u64, (from, to): (SocketAddr, SocketAddr), datagram: &[u8]) -> u64 {
    let ends = digest_of_address(digest_of_address(key, from), to);
    dice::hash(ends, datagram)
}

fn digest_of_address(key: u64, address: SocketAddr) -> u64 {
    let port = u64::from(address.port());
    match address {
        SocketAddr::V4(address) => dice::chain(key, u64::from(address.ip().to_bits()) << 16 | port),
        SocketAddr::V6(address) => dice::hash(dice::chain(key, port), &address.ip().octets()),
    }
}
