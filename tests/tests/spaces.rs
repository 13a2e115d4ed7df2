//! Closed spaces in the world: who gets in, who is put out, and how all members learn of it.

use hydroid_core::{
    base::Wall,
    identity::{Admission, Gate, Hashname, PublicKey, Refusal, Roles, SecretKey, Space},
    line::Dropped,
    switch::{
        Config, DownReason, DropReason, Event, InstallError, LineId, Misbehaviour, OpenError,
        SpaceCommandError, SpaceEvent,
    },
};
use hydroid_tests::{
    rogue::Rogue,
    transfer::{CLEAN, down, opened},
    world::World,
};

/// The wall time at the start of the world.
const START_S: u64 = 1_700_000_000;

fn secret(n: u8) -> SecretKey {
    SecretKey::from_bytes(&[n + 1; 32])
}

fn key(n: u8) -> PublicKey {
    secret(n).public()
}

fn gate(n: u8) -> Gate {
    Gate::new([n; 32])
}

/// A space that node 0 founded.
fn club(name: &str) -> Admission {
    Admission::found(&secret(0), name, gate(1)).expect("a legal name")
}

fn admit(club: &Admission, n: u8, until_s: u64) -> Admission {
    let admitted = club.admit(&secret(0), &key(n), Roles::SPACER, until_s);
    admitted.expect("the founder signs others in")
}

/// Node `n` takes part by this admission from now on.
fn join(world: &mut World, n: u8, admission: &Admission) -> Hashname {
    let now = world.now;
    let node = &mut world.nodes[n as usize];
    let local = node.switch.install_member(now, &secret(n), admission);
    (node.hashname, node.key) = (local.expect("installs"), key(n));
    node.hashname
}

/// A world of so many members.
fn members(seed: u64, count: u8) -> (World, Admission) {
    let mut world = World::new(seed, count.into(), &Config::default(), CLEAN);
    let club = club("club");
    for n in 0..count {
        join(&mut world, n, &admit(&club, n, 0));
    }
    (world, club)
}

fn renew(world: &mut World, n: usize, admission: &Admission) {
    let (now, local) = (world.now, world.nodes[n].hashname);
    let renewed = world.nodes[n].switch.renew(now, local, admission);
    renewed.expect("it is a member");
}

fn held(world: &World, n: usize) -> &Admission {
    let node = &world.nodes[n];
    node.switch.admission(node.hashname).expect("a member")
}

fn space_event(world: &mut World, n: usize) -> Option<SpaceEvent> {
    world.nodes[n].take(|event| match event {
        Event::Space(event) => Some(event.clone()),
        Event::Line(_) | Event::Stream(_) | _ => None,
    })
}

fn dropped(world: &World, n: usize, why: Dropped) -> u64 {
    world.nodes[n].switch.stats().dropped(DropReason::Line(why))
}

// S2.7, S2.15, S2.38, S2.39, S4.14
#[test]
fn spaces_member_gets_in_and_a_stranger_costs_one_counted_drop_an_open() {
    let (mut world, club) = members(1, 2);
    let (ours, theirs) = world.line(1, 0);
    let roles = |node: usize, line: LineId| world.nodes[node].switch.line(line).unwrap().roles;
    assert_eq!(roles(1, ours), Some(Roles::SPACER.with(Roles::OPERATOR)));
    assert_eq!(roles(0, theirs), Some(Roles::SPACER));
    let known = held(&world, 1);
    assert_eq!(known.space().name(), "club");
    assert_eq!(known.space().roots(), [key(0)]);
    assert!(known.document().statement().operators.is_empty());

    // Node 2 knows the key, the addresses and the space, but not the gate.
    let mut world = World::new(1, 3, &Config::default(), CLEAN);
    join(&mut world, 0, &admit(&club, 0, 0));
    let guessed = Admission::found(&secret(0), "club", gate(9)).unwrap();
    join(&mut world, 2, &admit(&guessed, 2, 0));
    world.kept = Some(Vec::new());
    let line = world.connect(2, 0);
    let end = world.until(10_000, |world| down(world, 2));
    assert_eq!(end, Some((line, DownReason::Unreachable)));
    let opens = world.kept.as_ref().map_or(0, Vec::len) as u64;
    assert!(opens > 1);
    assert_eq!(dropped(&world, 0, Dropped::NotInstalled), opens);
    let switch = &world.nodes[0].switch;
    assert_eq!(
        (
            switch.stats().dropped_in_all(),
            switch.stats().datagrams_out
        ),
        (opens, 0)
    );
    assert_eq!((switch.status().lines, world.nodes[0].events.len()), (0, 0));
}

