use std::{
    collections::VecDeque,
    net::SocketAddr,
    ops::{Deref, DerefMut},
};

use hydroid_core::{
    base::{Deadline, Time, Wall},
    identity::{Hashname, PublicKey, SecretKey},
    switch::{
        Ecn, Event, Interface, LineEvent, LineId, Meta, Need, Path, SentError, SocketId, Switch,
        Transmit,
    },
    tape::Recorded,
};

use super::{
    Disk, SOCKET,
    clock::{Clock, Ticks},
    hosts::WALL_EVERY_MS,
};
use crate::contracts::{Limits, Step};

/// A switch that knows whether somebody has called it since its outputs were taken.
#[derive(Debug)]
pub struct Live {
    switch: Recorded,
    pub(super) touched: bool,
}

impl Live {
    /// The switch, without its being marked.
    pub(super) const fn inner(&mut self) -> &mut Recorded {
        &mut self.switch
    }
}

impl From<Switch> for Live {
    fn from(switch: Switch) -> Self {
        Recorded::from(switch).into()
    }
}

impl From<Recorded> for Live {
    fn from(switch: Recorded) -> Self {
        Self {
            switch,
            touched: true,
        }
    }
}

impl Deref for Live {
    type Target = Recorded;

    fn deref(&self) -> &Recorded {
        &self.switch
    }
}

impl DerefMut for Live {
    fn deref_mut(&mut self) -> &mut Recorded {
        self.touched = true;
        &mut self.switch
    }
}

/// One switch and what it told.
#[derive(Debug)]
pub struct Node {
    /// The switch.
    pub switch: Live,
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
    /// The secret of that key.
    pub secret: SecretKey,
    /// What it told and nobody has taken yet.
    pub events: VecDeque<Event>,
    /// False while it is cut off: nothing comes to it and nothing leaves it.
    pub online: bool,
    /// Bytes of the longest datagram that its interface takes; of longer ones its system says so.
    pub interface_bytes: usize,
    /// What its switch asked to be kept.
    pub disk: Disk,
    /// How often it asked.
    pub needs: u64,
    /// While its machine sleeps: since when.
    pub asleep: Option<Time>,
    /// True after a crash, until it starts again.
    pub(super) crashed: bool,
    pub(super) ticks: Ticks,
    pub(super) clock: Clock,
    /// When its clock was set, and when its shell tells the wall time next if that is off.
    pub(super) clock_set: Time,
    pub(super) tells_wall_at: Option<Time>,
    pub(super) limits: Limits,
    /// The addresses under which it stands in the world's table.
    pub(super) listed: Box<[SocketAddr]>,
    /// It stands among those that may have changed, and among those with news.
    pub(super) changed: bool,
    pub(super) heard: bool,
    /// It stands among those whose outputs are to be taken.
    pub(super) busy: bool,
}

impl Node {
    /// A host that has just been put up.
    pub(super) fn new(
        now: Time,
        switch: Recorded,
        address: SocketAddr,
        (secret, hashname): (SecretKey, Hashname),
        limits: Limits,
    ) -> Self {
        Self {
            switch: switch.into(),
            address,
            also: Vec::new(),
            sockets: Vec::new(),
            outside: None,
            hashname,
            key: secret.public(),
            secret,
            events: VecDeque::new(),
            online: true,
            interface_bytes: usize::MAX,
            disk: Disk::default(),
            needs: 0,
            asleep: None,
            crashed: false,
            ticks: Ticks::right(now, 0),
            clock: Clock::default(),
            clock_set: now,
            tells_wall_at: None,
            limits,
            listed: Box::default(),
            changed: false,
            heard: false,
            busy: false,
        }
    }

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

    /// Every address that a datagram comes to it by.
    pub(super) fn reached(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        let plain = self.sockets.is_empty();
        let first = plain.then(|| self.seen());
        let also = self.also.iter().copied().filter(move |_| plain);
        let own = self.sockets.iter().map(|it| it.local);
        first.into_iter().chain(also).chain(own)
    }

