use super::*;

// S2.88
#[test]
fn flow_loss_by_packets_counts_those_of_the_path() {
    let mut flow = measured(&Config::default(), 40);
    // The line used the counters between over another path.
    send(&mut flow, ms(40), [10, 20, 30, 40]);
    let (progress, fates) = tell(&mut flow, ms(80), &[30..31]);
    assert_eq!((progress.unwrap().lost_packets, fates), (0, arrived(&[30])));
    let (progress, fates) = tell(&mut flow, ms(81), &[30..31, 40..41]);
    assert_eq!(progress.unwrap().lost_packets, 1);
    assert_eq!(fates, [arrived(&[40]), lost(&[10])].concat());
    assert_eq!(
        flow.bytes_in_flight(),
        1200,
        "20 was overtaken by two packets only"
    );
}

// S2.88
#[test]
fn flow_loss_by_time_is_nine_eighths_of_a_round_trip() {
    let mut flow = measured(&Config::default(), 40);
    send(&mut flow, ms(50), [1]);
    send(&mut flow, ms(52), [2]);
    assert_eq!(tell(&mut flow, ms(92), &[2..3]).1, arrived(&[2]));
    let at = ms(95);
    assert_eq!(flow.deadline(), Some(Deadline::new(at, Why::Loss)));
    let mut fates = Vec::new();
    let early = flow.on_deadline(Time::from_us(at.as_us() - 1), &mut fates);
    assert_eq!((early, fates.len()), (Due::default(), 0));
    assert_eq!(flow.on_deadline(at, &mut fates).lost_packets, 1);
    assert_eq!((fates, flow.deadline()), (lost(&[1]), None));
    assert_eq!(tell(&mut flow, ms(96), &[1..3]).1, [], "a fate is final");
}

#[test]
fn flow_loss_measures_are_in_the_config() {
    let config = Config {
        reordering_packets: 1,
        ..Config::default()
    };
    let mut flow = measured(&config, 40);
    send(&mut flow, ms(40), [1, 2]);
    assert_eq!(tell(&mut flow, ms(80), &[2..3]).1.len(), 2);
    let config = Config {
        reordering_eighths: 16,
        ..Config::default()
    };
    let mut flow = measured(&config, 40);
    send(&mut flow, ms(40), [1, 2]);
    tell(&mut flow, ms(80), &[2..3]).0.unwrap();
    assert_eq!(flow.deadline(), Some(Deadline::new(ms(120), Why::Loss)));
}

#[test]
fn flow_ranges_of_what_was_never_sent_are_an_error_and_of_other_paths_are_not() {
    let mut flow = measured(&Config::default(), 40);
    send(&mut flow, ms(40), [5, 6]);
    assert_eq!(
        tell(&mut flow, ms(50), &[5..6, 1000..1001]).0,
        Err(RangesOfUnsent)
    );
    assert_eq!(flow.bytes_in_flight(), 2400);
    let (progress, fates) = tell(&mut flow, ms(80), &[1..3, 5..6, 800..1000]);
    let progress = progress.unwrap();
    assert_eq!((progress.arrived_packets, progress.sample_us), (1, None));
    assert_eq!(fates, arrived(&[5]));
    assert_eq!(tell(&mut flow, ms(90), &[0..1000]).1, arrived(&[6]));
    assert_eq!(
        tell(&mut flow, ms(91), &[0..1000]),
        (Ok(Progress::default()), Vec::new())
    );
}

