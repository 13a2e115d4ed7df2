//! Bytes that nobody should have sent.

use super::super::{answer::Answer, told::Told};
use super::*;
use crate::wire::{Sealed, TAG_LEN};

pub(super) fn mac_key(n: u8) -> MacKey {
    MacKey::new(&NO_GATE, &secret(n).public(), &space())
}

/// The datagram with a MAC that fits, as anybody can make one who knows the receiver's key.
fn with_mac(mut datagram: Vec<u8>, receiver: u8) -> Vec<u8> {
    mac_key(receiver).write(&mut datagram);
    datagram
}

struct Flow {
    a: Lines,
    b: Lines,
    open: Vec<u8>,
}

/// Room 1 has opened to room 2.
fn opened(suite: Suite) -> Flow {
    // Curves are computed for as many opens as come, and nobody is told of versions.
    let config = Config {
        suite,
        opens_burst: 1_000_000,
        versions_per_second: 0,
        ..Config::default()
    };
    let (mut a, name) = room(1, &config);
    let (b, _) = room(2, &config);
    a.open(Time::ZERO, name, secret(2).public(), &[route_to(2)], 0)
        .unwrap();
    let open = poll_one(&mut a, Time::ZERO);
    Flow { a, b, open }
}

#[test]
fn line_flipped_bits_in_an_open_are_refused() {
    let now = Time::ZERO;
    for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
        let Flow { mut b, open, .. } = opened(suite);
        for bit in 0..8 * open.len() {
            let mut bad = open.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(b.on_open(now, route_to(1), &bad).is_err(), "bit {bit}");
            if bit < 8 * (open.len() - 16) {
                let fits = with_mac(bad, 2);
                assert!(b.on_open(now, route_to(1), &fits).is_err(), "bit {bit}");
            }
        }
        assert_eq!((b.answers(), b.ids.len(), b.has_output()), (0, 0, false));
        assert_eq!(b.on_open(now, route_to(1), &open), Ok(()));
    }
}

#[test]
fn line_flipped_bits_in_an_answer_are_refused() {
    let (now, mut fx) = (Time::ZERO, effects());
    for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
        let Flow { mut a, mut b, open } = opened(suite);
        b.on_open(now, route_to(1), &open).unwrap();
        let answer = poll_one(&mut b, now);
        for bit in 0..8 * answer.len() {
            let mut bad = answer.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(a.on_answer(now, route_to(2), &bad, &mut fx).is_err());
            if bit < 8 * (answer.len() - 16) {
                let fits = with_mac(bad, 1);
                let result = a.on_answer(now, route_to(2), &fits, &mut fx);
                assert!(result.is_err(), "bit {bit}");
            }
        }
        assert!(fx.is_empty());
        // The handshake stands where it stood: the right answer still completes it.
        assert_eq!(a.on_answer(now, route_to(2), &answer, &mut fx), Ok(()));
        assert_eq!(drain(&mut fx).len(), 1);
    }
}

#[test]
fn line_flipped_bits_in_a_sealed_packet_are_refused_and_show_nothing() {
    for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
        let config = Config {
            suite,
            ..Config::default()
        };
        let (mut world, a, _) = connected(&config);
        let (now, mut fx) = (world.now, effects());
        let mut packet = seal(&mut world.sides[0].lines, a, b"nothing to see");
        let b = &mut world.sides[1].lines;
        for bit in 0..8 * packet.len() {
            let mut bad = packet.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let mut after = bad.clone();
            let result = b.unseal(now, route_to(0), &mut bad, &mut fx);
            if result.expect_err("it was changed") == Dropped::BadTag {
                let text = SEALED_PREFIX..after.len() - TAG_LEN;
                after[text].fill(0);
            }
            assert_eq!(bad, after);
        }
        for len in 0..packet.len() {
            let mut short = packet[..len].to_vec();
            assert!(b.unseal(now, route_to(0), &mut short, &mut fx).is_err());
        }
        let unsealed = b.unseal(now, route_to(0), &mut packet, &mut fx);
        assert_eq!(unsealed.unwrap().plain, b"nothing to see");
    }
}

