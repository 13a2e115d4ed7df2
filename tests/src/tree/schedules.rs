//! Random schedules of 3 to 30 members: first anything may happen, then it heals and everything is
//! demanded.

use hydroid_core::tree::place::Settings;

use super::{
    Dice, Name,
    sim::{MS, Network, Sim},
};

/// Members at most.
const MEMBERS_MOST: u64 = 30;
/// How long a healed network may take.
const HEALED_MS: u64 = 30_000;

/// What a schedule came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// Members that were left.
    pub alive: usize,
    /// Milliseconds from the healing to one tree in balance.
    pub healed_ms: u64,
    /// Messages that were sent.
    pub sent: u64,
    /// Whether all kept their places but those who have to move when one more died, where that was
    /// tried.
    pub kept: Option<bool>,
}

/// Runs the schedule of this seed.
///
/// # Errors
/// What was wrong.
pub fn run(seed: u64) -> Result<Outcome, String> {
    let mut dice = Dice(seed);
    let mut sim = Sim::new(dice.roll(), Network::default());
    let settings = draw_settings(&mut dice);
    sim.grouped = dice.chance(300);
    let groups = if sim.grouped { 2 } else { 1 };
    let members = 3 + dice
        .below(MEMBERS_MOST - 2)
        .min(dice.below(MEMBERS_MOST - 2));
    if dice.chance(400) {
        sim.network.twice = dice.below(100);
        sim.network.stray = dice.below(100);
        sim.network.lies = dice.below(300);
    }
    sim.network.dials = dice.chance(300);
    let leaves = settings.leaf;
    for _ in 0..members {
        let leaf = leaves && dice.chance(300);
        let settings = Settings { leaf, ..settings };
        let group = u8::try_from(dice.below(groups)).expect("there are few groups");
        let member = sim.start(settings, group);
        if dice.chance(900) {
            sim.call(member, |place, eye, fx| place.join(&[], eye, fx));
        }
        let until = sim.now + dice.below(200) * MS;
        sim.run(until);
        if dice.chance(200) {
            trouble(&mut sim, &mut dice, settings);
        }
    }
    for _ in 0..dice.below(12) {
        let until = sim.now + dice.below(600) * MS;
        sim.run(until);
        trouble(&mut sim, &mut dice, settings);
    }
    heal(&mut sim)
}

fn draw_settings(dice: &mut Dice) -> Settings {
    let arity = if dice.chance(600) {
        2
    } else {
        dice.between(2, 8)
    };
    Settings {
        arity: u8::try_from(arity).expect("it is at most 8"),
        // Whether there are some at all.
        leaf: dice.chance(150),
        ..Settings::default()
    }
}

/// One thing that may go wrong, or not.
fn trouble(sim: &mut Sim, dice: &mut Dice, settings: Settings) {
    let count = sim.seats.len() as u64;
    let mut any = || u16::try_from(dice.below(count)).expect("there are few members");
    let (one, other) = (any(), any());
    match dice.below(9) {
        0 | 1 => sim.crash(one),
        2 => sim.leave(one),
        3 => sim.restart(
            one,
            Settings {
                leaf: false,
                ..settings
            },
        ),
        4 => sim.cut(one, other),
        5 => {
            sim.cuts.pop();
        }
        6 => suspect(sim, dice, one),
        7 => {
            let contact = sim.seats[usize::from(other)].name;
            if sim.seats[usize::from(one)].alive {
                sim.call(one, |place, eye, fx| place.join(&[contact], eye, fx));
            }
        }
        _ => {
            for _ in 0..count / 3 {
                let member = u16::try_from(dice.below(count)).expect("there are few members");
                sim.crash(member);
            }
        }
    }
}

/// A member takes a living neighbour for dead.
fn suspect(sim: &mut Sim, dice: &mut Dice, member: u16) {
    let seat = &sim.seats[usize::from(member)];
    if !seat.alive || seat.linked.is_empty() {
        return;
    }
    let at = dice.below(seat.linked.len() as u64);
    let lost = seat.linked[usize::try_from(at).expect("there are few neighbours")];
    sim.call(member, |place, eye, fx| place.on_lost(lost, eye, fx));
}

/// Nothing goes wrong any more: demands one tree, and soon.
fn heal(sim: &mut Sim) -> Result<Outcome, String> {
    sim.network = Network {
        dials: sim.network.dials,
        ..Network::default()
    };
    sim.grouped = false;
    sim.cuts.clear();
    let healed = sim.now;
    let mut last = String::new();
    while sim.now < healed + HEALED_MS * MS {
        if let Some(wrong) = sim.wrong.take() {
            return Err(wrong);
        }
        match whole(sim) {
            Ok(()) => {
                let outcome = Outcome {
                    alive: sim.alive().count(),
                    healed_ms: (sim.now - healed) / MS,
                    sent: sim.sent,
                    kept: None,
                };
                let kept = plug(sim)?;
                return Ok(Outcome { kept, ..outcome });
            }
            Err(lacks) => last = lacks,
        }
        let until = sim.now + 250 * MS;
        sim.run(until);
    }
    if std::env::var_os("HYDROID_TALK").is_some() {
        for at in sim.alive() {
            println!("{:#?}", sim.places[usize::from(at)]);
        }
    }
    Err(format!("{last}, {HEALED_MS} ms after it healed"))
}

