//! Members of a closed space in the world, where something is against them: a switch without memory,
//! a clock that jumps, a member who was put out and tries elsewhere.

use hydroid_core::{
    base::Wall,
    identity::{Admission, Gate, Refusal, Roles, SecretKey},
    switch::{Config, DownReason, Event, SpaceEvent},
};
use hydroid_tests::{
    transfer::{CLEAN, Progress, down, opened, pump},
    world::World,
};

/// The wall time at the start of the world.
const START_S: u64 = 1_700_000_000;

fn secret(n: u8) -> SecretKey {
    SecretKey::from_bytes(&[n + 1; 32])
}

fn gate(n: u8) -> Gate {
    Gate::new([n; 32])
}

fn admit(club: &Admission, n: u8, until_s: u64) -> Admission {
    let key = secret(n).public();
    let admitted = club.admit(&secret(0), &key, Roles::SPACER, until_s);
    admitted.expect("the founder signs others in")
}

/// A world of so many members of the space that node 0 founded.
fn members(config: &Config, count: u8, until_s: u64) -> (World, Admission) {
    let mut world = World::new(1, count.into(), config, CLEAN);
    let club = Admission::found(&secret(0), "club", gate(1)).expect("a legal name");
    for n in 0..count {
        let now = world.now;
        let node = &mut world.nodes[usize::from(n)];
        let until_s = if n == 0 { 0 } else { until_s };
        let admission = admit(&club, n, until_s);
        let local = node.switch.install_member(now, &secret(n), &admission);
        (node.hashname, node.key) = (local.expect("installs"), secret(n).public());
    }
    (world, club)
}

fn renew(world: &mut World, n: u8, admission: &Admission) {
    let now = world.now;
    let node = &mut world.nodes[usize::from(n)];
    let admission = admit(admission, n, 0);
    let renewed = node.switch.renew(now, node.hashname, &admission);
    renewed.expect("it is a member");
}

fn version(world: &World, n: usize) -> u64 {
    let node = &world.nodes[n];
    let admission = node.switch.admission(node.hashname).expect("a member");
    admission.document().version()
}

fn expelled(world: &mut World, n: usize) -> Option<Refusal> {
    world.nodes[n].take(|event| {
        let Event::Space(SpaceEvent::Expelled { why, .. }) = event else {
            return None;
        };
        Some(*why)
    })
}

#[test]
fn members_learn_of_a_document_in_the_end_although_its_stream_was_refused() {
    let mut config = Config::default();
    config.ledger.line_bytes = 80 << 10;
    let (mut world, club) = members(&config, 2, 0);
    let (ours, _) = world.line(1, 0);
    world.run(1_000);
    // Node 0 does not read, and the line has not much more room.
    let now = world.now;
    let switch = &mut world.nodes[1].switch;
    let stream = switch.open_stream(now, ours, "{}").expect("opens");
    let total = 61_000;
    let mut here = Progress::default();
    for _ in 0..20 {
        pump(&mut world, 1, stream, total, &mut here);
        world.run(100);
    }
    assert_eq!(here.written, total);
    let newer = club.revoke(&secret(0), &[secret(9).public()], gate(2));
    renew(&mut world, 1, &newer.expect("a root revokes"));
    world.run(5_000);
    assert_eq!(version(&world, 0), 1);
    let refused = world.nodes[0].switch.stats().streams_refused;
    assert!((1..=5).contains(&refused), "{refused} in 5 s");
    // At last it reads.
    let theirs = opened(&mut world, 0).expect("it came");
    let mut there = Progress::default();
    pump(&mut world, 0, theirs, 0, &mut there);
    assert_eq!(there.read, total);
    let known = world.until(10_000, |world| (version(world, 0) == 2).then_some(()));
    assert_eq!(known, Some(()));
    assert_eq!((down(&mut world, 0), down(&mut world, 1)), (None, None));
}

#[test]
fn members_whose_clock_jumped_ahead_and_back_end_when_their_time_is_really_over() {
    let until_s = START_S + 86_400;
    let (mut world, _) = members(&Config::default(), 2, until_s);
    for _ in 0..2 {
        let (line, theirs) = world.line(1, 0);
        let (now, address) = (world.now, world.nodes[0].address);
        let switch = &mut world.nodes[1].switch;
        switch.handle_clock(now, Wall::from_ms((until_s + 86_400) * 1_000));
        world.run(1_000);
        assert_eq!(down(&mut world, 1), Some((line, DownReason::Revoked)));
        assert_eq!(expelled(&mut world, 1), Some(Refusal::Expired));
        assert_eq!(expelled(&mut world, 1), None, "it is told once");
        let ended = down(&mut world, 0).map(|(line, _)| line);
        assert_eq!(ended, Some(theirs));
        let (local, peer) = (world.nodes[1].hashname, world.nodes[0].key);
        let switch = &mut world.nodes[1].switch;
        assert!(switch.connect(world.now, local, &peer, &[address]).is_err());
        // Somebody sets it right.
        switch.handle_clock(world.now, Wall::from_ms((START_S + 60) * 1_000));
    }
}

#[test]
fn members_put_out_two_hops_away_are_out_in_a_second_and_stay_nowhere() {
    let (mut world, club) = members(&Config::default(), 5, 0);
    world.line(0, 1);
    world.line(1, 2);
    let (kicked, by) = world.line(3, 2);
    world.nodes[4].online = false;
    let out = club.revoke(&secret(0), &[secret(3).public()], gate(2));
    renew(&mut world, 0, &out.expect("a root revokes"));
    world.run(1_000);
    assert_eq!(down(&mut world, 2), Some((by, DownReason::Revoked)));
    let refused = DownReason::Refused(Refusal::Revoked);
    assert_eq!(down(&mut world, 3), Some((kicked, refused.clone())));
    // Who has not heard lets it in, until somebody says so, and learns no gate from it.
    world.nodes[4].online = true;
    let (again, there) = world.line(3, 4);
    world.run(2_000);
    assert_eq!((version(&world, 3), version(&world, 4)), (1, 1));
    world.line(2, 4);
    world.run(1_000);
    assert_eq!(down(&mut world, 4), Some((there, DownReason::Revoked)));
    assert_eq!(down(&mut world, 3), Some((again, refused)));
    assert_eq!((version(&world, 3), version(&world, 4)), (1, 2));
}

#[test]
fn members_show_no_gate_to_who_prints_a_switch_or_what_it_asks_to_keep() {
    let (mut world, club) = members(&Config::default(), 2, 0);
    world.line(0, 1);
    let now = world.now;
    let newer = club.revoke(&secret(0), &[secret(9).public()], Gate::new([0xab; 32]));
    let admission = admit(&newer.expect("a root revokes"), 0, 0);
    let node = &mut world.nodes[0];
    let renewed = node.switch.renew(now, node.hashname, &admission);
    renewed.expect("it is a member");
    let mut printed = format!("{:?}", node.switch);
    while let Some(need) = node.switch.poll_need() {
        printed += &format!("{need:?}");
    }
    // As bytes, and as the digits that an admission has.
    for secret in ["171, 171, 171", "97, 98, 97, 98, 97, 98", "ababababab"] {
        assert!(!printed.contains(secret), "{secret}");
    }
}
