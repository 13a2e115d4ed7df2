//! A swarm: switches in a small world, whose links, faults and applications are all drawn from one
//! seed. First anything may fail; then it heals and everything is demanded.

mod app;
pub mod schedule;

use std::net::SocketAddr;

use hydroid_core::{
    base::{LedgerConfig, Rng, Seed, Why},
    identity::SecretKey,
    switch::{Config, Life, LineId, LineState, StreamId},
};

use crate::world::{Link, World};
use app::{App, Truth};

/// How long a healed world may take to have everything done: two idle timeouts and some.
const HEALING_MS: u64 = 150_000;

/// A world, what happens to it, and what its applications know.
#[derive(Debug)]
pub struct Swarm {
    world: World,
    rng: Rng,
    config: Config,
    secrets: Vec<SecretKey>,
    apps: Vec<App>,
    truth: Truth,
    numbers: u64,
    /// Times that a node moved.
    moves: u8,
    /// How many of four faults happen; the others are spared.
    faults: u64,
    log: Vec<String>,
}

/// What a run came to, for those who want to see that something happened at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Streams that were opened.
    pub streams: u64,
    /// Directions that were read to their very end.
    pub whole: u64,
    /// Lines that came up, counted at each end.
    pub lines: u64,
    /// Times that a line took another way.
    pub moved: u64,
    /// Datagrams that arrived.
    pub datagrams: u64,
}

/// Runs the swarm of this seed and demands everything of it.
pub fn run(seed: u64) -> Tally {
    let mut swarm = Swarm::new(seed);
    let operations = 40 + swarm.rng.below(160);
    for _ in 0..operations {
        let gap_us = match swarm.rng.below(5) {
            0 => 0,
            1 => swarm.rng.below(2_000),
            2 => swarm.rng.below(60_000),
            3 => swarm.rng.below(1_000_000),
            _ => swarm.rng.below(4_000_000),
        };
        swarm.operate();
        swarm.wait(gap_us);
    }
    swarm.heal();
    swarm.end();
    swarm.tally()
}

