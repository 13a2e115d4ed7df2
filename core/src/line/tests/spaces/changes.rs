//! What changes in a closed space: gates, documents, and memberships that end.

use super::*;
use crate::identity::{Document, Statement};

#[test]
fn line_who_missed_gates_gets_in_by_an_old_one_from_either_end() {
    let club = club();
    let mut newer = club.clone();
    for n in 2..5 {
        newer = newer.revoke(&secret(9), &[key(20 + n)], gate(n)).unwrap();
    }
    let mut informed = admit(&club, 1, 0);
    let mut gates = club;
    for n in 2..5 {
        gates = gates.revoke(&secret(9), &[key(20 + n)], gate(n)).unwrap();
        informed.merge(&admit(&gates, 1, 0));
    }
    assert_eq!(informed.gates().len(), 4);
    let asleep = admit(&self::club(), 2, 0);
    let mut met = Met::of(member(1, &informed), member(2, &asleep));
    met.assert_up();
    assert!(met.now > Time::ZERO, "the newest gate was tried first");
    // The other way round the first open fits.
    let informed = {
        let mut two = admit(&self::club(), 2, 0);
        two.merge(&with_membership_of(&informed, 2));
        two
    };
    let mut met = Met::of(member(1, &admit(&self::club(), 1, 0)), member(2, &informed));
    met.assert_up();
    assert_eq!(met.now, Time::ZERO);
}

/// The admission, but for identity `n`.
fn with_membership_of(admission: &Admission, n: u8) -> Admission {
    with_membership(admission, admit(admission, n, 0).membership())
}

#[test]
fn line_repetition_through_another_gate_is_a_copy() {
    let club = club();
    let next = club.revoke(&secret(9), &[key(20)], gate(2)).unwrap();
    let mut both = admit(&club, 1, 0);
    both.merge(&admit(&next, 1, 0));
    let (mut a, name) = member(1, &both);
    a.open(Time::ZERO, name, key(2), &[route_to(2)], 0).unwrap();
    let first = poll_one(&mut a, Time::ZERO);
    let now = Time::ZERO.plus_ms(250);
    a.on_deadline(now, &mut effects());
    let second = poll_one(&mut a, now);
    let body = OPEN_LEN - MAC_LEN;
    assert_eq!(first[..body], second[..body]);
    assert_ne!(first[body..], second[body..]);
    let (mut b, _) = member(2, &with_membership_of(&both, 2));
    assert_eq!(b.on_open(Time::ZERO, route_to(1), &first), Ok(()));
    let copy = b.on_open(now, route_to(1), &second);
    assert_eq!(copy, Err(Dropped::Repeated));
}

#[test]
fn line_revocation_before_the_proof_makes_no_line() {
    let club = club();
    let two = admit(&club, 2, 0);
    let mut met = Met::of(member(1, &admit(&club, 1, 0)), member(2, &two));
    let out = club.revoke(&secret(9), &[key(1)], gate(2)).unwrap();
    let local = met.b.installed().next().unwrap();
    assert!(met.b.renew(local, &admit(&out, 2, 0)).document);
    assert_eq!(met.prove(), Err(Dropped::Refused));
    assert!(met.b.is_empty() && met.b.ids.is_empty());
}

#[test]
fn line_of_a_member_who_is_put_out_is_known_by_its_refusal() {
    let club = club();
    let two = admit(&club, 2, 0);
    let mut met = Met::of(member(1, &admit(&club, 1, 0)), member(2, &two));
    let theirs = met.assert_up();
    assert_eq!(met.b.refusal(met.now, theirs), None);
    let out = club.revoke(&secret(9), &[key(1)], gate(2)).unwrap();
    let local = met.b.info(theirs).unwrap().who.local;
    let renewed = met.b.renew(local, &admit(&out, 2, 0));
    assert!(renewed.document && !renewed.membership);
    assert_eq!(met.b.refusal(met.now, theirs), Some(Refusal::Revoked));
    assert_eq!(met.b.own_refusal(met.now, local), None);
    // An old document changes nothing.
    assert!(
        !met.b
            .renew_document(local, club.document().clone(), gate(1))
    );
    assert_eq!(met.b.admission(local).unwrap().document().version(), 2);
}