#[test]
fn line_any_bytes_do_no_harm() {
    fn property((mut bytes, kind): (Vec<u8>, u8)) -> bool {
        let Flow { mut a, mut b, open } = opened(Suite::ChaCha20Poly1305);
        let (now, mut fx) = (Time::ZERO, effects());
        match kind % 4 {
            0 => {}
            1 => bytes.splice(0..0, *b"\x00\x04abcd").for_each(drop),
            // A right beginning and a wild end, with a MAC that fits.
            2 => {
                bytes
                    .splice(0..0, open[..60].iter().copied())
                    .for_each(drop);
                bytes.resize(600, 7);
                bytes = with_mac(bytes, 2);
            }
            _ => bytes = [&b"\x00\x09{\"line\":"[..], &bytes[..]].concat(),
        }
        for lines in [&mut a, &mut b] {
            let _any = kind_of(&bytes);
            let open = lines.on_open(now, route_to(3), &bytes);
            let answer = lines.on_answer(now, route_to(3), &bytes, &mut fx);
            assert!(open.is_err() && answer.is_err());
            let unsealed = lines.unseal(now, route_to(3), &mut bytes, &mut fx);
            assert!(unsealed.is_err());
        }
        fx.is_empty() && b.answers() == 0
    }
    let generator = quickcheck::Gen::from_size_and_seed(700, seed());
    quickcheck::QuickCheck::new()
        .rng(generator)
        .tests(400)
        .quickcheck(property as fn((Vec<u8>, u8)) -> bool);
}

fn dropped(open: &[u8]) -> Dropped {
    let config = Config {
        versions_per_second: 0,
        ..Config::default()
    };
    let (mut b, _) = room(2, &config);
    let result = b.on_open(Time::ZERO, route_to(1), open);
    assert!(!b.has_output() && b.is_empty() && b.answers() == 0);
    result.expect_err("it is bad")
}

/// An open with this head in place of its own, and long enough.
fn with_head(open: &[u8], head: &str) -> Vec<u8> {
    let body = Packet::decode(open).unwrap().body;
    let mut out = Vec::new();
    let head = Head::of(head.as_bytes());
    Packet { head, body }.encode(&mut out).unwrap();
    out.resize(out.len().max(600), 0);
    with_mac(out, 2)
}