#[test]
fn spaces_kicked_member_is_out_within_a_second_everywhere() {
    let (mut world, club) = members(2, 3);
    let (kicked, by) = world.line(1, 0);
    let (kept, _) = world.line(2, 0);
    let (also, of) = world.line(1, 2);
    let out = club.revoke(&secret(0), &[key(1)], gate(2)).unwrap();
    renew(&mut world, 0, &admit(&out, 0, 0));
    world.run(1_000);
    let refused = DownReason::Refused(Refusal::Revoked);
    assert_eq!(down(&mut world, 0), Some((by, DownReason::Revoked)));
    assert_eq!(down(&mut world, 2), Some((of, DownReason::Revoked)));
    let mut ends = [down(&mut world, 1), down(&mut world, 1)].map(Option::unwrap);
    ends.sort_by_key(|(line, _)| *line);
    assert_eq!(ends, [(kicked, refused.clone()), (also, refused.clone())]);
    // The others stay, know why, and ask for it to be kept.
    let info = world.nodes[2].switch.line(kept).expect("it stays");
    assert_eq!(
        info.streams, 0,
        "the switch's own streams are not the application's"
    );
    for n in [0, 2] {
        let local = world.nodes[n].hashname;
        let renewed = SpaceEvent::Renewed { local, version: 2 };
        assert_eq!(space_event(&mut world, n), Some(renewed));
        let key = format!("space.{}.{}", club.space().id(), key(n as u8));
        let kept = Admission::from_bytes(&world.nodes[n].disk[&key]).unwrap();
        assert_eq!(kept.document(), out.document());
    }
    assert_eq!(opened(&mut world, 0), None);
    // Who knows the old gate does not come back by it.
    let again = world.connect(1, 0);
    let end = world.until(5_000, |world| down(world, 1));
    assert_eq!(end, Some((again, refused)));
    assert_eq!(dropped(&world, 0, Dropped::Refused), 1);
    assert_eq!(
        held(&world, 1).document().version(),
        1,
        "it got no new gate"
    );
}

#[test]
fn spaces_sleeper_is_brought_up_to_date_through_an_old_gate() {
    for sleeper_dials in [false, true] {
        let (mut world, club) = members(3, 3);
        world.nodes[2].online = false;
        let mut newer = club;
        for n in 2..5 {
            newer = newer.revoke(&secret(0), &[key(20 + n)], gate(n)).unwrap();
            renew(&mut world, 0, &admit(&newer, 0, 0));
        }
        assert_eq!(held(&world, 0).gates().len(), 4);
        world.nodes[2].online = true;
        let (from, to) = if sleeper_dials { (2, 0) } else { (0, 2) };
        world.line(from, to);
        world.run(1_000);
        assert_eq!(held(&world, 2).document(), newer.document());
        assert_eq!(held(&world, 2).gates()[0].1, gate(4));
    }
}

