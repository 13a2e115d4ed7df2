//! What strangers and faulty clocks say to a room.

use super::{super::*, *};

#[test]
fn lan_nothing_that_was_recorded_is_heard_again() {
    let mut wire = Wire::new(5, 4, &Config::default());
    wire.until(20_000, |_| false);
    assert!(wire.all_know_all());
    // One leaves, one falls silent, one starts again.
    let (now, wall) = (wire.now, wire.hosts[1].wall(wire.now));
    let local = wire.hosts[1].local;
    wire.hosts[1].lan.hush(now, wall, local);
    wire.until(100, |_| false);
    wire.off.extend([1, 2]);
    wire.hosts[3] = Host::new(77, 3, &Config::default());
    wire.start(3);
    // For as long as anybody could believe it, everything that was ever said is said again.
    for _ in 0..120 {
        wire.until(1_000, |_| false);
        let now = wire.now;
        for (from, bytes) in wire.recorded.clone() {
            let victim = &mut wire.hosts[0];
            let before = (victim.neighbours(), victim.changed);
            let heard = victim.hear(now, from, &bytes);
            assert!(
                heard.is_err() || from == victim.address,
                "{heard:?} at {now:?}"
            );
            assert_eq!((victim.neighbours(), victim.changed), before);
        }
    }
    // Somebody who starts now hears nothing of it either, once it is a minute old.
    let mut late = Host::new(99, 9, &Config::default());
    late.lan
        .set_stations(wire.now, [(network(9), 40_000)].into_iter());
    for (from, bytes) in &wire.recorded {
        let _untimely = late.hear(wire.now.plus_ms(60_000), *from, bytes);
    }
    assert_eq!(late.neighbours(), 0);
}

#[test]
fn lan_forged_announcements_are_not_heard_and_cost_little() {
    let mut wire = Wire::new(6, 2, &Config::default());
    assert!(wire.until(100, Wire::all_know_all));
    let from = wire.hosts[1].address;
    let own = wire.recorded.iter().rev().find(|it| it.0 == from);
    let real = own.expect("it said something").1.clone();
    let now = wire.now;
    let before = wire.hosts[0].changed;
    for n in 0_u32..10_000 {
        let mut forged = real.clone();
        let at = 11 + n as usize % (real.len() - 11);
        forged[at] ^= 1 << (n % 8);
        // Whoever knows the space can write a tag; all others fail there already.
        let signed: [u8; 74] = forged[11..85].try_into().unwrap();
        let tag = announcement_tag(&signed);
        forged[3..11].copy_from_slice(&tag);
        let [_, a, b, c] = n.to_be_bytes();
        let source = SocketAddr::from(([10, a, b, c], 7));
        let heard = wire.hosts[0].hear(now.plus_us(u64::from(n) * 100), source, &forged);
        assert!(heard.is_err(), "{n}");
    }
    assert_eq!(wire.hosts[0].changed, before);
    assert_eq!(wire.hosts[0].neighbours(), 1);
    // In that second no more signatures were checked than one may cost us: the purse was full.
    let (checked, config) = (
        wire.hosts[0].dropped["announcement_forged"],
        Config::default(),
    );
    assert!(
        checked <= u64::from(config.checks_at_once / 2 + config.checks_per_s),
        "{checked}"
    );
    // And the others are heard as before.
    wire.until(8_000, |_| false);
    assert!(wire.all_know_all());
}

fn announcement_tag(signed: &[u8; 74]) -> [u8; 8] {
    announcement::tag(&[3; 32], signed)
}

