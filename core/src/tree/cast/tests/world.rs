//! Many members joined by ordered queues, with everything from one seed.

use std::{format, vec};

use super::{keys, stub, stub_verify};
use crate::{
    base::{Seed, Wall},
    tree::cast::*,
};

/// A number from a seed: fast, and good enough to choose by.
#[derive(Clone, Debug)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }

    pub(super) fn one_in(&mut self, limit: u64) -> bool {
        self.below(limit) == 0
    }
}

/// What a member was told of one origin, in order: the first and the last number, and if it is a gap.
pub(super) type Heard = Vec<(u64, u64, bool)>;

pub(super) struct Member {
    pub(super) node: Node,
    pub(super) cast: Cast,
    pub(super) alive: bool,
    pub(super) heard: BTreeMap<Node, Heard>,
    /// How far each origin was when this member took over a neighbour's positions.
    pub(super) took_over: Option<BTreeMap<Node, u64>>,
    next_slot: Slot,
    /// Reads only once in so many steps.
    pub(super) lazy: u64,
}

/// A link: two ends, a queue each way, and how slowly it goes.
pub(super) struct Wire {
    pub(super) ends: [(usize, Slot); 2],
    pub(super) queues: [VecDeque<(u64, Vec<u8>)>; 2],
    delay_us: u64,
    /// Packets a step; none while it stalls.
    width: u64,
    stalls_until: u64,
}

pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) now: u64,
    pub(super) config: Arc<Config>,
    pub(super) members: Vec<Member>,
    pub(super) wires: Vec<Wire>,
    /// What everybody broadcast.
    pub(super) said: BTreeMap<Node, Vec<Vec<u8>>>,
    epochs: u64,
    buf: Vec<u8>,
}

pub(super) const STEP_US: u64 = 5_000;

impl World {
    pub(super) fn new(seed: u64, config: Config) -> Self {
        Self {
            dice: Dice(seed),
            now: 1_000_000,
            config: Arc::new(config),
            members: Vec::new(),
            wires: Vec::new(),
            said: BTreeMap::new(),
            epochs: 1_000,
            buf: vec![0; 1 << 17],
        }
    }

    pub(super) fn time(&self) -> Time {
        Time::from_us(self.now)
    }

    /// A member begins its life.
    pub(super) fn add(&mut self, key: usize) -> usize {
        self.epochs += 1 + self.dice.below(50);
        let node = Node {
            key: keys()[key],
            epoch: self.epochs,
        };
        let mut rng = Rng::new(&Seed::new([7; 32]));
        self.members.push(Member {
            node,
            cast: Cast::new(self.config.clone(), node, &mut rng),
            alive: true,
            heard: BTreeMap::new(),
            took_over: None,
            next_slot: 0,
            lazy: 1,
        });
        self.said.insert(node, Vec::new());
        self.members.len() - 1
    }

    pub(super) fn link(&mut self, a: usize, b: usize) {
        let now = self.time();
        let mut ends = [(a, 0), (b, 0)];
        for (end, (one, other)) in ends.iter_mut().zip([(a, b), (b, a)]) {
            let key = self.members[other].node.key;
            let member = &mut self.members[one];
            end.1 = member.next_slot;
            member.next_slot += 1;
            member.cast.on_linked(now, end.1, key, false);
        }
        let slow = self.dice.one_in(6);
        self.wires.push(Wire {
            ends,
            queues: [VecDeque::new(), VecDeque::new()],
            delay_us: 1_000 + self.dice.below(50_000),
            width: if slow { 1 } else { 8 },
            stalls_until: 0,
        });
    }

    pub(super) fn cut(&mut self, wire: usize) {
        for (member, slot) in self.wires.swap_remove(wire).ends {
            if self.members[member].alive {
                self.members[member].cast.on_unlinked(slot);
            }
        }
    }

    pub(super) fn stall(&mut self, wire: usize, us: u64) {
        self.wires[wire].stalls_until = self.now + us;
    }

    /// A member dies without a word.
    pub(super) fn crash(&mut self, member: usize) {
        self.members[member].alive = false;
        while let Some(wire) = self.wires.iter().position(|wire| wire.has(member)) {
            self.cut(wire);
        }
    }

    /// A member that died lives again.
    pub(super) fn restart(&mut self) {
        let lives = |key: &PublicKey| {
            let mut members = self.members.iter();
            members.any(|it| it.alive && it.node.key == *key)
        };
        let mut keys = keys().iter().take(self.members.len());
        if let Some(key) = keys.position(|key| !lives(key)) {
            self.add(key);
        }
    }

    /// The component of each member.
    pub(super) fn components(&self) -> Vec<usize> {
        let mut of: Vec<usize> = (0..self.members.len()).collect();
        for wire in &self.wires {
            let [a, b] = wire.ends.map(|end| of[end.0]);
            for it in &mut of {
                if *it == a {
                    *it = b;
                }
            }
        }
        of
    }

    pub(super) fn living(&self) -> Vec<usize> {
        let all = 0..self.members.len();
        all.filter(|it| self.members[*it].alive).collect()
    }

