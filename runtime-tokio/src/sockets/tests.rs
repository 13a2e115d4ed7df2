//! Sockets alone: what they refuse, what they mark, how they cut and join.

use super::*;

/// Sockets that are ready to send.
async fn writable(addresses: &[&str]) -> Sockets {
    let sockets = listen(addresses).unwrap();
    for socket in &sockets.all {
        socket.io.writable().await.unwrap();
    }
    sockets
}

fn listen(addresses: &[&str]) -> io::Result<Sockets> {
    let addresses: Vec<_> = addresses
        .iter()
        .map(|address| address.parse().expect("it is an address"))
        .collect();
    Sockets::bind(&addresses, 1 << 20)
}

#[tokio::test]
async fn sockets_an_address_in_use_is_refused() {
    let first = listen(&["127.0.0.1:0"]).unwrap();
    let taken = first.addresses().next().unwrap().to_string();
    let error = listen(&["127.0.0.1:0", &taken]).err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn sockets_time_to_live_of_one_send_is_not_the_next_ones() {
    let sockets = writable(&["127.0.0.1:0"]).await;
    let socket = &sockets.all[0];
    let usual = socket.io.ttl().unwrap();
    let piece = Transmit {
        socket: SocketId(0),
        path: Path::to(socket.local),
        ecn: Ecn::None,
        ttl: Some(3),
        len: 4,
        segment: 4,
    };
    let raw = SockRef::from(&socket.io);
    let during = || {
        assert_eq!(raw.ttl_v4()?, 3);
        Ok(())
    };
    socket.with_ttl(3, during).unwrap();
    assert_eq!(sockets.send(&piece, b"ping"), Sent::Done);
    assert_eq!(socket.io.ttl().unwrap(), usual);
}

#[tokio::test]
async fn sockets_a_run_of_datagrams_arrives_with_its_seams() {
    let sockets = writable(&["127.0.0.1:0"]).await;
    let local = sockets.addresses().next().unwrap();
    let piece = Transmit {
        socket: SocketId(0),
        path: Path::to(local),
        ecn: Ecn::None,
        ttl: None,
        len: 25,
        segment: 10,
    };
    let run: Vec<u8> = (0..25).collect();
    let most = piece.segment * sockets.segments();
    for bytes in run.chunks(most) {
        assert_eq!(sockets.send(&piece, bytes), Sent::Done);
    }
    let mut inbox = Inbox::new();
    let mut datagrams = Vec::new();
    while datagrams.len() < 3 {
        let receive = |cx: &mut Context<'_>| sockets.poll_receive(cx, 0, &mut inbox);
        let buffers = std::future::poll_fn(receive).await;
        for (meta, bytes) in inbox.received(0, buffers) {
            assert_eq!(meta.path, Path::new(Some(local.ip()), local));
            datagrams.extend(bytes.chunks(meta.stride).map(<[u8]>::to_vec));
        }
    }
    let expected: Vec<_> = run.chunks(10).map(<[u8]>::to_vec).collect();
    assert_eq!(datagrams, expected);
}

#[tokio::test]
async fn sockets_errors_of_the_system_say_what_they_mean() {
    let error = |kind: io::ErrorKind| sent_error(&kind.into());
    assert_eq!(error(io::ErrorKind::WouldBlock), Sent::Full);
    let unreachable = Sent::Failed(SentError::Unreachable);
    assert_eq!(error(io::ErrorKind::NetworkUnreachable), unreachable);
    assert_eq!(error(io::ErrorKind::ConnectionRefused), Sent::Done);
    let sockets = writable(&["127.0.0.1:0"]).await;
    let piece = Transmit {
        socket: SocketId(0),
        path: Path::to(sockets.all[0].local),
        ecn: Ecn::None,
        ttl: None,
        len: 65_530,
        segment: 65_530,
    };
    let too_large = Sent::Failed(SentError::TooLarge);
    assert_eq!(sockets.send(&piece, &[0; 65_530]), too_large);
    let nowhere = Transmit {
        socket: SocketId(7),
        ..piece
    };
    assert_eq!(sockets.send(&nowhere, b"x"), unreachable);
}
