//! A peer that has proved its key and then says whatever a test wants: sealed packets of frames
//! that no honest switch would write.

use std::{collections::BTreeMap, net::SocketAddr};

use hydroid_core::{
    base::{Effects, Ranges, Rng, Seed, Slot, Time, Wall},
    identity::{Admission, Hashname, PublicKey, SecretKey, Space},
    line::{self, Lines, Provider, PureRust},
    switch::{Config, Ecn, Event, Interface, LineEvent, LineId, Meta, Path, Route, SocketId},
    tape::Recorded,
    wire::{
        SEALED_PREFIX, TAG_LEN,
        frame::{Frame, Frames, Writer},
    },
};

const SOCKET: SocketId = SocketId(0);
const BUFFER_BYTES: usize = 2048;
/// Datagrams that are kept.
const KEPT_MAX: usize = 64;

/// A rogue and the switch that it has a line with.
#[derive(Debug)]
pub struct Rogue {
    /// The honest end.
    pub switch: Recorded,
    /// What the switch told.
    pub events: Vec<Event>,
    /// Now.
    pub now: Time,
    /// The counters of the switch that came.
    pub heard: Ranges,
    /// An honest switch that has a line with the same one, if there is one.
    pub friend: Option<Recorded>,
    /// The first datagrams that anybody sent.
    pub kept: Vec<Vec<u8>>,
    /// Bytes that the switch sent to where nobody is.
    pub strayed: BTreeMap<SocketAddr, u64>,
    id: Option<LineId>,
    provider: &'static dyn Provider,
    lines: Lines,
    line: Slot,
    address: SocketAddr,
    /// Events stay in the switch.
    keep: bool,
}

impl Rogue {
    /// A rogue on an open line with a switch of this config.
    ///
    /// # Panics
    /// If the handshake fails.
    pub fn new(config: &Config) -> Self {
        Self::between(config, None, &PureRust)
    }

    /// The same, with this arithmetic at both ends and at the friend's.
    ///
    /// # Panics
    /// If the handshake fails.
    pub fn with_provider(config: &Config, provider: &'static dyn Provider) -> Self {
        Self::between(config, None, provider)
    }

    /// The same in a closed space: what lets the switch in, and the rogue.
    ///
    /// # Panics
    /// If the handshake fails.
    pub fn member(config: &Config, honest: &Admission, rogue: &Admission) -> Self {
        Self::between(config, Some((honest, rogue)), &PureRust)
    }

    fn between(
        config: &Config,
        closed: Option<(&Admission, &Admission)>,
        provider: &'static dyn Provider,
    ) -> Self {
        let here = here();
        let space = Space::open("world").expect("a legal name");
        let now = Time::ZERO;
        let mut switch = switch(config, 1, provider);
        bind(&mut switch, here);
        let honest = SecretKey::from_bytes(&[1; 32]);
        match closed {
            Some((admission, _)) => switch.install_member(now, &honest, admission),
            None => switch.install(now, &honest, &space),
        }
        .expect("installs");
        let mut lines = Lines::with_provider(
            &line::Config::default(),
            Rng::new(&Seed::new([2; 32])),
            provider,
        );
        lines.handle_clock(now, Wall::from_ms(1_700_000_000_000));
        let secret = SecretKey::from_bytes(&[2; 32]);
        let local = match closed {
            Some((_, admission)) => lines.install_member(now, &secret, admission),
            None => lines.install(now, &secret, space.id()),
        };
        let local = local.expect("installs");
        let route = Route {
            socket: SOCKET,
            path: Path::to(here),
        };
        let line = lines
            .open(now, local, honest.public(), &[route], 0)
            .expect("dials");
        let address = SocketAddr::from(([10, 0, 0, 2], 4000));
        let mut rogue = Self {
            switch,
            events: Vec::new(),
            now,
            heard: Ranges::new(),
            friend: None,
            kept: Vec::new(),
            strayed: BTreeMap::new(),
            id: None,
            provider,
            lines,
            line,
            address,
            keep: false,
        };
        let mut buf = [0; BUFFER_BYTES];
        let (_, len) = rogue.lines.poll_datagram(now, &mut buf).expect("an open");
        rogue.hand(&mut buf[..len]);
        rogue.hear();
        rogue.send(|writer| {
            writer.ping();
        });
        let up = rogue.events.drain(..).find_map(|event| {
            let Event::Line(LineEvent::Up { line, .. }) = event else {
                return None;
            };
            Some(line)
        });
        assert!(up.is_some(), "the line comes up");
        rogue.id = up;
        rogue
    }

