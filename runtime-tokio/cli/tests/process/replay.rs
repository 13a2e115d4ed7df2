//! What a switch does is recorded, and done again: `--record` and `hydroid replay`.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use rustix::process::Signal;
use serde_json::Value;

use crate::running::{Ended, Running, World};

/// An `up` that records, and its ticket and tape.
fn recording(world: &World) -> (Running, String, PathBuf) {
    let tape = world.path("up.tape");
    let (up, ticket) = world.up(&["--record", tape.to_str().unwrap()]);
    (up, ticket, tape)
}

/// A tape of an `up` that was pinged and sent a file.
fn recorded(world: &World) -> PathBuf {
    let (up, ticket, tape) = recording(world);
    world.run(&["ping", &ticket, "-c", "1"]).by(0);
    let file = world.file("file", 200_000);
    world
        .run(&["send", file.to_str().unwrap(), "--to", &ticket])
        .by(0);
    up.signal(Signal::TERM);
    up.end().by(0);
    tape
}

fn replay(world: &World, tape: &Path, more: &[&str]) -> Ended {
    let mut arguments = vec!["replay", tape.to_str().unwrap()];
    arguments.extend(more);
    world.run(&arguments)
}

/// Where each whole record begins, and where the last one ends.
fn records(bytes: &[u8]) -> Vec<usize> {
    let mut ends = vec![0];
    let mut at = 0;
    while let Some(length) = bytes.get(at..at + 4) {
        at += 4 + u32::from_be_bytes(length.try_into().unwrap()) as usize;
        if at > bytes.len() {
            break;
        }
        ends.push(at);
    }
    ends
}

fn last_object(ended: &Ended) -> Value {
    ended.objects().pop().expect("something was printed")
}

#[test]
fn replay_of_an_up_that_was_pinged_and_sent_a_file_is_identical() {
    let world = World::new();
    let tape = recorded(&world);
    let mode = fs::metadata(&tape).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Another machine: no home, no network, nothing but the tape.
    let away = World::new();
    let ended = replay(&away, &tape, &[]).by(0);
    assert!(ended.text().contains("identical"), "{}", ended.text());
    assert!(ended.text().contains("shut down"), "{}", ended.text());
    let ended = replay(&away, &tape, &["--json"]).by(0);
    let verdict = last_object(&ended);
    assert_eq!(verdict["identical"], true);
    assert_eq!(verdict["end"], "closed");
    let count = records(&fs::read(&tape).unwrap()).len() as u64 - 1;
    assert_eq!(verdict["records"], count);
    replay(&away, &tape, &["--loose"]).by(0);
    assert!(away.has_no_home());
}

#[test]
fn replay_names_the_first_difference() {
    let world = World::new();
    let tape = recorded(&world);
    let mut bytes = fs::read(&tape).unwrap();
    let ends = records(&bytes);
    // Nothing else is as long as the datagrams that a file comes in.
    let (n, longest) = ends
        .windows(2)
        .enumerate()
        .skip(1)
        .max_by_key(|(_, ends)| ends[1] - ends[0])
        .unwrap();
    let (end, length) = (longest[1], longest[1] - longest[0]);
    assert!(length > 1000);
    bytes[end - 100] ^= 1;
    fs::write(&tape, &bytes).unwrap();
    let ended = replay(&world, &tape, &["--json"]).by(1);
    let object = ended
        .objects()
        .into_iter()
        .find(|object| object["identical"] == false)
        .unwrap();
    assert!(object["record"].as_u64().unwrap() >= n as u64, "{object}");
    assert!(
        object["record"].as_u64().unwrap() <= n as u64 + 3,
        "{object}"
    );
    assert_ne!(object["expected"], object["got"]);
    let ended = replay(&world, &tape, &[]).by(1);
    let text = ended.text();
    assert!(text.contains("expected") && text.contains("got"), "{text}");
    assert!(ended.stderr.contains("differs"), "{}", ended.stderr);
    // What came before it did not differ.
    let at = object["at_us"].as_u64().unwrap();
    let before = format!("{}us", at - 1);
    replay(&world, &tape, &["--until", &before]).by(0);
}

