//! What it costs.

use std::vec;

use super::{bench::*, *};
use crate::tree::cast::origins::Origin;

#[test]
fn cast_that_has_seen_nothing_takes_little() {
    let cast = member(1, &Config::default());
    let bytes = size_of::<Cast>() as u64 + cast.held_bytes();
    figure("bytes of a member at rest", bytes);
    assert!(bytes <= 512, "{bytes}");
}

#[test]
fn cast_remembers_an_origin_in_a_hundred_bytes() {
    let mut ada = member(1, &Config::default());
    link_to(&mut ada, ms(0), 2, 2);
    let before = ada.held_bytes();
    let most = Config::default().origins_max;
    for number in 0..u64::from(most) {
        let mut bytes = [7; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        let key = loop {
            match PublicKey::from_bytes(&bytes) {
                Ok(key) => break key,
                Err(_) => bytes[31] = bytes[31].wrapping_add(1),
            }
        };
        ada.remember(Origin::new(key, Position::new(1, 1, 0), true));
    }
    let each = (ada.held_bytes() - before) / u64::from(most);
    figure("bytes of an origin", each);
    assert!(each <= 100, "{each}");
    assert_eq!(ada.stats().forgotten, 0);
}

#[test]
fn cast_in_a_tree_that_does_not_change_sends_nothing_twice() {
    let config = Config::default();
    let mut members: Vec<Cast> = (1..=15).map(|it| member(it, &config)).collect();
    let pairs: Vec<(usize, usize)> = (1..15).map(|child| ((child - 1) / 2, child)).collect();
    let both = |members: &mut Vec<Cast>, (parent, child): (usize, usize), now: Time| {
        let (left, right) = members.split_at_mut(child);
        pump(now, &mut left[parent], &mut right[0])
    };
    for (parent, child) in pairs.clone() {
        let (left, right) = members.split_at_mut(child);
        join(ms(0), &mut left[parent], &mut right[0]);
        both(&mut members, (parent, child), ms(0));
    }
    let mut packets = 0;
    for round in 0..20 {
        let now = ms(10 * round);
        let bytes = vec![1; if round == 7 { 3 * CHUNK } else { 100 }];
        say(&mut members[(round * 7 % 15) as usize], now, &bytes).unwrap();
        loop {
            let carried: usize = pairs.iter().map(|it| both(&mut members, *it, now)).sum();
            packets += carried;
            if carried == 0 {
                break;
            }
        }
    }
    figure("packets of 20 messages to 14 others", packets);
    assert_eq!(packets, 22 * 14, "one copy for each other member");
    for (at, cast) in members.iter_mut().enumerate() {
        let own = (0..20).filter(|round| round * 7 % 15 == at).count() as u64;
        let stats = *cast.stats();
        assert_eq!(stats.verified, 20 - own, "checked once");
        assert_eq!((stats.duplicates, stats.skipped), (0, 0));
        assert_eq!(read_all(cast).len() as u64, 20 - own);
        assert_eq!(cast.stats().delivered, 20 - own);
    }
}

#[test]
fn cast_passes_a_message_on_without_a_copy_for_each_link() {
    let mut ada = member(1, &Config::default());
    for link in 2..8 {
        link_to(&mut ada, ms(0), link, link as u8);
    }
    let before = ada.held_bytes();
    give(&mut ada, ms(0), 2, &message(9, 1, 7, &[1; 10_000])[0]).unwrap();
    let took = ada.held_bytes() - before;
    figure("bytes for a message of 10,000 to 5 links", took);
    assert!(took < 10_700, "{took}");
    for link in 3..8 {
        assert!(!poll(&mut ada, ms(0), link).is_empty());
    }
    assert_eq!(ada.held_bytes() - before, took);
}
