//! Lines between two endpoints on loopback: how they come and how they end.

mod pair;

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use hydroid_tokio::{
    Config, ConnectError, Endpoint, PureRust,
    switch::{self, DownReason, LineEvent},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use pair::{Member, bounded, content, pair, stream};

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn line_shutdown_delivers_what_was_written_and_says_good_bye() {
    const BYTES: usize = 2 << 20;
    bounded(async {
        let (a, b, line) = pair().await;
        let (near, mut far) = stream(&line, &b).await;
        let reading = tokio::spawn(async move {
            let mut bytes = Vec::new();
            far.read_to_end(&mut bytes).await.unwrap();
            (bytes, far)
        });
        let (_reader, mut writer) = near.split();
        writer.write_all(&content(BYTES, 1)).await.unwrap();
        writer.shutdown().await.unwrap();
        a.endpoint.shutdown(LONG).await;
        let (bytes, far) = reading.await.unwrap();
        assert!(bytes == content(BYTES, 1));
        let (code, reason) = (0, String::new());
        let closed = DownReason::Closed { code, reason };
        assert_eq!(far.line().closed().await, closed);
        assert_eq!(line.closed().await, DownReason::Local);
    })
    .await;
}

#[tokio::test]
async fn line_shutdown_ends_at_once_where_no_line_is_left() {
    const NEVER: Duration = Duration::from_secs(86_400);
    bounded(async {
        let (a, b, line) = pair().await;
        b.endpoint.shutdown(LONG).await;
        line.closed().await;
        a.endpoint.shutdown(NEVER).await;
        let alone = Member::new(switch::Config::default());
        tokio::task::yield_now().await;
        alone.endpoint.shutdown(NEVER).await;
    })
    .await;
}

#[tokio::test]
async fn line_carries_bytes_between_pure_rust_and_the_default_provider() {
    const BYTES: usize = 1 << 20;
    bounded(async {
        for dials in [true, false] {
            let pure = Member::with_provider(&PureRust);
            let other = Member::new(switch::Config::default());
            let (a, b) = if dials { (pure, other) } else { (other, pure) };
            let line = a.connect(&b).await;
            let (near, mut far) = stream(&line, &b).await;
            let (_reader, mut writer) = near.split();
            let writing = tokio::spawn(async move {
                writer.write_all(&content(BYTES, 3)).await.unwrap();
                writer.shutdown().await.unwrap();
            });
            let mut bytes = Vec::new();
            far.read_to_end(&mut bytes).await.unwrap();
            writing.await.unwrap();
            assert!(bytes == content(BYTES, 3));
        }
    })
    .await;
}

#[tokio::test]
async fn line_shutdown_ends_everything_that_waits() {
    bounded(async {
        let (a, b, line) = pair().await;
        let accepting = a.endpoint.clone();
        let accepting = tokio::spawn(async move { accepting.accept().await.is_none() });
        a.endpoint.shutdown(LONG).await;
        a.endpoint.shutdown(LONG).await;
        assert!(accepting.await.unwrap());
        assert!(line.open_stream("{}").await.is_err());
        let again = a.endpoint.connect(a.hashname, &b.ticket).await;
        assert_eq!(again.unwrap_err(), ConnectError::Ended);
    })
    .await;
}

#[tokio::test]
async fn line_close_tells_code_and_reason() {
    bounded(async {
        let (_a, b, line) = pair().await;
        let (_near, mut far) = stream(&line, &b).await;
        line.close(5, "enough");
        let reason = String::from("enough");
        let closed = DownReason::Closed { code: 5, reason };
        assert_eq!(far.line().closed().await, closed);
        assert_eq!(line.closed().await, DownReason::Local);
        assert!(far.read_to_end(&mut Vec::new()).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn line_of_which_the_last_handle_is_dropped_closes() {
    bounded(async {
        let (_a, b, line) = pair().await;
        let (near, far) = stream(&line, &b).await;
        let clone = line.clone();
        drop((line, clone));
        assert!(near.line().info().is_some());
        drop(near);
        let (code, reason) = (0, String::new());
        let closed = DownReason::Closed { code, reason };
        assert_eq!(far.line().closed().await, closed);
    })
    .await;
}

/// A stream from one member to the other, dropped at once. The line that is given may be one that
/// the other has just let go of: then it says that it is gone, and nobody waits for what was opened.
async fn pass(from: &Member, to: &Member, salt: u64) {
    let Ok(line) = from.endpoint.connect(from.hashname, &to.ticket).await else {
        return;
    };
    let Ok(mut stream) = line.open_stream("{}").await else {
        return;
    };
    if stream.write_all(&content(20_000, salt)).await.is_err() {
        return;
    }
    tokio::select! {
        accepted = to.endpoint.accept() => drop(accepted.expect("it was opened")),
        _gone = line.closed() => {}
    }
}

async fn drop_and_dial_back() {
    bounded(async {
        let a = Member::new(switch::Config::default());
        let b = Member::new(switch::Config::default());
        for round in 0..40 {
            pass(&a, &b, round).await;
            for _ in 0..round * 4 {
                tokio::task::yield_now().await;
            }
            pass(&b, &a, round).await;
        }
    })
    .await;
}

#[tokio::test]
async fn line_that_one_end_drops_while_the_other_dials_back_works_or_says_that_it_is_gone() {
    drop_and_dial_back().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn line_that_is_dropped_and_dialled_back_by_two_threads_works_or_says_that_it_is_gone() {
    drop_and_dial_back().await;
}

#[tokio::test]
async fn line_dropped_endpoint_still_delivers() {
    const BYTES: usize = 8 << 10;
    bounded(async {
        let (a, b, line) = pair().await;
        let (near, mut far) = stream(&line, &b).await;
        let (reader, mut writer) = near.split();
        writer.write_all(&content(BYTES, 2)).await.unwrap();
        writer.shutdown().await.unwrap();
        drop((reader, writer, line, a));
        let mut bytes = Vec::new();
        far.read_to_end(&mut bytes).await.unwrap();
        assert!(bytes == content(BYTES, 2));
    })
    .await;
}

#[tokio::test]
async fn line_both_ends_dial_at_once_and_have_one() {
    bounded(async {
        let a = Member::new(switch::Config::default());
        let b = Member::new(switch::Config::default());
        let (from_a, from_b) = tokio::join!(a.connect(&b), b.connect(&a));
        let (mut near, mut far) = stream(&from_a, &b).await;
        assert_eq!(far.line().id(), from_b.id());
        near.write_all(b"x").await.unwrap();
        assert_eq!(far.read_u8().await.unwrap(), b'x');
        assert_eq!(
            (a.endpoint.status().lines, b.endpoint.status().lines),
            (1, 1)
        );
    })
    .await;
}

#[tokio::test]
async fn line_over_both_families_of_addresses() {
    bounded(async {
        let a = Member::everywhere();
        let b = Member::everywhere();
        for address in b.endpoint.local_addresses() {
            let port = address.port();
            let loopback = match address {
                SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
                SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::LOCALHOST, port)),
            };
            let mut ticket = b.ticket.clone();
            ticket.addresses = vec![loopback];
            let line = a.endpoint.connect(a.hashname, &ticket).await.unwrap();
            let (mut near, _far) = stream(&line, &b).await;
            near.finished().await.unwrap();
            line.close(0, "");
            line.closed().await;
        }
    })
    .await;
}

#[tokio::test]
async fn line_to_nobody_is_unreachable() {
    bounded(async {
        let mut config = switch::Config::default();
        config.line.open_ms = 300;
        let a = Member::new(config);
        let b = Member::new(switch::Config::default());
        // A socket that is bound and that nobody reads.
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut ticket = b.ticket.clone();
        ticket.addresses = vec![silent.local_addr().unwrap()];
        let connected = a.endpoint.connect(a.hashname, &ticket).await;
        assert_eq!(connected.unwrap_err(), ConnectError::Unreachable);
    })
    .await;
}

#[tokio::test]
async fn line_refusals_are_told_apart() {
    bounded(async {
        let a = Member::new(switch::Config::default());
        let b = Member::new(switch::Config::default());
        let c = Member::within("other", switch::Config::default());
        let refused = async |from, ticket| a.endpoint.connect(from, ticket).await.unwrap_err();
        assert_eq!(
            refused(b.hashname, &b.ticket).await,
            ConnectError::NotInstalled
        );
        assert_eq!(refused(a.hashname, &a.ticket).await, ConnectError::Oneself);
        assert_eq!(
            refused(a.hashname, &c.ticket).await,
            ConnectError::OtherSpace
        );
        let mut nowhere = b.ticket.clone();
        nowhere.addresses.clear();
        assert_eq!(refused(a.hashname, &nowhere).await, ConnectError::NoAddress);
    })
    .await;
}

#[tokio::test]
async fn line_events_tell_both_ends() {
    bounded(async {
        let (a, b, line) = pair().await;
        for (member, is_ours) in [(&a, true), (&b, false)] {
            let event = member.endpoint.line_event().await.unwrap();
            assert!(matches!(event, LineEvent::Up { ours, .. } if ours == is_ours));
        }
        line.close(0, "");
        for member in [&a, &b] {
            let event = member.endpoint.line_event().await.unwrap();
            assert!(matches!(event, LineEvent::Down { .. }), "{event:?}");
        }
    })
    .await;
}

/// The runtime of one end goes away without a word, and so does the end.
#[test]
fn line_peer_that_vanished_times_out_and_its_own_handles_do_not_hang() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).enable_all().build().unwrap()
    };
    let (here, there) = (runtime(), runtime());
    let b = there.block_on(async { Member::new(switch::Config::default()) });
    here.block_on(bounded(async {
        let mut config = switch::Config::default();
        config.life.keep_alive_ms = 300;
        config.life.idle_timeout_ms = 1_500;
        let a = Member::new(config);
        let line = a.connect(&b).await;
        let (mut near, far) = stream(&line, &b).await;
        there.shutdown_background();
        assert_eq!(near.line().closed().await, DownReason::TimedOut);
        assert!(near.read_to_end(&mut Vec::new()).await.is_err());
        assert!(b.endpoint.accept().await.is_none());
        drop(far);
        b.endpoint.shutdown(LONG).await;
    }));
}

#[tokio::test]
async fn line_that_is_kept_comes_back_and_what_is_kept_brings_it_back_after_a_start() {
    bounded(async {
        let (a, b) = (
            Member::new(switch::Config::default()),
            Member::new(switch::Config::default()),
        );
        a.endpoint.keep_line(a.hashname, &b.ticket).unwrap();
        let up = |event: &LineEvent| matches!(event, LineEvent::Up { .. });
        while !up(&b.endpoint.line_event().await.unwrap()) {}
        let line = a.connect(&b).await;
        drop(line);
        let theirs = b.connect(&a).await;
        theirs.close(4, "again");
        theirs.closed().await;
        while !up(&b.endpoint.line_event().await.unwrap()) {}
        // The needs of a whole life, in order; the last of each key is what there is to keep.
        a.endpoint.shutdown(LONG).await;
        let mut kept = std::collections::BTreeMap::new();
        while let Some(switch::Need::Keep { key, bytes }) = a.endpoint.need().await {
            kept.insert(key, bytes);
        }
        assert_eq!(kept.keys().collect::<Vec<_>>(), ["opens", "peers"]);
        let again = a.again();
        for (key, bytes) in &kept {
            again.endpoint.restore(key, bytes).unwrap();
        }
        let known = again.endpoint.peers(a.hashname);
        assert!(known[0].wanted && known[0].peer.hashname == b.hashname);
        while !up(&b.endpoint.line_event().await.unwrap()) {}
        again.endpoint.forget_line(a.hashname, b.hashname);
        assert!(!again.endpoint.peers(a.hashname)[0].wanted);
        let garbage = again.endpoint.restore("peers", b"garbage");
        assert_eq!(garbage, Err(switch::RestoreError::Malformed));
    })
    .await;
}

#[test]
#[should_panic(expected = "enable_time")]
fn line_needs_a_runtime_with_time_and_says_so_at_once() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .expect("the system has a poll");
    let _panicked = runtime.block_on(async { Endpoint::bind(Config::default()) });
}

#[test]
fn line_without_a_runtime_there_is_no_endpoint() {
    assert!(Endpoint::bind(Config::default()).is_err());
}