impl Swarm {
    fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[31] = 1;
        let mut rng = Rng::new(&Seed::new(bytes));
        let count = 2 + rng.below(3) as u8;
        let rate = |rng: &mut Rng, most| [0, rng.below(most)][rng.below(2) as usize];
        let link = Link {
            latency_us: rng.below(60_000),
            jitter_us: rate(&mut rng, 20_000),
            loss: rate(&mut rng, 200),
            double: rate(&mut rng, 100),
            damage: rate(&mut rng, 50),
            ..Link::default()
        };
        let config = draw_config(&mut rng);
        let mut world = World::new(seed, count.into(), &config, link);
        world.buffer_bytes = [1_200, 1_500, 5_000, 65_536][rng.below(4) as usize];
        let mut swarm = Self {
            world,
            secrets: (0..count)
                .map(|_| SecretKey::from_bytes(&rng.bytes()))
                .collect(),
            rng,
            config,
            apps: Vec::new(),
            truth: Truth::new(),
            numbers: 0,
            moves: 0,
            faults: 0,
            log: Vec::new(),
        };
        swarm.faults = swarm.rng.below(5);
        for node in 0..count {
            swarm.apps.push(App::default());
            swarm.restart(node as usize);
        }
        for _ in 0..count {
            swarm.connect(0);
        }
        swarm
    }

    fn restart(&mut self, node: usize) {
        self.apps[node] = App::default();
        self.world.restart(node, &self.secrets[node], &self.config);
    }

    fn draw(&mut self, below: usize) -> usize {
        self.rng.below(below as u64) as usize
    }

    fn draw_line(&mut self, node: usize) -> Option<LineId> {
        let lines: Vec<_> = self.apps[node].lines.keys().copied().collect();
        let recent = &lines[lines.len().saturating_sub(4)..];
        let at = self.rng.below(recent.len() as u64) as usize;
        recent.get(at).copied()
    }

    fn draw_stream(&mut self, node: usize) -> Option<StreamId> {
        let streams = self.apps[node].streams.iter();
        let open: Vec<_> = streams
            .filter(|(_, end)| end.over.is_none())
            .map(|(id, _)| *id)
            .collect();
        let at = self.rng.below(open.len() as u64) as usize;
        open.get(at).copied()
    }

    fn connect(&mut self, node: usize) {
        let other = (node + 1 + self.draw(self.apps.len() - 1)) % self.apps.len();
        let line = self.world.connect(node, other);
        self.apps[node].lines.entry(line).or_default();
    }

    /// Does one thing, drawn.
    fn operate(&mut self) {
        let node = self.draw(self.apps.len());
        let mut kind = self.rng.below(100);
        if kind > 90 && self.rng.below(4) >= self.faults {
            kind = 27 + self.rng.below(58);
        }
        self.log
            .push(format!("{:?} node {node} does {kind}", self.world.now));
        match kind {
            0..10 => self.connect(node),
            10..13 => self.on_line(node, |node, line, now| {
                let _over = node.switch.close(now, line, 5, "enough");
            }),
            13..27 => self.open(node),
            27..85 => self.stream(node, kind),
            85..89 => self.on_line(node, |node, line, now| {
                let _full = node.switch.send(now, line, &[0, 0, 1, 2, 3]);
            }),
            89..91 => self.on_line(node, |node, line, now| {
                let _none = node.switch.recv(now, line, &mut [0; 16]);
            }),
            91..92 => self.restart(node),
            92..94 => self.world.nodes[node].online ^= true,
            94..96 => self.move_node(node),
            _ => {
                let other = (node + 1) % self.apps.len();
                let address = |n: usize| self.world.nodes[n].address;
                let way = (address(node), address(other));
                if !self.world.cuts.remove(&way) {
                    self.world.cuts.insert(way);
                }
            }
        }
    }

    /// The node is somewhere else from now on: at a fresh address, or back at its first; its shell
    /// tells, or a router between gave another port.
    fn move_node(&mut self, node: usize) {
        self.moves = self.moves.wrapping_add(1);
        let network = if self.draw(4) == 0 { 0 } else { self.moves };
        let address = SocketAddr::from(([10, 0, network, node as u8], 4000));
        let how = self.draw(3);
        let port = 50_000 + u16::from(self.moves);
        self.world.nodes[node].outside = (how == 0).then_some((address.ip(), port).into());
        if how > 0 {
            self.world.move_to(node, address, how == 1);
        }
    }

    fn on_line(
        &mut self,
        node: usize,
        act: impl FnOnce(&mut crate::world::Node, LineId, hydroid_core::base::Time),
    ) {
        if let Some(line) = self.draw_line(node) {
            act(&mut self.world.nodes[node], line, self.world.now);
        }
    }

    fn open(&mut self, node: usize) {
        let Some(line) = self.draw_line(node) else {
            return;
        };
        let count = [1, 1, 1, 5, 80][self.draw(5)];
        for _ in 0..count {
            self.numbers += 1;
            let switch = &mut self.world.nodes[node].switch;
            let what = (line, self.numbers);
            self.apps[node].open(switch, self.world.now, what, &mut self.truth);
        }
    }

    /// Does something to a stream.
    fn stream(&mut self, node: usize, kind: u64) {
        let Some(stream) = self.draw_stream(node) else {
            return;
        };
        let code = self.rng.below(100);
        let bytes = [
            self.rng.below(10),
            self.rng.below(3_000),
            self.rng.below(200_000),
        ][self.draw(3)];
        let (app, switch) = (&mut self.apps[node], &mut self.world.nodes[node].switch);
        let now = self.world.now;
        match kind {
            27..50 => {
                app.want(stream, bytes, kind < 32);
                app.write(switch, now, stream, &mut self.truth);
            }
            50..60 => app.read(switch, now, (stream, bytes as usize), &self.truth),
            60..64 => app.reset(switch, now, (stream, code), &mut self.truth),
            64..68 => app.stop(switch, now, stream, code),
            68..72 => {
                let _late = switch.answer(now, stream, "{\"fine\":1}");
            }
            _ => app.pump(switch, now, &mut self.truth),
        }
    }

    /// Lets time go by, and the applications hear what happens.
    fn wait(&mut self, us: u64) {
        let end = self.world.now.plus_us(us);
        self.world.run(us / 1000);
        self.hear();
        assert!(self.world.now <= end, "no time is lost");
    }

    fn hear(&mut self) {
        for (app, node) in self.apps.iter_mut().zip(&mut self.world.nodes) {
            while let Some(event) = node.events.pop_front() {
                app.on_event(&node.switch, &event);
            }
        }
    }

    /// Runs for so long with applications that do only what events call for.
    fn attend(&mut self, ms: u64) {
        let Self {
            world, apps, truth, ..
        } = self;
        world.until(ms, |world| {
            for (app, node) in apps.iter_mut().zip(&mut world.nodes) {
                let heard = !node.events.is_empty();
                while let Some(event) = node.events.pop_front() {
                    app.on_event(&node.switch, &event);
                }
                if heard {
                    app.pump(&mut node.switch, world.now, truth);
                }
            }
            None::<()>
        });
    }

    /// Everything works again and everybody comes to an end: whatever was finished in a line that
    /// lives arrives whole, and both ends of every line agree.
    fn heal(&mut self) {
        self.world.cuts.clear();
        self.world.link = Link {
            latency_us: 20_000,
            ..Link::default()
        };
        self.hear();
        for (app, node) in self.apps.iter_mut().zip(&mut self.world.nodes) {
            node.online = true;
            app.ending = true;
            let ids: Vec<_> = app.streams.keys().copied().collect();
            for stream in ids {
                app.want(stream, 10, true);
            }
            app.pump(&mut node.switch, self.world.now, &mut self.truth);
        }
        self.attend(HEALING_MS);
        for (app, node) in self.apps.iter().zip(&self.world.nodes) {
            let is_up = |line: LineId| {
                let state = node.switch.line(line).map(|info| info.state);
                state == Some(LineState::Up)
            };
            let left = app.unfinished(is_up);
            assert!(left.is_none(), "not done: {left:?} of {}", node.address);
            for (id, line) in &app.lines {
                let state = node.switch.line(*id).map(|info| info.state);
                let told = line.up && !line.down;
                assert_eq!(is_up(*id), told, "{id} is {state:?} and {line:?}");
                assert!(
                    !matches!(state, Some(LineState::Connecting | LineState::Closing)),
                    "{id} is still {state:?}"
                );
            }
        }
        self.both_ends_agree();
    }

    fn both_ends_agree(&self) {
        let ups = |from: usize, to: usize| {
            let peer = Some(self.world.nodes[to].hashname);
            let lines = self.apps[from].lines.values();
            lines
                .filter(|line| line.up && !line.down && line.peer == peer)
                .count()
        };
        for one in 0..self.apps.len() {
            for other in 0..one {
                let (here, there) = (ups(one, other), ups(other, one));
                assert!(
                    here <= 1 && here == there,
                    "{one} has {here} lines with {other}, which has {there}"
                );
            }
        }
    }

    /// Everything is closed and read: nothing is left.
    fn end(&mut self) {
        let now = self.world.now;
        for (app, node) in self.apps.iter_mut().zip(&mut self.world.nodes) {
            for line in app.lines.keys() {
                let _over = node.switch.close(now, *line, 0, "");
            }
        }
        self.attend(10_000);
        let now = self.world.now;
        for (app, node) in self.apps.iter_mut().zip(&mut self.world.nodes) {
            for line in app.lines.keys() {
                while node.switch.recv(now, *line, &mut [0; 16]).is_ok() {}
            }
            let deadline = node.switch.poll_timeout();
            assert!(
                deadline.is_none_or(|d| matches!(d.why, Why::Closing | Why::Handshake | Why::Keep)),
                "{deadline:?}"
            );
        }
        self.attend(20_000);
        for (app, node) in self.apps.iter().zip(&self.world.nodes) {
            let status = node.switch.status();
            let left = [
                status.lines,
                status.streams,
                status.events,
                status.ledger_bytes as usize,
            ];
            assert_eq!(left, [0; 4], "{status:?} at {}", node.address);
            assert_eq!(node.switch.poll_timeout(), None, "nothing is left to do");
            for (id, line) in &app.lines {
                assert!(line.down, "{id} ended unheard: {line:?}");
                assert_eq!(node.switch.line(*id), None, "{id} is kept for nothing");
            }
        }
    }

    fn tally(&self) -> Tally {
        let ends = self.apps.iter().flat_map(|app| app.streams.values());
        let stats = self.world.nodes.iter().map(|node| node.switch.stats());
        Tally {
            streams: self.numbers,
            whole: ends.filter(|end| end.over == Some(true)).count() as u64,
            lines: stats.map(|stats| stats.lines_up).sum(),
            moved: self.apps.iter().map(|app| app.moved).sum(),
            datagrams: self.world.delivered,
        }
    }
}

