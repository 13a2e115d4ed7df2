//! Who is woken, by what, and how often.

use super::*;
use crate::{
    driver::{Wait, Waiters},
    switch::{DownReason, LineEvent, ReadError, WriteError},
};

#[test]
fn waiters_fire_once_and_only_whom_it_concerns() {
    let mut pair = Pair::new(Config::default());
    let line = pair.line();
    let (one, _) = pair.stream(line);
    let (two, _) = pair.stream(line);
    let mut waiters = Waiters::new(&Config::default());
    let (woken, waker) = Woken::new();
    let fired = |waiters: &mut Waiters| {
        let mut fired = Vec::new();
        waiters.take_fired(&mut fired);
        fired.len()
    };
    for wait in [
        Wait::Read(one),
        Wait::Read(one),
        Wait::Write(one),
        Wait::Read(two),
    ] {
        waiters.register(wait, &waker);
    }
    waiters.fire(Wait::Read(one));
    assert_eq!(fired(&mut waiters), 1);
    waiters.fire(Wait::Read(one));
    assert_eq!(fired(&mut waiters), 0);
    waiters.forget(two);
    waiters.register(Wait::Accept, &waker);
    waiters.register(Wait::Room(line), &waker);
    waiters.fire_line(line);
    assert_eq!(fired(&mut waiters), 2);
    waiters.fire_all();
    assert_eq!(fired(&mut waiters), 1);
    assert_eq!(woken.times(), 0);
}

#[test]
fn waiters_too_many_for_one_thing_all_look_again() {
    let mut waiters = Waiters::new(&Config {
        waiters_max: 3,
        ..Config::default()
    });
    let wakers: Vec<_> = (0..4).map(|_| Woken::new().1).collect();
    for waker in &wakers {
        waiters.register(Wait::Accept, waker);
    }
    let mut fired = Vec::new();
    waiters.take_fired(&mut fired);
    assert_eq!(fired.len(), 3);
    waiters.fire(Wait::Accept);
    waiters.take_fired(&mut fired);
    assert_eq!(fired.len(), 4);
}

#[test]
fn waiters_who_come_back_may_be_more_and_do_not_wake_each_other_for_ever() {
    let mut waiters = Waiters::new(&Config {
        waiters_max: 3,
        ..Config::default()
    });
    let tasks: Vec<_> = (0..50).map(|_| Woken::new()).collect();
    for (_, waker) in &tasks {
        waiters.register(Wait::Accept, waker);
    }
    // Each that is woken looks again and finds nothing.
    let mut looks = 0;
    let mut fired = Vec::new();
    loop {
        waiters.take_fired(&mut fired);
        let Some(waker) = fired.pop() else { break };
        looks += 1;
        assert!(looks < 2_000, "they wake each other for ever");
        waiters.register(Wait::Accept, &waker);
    }
    waiters.fire(Wait::Accept);
    waiters.take_fired(&mut fired);
    assert_eq!(fired.len(), 50, "all of them wait");
    // They may all come back; those who never do are not kept.
    for (_, waker) in &tasks {
        waiters.register(Wait::Accept, waker);
    }
    fired.clear();
    for _dropped in 0..1_000 {
        waiters.register(Wait::Accept, &Woken::new().1);
    }
    waiters.take_fired(&mut fired);
    assert!(fired.len() > 900, "{}", fired.len());
}

#[test]
fn driver_wakes_all_who_wait_for_one_thing_where_they_are_more_than_the_config_says() {
    let mut pair = Pair::new(Config {
        waiters_max: 2,
        ..Config::default()
    });
    let waiting: Vec<_> = (0..3).map(|_| Woken::new()).collect();
    for (_, waker) in &waiting {
        assert!(pair.b.driver.poll_accept(waker).is_pending());
    }
    let mut fired = Vec::new();
    pair.b.driver.waiters().take_fired(&mut fired);
    fired.into_iter().for_each(Waker::wake);
    let times: Vec<_> = waiting.iter().map(|(woken, _)| woken.times()).collect();
    assert_eq!(times, [1, 1, 0], "the last one found room again");
}

