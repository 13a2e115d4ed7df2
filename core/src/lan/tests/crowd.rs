//! Many at once, and what a few must be heard with among them.

use super::{super::*, *};

/// So many that start together, and know each other by sight alone.
fn crowd(seed: u64, count: u16, config: &Config) -> Wire {
    let mut wire = Wire::new(seed, count, config);
    for host in &mut wire.hosts {
        host.trusts = true;
    }
    wire
}

fn leave(wire: &mut Wire, n: usize) {
    let (now, wall) = (wire.now, wire.hosts[n].wall(wire.now));
    let local = wire.hosts[n].local;
    wire.hosts[n].lan.hush(now, wall, local);
}

/// Those of the others who know this one.
fn know(wire: &Wire, n: usize) -> usize {
    let others = wire.hosts.iter().enumerate().filter(|(at, _)| *at != n);
    others.filter(|(_, it)| it.knows(&wire.hosts[n])).count()
}

#[test]
fn lan_good_bye_is_heard_while_everybody_talks() {
    // Each may check sixty of others that it knows, and hears three times as many.
    let config = Config {
        checks_at_once: 120,
        checks_per_s: 20,
        ..Config::default()
    };
    for after_ms in [200, 500, 950] {
        let mut wire = crowd(31, 50, &config);
        wire.until(after_ms, |_| false);
        assert!(wire.all_know_all());
        leave(&mut wire, 7);
        assert!(wire.until(100, |it| know(it, 7) == 0), "{after_ms}");
    }
}

#[test]
fn lan_good_bye_is_said_more_than_once() {
    let (mut heard, mut all) = (0, 0);
    for seed in 0..20 {
        let mut wire = crowd(seed, 20, &Config::default());
        wire.until(10_000, |_| false);
        wire.loss = 300;
        leave(&mut wire, 3);
        assert!(wire.hosts[3].lan.is_taking_leave());
        wire.until(100, |_| false);
        assert!(!wire.hosts[3].lan.is_taking_leave());
        heard += 19 - know(&wire, 3);
        all += 19;
    }
    // 97.3 of a hundred.
    assert!(heard * 100 >= all * 95, "{heard} of {all}");
}

#[test]
fn lan_good_bye_of_somebody_who_is_back_is_not_said_again() {
    let mut wire = crowd(33, 2, &Config::default());
    wire.until(5_000, |_| false);
    leave(&mut wire, 1);
    wire.until(5, |it| know(it, 1) == 0);
    let now = wire.now;
    wire.hosts[1].lan.announce(now, member(1, [3; 32]));
    assert!(!wire.hosts[1].lan.is_taking_leave());
    wire.until(5, |it| know(it, 1) == 1);
    let changed = wire.hosts[0].changed;
    wire.until(5_000, |_| false);
    assert_eq!((know(&wire, 1), wire.hosts[0].changed), (1, changed));
}

#[test]
fn lan_hundreds_that_start_together_all_know_each_other_soon() {
    let mut wire = crowd(34, 200, &Config::default());
    assert!(wire.until(1_500, Wire::all_know_all), "{}", wire.ms());
}

#[test]
fn lan_checks_at_once_bound_how_many_are_known_at_once() {
    let config = Config {
        checks_at_once: 10,
        checks_per_s: 2,
        ..Config::default()
    };
    let mut wire = Wire::new(35, 40, &config);
    wire.until(1_000, |_| false);
    let most = wire.hosts.iter().map(|it| it.checked.get()).max().unwrap();
    assert!((5..=12).contains(&most), "{most}");
}

#[test]
fn lan_host_that_says_something_else_is_heard_though_it_just_spoke() {
    let mut wire = crowd(36, 2, &Config::default());
    wire.until(5_000, |_| false);
    wire.hosts[1].own.load = 9;
    let now = wire.now;
    wire.hosts[1].lan.wake(now);
    let load = |it: &Wire| {
        it.hosts[0]
            .lan
            .found(it.hosts[0].local)
            .next()
            .unwrap()
            .load
    };
    assert!(wire.until(10, |it| load(it) == 9));
    wire.hosts[1].own.load = 3;
    assert!(wire.until(100, |it| load(it) == 3));
}

/// What a host says of itself when it is told to, as it comes from `from`.
fn word(n: u16, instance: u32, now: Time, asks: bool) -> (SocketAddr, Vec<u8>) {
    let from = SocketAddr::from((network(n).local, 40_000));
    let said = Announcement {
        instance,
        wall: Wall::from_ms(WALL_MS + now.as_us() / 1000),
        capabilities: Capabilities {
            asks,
            ..Capabilities::default()
        },
        ..hostile::words(n, from)
    };
    (from, said.write(&[3; 32], &SPACE, &secret(n)))
}

