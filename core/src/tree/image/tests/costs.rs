//! What few bytes of a stranger make an image do and hold.

use std::println;

use super::{
    super::*,
    drain, hear, image, key, news, node, record,
    slots::{grow, points},
    word,
};

/// A hello of somebody who knows nobody.
const HELLO: [u8; 16] = [0, 1, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// A digest of a single part in which something is different.
const DIGEST: [u8; 8] = [0, 1, 0x12, 0, 0, 0, 0, 9];

/// An image of so many, and a stranger on link 9, for which it is the backup.
fn watched(members: usize) -> Image {
    let mut it = image(0, Config::default());
    grow(&mut it, Time::ZERO, &points(members - 1, 6));
    it.on_linked(Time::ZERO, 9, node(9), true);
    drain(&mut it, Time::ZERO, 9);
    it
}

/// A list of all keys, with so many members of whom nobody has heard.
fn list(count: u32, round: u16) -> Vec<u8> {
    let mut list = Vec::from([0, 1, 0x13]);
    list.extend([0; 6]);
    list.extend([0xff; 6]);
    for at in 0..count {
        list.extend((at + 1).to_be_bytes());
        list.extend(round.to_be_bytes());
        list.extend(7_u32.to_be_bytes());
    }
    list
}

fn hashes(image: &Image) -> u64 {
    image.store.hashes.get()
}

#[test]
fn image_lists_of_the_unknown_are_asked_for_within_a_limit() {
    let mut it = watched(10);
    let before = it.held_bytes();
    for round in 0..200 {
        hear(&mut it, Time::ZERO, 9, &list(1_800, round)).unwrap();
    }
    let held = it.held_bytes() - before;
    println!("200 lists of 18 KB: {held} bytes held");
    let place = it.place_of(9).unwrap();
    let wants = it.link(place).wants.len();
    assert_eq!(wants, it.config.members_max as usize);
    assert!(held <= 2 * 8 * wants as u64, "{held}");
}

#[test]
fn image_a_list_that_is_said_again_is_asked_for_once() {
    let mut it = watched(10);
    let before = it.held_bytes();
    for _ in 0..500 {
        hear(&mut it, Time::ZERO, 9, &list(1_800, 0)).unwrap();
    }
    let held = it.held_bytes() - before;
    println!("500 times one list of 18 KB: {held} bytes held");
    assert!(held <= 2 * 8 * 1_800, "{held}");
    let asked: Vec<Vec<u8>> = drain(&mut it, Time::ZERO, 9);
    let asked: usize = asked.iter().filter(|it| it[2] == 0x14).map(Vec::len).sum();
    // In packets of 4,096 bytes.
    assert_eq!(asked, 1_800 * 6 + 3 * 3);
}

#[test]
fn image_few_bytes_cost_no_hash_of_every_member() {
    for members in [100, 1_000, 8_000] {
        let mut it = watched(members);
        for (what, packet) in [
            ("hello", &HELLO[..]),
            ("digest", &DIGEST),
            ("list", &list(0, 0)),
        ] {
            let before = hashes(&it);
            hear(&mut it, Time::ZERO, 9, packet).unwrap();
            let each = hashes(&it) - before;
            println!(
                "{what} of {} bytes, {members} members: {each} hashes",
                packet.len()
            );
            assert_eq!(each, 0, "{what}");
        }
        let before = hashes(&it);
        let place = it.place_of(9).unwrap();
        it.link(place).hello = Some(Hello::Ask);
        let mut packet = Vec::new();
        assert!(it.poll(Time::ZERO, 9, 4096, &mut packet));
        assert_eq!((packet[2], hashes(&it) - before), (0x11, 0));
    }
}

/// Says one packet for a second, a thousand times, and takes what is answered; tells hashes and
/// bytes.
fn insist(members: usize, packet: &[u8]) -> (u64, usize) {
    let config = Config {
        members_max: members as u32,
        ..Config::default()
    };
    let mut it = image(0, config);
    grow(&mut it, Time::ZERO, &points(members - 1, 6));
    it.on_linked(Time::ZERO, 9, node(9), false);
    drain(&mut it, Time::ZERO, 9);
    let (before, mut bytes) = (hashes(&it), 0);
    for round in 0..1_000 {
        let now = Time::ZERO.plus_ms(round);
        hear(&mut it, now, 9, packet).unwrap();
        bytes += drain(&mut it, now, 9).iter().map(Vec::len).sum::<usize>();
    }
    (hashes(&it) - before, bytes)
}

#[test]
fn image_who_insists_is_answered_within_a_limit() {
    let members = 2_000;
    // All at once for two images, and what a second is good for.
    let most = 2 * members as u64 + 64 + 2_000;
    for (what, packet, each) in [
        ("hello", &HELLO[..], 17),
        ("digest", &DIGEST, 12),
        ("list", &list(0, 0), 60),
    ] {
        let (hashes, bytes) = insist(members, packet);
        println!("1,000 times {what}: {hashes} hashes, {bytes} bytes back");
        assert!(hashes <= most, "{what}: {hashes}");
        assert!(bytes as u64 <= most * each, "{what}: {bytes}");
    }
}

#[test]
fn image_is_not_measured_for_every_word_of_a_stranger() {
    let mut it = watched(500);
    let before = it.stats().surveys;
    for version in 1..1_000 {
        let now = Time::ZERO.plus_ms(u64::from(version));
        let told = record(&key(5), &word(version, None, 1));
        hear(&mut it, now, 9, &news(&[&told])).unwrap();
        hear(&mut it, now, 9, &[0, 1, 0x14]).unwrap();
    }
    let surveys = it.stats().surveys - before;
    println!("1,000 changes and empty wants in a second: {surveys} surveys");
    assert!(surveys <= 64 + 4, "{surveys}");
}
