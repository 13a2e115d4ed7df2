//! Processes on the loopback network that are told of no address of each other.

use std::{fs, process::Command};

use rustix::process::Signal;

use crate::{
    running::{Running, World},
    talkers::{Talker, space},
};

/// The name of the loopback interface.
const LOOPBACK: &str = if cfg!(target_os = "linux") {
    "lo"
} else {
    "lo0"
};

/// A command that looks for others on loopback alone.
fn near(world: &World, space: &str, arguments: &[&str]) -> Command {
    let begin = ["--space", space, "--listen", "127.0.0.1:0"];
    let mut command = world.command(&[arguments, &begin].concat());
    command.env("HYDROID_INTERFACES", LOOPBACK);
    command
}

#[test]
fn lan_two_chats_find_each_other_and_a_third_is_told_what_was_said() {
    let (one, two, three, space) = (World::new(), World::new(), World::new(), space());
    let chat = |world: &World, name: &str| {
        let chat = ["--json", "chat", "--stay", "--name", name];
        Talker::start(near(world, &space, &chat))
    };
    let (mut anna, mut bob) = (chat(&one, "anna"), chat(&two, "bob"));
    assert_eq!(anna.until("came")["name"], "bob");
    assert_eq!(bob.until("came")["name"], "anna");
    anna.say("hello bob");
    assert_eq!(bob.texts_until("hello bob"), ["hello bob"]);
    bob.say("hello anna");
    assert_eq!(anna.texts_until("hello anna"), ["hello anna"]);
    let carl = chat(&three, "carl");
    let told = [carl.until("line"), carl.until("line")];
    let texts = [&told[0]["text"], &told[1]["text"]];
    assert_eq!(texts, ["hello bob", "hello anna"]);
    bob.signal(Signal::KILL);
    assert_eq!(anna.until("went")["name"], "bob");
    anna.say("bob is gone");
    assert_eq!(carl.texts_until("bob is gone"), ["bob is gone"]);
}

#[test]
fn lan_two_terminals_of_one_home_talk() {
    let (world, space) = (World::new(), space());
    let chat = |name: &str| {
        let chat = ["--json", "chat", "--stay", "--name", name];
        Talker::start(near(&world, &space, &chat))
    };
    let anna = chat("anna");
    let first = anna.until("begin")["key"].to_string();
    // The second is somebody else, for the home is one identity.
    let mut bob = chat("bob");
    bob.told("another process of this home");
    assert_ne!(bob.until("begin")["key"].to_string(), first);
    bob.say("hi");
    assert_eq!(anna.texts_until("hi"), ["hi"]);
}

#[test]
fn lan_names_are_found_by_commands_that_come_alone() {
    let (one, two, space) = (World::new(), World::new(), space());
    let into = one.path("in");
    let up = ["up", "--name", "anna", "--accept", "all", "--into"];
    let up = [&up[..], &[into.to_str().unwrap()]].concat();
    let mut up = Running::start(near(&one, &space, &up));
    up.line();
    let run = |arguments: &[&str]| Running::start(near(&two, &space, arguments)).end();
    let listed = run(&["peers"]).by(0).text();
    assert!(
        listed.starts_with("anna~") && listed.contains("on this network"),
        "{listed}"
    );
    assert!(run(&["tree"]).by(0).text().contains("(you)"));
    run(&["ping", "anna", "-c", "1"]).by(0);
    let file = two.file("file", 100_000);
    run(&["send", file.to_str().unwrap(), "--to", "anna"]).by(0);
    assert!(fs::read(one.path("in/file")).unwrap() == fs::read(&file).unwrap());
    run(&["ping", "zoe"]).by_saying(3, "there are anna~");
    // Who does not look finds nobody, and nobody finds who is not announced.
    run(&["ping", "anna", "--no-lan"]).by_saying(3, "nobody else is there");
    up.signal(Signal::TERM);
    up.end().by(0);
    let hidden = [
        "up",
        "--name",
        "anna",
        "--no-lan",
        "--into",
        into.to_str().unwrap(),
    ];
    let mut hidden = Running::start(near(&one, &space, &hidden));
    hidden.line();
    run(&["ping", "anna"]).by_saying(3, "nobody else is there");
}