#[test]
fn line_bad_opens_are_dropped_each_under_its_reason() {
    let Flow { open, .. } = opened(Suite::Aes256Gcm);
    let head = |head| dropped(&with_head(&open, head));
    assert_eq!(
        head(r#"{"open":2,"suite":"aes256gcm","line":5}"#),
        Dropped::UnknownVersion
    );
    assert_eq!(
        head(r#"{"open":9,"new":[1,2],"suite":7}"#),
        Dropped::UnknownVersion
    );
    assert_eq!(
        head(r#"{"open":1,"suite":"aes256gcm","line":5}"#),
        Dropped::BadTag
    );
    assert_eq!(
        head(r#"{"open":1,"suite":"rot13","line":5}"#),
        Dropped::Malformed
    );
    assert_eq!(
        head(r#"{"open":1,"suite":"aes256gcm","line":-5}"#),
        Dropped::Malformed
    );
    assert_eq!(
        head(r#"{"open":1,"suite":"aes256gcm","line":4294967296}"#),
        Dropped::Malformed
    );
    assert_eq!(
        head(r#"{"open":1,"suite":"aes256gcm","line":5,"line":5}"#),
        Dropped::Malformed
    );
    assert_eq!(
        head(r#"{"open":1,"suite":"aes256gcm"}"#),
        Dropped::Malformed
    );
    assert_eq!(head(r#"[1,"aes256gcm",5]"#), Dropped::Malformed);
    let long = [
        r#"{"open":1,"suite":"aes256gcm","line":5,"pad":""#,
        &"x".repeat(99),
        "\"}",
    ]
    .concat();
    assert_eq!(head(&long), Dropped::Malformed);
    assert_eq!(
        dropped(&with_mac(open[..599].to_vec(), 2)),
        Dropped::Malformed
    );
    assert_eq!(
        dropped(&with_mac([&open[..], &[0; 501]].concat(), 2)),
        Dropped::Malformed
    );
    assert_eq!(
        dropped(&with_mac([&open[..], &[0; 500]].concat(), 2)),
        Dropped::BadTag
    );
    // For somebody else: the MAC says so before any curve arithmetic.
    assert_eq!(dropped(&with_mac(open.clone(), 3)), Dropped::NotInstalled);
    let (mut nobody, name) = room(3, &Config::default());
    let refused = nobody.on_open(Time::ZERO, route_to(1), &open);
    assert_eq!(
        (refused, nobody.state(name, name)),
        (Err(Dropped::NotInstalled), PeerState::Unknown)
    );
    // An ephemeral key of small order.
    let mut weak = open;
    let at = weak.len() - Packet::decode(&weak).unwrap().body.len();
    weak[at..at + 32].fill(0);
    assert_eq!(dropped(&with_mac(weak, 2)), Dropped::WeakKey);
}

// S2.65
#[test]
fn line_open_with_another_identity_than_its_key_is_dropped() {
    assert_eq!(
        dropped(&open_as(&secret(1), secret(3).public(), 2, 1, 1)),
        Dropped::KeyMismatch
    );
    assert_eq!(
        dropped(&open_as(&secret(2), secret(2).public(), 2, 1, 1)),
        Dropped::Oneself
    );
}

#[test]
fn line_answer_that_is_not_to_our_open_is_dropped() {
    let Flow { mut a, mut b, open } = opened(Suite::Aes256Gcm);
    let (now, mut fx) = (Time::ZERO, effects());
    b.on_open(now, route_to(1), &open).unwrap();
    let answer = poll_one(&mut b, now);
    let mut result = |bytes: &[u8]| a.on_answer(now, route_to(2), bytes, &mut fx);
    assert_eq!(
        result(&with_mac(answer.clone(), 3)),
        Err(Dropped::NotInstalled)
    );
    assert_eq!(
        result(&answer[..answer.len() - 1]),
        Err(Dropped::NotInstalled)
    );
    let mut other = Vec::new();
    let body = Packet::decode(&answer).unwrap().body;
    let head = Head::of(br#"{"line":1}"#);
    Packet { head, body }.encode(&mut other).unwrap();
    assert_eq!(result(&with_mac(other, 1)), Err(Dropped::UnknownLine));
    assert_eq!(result(&with_mac(vec![0; 700], 1)), Err(Dropped::Malformed));
    // An answer by somebody else than the one who was asked.
    let clear = open::Clear::parse(&open).unwrap();
    let mut rng = Rng::new(&Seed::new([6; 32]));
    let home = Home::new(&secret(2), space(), &PureRust, &mut rng);
    let mut opened = clear.read(&home, rng).unwrap();
    let forged = Answer {
        to: opened.line ^ 1,
        mac: &mac_key(1),
        line: 4,
        boot: 0,
        end: opened.end,
        seen: route_to(1).path.remote,
        told: Told::default(),
    };
    let forged = forged.write(&mut opened.handshake).unwrap();
    assert_eq!(result(&forged), Err(Dropped::UnknownLine));
}

// S2.66
#[test]
fn line_sealed_packets_that_lead_nowhere_are_dropped() {
    let (mut world, a, b) = connected(&Config::default());
    let (now, mut fx) = (world.now, effects());
    let [one, other] = &mut world.sides;
    let packet = seal(&mut one.lines, a, b"x");
    let mut unseal = |mut bytes: Vec<u8>| {
        let result = other.lines.unseal(now, route_to(0), &mut bytes, &mut fx);
        result.map(|unsealed| unsealed.counter)
    };
    let mut unknown = packet.clone();
    unknown[2] ^= 1;
    assert_eq!(unseal(unknown), Err(Dropped::UnknownLine));
    assert_eq!(unseal(vec![0, 4, 1]), Err(Dropped::Malformed));
    let mut high = packet.clone();
    high[6] = 0xff;
    assert_eq!(unseal(high), Err(Dropped::Malformed));
    let counter = Sealed::parse(&packet).unwrap().counter;
    assert_eq!(unseal(packet.clone()), Ok(counter));
    assert_eq!(unseal(packet.clone()), Err(Dropped::Replayed));
    for _ in 0..1200 {
        assert!(unseal(seal(&mut one.lines, a, b"on")).is_ok());
    }
    assert_eq!(unseal(packet), Err(Dropped::TooOld));
    // An honest packet the other way still goes.
    let mut back = seal(&mut other.lines, b, b"y");
    assert!(
        one.lines
            .unseal(now, route_to(1), &mut back, &mut fx)
            .is_ok()
    );
    assert_eq!(other.lines.seal(b, &mut [0; 30], 1), None);
    let line = other.lines.slots.get_mut(b).unwrap();
    line.counter = crate::wire::VARINT_MAX + 1;
    assert_eq!(other.lines.seal(b, &mut [0; 64], 1), None);
}
