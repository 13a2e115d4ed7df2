//! Streams after the end of their line.

use super::*;

#[test]
fn stream_outlives_its_line_until_it_is_read() {
    let (mut a, mut b) = ends(&Config::default());
    let [whole, part, gap, empty, reset] = [(); 5].map(|()| a.streams.open("{}").unwrap());
    for id in [whole, part, gap] {
        write(&mut a, id, b"bytes");
    }
    a.streams.finish(whole).unwrap();
    pump(&mut a, &mut b);
    b.bytes(gap, 12, b"beyond", false).unwrap();
    b.streams
        .on_reset(Time::ZERO, reset, 8, 4, &mut b.fx)
        .unwrap();
    assert_eq!(b.read(part, 9).unwrap(), b"bytes");
    assert_eq!(b.read(part, 9), Err(ReadError::Blocked));
    b.bytes(part, 9, b"more", false).unwrap();
    assert_eq!(b.read(empty, 9), Err(ReadError::Blocked));
    b.streams.write(empty, b"never").unwrap();
    b.bytes(empty + 20, 1, b"\0", false).unwrap();
    b.effects();
    b.streams.on_down(&mut b.fx);
    assert_eq!(b.effects(), [Effect::Readable { id: empty }]);
    assert!(!b.streams.has_output() && b.streams.is_settled());
    assert_eq!(b.streams.count(), 5, "one that was never told is gone");
    assert_eq!(b.streams.write(whole, b"x"), Err(WriteError::LineDown));
    assert_eq!(b.streams.reset(whole, 0), Err(WriteError::LineDown));
    assert_eq!(b.streams.open("{}"), Err(OpenError::LineDown));
    assert_eq!(b.read(whole, 9).unwrap(), b"bytes");
    assert_eq!(b.read(whole, 9).unwrap(), b"");
    assert_eq!(b.read(whole, 9), Err(ReadError::UnknownStream));
    assert_eq!(b.read(part, 9).unwrap(), b"more");
    assert_eq!(b.read(part, 9), Err(ReadError::LineDown));
    assert_eq!(b.read(gap, 9).unwrap(), b"bytes");
    assert_eq!(b.read(gap, 9), Err(ReadError::LineDown));
    assert_eq!(b.read(reset, 9), Err(ReadError::Reset(8)));
    b.streams.forget(empty);
    assert!(b.streams.is_empty());
    assert_eq!(b.streams.buffered_bytes(), 0);
    a.streams.write(part, b"late").unwrap();
    let packet = a.pack(1200);
    b.take(Time::ZERO, &packet.plain).unwrap();
    b.arrived(&Packet {
        plain: Vec::new(),
        carried: vec![Carried::LineCredit],
    });
    assert!(b.streams.is_empty() && b.effects().is_empty());
}

#[test]
fn stream_writer_that_waits_is_told_of_the_end_of_the_line() {
    let config = Config {
        head_max_bytes: 98,
        send_buffer_stream_max_bytes: 100,
        ..Config::default()
    };
    let (mut a, _) = ends(&config);
    let id = a.streams.open("").unwrap();
    a.streams.write(id, &[0; 200]).unwrap();
    assert_eq!(a.streams.write(id, b"x"), Err(WriteError::Blocked));
    a.streams.on_down(&mut a.fx);
    assert_eq!(
        a.effects(),
        [Effect::Writable { id }, Effect::Readable { id }]
    );
    a.streams.stop(Time::ZERO, id, 0, &mut a.fx).unwrap();
    assert!(a.streams.is_empty());
}
