//! Closed spaces: who is let in at a handshake, and who is not.

mod changes;

use super::{
    super::{
        answer::{Answer, Reply},
        mac::MAC_LEN,
        open::OPEN_LEN,
        told::Told,
    },
    *,
};
use crate::identity::{Admission, Gate, Membership, Refusal, Roles};

/// The wall time of the tests in seconds.
const WALL_S: u64 = 1_700_000_000;
const SKEW_S: u64 = 300;

fn wall(s: u64) -> Wall {
    Wall::from_ms(s * 1000)
}

fn key(n: u8) -> PublicKey {
    secret(n).public()
}

fn gate(n: u8) -> Gate {
    Gate::new([n; 32])
}

/// The club that identity 9 founded.
fn club() -> Admission {
    Admission::found(&secret(9), "club", gate(1)).unwrap()
}

/// The admission of identity `n` by the founder.
fn admit(club: &Admission, n: u8, until_s: u64) -> Admission {
    club.admit(&secret(9), &key(n), Roles::SPACER, until_s)
        .unwrap()
}

/// The admission with another membership in it than its own.
fn with_membership(admission: &Admission, membership: &Membership) -> Admission {
    let mut bytes = admission.to_bytes().to_vec();
    let own = admission.membership().as_bytes();
    let at = bytes.windows(own.len()).position(|part| part == own);
    bytes[at.unwrap()..][..own.len()].copy_from_slice(membership.as_bytes());
    Admission::from_bytes(&bytes).unwrap()
}

fn member_at(n: u8, admission: &Admission, wall_s: u64, config: &Config) -> (Lines, Hashname) {
    let mut lines = Lines::new(config, Rng::new(&Seed::new([n; 32])));
    lines.handle_clock(Time::ZERO, wall(wall_s));
    let name = lines.install_member(Time::ZERO, &secret(n), admission);
    (lines, name.unwrap())
}

fn member(n: u8, admission: &Admission) -> (Lines, Hashname) {
    member_at(n, admission, WALL_S, &Config::default())
}

/// What came of an open of identity 1 to identity 2: what 2 said to it, and 1's effects.
struct Met {
    a: Lines,
    b: Lines,
    opened: Result<(), Dropped>,
    effects: Vec<Effect>,
    slot: Slot,
    now: Time,
}

impl Met {
    fn of((mut a, name): (Lines, Hashname), (mut b, _): (Lines, Hashname)) -> Self {
        let (mut now, mut fx) = (Time::ZERO, effects());
        let slot = a.open(now, name, key(2), &[route_to(2)], 0).unwrap();
        let mut opened = Err(Dropped::NotInstalled);
        // A repetition may go through another gate.
        while opened == Err(Dropped::NotInstalled) && now < Time::from_us(4_000_000) {
            if let Some((_, open)) = poll(&mut a, now) {
                assert_eq!(open.len(), OPEN_LEN);
                opened = b.on_open(now, route_to(1), &open);
            } else {
                now = a.deadline().unwrap().at;
                a.on_deadline(now, &mut fx);
            }
        }
        if let Some((_, answer)) = poll(&mut b, now) {
            assert!(answer.len() <= OPEN_LEN);
            a.on_answer(now, route_to(2), &answer, &mut fx).unwrap();
        }
        let effects = drain(&mut fx);
        Self {
            a,
            b,
            opened,
            effects,
            slot,
            now,
        }
    }

    /// The initiator's first sealed packet.
    fn prove(&mut self) -> Result<Slot, Dropped> {
        let mut packet = seal(&mut self.a, self.slot, b"here");
        let mut fx = effects();
        let unsealed = self.b.unseal(self.now, route_to(1), &mut packet, &mut fx)?;
        Ok(unsealed.slot)
    }

    /// Asserts that a line is up at both ends, and gives the responder's slot.
    fn assert_up(&mut self) -> Slot {
        let slot = self.slot;
        assert_eq!(self.opened, Ok(()));
        assert_eq!(self.effects, [Effect::Up { slot, ours: true }]);
        self.prove().unwrap()
    }

    /// Asserts that the responder refuses, and that the initiator learns why.
    fn assert_refused(&self, why: Refusal) {
        let (slot, why) = (self.slot, Down::Refused(why));
        assert_eq!(self.opened, Err(Dropped::Refused));
        assert_eq!(self.effects, [Effect::Down { slot, why }]);
        assert!(self.a.is_empty() && self.b.is_empty());
        assert_eq!((self.b.answers(), self.b.ids.len()), (0, 0));
    }
}

