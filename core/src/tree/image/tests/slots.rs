//! Open slots, depths, contacts and samples.

use std::collections::BTreeSet;

use super::{super::*, hear, image, join, key, news, node, record, rng, word};

/// Tells an image of a whole tree of these keys, in which each stands below the one at half its
/// number; the image's own member is the root.
pub(super) fn grow(image: &mut Image, now: Time, keys: &[PublicKey]) {
    image.on_linked(now, 77, node(200), false);
    for (at, told) in keys.iter().enumerate() {
        let parent = match at.checked_sub(1).map(|at| at / 2) {
            None => image.me.key,
            Some(parent) => keys[parent],
        };
        let said = record(told, &word(1, Some(parent), at as u32 + 0x0a00_0000));
        hear(image, now, 77, &news(&[&said])).unwrap();
    }
}

/// Keys that nobody has the secrets of: half of all numbers are points of the curve.
pub(super) fn points(count: usize, seed: u64) -> Vec<PublicKey> {
    let mut rng = rng(seed);
    let mut points = Vec::new();
    while points.len() < count {
        points.extend(PublicKey::from_bytes(&rng.bytes()));
    }
    points
}

#[test]
fn image_slots_are_the_shallowest_and_cost_few_surveys() {
    let config = Config::default();
    let keys = points(2000, 1);
    let mut root = image(0, config);
    grow(&mut root, Time::ZERO, &keys);
    let depth = |node: &Node| {
        let at = keys.iter().position(|key| *key == node.key).unwrap();
        (at + 1).ilog2() as u16 + 1
    };
    let mut dice = rng(5);
    let (mut named, mut last) = (BTreeSet::new(), 0);
    for ms in 0..900 {
        let now = Time::ZERO.plus_ms(ms);
        let slot = root.slot(now, dice.u64(), 40).unwrap();
        assert!(named.insert(slot), "named twice within a second");
        assert!(
            depth(&slot) >= last && depth(&slot) <= 12,
            "a shallower one was left over"
        );
        last = depth(&slot);
    }
    let most = 1000 / u64::from(config.survey_ms) + 1;
    assert!(
        root.stats().surveys <= most,
        "{} surveys",
        root.stats().surveys
    );
    // After a second the shallow ones are named again, and none that is too deep.
    let later = Time::ZERO.plus_ms(u64::from(config.named_ms) + 1000);
    let again = root.slot(later, 0, 40).unwrap();
    assert!(named.contains(&again) && depth(&again) == 10);
    assert_eq!(root.slot(later, 0, 10), None);
}

#[test]
fn image_slots_are_not_of_leaves_of_the_full_or_of_those_in_a_loop() {
    let now = Time::ZERO;
    let mut root = image(0, Config::default());
    root.on_linked(now, 77, node(2), false);
    let mut leaf = word(1, Some(key(0)), 1);
    leaf.leaf = true;
    let told = [
        record(&key(1), &leaf),
        record(&key(2), &word(1, Some(key(0)), 2)),
        record(&key(3), &word(1, Some(key(4)), 3)),
        record(&key(4), &word(1, Some(key(3)), 4)),
    ];
    let told: Vec<&[u8]> = told.iter().map(Vec::as_slice).collect();
    hear(&mut root, now, 77, &news(&told)).unwrap();
    assert_eq!(root.slot(now, 9, 10), Some(node(2)));
    let later = now.plus_ms(300);
    assert_eq!(
        root.slot(later, 9, 10),
        None,
        "one is a leaf, two are a loop, one was named"
    );
    let depths = [1, 2, 3, 4].map(|at| root.find(&key(at)).unwrap().depth);
    assert_eq!(depths, [Some(1), Some(1), None, None]);
    // Who hangs below nobody is forgotten, and known beside the image.
    let gone_ms = u64::from(root.config.gone_ms);
    for ms in (0..gone_ms + 2000).step_by(100) {
        let at = later.plus_ms(ms);
        if root.deadline().is_some_and(|due| due <= at) {
            root.on_deadline(at);
        }
    }
    assert_eq!(root.find(&key(3)), None);
    assert_eq!(root.stats().forgotten, 2);
    assert!(!root.addresses(&key(3)).is_empty());
}

