//! The sockets of local networks on the loopback interface, and nowhere else. What is sent here is
//! no announcement: whoever else listens on this machine drops it.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    process,
    sync::atomic::{AtomicU16, Ordering},
    thread, vec,
};

use super::*;
use crate::{
    driver::shell::sockets::Inbox,
    switch::{Ecn, LAN_GROUP_V4, LAN_GROUP_V6, Path},
};

const AWAKE: Time = Time::from_us(10_000_000);

fn loopback() -> (String, u32) {
    let places = places().unwrap();
    let own = places.iter().find(|it| it.ip == Ipv4Addr::LOCALHOST);
    let own = own.expect("there is a loopback interface");
    (own.name.clone(), own.index)
}

/// Ports that nobody else has, nor gets by chance.
fn ports() -> [u16; 4] {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let nth = NEXT.fetch_add(1, Ordering::Relaxed);
        let begin = 10_000 + (process::id() as u16 % 4_000 + nth * 7) % 5_000 * 4;
        let ports = [0, 1, 2, 3].map(|more| begin + more);
        let v4 = ports.map(|port| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok());
        let v6 = ports.map(|port| UdpSocket::bind((Ipv6Addr::UNSPECIFIED, port)));
        let in_use = |it: &io::Result<_>| {
            let error = it.as_ref().err();
            error.is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::AddrInUse)
        };
        if v4 == [true; 4] && !v6.iter().any(in_use) {
            return ports;
        }
    }
}

fn on(name: &str, ports: [u16; 4]) -> Lan<UdpSocket> {
    let config = LanConfig {
        interfaces: vec![name.into()],
        look_ms: 1_000,
        hear_us: 5_000,
    };
    let bound = vec![
        (Ipv4Addr::UNSPECIFIED, 4000).into(),
        (Ipv6Addr::UNSPECIFIED, 4000).into(),
    ];
    let mut lan = Lan::new(config, bound, 1 << 18, Ok);
    lan.ports = ports;
    lan
}

fn group(network: &LocalNetwork) -> IpAddr {
    match network.local {
        IpAddr::V4(_) => LAN_GROUP_V4.into(),
        IpAddr::V6(_) => LAN_GROUP_V6.into(),
    }
}

fn piece(network: &LocalNetwork, to: SocketAddr, len: usize) -> Transmit {
    Transmit {
        socket: network.socket,
        path: Path::new(Some(network.local), to),
        ecn: Ecn::None,
        ttl: Some(1),
        len,
        segment: len,
    }
}

/// What has come: the interface, where to, and what.
fn heard(lan: &Lan<UdpSocket>) -> BTreeSet<(u32, Option<IpAddr>, Vec<u8>)> {
    let (mut inbox, mut heard) = (Inbox::new(), BTreeSet::new());
    for (id, socket) in lan.listeners() {
        while let Ok((buffers, _)) = socket.try_receive(&mut inbox) {
            for (meta, bytes) in inbox.received(id, buffers) {
                let datagrams = bytes.chunks(meta.stride.max(1));
                let all = datagrams.map(|it| (meta.interface, meta.path.local, it.to_vec()));
                heard.extend(all);
            }
        }
    }
    heard
}

/// What is said on every network, to the group and to everybody, at every port, and what of it is
/// to be heard there.
fn say(lan: &mut Lan<UdpSocket>, networks: &[LocalNetwork]) -> BTreeSet<(u32, IpAddr, Vec<u8>)> {
    let mut said = BTreeSet::new();
    for network in networks {
        let group = network.multicast.then(|| group(network));
        let everybody = network.broadcast.map(IpAddr::V4);
        for to in group.into_iter().chain(everybody) {
            for port in lan.ports {
                let text = format!("{to} {port} {}", network.socket.0);
                let piece = piece(network, (to, port).into(), text.len());
                assert_eq!(lan.send(&piece, text.as_bytes()), Some(Sent::Done));
                said.insert((network.interface, to, text.into_bytes()));
            }
        }
    }
    said
}

#[test]
fn lan_sockets_of_one_machine_hear_each_other_at_every_port() {
    let ((name, index), ports) = (loopback(), ports());
    let (mut a, mut b) = (on(&name, ports), on(&name, ports));
    let networks = a.look(AWAKE).networks.unwrap();
    assert!(b.look(AWAKE).networks.is_some());
    let v4 = networks.iter().find(|it| it.local == Ipv4Addr::LOCALHOST);
    let v4 = v4.expect("it is on loopback");
    assert!(v4.multicast && v4.prefix_bits == 8, "{v4:?}");
    let others = networks.iter().filter(|it| it.interface != index);
    assert_eq!(others.count(), 0, "{networks:?}");
    let said = say(&mut a, &networks);
    assert!(said.len() >= 8, "two ways to four ports: {said:?}");
    let said: BTreeSet<_> = said
        .into_iter()
        .map(|(interface, to, text)| (interface, Some(to), text))
        .collect();
    for lan in [&a, &b] {
        let mut all = BTreeSet::new();
        while !all.is_superset(&said) {
            all.extend(heard(lan));
            thread::yield_now();
        }
        assert_eq!(all, said, "nothing else came");
    }
    let status = a.take_status().unwrap();
    let mut sorted = ports;
    sorted.sort_unstable();
    assert_eq!(status.ports, sorted);
    assert!(status.errors.is_empty(), "{:?}", status.errors);
    assert!(status.networks.iter().all(|it| it.interface == name));
    assert_eq!(status.networks.len(), networks.len());
    assert_eq!(a.take_status(), None, "nothing has changed since");
}

