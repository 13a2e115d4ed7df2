//! Strangers before a switch: floods of opens, other versions, and packets without a line.

use std::net::SocketAddr;

use hydroid_core::{
    base::{Rng, Seed, Time},
    identity::{PublicKey, SecretKey, Space},
    line::{self, Lines},
    switch::{
        Config, DownReason, DropReason, Event, Interface, Life, LineError, Path, Route, Switch,
    },
};
use hydroid_tests::{
    transfer::{CLEAN, down},
    world::{SOCKET, World},
};

fn stranger(n: u32) -> SocketAddr {
    let [a, b, c, d] = n.to_be_bytes();
    SocketAddr::from(([100 + a, b, c, d], 4000))
}

/// An open to the holder of `key`, as somebody with a key of his own makes one.
fn open_to(key: PublicKey, n: u32) -> Vec<u8> {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    let mut lines = Lines::new(&line::Config::default(), Rng::new(&Seed::new(bytes)));
    let space = Space::open("world").expect("a legal name").id();
    let secret = SecretKey::from_bytes(&bytes);
    let local = lines.install(Time::ZERO, &secret, space).expect("installs");
    let route = Route {
        socket: SOCKET,
        path: Path::to(stranger(n)),
    };
    lines
        .open(Time::ZERO, local, key, &[route], 0)
        .expect("dials");
    let mut buf = [0; 2048];
    let (_, len) = lines.poll_datagram(Time::ZERO, &mut buf).expect("an open");
    buf[..len].to_vec()
}

#[test]
fn strangers_flood_of_opens_is_bounded_and_an_honest_open_gets_in_by_its_cookie() {
    let mut config = Config::default();
    config.line.opens_per_second = 50;
    config.line.opens_burst = 50;
    let mut world = World::new(1, 2, &config, CLEAN);
    world.kept = Some(Vec::new());
    let victim = world.nodes[0].address;
    let mut line = None;
    let (mut flooded, mut up_after) = (0, None);
    for ms in 0..3_000 {
        let from = stranger(flooded);
        let open = open_to(world.nodes[0].key, flooded);
        world.inject(from, 0, &open);
        flooded += 1;
        if ms == 1_000 {
            line = Some(world.connect(1, 0));
        }
        world.run(1);
        if line.is_some() && world.nodes[1].take_up() == line {
            up_after = up_after.or(Some(ms - 1_000));
        }
    }
    println!(
        "{} read, up after {up_after:?} ms",
        world.nodes[0].switch.opens_read()
    );
    assert!(up_after.is_some_and(|ms| ms < 1_000), "{up_after:?}");
    let read = world.nodes[0].switch.opens_read();
    assert!((100..=50 + 3 * 50).contains(&read), "{read} opens read");
    // Each of them got less than it sent: one datagram, and none that is longer.
    let kept = world.kept.expect("was kept");
    let sent = kept.iter().filter(|(by, _, _)| *by == victim);
    let mut out = 0;
    for (_, to, datagram) in sent.filter(|(_, to, _)| to.port() == 4000 && to.ip() != victim.ip()) {
        assert!(datagram.len() < 600, "{to}");
        out += 1;
    }
    assert!(out <= flooded + 10_000 && out > flooded / 2);
}

