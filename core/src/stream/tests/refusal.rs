//! What a peer may not do, and what it costs.

use super::*;
use crate::wire::VARINT_MAX;

// S2.79
#[test]
fn stream_credit_overrun_is_misbehaviour() {
    let (_, mut b) = ends(&Config::default());
    let beyond = STREAM_CREDIT_FIRST_BYTES;
    assert_eq!(b.bytes(6, beyond, b"", true), Ok(()));
    assert_eq!(
        b.bytes(8, beyond, b"x", false),
        Err(Misbehaviour::CreditExceeded)
    );
    let (_, mut b) = ends(&Config::default());
    for id in [6, 8, 10, 12] {
        b.bytes(id, beyond - 1, b"x", false).unwrap();
    }
    assert_eq!(
        b.bytes(14, 0, b"x", false),
        Err(Misbehaviour::CreditExceeded),
        "of the line"
    );
    assert_eq!(
        b.bytes(6, VARINT_MAX, b"x", false),
        Err(Misbehaviour::CreditExceeded)
    );
    assert_eq!(
        b.bytes(6, u64::MAX, b"x", false),
        Err(Misbehaviour::CreditExceeded)
    );
    let (_, mut b) = ends(&Config::default());
    let (streams, fx) = (&mut b.streams, &mut b.fx);
    assert_eq!(
        streams.on_reset(Time::ZERO, 6, 0, beyond + 1, fx),
        Err(Misbehaviour::CreditExceeded)
    );
}

#[test]
fn stream_end_that_moves_is_misbehaviour() {
    let whole = |end: &mut End| end.bytes(6, 0, b"\0\0abcd", true);
    for (offset, data, is_end) in [
        (0, &b"\0\0abcde"[..], false),
        (0, b"\0\0abc", true),
        (7, b"", true),
        (6, b"x", true),
    ] {
        let (_, mut b) = ends(&Config::default());
        whole(&mut b).unwrap();
        whole(&mut b).unwrap();
        assert_eq!(
            b.bytes(6, offset, data, is_end),
            Err(Misbehaviour::EndMoved),
            "{offset}"
        );
    }
    let (_, mut b) = ends(&Config::default());
    b.bytes(6, 4, b"cd", false).unwrap();
    assert_eq!(
        b.bytes(6, 4, b"c", true),
        Err(Misbehaviour::EndMoved),
        "below what came"
    );
    for size in [5, 7] {
        let (_, mut b) = ends(&Config::default());
        whole(&mut b).unwrap();
        let (streams, fx) = (&mut b.streams, &mut b.fx);
        assert_eq!(
            streams.on_reset(Time::ZERO, 6, 0, size, fx),
            Err(Misbehaviour::EndMoved)
        );
    }
    let (_, mut b) = ends(&Config::default());
    b.bytes(6, 0, b"\0\0", false).unwrap();
    b.streams.on_reset(Time::ZERO, 6, 0, 9, &mut b.fx).unwrap();
    assert_eq!(
        b.bytes(6, 9, b"x", false),
        Err(Misbehaviour::EndMoved),
        "beyond a reset"
    );
}

#[test]
fn stream_that_nobody_opened_is_misbehaviour() {
    let (_, mut b) = ends(&Config::default());
    let (streams, fx) = (&mut b.streams, &mut b.fx);
    let unknown = Err(Misbehaviour::UnknownStream);
    for id in [17, 15, 4] {
        let taken = streams.on_bytes(Time::ZERO, id, 0, b"", false, fx);
        assert_eq!(taken.map(drop), unknown);
        assert_eq!(streams.on_reset(Time::ZERO, id, 0, 0, fx), unknown);
        assert_eq!(streams.on_stop(id, 0, fx), unknown);
        assert_eq!(streams.on_stream_credit(id, 9, fx), unknown);
    }
    let too_many = Err(Misbehaviour::TooManyStreams);
    for id in [6 + 2 * STREAMS_CREDIT_FIRST, VARINT_MAX - 1, u64::MAX - 1] {
        assert_eq!(
            streams
                .on_bytes(Time::ZERO, id, 0, b"", false, fx)
                .map(drop),
            too_many
        );
    }
    assert_eq!(
        streams.on_stop(6 + 2 * STREAMS_CREDIT_FIRST - 2, 0, fx),
        Ok(())
    );
}

#[test]
fn stream_head_illegal_or_too_long_is_misbehaviour() {
    let illegal = Err(Misbehaviour::IllegalHead);
    for (head, is_end) in [
        (&b"\0\x02[]"[..], false),
        (b"\0\x04{}{}", false),
        (b"\0\x03{\xff}", false),
        (b"\0\x0d{\"a\":1,\"a\":1}", false),
        (b"\0\x09{\"a\":1.5}", false),
        (b"\0\x08{\"a\":-0}", false),
        (b"\0\x05\xef\xbb\xbf{}", false),
        (b"\0\x03{} ", false),
        (b"\x20\x01", false),
        (b"\xff\xff", false),
        (b"", true),
        (b"\0", true),
        (b"\0\x02{", true),
        (
            b"\0\x46{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
            false,
        ),
    ] {
        let (_, mut b) = ends(&Config::default());
        assert_eq!(b.bytes(6, 0, head, is_end), illegal, "{head:?}");
        assert_eq!(b.effects(), []);
    }
    let (_, mut b) = ends(&Config::default());
    b.bytes(6, 3, b"", true).unwrap();
    assert_eq!(
        b.bytes(6, 0, b"\0\x02", false),
        illegal,
        "the end was known before the length"
    );
    let (_, mut b) = ends(&Config {
        head_max_bytes: 5,
        ..Config::default()
    });
    assert_eq!(b.bytes(6, 0, b"\0\x06{\"a\":1}", false), illegal);
}

