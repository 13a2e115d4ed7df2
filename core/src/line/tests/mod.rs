//! Tests of the room, alone: by its effects, and as two rooms in memory in virtual time.

use alloc::vec;
use core::net::SocketAddr;

use super::{mac::MacKey, mac::NO_GATE, open::Open, state::End, *};
use crate::{
    base::{Deadline, Effects, Seed, Why},
    identity::Space,
    wire::{Head, Packet, Path, SEALED_OVERHEAD, SEALED_PREFIX, SocketId},
};

mod asked;
mod bytes;
mod crossed;
mod due;
mod heads;
mod life;
mod limits;
mod load;
mod paths;
mod protocol;
mod rekey;
mod renewed;
mod spaces;
mod versions;
mod window;

/// The seed of a property: the environment's or a fixed one.
pub(super) fn seed() -> u64 {
    let seed = std::env::var("HYDROID_SEED").ok();
    let seed = seed.and_then(|text| text.parse().ok()).unwrap_or(7);
    std::println!("HYDROID_SEED={seed}");
    seed
}

fn space() -> SpaceId {
    Space::open("test").unwrap().id()
}

fn secret(n: u8) -> SecretKey {
    SecretKey::from_bytes(&[n; 32])
}

fn route_to(n: u8) -> Route {
    Route {
        socket: SocketId(0),
        path: Path::to(SocketAddr::from(([192, 0, 2, n], 4000))),
    }
}

/// A room with the identity `n`. Neighbours have different providers, if there are several.
fn room(n: u8, config: &Config) -> (Lines, Hashname) {
    let providers = provider::tests::every();
    let provider = providers[n as usize % providers.len()];
    let rng = Rng::new(&Seed::new([n; 32]));
    let mut lines = Lines::with_provider(config, rng, provider);
    let name = lines.install(Time::ZERO, &secret(n), space()).unwrap();
    (lines, name)
}

fn effects() -> Effects<Effect> {
    Effects::new(EFFECTS_MAX)
}

fn drain(fx: &mut Effects<Effect>) -> Vec<Effect> {
    core::iter::from_fn(|| fx.pop()).collect()
}

fn poll(lines: &mut Lines, now: Time) -> Option<(Route, Vec<u8>)> {
    let mut buf = [0; DATAGRAM_MAX];
    let (route, len) = lines.poll_datagram(now, &mut buf)?;
    Some((route, buf[..len].to_vec()))
}

fn poll_one(lines: &mut Lines, now: Time) -> Vec<u8> {
    let (_, bytes) = poll(lines, now).expect("a datagram waits");
    bytes
}

fn seal(lines: &mut Lines, slot: Slot, plain: &[u8]) -> Vec<u8> {
    let mut buf = vec![0; plain.len() + SEALED_OVERHEAD];
    buf[SEALED_PREFIX..][..plain.len()].copy_from_slice(plain);
    let (len, _) = lines.seal(slot, &mut buf, plain.len()).expect("it is up");
    assert_eq!(len, buf.len());
    buf
}

/// An open to the identity `to` by whoever holds `secret` and says to be the holder of `key`.
fn open_as(secret_key: &SecretKey, key: PublicKey, to: u8, line: u32, time: u64) -> Vec<u8> {
    let mut rng = Rng::new(&Seed::new([line as u8; 32]));
    let mut home = Home::new(secret_key, space(), &PureRust, &mut rng);
    home.key = key;
    let peer = secret(to).public();
    let open = Open {
        suite: Suite::ChaCha20Poly1305,
        home: &home,
        peer: &peer,
        mac: &MacKey::new(&NO_GATE, &peer, &space()),
        line,
        time,
        end: End {
            id: 1,
            first_stream: 0,
        },
        told: told::Told::default(),
        asks: None,
        cookie: None,
    };
    open.write(rng).unwrap().0.into_vec()
}

/// What the head in clear of a datagram says to be.
fn kind_of(datagram: &[u8]) -> Result<Option<Kind>, Dropped> {
    let packet = Packet::decode(datagram).map_err(|_short| Dropped::Malformed)?;
    kind(packet.head.bytes())
}

/// One end of a [`World`]: a room, and what a switch would do with it.
struct Side {
    lines: Lines,
    name: Hashname,
    key: PublicKey,
    ups: Vec<(Slot, bool)>,
    downs: Vec<Down>,
    dropped: BTreeMap<Dropped, u32>,
    /// When the next ping goes out; it is repeated until it was answered.
    ping_at: Option<Time>,
    pongs: u32,
}

