//! The story of a colony: it grows, speaks, is cut, heals and speaks again, and two colonies become
//! one.

use std::collections::BTreeMap;

use super::{
    Colony, Settings, Shape,
    figures::{Dice, Figures},
    shape,
};

/// Bytes of a message in the steady state.
const MESSAGE_BYTES: usize = 128;
/// Messages a second.
const MESSAGES_A_SECOND: u64 = 10;
/// How long a dead neighbour may go unnoticed while there is traffic.
pub(super) const DETECTION_MS: u64 = 2_000;

/// How often the tree is looked at: longer than any word is under way.
const STEP_MS: u64 = 100;
/// How long the tree may take until it is as low as it should be.
const BALANCE_MS: u64 = 30_000;
/// How long it takes all members to be in the tree, beginning with none, the last of them after nine
/// tenths of it.
const JOIN_MS: u64 = 10_000;
/// A tree in which nobody moves for so long has come to rest.
const STILL_MS: u64 = 3_000;
/// How often the busiest member may be asked for a place in a second.
const ASKS_A_SECOND: f64 = 32.0;

/// Grows a tree of all members within `ms`; each asks one that came before it, drawn by chance.
/// Tells how often the member that was asked most was asked for a place in any one second.
pub(super) fn grow(colony: &mut Colony, members: std::ops::Range<usize>, ms: u64) -> u64 {
    let (first, count) = (members.start, members.len());
    let mut dice = Dice(0x1234_5678 ^ first as u64);
    let mut asks = Asks::default();
    let begun = colony.world.now;
    colony.join(first, None);
    for n in members.skip(1) {
        let at_us = ms * 1000 * (n - first) as u64 / count as u64;
        let until = begun.plus_us(at_us);
        let ms = until.since_us(colony.world.now) / 1000;
        colony.run(ms);
        asks.look(colony);
        let contact = first + dice.below((n - first) as u64) as usize;
        colony.join(n, Some(contact));
    }
    asks.busiest
}

/// How often members are asked for a place.
#[derive(Debug, Default)]
struct Asks {
    /// At the beginning of the second, by member.
    before: BTreeMap<usize, u64>,
    since_us: u64,
    /// The most in a second.
    busiest: u64,
}

impl Asks {
    /// Counts if a second is over.
    fn look(&mut self, colony: &Colony) {
        let now_us = colony.world.now.as_us();
        if now_us - self.since_us < 1_000_000 {
            return;
        }
        let there = colony.there().into_iter();
        let now: BTreeMap<usize, u64> = there.map(|n| (n, colony.tree(n).stats().asks)).collect();
        let of = |(n, now): (&usize, &u64)| now.saturating_sub(*self.before.get(n).unwrap_or(&0));
        self.busiest = self.busiest.max(now.iter().map(of).max().unwrap_or(0));
        (self.before, self.since_us) = (now, now_us);
    }

    /// Begins a second now.
    fn begin(colony: &Colony) -> Self {
        let mut asks = Self::default();
        asks.look(colony);
        asks.busiest = 0;
        asks
    }
}

/// Runs until the members are one tree, for at most `ms`; tells how long it took.
pub fn until_one(colony: &mut Colony, arity: u8, ms: u64) -> Option<u64> {
    let begun = colony.world.now;
    let mut before = shape(colony, arity);
    for _ in 0..ms / STEP_MS {
        colony.run(STEP_MS);
        let shape = shape(colony, arity);
        if shape.is_one_since(&before) {
            return Some(colony.world.now.since_us(begun) / 1000);
        }
        before = shape;
    }
    None
}

/// Runs until there are two whole trees, for at most `ms`.
fn until_one_each(colony: &mut Colony, arity: u8, ms: u64) {
    for _ in 0..ms / STEP_MS {
        let shape = shape(colony, arity);
        if shape.roots.len() == 2 && shape.torn.is_empty() {
            return;
        }
        colony.run(STEP_MS);
    }
}

/// Runs until the tree is as low as it should be, for at most half a minute; tells how long it took.
fn until_low(colony: &mut Colony, arity: u8) -> Option<u64> {
    let mut ms = 0;
    for _ in 0..BALANCE_MS / 500 {
        let shape = shape(colony, arity);
        if shape.is_one() && shape.depth <= shape.optimum + 1 {
            return Some(ms);
        }
        colony.run(500);
        ms += 500;
    }
    None
}

pub(super) fn low(colony: &mut Colony, (arity, name): (u8, &str), figures: &mut Figures) {
    let took = until_low(colony, arity);
    let took = took.map_or(f64::INFINITY, |ms| ms as f64);
    let what = format!("{name}: depth at most the optimum and one");
    figures.goal(what, took, BALANCE_MS as f64, "ms");
}

