//! Chats that go through the `up` of their home, which is its identity already.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    thread,
    time::Duration,
};

use hydroid_core::identity::{SecretKey, Space, Ticket};
use rustix::process::Signal;
use serde_json::Value;

use crate::{
    members::up_at,
    offers::AtTerminal,
    running::{Running, World},
    spaces::{founder, invite, key, over, up_in_club},
    talkers::{Talker, space},
};

/// A chat that says nothing of how its switch is to be: it may have none.
fn chat(world: &World, space: &str, more: &[&str]) -> Talker {
    let arguments = ["--json", "chat", "--space", space];
    Talker::start(world.command(&[&arguments, more].concat()))
}

fn begin(talker: &Talker) -> Value {
    let begin = talker.until("begin");
    assert_eq!(begin["through"], true, "{begin}");
    begin
}

/// An `up` and somebody who knows it.
fn anna_and_bob([one, two]: [&World; 2], space: &str) -> (Running, Talker) {
    let (up, ticket) = up_at(one, space, "anna", &[]);
    let (bob, _) = Talker::chat(two, space, "bob", &[&ticket], &["--stay"]);
    bob.until("came");
    (up, bob)
}

// S3.5.
#[test]
fn chat_goes_through_the_up_of_its_home() {
    let (one, two, space) = (World::new(), World::new(), space());
    let (up, ticket) = up_at(&one, &space, "anna", &[]);
    let (mut bob, _) = Talker::chat(&two, &space, "bob", &[&ticket], &["--stay"]);
    let key_of_anna = key(&one);
    assert_eq!(bob.until("came")["key"], key_of_anna);
    bob.say("before");
    let mut anna = chat(&one, &space, &["--stay"]);
    let began = begin(&anna);
    assert_eq!(
        (&began["key"], &began["name"]),
        (&key_of_anna.into(), &"anna".into())
    );
    let came = anna.until("came");
    assert_eq!(
        (&came["name"], &came["stranger"]),
        (&"bob".into(), &true.into())
    );
    // What was said before is told once, by whom it was heard.
    assert_eq!(anna.texts_until("before"), ["before"]);
    for n in 0..20 {
        anna.say(&format!("anna {n}"));
        bob.say(&format!("bob {n}"));
    }
    anna.say("end");
    bob.say("end");
    let said = |name: &str| {
        let lines = (0..20).map(|n| format!("{name} {n}"));
        lines.chain(["end".into()]).collect::<Vec<_>>()
    };
    assert_eq!(
        (anna.texts_until("end"), bob.texts_until("end")),
        (said("bob"), said("anna"))
    );
    // Another of the same home hears what the first says, and the first what it says.
    let mut again = chat(&one, &space, &["--stay"]);
    begin(&again);
    again.texts_until("end");
    again.texts_until("end");
    again.say("again");
    assert_eq!(anna.texts_until("again"), ["again"]);
    assert_eq!(bob.texts_until("again"), ["again"]);
    anna.say("heard");
    assert_eq!(again.texts_until("heard"), ["heard"]);
    assert_eq!(bob.texts_until("heard"), ["heard"]);
    // The longest line there is, of what takes most room on the way.
    let longest = "\u{1}".repeat(4096);
    anna.say(&longest);
    for talker in [&bob, &again] {
        assert!(talker.until("line")["text"] == longest);
    }
    bob.signal(Signal::TERM);
    assert_eq!(anna.until("went")["name"], "bob");
    // Who goes leaves the `up` as it is, and says nothing to others.
    anna.end_input();
    anna.signal(Signal::INT);
    anna.end_by(130);
    over(up);
    let (told, _) = again.end_by(4);
    assert!(
        told.iter().any(|line| line.contains("has ended")),
        "{told:?}"
    );
}

