//! The carrying out of what members want: lines, streams and what is on its way.

use std::{net::SocketAddr, vec::Vec};

use super::{
    super::*,
    half::{Envelope, Half, WINDOW, Wire},
    world::{Input, Kind, World, address},
};
use crate::{base::Slot, identity::PublicKey};

impl World {
    pub(super) fn carry_out(&mut self, at: usize, effect: Effect) {
        match effect {
            Effect::Dial { peer, addresses } => self.carry_dial(at, peer, &addresses),
            Effect::Release { peer } => self.release(at, peer),
            Effect::Greet { link } => self.say_place(at, link as usize, Vec::new(), true),
            Effect::Say { link, packet } => self.say_place(at, link as usize, packet, true),
            Effect::Open { link, backup } => {
                self.unlink(at, link as usize);
                self.open(at, link as usize, backup);
            }
            Effect::Accept { link, backup } => self.accept(at, link as usize, backup),
            Effect::Close { link } => self.unlink(at, link as usize),
            Effect::Ping { link } => {
                self.pings += 1;
                self.send(at, link as usize, Wire::Ping);
            }
            Effect::NewLife => self.inputs.push_back((at, at, Input::NewLife)),
            Effect::Told(_) => {}
        }
    }

    pub(super) fn carry_dial(&mut self, at: usize, peer: PublicKey, addresses: &[SocketAddr]) {
        let Some(to) = self.members.iter().position(|it| it.node.key == peer) else {
            return;
        };
        let now = self.now;
        let half = self.halves.entry((at, to)).or_insert(Half::new(0, now));
        half.held = true;
        if half.up {
            self.inputs.push_back((at, to, Input::Up));
        } else if addresses.is_empty() {
            self.inputs.push_back((at, to, Input::Down));
            return;
        }
        self.dials.push_back((now.plus_ms(5_000), at, to));
        if addresses.contains(&address(to)) {
            self.send(at, to, Wire::Dial);
        }
    }

    fn release(&mut self, at: usize, peer: PublicKey) {
        let Some(to) = self.members.iter().position(|it| it.node.key == peer) else {
            return;
        };
        self.unlink(at, to);
        let Some(half) = self.halves.get_mut(&(at, to)) else {
            return;
        };
        half.held = false;
        let (offered, out) = (core::mem::take(&mut half.offered), half.out.take());
        for (id, _) in offered {
            self.send(at, to, Wire::BulkEnd { id });
        }
        if let Some(id) = out {
            self.send(at, to, Wire::PlaceEnd { id });
        }
    }

    fn unlink(&mut self, at: usize, to: usize) {
        let half = self.halves.get_mut(&(at, to));
        if let Some(id) = half.and_then(Half::unlink) {
            self.send(at, to, Wire::BulkEnd { id });
        }
    }

    fn accept(&mut self, at: usize, to: usize, backup: bool) {
        self.unlink(at, to);
        let Some(half) = self.halves.get_mut(&(at, to)) else {
            return;
        };
        half.accepts = Some(backup);
        if let Some(found) = half.offered.iter().position(|it| it.1 == backup) {
            let (id, _) = half.offered.remove(found);
            half.begin(id);
            self.inputs.push_back((at, to, Input::Begun));
        }
    }

    pub(super) fn say_place(&mut self, at: usize, to: usize, bytes: Vec<u8>, twisted: bool) {
        let epoch = self.members[at].node.epoch;
        let Some(half) = self.halves.get_mut(&(at, to)).filter(|half| half.up) else {
            return;
        };
        if half.out.is_none() {
            self.ids += 1;
            half.out = Some(self.ids);
            let seen = address(to);
            let id = self.ids;
            self.send(at, to, Wire::Greeting { id, epoch, seen });
        }
        if bytes.is_empty() {
            return;
        }
        let id = self.halves[&(at, to)].out.unwrap();
        for bytes in self.twisted(at, to, Kind::Place, bytes, twisted) {
            self.send(at, to, Wire::Place { id, bytes });
        }
    }

    fn twisted(
        &mut self,
        at: usize,
        to: usize,
        kind: Kind,
        bytes: Vec<u8>,
        twisted: bool,
    ) -> Vec<Vec<u8>> {
        match self.members[at].twist.as_mut().filter(|_| twisted) {
            Some(twist) => twist(to, kind, bytes),
            None => [bytes].into(),
        }
    }

