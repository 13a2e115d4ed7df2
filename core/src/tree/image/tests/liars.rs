//! What a liar can do, and what it cannot.

use super::{
    super::*, exchange, hear, image, join, key, news, node, record, rng, slots::points, word,
};

/// Runs an image until a time.
fn wait(image: &mut Image, from: Time, ms: u64) -> Time {
    let until = from.plus_ms(ms);
    while let Some(at) = image.deadline().filter(|at| *at <= until) {
        image.on_deadline(at.max(from));
    }
    until
}

/// An observer with a link 9 on which a liar speaks, and its honest neighbour on link 1.
fn observed(config: Config) -> (Image, Image) {
    let (mut observer, mut honest) = (image(0, config), image(1, config));
    join(Time::ZERO, &mut observer, &mut honest, 1);
    observer.on_linked(Time::ZERO, 9, node(9), false);
    (observer, honest)
}

fn gone(of: &Image, version: u32) -> Vec<u8> {
    let mut out = Vec::new();
    record::write_gone(prefix(&of.me.key), of.me.epoch as u16, version, &mut out);
    out
}

#[test]
fn image_who_is_said_to_be_gone_speaks_again_and_not_too_often() {
    let config = Config::default();
    let (mut observer, mut honest) = observed(config);
    let me = honest.me.key;
    let mut now = Time::ZERO;
    let first = observer.find(&me).unwrap().version;
    // It says so with versions that were never spoken, a hundred times in a second.
    for at in 0..100 {
        hear(
            &mut observer,
            now,
            9,
            &news(&[&gone(&honest, u32::MAX - at)]),
        )
        .unwrap();
        exchange(now, &mut observer, &mut honest, 1);
        now = now.plus_ms(10);
        wait(&mut honest, now, 0);
        exchange(now, &mut observer, &mut honest, 1);
    }
    now = wait(&mut honest, now, u64::from(config.refute_ms));
    exchange(now, &mut observer, &mut honest, 1);
    let last = observer.find(&me).unwrap().version;
    assert!(last > first && last <= first + 3, "{first} {last}");
    assert!(honest.stats().mourned >= 2);
    // What is said of those who are not known changes nothing and goes no further.
    let nobody = image(50, config);
    hear(&mut observer, now, 9, &news(&[&gone(&nobody, 1)])).unwrap();
    assert_eq!((observer.len(), observer.has_output(1)), (2, false));
    assert_eq!(observer.stats().unknown, 1);
}

#[test]
fn image_the_last_version_there_is_does_not_silence_its_member() {
    let config = Config::default();
    let (mut observer, mut honest) = observed(config);
    let me = honest.me.key;
    let mut lie = word(u32::MAX, Some(key(9)), 66);
    for (round, epoch) in [honest.me.epoch, honest.me.epoch + 7]
        .into_iter()
        .enumerate()
    {
        let now = Time::ZERO.plus_ms(2000 * (1 + round as u64));
        lie.epoch = epoch;
        hear(&mut observer, now, 9, &news(&[&record(&me, &lie)])).unwrap();
        exchange(now, &mut observer, &mut honest, 1);
        let now = wait(&mut honest, now, 1500);
        let sign = |kind: &str, bytes: &[u8]| super::seal(&me, kind, bytes);
        honest.swear(now, &sign);
        exchange(now, &mut observer, &mut honest, 1);
        let seen = observer.find(&me).unwrap();
        assert_eq!((seen.parent, seen.node), (Some(observer.me.key), honest.me));
        assert!(seen.version < 10);
    }
    // Sworn once, it is believed with its oath only; and it can go on speaking.
    assert_eq!((honest.stats().lies, observer.stats().unsworn), (1, 1));
    let now = Time::ZERO.plus_ms(9000);
    honest.set_own(
        now,
        Some(observer.me.key),
        &["10.7.7.7:77".parse().unwrap()],
        true,
    );
    let now = wait(&mut honest, now, 200);
    let sign = |kind: &str, bytes: &[u8]| super::seal(&me, kind, bytes);
    assert!(honest.owes_oath());
    honest.swear(now, &sign);
    exchange(now, &mut observer, &mut honest, 1);
    assert!(
        observer
            .find(&me)
            .is_some_and(|it| it.leaf && it.addresses.len() == 1)
    );
    // An oath that is not its own.
    let mut forged = Vec::new();
    let mut later = honest.own_word();
    later.version += 1;
    record::write_entry(
        me.as_bytes(),
        &later,
        Some(&Signature([7; 64])),
        &mut forged,
    );
    assert_eq!(
        hear(&mut observer, now, 9, &news(&[&forged])),
        Err(Fault::Forged)
    );
    assert_eq!(observer.stats().forged, 1);
}