#[test]
fn chat_in_a_closed_space_goes_beside_an_up() {
    let (founder, member) = (founder(), World::new());
    let (up, _club) = up_in_club(&founder);
    let ticket = invite(&founder);
    member.run(&["space", "join", &ticket]).by(0);
    let mut anna = chat(&founder, "club", &["--stay"]);
    assert_eq!(begin(&anna)["closed"], true);
    let (mut bob, _) = Talker::chat(&member, "club", "bob", &[&ticket], &["--stay"]);
    let came = anna.until("came");
    assert_eq!(
        (&came["name"], &came["stranger"]),
        (&"bob".into(), &false.into())
    );
    bob.until("came");
    anna.say("welcome");
    assert_eq!(bob.texts_until("welcome"), ["welcome"]);
    bob.say("thanks");
    assert_eq!(anna.texts_until("thanks"), ["thanks"]);
    // One word out of a pipe is on its way when the command ends.
    let mut word = chat(&founder, "club", &[]);
    begin(&word);
    word.say("one word");
    word.end_input();
    word.end_by(0);
    assert_eq!(bob.texts_until("one word"), ["one word"]);
    assert_eq!(anna.texts_until("one word"), ["one word"]);
    over(up);
}

#[test]
fn chat_through_an_up_says_what_is_for_that_to_do() {
    let (world, space) = (World::new(), space());
    let (up, ticket) = up_at(&world, &space, "anna", &[]);
    let run = |more: &[&str]| {
        let arguments = ["chat", "--space", &space];
        world.run(&[&arguments, more].concat())
    };
    run(&["--name", "zoe"]).by_saying(2, "leave out --name");
    let tape = world.path("tape");
    let tape = tape.to_str().unwrap();
    run(&["--record", tape]).by_saying(2, "record that one");
    assert!(!world.path("tape").exists());
    // Neither does it use what says how a switch is to be, and says so; a ticket is one all the same.
    run(&["--peer", "hyd1garbage"]).by_saying(2, "--peer is malformed");
    let idle = ["--no-lan", "--into", "/nowhere", "--peer", &ticket];
    let told = run(&idle).by(0);
    let words = "--peer and --no-lan and --into would be for that one";
    assert!(told.stderr.contains(words), "{}", told.stderr);
    // Nobody is there yet; it is said for those who come.
    let mut anna = chat(&world, &space, &["--name", "anna"]);
    begin(&anna);
    anna.say("hello");
    assert!(
        anna.until("told")["text"]
            .as_str()
            .unwrap()
            .contains("nobody else is here now")
    );
    anna.end_input();
    anna.end_by(0);
    let other = World::new();
    let (bob, _) = Talker::chat(&other, &space, "bob", &[&ticket], &["--stay"]);
    assert_eq!(bob.texts_until("hello"), ["hello"]);
    // Of a space that the `up` is not in, it tells nothing.
    let elsewhere = chat(&world, &crate::talkers::space(), &[]);
    assert_eq!(elsewhere.until("begin")["through"], Value::Null);
    over(up);
}

// What was said before is for those who stay to read it.
#[test]
fn chat_through_an_up_of_whoever_only_says_something_shows_nothing_from_before() {
    let (one, two, space) = (World::new(), World::new(), space());
    let (up, mut bob) = anna_and_bob([&one, &two], &space);
    bob.say("before");
    let anna = chat(&one, &space, &["--stay"]);
    assert_eq!(anna.texts_until("before"), ["before"]);
    for text in [None, Some("hi")] {
        let mut word = chat(&one, &space, &[]);
        text.into_iter().for_each(|text| word.say(text));
        word.end_input();
        let (told, _) = word.end_by(0);
        let lines = told.iter().filter(|it| it.contains("\"event\":\"line\""));
        assert_eq!(lines.count(), 0, "{told:?}");
    }
    assert_eq!(bob.texts_until("hi"), ["hi"]);
    // Nor where there is so much to say that it takes a while.
    let mut much = chat(&one, &space, &[]);
    for n in 0..600 {
        much.say(&n.to_string());
    }
    much.end_input();
    let (told, _) = much.end_by(0);
    assert!(!told.iter().any(|it| it.contains("\"past\"")), "{told:?}");
    bob.texts_until("599");
    // Whoever has an open pipe may read it.
    let open = chat(&one, &space, &[]);
    assert_eq!(open.texts_until("599").len(), 100);
    over(up);
}

