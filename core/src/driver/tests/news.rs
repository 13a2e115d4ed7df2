//! What a shell without tasks is told: everything once, in its order, and no more of it than there
//! is to look at.

use super::*;
use crate::{
    driver::News,
    switch::{LineEvent, OpenError, Read, ReadError, WriteError},
};

/// A pair of which both ends are told.
fn told() -> Pair {
    let mut pair = Pair::new(Config::default());
    pair.a.driver.tell_news();
    pair.b.driver.tell_news();
    pair
}

fn all(end: &mut End) -> Vec<News> {
    core::iter::from_fn(|| end.driver.next_news()).collect()
}

fn settle(pair: &mut Pair) {
    let end = pair.now.plus_ms(200);
    pair.until(|pair| pair.now >= end);
}

fn is_up(news: &News) -> bool {
    matches!(news, News::Line(LineEvent::Up { .. }))
}

#[test]
fn driver_news_come_in_their_order_and_once() {
    let mut pair = told();
    let line = pair.line();
    let (near, far) = pair.stream(line);
    for data in [b"one", b"two"] {
        pair.a
            .driver
            .switch_mut()
            .write(pair.now, near, data)
            .unwrap();
        settle(&mut pair);
        assert_eq!(pair.read(far), data);
    }
    let news = all(&mut pair.b);
    assert!(is_up(&news[0]), "{news:?}");
    let rest: Vec<_> = news[1..]
        .iter()
        .filter(|news| !matches!(news, News::Line(_) | News::Need))
        .collect();
    assert_eq!(rest, [&News::Accept, &News::Readable(far)]);
    assert!(all(&mut pair.b).is_empty());
    pair.b
        .driver
        .switch_mut()
        .answer(pair.now, far, "{}")
        .unwrap();
    pair.b.driver.switch_mut().finish(pair.now, far).unwrap();
    all(&mut pair.a);
    settle(&mut pair);
    assert_eq!(
        all(&mut pair.a),
        [News::Answered(near), News::Readable(near)]
    );
    assert_eq!(all(&mut pair.b), [News::Finished(far)]);
}

#[test]
fn driver_does_not_sleep_while_there_is_news() {
    let mut pair = told();
    let line = pair.line();
    settle(&mut pair);
    for end in [&mut pair.a, &mut pair.b] {
        assert!(end.driver.has_news());
        assert_eq!(end.driver.wait(pair.now, Flushed::Idle), 0);
        all(end);
        assert!(!end.driver.has_news());
        assert!(end.driver.wait(pair.now, Flushed::Idle) > 0);
    }
    assert!(pair.a.driver.line(line).is_some());
}

#[test]
fn driver_news_of_a_stream_carry_the_codes() {
    let mut pair = told();
    let line = pair.line();
    let (near, far) = pair.stream(line);
    settle(&mut pair);
    all(&mut pair.b);
    pair.a
        .driver
        .switch_mut()
        .write(pair.now, near, b"lost")
        .unwrap();
    pair.a.driver.reset(pair.now, near, 7).unwrap();
    pair.a.driver.stop(pair.now, near, 9).unwrap();
    settle(&mut pair);
    let news = all(&mut pair.b);
    for expected in [
        News::Reset {
            stream: far,
            code: 7,
        },
        News::Stopped {
            stream: far,
            code: 9,
        },
    ] {
        let times = news.iter().filter(|news| **news == expected).count();
        assert_eq!(times, 1, "{news:?}");
    }
    let told = |news: &&News| matches!(news, News::Reset { .. } | News::Stopped { .. });
    let local = (pair.now, line);
    pair.b
        .driver
        .switch_mut()
        .close(local.0, far.line, 0, "")
        .unwrap();
    assert_eq!(local.1, line);
    settle(&mut pair);
    let news = all(&mut pair.b);
    assert_eq!(news.iter().filter(told).count(), 0, "{news:?}");
}

#[test]
fn driver_news_of_a_line_that_is_no_more_reach_its_streams() {
    let mut pair = told();
    let line = pair.line();
    let (one, _) = pair.stream(line);
    let (two, far) = pair.stream(line);
    pair.a.driver.release_stream(one);
    settle(&mut pair);
    all(&mut pair.a);
    let code = (5, "enough");
    let switch = pair.b.driver.switch_mut();
    switch.close(pair.now, far.line, code.0, code.1).unwrap();
    settle(&mut pair);
    let news = all(&mut pair.a);
    let down = |news: &&News| matches!(news, News::Line(LineEvent::Down { .. }));
    assert_eq!(news.iter().filter(down).count(), 1, "{news:?}");
    for expected in [News::Readable(two), News::Writable(two)] {
        let times = news.iter().filter(|news| **news == expected).count();
        assert_eq!(times, 1, "{news:?}");
    }
    assert_eq!(news.len(), 3, "{news:?}");
    let mut buf = [0; 8];
    let (driver, waker) = (&mut pair.a.driver, Waker::noop());
    let read = driver.poll_read(pair.now, two, &mut buf, waker);
    assert!(matches!(read, Poll::Ready(Err(ReadError::LineDown(_)))));
    let written = driver.poll_write(pair.now, two, b"x", waker);
    assert!(matches!(written, Poll::Ready(Err(WriteError::LineDown(_)))));
}