/// All join one after the other, and what that took.
pub fn join(colony: &mut Colony, members: usize, arity: u8, figures: &mut Figures) {
    let begun = colony.world.now;
    let busiest = grow(colony, 0..members, JOIN_MS * 9 / 10);
    let one = until_one(colony, arity, 30_000);
    let took_us = colony.world.now.since_us(begun);
    let took = one.map_or(f64::INFINITY, |_| took_us as f64 / 1000.0);
    figures.goal("join: all in one tree", took, JOIN_MS as f64, "ms");
    let there = colony.there();
    let entries: Vec<_> = there
        .iter()
        .filter_map(|n| colony.books.entry(*n))
        .collect();
    let redirects = entries.iter().map(|entry| entry.redirects);
    let log = (there.len() as f64).log2().ceil();
    let most = redirects.clone().max().unwrap_or(0);
    let mean = redirects.sum::<u64>() as f64 / entries.len().max(1) as f64;
    figures.goal("join: redirects, mean", mean, log, "members");
    figures.goal("join: redirects, at most", most as f64, log, "members");
    let slowest = entries.iter().map(|entry| entry.took_us).max().unwrap_or(0);
    figures.note("join: slowest", slowest as f64 / 1000.0, "ms");
    let name = "join: busiest member";
    figures.goal(name, busiest as f64, ASKS_A_SECOND, "asks/s");
    low(colony, (arity, "join"), figures);
    let took = until_still(colony);
    figures.note("join: nobody moves any more", took as f64, "ms");
}

/// Runs until nobody has moved to another place for `STILL_MS`, for at most half a minute; tells how
/// long it took.
fn until_still(colony: &mut Colony) -> u64 {
    let moves = |colony: &Colony| -> u64 {
        let there = colony.there().into_iter();
        there.map(|n| colony.tree(n).stats().moves).sum()
    };
    let (mut ms, mut since_ms) = (0, 0);
    let mut before = moves(colony);
    while ms < BALANCE_MS && ms - since_ms < STILL_MS {
        colony.run(500);
        ms += 500;
        let now = moves(colony);
        if now != before {
            (before, since_ms) = (now, ms);
        }
    }
    ms
}

/// Broadcasts so many messages, each from another member, and holds them to the books.
pub fn speak(
    colony: &mut Colony,
    (arity, name): (u8, &str),
    messages: usize,
    goals: (f64, f64),
    figures: &mut Figures,
) {
    let there = colony.there();
    let shape = shape(colony, arity);
    let from = colony.books.len();
    let before = copies(colony);
    let mut dice = Dice(7 + from as u64);
    let mut senders = vec![there[0], *deepest(&shape)];
    for _ in 2..messages {
        senders.push(there[dice.below(there.len() as u64) as usize]);
    }
    for sender in &senders {
        if !colony.broadcast(*sender, MESSAGE_BYTES) {
            figures.wrongs.push(format!("{name}: no room to broadcast"));
        }
        colony.run(1_000 / MESSAGES_A_SECOND);
    }
    colony.run(3_000);
    let hops = senders.iter().map(|n| shape.farthest(*n)).max();
    figures.goal(
        format!("{name}: farthest member"),
        hops.unwrap_or(0) as f64,
        goals.0,
        "hops",
    );
    let spread: Vec<_> = colony.books.heard().skip(from).collect();
    let slowest = spread.iter().map(|heard| heard.took_us).max().unwrap_or(0);
    figures.goal(
        format!("{name}: delivered to all"),
        slowest as f64 / 1000.0,
        goals.1,
        "ms",
    );
    let lacking = spread.iter().filter(|it| it.read + 1 < there.len()).count();
    figures.goal(
        format!("{name}: messages that somebody lacks"),
        lacking as f64,
        0.0,
        "messages",
    );
    let extra = copies(colony) - before;
    figures.goal(format!("{name}: extra copies"), extra as f64, 0.0, "chunks");
    figures.take_wrongs(colony, name);
}

fn copies(colony: &Colony) -> u64 {
    let there = colony.there();
    let stats = there.iter().map(|n| colony.tree(*n).cast_stats());
    stats.map(|stats| stats.duplicates).sum()
}

fn deepest(shape: &Shape) -> &usize {
    let by_depth = shape.depths.iter().max_by_key(|(n, depth)| (**depth, **n));
    by_depth.expect("somebody is there").0
}

