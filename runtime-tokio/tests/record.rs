//! An endpoint whose switch is recorded.
#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

use std::{fs, io, path::Path, time::Duration};

use hydroid_core::tape::{End, Player};
use hydroid_tokio::{
    Config, Endpoint, PureRust, RecordEnd, Unrecorded, fresh_secret,
    identity::{Space, Ticket},
};

fn config(record_to: Option<&Path>) -> Config {
    Config {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        record_to: record_to.map(Path::to_owned),
        ..Config::default()
    }
}

/// Replays a tape to its end; gives how many records it has.
fn replay(path: &Path) -> u64 {
    let mut player = Player::strict(&PureRust);
    player.feed(&fs::read(path).unwrap());
    while player.step().unwrap().is_some() {}
    assert_eq!(player.end(), Some(End::Closed));
    player.count()
}

#[tokio::test]
async fn record_of_both_ends_of_a_line_is_whole_once_they_are_shut_down() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["one", "other"].map(|name| folder.path().join(name));
    let [one, other] = [&paths[0], &paths[1]].map(|path| {
        let endpoint = Endpoint::bind(config(Some(path))).unwrap();
        let (secret, space) = (fresh_secret().unwrap(), Space::open("record").unwrap());
        let local = endpoint.install(&secret, &space).unwrap();
        let addresses = endpoint.local_addresses();
        let ticket = Ticket::new(secret.public(), space, &addresses, None);
        (endpoint, local, ticket)
    });
    let line = one.0.connect(one.1, &other.2).await.unwrap();
    line.send(&[0; 100]).unwrap();
    line.close(7, "done");
    for (endpoint, ..) in [&one, &other] {
        endpoint.shutdown(Duration::from_secs(1)).await;
        assert!(matches!(endpoint.record_end().await, RecordEnd::Closed));
    }
    for path in &paths {
        assert!(replay(path) > 10);
    }
}

#[tokio::test]
async fn record_is_made_only_where_there_was_no_file_or_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tape");
    fs::write(&path, "precious").unwrap();
    let refused = Endpoint::bind(config(Some(&path))).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
    assert!(Unrecorded::of(&refused).is_some());
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    let over = Config {
        record_over: true,
        ..config(Some(&path))
    };
    let endpoint = Endpoint::bind(over).unwrap();
    endpoint.shutdown(Duration::from_secs(1)).await;
    assert!(replay(&path) > 0);
}

#[tokio::test]
async fn record_that_is_behind_ends_and_the_endpoint_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(Some(&folder.path().join("tape")));
    // The first record alone has more.
    config.tape.buffer_bytes = 1000;
    let endpoint = Endpoint::bind(config).unwrap();
    assert!(matches!(endpoint.record_end().await, RecordEnd::Behind));
    let space = Space::open("record").unwrap();
    let installed = endpoint.install(&fresh_secret().unwrap(), &space);
    assert!(installed.is_ok());
}