    /// Links two members that are not in one tree yet, if there are any. False: all are.
    pub(super) fn join_two(&mut self) -> bool {
        let (of, living) = (self.components(), self.living());
        let Some(a) = living.get(self.dice.below(living.len() as u64) as usize) else {
            return false;
        };
        let others: Vec<usize> = living
            .iter()
            .copied()
            .filter(|b| of[*b] != of[*a])
            .collect();
        if others.is_empty() {
            return false;
        }
        let b = others[self.dice.below(others.len() as u64) as usize];
        self.link(*a, b);
        true
    }

    pub(super) fn broadcast(&mut self, member: usize, len: usize) -> bool {
        let (now, wall) = (self.time(), Wall::from_ms(self.now / 1000));
        let it = &mut self.members[member];
        let key = it.node.key;
        let said = self.said.get_mut(&it.node).unwrap();
        let mut bytes = format!("{:?} says {}", key, said.len() + 1).into_bytes();
        bytes.resize(len.max(bytes.len()), said.len() as u8);
        let sign = |kind: &str, bytes: &[u8]| stub(&key, kind, bytes);
        match it.cast.broadcast(now, wall, &sign, &bytes) {
            Ok(sequence) => {
                said.push(bytes);
                assert_eq!(sequence, said.len() as u64);
                true
            }
            Err(error) => {
                assert_eq!(error, BroadcastError::Blocked);
                false
            }
        }
    }

    /// A few milliseconds: packets arrive, members speak and read.
    pub(super) fn step(&mut self) {
        self.now += STEP_US;
        let now = self.time();
        self.arrive();
        for wire in &mut self.wires {
            if wire.stalls_until > self.now {
                continue;
            }
            for (side, (member, slot)) in wire.ends.into_iter().enumerate() {
                let cast = &mut self.members[member].cast;
                for _ in 0..wire.width {
                    let mut packet = Vec::new();
                    if !cast.poll(now, slot, PACKET_MOST, &mut packet) {
                        assert!(packet.is_empty());
                        break;
                    }
                    assert!(packet.len() <= PACKET_MOST);
                    let at = self.now + self.dice.below(wire.delay_us);
                    let at = at.max(wire.queues[side].back().map_or(0, |it| it.0));
                    wire.queues[side].push_back((at, packet));
                }
            }
        }
        for at in 0..self.members.len() {
            if self.members[at].alive {
                self.turn(at);
            }
        }
    }

    fn arrive(&mut self) {
        let now = self.time();
        for wire in &mut self.wires {
            for (side, queue) in wire.queues.iter_mut().enumerate() {
                let (member, slot) = wire.ends[1 - side];
                let cast = &mut self.members[member].cast;
                while queue.front().is_some_and(|it| it.0 <= self.now) && !cast.is_held(now, slot) {
                    let (_, bytes) = queue.pop_front().unwrap();
                    let packet = Packet::decode(&bytes).unwrap();
                    let done = cast.on_packet(now, slot, &packet, &stub_verify);
                    assert_eq!(done, Ok(()), "nobody lies here");
                }
            }
        }
    }

    /// One member does what is due and reads.
    fn turn(&mut self, at: usize) {
        let now = self.time();
        let member = &mut self.members[at];
        if member.cast.deadline().is_some_and(|due| due <= now) {
            member.cast.on_deadline(now);
        }
        if member.took_over.is_none() && member.cast.took_over {
            let said = self.said.iter();
            let next = said.map(|(node, said)| (*node, said.len() as u64 + 1));
            member.took_over = Some(next.collect());
        }
        assert!(member.cast.ring_bytes() <= u64::from(self.config.ring_bytes));
        if self.dice.one_in(member.lazy) {
            self.read(at);
        }
    }

    pub(super) fn read(&mut self, at: usize) {
        let member = &mut self.members[at];
        loop {
            let (origin, range) = match member.cast.read(&mut self.buf) {
                Ok(Told::Message {
                    origin,
                    sequence,
                    len,
                    ..
                }) => {
                    let said = &self.said[&origin][sequence as usize - 1];
                    assert_eq!(&self.buf[..len], said, "a message is as it was said");
                    (origin, (sequence, sequence, false))
                }
                Ok(Told::Gap {
                    origin,
                    first,
                    last,
                }) => (origin, (first, last, true)),
                Err(ReadError::Blocked) => return,
                Err(error) => panic!("{error}"),
            };
            member.heard.entry(origin).or_default().push(range);
        }
    }

    /// Lets everything arrive that is under way.
    pub(super) fn settle(&mut self) {
        for member in &mut self.members {
            member.lazy = 1;
        }
        for _ in 0..20_000 {
            self.step();
            let wires = &self.wires;
            let under_way = wires
                .iter()
                .any(|it| it.queues.iter().any(|it| !it.is_empty()));
            let mut ends = wires.iter().flat_map(|wire| wire.ends);
            let talks = |(member, slot): (usize, Slot)| {
                let cast = &self.members[member].cast;
                cast.has_output(slot) || cast.is_held(self.time(), slot)
            };
            if !under_way && !ends.any(talks) {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    pub(super) fn duplicates(&self) -> u64 {
        let living = self.members.iter().filter(|it| it.alive);
        living.map(|it| it.cast.stats().duplicates).sum()
    }
}

impl Wire {
    pub(super) fn has(&self, member: usize) -> bool {
        self.ends.iter().any(|end| end.0 == member)
    }
}
