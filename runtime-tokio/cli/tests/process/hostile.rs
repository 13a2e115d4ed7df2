//! Peers that do not keep to the protocol, made of the library that the program is made of.

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use hydroid_core::identity::{SecretKey, Space, Ticket, Token};
use hydroid_tokio::{Config, Endpoint, Stream};
use rustix::process::Signal;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    runtime::{Builder, Runtime},
};

use crate::running::World;

/// A peer that answers every stream by `head`, `bytes` and the end.
struct Hostile {
    runtime: Runtime,
    ticket: String,
}

impl Hostile {
    fn giving(head: String, bytes: Vec<u8>) -> Self {
        let runtime = Runtime::new().unwrap();
        let _context = runtime.enter();
        let (endpoint, key) = endpoint();
        let token = Token::new(&[7; 16]).unwrap();
        let space = Space::open("hydroid").unwrap();
        let ticket = Ticket::new(key, space, &endpoint.local_addresses(), Some(token));
        runtime.spawn(async move {
            while let Some(stream) = endpoint.accept().await {
                tokio::spawn(give(stream, head.clone(), bytes.clone()));
            }
        });
        Self {
            ticket: ticket.to_string(),
            runtime,
        }
    }

    fn end(self) {
        self.runtime.shutdown_timeout(Duration::from_secs(1));
    }
}

fn endpoint() -> (Endpoint, hydroid_core::identity::PublicKey) {
    let config = Config {
        listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
        ..Config::default()
    };
    let endpoint = Endpoint::bind(config).unwrap();
    let secret = SecretKey::from_bytes(&[42; 32]);
    let key = secret.public();
    endpoint
        .install(&secret, &Space::open("hydroid").unwrap())
        .unwrap();
    (endpoint, key)
}

async fn give(mut stream: Stream, head: String, bytes: Vec<u8>) {
    stream.answer(&head).unwrap();
    // The program may refuse before it has read everything.
    let _refused = stream.write_all(&bytes).await;
    let _refused = stream.shutdown().await;
    let _said = stream.read_to_end(&mut Vec::new()).await;
}

fn file(name: &str, size: u64, data: &[u8]) -> String {
    let file = serde_json::json!({
        "name": name, "size": size, "root": blake3::hash(data).to_hex().as_str(),
    });
    serde_json::json!({ "file": file }).to_string()
}

/// A group and the last piece.
fn pieces(data: &[u8]) -> Vec<u8> {
    let len = u32::try_from(data.len()).unwrap().to_be_bytes();
    [&[2], &len[..], data, &[3, 0, 0, 0, 0]].concat()
}

const NAMES: [&str; 9] = [
    "../evil", "..", ".", "", "/evil", "in/evil", "..\\evil", "ev\0il", "ev\nil",
];

#[test]
fn hostile_names_are_refused_and_nothing_is_touched() {
    let world = World::new();
    for name in NAMES {
        let hostile = Hostile::giving(file(name, 4, b"data"), pieces(b"data"));
        for output in [&["."][..], &["out"]] {
            let output = [&["recv", &hostile.ticket, "-o"], output].concat();
            world.run(&output).by_saying(5, "no plain file name");
        }
        hostile.end();
    }
    assert!(world.names("here").is_empty());
    assert_eq!(world.names("."), ["here", "in", "tmp", "user"]);
}

#[test]
fn hostile_bytes_are_found_before_they_are_written_or_printed() {
    let world = World::new();
    let true_to_its_word = Hostile::giving(file("name", 4, b"data"), pieces(b"data"));
    world.run(&["recv", &true_to_its_word.ticket]).by(0);
    true_to_its_word.end();
    fs::remove_file(world.path("here/name")).unwrap();

    let hostile = Hostile::giving(file("name", 4, b"data"), pieces(b"dada"));
    world.run(&["recv", &hostile.ticket]).by_saying(6, "hash");
    let printed = world
        .run(&["recv", &hostile.ticket, "-o", "-"])
        .by_saying(6, "hash");
    assert!(printed.stdout.is_empty());
    hostile.end();

    let short = Hostile::giving(file("name", 4, b"data"), vec![2, 0, 0, 0, 4, b'd']);
    world.run(&["recv", &short.ticket]).by_saying(4, "gone");
    short.end();
    assert!(world.names("here").is_empty());
}

#[test]
fn hostile_sizes_are_refused_before_anything_is_taken() {
    let world = World::new();
    for (size, code) in [(1 << 56, 1), (1 << 57, 5)] {
        let hostile = Hostile::giving(file("name", size, b"data"), pieces(b"data"));
        world.run(&["recv", &hostile.ticket]).by(code);
        hostile.end();
    }
    let hostile = Hostile::giving(file("name", 1 << 56, b"data"), pieces(b"data"));
    world
        .run(&["recv", &hostile.ticket, "-o", "-"])
        .by_saying(6, "announced");
    hostile.end();
    assert!(world.names("here").is_empty());
}

