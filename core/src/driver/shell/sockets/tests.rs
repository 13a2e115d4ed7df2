//! Sockets alone: what they refuse, what they mark, how they cut and join.

use std::{string::ToString as _, thread};

use super::*;

fn listen(addresses: &[&str]) -> io::Result<Sockets<UdpSocket>> {
    let addresses: Vec<_> = addresses
        .iter()
        .map(|address| address.parse().expect("it is an address"))
        .collect();
    Sockets::bind(&addresses, 1 << 20)
}

fn one() -> Sockets<UdpSocket> {
    listen(&["127.0.0.1:0"]).unwrap()
}

fn piece(path: Path, len: usize, segment: usize) -> Transmit {
    Transmit {
        socket: SocketId(0),
        path,
        ecn: Ecn::None,
        ttl: None,
        len,
        segment,
    }
}

/// Tries once.
fn send(sockets: &Sockets<UdpSocket>, piece: &Transmit, bytes: &[u8]) -> Sent {
    sockets.send(piece, bytes, |_, attempt| Poll::Ready(attempt()))
}

#[test]
#[cfg(target_os = "linux")]
fn sockets_are_not_cut_by_the_system() {
    assert!(!one().may_fragment());
}

#[test]
fn sockets_an_address_in_use_is_refused() {
    let first = one();
    let taken = first.addresses().next().unwrap().to_string();
    let error = listen(&["127.0.0.1:0", &taken]).err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&taken), "{error} says where");
}

#[test]
fn sockets_take_the_port_of_the_one_before() {
    let sockets = listen(&["127.0.0.1:0", "127.0.0.2:0"]).unwrap();
    let ports: Vec<_> = sockets.addresses().map(|address| address.port()).collect();
    assert_eq!(ports[0], ports[1]);
}

#[test]
fn sockets_are_looked_at_in_turn() {
    let sockets = listen(&["127.0.0.1:0", "127.0.0.2:0", "127.0.0.3:0"]).unwrap();
    let order = |first| -> Vec<_> { sockets.from(first).map(|(id, _)| id.0).collect() };
    assert_eq!(order(0), [0, 1, 2]);
    assert_eq!(order(4), [1, 2, 0]);
    assert_eq!(order(u32::MAX), [0, 1, 2]);
    let none = listen(&[]).unwrap();
    assert_eq!(none.from(3).count(), 0);
}

#[test]
fn sockets_time_to_live_of_one_send_is_not_the_next_ones() {
    let sockets = one();
    let socket = &sockets.all[0];
    let usual = socket.io.ttl().unwrap();
    let piece = Transmit {
        ttl: Some(3),
        ..piece(Path::to(socket.local), 4, 4)
    };
    let raw = SockRef::from(&socket.io);
    let during = || {
        assert_eq!(raw.ttl_v4()?, 3);
        Ok(())
    };
    socket.with_ttl(3, during).unwrap();
    assert_eq!(send(&sockets, &piece, b"ping"), Sent::Done);
    assert_eq!(socket.io.ttl().unwrap(), usual);
}

#[test]
fn sockets_a_run_of_datagrams_arrives_with_its_seams() {
    let sockets = one();
    let socket = &sockets.all[0];
    let local = socket.local;
    let mut inbox = Inbox::new();
    let nothing = socket.try_receive(&mut inbox).unwrap_err();
    assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    let piece = piece(Path::to(local), 25, 10);
    let run: Vec<u8> = (0..25).collect();
    let most = piece.segment * sockets.segments();
    for bytes in run.chunks(most) {
        assert_eq!(send(&sockets, &piece, bytes), Sent::Done);
    }
    let mut datagrams = Vec::new();
    while datagrams.len() < 3 {
        let Ok((buffers, _)) = socket.try_receive(&mut inbox) else {
            thread::yield_now();
            continue;
        };
        for (meta, bytes) in inbox.received(SocketId(0), buffers) {
            assert_eq!(meta.path, Path::new(Some(local.ip()), local));
            datagrams.extend(bytes.chunks(meta.stride).map(<[u8]>::to_vec));
        }
    }
    let expected: Vec<_> = run.chunks(10).map(<[u8]>::to_vec).collect();
    assert_eq!(datagrams, expected);
}

