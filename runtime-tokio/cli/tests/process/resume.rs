//! Transfers that stop in the middle and are run again.

use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::Value;

use crate::running::{Ended, Running, World};

const MIB: u64 = 1 << 20;

/// A giver that runs for so long gives a small part of what it has.
const MOMENT: Duration = Duration::from_millis(2);

/// What was given meanwhile becomes durable long before everything has been given.
const PAUSE: Duration = Duration::from_millis(20);

fn record(world: &World, part: &str) -> Option<Value> {
    let text = fs::read_to_string(world.path(part).join("record")).ok()?;
    serde_json::from_str(&text).ok()
}

/// Lets the giver run for a moment at a time until `look` gives something; it stands still then,
/// however fast this machine is and whatever else it does.
fn stand_still<T>(giver: &Running, mut look: impl FnMut() -> Option<T>) -> T {
    for _moment in 0..10_000 {
        giver.signal(Signal::CONT);
        let begun = Instant::now();
        let found = loop {
            let found = look();
            if found.is_some() || begun.elapsed() > MOMENT {
                break found;
            }
            thread::yield_now();
        };
        giver.signal(Signal::STOP);
        if let Some(found) = found {
            return found;
        }
        thread::sleep(PAUSE);
    }
    panic!("the transfer is over, or nothing of it became durable");
}

/// Lets the giver stand still once something of the part is durable; the bytes that are there for
/// good then.
fn once_durable(world: &World, part: &str, giver: &Running) -> u64 {
    let record = stand_still(giver, || record(world, part));
    record["groups"].as_u64().unwrap() * MIB
}

/// What the last object says of where it went on, and of what came.
fn resumed(ended: &Ended) -> (u64, u64) {
    let objects = ended.objects();
    let last = objects.last().unwrap();
    assert_eq!(last["event"], "received");
    let number = |key: &str| last[key].as_u64().unwrap();
    (number("resumed_from"), number("came"))
}

fn big(world: &World) -> (PathBuf, u64) {
    (world.file("file", 256 * MIB), 256 * MIB)
}

#[test]
fn resume_after_a_kill_receives_what_was_missing() {
    let world = World::new();
    let (file, size) = big(&world);
    let (sender, ticket) = world.send(&file);
    let part = "here/.out.hydroid-part";
    let recv = ["recv", &ticket, "-o", "out", "--json"];
    let receiver = world.start(&recv);
    let durable = once_durable(&world, part, &sender);
    receiver.signal(Signal::KILL);
    assert_eq!(receiver.end().code, None);
    sender.signal(Signal::CONT);
    let ended = world.run(&recv).by(0);
    sender.end().by(0);
    let (from, came) = resumed(&ended);
    println!("resumed from {from} of {size}, {came} bytes came");
    assert!(from >= durable && from > 0, "{from} {durable}");
    assert!(came <= size - from + 2 * MIB, "{came}");
    assert!(
        ended
            .objects()
            .iter()
            .any(|object| object["event"] == "resumed")
    );
    assert_eq!(world.names("here"), ["out"]);
    assert!(fs::read(world.path("here/out")).unwrap() == fs::read(&file).unwrap());
}

#[test]
fn resume_after_an_interrupt_and_of_a_folder() {
    let world = World::new();
    let (file, _size) = big(&world);
    let root = world.path("tree");
    fs::create_dir(&root).unwrap();
    let bytes = fs::read(&file).unwrap();
    for (n, content) in bytes.chunks(300_000).enumerate() {
        fs::write(root.join(format!("{n:04}")), content).unwrap();
    }
    let (sender, ticket) = world.send(&root);
    let recv = ["recv", &ticket, "--json"];
    let receiver = world.start(&recv);
    let part = "here/.tree.hydroid-part";
    let durable = once_durable(&world, part, &sender);
    // With the second record the receiver knows of the first one.
    stand_still(&sender, || {
        let groups = record(&world, part)?["groups"].as_u64()?;
        (groups * MIB > durable).then_some(())
    });
    receiver.signal(Signal::INT);
    let ended = receiver.end();
    ended.by_saying(7, "the same command goes on from there");
    sender.signal(Signal::CONT);
    let ended = world.run(&recv).by(0);
    sender.end().by(0);
    assert!(resumed(&ended).0 >= durable);
    for (n, content) in bytes.chunks(300_000).enumerate() {
        let received = fs::read(world.path("here/tree").join(format!("{n:04}"))).unwrap();
        assert!(received == content, "{n}");
    }
    assert_eq!(world.names("here"), ["tree"]);
}

#[test]
fn resume_when_the_sender_is_gone_and_another_run_of_it_gives_the_same_file() {
    let world = World::new();
    let (file, size) = big(&world);
    let (sender, ticket) = world.send(&file);
    let part = "here/.file.hydroid-part";
    let receiver = world.start(&["recv", &ticket, "--json"]);
    once_durable(&world, part, &sender);
    sender.signal(Signal::INT);
    sender.signal(Signal::CONT);
    sender.end();
    receiver.end().by_saying(7, "are kept");
    let (sender, ticket) = world.send(&file);
    let ended = world.run(&["recv", &ticket, "--json"]).by(0);
    sender.end().by(0);
    let (from, came) = resumed(&ended);
    assert!(from > 0 && came <= size - from + 2 * MIB);
    assert!(fs::read(world.path("here/file")).unwrap() == fs::read(&file).unwrap());
}