#[test]
fn lan_two_switches_with_one_key_do_not_make_everybody_answer_for_ever() {
    // The clock of the second is right, or behind by so much that it always seems to be an old one.
    for behind_ms in [0, 20_000] {
        let mut wire = crowd(37, 3, &Config::default());
        wire.until(30_000, |_| false);
        let before = wire.said.len();
        for n in 0..120_u64 {
            let (now, is_second) = (wire.now, n % 2);
            let shown = now.as_us() - 1_000 * behind_ms * is_second;
            let instance = 71 + is_second as u32;
            let (from, bytes) = word(9, instance, Time::from_us(shown), false);
            for host in &mut wire.hosts {
                let _heard = host.hear(now, from, &bytes);
            }
            wire.until(500, |_| false);
        }
        // A minute: what they say anyhow, and five answers or two echoes every ten seconds.
        let said = wire.said.len() - before;
        assert!(said <= 3 * (15 + 6 * 5 + 8), "{behind_ms}: {said}");
    }
}

#[test]
fn lan_keys_that_speak_early_keep_nobody_from_answering() {
    let mut wire = crowd(38, 30, &Config::default());
    let speak = |wire: &mut Wire, keys: &[u16]| {
        let now = wire.now;
        for n in keys {
            let (from, bytes) = word(*n, 7 + u32::from(*n), now, *n == 50);
            for host in &mut wire.hosts {
                assert_eq!(host.hear(now, from, &bytes), Ok(()));
            }
        }
    };
    let early = [60, 61, 62, 63, 64, 65, 66, 67];
    wire.until(20_000, |_| false);
    speak(&mut wire, &early);
    wire.until(10_000, |_| false);
    let before = wire.recorded.len();
    // A newcomer asks, and the others have spoken before anybody could.
    speak(&mut wire, &[50]);
    speak(&mut wire, &early);
    wire.until(120, |_| false);
    let answers = wire.recorded.len() - before;
    assert!((2..=20).contains(&answers), "{answers}");
}

// What one has to say to nobody else waits for no answer, and is not forgotten with one.
#[test]
fn lan_echoes_are_said_though_enough_others_answer() {
    let mut wire = crowd(39, 12, &Config::default());
    wire.until(60_000, |_| false);
    // Somebody asks; then somebody is doubted whose clock is off; then others speak.
    let (now, before) = (wire.now, wire.recorded.len());
    let (asks, asked) = word(50, 57, now, true);
    let (doubted, late) = word(51, 58, Time::from_us(now.as_us() - 31_000_000), false);
    for host in &mut wire.hosts {
        assert_eq!(host.hear(now, asks, &asked), Ok(()));
        assert_eq!(host.hear(now, doubted, &late), Err(Unheard::Untimely));
    }
    let speakers: Vec<_> = (60..68).map(|n| word(n, 70, now, false)).collect();
    for host in &mut wire.hosts {
        for (from, bytes) in &speakers {
            assert_eq!(host.hear(now, *from, bytes), Ok(()));
        }
    }
    wire.until(250, |_| false);
    let echoes = wire.recorded[before..]
        .iter()
        .filter(|it| echo_of(&it.1) == 1);
    assert_eq!(echoes.count(), 12);
}

fn echo_of(packet: &[u8]) -> u32 {
    u32::from_be_bytes(packet[25..29].try_into().unwrap())
}

// One recording of somebody makes a network say little, however often it is played.
#[test]
fn lan_doubts_about_one_address_cost_little() {
    let mut wire = crowd(40, 20, &Config::default());
    wire.until(60_000, |_| false);
    let (from, recorded) = word(51, 58, Time::ZERO.plus_ms(1), false);
    let before = wire.recorded.len();
    for _ in 0..600 {
        for host in &mut wire.hosts {
            let heard = host.hear(wire.now, from, &recorded);
            assert!(heard.is_err());
        }
        wire.until(100, |_| false);
    }
    let echoes = wire.recorded[before..]
        .iter()
        .filter(|it| echo_of(&it.1) == 1);
    let each = echoes.count() / 20;
    assert!((8..=8 + 12).contains(&each), "{each} in a minute");
}

// An endpoint that announces nobody has nothing to do, whatever comes.
#[test]
fn lan_whoever_is_hushed_rests() {
    let mut wire = crowd(41, 2, &Config::default());
    wire.until(5_000, |_| false);
    // It has heard somebody of another space, too.
    let from = SocketAddr::from((network(9).local, 40_000));
    let said = Announcement {
        wall: Wall::from_ms(WALL_MS + wire.now.as_us() / 1000),
        ..hostile::words(9, from)
    };
    let (now, bytes) = (wire.now, said.write(&[4; 32], &SPACE, &secret(9)));
    assert_eq!(wire.hosts[1].hear(now, from, &bytes), Err(Unheard::Strange));
    leave(&mut wire, 1);
    wire.until(100, |_| false);
    assert_eq!(wire.hosts[1].lan.deadline(), None);
    let (from, bytes) = word(9, 9, wire.now, true);
    let now = wire.now;
    assert_eq!(wire.hosts[1].hear(now, from, &bytes), Err(Unheard::Strange));
    assert_eq!(wire.hosts[1].lan.deadline(), None);
}
