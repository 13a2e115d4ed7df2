//! The world itself: its faults fire as often as they were asked to and no more, and one seed gives
//! the same run every time.

use std::net::SocketAddr;

use hydroid_core::{
    identity::SecretKey,
    line::{Provider, PureRust},
    switch::{Config, LineState},
    tape,
};
use hydroid_tests::{
    seed::seed,
    transfer::{CLEAN, Progress, opened, pump},
    world::{Clock, Fault, Link, StubProvider, World},
};

/// Datagrams of a run that counts.
const MANY: u64 = 20_000;

fn stubs(count: usize) -> Vec<&'static dyn Provider> {
    vec![&StubProvider; count]
}

/// A world of switches with stub cryptography that keeps what is delivered.
fn catching(count: usize, link: Link) -> World {
    let mut world = World::with_providers(1, stubs(count), &Config::default(), link);
    world.caught = Some(Vec::new());
    world
}

/// Node 0 sends node 1 so many numbers, one each so many microseconds.
fn volley(seed: u64, link: Link, count: u64, every_us: u64) -> World {
    let mut world = World::with_providers(seed, stubs(2), &Config::default(), link);
    world.caught = Some(Vec::new());
    for n in 0..count {
        world.throw(0, 1, &n.to_le_bytes());
        world.until_us(every_us, |_| None::<()>);
    }
    world.run(1_000);
    world
}

/// The numbers of a volley as they came.
fn numbers(world: &World) -> Vec<u64> {
    let caught = world.caught.iter().flatten();
    let number = |bytes: &Vec<u8>| u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes"));
    caught.map(|(_, _, bytes)| number(bytes)).collect()
}

/// What a fault that fires at this rate, in thousands, of `MANY` may come to: five deviations.
fn is_near(count: u64, rate: u64) -> bool {
    let mean = (MANY * rate) as f64 / 1000.0;
    let deviation = (mean * (1.0 - rate as f64 / 1000.0)).sqrt();
    (count as f64 - mean).abs() <= 5.0 * deviation
}

#[test]
fn world_faults_fire_at_their_rates_and_only_those_that_were_asked_for() {
    let first = seed(1);
    type Asked = (Fault, fn(&mut Link));
    let kinds: [Asked; 4] = [
        (Fault::Loss, |link| link.loss = 70),
        (Fault::Double, |link| link.double = 70),
        (Fault::Damage, |link| link.damage = 70),
        (Fault::Reorder, |link| {
            (link.reorder, link.reorder_us) = (70, 5_000);
        }),
    ];
    for (fault, ask) in kinds {
        let mut link = CLEAN;
        ask(&mut link);
        let world = volley(first, link, MANY, 100);
        assert!(is_near(world.faults.of(fault), 70), "{}", world.faults);
        for (other, count) in world.faults.iter().filter(|(it, _)| *it != fault) {
            assert_eq!(count, 0, "{other:?}");
        }
        let of = |fault| world.faults.of(fault);
        let arrived = MANY + of(Fault::Double) - of(Fault::Loss);
        assert_eq!(world.delivered, arrived, "{fault:?}");
        assert_eq!(world.in_flight(), 0);
    }
    let clean = volley(first, CLEAN, 1_000, 100);
    assert!(clean.faults.iter().all(|(_, count)| count == 0));
    assert_eq!(clean.delivered, 1_000);
}

#[test]
fn world_reordering_lets_later_datagrams_overtake() {
    let straight: Vec<u64> = (0..200).collect();
    let order = |link| numbers(&volley(5, link, 200, 1_000));
    assert_eq!(order(CLEAN), straight);
    let link = Link {
        reorder: 200,
        reorder_us: 20_000,
        ..CLEAN
    };
    let mut came = order(link);
    assert_ne!(came, straight);
    came.sort_unstable();
    assert_eq!(came, straight, "all of them come");
}

