//! What is demanded of every run: each message once, in order, and gaps that are exact.

use std::{env, format, println, string::String};

use super::world::{Heard, Member, World};
use crate::tree::cast::Config;

/// What may happen in a run.
#[derive(Clone, Copy, Debug)]
struct Profile {
    /// Members come, die and come again.
    churn: bool,
    ring_bytes: u32,
    ring_ms: u32,
    /// Bytes of the longest message.
    longest: u64,
}

fn profile(seed: u64) -> Profile {
    let small = seed % 4 == 3;
    Profile {
        churn: seed % 2 == 1,
        ring_bytes: if small { 40 << 10 } else { 4 << 20 },
        ring_ms: if small { 400 } else { 60_000 },
        longest: if seed % 8 < 2 { 40_000 } else { 300 },
    }
}

fn run(seed: u64) -> World {
    let profile = profile(seed);
    let config = Config {
        ring_bytes: profile.ring_bytes,
        ring_ms: profile.ring_ms,
        outbox_ms: 200,
        gap_ms: 200,
        origin_messages_per_s: 1_000,
        origin_bytes_per_s: 4 << 20,
        ..Config::default()
    };
    let mut world = World::new(seed, config);
    let members = 3 + world.dice.below(5) as usize;
    for key in 0..members {
        world.add(key);
    }
    if !profile.churn {
        // All are there before the first word.
        while world.join_two() {}
        world.settle();
    }
    for _ in 0..40 + world.dice.below(60) {
        for _ in 0..world.dice.below(3) {
            disturb(&mut world, profile);
        }
        world.step();
    }
    while world.join_two() {}
    world.settle();
    for member in world.living() {
        while !world.broadcast(member, 0) {
            world.step();
        }
    }
    world.settle();
    world
}

fn disturb(world: &mut World, profile: Profile) {
    let living = world.living();
    let one = living[world.dice.below(living.len() as u64) as usize];
    let wires = world.wires.len() as u64;
    match world.dice.below(if profile.churn { 28 } else { 24 }) {
        0 | 1 if wires > 0 => {
            let wire = world.dice.below(wires) as usize;
            world.cut(wire);
        }
        2 if wires > 0 => {
            let (wire, us) = (world.dice.below(wires) as usize, world.dice.below(500_000));
            world.stall(wire, us);
        }
        3..=8 => drop(world.join_two()),
        9 => world.members[one].lazy = 1 + world.dice.below(40),
        10..=23 => {
            let len = world.dice.below(profile.longest) as usize;
            world.broadcast(one, len);
        }
        24 if living.len() > 2 => world.crash(one),
        25 if world.members.len() < 20 => {
            world.add(world.members.len());
        }
        26 | 27 if world.members.len() < 20 => {
            world.restart();
        }
        _ => {}
    }
}

/// Demands what holds of every run.
fn demand(world: &World, seed: u64) {
    let lives = |it: &Member| it.alive;
    for member in world.members.iter().filter(|it| it.alive) {
        for (origin, said) in &world.said {
            let heard = member.heard.get(origin).cloned().unwrap_or_default();
            let about = format!(
                "seed {seed}: {:?} of {origin:?}, {} said: {heard:?}",
                member.node,
                said.len()
            );
            if *origin == member.node {
                assert_eq!(heard, [], "{about}");
                continue;
            }
            let begins = contiguous(&heard, &about);
            let alive = world
                .members
                .iter()
                .any(|it| it.node == *origin && lives(it));
            if alive {
                let ends = heard.last().map_or(0, |it| it.1);
                assert_eq!(ends, said.len() as u64, "{about}");
            }
            let from = member.took_over.as_ref().and_then(|it| it.get(origin));
            let latest = from.copied().unwrap_or(1);
            assert!(
                begins <= latest || heard.is_empty(),
                "{about} from {latest}"
            );
            let profile = profile(seed);
            if !profile.churn && profile.ring_bytes > 1 << 20 {
                assert!(heard.iter().all(|it| !it.2), "{about}: no gap is needed");
            }
        }
    }
}

/// Each is told once and in order, with nothing between: where it begins.
fn contiguous(heard: &Heard, about: &str) -> u64 {
    let begins = heard.first().map_or(1, |it| it.0);
    let mut next = begins;
    for (first, last, _) in heard {
        assert_eq!(*first, next, "{about}");
        assert!(last >= first, "{about}");
        next = last + 1;
    }
    begins
}

/// Seeds from `HYDROID_SEED` on, and as many as `HYDROID_CAST_SEEDS` says.
fn seeds(usual: u64) -> core::ops::Range<u64> {
    let number = |name: &str| -> Option<u64> {
        let text: String = env::var(name).ok()?;
        Some(text.parse().expect("a number"))
    };
    let first = number("HYDROID_SEED").unwrap_or(0);
    println!("HYDROID_SEED={first}");
    first..first + number("HYDROID_CAST_SEEDS").unwrap_or(usual)
}

#[test]
fn cast_tells_each_message_once_and_in_order_whatever_is_cut() {
    let (mut messages, mut gaps, mut duplicates) = (0, 0, 0);
    for seed in seeds(2_000) {
        let world = run(seed);
        demand(&world, seed);
        for member in &world.members {
            let heard = member.heard.values().flatten();
            gaps += heard.filter(|it| it.2).count();
            messages += member.cast.stats().delivered;
        }
        duplicates += world.duplicates();
    }
    println!("{messages} messages, {gaps} gaps, {duplicates} duplicate chunks");
    assert!(messages > 0 && gaps > 0, "the runs show something");
}
