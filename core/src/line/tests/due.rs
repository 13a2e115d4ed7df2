//! No deadline of the room stays due once it was attended to: one that did would take every turn of
//! the switch, and leave none to any other line.

use super::*;
use crate::{
    identity::{Admission, Gate, Roles},
    line::{paths::Paths, rekey::SEALED_MAX},
};

const RUNS: u64 = 120;
const STEPS: u64 = 400;
/// Bytes of datagrams: from 39 on one may be answered by a challenge.
const LENGTHS: [usize; 6] = [31, 38, 39, 40, 77, 1200];
/// Nobody waits for longer.
const LATE_MS: u64 = 3_600_000;
const WALL_MS: u64 = 1_700_000_000_000;

const CHALLENGE: u8 = 3;
const RESPONSE: u8 = 4;
const REKEY: u8 = 5;
const REKEYED: u8 = 6;

fn dice(run: u64, seed: u64) -> Rng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&run.to_le_bytes());
    bytes[8..16].copy_from_slice(&seed.to_le_bytes());
    Rng::new(&Seed::new(bytes))
}

fn draw<T: Copy>(dice: &mut Rng, of: &[T]) -> T {
    of[dice.below(of.len() as u64) as usize]
}

/// A way by one of two sockets, now and then from an address that is known.
fn any_route(dice: &mut Rng) -> Route {
    let n = dice.below(6) as u8;
    let mut route = route_to(n);
    route.socket = SocketId(u32::from(n % 2));
    if dice.below(5) == 0 {
        route.path.local = Some([127, 0, 0, dice.below(2) as u8].into());
    }
    route
}

fn any_pace(dice: &mut Rng, now: Time) -> Pace {
    let ago_us = draw(dice, &[0, 1, 5_000_000]);
    Pace {
        since: Time::from_us(now.as_us().saturating_sub(ago_us)),
        rtt_us: draw(dice, &[0, 20_000, 3_000_000]),
    }
}

fn any_config(dice: &mut Rng) -> Config {
    Config {
        paths: 1 + dice.below(5) as u32,
        path_grace_ms: draw(dice, &[0, 200, u64::MAX]),
        path_again_ms: draw(dice, &[0, 1000]),
        path_probe_ms: draw(dice, &[1, 15_000]),
        path_named_ms: draw(dice, &[0, 250]),
        rekey_after_ms: 2_000,
        membership_skew_ms: 1_000,
        ..Config::default()
    }
}

/// Some time later, at times just when something is due.
fn later(dice: &mut Rng, now: Time, next: Option<Time>) -> Time {
    match dice.below(8) {
        0..3 => now,
        3..5 => next.map_or(now, |at| at.max(now).min(now.plus_ms(LATE_MS))),
        5..7 => now.plus_us(dice.below(300_000)),
        _ => now.plus_ms(dice.below(20_000)),
    }
}

/// The paths of a line, and a network that does with them what it likes.
struct Maze {
    paths: Paths,
    dice: Rng,
    rng: Rng,
    config: Config,
    now: Time,
    /// The challenges that went out.
    asked: Vec<(Route, [u8; 8])>,
    moves: u32,
}

impl Maze {
    fn new(mut dice: Rng) -> Self {
        let mut paths = Paths::default();
        let config = any_config(&mut dice);
        paths.start(Time::ZERO, any_route(&mut dice), &config);
        Self {
            paths,
            rng: dice.fork("challenges"),
            dice,
            config,
            now: Time::ZERO,
            asked: Vec::new(),
            moves: 0,
        }
    }

