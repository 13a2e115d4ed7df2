#![allow(
    clippy::single_range_in_vec_init,
    reason = "one run of counters is a list of runs"
)]

mod bottleneck;
mod journey;
mod link;
mod model;
mod protocol;
mod receiving;
mod sending;
mod sizes;
mod world;

use alloc::vec::Vec;
use core::ops::Range;

use super::*;
use crate::{
    base::Ranges,
    wire::frame::{Frame, Frames},
};

/// The seed of the random tests: from the environment, so that a failure can be repeated.
fn seed() -> u64 {
    let seed = std::env::var("HYDROID_SEED").map_or(0x48_59_44, |text| {
        text.parse().expect("HYDROID_SEED is a number")
    });
    std::println!("HYDROID_SEED={seed}");
    seed
}

fn ms(ms: u64) -> Time {
    Time::ZERO.plus_ms(ms)
}

/// A window of ten packets at first.
fn ten() -> Config {
    Config {
        window_initial_packets: 10,
        ..Config::default()
    }
}

/// Shows a ranges frame that went through its bytes.
fn with_ranges<T>(
    runs: &[Range<u64>],
    delay_us: u64,
    then: impl FnOnce(&RangesFrame<'_>) -> T,
) -> T {
    let mut set = Ranges::new();
    for run in runs {
        set.insert(run.clone());
    }
    let mut buf = [0; 2000];
    let mut writer = Writer::new(&mut buf);
    assert!(writer.ranges(&set, delay_us, 1000));
    let len = writer.len();
    match Frames::new(&buf[..len]).next() {
        Some(Ok(Frame::Ranges(frame))) => then(&frame),
        other => panic!("no ranges but {other:?}"),
    }
}

type Told = (Result<Progress, RangesOfUnsent>, Vec<(Fate, u32)>);

/// Tells `flow` that the peer has these counters; the line is at counter 1000.
fn tell(flow: &mut Flow<u32>, now: Time, runs: &[Range<u64>]) -> Told {
    let mut fates = Vec::new();
    let progress = with_ranges(runs, 0, |f| flow.on_ranges(now, f, 1000, &mut fates));
    (progress, fates)
}

/// Sends packets of 1200 bytes whose one record is their counter.
fn send(flow: &mut Flow<u32>, now: Time, counters: impl IntoIterator<Item = u64>) {
    for counter in counters {
        flow.on_sent(now, counter, 1200, true, &[counter as u32]);
    }
}

/// A path whose round trip is `rtt_ms`, measured once with counter 0, at rest at that time.
fn measured(config: &Config, rtt_ms: u64) -> Flow<u32> {
    let mut flow = Flow::new(config, 1200);
    send(&mut flow, Time::ZERO, [0]);
    let (progress, _) = tell(&mut flow, ms(rtt_ms), &[0..1]);
    assert_eq!(progress.map(|p| p.sample_us), Ok(Some(rtt_ms * 1000)));
    flow
}

fn lost(counters: &[u32]) -> Vec<(Fate, u32)> {
    counters.iter().map(|n| (Fate::Lost, *n)).collect()
}

fn arrived(counters: &[u32]) -> Vec<(Fate, u32)> {
    counters.iter().map(|n| (Fate::Arrived, *n)).collect()
}

#[test]
fn flow_at_rest_is_small() {
    // The largest record that a switch keeps.
    let mut flow = Flow::<[u64; 3]>::new(&ten(), 1200);
    flow.on_received(ms(0), 4, true);
    flow.on_received(ms(0), 7, true);
    flow.on_sent(ms(0), 0, 1200, true, &[[0; 3]; 9]);
    let before = flow.clone();
    flow.rest();
    assert_eq!(flow.bytes_in_flight(), before.bytes_in_flight());
    let mut fates = Vec::new();
    with_ranges(&[0..1], 0, |f| flow.on_ranges(ms(1), f, 1, &mut fates)).unwrap();
    assert!(
        flow.write_ranges(ms(1), &mut Writer::new(&mut [0; 60]))
            .is_some()
    );
    flow.rest();
    let size = size_of_val(&flow) + flow.received.heap_bytes();
    std::println!("a Flow takes {size} bytes");
    assert!(size <= 320, "{size} bytes");
    assert!(flow.sending.is_none() && flow.received.counters().runs() == 1);
    assert_eq!(flow.rtt_us(), Some(1000), "the round trip stays");
    // The next packet makes it again.
    assert_eq!(flow.allowance(ms(9)), Allowance::Packet);
    flow.on_sent(ms(9), 1, 1200, true, &[[1; 3]]);
    let told = with_ranges(&[1..2], 0, |f| flow.on_ranges(ms(10), f, 2, &mut fates));
    assert_eq!(told.unwrap().arrived_packets, 1);
}

#[test]
fn flow_counts_in_the_packet_size_that_the_path_has() {
    for (algorithm, window) in [(Algorithm::Cubic, 12_000), (Algorithm::Model, 12_000)] {
        let config = Config {
            algorithm,
            window_min_packets: 4,
            ..ten()
        };
        let mut flow = Flow::<u32>::new(&config, 1200);
        flow.set_packet_bytes(9000);
        assert_eq!(flow.window_bytes(), 90_000, "nothing was sent yet");
        let mut flow = Flow::<u32>::new(&config, 1200);
        send(&mut flow, ms(0), [0]);
        assert_eq!(flow.window_bytes(), window);
        flow.set_packet_bytes(9000);
        assert_eq!(flow.window_bytes(), 36_000, "no less than four packets");
        assert_eq!(flow.allowance(ms(0)), Allowance::Packet);
        flow.on_sent(ms(0), 1, 9000, true, &[]);
        flow.on_sent(ms(0), 2, 9000, true, &[]);
        flow.on_sent(ms(0), 3, 9000, true, &[]);
        assert_eq!(
            flow.allowance(ms(0)),
            Allowance::Congested,
            "no full packet"
        );
    }
}

#[test]
fn flow_config_goes_through_serde() {
    let config = Config {
        size_losses: 7,
        ..Config::default()
    };
    let text = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), config);
}