    /// The switch's end of the line.
    ///
    /// # Panics
    /// Never: a rogue has a line.
    pub fn id(&self) -> LineId {
        self.id.expect("a rogue has a line")
    }

    /// The switch's hashname, and the rogue's key and address.
    ///
    /// # Panics
    /// Never: a rogue has a line.
    pub fn names(&self) -> (Hashname, PublicKey, SocketAddr) {
        let info = self.lines.info(self.line).expect("a rogue has a line");
        let (key, _) = self
            .lines
            .identity(info.who.local)
            .expect("it is installed");
        (info.who.peer_hashname, key, self.address)
    }

    /// An honest switch opens a line to the same switch.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn befriend(&mut self, config: &Config) -> LineId {
        let mut friend = switch(config, 3, self.provider);
        bind(&mut friend, friend_address());
        let space = Space::open("world").expect("a legal name");
        let local = friend.install(self.now, &SecretKey::from_bytes(&[3; 32]), &space);
        let key = SecretKey::from_bytes(&[1; 32]).public();
        let line = friend
            .connect(self.now, local.expect("installs"), &key, &[here()])
            .expect("dials");
        self.friend = Some(friend);
        self.hear();
        line
    }

    /// True if the rogue's hashname is the smaller one: its streams have even ids.
    pub fn is_smaller(&self) -> bool {
        self.lines
            .info(self.line)
            .is_some_and(|info| info.who.local < info.who.peer_hashname)
    }

    /// Seals what `write` writes and hands it to the switch.
    ///
    /// # Panics
    /// If the line of the rogue is not up.
    pub fn send(&mut self, write: impl FnOnce(&mut Writer<'_>)) {
        let mut plain = [0; BUFFER_BYTES];
        let mut writer = Writer::new(&mut plain[..BUFFER_BYTES - SEALED_PREFIX - TAG_LEN]);
        write(&mut writer);
        let len = writer.len();
        self.send_plain(&plain[..len]);
    }

    /// The same, but the events stay in the switch.
    pub fn send_unread(&mut self, write: impl FnOnce(&mut Writer<'_>)) {
        let events = std::mem::take(&mut self.events);
        self.keep = true;
        self.send(write);
        self.keep = false;
        self.events = events;
    }

    /// A stranger knocks with this head and zeros behind it.
    ///
    /// # Panics
    /// If the head has more than 65,535 bytes.
    pub fn stranger(&mut self, head: &str) {
        let length = u16::try_from(head.len()).expect("a head that a packet can have");
        let mut datagram = length.to_be_bytes().to_vec();
        datagram.extend_from_slice(head.as_bytes());
        datagram.resize(600, 0);
        self.keep = true;
        self.hand(&mut datagram);
        self.keep = false;
    }

    /// Hands a datagram to the switch that comes from somewhere else.
    pub fn hand_from(&mut self, remote: SocketAddr, datagram: &mut [u8]) {
        let meta = from(remote, datagram.len());
        self.switch.handle_datagram(self.now, &meta, datagram);
    }

    /// Seals these bytes, frames or not, and hands them to the switch.
    ///
    /// # Panics
    /// If the line of the rogue is not up, or they are more than a datagram has room for.
    pub fn send_plain(&mut self, plain: &[u8]) {
        let mut buf = [0; BUFFER_BYTES];
        buf[SEALED_PREFIX..SEALED_PREFIX + plain.len()].copy_from_slice(plain);
        let sealed = self.lines.seal(self.line, &mut buf, plain.len());
        let (len, _) = sealed.expect("the rogue's line is up");
        self.hand(&mut buf[..len]);
    }

    /// The same, and they come from somewhere else.
    ///
    /// # Panics
    /// As [`Rogue::send_plain`] does.
    pub fn send_plain_from(&mut self, remote: SocketAddr, plain: &[u8]) {
        let home = std::mem::replace(&mut self.address, remote);
        self.send_plain(plain);
        self.address = home;
    }

    /// Hears everything that the switch has to say and tells how it closed the line, if it did.
    pub fn hear(&mut self) -> Option<(u64, String)> {
        let mut closed = None;
        let mut buf = [0; 65_536];
        loop {
            let busy = self.hear_friend(&mut buf);
            while let Some(transmit) = self.switch.poll_transmit(self.now, &mut buf) {
                let remote = transmit.path.remote;
                for datagram in buf[..transmit.len].chunks_mut(transmit.segment) {
                    keep(&mut self.kept, datagram);
                    if remote == self.address {
                        closed = self.take(transmit.path, datagram).or(closed);
                    } else if let Some(friend) =
                        self.friend.as_mut().filter(|_| remote == friend_address())
                    {
                        friend.handle_datagram(self.now, &from(here(), datagram.len()), datagram);
                    } else {
                        *self.strayed.entry(remote).or_default() += datagram.len() as u64;
                    }
                }
            }
            if !busy {
                return closed;
            }
        }
    }

    /// Hands on what the friend has to say; true if there was something.
    fn hear_friend(&mut self, buf: &mut [u8]) -> bool {
        let mut busy = false;
        let Some(friend) = &mut self.friend else {
            return false;
        };
        while let Some(transmit) = friend.poll_transmit(self.now, buf) {
            busy = true;
            for datagram in buf[..transmit.len].chunks_mut(transmit.segment) {
                keep(&mut self.kept, datagram);
                let meta = from(friend_address(), datagram.len());
                self.switch.handle_datagram(self.now, &meta, datagram);
            }
        }
        busy
    }

    fn take(&mut self, path: Path, datagram: &mut [u8]) -> Option<(u64, String)> {
        let mut fx = Effects::new(64);
        let route = Route {
            socket: SOCKET,
            path,
        };
        let _answer = self.lines.on_answer(self.now, route, datagram, &mut fx);
        let unsealed = self.lines.unseal(self.now, route, datagram, &mut fx).ok()?;
        self.heard.insert(unsealed.counter..unsealed.counter + 1);
        Frames::new(unsealed.plain).flatten().find_map(|frame| {
            let Frame::Close { code, reason } = frame else {
                return None;
            };
            Some((code, reason.to_owned()))
        })
    }

    fn hand(&mut self, datagram: &mut [u8]) {
        keep(&mut self.kept, datagram);
        let meta = from(self.address, datagram.len());
        self.switch.handle_datagram(self.now, &meta, datagram);
        while let Some(event) = (!self.keep).then(|| self.switch.poll_event()).flatten() {
            self.events.push(event);
        }
    }
}

fn keep(kept: &mut Vec<Vec<u8>>, datagram: &[u8]) {
    if kept.len() < KEPT_MAX {
        kept.push(datagram.to_vec());
    }
}

fn here() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 4000))
}

fn friend_address() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 3], 4000))
}

fn switch(config: &Config, seed: u8, provider: &'static dyn Provider) -> Recorded {
    let seed = Seed::new([seed; 32]);
    Recorded::new(config.clone(), &seed, provider, None).expect("a legal config")
}

fn bind(switch: &mut Recorded, local: SocketAddr) {
    let socket = SOCKET;
    switch.handle_network_change(Time::ZERO, &[Interface { socket, local }]);
    switch.handle_clock(Time::ZERO, Wall::from_ms(1_700_000_000_000));
}

fn from(remote: SocketAddr, stride: usize) -> Meta {
    Meta {
        socket: SOCKET,
        path: Path::to(remote),
        interface: 0,
        ecn: Ecn::None,
        stride,
    }
}
