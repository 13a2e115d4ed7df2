//! The tape, tested alone.
#![allow(
    clippy::needless_pass_by_value,
    reason = "quickcheck hands its values over"
)]

use alloc::{string::String, vec::Vec};

use super::{Config, End, Player, Reader, Recorded, Unread};
use crate::{
    base::{Seed, Time, Wall},
    switch::{self, Ecn, Interface, Meta, Path, PureRust, SentError, SocketId, Transmit},
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
    let awkward = "\"\\\n\u{0}\u{7f}\u{e4}\u{1f980}";
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