// S2.56, S2.92
#[test]
fn flow_records_get_their_fate_one_by_one() {
    let mut flow = measured(&Config::default(), 40);
    flow.on_sent(ms(40), 1, 900, true, &[11, 12, 13]);
    flow.on_sent(ms(40), 2, 40, true, &[]);
    flow.on_sent(ms(40), 3, 900, false, &[31]);
    flow.on_sent(ms(40), 4, 60, true, &[41, 42]);
    assert_eq!(
        flow.bytes_in_flight(),
        1000,
        "what asks for nothing is not in flight"
    );
    assert_eq!(tell(&mut flow, ms(80), &[2..4]).1, arrived(&[31]));
    assert_eq!(flow.oldest_in_flight(0).collect::<Vec<_>>(), [11, 12, 13]);
    assert_eq!(flow.oldest_in_flight(1).collect::<Vec<_>>(), [41, 42]);
    assert_eq!(flow.oldest_in_flight(2).count(), 0);
    let fates = tell(&mut flow, ms(81), &[2..5]).1;
    assert_eq!(fates, [arrived(&[41, 42]), lost(&[11, 12, 13])].concat());
}

#[test]
fn flow_algorithm_of_the_config_answers_a_loss() {
    let config = Config {
        algorithm: Algorithm::Cubic,
        ..Config::default()
    };
    let mut flow = measured(&config, 40);
    let before = flow.window_bytes();
    send(&mut flow, ms(50), 1..=10);
    let (progress, _) = tell(&mut flow, ms(90), &[5..11]);
    assert_eq!(progress.unwrap().lost_packets, 4);
    // RFC 9438 section 4.6; Reno would halve it.
    assert_eq!(flow.window_bytes(), before * 7 / 10);
}

// S2.95, S2.98
#[test]
fn flow_tail_is_probed_for_after_the_measured_time_and_ever_more_rarely() {
    let mut flow = measured(&Config::default(), 40);
    flow.set_peer_ranges_delay_ms(10);
    send(&mut flow, ms(50), [1, 2, 3]);
    // 40 ms + 4 x 20 ms + 10 ms.
    assert_eq!(flow.probe_period_us(), 130_000);
    let mut at = ms(180);
    for doubling in 1..9 {
        assert_eq!(flow.deadline(), Some(Deadline::new(at, Why::Probe)));
        let mut fates = Vec::new();
        assert_eq!(flow.on_deadline(at, &mut fates).probes, 2);
        assert_eq!((fates.len(), flow.probes_unanswered()), (0, doubling));
        assert_eq!(
            flow.allowance(at),
            Allowance::Probes(2),
            "whatever the window"
        );
        assert_eq!(flow.oldest_in_flight(1).collect::<Vec<_>>(), [2]);
        at = at.plus_ms(130 << doubling.min(6));
    }
    send(&mut flow, at, [4]);
    assert_eq!(flow.probes_owed(), 1);
    let (progress, fates) = tell(&mut flow, at.plus_ms(40), &[4..5]);
    assert_eq!(progress.unwrap().sample_us, Some(40_000));
    assert_eq!(fates, [arrived(&[4]), lost(&[1, 2, 3])].concat());
    assert_eq!((flow.probes_owed(), flow.probes_unanswered()), (0, 0));
    assert!(flow.is_at_rest() && flow.deadline().is_none());
}

#[test]
fn flow_probe_limits_are_in_the_config() {
    let config = Config {
        initial_rtt_ms: 10,
        probe_packets: 1,
        probe_doublings_max: 0,
        peer_ranges_delay_max_ms: 7,
        ..Config::default()
    };
    let mut flow = Flow::<u32>::new(&config, 1200);
    flow.set_peer_ranges_delay_ms(u64::MAX);
    send(&mut flow, ms(0), [0]);
    for round in 1..5 {
        assert_eq!(flow.deadline().unwrap().at, ms(round * (10 + 20 + 7)));
        assert_eq!(
            flow.on_deadline(flow.deadline().unwrap().at, &mut Vec::new())
                .probes,
            1
        );
    }
}