// Both sides of the socket have more to write than it takes.
#[test]
fn chat_through_an_up_says_much_while_it_is_told_much() {
    let (one, two, space) = (World::new(), World::new(), space());
    let (up, mut bob) = anna_and_bob([&one, &two], &space);
    let long = "\u{1}".repeat(4000);
    for _line in 0..100 {
        bob.say(&long);
    }
    bob.say("end");
    let anna = chat(&one, &space, &["--stay"]);
    anna.texts_until("end");
    let mut talkers: Vec<_> = (0..3).map(|_| chat(&one, &space, &[])).collect();
    thread::scope(|scope| {
        for talker in &mut talkers {
            let long = &long;
            scope.spawn(move || {
                for _line in 0..60 {
                    talker.say(long);
                }
                talker.end_input();
            });
        }
        for talker in 0..3 * 60 {
            assert!(anna.until("line")["text"] == long, "{talker}");
        }
    });
    for talker in talkers {
        talker.end_by(0);
    }
    over(up);
}

// Between what was said before and what is said now there is no gap, whenever a chat begins.
#[test]
fn chat_through_an_up_misses_no_line_when_it_begins() {
    let (world, space) = (World::new(), space());
    let (up, _) = up_at(&world, &space, "anna", &[]);
    let mut speaker = chat(&world, &space, &["--stay"]);
    begin(&speaker);
    // Long lines, so that a moment goes by from one to the other.
    let long = "x".repeat(2_000);
    let others = thread::scope(|scope| {
        let speaking = scope.spawn(|| {
            for n in 0..800 {
                speaker.say(&format!("{n} {long}"));
                thread::sleep(Duration::from_millis(1));
            }
        });
        let mut others = Vec::new();
        while !speaking.is_finished() && others.len() < 40 {
            let other = chat(&world, &space, &["--stay"]);
            begin(&other);
            others.push(other);
        }
        others
    });
    let number = |text: String| text.split_once(' ').unwrap().0.parse::<u32>().unwrap();
    for other in &others {
        let mut numbers = Vec::new();
        while numbers.last() != Some(&799) {
            numbers.push(number(other.until("line")["text"].as_str().unwrap().into()));
        }
        let all: Vec<_> = (numbers[0]..800).collect();
        assert_eq!(numbers, all);
    }
    over(up);
}

#[test]
fn chat_through_an_up_that_missed_much_knows_who_is_there() {
    let (one, two, three, space) = (World::new(), World::new(), World::new(), space());
    let (up, ticket) = up_at(&one, &space, "anna", &[]);
    let (mut bob, _) = Talker::chat(&two, &space, "bob", &[&ticket], &["--stay"]);
    let (carl, _) = Talker::chat(&three, &space, "carl", &[&ticket], &["--stay"]);
    let (anna, awake) = (
        chat(&one, &space, &["--stay"]),
        chat(&one, &space, &["--stay"]),
    );
    for talker in [&anna, &awake] {
        talker.until("came");
        talker.until("came");
    }
    anna.signal(Signal::STOP);
    // More than the socket takes; then he goes, and then more than is kept for whoever does not read.
    let long = "x".repeat(4_000);
    for _line in 0..300 {
        bob.say(&long);
    }
    bob.say("full");
    awake.texts_until("full");
    carl.signal(Signal::TERM);
    assert_eq!(awake.until("went")["name"], "carl");
    for n in 0..1_200 {
        bob.say(&n.to_string());
    }
    awake.texts_until("1199");
    anna.signal(Signal::CONT);
    anna.until("missed");
    assert_eq!(anna.until("went")["name"], "carl");
    assert_eq!(anna.texts_until("1199").pop().unwrap(), "1199");
    over(up);
}

