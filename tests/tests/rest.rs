//! What a line costs while nothing happens on it, in bytes that the allocator counts.

use std::net::SocketAddr;

use hydroid_core::{
    base::{Seed, Time, Wall, Why},
    identity::{PublicKey, SecretKey, Space},
    switch::{
        Config, Ecn, Event, Interface, LineId, LineState, Meta, Path, Read, SocketId, StreamEvent,
        StreamId, Switch,
    },
};
use hydroid_tests::{
    transfer::{CLEAN, Progress, opened, pump},
    world::World,
};

const SOCKET: SocketId = SocketId(0);
const LINES: u8 = 32;
/// What one end of a line at rest may cost, with its part of the tables of the switch.
const LINE_BYTES_MAX: i64 = 4_608;

fn switch(n: u8) -> (Switch, SocketAddr, PublicKey) {
    let address = SocketAddr::from(([10, 0, 0, n], 4000));
    let mut switch = Switch::new(Config::default(), &Seed::new([n; 32])).expect("legal");
    let (socket, local) = (SOCKET, address);
    switch.handle_network_change(Time::ZERO, &[Interface { socket, local }]);
    switch.handle_clock(Time::ZERO, Wall::from_ms(1_700_000_000_000));
    let secret = SecretKey::from_bytes(&[n; 32]);
    let space = Space::open("world").expect("legal");
    switch
        .install(Time::ZERO, &secret, &space)
        .expect("installs");
    (switch, address, secret.public())
}

/// The switch whose memory is counted, and the bytes that it has.
struct Counted {
    switch: Switch,
    address: SocketAddr,
    bytes: i64,
}

impl Counted {
    fn call<T>(&mut self, call: impl FnOnce(&mut Switch) -> T) -> T {
        let mut result = None;
        let counted = allocation_counter::measure(|| result = Some(call(&mut self.switch)));
        self.bytes += counted.bytes_current;
        result.expect("it was called")
    }

    /// Carries everything there and back between the switch and its peers.
    fn exchange(&mut self, now: Time, peers: &mut [(Switch, SocketAddr)]) {
        let meta = |remote, stride| Meta {
            socket: SOCKET,
            path: Path::to(remote),
            interface: 0,
            ecn: Ecn::None,
            stride,
        };
        let mut buf = vec![0; 65_536];
        let here = self.address;
        loop {
            let mut busy = false;
            for (peer, from) in &mut *peers {
                while let Some(sent) = peer.poll_transmit(now, &mut buf) {
                    let meta = meta(*from, sent.segment);
                    self.call(|switch| switch.handle_datagram(now, &meta, &mut buf[..sent.len]));
                    busy = true;
                }
            }
            while let Some(sent) = self.call(|switch| switch.poll_transmit(now, &mut buf)) {
                let to = peers.iter_mut().find(|(_, at)| *at == sent.path.remote);
                let (peer, _) = to.expect("a peer");
                peer.handle_datagram(now, &meta(here, sent.segment), &mut buf[..sent.len]);
                busy = true;
            }
            if !busy {
                return;
            }
        }
    }

    /// The stream that a peer opened since it was last asked.
    fn opened(&mut self) -> Option<StreamId> {
        let mut opened = None;
        while self.call(Switch::poll_need).is_some() {}
        while let Some(event) = self.call(Switch::poll_event) {
            if let Event::Stream(StreamEvent::Opened { stream }) = event {
                opened = Some(stream);
            }
        }
        opened
    }
}

#[test]
fn rest_line_costs_little_memory_and_no_further_timer() {
    let (switch_of_all, address, key) = switch(0);
    let mut counted = Counted {
        switch: switch_of_all,
        address,
        bytes: 0,
    };
    let (mut now, mut peers) = (Time::ZERO, Vec::new());
    for n in 1..=LINES {
        let (mut peer, from, _) = switch(n);
        let local = peer.installed().next().expect("installed").hashname;
        let line = peer.connect(now, local, &key, &[address]).expect("dials");
        let stream = peer.open_stream(now, line, "{\"n\":1}").expect("opens");
        peer.write(now, stream, &[7; 40_000]).expect("takes it");
        peers.push((peer, from));
        let mut theirs = None;
        for _ in 0..60 {
            counted.exchange(now, &mut peers);
            theirs = theirs.or_else(|| counted.opened());
            if let Some(theirs) = theirs {
                let mut room = [0; 4_096];
                while let Ok(Read::Bytes(_)) =
                    counted.call(|switch| switch.read(now, theirs, &mut room))
                {}
            }
            now = now.plus_us(5_000);
            for (peer, _) in &mut peers {
                peer.handle_timeout(now);
                while peer.poll_event().is_some() {}
            }
            counted.call(|switch| switch.handle_timeout(now));
        }
        assert!(theirs.is_some(), "the stream came");
    }
    let used = counted.bytes / i64::from(LINES);
    let end = now.plus_ms(Config::default().life.rest_after_ms + 1_000);
    let mut rests = 0;
    for step in 0.. {
        assert!(step < 1_000, "a rest is one timer for each line");
        counted.exchange(now, &mut peers);
        assert_eq!(counted.opened(), None);
        let due = counted.switch.poll_timeout();
        let due = due.expect("lines are kept alive");
        if due.at > end {
            break;
        }
        rests += u64::from(due.why == Why::Rest);
        now = now.max(due.at);
        for (peer, _) in &mut peers {
            peer.handle_timeout(now);
        }
        counted.call(|switch| switch.handle_timeout(now));
    }
    assert!((1..=u64::from(LINES)).contains(&rests), "{rests} rests");
    assert_eq!(counted.switch.status().lines, usize::from(LINES));
    let rested = counted.bytes / i64::from(LINES);
    println!("one end of a line: {used} bytes in use, {rested} at rest");
    assert!(
        rested < used && rested <= LINE_BYTES_MAX,
        "{rested} of {used}"
    );
}