#[test]
fn resume_against_another_file_or_from_garbage_starts_over_and_says_so() {
    let world = World::new();
    let file = world.file("file", 3 * MIB);
    let part = world.path("here/.file.hydroid-part");
    let garbage: [&dyn Fn(); 3] = [
        &|| fs::write(&part, "of an earlier version").unwrap(),
        &|| {
            let other = serde_json::json!({
                "version": 1, "root": "0".repeat(64), "size": 3 * MIB, "listing": null, "groups": 2,
            });
            fs::write(part.join("record"), other.to_string()).unwrap();
        },
        &|| fs::write(part.join("record"), "garbage").unwrap(),
    ];
    for (n, leave) in garbage.iter().enumerate() {
        if n > 0 {
            use std::os::unix::fs::DirBuilderExt as _;
            fs::DirBuilder::new().mode(0o700).create(&part).unwrap();
        }
        leave();
        let (sender, ticket) = world.send(&file);
        let ended = world.run(&["recv", &ticket]).by(0);
        sender.end().by(0);
        assert!(
            ended.stderr.contains("so it starts over"),
            "{}",
            ended.stderr
        );
        assert_eq!(world.names("here"), ["file"]);
        fs::remove_file(world.path("here/file")).unwrap();
    }
}

#[test]
fn resume_of_a_file_that_is_given_to_an_up() {
    let world = World::new();
    let (file, size) = big(&world);
    let (up, ticket) = world.up(&["--json"]);
    let send = ["send", file.to_str().unwrap(), "--to", &ticket, "--json"];
    let sender = world.start(&send);
    once_durable(&world, "in/.file.hydroid-part", &sender);
    sender.signal(Signal::KILL);
    assert_eq!(sender.end().code, None);
    // The `up` learns by its silence that the first one is gone.
    let sent = loop {
        let ended = world.run(&send);
        if ended.code == Some(0) {
            break ended;
        }
        ended.by(5);
        thread::yield_now();
    };
    let sent = sent.objects();
    let from = sent.last().unwrap()["resumed_from"].as_u64().unwrap();
    assert!(from > 0 && from <= size, "{from}");
    up.signal(Signal::TERM);
    up.end().by(0);
    assert!(fs::read(world.path("in/file")).unwrap() == fs::read(&file).unwrap());
}

#[test]
fn resume_is_for_one_receiver_at_a_time_in_one_place() {
    let world = World::new();
    let (file, _size) = big(&world);
    let (sender, ticket) = world.send(&file);
    let first = world.start(&["recv", &ticket, "-o", "one"]);
    // Once there is a record, the part is locked; the lock's file alone is there a moment earlier.
    let record = world.path("here/.one.hydroid-part/record");
    stand_still(&sender, || record.exists().then_some(()));
    first.signal(Signal::STOP);
    sender.signal(Signal::CONT);
    let second = world.run(&["recv", &ticket, "-o", "one"]);
    first.signal(Signal::CONT);
    second.by_saying(5, "already");
    first.end().by(0);
    sender.end().by(0);
    assert_eq!(world.names("here"), ["one"]);
}

#[test]
fn resume_leaves_two_receivers_in_two_places_alone() {
    let world = World::new();
    let (file, _size) = big(&world);
    let (sender, ticket) = world.send(&file);
    let names = ["one", "two"];
    let receivers = names.map(|name| world.start(&["recv", &ticket, "-o", name]));
    let begun = |name| {
        let lock = world.path(&format!("here/.{name}.hydroid-part/lock"));
        lock.exists()
    };
    stand_still(&sender, || names.into_iter().all(begun).then_some(()));
    sender.signal(Signal::CONT);
    let codes = receivers.map(|receiver| receiver.end().code);
    sender.end().by(0);
    assert_eq!(codes, [Some(0); 2]);
}

#[test]
fn resume_after_a_silence_goes_on_or_says_what_is_kept() {
    let world = World::new();
    let (file, size) = big(&world);
    let (sender, ticket) = world.send(&file);
    let recv = ["recv", &ticket, "--json"];
    let receiver = world.start(&recv);
    // For longer than a peer may be silent; nobody answers while it is dialled again.
    let durable = once_durable(&world, "here/.file.hydroid-part", &sender);
    receiver.end().by_saying(7, "are kept");
    sender.signal(Signal::CONT);
    let ended = world.run(&recv).by(0);
    sender.end().by(0);
    let (from, came) = resumed(&ended);
    assert!(
        from >= durable && came <= size - from + 2 * MIB,
        "{from} {came}"
    );
    assert!(fs::read(world.path("here/file")).unwrap() == fs::read(&file).unwrap());
}

#[test]
fn resume_is_not_held_up_by_receivers_that_were_killed() {
    let world = World::new();
    let (file, _size) = big(&world);
    let (sender, ticket) = world.send(&file);
    let recv = ["recv", &ticket];
    // As many as are served at once; the giver learns of it by their silence.
    for _time in 0..16 {
        let receiver = world.start(&recv);
        let lock = world.path("here/.file.hydroid-part/lock");
        stand_still(&sender, || lock.exists().then_some(()));
        receiver.signal(Signal::KILL);
        assert_eq!(receiver.end().code, None);
        fs::remove_file(lock).unwrap();
        sender.signal(Signal::CONT);
    }
    world.run(&recv).by(0);
    sender.end().by(0);
}
