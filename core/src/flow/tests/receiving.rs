use super::*;

fn written(flow: &mut Flow<u32>, now: Time) -> Option<(u64, Vec<Range<u64>>, u64)> {
    let mut buf = [0; 300];
    let mut writer = Writer::new(&mut buf);
    let highest = flow.write_ranges(now, &mut writer)?;
    let len = writer.len();
    match Frames::new(&buf[..len]).next() {
        Some(Ok(Frame::Ranges(frame))) => Some((highest, frame.runs().collect(), frame.delay_us)),
        other => panic!("no ranges but {other:?}"),
    }
}

fn flow() -> Flow<u32> {
    Flow::new(&Config::default(), 1200)
}

// S2.81
#[test]
fn flow_ranges_are_due_with_the_second_packet_or_after_25_ms() {
    let mut flow = flow();
    assert_eq!(written(&mut flow, ms(1)), None);
    flow.on_received(ms(1), 0, false);
    assert!(
        !flow.owes_ranges() && flow.deadline().is_none(),
        "nobody asked"
    );
    flow.on_received(ms(2), 1, true);
    assert!(flow.owes_ranges() && !flow.ranges_due(ms(26)) && !flow.is_at_rest());
    assert_eq!(flow.deadline(), Some(Deadline::new(ms(27), Why::Ranges)));
    flow.on_deadline(ms(27), &mut Vec::new());
    assert!(flow.ranges_due(ms(27)) && flow.deadline().is_none());
    assert_eq!(
        written(&mut flow, ms(27)),
        Some((1, alloc::vec![0..2], 25_000))
    );
    assert!(flow.is_at_rest());
    flow.on_received(ms(30), 2, true);
    flow.on_received(ms(31), 3, true);
    assert!(flow.ranges_due(ms(31)));
    assert_eq!(written(&mut flow, ms(31)), Some((3, alloc::vec![0..4], 0)));
}

// S2.54, S2.84
#[test]
fn flow_ranges_are_due_at_once_when_packets_come_out_of_order() {
    let mut flow = flow();
    flow.on_received(ms(0), 0, false);
    flow.on_received(ms(1), 2, true);
    assert!(flow.ranges_due(ms(1)), "a gap");
    written(&mut flow, ms(1)).unwrap();
    flow.on_received(ms(2), 3, true);
    assert!(!flow.ranges_due(ms(2)), "an old gap is no news");
    flow.on_received(ms(3), 1, true);
    assert!(flow.ranges_due(ms(3)), "a gap is filled");
    assert_eq!(
        written(&mut flow, ms(5)),
        Some((3, alloc::vec![0..4], 3000))
    );
    flow.on_received(ms(6), 3, true);
    assert!(!flow.owes_ranges(), "a repetition");
}

#[test]
fn flow_ranges_periods_are_in_the_config() {
    let config = Config {
        ranges_delay_ms: 7,
        ranges_every_packets: 3,
        ..Config::default()
    };
    let mut flow = Flow::<u32>::new(&config, 1200);
    flow.on_received(ms(0), 0, true);
    flow.on_received(ms(1), 1, true);
    assert_eq!(
        (flow.ranges_due(ms(1)), flow.deadline().unwrap().at),
        (false, ms(7))
    );
    flow.on_received(ms(2), 2, true);
    assert!(flow.ranges_due(ms(2)));
}

#[test]
fn flow_ranges_keep_the_highest_runs() {
    let config = Config {
        ranges_runs_max: 3,
        ..Config::default()
    };
    let mut flow = Flow::<u32>::new(&config, 1200);
    for counter in [0, 10, 20, 30, 40, 5] {
        flow.on_received(ms(0), counter, true);
    }
    let runs = alloc::vec![40..41, 30..31, 20..21];
    assert_eq!(written(&mut flow, ms(0)), Some((40, runs, 0)));
}

