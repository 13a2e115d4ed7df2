//! Many images joined by queues, and the truth about them.

use std::{
    collections::{BTreeMap, VecDeque},
    format, println,
    string::String,
    vec,
};

use super::{super::*, key, rng, seal, sealed};

/// One who is there.
pub(super) struct Peer {
    pub(super) image: Image,
    pub(super) node: Node,
    pub(super) parent: Option<usize>,
    pub(super) places: Vec<SocketAddr>,
    pub(super) name: Option<String>,
    pub(super) leaf: bool,
    /// Nobody changes its place until then: it is dead to some and not yet to all, or underway.
    pub(super) busy: bool,
}

/// A line: who is at its ends, and what is on its way to each.
struct Line {
    ends: [usize; 2],
    backup: bool,
    delay_us: u64,
    queues: [VecDeque<(Time, Vec<u8>)>; 2],
}

/// What happens later.
#[derive(Clone, Copy, Debug)]
pub(super) enum Later {
    /// Somebody sees that another is gone.
    Notice { who: usize, gone: Node },
    /// Somebody without a parent finds one.
    Attach { who: usize },
    /// Somebody starts again.
    Start { who: usize },
}

/// All of them. A place is a key; the one who is there now may be another life than before.
pub(super) struct World {
    pub(super) now: Time,
    pub(super) rng: Rng,
    pub(super) peers: BTreeMap<usize, Peer>,
    lines: BTreeMap<u32, Line>,
    later: BTreeMap<(Time, u64), Later>,
    config: Arc<Config>,
    arity: usize,
    made: u64,
    pub(super) packets: u64,
}

impl World {
    pub(super) fn new(seed: u64, config: Config, arity: usize) -> Self {
        Self {
            now: Time::ZERO,
            rng: rng(seed),
            peers: BTreeMap::new(),
            lines: BTreeMap::new(),
            later: BTreeMap::new(),
            config: config.into(),
            arity,
            made: 0,
            packets: 0,
        }
    }

    fn number(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.rng.below(limit as u64) as usize
    }

    /// Somebody of these; none if there are none.
    pub(super) fn any_of(&mut self, all: &[usize]) -> Option<usize> {
        let at = self.below(all.len().max(1));
        all.get(at).copied()
    }

    pub(super) fn after(&mut self, ms: u64, what: Later) {
        let number = self.number();
        self.later.insert((self.now.plus_ms(ms), number), what);
    }

    /// Somebody appears, alone.
    pub(super) fn start(&mut self, who: usize) {
        let epoch = 1_700_000_000_000 + self.now.as_us() / 1000 + self.number();
        let node = Node {
            key: key(who),
            epoch,
        };
        let config = self.config.clone();
        let image = Image::new(config, node, self.arity as u8, &mut self.rng);
        let mut octets = self.rng.bytes::<4>();
        octets[0] = 10;
        let peer = Peer {
            image,
            node,
            parent: None,
            places: vec![(octets, 4000 + who as u16).into()],
            name: None,
            leaf: false,
            busy: false,
        };
        self.peers.insert(who, peer);
        self.stand(who);
    }

    /// Tells somebody's image where it stands.
    pub(super) fn stand(&mut self, who: usize) {
        let now = self.now;
        if let Some(peer) = self.peers.get_mut(&who) {
            let parent = peer.parent.map(key);
            let (places, leaf) = (peer.places.clone(), peer.leaf);
            peer.image.set_own(now, parent, &places, leaf);
        }
        self.pump(who);
    }

    pub(super) fn call(&mut self, who: usize, name: &str) {
        let now = self.now;
        if let Some(peer) = self.peers.get_mut(&who) {
            let me = peer.node.key;
            let sign = |kind: &str, bytes: &[u8]| seal(&me, kind, bytes);
            peer.image.set_name(now, name, &sign).unwrap();
            peer.name = (!name.is_empty()).then(|| name.into());
        }
        self.pump(who);
    }

    pub(super) fn children(&self, of: usize) -> Vec<usize> {
        let peers = self.peers.iter();
        let mine = peers.filter(|(_, peer)| peer.parent == Some(of));
        mine.map(|(who, _)| *who).collect()
    }

    pub(super) fn root_of(&self, mut who: usize) -> usize {
        while let Some(parent) = self.peers.get(&who).and_then(|peer| peer.parent) {
            if !self.peers.contains_key(&parent) {
                break;
            }
            who = parent;
        }
        who
    }

    pub(super) fn below_of(&self, who: usize) -> Vec<usize> {
        let mut all = vec![who];
        let mut at = 0;
        while at < all.len() {
            all.extend(self.children(all[at]));
            at += 1;
        }
        all
    }

    pub(super) fn depth(&self) -> u64 {
        let depth = |mut who: usize| {
            let mut steps = 0;
            while let Some(parent) = self.peers[&who].parent {
                (who, steps) = (parent, steps + 1);
            }
            steps
        };
        self.peers.keys().map(|who| depth(*who)).max().unwrap_or(0)
    }

