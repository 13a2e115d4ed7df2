//! Commands in closed spaces while an `up` is the home's identity: they go through it.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixStream,
    time::Duration,
};

use hydroid_core::{
    identity::{Admission, Gate, SecretKey, SpaceRef, Ticket},
    switch::DownReason,
};
use hydroid_tokio::{Config, ConnectError, Endpoint};
use rustix::process::Signal;
use serde_json::Value;

use crate::{
    pipe::Piped,
    running::{Running, World},
    spaces::{founder, invite, key, over, until_online, up_in_club},
};

/// Two homes in one closed space with an `up` each, and the ticket of the first one's in it.
fn two_in_club() -> [(World, Running, String); 2] {
    let (founder, member) = (founder(), World::new());
    let (up, club) = up_in_club(&founder);
    member.run(&["space", "join", &invite(&founder)]).by(0);
    let (theirs, their_club) = up_in_club(&member);
    [(founder, up, club), (member, theirs, their_club)]
}

/// Asks an `up` over its control socket.
fn status(world: &World) -> Value {
    let mut socket = UnixStream::connect(world.path("home/control")).unwrap();
    socket.write_all(b"{\"status\":{}}\n").unwrap();
    let mut line = String::new();
    BufReader::new(socket).read_line(&mut line).unwrap();
    let told: Value = serde_json::from_str(&line).unwrap();
    told["ok"].clone()
}

#[test]
fn through_up_members_ping_and_send() {
    let [(founder, up, club), (member, theirs, _)] = two_in_club();
    let pongs = member.run(&["ping", &club, "-c", "2", "--json"]).by(0);
    assert_eq!(pongs.objects().len(), 3);
    let file = member.file("file", 5 << 20);
    let send = ["send", file.to_str().unwrap(), "--to", &club];
    member.run(&send).by(0);
    assert!(fs::read(founder.path("in/file")).unwrap() == fs::read(&file).unwrap());
    // What the peer refuses is what the command ends with.
    member.run(&send).by_saying(5, "a file of this name");
    member.run(&["recv", &club]).by_saying(5, "files are taken");
    member
        .run(&["ping", &club, "--space", "pub"])
        .by_saying(3, "it is of club");
    over(up);
    member
        .run(&["ping", &club, "--timeout", "1s"])
        .by_saying(4, "within 1 s");
    over(theirs);
}

#[test]
fn through_up_members_receive_and_go_on() {
    let (host, world) = (World::new(), World::new());
    let (up, _ticket) = world.up(&[]);
    let file = host.file("file", 20 << 20);
    let (sender, ticket) = host.send(&file);
    world.run(&["recv", &ticket, "--identity"]).by(0);
    sender.end().by(0);
    assert!(fs::read(world.path("here/file")).unwrap() == fs::read(&file).unwrap());
    world
        .run(&["ping", &ticket, "--identity", "--timeout", "1s"])
        .by(4);
    over(up);
}

#[test]
fn through_up_a_pipe_carries_both_ways_and_tells_how_it_ended() {
    let (host, world) = (World::new(), World::new());
    let (up, _ticket) = world.up(&[]);
    let (mut one, ticket) = Piped::listen(&host, &[]);
    let mut other = Piped::start(&world, &[&ticket, "--identity"]);
    let (writing_one, hash_one) = one.write_all(1, 16 << 20);
    let (writing_other, hash_other) = other.write_all(2, 16 << 20);
    let (read_one, read_other) = (one.read_all(), other.read_all());
    writing_one.join().unwrap();
    writing_other.join().unwrap();
    assert_eq!(read_one.join().unwrap(), hash_other);
    assert_eq!(read_other.join().unwrap(), hash_one);
    one.end_by(0, "");
    other.end_by(0, "");
    // A stdout that takes nothing more, a command that is killed, a peer that is.
    let begin = || {
        let (mut one, ticket) = Piped::listen(&host, &[]);
        let mut other = Piped::start(&world, &[&ticket, "--identity"]);
        one.write(b"x");
        other.read(1);
        (one, other)
    };
    let (mut one, mut other) = begin();
    drop(other.stdout.take());
    one.write(b"y");
    other.end_by(1, "stdout takes nothing more");
    one.end_by(1, "the peer");
    let (one, other) = begin();
    other.signal(Signal::KILL);
    one.end_by(1, "the peer");
    let (mut one, mut other) = begin();
    drop(other.stdin.take());
    assert_eq!(one.read_all().join().unwrap(), blake3::hash(b""));
    other.signal(Signal::KILL);
    one.end_by(1, "the peer");
    let (one, other) = begin();
    one.signal(Signal::TERM);
    other.end_by(4, "gone");
    let (one, other) = begin();
    up.signal(Signal::KILL);
    other.end_by(4, "the `up` of this home is gone");
    drop((one, up));
}

