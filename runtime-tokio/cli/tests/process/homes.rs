//! The home: who may read it, who may be it.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use rustix::process::Signal;

use crate::running::World;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn homes_are_private_and_keep_who_they_are() {
    let world = World::new();
    let first = world.run(&["id", "--json"]).by(0).objects().remove(0);
    let again = world.run(&["id"]).by(0);
    assert!(again.text().contains(first["key"].as_str().unwrap()));
    assert!(again.text().contains(first["hashname"].as_str().unwrap()));
    let (up, _ticket) = world.up(&[]);
    up.signal(Signal::TERM);
    up.end().by(0);
    assert_eq!(mode(&world.path("home")), 0o700);
    assert_eq!(world.names("home"), ["identity", "lock", "state", "token"]);
    assert_eq!(mode(&world.path("home/state")), 0o700);
    for name in ["identity", "lock", "token", "state/port"] {
        assert_eq!(mode(&world.path("home").join(name)), 0o600);
    }
}

#[test]
fn homes_with_loose_rights_are_mended_with_a_sentence() {
    let world = World::new();
    fs::create_dir(world.path("home")).unwrap();
    fs::set_permissions(world.path("home"), fs::Permissions::from_mode(0o755)).unwrap();
    let first = world.run(&["id"]).by(0);
    assert!(first.stderr.contains("none any more"), "{}", first.stderr);
    assert_eq!(mode(&world.path("home")), 0o700);
    let again = world.run(&["id"]).by(0);
    assert!(again.stderr.is_empty());
}

#[test]
fn homes_are_held_by_one_up_and_it_says_which() {
    let world = World::new();
    let (up, ticket) = world.up(&[]);
    let into = world.path("in");
    let second = [
        "up",
        "--listen",
        "127.0.0.1:0",
        "--into",
        into.to_str().unwrap(),
    ];
    let holder = format!("process {} holds", up.id());
    world.run(&second).by_saying(5, &holder);
    world.run(&["ping", &ticket, "-c", "1"]).by(0);
    // A killed one holds nothing.
    up.signal(Signal::KILL);
    drop(up);
    let (up, again) = world.up(&[]);
    let token = |ticket: &str| {
        ticket
            .parse::<hydroid_core::identity::Ticket>()
            .unwrap()
            .token
    };
    assert!(
        token(&again) == token(&ticket),
        "a ticket outlives the process"
    );
    up.signal(Signal::TERM);
    up.end().by(0);
}

#[test]
fn homes_do_not_dial_themselves_nor_hold_what_was_received() {
    let world = World::new();
    let (up, ticket) = world.up(&[]);
    let file = world.file("file", 1);
    let file = file.to_str().unwrap();
    for command in [
        &["ping", &ticket, "--identity"][..],
        &["recv", &ticket, "--identity"],
        &["send", file, "--to", &ticket, "--identity"],
    ] {
        world.run(command).by_saying(2, "nobody dials oneself");
    }
    up.signal(Signal::TERM);
    up.end().by(0);
    let inside = world.path("home/in");
    let inside = [
        "up",
        "--listen",
        "127.0.0.1:0",
        "--into",
        inside.to_str().unwrap(),
    ];
    world.run(&inside).by_saying(2, "into the home");
    assert!(!world.names("home").contains(&"in".to_owned()));
}

#[test]
fn homes_identity_can_be_lent_to_a_command() {
    let world = World::new();
    let host = World::new();
    let (up, ticket) = host.up(&["--json", "-v"]);
    let hashname = world.run(&["id", "--json"]).by(0).objects().remove(0)["hashname"].clone();
    let file = world.file("file", 10);
    let send = [
        "send",
        file.to_str().unwrap(),
        "--to",
        &ticket,
        "--identity",
    ];
    world.run(&send).by(0);
    up.signal(Signal::TERM);
    let told = up.end().by(0).objects();
    let received = told
        .iter()
        .find(|object| object["event"] == "received")
        .unwrap();
    assert_eq!(received["peer"], hashname);
}

#[test]
fn homes_inbox_is_in_the_users_downloads() {
    let world = World::new();
    let mut up = world.start(&["up", "--listen", "127.0.0.1:0", "--json"]);
    let ticket: serde_json::Value = serde_json::from_str(&up.line()).unwrap();
    assert!(
        ticket["into"]
            .as_str()
            .unwrap()
            .ends_with("user/Downloads/hydroid")
    );
    assert!(world.path("user/Downloads/hydroid").is_dir());
    up.signal(Signal::TERM);
    up.end().by(0);
}

#[test]
fn homes_are_not_made_of_a_folder_that_others_use() {
    let world = World::new();
    let shared = world.path("home");
    fs::create_dir(&shared).unwrap();
    fs::write(shared.join("somebody's"), "file").unwrap();
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o777)).unwrap();
    world.run(&["id"]).by_saying(5, "HYDROID_HOME");
    assert_eq!(mode(&shared), 0o777);
    assert_eq!(world.names("home"), ["somebody's"]);
}

#[test]
fn homes_have_ordinary_files_that_nobody_else_may_read() {
    let world = World::new();
    world.run(&["id"]).by(0);
    let lock = world.path("home/lock");
    fs::write(&lock, "").unwrap();
    fs::set_permissions(&lock, fs::Permissions::from_mode(0o666)).unwrap();
    let (up, _ticket) = world.up(&[]);
    assert_eq!(mode(&lock), 0o600);
    up.signal(Signal::TERM);
    up.end().by(0);
    let identity = world.path("home/identity");
    fs::remove_file(&identity).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&identity).status();
    assert!(made.unwrap().success());
    world.run(&["id"]).by_saying(1, "no ordinary file");
}
