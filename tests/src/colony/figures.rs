//! The story of a colony in figures: it grows, speaks, is cut, heals and speaks again, and two
//! colonies become one. Each figure stands beside its goal.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::Serialize;

use super::{Colony, Settings, Shape, look::optimum, shape};

/// A figure and its goal.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// What it tells.
    pub name: String,
    /// What was seen.
    pub seen: f64,
    /// At most this much; `None` is a figure without a goal.
    pub goal: Option<f64>,
    /// The unit of both.
    pub unit: &'static str,
}

impl Figure {
    /// True if it is no more than its goal.
    pub fn is_met(&self) -> bool {
        self.goal.is_none_or(|goal| self.seen <= goal)
    }
}

/// All figures of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// In the order of the story.
    pub all: Vec<Figure>,
    /// What was wrong, in words; nothing should be.
    pub wrongs: Vec<String>,
}

impl Figures {
    fn goal(&mut self, name: impl Into<String>, seen: f64, goal: f64, unit: &'static str) {
        self.all.push(Figure {
            name: name.into(),
            seen,
            goal: Some(goal),
            unit,
        });
    }

    fn note(&mut self, name: impl Into<String>, seen: f64, unit: &'static str) {
        self.all.push(Figure {
            name: name.into(),
            seen,
            goal: None,
            unit,
        });
    }

    /// True if every goal was reached and nothing was wrong.
    pub fn are_met(&self) -> bool {
        self.wrongs.is_empty() && self.all.iter().all(Figure::is_met)
    }

    /// The table for people, from this figure on.
    pub fn table_from(&self, first: usize) -> String {
        let mut out = String::new();
        for figure in self.all.iter().skip(first) {
            let goal = match figure.goal {
                Some(goal) => format!("<= {}", short(goal)),
                None => String::new(),
            };
            let mark = if figure.is_met() { " " } else { "MISSED" };
            let _ = writeln!(
                out,
                "{:<52} {:>12} {:<10} {:>12} {mark}",
                figure.name,
                short(figure.seen),
                figure.unit,
                goal
            );
        }
        out
    }

    /// What was wrong, for people.
    pub fn wrongs(&self) -> String {
        let mut out = String::new();
        for wrong in self.wrongs.iter().take(10) {
            let _ = writeln!(out, "WRONG: {wrong}");
        }
        out
    }

    fn take_wrongs(&mut self, colony: &mut Colony, when: &str) {
        let wrongs = std::mem::take(&mut colony.books.wrongs);
        self.wrongs
            .extend(wrongs.into_iter().map(|wrong| format!("{when}: {wrong}")));
    }
}

fn short(number: f64) -> String {
    if number.fract() == 0.0 {
        format!("{number}")
    } else {
        format!("{number:.2}")
    }
}

/// Bytes of a message in the steady state.
const MESSAGE_BYTES: usize = 128;
/// Messages a second.
const MESSAGES_A_SECOND: u64 = 10;
/// How long a dead neighbour may go unnoticed while there is traffic.
const DETECTION_MS: u64 = 2_000;

/// Grows a tree of all members within `ms`; each asks one that came before it, drawn by chance.
pub fn grow(colony: &mut Colony, members: std::ops::Range<usize>, ms: u64, figures: &mut Figures) {
    let (first, count) = (members.start, members.len());
    let mut dice = Dice(0x1234_5678 ^ first as u64);
    let begun = colony.world.now;
    colony.join(first, None);
    for n in members.skip(1) {
        let at_us = ms * 1000 * (n - first) as u64 / count as u64;
        let until = begun.plus_us(at_us);
        let ms = until.since_us(colony.world.now) / 1000;
        colony.run(ms);
        let contact = first + dice.below((n - first) as u64) as usize;
        colony.join(n, Some(contact));
    }
    let _ = figures;
}

/// Runs until the members are one tree, for at most `ms`; tells how long it took.
pub fn until_one(colony: &mut Colony, arity: u8, ms: u64) -> Option<u64> {
    let begun = colony.world.now;
    let step = if colony.joined > 1_000 { 100 } else { 20 };
    while colony.world.now.since_us(begun) < ms * 1000 {
        if shape(colony, arity).is_one() {
            return Some(colony.world.now.since_us(begun) / 1000);
        }
        colony.run(step);
    }
    None
}

/// Runs until there are two whole trees, for at most `ms`.
fn until_one_each(colony: &mut Colony, arity: u8, ms: u64) {
    for _ in 0..ms / 100 {
        let shape = shape(colony, arity);
        if shape.roots.len() == 2 && shape.torn == 0 {
            return;
        }
        colony.run(100);
    }
}