    pub(super) fn pump(&mut self, at: usize) {
        let Some(mut tree) = self.members[at].tree.take() else {
            return;
        };
        let links: Vec<Slot> = tree.links().map(|(slot, _)| slot).collect();
        let mut packets = Vec::new();
        for slot in links {
            let to = slot as usize;
            let Some(half) = self.halves.get_mut(&(at, to)) else {
                continue;
            };
            let begun = self.inputs.iter();
            let mut begun = begun
                .filter(|it| matches!(it, (own, peer, Input::Begun) if (*own, *peer) == (at, to)));
            let Some(id) = half.bulk.filter(|_| begun.next().is_none()) else {
                continue;
            };
            let mut packet = Vec::new();
            while half.flying < WINDOW && tree.poll_bulk(self.now, slot, 65_000, &mut packet) {
                half.flying += packet.len();
                packets.push((to, id, core::mem::take(&mut packet)));
            }
        }
        self.members[at].tree = Some(tree);
        for (to, id, bytes) in packets {
            for bytes in self.twisted(at, to, Kind::Bulk, bytes, true) {
                self.send(at, to, Wire::Bulk { id, bytes });
            }
        }
    }

    pub(super) fn send(&mut self, from: usize, to: usize, wire: Wire) {
        let half = self.halves.get(&(from, to)).filter(|half| half.up);
        let meant = half.map(|half| half.life);
        let delay = 10_000 + (from * 7 + to * 7) as u64 * 1_000 % 40_000;
        self.sent += 1;
        let envelope = Envelope {
            from,
            to,
            lives: (self.members[from].life, meant),
            wire,
        };
        let at = self.now.as_us() + delay;
        self.queue.insert((at, self.sent), envelope);
    }

    pub(super) fn deliver(&mut self, envelope: Envelope) {
        let Envelope {
            from,
            to,
            lives,
            wire,
        } = envelope;
        let is_there = self.members[to].tree.is_some() || self.members[to].is_puppet;
        if !is_there || lives.0 != self.members[from].life {
            return;
        }
        let is_reset = matches!(wire, Wire::Reset);
        if lives.1.is_some_and(|meant| meant != self.members[to].life) {
            if !is_reset {
                self.send(to, from, Wire::Reset);
            }
            return;
        }
        let now = self.now;
        let half = self.halves.get(&(to, from));
        let older = half.is_some_and(|half| half.up && half.life != lives.0);
        if older || (is_reset && half.is_some()) {
            self.halves.remove(&(to, from));
            let key = self.members[from].node.key;
            self.call(to, |tree, now, heard, fx| {
                tree.on_down(now, &key, heard, fx);
            });
        }
        if is_reset {
            return;
        }
        let half = self
            .halves
            .entry((to, from))
            .or_insert(Half::new(lives.0, now));
        (half.life, half.heard) = (lives.0, now);
        self.deliver_on(from, to, wire);
    }

    fn deliver_on(&mut self, from: usize, to: usize, wire: Wire) {
        let key = self.members[from].node.key;
        let half = self.halves.get_mut(&(to, from)).unwrap();
        match wire {
            Wire::Dial => {
                half.up = true;
                self.send(to, from, Wire::Answer);
            }
            Wire::Answer => {
                half.up = true;
                self.inputs.push_back((to, from, Input::Up));
            }
            Wire::Greeting { id, epoch, seen } => {
                half.up = true;
                half.into = Some(id);
                self.greeted(from, to, (epoch, seen));
            }
            Wire::Place { id, bytes } if half.into == Some(id) => {
                self.members[to].receive(from, Kind::Place, &bytes);
                self.call(to, |tree, now, heard, fx| {
                    tree.on_place(now, &key, &bytes, heard, fx);
                });
            }
            Wire::PlaceEnd { id } if half.into == Some(id) => {
                half.into = None;
                self.call(to, |tree, now, heard, fx| {
                    tree.on_parted(now, &key, heard, fx);
                });
            }
            Wire::Cast { id, backup }
                if half.accepts == Some(backup) || self.members[to].is_puppet =>
            {
                self.unlink(to, from);
                let half = self.halves.get_mut(&(to, from)).unwrap();
                half.accepts = Some(backup);
                half.begin(id);
                self.inputs.push_back((to, from, Input::Begun));
            }
            Wire::Cast { id, backup } => {
                half.offered.retain(|it| it.1 != backup);
                half.offered.push((id, backup));
            }
            Wire::Bulk { id, bytes } => {
                half.unread.push_back((id, bytes));
                self.inputs.push_back((to, from, Input::Moved));
            }
            Wire::BulkEnd { id } => {
                half.offered.retain(|it| it.0 != id);
                if half.bulk == Some(id) {
                    half.bulk = None;
                    self.call(to, |tree, now, _, _| tree.on_severed(now, &key));
                }
            }
            Wire::Took { id, len } => {
                if half.bulk == Some(id) {
                    half.flying = half.flying.saturating_sub(len);
                    self.pump(to);
                }
            }
            Wire::Ping => self.send(to, from, Wire::Pong),
            Wire::Pong | Wire::Reset | Wire::Place { .. } | Wire::PlaceEnd { .. } => {}
        }
    }
}
