//! Writers that wait for room: who is told of it, and that nobody waits for what never comes.

use std::collections::BTreeSet;

use super::*;
use crate::base::{Limits, Rng, Seed};

/// Streams whose writers wait, as they would be told.
fn heed(end: &mut End, waiting: &mut BTreeSet<u64>) -> Vec<u64> {
    let mut told = Vec::new();
    for effect in end.effects() {
        if let Effect::Writable { id } = effect {
            assert!(waiting.remove(&id), "{id} did not wait");
            told.push(id);
        }
    }
    told
}

#[test]
fn stream_writers_are_all_told_where_nothing_more_arrives() {
    let config = Config {
        send_buffer_stream_initial_bytes: 100_000,
        send_buffer_stream_max_bytes: 100_000,
        send_buffer_line_initial_bytes: 200_000,
        send_buffer_line_max_bytes: 200_000,
        ..Config::default()
    };
    let (mut a, mut b) = ends(&config);
    // The peer reads nothing of this one, and what it has no credit for stays where it is.
    let stuck = a.streams.open("").unwrap();
    let others: Vec<_> = (0..300)
        .map(|_| {
            pump(&mut a, &mut b);
            a.streams.open("").unwrap()
        })
        .collect();
    pump(&mut a, &mut b);
    a.streams.write(stuck, &[1; 100_000]).unwrap();
    pump(&mut a, &mut b);
    assert!(!a.streams.has_output() && a.streams.unacknowledged_bytes() > 30_000);
    a.effects();
    // All the rest of the buffer is taken, and many wait for it.
    let mut waiting = BTreeSet::new();
    let mut busy = Vec::new();
    for id in others {
        match a.streams.write(id, &[2; 50_000]) {
            Ok(_) => busy.push(id),
            Err(error) => {
                assert_eq!(error, WriteError::Blocked);
                waiting.insert(id);
            }
        }
    }
    assert!(waiting.len() > 250, "{}", waiting.len());
    a.effects();
    // They are told as there is room, and none of those makes use of it.
    pump(&mut a, &mut b);
    for id in busy {
        while b.read(id, 9_000).is_ok() {}
    }
    pump(&mut a, &mut b);
    for effect in a.effects() {
        if let Effect::Writable { id } = effect {
            waiting.remove(&id);
        }
    }
    assert!(!a.streams.has_output() && !b.streams.has_output());
    assert_eq!(waiting.len(), 0, "were never told of the room there is");
}

fn limits(rng: &mut Rng) -> Limits {
    let most = [4_000, 20_000, 90_000, 1 << 20][rng.below(4) as usize];
    Limits {
        most,
        near: most * 3 / 4,
        raise: rng.below(2) * 100_000,
    }
}

/// Two ends, the streams of both, who waits at which end, and what is on its way from which.
struct Fray {
    ends: (End, End),
    ids: Vec<u64>,
    waiting: [BTreeSet<u64>; 2],
    flying: Vec<(usize, Packet)>,
}

impl Fray {
    /// Anything that may happen to an end.
    fn step(&mut self, rng: &mut Rng) {
        let which = rng.below(2) as usize;
        let len = rng.below(30_000) as usize;
        let id = self.ids.get(rng.below(self.ids.len() as u64) as usize);
        let id = id.copied().unwrap_or_default();
        let (a, b) = &mut self.ends;
        let end = if which == 0 { a } else { b };
        match rng.below(14) {
            0 => self.ids.extend(end.streams.open("")),
            1..=4 => {
                if end.streams.write(id, &vec![0; len]) == Err(WriteError::Blocked) {
                    self.waiting[which].insert(id);
                }
            }
            5..=6 => drop(end.read(id, len)),
            7 if len < 3_000 => drop(end.streams.stop(Time::ZERO, id, 1, &mut end.fx)),
            8 if len < 3_000 => drop(end.streams.reset(id, 1)),
            9 if len < 3_000 => drop(end.streams.finish(id)),
            10 if len < 9_000 => {
                end.streams.set_limits(limits(rng), false);
                end.streams.on_room(&mut end.fx);
            }
            11 if len < 3_000 => end.streams.rest(),
            12 => end.streams.set_path(1_000, rng.below(40_000)),
            _ => {
                if end.streams.has_output() {
                    self.flying.push((which, end.pack(1_200)));
                }
                if self.flying.len() > 10 {
                    let place = rng.below(self.flying.len() as u64) as usize;
                    let (from, packet) = self.flying.swap_remove(place);
                    land(&mut self.ends, from, &packet, rng.below(10) == 0);
                }
            }
        }
        self.heed();
    }

    fn heed(&mut self) {
        heed(&mut self.ends.0, &mut self.waiting[0]);
        heed(&mut self.ends.1, &mut self.waiting[1]);
    }

    /// There is memory, everything arrives, and all of it is read.
    fn calm(&mut self) {
        for (from, packet) in core::mem::take(&mut self.flying) {
            land(&mut self.ends, from, &packet, false);
        }
        let (a, b) = &mut self.ends;
        for end in [&mut *a, &mut *b] {
            end.streams.set_limits(Limits::NONE, false);
            end.streams.on_room(&mut end.fx);
        }
        for _ in 0..200 {
            pump(a, b);
            for end in [&mut *a, &mut *b] {
                for id in &self.ids {
                    while end.read(*id, 50_000).is_ok_and(|bytes| !bytes.is_empty()) {}
                }
            }
        }
        self.heed();
    }
}

#[test]
fn stream_writers_find_room_in_the_end_whatever_both_ends_did() {
    for seed in 0..120_u8 {
        let mut rng = Rng::new(&Seed::new([seed; 32]));
        let mut fray = Fray {
            ends: ends(&Config {
                head_max_bytes: 100,
                send_buffer_stream_initial_bytes: 20_000,
                send_buffer_stream_max_bytes: 40_000,
                send_buffer_line_initial_bytes: 50_000,
                send_buffer_line_max_bytes: 100_000,
                buffers_spare_max_bytes: [0, 10_000, 1 << 20][usize::from(seed) % 3],
                ..Config::default()
            }),
            ids: Vec::new(),
            waiting: [BTreeSet::new(), BTreeSet::new()],
            flying: Vec::new(),
        };
        (0..1_500).for_each(|_| fray.step(&mut rng));
        fray.calm();
        let (a, b) = &mut fray.ends;
        for (end, waiting) in [a, b].into_iter().zip(&fray.waiting) {
            assert_eq!(end.streams.unacknowledged_bytes(), 0, "seed {seed}");
            for id in waiting {
                let again = end.streams.write(*id, b"x");
                assert!(again.is_err(), "seed {seed}: {id} waits, and there is room");
                assert_ne!(again, Err(WriteError::Blocked), "seed {seed}: {id}");
            }
            end.streams.on_down(&mut end.fx);
            fray.ids.iter().for_each(|id| end.streams.forget(*id));
            end.streams.rest();
            let left = (end.streams.charged_bytes(), end.streams.buffered_bytes());
            assert_eq!(left, (0, 0), "seed {seed}");
        }
    }
}

fn land((a, b): &mut (End, End), from: usize, packet: &Packet, lost: bool) {
    let (from, to) = if from == 0 { (a, b) } else { (b, a) };
    let mut whole = !lost;
    if whole {
        for frame in Frames::new(&packet.plain) {
            whole &= to.frame_of(frame.unwrap());
        }
    }
    if whole {
        from.arrived(packet);
    } else {
        from.lost(packet);
    }
}
