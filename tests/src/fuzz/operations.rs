//! Lists of operations: what two programs may ask of their switches while the link between them and
//! the machines under them do what they do. The world asserts the contracts of the façade at every
//! step; here every byte that is read must be one that was written, in its place.

mod model;

use hydroid_core::{
    base::{LedgerConfig, Wall},
    identity::{Hashname, SecretKey},
    switch::{Config, Interface, Life, Path, SentError, Transmit},
};

use self::model::Model;
use super::Choices;
use crate::world::{Link, SOCKET, StubProvider, World};

/// Operations of one run.
const OPERATIONS_MAX: usize = 120;

/// Does what the bytes say, then lets everything end, and demands that nothing is left.
///
/// # Panics
/// If something is.
pub fn operations(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let mut game = Game::new(choices.byte());
    for _ in 0..OPERATIONS_MAX {
        if choices.is_over() {
            break;
        }
        game.operate(&mut choices);
        game.look();
    }
    game.end();
}

struct Game {
    world: World,
    config: Config,
    model: Model,
}

impl Game {
    fn new(kind: u8) -> Self {
        let config = [Config::default(), tight()][usize::from(kind % 2)].clone();
        let mut world = World::with_providers(1, vec![&StubProvider; 2], &config, Link::default());
        world.link.latency_us = 5_000;
        for n in 0..2 {
            world.restart(n, &secret(n), &config);
        }
        Self {
            world,
            config,
            model: Model::default(),
        }
    }

    fn operate(&mut self, choices: &mut Choices<'_>) {
        let n = choices.below(2);
        match choices.byte() % 24 {
            0..=2 => self.pass(1 << (choices.byte() % 16)),
            3 => self.link(choices),
            4 => self.fault(n, choices),
            _ if self.world.nodes[n].asleep.is_some() => {}
            5..=8 => self.line(n, choices),
            9 => self.shell(n, choices),
            10 => self.state(n, choices),
            11 => {
                let from = self.world.nodes[1 - n].address;
                self.world.inject(from, n, choices.bytes());
            }
            12 => self.packet(n, choices),
            _ => self.model.operate(&mut self.world, n, choices),
        }
    }

    fn pass(&mut self, ms: u64) {
        self.world.run(ms);
    }

    fn link(&mut self, choices: &mut Choices<'_>) {
        let rate = |choices: &mut Choices<'_>| u64::from(choices.byte());
        self.world.link = Link {
            latency_us: 1 << (choices.byte() % 20),
            jitter_us: 1 << (choices.byte() % 18),
            loss: rate(choices),
            double: rate(choices),
            damage: rate(choices),
            ..self.world.link
        };
    }

    fn fault(&mut self, n: usize, choices: &mut Choices<'_>) {
        match choices.byte() % 7 {
            0 => self.world.nodes[n].online ^= true,
            1 => {
                let [one, other] = [0, 1].map(|n| self.world.nodes[n].address);
                let ways = choices.byte();
                self.world.cut(one, other, [ways & 1 > 0, ways & 2 > 0]);
            }
            2 => {
                self.model.forget(n);
                self.world.restart(n, &secret(n), &self.config);
            }
            3 => {
                self.model.forget(n);
                self.world.restart_kept(n, &secret(n), &self.config);
            }
            4 if self.world.nodes[n].asleep.is_none() => self.world.sleep(n),
            4 | 5 => self.world.wake(n, choices.byte().is_multiple_of(2)),
            _ => {
                let address = ([10, 0, choices.byte() % 4, n as u8], 4000).into();
                let told = choices.byte().is_multiple_of(2);
                self.world.move_to(n, address, told);
            }
        }
    }

    fn line(&mut self, n: usize, choices: &mut Choices<'_>) {
        let peer = &self.world.nodes[1 - n];
        let (key, hashname, address) = (peer.key, peer.hashname, peer.seen());
        let node = &mut self.world.nodes[n];
        let (now, local) = (node.time(self.world.now), node.hashname);
        let switch = &mut node.switch;
        let line = self.model.line(n, choices);
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        match choices.byte() % 8 {
            0..=2 => {
                let line = switch.connect(now, local, &key, &[address]);
                self.model.on_line(n, line.expect("a line to dial"));
            }
            3 => {
                let kept = switch.keep_line(now, local, &key, &[address]);
                kept.expect("a line to keep");
            }
            4 => switch.forget_line(now, local, hashname),
            5 => {
                let (code, reason) = (choices.number().into(), text(choices.bytes()));
                let _over = line.map(|line| switch.close(now, line, code, &reason));
            }
            6 => {
                let _over = line.map(|line| switch.release(now, line));
            }
            _ => {
                let to = ([10, 0, 0, choices.byte()], 4000).into();
                let nowhere = switch.connect(now, local, &key, &[to]);
                self.model.on_line(n, nowhere.expect("a line to dial"));
            }
        }
    }

