//! New keys within a line over real sockets on loopback, and packets without a line.

mod pair;

use std::{
    io,
    time::{Duration, Instant},
};

use hydroid_core::line::Suite;
use hydroid_tokio::switch;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use pair::{Member, bounded, content, stream};

/// Keys are renewed after a second.
fn every_second(suite: Suite) -> switch::Config {
    let mut config = switch::Config::default();
    config.line.suite = suite;
    config.line.rekey_after_ms = 1_000;
    config
}

/// How long data flows.
const FLOW: Duration = Duration::from_millis(3_300);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rekey_every_second_while_data_flows_and_none_of_it_is_harmed() {
    const PIECE: usize = 64 << 10;
    let suites = [Suite::Aes256Gcm, Suite::ChaCha20Poly1305];
    for (ours, theirs) in [(suites[0], suites[1]), (suites[1], suites[0])] {
        bounded(async {
            let (a, b) = (
                Member::new(every_second(ours)),
                Member::new(every_second(theirs)),
            );
            let line = a.connect(&b).await;
            let (mut near, mut far) = stream(&line, &b).await;
            let reading = tokio::spawn(async move {
                let (mut pieces, mut buf) = (0_u64, vec![0; PIECE]);
                while far.read_exact(&mut buf).await.is_ok() {
                    assert!(buf == content(PIECE, pieces), "piece {pieces}");
                    pieces += 1;
                }
                let info = far.line().info().expect("the line is up");
                (pieces, info.sessions)
            });
            let (begun, mut pieces) = (Instant::now(), 0);
            while begun.elapsed() < FLOW {
                near.write_all(&content(PIECE, pieces)).await.unwrap();
                pieces += 1;
            }
            near.finished().await.unwrap();
            let (read, sessions) = reading.await.unwrap();
            assert_eq!(read, pieces);
            let here = line.info().expect("the line is up").sessions;
            println!("{pieces} pieces, {here} and {sessions} sessions");
            assert!(here >= 3 && sessions >= 3, "{here} and {sessions} sessions");
            for member in [&a, &b] {
                let stats = member.endpoint.stats();
                assert!(stats.rekeyed >= 2 && stats.misbehaved == 0);
            }
        })
        .await;
    }
}

#[tokio::test]
async fn rekey_needs_a_line_and_anonymous_packets_none() {
    bounded(async {
        let mut config = switch::Config::default();
        config.life.anon_max = 8;
        let (a, b) = (Member::new(config.clone()), Member::new(config));
        let to = b.endpoint.local_addresses()[0];
        let packet = b"\0\x0b{\"hello\":1}you";
        let waiting = {
            let endpoint = b.endpoint.clone();
            tokio::spawn(async move {
                let mut buf = [0; 100];
                let (from, len) = endpoint.recv_anon(&mut buf).await?;
                io::Result::Ok((from, buf[..len].to_vec()))
            })
        };
        tokio::task::yield_now().await;
        a.endpoint.send_anon(to, packet).unwrap();
        let (from, got) = waiting.await.unwrap().unwrap();
        assert_eq!(from, a.endpoint.local_addresses()[0]);
        assert_eq!(got, packet);
        let reserved = b"\0\x0a{\"line\":1}";
        let refused = a.endpoint.send_anon(to, reserved).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        assert_eq!(b.endpoint.status().lines, 0);
    })
    .await;
}