#[test]
fn through_up_silent_ones_hold_nobody_up() {
    let founder = founder();
    let (up, _club) = up_in_club(&founder);
    let connect = || UnixStream::connect(founder.path("home/control")).unwrap();
    let silent: Vec<_> = (0..60).map(|_| connect()).collect();
    assert!(status(&founder)["key"].is_string());
    // None of them had to be hung up on first.
    for mut socket in silent {
        socket.set_nonblocking(true).unwrap();
        let read = socket.read(&mut [0]).unwrap_err();
        assert_eq!(read.kind(), std::io::ErrorKind::WouldBlock);
    }
    for (sent, answer) in [("fly\n", "means nothing"), ("{\"status\"", "")] {
        let mut socket = connect();
        socket.write_all(sent.as_bytes()).unwrap();
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        let mut line = String::new();
        BufReader::new(socket).read_line(&mut line).unwrap();
        assert!(
            line.contains(answer) && line.is_empty() == answer.is_empty(),
            "{line}"
        );
    }
    over(up);
}

#[test]
#[cfg(target_os = "linux")]
fn through_up_works_where_the_home_has_a_long_path() {
    let world = World::new();
    let home = world.path(&"long/".repeat(30)).join("home");
    fs::create_dir_all(home.parent().unwrap()).unwrap();
    let with_home = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        command.env("HYDROID_HOME", &home);
        Running::start(command)
    };
    let into = world.path("in");
    let into = into.to_str().unwrap();
    let mut up = with_home(&["up", "--listen", "127.0.0.1:0", "--into", into]);
    up.line();
    with_home(&["space", "new", "club"]).end().by(0);
    let club = up.line();
    assert!(club.starts_with("hyd1"), "up is in it at once: {club}");
    let ended = over(up);
    assert!(!ended.stderr.contains("cannot speak"), "{}", ended.stderr);
    assert!(!home.join("control").exists());
}

#[test]
fn through_no_up_commands_say_what_to_do() {
    let (founder, file) = (founder(), World::new().file("file", 1));
    let (up, _club) = up_in_club(&founder);
    let path = file.to_str().unwrap();
    for waiting in [
        &["send", path, "--space", "club"][..],
        &["pipe", "--space", "club"],
    ] {
        founder.run(waiting).by_saying(5, "end that one first");
    }
    over(up);
}

#[test]
fn through_a_join_alone_the_next_up_finds_the_inviter() {
    let (founder, member) = (founder(), World::new());
    let (up, club) = up_in_club(&founder);
    member.run(&["space", "join", &invite(&founder)]).by(0);
    let (theirs, _their_club) = up_in_club(&member);
    until_online(&founder, &key(&member), true);
    let kicked = founder.run(&["space", "kick", "club", &key(&member)]);
    kicked.by(0);
    until_online(&founder, &key(&member), false);
    member.run(&["ping", &club]).by(5);
    let ended = over(theirs);
    assert!(ended.stderr.contains("is out of the space club"));
    over(up);
    // An inviter without an `up` waits where that was and will be.
    let mut inviting = founder.start(&["space", "invite", "club", "--listen", "127.0.0.1:0"]);
    let invited: Ticket = inviting.line().parse().unwrap();
    let club: Ticket = club.parse().unwrap();
    assert_eq!(invited.addresses, club.addresses);
}

// S4.14
#[tokio::test]
async fn through_no_gate_a_stranger_is_one_counted_drop() {
    let founder = founder();
    let (up, club) = {
        let (mut up, _open) = founder.up(&["--json"]);
        let club = up.until("ticket");
        (up, club["ticket"].as_str().unwrap().to_owned())
    };
    // The program knows that it is no member, and troubles nobody.
    World::new().run(&["ping", &club]).by_saying(5, "no member");
    assert_eq!(status(&founder)["dropped"], serde_json::json!({}));
    // Whoever forges a membership has no gate: one open of his is one hash and one drop.
    let club: Ticket = club.parse().unwrap();
    let secret = SecretKey::from_bytes(&[9; 32]);
    let forged = Admission::found(&secret, "club", Gate::new([9; 32])).unwrap();
    let mut config = Config {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        ..Config::default()
    };
    config.switch.line.open_ms = 200;
    assert!(config.switch.line.open_ms < config.switch.line.repeat_first_ms);
    let stranger = Endpoint::bind(config).unwrap();
    let me = stranger.install_member(&secret, &forged).unwrap();
    let id = SpaceRef::Id(forged.space().id());
    let knock = Ticket::new(club.key, id, &club.addresses, None);
    let refused = stranger.connect(me, &knock).await.unwrap_err();
    assert!(
        matches!(
            refused,
            ConnectError::Unreachable | ConnectError::Down(DownReason::Local)
        ),
        "{refused:?}"
    );
    stranger.shutdown(Duration::from_millis(100)).await;
    let counted = serde_json::json!({ "not_installed": 1 });
    assert_eq!(status(&founder)["dropped"], counted);
    let ended = over(up).objects().pop().unwrap();
    assert_eq!(
        (&ended["event"], &ended["dropped"]),
        (&"ended".into(), &counted)
    );
}