#[test]
fn stream_cut_into_crumbs_is_misbehaviour_before_it_costs_much() {
    let (_, mut b) = ends(&Config {
        gaps_max: 100,
        ..Config::default()
    });
    for n in 0..50 {
        b.bytes(6, 2 * n + 1, b"x", false).unwrap();
        b.bytes(8, 2 * n + 1, b"x", false).unwrap();
    }
    b.bytes(6, 0, b"\0", false).unwrap();
    b.bytes(6, 201, b"x", false).unwrap();
    assert_eq!(
        b.bytes(8, 201, b"x", false),
        Err(Misbehaviour::CreditExceeded)
    );
    let (_, mut b) = ends(&Config {
        gaps_max: 100,
        ..Config::default()
    });
    for n in 1..=100 {
        b.bytes(6, 2 * n + 1, b"\0", false).unwrap();
    }
    assert_eq!(
        b.bytes(8, 1, b"x", false),
        Err(Misbehaviour::CreditExceeded)
    );
    b.streams.on_down(&mut b.fx);
    assert!(b.streams.is_empty());
}

#[test]
fn stream_config_names_the_field_that_is_illegal() {
    assert_eq!(Config::default().check(), Ok(()));
    let with = |change: fn(&mut Config)| {
        let mut config = Config::default();
        change(&mut config);
        config.check()
    };
    assert_eq!(with(|c| c.streams_max = 63), Err("streams_max"));
    assert_eq!(with(|c| c.head_max_bytes = 1 << 16), Err("head_max_bytes"));
    assert_eq!(
        with(|c| c.stream_window_initial_bytes = 1),
        Err("stream_window_initial_bytes")
    );
    assert_eq!(
        with(|c| c.stream_window_max_bytes = 1),
        Err("stream_window_max_bytes")
    );
    assert_eq!(
        with(|c| c.line_window_initial_bytes = 1),
        Err("line_window_initial_bytes")
    );
    assert_eq!(
        with(|c| c.line_window_max_bytes = 1),
        Err("line_window_max_bytes")
    );
    assert_eq!(
        with(|c| c.send_buffer_stream_max_bytes = 1),
        Err("send_buffer_stream_max_bytes")
    );
    assert_eq!(
        with(|c| c.send_buffer_line_max_bytes = 1),
        Err("send_buffer_line_max_bytes")
    );
    assert_eq!(with(|c| c.turn_bytes = 0), Err("turn_bytes"));
    assert_eq!(
        with(|c| c.frames_in_flight_max = 0),
        Err("frames_in_flight_max")
    );
    assert_eq!(with(|c| c.gaps_max = 0), Err("gaps_max"));
}

#[test]
fn stream_frames_of_any_values_never_panic() {
    fn holds(ops: Vec<(u8, u64, u64, u8, bool)>) -> bool {
        let (mut a, mut b) = ends(&Config {
            gaps_max: 20,
            ..Config::default()
        });
        for id in [17, 19] {
            assert_eq!(b.streams.open(""), Ok(id));
        }
        for (kind, id, number, len, flag) in ops {
            let id = if flag { id } else { 6 + id % 40 };
            let number = if kind & 8 == 0 {
                number % 70_000
            } else {
                number
            };
            let (id, number) = (id & VARINT_MAX, number & VARINT_MAX);
            let data = vec![0; usize::from(len)];
            let (streams, fx) = (&mut b.streams, &mut b.fx);
            let result = match kind % 8 {
                0..=2 => streams
                    .on_bytes(Time::ZERO, id, number, &data, flag, fx)
                    .map(drop),
                3 => streams.on_reset(Time::ZERO, id, number, number, fx),
                4 => streams.on_stop(id, number, fx),
                5 => streams.on_stream_credit(id, number, fx),
                6 => {
                    streams.on_line_credit(number);
                    streams.on_streams_credit(number, fx);
                    Ok(())
                }
                _ => {
                    drop(b.read(id, 999));
                    Ok(())
                }
            };
            b.effects();
            if result.is_err() {
                b.streams.on_down(&mut b.fx);
            }
            b.pack(1200);
        }
        a.effects();
        b.streams.buffered_bytes()
            <= 4 * LINE_CREDIT_FIRST_BYTES + Config::default().buffers_spare_max_bytes
    }
    checker(2000).quickcheck(holds as fn(Vec<(u8, u64, u64, u8, bool)>) -> bool);
}
