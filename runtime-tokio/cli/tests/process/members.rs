//! Who is in a space, through an `up` and without one.

use std::fs;

use rustix::process::Signal;

use crate::{
    running::{Running, World},
    talkers::{Talker, space},
};

/// An `up` in a space that begins with whoever has this ticket, and its ticket.
pub(crate) fn up_at(world: &World, space: &str, name: &str, peers: &[&str]) -> (Running, String) {
    let mut arguments = vec!["--space", space, "--name", name];
    for peer in peers {
        arguments.extend(["--peer", peer]);
    }
    world.up(&arguments)
}

/// Asks until so many members are shown.
fn until_members(world: &World, look: &[&str], count: usize) -> Vec<serde_json::Value> {
    loop {
        let objects = world.run(look).by(0).objects();
        let members = objects.into_iter().filter(|it| it["event"] == "member");
        let members: Vec<_> = members.collect();
        if members.len() == count && members.iter().all(|it| it["name"] != "") {
            return members;
        }
    }
}

// S3.13.
#[test]
fn members_are_shown_named_and_drawn_through_an_up() {
    let (one, two, three, space) = (World::new(), World::new(), World::new(), space());
    let (anna, ticket) = up_at(&one, &space, "anna", &[]);
    let (bob, _) = up_at(&two, &space, "bob", &[&ticket]);
    let (_carl, _) = Talker::chat(&three, &space, "carl", &[&ticket], &["--stay"]);
    let peers = ["peers", "--space", &space, "--json"];
    let members = until_members(&two, &peers, 2);
    let names: Vec<_> = members.iter().map(|it| it["name"].to_string()).collect();
    assert!(names.contains(&"\"anna\"".into()) && names.contains(&"\"carl\"".into()));
    let of_anna = members.iter().find(|it| it["name"] == "anna").unwrap();
    let key = of_anna["key"].as_str().unwrap();
    assert!(
        of_anna["addresses"][0]
            .as_str()
            .unwrap()
            .starts_with("127.0.0.1:")
    );
    assert!(
        of_anna["rtt_us"].is_u64() && of_anna["depth"].is_u64(),
        "{of_anna}"
    );
    let drawn = two.run(&["tree", "--space", &space]).by(0).text();
    assert_eq!(drawn.lines().count(), 3, "{drawn}");
    assert_eq!(drawn.matches("(you)").count(), 1, "{drawn}");
    assert!(drawn.contains("─ "), "{drawn}");
    // By the name, by the key, and by both.
    for whom in ["anna", &key[..8], &format!("anna~{}", &key[..4])] {
        let pongs = two.run(&["ping", whom, "--space", &space, "-c", "2"]).by(0);
        assert!(
            pongs.text().starts_with("pong 1 from anna~"),
            "{}",
            pongs.text()
        );
    }
    let ping = |whom: &str| two.run(&["ping", whom, "--space", &space]);
    let nobody = ping("zoe").by_saying(3, "nobody is zoe in test-");
    for there in ["anna~", "carl~"] {
        assert!(nobody.stderr.contains(there), "{there}: {}", nobody.stderr);
    }
    ping("bob").by_saying(2, "itself");
    two.run(&[
        "ping",
        "anna",
        "--space",
        "elsewhere-of-nobody",
        "--listen",
        "127.0.0.1:0",
    ])
    .by_saying(3, "nobody else is there");
    bob.signal(Signal::TERM);
    let told = bob.end().by(0);
    for words in ["anna~", "is in test-", "in the tree of"] {
        assert!(told.stderr.contains(words), "{words}: {}", told.stderr);
    }
    drop(anna);
}

#[test]
fn members_are_shown_named_and_drawn_alone() {
    let (one, two, space) = (World::new(), World::new(), space());
    let (_anna, ticket) = up_at(&one, &space, "anna", &[]);
    let alone = |verb: &[&str]| {
        let begin = [
            "--space",
            &space,
            "--listen",
            "127.0.0.1:0",
            "--peer",
            &ticket,
        ];
        two.run(&[verb, &begin].concat())
    };
    let listed = alone(&["peers"]).by(0).text();
    assert!(
        listed.starts_with("anna~") && listed.contains("127.0.0.1:"),
        "{listed}"
    );
    let drawn = alone(&["tree"]).by(0).text();
    assert!(
        drawn.contains("anna~") && drawn.contains("(you)"),
        "{drawn}"
    );
    alone(&["ping", "anna", "-c", "1"]).by(0);
    alone(&["ping", "zoe", "-c", "1"]).by_saying(3, "there are anna~");
    assert!(two.has_no_home(), "one-time identities leave nothing");
}

#[test]
fn members_of_one_name_are_told_apart_by_their_keys() {
    let (one, two, three, space) = (World::new(), World::new(), World::new(), space());
    let (anna, ticket) = Talker::chat(&one, &space, "anna", &[], &["--stay"]);
    let (_up, _) = up_at(&two, &space, "bob", &[&ticket]);
    let (_other, _) = Talker::chat(&three, &space, "anna", &[&ticket], &["--stay"]);
    let members = until_members(&two, &["peers", "--space", &space, "--json"], 2);
    let ended = two.run(&["ping", "anna", "--space", &space]);
    let ended = ended.by_saying(2, "more than one");
    for member in &members {
        let key = member["key"].as_str().unwrap();
        let shown = format!("anna~{}", &key[..12]);
        assert!(ended.stderr.contains(&shown), "{shown}: {}", ended.stderr);
        two.run(&["ping", &shown, "--space", &space, "-c", "1"])
            .by(0);
    }
    drop(anna);
}

#[test]
fn members_take_files_by_name_if_they_take_all() {
    let (one, two, space) = (World::new(), World::new(), space());
    let into = one.path("in");
    let up = [
        "up",
        "--listen",
        "127.0.0.1:0",
        "--into",
        into.to_str().unwrap(),
    ];
    let up = [
        &up[..],
        &["--space", &space, "--name", "anna", "--accept", "all"],
    ]
    .concat();
    let mut up = one.start(&up);
    let ticket = up.line();
    let file = two.file("file", 3 << 20);
    let send = |more: &[&str]| {
        let send = [
            "send",
            file.to_str().unwrap(),
            "--to",
            "anna",
            "--space",
            &space,
        ];
        two.run(&[&send, more].concat())
    };
    send(&["--listen", "127.0.0.1:0", "--peer", &ticket]).by(0);
    assert!(fs::read(one.path("in/file")).unwrap() == fs::read(&file).unwrap());
    fs::remove_file(one.path("in/file")).unwrap();
    let (_theirs, _) = up_at(&two, &space, "bob", &[&ticket]);
    send(&[]).by(0).saying("is offered to anna~");
    assert!(fs::read(one.path("in/file")).unwrap() == fs::read(&file).unwrap());
    send(&[]).by_saying(5, "a file of this name");
}
