//! The tape, tested alone.
#![allow(
    clippy::needless_pass_by_value,
    reason = "quickcheck hands its values over"
)]

use alloc::{string::String, vec::Vec};

use super::{
    Config, End, Player, Reader, Recorded, Unread, contracts::Broken, loose::Watch, of_text,
    recorder::Body,
};
use crate::{
    base::{Seed, Time, Wall},
    identity::{SecretKey, Space},
    switch::{self, Ecn, Interface, Meta, Need, Path, PureRust, SentError, SocketId, Transmit},
};

fn recorded(tape: Config) -> Recorded {
    let config = switch::Config::default();
    Recorded::new(config, &Seed::new([7; 32]), &PureRust, Some(tape)).unwrap()
}

#[test]
fn tape_digest_only_keeps_nothing_and_gives_the_same_digest() {
    let mut kept = recorded(Config::default());
    let mut other = recorded(Config {
        redacted: false,
        digest_only: true,
        ..Config::default()
    });
    assert_eq!(kept.digest(), other.digest());
    let before = kept.digest();
    for it in [&mut kept, &mut other] {
        it.handle_clock(Time::from_us(5), Wall::from_ms(9));
        it.end_tape(Time::from_us(5), End::Closed);
        assert!(!it.is_recording());
    }
    assert_ne!(kept.digest(), before);
    assert_eq!(kept.digest(), other.digest());
    assert_eq!(other.tape_bytes(), 0);
    let mut bytes = Vec::new();
    kept.take_tape(&mut bytes);
    assert!(String::from_utf8_lossy(&bytes).contains(r#""call":"handle_clock","wall":9,"#));
}

#[test]
fn tape_keeps_any_text_and_any_address() {
    let mut it = recorded(Config::default());
    let now = Time::from_us(u64::MAX);
    let awkward = "\"\\\n\u{0}\u{7f}\u{9b}\u{202e}\u{e4}\u{1f980}";
    assert!(it.restore(now, awkward, b"x").is_err());
    let (one, other) = ("[fe80::1%3]:4000", "192.0.2.255:65535");
    let local = one.parse().unwrap();
    let path = Path::new(Some("2001:db8::9".parse().unwrap()), other.parse().unwrap());
    let socket = SocketId(u32::MAX);
    it.handle_network_change(now, &[Interface { socket, local }]);
    for ecn in [Ecn::Ect0, Ecn::Ect1, Ecn::Congested] {
        let (ttl, len, segment) = (Some(9), 7, 7);
        let transmit = Transmit {
            socket,
            path,
            ecn,
            ttl,
            len,
            segment,
        };
        it.handle_sent_error(now, &transmit, SentError::TooLarge);
        let (interface, stride) = (5, 0);
        let meta = Meta {
            socket,
            path,
            interface,
            ecn,
            stride,
        };
        it.handle_datagram(now, &meta, &mut [1; 70]);
    }
    it.end_tape(now, End::Full);
    let mut tape = Vec::new();
    it.take_tape(&mut tape);
    let mut player = Player::strict(&PureRust);
    player.feed(&tape);
    while let Some(step) = player.step().unwrap() {
        assert!(step.words().contains("t="));
        assert_eq!(
            of_text(&step.record.text()).unwrap()[4..],
            *step.record.packet()
        );
        if step.n() == 1 {
            assert_eq!(step.record.fields.name.as_deref(), Some(awkward));
        }
    }
    assert_eq!((player.count(), player.end()), (10, Some(End::Full)));
    player.feed(&tape);
    let stop = player.step().unwrap_err();
    assert!(
        alloc::format!("{stop}").contains("follows the end"),
        "{stop}"
    );
}

#[test]
fn tape_that_is_redacted_names_no_space_and_no_key() {
    for redacted in [false, true] {
        let mut it = recorded(Config {
            redacted,
            ..Config::default()
        });
        let key = "space.5bace1d.9ab11c";
        assert!(it.restore(Time::ZERO, key, b"x").is_err());
        it.tape.out(None, "need", |head| {
            let (key, bytes) = (String::from(key), Vec::new());
            head.need(&Need::Keep { key, bytes });
            Body::None
        });
        let mut tape = Vec::new();
        it.take_tape(&mut tape);
        let tape = String::from_utf8_lossy(&tape);
        let told = [r#""name":"space"#, "5bace1d", "9ab11c"].map(|it| tape.matches(it).count());
        assert_eq!(told, if redacted { [2, 0, 0] } else { [2, 2, 2] }, "{tape}");
    }
}

#[test]
fn tape_whose_switch_breaks_a_contract_is_noticed() {
    let mut it = recorded(Config::default());
    let (now, secret) = (Time::from_us(9), SecretKey::from_bytes(&[1; 32]));
    let space = Space::open("here").unwrap();
    let local = it.install(now, &secret, &space).unwrap();
    let (peer, to) = (SecretKey::from_bytes(&[2; 32]).public(), "192.0.2.1:9");
    let socket = SocketId(0);
    let interface = Interface {
        socket,
        local: "192.0.2.2:9".parse().unwrap(),
    };
    it.handle_network_change(now, &[interface]);
    it.connect(now, local, &peer, &[to.parse().unwrap()])
        .unwrap();
    let mut buf = [0; 2_000];
    assert!(it.poll_transmit(now, &mut buf).is_some());
    assert!(it.poll_transmit(now, &mut buf).is_none());
    let mut tape = Vec::new();
    it.take_tape(&mut tape);
    // A switch with one line, of which less is demanded than of its config, and as much.
    let config = switch::Config::default();
    let mut less = config.clone();
    less.line.lines = 0;
    for (config, told) in [(config, None), (less, Some(Broken::BeyondLimit))] {
        let mut watch = Watch::new(&config);
        let seed = Seed::new([7; 32]);
        let mut switch = Recorded::new(switch::Config::default(), &seed, &PureRust, None).unwrap();
        let mut reader = Reader::new();
        reader.feed(&tape);
        reader.record().unwrap();
        let mut broken = None;
        while let Some(record) = reader.record().unwrap() {
            assert_eq!(broken, None);
            broken = watch
                .perform(&mut switch, &record, &mut Vec::new())
                .unwrap();
        }
        assert_eq!(broken, told);
    }
}

/// A tape of a birth, and after it a record with this head.
fn forged(head: &str) -> Vec<u8> {
    let mut tape = Vec::new();
    recorded(Config::default()).take_tape(&mut tape);
    let packet = [
        &u16::try_from(head.len()).unwrap().to_be_bytes(),
        head.as_bytes(),
    ]
    .concat();
    tape.extend_from_slice(&u32::try_from(packet.len()).unwrap().to_be_bytes());
    tape.extend_from_slice(&packet);
    tape
}

#[test]
fn tape_from_anybody_steers_no_terminal() {
    let steers = |text: &str| {
        let turns = |c: char| ('\u{202a}'..='\u{202e}').contains(&c);
        text.chars().any(|c| c.is_control() || turns(c))
    };
    for said in ["\u{9b}31m\u{7f}\u{202e}", "\\u001b[2J\\n\\u009b\\u202e"] {
        let record = |kind: &str, rest: &str| {
            alloc::format!("{{\"n\":1,\"t\":5,\"{kind}\":\"{said}\"{rest}}}")
        };
        for head in [
            record("call", ""),
            record("out", ""),
            record("name", r#","call":"restore""#),
            record("remote", r#","out":"transmit","room":9"#),
            record("peer", r#","out":"event","event":"up""#),
            record("err", r#","call":"keep_now""#),
        ] {
            let tape = forged(&head);
            let mut reader = Reader::new();
            reader.feed(&tape);
            reader.record().unwrap();
            let record = reader.record().unwrap().expect("the forged one");
            assert!(!steers(&record.text()), "{}", record.text());
            assert!(!steers(&record.words()), "{}", record.words());
            let mut player = Player::strict(&PureRust);
            player.feed(&tape);
            player.step().unwrap();
            let stop = player.step().unwrap_err();
            let shown = alloc::format!("{stop}");
            assert!(!shown.lines().any(steers), "{shown}");
        }
    }
}

#[test]
fn tape_head_is_one_line() {
    let mut reader = Reader::new();
    reader.feed(&forged(
        "{\"n\":1,\"t\":5,\"call\":\"keep_now\",\"x\":\n{}\n}",
    ));
    reader.record().unwrap();
    assert_eq!(reader.record().unwrap_err().why, Unread::Lines);
}

#[test]
fn tape_with_a_call_too_long_for_a_head_ends() {
    let mut it = recorded(Config::default());
    let many = alloc::vec!["192.0.2.1:4000".parse().unwrap(); 10_000];
    let interfaces = many.iter().map(|local| Interface {
        socket: SocketId(0),
        local: *local,
    });
    it.handle_network_change(Time::ZERO, &interfaces.collect::<Vec<_>>());
    assert!(!it.is_recording());
    let mut tape = Vec::new();
    it.take_tape(&mut tape);
    let mut reader = Reader::new();
    reader.feed(&tape);
    assert!(reader.record().unwrap().unwrap().holds_secrets());
    assert_eq!(reader.record().unwrap().unwrap().end(), Some(End::Behind));
}

#[test]
fn tape_record_may_not_claim_more_than_its_bound() {
    let mut reader = Reader::new();
    reader.feed(&[1, 0, 0, 0]);
    assert!(reader.record().unwrap().is_none(), "16 MiB may still come");
    let mut reader = Reader::new();
    reader.feed(&[1, 0, 0, 1]);
    assert_eq!(reader.record().unwrap_err().why, Unread::TooLong);
}

#[test]
fn tape_reader_survives_any_bytes() {
    fn survives(bytes: Vec<u8>, length: u8) -> bool {
        let mut tape = alloc::vec![0, 0, 0, length % 64, 0, length % 48];
        tape.extend(bytes);
        let mut reader = Reader::new();
        reader.feed(&tape);
        while let Ok(Some(record)) = reader.record() {
            assert!(!record.words().is_empty() && !record.text().is_empty());
        }
        reader.left() <= tape.len()
    }
    crate::wire::property::property(80, 2_000).quickcheck(survives as fn(Vec<u8>, u8) -> bool);
}