#[test]
fn driver_tells_the_wall_time_at_once_where_it_steps_as_far_as_the_config_says() {
    let mut end = End::new(
        1,
        Config {
            clock_period_ms: 60_000,
            clock_jump_ms: 300,
            ..Config::default()
        },
    );
    let now = Time::ZERO.plus_ms(10_000);
    let mut wait_us = |step_ms: u64| {
        let wall = Wall::from_ms(1_700_000_010_000 + step_ms);
        end.driver.tick(now, wall);
        end.driver.wait(now, Flushed::Idle)
    };
    assert_eq!(wait_us(299), 50_000_000, "the period goes on");
    assert_eq!(wait_us(300), 60_000_000, "a new one, since it was told");
}

#[test]
fn driver_wakes_readers_writers_and_openers() {
    let mut pair = Pair::new(Config::default());
    let line = pair.line();
    let (accepting, waker) = Woken::new();
    assert!(pair.b.driver.poll_accept(&waker).is_pending());
    let opened = pair.a.driver.open_stream(pair.now, line, "{}").unwrap();
    pair.until(|_| accepting.times() == 1);
    let Poll::Ready(Some(accepted)) = pair.b.driver.poll_accept(&waker) else {
        panic!("woken for nothing");
    };

    let (reading, waker) = Woken::new();
    let read = pair
        .b
        .driver
        .poll_read(pair.now, accepted, &mut [0; 9], &waker);
    assert!(read.is_pending());
    let (writing, waker) = Woken::new();
    while pair
        .a
        .driver
        .poll_write(pair.now, opened, &[7; 65_536], &waker)
        .is_ready()
    {}
    pair.until(|_| reading.times() == 1);
    assert_eq!(writing.times(), 0);
    let mut bytes = 0;
    pair.until(|pair| {
        bytes += pair.read(accepted).len();
        writing.times() == 1
    });
    assert!(bytes > 0);

    let (finished, waker) = Woken::new();
    pair.a.driver.switch_mut().finish(pair.now, opened).unwrap();
    assert!(pair.a.driver.poll_finished(opened, &waker).is_pending());
    pair.until(|pair| {
        pair.read(accepted);
        finished.times() == 1
    });
    assert_eq!(
        pair.a.driver.poll_finished(opened, &waker),
        Poll::Ready(Ok(()))
    );
}

#[test]
fn driver_opener_that_was_blocked_is_woken_when_there_is_room() {
    let mut pair = Pair::new(Config::default());
    let line = pair.line();
    let (waiting, waker) = Woken::new();
    let mut streams = 0_usize;
    while let Poll::Ready(opened) = pair.a.driver.poll_open(pair.now, line, "{}", &waker) {
        let switch = pair.a.driver.switch_mut();
        switch.finish(pair.now, opened.unwrap()).unwrap();
        streams += 1;
        assert!(streams < 1_000_000, "a peer bounds the streams it allows");
    }
    pair.until(|pair| {
        while let Some(stream) = pair.b.driver.accept() {
            let switch = pair.b.driver.switch_mut();
            let _over = switch.finish(pair.now, stream);
            let _over = switch.stop(pair.now, stream, 0);
        }
        waiting.times() > 0
    });
}

#[test]
fn driver_answers_for_streams_that_the_switch_has_forgotten() {
    let mut pair = Pair::new(Config::default());
    let line = pair.line();
    let (opened, accepted) = pair.stream(line);
    let (waiting, waker) = Woken::new();
    assert!(pair.a.driver.poll_head(opened, &waker).is_pending());
    let switch = pair.b.driver.switch_mut();
    switch.reset(pair.now, accepted, 5).unwrap();
    switch.stop(pair.now, accepted, 6).unwrap();
    pair.until(|_| waiting.times() == 1);
    pair.until(|pair| pair.b.driver.switch().status().streams == 0);
    let now = pair.now;
    let driver = &mut pair.a.driver;
    let reset = Poll::Ready(Err(ReadError::Reset(5)));
    assert_eq!(
        driver.poll_head(opened, &waker),
        reset.clone().map_ok(|()| "".into())
    );
    for _ in 0..2 {
        let read = driver.poll_read(now, opened, &mut [0; 9], &waker);
        assert_eq!(read.map_ok(|_| ()), reset);
        let written = driver.poll_write(now, opened, b"x", &waker);
        assert_eq!(written, Poll::Ready(Err(WriteError::Stopped(6))));
    }
    driver.release_stream(opened);
    assert_eq!(driver.stream(opened), None);
}