    fn step(&mut self) {
        let (now, dice) = (self.now, &mut self.dice);
        let (route, pace) = (any_route(dice), any_pace(dice, now));
        let (paths, config, rng) = (&mut self.paths, &self.config, &mut self.rng);
        match dice.below(20) {
            0..8 => {
                let from = (route, draw(dice, &LENGTHS));
                paths.on_newest(now, from, pace, config, rng);
            }
            8 => paths.on_silence(now, pace, config, rng),
            9 => paths.add(now, route, config, rng),
            10..14 => {
                let at = dice.below(self.asked.len().max(1) as u64) as usize;
                if let Some((route, bytes)) = self.asked.get(at) {
                    let moved = paths.on_response(now, (route, *bytes), config, rng);
                    self.moves += u32::from(moved.is_some());
                }
            }
            14..16 => {
                paths.set_held(dice.below(4) > 0);
            }
            16 => {
                let socket = SocketId(dice.below(2) as u32);
                paths.on_gone(now, |route| route.socket == socket, config);
            }
            17 => {
                paths.set_active(now, route, config);
            }
            18 => paths.on_answered(now, pace.since, config),
            _ => paths.on_challenge(route, [0; 8], config),
        }
    }

    fn pass(&mut self) {
        while self.dice.below(8) > 0 {
            let Some((route, frame)) = self.paths.poll(self.now) else {
                break;
            };
            if let PathFrame::Challenge(bytes) = frame {
                self.asked.insert(0, (route, bytes));
                self.asked.truncate(4);
            }
        }
        self.now = later(&mut self.dice, self.now, self.paths.deadline());
        let now = self.now;
        let is_due = |paths: &Paths| paths.deadline().is_some_and(|at| at <= now);
        if is_due(&self.paths) {
            let moved = self.paths.on_deadline(now, &self.config, &mut self.rng);
            self.moves += u32::from(moved);
            assert!(!is_due(&self.paths), "at {now:?}: {:?}", self.paths);
        }
    }
}

#[test]
fn line_paths_leave_no_deadline_behind_whatever_comes() {
    let (seed, mut moves) = (seed(), 0);
    for run in 0..RUNS {
        let mut maze = Maze::new(dice(run, seed));
        for _ in 0..STEPS {
            maze.step();
            maze.pass();
        }
        moves += maze.moves;
    }
    assert!(moves > 100, "{moves}");
}

/// What the rooms of all runs told.
#[derive(Default, Debug)]
struct Told {
    ups: u32,
    moved: u32,
    renewed: u32,
    refused: u32,
    exhausted: u32,
}

/// Two rooms, and whatever may be asked of them in any order.
struct Play {
    world: World,
    dice: Rng,
    told: Told,
}

impl Play {
    fn new(mut dice: Rng, is_closed: bool) -> Self {
        let config = any_config(&mut dice);
        let mut world = World::new(&config);
        if is_closed {
            let club = Admission::found(&secret(9), "club", Gate::new([1; 32])).unwrap();
            for n in [1, 2] {
                let key = secret(n).public();
                let until_s = WALL_MS / 1000 + 20;
                let admission = club.admit(&secret(9), &key, Roles::SPACER, until_s);
                let mut lines = Lines::new(&config, Rng::new(&Seed::new([n; 32])));
                lines.handle_clock(Time::ZERO, Wall::from_ms(WALL_MS));
                let name = lines.install_member(Time::ZERO, &secret(n), &admission.unwrap());
                let mut sides = world.sides.iter_mut();
                let side = sides.find(|side| side.key == key).unwrap();
                (side.lines, side.name) = (lines, name.unwrap());
            }
        }
        Self {
            world,
            dice,
            told: Told::default(),
        }
    }