#[test]
fn image_a_flood_of_inventions_pushes_nobody_out() {
    let config = Config {
        members_max: 200,
        records_per_s: 10,
        ..Config::default()
    };
    let (mut observer, mut honest) = observed(config);
    let invented = points(600, 4);
    for (at, key) in invented.iter().enumerate() {
        let told = record(key, &word(1, Some(honest.me.key), at as u32));
        hear(&mut observer, Time::ZERO, 9, &news(&[&told])).unwrap();
    }
    assert_eq!(observer.len(), 200);
    assert!(observer.find(&honest.me.key).is_some());
    let stats = *observer.stats();
    assert_eq!(stats.taken + stats.full + stats.flooded, 601);
    assert_eq!(stats.flooded, 600 - 2 * 200 - 64);
    // Its honest neighbour knows its children, and says so; then there is room again.
    exchange(Time::ZERO, &mut observer, &mut honest, 1);
    let gone_ms = u64::from(config.gone_ms) + 2000;
    let now = wait(&mut honest, Time::ZERO, gone_ms);
    exchange(now, &mut observer, &mut honest, 1);
    assert_eq!((observer.len(), honest.len()), (2, 2));
    assert!(honest.stats().disowned > 100);
    // Those who are gone are remembered for a while, and then not.
    let held = observer.held_bytes();
    let departed_ms = u64::from(config.departed_ms) + 2000;
    wait(&mut observer, now, departed_ms);
    assert!(
        observer.held_bytes() * 2 < held,
        "{held} {}",
        observer.held_bytes()
    );
    let again = now.plus_ms(5000);
    assert!(
        observer
            .links
            .iter()
            .flatten()
            .all(|it| it.amends_at.is_none_or(|at| at < again))
    );
}

#[test]
fn image_a_key_that_begins_like_another_changes_nothing() {
    let (mut observer, mut honest) = observed(Config::default());
    let mut bytes = *honest.me.key.as_bytes();
    let twin = (0..=u8::MAX).find_map(|last| {
        bytes[20] = last;
        PublicKey::from_bytes(&bytes)
            .ok()
            .filter(|key| *key != honest.me.key)
    });
    let told = record(&twin.unwrap(), &word(9, None, 5));
    hear(&mut observer, Time::ZERO, 9, &news(&[&told])).unwrap();
    assert_eq!((observer.stats().twins, observer.len()), (1, 2));
    assert_eq!(observer.find(&twin.unwrap()), None);
    // Where the twin came first, the member swears and is believed.
    let mut late = image(3, Config::default());
    late.on_linked(Time::ZERO, 9, node(9), false);
    hear(&mut late, Time::ZERO, 9, &news(&[&told])).unwrap();
    let now = Time::ZERO.plus_ms(3000);
    join(now, &mut late, &mut honest, 2);
    let now = wait(&mut honest, now, 3000);
    let me = honest.me.key;
    let sign = |kind: &str, bytes: &[u8]| super::seal(&me, kind, bytes);
    honest.swear(now, &sign);
    exchange(now, &mut late, &mut honest, 2);
    assert!(late.find(&me).is_some());
}

