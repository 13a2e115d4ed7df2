//! What lies at the edges of the façade's contracts: short buffers, odd times, calls in the moment
//! when a line ends.

use hydroid_core::{
    base::Time,
    switch::{
        Config, DownReason, Ecn, Event, LineEvent, LineState, Meta, Misbehaviour, Path,
        StreamEvent, StreamId,
    },
};
use hydroid_tests::{
    rogue::Rogue,
    transfer::{CLEAN, down, opened},
    world::{SOCKET, World},
};

/// A packet without a head that says `n`.
fn packet(n: u8) -> [u8; 3] {
    [0, 0, n]
}

/// The number of a stream on the wire.
fn number(stream: StreamId) -> u64 {
    let text = stream.to_string();
    let number = text.rsplit('.').next().expect("a number");
    number.parse().expect("a number")
}

#[test]
fn edges_short_buffers_give_nothing_and_lose_nothing() {
    let mut world = World::new(21, 2, &Config::default(), CLEAN);
    let (line, theirs) = world.line(0, 1);
    let now = world.now;
    let switch = &mut world.nodes[0].switch;
    let mut long = vec![7; 1_000];
    long[..2].copy_from_slice(&[0, 0]);
    switch.send(now, line, &long).expect("is taken");
    for len in [0, 1, 29, 30, 31, 40, 600, 1_000] {
        let mut buf = vec![0; len];
        let transmit = switch.poll_transmit(now, &mut buf);
        assert!(transmit.is_none_or(|run| run.len <= len), "{len} bytes");
    }
    let due = switch.poll_timeout().expect("something waits");
    assert!(due.at <= now, "and says so: {due:?}");
    world.run(100);
    let mut buf = [0; 2_000];
    let switch = &mut world.nodes[1].switch;
    assert_eq!(switch.recv(world.now, theirs, &mut buf), Ok(1_000));
}

#[test]
fn edges_one_packet_about_every_stream_is_within_every_bound() {
    let mut config = Config::default();
    config.stream.streams_max = 64;
    let mut rogue = Rogue::new(&config);
    let parity = u64::from(!rogue.is_smaller());
    let now = rogue.now;
    let ours: Vec<_> = (0..64)
        .map(|_| rogue.switch.open_stream(now, rogue.id(), "{}"))
        .map(|stream| number(stream.expect("opens")))
        .collect();
    rogue.send(|writer| {
        for n in 0..64 {
            let id = 2 * n + parity;
            writer.stream(id, 0, 3, false, |place| place.fill(0));
            writer.reset(id, 1, 3);
            writer.stop(id, 2);
        }
        for id in &ours[..16] {
            writer.stop(*id, 2);
        }
    });
    let told = |pick: fn(&StreamEvent) -> bool| {
        let picked = |event: &&Event| matches!(event, Event::Stream(event) if pick(event));
        rogue.events.iter().filter(picked).count()
    };
    assert_eq!(told(|e| matches!(e, StreamEvent::Opened { .. })), 64);
    assert_eq!(told(|e| matches!(e, StreamEvent::Readable { .. })), 64);
    assert_eq!(told(|e| matches!(e, StreamEvent::Reset { .. })), 64);
    assert_eq!(told(|e| matches!(e, StreamEvent::Stopped { .. })), 80);
    assert_eq!(rogue.switch.stats().misbehaved, 0);
}

#[test]
fn edges_connect_does_not_pardon_a_peer_that_broke_the_protocol() {
    let mut rogue = Rogue::new(&Config::default());
    rogue.send_plain(&[63]);
    let id = rogue.id();
    let (local, key, from) = rogue.names();
    let now = rogue.now;
    let again = rogue.switch.connect(now, local, &key, &[from]);
    assert_ne!(again, Ok(rogue.id()), "the line that is condemned ends");
    let mut reasons = std::iter::from_fn(|| rogue.switch.poll_event()).filter_map(|event| {
        let Event::Line(LineEvent::Down { line, reason }) = event else {
            return None;
        };
        Some((line, reason))
    });
    let how = Misbehaviour::UnknownCriticalFrame;
    assert_eq!(reasons.next(), Some((id, DownReason::Misbehaved(how))));
    drop(reasons);
    let again = again.expect("another line is dialled");
    let state = rogue.switch.line(again).map(|info| info.state);
    assert_eq!(state, Some(LineState::Connecting));
}