    /// Something that a switch may do at any time.
    fn act(&mut self) {
        let of = self.dice.below(2) as usize;
        let (now, dice) = (self.world.now, &mut self.dice);
        let (route, pace) = (any_route(dice), any_pace(dice, now));
        let kind = dice.below(40);
        let slot = self.world.slot(of);
        let key = self.world.sides[1 - of].key;
        let side = &mut self.world.sides[of];
        let (lines, mut fx) = (&mut side.lines, effects());
        let Some(slot) = slot else {
            let _refused = lines.open(now, side.name, key, &[route], 0);
            return;
        };
        match kind {
            0 => lines.forget(slot),
            1..3 => lines.reopen(now, slot, &[route], 7),
            3..6 => lines.add_paths(now, slot, &[route]),
            6..8 => {
                let sockets = [SocketId(0), SocketId(1)];
                let (gone, fresh) = sockets.split_at(dice.below(2) as usize);
                let tried = [(SocketId(1), true)];
                lines.on_network_change(now, slot, (gone, fresh, &tried), pace, &mut fx);
            }
            8 if lines.next_counter(slot).is_some() => lines.on_silence(now, slot, pace),
            9..14 => lines.set_held(slot, dice.below(4) > 0),
            14 => lines.rest(slot),
            15 => {
                let route = lines.info(slot).unwrap().route;
                lines.on_unsent(now, slot, &route, pace);
            }
            16 => lines.on_answered(now, slot, pace.since.as_us()),
            17 => {
                let drift_ms = draw(dice, &[0, 5_000, 40_000]);
                let wall_ms = WALL_MS + now.as_us() / 1000 + drift_ms;
                lines.handle_clock(now, Wall::from_ms(wall_ms));
            }
            18 if dice.below(8) == 0 => {
                if let Some(current) = &mut lines.slots.get_mut(slot).unwrap().current {
                    current.sealed = SEALED_MAX;
                }
            }
            19 if lines.next_counter(slot).is_some() => {
                let last = seal(lines, slot, &[PING; 40]);
                lines.close(now, slot, &last);
            }
            20 => {
                let _same = lines.open(now, side.name, key, &[route], 0);
            }
            21..26 => self.renew(of, slot),
            _ => {
                let len = draw(dice, &LENGTHS) - SEALED_OVERHEAD;
                self.say(of, &vec![PONG; len]);
            }
        }
        self.on_effects(of, &mut fx);
    }

    fn renew(&mut self, of: usize, slot: Slot) {
        let lines = &mut self.world.sides[of].lines;
        if lines.rekey_if_due(self.world.now, slot)
            && let Some((line, message)) = lines.rekey(slot)
        {
            let frame = [&[REKEY], &line.to_be_bytes()[..], message].concat();
            self.say(of, &frame);
        }
    }

    fn say(&mut self, of: usize, plain: &[u8]) {
        if let Some(slot) = self.world.up(of) {
            let bytes = seal(&mut self.world.sides[of].lines, slot, plain);
            self.world.send(of, bytes, &mut keep);
        }
    }

    fn collect(&mut self) {
        let now = self.world.now;
        self.world.collect(&mut keep);
        for of in 0..2 {
            while let Some(slot) = self.world.up(of)
                && let Some((_, frame)) = self.world.sides[of].lines.poll_path(now, slot)
            {
                let (kind, bytes) = match frame {
                    PathFrame::Challenge(bytes) => (CHALLENGE, bytes),
                    PathFrame::Response(bytes) => (RESPONSE, bytes),
                };
                self.say(of, &[&[kind], &bytes[..]].concat());
            }
        }
    }

    /// Some of what is under way is lost, or comes twice, or comes from elsewhere.
    fn deliver(&mut self) {
        while !self.world.flights.is_empty() && self.dice.below(6) > 0 {
            let flights = self.world.flights.len() as u64;
            let late = self.dice.below(4) == 0;
            let at = if late { self.dice.below(flights) } else { 0 };
            let flight = self.world.flights[at as usize].clone();
            if self.dice.below(12) > 0 {
                self.world.flights.remove(at as usize);
            }
            if self.dice.below(12) > 0 {
                self.take(flight);
            }
        }
    }