#[test]
fn line_membership_that_ends_while_the_line_lives_is_told_when_it_does() {
    let club = club();
    let config = Config {
        membership_skew_ms: 2000,
        ..Config::default()
    };
    let until_s = WALL_S + 60;
    let one = member_at(1, &admit(&club, 1, until_s), WALL_S, &config);
    let two = member_at(2, &admit(&club, 2, 0), WALL_S, &config);
    let mut met = Met::of(one, two);
    let theirs = met.assert_up();
    let (at, mut fx) = (Time::from_us(62_001_000), effects());
    assert_eq!(
        met.b.deadline(),
        Some(Deadline::new(Time::from_us(10_000_000), Why::Handshake))
    );
    met.b.on_deadline(Time::from_us(10_000_000), &mut fx);
    assert_eq!(met.b.deadline(), Some(Deadline::new(at, Why::Membership)));
    let why = Refusal::Expired;
    met.b.on_deadline(at, &mut fx);
    assert_eq!(drain(&mut fx), [Effect::Refused { slot: theirs, why }]);
    assert_eq!(met.b.deadline(), None);
    // Its holder knows it, too, and dials nobody any more.
    let local = met.a.info(met.slot).unwrap().who.local;
    met.a.on_deadline(at, &mut fx);
    assert_eq!(drain(&mut fx), [Effect::Expelled { local, why }]);
    let result = met.a.open(at, local, key(3), &[route_to(3)], 0);
    assert_eq!(result, Err(OpenError::Refused(why)));
}

#[test]
fn line_clock_that_jumps_ends_memberships_and_a_renewal_keeps_them() {
    let club = club();
    let until_s = WALL_S + 3600;
    let mut met = Met::of(
        member(1, &admit(&club, 1, until_s)),
        member(2, &admit(&club, 2, 0)),
    );
    let theirs = met.assert_up();
    let now = Time::from_us(20_000_000);
    met.b.on_deadline(now, &mut effects());
    let longer = admit(&club, 1, until_s + 86_400);
    let shown = longer.membership().as_bytes();
    assert_eq!(met.b.renew_peer(now, theirs, shown), Ok(true));
    assert_eq!(met.b.renew_peer(now, theirs, shown), Ok(false));
    let forged = Membership::sign(&secret(5), &club.space().id(), &key(1), Roles::NONE, 0);
    let result = met.b.renew_peer(now, theirs, forged.as_bytes());
    assert_eq!(result, Err(Refusal::Signer));
    // A night later it still counts; a week later it does not.
    met.b.handle_clock(now, wall(until_s + 8 * 3600));
    assert!(met.b.deadline().unwrap().at > now);
    met.b.handle_clock(now, wall(until_s + 7 * 86_400));
    assert!(met.b.deadline().unwrap().at <= now);
    let mut fx = effects();
    met.b.on_deadline(now, &mut fx);
    assert_eq!(drain(&mut fx).len(), 1);
    assert_eq!(met.b.refusal(now, theirs), Some(Refusal::Expired));
}

#[test]
fn line_uninstalled_identity_answers_nobody_and_leaves_room() {
    let club = club();
    let config = Config {
        hashnames: 1,
        ..Config::default()
    };
    let two = admit(&club, 2, 0);
    let mut met = Met::of(
        member(1, &admit(&club, 1, 0)),
        member_at(2, &two, WALL_S, &config),
    );
    let local = met.b.installed().next().unwrap();
    let again = met.b.install_member(met.now, &secret(2), &two);
    assert_eq!(again, Err(InstallError::Twice));
    let other = met
        .b
        .install_member(met.now, &secret(3), &admit(&club, 3, 0));
    assert_eq!(other, Err(InstallError::Full));
    let strange = met.b.install_member(met.now, &secret(3), &two);
    assert_eq!(strange, Err(InstallError::OtherKey));
    assert!(met.b.uninstall(local) && !met.b.uninstall(local));
    assert_eq!(
        (met.b.installed().count(), met.b.admission(local)),
        (0, None)
    );
    assert_eq!(
        met.prove(),
        Err(Dropped::UnknownLine),
        "nothing waits for it"
    );
    let late = admit(&club, 2, WALL_S - SKEW_S - 1);
    let late = met.b.install_member(met.now, &secret(2), &late);
    assert_eq!(late, Err(InstallError::Refused(Refusal::Expired)));
    assert!(
        met.b
            .install_member(met.now, &secret(3), &admit(&club, 3, 0))
            .is_ok()
    );
}

