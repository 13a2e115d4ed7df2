//! Schedules: what may happen to two or three machines that keep lines to each other while their
//! applications use streams, drawn from one seed. Machines start again with and without what they
//! kept, sleep, fall silent and move, lines are closed, datagrams are lost. Nothing of that may end
//! a line but what cuts it, and then everything works again.

use std::collections::{BTreeMap, BTreeSet};

use hydroid_core::{
    base::{Rng, Seed, Time},
    identity::SecretKey,
    line::Suite,
    switch::{Config, DownReason, Event, Interface, Life, LineEvent, LineId, LineState},
};

use super::app::{App, Truth};
use crate::world::{Link, SOCKET, World};

/// A silence that no line dies of, in milliseconds, if nothing happened just before.
const SHORT_MS: u64 = 8_000;
/// A silence that lines die of.
const LONG_MS: u64 = 45_000;
/// A handshake that was under way with somebody who has just gone may bring up a line that gives
/// way to the next: what it takes, with a datagram or two lost.
const FLIGHT_MS: u64 = 2_000;
/// So long a machine may need to hear where another has gone.
const FOLLOW_MS: u64 = 3_000;
/// How long a healed world may take: the longest redial, an idle time, and some.
const HEALING_MS: u64 = 45_000;

/// Machines, what happens to them, and what their applications know.
#[derive(Debug)]
pub struct Schedule {
    world: World,
    rng: Rng,
    configs: Vec<Config>,
    secrets: Vec<SecretKey>,
    apps: Vec<App>,
    truth: Truth,
    numbers: u64,
    /// Which nodes keep a line to which.
    kept: BTreeSet<(usize, usize)>,
    /// When each line came up.
    ups: BTreeMap<(usize, LineId), Time>,
    /// When something last happened to each node that ends its lines.
    cuts: Vec<Time>,
    /// When the last silence of any node ended.
    silence: Time,
    /// Who moved lately, and when.
    moves: Vec<(usize, Time)>,
    log: Vec<String>,
}

/// What a schedule came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// Stands for every datagram that was sent.
    pub digest: u64,
    /// Directions that were read to their very end.
    pub whole: u64,
    /// Ends of streams that a line took with it.
    pub cut: u64,
    /// Lines that came up, counted at each end.
    pub lines: u64,
    /// Sleeps that the switches noticed.
    pub sleeps: u64,
}

/// Runs the schedule of this seed and demands everything of it.
pub fn run(seed: u64) -> Outcome {
    let mut schedule = Schedule::new(seed);
    let operations = 10 + schedule.rng.below(15);
    for _ in 0..operations {
        schedule.operate();
        let gap_ms = [0, 5, 200, 2_000][schedule.draw(4)];
        let gap_ms = schedule.rng.below(gap_ms + 1);
        schedule.attend(gap_ms);
    }
    schedule.heal();
    schedule.outcome()
}

