//! What is said in a space, by whom it is heard, and how often.

use std::{fs::OpenOptions, io::Write as _, process::Stdio};

use rustix::process::Signal;

use crate::{
    running::World,
    talkers::{Talker, space},
};

fn texts(objects: &[String]) -> Vec<String> {
    let objects = objects
        .iter()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let lines = objects.filter(|object| object["event"] == "line");
    lines
        .map(|line| line["text"].as_str().unwrap().to_owned())
        .collect()
}

// S3.5.
#[test]
fn chat_lines_are_heard_once_by_everybody() {
    let (one, other, space) = (World::new(), World::new(), space());
    let (mut anna, ticket) = Talker::chat(&one, &space, "anna", &[], &["--stay"]);
    let (mut bob, _) = Talker::chat(&other, &space, "bob", &[&ticket], &["--stay"]);
    let (came, here) = (anna.until("came"), bob.until("came"));
    assert_eq!(
        (&came["name"], &here["name"]),
        (&"bob".into(), &"anna".into())
    );
    assert_eq!(
        (&came["stranger"], &here["stranger"]),
        (&true.into(), &true.into())
    );
    for n in 0..20 {
        anna.say(&format!("anna {n}"));
        bob.say(&format!("bob {n}"));
    }
    anna.say("end");
    bob.say("end");
    let heard_by_anna = anna.texts_until("end");
    let heard_by_bob = bob.texts_until("end");
    let said = |name: &str| {
        let lines = (0..20).map(|n| format!("{name} {n}"));
        lines.chain(["end".into()]).collect::<Vec<_>>()
    };
    assert_eq!((heard_by_anna, heard_by_bob), (said("bob"), said("anna")));
    anna.signal(Signal::TERM);
    // Who ends in order is gone at once, and nothing comes twice on the way.
    assert_eq!(bob.until("went")["name"], "anna");
    bob.signal(Signal::INT);
    assert_eq!(texts(&anna.end_by(130).0), Vec::<String>::new());
    assert_eq!(texts(&bob.end_by(130).0), Vec::<String>::new());
    // Whoever was met is no stranger the next time.
    let (mut anna, ticket) = Talker::chat(&one, &space, "anna", &[], &["--stay"]);
    let (bob, _) = Talker::chat(&other, &space, "bob", &[&ticket], &["--stay"]);
    assert_eq!(bob.until("came")["stranger"], false);
    anna.end_input();
    drop(bob);
}

#[test]
fn chat_prints_names_with_their_keys_and_shows_what_would_steer_a_terminal() {
    let (one, other, space) = (World::new(), World::new(), space());
    let (mut anna, ticket) = Talker::chat(&one, &space, "anna~1234?: hi", &[], &["--stay"]);
    let plain = [
        "chat", "--space", &space, "--name", "bob", "--peer", &ticket,
    ];
    let plain = [&plain[..], &["--listen", "127.0.0.1:0", "--stay"]].concat();
    let bob = Talker::start(other.command(&plain));
    assert!(
        bob.told("you are bob~")
            .contains("anybody who knows its name")
    );
    bob.told("is here");
    anna.say("a\u{1b}[2J\u{202e}b\u{9b}c");
    let line = bob.line();
    let (who, text) = line.split_once("?: ").unwrap();
    assert_eq!(text, "a\u{241b}[2J<U+202E>b<U+009B>c");
    let (name, digits) = who.rsplit_once('~').unwrap();
    assert_eq!((name, digits.len()), ("anna_1234__ hi", 4));
}

#[test]
fn chat_newcomers_are_told_the_last_hundred_lines_once() {
    let (one, two, three, space) = (World::new(), World::new(), World::new(), space());
    let (mut anna, ticket) = Talker::chat(&one, &space, "anna", &[], &["--stay"]);
    let (mut bob, _) = Talker::chat(&two, &space, "bob", &[&ticket], &["--stay"]);
    bob.until("came");
    for n in 0..130 {
        anna.say(&format!("{n}"));
    }
    bob.texts_until("129");
    let (carl, _) = Talker::chat(&three, &space, "carl", &[&ticket], &["--stay"]);
    let before = carl.texts_until("129");
    let hundred: Vec<_> = (30..130).map(|n| n.to_string()).collect();
    assert_eq!(before, hundred);
    anna.say("new");
    bob.say("newer");
    let mut after = [carl.until("line"), carl.until("line")];
    after.sort_by_key(|line| line["text"].to_string());
    for (line, text) in after.iter().zip(["new", "newer"]) {
        assert_eq!(
            (&line["text"], &line["past"]),
            (&text.into(), &false.into())
        );
    }
    carl.signal(Signal::TERM);
    assert_eq!(texts(&carl.end_by(130).0), Vec::<String>::new());
}