#[test]
fn image_packets_of_no_form_are_a_fault() {
    let (mut observer, honest) = observed(Config::default());
    let good = record(&key(5), &word(1, Some(honest.me.key), 1));
    let with = |at: usize, byte: u8| {
        let mut bad = good.clone();
        bad[at] = byte;
        bad
    };
    let zero_port = good.len() - 1;
    let mut no_port = with(zero_port, 0);
    no_port[zero_port - 1] = 0;
    let long = {
        let mut long = good.clone();
        long.splice(39..40, [0x40, 1]);
        long
    };
    let bad = [
        with(0, good[0] | 0x60),
        with(0, 7),
        with(good.len() - 7, 5),
        no_port,
        good[..good.len() - 1].to_vec(),
        long,
    ];
    for bad in &bad {
        assert_eq!(
            hear(&mut observer, Time::ZERO, 9, &news(&[bad])),
            Err(Fault::Malformed)
        );
    }
    for packet in [
        &[0, 1, 0x16][..],
        &[0, 0],
        &[0, 2, 0x10, 0],
        &[0, 1, 0x11, 4],
        &[0, 1, 0x12, 9],
        &[0, 1, 0x13, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0],
        &[0, 1, 0x14, 1],
        &[0, 1, 0x15, 0, 0, 2],
    ] {
        assert_eq!(
            hear(&mut observer, Time::ZERO, 9, packet),
            Err(Fault::Malformed)
        );
    }
    assert_eq!(observer.stats().malformed, 14);
    assert_eq!(hear(&mut observer, Time::ZERO, 9, &news(&[&good])), Ok(()));
    // On a link that is not there nothing is heard.
    assert_eq!(hear(&mut observer, Time::ZERO, 8, &[0, 1, 0x16]), Ok(()));
}

#[test]
fn image_changes_that_come_together_are_one_word() {
    let config = Config {
        own_delay_ms: 40,
        ..Config::default()
    };
    let (mut observer, mut honest) = observed(config);
    let before = observer.find(&honest.me.key).unwrap().version;
    let parent = Some(observer.me.key);
    for port in 1..9 {
        honest.set_own(Time::ZERO, parent, &[([10, 0, 0, 1], port).into()], false);
    }
    wait(&mut honest, Time::ZERO, 39);
    assert!(!honest.has_output(1));
    let now = wait(&mut honest, Time::ZERO, 40);
    exchange(now, &mut observer, &mut honest, 1);
    let after = observer.find(&honest.me.key).unwrap();
    assert_eq!((after.version, after.addresses[0].port()), (before + 1, 8));
}

#[test]
fn image_any_bytes_are_borne() {
    let (mut observer, _) = observed(Config::default());
    let mut rng = rng(3);
    for round in 0..20_000 {
        let len = rng.below(80) as usize;
        let mut bytes = std::vec![0; len];
        rng.fill(&mut bytes);
        let head = 0x10 + (round % 6) as u8;
        if let Some(first) = bytes.first_mut().filter(|_| round % 2 == 0) {
            *first &= 0x7f;
        }
        let packet = [&[0, 1, head][..], &bytes].concat();
        let _fault = hear(&mut observer, Time::ZERO.plus_ms(round), 9, &packet);
        super::drain(&mut observer, Time::ZERO.plus_ms(round), 9);
    }
    assert!(observer.len() < 100);
}

#[test]
fn image_a_neighbour_that_takes_nothing_costs_little() {
    let (mut observer, honest) = observed(Config::default());
    let mut told = word(1, Some(honest.me.key), 1);
    for version in 1..5000 {
        told.version = version;
        hear(
            &mut observer,
            Time::ZERO.plus_ms(u64::from(version)),
            1,
            &news(&[&record(&key(5), &told)]),
        )
        .unwrap();
        let (me, count) = (key(5), observer.len());
        assert!(count == 3 && observer.find(&me).is_some());
    }
    let queued = observer
        .links
        .iter()
        .flatten()
        .map(|link| link.queued())
        .max();
    assert!(queued < Some(80), "{queued:?}");
    for link in 10..40 {
        observer.on_linked(Time::ZERO, link, node(9), false);
    }
    assert_eq!(observer.stats().links_refused, 30 - (LINKS_MOST as u64 - 2));
}