impl Schedule {
    fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[31] = 2;
        let mut rng = Rng::new(&Seed::new(bytes));
        let count = 2 + rng.below(2) as u8;
        let configs: Vec<_> = (0..count).map(|_| draw_config(&mut rng)).collect();
        let world = World::new(seed, count.into(), &configs[0], draw_link(&mut rng));
        let mut schedule = Self {
            world,
            secrets: (0..count)
                .map(|_| SecretKey::from_bytes(&rng.bytes()))
                .collect(),
            rng,
            configs,
            apps: (0..count).map(|_| App::default()).collect(),
            truth: Truth::new(),
            numbers: 0,
            kept: BTreeSet::new(),
            ups: BTreeMap::new(),
            cuts: vec![Time::ZERO; count.into()],
            silence: Time::ZERO,
            moves: Vec::new(),
            log: Vec::new(),
        };
        for node in 0..count as usize {
            schedule.restart(node, false);
        }
        schedule.kept.insert((0, 1));
        for node in 1..count as usize {
            let other = (node + 1) % count as usize;
            schedule.kept.insert((node, other));
        }
        schedule.keep_all();
        schedule.attend(200);
        schedule
    }

    fn draw(&mut self, below: usize) -> usize {
        self.rng.below(below as u64) as usize
    }

    /// What a machine's clock shows.
    fn time(&self, node: usize) -> Time {
        self.world.nodes[node].time(self.world.now)
    }

    /// Every machine that is awake asks for the lines that it keeps, as its program would.
    fn keep_all(&mut self) {
        for (from, to) in self.kept.clone() {
            let (key, address) = (self.world.nodes[to].key, self.world.nodes[to].address);
            let now = self.time(from);
            let node = &mut self.world.nodes[from];
            if node.asleep.is_none() {
                let kept = node.switch.keep_line(now, node.hashname, &key, &[address]);
                kept.expect("a line to keep");
            }
        }
    }

    /// Whatever lines the node has may end for this, at either end.
    fn cut(&mut self, node: usize) {
        self.cuts[node] = self.world.now;
    }

    fn restart(&mut self, node: usize, kept: bool) {
        self.cut(node);
        self.apps[node] = App::default();
        self.ups.retain(|(of, _), _| *of != node);
        let secret = &self.secrets[node];
        let (config, address) = (&self.configs[node], self.world.nodes[node].address);
        if kept {
            self.world.restart_kept(node, secret, config);
        } else {
            self.world.restart(node, secret, config);
        }
        if address != self.world.nodes[node].address {
            self.place(node, address);
        }
    }

    /// The machine has this address now.
    fn place(&mut self, node: usize, address: std::net::SocketAddr) {
        let now = self.time(node);
        let node = &mut self.world.nodes[node];
        node.address = address;
        let interface = Interface {
            socket: SOCKET,
            local: address,
        };
        node.switch.handle_network_change(now, &[interface]);
    }

    /// Does one thing, drawn.
    fn operate(&mut self) {
        let (node, kind) = (self.draw(self.apps.len()), self.rng.below(100));
        let address = self.world.nodes[node].address;
        self.log.push(format!(
            "{:?} node {node} at {address} does {kind}",
            self.world.now
        ));
        match kind {
            0..30 => self.open(node),
            30..62 => self.write(node),
            62..70 => self.lose(),
            70..77 => {
                let kept = self.rng.below(2) == 0;
                self.restart(node, kept);
                self.attend(self.log.len() as u64 % 1_000);
                self.keep_all();
            }
            77..85 => self.sleep(node),
            85..91 => self.silence(node),
            91..95 => self.roam(node),
            _ => self.close(node),
        }
    }

    fn draw_line(&mut self, node: usize) -> Option<LineId> {
        let lines = self.apps[node].lines.iter();
        let lines: Vec<_> = lines.filter(|(_, line)| line.up && !line.down).collect();
        let at = self.rng.below(lines.len() as u64) as usize;
        lines.get(at).map(|(id, _)| **id)
    }

    fn open(&mut self, node: usize) {
        let Some(line) = self.draw_line(node) else {
            return;
        };
        let now = self.time(node);
        for _ in 0..=self.rng.below(3) {
            self.numbers += 1;
            let switch = &mut self.world.nodes[node].switch;
            let what = (line, self.numbers);
            self.apps[node].open(switch, now, what, &mut self.truth);
        }
        self.write(node);
    }

    /// More is to be written in every stream, and the end behind it in some.
    fn write(&mut self, node: usize) {
        let open: Vec<_> = self.apps[node].streams.keys().copied().collect();
        for stream in open {
            let most = 16 << self.rng.below(10);
            let bytes = self.rng.below(most);
            let finish = self.rng.below(3) == 0;
            self.apps[node].want(stream, bytes, finish);
        }
        let now = self.time(node);
        let switch = &mut self.world.nodes[node].switch;
        self.apps[node].pump(switch, now, &mut self.truth);
    }

    /// The link is bad for a while.
    fn lose(&mut self) {
        let before = self.world.link;
        self.world.link = Link {
            loss: 150,
            double: self.rng.below(100),
            damage: self.rng.below(30),
            ..before
        };
        let ms = self.rng.below(6_000);
        self.attend(ms);
        self.world.link = before;
    }

    /// How long a silence takes, and whether lines may end for it.
    fn draw_silence(&mut self, node: usize) -> u64 {
        let last = self
            .cuts
            .iter()
            .fold(self.silence, |last, cut| last.max(*cut));
        let alone = last.plus_ms(2 * SHORT_MS) < self.world.now;
        let ms = if self.rng.below(3) == 0 {
            LONG_MS + self.rng.below(LONG_MS)
        } else {
            self.rng.below(SHORT_MS)
        };
        if ms > SHORT_MS || !alone {
            // Until its end, and whatever comes up meanwhile.
            self.cuts[node] = self.world.now.plus_ms(ms);
        }
        ms
    }

    fn sleep(&mut self, node: usize) {
        let ms = self.draw_silence(node);
        let counted = self.rng.below(2) == 0;
        self.world.sleep(node);
        self.attend(ms);
        self.world.wake(node, counted);
        self.silence = self.world.now;
    }

    fn silence(&mut self, node: usize) {
        let ms = self.draw_silence(node);
        self.world.nodes[node].online = false;
        self.attend(ms);
        self.world.nodes[node].online = true;
        self.silence = self.world.now;
    }

    /// The machine moves to another network.
    fn roam(&mut self, node: usize) {
        let host = 100 + self.rng.below(100) as u8;
        let address = ([10, 0, node as u8, host], 4000).into();
        self.place(node, address);
        // Two that move before either has heard of the other may never meet again.
        let now = self.world.now;
        let follows = |(_, at): &(usize, Time)| at.plus_ms(FOLLOW_MS) >= now;
        self.moves.retain(follows);
        self.moves.push((node, now));
        if self.moves.iter().any(|(other, _)| *other != node) {
            for (moved, _) in self.moves.clone() {
                self.cut(moved);
            }
        }
    }

    fn close(&mut self, node: usize) {
        if let Some(line) = self.draw_line(node) {
            let now = self.time(node);
            let switch = &mut self.world.nodes[node].switch;
            let _over = switch.close(now, line, 5, "enough");
            self.cut(node);
        }
    }

    /// Runs for so long with applications that do what events call for.
    fn attend(&mut self, ms: u64) {
        let end = self.world.now.plus_ms(ms);
        loop {
            let left = end.since_us(self.world.now) / 1000;
            let heard = self.world.until(left, |world| {
                let mut nodes = world.nodes.iter();
                nodes.any(|node| !node.events.is_empty()).then_some(())
            });
            if heard.is_none() {
                return;
            }
            for node in 0..self.apps.len() {
                self.hear(node);
            }
        }
    }

    fn hear(&mut self, node: usize) {
        let now = self.time(node);
        let mut heard = false;
        while let Some(event) = self.world.nodes[node].events.pop_front() {
            heard = true;
            if let Event::Line(event) = &event {
                self.on_line(node, event);
            }
            let switch = &self.world.nodes[node].switch;
            self.apps[node].on_event(switch, &event);
        }
        if heard {
            let switch = &mut self.world.nodes[node].switch;
            self.apps[node].pump(switch, now, &mut self.truth);
        }
    }

    /// A line that was up ends for a reason that somebody gave it.
    fn on_line(&mut self, node: usize, event: &LineEvent) {
        self.log
            .push(format!("{:?} node {node} hears {event:?}", self.world.now));
        match event {
            LineEvent::Up { line, .. } => {
                self.ups.insert((node, *line), self.world.now);
            }
            LineEvent::Down { line, reason } => {
                let known = self.apps[node].lines.entry(*line).or_default();
                let peer = known.peer;
                let Some(up) = self.ups.get(&(node, *line)) else {
                    assert_eq!(*reason, DownReason::Unreachable, "{line} was never up");
                    return;
                };
                let of = |other: usize| Some(self.world.nodes[other].hashname) == peer;
                let other = (0..self.apps.len()).find(|other| of(*other));
                // A line that nobody holds ends in order, and takes no stream with it.
                let mut streams = self.apps[node].streams.iter();
                let empty = streams.all(|(id, end)| id.line != *line || end.over.is_some());
                let in_order = *reason == DownReason::Local
                    || matches!(reason, DownReason::Closed { code: 0, .. });
                if empty && in_order {
                    return;
                }
                let cut = other.map(|other| self.cuts[node].max(self.cuts[other]));
                assert!(
                    cut.is_some_and(|cut| cut.plus_ms(FLIGHT_MS) >= *up),
                    "{line} of node {node}, up since {up:?}, ended for nothing: {reason}"
                );
            }
            LineEvent::Moved { .. } => {}
            other => panic!("an event of no known kind: {other:?}"),
        }
    }

    /// Everything works again: whatever was written in a line that lives arrives whole, whatever a
    /// line took with it says so, and the lines that are kept are up, one each.
    fn heal(&mut self) {
        self.world.link = Link {
            latency_us: 10_000,
            ..Link::default()
        };
        self.keep_all();
        // Lines that nobody holds any more, and those with the past of a machine, end first.
        self.attend(HEALING_MS);
        for node in 0..self.apps.len() {
            self.apps[node].ending = true;
            let all: Vec<_> = self.apps[node].streams.keys().copied().collect();
            for stream in all {
                self.apps[node].want(stream, 10, true);
            }
            let now = self.time(node);
            let switch = &mut self.world.nodes[node].switch;
            self.apps[node].pump(switch, now, &mut self.truth);
        }
        self.attend(HEALING_MS);
        for node in 0..self.apps.len() {
            let left = self.apps[node].unfinished(|_| true);
            assert!(left.is_none(), "not done at node {node}: {left:?}");
            self.lives_are_whole(node);
        }
        for (from, to) in &self.kept {
            let ups = [(*from, *to), (*to, *from)].map(|(one, other)| self.lines(one, other));
            assert_eq!(ups, [1, 1], "lines between {from} and {to}");
        }
    }

    /// How many lines are up from one to another.
    fn lines(&self, one: usize, other: usize) -> usize {
        let peer = Some(self.world.nodes[other].hashname);
        let lines = self.apps[one].lines.iter();
        let is_up = |line: LineId| {
            let info = self.world.nodes[one].switch.line(line);
            info.is_some_and(|info| info.state == LineState::Up)
        };
        lines
            .filter(|(id, line)| line.peer == peer && line.up && !line.down && is_up(**id))
            .count()
    }

    /// In lines that live, both ends of every stream were read to their ends.
    fn lives_are_whole(&self, node: usize) {
        let app = &self.apps[node];
        for (id, end) in &app.streams {
            let line = &app.lines[&id.line];
            if line.down {
                continue;
            }
            assert_eq!(end.over, Some(true), "{id} of node {node}: {end:?}");
            let mut others = self.apps.iter().flat_map(|app| app.streams.values());
            let twin = others.find(|it| it.number == end.number && it.opener != end.opener);
            let twin = twin.map(|it| it.over);
            assert_eq!(twin, Some(Some(true)), "{id} of node {node}");
        }
    }

    fn outcome(&self) -> Outcome {
        let ends = || self.apps.iter().flat_map(|app| app.streams.values());
        let stats = || self.world.nodes.iter().map(|node| node.switch.stats());
        Outcome {
            digest: self.world.digest,
            whole: ends().filter(|end| end.over == Some(true)).count() as u64,
            cut: ends().filter(|end| end.over == Some(false)).count() as u64,
            lines: stats().map(|stats| stats.lines_up).sum(),
            sleeps: stats().map(|stats| stats.sleeps).sum(),
        }
    }
}

impl Drop for Schedule {
    fn drop(&mut self) {
        if std::thread::panicking() && std::env::var_os("SWARM_LOG").is_some() {
            eprintln!("{}", self.log.join("\n"));
        }
    }
}

fn draw_link(rng: &mut Rng) -> Link {
    Link {
        latency_us: 1_000 + rng.below(40_000),
        jitter_us: rng.below(10_000),
        loss: rng.below(20),
        double: rng.below(20),
        damage: rng.below(10),
        ..Link::default()
    }
}

/// A machine's own choices: the ends of a line need not agree about any of them.
fn draw_config(rng: &mut Rng) -> Config {
    let mut config = Config::default();
    config.line.suite = [Suite::Aes256Gcm, Suite::ChaCha20Poly1305][rng.below(2) as usize];
    if rng.below(2) == 0 {
        config.line.rekey_after_ms = 500 + rng.below(3_000);
        config.line.rekeys_min_ms = 0;
    }
    config.life = Life {
        redial_most_ms: 5_000,
        keep_every_ms: 100 + rng.below(1_000),
        ..Life::default()
    };
    config
}