/// In some of the schedules, once all is quiet, one more dies: its heir is to take its place, and
/// nobody but the heir and those below the hole to get another parent.
fn plug(sim: &mut Sim) -> Result<Option<bool>, String> {
    if sim.alive().count() < 4 || !sim.dice.chance(100) {
        return Ok(None);
    }
    let until = sim.now + 4_000 * MS;
    sim.run(until);
    let alive: Vec<u16> = sim.alive().collect();
    let at = sim.dice.below(alive.len() as u64);
    let dead = alive[usize::try_from(at).expect("there are few members")];
    let place = &sim.places[usize::from(dead)];
    let (above, below) = (place.parent(), below(sim, dead));
    let leaves = below.iter().filter(|name| {
        let place = &sim.places[usize::from(name.member)];
        place.children().next().is_none() && !place.settings().leaf
    });
    let depth_of = |name: &Name| sim.places[usize::from(name.member)].depth();
    let lowest = leaves.clone().map(depth_of).max();
    let heirs: Vec<Name> = leaves
        .copied()
        .filter(|name| Some(depth_of(name)) == lowest)
        .collect();
    let deepest = alive.iter().map(|at| sim.places[usize::from(*at)].depth());
    let fits = optimum(alive.len() - 1, u32::from(place.settings().arity)) + 1;
    // Where it is not in balance, others move for that.
    if heirs.is_empty() || whole(sim).is_err() || deepest.max() > Some(fits) {
        return Ok(None);
    }
    let before: Vec<_> = sim.places.iter().map(|place| place.parent()).collect();
    sim.network.notice = (100 * MS, 250 * MS);
    let gone = sim.seats[usize::from(dead)].name;
    sim.crash(dead);
    let until = sim.now + 1_500 * MS;
    sim.run(until);
    let parent_of = |name: &Name| sim.places[usize::from(name.member)].parent();
    let mut filled = heirs.iter().filter(|name| parent_of(name) == above);
    let heir = filled.next().copied();
    let kept = heir.is_some()
        && alive.into_iter().filter(|at| *at != dead).all(|at| {
            let (name, before) = (sim.seats[usize::from(at)].name, before[usize::from(at)]);
            let expected = if before == Some(gone) { heir } else { before };
            Some(name) == heir || parent_of(&name) == expected
        });
    if !kept && sim.talks {
        println!("{gone:?} below {above:?} died, with {below:?}");
        for place in sim.alive().map(|at| &sim.places[usize::from(at)]) {
            let before = before[usize::from(place.me().member)];
            if place.parent() != before {
                println!(
                    "{:?} was below {before:?} and is below {:?}",
                    place.me(),
                    place.parent()
                );
            }
        }
    }
    sim.wrong.take().map_or(Ok(Some(kept)), Err)
}

/// Everybody below a member.
fn below(sim: &Sim, member: u16) -> Vec<Name> {
    let mut below: Vec<Name> = sim.places[usize::from(member)].children().collect();
    let mut at = 0;
    while let Some(name) = below.get(at) {
        below.extend(sim.places[usize::from(name.member)].children());
        at += 1;
    }
    below
}

/// One tree, in balance, about which all ends agree.
///
/// # Errors
/// What is not so.
pub fn whole(sim: &Sim) -> Result<(), String> {
    let alive: Vec<usize> = sim.alive().map(usize::from).collect();
    if !has_room(sim, &alive) {
        return Ok(());
    }
    let roots = alive.iter().filter(|at| sim.places[**at].is_root());
    let roots: Vec<_> = roots.map(|at| sim.seats[*at].name).collect();
    if roots.len() != 1 && !alive.is_empty() {
        return Err(format!("there are {} roots: {roots:?}", roots.len()));
    }
    for at in &alive {
        let (place, name) = (&sim.places[*at], sim.seats[*at].name);
        if !place.is_attached() {
            return Err(format!("{name:?} is adrift"));
        }
        if let Some(parent) = place.parent() {
            let above = &sim.places[usize::from(parent.member)];
            if !sim.is_alive(parent) || !above.children().any(|child| child == name) {
                return Err(format!("{parent:?} is no parent of {name:?}"));
            }
            if above.reign().root != place.reign().root || above.depth() + 1 != place.depth() {
                return Err(format!("{name:?} has not heard of {parent:?} yet"));
            }
        }
        for child in place.children() {
            let below = &sim.places[usize::from(child.member)];
            if !sim.is_alive(child) || below.parent() != Some(name) {
                return Err(format!("{child:?} is no child of {name:?}"));
            }
        }
    }
    demand_balance(sim, &alive)
}

/// Whether those that take children can take all the others.
fn has_room(sim: &Sim, alive: &[usize]) -> bool {
    let takers = alive.iter().map(|at| sim.places[*at].settings());
    let takers = takers.filter(|settings| !settings.leaf);
    let slots: usize = takers.map(|settings| usize::from(settings.arity)).sum();
    slots + 1 >= alive.len()
}

fn demand_balance(sim: &Sim, alive: &[usize]) -> Result<(), String> {
    let Some(first) = alive.first() else {
        return Ok(());
    };
    let leaves = alive.iter().any(|at| sim.places[*at].settings().leaf);
    let arity = u32::from(sim.places[*first].settings().arity);
    let deepest = alive.iter().map(|at| sim.places[*at].depth()).max();
    let deepest = deepest.unwrap_or(0);
    // Those that take no children make every tree deeper.
    let most = optimum(alive.len(), arity) + 1;
    if deepest > most && !leaves {
        return Err(format!("it is {deepest} deep and should be {most}"));
    }
    Ok(())
}

/// The depth of the deepest of so many members in the shallowest tree.
pub fn optimum(members: usize, arity: u32) -> u16 {
    let (mut room, mut level, mut depth) = (1, 1, 0);
    while room < members {
        level *= arity as usize;
        room += level;
        depth += 1;
    }
    depth
}