/// A datagram under way.
#[derive(Clone)]
struct Flight {
    to: usize,
    bytes: Vec<u8>,
}

/// Two rooms and the datagrams between them.
struct World {
    now: Time,
    sides: [Side; 2],
    flights: Vec<Flight>,
    /// Datagrams sent so far.
    sent: usize,
}

const PING: u8 = 1;
const PONG: u8 = 2;

impl World {
    /// Side 0 has the smaller hashname.
    fn new(config: &Config) -> Self {
        let mut sides = [1, 2].map(|n| {
            let (lines, name) = room(n, config);
            Side {
                lines,
                name,
                key: secret(n).public(),
                ups: Vec::new(),
                downs: Vec::new(),
                dropped: BTreeMap::new(),
                ping_at: None,
                pongs: 0,
            }
        });
        sides.sort_by_key(|side| side.name);
        Self {
            now: Time::ZERO,
            sides,
            flights: Vec::new(),
            sent: 0,
        }
    }

    fn open(&mut self, from: usize) -> Slot {
        let (key, route) = (self.sides[1 - from].key, route_to(1 - from as u8));
        let side = &mut self.sides[from];
        let opened = side.lines.open(self.now, side.name, key, &[route], 0);
        opened.expect("it can be opened")
    }

    fn slot(&self, of: usize) -> Option<Slot> {
        let (side, peer) = (&self.sides[of], self.sides[1 - of].name);
        side.lines.find(side.name, peer)
    }

    /// The slot of the line if it is up.
    fn up(&self, of: usize) -> Option<Slot> {
        let slot = self.slot(of)?;
        self.sides[of].lines.next_counter(slot).map(|_| slot)
    }

    /// Everything that both sides want to send goes on its way, unless `lost` says otherwise of
    /// the sender and the number of the datagram.
    fn collect(&mut self, lost: &mut dyn FnMut(usize, usize, &[u8]) -> bool) {
        for from in 0..2 {
            while let Some((_, bytes)) = poll(&mut self.sides[from].lines, self.now) {
                self.send(from, bytes, lost);
            }
            if self.sides[from].ping_at.is_some_and(|at| at <= self.now) {
                self.sides[from].ping_at = None;
                if let Some(slot) = self.up(from) {
                    self.sides[from].ping_at = Some(self.now.plus_ms(300));
                    let bytes = seal(&mut self.sides[from].lines, slot, &[PING]);
                    self.send(from, bytes, lost);
                }
            }
        }
    }

    fn send(
        &mut self,
        from: usize,
        bytes: Vec<u8>,
        lost: &mut dyn FnMut(usize, usize, &[u8]) -> bool,
    ) {
        let number = self.sent;
        self.sent += 1;
        if !lost(from, number, &bytes) {
            let to = 1 - from;
            self.flights.push(Flight { to, bytes });
        }
    }

    /// Takes flight `n` to where it goes, and answers a ping.
    fn deliver(&mut self, n: usize, lost: &mut dyn FnMut(usize, usize, &[u8]) -> bool) {
        let Flight { to, mut bytes } = self.flights.remove(n);
        let route = route_to(1 - to as u8);
        let mut fx = effects();
        let side = &mut self.sides[to];
        let mut ponged = false;
        let mut pinged = None;
        let result = if bytes[..2] == [0, 4] {
            let unsealed = side.lines.unseal(self.now, route, &mut bytes, &mut fx);
            unsealed.map(|unsealed| {
                ponged = unsealed.plain == [PONG];
                pinged = (unsealed.plain == [PING]).then_some(unsealed.slot);
            })
        } else {
            match kind_of(&bytes) {
                Ok(Some(Kind::Open)) => side.lines.on_open(self.now, route, &bytes),
                Ok(Some(Kind::Answer)) => side.lines.on_answer(self.now, route, &bytes, &mut fx),
                other => panic!("a room sends opens and answers, and not {other:?}"),
            }
        };
        if let Err(dropped) = result {
            *side.dropped.entry(dropped).or_default() += 1;
        }
        self.on_effects(to, &mut fx);
        if ponged {
            self.sides[to].pongs += 1;
            self.sides[to].ping_at = None;
        }
        if let Some(slot) = pinged {
            let pong = seal(&mut self.sides[to].lines, slot, &[PONG]);
            self.send(to, pong, lost);
        }
    }