#[test]
fn flow_persistent_congestion_collapses_the_window() {
    let run = |pause_ms: u64, hole: bool, periods: u8| {
        let config = Config {
            algorithm: Algorithm::Cubic,
            persistent_periods: periods,
            ..ten()
        };
        let mut flow = measured(&config, 40);
        send(&mut flow, ms(100), [1]);
        send(&mut flow, ms(100 + pause_ms / 2), [2]);
        send(&mut flow, ms(100 + pause_ms), [3, 4, 5, 6]);
        let runs = if hole { &[2..3, 6..7][..] } else { &[6..7][..] };
        tell(&mut flow, ms(150 + pause_ms), runs).0.unwrap();
        flow.window_bytes() / 1200
    };
    // The period is 40 + 80 + 25 ms, before the sample at the end that makes it 145 or less.
    assert_eq!(run(600, false, 3), 2);
    assert_eq!(run(600, true, 3), 7, "one that arrived between");
    assert_eq!(run(600, false, 9), 7, "not that long");
    assert_eq!(run(100, false, 3), 7);
}

#[test]
fn flow_round_trip_of_rfc_9002_and_a_peer_that_lies_about_its_delay() {
    let mut flow = measured(&Config::default(), 100);
    let mut counter = 0;
    let mut sample = |flow: &mut Flow<u32>, rtt_us: u64, delay_us: u64| {
        counter += 1;
        send(flow, ms(1000 * counter), [counter]);
        let now = ms(1000 * counter).plus_us(rtt_us);
        with_ranges(&[counter..counter + 1], delay_us, |f| {
            flow.on_ranges(now, f, 1000, &mut Vec::new()).unwrap();
        });
    };
    sample(&mut flow, 140_000, 20_000);
    // 7/8 x 100 + 1/8 x 120; 3/4 x 50 + 1/4 x 20.
    assert_eq!(
        (flow.rtt().smoothed_us(), flow.rtt().variation_us()),
        (102_500, 42_500)
    );
    sample(&mut flow, 102_500, (1 << 62) - 1);
    assert_eq!(flow.rtt().smoothed_us(), 102_500, "not below what was seen");
    assert_eq!(
        (flow.rtt().minimum_us(), flow.rtt().latest_us()),
        (Some(100_000), 102_500)
    );
    sample(&mut flow, 0, 0);
    assert_eq!(flow.rtt().minimum_us(), Some(1));
    assert_eq!(flow.rtt_us(), Some(flow.rtt().smoothed_us()));
}

// S2.93, S2.94
#[test]
fn flow_window_and_packets_remembered_are_bounded() {
    let config = Config {
        in_flight_packets_max: 4,
        ..ten()
    };
    let mut flow = Flow::<u32>::new(&config, 1200);
    (0..9).for_each(|n| flow.on_sent(ms(0), n, 60, false, &[n as u32]));
    let free = Allowance::Packet;
    assert_eq!(flow.allowance(ms(0)), free, "nothing is in flight");
    let mut flow = Flow::<u32>::new(&config, 1200);
    assert_eq!(flow.allowance(ms(0)), free);
    send(&mut flow, ms(0), 0..4);
    assert_eq!(flow.allowance(ms(900)), Allowance::Congested);
    let mut flow = Flow::<u32>::new(&ten(), 1200);
    send(&mut flow, ms(0), 0..9);
    assert_eq!(flow.allowance(ms(900)), Allowance::Packet);
    send(&mut flow, ms(900), [9]);
    assert_eq!(flow.allowance(ms(9000)), Allowance::Congested);
    assert_eq!(flow.window_bytes(), 12_000);
}

#[test]
fn flow_handshake_that_waited_for_somebody_holds_nothing_up() {
    let mut flow = Flow::<u32>::new(&Config::default(), 1200);
    // The peer slept before it said its first word.
    flow.on_handshake(ms(0), 8_500_000);
    assert_eq!(flow.rtt_us(), Some(1_000_000), "a second at most");
    send(&mut flow, ms(0), [0]);
    let probe = flow.deadline().expect("what was sent is probed for");
    assert!(probe.at <= ms(3_100), "{probe:?}");
    assert!(tell(&mut flow, ms(50), &[0..1]).0.is_ok());
    assert_eq!(flow.rtt().smoothed_us(), 50_000, "what packets take counts");
    assert_eq!(flow.rtt().variation_us(), 25_000);
    // A handshake that tells the truth stays.
    let mut flow = Flow::<u32>::new(&Config::default(), 1200);
    flow.on_handshake(ms(0), 50_000);
    send(&mut flow, ms(0), [0]);
    assert!(tell(&mut flow, ms(58), &[0..1]).0.is_ok());
    assert_eq!(flow.rtt().smoothed_us(), 51_000);
}