#[test]
fn chat_through_an_up_that_was_put_out_says_so() {
    let (founder, member) = (founder(), World::new());
    let (up, _club) = up_in_club(&founder);
    let ticket = invite(&founder);
    member.run(&["space", "join", &ticket]).by(0);
    let (theirs, _) = member.up(&["--peer", &ticket]);
    let chat_of = |world: &World| chat(world, "club", &["--stay"]);
    let (anna, before) = (chat_of(&founder), chat_of(&member));
    anna.until("came");
    before.until("came");
    founder
        .run(&["space", "kick", "club", &key(&member)[..8]])
        .by(0);
    let after = {
        let told = before.until("told");
        assert!(
            told["text"]
                .as_str()
                .unwrap()
                .contains("out of the space club"),
            "{told}"
        );
        chat_of(&member)
    };
    let told = after.until("told");
    assert!(
        told["text"]
            .as_str()
            .unwrap()
            .contains("out of the space club"),
        "{told}"
    );
    // Nobody will hear what is said, and that is no success.
    let mut word = chat(&member, "club", &[]);
    word.say("still there?");
    word.end_input();
    let (told, _) = word.end_by(5);
    let has = |words: &str| told.iter().any(|it| it.contains(words));
    assert!(has("nobody heard") && !has("\"came\""), "{told:?}");
    over(theirs);
    over(up);
}

#[test]
fn chat_through_an_up_is_bounded_and_keeps_nobody_else_out() {
    let (world, other, space) = (World::new(), World::new(), space());
    let (up, ticket) = up_at(&world, &space, "anna", &[]);
    let (_bob, _) = Talker::chat(&other, &space, "bob", &[&ticket], &["--stay"]);
    let id = Space::open(&space).unwrap().id();
    let ask = |says: &str| {
        let mut socket = UnixStream::connect(world.path("home/control")).unwrap();
        let ask = format!("{{\"chat\":{{\"space\":\"{id}\"}}}}\n{says}");
        socket.write_all(ask.as_bytes()).unwrap();
        let mut socket = BufReader::new(socket);
        let mut line = String::new();
        socket.read_line(&mut line).unwrap();
        assert!(line.contains("\"ok\""), "{line}");
        socket
    };
    // What is no line is answered by why, and the end.
    for wrong in ["{}\n", "{\"text\":\"\"}\n", "\n", &"x".repeat(100_000)] {
        let last = ask(wrong).lines().map_while(Result::ok).last().unwrap();
        assert!(last.contains("\"ended\""), "{last}");
    }
    let open: Vec<_> = (0..64).map(|_| ask("")).collect();
    world
        .run(&["chat", "--space", &space])
        .by_saying(1, "64 chats go through");
    world
        .run(&["ping", "bob", "-c", "1", "--space", &space])
        .by(0);
    // As many that have a peer called hold up nothing else either.
    let nobody = SecretKey::from_bytes(&[9; 32]).public();
    let nowhere = ["127.0.0.1:9".parse().unwrap()];
    let nobody = Ticket::new(nobody, Space::open("hydroid").unwrap(), &nowhere, None);
    let calls = (0..64).map(|_| {
        let mut socket = UnixStream::connect(world.path("home/control")).unwrap();
        let within = "\"within_ms\":60000";
        let ask = format!("{{\"connect\":{{\"ticket\":\"{nobody}\",{within}}}}}\n");
        socket.write_all(ask.as_bytes()).unwrap();
        socket
    });
    let calls: Vec<_> = calls.collect();
    let mut socket = UnixStream::connect(world.path("home/control")).unwrap();
    let time = Some(Duration::from_secs(10));
    socket.set_read_timeout(time).unwrap();
    socket.write_all(b"{\"status\":{}}\n").unwrap();
    let mut line = String::new();
    BufReader::new(socket).read_line(&mut line).unwrap();
    assert!(line.contains("\"ok\""), "{line}");
    drop((open, calls));
    over(up);
}

#[test]
fn chat_through_an_up_has_the_commands_that_are_of_use_there() {
    let (world, space) = (World::new(), space());
    let (up, _) = up_at(&world, &space, "anna", &[]);
    let mut anna = AtTerminal::start(world.command(&["chat", "--space", &space]));
    anna.until("/help tells more");
    anna.enter("/help");
    let told = anna.until("the `up` of this home runs");
    assert!(!told.contains("/accept"), "{told}");
    anna.enter("/accept");
    anna.until("files are asked about");
    anna.enter("/who");
    anna.until("nobody else is here");
    anna.enter("/quit");
    assert_eq!(anna.child.wait().unwrap().code(), Some(0));
    over(up);
}
