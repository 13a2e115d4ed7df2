//! Our identities on the local network: which of them are announced, who else is there, and the
//! carrying of packets and time to the room and of its effects back.

use alloc::{vec, vec::Vec};

use zeroize::Zeroizing;

use super::{Event, LanEvent, Neighbour, Peer, SpaceCommandError, Switch, Transmit, nears::Near};
use crate::{
    base::{Deadline, Effects, Rng, Time, Wall, Why},
    identity::{Hashname, PublicKey, SecretKey, Signature, SpaceId},
    lan::{self, Came, Effect, Found, Lan, LocalNetwork, Member, NETWORKS_MOST, TagKey, Unheard},
    tree::Tree,
};

/// One call changes the neighbours of every identity at most.
const EFFECTS_MOST: usize = 128;
/// An announcement stays on the link: routers do not pass it on.
const TTL: u8 = 1;

/// Our part on the local network.
#[derive(Debug)]
pub(super) struct Lans {
    pub(super) room: Lan,
    fx: Effects<Effect>,
    networks: Vec<LocalNetwork>,
    pub(super) config: lan::Config,
    pub(super) nears: Vec<Near>,
    pub(super) rng: Rng,
}

impl Lans {
    pub(super) fn new(config: &lan::Config, mut rng: Rng) -> Self {
        Self {
            room: Lan::new(config, rng.fork("room")),
            fx: Effects::new(EFFECTS_MOST),
            networks: Vec::new(),
            config: config.clone(),
            nears: Vec::new(),
            rng,
        }
    }

    /// Lines that are wanted on the local network, for all identities.
    pub(super) fn lines_most(&self) -> u32 {
        let identities = u32::try_from(self.nears.len()).unwrap_or(u32::MAX);
        self.config.lines.saturating_mul(identities)
    }

    pub(super) fn near(&mut self, local: Hashname) -> Option<&mut Near> {
        self.nears.iter_mut().find(|near| near.local == local)
    }

    /// When `handle_timeout` has something to do here.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        let looks = self.nears.iter().filter_map(|near| near.look_at);
        let at = self.room.deadline().into_iter().chain(looks).min();
        at.map(|at| Deadline::new(at, Why::Lan))
    }
}

impl Switch {
    /// Tells which addresses the machine has on local networks, and by which socket each is to be
    /// announced: all of them, at the start and whenever that changes; beyond 64 the first count.
    /// Identities are announced on those that one of the sockets of `handle_network_change` serves,
    /// and a change begins a burst of announcements.
    pub fn handle_local_networks(&mut self, now: Time, networks: &[LocalNetwork]) {
        let now = self.advance(now);
        let networks = networks.iter().take(NETWORKS_MOST);
        self.lan.networks = networks.copied().collect();
        self.tell_stations(now);
    }

    /// Announces `local` on the local networks from now on, and takes note of the others of its
    /// space that are announced there: [`Switch::neighbours`]. Lines are kept to some of them (see
    /// `lan.lines`), and where `local` takes part in the tree of its space, those who are not in it
    /// are asked into it. `secret` is that of `local`; it signs the announcements.
    ///
    /// # Errors
    /// [`SpaceCommandError`] if `local` is not installed, is announced already, or `secret` is
    /// another's.
    pub fn announce(
        &mut self,
        now: Time,
        local: Hashname,
        secret: &SecretKey,
    ) -> Result<(), SpaceCommandError> {
        let now = self.advance(now);
        let identity = self.lines.identity(local);
        let (key, space) = identity.ok_or(SpaceCommandError::NotInstalled)?;
        if secret.public() != key {
            return Err(SpaceCommandError::OtherKey);
        }
        if self.lan.room.has(local) {
            return Err(SpaceCommandError::Twice);
        }
        let member = Member {
            local,
            space,
            secret: secret.clone(),
            tag_keys: self.tag_keys(local, space),
        };
        self.lan.nears.push(Near::new(local));
        self.lan.room.announce(now, member);
        Ok(())
    }

    /// Announces `local` no more, and says so, three times within a tenth of a second: others know at
    /// once that it went.
    ///
    /// # Errors
    /// [`SpaceCommandError`] if `local` is not installed or not announced.
    pub fn hush(&mut self, now: Time, local: Hashname) -> Result<(), SpaceCommandError> {
        let now = self.advance(now);
        if self.lines.identity(local).is_none() {
            return Err(SpaceCommandError::NotInstalled);
        }
        if !self.lan.room.has(local) {
            return Err(SpaceCommandError::NotTaking);
        }
        self.stop_announcing(now, local);
        Ok(())
    }

