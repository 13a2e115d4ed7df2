//! A line between real sockets on loopback, through a router that gives one end another port.
#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

mod pair;

use std::{net::SocketAddr, sync::Arc};

use hydroid_tokio::switch::{self, LineEvent};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UdpSocket,
};

use pair::{Member, bounded, content};

/// Bytes of a transfer.
const BYTES: usize = 4 << 20;
/// After so many bytes through the router, it takes another port: in the middle of the transfer.
const REBIND_BYTES: usize = BYTES / 2;

async fn any_port() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0")
        .await
        .expect("loopback has ports")
}

/// Carries what comes to `inside` to `to`, and answers back, from a port that changes once.
async fn route(inside: Arc<UdpSocket>, to: SocketAddr) {
    let (mut outside, mut carried, mut rebound) = (any_port().await, 0, false);
    let (mut there, mut back) = (vec![0; 65_536], vec![0; 65_536]);
    let mut client = None;
    loop {
        // What cannot be sent is lost, as on any way.
        tokio::select! {
            Ok((len, from)) = inside.recv_from(&mut there) => {
                client = Some(from);
                carried += len;
                let _lost = outside.send_to(&there[..len], to).await;
            }
            Ok((len, _)) = outside.recv_from(&mut back) => {
                carried += len;
                if let Some(client) = client {
                    let _lost = inside.send_to(&back[..len], client).await;
                }
            }
        }
        if carried >= REBIND_BYTES && !rebound {
            (outside, rebound) = (any_port().await, true);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roaming_behind_a_router_that_changes_its_port_in_the_middle_of_a_transfer() {
    for inside_sends in [true, false] {
        bounded(async {
            let a = Member::new(switch::Config::default());
            let b = Member::new(switch::Config::default());
            let inside = Arc::new(any_port().await);
            let mut ticket = b.ticket.clone();
            ticket.addresses = vec![inside.local_addr().unwrap()];
            let routing = tokio::spawn(route(inside, b.endpoint.local_addresses()[0]));
            let line = a.endpoint.connect(a.hashname, &ticket).await.unwrap();
            let mut near = line.open_stream("{}").await.unwrap();
            let mut far = b.endpoint.accept().await.unwrap();
            let (out, back) = if inside_sends {
                (&mut near, &mut far)
            } else {
                (&mut far, &mut near)
            };
            let sent = content(BYTES, 5);
            let sending = async {
                out.write_all(&sent).await.unwrap();
                out.shutdown().await.unwrap();
            };
            let mut bytes = Vec::new();
            let ((), came) = tokio::join!(sending, back.read_to_end(&mut bytes));
            came.unwrap();
            assert_eq!(blake3::hash(&bytes), blake3::hash(&sent));
            let moved = |event: &LineEvent| matches!(event, LineEvent::Moved { .. });
            while !moved(&b.endpoint.line_event().await.unwrap()) {}
            assert_eq!(b.endpoint.status().lines, 1);
            assert!(line.info().is_some(), "the same line");
            routing.abort();
        })
        .await;
    }
}