#[test]
fn lan_clocks_that_are_off_only_cost_a_word_more() {
    for (one, other) in [
        (Some(0), Some(3_600_000)),
        (Some(-40_000_000), Some(9_000_000)),
        (None, Some(0)),
        (None, None),
    ] {
        // At one moment, and one after the other.
        for late_ms in [0, 5_000] {
            let mut wire = Wire::new(7, 2, &Config::default());
            (wire.hosts[0].ahead_ms, wire.hosts[1].ahead_ms) = (one, other);
            wire.off.push(1);
            wire.until(late_ms, |_| false);
            wire.start(1);
            assert!(wire.until(1_500, Wire::all_know_all), "{one:?} {other:?}");
            wire.until(60_000, |_| false);
            assert!(wire.all_know_all(), "{one:?} {other:?} for good");
        }
        let mut wire = Wire::new(7, 2, &Config::default());
        (wire.hosts[0].ahead_ms, wire.hosts[1].ahead_ms) = (one, other);
        assert!(wire.until(1_500, Wire::all_know_all), "{one:?} {other:?}");
        wire.until(60_000, |_| false);
        assert!(wire.all_know_all(), "{one:?} {other:?} for good");
        // A clock that is set right meanwhile is no other host.
        wire.hosts[0].ahead_ms = Some(0);
        wire.until(60_000, |_| false);
        assert!(wire.all_know_all(), "{one:?} {other:?} set");
    }
}

