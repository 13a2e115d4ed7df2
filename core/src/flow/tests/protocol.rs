//! The worked examples of PROTOCOL.md for ranges, loss and time.

use std::{format, string::String};

use super::*;
use crate::wire::vector::{Vector, Verdict, demand, of_protocol};

/// Counters that rise.
fn rising(vector: &mut Vector, key: &str) -> Result<Vec<u64>, String> {
    let counters: Vec<u64> = vector.list(key)?;
    let rises = counters.windows(2).all(|pair| pair[0] < pair[1]);
    rises
        .then_some(counters)
        .ok_or_else(|| String::from("no such row of counters"))
}

fn text(counters: impl Iterator<Item = u64>) -> String {
    let texts: Vec<String> = counters.map(|counter| format!("{counter}")).collect();
    texts.join(" ")
}

/// Packets that arrive at once, and the ranges that they are answered by.
fn received(vector: &mut Vector) -> Verdict {
    let mut flow: Flow<u32> = Flow::new(&Config::default(), 1200);
    for counter in vector.list("received")? {
        flow.on_received(Time::ZERO, counter, true);
    }
    assert!(flow.ranges_due(Time::ZERO), "there is a gap");
    let now = Time::ZERO.plus_us(vector.one("later_us")?);
    let mut buf = [0; 100];
    let mut writer = Writer::new(&mut buf);
    flow.write_ranges(now, &mut writer);
    let len = writer.len();
    vector.same_bytes("ranges", &buf[..len])
}

/// Packets that were sent, and what becomes of them by one ranges frame.
fn lost(vector: &mut Vector) -> Verdict {
    let mut flow = Flow::new(&Config::default(), 1200);
    let counters = rising(vector, "sent")?;
    let next = counters.last().map_or(0, |last| last + 1);
    send(&mut flow, Time::ZERO, counters);
    let bytes = vector.bytes("ranges")?;
    let Some(Ok(Frame::Ranges(frame))) = Frames::new(&bytes).next() else {
        return Err("no ranges".into());
    };
    let mut told: Vec<u64> = frame.runs().flatten().collect();
    told.sort_unstable();
    vector.same("told", &text(told.into_iter()))?;
    vector.same("delay_us", &frame.delay_us)?;
    let mut fates = Vec::new();
    let progress = flow.on_ranges(ms(40), &frame, next, &mut fates);
    progress.map_err(|error| format!("{error}"))?;
    for (key, fate) in [("arrived", Fate::Arrived), ("lost", Fate::Lost)] {
        let of = fates.iter().filter(|it| it.0 == fate);
        let mut of: Vec<u64> = of.map(|it| u64::from(it.1)).collect();
        of.sort_unstable();
        vector.same(key, &text(of.into_iter()))?;
    }
    Ok(())
}

/// What two round trips make of the estimate and the periods.
fn time(vector: &mut Vector) -> Verdict {
    let config = Config::default();
    let mut rtt = Rtt::new(1);
    let (first, second) = (vector.one("first_us")?, vector.one("second_us")?);
    rtt.on_sample(Time::ZERO, first, 0);
    rtt.on_sample(Time::ZERO, second, vector.one("second_delay_us")?);
    vector.same("smoothed_us", &rtt.smoothed_us())?;
    vector.same("deviation_us", &rtt.variation_us())?;
    vector.same(
        "lost_after_us",
        &rtt.overtaken_us(config.reordering_eighths),
    )?;
    let probe_us = rtt.answer_us() + u64::from(config.ranges_delay_ms) * 1000;
    vector.same("probe_after_us", &probe_us)
}

fn check(vector: &mut Vector) -> Verdict {
    match vector.name.as_str() {
        "flow-received" => received(vector),
        "flow-lost" => lost(vector),
        "flow-time" => time(vector),
        _ => Err("no example is of this name".into()),
    }
}

// S2.82, S2.90
#[test]
fn flow_examples_of_the_protocol_are_true_and_nothing_else_is() {
    let vectors = of_protocol(|kind| kind == "flow");
    assert_eq!(vectors.len(), 3);
    demand(&vectors, check);
}