#[test]
fn image_contacts_are_all_others_evenly() {
    let mut root = image(0, Config::default());
    assert_eq!(root.contact(3), None);
    let keys = points(20, 9);
    grow(&mut root, Time::ZERO, &keys);
    let mut dice = rng(1);
    let mut counts = std::collections::BTreeMap::new();
    for _ in 0..4000 {
        *counts
            .entry(root.contact(dice.u64()).unwrap().key)
            .or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 20);
    assert!(
        counts.values().all(|count| (80..500).contains(count)),
        "{counts:?}"
    );
    // One who is known from elsewhere only is named now and then.
    root.learn(node(30), &["10.1.2.3:4".parse().unwrap()]);
    assert_eq!(root.contact(8), Some(node(30)));
    assert_eq!(root.addresses(&key(30)).len(), 1);
    for at in 0..200 {
        root.learn(node(at), &[]);
    }
    assert_eq!(root.known.len(), root.config.sample as usize);
}

#[test]
fn image_becomes_a_sample_and_whole_again() {
    let config = Config {
        members_max: 40,
        sample: 8,
        gossip_ms: 500,
        ..Config::default()
    };
    let now = Time::ZERO;
    let (mut a, mut b) = (image(0, config), image(1, config));
    grow(&mut a, now, &points(25, 3));
    a.on_unlinked(77);
    join(now, &mut a, &mut b, 1);
    assert_eq!((a.len(), b.len()), (27, 27));
    for image in [&mut a, &mut b] {
        image.set_size(now, 41);
        assert!(!image.is_whole());
        // Me, the neighbour, and the sample.
        assert_eq!(image.len(), 10);
    }
    assert_eq!(a.slot(now, 0, 40), None);
    let seen = |image: &Image| {
        image
            .members()
            .map(|it| it.node.key)
            .collect::<BTreeSet<_>>()
    };
    let mut of_b = seen(&b);
    for round in 1..40 {
        let at = now.plus_ms(round * 500);
        for image in [&mut a, &mut b] {
            image.on_deadline(at);
        }
        super::exchange(at, &mut a, &mut b, 1);
        of_b.extend(seen(&b));
        assert!(b.len() <= 11, "{}", b.len());
    }
    assert!(of_b.len() > 12, "gossip brings others: {}", of_b.len());
    let later = now.plus_ms(30_000);
    for image in [&mut a, &mut b] {
        image.set_size(later, 31);
        assert!(!image.is_whole(), "at the limit it does not switch back");
        image.set_size(later, 29);
        assert!(image.is_whole());
    }
    super::exchange(later, &mut a, &mut b, 1);
    assert!(b.find(&a.me.key).is_some() && a.find(&b.me.key).is_some());
    // A third who always had all of them gives both the whole again.
    let keys = points(25, 3);
    let mut c = image(2, config);
    c.set_own(later, Some(a.me.key), &[], false);
    c.on_linked(later, 77, node(200), false);
    let own = record(&a.me.key, &word(2, None, 1));
    hear(&mut c, later, 77, &news(&[&own])).unwrap();
    for (at, told) in keys.iter().enumerate() {
        let parent = at.checked_sub(1).map_or(a.me.key, |at| keys[at / 2]);
        let said = record(told, &word(1, Some(parent), at as u32 + 0x0a00_0000));
        hear(&mut c, later, 77, &news(&[&said])).unwrap();
    }
    c.on_unlinked(77);
    join(later, &mut a, &mut c, 2);
    super::exchange(later, &mut a, &mut b, 1);
    assert!(keys.iter().all(|key| b.find(key).is_some()));
}
