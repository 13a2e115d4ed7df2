//! What the size of packets has to do with the window.

use super::*;

const SIZES: Sizes = Sizes {
    base: 1_200,
    most: 65_507,
    headers: 28,
};

/// A path that was found to carry Ethernet's, after one round trip of 40 ms.
fn found(algorithm: Algorithm) -> Flow<u32> {
    let config = Config {
        algorithm,
        ..Config::default()
    };
    let mut flow = measured(&config, 40);
    flow.set_sizes(SIZES, Some(1_472));
    flow
}

fn send_full(flow: &mut Flow<u32>, now: Time, counters: Range<u64>) {
    for counter in counters {
        let bytes = flow.packet_bytes();
        flow.on_sent(now, counter, bytes, true, &[counter as u32]);
    }
}

#[test]
fn flow_size_that_falls_is_no_excuse_for_a_congestion() {
    let mut flow = found(Algorithm::Cubic);
    send_full(&mut flow, ms(50), 1..21);
    tell(&mut flow, ms(90), &[1..13]).0.unwrap();
    let before = flow.window_bytes();
    // The rest of the window is gone, and only what looks for it arrives.
    send(&mut flow, ms(200), [21]);
    let (progress, _) = tell(&mut flow, ms(240), &[21..22]);
    assert_eq!(progress.unwrap().lost_packets, 8);
    assert_eq!(flow.packet_bytes(), 1_200, "they may have been too large");
    assert_eq!(flow.window_bytes(), before * 7 / 10, "or too many");
}

#[test]
fn flow_size_that_falls_is_no_excuse_for_a_persistent_congestion() {
    for (algorithm, packets) in [(Algorithm::Model, 4), (Algorithm::Cubic, 2)] {
        let mut flow = found(algorithm);
        send_full(&mut flow, ms(50), 1..11);
        for (counter, at) in [(11, 200), (12, 500), (13, 1_100), (14, 2_000)] {
            send(&mut flow, ms(at), [counter]);
        }
        let (progress, _) = tell(&mut flow, ms(2_200), &[14..15]);
        assert_eq!(progress.unwrap().lost_packets, 13);
        assert_eq!(flow.packet_bytes(), 1_200);
        assert_eq!(flow.window_bytes(), packets * 1_200, "{algorithm:?}");
        // The path may be another one: the shortest round trip is that of now.
        assert_eq!(flow.rtt().minimum_us(), Some(200_000));
    }
}

/// A path whose window has room for 32 KiB at most, and which carries everything.
fn narrow(algorithm: Algorithm) -> Flow<u32> {
    let config = Config {
        algorithm,
        window_max_bytes: 32 << 10,
        ..Config::default()
    };
    let mut flow = measured(&config, 40);
    flow.set_sizes(SIZES, None);
    flow
}

#[test]
fn flow_size_beyond_the_window_leaves_room_for_one_packet() {
    for algorithm in [Algorithm::Model, Algorithm::Cubic] {
        let mut flow = narrow(algorithm);
        send(&mut flow, ms(50), [1]);
        tell(&mut flow, ms(90), &[1..2]).0.unwrap();
        flow.set_packet_bytes(u16::MAX);
        assert!(flow.window_bytes() <= 32 << 10);
        assert_ne!(flow.allowance(ms(500)), Allowance::Congested);
        send(&mut flow, ms(500), [2]);
        assert_eq!(flow.allowance(ms(900)), Allowance::Congested, "not two");
    }
}

#[test]
fn flow_size_is_not_tried_where_the_window_has_no_room_for_a_few() {
    for algorithm in [Algorithm::Model, Algorithm::Cubic] {
        let mut flow = narrow(algorithm);
        send_full(&mut flow, ms(50), 1..17);
        tell(&mut flow, ms(90), &[1..17]).0.unwrap();
        for counter in 17..30 {
            let Some(bytes) = flow.size_probe_due(ms(100)) else {
                break;
            };
            flow.on_size_probe_sent(ms(100), counter, bytes);
            tell(&mut flow, ms(140), &[counter..counter + 1]).0.unwrap();
        }
        // Who gets every second packet answers at once.
        assert_eq!(flow.packet_bytes(), 8 << 10, "{algorithm:?}");
    }
}