impl Drop for Swarm {
    fn drop(&mut self) {
        if std::thread::panicking() && std::env::var_os("SWARM_LOG").is_some() {
            eprintln!("{}", self.log.join("\n"));
        }
    }
}

/// A config that is legal and tight, so that limits are met.
fn draw_config(rng: &mut Rng) -> Config {
    let mut config = Config::default();
    let stream = &mut config.stream;
    if rng.below(2) == 0 {
        stream.head_max_bytes = 64;
        stream.stream_window_initial_bytes = 64 << 10;
        stream.stream_window_max_bytes = 64 << (10 + rng.below(2));
        stream.line_window_initial_bytes = 256 << 10;
        stream.line_window_max_bytes = 256 << 10;
        stream.send_buffer_stream_max_bytes = 1_000 << rng.below(6);
        stream.send_buffer_line_max_bytes = 32_000 << rng.below(4);
        stream.streams_max = 64 + rng.below(64);
        stream.buffers_spare_max_bytes = rng.below(10_000);
        stream.frames_in_flight_max = 8 + rng.below(64);
    }
    if rng.below(2) == 0 {
        config.line.lines = 16;
        let near_percent = 60 + rng.below(30) as u8;
        let head_bytes = (config.stream.head_max_bytes + 2).next_power_of_two();
        let tight = (head_bytes * 100 / u64::from(near_percent))
            .max(LedgerConfig::ARRIVING_BYTES * 100 / (100 - u64::from(near_percent)));
        config.ledger.near_percent = near_percent;
        config.ledger.line_least_bytes = [32 << 10, tight + 200][rng.below(2) as usize];
        config.ledger.switch_bytes = config.ledger.line_least_bytes * 1_017 * 2;
        config.ledger.line_bytes = config.ledger.line_least_bytes << rng.below(4);
    }
    config.life = Life {
        close_timeout_ms: 500 + rng.below(6_000),
        down_lines_max: 1_000,
        packets_max: 1 + rng.below(4) as u32,
        datagram_bytes: 600 + rng.below(600) as u16,
        ..Life::default()
    };
    config
}
