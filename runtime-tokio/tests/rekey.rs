//! New keys within a line over real sockets on loopback, and packets without a line.

mod pair;

use std::{
    io,
    time::{Duration, Instant},
};

use hydroid_core::line::Suite;
use hydroid_tokio::{Config, Line, Provider, PureRust, Stream, switch};
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

/// Bytes of one of the streams that run at once.
const BYTES: usize = 256 << 10;

const AES: Suite = Suite::Aes256Gcm;
const CHACHA: Suite = Suite::ChaCha20Poly1305;

/// What an end is made with; `None` is the default provider.
type End = (Suite, Option<&'static dyn Provider>);

/// The default provider alone is in the test above; what else two ends do with each other is in the
/// conformance script of the shells.
const TABLE: [[End; 2]; 4] = [
    [(AES, None), (AES, Some(&PureRust))],
    [(CHACHA, Some(&PureRust)), (CHACHA, None)],
    [(AES, Some(&PureRust)), (CHACHA, None)],
    [(CHACHA, Some(&PureRust)), (AES, Some(&PureRust))],
];

fn member((suite, provider): End) -> Member {
    let default = Config::default().provider;
    Member::with_both(every_second(suite), provider.unwrap_or(default))
}

async fn send(mut stream: Stream, salt: u64) {
    stream
        .write_all(&salt.to_be_bytes())
        .await
        .expect("the line works");
    stream
        .write_all(&content(BYTES, salt))
        .await
        .expect("the line works");
    stream.finished().await.expect("the line works");
}

async fn check(mut stream: Stream) -> u64 {
    let salt = stream.read_u64().await.expect("the line works");
    let mut bytes = Vec::new();
    stream
        .read_to_end(&mut bytes)
        .await
        .expect("the line works");
    let expected = blake3::hash(&content(BYTES, salt));
    assert_eq!(blake3::hash(&bytes), expected, "stream {salt}");
    salt
}

/// Three streams each way at once.
async fn three_each_way(lines: [&Line; 2], members: [&Member; 2], round: u64) {
    let mut sending = Vec::new();
    for n in 0..6 {
        let stream = lines[n as usize / 3]
            .open_stream("{}")
            .await
            .expect("the line works");
        sending.push(tokio::spawn(send(stream, 6 * round + n)));
    }
    for (member, first) in [(members[1], 0), (members[0], 3)] {
        let mut checking = Vec::new();
        for _ in 0..3 {
            let stream = member.endpoint.accept().await.expect("the line works");
            checking.push(tokio::spawn(check(stream)));
        }
        let mut salts = Vec::new();
        for task in checking {
            salts.push(task.await.expect("the line works"));
        }
        salts.sort_unstable();
        let first = 6 * round + first;
        assert_eq!(salts, [first, first + 1, first + 2]);
    }
    for task in sending {
        task.await.expect("the line works");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rekey_twice_under_load_whichever_end_computes_in_pure_rust() {
    for (row, ends) in TABLE.into_iter().enumerate() {
        bounded(async {
            let (a, b) = (member(ends[0]), member(ends[1]));
            let line = a.connect(&b).await;
            let back = b.connect(&a).await;
            let mut rounds = 0;
            // Until the keys were new twice under the bytes, at both ends.
            let rekeyed = |member: &Member| member.endpoint.stats().rekeyed;
            while rekeyed(&a) < 2 || rekeyed(&b) < 2 {
                three_each_way([&line, &back], [&a, &b], rounds).await;
                rounds += 1;
            }
            for member in [&a, &b] {
                let stats = member.endpoint.stats();
                assert_eq!(
                    (stats.misbehaved, stats.time_backwards),
                    (0, 0),
                    "{stats:?}"
                );
            }
            println!("row {row}: {rounds} rounds");
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