#[test]
fn chat_goes_on_when_somebody_is_killed() {
    let (one, two, three, space) = (World::new(), World::new(), World::new(), space());
    let (mut anna, ticket) = Talker::chat(&one, &space, "anna", &[], &["--stay"]);
    let (mut bob, _) = Talker::chat(&two, &space, "bob", &[&ticket], &["--stay"]);
    let (carl, _) = Talker::chat(&three, &space, "carl", &[&ticket], &["--stay"]);
    bob.say("from bob");
    anna.texts_until("from bob");
    carl.texts_until("from bob");
    bob.signal(Signal::KILL);
    assert_eq!(anna.until("went")["name"], "bob");
    assert_eq!(carl.until("went")["name"], "bob");
    anna.say("still here");
    assert_eq!(carl.texts_until("still here"), ["still here"]);
}

// S3.10.
#[test]
fn chat_with_a_pipe_says_what_it_has_and_leaves() {
    let (one, other, space) = (World::new(), World::new(), space());
    let (anna, ticket) = Talker::chat(&one, &space, "anna", &[], &["--stay"]);
    for text in ["hi", "hi", "/quit"] {
        let (mut bob, _) = Talker::chat(&other, &space, "bob", &[&ticket], &[]);
        bob.say(text);
        bob.end_input();
        let (heard, _) = bob.end_by(0);
        assert_eq!(texts(&heard), Vec::<String>::new(), "it has not asked");
        assert_eq!(anna.texts_until(text), [text]);
    }
    anna.signal(Signal::KILL);
    let (mut alone, _) = Talker::chat(&other, &space, "bob", &[], &[]);
    alone.say("hi");
    alone.end_input();
    let (_, told) = alone.end_by(3);
    assert!(
        told.last().unwrap().contains("nobody else was found"),
        "{told:?}"
    );
    // Who says nothing was not in vain.
    let (mut silent, _) = Talker::chat(&other, &space, "bob", &[], &[]);
    silent.end_input();
    silent.end_by(0);
}

#[test]
fn chat_refuses_lines_and_names_that_are_none() {
    let (one, other, space) = (World::new(), World::new(), space());
    let (mut anna, ticket) = Talker::chat(&one, &space, "anna", &[], &["--stay"]);
    let (bob, _) = Talker::chat(&other, &space, "bob", &[&ticket], &["--stay"]);
    anna.until("came");
    anna.say(&"x".repeat(5000));
    anna.say(&"y".repeat(4096));
    let said = anna.until("unsaid");
    assert!(
        said["text"].as_str().unwrap().contains("4096 bytes"),
        "{said}"
    );
    assert_eq!(
        bob.until("line")["text"].as_str().unwrap(),
        "y".repeat(4096)
    );
    let long = "n".repeat(10_000);
    for name in ["", " x", "a\u{1b}[31m", "b\u{202e}", "a\nb", &long] {
        let chat = [
            "chat",
            "--space",
            &space,
            "--name",
            name,
            "--listen",
            "127.0.0.1:0",
        ];
        let ended = other.run(&chat);
        let ended = ended.by_saying(2, "a name has");
        assert!(ended.stderr.len() < 300, "{}", ended.stderr);
    }
    for bad in ["UP", "a b", ""] {
        other
            .run(&["chat", "--space", bad])
            .by_saying(2, "no space");
    }
}

// S3.11.
#[test]
fn chat_ends_when_its_terminal_goes_away_or_its_output_takes_nothing() {
    let (one, other, space) = (World::new(), World::new(), space());
    let (mut anna, ticket) = Talker::chat(&one, &space, "anna", &[], &["--stay"]);
    let (hung_up, _) = Talker::chat(&other, &space, "bob", &[&ticket], &["--stay"]);
    anna.until("came");
    hung_up.signal(Signal::HUP);
    hung_up.end_by(130);
    // It has said that it goes.
    assert_eq!(anna.until("went")["name"], "bob");
    let chat = [
        "chat", "--space", &space, "--name", "bob", "--peer", &ticket,
    ];
    let chat = [&chat[..], &["--listen", "127.0.0.1:0", "--stay"]].concat();
    let mut outputs = vec![Stdio::from(std::io::pipe().unwrap().1)];
    if cfg!(target_os = "linux") {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        outputs.push(full.into());
    }
    for output in outputs {
        let mut child = other
            .command(&chat)
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        anna.until("came");
        anna.say("is anybody there?");
        let ended = child.wait_with_output_and_open_stdin();
        assert_eq!(ended.0, Some(1), "{}", ended.1);
        assert!(ended.1.contains("stdout takes nothing more"), "{}", ended.1);
        assert_eq!(anna.until("went")["name"], "bob");
    }
}

trait OpenStdin {
    fn wait_with_output_and_open_stdin(&mut self) -> (Option<i32>, String);
}

impl OpenStdin for std::process::Child {
    /// Waits for the end while stdin stays open; the code and stderr.
    fn wait_with_output_and_open_stdin(&mut self) -> (Option<i32>, String) {
        let mut stdin = self.stdin.take().unwrap();
        let mut said = String::new();
        let mut stderr = self.stderr.take().unwrap();
        std::io::Read::read_to_string(&mut stderr, &mut said).unwrap();
        let code = self.wait().unwrap().code();
        let _gone = stdin.write_all(b"\n");
        (code, said)
    }
}