#[test]
fn world_rate_holds_to_the_byte_and_a_full_queue_drops() {
    // 1,000 bytes at once, at 1 byte in 7 microseconds: 10 datagrams of 100, of which 5 fit.
    let link = Link {
        latency_us: 0,
        rate_bytes_s: 142_857,
        queue_bytes: 500,
        ..CLEAN
    };
    let burst = |link: Link| {
        let mut world = catching(2, link);
        for _ in 0..10 {
            world.throw(0, 1, &[0; 100]);
        }
        world.run(1_000);
        let times = world.caught.iter().flatten().map(|(at, ..)| at.as_us());
        (times.collect::<Vec<_>>(), world)
    };
    let at = |bytes: u64| (bytes * 1_000_000).div_ceil(142_857);
    let (times, world) = burst(link);
    let expected: Vec<_> = (1..=5).map(|n| at(100 * n)).collect();
    assert_eq!(times, expected);
    assert_eq!(world.faults.of(Fault::QueueFull), 5);
    let (times, world) = burst(Link {
        queue_bytes: 0,
        ..link
    });
    let expected: Vec<_> = (1..=10).map(|n| at(100 * n)).collect();
    assert_eq!((times, world.faults.of(Fault::QueueFull)), (expected, 0));
}

#[test]
fn world_link_between_two_is_theirs_alone_and_drops_what_is_too_long() {
    let mut world = catching(3, CLEAN);
    let narrow = Link {
        mtu_bytes: 100,
        ..CLEAN
    };
    world.link_between(0, 1, narrow);
    for (from, to) in [(0, 1), (1, 0), (0, 2)] {
        for bytes in [99, 100, 101] {
            world.throw(from, to, &vec![0; bytes]);
        }
    }
    world.run(100);
    assert_eq!(world.faults.of(Fault::TooLarge), 1);
    assert_eq!(world.delivered, 8);
    world.forget_links();
    world.throw(0, 1, &[0; 101]);
    world.run(100);
    assert_eq!(world.delivered, 9);
}

#[test]
fn world_parts_groups_one_way_and_mends() {
    let mut world = catching(4, CLEAN);
    world.part(&[0, 1], &[2, 3]);
    let all = |world: &mut World| {
        let before = world.delivered;
        for from in 0..4 {
            for to in (0..4).filter(|to| *to != from) {
                world.throw(from, to, &[0; 9]);
            }
        }
        world.run(100);
        world.delivered - before
    };
    assert_eq!((all(&mut world), world.faults.of(Fault::Cut)), (8, 4));
    world.mend();
    assert_eq!(all(&mut world), 12);
    world.part(&[2], &[1]);
    assert_eq!((all(&mut world), world.faults.of(Fault::Cut)), (11, 5));
}

/// Everything that can happen, in a world of real or of stub cryptography.
fn eventful(seed: u64, provider: &'static dyn Provider) -> World {
    let link = Link {
        latency_us: 3_000,
        jitter_us: 2_000,
        loss: 20,
        double: 20,
        damage: 10,
        reorder: 20,
        reorder_us: 9_000,
        rate_bytes_s: 2_000_000,
        queue_bytes: 30_000,
        mtu_bytes: 1_400,
    };
    let tape = tape::Config {
        digest_only: true,
        ..tape::Config::default()
    };
    let config = Config::default();
    let mut world = World::recorded(seed, vec![provider; 4], &config, link, &tape);
    let secret = SecretKey::from_bytes(&[3; 32]);
    world.restart(1, &secret, &config);
    let (line, _) = world.line(0, 1);
    let now = world.now;
    let stream = world.nodes[0].switch.open_stream(now, line, "{\"n\":1}");
    let stream = stream.expect("opens");
    let mut at = Progress::default();
    world.until(2_000, |world| {
        pump(world, 0, stream, 200_000, &mut at);
        let _read = opened(world, 1);
        None::<()>
    });
    world.set_clock(
        2,
        Clock {
            ticks_ppm: 300,
            wall_ahead_ms: -90_000,
            wall_ppm: -500,
        },
    );
    let (_, _) = world.line(2, 3);
    world.move_to(0, SocketAddr::from(([10, 9, 0, 1], 4000)), true);
    world.run(2_000);
    world.sleep(3);
    world.run(9_000);
    world.wake(3, false);
    world.crash(1);
    world.run(5_000);
    world.restart_kept(1, &secret, &config);
    world.run(130_000);
    world
}

