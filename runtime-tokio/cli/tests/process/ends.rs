//! Pings, signals, and what `up` is asked for.

use rustix::process::Signal;

use crate::running::{Running, World};

#[test]
fn ends_up_by_term_and_then_nobody_answers() {
    let world = World::new();
    let (up, ticket) = world.up(&[]);
    let pings = world.run(&["ping", &ticket, "-c", "3"]).by(0);
    assert_eq!(pings.text().lines().count(), 4);
    let pings = world.run(&["ping", &ticket, "-c", "2", "--json"]).by(0);
    let objects = pings.objects();
    assert_eq!(objects[1]["n"], 2);
    assert!(objects[1]["rtt_us"].as_u64().unwrap() > 0);
    assert_eq!(objects[2]["answered"], 2);
    up.signal(Signal::TERM);
    let ended = up.end().by(0);
    assert_eq!(
        ended.text().trim_end(),
        ticket,
        "the ticket alone is on stdout"
    );
    world
        .run(&["ping", &ticket, "--timeout", "2s"])
        .by_saying(4, "answer");
}

#[test]
fn ends_up_by_an_interrupt_that_was_inherited_as_ignored() {
    let world = World::new();
    let into = world.path("in");
    let arguments = [
        "up",
        "--listen",
        "127.0.0.1:0",
        "--into",
        into.to_str().unwrap(),
    ];
    let mut up = Running::start(world.command_that_ignores_sigint(&arguments));
    up.line();
    up.signal(Signal::INT);
    up.end().by(0);
}

#[test]
fn ends_a_ping_that_nobody_answers_after_the_time_that_was_asked_for() {
    let world = World::new();
    let (up, ticket) = world.up(&[]);
    up.signal(Signal::TERM);
    up.end().by(0);
    // The switch gives one attempt up after five.
    world
        .run(&["ping", &ticket, "--timeout", "7s"])
        .by_saying(4, "within 7 s");
}

#[test]
fn ends_and_answers_although_nobody_reads_what_it_prints() {
    let world = World::new();
    let into = world.path("in");
    let arguments = [
        "up",
        "--listen",
        "127.0.0.1:0",
        "--into",
        into.to_str().unwrap(),
    ];
    let mut up = Running::start_halted(world.command(&arguments));
    let ticket = up.line();
    // Each of these has something to say, more than there are threads.
    let file = world.file("file", 1000);
    for _time in 0..9 {
        let put = ["send", file.to_str().unwrap(), "--to", &ticket];
        let code = if world.names("in").is_empty() { 0 } else { 5 };
        world.run(&put).by(code);
    }
    world.run(&["ping", &ticket, "-c", "1"]).by(0);
    up.signal(Signal::TERM);
    up.end().by(0);
}

#[test]
fn ends_other_commands_by_130() {
    let world = World::new();
    let file = world.file("file", 1000);
    for signal in [Signal::INT, Signal::TERM] {
        let (sender, _ticket) = world.send(&file);
        sender.signal(signal);
        sender.end().by_saying(130, "interrupted");
    }
    let arguments = ["send", file.to_str().unwrap(), "--listen", "127.0.0.1:0"];
    let mut sender = Running::start(world.command_that_ignores_sigint(&arguments));
    sender.line();
    sender.signal(Signal::INT);
    sender.end().by(130);
}

#[test]
fn ends_an_interrupted_receiver_with_nothing_left_or_what_can_be_gone_on_from() {
    let world = World::new();
    let file = world.file("file", 256 << 20);
    let (sender, ticket) = world.send(&file);
    let mut receiver = world.start(&["recv", &ticket, "-o", "out", "--json"]);
    // The first object says that it has begun.
    receiver.line();
    receiver.signal(Signal::INT);
    let ended = receiver.end();
    // A machine that is fast enough has received all of it by then.
    if ended.code == Some(0) {
        assert_eq!(world.names("here"), ["out"]);
        return;
    }
    if ended.code == Some(7) {
        assert_eq!(world.names("here"), [".out.hydroid-part"]);
    } else {
        ended.by(130);
        assert!(world.names("here").is_empty());
    }
    world.run(&["recv", &ticket, "-o", "out"]).by(0);
    sender.end().by(0);
}

#[test]
fn ends_a_demo_with_everything_verified_and_nothing_left() {
    let world = World::new();
    let demo = world.run(&["demo"]).by(0);
    let text = demo.text();
    for words in [
        "A handshake from 127.0.0.1:",
        "64 parts",
        "the same file",
        "Eight switches found each other",
        "They grew a tree",
        "Each of them said a line",
        "by its name alone",
        "The root was",
        "Nothing is left",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let demo = world.run(&["demo", "--json"]).by(0);
    let objects = demo.objects();
    let seconds = objects.last().unwrap()["seconds"].as_f64().unwrap();
    assert!(seconds < 60.0, "{seconds} s");
    let of = |event: &str| {
        objects
            .iter()
            .find(|object| object["event"] == event)
            .unwrap()
    };
    assert_eq!(of("file")["blake3"], of("verified")["blake3"]);
    assert_eq!(of("verified")["bytes"], 64 << 20);
    for folder in ["tmp", "here", "user"] {
        assert!(world.names(folder).is_empty(), "{folder}");
    }
    assert!(world.has_no_home());
}

#[test]
fn ends_a_demo_by_an_error_if_one_of_its_switches_is_not_announced() {
    let world = World::new();
    let demo = world.run(&["demo", "--cut", "3"]);
    let demo = demo.by_saying(6, "hydra-3");
    assert!(!demo.text().contains("Eight switches"), "{}", demo.text());
    for folder in ["tmp", "here", "user"] {
        assert!(world.names(folder).is_empty(), "{folder}");
    }
}
