//! The life of a stream, told by its effects.

use super::*;

// S2.11, S2.25, S2.49, S2.57, S2.75, S2.78
#[test]
fn stream_is_opened_answered_used_and_freed() {
    let (mut a, mut b, id) = opened();
    assert_eq!((id, b.streams.head(id)), (6, Some(HEAD)));
    assert_eq!(a.streams.head(id), None);
    b.streams.answer(id, r#"{"ok":true}"#).unwrap();
    write(&mut b, id, b"hello");
    pump(&mut a, &mut b);
    assert_eq!(
        a.effects(),
        [Effect::Answered { id }, Effect::Readable { id }]
    );
    assert_eq!(a.streams.head(id), Some(r#"{"ok":true}"#));
    assert_eq!(a.read(id, 3).unwrap(), b"hel");
    assert_eq!(a.read(id, 3).unwrap(), b"lo");
    assert_eq!(a.read(id, 3), Err(ReadError::Blocked));
    write(&mut a, id, b"bye");
    a.streams.finish(id).unwrap();
    assert!(!a.streams.is_settled());
    assert_eq!(a.streams.write(id, b"more"), Err(WriteError::Finished));
    b.streams.finish(id).unwrap();
    pump(&mut a, &mut b);
    assert!(a.streams.is_settled());
    assert_eq!(
        a.effects(),
        [Effect::Finished { id }, Effect::Readable { id }]
    );
    assert_eq!(
        b.effects(),
        [Effect::Readable { id }, Effect::Finished { id }]
    );
    assert_eq!(a.read(id, 9).unwrap(), b"");
    assert_eq!(
        (b.read(id, 9).unwrap(), b.read(id, 9).unwrap()),
        (b"bye".to_vec(), Vec::new())
    );
    assert!(a.streams.is_empty() && b.streams.is_empty());
    assert_eq!(a.read(id, 9), Err(ReadError::UnknownStream));
    assert_eq!(b.streams.write(id, b""), Err(WriteError::UnknownStream));
}

#[test]
fn stream_of_the_larger_hashname_is_odd() {
    let (mut a, mut b) = ends(&Config::default());
    assert_eq!(
        [b.streams.open("").unwrap(), b.streams.open("").unwrap()],
        [17, 19]
    );
    assert_eq!(b.streams.next_number(), 10);
    pump(&mut a, &mut b);
    assert_eq!(
        a.effects(),
        [Effect::Opened { id: 17 }, Effect::Opened { id: 19 }]
    );
    assert_eq!(a.streams.head(17), Some(""));
}

#[test]
fn stream_without_a_byte_begins_and_ends() {
    let (mut a, mut b) = ends(&Config::default());
    let id = a.streams.open("").unwrap();
    a.streams.finish(id).unwrap();
    assert_eq!(
        a.pack(100).plain,
        [4, 6, 0, 2, 0, 0],
        "the end goes with the head"
    );
    let (mut a, id) = (End::new(&Config::default(), true), id);
    a.streams.open("").unwrap();
    a.streams.finish(id).unwrap();
    pump(&mut a, &mut b);
    assert_eq!(
        b.effects(),
        [Effect::Opened { id }, Effect::Readable { id }]
    );
    assert_eq!(b.read(id, 9).unwrap(), b"");
    b.streams.finish(id).unwrap();
    pump(&mut a, &mut b);
    assert_eq!(
        a.effects(),
        [
            Effect::Finished { id },
            Effect::Answered { id },
            Effect::Readable { id }
        ]
    );
    assert_eq!(
        a.streams.head(id),
        Some(""),
        "who ends without an answer sends an empty head"
    );
    assert_eq!(a.read(id, 9).unwrap(), b"");
    assert!(a.streams.is_empty() && b.streams.is_empty());
}

#[test]
fn stream_end_goes_alone_where_the_bytes_have_gone() {
    let (mut a, mut b, id) = opened();
    write(&mut a, id, b"all");
    pump(&mut a, &mut b);
    assert_eq!(b.effects(), [Effect::Readable { id }]);
    assert_eq!(b.read(id, 9).unwrap(), b"all");
    assert_eq!(b.read(id, 9), Err(ReadError::Blocked));
    a.streams.finish(id).unwrap();
    let packet = a.pack(100);
    let top = 2 + HEAD.len() as u64 + 3;
    let frame = Frame::Stream {
        id,
        offset: top,
        data: b"",
        end: true,
    };
    assert_eq!(Frames::new(&packet.plain).next(), Some(Ok(frame)));
    assert!(!a.streams.has_output());
    a.lost(&packet);
    assert!(a.streams.has_output());
    pump(&mut a, &mut b);
    assert_eq!(b.effects(), [Effect::Readable { id }]);
    assert_eq!(a.effects(), [Effect::Finished { id }]);
}

#[test]
fn stream_answer_is_given_once_and_first() {
    let (mut a, mut b, id) = opened();
    assert_eq!(a.streams.answer(id, "{}"), Err(WriteError::IllegalHead));
    assert_eq!(b.streams.answer(id, "[]"), Err(WriteError::IllegalHead));
    write(&mut b, id, b"");
    b.streams.answer(id, "{}").unwrap();
    assert_eq!(b.streams.answer(id, "{}"), Err(WriteError::IllegalHead));
    let other = a.streams.open("").unwrap();
    pump(&mut a, &mut b);
    write(&mut b, other, b"x");
    assert_eq!(b.streams.answer(other, "{}"), Err(WriteError::IllegalHead));
    let long = std::format!(r#"{{"a":"{}"}}"#, "x".repeat(8192));
    assert_eq!(a.streams.open(&long), Err(OpenError::IllegalHead));
    assert_eq!(a.streams.open("no"), Err(OpenError::IllegalHead));
}

#[test]
fn stream_opens_with_a_higher_one_and_is_told_with_its_head() {
    let (mut a, mut b) = ends(&Config::default());
    for _ in 0..3 {
        a.streams.open("").unwrap();
    }
    b.bytes(10, 0, b"\0\0", false).unwrap();
    assert_eq!(b.effects(), [Effect::Opened { id: 10 }]);
    assert_eq!(b.streams.count(), 1, "those below cost nothing yet");
    b.bytes(6, 1, b"\0xyz", false).unwrap();
    assert_eq!(b.effects(), []);
    b.bytes(6, 0, b"\0", false).unwrap();
    assert_eq!(
        b.effects(),
        [Effect::Opened { id: 6 }, Effect::Readable { id: 6 }]
    );
    assert_eq!(b.read(6, 9).unwrap(), b"xyz");
    assert_eq!(b.streams.head(8), None);
    drop(a);
}

#[test]
fn stream_reset_drops_what_was_written_and_is_read_at_once() {
    let (mut a, mut b, id) = opened();
    write(&mut a, id, &[1; 3000]);
    pump(&mut a, &mut b);
    assert_eq!(b.effects(), [Effect::Readable { id }]);
    write(&mut a, id, &[2; 3000]);
    a.streams.reset(id, 77).unwrap();
    assert_eq!(a.streams.unacknowledged_bytes(), 0);
    assert_eq!(a.streams.reset(id, 78), Err(WriteError::Finished));
    assert_eq!(a.streams.write(id, b"x"), Err(WriteError::Finished));
    let packet = a.pack(1200);
    let size = 2 + HEAD.len() as u64 + 3000;
    assert_eq!(
        Frames::new(&packet.plain).next(),
        Some(Ok(Frame::Reset { id, code: 77, size }))
    );
    b.take(Time::ZERO, &packet.plain).unwrap();
    b.take(Time::ZERO, &packet.plain).unwrap();
    a.lost(&packet);
    assert!(!a.streams.is_settled());
    pump(&mut a, &mut b);
    assert!(a.streams.is_settled());
    assert_eq!(b.effects(), [Effect::Reset { id, code: 77 }]);
    assert_eq!(
        (b.read(id, 9), b.read(id, 9)),
        (Err(ReadError::Reset(77)), Err(ReadError::Reset(77)))
    );
    b.streams.finish(id).unwrap();
    pump(&mut a, &mut b);
    assert!(b.streams.is_empty());
    assert_eq!(a.read(id, 9).unwrap(), b"");
    assert!(a.streams.is_empty());
}

#[test]
fn stream_reset_behind_all_bytes_is_no_end_but_behind_the_end_it_is_nothing() {
    let (mut a, mut b, id) = opened();
    let size = 2 + HEAD.len() as u64;
    b.streams
        .on_reset(Time::ZERO, id, 5, size, &mut b.fx)
        .unwrap();
    assert_eq!(b.effects(), [Effect::Reset { id, code: 5 }]);
    let other = a.streams.open("").unwrap();
    write(&mut a, other, b"whole");
    a.streams.finish(other).unwrap();
    let packet = a.pack(1200);
    b.take(Time::ZERO, &packet.plain).unwrap();
    a.streams.reset(other, 6).unwrap();
    pump(&mut a, &mut b);
    assert_eq!(
        b.effects(),
        [Effect::Opened { id: other }, Effect::Readable { id: other }]
    );
    assert_eq!(b.read(other, 9).unwrap(), b"whole");
    assert_eq!(b.read(other, 9).unwrap(), b"");
}

#[test]
fn stream_stop_is_answered_by_a_reset() {
    let (mut a, mut b, id) = opened();
    write(&mut a, id, &[1; 3000]);
    b.streams.stop(Time::ZERO, id, 9, &mut b.fx).unwrap();
    assert_eq!(b.read(id, 9), Err(ReadError::UnknownStream));
    pump(&mut a, &mut b);
    assert_eq!(a.effects(), [Effect::Stopped { id, code: 9 }]);
    assert_eq!(a.streams.write(id, b"x"), Err(WriteError::Stopped(9)));
    assert_eq!(a.streams.finish(id), Err(WriteError::Stopped(9)));
    assert_eq!(b.effects(), []);
    b.streams.reset(id, 1).unwrap();
    pump(&mut a, &mut b);
    assert_eq!(a.effects(), [Effect::Reset { id, code: 1 }]);
    assert!(b.streams.is_empty());
    a.streams.stop(Time::ZERO, id, 0, &mut a.fx).unwrap();
    assert!(a.streams.is_empty() && !a.streams.has_output());
}

#[test]
fn stream_stop_before_the_head_is_told_behind_it() {
    let (mut a, mut b) = ends(&Config::default());
    let id = a.streams.open("{}").unwrap();
    write(&mut a, id, b"one way");
    a.streams.stop(Time::ZERO, id, 4, &mut a.fx).unwrap();
    b.streams.on_stop(id, 4, &mut b.fx).unwrap();
    assert_eq!(b.effects(), []);
    pump(&mut a, &mut b);
    assert_eq!(
        b.effects(),
        [
            Effect::Opened { id },
            Effect::Stopped { id, code: 4 },
            Effect::Readable { id }
        ]
    );
    assert_eq!(b.streams.write(id, b"x"), Err(WriteError::Stopped(4)));
    assert_eq!(b.read(id, 20).unwrap(), b"one way");
    a.streams.finish(id).unwrap();
    pump(&mut a, &mut b);
    assert_eq!(b.read(id, 20).unwrap(), b"");
    assert!(a.streams.is_empty() && b.streams.is_empty());
}

#[test]
fn stream_given_up_before_its_head_came_is_never_told() {
    let (mut a, mut b) = ends(&Config::default());
    let id = a.streams.open("{}").unwrap();
    a.streams.reset(id, 3).unwrap();
    pump(&mut a, &mut b);
    assert_eq!(b.effects(), []);
    assert!(b.streams.is_empty());
    assert_eq!(a.effects(), [Effect::Reset { id, code: 3 }]);
    assert_eq!(a.read(id, 1), Err(ReadError::Reset(3)));
    assert!(a.streams.is_empty());
}

#[test]
fn stream_frames_of_one_that_is_over_change_nothing() {
    let (mut a, mut b, id) = opened();
    a.streams.reset(id, 0).unwrap();
    b.streams.reset(id, 0).unwrap();
    pump(&mut a, &mut b);
    assert_eq!(
        (a.read(id, 1), b.read(id, 1)),
        (Err(ReadError::Reset(0)), Err(ReadError::Reset(0)))
    );
    assert!(a.streams.is_empty() && b.streams.is_empty());
    a.effects();
    b.effects();
    b.bytes(id, 0, &[9; 90], true).unwrap();
    b.streams.on_stop(id, 1, &mut b.fx).unwrap();
    b.streams
        .on_reset(Time::ZERO, id, 1, 999, &mut b.fx)
        .unwrap();
    b.streams.on_stream_credit(id, 1 << 40, &mut b.fx).unwrap();
    b.streams.on_lost(Carried::Bytes {
        id,
        offset: 0,
        len: 9,
        end: true,
    });
    b.streams.on_lost(Carried::Reset { id });
    b.streams.on_arrived(
        Carried::Bytes {
            id,
            offset: 0,
            len: 9,
            end: true,
        },
        &mut b.fx,
    );
    assert!(b.streams.is_empty() && b.effects().is_empty() && !b.streams.has_output());
}
