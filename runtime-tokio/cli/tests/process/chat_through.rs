//! Chats that go through the `up` of their home, which is its identity already.

use rustix::process::Signal;
use serde_json::Value;

use crate::{
    members::up_at,
    running::World,
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
    // Nobody is there yet; it is said for those who come.
    let mut anna = chat(&world, &space, &["--name", "anna"]);
    begin(&anna);
    anna.say("hello");
    assert!(
        anna.until("told")["text"]
            .as_str()
            .unwrap()
            .contains("nobody else is here yet")
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
