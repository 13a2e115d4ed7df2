//! What an image holds, counted.

use std::println;

use super::{
    super::*,
    hear, image, news, record,
    slots::{grow, points},
    word,
};

fn measured(members: usize) -> u64 {
    let mut root = image(0, Config::default());
    let keys = points(members - 1, 2);
    grow(&mut root, Time::ZERO, &keys);
    let _slot = root.slot(Time::ZERO, 0, 100);
    assert_eq!(root.len(), members);
    root.held_bytes()
}

#[test]
fn image_holds_at_most_80_bytes_a_member() {
    assert_eq!(size_of::<Entry>(), 68);
    for members in [2_000, 10_000] {
        let held = measured(members);
        let each = held / members as u64;
        println!(
            "{members} members: {held} bytes, {each} a member and {} over",
            held % members as u64
        );
        assert!(
            held <= 80 * members as u64,
            "{held} bytes for {members} members"
        );
        // No less than what is surely there.
        assert!(each >= 68 + 4);
    }
}

#[test]
fn image_counts_what_stands_beside_and_gives_memory_back() {
    let mut root = image(0, Config::default());
    let keys = points(500, 2);
    grow(&mut root, Time::ZERO, &keys);
    let before = root.held_bytes();
    let mut told = word(2, Some(root.me.key), 1);
    let six = ["[2001:db8::1]:4", "[2001:db8::2]:4"].map(|text| text.parse().unwrap());
    told.places = word::Places::of(&six);
    for key in &keys {
        hear(&mut root, Time::ZERO, 77, &news(&[&record(key, &told)])).unwrap();
    }
    let beside = root.held_bytes() - before;
    println!("{} bytes for two addresses of IPv6", beside / 500);
    assert!(beside >= 500 * (36 + 8));
    for key in &keys {
        root.on_gone(
            Time::ZERO,
            Node {
                key: *key,
                epoch: u64::MAX,
            },
        );
    }
    let later = Time::ZERO.plus_ms(70_000);
    for ms in (0..70_000).step_by(1000) {
        root.on_deadline(Time::ZERO.plus_ms(ms));
    }
    root.on_deadline(later);
    root.on_unlinked(77);
    assert_eq!(root.len(), 1);
    assert!(
        root.held_bytes() < before / 2,
        "{} of {before}",
        root.held_bytes()
    );
    let mut table: Vec<u8> = Vec::new();
    for _ in 0..1000 {
        beside::reserve(&mut table);
        table.push(0);
    }
    assert!(table.capacity() < 1040);
    table.truncate(100);
    beside::fit(&mut table);
    assert!(table.capacity() < 120);
}