    fn on_effects(&mut self, of: usize, fx: &mut Effects<Effect>) {
        for effect in drain(fx) {
            let side = &mut self.sides[of];
            match effect {
                Effect::Up { slot, ours } => {
                    side.ups.push((slot, ours));
                    side.ping_at = Some(self.now);
                }
                Effect::Paths { .. } => {}
                Effect::Down { why, .. } => side.downs.push(why),
                Effect::Renew { .. } | Effect::Renewed { .. } => {}
                Effect::Refused { .. } | Effect::Expelled { .. } => {
                    panic!("nobody is put out of an open space")
                }
            }
        }
    }

    fn deadline(&self) -> Option<Time> {
        let of = |side: &Side| {
            let room = side.lines.deadline().map(|deadline| deadline.at);
            [room, side.ping_at].into_iter().flatten().min()
        };
        self.sides.iter().filter_map(of).min()
    }

    /// Goes to the next deadline; false if there is none.
    fn advance(&mut self) -> bool {
        let Some(at) = self.deadline() else {
            return false;
        };
        self.now = self.now.max(at);
        for of in 0..2 {
            let mut fx = effects();
            self.sides[of].lines.on_deadline(self.now, &mut fx);
            self.on_effects(of, &mut fx);
        }
        true
    }

    /// Delivers in order and lets time pass until nothing is left to do.
    fn settle(&mut self, lost: &mut dyn FnMut(usize, usize, &[u8]) -> bool) {
        for _ in 0..2000 {
            self.collect(lost);
            if !self.flights.is_empty() {
                self.deliver(0, lost);
            } else if !self.advance() {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    /// Asserts that there is one line, the same at both ends, that works, and nothing else.
    fn assert_one_line(&mut self) {
        for of in 0..2 {
            let side = &self.sides[of];
            assert_eq!(side.ups.len(), 1, "side {of} came up once");
            assert_eq!(side.downs, [], "side {of} never went down");
            assert_eq!(side.lines.slots.len(), 1, "side {of} has one line");
            assert_eq!(side.lines.ids.len(), 1, "side {of} has one session");
            assert_eq!((side.lines.held.len(), side.lines.answers()), (0, 0));
            assert!(side.pongs > 0, "side {of} was heard");
        }
        let [a, b] = [0, 1].map(|of| {
            let slot = self.up(of).expect("the line is up");
            let line = self.sides[of].lines.slots.get(slot).unwrap();
            assert!(line.pending.is_none() && line.older.is_none());
            line
        });
        let (one, other) = (a.current.as_ref().unwrap(), b.current.as_ref().unwrap());
        assert_eq!((one.ours, one.theirs), (other.theirs, other.ours));
        assert_eq!(one.sealing.bytes(), other.opening.bytes());
        assert_eq!(one.opening.bytes(), other.sealing.bytes());
        assert_eq!(Some(a.end), b.peer_end);
        assert_eq!(Some(b.end), a.peer_end);
        assert_eq!(a.info.peer_boot, Some(b.info.boot));
        assert_eq!(b.info.peer_boot, Some(a.info.boot));
        assert_eq!(a.info.peer_first_stream, Some(b.info.first_stream));
        assert_eq!(b.info.peer_first_stream, Some(a.info.first_stream));
    }

    /// Asserts that nothing is left on either side.
    fn assert_nothing(&self) {
        for side in &self.sides {
            assert_eq!(side.lines.slots.len(), 0);
            assert_eq!(side.lines.ids.len(), 0);
            assert_eq!(side.lines.held.len(), 0);
            assert_eq!(side.lines.answers(), 0);
            assert_eq!(side.lines.deadline(), None);
        }
    }
}

/// Loses nothing.
fn keep(_from: usize, _number: usize, _bytes: &[u8]) -> bool {
    false
}

/// Two rooms with a line that side 0 opened.
fn connected(config: &Config) -> (World, Slot, Slot) {
    let mut world = World::new(config);
    world.open(0);
    world.settle(&mut keep);
    world.assert_one_line();
    let (a, b) = (world.up(0).unwrap(), world.up(1).unwrap());
    (world, a, b)
}