/// So long after the last packet both ends are at rest, for as long as nothing keeps them alive.
const AT_REST_MS: u64 = 4_000;
const BYTES: u64 = 200_000;

/// A packet without a head.
fn packet(text: &[u8]) -> Vec<u8> {
    [&[0, 0], text].concat()
}

/// An unreliable packet and a stream from one end, answered on the stream by the other, all of it
/// soon.
fn talk(world: &mut World, from: usize, lines: [LineId; 2]) {
    let (to, now) = (1 - from, world.now);
    let sent = world.nodes[from]
        .switch
        .send(now, lines[from], &packet(b"hello"));
    sent.expect("is taken");
    stream(world, from, lines[from]);
    let mut buf = [0; 64];
    let now = world.now;
    let came = world.nodes[to].switch.recv(now, lines[to], &mut buf);
    assert_eq!(came.map(|len| buf[..len].to_vec()), Ok(packet(b"hello")));
}

/// A stream with as much each way, soon.
fn stream(world: &mut World, from: usize, line: LineId) {
    let (to, now) = (1 - from, world.now);
    let opened_stream = world.nodes[from].switch.open_stream(now, line, "{\"n\":2}");
    let stream = opened_stream.expect("opens");
    let (mut here, mut there, mut theirs) = (Progress::default(), Progress::default(), None);
    let done = world.until(2_000, |world| {
        pump(world, from, stream, BYTES, &mut here);
        theirs = theirs.or_else(|| opened(world, to));
        pump(world, to, theirs?, BYTES, &mut there);
        (here.ended && there.ended).then_some(())
    });
    assert!(done.is_some(), "{here:?} {there:?}");
}

/// Nothing was lost, nobody misbehaved and the lines are up.
fn assert_well(world: &World, lines: [LineId; 2]) {
    for (node, line) in lines.into_iter().enumerate() {
        let switch = &world.nodes[node].switch;
        let stats = switch.stats();
        assert_eq!(
            (stats.packets_lost, stats.misbehaved),
            (0, 0),
            "node {node}"
        );
        let state = switch.line(line).map(|line| line.state);
        assert_eq!(state, Some(LineState::Up), "node {node}");
    }
}

/// Two nodes with a line; each comes to rest after so long.
fn pair(rests_ms: [u64; 2], change: impl Fn(&mut Config)) -> (World, [LineId; 2]) {
    let config = |node: usize| {
        let mut config = Config::default();
        config.life.rest_after_ms = rests_ms[node];
        change(&mut config);
        config
    };
    let mut world = World::new(7, 2, &config(0), CLEAN);
    world.restart(1, &SecretKey::from_bytes(&[42; 32]), &config(1));
    let lines = world.line(0, 1).into();
    (world, lines)
}

#[test]
fn rest_is_left_for_a_message_or_a_stream_by_either_end_and_by_the_one_that_is_alone_in_it() {
    const AWAKE_MS: u64 = 1_000_000;
    for rests_ms in [[2_000, 2_000], [2_000, AWAKE_MS], [AWAKE_MS, 2_000]] {
        for from in [0, 1, 1, 0] {
            let (mut world, lines) = pair(rests_ms, |_| ());
            for _ in 0..3 {
                world.run(AT_REST_MS);
                talk(&mut world, from, lines);
            }
            assert_well(&world, lines);
        }
    }
}

#[test]
fn rest_outlasts_the_keys_which_are_renewed_once_the_line_is_used() {
    let renews = |config: &mut Config| {
        config.line.rekey_after_ms = 3_000;
        config.line.rekeys_min_ms = 500;
        config.life.keep_alive_ms = 29_000;
    };
    let (mut world, lines) = pair([2_000; 2], renews);
    world.run(20_000);
    let sessions = |world: &World| {
        [0, 1].map(|of: usize| {
            let line = world.nodes[of].switch.line(lines[of]);
            line.expect("is up").sessions
        })
    };
    assert_eq!(sessions(&world), [1, 1], "nothing is renewed at rest");
    for (round, from) in [0, 1, 0].into_iter().enumerate() {
        talk(&mut world, from, lines);
        world.run(10_000);
        assert_eq!(sessions(&world), [round as u32 + 2; 2]);
    }
    assert_well(&world, lines);
}

#[test]
fn rest_survives_a_move_of_either_end() {
    for mover in [0, 1] {
        for told in [true, false] {
            let (mut world, lines) = pair([2_000; 2], |_| ());
            world.run(AT_REST_MS);
            let address = SocketAddr::from(([10, 0, 7, mover as u8], 4000));
            world.move_to(mover, address, told);
            world.run(AT_REST_MS);
            // The peer of one that was not told hears of it from the next packet.
            for from in [mover, 1 - mover] {
                stream(&mut world, from, lines[from]);
                world.run(AT_REST_MS);
            }
            let route = world.nodes[1 - mover].switch.line(lines[1 - mover]);
            let route = route.and_then(|line| line.route).expect("is up");
            assert_eq!(route.path.remote, address);
        }
    }
}