#[test]
fn edges_packet_sent_before_a_close_goes_first_and_is_read_after_it() {
    let mut world = World::new(22, 2, &Config::default(), CLEAN);
    let (line, theirs) = world.line(0, 1);
    let now = world.now;
    let switch = &mut world.nodes[0].switch;
    switch.send(now, line, &packet(1)).expect("is taken");
    switch.send(now, line, &packet(2)).expect("is taken");
    switch.close(now, line, 0, "").expect("closes");
    world
        .until(1_000, |world| down(world, 1))
        .expect("ends there");
    let now = world.now;
    let switch = &mut world.nodes[1].switch;
    let mut buf = [0; 8];
    for n in [1, 2] {
        assert_eq!(switch.recv(now, theirs, &mut buf), Ok(3));
        assert_eq!(buf[..3], packet(n));
    }
    assert_eq!(switch.line(theirs), None, "everything was read");
}

#[test]
fn edges_a_stride_of_nothing_means_one_datagram() {
    let mut world = World::new(23, 1, &Config::default(), CLEAN);
    let meta = Meta {
        socket: SOCKET,
        path: Path::to("10.0.0.9:4000".parse().expect("an address")),
        interface: 0,
        ecn: Ecn::None,
        stride: 0,
    };
    let switch = &mut world.nodes[0].switch;
    switch.handle_datagram(Time::ZERO, &meta, &mut [9; 2_000]);
    switch.handle_datagram(Time::ZERO, &meta, &mut []);
    assert_eq!(switch.stats().datagrams_in, 2);
    assert_eq!(switch.stats().dropped_in_all(), 2);
}

#[test]
fn edges_any_time_is_a_time() {
    for start in [1 << 40, 1 << 54, 1 << 62, u64::MAX - 1, u64::MAX] {
        let mut world = World::new(24, 2, &Config::default(), CLEAN);
        let line = world.connect(0, 1);
        let now = Time::from_us(start);
        let mut buf = [0; 2_000];
        for n in 0..2 {
            let switch = &mut world.nodes[n].switch;
            switch.handle_timeout(now);
            while switch.poll_transmit(now, &mut buf).is_some() {}
            let (local, key) = (world.nodes[n].hashname, world.nodes[1 - n].key);
            let address = world.nodes[1 - n].address;
            let switch = &mut world.nodes[n].switch;
            switch
                .connect(now, local, &key, &[address])
                .expect("dials again");
            switch.handle_timeout(Time::ZERO);
            assert_eq!(switch.stats().time_backwards, 1);
        }
        let _over = world.nodes[0].switch.close(now, line, 0, "");
    }
}

#[test]
fn edges_streams_of_an_acceptor_have_numbers_of_their_own_in_each_line() {
    let mut world = World::new(25, 2, &Config::default(), CLEAN);
    let mut numbers = Vec::new();
    for _ in 0..3 {
        let (line, theirs) = world.line(0, 1);
        let now = world.now;
        let stream = world.nodes[1]
            .switch
            .open_stream(now, theirs, "{\"n\":0}")
            .expect("opens");
        numbers.push(number(stream));
        world
            .until(1_000, |world| opened(world, 0))
            .expect("arrives");
        let now = world.now;
        world.nodes[0]
            .switch
            .close(now, line, 0, "")
            .expect("closes");
        world.until(9_000, |world| down(world, 1)).expect("ends");
    }
    let mut distinct = numbers.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 3, "{numbers:?}");
}
