//! The contracts of the façade as they are asserted everywhere, fed lies; and the provider of large
//! worlds, fed forgeries.

use std::net::SocketAddr;

use hydroid_core::{
    base::{Deadline, Time, Why},
    identity::{PublicKey, SecretKey},
    line::{Provider, PureRust, Suite},
    switch::{Config, Status},
};
use hydroid_tests::{
    contracts::{self, Broken, Limits, Step},
    transfer::CLEAN,
    world::{StubProvider, World},
};

fn stubs(count: usize) -> Vec<&'static dyn Provider> {
    vec![&StubProvider; count]
}

fn step() -> Step {
    Step {
        now: Time::from_us(1_000),
        before: Some(Deadline::new(Time::from_us(1_000), Why::Queued)),
        outputs: 1,
        again: false,
        misshapen: false,
        after: Some(Deadline::new(Time::from_us(2_000), Why::KeepAlive)),
        status: Some(Status::default()),
    }
}

#[test]
fn contract_that_is_broken_is_noticed_whichever_it_is() {
    let limits = Limits::of(&Config::default());
    let judge = |step: &Step| step.judge(Some(&limits));
    assert_eq!(judge(&step()), Ok(()));
    let late = Some(Deadline::new(Time::from_us(1_001), Why::Pacing));
    let queued = Some(Deadline::new(Time::from_us(1_000), Why::Queued));
    let lies = [
        (
            Step {
                before: late,
                ..step()
            },
            Broken::OutputNotDue,
        ),
        (
            Step {
                before: None,
                ..step()
            },
            Broken::OutputNotDue,
        ),
        (
            Step {
                again: true,
                ..step()
            },
            Broken::NotNone,
        ),
        (
            Step {
                after: queued,
                ..step()
            },
            Broken::StillQueued,
        ),
        (
            Step {
                misshapen: true,
                ..step()
            },
            Broken::Misshapen,
        ),
    ];
    for (lie, broken) in lies {
        assert_eq!(judge(&lie), Err(broken), "{lie:?}");
    }
    let due = Some(Deadline::new(Time::from_us(1_000), Why::Loss));
    assert_eq!(
        judge(&Step {
            after: due,
            ..step()
        }),
        Ok(()),
        "more is to be done"
    );
}

#[test]
fn contract_of_limits_is_held_for_each_of_them() {
    let limits = Limits::of(&Config::default());
    let lies = [
        Status {
            ledger_bytes: limits.ledger_bytes + 1,
            ..Status::default()
        },
        Status {
            buffered_bytes: 1,
            ..Status::default()
        },
        Status {
            lines: limits.lines + 1,
            ..Status::default()
        },
        Status {
            events: limits.events + 1,
            ..Status::default()
        },
    ];
    for lie in lies {
        let step = Step {
            status: Some(lie),
            ..step()
        };
        assert_eq!(
            step.judge(Some(&limits)),
            Err(Broken::BeyondLimit),
            "{lie:?}"
        );
        assert_eq!(step.judge(None), Ok(()), "nobody said what is allowed");
    }
}

#[test]
fn contract_check_notices_a_switch_that_was_not_drained() {
    let mut world = World::with_providers(1, stubs(2), &Config::default(), CLEAN);
    world.line(0, 1);
    let now = world.now;
    contracts::check(&mut world.nodes[0].switch, now);
    world.connect(1, 0);
    let (hashname, key) = (
        world.nodes[0].hashname,
        SecretKey::from_bytes(&[77; 32]).public(),
    );
    let to = SocketAddr::from(([10, 7, 7, 7], 7));
    let switch = &mut world.nodes[0].switch;
    switch.connect(now, hashname, &key, &[to]).expect("dials");
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        contracts::check(&mut world.nodes[0].switch, now);
    }));
    assert!(outcome.is_err(), "an open waits");
    contracts::drain(&mut world.nodes[0].switch, now, None, |_| {});
    contracts::check(&mut world.nodes[0].switch, now);
}

