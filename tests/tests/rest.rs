//! What a line costs while nothing happens on it, in bytes that the allocator counts.

use std::net::SocketAddr;

use hydroid_core::{
    base::{Seed, Time, Wall, Why},
    identity::{PublicKey, SecretKey, Space},
    switch::{
        Config, Ecn, Event, Interface, Meta, Path, Read, SocketId, StreamEvent, StreamId, Switch,
    },
};

const SOCKET: SocketId = SocketId(0);
const LINES: u8 = 32;
/// What one end of a line at rest may cost, with its part of the tables of the switch.
const LINE_BYTES_MAX: i64 = 5_888;

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
