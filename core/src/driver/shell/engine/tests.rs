//! Engines whose identities are announced on loopback.

use std::{
    cell::Cell,
    net::{Ipv4Addr, UdpSocket},
    sync::atomic::{AtomicBool, Ordering},
    task::Wake,
    thread,
};

use super::*;
use crate::driver::shell::{
    Config, LanConfig, LanStatus,
    tests::{Member, config},
};

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn announcer(seed: u8, hear_us: u32) -> Member {
    // An endpoint that takes lines on loopback is announced there alone.
    Member::new(Config {
        lan: LanConfig {
            hear_us,
            ..LanConfig::default()
        },
        ..config(seed)
    })
}

#[test]
fn lan_sockets_are_there_while_somebody_is_announced() {
    let mut one = announcer(1, 0);
    while one.turn() == Rest::Again {}
    assert_eq!(one.engine.listeners().count(), 0);
    assert_eq!(one.endpoint.lan_status(), LanStatus::default());
    let flag = Arc::new(Flag(AtomicBool::new(false)));
    one.engine.wake_by(&Arc::clone(&flag).into());
    one.endpoint.announce(one.hashname, &one.secret).unwrap();
    assert!(flag.0.load(Ordering::SeqCst), "the task is to open them");
    assert_eq!(one.engine.wait(), Duration::ZERO);
    one.turn();
    let status = one.endpoint.lan_status();
    let there = status.networks.iter().map(|it| it.address);
    let there: Vec<_> = there.collect();
    assert_eq!(there, [Ipv4Addr::LOCALHOST], "{status:?}");
    assert_eq!(one.engine.listeners().count(), status.ports.len());
    one.endpoint.hush(one.hashname).unwrap();
    assert_eq!(one.engine.wait(), Duration::ZERO);
    one.turn();
    assert!(one.engine.listeners().count() > 0, "it is said again");
    // The good-bye takes less than a tenth of a second; ten are given to it.
    for _turn in 0..100 {
        if one.engine.listeners().count() == 0 {
            break;
        }
        thread::sleep(one.engine.wait().min(Duration::from_millis(100)));
        one.turn();
    }
    assert_eq!(one.engine.listeners().count(), 0);
    assert_eq!(one.endpoint.lan_status(), LanStatus::default());
}

#[test]
fn lan_sockets_are_not_looked_at_in_every_turn() {
    const HOUR_US: u32 = 3_600_000_000;
    let looks = |one: &mut Member| {
        let own = one.endpoint.local_addresses();
        let others = Cell::new(0);
        let io = |socket: &UdpSocket, side, attempt: &mut Attempt<'_>| {
            let is_own = own.contains(&socket.local_addr().unwrap());
            if side == Side::Receive && !is_own {
                others.set(others.get() + 1);
            }
            match attempt() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
                done => Poll::Ready(done),
            }
        };
        one.engine.turn(Waker::noop(), io);
        others.get()
    };
    let mut one = announcer(2, 0);
    one.endpoint.announce(one.hashname, &one.secret).unwrap();
    // The turn that opens them has looked already at what was there.
    assert_eq!(looks(&mut one), 0);
    assert!(looks(&mut one) > 0 && looks(&mut one) > 0);
    let mut one = announcer(3, HOUR_US);
    one.endpoint.announce(one.hashname, &one.secret).unwrap();
    assert_eq!([0; 3].map(|_| looks(&mut one)), [0; 3]);
    assert!(one.engine.wait() <= Duration::from_micros(HOUR_US.into()));
}

#[test]
fn lan_sockets_that_are_flooded_take_no_turn_from_the_others() {
    const MOST: u32 = 8;
    let mut config = config(4);
    config.driver.received_per_turn = MOST;
    let mut one = Member::new(config);
    one.endpoint.announce(one.hashname, &one.secret).unwrap();
    one.turn();
    let flood = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    flood.set_broadcast(true).unwrap();
    let everybody = Ipv4Addr::new(127, 255, 255, 255);
    let port = one.endpoint.lan_status().ports[0];
    let flooded = |one: &Member| one.endpoint.stats().datagrams_in;
    let before = flooded(&one);
    while flooded(&one) < before + 10 * u64::from(MOST) {
        for _datagram in 0..4 * MOST {
            // What finds no room is lost.
            let _sent = flood.send_to(b"no announcement", (everybody, port));
        }
        let seen = flooded(&one);
        let rest = one.turn();
        // One batch of the system's may begin within the bound and end beyond it.
        assert!(flooded(&one) - seen <= u64::from(MOST) + 64);
        assert!(!one.engine.crowded && rest != Rest::Over);
    }
}