// S2.53, S2.83
#[test]
fn flow_ranges_that_arrived_are_not_repeated_but_the_untold_are_told() {
    let mut flow = flow();
    for counter in [0, 1, 3] {
        flow.on_received(ms(0), counter, true);
    }
    assert_eq!(written(&mut flow, ms(0)).unwrap().0, 3);
    flow.on_received(ms(1), 2, true);
    flow.on_received(ms(1), 7, true);
    flow.on_ranges_arrived(3);
    assert_eq!(
        written(&mut flow, ms(1)),
        Some((7, alloc::vec![7..8, 2..4], 0))
    );
    flow.on_ranges_arrived(7);
    assert!(flow.received.counters().is_empty() && flow.is_at_rest());
    flow.on_ranges_arrived(u64::MAX);
    flow.on_received(ms(2), 8, true);
    assert_eq!(
        written(&mut flow, ms(40)),
        Some((8, alloc::vec![8..9], 38_000))
    );
}

#[test]
fn flow_ranges_wait_for_room_and_survive_absurd_counters() {
    let mut flow = flow();
    for counter in [u64::MAX, 1 << 62, (1 << 62) - 1, 0] {
        flow.on_received(ms(0), counter, true);
    }
    let mut writer = Writer::new(&mut []);
    assert_eq!(flow.write_ranges(ms(0), &mut writer), None);
    assert!(flow.ranges_due(ms(0)));
    let highest = (1 << 62) - 1;
    let runs = alloc::vec![highest..highest + 1, 0..1];
    let later = Time::NEVER;
    assert_eq!(written(&mut flow, later), Some((highest, runs, highest)));
}

/// Twenty round trips of 50 ms with so many packets in each, and how often ranges are told in the
/// last ten; then the flow, and the next counter.
fn steady(packets: u64, most: u8) -> (u64, Flow<u32>, u64) {
    let config = Config {
        ranges_every_packets_max: most,
        ..Config::default()
    };
    let mut flow = Flow::<u32>::new(&config, 1200);
    flow.on_handshake(ms(0), 50_000);
    let mut frames = 0;
    for counter in 0..20 * packets {
        let now = Time::from_us(counter * 50_000 / packets);
        flow.on_deadline(now, &mut Vec::new());
        flow.on_received(now, counter, true);
        if flow.ranges_due(now) {
            frames += u64::from(counter >= 10 * packets);
            written(&mut flow, now).unwrap();
        }
    }
    if flow.owes_ranges() {
        written(&mut flow, ms(1000)).unwrap();
    }
    (frames, flow, 20 * packets)
}

// S2.81
#[test]
fn flow_ranges_are_as_rare_as_the_rate_allows() {
    // In ten round trips: an eighth of what is in flight, and no rarer than the config says.
    assert_eq!(steady(8, 10).0, 40);
    assert_eq!(steady(48, 10).0, 80);
    assert_eq!(steady(500, 10).0, 500);
    assert_eq!(steady(500, 50).0, 100);
    assert_eq!(steady(500, 0).0, 2500, "each second one is told");
}

#[test]
fn flow_ranges_of_the_last_of_many_are_told_soon() {
    let (_, mut flow, counter) = steady(500, 10);
    flow.on_received(ms(1000), counter, true);
    assert!(!flow.ranges_due(ms(1000)));
    let soon = ms(1000).plus_us(12_500);
    assert_eq!(flow.deadline(), Some(Deadline::new(soon, Why::Ranges)));
    flow.on_received(ms(1000), counter + 2, true);
    assert!(flow.ranges_due(ms(1000)), "a gap is told at once");
    written(&mut flow, ms(1000)).unwrap();
    // Few come again, and each second one is told.
    for packet in 0..20 {
        flow.on_received(ms(1060 + 60 * packet), counter + 3 + packet, true);
    }
    written(&mut flow, ms(3000)).unwrap();
    flow.on_received(ms(3000), counter + 30, true);
    written(&mut flow, ms(3000)).unwrap();
    flow.on_received(ms(3001), counter + 31, true);
    flow.on_received(ms(3001), counter + 32, true);
    assert!(flow.ranges_due(ms(3001)));
}

#[test]
fn flow_ranges_on_a_path_of_no_known_round_trip_are_due_with_the_second_packet() {
    let (_, mut flow, counter) = steady(500, 10);
    flow.on_path_change(ms(1000), None, &mut Vec::new());
    flow.on_received(ms(1001), counter, true);
    let after = ms(1001 + 25);
    assert_eq!(flow.deadline(), Some(Deadline::new(after, Why::Ranges)));
    flow.on_received(ms(1002), counter + 1, true);
    assert!(flow.ranges_due(ms(1002)));
}