    fn take(&mut self, Flight { to, mut bytes }: Flight) {
        let (now, mut fx) = (self.world.now, effects());
        let is_elsewhere = self.dice.below(4) == 0;
        let route = if is_elsewhere {
            any_route(&mut self.dice)
        } else {
            route_to(1 - to as u8)
        };
        let pace = any_pace(&mut self.dice, now);
        let (len, lines) = (bytes.len(), &mut self.world.sides[to].lines);
        if bytes[..2] != [0, 4] {
            let _dropped = match kind_of(&bytes) {
                Ok(Some(Kind::Open)) => lines.on_open(now, route, &bytes),
                Ok(Some(Kind::Answer)) => lines.on_answer(now, route, &bytes, &mut fx),
                other => panic!("{other:?}"),
            };
        } else if let Ok(it) = lines.unseal(now, route, &mut bytes, &mut fx) {
            let (slot, newest, plain) = (it.slot, it.newest, it.plain.to_vec());
            let named = |at: usize| plain[at..][..4].try_into().map(u32::from_be_bytes);
            let mut said = None;
            match plain[0] {
                PING => said = Some(vec![PONG]),
                CHALLENGE => lines.on_challenge(slot, route, plain[1..].try_into().unwrap()),
                RESPONSE => {
                    let bytes = plain[1..].try_into().unwrap();
                    lines.on_response(now, slot, (route, bytes), &mut fx);
                }
                REKEY => {
                    let fits = lines.on_rekey(now, slot, named(1).unwrap(), &plain[5..]);
                    if fits == Ok(true)
                        && let Some((line, message)) = lines.rekeyed(slot)
                    {
                        said = Some([&[REKEYED], &line.to_be_bytes()[..], message].concat());
                    }
                }
                REKEYED => {
                    let message = &plain[5..];
                    let _old = lines.on_rekeyed(now, slot, named(1).unwrap(), message, &mut fx);
                }
                _ => {}
            }
            if newest && !lines.is_where_it_was(now, slot, &route) {
                lines.on_newest(now, slot, (route, len), pace);
            }
            if let Some(said) = said {
                self.say(to, &said);
            }
        }
        self.on_effects(to, &mut fx);
    }

    fn on_effects(&mut self, of: usize, fx: &mut Effects<Effect>) {
        for effect in drain(fx) {
            let told = &mut self.told;
            match effect {
                Effect::Up { .. } => {
                    told.ups += 1;
                    self.world.sides[of].ping_at = Some(self.world.now);
                }
                Effect::Refused { slot, .. } => {
                    told.refused += 1;
                    self.world.sides[of].lines.forget(slot);
                }
                Effect::Paths { moved, .. } => told.moved += u32::from(moved.is_some()),
                Effect::Down { why, .. } => told.exhausted += u32::from(why == Down::Exhausted),
                Effect::Renewed { .. } => told.renewed += 1,
                Effect::Renew { .. } | Effect::Expelled { .. } => {}
            }
        }
    }

    fn pass(&mut self) {
        let next = self.world.deadline();
        self.world.now = later(&mut self.dice, self.world.now, next);
        let now = self.world.now;
        for of in 0..2 {
            let due = |play: &Self| {
                let deadline = play.world.sides[of].lines.deadline();
                deadline.filter(|deadline| deadline.at <= now)
            };
            if due(self).is_some() {
                let mut fx = effects();
                self.world.sides[of].lines.on_deadline(now, &mut fx);
                self.on_effects(of, &mut fx);
            }
            let lines = &self.world.sides[of].lines.slots;
            assert_eq!(due(self), None, "at {now:?}: {lines:?}");
        }
    }
}

#[test]
fn line_leaves_no_deadline_behind_whatever_is_asked_of_it() {
    let seed = seed();
    let mut all = Told::default();
    for run in 0..RUNS {
        let mut play = Play::new(dice(run, seed), run % 3 == 0);
        for _ in 0..STEPS {
            play.act();
            play.collect();
            play.deliver();
            play.pass();
        }
        all.ups += play.told.ups;
        all.moved += play.told.moved;
        all.renewed += play.told.renewed;
        all.refused += play.told.refused;
        all.exhausted += play.told.exhausted;
    }
    std::println!("{all:?}");
    let Told {
        ups,
        moved,
        renewed,
        refused,
        exhausted,
    } = all;
    assert!(
        [ups, moved, renewed, refused, exhausted]
            .iter()
            .all(|it| *it > 0)
    );
}
