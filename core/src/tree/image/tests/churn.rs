//! Trees that change at random, and what the images of their members are like afterwards.

use std::{env, println};

use super::{
    super::*,
    world::{Later, World},
};

/// What may happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// Nothing dies while a branch is apart.
    Ordinary,
    /// Branches die whole, too, and anything happens at once.
    Wild,
}

const MEMBERS: usize = 48;
/// One run of so many may take longer than its bound: where a member that was apart from all who
/// saw another die brings it back, it stays until it is forgotten.
const LATE_ONE_OF: u64 = 20;
/// From one comparison with the backup to the next.
const REPAIR_MS: u64 = 10_000;
/// A ghost that nobody saw die goes after this at last: it is forgotten, and looked for each second.
const GHOST_MS: u64 = 7_000;

fn settled(world: &World) -> Vec<usize> {
    let near = |who: &usize| {
        let peer = &world.peers[who];
        let parent = peer.parent.into_iter();
        let mut around = parent.chain(world.children(*who)).chain([*who]);
        around.all(|at| world.peers.get(&at).is_some_and(|peer| !peer.busy))
    };
    world.peers.keys().copied().filter(near).collect()
}

fn change(world: &mut World, kind: Kind, next: &mut usize) {
    let settled = match kind {
        Kind::Ordinary => settled(world),
        Kind::Wild => world.peers.keys().copied().collect(),
    };
    let Some(who) = world.any_of(&settled) else {
        return;
    };
    let many = world.peers.len() > 3;
    let mut what = world.below(13);
    // Whoever dies while a branch is apart may be a ghost there until it is forgotten: nobody in
    // the branch saw it die. So a branch that is apart only speaks.
    let apart = world.peers.values().any(|peer| peer.busy);
    if kind == Kind::Ordinary && apart && !(8..=9).contains(&what) {
        what = 13;
    }
    match what {
        0..=3 if *next < MEMBERS => {
            world.after(0, Later::Start { who: *next });
            *next += 1;
        }
        4 | 5 if many => world.die(who, 300, 1500),
        6 if many => {
            // It says that it leaves: its neighbours know as soon as they hear.
            world.die(who, 10, 50);
        }
        7 => {
            let takers = world.takers(who);
            let parent = world.any_of(&takers);
            if let (Some(parent), Some(_)) = (parent, world.peers[&who].parent) {
                world.detach(who);
                world.attach(who, parent);
            }
        }
        8 => {
            let octets = world.rng.bytes::<16>();
            let peer = world.peers.get_mut(&who).unwrap();
            let v4 = ([10, octets[1], octets[2], octets[3]], 4000 + who as u16);
            peer.places = [SocketAddr::from(v4)].into();
            if octets[0] & 1 == 0 {
                let mut v6 = octets;
                v6[0] = 0x20;
                peer.places.push((v6, 4001).into());
            }
            world.stand(who);
        }
        9 => {
            let name = std::format!("name {}", world.below(6));
            world.call(who, if name.ends_with('0') { "" } else { &name });
        }
        10 if many => {
            world.die(who, 300, 1500);
            let ms = 50 + world.rng.below(2500);
            world.after(ms, Later::Start { who });
        }
        11 => lose_line(world, who),
        12 if kind == Kind::Wild && many => {
            let below = world.below_of(who);
            if below.len() < world.peers.len() {
                below.into_iter().for_each(|who| world.die(who, 300, 1500));
            }
        }
        _ => {
            let leaf = world.children(who).is_empty() && world.peers[&who].parent.is_some();
            world.peers.get_mut(&who).unwrap().leaf = leaf;
            world.stand(who);
        }
    }
}

/// The line to the parent dies, with all that was on its way. Each end takes the other for dead;
/// the branch stays apart for a while.
fn lose_line(world: &mut World, who: usize) {
    let Some(parent) = world.peers[&who].parent else {
        return;
    };
    if !world.peers.contains_key(&parent) {
        return;
    }
    world.cut_between(who, parent);
    let (child, other) = (world.peers[&who].node, world.peers[&parent].node);
    let now = world.now;
    world
        .peers
        .get_mut(&parent)
        .unwrap()
        .image
        .on_gone(now, child);
    let peer = world.peers.get_mut(&who).unwrap();
    peer.image.on_gone(now, other);
    peer.parent = None;
    peer.busy = true;
    world.stand(who);
    world.pump(parent);
    let ms = 50 + world.rng.below(3000);
    world.after(ms, Later::Attach { who });
}

