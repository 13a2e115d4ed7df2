//! Bytes arrive exactly as written, whatever happens to packets.

use std::{collections::BTreeMap, format, string::String};

use super::{model::CreditModel, *};
use crate::base::{Rng, Seed};

/// What an application does with its side of a stream, by effects alone: a lost wake-up hangs.
struct Half {
    to_write: u64,
    written: u64,
    is_finished: bool,
    can_write: bool,
    can_read: bool,
    read: u64,
    to_read: u64,
    /// The peer's direction ended for us.
    is_ended: bool,
    /// One of the two directions may be cut, by either side.
    is_wild: bool,
}

struct Side {
    end: End,
    name: u64,
    halves: BTreeMap<u64, Half>,
    may_open: bool,
    to_open: u64,
    opened: u64,
    model: CreditModel,
    flying: Vec<Packet>,
}

struct World {
    rng: Rng,
    now: Time,
    wild: bool,
    size_max: u64,
    loss: u64,
}

fn byte(id: u64, side: u64, offset: u64) -> u8 {
    ((id * 31 + side * 7 + offset).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
}

fn total(id: u64, side: u64, most: u64) -> u64 {
    let random = (id * 2 + side + 1).wrapping_mul(0x2545_f491_4f6c_dd1d) >> 20;
    match random % 5 {
        0 => 0,
        1 => random % 10,
        _ => random % most,
    }
}

fn head_of(id: u64) -> String {
    if id.is_multiple_of(3) {
        String::new()
    } else {
        format!(r#"{{"id":{id}}}"#)
    }
}

impl Side {
    fn new(config: &Config, smaller: bool, to_open: u64) -> Self {
        let mut end = End::new(config, smaller);
        end.streams.set_path(3000, 0);
        Self {
            end,
            name: u64::from(!smaller),
            halves: BTreeMap::new(),
            may_open: true,
            to_open,
            opened: 0,
            model: CreditModel::new(smaller, if smaller { 3 } else { 8 }),
            flying: Vec::new(),
        }
    }

    fn half(&self, world: &World, id: u64) -> Half {
        Half {
            to_write: total(id, self.name, world.size_max),
            written: 0,
            is_finished: false,
            can_write: true,
            can_read: false,
            read: 0,
            to_read: total(id, 1 - self.name, world.size_max),
            is_ended: false,
            is_wild: world.wild && id % 4 < 2,
        }
    }

    fn learn(&mut self, world: &World) {
        for effect in self.end.effects() {
            match effect {
                Effect::Opened { id } => {
                    assert_eq!(self.end.streams.head(id), Some(&*head_of(id)));
                    if id % 5 > 1 {
                        self.end
                            .streams
                            .answer(id, &head_of(id + 1))
                            .or_else(allow_stopped)
                            .unwrap();
                    }
                    let half = self.half(world, id);
                    assert!(self.halves.insert(id, half).is_none());
                }
                Effect::Answered { id } => {
                    let head = if id % 5 > 1 {
                        head_of(id + 1)
                    } else {
                        String::new()
                    };
                    assert_eq!(self.end.streams.head(id), Some(&*head));
                }
                Effect::Readable { id } => {
                    let half = self.halves.get_mut(&id).unwrap();
                    assert!(!half.can_read, "an edge is told once");
                    half.can_read = true;
                }
                Effect::Writable { id } => {
                    let half = self.halves.get_mut(&id).unwrap();
                    assert!(!half.can_write, "an edge is told once");
                    half.can_write = true;
                }
                Effect::Finished { id } => {
                    assert!(self.halves.get(&id).is_none_or(|half| half.is_finished));
                }
                Effect::Reset { id, code } => {
                    assert!(self.halves[&id].is_wild && code < 2);
                    self.halves.get_mut(&id).unwrap().can_read = true;
                }
                Effect::Stopped { id, code } => {
                    assert_eq!(code, 1);
                    if let Some(half) = self.halves.get_mut(&id) {
                        assert!(half.is_wild);
                        half.is_finished = true;
                    }
                }
                Effect::MayOpen => self.may_open = true,
            }
        }
    }

    fn act(&mut self, world: &mut World) {
        if self.may_open && self.opened < self.to_open {
            let id = 2 * self.end.streams.next_number() + self.name;
            match self.end.streams.open(&head_of(id)) {
                Ok(opened) => {
                    assert_eq!(opened, id);
                    self.opened += 1;
                    let half = self.half(world, id);
                    self.halves.insert(id, half);
                }
                Err(error) => {
                    assert_eq!(error, OpenError::Blocked);
                    self.may_open = false;
                }
            }
        }
        let ids: Vec<u64> = self.halves.keys().copied().collect();
        for id in ids {
            if world.rng.below(3) > 0 {
                self.write(world, id);
                self.read(world, id);
            }
            if self.halves[&id].is_wild && world.rng.below(200) == 0 {
                self.cut(world, id);
            }
            let half = &self.halves[&id];
            if half.is_finished && half.is_ended {
                self.halves.remove(&id);
            }
        }
    }

    fn write(&mut self, world: &mut World, id: u64) {
        let half = self.halves.get_mut(&id).unwrap();
        if half.is_finished || !half.can_write {
            return;
        }
        if half.written == half.to_write {
            self.end.streams.finish(id).or_else(allow_stopped).unwrap();
            half.is_finished = true;
            return;
        }
        let len = (1 + world.rng.below(9000)).min(half.to_write - half.written);
        let data: Vec<u8> = (half.written..half.written + len)
            .map(|at| byte(id, self.name, at))
            .collect();
        match self.end.streams.write(id, &data) {
            Ok(taken) => half.written += taken as u64,
            Err(WriteError::Blocked) => half.can_write = false,
            Err(WriteError::Stopped(1)) if half.is_wild => half.is_finished = true,
            Err(other) => panic!("{other:?}"),
        }
    }

    fn read(&mut self, world: &mut World, id: u64) {
        let half = self.halves.get_mut(&id).unwrap();
        if half.is_ended || !half.can_read {
            return;
        }
        let mut out = vec![0; 1 + world.rng.below(12_000) as usize];
        match self
            .end
            .streams
            .read(world.now, id, &mut out, &mut self.end.fx)
        {
            Ok(Read::Bytes(len)) => {
                for got in &out[..len] {
                    assert_eq!(*got, byte(id, 1 - self.name, half.read));
                    half.read += 1;
                }
            }
            Ok(Read::End) => {
                assert_eq!(half.read, half.to_read);
                half.is_ended = true;
            }
            Err(ReadError::Blocked) => half.can_read = false,
            Err(ReadError::Reset(0 | 1)) if half.is_wild => half.is_ended = true,
            Err(other) => panic!("{other:?}"),
        }
    }

    fn cut(&mut self, world: &mut World, id: u64) {
        let half = self.halves.get_mut(&id).unwrap();
        if world.rng.below(2) == 0 {
            if !half.is_finished {
                self.end
                    .streams
                    .reset(id, 0)
                    .or_else(allow_stopped)
                    .unwrap();
                half.is_finished = true;
            }
        } else if !half.is_ended {
            self.end
                .streams
                .stop(world.now, id, 1, &mut self.end.fx)
                .unwrap();
            half.is_ended = true;
        }
    }

    fn send(&mut self, world: &mut World) {
        while self.end.streams.has_output() && self.flying.len() < 60 {
            let packet = self.end.pack(64 + world.rng.below(1400) as usize);
            assert!(!packet.plain.is_empty());
            self.model.check(&packet.plain);
            self.flying.push(packet);
        }
        if !self.flying.is_empty() && world.rng.below(8) == 0 {
            let oldest = self.flying[0].carried.clone();
            let (mut plain, mut carried) = (vec![0; 900], Vec::new());
            let mut writer = Writer::new(&mut plain);
            self.end
                .streams
                .fill_again(&mut writer, &mut carried, &oldest);
            let len = writer.len();
            plain.truncate(len);
            self.model.check(&plain);
            self.flying.push(Packet { plain, carried });
        }
    }

    fn fly(&mut self, other: &mut Self, world: &mut World) {
        for _ in 0..world.rng.below(40) {
            if self.flying.is_empty() {
                return;
            }
            // Now and then in order, now and then from anywhere.
            let most = if world.rng.below(2) == 0 {
                1
            } else {
                self.flying.len() as u64
            };
            let packet = self.flying.remove(world.rng.below(most) as usize);
            let is_lost = world.rng.below(100) < world.loss;
            if !is_lost || world.rng.below(8) == 0 {
                for _ in 0..=world.rng.below(6) / 5 {
                    other.end.take(world.now, &packet.plain).unwrap();
                    other.model.heard(&packet.plain);
                }
            }
            if is_lost {
                self.end.lost(&packet);
            } else {
                self.end.arrived(&packet);
            }
        }
    }

    fn is_done(&self) -> bool {
        self.opened == self.to_open
            && self.halves.is_empty()
            && self.flying.is_empty()
            && self.end.streams.is_empty()
            && !self.end.streams.has_output()
    }
}

fn allow_stopped<T: Default>(error: WriteError) -> Result<T, WriteError> {
    match error {
        WriteError::Stopped(1) => Ok(T::default()),
        WriteError::UnknownStream
        | WriteError::Blocked
        | WriteError::Finished
        | WriteError::Stopped(_)
        | WriteError::LineDown
        | WriteError::IllegalHead => Err(error),
    }
}

fn run(seed: u64, streams: u64, size_max: u64, loss: u64, wild: bool, config: &Config) -> bool {
    let mut key = [7; 32];
    key[..8].copy_from_slice(&seed.to_be_bytes());
    let mut world = World {
        rng: Rng::new(&Seed::new(key)),
        now: Time::ZERO,
        wild,
        size_max,
        loss,
    };
    let (mut a, mut b) = (
        Side::new(config, true, streams),
        Side::new(config, false, streams / 2),
    );
    for _ in 0..20_000 {
        world.now = world.now.plus_us(world.rng.below(2000));
        for (from, to) in [(0, 1), (1, 0)] {
            let [one, other] = if (from, to) == (0, 1) {
                [&mut a, &mut b]
            } else {
                [&mut b, &mut a]
            };
            one.act(&mut world);
            one.send(&mut world);
            one.fly(other, &mut world);
            one.learn(&world);
            other.learn(&world);
        }
        if a.is_done() && b.is_done() {
            for side in [&mut a, &mut b] {
                assert!(side.end.streams.is_settled());
                assert_eq!(side.end.streams.unacknowledged_bytes(), 0);
                assert_eq!(side.end.streams.buffered_bytes(), 0);
            }
            return true;
        }
    }
    panic!(
        "seed {seed}: {} and {} streams are left",
        a.end.streams.count(),
        b.end.streams.count()
    );
}

fn small() -> Config {
    Config {
        stream_window_initial_bytes: 64 << 10,
        stream_window_max_bytes: 100 << 10,
        line_window_initial_bytes: 256 << 10,
        line_window_max_bytes: 300 << 10,
        send_buffer_stream_max_bytes: 20 << 10,
        send_buffer_line_max_bytes: 50 << 10,
        buffers_spare_max_bytes: 8 << 10,
        streams_max: 64,
        turn_bytes: 2000,
        frames_in_flight_max: 50,
        gaps_max: 100,
        ..Config::default()
    }
}

// S2.52, S2.55, S2.85, S2.86, S2.87
#[test]
fn stream_delivers_what_was_written_under_any_loss_and_order() {
    fn holds(seed: u64, streams: u8, loss: u8) -> bool {
        run(
            seed,
            u64::from(streams % 12),
            60_000,
            u64::from(loss % 60),
            false,
            &small(),
        )
    }
    checker(250).quickcheck(holds as fn(u64, u8, u8) -> bool);
}

#[test]
fn stream_ends_everywhere_under_resets_and_stops_at_any_time() {
    fn holds(seed: u64, streams: u8, loss: u8) -> bool {
        run(
            seed,
            u64::from(streams % 40),
            30_000,
            u64::from(loss % 60),
            true,
            &small(),
        )
    }
    checker(250).quickcheck(holds as fn(u64, u8, u8) -> bool);
}

#[test]
fn stream_of_bulk_goes_through_with_the_usual_limits() {
    assert!(run(1, 4, 3_000_000, 5, false, &Config::default()));
}

#[test]
fn stream_numbers_go_beyond_the_first_allowance() {
    assert!(run(2, 400, 500, 10, false, &small()));
    assert!(run(3, 400, 500, 10, true, &small()));
}