#[test]
fn line_open_has_room_for_the_largest_document_version() {
    let club = club();
    let statement = Statement {
        version: Document::VERSION_MOST,
        epoch: Document::VERSION_MOST,
        ..club.document().statement().clone()
    };
    let document = Document::sign(&secret(9), club.space(), statement).unwrap();
    let mut admission = admit(&club, 1, u64::MAX);
    assert!(admission.renew(document, None));
    let (mut a, name) = member(1, &admission);
    a.set_limits(Limits {
        capabilities: 0,
        ranges_delay_ms: u16::MAX,
        datagram_bytes: u16::MAX,
    });
    a.config.suite = Suite::ChaCha20Poly1305;
    let first = crate::wire::VARINT_MAX;
    let slot = a
        .open(Time::ZERO, name, key(2), &[route_to(2)], first)
        .unwrap();
    assert_eq!(poll_one(&mut a, Time::ZERO).len(), OPEN_LEN);
    let home = &a.homes[0];
    let asking = Open {
        suite: Suite::ChaCha20Poly1305,
        home,
        peer: &key(2),
        mac: &home.doors[0].mac,
        line: u32::MAX,
        time: u64::MAX,
        end: a.slots.get(slot).unwrap().own_end(),
        asks: Some(u32::MAX),
        cookie: None,
        told: Told::ours(a.limits, home.admission.as_deref()),
    };
    let (open, _) = asking.write(Rng::new(&Seed::new([1; 32]))).unwrap();
    assert_eq!(open.len(), OPEN_LEN);
}

#[test]
fn line_open_with_a_cookie_stays_under_the_gate_that_fitted() {
    let club = club();
    let newer = club.revoke(&secret(9), &[key(20)], gate(2)).unwrap();
    let mut informed = admit(&club, 1, 0);
    informed.merge(&admit(&newer, 1, 0));
    // One open without a cookie, and it is taken by somebody else.
    let config = Config {
        opens_per_second: 0,
        opens_burst: 2,
        ..Config::default()
    };
    let (mut b, _) = member_at(2, &admit(&club, 2, 0), WALL_S, &config);
    let (mut first, name) = member(3, &admit(&club, 3, 0));
    let mut now = Time::ZERO;
    first.open(now, name, key(2), &[route_to(2)], 0).unwrap();
    b.on_open(now, route_to(3), &poll_one(&mut first, now))
        .unwrap();
    poll_one(&mut b, now);

    let (mut a, name) = member(1, &informed);
    a.open(now, name, key(2), &[route_to(2)], 0).unwrap();
    let open = poll_one(&mut a, now);
    let unknown = Err(Dropped::NotInstalled);
    assert_eq!(b.on_open(now, route_to(1), &open), unknown);
    now = a.deadline().unwrap().at;
    a.on_deadline(now, &mut effects());
    let open = poll_one(&mut a, now);
    let asked = Err(Dropped::CookieAsked);
    assert_eq!(b.on_open(now, route_to(1), &open), asked);
    assert_eq!(a.on_cookie(now, &poll_one(&mut b, now)), Ok(()));
    let open = poll_one(&mut a, now);
    assert_eq!(b.on_open(now, route_to(1), &open), Ok(()));
}