#[test]
fn world_of_one_seed_is_the_same_every_time() {
    for provider in [&PureRust as &dyn Provider, &StubProvider] {
        let sum = |seed: u64| {
            let world = eventful(seed, provider);
            let nodes = world.nodes.iter().map(|node| node.switch.digest());
            let told = (world.delivered, world.deadlines, world.faults);
            (world.digest, nodes.collect::<Vec<_>>(), told)
        };
        let first = seed(9);
        assert_eq!(sum(first), sum(first), "{provider:?}");
        assert_ne!(sum(first).0, sum(first + 1).0);
        let faults = sum(first).2.2;
        for fault in [
            Fault::Crash,
            Fault::Restart,
            Fault::RestartKept,
            Fault::Sleep,
        ] {
            assert_eq!(faults.of(fault), 1, "{fault:?}");
        }
        assert_eq!((faults.of(Fault::Move), faults.of(Fault::Clock)), (1, 1));
    }
}

#[test]
fn world_clocks_that_are_off_show_what_they_should() {
    let mut world = World::with_providers(1, stubs(2), &Config::default(), CLEAN);
    world.set_clock(
        1,
        Clock {
            ticks_ppm: 1_000,
            wall_ahead_ms: 5_000,
            wall_ppm: -1_000,
        },
    );
    let (ours, theirs) = world.line(0, 1);
    let begun = world.now;
    world.run(100_000);
    assert_eq!(world.now.since_us(begun), 100_000_000);
    let ahead_us = world.nodes[1].time(world.now).as_us() - world.now.as_us();
    let expected_us = world.now.as_us() / 1_000;
    assert_eq!(ahead_us, expected_us, "a thousandth of all the time");
    let behind_ms = world.now.as_us() / 1_000_000;
    let wall_ms = world.wall().as_ms() + 5_000 - behind_ms;
    assert!(world.wall_of(1).as_ms().abs_diff(wall_ms) <= 1);
    for (node, line) in [(0, ours), (1, theirs)] {
        let state = world.nodes[node].switch.line(line).map(|it| it.state);
        assert_eq!(state, Some(LineState::Up), "of node {node}");
    }
}

#[test]
fn world_crashed_host_says_nothing_until_it_starts_again() {
    let config = Config::default();
    let mut world = World::with_providers(1, stubs(2), &config, CLEAN);
    let secret = SecretKey::from_bytes(&[8; 32]);
    world.restart(1, &secret, &config);
    let (line, _) = world.line(0, 1);
    world.crash(1);
    world.run(1);
    let sent = world.nodes[1].switch.stats().datagrams_out;
    let came = world.nodes[1].switch.stats().datagrams_in;
    world.run(60_000);
    let stats = world.nodes[1].switch.stats();
    assert_eq!((stats.datagrams_out, stats.datagrams_in), (sent, came));
    assert!(world.nodes[0].switch.line(line).is_none(), "it is given up");
    world.restart_kept(1, &secret, &config);
    world.line(0, 1);
}

#[test]
fn world_keeps_tapes_of_all_lives() {
    let config = Config::default();
    let tape = tape::Config::default();
    let mut world = World::recorded(1, stubs(2), &config, CLEAN, &tape);
    world.line(0, 1);
    world.restart(1, &SecretKey::from_bytes(&[8; 32]), &config);
    world.line(0, 1);
    let of: Vec<_> = world.tapes().into_iter().map(|(node, _)| node).collect();
    assert_eq!(of, [1, 0, 1]);
    assert!(world.tapes().is_empty(), "they were taken");
}

#[test]
#[should_panic(expected = "the world spins")]
fn world_with_a_switch_that_spins_is_caught() {
    let mut world = World::with_providers(1, stubs(2), &Config::default(), CLEAN);
    // A handshake takes several steps, so with a bound of one it looks like spinning.
    world.steps_max = 1;
    world.line(0, 1);
}