    /// True while datagrams come to it and its switch is called.
    pub const fn is_awake(&self) -> bool {
        self.asleep.is_none() && !self.crashed
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

    /// What its timer shows at this time of the world: something else, if it stood still while the
    /// machine slept, or goes wrong.
    pub fn time(&self, now: Time) -> Time {
        self.ticks.at(now)
    }

    /// What its wall clock shows when the true one shows `wall`.
    pub(super) fn wall(&self, now: Time, wall: Wall) -> Wall {
        let gained_us =
            i128::from(now.since_us(self.clock_set)) * i128::from(self.clock.wall_ppm) / 1_000_000;
        let off_ms = i128::from(self.clock.wall_ahead_ms) + gained_us / 1000;
        let ms = i128::from(wall.as_ms()) + off_ms;
        Wall::from_ms(u64::try_from(ms).unwrap_or(0))
    }

    /// When the world is to call it next, by the world's time, if its switch has this deadline.
    pub(super) fn next(&self, due: Option<Deadline>) -> Option<Time> {
        let due = due.map(|deadline| self.ticks.when(deadline.at));
        due.into_iter().chain(self.tells_wall_at).min()
    }

    /// Does what is due, and tells whether its switch was.
    pub(super) fn wake_up(&mut self, now: Time, wall: Wall) -> bool {
        let own = self.ticks.at(now);
        if self.tells_wall_at.is_some_and(|at| at <= now) {
            let shown = self.wall(now, wall);
            self.switch.inner().handle_clock(own, shown);
            self.tells_wall_at = Some(now.plus_ms(WALL_EVERY_MS));
        }
        let due = self.switch.poll_timeout();
        let is_due = due.is_some_and(|deadline| deadline.at <= own);
        if is_due {
            self.switch.inner().handle_timeout(own);
        }
        is_due
    }

    /// A datagram came, from the first of these addresses to the other; false if nobody is there.
    pub(super) fn take_in(
        &mut self,
        now: Time,
        (from, to): (SocketAddr, SocketAddr),
        datagram: &mut [u8],
    ) -> bool {
        let Some((socket, to)) = self.inside(to).filter(|_| self.is_awake()) else {
            return false;
        };
        let meta = Meta {
            socket,
            path: Path::new(Some(to.ip()), from),
            interface: 0,
            ecn: Ecn::None,
            stride: datagram.len(),
        };
        let now = self.ticks.at(now);
        self.switch.inner().handle_datagram(now, &meta, datagram);
        true
    }

    /// The next thing that it sends, and from where; what cannot go out its system says at once.
    pub(super) fn give_out(
        &mut self,
        now: Time,
        buf: &mut [u8],
        step: &mut Step,
    ) -> Option<(Transmit, SocketAddr)> {
        while let Some(transmit) = self.switch.inner().poll_transmit(now, buf) {
            step.took_transmit(&transmit, buf.len());
            let source = self.source(transmit.socket, transmit.path);
            let fits = transmit.segment <= self.interface_bytes;
            if let Some(from) = source.filter(|_| fits) {
                return Some((transmit, from));
            }
            let error = if fits {
                SentError::Unreachable
            } else {
                SentError::TooLarge
            };
            let switch = self.switch.inner();
            switch.handle_sent_error(now, &transmit, error);
        }
        None
    }

    /// Takes its events and needs; true if there were events.
    pub(super) fn tell(&mut self, step: &mut Step) -> bool {
        let before = self.events.len();
        while let Some(event) = self.switch.inner().poll_event() {
            self.events.push_back(event);
            step.took();
        }
        while let Some(need) = self.switch.inner().poll_need() {
            let Need::Keep { key, bytes } = need else {
                panic!("a need of no known kind: {need:?}");
            };
            self.disk.insert(key, bytes);
            self.needs += 1;
            step.took();
        }
        self.events.len() > before
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