#[test]
fn sockets_errors_of_the_system_say_what_they_mean() {
    let sockets = one();
    let local = sockets.all[0].local;
    let anywhere = piece(Path::to(local), 1, 1);
    let from_here = piece(Path::new(Some(local.ip()), local), 1, 1);
    let unreachable = Sent::Failed(SentError::Unreachable);
    for (piece, kind, became) in [
        (&anywhere, io::ErrorKind::WouldBlock, Sent::Full),
        (&anywhere, io::ErrorKind::NetworkUnreachable, unreachable),
        (&anywhere, io::ErrorKind::ConnectionRefused, Sent::Done),
        (&anywhere, io::ErrorKind::InvalidInput, Sent::Done),
        (&from_here, io::ErrorKind::InvalidInput, unreachable),
    ] {
        assert_eq!(what_became(piece, Err(kind.into())), became, "{kind}");
    }
    let full = sockets.send(&anywhere, b"x", |_, _| Poll::Pending);
    assert_eq!(full, Sent::Full);
    let large = piece(Path::to(local), 65_530, 65_530);
    let too_large = Sent::Failed(SentError::TooLarge);
    assert_eq!(send(&sockets, &large, &[0; 65_530]), too_large);
    let nowhere = Transmit {
        socket: SocketId(7),
        ..anywhere
    };
    assert_eq!(send(&sockets, &nowhere, b"x"), unreachable);
}

/// The interface of loopback carries what UDP does; of more the system says that it is too much, at
/// once and without sending a part of it. Elsewhere the interface says so for less.
#[test]
fn sockets_say_at_once_what_the_interface_does_not_carry() {
    let (sender, receiver) = (one(), one());
    let path = Path::to(receiver.addresses().next().unwrap());
    let bytes = std::vec![7; 65_508];
    let sent = send(&sender, &piece(path, 65_508, 65_508), &bytes);
    assert_eq!(sent, Sent::Failed(SentError::TooLarge));
    let sent = send(&sender, &piece(path, 65_507, 65_507), &bytes[..65_507]);
    assert!(matches!(
        sent,
        Sent::Done | Sent::Failed(SentError::TooLarge)
    ));
    if sent == Sent::Done {
        let mut inbox = Inbox::new();
        let socket = &receiver.all[0];
        let taken = (0..1_000_000).find_map(|_| {
            thread::yield_now();
            socket.try_receive(&mut inbox).ok()
        });
        assert_eq!(taken.map(|it| it.0), Some(1));
        let (meta, received) = inbox.received(SocketId(0), 1).next().unwrap();
        assert_eq!((meta.stride, received.len()), (65_507, 65_507), "whole");
    }
}

#[test]
fn sockets_a_batch_with_room_left_says_that_the_socket_is_empty() {
    let sockets = one();
    let socket = &sockets.all[0];
    let local = socket.local;
    let mut inbox = Inbox::new();
    for sent in [1, 3, FEW, FEW + 1, BATCH_SIZE + 2] {
        for byte in 0..sent {
            let piece = piece(Path::to(local), 10, 10);
            assert_eq!(send(&sockets, &piece, &[byte as u8; 10]), Sent::Done);
        }
        let mut came = 0;
        loop {
            let received = socket.try_receive(&mut inbox);
            let Ok((buffers, more)) = received else {
                // So it is where a batch is one datagram, or the last one was just full.
                break;
            };
            came += inbox.received(SocketId(0), buffers).count();
            if !more {
                break;
            }
        }
        assert_eq!(came, sent, "loopback delivers at once");
        let nothing = socket.try_receive(&mut inbox).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    }
}
