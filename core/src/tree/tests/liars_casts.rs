//! A member that lies about broadcasts, or keeps them.

use std::{boxed::Box, vec::Vec};

use super::{
    super::cast::Fault,
    forge,
    world::{Kind, World},
};

/// One tree of seven in which a leaf lies, and its parent.
fn leaf() -> (World, usize, usize) {
    let mut world = World::grown(7);
    let liar = world.leaf();
    world.members[liar].lies = true;
    let parent = world.parent(liar).unwrap();
    (world, liar, parent)
}

#[test]
fn tree_liar_that_forges_an_origin_is_barred_and_costs_itself_only() {
    let (mut world, liar, parent) = leaf();
    let moves = world.sum(|tree| tree.stats().moves);
    let victim = world.root();
    world.broadcast(victim, b"mine");
    world.run(500);
    let secret = super::world::secret(liar);
    for (n, sequence) in [2, 3, 9].into_iter().enumerate() {
        let node = world.members[victim].node;
        let packet = forge::message(&world, node, &secret, sequence, b"not mine");
        assert_eq!(world.send_bulk(liar, parent, &packet), n == 0);
        world.run(500);
    }
    assert_eq!(world.tree(parent).cast_stats().fault(Fault::Forged), 1);
    assert_eq!(world.tree(parent).stats().barred, 1);
    assert_eq!(
        world.sum(|tree| tree.stats().moves),
        moves,
        "an honest one moved"
    );
    world.demand_all(1_000);
}

#[test]
fn tree_liar_that_repeats_a_broadcast_is_heard_once() {
    let (mut world, liar, parent) = leaf();
    let kept = std::rc::Rc::new(core::cell::RefCell::new(Vec::new()));
    let keep = std::rc::Rc::clone(&kept);
    world.members[liar].twist = Some(Box::new(move |_, kind, bytes| {
        if kind == Kind::Bulk && bytes[2] == 2 {
            keep.borrow_mut().push(bytes.clone());
        }
        [bytes].into()
    }));
    for _ in 0..5 {
        world.broadcast(liar, b"once");
        world.run(200);
    }
    let other = world.root();
    let theirs = forge::message(
        &world,
        world.members[other].node,
        &super::world::secret(other),
        1,
        b"said",
    );
    world.broadcast(other, b"said");
    world.run(500);
    kept.borrow_mut().push(theirs);
    let before = world.tree(parent).cast_stats().duplicates;
    // At once, and again when nobody keeps the messages any more.
    for pause in [100, 90_000] {
        world.run(pause);
        for packet in kept.borrow().iter() {
            assert!(world.send_bulk(liar, parent, packet));
        }
        world.run(500);
    }
    let after = world.tree(parent).cast_stats().duplicates;
    assert_eq!(after - before, 12);
    for at in world.honest() {
        assert_eq!(world.got(at, liar), 5);
    }
    world.demand_all(1_000);
}

#[test]
fn tree_liar_that_changes_what_it_forwards_is_left_and_nobody_is_deceived() {
    let mut world = World::grown(7);
    let liar = world.inner();
    let below = world.children(liar);
    world.members[liar].lies = true;
    world.members[liar].twist = Some(Box::new(|_, kind, mut bytes| {
        if kind == Kind::Bulk && bytes[2] == 2 {
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
        }
        [bytes].into()
    }));
    let root = world.root();
    world.broadcast(root, b"as I said it");
    world.run(300);
    let changed = world.sum(|tree| tree.cast_stats().fault(Fault::Changed).into());
    assert_eq!(changed, below.len() as u64);
    // Those below it have another parent within two seconds, and with it what they missed.
    assert!(world.heal(2_000) <= 2_000);
    world.run(500);
    for at in world.honest().filter(|at| *at != root) {
        assert_eq!(world.got(at, root), 1, "{at}");
    }
    world.members[liar].twist = None;
    world.demand_all(1_000);
}

/// Lets an inner member keep back what it should forward to those that `keeps` says; it speaks
/// truly of all else.
pub(super) fn withhold(world: &mut World, liar: usize, keeps: Vec<usize>) {
    world.members[liar].lies = true;
    world.members[liar].twist = Some(Box::new(move |to, kind, bytes| {
        let is_message = kind == Kind::Bulk && [2, 3].contains(&bytes[2]);
        if is_message && keeps.contains(&to) {
            return Vec::new();
        }
        [bytes].into()
    }));
}

#[test]
fn tree_liar_that_forwards_nothing_down_is_left_and_nothing_is_missed() {
    let mut world = World::grown(7);
    // Until most have a backup.
    world.run(40_000);
    let liar = world.inner();
    let mut below = world.children(liar);
    withhold(&mut world, liar, below.clone());
    // Without a backup nobody can know.
    below.retain(|at| world.tree(*at).backup().is_some());
    assert!(!below.is_empty(), "{}", world.draw());
    let root = world.root();
    // A message a second; with the backups' digests the parent is left within ten.
    let mut seconds = 0;
    while below.iter().any(|at| world.parent(*at) == Some(liar)) {
        assert!(seconds <= 10, "{}", world.draw());
        world.broadcast(root, b"again");
        world.run(1_000);
        seconds += 1;
    }
    assert!(world.sum(|tree| tree.stats().withheld) >= 1);
    // Those below who had none get what was kept back once the liar is gone.
    world.crash(liar);
    world.run(2_500);
    assert!(world.heal(3_000) <= 3_000);
    world.run(500);
    for at in world.honest().filter(|at| *at != root) {
        assert_eq!(world.got(at, root), seconds, "{at}\n{}", world.draw());
    }
    assert_eq!(world.books.gaps, []);
    world.demand_all(1_000);
}