#[test]
fn stub_fails_on_a_forgery_of_any_bit() {
    for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
        for len in [0, 1, 7, 8, 9, 40, 333] {
            let cipher = StubProvider.cipher(suite, &[5; 32]);
            let (nonce, aad) = ([7; 12], [1; 12]);
            let plain: Vec<u8> = (0..len).map(|n| n as u8).collect();
            let mut sealed = plain.clone();
            let tag = cipher.seal(&nonce, &aad, &mut sealed);
            assert!(len < 8 || sealed != plain, "it is masked");
            let open = |nonce: &[u8; 12], aad: &[u8], text: &[u8], tag: &[u8; 16]| {
                let mut text = text.to_vec();
                let opened = cipher.open(nonce, aad, &mut text, tag);
                assert!(opened || text.iter().all(|byte| *byte == 0));
                opened.then_some(text)
            };
            assert_eq!(open(&nonce, &aad, &sealed, &tag), Some(plain));
            let flip = |bytes: &[u8], bit: usize| {
                let mut bytes = bytes.to_vec();
                bytes[bit / 8] ^= 1 << (bit % 8);
                bytes
            };
            for bit in 0..len * 8 {
                assert_eq!(open(&nonce, &aad, &flip(&sealed, bit), &tag), None, "text");
            }
            for bit in 0..128 {
                let tag = flip(&tag, bit).try_into().expect("16 bytes");
                assert_eq!(open(&nonce, &aad, &sealed, &tag), None, "tag");
            }
            for bit in 0..96 {
                let nonce = flip(&nonce, bit).try_into().expect("12 bytes");
                assert_eq!(open(&nonce, &aad, &sealed, &tag), None, "nonce");
                assert_eq!(open(&[7; 12], &flip(&aad, bit), &sealed, &tag), None, "aad");
            }
            let other = StubProvider.cipher(suite, &[6; 32]);
            assert!(!other.open(&nonce, &aad, &mut sealed.clone(), &tag), "key");
            assert!(!cipher.open(&nonce, &aad, &mut [&*sealed, &[0]].concat(), &tag));
        }
    }
}

#[test]
fn stub_agrees_both_ways_and_with_nobody_else() {
    let (one, other) = (
        SecretKey::from_bytes(&[1; 32]),
        SecretKey::from_bytes(&[2; 32]),
    );
    let made = [[9; 32], [8; 32]];
    let publics = made.map(|secret| StubProvider.public(&secret));
    let secrets = [*one.agreement(), *other.agreement(), made[0], made[1]];
    let publics = [
        one.public().agreement(),
        other.public().agreement(),
        publics[0],
        publics[1],
    ];
    let mut all = Vec::new();
    for a in 0..4 {
        for b in 0..a {
            let agreed = StubProvider.agree(&secrets[a], &publics[b]);
            assert_eq!(agreed, StubProvider.agree(&secrets[b], &publics[a]));
            all.push(agreed);
        }
    }
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 6, "no two pairs agree on the same");
    assert_eq!(
        StubProvider.agree(&made[0], &[0; 32]),
        [0; 32],
        "a weak key"
    );
    assert_eq!(StubProvider.scheme(), "stub");
}

#[test]
fn stub_and_real_do_not_talk() {
    for providers in [
        [&StubProvider as &dyn Provider, &PureRust],
        [&PureRust, &StubProvider],
    ] {
        let config = Config::default();
        let mut world = World::with_providers(1, providers.to_vec(), &config, CLEAN);
        world.connect(0, 1);
        world.run(20_000);
        for node in &world.nodes {
            assert_eq!(
                (node.switch.stats().lines_up, node.switch.status().lines),
                (0, 0)
            );
        }
        assert!(world.nodes[1].switch.stats().dropped_in_all() > 0);
    }
}

/// What it remembers of keys is what the real check says, of keys and of what is none.
#[test]
fn stub_knows_keys_as_the_real_check_does() {
    let keys = StubProvider.keys();
    let (mut none, mut some) = (0, 0);
    for n in 0..64 {
        let mut bytes = *SecretKey::from_bytes(&[n; 32]).public().as_bytes();
        bytes[0] ^= n % 3;
        let real = PublicKey::from_bytes(&bytes);
        for _ in 0..2 {
            assert_eq!(keys(&bytes), real);
        }
        none += u32::from(real.is_err());
        some += u32::from(real.is_ok());
    }
    assert!(none > 10 && some > 10, "{none} {some}");
    assert_eq!(keys(&[0; 32]), PublicKey::from_bytes(&[0; 32]));
}