#[test]
fn hostile_answers_are_told() {
    let world = World::new();
    for (head, code) in [
        (r#"{"what":1}"#, 1),
        (r#"{"pong":1}"#, 1),
        (r#"{"error":"no\u001b[2J","code":"sleepy"}"#, 5),
        (r#"{"file":{"name":"n","size":1,"root":"00"}}"#, 5),
    ] {
        let hostile = Hostile::giving(head.into(), Vec::new());
        let ended = world.run(&["recv", &hostile.ticket]).by(code);
        assert!(!ended.stderr.contains('\u{1b}'));
        hostile.end();
    }
    assert!(world.names("here").is_empty());
}

fn put_head(ticket: &Ticket, name: &str) -> String {
    let token: String = ticket
        .token
        .as_ref()
        .unwrap()
        .as_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let put = serde_json::json!({
        "token": token, "name": name, "size": 4, "root": blake3::hash(b"data").to_hex().as_str(),
    });
    serde_json::json!({ "put": put }).to_string()
}

/// Asks an `up` to take a file, by any name, and gives what it answers.
fn put(ticket: &str, name: &str) -> String {
    let ticket: Ticket = ticket.parse().unwrap();
    let head = put_head(&ticket, name);
    let runtime = Runtime::new().unwrap();
    let answer = runtime.block_on(async {
        let (endpoint, key) = endpoint();
        let local = hydroid_core::identity::Hashname::of(&key, &ticket.space_id());
        let line = endpoint.connect(local, &ticket).await.unwrap();
        let mut stream = line.open_stream(&head).await.unwrap();
        let answer = stream.peer_head().await.unwrap();
        let _refused = stream.write_all(&pieces(b"data")).await;
        let _refused = stream.shutdown().await;
        let _said = stream.read_to_end(&mut Vec::new()).await;
        answer
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    answer
}

#[test]
fn hostile_names_are_refused_by_an_up() {
    let world = World::new();
    let (up, ticket) = world.up(&[]);
    for name in NAMES {
        let answer = put(&ticket, name);
        assert!(answer.contains(r#""code":"name""#), "{name:?}: {answer}");
    }
    assert!(put(&ticket, "good").contains("ok"));
    assert_eq!(fs::read(world.path("in/good")).unwrap(), b"data");
    assert_eq!(world.names("in"), ["good"]);
    // A link that is there is not followed.
    let victim = world.path("user/victim");
    std::os::unix::fs::symlink(&victim, world.path("in/link")).unwrap();
    assert!(put(&ticket, "link").contains(r#""code":"exists""#));
    assert!(!Path::new(&victim).exists());
    up.signal(Signal::TERM);
    up.end().by(0);
}

#[test]
fn hostile_peers_that_hold_every_place_hold_no_ping_up_and_others_are_told() {
    let world = World::new();
    let (up, text) = world.up(&[]);
    let ticket: Ticket = text.parse().unwrap();
    let runtime = Runtime::new().unwrap();
    let held = runtime.block_on(async {
        let (endpoint, key) = endpoint();
        let local = hydroid_core::identity::Hashname::of(&key, &ticket.space_id());
        let line = endpoint.connect(local, &ticket).await.unwrap();
        let mut held = Vec::new();
        // Who has no token gets an answer, and need not fetch it.
        for _time in 0..70 {
            let get = line.open_stream(r#"{"get":{"token":""}}"#).await.unwrap();
            held.push(get);
        }
        for n in 0..64 {
            let head = put_head(&ticket, &format!("held-{n}"));
            let mut stream = line.open_stream(&head).await.unwrap();
            assert!(stream.peer_head().await.unwrap().contains("ok"), "{n}");
            held.push(stream);
        }
        (endpoint, held)
    });
    world.run(&["ping", &text, "-c", "1"]).by(0);
    let file = world.file("file", 5);
    let put = ["send", file.to_str().unwrap(), "--to", &text];
    world.run(&put).by_saying(1, "too many files");
    drop(held);
    runtime.shutdown_timeout(Duration::from_secs(1));
    up.signal(Signal::TERM);
    up.end().by(0);
    assert!(world.names("in").is_empty());
}

#[test]
fn hostile_givers_that_stay_keep_no_file_from_being_told_of() {
    let world = World::new();
    let (up, text) = world.up(&["--json"]);
    let ticket: Ticket = text.parse().unwrap();
    // It does nothing any more once what it is to do is over, and confirms nothing.
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let given = runtime.block_on(async {
        let (endpoint, key) = endpoint();
        let local = hydroid_core::identity::Hashname::of(&key, &ticket.space_id());
        let line = endpoint.connect(local, &ticket).await.unwrap();
        let mut stream = line.open_stream(&put_head(&ticket, "file")).await.unwrap();
        stream.write_all(&pieces(b"data")).await.unwrap();
        // From where on it is wanted, and that it is there.
        stream.read_exact(&mut [0; 13 + 5]).await.unwrap();
        (endpoint, stream)
    });
    up.signal(Signal::TERM);
    let told = up.end().by(0).objects();
    assert!(told.iter().any(|it| it["event"] == "received"), "{told:?}");
    drop(given);
    runtime.shutdown_timeout(Duration::from_secs(1));
}