#[test]
fn tree_liar_that_forwards_nothing_up_is_left_and_nothing_is_missed() {
    let mut world = World::grown(15);
    world.run(40_000);
    let liar = world.inner();
    let below = world.children(liar);
    let above = world.parent(liar).unwrap();
    withhold(&mut world, liar, [above].into());
    // Without a backup elsewhere nobody can know.
    let speaker = below.into_iter();
    let mut speaker = speaker.filter(|at| world.tree(*at).backup().is_some());
    let speaker = speaker.next().unwrap();
    let root = world.root();
    let mut seconds = 0;
    while world.parent(speaker) == Some(liar) {
        assert!(seconds <= 12, "{}", world.draw());
        world.broadcast(speaker, b"hear me");
        world.broadcast(root, b"hear all");
        world.run(1_000);
        seconds += 1;
    }
    assert!(world.sum(|tree| tree.stats().withheld) >= 1);
    world.heal(3_000);
    world.run(1_000);
    let first = |one: usize| world.honest().filter(move |at| *at != one);
    for (said, at) in first(root)
        .map(|at| (root, at))
        .chain(first(speaker).map(|at| (speaker, at)))
    {
        assert_eq!(
            world.got(at, said),
            seconds,
            "{at} of {said}\n{}",
            world.draw()
        );
    }
    // What it kept of others below it is heard once it is gone.
    world.crash(liar);
    world.run(2_500);
    world.heal(3_000);
    assert_eq!(world.books.gaps, []);
    world.demand_all(1_000);
}

#[test]
fn tree_liar_that_floods_with_its_own_broadcasts_is_held_and_slows_nobody() {
    let (mut world, liar, parent) = leaf();
    let node = world.members[liar].node;
    let secret = super::world::secret(liar);
    let bytes = [7; 1_000];
    for sequence in 1..=3_000 {
        world.books.said.insert((node, sequence), bytes.into());
        let packet = forge::message(&world, node, &secret, sequence, &bytes);
        world.send_bulk(liar, parent, &packet);
        if sequence % 300 == 0 {
            world.run(100);
            let taken = world.tree(parent).cast_stats().messages;
            // A hundred a second, and what may be ahead.
            let most = 100 * (world.now.as_us() / 1_000_000) + 300;
            assert!(taken <= most, "{taken} were taken");
        }
    }
    let honest: Vec<usize> = world.honest().collect();
    for at in &honest {
        world.broadcast(*at, b"in between");
    }
    world.run(1_000);
    for at in &honest {
        for other in honest.iter().filter(|other| *other != at) {
            assert_eq!(world.got(*at, *other), 1, "{at} of {other}");
        }
        let (_, cast, _) = world.tree(*at).held_bytes();
        assert!(cast <= 6 << 20, "{cast} bytes");
    }
}

#[test]
fn tree_liar_that_sends_no_packet_on_a_link_is_barred_and_counted() {
    let garbage: [(&[u8], Option<Fault>); 6] = [
        (b"", None),
        (&[0, 9, 1], None),
        (&[0, 1, 2, 1, 2, 3], Some(Fault::Malformed)),
        (&[0, 1, 1, 0x80], Some(Fault::Malformed)),
        (
            &[0, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
            Some(Fault::Misplaced),
        ),
        (&[0, 1, 1, 4], Some(Fault::Have)),
    ];
    for (bytes, fault) in garbage {
        let (mut world, liar, parent) = leaf();
        world.send_bulk(liar, parent, bytes);
        world.run(500);
        let tree = world.tree(parent);
        assert_eq!(tree.stats().barred, 1, "{bytes:?}");
        match fault {
            Some(fault) => assert_eq!(tree.cast_stats().fault(fault), 1, "{bytes:?}"),
            None => assert_eq!(tree.stats().malformed, 1, "{bytes:?}"),
        }
        assert!(world.is_one());
        world.demand_all(1_000);
    }
}

#[test]
fn tree_backup_that_says_nothing_is_replaced_and_honest_ones_are_kept() {
    let mut world = World::grown(15);
    world.run(20_000);
    let backup = |world: &World, at: usize| {
        let key = world.tree(at).backup()?;
        Some(world.index(&key))
    };
    let paired = |world: &World, at: &usize| backup(world, *at).is_some();
    let liar = (0..15).find(|at| paired(&world, at)).unwrap();
    let other = backup(&world, liar).unwrap();
    let speaker = (0..15).find(|at| *at != liar && *at != other).unwrap();
    // Now and then a message, of which the one or the other hears first.
    for _ in 0..12 {
        world.broadcast(speaker, b"rare");
        world.run(10_000);
    }
    assert_eq!(backup(&world, liar), Some(other));
    assert_eq!(world.sum(|tree| tree.stats().barred), 0);
    world.members[liar].lies = true;
    world.members[liar].twist = Some(Box::new(move |to, kind, bytes| {
        let is_digest = kind == Kind::Bulk && to == other && bytes[2] == 4;
        if is_digest {
            Vec::new()
        } else {
            [bytes].into()
        }
    }));
    for _ in 0..30 {
        world.broadcast(speaker, b"often");
        world.run(600);
    }
    assert_ne!(backup(&world, other), Some(liar), "{}", world.draw());
    assert_eq!(world.tree(other).stats().barred, 1);
    let honest = world.honest().filter(|at| *at != other);
    let barred: u64 = honest.map(|at| world.tree(at).stats().barred).sum();
    assert_eq!(barred, 0);
    world.demand_all(2_000);
}