#[test]
fn line_memberships_that_all_end_at_once_are_no_more_effects_than_a_call_may_have() {
    let until_s = WALL_S + 60;
    let club = club();
    let (mut b, _) = member(2, &admit(&club, 2, until_s));
    let now = Time::ZERO;
    for n in 10..50 {
        let (mut a, name) = member(n, &admit(&club, n, until_s));
        let slot = a.open(now, name, key(2), &[route_to(2)], 0).unwrap();
        let mut fx = effects();
        b.on_open(now, route_to(n), &poll_one(&mut a, now)).unwrap();
        a.on_answer(now, route_to(2), &poll_one(&mut b, now), &mut fx)
            .unwrap();
        let mut proof = seal(&mut a, slot, b"here");
        let theirs = b
            .unseal(now, route_to(n), &mut proof, &mut fx)
            .unwrap()
            .slot;
        // Another path, which does not answer.
        b.add_paths(now, theirs, &[route_to(n + 100)]);
        while b.poll_path(now, theirs).is_some() {}
    }
    // Nobody called for long, as in a sleep.
    let late = now.plus_ms(1000 * (60 + SKEW_S + 1));
    let (mut expired, mut expelled) = (0, 0);
    for _ in 0..10 {
        let mut fx = effects();
        b.on_deadline(late, &mut fx);
        for effect in drain(&mut fx) {
            expired += u32::from(matches!(effect, Effect::Refused { .. }));
            expelled += u32::from(matches!(effect, Effect::Expelled { .. }));
        }
    }
    assert_eq!((expired, expelled), (40, 1));
}

#[test]
fn line_crossed_open_that_shows_a_later_membership_keeps_the_line_for_as_long() {
    let club = club();
    let (now, mut fx) = (Time::ZERO, effects());
    let (mut a, a_name) = member(2, &admit(&club, 2, WALL_S + 60));
    let (mut b, b_name) = member(1, &admit(&club, 1, 0));
    assert!(a_name < b_name, "the session that a opens stays");
    // The open of b is answered before a has its new membership, and that of a is sent after it.
    b.open(now, b_name, key(2), &[route_to(1)], 0).unwrap();
    a.on_open(now, route_to(2), &poll_one(&mut b, now)).unwrap();
    let answer_of_a = poll_one(&mut a, now);
    a.renew(a_name, &admit(&club, 2, WALL_S + 3600));
    let slot = a.open(now, a_name, key(1), &[route_to(2)], 0).unwrap();
    let open_of_a = poll_one(&mut a, now);
    b.on_open(now, route_to(1), &open_of_a).unwrap();
    let answer_of_b = poll_one(&mut b, now);
    b.on_answer(now, route_to(1), &answer_of_a, &mut fx)
        .unwrap();
    a.on_answer(now, route_to(2), &answer_of_b, &mut fx)
        .unwrap();
    let mut proof = seal(&mut a, slot, b"here");
    b.unseal(now, route_to(1), &mut proof, &mut fx).unwrap();
    drain(&mut fx);
    for (s, ended) in [(61 + SKEW_S, false), (3601 + SKEW_S, true)] {
        let late = now.plus_ms(1000 * s);
        b.on_deadline(late, &mut fx);
        let refused = |effect: &Effect| matches!(effect, Effect::Refused { .. });
        assert_eq!(drain(&mut fx).iter().any(refused), ended, "after {s} s");
    }
}

#[test]
fn line_identity_that_is_gone_asks_nothing_more_by_a_line_that_is_being_closed() {
    let club = club();
    let mut met = Met::of(
        member(1, &admit(&club, 1, 0)),
        member(2, &admit(&club, 2, 0)),
    );
    met.assert_up();
    let (a, now) = (&mut met.a, met.now);
    let name = a.info(met.slot).unwrap().who.local;
    a.reopen(now, met.slot, &[route_to(2)], 77);
    assert!(poll(a, now).is_some(), "it asks whether the peer is there");
    assert!(a.uninstall(name));
    // Somebody else takes its place.
    a.install_member(now, &secret(3), &admit(&club, 3, 0))
        .unwrap();
    let later = now.plus_ms(1000);
    a.on_deadline(later, &mut effects());
    assert_eq!(poll(a, later), None);
}
