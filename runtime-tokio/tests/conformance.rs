//! One script for every pair of suites and providers: what two endpoints must be able to do with each
//! other, over real sockets, while the keys of their line are renewed.
#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

mod pair;

use std::time::Duration;

use hydroid_core::line::Suite;
use hydroid_tokio::{
    Config, Line, Provider, PureRust, Stream,
    switch::{self, DownReason, ReadError},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use pair::{Member, bounded, content, stream};

/// Bytes of one stream.
const BYTES: usize = 256 << 10;

const AES: Suite = Suite::Aes256Gcm;
const CHACHA: Suite = Suite::ChaCha20Poly1305;

/// What an end is made with; `None` is the default provider.
type End = (Suite, Option<&'static dyn Provider>);

const TABLE: [[End; 2]; 8] = [
    [(AES, None), (AES, None)],
    [(CHACHA, None), (CHACHA, None)],
    [(AES, None), (CHACHA, None)],
    [(CHACHA, None), (AES, None)],
    [(AES, None), (AES, Some(&PureRust))],
    [(CHACHA, Some(&PureRust)), (CHACHA, None)],
    [(AES, Some(&PureRust)), (CHACHA, None)],
    [(CHACHA, Some(&PureRust)), (AES, Some(&PureRust))],
];

fn member((suite, provider): End) -> Member {
    let mut switch = switch::Config::default();
    switch.line.suite = suite;
    switch.line.rekey_after_ms = 1_000;
    let default = Config::default().provider;
    Member::with_both(switch, provider.unwrap_or(default))
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

/// Packets that may be lost are sent until one has come.
async fn unreliable(from: &Line, to: &Line, salt: u8) {
    let packet = [0, 2, 7, salt, 1, 2, 3];
    let mut buf = [0; 100];
    assert!(from.send(&[0]).is_err(), "that is no packet");
    let sending = async {
        loop {
            from.send(&packet).expect("the line works");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = sending => {}
        len = to.recv(&mut buf) => assert_eq!(buf[..len.expect("the line works")], packet),
    }
}

async fn reset_and_half_close(line: &Line, to: &Member) {
    let (mut near, mut far) = stream(line, to).await;
    near.reset(7);
    let error = far
        .read_to_end(&mut Vec::new())
        .await
        .expect_err("it was reset");
    let code = error.get_ref().and_then(|it| it.downcast_ref());
    assert_eq!(code, Some(&ReadError::Reset(7)));
    let (mut near, mut far) = stream(line, to).await;
    near.write_all(b"question").await.expect("the line works");
    near.shutdown().await.expect("the line works");
    let (mut question, mut answer) = (Vec::new(), Vec::new());
    far.read_to_end(&mut question)
        .await
        .expect("the line works");
    far.write_all(b"answer").await.expect("the line works");
    far.shutdown().await.expect("the line works");
    near.read_to_end(&mut answer).await.expect("the line works");
    assert_eq!(
        (&question[..], &answer[..]),
        (&b"question"[..], &b"answer"[..])
    );
}

/// What was written before the close arrives, then the end.
async fn graceful_close(line: &Line, to: &Member) {
    let (near, mut far) = stream(line, to).await;
    let (_reader, mut writer) = near.split();
    let reading = tokio::spawn(async move {
        let mut bytes = Vec::new();
        far.read_to_end(&mut bytes).await.expect("the line works");
        (bytes, far)
    });
    writer
        .write_all(&content(BYTES, 99))
        .await
        .expect("the line works");
    writer.shutdown().await.expect("the line works");
    line.close(0, "done");
    let (bytes, far) = reading.await.expect("the line works");
    assert!(bytes == content(BYTES, 99));
    let (code, reason) = (0, String::from("done"));
    let closed = DownReason::Closed { code, reason };
    assert_eq!(far.line().closed().await, closed);
    assert_eq!(line.closed().await, DownReason::Local);
    let mut buf = [0; 100];
    while line.recv(&mut buf).await.is_ok() {}
    assert!(line.send(&[0, 0]).is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conformance_of_every_pair_of_suites_and_providers() {
    for (row, ends) in TABLE.into_iter().enumerate() {
        bounded(async {
            let (a, b) = (member(ends[0]), member(ends[1]));
            let line = a.connect(&b).await;
            let back = b.connect(&a).await;
            let mut rounds = 0;
            // Until the keys were new twice under the bytes.
            while line.info().expect("the line is up").sessions < 3 {
                three_each_way([&line, &back], [&a, &b], rounds).await;
                rounds += 1;
            }
            unreliable(&line, &back, 1).await;
            unreliable(&back, &line, 2).await;
            reset_and_half_close(&line, &b).await;
            reset_and_half_close(&back, &a).await;
            graceful_close(&line, &b).await;
            for member in [&a, &b] {
                let stats = member.endpoint.stats();
                assert!(stats.rekeyed >= 2 && stats.misbehaved == 0, "{stats:?}");
            }
            println!("row {row}: {rounds} rounds");
        })
        .await;
    }
}