    pub(super) fn linked(&self, one: usize, other: usize) -> Option<u32> {
        let joins = |line: &Line| line.ends == [one, other] || line.ends == [other, one];
        let found = self.lines.iter().find(|(_, line)| joins(line))?;
        Some(*found.0)
    }

    pub(super) fn link(&mut self, one: usize, other: usize, backup: bool) {
        let id = self.number() as u32;
        let delay_us = 10_000 + self.rng.below(40_000);
        let line = Line {
            ends: [one, other],
            backup,
            delay_us,
            queues: [VecDeque::new(), VecDeque::new()],
        };
        self.lines.insert(id, line);
        for (who, with) in [(one, other), (other, one)] {
            let (now, node) = (self.now, self.peers[&with].node);
            let peer = self.peers.get_mut(&who).unwrap();
            peer.image.on_linked(now, id, node, backup);
        }
        self.pump(one);
        self.pump(other);
    }

    /// A line dies with all that is on its way.
    pub(super) fn cut(&mut self, line: u32) {
        if let Some(line_) = self.lines.remove(&line) {
            for who in line_.ends {
                if let Some(peer) = self.peers.get_mut(&who) {
                    peer.image.on_unlinked(line);
                }
            }
        }
    }

    pub(super) fn cut_between(&mut self, one: usize, other: usize) {
        while let Some(line) = self.linked(one, other) {
            self.cut(line);
        }
    }

    /// Somebody hangs itself below another.
    pub(super) fn attach(&mut self, who: usize, parent: usize) {
        self.cut_between(who, parent);
        self.peers.get_mut(&who).unwrap().parent = Some(parent);
        self.stand(who);
        self.link(who, parent, false);
    }

    pub(super) fn detach(&mut self, who: usize) {
        let before = self.peers.get_mut(&who).and_then(|peer| peer.parent.take());
        if let Some(parent) = before {
            self.cut_between(who, parent);
        }
        self.stand(who);
    }

    /// Those who can take `who` below them.
    pub(super) fn takers(&self, who: usize) -> Vec<usize> {
        let below = self.below_of(who);
        let peers = self.peers.iter();
        let can = |(other, peer): &(&usize, &Peer)| {
            let settled = !peer.busy && !peer.leaf && !below.contains(*other);
            settled && self.children(**other).len() < self.arity
        };
        peers.filter(can).map(|(other, _)| *other).collect()
    }

    /// Somebody dies; whoever had a line to it sees it between these times after.
    pub(super) fn die(&mut self, who: usize, from_ms: u64, to_ms: u64) {
        let Some(peer) = self.peers.remove(&who) else {
            return;
        };
        let dead = |line: &&u32| self.lines[*line].ends.contains(&who);
        let lines: Vec<u32> = self.lines.keys().filter(dead).copied().collect();
        for id in lines {
            let line = self.lines.remove(&id).unwrap();
            let other = line.ends[usize::from(line.ends[0] == who)];
            let Some(left) = self.peers.get_mut(&other) else {
                continue;
            };
            left.image.on_unlinked(id);
            if !line.backup {
                left.busy = true;
                let gone = peer.node;
                let ms = from_ms + self.rng.below(to_ms - from_ms + 1);
                self.after(ms, Later::Notice { who: other, gone });
            }
        }
    }

    fn perform(&mut self, later: Later) {
        match later {
            Later::Notice { who, gone } => {
                let now = self.now;
                let Some(peer) = self.peers.get_mut(&who) else {
                    return;
                };
                peer.busy = false;
                peer.image.on_gone(now, gone);
                let orphan = peer.parent.is_some_and(|parent| key(parent) == gone.key);
                if orphan && self.linked(who, self.peers[&who].parent.unwrap()).is_none() {
                    let peer = self.peers.get_mut(&who).unwrap();
                    peer.parent = None;
                    peer.busy = true;
                    self.stand(who);
                    let ms = 20 + self.rng.below(500);
                    self.after(ms, Later::Attach { who });
                }
                self.pump(who);
            }
            Later::Attach { who } => {
                if !self.peers.contains_key(&who) {
                    return;
                }
                let takers = self.takers(who);
                match self.any_of(&takers) {
                    Some(parent) => {
                        self.peers.get_mut(&who).unwrap().busy = false;
                        self.attach(who, parent);
                    }
                    // It stays alone until the trees are made one.
                    None => self.peers.get_mut(&who).unwrap().busy = false,
                }
            }
            Later::Start { who } => {
                self.start(who);
                self.peers.get_mut(&who).unwrap().busy = true;
                self.after(0, Later::Attach { who });
            }
        }
    }

