//! What streams cost, and that they give it back.

use super::*;

#[test]
fn stream_after_stream_leaves_nothing_behind() {
    let (mut a, mut b) = ends(&Config::default());
    for round in 0..100_u64 {
        let ids: Vec<u64> = (0..50)
            .map(|_| a.streams.open(r#"{"req":1}"#).unwrap())
            .collect();
        for id in &ids {
            a.streams.write(*id, &[1; 5000]).unwrap();
            a.streams.finish(*id).unwrap();
        }
        pump(&mut a, &mut b);
        for id in &ids {
            assert_eq!(b.read(*id, 9000).unwrap().len(), 5000);
            assert_eq!(b.read(*id, 9000).unwrap(), b"");
            b.streams.answer(*id, "{}").unwrap();
            b.streams.finish(*id).unwrap();
        }
        pump(&mut a, &mut b);
        for id in &ids {
            assert_eq!(a.read(*id, 9).unwrap(), b"");
        }
        assert_eq!(a.streams.next_number(), 3 + 50 * (round + 1));
        for end in [&mut a, &mut b] {
            end.effects();
            assert!(end.streams.is_empty() && end.streams.is_settled());
            assert_eq!(end.streams.buffered_bytes(), 0);
        }
    }
}

#[test]
fn stream_send_buffers_follow_what_the_path_carries() {
    let config = Config {
        send_buffer_stream_initial_bytes: 20_000,
        send_buffer_stream_max_bytes: 100_000,
        send_buffer_line_initial_bytes: 50_000,
        send_buffer_line_max_bytes: 150_000,
        ..Config::default()
    };
    for (window_bytes, stream, line) in [
        (0, 20_000, 50_000),
        (5_000, 20_000, 50_000),
        (30_000, 45_000, 90_000),
        (1 << 60, 100_000, 150_000),
    ] {
        let (mut a, _) = ends(&config);
        a.streams.set_path(1_000, window_bytes);
        let data = vec![1; 1 << 20];
        let ids = [(); 10].map(|()| a.streams.open("").unwrap());
        let taken = ids.map(|id| a.streams.write(id, &data).unwrap_or(0) as u64);
        // A head of no bytes takes two.
        assert_eq!(taken[0], stream - 2, "of {window_bytes}");
        let heads = 2 * ids.len() as u64;
        assert_eq!(taken.iter().sum::<u64>(), line - heads, "of {window_bytes}");
        // A path that carries less again takes nothing back, and lets nothing more in.
        a.streams.set_path(1_000, 0);
        assert_eq!(a.streams.write(ids[0], &data), Err(WriteError::Blocked));
    }
}

#[test]
fn stream_that_has_much_under_way_leaves_the_rest_of_the_buffer_to_others() {
    let config = Config {
        send_buffer_stream_initial_bytes: 100_000,
        send_buffer_line_initial_bytes: 200_000,
        ..Config::default()
    };
    let (mut a, _) = ends(&config);
    let ids = [(); 3].map(|()| a.streams.open("").unwrap());
    assert_eq!(a.streams.write(ids[0], &[1; 90_000]), Ok(90_000));
    assert_eq!(a.streams.write(ids[1], &[1; 70_000]), Ok(70_000));
    // Some 40,000 bytes are left, and each of the two has more than that.
    for id in &ids[..2] {
        assert_eq!(a.streams.write(*id, &[1]), Err(WriteError::Blocked));
    }
    assert_eq!(a.streams.write(ids[2], &[1; 30_000]), Ok(30_000));
}

#[test]
fn stream_in_steady_use_keeps_its_buffers() {
    let (mut a, mut b) = ends(&Config::default());
    let id = a.streams.open("").unwrap();
    let (data, mut out) = ([5; 1000], [0; 2000]);
    let mut held = [0; 2];
    for round in 0..10_000 {
        assert_eq!(a.streams.write(id, &data), Ok(1000));
        carry(&mut a, &mut b);
        let read = b.streams.read(Time::ZERO, id, &mut out, &mut b.fx);
        assert_eq!((read, out[..1000] == data), (Ok(Read::Bytes(1000)), true));
        carry(&mut b, &mut a);
        let now = [a.streams.buffered_bytes(), b.streams.buffered_bytes()];
        assert!(round < 10 || held == now);
        held = now;
    }
    assert_eq!(held, [1024, 1024]);
    for end in [&mut a, &mut b] {
        end.streams.rest();
        assert_eq!(
            end.streams.buffered_bytes(),
            0,
            "a line at rest keeps no buffer"
        );
    }
}

#[test]
fn stream_buffers_stay_within_the_window_whatever_is_sent() {
    let (_, mut b) = ends(&Config {
        buffers_spare_max_bytes: 10_000,
        ..Config::default()
    });
    // One byte far out on each stream costs the credit of all before it.
    for id in [6, 8, 10, 12] {
        b.bytes(id, 60_000, b"x", false).unwrap();
    }
    assert!(b.streams.buffered_bytes() <= 2 * LINE_CREDIT_FIRST_BYTES);
    // Many bytes that are read but for a few leave a chunk, and a small buffer at rest.
    let (_, mut b) = ends(&Config {
        buffers_spare_max_bytes: 10_000,
        ..Config::default()
    });
    for id in [6, 8, 10] {
        b.bytes(id, 0, &[0; 60_000], false).unwrap();
        b.read(id, 59_997).unwrap();
    }
    assert!(b.streams.buffered_bytes() <= 10_000 + 3 * 8_192);
    b.streams.rest();
    assert_eq!(b.streams.buffered_bytes(), 3 * 256);
}

#[test]
fn stream_that_is_stopped_keeps_no_bytes_and_costs_no_credit() {
    let (mut a, mut b) = ends(&Config::default());
    for _ in 0..300 {
        let id = a.streams.open("").unwrap();
        a.streams.write(id, &[1; 40_000]).unwrap();
        let packets: Vec<_> = (0..8).map(|_| a.pack(1200)).collect();
        assert!(packets.iter().map(bytes_in).sum::<u64>() > 9000);
        b.take(Time::ZERO, &packets[0].plain).unwrap();
        b.streams.stop(Time::ZERO, id, 0, &mut b.fx).unwrap();
        for packet in &packets[1..] {
            b.take(Time::ZERO, &packet.plain).unwrap();
        }
        assert_eq!(b.streams.buffered_bytes(), 0);
        packets.iter().for_each(|packet| a.arrived(packet));
        pump(&mut a, &mut b);
        b.streams.reset(id, 0).unwrap();
        pump(&mut a, &mut b);
        assert_eq!(a.read(id, 1), Err(ReadError::Reset(0)));
        a.effects();
        b.effects();
    }
    // More went over the line than its window, and all of it was credited.
    assert!(a.streams.is_empty() && b.streams.is_empty());
}