#[test]
fn line_of_members_comes_up_and_tells_roles_limits_and_documents() {
    let club = club();
    let (mut a, name) = member(1, &admit(&club, 1, 0));
    a.set_limits(Limits {
        capabilities: 5,
        ranges_delay_ms: 7,
        datagram_bytes: 1300,
    });
    let mut met = Met::of((a, name), member(2, &admit(&club, 2, 0)));
    let theirs = met.assert_up();
    let info = met.b.info(theirs).unwrap().clone();
    let told = (
        info.peer_limits.capabilities,
        info.peer_limits.ranges_delay_ms,
    );
    assert_eq!((told, info.peer_limits.datagram_bytes), ((5, 7), 1300));
    let document = (1, club.document().mark());
    let greetings = [met.b.greeting(theirs), met.a.greeting(met.slot)];
    assert_eq!(
        greetings.map(|it| it.unwrap().document),
        [Some(document); 2]
    );
    assert_eq!(met.a.info(met.slot).unwrap().peer_limits, Limits::default());
    assert_eq!(met.b.roles(theirs), Some(Roles::SPACER));
    assert_eq!(met.a.roles(met.slot), Some(Roles::SPACER));
}

#[test]
fn line_operator_is_one_by_the_document_only() {
    let club = club();
    let claim = club.admit(&secret(9), &key(1), Roles::OPERATOR, 0).unwrap();
    let mut met = Met::of(member(1, &claim), member(2, &admit(&club, 2, 0)));
    let theirs = met.assert_up();
    assert_eq!(met.b.roles(theirs), Some(Roles::NONE));
    let named = club.appoint(&secret(9), &[key(1)]).unwrap();
    let (document, gate) = (named.document().clone(), gate(1));
    let local = met.b.info(theirs).unwrap().who.local;
    assert!(met.b.renew_document(local, document, gate));
    assert_eq!(met.b.roles(theirs), Some(Roles::OPERATOR));
}

#[test]
fn line_stranger_without_the_gate_costs_one_mac_and_gets_nothing() {
    let club = club();
    let elsewhere = Admission::found(&secret(9), "club", gate(7)).unwrap();
    let met = Met::of(
        member(1, &admit(&elsewhere, 1, 0)),
        member(2, &admit(&club, 2, 0)),
    );
    assert_eq!(met.opened, Err(Dropped::NotInstalled));
    assert!(!met.b.has_output() && met.b.answers() == 0 && met.b.refused.is_empty());
    let open = {
        let (mut a, name) = room(1, &Config::default());
        a.open(Time::ZERO, name, key(2), &[route_to(2)], 0).unwrap();
        poll_one(&mut a, Time::ZERO)
    };
    let (mut b, _) = member(2, &admit(&club, 2, 0));
    let result = b.on_open(Time::ZERO, route_to(1), &open);
    assert_eq!(result, Err(Dropped::NotInstalled));
}

/// What a member's room says to an open of identity 1 that shows this, and what it answers.
fn shown_to(told: Told, gate: u8, (mut b, _): (Lines, Hashname)) -> Option<Refusal> {
    let id = club().space().id();
    let mut rng = Rng::new(&Seed::new([3; 32]));
    let home = Home::new(&secret(1), id, &PureRust, &mut rng);
    let open = Open {
        suite: Suite::Aes256Gcm,
        home: &home,
        peer: &key(2),
        mac: &MacKey::new(&[gate; 32], &key(2), &id),
        line: 5,
        time: 9,
        end: End {
            id: 1,
            first_stream: 0,
        },
        told,
        asks: None,
        cookie: None,
    };
    let (datagram, mut handshake) = open.write(rng).unwrap();
    let opened = b.on_open(Time::ZERO, route_to(1), &datagram);
    let answer = poll_one(&mut b, Time::ZERO);
    assert!(answer.len() <= OPEN_LEN && poll(&mut b, Time::ZERO).is_none());
    let clear = answer::Clear::parse(&answer).unwrap();
    match clear.read(&mut handshake).unwrap() {
        Reply::Refused(refusal) => {
            assert_eq!(opened, Err(Dropped::Refused));
            assert_eq!((b.len(), b.answers(), b.ids.len()), (0, 0, 0));
            Some(refusal)
        }
        Reply::Answered(_) => {
            assert_eq!(opened, Ok(()));
            None
        }
    }
}

fn showing(membership: &Membership) -> Told {
    Told {
        shown: Some((*membership.as_bytes(), [0; 8])),
        ..Told::default()
    }
}

