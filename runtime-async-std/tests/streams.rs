//! Streams between two endpoints on loopback.

mod pair;

use std::{future::poll_fn, io, pin::Pin, task::Context};

use async_std::{
    io::{ReadExt as _, WriteExt as _, copy},
    task,
};
use futures_io::AsyncWrite as _;
use hydroid_async_std::{
    Stream,
    switch::{self, ReadError, WriteError},
};

use pair::{Member, bounded, content, pair, stream};

/// The core's error inside an error of the ecosystem.
fn inside<E: std::error::Error + Clone + 'static>(error: &io::Error) -> Option<E> {
    error.get_ref()?.downcast_ref().cloned()
}

/// Sends back what comes.
async fn echo(stream: Stream) -> io::Result<()> {
    let (mut reader, mut writer) = stream.split();
    copy(&mut reader, &mut writer).await?;
    writer.finish()
}

async fn ask(mut stream: Stream, question: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(question).await?;
    stream.finish()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}

#[test]
fn stream_echo_with_heads_both_ways() {
    bounded(async {
        let (_a, b, line) = pair().await;
        let (mut near, mut far) = stream(&line, &b).await;
        assert_eq!(near.head(), None);
        far.answer(r#"{"yes":2}"#).unwrap();
        assert_eq!(near.peer_head().await.unwrap(), r#"{"yes":2}"#);
        assert_eq!(near.head().as_deref(), Some(r#"{"yes":2}"#));
        assert_eq!(near.peer().hashname, b.hashname);
        let served = task::spawn(echo(far));
        assert_eq!(ask(near, b"hello").await.unwrap(), b"hello");
        served.await.unwrap();
    });
}

#[test]
fn stream_three_each_way_at_once_carry_what_was_written() {
    const BYTES: usize = 3 << 20;
    async fn send(mut stream: Stream, salt: u64) {
        stream.write_all(&salt.to_be_bytes()).await.unwrap();
        stream.write_all(&content(BYTES, salt)).await.unwrap();
        stream.finished().await.unwrap();
    }
    async fn check(mut stream: Stream) -> u64 {
        let mut salt = [0; 8];
        stream.read_exact(&mut salt).await.unwrap();
        let salt = u64::from_be_bytes(salt);
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        assert_eq!(
            blake3::hash(&bytes),
            blake3::hash(&content(BYTES, salt)),
            "stream {salt}"
        );
        salt
    }
    bounded(async {
        let (a, b, line) = pair().await;
        let back = b.connect(&a).await;
        let mut sending = Vec::new();
        for salt in 0..6 {
            let from = if salt < 3 { &line } else { &back };
            let stream = from.open_stream("{}").await.unwrap();
            sending.push(task::spawn(send(stream, salt)));
        }
        for (member, mut expected) in [(&b, vec![0, 1, 2]), (&a, vec![3, 4, 5])] {
            let mut checking = Vec::new();
            for _ in 0..3 {
                let stream = member.endpoint.accept().await.unwrap();
                checking.push(task::spawn(check(stream)));
            }
            for checked in checking {
                let salt = checked.await;
                expected.retain(|other| *other != salt);
            }
            assert!(expected.is_empty(), "{expected:?}");
        }
        for sent in sending {
            sent.await;
        }
    });
}

#[test]
fn stream_half_close_leaves_the_other_direction_open() {
    bounded(async {
        let (_a, b, line) = pair().await;
        let (mut near, mut far) = stream(&line, &b).await;
        near.write_all(b"question").await.unwrap();
        let close = |cx: &mut Context<'_>| Pin::new(&mut near).poll_close(cx);
        poll_fn(close).await.unwrap();
        near.finish().unwrap();
        let mut question = Vec::new();
        far.read_to_end(&mut question).await.unwrap();
        assert_eq!(question, b"question");
        near.finished().await.unwrap();
        assert!(line.rtt().is_some());
        let error = near.write(b"more").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        far.write_all(b"answer").await.unwrap();
        far.finish().unwrap();
        let mut answer = Vec::new();
        near.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"answer");
        assert_eq!(near.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn stream_codes_of_reset_and_stop_arrive() {
    bounded(async {
        let (_a, b, line) = pair().await;
        let (mut near, mut far) = stream(&line, &b).await;
        near.reset(7);
        let error = far.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(inside(&error), Some(ReadError::Reset(7)));
        near.stop(9);
        let data = [0; 4096];
        let error = loop {
            if let Err(error) = far.write_all(&data).await {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(inside(&error), Some(WriteError::Stopped(9)));
    });
}

#[test]
fn stream_whose_reader_goes_tells_the_writer_and_gives_the_credit_back() {
    bounded(async {
        let (_a, b, line) = pair().await;
        // More than the credit of the whole line, unless what nobody read is given back.
        for round in 0..200_u64 {
            let (mut near, far) = stream(&line, &b).await;
            near.set_priority(5).unwrap();
            near.write_all(b"hey").await.unwrap();
            let (mut reader, _writer) = far.split();
            reader.read_exact(&mut [0; 3]).await.unwrap();
            let code = if round % 2 == 0 { 0 } else { round };
            if round % 2 == 0 {
                drop(reader);
            } else {
                reader.stop(round);
            }
            let error = loop {
                if let Err(error) = near.write_all(&[0; 60_000]).await {
                    break error;
                }
            };
            assert_eq!(inside(&error), Some(WriteError::Stopped(code)));
        }
    });
}

#[test]
fn stream_dropped_unfinished_is_reset_and_leaks_nothing() {
    bounded(async {
        let (a, b, line) = pair().await;
        let (near, mut far) = stream(&line, &b).await;
        drop(near);
        let error = far.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(inside(&error), Some(ReadError::Reset(0)));
        drop(far);
        while a.endpoint.status().streams + b.endpoint.status().streams > 0 {
            task::yield_now().await;
        }
    });
}

#[test]
fn stream_waiting_for_an_answer_learns_of_the_reset() {
    bounded(async {
        let (_a, b, line) = pair().await;
        let (mut near, mut far) = stream(&line, &b).await;
        far.reset(3);
        let error = near.peer_head().await.unwrap_err();
        assert_eq!(inside(&error), Some(ReadError::Reset(3)));
        let error = near.answer("{}").unwrap_err();
        assert_eq!(inside(&error), Some(WriteError::IllegalHead));
    });
}

#[test]
fn stream_thousands_of_small_ones_wait_for_room_and_come_through() {
    const STREAMS: u64 = 2_000;
    bounded(async {
        let (_a, b, line) = pair().await;
        let server = task::spawn(async move {
            while let Some(stream) = b.endpoint.accept().await {
                task::spawn(echo(stream));
            }
        });
        let asking: Vec<_> = (0..STREAMS)
            .map(|salt| {
                let line = line.clone();
                task::spawn(async move {
                    let question = content(100, salt);
                    let stream = line.open_stream("{}").await.unwrap();
                    assert_eq!(ask(stream, &question).await.unwrap(), question);
                })
            })
            .collect();
        for asked in asking {
            asked.await;
        }
        server.cancel().await;
    });
}

#[test]
fn stream_opened_by_nobody_who_cares_is_refused_beyond_the_bound() {
    bounded(async {
        let driver = hydroid_async_std::driver::Config {
            accept_max: 1,
            refused_code: 77,
            ..Default::default()
        };
        let a = Member::new(switch::Config::default());
        let b = Member::with_driver(driver);
        let line = a.connect(&b).await;
        let _first = line.open_stream("{}").await.unwrap();
        let mut second = line.open_stream("{}").await.unwrap();
        let error = second.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(inside(&error), Some(ReadError::Reset(77)));
        assert!(b.endpoint.accept().await.is_some());
    });
}