#[test]
fn spaces_document_spreads_over_a_chain_and_comes_to_rest() {
    const COUNT: usize = 5;
    let (mut world, club) = members(4, COUNT as u8);
    let lines: Vec<_> = (1..COUNT).map(|n| world.line(n - 1, n)).collect();
    let newer = club.appoint(&secret(0), &[key(3)]).unwrap();
    renew(&mut world, 0, &admit(&newer, 0, 0));
    world.run(2_000);
    for n in 0..COUNT {
        assert_eq!(held(&world, n).document(), newer.document(), "node {n}");
        assert!(space_event(&mut world, n).is_some());
        assert_eq!(space_event(&mut world, n), None, "it was told once");
    }
    let (before, _) = lines[3];
    let roles = world.nodes[3].switch.line(before).unwrap().roles;
    assert_eq!(roles, Some(Roles::SPACER));
    let (_, after) = lines[3];
    let roles = world.nodes[4].switch.line(after).unwrap().roles;
    assert!(roles.is_some_and(|roles| roles.has(Roles::OPERATOR)));
    // Nothing but signs of life follows.
    world.kept = Some(Vec::new());
    world.run(10_000);
    assert!(
        world
            .kept
            .as_ref()
            .is_some_and(|kept| kept.len() < 8 * COUNT)
    );
}

#[test]
fn spaces_two_documents_of_one_version_become_one() {
    let (mut world, club) = members(5, 2);
    let one = club.revoke(&secret(0), &[key(20)], gate(2)).unwrap();
    let other = club.revoke(&secret(0), &[key(21)], gate(3)).unwrap();
    renew(&mut world, 0, &admit(&one, 0, 0));
    renew(&mut world, 1, &admit(&other, 1, 0));
    assert_ne!(held(&world, 0).document(), held(&world, 1).document());
    let (line, _) = world.line(0, 1);
    world.run(2_000);
    assert_eq!(held(&world, 0).document(), held(&world, 1).document());
    assert_eq!(held(&world, 0).gates()[0], held(&world, 1).gates()[0]);
    assert!(world.nodes[0].switch.line(line).is_some());
}

#[test]
fn spaces_many_hashnames_of_several_spaces_live_on_one_port() {
    const EACH: u8 = 63;
    let mut world = World::new(6, 2, &Config::default(), CLEAN);
    let clubs = ["one", "two", "three"].map(club);
    let open = Space::open("anybody").unwrap();
    let mut locals = [Vec::new(), Vec::new()];
    for (node, locals) in locals.iter_mut().enumerate() {
        for n in 0..EACH {
            let (who, now) = (secret(n + 100 * node as u8), world.now);
            let switch = &mut world.nodes[node].switch;
            let installed = match clubs.get(usize::from(n % 4)) {
                Some(club) => {
                    let admitted = club.admit(&secret(0), &who.public(), Roles::NONE, 0);
                    switch.install_member(now, &who, &admitted.unwrap())
                }
                None => switch.install(now, &who, &open),
            };
            locals.push((installed.unwrap(), who.public()));
        }
    }
    let (now, address) = (world.now, world.nodes[1].address);
    let switch = &mut world.nodes[0].switch;
    let full = switch.install(now, &secret(99), &open);
    assert_eq!(
        (switch.status().installed, full),
        (64, Err(InstallError::Full))
    );
    let closed = switch.install(now, &secret(99), clubs[0].space());
    assert_eq!(closed, Err(InstallError::NoAdmission));
    for ((local, _), (_, peer)) in locals[0].iter().zip(&locals[1]) {
        switch.connect(now, *local, peer, &[address]).unwrap();
    }
    world.run(2_000);
    let ups = core::iter::from_fn(|| world.nodes[0].take_up()).count();
    assert_eq!(ups, usize::from(EACH));
    assert_eq!(world.nodes[1].switch.status().lines, usize::from(EACH));
    // One is gone; the others do not notice.
    let gone = locals[0][0].0;
    world.nodes[0].switch.uninstall(now, gone).unwrap();
    world.run(1_000);
    let end = down(&mut world, 0).map(|(_, reason)| reason);
    assert_eq!(end, Some(DownReason::Local));
    assert_eq!(world.nodes[1].switch.status().lines, usize::from(EACH) - 1);
    let again = world.nodes[0].switch.uninstall(world.now, gone);
    assert_eq!(again, Err(SpaceCommandError::NotInstalled));
    let local = locals[0][3].0;
    let wrong = world.nodes[0].switch.renew(world.now, local, &clubs[0]);
    assert_eq!(wrong, Err(SpaceCommandError::OtherAdmission));
}