#[test]
fn line_membership_that_does_not_count_is_refused_and_its_holder_learns_why() {
    let club = club();
    let id = club.space().id();
    let two = || member(2, &admit(&club, 2, 0));
    let refused = |membership: &Membership| shown_to(showing(membership), 1, two());
    assert_eq!(refused(admit(&club, 1, WALL_S - SKEW_S).membership()), None);
    let late = admit(&club, 1, WALL_S - SKEW_S - 1);
    assert_eq!(refused(late.membership()), Some(Refusal::Expired));
    // For another key: somebody else's, copied.
    let other = admit(&club, 3, 0);
    assert_eq!(refused(other.membership()), Some(Refusal::NoMember));
    // For another space, by the same operator.
    let elsewhere = Admission::found(&secret(9), "pub", gate(1)).unwrap();
    let foreign = admit(&elsewhere, 1, 0);
    assert_eq!(refused(foreign.membership()), Some(Refusal::NoMember));
    // Signed by somebody who is no operator.
    let usurped = Membership::sign(&secret(5), &id, &key(1), Roles::NONE, 0);
    assert_eq!(refused(&usurped), Some(Refusal::Signer));
    // None at all, and one cut short.
    assert_eq!(shown_to(Told::default(), 1, two()), Some(Refusal::NoMember));
    // Revoked, shown under the gate of before.
    let own = admit(&club, 1, 0);
    let out = club.revoke(&secret(9), &[key(1)], gate(2)).unwrap();
    let mut informed = admit(&club, 2, 0);
    assert!(informed.merge(&admit(&out, 2, 0)));
    let refused = shown_to(showing(own.membership()), 1, member(2, &informed));
    assert_eq!(refused, Some(Refusal::Revoked));
}

#[test]
fn line_open_of_a_kicked_member_ends_with_the_reason() {
    let club = club();
    let out = club.revoke(&secret(9), &[key(1)], gate(2)).unwrap();
    let mut informed = admit(&club, 2, 0);
    assert!(informed.merge(&admit(&out, 2, 0)));
    let met = Met::of(member(1, &admit(&club, 1, 0)), member(2, &informed));
    met.assert_refused(Refusal::Revoked);
}

#[test]
fn line_initiator_refuses_a_responder_who_is_no_member() {
    let club = club();
    let id = club.space().id();
    let usurped = Membership::sign(&secret(5), &id, &key(2), Roles::NONE, 0);
    for (told, why) in [
        (showing(&usurped), Refusal::Signer),
        (Told::default(), Refusal::NoMember),
    ] {
        let (mut a, name) = member(1, &admit(&club, 1, 0));
        let mut fx = effects();
        let slot = a.open(Time::ZERO, name, key(2), &[route_to(2)], 0).unwrap();
        let open = poll_one(&mut a, Time::ZERO);
        let mut rng = Rng::new(&Seed::new([4; 32]));
        let home = Home::new(&secret(2), id, &PureRust, &mut rng);
        let mut opened = open::Clear::parse(&open).unwrap().read(&home, rng).unwrap();
        let answer = Answer {
            to: opened.line,
            mac: &MacKey::new(&[1; 32], &key(1), &id),
            line: 4,
            boot: 0,
            end: opened.end,
            seen: route_to(1).path.remote,
            told,
        };
        let answer = answer.write(&mut opened.handshake).unwrap();
        a.on_answer(Time::ZERO, route_to(2), &answer, &mut fx)
            .unwrap();
        let why = Down::Refused(why);
        assert_eq!(drain(&mut fx), [Effect::Down { slot, why }]);
        assert!(a.is_empty() && a.ids.is_empty() && a.deadline().is_none());
    }
}

#[test]
fn line_refusals_are_told_once_a_second_to_a_key() {
    let club = club();
    let out = club.revoke(&secret(9), &[key(1)], gate(2)).unwrap();
    let mut informed = admit(&club, 2, 0);
    informed.merge(&admit(&out, 2, 0));
    let (mut b, _) = member(2, &informed);
    let mut open_at = |ms: u64| {
        let (mut a, name) = member(1, &admit(&club, 1, 0));
        a.open(Time::ZERO, name, key(2), &[route_to(2)], 0).unwrap();
        let open = poll_one(&mut a, Time::ZERO);
        let now = Time::ZERO.plus_ms(ms);
        let result = b.on_open(now, route_to(1), &open);
        assert_eq!(result, Err(Dropped::Refused));
        poll(&mut b, now).is_some()
    };
    assert_eq!(
        [0, 10, 999, 1000, 1999, 2000].map(&mut open_at),
        [true, false, false, true, false, true]
    );
}

#[test]
fn line_refusals_are_bounded_whoever_asks() {
    let config = Config {
        half_open: 2,
        ..Config::default()
    };
    let club = club();
    let keys: Vec<PublicKey> = (10..14).map(key).collect();
    let out = club.revoke(&secret(9), &keys, gate(2)).unwrap();
    let mut informed = admit(&club, 2, 0);
    informed.merge(&admit(&out, 2, 0));
    let (mut b, _) = member_at(2, &informed, WALL_S, &config);
    let mut told = 0;
    for n in 10..14 {
        let (mut a, name) = member(n, &admit(&club, n, 0));
        a.open(Time::ZERO, name, key(2), &[route_to(2)], 0).unwrap();
        let open = poll_one(&mut a, Time::ZERO);
        let result = b.on_open(Time::ZERO, route_to(n), &open);
        assert_eq!(result, Err(Dropped::Refused));
        told += usize::from(poll(&mut b, Time::ZERO).is_some());
    }
    assert_eq!((told, b.refused.len()), (2, 2));
}