#[test]
fn strangers_other_version_is_the_reason_when_nobody_answers() {
    let mut world = World::new(2, 2, &Config::default(), CLEAN);
    world.nodes[1].online = false;
    world.kept = Some(Vec::new());
    let line = world.connect(0, 1);
    world.run(10);
    let kept = world.kept.take().expect("was kept");
    let head = String::from_utf8_lossy(&kept[0].2[2..60]).into_owned();
    let id = head.split(r#""line":"#).nth(1).expect("it has an id");
    let id = id.split('}').next().expect("it ends");
    let head = format!(r#"{{"line":{id},"versions":[3,4]}}"#);
    let mut reply = (head.len() as u16).to_be_bytes().to_vec();
    reply.extend_from_slice(head.as_bytes());
    let from = world.nodes[1].address;
    world.inject(from, 0, &reply);
    assert_eq!(world.until(4_900, |world| down(world, 0)), None);
    let versions = String::from("3, 4");
    let reason = DownReason::OtherVersions { versions };
    let text = "the peer speaks other versions of the protocol: 3, 4";
    assert_eq!(reason.to_string(), text);
    assert_eq!(
        world.until(1_000, |world| down(world, 0)),
        Some((line, reason))
    );
}

fn wanted(anon_max: u32) -> Config {
    Config {
        life: Life {
            anon_max,
            ..Life::default()
        },
        ..Config::default()
    }
}

fn packet(head: &str, body: &[u8]) -> Vec<u8> {
    let mut packet = (head.len() as u16).to_be_bytes().to_vec();
    packet.extend_from_slice(head.as_bytes());
    packet.extend_from_slice(body);
    packet
}

// S2.14, S2.70
#[test]
fn strangers_packets_without_a_line_come_where_they_are_wanted() {
    let mut world = World::new(3, 3, &wanted(2), CLEAN);
    let off = SecretKey::from_bytes(&[42; 32]);
    world.restart(2, &off, &Config::default());
    let (to, nobody) = (world.nodes[1].address, world.nodes[2].address);
    let from = world.nodes[0].address;
    let long = format!(r#"{{"hello":"{}"}}"#, "x".repeat(500));
    let packets = [
        packet(r#"{"hello":1}"#, b"you"),
        packet(&long, &[]),
        packet(r#"{"hello":3}"#, &[]),
    ];
    for bytes in &packets {
        for to in [to, nobody] {
            let now = world.now;
            let sent = world.nodes[0].switch.send_anon(now, to, bytes);
            sent.expect("it is taken");
        }
        world.run(20);
    }
    let now = world.now;
    let node = &mut world.nodes[1];
    // Told once; the oldest made room and is counted.
    let mut told = || node.take(|event| (*event == Event::Anon).then_some(()));
    assert_eq!((told(), told()), (Some(()), None));
    assert_eq!(node.switch.stats().anonymous_unread, 1);
    let mut buf = [0; 1200];
    let short = node.switch.recv_anon(now, &mut buf[..9]);
    assert_eq!(short, Err(LineError::TooLarge));
    for bytes in &packets[1..] {
        assert_eq!(
            node.switch.recv_anon(now, &mut buf),
            Ok((from, bytes.len()))
        );
        assert_eq!(buf[..bytes.len()], *bytes);
    }
    let empty = node.switch.recv_anon(now, &mut buf);
    assert_eq!(empty, Err(LineError::Blocked));
    // Whoever does not want them drops and counts them, as he does all that he does not know.
    let stats = world.nodes[2].switch.stats();
    assert_eq!(stats.dropped_in_all(), 3);
    assert_eq!(stats.dropped(DropReason::UnknownHead), 2);
    assert_eq!(world.nodes[2].take(|_| Some(())), None);
}

#[test]
fn strangers_packets_that_look_like_ours_are_never_sent() {
    let mut switch = Switch::new(wanted(2), &Seed::new([1; 32])).expect("legal");
    let (now, to) = (Time::ZERO, stranger(1));
    let hello = packet(r#"{"hello":1}"#, &[]);
    assert_eq!(switch.send_anon(now, to, &hello), Err(LineError::NoSocket));
    let interface = Interface {
        socket: SOCKET,
        local: SocketAddr::from(([10, 0, 0, 1], 4000)),
    };
    switch.handle_network_change(now, &[interface]);
    let reserved = [
        packet(r#"{"open":1,"x":2}"#, &[0; 600]),
        packet(r#"{"line":"x"}"#, &[]),
        packet(r#"{"l\u0069ne":0}"#, &[]),
        packet(r#"{"a":1,"a":2}"#, &[]),
        packet(&format!(r#"{{"a":"{}"}}"#, "x".repeat(1_020)), &[]),
        vec![0, 4, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0],
        vec![0, 0],
        vec![0, 1, 7],
    ];
    for bytes in &reserved {
        let sent = switch.send_anon(now, to, bytes);
        assert_eq!(sent, Err(LineError::Reserved), "{bytes:?}");
    }
    let cut = switch.send_anon(now, to, &[0, 9, b'{']);
    assert_eq!(cut, Err(LineError::NoPacket));
    let large = packet(r#"{"hello":1}"#, &[0; 1_200]);
    assert_eq!(switch.send_anon(now, to, &large), Err(LineError::TooLarge));
    assert_eq!(switch.poll_transmit(now, &mut [0; 1_200]), None);
    for expected in [Ok(()), Ok(()), Err(LineError::Blocked)] {
        assert_eq!(switch.send_anon(now, to, &hello), expected);
    }
    let mut buf = [0; 1_200];
    for _ in 0..2 {
        let transmit = switch.poll_transmit(now, &mut buf).expect("it goes out");
        assert_eq!((transmit.path.remote, transmit.len), (to, hello.len()));
        assert_eq!(buf[..transmit.len], hello[..]);
    }
    assert_eq!(switch.poll_transmit(now, &mut buf), None);
    let mut off = Switch::new(wanted(0), &Seed::new([1; 32])).expect("legal");
    off.handle_network_change(now, &[interface]);
    assert_eq!(off.send_anon(now, to, &hello), Err(LineError::Blocked));
}
