//! The hot path allocates nothing: a count over 10,000 full packets, both ends.

use hydroid_core::{
    base::{Seed, Time, Wall},
    identity::{SecretKey, Space},
    switch::{Config, Ecn, Event, Interface, Meta, Path, Read, SocketId, StreamEvent, Switch},
};

const SOCKET: SocketId = SocketId(0);
const PACKETS: u64 = 10_000;

/// A switch, its address, and a buffer for what it sends.
struct End {
    switch: Switch,
    address: std::net::SocketAddr,
}

fn end(n: u8) -> End {
    let address = std::net::SocketAddr::from(([10, 0, 0, n], 4000));
    let mut switch = Switch::new(Config::default(), &Seed::new([n; 32])).expect("legal");
    switch.handle_network_change(
        Time::ZERO,
        &[Interface {
            socket: SOCKET,
            local: address,
        }],
    );
    switch.handle_clock(Time::ZERO, Wall::from_ms(1_700_000_000_000));
    let space = Space::open("world").expect("legal");
    switch
        .install(Time::ZERO, &SecretKey::from_bytes(&[n; 32]), &space)
        .expect("installs");
    End { switch, address }
}

/// Carries everything that `from` has to say to `to`, and tells how many datagrams that were.
fn carry(now: Time, from: &mut End, to: &mut End, buf: &mut [u8]) -> u64 {
    let mut count = 0;
    while let Some(transmit) = from.switch.poll_transmit(now, buf) {
        count += transmit.len.div_ceil(transmit.segment) as u64;
        let meta = Meta {
            socket: SOCKET,
            path: Path::to(from.address),
            interface: 0,
            ecn: Ecn::None,
            stride: transmit.segment,
        };
        to.switch
            .handle_datagram(now, &meta, &mut buf[..transmit.len]);
    }
    count
}

#[test]
fn allocations_none_over_ten_thousand_full_packets() {
    let (mut a, mut b) = (end(1), end(2));
    let mut buf = vec![0; 65_536];
    let mut now = Time::ZERO;
    let local = a.switch.installed().next().expect("installed").hashname;
    let key = b.switch.installed().next().expect("installed").key;
    let line = a
        .switch
        .connect(now, local, &key, &[b.address])
        .expect("dials");
    let stream = a
        .switch
        .open_stream(now, line, "{\"bulk\":1}")
        .expect("opens");
    let mut theirs = None;
    let data = vec![7; 65_536];
    let mut room = vec![0; 65_536];
    let (mut packets, mut read) = (0, 0_u64);
    let mut turn = |packets: &mut u64| {
        while a.switch.write(now, stream, &data).is_ok() {}
        *packets += carry(now, &mut a, &mut b, &mut buf);
        now = now.plus_us(500);
        a.switch.handle_timeout(now);
        b.switch.handle_timeout(now);
        carry(now, &mut b, &mut a, &mut buf);
        while let Some(event) = b.switch.poll_event() {
            if let Event::Stream(StreamEvent::Opened { stream }) = event {
                theirs = Some(stream);
            }
        }
        while a.switch.poll_event().is_some() {}
        if let Some(theirs) = theirs {
            while let Ok(Read::Bytes(len)) = b.switch.read(now, theirs, &mut room) {
                read += len as u64;
            }
        }
    };
    // Buffers and tables grow until the windows are at their widest.
    while packets < 100_000 {
        turn(&mut packets);
    }
    let start = packets;
    let counted = allocation_counter::measure(|| {
        while packets < start + PACKETS {
            turn(&mut packets);
        }
    });
    assert_eq!(
        counted.count_total,
        0,
        "allocations over {} packets",
        packets - start
    );
    assert!(read > 100_000 * 1_000, "and they were full: {read} bytes");
}
