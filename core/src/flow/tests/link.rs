use super::{
    world::{Wire, World},
    *,
};

/// A bottleneck of 10 Mbit/s and 40 ms that holds `queue_bytes`.
fn bottleneck(queue_bytes: u64) -> [Wire; 2] {
    let narrow = Wire {
        rate: 1_250_000,
        queue_bytes,
        ..Wire::FREE
    };
    [narrow, Wire::FREE]
}

/// Items that came within `seconds` after as many seconds of running in.
fn run(world: &mut World, seconds: u64) -> u64 {
    while world.now < Time::ZERO.plus_ms(seconds * 1000) {
        assert!(world.step());
    }
    let before = world.ends[1].got.len();
    while world.now < Time::ZERO.plus_ms(seconds * 2000) {
        assert!(world.step());
    }
    (world.ends[1].got.len() - before) as u64
}

#[test]
fn flow_link_fills_a_bottleneck() {
    for queue in [15_000, 50_000, 200_000] {
        let mut world = World::new(&Config::default(), 1, [60_000, 0], bottleneck(queue));
        let bytes = run(&mut world, 10) * 1200;
        assert!(
            bytes > 12_500_000 * 85 / 100,
            "{bytes} bytes of 12,500,000, queue {queue}"
        );
        assert!(bytes <= 12_500_000 + 50_000);
    }
}

#[test]
fn flow_link_pacing_spreads_what_leaves() {
    let mut world = World::new(&Config::default(), 1, [60_000, 0], bottleneck(50_000));
    run(&mut world, 10);
    let log = &world.ends[0].log;
    let (mut from, mut within, mut most) = (0, 0, 0);
    for (at, bytes) in log {
        within += bytes;
        while at.since_us(log[from].0) > 2000 {
            within -= log[from].1;
            from += 1;
        }
        if at.as_us() > 1_000_000 {
            most = most.max(within);
        }
    }
    // The rate is 2,500 bytes in 2 ms, a burst is ten packets.
    assert!(most <= 12_000 + 2 * 4000, "{most} bytes in 2 ms");
}

#[test]
fn flow_link_window_stays_within_its_limit() {
    let config = Config {
        window_max_bytes: 30_000,
        ..Config::default()
    };
    let mut world = World::new(&config, 1, [3_000, 0], [Wire::FREE; 2]);
    while world.step() {
        assert!(world.ends[0].flow.bytes_in_flight() <= 30_000);
    }
    assert_eq!(world.ends[0].flow.window_bytes(), 30_000);
    // 30,000 bytes every 40 ms.
    let needed_ms = 3000 * 1200 * 40 / 30_000;
    assert!(
        world.now < Time::ZERO.plus_ms(needed_ms * 115 / 100),
        "{:?}",
        world.now
    );
}

#[test]
fn flow_link_sender_of_a_small_window_does_not_wait_for_rare_ranges() {
    for (delay_us, packets) in [50, 1_000, 20_000, 100_000]
        .into_iter()
        .flat_map(|delay_us| [4, 9, 25, 44, 87].map(|packets| (delay_us, packets)))
    {
        let took = |most| {
            let config = Config {
                window_max_bytes: u64::from(packets) * 1200,
                ranges_every_packets_max: most,
                ..Config::default()
            };
            let wire = Wire {
                delay_us,
                ..Wire::FREE
            };
            let mut world = World::new(&config, 1, [packets * 60, 0], [wire; 2]);
            while world.ends[1].got.len() < packets as usize * 60 {
                assert!(world.step());
            }
            (world.now.as_us(), world.ends[1].counter)
        };
        let ((before_us, before), (us, ranges)) = (took(0), took(10));
        assert!(
            us <= before_us + before_us / 20,
            "{packets} packets of {delay_us} us: {us} us after {before_us}"
        );
        assert!(ranges <= before);
    }
}

#[test]
fn flow_link_steady_state_grows_no_table() {
    let wires = bottleneck(50_000).map(|wire| Wire {
        lost_percent: 1,
        jitter_us: 500,
        ..wire
    });
    let mut world = World::new(&Config::default(), 1, [40_000, 0], wires);
    run(&mut world, 4);
    let before = world
        .ends
        .each_ref()
        .map(|end| end.flow.sending.as_ref().unwrap().sent.capacities());
    run(&mut world, 10);
    assert_eq!(
        world
            .ends
            .each_ref()
            .map(|end| end.flow.sending.as_ref().unwrap().sent.capacities()),
        before
    );
}