#[test]
fn driver_line_events_are_bounded_and_the_newest_stay() {
    let mut pair = Pair::new(Config {
        line_events_max: 1,
        ..Config::default()
    });
    let line = pair.line();
    pair.a
        .driver
        .switch_mut()
        .close(pair.now, line, 3, "")
        .unwrap();
    let (waiting, waker) = Woken::new();
    assert!(pair.a.driver.poll_down(line, &waker).is_pending());
    pair.until(|_| waiting.times() == 1);
    assert_eq!(
        pair.a.driver.poll_down(line, &waker),
        Poll::Ready(DownReason::Local)
    );
    let event = pair.a.driver.poll_line_event(&waker);
    assert!(matches!(event, Poll::Ready(LineEvent::Down { .. })));
    assert!(pair.a.driver.poll_line_event(&waker).is_pending());
}

#[test]
fn driver_attempts_on_a_stream_that_is_over_do_not_wait_for_ever() {
    let mut pair = Pair::new(Config::default());
    let line = pair.line();
    let (opened, accepted) = pair.stream(line);
    let now = pair.now;
    pair.a.driver.switch_mut().finish(now, opened).unwrap();
    pair.b.driver.switch_mut().finish(now, accepted).unwrap();
    let mut buf = [0; 8];
    pair.until(|pair| {
        pair.read(accepted);
        let driver = &mut pair.a.driver;
        let read = driver.poll_read(pair.now, opened, &mut buf, Waker::noop());
        read == Poll::Ready(Ok(switch::Read::End)) && driver.switch().status().streams == 0
    });
    assert_eq!(
        pair.a.driver.poll_head(opened, Waker::noop()),
        Poll::Ready(Err(ReadError::UnknownStream))
    );
    let (reset, _) = pair.stream(line);
    let now = pair.now;
    pair.a.driver.switch_mut().reset(now, reset, 1).unwrap();
    pair.a.driver.switch_mut().stop(now, reset, 1).unwrap();
    pair.until(|pair| pair.a.driver.switch().status().streams == 0);
    assert_eq!(
        pair.a.driver.poll_finished(reset, Waker::noop()),
        Poll::Ready(Err(WriteError::UnknownStream))
    );
}

#[test]
fn driver_wakes_who_waits_on_a_stream_that_its_own_side_gives_up() {
    let mut pair = Pair::new(Config::default());
    let line = pair.line();
    let (stream, _) = pair.stream(line);
    let now = pair.now;
    let driver = &mut pair.a.driver;
    let ((writer, writes), (reader, reads)) = (Woken::new(), Woken::new());
    assert!(driver.poll_finished(stream, &writes).is_pending());
    assert!(
        driver
            .poll_read(now, stream, &mut [0; 9], &reads)
            .is_pending()
    );
    assert_eq!(driver.reset(now, stream, 5), Ok(()));
    assert_eq!(driver.stop(now, stream, 6), Ok(()));
    let mut fired = Vec::new();
    driver.waiters().take_fired(&mut fired);
    fired.into_iter().for_each(Waker::wake);
    assert_eq!((writer.times(), reader.times()), (1, 1));
    let finished = driver.poll_finished(stream, &writes);
    assert_eq!(finished, Poll::Ready(Err(WriteError::Finished)));
    let read = driver.poll_read(now, stream, &mut [0; 9], &reads);
    assert_eq!(read, Poll::Ready(Err(ReadError::UnknownStream)));
}
