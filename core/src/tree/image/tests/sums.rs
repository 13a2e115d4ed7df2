//! The sums that are kept are those that would be counted.

use std::vec;

use super::{super::*, hear, image, key, news, node, record, rng, seal, word};

/// Asserts what greetings and digests say against a count of all entries.
pub(super) fn assert_summed(image: &Image) {
    let (mut whole, mut living, mut scratch) = (0, 0, Vec::new());
    let mut parts: Vec<Vec<u32>> = (0..=BITS_MOST).map(|bits| vec![0; 1 << bits]).collect();
    for entry in image.store.iter().filter(|entry| !entry.is(flag::GONE)) {
        let check = image.store.check(entry, &mut scratch);
        whole ^= check;
        living += 1;
        let first = usize::from(entry.key.as_bytes()[0]);
        for (bits, parts) in parts.iter_mut().enumerate() {
            parts[first >> (8 - bits)] ^= check as u32;
        }
    }
    let sums = image.store.sums();
    assert_eq!((image.store.living(), sums.whole()), (living, whole));
    for (bits, parts) in (0..).zip(parts) {
        assert_eq!(sums.parts(bits).collect::<Vec<_>>(), parts, "{bits} bits");
    }
}

/// Something that a neighbour may say of a member, true or not.
fn anything(rng: &mut Rng) -> Vec<u8> {
    let key = key(1 + rng.below(40) as usize);
    let parent = super::key(rng.below(40) as usize);
    let mut said = word(rng.below(6) as u32, Some(parent), rng.below(9) as u32 + 7);
    said.epoch += rng.below(2);
    said.leaf = rng.below(2) == 0;
    if rng.below(4) == 0 {
        said.places = word::Places::of(&["[2001:db8::7]:7".parse().unwrap()]);
    }
    let mut out = Vec::new();
    match rng.below(6) {
        0 => {
            let oath = seal(&key, "member", &record::oath_bytes(&key, &said));
            record::write_entry(key.as_bytes(), &said, Some(&oath), &mut out);
        }
        1 => {
            // Another key that begins like this one, which has sworn.
            let mut bytes = *key.as_bytes();
            bytes[20] ^= rng.below(8) as u8;
            let Ok(twin) = PublicKey::from_bytes(&bytes) else {
                return out;
            };
            let oath = seal(&twin, "member", &record::oath_bytes(&twin, &said));
            record::write_entry(&bytes, &said, Some(&oath), &mut out);
        }
        2 => record::write_change(prefix(&key), &said, &mut out),
        3 => record::write_gone(prefix(&key), said.epoch as u16, said.version, &mut out),
        4 => {
            let version = rng.below(5) as u32;
            let over = record::name_bytes(&key, said.epoch, version, b"ada");
            let signature = seal(&key, "name", &over);
            let told = (version, "ada", &signature);
            record::write_name(prefix(&key), said.epoch, told, &mut out);
        }
        _ => out = record(&key, &said),
    }
    out
}

/// Something else that changes an image.
fn something(it: &mut Image, now: Time, rng: &mut Rng) {
    let me = it.me.key;
    let sign = |kind: &str, bytes: &[u8]| seal(&me, kind, bytes);
    match rng.below(8) {
        0 => it.set_own(now, Some(key(rng.below(40) as usize)), &[], false),
        1 => it
            .set_name(now, ["", "bob", "eve"][rng.below(3) as usize], &sign)
            .unwrap(),
        2 => it.on_gone(now, node(1 + rng.below(40) as usize)),
        // A sample is kept for a while.
        3 => it.set_size(now, if rng.below(4) == 0 { 1_000 } else { 10 }),
        4 => {
            let _slot = it.slot(now, rng.u64(), 40);
        }
        _ => {
            it.on_deadline(now);
            it.swear(now, &sign);
        }
    }
    let _packets = super::drain(it, now, 9);
}

#[test]
fn image_sums_that_are_kept_are_those_that_are_counted() {
    let config = Config {
        members_max: 36,
        sample: 12,
        departed_ms: 9_000,
        records_per_s: 200,
        ..Config::default()
    };
    let mut taken = 0;
    for seed in 0..12 {
        let (mut it, mut rng) = (image(0, config), rng(seed));
        let mut now = Time::ZERO;
        it.on_linked(now, 9, node(9), false);
        assert_summed(&it);
        for _ in 0..2_000 {
            if rng.below(3) == 0 {
                something(&mut it, now, &mut rng);
            } else {
                let _fault = hear(&mut it, now, 9, &news(&[&anything(&mut rng)]));
            }
            assert_summed(&it);
            now = now.plus_ms(rng.below(100));
        }
        taken += it.stats().taken;
    }
    assert!(taken > 2_000, "{taken}");
}

#[test]
fn image_what_is_added_to_wants_is_there_once_and_in_order() {
    let mut rng = rng(8);
    for _ in 0..500 {
        let some =
            |rng: &mut Rng| -> Vec<u64> { (0..rng.below(30)).map(|_| rng.below(40)).collect() };
        let mut wanted: Vec<u64> = Vec::new();
        let mut there = Vec::new();
        let most = rng.below(40) as usize;
        for _ in 0..3 {
            let more = some(&mut rng);
            compare::add_new(&mut there, &more, most);
            for who in more {
                if wanted.len() < most && !wanted.contains(&who) {
                    wanted.push(who);
                }
            }
            assert_eq!(there, wanted);
        }
    }
}