/// Two trees that grow apart and change, become one, and change again.
fn churn(seed: u64, kind: Kind) -> (u64, u64) {
    let config = Config {
        repair_ms: REPAIR_MS as u32,
        ..Config::default()
    };
    let arity = 2 + (seed % 3) as usize;
    let mut world = World::new(seed, config, arity);
    let mut next = 2 + world.below(12);
    for who in 0..next {
        world.start(who);
        let takers = world.takers(who);
        if who > 1 {
            let parent = world.any_of(&takers).unwrap();
            world.attach(who, parent);
        }
        let ms = world.rng.below(60);
        world.run_ms(ms);
    }
    let most = if seed.is_multiple_of(16) { 60 } else { 16 };
    let changes = 2 + world.below(most);
    for at in 0..changes {
        if at == changes / 2 {
            merge(&mut world);
        }
        change(&mut world, kind, &mut next);
        let ms = world.rng.below(600);
        world.run_ms(ms);
    }
    while !world.is_quiet() {
        world.run_ms(20);
    }
    merge(&mut world);
    // Out and back along the whole tree, at 50 ms a line, and a second. Where branches died the
    // period after which their members are forgotten, and the look for them, besides.
    let bound = 2 * world.depth() * 50 + 1000;
    let more = match kind {
        Kind::Ordinary => 0,
        Kind::Wild => GHOST_MS,
    };
    if world.peers.len() == 1 {
        // Whoever is left alone keeps those it knew for a minute: it may be the one who is apart.
        return (0, bound);
    }
    if kind == Kind::Wild {
        world.back_up();
    }
    match world.settle(bound + more + REPAIR_MS + 2 * GHOST_MS) {
        Ok(ms) => {
            let images = world.peers.values().map(|peer| &peer.image);
            images.for_each(super::sums::assert_summed);
            (ms, bound + more)
        }
        Err(what) => panic!("HYDROID_SEED={seed} {kind:?}: {what}"),
    }
}

/// Whoever has no parent hangs itself below the tree of the first.
fn merge(world: &mut World) {
    let all: Vec<usize> = world.peers.keys().copied().collect();
    for who in all {
        let peer = &world.peers[&who];
        let root = world.root_of(*world.peers.keys().next().unwrap());
        if peer.parent.is_some() || peer.busy || who == root {
            continue;
        }
        let takers = world.takers(who);
        let takers: Vec<usize> = takers
            .into_iter()
            .filter(|it| world.root_of(*it) == root)
            .collect();
        match world.any_of(&takers) {
            Some(parent) => world.attach(who, parent),
            // All who have room are leaves: the root gives that up.
            None => {
                world.peers.get_mut(&root).unwrap().leaf = false;
                world.stand(root);
                world.attach(who, root);
            }
        }
    }
}

fn churns(kind: Kind, first: u64, count: u64) {
    let given = env::var("HYDROID_SEED")
        .ok()
        .map(|text| text.parse().unwrap());
    let more = env::var("HYDROID_IMAGE_SEEDS")
        .ok()
        .map(|text| text.parse().unwrap());
    let (first, count) = given.map_or((first, more.unwrap_or(count)), |seed| (seed, 1));
    let (mut worst, mut sum, mut late) = ((0, 0, 0), 0, 0);
    for seed in first..first + count {
        let (ms, bound) = churn(seed, kind);
        worst = worst.max((ms, bound, seed));
        sum += ms;
        if ms > bound {
            println!("late: HYDROID_SEED={seed} {kind:?}: {ms} of {bound} ms");
            late += 1;
        }
    }
    let (ms, bound, seed) = worst;
    let mean = sum / count;
    println!("{count} seeds, {kind:?}: mean {mean} ms, longest {ms} of {bound} ms (seed {seed})");
    println!("{late} were late");
    assert!(late * LATE_ONE_OF <= count, "{late} of {count} were late");
}

#[test]
fn image_agrees_after_ordinary_churn() {
    churns(Kind::Ordinary, 0, 500);
}

#[test]
fn image_agrees_after_branches_died() {
    churns(Kind::Wild, 100_000, 250);
}