#[test]
fn flow_first_window_leaves_over_the_round_trip_that_the_handshake_took() {
    let most = |rtt_ms: Option<u64>| {
        let mut flow = Flow::<u32>::new(&Config::default(), 1200);
        if let Some(rtt_ms) = rtt_ms {
            flow.on_handshake(ms(0), rtt_ms * 1000);
        }
        assert_eq!(flow.rtt_us(), rtt_ms.map(|it| it * 1000));
        let (mut counter, mut now, mut log) = (0, ms(0), Vec::new());
        loop {
            match flow.allowance(now) {
                Allowance::Packet => {
                    send(&mut flow, now, [counter]);
                    counter += 1;
                    log.push(now);
                }
                Allowance::Paced(at) => {
                    now = at;
                    flow.on_deadline(now, &mut Vec::new());
                }
                Allowance::Congested | Allowance::Probes(_) => break,
            }
        }
        assert_eq!(log.len(), 32);
        let at_once = log.iter().filter(|at| **at == ms(0)).count();
        (at_once, log[31].as_us() / 1000)
    };
    // All leave in a third of the round trip, the first of them at once.
    assert_eq!(most(Some(50)), (9, 12));
    assert_eq!(most(Some(500)), (10, 118));
    assert_eq!(most(None), (10, 23), "as if it were 100 ms");
    let mut flow = measured(&Config::default(), 40);
    flow.on_handshake(ms(50), 10_000);
    assert_eq!(
        flow.rtt_us(),
        Some(40_000),
        "what was measured later counts"
    );
}

#[test]
fn flow_window_grows_only_when_it_was_full() {
    for algorithm in [Algorithm::Model, Algorithm::Cubic] {
        let config = Config { algorithm, ..ten() };
        let mut flow = measured(&config, 40);
        send(&mut flow, ms(40), 1..6);
        tell(&mut flow, ms(80), &[0..6]).0.unwrap();
        assert_eq!(flow.window_bytes(), 12_000, "half of it was not used");
        send(&mut flow, ms(80), 6..16);
        assert_eq!(flow.allowance(ms(81)), Allowance::Congested);
        tell(&mut flow, ms(120), &[0..8]).0.unwrap();
        tell(&mut flow, ms(120), &[0..16]).0.unwrap();
        assert_eq!(flow.window_bytes(), 24_000, "however the answers come");
    }
}

#[test]
fn flow_pacing_refuses_until_its_deadline() {
    let config = Config {
        algorithm: Algorithm::Cubic,
        pacing_gain_percent: 100,
        ..ten()
    };
    let mut flow = measured(&config, 40);
    // A loss ends the doubling: 7 packets in 40 ms are 210,000 bytes a second.
    send(&mut flow, ms(40), 1..5);
    tell(&mut flow, ms(80), &[2..5]).0.unwrap();
    assert_eq!(flow.window_bytes(), 8400);
    assert_eq!(flow.allowance(ms(400)), Allowance::Packet);
    send(&mut flow, ms(400), 5..11);
    tell(&mut flow, ms(401), &[5..11]).0.unwrap();
    assert_eq!(at_once(&mut flow, ms(401), 11), 4, "the bucket holds ten");
    let Allowance::Paced(until) = flow.allowance(ms(401)) else {
        panic!("the bucket is empty");
    };
    assert!(until > ms(401) && until < ms(407), "{until:?}");
    assert_eq!(
        flow.allowance(until),
        Allowance::Paced(until),
        "only the deadline lets go"
    );
    assert_eq!(flow.deadline(), Some(Deadline::new(until, Why::Pacing)));
    flow.on_deadline(until, &mut Vec::new());
    assert_eq!(flow.allowance(until), Allowance::Packet);
}