/// What joining took.
pub fn joined(colony: &mut Colony, arity: u8, figures: &mut Figures) {
    let one = until_one(colony, arity, 30_000);
    figures.goal(
        "join: all in one tree after the last began",
        one.map_or(f64::INFINITY, |ms| ms as f64),
        5_000.0,
        "ms",
    );
    let asked: Vec<u64> = (0..colony.joined)
        .map(|n| colony.tree(n).stats().asked)
        .collect();
    let most = asked.iter().copied().max().unwrap_or(0);
    let mean = asked.iter().sum::<u64>() as f64 / asked.len().max(1) as f64;
    let log = (colony.joined as f64).log2().ceil();
    figures.goal("join: members asked, mean", mean, log, "members");
    figures.note("join: members asked, at most", most as f64, "members");
    colony.run(30_000);
    let shape = shape(colony, arity);
    let goal = (optimum(shape.members, arity) + 1) as f64;
    figures.goal("join: depth 30 s later", shape.depth as f64, goal, "levels");
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
    let name = format!("kill {percent} %");
    let mut dice = Dice(percent * 77 + 1);
    let from = colony.books.len();
    let gaps = colony.books.gaps;
    say(colony, 1_000, &mut dice);
    let mut left = colony.there();
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
    figures.goal(busiest, healed.1 as f64, 32.0, "joins/s");
    say(colony, 2_000, &mut dice);
    colony.run(25_000);
    let shape = shape(colony, arity);
    let goal = (optimum(shape.members, arity) + 1) as f64;
    let depth = shape.depth as f64;
    figures.goal(format!("{name}: depth later"), depth, goal, "levels");
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
    let (mut busiest, mut healed) = (0, None);
    let mut asks = asks_of(colony);
    for step in 1..=100_u64 {
        say(colony, 100, dice);
        let shape = shape(colony, arity);
        if shape.looped > 0 {
            figures.wrongs.push(format!("{name}: a loop"));
        }
        if shape.is_one() {
            healed.get_or_insert(colony.world.now.since_us(killed) / 1000);
        }
        if step.is_multiple_of(10) {
            let now = asks_of(colony);
            let more = now.iter().map(|(n, now)| now - asks.get(n).unwrap_or(&0));
            busiest = busiest.max(more.max().unwrap_or(0));
            asks = now;
            if healed.is_some() {
                break;
            }
        }
    }
    (healed, busiest)
}

fn asks_of(colony: &Colony) -> BTreeMap<usize, u64> {
    let there = colony.there().into_iter();
    there.map(|n| (n, colony.tree(n).stats().asks)).collect()
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
    grow(&mut colony, 0..half, 5_000, figures);
    grow(&mut colony, half..settings.members, 5_000, figures);
    until_one_each(&mut colony, settings.arity, 20_000);
    let before = shape(&colony, settings.arity);
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
        say(&mut colony, 100, &mut dice);
        if shape(&colony, settings.arity).is_one() {
            one = Some(colony.world.now.since_us(begun) / 1000);
            break;
        }
    }
    let took = one.map_or(f64::INFINITY, |ms| ms as f64);
    figures.goal("merge: one tree", took, 5_000.0, "ms");
    say(&mut colony, 2_000, &mut dice);
    colony.run(28_000);
    let missing = colony.books.missing(from);
    figures.goal(
        "merge: messages lacking",
        missing.len() as f64,
        0.0,
        "messages",
    );
    let after = shape(&colony, settings.arity);
    let goal = (after.optimum + 1) as f64;
    figures.goal(
        "merge: depth 30 s later",
        after.depth as f64,
        goal,
        "levels",
    );
    figures.take_wrongs(&mut colony, "merge");
}

/// What a member holds.
pub fn memory(colony: &Colony, figures: &mut Figures) {
    let there = colony.there();
    let held = there.iter().map(|n| colony.tree(*n).held_bytes());
    let (mut own, mut image) = (0, 0);
    for (places, _, members) in held {
        own += places;
        image += members;
    }
    let count = there.len() as u64;
    figures.goal(
        "memory: a member beside its image and log",
        (own / count) as f64,
        10_240.0,
        "bytes",
    );
    let known = there.iter().map(|n| colony.tree(*n).image().len() as u64);
    let known: u64 = known.sum();
    figures.goal(
        "memory: image, for each member in it",
        image as f64 / known.max(1) as f64,
        80.0,
        "bytes",
    );
}

/// Chance that is the same for the same seed.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit.max(1)
    }
}