#[test]
fn replay_of_a_process_that_was_killed_while_a_file_came_goes_to_the_last_whole_record() {
    let world = World::new();
    let (mut up, ticket, tape) = recording(&world);
    let file = world.file("file", 512 << 20);
    let sender = world.start(&["send", file.to_str().unwrap(), "--to", &ticket]);
    while fs::metadata(&tape).unwrap().len() < 4 << 20 {
        std::thread::yield_now();
    }
    up.kill();
    drop(sender);
    let bytes = fs::read(&tape).unwrap();
    let ends = records(&bytes);
    let ended = replay(&world, &tape, &["--json"]).by(0);
    let verdict = last_object(&ended);
    assert_eq!(verdict["identical"], true, "{verdict}");
    assert_eq!(verdict["end"], "cut");
    assert_eq!(verdict["records"], ends.len() as u64 - 1);
    // Wherever it is cut.
    for len in [ends[20], ends[20] + 1, ends[21] - 1] {
        fs::write(&tape, &bytes[..len]).unwrap();
        let ended = replay(&world, &tape, &["--json"]).by(0);
        assert_eq!(last_object(&ended)["records"], 20);
    }
}

#[test]
fn replay_of_a_tape_whose_file_took_no_more_ends_with_a_record_that_says_so() {
    let world = World::new();
    let tape = world.path("up.tape");
    let into = world.path("in");
    // In units of 1024 bytes in some shells and 512 in others.
    let mut limited = world.command_in_shell("trap '' XFSZ; ulimit -f 200; exec \"$0\" \"$@\"");
    limited.args(["--json", "up", "--listen", "127.0.0.1:0", "--into"]);
    limited.args([&into, Path::new("--record"), &tape]);
    let mut up = Running::start(limited);
    let object: Value = serde_json::from_str(&up.line()).unwrap();
    let ticket = object["ticket"].as_str().unwrap();
    // Each is smaller than a file may be, and all are larger.
    for name in ["1", "2", "3", "4", "5"] {
        let file = world.file(name, 60_000);
        world
            .run(&["send", file.to_str().unwrap(), "--to", ticket])
            .by(0);
    }
    // And nothing else has ended.
    world.run(&["ping", ticket, "-c", "3"]).by(0);
    up.signal(Signal::TERM);
    let told: Vec<_> = up
        .end()
        .by(0)
        .objects()
        .into_iter()
        .filter(|object| object["event"] == "tape-ended")
        .collect();
    assert!(
        matches!(&told[..], [told] if told["end"] == "full"),
        "{told:?}"
    );
    let ended = replay(&world, &tape, &["--json"]).by(0);
    assert_eq!(last_object(&ended)["end"], "full");
    let ended = replay(&world, &tape, &[]).by(0);
    assert!(ended.text().contains("no room"), "{}", ended.text());
}

#[test]
fn replay_explains_in_words_and_prints_json_lines() {
    let world = World::new();
    let tape = recorded(&world);
    let count = records(&fs::read(&tape).unwrap()).len() - 1;
    let text = replay(&world, &tape, &["--text"]).by(0);
    let objects = text.objects();
    assert_eq!(objects.len(), count);
    assert!(objects.iter().all(Value::is_object));
    let ended = replay(&world, &tape, &["--explain"]).by(0);
    assert_eq!(ended.text().lines().count(), count + 1, "and the verdict");
    let ended = replay(&world, &tape, &["--explain", "--json"]).by(0);
    assert_eq!(ended.objects().len(), count + 1);
    let ended = replay(&world, &tape, &["--explain", "--until", "0"]).by(0);
    assert!(ended.text().lines().count() < count);
}

