//! Budgets, held sends, and how long a shell may sleep.

use super::*;
use crate::switch::SentError;

#[test]
fn driver_socket_that_takes_little_loses_and_reorders_nothing() {
    let mut pair = Pair::new(Config::default());
    let line = pair.line();
    let (opened, accepted) = pair.stream(line);
    let data: Vec<u8> = (0..200_000_u32).map(|n| (n / 7) as u8).collect();
    let (mut written, mut read, mut refused) = (0, Vec::new(), 0);
    while read.len() < data.len() {
        pair.now = pair.now.plus_ms(1);
        // What the socket takes in a turn is now and then less than one run of datagrams.
        pair.a.room = if refused % 3 == 2 { 80_000 } else { 3_000 };
        if written < data.len() {
            let switch = pair.a.driver.switch_mut();
            written += switch
                .write(pair.now, opened, &data[written..])
                .unwrap_or(0);
        }
        if pair.a.turn(pair.now, &mut pair.b) == Flushed::Full {
            refused += 1;
            assert!(!pair.a.outbox.is_empty());
            assert!(pair.a.driver.wait(pair.now, Flushed::Full) > 0);
        }
        pair.b.turn(pair.now, &mut pair.a);
        read.extend(pair.read(accepted));
    }
    assert!(read == data);
    assert!(refused > 0);
    assert_eq!(pair.a.driver.switch().stats().packets_lost, 0);
}

#[test]
fn driver_turn_ends_with_its_budget_and_asks_for_another() {
    let config = Config {
        sent_per_turn: 1,
        ..Config::default()
    };
    let mut pair = Pair::new(config);
    let line = pair.line();
    pair.stream(line);
    for _ in 0..4 {
        let stream = pair.a.driver.open_stream(pair.now, line, "{}").unwrap();
        let switch = pair.a.driver.switch_mut();
        switch.write(pair.now, stream, &[1; 4_000]).unwrap();
    }
    let mut turn = pair.a.driver.turn();
    assert_eq!(pair.a.flush(pair.now, &mut turn), Flushed::More);
    assert_eq!(pair.a.wire.len(), 1);
    assert_eq!(pair.a.driver.wait(pair.now, Flushed::More), 0);
    assert!(!turn.may_send() && turn.may_receive());
    assert!(
        !pair
            .a
            .driver
            .outgoing(pair.now, &mut pair.a.outbox, &mut turn)
    );
}

#[test]
fn driver_tells_the_switch_what_failed_and_goes_on() {
    let mut pair = Pair::new(Config::default());
    let line = pair.line();
    pair.a.driver.open_stream(pair.now, line, "{}").unwrap();
    let mut turn = pair.a.driver.turn();
    let End { driver, outbox, .. } = &mut pair.a;
    let flushed = driver.flush(pair.now, outbox, &mut turn, 64, |_, _| {
        Sent::Failed(SentError::Unreachable)
    });
    assert_eq!(flushed, Flushed::Idle);
    assert!(pair.a.driver.switch().stats().sent_errors > 0);
}

#[test]
fn driver_sleeps_until_the_deadline_or_the_clock() {
    let mut pair = Pair::new(Config {
        clock_period_ms: 10_000,
        full_wait_us: 700,
        ..Config::default()
    });
    let line = pair.line();
    pair.until(|pair| pair.a.driver.wait(pair.now, Flushed::Idle) > 100_000);
    let deadline = pair.a.driver.switch().poll_timeout().unwrap();
    let told = Time::from_us(10_000_000);
    let wait = pair.a.driver.wait(pair.now, Flushed::Idle);
    assert_eq!(pair.now.plus_us(wait), deadline.at.min(told));
    pair.a.driver.open_stream(pair.now, line, "{}").unwrap();
    assert_eq!(pair.a.driver.wait(pair.now, Flushed::Idle), 0);
    assert_eq!(pair.a.driver.wait(pair.now, Flushed::Full), 700);
}

#[test]
fn driver_tick_leaves_output_that_waits_alone() {
    let mut pair = Pair::new(Config::default());
    let (now, local, key, address) = (pair.now, pair.a.local, pair.b.key, pair.b.address);
    let switch = pair.a.driver.switch_mut();
    switch.connect(now, local, &key, &[address]).unwrap();
    assert!(switch.poll_timeout().is_some_and(|it| it.at <= now));
    assert!(!switch.is_due(now), "the open waits to be taken");
    while switch.poll_transmit(now, &mut [0; 2000]).is_some() {}
    while switch.poll_event().is_some() {}
    while switch.poll_need().is_some() {}
    let next = switch.poll_timeout().unwrap().at;
    assert!(next > now && !switch.is_due(now) && switch.is_due(next));
}