#[test]
fn driver_tells_nothing_of_a_direction_that_was_over_before_its_line() {
    let mut pair = told();
    let line = pair.line();
    let (near, far) = pair.stream(line);
    pair.a.driver.switch_mut().finish(pair.now, near).unwrap();
    pair.b.driver.switch_mut().finish(pair.now, far).unwrap();
    settle(&mut pair);
    let read = |end: &mut End, now, stream| {
        let read = end
            .driver
            .poll_read(now, stream, &mut [0; 8], Waker::noop());
        assert!(matches!(read, Poll::Ready(Ok(Read::End))));
    };
    read(&mut pair.a, pair.now, near);
    read(&mut pair.b, pair.now, far);
    settle(&mut pair);
    all(&mut pair.a);
    all(&mut pair.b);
    let closed = pair.b.driver.switch_mut().close(pair.now, far.line, 0, "");
    closed.unwrap();
    settle(&mut pair);
    for end in [&mut pair.a, &mut pair.b] {
        let news = all(end);
        let of_streams = |news: &&News| matches!(news, News::Readable(_) | News::Writable(_));
        assert_eq!(news.iter().filter(of_streams).count(), 0, "{news:?}");
    }
}

#[test]
fn driver_tells_that_there_is_room_after_there_was_none() {
    let mut pair = told();
    let line = pair.line();
    let mut streams = Vec::new();
    let refused = loop {
        match pair.a.driver.open_stream(pair.now, line, "{}") {
            Ok(stream) => streams.push(stream),
            Err(error) => break error,
        }
    };
    assert_eq!(refused, OpenError::Blocked);
    settle(&mut pair);
    let kept = streams.remove(0);
    let far = pair.b.driver.accept().unwrap();
    for stream in streams {
        pair.a.driver.reset(pair.now, stream, 0).unwrap();
        pair.a.driver.stop(pair.now, stream, 0).unwrap();
    }
    while let Some(stream) = pair.b.driver.accept() {
        let _over = pair.b.driver.reset(pair.now, stream, 0);
        let _over = pair.b.driver.stop(pair.now, stream, 0);
    }
    settle(&mut pair);
    let news = all(&mut pair.a);
    assert!(news.contains(&News::MayOpen(line)), "{news:?}");
    let full = loop {
        let written = pair
            .a
            .driver
            .switch_mut()
            .write(pair.now, kept, &[0; 65_536]);
        if let Err(error) = written {
            break error;
        }
        settle(&mut pair);
    };
    assert_eq!(full, WriteError::Blocked);
    all(&mut pair.a);
    let mut news = Vec::new();
    pair.until(|pair| {
        pair.read(far);
        news.append(&mut all(&mut pair.a));
        news.contains(&News::Writable(kept))
    });
}

/// Nobody takes any news, and the peer does what it can to make more of it.
#[test]
fn driver_news_that_nobody_takes_are_bounded_by_what_is_held() {
    const EVENTS: u32 = 4;
    let mut pair = Pair::new(Config {
        line_events_max: EVENTS,
        ..Config::default()
    });
    pair.b.driver.tell_news();
    for _ in 0..5 {
        let line = pair.line();
        for code in 0..20 {
            let (near, far) = pair.stream(line);
            pair.a
                .driver
                .switch_mut()
                .write(pair.now, near, b"x")
                .unwrap();
            settle(&mut pair);
            if code % 2 == 0 {
                pair.a.driver.reset(pair.now, near, code).unwrap();
            } else {
                assert!(matches!(
                    pair.b
                        .driver
                        .poll_read(pair.now, far, &mut [0; 8], Waker::noop()),
                    Poll::Ready(Ok(Read::Bytes(1)))
                ));
                pair.b.driver.switch_mut().finish(pair.now, far).unwrap();
            }
            settle(&mut pair);
            pair.b.driver.release_stream(far);
            pair.b.driver.release(pair.now, far.line);
            pair.a.driver.release_stream(near);
        }
        pair.a
            .driver
            .switch_mut()
            .close(pair.now, line, 0, "")
            .unwrap();
        settle(&mut pair);
        pair.a.driver.release(pair.now, line);
    }
    // What may be there besides: streams to accept, and things to keep.
    let news = all(&mut pair.b);
    assert!(news.len() <= EVENTS as usize + 2, "{news:?}");
}

#[test]
fn driver_news_end_with_the_end() {
    let mut pair = told();
    pair.line();
    settle(&mut pair);
    all(&mut pair.b);
    pair.b.driver.shut_down(pair.now, 10_000_000);
    pair.until(|pair| pair.b.driver.is_over(pair.now, Flushed::Idle));
    pair.b.driver.fire_all();
    let news = all(&mut pair.b);
    let down = |news: &News| matches!(news, News::Line(LineEvent::Down { .. }));
    assert!(news.iter().any(down), "{news:?}");
    assert_eq!(news.last(), Some(&News::Ended));
}