#[test]
fn lan_sockets_do_without_a_port_in_use_until_it_is_free() {
    let ((name, _), ports) = (loopback(), ports());
    let holder = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, ports[1])).unwrap();
    let mut lan = on(&name, ports);
    let networks = lan.look(AWAKE).networks.unwrap();
    let status = lan.take_status().unwrap();
    assert!(!status.ports.contains(&ports[1]), "{status:?}");
    assert_eq!(status.ports.len(), 3);
    let told = format!("IPv4 port {}: ", ports[1]);
    assert!(status.errors[0].starts_with(&told), "{:?}", status.errors);
    let said = say(&mut lan, &networks);
    let (mut all, lost) = (0, said.len() / 4);
    while all < said.len() - lost {
        all += heard(&lan).len();
        thread::yield_now();
    }
    drop(holder);
    assert_eq!(lan.look(AWAKE).networks, None, "the networks are the same");
    let status = lan.take_status().unwrap();
    assert_eq!((status.ports.len(), status.errors.len()), (4, 0));
}

#[test]
fn lan_sockets_wait_for_an_interface_that_is_not_there() {
    let mut lan = on("nowhere7", ports());
    let changes = lan.look(AWAKE);
    assert_eq!((changes.networks, changes.moved), (None, false));
    assert_eq!(lan.listeners().count(), 0);
    let status = lan.take_status().unwrap();
    assert!(status.errors[0].starts_with("nowhere7: "), "{status:?}");
    let after = AWAKE.plus_ms(1_000);
    assert_eq!((lan.next(), lan.is_due(AWAKE)), (after, false));
    assert!(lan.is_due(after), "it is looked again");
}

#[test]
fn lan_sockets_of_an_endpoint_on_an_address_alone_are_on_its_network() {
    let (name, index) = loopback();
    let mut lan = on(&name, ports());
    lan.config.interfaces.clear();
    lan.bound = vec![(Ipv4Addr::LOCALHOST, 4000).into()];
    let networks = lan.look(AWAKE).networks.unwrap();
    assert_eq!(networks.len(), 1);
    assert_eq!(networks[0].interface, index);
    assert_eq!(networks[0].local, Ipv4Addr::LOCALHOST);
}

#[test]
fn lan_sockets_that_failed_are_made_anew_and_keep_their_ids() {
    let ((name, _), ports) = (loopback(), ports());
    let mut lan = on(&name, ports);
    let networks = lan.look(AWAKE).networks.unwrap();
    let network = networks[0];
    lan.take_status();
    let to: SocketAddr = (group(&network), ports[0]).into();
    let too_large = vec![7; 70_000];
    for _again in 0..2 {
        let piece = piece(&network, to, too_large.len());
        assert_eq!(lan.send(&piece, &too_large), Some(Sent::Done));
    }
    let status = lan.take_status().expect("something is wrong now");
    let told = format!("{name} 127.0.0.1: multicast: ");
    assert!(status.errors[0].starts_with(&told), "{:?}", status.errors);
    assert_eq!(
        (status.errors.len(), status.networks.len()),
        (1, networks.len())
    );
    assert_eq!(
        lan.look(AWAKE).networks,
        None,
        "the switch hears nothing of it"
    );
    let status = lan.take_status().unwrap();
    assert_eq!(status.errors.len(), 1, "nobody knows yet whether it works");
    assert_eq!(lan.send(&piece(&network, to, 4), b"ping"), Some(Sent::Done));
    while heard(&lan).is_empty() {
        thread::yield_now();
    }
    assert_eq!(lan.take_status().expect("it works").errors.len(), 0);
}

#[test]
fn lan_sockets_are_closed_and_opened_again() {
    let ((name, _), ports) = (loopback(), ports());
    let mut lan = on(&name, ports);
    let unknown = Transmit {
        socket: SocketId(2),
        ..piece(
            &lan.look(AWAKE).networks.unwrap()[0],
            ([127, 0, 0, 1], 9).into(),
            1,
        )
    };
    let lost = Some(Sent::Failed(SentError::Unreachable));
    assert_eq!(lan.send(&unknown, b"x"), lost, "it only listens");
    let own = Transmit {
        socket: SocketId(1),
        ..unknown
    };
    assert_eq!(lan.send(&own, b"x"), None, "it is one of the endpoint's");
    lan.close();
    assert_eq!(lan.take_status(), Some(LanStatus::default()));
    assert_eq!((lan.listeners().count(), lan.next()), (0, Time::NEVER));
    assert_eq!(lan.send(&unknown, b"x"), lost);
    assert!(lan.is_due(AWAKE) && !lan.may_hear(AWAKE));
    let exclusive = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, ports[0]));
    drop(exclusive.expect("the port is free"));
    assert!(lan.look(AWAKE).networks.is_some());
    assert_eq!(lan.take_status().unwrap().ports.len(), 4);
}

#[test]
fn lan_sockets_are_listened_to_once_in_a_while_and_never_forgotten() {
    let mut lan = on(&loopback().0, ports());
    lan.look(AWAKE);
    assert!(lan.next() <= AWAKE, "new sockets are looked at at once");
    assert!(lan.may_hear(AWAKE));
    let look = AWAKE.plus_ms(1_000);
    assert_eq!(lan.next(), look, "whoever sends wakes it");
    let (soon, later) = (AWAKE.plus_us(4_999), AWAKE.plus_us(5_000));
    assert!(!lan.may_hear(soon));
    assert_eq!(lan.next(), later, "nobody wakes it any more");
    assert!(lan.may_hear(later));
    assert_eq!(lan.next(), look);
    lan.hear_more();
    assert_eq!(lan.next(), later.plus_us(5_000), "a flood waits its turn");
}
