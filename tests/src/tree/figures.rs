//! What large trees come to: how fast they grow, heal, merge and balance, and at what load.

use hydroid_core::tree::place::Settings;

use super::{
    schedules::optimum,
    sim::{MS, Network, Sim},
};

/// When the dead are noticed.
const NOTICE: u64 = 500 * MS;
/// How long the word of a new child is on its way to its parent, at most.
const ARRIVES: u64 = 50 * MS;
/// Beyond that a measurement is given up.
const GIVEN_UP: u64 = 60_000 * MS;

/// What was measured; times in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Figures {
    /// Members that were left.
    pub members: usize,
    /// From the joining of the last, the noticing of the dead, or the meeting, until all hung on
    /// one root.
    pub joined_ms: u64,
    /// From the same until all had heard of that root.
    pub whole_ms: u64,
    /// From the same until the depth was at most the optimum and one.
    pub balanced_ms: u64,
    /// The depth when all hung on one root.
    pub depth: u16,
    /// The depth that so many members need.
    pub optimum: u16,
    /// Times that somebody was sent elsewhere before it was taken: the mean in hundredths.
    pub redirects_mean_100: u64,
    /// The most.
    pub redirects_most: u32,
    /// Children that the busiest member took in a second.
    pub adopted_most: u32,
    /// Questions that the busiest member got in a second.
    pub asked_most: u32,
    /// Messages a member.
    pub sent_each: u64,
}

/// Grows a tree: all come within so long, each asks members that it happens to know.
pub fn grow(seed: u64, members: u64, arity: u8, within_ms: u64) -> (Sim, Figures) {
    let mut sim = Sim::new(seed, network());
    join(&mut sim, members, arity, within_ms, 0);
    let from = sim.now;
    let figures = settle(&mut sim, from);
    (sim, figures)
}

fn network() -> Network {
    Network {
        notice: (NOTICE, NOTICE),
        dials: true,
        ..Network::default()
    }
}

fn join(sim: &mut Sim, members: u64, arity: u8, within_ms: u64, group: u8) {
    let settings = Settings {
        arity,
        ..Settings::default()
    };
    let begun = sim.now;
    for number in 0..members {
        let until = begun + within_ms * MS * number / members;
        sim.run(until);
        let member = sim.start(settings, group);
        sim.call(member, |place, eye, fx| place.join(&[], eye, fx));
    }
}

/// Lets so many of a hundred die at once in a tree that has grown.
pub fn kill(sim: &mut Sim, percent: u64) -> Figures {
    // Others die at each percentage.
    sim.dice.0 ^= percent;
    let alive: Vec<u16> = sim.alive().collect();
    sim.count_anew();
    for member in alive {
        if sim.dice.chance(10 * percent) {
            sim.crash(member);
        }
    }
    let noticed = sim.now + NOTICE;
    sim.run(noticed);
    settle(sim, noticed)
}

/// Grows two trees that do not know of each other, then lets them meet.
pub fn merge(seed: u64, each: u64, arity: u8) -> Figures {
    let mut sim = Sim::new(seed, network());
    sim.grouped = true;
    join(&mut sim, each, arity, 5_000, 0);
    join(&mut sim, each, arity, 5_000, 1);
    let until = sim.now + 30_000 * MS;
    sim.run(until);
    sim.grouped = false;
    sim.count_anew();
    let contact = sim.seats[0].name;
    let last = u16::try_from(2 * each - 1).expect("members have 16 bits");
    sim.call(last, |place, eye, fx| place.join(&[contact], eye, fx));
    let met = sim.now;
    settle(&mut sim, met)
}

/// Runs until all hang on one root, in balance.
fn settle(sim: &mut Sim, from: u64) -> Figures {
    let members = sim.alive().count();
    let mut figures = Figures {
        members,
        joined_ms: u64::MAX,
        whole_ms: u64::MAX,
        balanced_ms: u64::MAX,
        ..Figures::default()
    };
    let talks = std::env::var_os("HYDROID_STEPS").is_some();
    while sim.now < from + GIVEN_UP && sim.wrong.is_none() {
        let arity = u32::from(sim.places[0].settings().arity);
        if figures.joined_ms == u64::MAX && is_joined(sim) {
            figures.joined_ms = (sim.now - from) / MS;
        }
        let joined = figures.joined_ms < u64::MAX;
        if let Some(depth) = deepest(sim).filter(|_| joined) {
            if figures.whole_ms == u64::MAX {
                figures.whole_ms = (sim.now - from) / MS;
                figures.depth = depth;
                figures.optimum = optimum(members, arity);
                count(sim, &mut figures);
            }
            if depth <= figures.optimum + 1 {
                figures.balanced_ms = (sim.now - from) / MS;
                return figures;
            }
        }
        if talks && (sim.now - from).is_multiple_of(200 * MS) {
            let alive = || sim.alive().map(|at| &sim.places[usize::from(at)]);
            let roots = alive().filter(|place| place.is_root()).count();
            let heads = alive().filter(|place| place.parent().is_none()).count() - roots;
            let adrift = alive().filter(|place| !place.is_attached()).count();
            let deep = alive().map(|place| place.depth()).max();
            println!(
                "{} ms: {roots} roots, {heads} heads, {adrift} adrift, {deep:?} deep, {} sent, {} moves",
                (sim.now - from) / MS,
                sim.sent,
                sim.moves
            );
        }
        let until = sim.now + 20 * MS;
        sim.run(until);
    }
    figures
}

fn count(sim: &Sim, figures: &mut Figures) {
    let redirected = &sim.redirected;
    let sum: u64 = redirected.iter().map(|count| u64::from(*count)).sum();
    figures.redirects_mean_100 = 100 * sum / (redirected.len() as u64).max(1);
    figures.redirects_most = redirected.iter().copied().max().unwrap_or(0);
    let seats = sim.seats.iter();
    figures.adopted_most = seats
        .clone()
        .map(|seat| seat.adopted.most)
        .max()
        .unwrap_or(0);
    figures.asked_most = seats.map(|seat| seat.asked.most).max().unwrap_or(0);
    figures.sent_each = sim.sent / (figures.members as u64).max(1);
}

/// Whether everybody hangs on one root, by way of parents that know of it.
fn is_joined(sim: &Sim) -> bool {
    let mut roots = 0;
    for member in sim.alive() {
        let (place, name) = (
            &sim.places[usize::from(member)],
            sim.seats[usize::from(member)].name,
        );
        let Some(parent) = place.parent() else {
            roots += 1;
            if !place.is_root() {
                return false;
            }
            continue;
        };
        let mut siblings = sim.places[usize::from(parent.member)].children();
        // Who has moved just now has been promised the slot and says so to its holder.
        let arrives = sim.now < sim.seats[usize::from(member)].placed_at + ARRIVES;
        if !sim.is_alive(parent) || !(arrives || siblings.any(|child| child == name)) {
            return false;
        }
    }
    // There are no loops, so all the ways up end there.
    roots == 1
}

/// The depth of the deepest, if all hang on one root and know it.
fn deepest(sim: &Sim) -> Option<u16> {
    let mut deepest = 0;
    let mut root = None;
    for member in sim.alive() {
        let place = &sim.places[usize::from(member)];
        let rules = place.reign().root;
        if !place.is_attached() || root.is_some_and(|root| Some(root) != rules) {
            return None;
        }
        root = rules;
        deepest = deepest.max(place.depth());
    }
    let root = root.filter(|root| sim.is_alive(*root))?;
    sim.places[usize::from(root.member)]
        .is_root()
        .then_some(deepest)
}
