#![allow(
    clippy::single_range_in_vec_init,
    reason = "one run of counters is a list of runs"
)]

mod journey;
mod link;
mod protocol;
mod receiving;
mod sending;
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
    let mut flow = Flow::new(config, Time::ZERO);
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
    let size = size_of::<Flow<[u64; 3]>>();
    std::println!("a Flow takes {size} bytes");
    assert!(size <= 768, "{size} bytes");
}

#[test]
fn flow_config_goes_through_serde() {
    let config = Config {
        packet_bytes: 1400,
        ..Config::default()
    };
    let text = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), config);
}