/// How many packets leave at that time, from a counter on.
fn at_once(flow: &mut Flow<u32>, now: Time, counter: u64) -> u64 {
    let leaves = |counter: &u64| {
        let leaves = flow.allowance(now) == Allowance::Packet;
        send(flow, now, leaves.then_some(*counter));
        leaves
    };
    (counter..).take_while(leaves).count() as u64
}

#[test]
fn flow_bursts_and_bucket_are_in_the_config() {
    let lull = |config: &Config| at_once(&mut Flow::new(config, 1200), ms(0), 0);
    let config = Config {
        algorithm: Algorithm::Cubic,
        window_initial_packets: 1000,
        ..Config::default()
    };
    // 1000 packets twice in 100 ms are 20 a millisecond: four milliseconds' worth comes together,
    // and what is left when the last one goes is worth one.
    assert_eq!(lull(&config), 61);
    let slow = Config {
        pacing_slow_start_percent: 100,
        ..config
    };
    assert_eq!(lull(&slow), 31);
    let slack = Config {
        pacing_slack_us: 8000,
        ..config
    };
    assert_eq!(lull(&slack), 141);
    let burst = Config {
        pacing_burst_us: 2000,
        ..config
    };
    assert_eq!(lull(&burst), 41);
    let bytes = Config {
        pacing_burst_bytes: 12_000,
        ..burst
    };
    assert_eq!(lull(&bytes), 71);
    let least = Config {
        pacing_burst_us: 1,
        pacing_burst_packets_min: 3,
        pacing_slack_us: 0,
        ..config
    };
    assert_eq!(lull(&least), 3);
    let bytes = Config {
        pacing_burst_bytes: 2400,
        ..least
    };
    assert_eq!(lull(&bytes), 2);
}

#[test]
fn flow_sender_of_ranges_only_asks_now_and_then_and_forgets_what_is_too_much() {
    let config = Config {
        ping_every_packets: 5,
        unasked_packets_max: 3,
        ..ten()
    };
    let mut flow = measured(&config, 40);
    for counter in 1..6 {
        assert!(!flow.wants_ping());
        flow.on_sent(ms(50), counter, 60, false, &[counter as u32]);
    }
    assert!(flow.wants_ping() && flow.is_at_rest());
    assert_eq!((flow.bytes_in_flight(), flow.deadline()), (0, None));
    let (progress, fates) = tell(&mut flow, ms(59), &[3..4]);
    assert_eq!((progress.unwrap().sample_us, fates), (None, arrived(&[3])));
    send(&mut flow, ms(60), [6]);
    assert!(!flow.wants_ping());
    let fates = tell(&mut flow, ms(100), &[2..7]).1;
    assert_eq!(fates, [arrived(&[2, 6]), lost(&[1])].concat());
    assert_eq!(
        flow.window_bytes(),
        12_000,
        "ranges that are lost are no congestion"
    );
}

#[test]
fn flow_many_holes_cost_no_walk_over_what_has_its_fate() {
    let config = Config {
        reordering_packets: u16::MAX,
        window_initial_packets: 5000,
        ..Config::default()
    };
    let mut flow = measured(&config, 40);
    send(&mut flow, ms(40), 1..5000);
    let mut fates = Vec::new();
    let all: Vec<_> = (1..5000).filter(|n| n % 2 == 0).map(|n| n..n + 1).collect();
    for end in 1..=all.len() {
        let runs = &all[end.saturating_sub(40)..end];
        with_ranges(runs, 0, |f| {
            flow.on_ranges(ms(41), f, 5000, &mut fates).unwrap()
        });
    }
    assert_eq!(fates.len(), all.len(), "each once");
    assert_eq!(flow.bytes_in_flight(), 1200 * 2500);
    let rest = with_ranges(&[1..5000], 0, |f| {
        flow.on_ranges(ms(42), f, 5000, &mut fates)
    });
    assert_eq!(rest.unwrap().arrived_packets, 2500);
    assert!(flow.is_at_rest() && flow.sending.unwrap().sent.len() == 0);
}
