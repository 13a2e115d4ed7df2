//! Streams between two endpoints of one loop.

mod pair;

use std::io::{self, Read as _, Write as _};

use hydroid_mio::{
    Config, Event, Stream, driver,
    switch::{OpenError, ReadError, WriteError},
};

use pair::{Member, World, content, inside, would_block};

/// Writes what is left of `data`, then the end; reads what has come. True once both are done.
fn pump(stream: &mut Stream, data: &mut &[u8], got: &mut Vec<u8>) -> bool {
    while !data.is_empty() {
        match stream.write(data) {
            Ok(written) => *data = &data[written..],
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}");
                break;
            }
        }
    }
    if data.is_empty() {
        stream.finish().expect("the line works");
    }
    let read = match stream.read_to_end(got) {
        Ok(_) => true,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
        Err(error) => panic!("{error}"),
    };
    read && data.is_empty()
}

#[test]
fn stream_a_mebibyte_each_way_at_once_with_heads() {
    const BYTES: usize = 1 << 20;
    let mut world = World::pair();
    let line = world.line(0, 1);
    let (mut near, mut far) = world.stream(&line, 1);
    assert_eq!(near.head(), None);
    assert!(would_block(near.peer_head()));
    far.answer(r#"{"yes":2}"#).unwrap();
    let (there, back) = (content(BYTES, 1), content(BYTES, 2));
    let (mut left, mut left_back) = (&there[..], &back[..]);
    let (mut got, mut got_back) = (Vec::new(), Vec::new());
    let mut head = None;
    world.until(|_| {
        // A stream that is over and read is forgotten, and its head with it.
        head = head.take().or_else(|| near.peer_head().ok());
        let near = pump(&mut near, &mut left, &mut got_back);
        let far = pump(&mut far, &mut left_back, &mut got);
        (near && far).then_some(())
    });
    assert!(got == there && got_back == back);
    assert_eq!(head.as_deref(), Some(r#"{"yes":2}"#));
    assert_eq!(near.head().as_deref(), Some(r#"{"yes":2}"#));
    let id = near.id();
    assert!(world.members[0].saw(|event| *event == Event::Answered(id)));
    world.wait(|_| near.finished()).unwrap();
    assert!(line.rtt().is_some() && near.peer() == line.peer());
}

/// A program that acts on what it is told alone: no event is missed, whatever would block.
#[test]
fn stream_events_alone_carry_it_through() {
    const BYTES: usize = 3 << 20;
    let mut world = World::pair();
    let line = world.line(0, 1);
    let (mut near, mut far) = world.stream(&line, 1);
    let data = content(BYTES, 3);
    let (mut left, mut got) = (&data[..], Vec::new());
    let (writable, readable) = (Event::Writable(near.id()), Event::Readable(far.id()));
    let finished = Event::Finished(near.id());
    let mut is_writable = true;
    world.members[0].events.clear();
    let done = world.until(|members| {
        is_writable |= members[0].saw(|event| *event == writable);
        while is_writable && !left.is_empty() {
            match near.write(left) {
                Ok(written) => left = &left[written..],
                Err(error) => is_writable = error.kind() != io::ErrorKind::WouldBlock,
            }
            if left.is_empty() {
                near.finish().unwrap();
            }
        }
        if members[1].saw(|event| *event == readable) && far.read_to_end(&mut got).is_ok() {
            assert!(got == data);
        }
        members[0]
            .saw(|event| *event == finished)
            .then_some(got.len())
    });
    assert_eq!(done, BYTES);
}

#[test]
fn stream_half_close_leaves_the_other_direction_open() {
    let mut world = World::pair();
    let line = world.line(0, 1);
    let (mut near, mut far) = world.stream(&line, 1);
    near.write_all(b"question").unwrap();
    near.finish().unwrap();
    near.finish().unwrap();
    assert_eq!(world.read(&mut far).unwrap(), b"question");
    world.wait(|_| near.finished()).unwrap();
    let error = near.write(b"more").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    far.write_all(b"answer").unwrap();
    far.flush().unwrap();
    far.finish().unwrap();
    assert_eq!(world.read(&mut near).unwrap(), b"answer");
    assert_eq!(near.read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn stream_codes_of_reset_and_stop_arrive_as_events_and_as_errors() {
    let mut world = World::pair();
    let line = world.line(0, 1);
    let (mut near, mut far) = world.stream(&line, 1);
    let stream = far.id();
    near.set_priority(5).unwrap();
    near.reset(7);
    let error = world.read(&mut far).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(inside(&error), Some(ReadError::Reset(7)));
    near.stop(9);
    let error = loop {
        if let Err(error) = world.write(&mut far, &[0; 4096]) {
            break error;
        }
    };
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(inside(&error), Some(WriteError::Stopped(9)));
    for (event, code) in [
        (Event::Reset { stream, code: 7 }, 7),
        (Event::Stopped { stream, code: 9 }, 9),
    ] {
        let saw = world.members[1].saw(|other| *other == event);
        assert!(saw, "{code}: {:?}", world.members[1].events);
    }
}

#[test]
fn stream_waiting_for_an_answer_learns_of_the_reset() {
    let mut world = World::pair();
    let line = world.line(0, 1);
    let (mut near, mut far) = world.stream(&line, 1);
    far.reset(3);
    let error = world.wait(|_| near.peer_head()).unwrap_err();
    assert_eq!(inside(&error), Some(ReadError::Reset(3)));
    let error = near.answer("{}").unwrap_err();
    assert_eq!(inside(&error), Some(WriteError::IllegalHead));
}

#[test]
fn stream_halves_live_alone_and_one_that_is_dropped_tells_the_peer() {
    let mut world = World::pair();
    let line = world.line(0, 1);
    let (near, far) = world.stream(&line, 1);
    let (mut reader, mut writer) = near.split();
    drop(far);
    let error = world.wait(|_| reader.read(&mut [0; 8])).unwrap_err();
    assert_eq!(inside(&error), Some(ReadError::Reset(0)));
    let error = world.wait(|_| writer.stopped()).unwrap_err();
    assert_eq!(inside(&error), Some(WriteError::Stopped(0)));
    drop((reader, writer));
    world.until(|members| {
        let streams = members.iter().map(|one| one.endpoint.status().streams);
        (streams.sum::<usize>() == 0).then_some(())
    });
}

#[test]
fn stream_thousands_of_small_ones_wait_for_room_and_come_through() {
    const STREAMS: usize = 1_500;
    let mut world = World::pair();
    let line = world.line(0, 1);
    let question = content(100, 1);
    let (mut opened, mut asking, mut served) = (0, Vec::new(), Vec::new());
    let (mut answered, mut blocked) = (0, 0);
    world.until(|members| {
        while opened < STREAMS {
            match line.open_stream("{}") {
                Ok(stream) => asking.push((stream, &question[..], Vec::new())),
                Err(error) => {
                    assert_eq!(inside(&error), Some(OpenError::Blocked));
                    blocked += 1;
                    break;
                }
            }
            opened += 1;
        }
        let accepted = std::iter::from_fn(|| members[1].endpoint.accept());
        served.extend(accepted.map(|stream| (stream, Vec::new())));
        served.retain_mut(|(stream, bytes): &mut (Stream, Vec<u8>)| {
            let read = stream.read_to_end(bytes);
            if read.is_ok() {
                stream.write_all(bytes).unwrap();
                stream.finish().unwrap();
            }
            read.is_err()
        });
        asking.retain_mut(|(stream, left, got)| {
            let done = pump(stream, left, got);
            if done {
                assert_eq!(*got, question);
                answered += 1;
            }
            !done
        });
        (answered == STREAMS).then_some(())
    });
    assert!(blocked > 0, "there was always room");
}

#[test]
fn stream_opened_by_nobody_who_cares_is_refused_beyond_the_bound() {
    let driver = driver::Config {
        accept_max: 1,
        refused_code: 77,
        ..Default::default()
    };
    let b = Member::with(Config {
        driver,
        ..Config::default()
    });
    let mut world = World::new([Member::new(), b]);
    let line = world.line(0, 1);
    let _first = line.open_stream("{}").unwrap();
    let mut second = line.open_stream("{}").unwrap();
    let error = world.read(&mut second).unwrap_err();
    assert_eq!(inside(&error), Some(ReadError::Reset(77)));
    assert!(world.members[1].endpoint.accept().is_some());
    assert!(world.members[1].endpoint.accept().is_none());
}
