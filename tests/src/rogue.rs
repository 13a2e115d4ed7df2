//! A peer that has proved its key and then says whatever a test wants: sealed packets of frames
//! that no honest switch would write.

use std::net::SocketAddr;

use hydroid_core::{
    base::{Effects, Rng, Seed, Slot, Time, Wall},
    identity::{SecretKey, Space},
    line::{self, Lines},
    switch::{Config, Ecn, Event, Interface, Meta, Path, Route, SocketId, Switch},
    wire::{
        SEALED_PREFIX, TAG_LEN,
        frame::{Frame, Frames, Writer},
    },
};

const SOCKET: SocketId = SocketId(0);
const BUFFER_BYTES: usize = 2048;

/// A rogue and the switch that it has a line with.
#[derive(Debug)]
pub struct Rogue {
    /// The honest end.
    pub switch: Switch,
    /// What the switch told.
    pub events: Vec<Event>,
    /// Now.
    pub now: Time,
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
        let here = SocketAddr::from(([10, 0, 0, 1], 4000));
        let space = Space::open("world").expect("a legal name");
        let now = Time::ZERO;
        let mut switch = Switch::new(config.clone(), &Seed::new([1; 32])).expect("a legal config");
        switch.handle_network_change(
            now,
            &[Interface {
                socket: SOCKET,
                local: here,
            }],
        );
        let honest = SecretKey::from_bytes(&[1; 32]);
        switch.install(now, &honest, &space).expect("installs");
        let mut lines = Lines::new(&line::Config::default(), Rng::new(&Seed::new([2; 32])));
        lines.handle_clock(now, Wall::from_ms(1_700_000_000_000));
        let secret = SecretKey::from_bytes(&[2; 32]);
        let local = lines.install(now, &secret, space.id()).expect("installs");
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
        assert!(!rogue.events.is_empty(), "the line comes up");
        rogue.events.clear();
        rogue
    }

    /// True if the rogue's hashname is the smaller one: its streams have even ids.
    pub fn is_smaller(&self) -> bool {
        self.lines
            .info(self.line)
            .is_some_and(|info| info.local < info.peer_hashname)
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

    /// Seals these bytes, frames or not, and hands them to the switch.
    ///
    /// # Panics
    /// If the line of the rogue is not up.
    pub fn send_plain(&mut self, plain: &[u8]) {
        let mut buf = [0; BUFFER_BYTES];
        buf[SEALED_PREFIX..SEALED_PREFIX + plain.len()].copy_from_slice(plain);
        let sealed = self.lines.seal(self.line, &mut buf, plain.len());
        let (len, _) = sealed.expect("the rogue's line is up");
        self.hand(&mut buf[..len]);
    }

    /// Hears everything that the switch has to say and tells how it closed the line, if it did.
    pub fn hear(&mut self) -> Option<(u64, String)> {
        let mut closed = None;
        let mut fx = Effects::new(64);
        let mut buf = [0; 65_536];
        while let Some(transmit) = self.switch.poll_transmit(self.now, &mut buf) {
            for datagram in buf[..transmit.len].chunks_mut(transmit.segment) {
                let route = Route {
                    socket: SOCKET,
                    path: transmit.path,
                };
                let _answer = self.lines.on_answer(self.now, route, datagram, &mut fx);
                if let Ok(unsealed) = self.lines.unseal(self.now, route, datagram, &mut fx) {
                    for frame in Frames::new(unsealed.plain).flatten() {
                        if let Frame::Close { code, reason } = frame {
                            closed = Some((code, reason.to_owned()));
                        }
                    }
                }
            }
        }
        closed
    }

    fn hand(&mut self, datagram: &mut [u8]) {
        let meta = Meta {
            socket: SOCKET,
            path: Path::to(self.address),
            interface: 0,
            ecn: Ecn::None,
            stride: datagram.len(),
        };
        self.switch.handle_datagram(self.now, &meta, datagram);
        while let Some(event) = (!self.keep).then(|| self.switch.poll_event()).flatten() {
            self.events.push(event);
        }
    }
}