    /// Takes what an image has to say onto its lines.
    pub(super) fn pump(&mut self, who: usize) {
        let now = self.now;
        let Some(peer) = self.peers.get_mut(&who) else {
            return;
        };
        let me = peer.node.key;
        if peer.image.owes_oath() {
            let sign = |kind: &str, bytes: &[u8]| seal(&me, kind, bytes);
            peer.image.swear(now, &sign);
        }
        for (id, line) in &mut self.lines {
            let Some(end) = line.ends.iter().position(|end| *end == who) else {
                continue;
            };
            let mut packet = Vec::new();
            while peer.image.poll(now, *id, 2048, &mut packet) {
                let at = now.plus_us(line.delay_us);
                line.queues[1 - end].push_back((at, core::mem::take(&mut packet)));
                self.packets += 1;
            }
        }
    }

    fn next(&self) -> Option<Time> {
        let lines = self.lines.values().flat_map(|line| &line.queues);
        let packets = lines.filter_map(|queue| queue.front().map(|(at, _)| *at));
        let deadlines = self.peers.values().filter_map(|peer| peer.image.deadline());
        let later = self.later.keys().next().map(|(at, _)| *at);
        packets.chain(deadlines).chain(later).min()
    }

    /// Goes on until a time.
    pub(super) fn run(&mut self, until: Time) {
        while let Some(at) = self.next().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.step();
        }
        self.now = until;
    }

    pub(super) fn run_ms(&mut self, ms: u64) {
        self.run(self.now.plus_ms(ms));
    }

    fn step(&mut self) {
        let now = self.now;
        while let Some(entry) = self.later.first_entry().filter(|it| it.key().0 <= now) {
            let later = entry.remove();
            self.perform(later);
        }
        let mut due = Vec::new();
        for (id, line) in &mut self.lines {
            for (end, queue) in line.queues.iter_mut().enumerate() {
                while queue.front().is_some_and(|(at, _)| *at <= now) {
                    let (_, bytes) = queue.pop_front().unwrap();
                    due.push((line.ends[end], *id, bytes));
                }
            }
        }
        for (who, id, bytes) in due {
            let peer = self.peers.get_mut(&who).unwrap();
            let packet = Packet::decode(&bytes).unwrap();
            let taken = peer.image.on_packet(now, id, &packet, &sealed);
            assert_eq!(taken, Ok(()), "honest packets are never a fault");
            self.pump(who);
        }
        let whom: Vec<usize> = self.peers.keys().copied().collect();
        for who in whom {
            let peer = self.peers.get_mut(&who).unwrap();
            if peer.image.deadline().is_some_and(|at| at <= now) {
                peer.image.on_deadline(now);
                let again = peer.image.deadline();
                assert!(again.is_none_or(|at| at > now), "a deadline is done once");
                self.pump(who);
            }
        }
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.later.is_empty()
    }

    /// Gives each the next one as its backup.
    pub(super) fn back_up(&mut self) {
        let all: Vec<usize> = self.peers.keys().copied().collect();
        for pair in all.windows(2) {
            if self.linked(pair[0], pair[1]).is_none() {
                self.link(pair[0], pair[1], true);
            }
        }
    }

    /// What is not as it is: the first difference of anybody's image from the truth.
    pub(super) fn difference(&self) -> Option<String> {
        for (who, peer) in &self.peers {
            let mut seen: BTreeMap<PublicKey, Member> = BTreeMap::new();
            for member in peer.image.members() {
                seen.insert(member.node.key, member);
            }
            for (other, truth) in &self.peers {
                let own = truth.image.find(&truth.node.key).unwrap();
                let wanted = Member {
                    node: truth.node,
                    parent: truth.parent.map(key),
                    addresses: truth.places.clone(),
                    name: truth.name.clone(),
                    version: own.version,
                    leaf: truth.leaf,
                    depth: None,
                };
                let mut found = seen.remove(&truth.node.key);
                if let Some(found) = &mut found {
                    found.depth = None;
                }
                if found.as_ref() != Some(&wanted) {
                    return Some(format!(
                        "{who} sees {other} as\n{found:?}, it is\n{wanted:?}"
                    ));
                }
            }
            if let Some(ghost) = seen.into_values().next() {
                return Some(format!("{who} sees a ghost {ghost:?}"));
            }
        }
        None
    }

    /// Who hangs below whom, and how many each sees.
    fn print(&self) {
        for (who, peer) in &self.peers {
            let (parent, sees) = (peer.parent, peer.image.len());
            let lines = self.lines.values().filter(|line| line.ends.contains(who));
            let lines: Vec<_> = lines.map(|line| line.ends).collect();
            println!(
                "{who} below {parent:?}, lines {lines:?}, sees {sees}: {:?}",
                peer.image.stats()
            );
        }
    }

    /// Runs until all images are true, and tells how long that took.
    pub(super) fn settle(&mut self, most_ms: u64) -> Result<u64, String> {
        let from = self.now;
        let mut difference = self.difference();
        while let Some(what) = difference {
            let ms = self.now.since_us(from) / 1000;
            if ms >= most_ms {
                self.print();
                return Err(format!("after {ms} ms {what}"));
            }
            self.run_ms(20);
            difference = self.difference();
        }
        Ok(self.now.since_us(from) / 1000)
    }
}