#[test]
fn spaces_membership_that_expires_ends_the_line_and_a_renewed_one_keeps_it() {
    let mut config = Config::default();
    config.line.membership_skew_ms = 1_000;
    for renewed in [false, true] {
        let mut world = World::new(7, 2, &config, CLEAN);
        let club = club("club");
        join(&mut world, 0, &admit(&club, 0, 0));
        let local = join(&mut world, 1, &admit(&club, 1, START_S + 60));
        let (ours, theirs) = world.line(1, 0);
        world.run(30_000);
        if renewed {
            renew(&mut world, 1, &admit(&club, 1, START_S + 3_600));
        }
        world.run(28_000);
        assert_eq!((down(&mut world, 0), down(&mut world, 1)), (None, None));
        world.run(10_000);
        if renewed {
            assert_eq!((down(&mut world, 0), down(&mut world, 1)), (None, None));
            // A night's sleep: the clock of the one that stayed awake shows that it is over.
            let later = Wall::from_ms((START_S + 30_000) * 1_000);
            let now = world.now;
            world.nodes[0].switch.handle_clock(now, later);
            world.run(1_000);
            let refused = DownReason::Refused(Refusal::Expired);
            assert_eq!(down(&mut world, 0), Some((theirs, DownReason::Revoked)));
            assert_eq!(down(&mut world, 1), Some((ours, refused)));
            continue;
        }
        assert!(down(&mut world, 0).is_some_and(|(line, _)| line == theirs));
        assert_eq!(down(&mut world, 1), Some((ours, DownReason::Revoked)));
        let why = Refusal::Expired;
        let expelled = SpaceEvent::Expelled { local, why };
        assert_eq!(space_event(&mut world, 1), Some(expelled));
        let (now, to) = (world.now, world.nodes[0].address);
        let dialled = world.nodes[1].switch.connect(now, local, &key(0), &[to]);
        assert!(dialled.is_err());
        // With a new membership all is well again.
        renew(&mut world, 1, &admit(&club, 1, START_S + 3_600));
        world.line(1, 0);
    }
}

#[test]
fn spaces_who_is_put_out_by_its_own_document_ends_and_dials_no_more() {
    let (mut world, club) = members(8, 2);
    let (line, _) = world.line(1, 0);
    let out = club.revoke(&secret(0), &[key(1)], gate(2)).unwrap();
    let mut own = held(&world, 1).clone();
    assert!(own.renew(out.document().clone(), Some(gate(2))));
    renew(&mut world, 1, &own);
    world.run(1_000);
    assert_eq!(down(&mut world, 1), Some((line, DownReason::Revoked)));
    let (now, local) = (world.now, world.nodes[1].hashname);
    let why = Refusal::Revoked;
    let told: Vec<_> = core::iter::from_fn(|| space_event(&mut world, 1)).collect();
    assert_eq!(told.last(), Some(&SpaceEvent::Expelled { local, why }));
    let address = world.nodes[0].address;
    let dialled = world.nodes[1]
        .switch
        .connect(now, local, &key(0), &[address]);
    assert!(dialled.is_err());
}

/// A rogue member, its streams' first id, and the honest end's admission.
fn rogue() -> (Rogue, Admission) {
    let club = Admission::found(&SecretKey::from_bytes(&[1; 32]), "club", gate(1))
        .expect("the name is legal");
    let root = SecretKey::from_bytes(&[1; 32]);
    let two = SecretKey::from_bytes(&[2; 32]).public();
    let rogue = club
        .admit(&root, &two, Roles::NONE, 0)
        .expect("a root signs in");
    (Rogue::member(&Config::default(), &club, &rogue), club)
}