/// Kills so many percent at once while messages go on, and looks how it heals.
pub fn cut(colony: &mut Colony, arity: u8, percent: u64, figures: &mut Figures) {
    let mut left = colony.there();
    let name = format!("kill {percent} % of {}", left.len());
    let mut dice = Dice(percent * 77 + 1);
    let from = colony.books.len();
    let gaps = colony.books.gaps;
    say(colony, 1_000, &mut dice);
    let dead = left.len() as u64 * percent / 100;
    for _ in 0..dead {
        let at = dice.below(left.len() as u64) as usize;
        colony.kill(left.swap_remove(at));
    }
    let healed = heal(colony, arity, (&name, &mut dice), figures);
    let took = healed.0.map_or(f64::INFINITY, |ms| ms as f64);
    let goal = (DETECTION_MS + 1_500) as f64;
    figures.goal(format!("{name}: one tree again"), took, goal, "ms");
    let busiest = format!("{name}: busiest member");
    figures.goal(busiest, healed.1 as f64, ASKS_A_SECOND, "asks/s");
    say(colony, 2_000, &mut dice);
    low(colony, (arity, &name), figures);
    colony.run(2_000);
    let missing = colony.books.missing(from).len() as f64;
    let lacking = format!("{name}: survivors' messages lacking");
    figures.goal(lacking, missing, 0.0, "messages");
    let gaps = (colony.books.gaps - gaps) as f64;
    figures.goal(format!("{name}: gaps"), gaps, 0.0, "messages");
    figures.take_wrongs(colony, &name);
}

/// Runs until the members are one tree, while messages go on: how long that took, and how often the
/// member that was asked most was asked for a place in any one second.
fn heal(
    colony: &mut Colony,
    arity: u8,
    (name, dice): (&str, &mut Dice),
    figures: &mut Figures,
) -> (Option<u64>, u64) {
    let killed = colony.world.now;
    let mut asks = Asks::begin(colony);
    let mut healed = None;
    let mut before = shape(colony, arity);
    while healed.is_none() && colony.world.now.since_us(killed) < 10_000_000 {
        say(colony, STEP_MS, dice);
        asks.look(colony);
        let shape = shape(colony, arity);
        if shape.looped > 0 {
            figures.wrongs.push(format!("{name}: a loop"));
        }
        if shape.is_one_since(&before) {
            healed = Some(colony.world.now.since_us(killed) / 1000);
        }
        before = shape;
    }
    say(colony, 1_000, dice);
    asks.look(colony);
    (healed, asks.busiest)
}

/// Messages at the usual rate for so long, each of a member drawn by chance.
fn say(colony: &mut Colony, ms: u64, dice: &mut Dice) {
    for _ in 0..ms * MESSAGES_A_SECOND / 1000 {
        let there = colony.there();
        let sender = there[dice.below(there.len() as u64) as usize];
        colony.broadcast(sender, MESSAGE_BYTES);
        colony.run(1_000 / MESSAGES_A_SECOND);
    }
}

/// Two colonies meet by any two members, while both speak.
pub fn merge(settings: &Settings, figures: &mut Figures) {
    let mut colony = Colony::new(settings);
    let half = settings.members / 2;
    grow(&mut colony, 0..half, 5_000);
    grow(&mut colony, half..settings.members, 5_000);
    until_one_each(&mut colony, settings.arity, 20_000);
    let mut before = shape(&colony, settings.arity);
    if before.roots.len() != 2 {
        let wrong = format!("merge: {} trees before", before.roots.len());
        figures.wrongs.push(wrong);
    }
    let mut dice = Dice(5);
    let from = colony.books.len();
    colony.meet(half + half / 3, half / 2);
    let begun = colony.world.now;
    let mut one = None;
    for _ in 0..200 {
        say(&mut colony, STEP_MS, &mut dice);
        let shape = shape(&colony, settings.arity);
        if shape.is_one_since(&before) {
            one = Some(colony.world.now.since_us(begun) / 1000);
            break;
        }
        before = shape;
    }
    let took = one.map_or(f64::INFINITY, |ms| ms as f64);
    figures.goal("merge: one tree", took, 5_000.0, "ms");
    low(&mut colony, (settings.arity, "merge"), figures);
    say(&mut colony, 1_000, &mut dice);
    colony.run(2_000);
    let missing = colony.books.missing(from).len() as f64;
    figures.goal("merge: messages lacking", missing, 0.0, "messages");
    figures.take_wrongs(&mut colony, "merge");
}

/// What a member holds beside its image and its log.
pub fn memory(colony: &Colony, figures: &mut Figures) {
    let there = colony.there();
    let held = there.iter().map(|n| colony.tree(*n).held_bytes());
    let own: u64 = held.map(|(places, ..)| places).sum();
    figures.goal(
        "memory: a member beside its image and log",
        (own / there.len() as u64) as f64,
        10_240.0,
        "bytes",
    );
}