    /// True if any identity is announced.
    pub const fn is_announcing(&self) -> bool {
        self.lan.room.is_announcing()
    }

    /// True while a good-bye is to be said again. Whoever ends should wait for it, a tenth of a second
    /// at most, and keep the sockets that announcements leave by until then.
    pub const fn is_taking_leave(&self) -> bool {
        self.lan.room.is_taking_leave()
    }

    /// The others of the space of `local` that are announced on the local network, in the order of
    /// their keys. That they hold these keys is proven, and nothing else of them.
    pub fn neighbours(&self, local: Hashname) -> impl Iterator<Item = Neighbour> + '_ {
        let identity = self.lines.identity(local);
        let found = self.found_near(local);
        found.filter_map(move |found| {
            let (_, space) = identity?;
            Some(Neighbour {
                peer: Peer {
                    hashname: Hashname::of(&found.key, &space),
                    key: found.key,
                },
                addresses: found.addresses,
                load: found.load,
            })
        })
    }

    /// Those who are there and whom the space has not put out.
    pub(super) fn found_near(&self, local: Hashname) -> impl Iterator<Item = Found> + '_ {
        let admission = self.lines.admission(local);
        let is_out = move |key: &PublicKey| {
            let statement = admission.map(|it| it.document().statement());
            statement.is_some_and(|it| it.revoked.contains(key))
        };
        let found = self.lan.room.found(local);
        found.filter(move |it| !is_out(&it.key))
    }

    /// What it kept on the local network for this identity ends.
    pub(super) fn stop_announcing(&mut self, now: Time, local: Hashname) {
        if !self.lan.room.has(local) {
            return;
        }
        let wall = self.wall_if_told(now);
        self.lan.room.hush(now, wall, local);
        self.lan.nears.retain(|near| near.local != local);
        self.unwant_near(now, local, |_| true);
    }

    /// The space of an identity has another gate.
    pub(super) fn retag(&mut self, local: Hashname) {
        if let Some((_, space)) = self.lines.identity(local) {
            let tag_keys = self.tag_keys(local, space);
            self.lan.room.set_tag_keys(local, tag_keys);
        }
    }

    /// What announcements are known by: the gates of a closed space, the newest first, or the id of
    /// an open one.
    fn tag_keys(&self, local: Hashname, space: SpaceId) -> Vec<Zeroizing<TagKey>> {
        match self.lines.admission(local) {
            None => vec![Zeroizing::new(*space.as_bytes())],
            Some(admission) => {
                let gates = admission.gates().iter();
                gates
                    .map(|(_, gate)| Zeroizing::new(*gate.as_bytes()))
                    .collect()
            }
        }
    }

    /// The networks or the sockets that take lines are others.
    pub(super) fn tell_stations(&mut self, now: Time) {
        let sockets = &self.sockets;
        let networks = self.lan.networks.iter();
        let stations = networks.filter_map(|network| {
            let serves = |ip: core::net::IpAddr| {
                let is_any = ip.is_unspecified() && ip.is_ipv4() == network.local.is_ipv4();
                is_any || ip == network.local
            };
            let socket = sockets.iter().find(|at| serves(at.local.ip()))?;
            Some((*network, socket.local.port()))
        });
        self.lan.room.set_stations(now, stations);
    }

    /// An announcement came.
    pub(super) fn on_announcement(
        &mut self,
        now: Time,
        came: Came,
        body: &[u8],
    ) -> Result<(), Unheard> {
        let wall = self.wall_if_told(now);
        let provider = self.trees.provider;
        let verify =
            |space: &SpaceId, key: &PublicKey, kind: &str, bytes: &[u8], signature: &Signature| {
                provider.verify(key, kind, space, bytes, signature)
            };
        let (room, fx) = (&mut self.lan.room, &mut self.lan.fx);
        room.on_packet((now, wall), came, body, (provider.keys(), &verify), fx)
    }

    /// Announces if that is due, and looks who is there.
    pub(super) fn lan_due(&mut self, now: Time) {
        if self.lan.room.deadline().is_some_and(|at| at <= now) {
            let wall = self.wall_if_told(now);
            let locals: Vec<Hashname> = self.lan.room.locals().collect();
            let own = locals.into_iter().map(|local| (local, self.own(local)));
            let own: Vec<_> = own.collect();
            let own_of = |local: Hashname| {
                let found = own.iter().find(|it| it.0 == local);
                found.map_or_else(lan::Own::default, |it| it.1)
            };
            let (room, fx) = (&mut self.lan.room, &mut self.lan.fx);
            room.on_deadline(now, wall, &own_of, fx);
        }
        self.settle_lan(now);
        self.look_near(now);
    }

    /// Carries out what the room wants.
    pub(super) fn settle_lan(&mut self, now: Time) {
        while let Some(effect) = self.lan.fx.pop() {
            let Effect::Changed { local } = effect;
            self.on_near_changed(now, local);
            let Some(near) = self.lan.near(local) else {
                continue;
            };
            if !core::mem::replace(&mut near.is_told, true) {
                let event = LanEvent::Neighbours { local };
                self.events.push_back(Event::Lan(event));
            }
        }
    }

    /// What is said of an identity beside where it is.
    fn own(&self, local: Hashname) -> lan::Own {
        let tree = self.trees.find_staying(local);
        let links = self.links.iter().map(|(_, link)| link);
        let up = links.filter(|link| link.who.local == local && link.can_seal());
        lan::Own {
            load: u8::try_from(up.count()).unwrap_or(u8::MAX),
            tree: tree.is_some(),
            leaf: tree.is_some_and(Tree::is_leaf),
        }
    }

    /// The next announcement that is to be sent.
    pub(super) fn next_announcement(&mut self, buf: &mut [u8]) -> Option<Transmit> {
        let (route, len) = self.lan.room.poll(buf)?;
        Some(Transmit {
            ttl: Some(TTL),
            ..Transmit::of(route, len, len)
        })
    }

    /// An event was taken: its like may be told again.
    pub(super) fn on_lan_polled(&mut self, event: LanEvent) {
        let LanEvent::Neighbours { local } = event;
        if let Some(near) = self.lan.near(local) {
            near.is_told = false;
        }
    }

    /// The wall time, if it was told.
    fn wall_if_told(&self, now: Time) -> Option<Wall> {
        self.told.map(|_| self.wall(now))
    }
}