/// The rogue opens its `n`-th stream with this head and says this on it.
fn say(rogue: &mut Rogue, n: u64, head: &str, bytes: &[u8], end: bool) {
    let id = 2 * n + u64::from(!rogue.is_smaller());
    let mut data = (head.len() as u16).to_be_bytes().to_vec();
    data.extend_from_slice(head.as_bytes());
    data.extend_from_slice(bytes);
    let mut offset = 0;
    while offset < data.len() {
        let rest = &data[offset..data.len().min(offset + 1000)];
        let last = end && offset + rest.len() == data.len();
        rogue.send(|writer| {
            let written = writer.stream(id, offset as u64, rest.len(), last, |room| {
                room.copy_from_slice(rest);
            });
            assert!(written, "1,000 bytes fit");
        });
        offset += rest.len();
    }
}

fn is_of_stream(event: &Event) -> bool {
    matches!(event, Event::Stream(_))
}

#[test]
fn spaces_system_streams_of_a_rogue_end_its_line_and_never_reach_the_application() {
    let (_, club) = rogue();
    let code = Misbehaviour::IllegalSystem.code();
    let space = r#"{"sys":"space"}"#;
    let own = [gate(1).as_bytes().as_slice(), club.document().as_bytes()].concat();
    let wrong_gate = [gate(2).as_bytes().as_slice(), club.document().as_bytes()].concat();
    let strange = Admission::found(&secret(7), "club", gate(1)).unwrap();
    let strange = [gate(1).as_bytes().as_slice(), strange.document().as_bytes()].concat();
    for bytes in [&b""[..], b"short", &wrong_gate, &strange, &vec![0; 65_700]] {
        let (mut rogue, _) = rogue();
        say(&mut rogue, 0, space, bytes, true);
        assert_eq!(rogue.hear().map(|(code, _)| code), Some(code));
        assert!(!rogue.events.iter().any(is_of_stream));
    }
    // Too many at once, and the same again and again.
    let (mut rogue_one, _) = rogue();
    for n in 0..9 {
        say(&mut rogue_one, n, space, b"", false);
    }
    assert_eq!(rogue_one.hear().map(|(code, _)| code), Some(code));
    let (mut rogue_two, _) = rogue();
    let mut said = 0;
    let closed = loop {
        say(&mut rogue_two, said, space, &own, true);
        said += 1;
        if let Some((code, _)) = rogue_two.hear() {
            break code;
        }
        // It owns to what it heard, so that each of its streams is over before the next.
        let heard = rogue_two.heard.clone();
        rogue_two.send(|writer| {
            writer.ranges(&heard, 0, 20);
        });
        rogue_two.now = rogue_two.now.plus_ms(50);
        rogue_two.switch.handle_timeout(rogue_two.now);
        assert!(said < 100, "it is never enough");
    };
    assert_eq!((said, closed), (17, code));
    // In an open space there is no document at all.
    let mut open = Rogue::new(&Config::default());
    say(&mut open, 0, space, &own, true);
    assert_eq!(open.hear().map(|(code, _)| code), Some(code));
    // What is not known is stopped, and the line stays.
    let (mut later, _) = rogue();
    say(&mut later, 0, r#"{"\u0073ys":"tomorrow"}"#, b"x", true);
    say(&mut later, 1, r#"{"sys":7}"#, b"x", true);
    assert_eq!(later.hear(), None);
    assert!(!later.events.iter().any(is_of_stream));
    let (now, id) = (later.now, later.id());
    assert_eq!(later.switch.line(id).map(|info| info.streams), Some(0));
    let ours = later.switch.open_stream(now, id, space);
    assert_eq!(ours, Err(OpenError::IllegalHead));
}

#[test]
fn spaces_rogue_makes_nobody_hold_what_nobody_would_read() {
    let code = Misbehaviour::IllegalSystem.code();
    let space = r#"{"sys":"space"}"#;
    let mut open = Rogue::new(&Config::default());
    say(&mut open, 0, space, b"", false);
    assert_eq!(open.hear().map(|(code, _)| code), Some(code));
    let (mut two, _) = rogue();
    for n in 0..2 {
        say(&mut two, n, space, &vec![0; 40_000], false);
    }
    assert_eq!(two.hear().map(|(code, _)| code), Some(code));
}