#[test]
fn replay_of_a_redacted_tape_explains_and_does_nothing_again() {
    let world = World::new();
    let tape = recorded(&world);
    let out = world.path("redacted.tape");
    let redact = ["--redact", out.to_str().unwrap()];
    replay(&world, &tape, &redact).by(0);
    replay(&world, &tape, &redact).by_saying(5, "already");
    let (whole, redacted) = (fs::read(&tape).unwrap(), fs::read(&out).unwrap());
    assert_eq!(records(&whole).len(), records(&redacted).len());
    let secret = fs::read(world.path("home/identity")).unwrap_or_default();
    let has = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    assert!(secret.len() < 16 || !has(&redacted, &secret));
    // The first bytes of the file that was sent.
    let sent = fs::read(world.path("file")).unwrap();
    assert!(has(&sent, &sent[..32]) && !has(&redacted, &sent[..32]));
    replay(&world, &out, &[]).by_saying(2, "redacted");
    let ended = replay(&world, &out, &["--explain"]).by(0);
    let count = records(&redacted).len() - 1;
    assert_eq!(ended.text().lines().count(), count + 1, "and the verdict");
    // Nothing beyond what was asked.
    let early = world.path("early.tape");
    let until = ["--redact", early.to_str().unwrap(), "--until", "1us"];
    let ended = replay(&world, &tape, &[&until[..], &["--json"]].concat()).by(0);
    let count = records(&fs::read(&early).unwrap()).len() - 1;
    assert_eq!(last_object(&ended)["records"], count);
}

#[test]
fn replay_says_what_cannot_be_replayed() {
    let world = World::new();
    world.run(&["replay", "missing"]).by_saying(3, "missing");
    let empty = world.file("empty", 0);
    replay(&world, &empty, &[]).by_saying(2, "no tape");
    let noise = world.file("noise", 10_000);
    for more in [&[][..], &["--text"], &["--explain"], &["--loose"]] {
        replay(&world, &noise, more).by_saying(2, "no tape");
    }
    replay(&world, &world.path("here"), &[]).by_saying(2, "file");
    let tape = recorded(&world);
    let bytes = fs::read(&tape).unwrap();
    let change = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let mut bytes = bytes.clone();
        let at = bytes
            .windows(from.len())
            .position(|part| part == from.as_bytes());
        let at = at.expect("the first record has it");
        bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
        fs::write(&tape, bytes).unwrap();
        replay(&world, &tape, &[])
    };
    change("\"version\":1", "\"version\":7").by_saying(2, "version");
}

#[test]
fn replay_knows_what_every_command_with_a_switch_has_recorded() {
    let world = World::new();
    let file = world.file("file", 100_000);
    let tape = |name: &str| world.path(name).to_str().unwrap().to_owned();
    let sends = ["send", file.to_str().unwrap(), "--listen", "127.0.0.1:0"];
    let mut sender = world.start(&[&sends[..], &["--record", &tape("send")]].concat());
    let ticket = sender.line();
    let recv = ["recv", &ticket, "-o", "out", "--record", &tape("recv")];
    world.run(&recv).by(0);
    sender.end().by(0);
    let (up, ticket) = world.up(&[]);
    let mut masked = world.command_in_shell("umask 0777; exec \"$0\" \"$@\"");
    masked.args(["ping", &ticket, "-c", "1", "--record", &tape("ping")]);
    Running::start(masked).end().by(0);
    let mode = fs::metadata(world.path("ping")).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600, "whatever the umask");
    up.signal(Signal::TERM);
    up.end().by(0);
    for name in ["send", "recv", "ping"] {
        let ended = replay(&world, &world.path(name), &["--json"]).by(0);
        assert_eq!(last_object(&ended)["end"], "closed", "{name}");
    }
}

#[test]
fn replay_is_of_one_switch_and_of_a_file_that_was_not_there() {
    let world = World::new();
    let there = world.file("there", 10);
    let name = there.to_str().unwrap();
    world
        .run(&["up", "--listen", "127.0.0.1:0", "--record", name])
        .by_saying(5, "already");
    assert_eq!(fs::metadata(&there).unwrap().len(), 10);
    world
        .run(&["up", "--record", "no/where"])
        .by_saying(1, "no/where");
    let folder = world.path("in");
    fs::create_dir_all(&folder).unwrap();
    world
        .run(&["up", "--record", folder.to_str().unwrap(), "--record-over"])
        .by_saying(5, "a plain file only");
    let (up, _ticket) = world.up(&["--record", name, "--record-over"]);
    up.signal(Signal::TERM);
    up.end().by(0);
    replay(&world, &there, &[]).by(0);
    for arguments in [
        &["id"][..],
        &["demo"],
        &["replay", name],
        &["space", "members"],
    ] {
        let arguments = [arguments, &["--record", "x"]].concat();
        world.run(&arguments).by_saying(2, "one switch");
    }
    assert!(!world.path("here/x").exists());
}