#[cfg(test)]
mod tests {
    use core::net::SocketAddr;

    use super::*;
    use crate::{
        base::Seed,
        identity::Space,
        lan::{Announcement, Capabilities},
        switch::{Config, Ecn, Interface, Meta, Path, SocketId},
    };

    fn secret(n: u8) -> SecretKey {
        SecretKey::from_bytes(&[n; 32])
    }

    /// Takes an announcement of somebody new, and tells how many events wait.
    fn hear(switch: &mut Switch, now: Time, n: u8, space: SpaceId) -> usize {
        let from = SocketAddr::from(([10, 0, 0, n], 7));
        let said = Announcement {
            key: secret(n).public(),
            instance: n.into(),
            nonce: 1,
            echo: 0,
            wall: switch.wall(now),
            from: from.ip(),
            port: 7,
            pause_s: 7,
            load: 0,
            capabilities: Capabilities::default(),
        };
        let mut bytes = said.write(space.as_bytes(), &space, &secret(n));
        let meta = Meta {
            socket: SocketId(0),
            path: Path::to(from),
            interface: 1,
            ecn: Ecn::None,
            stride: bytes.len(),
        };
        switch.handle_datagram(now, &meta, &mut bytes);
        switch.events.len()
    }

    #[test]
    fn lan_neighbours_are_told_once_until_that_was_taken() {
        let mut switch = Switch::new(Config::default(), &Seed::new([1; 32])).unwrap();
        let address = SocketAddr::from(([10, 0, 0, 1], 7));
        let (socket, now) = (SocketId(0), Time::ZERO);
        let interface = Interface {
            socket,
            local: address,
        };
        switch.handle_network_change(now, &[interface]);
        let network = LocalNetwork {
            interface: 1,
            socket,
            local: address.ip(),
            prefix_bits: 24,
            broadcast: None,
            multicast: true,
        };
        switch.handle_local_networks(now, &[network]);
        switch.handle_clock(now, Wall::from_ms(1_700_000_000_000));
        let space = Space::open("test").unwrap();
        let local = switch.install(now, &secret(1), &space).unwrap();
        switch.announce(now, local, &secret(1)).unwrap();
        let (_, id) = switch.lines.identity(local).unwrap();
        for n in 2..9 {
            assert_eq!(hear(&mut switch, now, n, id), 1, "{n}");
        }
        let told = Event::Lan(LanEvent::Neighbours { local });
        assert_eq!(switch.poll_event(), Some(told));
        assert_eq!(hear(&mut switch, now, 9, id), 1);
        assert_eq!(switch.neighbours(local).count(), 8);
    }
}