#[test]
fn lan_announcements_from_elsewhere_are_not_heard() {
    let mut wire = Wire::new(8, 2, &Config::default());
    wire.until(1, |_| false);
    let said = wire.recorded[0].1.clone();
    let now = wire.now;
    let host = &mut wire.hosts[1];
    let far = "192.0.2.1:9".parse().unwrap();
    assert_eq!(host.hear(now, far, &said), Err(Unheard::Network));
    let packet = Packet::decode(&said).unwrap();
    let mut fx = Effects::new(8);
    let came = Came {
        interface: 2,
        from: "10.0.0.9:9".parse().unwrap(),
    };
    let keys = (PublicKey::from_bytes as Keys, &verify as Verify<'_>);
    let at = (now, None);
    let heard = host.lan.on_packet(at, came, packet.body, keys, &mut fx);
    assert_eq!(heard, Err(Unheard::Network));
    let other = host
        .lan
        .on_packet(at, came, &packet.body[1..], keys, &mut fx);
    assert_eq!(other, Err(Unheard::Form));
}

#[test]
fn lan_sender_that_says_too_much_is_not_heard_out() {
    let mut host = Host::new(14, 0, &Config::default());
    host.lan
        .set_stations(Time::ZERO, [(network(0), 1)].into_iter());
    let from = SocketAddr::from((network(1).local, 9));
    for n in 0..1_000_u64 {
        let said = Announcement {
            wall: Wall::from_ms(WALL_MS + n),
            ..words(n as u16 + 1, from)
        };
        let bytes = said.write(&[3; 32], &SPACE, &secret(n as u16 + 1));
        let now = Time::ZERO.plus_ms(n);
        let heard = host.hear(now, from, &bytes);
        assert!(matches!(heard, Ok(()) | Err(Unheard::Crowd)), "{heard:?}");
    }
    let most = u64::from(Config::default().heard_per_s) * 4;
    let crowd = host.dropped["announcement_crowd"];
    assert!((1_000 - most..1_000).contains(&crowd), "{crowd}");
}

#[test]
fn lan_known_ones_are_bounded_in_all_and_for_each_address() {
    let config = Config {
        known_max: 20,
        known_per_address_max: 5,
        checks_per_s: 1_000,
        heard_per_s: 1_000,
        ..Config::default()
    };
    let mut host = Host::new(9, 0, &config);
    host.lan
        .set_stations(Time::ZERO, [(network(0), 1)].into_iter());
    for n in 1..100_u16 {
        // The first ten are of one address.
        let source = if n <= 10 { 200 } else { n };
        let from = SocketAddr::from((network(source).local, 9));
        let said = Announcement {
            wall: Wall::from_ms(WALL_MS),
            ..words(n, from)
        };
        let bytes = said.write(&[3; 32], &SPACE, &secret(n));
        let heard = host.hear(Time::ZERO, from, &bytes);
        let is_full = (6..=10).contains(&n);
        assert_eq!(heard == Err(Unheard::Full), is_full, "{n}: {heard:?}");
    }
    // Whoever comes last finds room: one of those goes of whose address there are most.
    assert_eq!(host.neighbours(), 20);
    let newest = secret(99).public();
    assert!(host.lan.found(host.local).any(|it| it.key == newest));
}

/// What somebody may say.
pub(super) fn words(n: u16, from: SocketAddr) -> Announcement {
    Announcement {
        key: secret(n).public(),
        instance: u32::from(n) + 1,
        nonce: 1,
        echo: 0,
        wall: Wall::from_ms(WALL_MS),
        from: from.ip(),
        port: 1,
        pause_s: 7,
        load: 0,
        capabilities: Capabilities::default(),
    }
}

#[test]
fn lan_recording_of_another_time_silences_nobody() {
    let mut wire = Wire::new(15, 2, &Config::default());
    assert!(wire.until(100, Wire::all_know_all));
    let from = wire.hosts[1].address;
    let day_ms = 86_400_000;
    for (instance, wall_ms) in [(9, WALL_MS + day_ms), (9, WALL_MS - day_ms), (9, u64::MAX)] {
        let said = Announcement {
            instance,
            wall: Wall::from_ms(wall_ms),
            ..words(1, from)
        };
        let recorded = said.write(&[3; 32], &SPACE, &secret(1));
        for _ in 0..120 {
            let now = wire.now;
            let heard = wire.hosts[0].hear(now, from, &recorded);
            assert_eq!(heard, Err(Unheard::Untimely), "{wall_ms}");
            wire.until(1_000, |_| false);
            assert!(wire.all_know_all(), "{wall_ms}");
        }
    }
}

#[test]
fn lan_echo_proves_a_moment_and_no_more() {
    let mut wire = Wire::new(16, 2, &Config::default());
    wire.hosts[1].ahead_ms = Some(86_400_000);
    assert!(wire.until(2_000, Wire::all_know_all));
    wire.off.push(1);
    // For an hour, whatever it said is said again, its echoes too.
    for minute in 0..60 {
        wire.until(60_000, |_| false);
        let now = wire.now;
        let from = wire.hosts[1].address;
        for (_, bytes) in wire.recorded.clone().iter().filter(|it| it.0 == from) {
            let heard = wire.hosts[0].hear(now, from, bytes);
            assert!(heard.is_err(), "{heard:?} after {minute} minutes");
        }
    }
    assert_eq!(wire.hosts[0].neighbours(), 0);
}

#[test]
fn lan_announcement_that_is_passed_on_is_not_heard() {
    let mut host = Host::new(17, 0, &Config::default());
    host.lan
        .set_stations(Time::ZERO, [(network(0), 1)].into_iter());
    let from = SocketAddr::from((network(1).local, 9));
    let other = SocketAddr::from((network(2).local, 9));
    let bytes = words(1, from).write(&[3; 32], &SPACE, &secret(1));
    assert_eq!(host.hear(Time::ZERO, other, &bytes), Err(Unheard::Network));
    assert_eq!(host.hear(Time::ZERO, from, &bytes), Ok(()));
    let nowhere = Announcement {
        port: 0,
        ..words(2, from)
    };
    let bytes = nowhere.write(&[3; 32], &SPACE, &secret(2));
    assert_eq!(host.hear(Time::ZERO, from, &bytes), Err(Unheard::Network));
}

#[test]
fn lan_times_from_the_ends_of_time_are_only_untimely() {
    let mut wire = Wire::new(18, 2, &Config::default());
    assert!(wire.until(100, Wire::all_know_all));
    let (from, victim) = (wire.hosts[1].address, wire.hosts[0].address);
    let own = wire.recorded.iter().rev().find(|it| it.0 == victim);
    let nonce: [u8; 4] = own.unwrap().1[21..25].try_into().unwrap();
    for wall_ms in [1, u64::MAX, 1 << 63, (1 << 63) + WALL_MS, 0] {
        for echo in [0, u32::from_be_bytes(nonce)] {
            let said = Announcement {
                echo,
                wall: Wall::from_ms(wall_ms),
                ..words(5, from)
            };
            let bytes = said.write(&[3; 32], &SPACE, &secret(5));
            let _either = wire.hosts[0].hear(wire.now, from, &bytes);
        }
    }
    wire.until(60_000, |_| false);
    assert!(wire.hosts[0].knows(&wire.hosts[1]));
}