    /// What a shell tells that is not so.
    fn shell(&mut self, n: usize, choices: &mut Choices<'_>) {
        let wall = self.world.wall().as_ms();
        let node = &mut self.world.nodes[n];
        let now = node.time(self.world.now);
        match choices.byte() % 4 {
            0 => node.switch.handle_timeout(now),
            1 => {
                let off = i64::from(choices.number() as i16) << (choices.byte() % 32);
                let wall = Wall::from_ms(wall.saturating_add_signed(off));
                node.switch.handle_clock(now, wall);
            }
            2 => {
                let error = [SentError::TooLarge, SentError::Unreachable][choices.below(2)];
                let transmit = Transmit {
                    socket: SOCKET,
                    path: Path::to(([10, 0, 0, choices.byte() % 3], 4000).into()),
                    ecn: hydroid_core::switch::Ecn::None,
                    ttl: None,
                    len: choices.number().into(),
                    segment: choices.number().into(),
                };
                node.switch.handle_sent_error(now, &transmit, error);
            }
            _ => {
                let interface = Interface {
                    socket: SOCKET,
                    local: node.address,
                };
                let count = choices.below(3);
                let interfaces = [interface; 2];
                node.switch.handle_network_change(now, &interfaces[..count]);
                node.switch.handle_network_change(now, &interfaces[..1]);
            }
        }
    }

    /// What is kept over a restart, and who is installed.
    fn state(&mut self, n: usize, choices: &mut Choices<'_>) {
        let node = &mut self.world.nodes[n];
        let now = node.time(self.world.now);
        match choices.byte() % 4 {
            0 => node.switch.keep_now(now),
            1 => {
                let key = ["peers", "opens", "others"][choices.below(3)];
                let mut bytes = node.disk.get(key).unwrap_or_default().to_vec();
                for _ in 0..choices.byte() % 4 {
                    let at = choices.below(bytes.len());
                    let turn = choices.byte();
                    let _none = bytes.get_mut(at).map(|byte| *byte ^= turn);
                }
                let _refused = node.switch.restore(now, key, &bytes);
            }
            2 => {
                let _refused = node.switch.restore(now, "peers", choices.bytes());
            }
            _ => {
                let other = secret(choices.below(4) + 10);
                let space = hydroid_core::identity::Space::open("other").expect("legal");
                let local = Hashname::of(&other.public(), &space.id());
                if node.switch.install(now, &other, &space).is_err() {
                    let _gone = node.switch.uninstall(now, local);
                }
            }
        }
    }

    fn packet(&mut self, n: usize, choices: &mut Choices<'_>) {
        let to = self.world.nodes[1 - n].address;
        let node = &mut self.world.nodes[n];
        let now = node.time(self.world.now);
        let line = self.model.line(n, choices);
        let mut buf = [0; 2048];
        let _done = match (choices.byte() % 4, line) {
            (0, Some(line)) => node.switch.send(now, line, choices.bytes()).is_ok(),
            (1, Some(line)) => node.switch.recv(now, line, &mut buf).is_ok(),
            (2, _) => node.switch.send_anon(now, to, choices.bytes()).is_ok(),
            _ => node.switch.recv_anon(now, &mut buf).is_ok(),
        };
    }

    /// Takes everything that was told.
    fn look(&mut self) {
        self.model.look(&mut self.world);
    }

    /// The world heals, everybody lets go of everything, and nothing is left.
    fn end(mut self) {
        self.world.link = Link {
            latency_us: 5_000,
            ..Link::default()
        };
        let [one, other] = [0, 1].map(|n| self.world.nodes[n].address);
        self.world.cut(one, other, [false; 2]);
        for n in 0..2 {
            self.world.wake(n, true);
            self.world.nodes[n].online = true;
        }
        self.world.run(1);
        for n in 0..2 {
            let peer = self.world.nodes[1 - n].hashname;
            let node = &mut self.world.nodes[n];
            let now = node.time(self.world.now);
            node.switch.forget_line(now, node.hashname, peer);
        }
        for _ in 0..20 {
            self.model.let_go(&mut self.world);
            self.world.run(10_000);
            self.look();
        }
        self.model.let_go(&mut self.world);
        self.look();
        for node in &self.world.nodes {
            let status = node.switch.status();
            let left = (status.lines, status.streams, status.buffered_bytes);
            assert_eq!(left, (0, 0, 0), "{status:?}");
        }
    }
}

fn secret(n: usize) -> SecretKey {
    SecretKey::from_bytes(&[n as u8 + 1; 32])
}

/// As little of everything as there may be, and packets without a line are wanted.
fn tight() -> Config {
    let mut config = Config {
        life: Life {
            anon_max: 2,
            packets_max: 2,
            down_lines_max: 1,
            events_max: 16,
            close_timeout_ms: 500,
            datagram_bytes: 600,
            ..Life::default()
        },
        ..Config::default()
    };
    config.line.lines = 4;
    config.line.rekey_after_packets = 20;
    config.stream.head_max_bytes = 200;
    config.stream.streams_max = 64;
    config.ledger = LedgerConfig {
        line_least_bytes: 8 << 10,
        line_bytes: 16 << 10,
        switch_bytes: 128 << 10,
        ..LedgerConfig::default()
    };
    config
}
