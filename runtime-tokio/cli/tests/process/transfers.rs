//! Files between processes.

use std::fs;

use rustix::process::Signal;

use crate::running::{Running, World};

const MIB: u64 = 1 << 20;

#[test]
fn transfers_arrive_as_they_were() {
    for size in [0, 1, 3 * MIB + 1] {
        let world = World::new();
        let file = world.file("file", size);
        let (sender, ticket) = world.send(&file);
        world.run(&["recv", &ticket, "-o", "out"]).by(0);
        let sent = sender.end().by(0);
        assert_eq!(
            sent.text().trim_end(),
            ticket,
            "the ticket alone is on stdout"
        );
        let received = fs::read(world.path("here/out")).unwrap();
        assert!(received == fs::read(&file).unwrap(), "{size}");
        assert_eq!(world.names("here"), ["out"]);
        assert!(world.has_no_home(), "one-time identities leave nothing");
    }
}

#[test]
fn transfers_go_where_the_output_says() {
    let world = World::new();
    let file = world.file("file", 2 * MIB + 5);
    let bytes = fs::read(&file).unwrap();

    let (sender, ticket) = world.send(&file);
    world.run(&["recv", &ticket]).by(0);
    sender.end().by(0);
    assert!(fs::read(world.path("here/file")).unwrap() == bytes);

    let (sender, ticket) = world.send(&file);
    let folder = world.path("in");
    world
        .run(&["recv", &ticket, "-o", folder.to_str().unwrap()])
        .by(0);
    sender.end().by(0);
    assert!(fs::read(world.path("in/file")).unwrap() == bytes);

    let (sender, ticket) = world.send(&file);
    let name: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"n\xff");
    // Some file systems take no such name.
    if fs::write(world.path("here").join(name), "").is_ok() {
        let arguments = ["recv", &ticket, "--overwrite", "-o"].map(std::ffi::OsStr::new);
        world.run(&[&arguments[..], &[name]].concat()).by(0);
        sender.end().by(0);
        assert!(fs::read(world.path("here").join(name)).unwrap() == bytes);
    }

    let (sender, ticket) = world.send(&file);
    let printed = world.run(&["recv", &ticket, "-o", "-"]).by(0);
    sender.end().by(0);
    assert!(printed.stdout == bytes);
}

#[test]
fn transfers_replace_nothing_unless_asked() {
    let world = World::new();
    let file = world.file("file", 100);
    fs::write(world.path("here/file"), "mine").unwrap();
    let (sender, ticket) = world.send(&file);
    world.run(&["recv", &ticket]).by_saying(5, "exists already");
    world
        .run(&["recv", &ticket, "-o", "file"])
        .by_saying(5, "exists already");
    assert_eq!(fs::read(world.path("here/file")).unwrap(), b"mine");
    assert_eq!(world.names("here"), ["file"]);
    world.run(&["recv", &ticket, "--overwrite"]).by(0);
    sender.end().by(0);
    assert_eq!(
        fs::read(world.path("here/file")).unwrap(),
        fs::read(&file).unwrap()
    );
}

#[test]
fn transfers_speak_json() {
    let world = World::new();
    let file = world.file("file", 2 * MIB);
    let file = file.to_str().unwrap();
    let mut sender = world.start(&["--json", "send", file, "--listen", "127.0.0.1:0"]);
    // Hashing comes first, and it may be told of.
    let ticket = ticket_of(&mut sender);
    let received = world.run(&["recv", &ticket, "--json", "-o", "out"]).by(0);
    let sent = sender.end().by(0);
    assert!(received.stderr.is_empty() && sent.stderr.is_empty());
    let (received, sent) = (received.objects(), sent.objects());
    let (received, sent) = (received.last().unwrap(), sent.last().unwrap());
    assert_eq!(
        (&received["event"], &sent["event"]),
        (&"received".into(), &"sent".into())
    );
    assert_eq!(received["blake3"], sent["blake3"]);
    assert_eq!(received["bytes"], 2 * MIB);

    let printed = world.run(&["recv", &ticket, "--json", "-o", "-"]).by(2);
    assert_eq!(printed.objects()[0]["code"], 2);
}

fn ticket_of(running: &mut Running) -> String {
    loop {
        let object: serde_json::Value = serde_json::from_str(&running.line()).unwrap();
        if let Some(ticket) = object["ticket"].as_str() {
            return ticket.into();
        }
    }
}

#[test]
fn transfers_to_an_up_are_taken_once_and_within_bounds() {
    let world = World::new();
    let (up, ticket) = world.up(&["--max-bytes", "3M"]);
    let file = world.file("file", 2 * MIB + 1);
    let sent = world
        .run(&["send", file.to_str().unwrap(), "--to", &ticket])
        .by(0);
    assert!(sent.stdout.is_empty());
    assert!(fs::read(world.path("in/file")).unwrap() == fs::read(&file).unwrap());
    let again = ["send", file.to_str().unwrap(), "--to", &ticket, "--json"];
    let again = world.run(&again).by_saying(5, "of this name");
    assert_eq!(again.objects().last().unwrap()["code"], 5);
    let large = world.file("large", 3 * MIB + 1);
    let large = ["send", large.to_str().unwrap(), "--to", &ticket];
    world.run(&large).by_saying(5, "at most 3.0 MiB");
    assert_eq!(world.names("in"), ["file"]);
    up.signal(Signal::TERM);
    up.end().by(0);
}

#[test]
fn transfers_survive_a_receiver_that_vanishes_and_one_that_hangs() {
    let world = World::new();
    let file = world.file("file", 32 * MIB);
    let (sender, ticket) = world.send(&file);

    // Nobody reads what this one prints, so it hangs once the pipe is full.
    let mut hanging = world.command(&["recv", &ticket, "-o", "-"]);
    hanging.stdout(std::process::Stdio::piped());
    hanging.stderr(std::process::Stdio::null());
    let mut hanging = hanging.spawn().unwrap();
    let mut out = hanging.stdout.take().unwrap();
    let mut first = vec![0; 1000];
    std::io::Read::read_exact(&mut out, &mut first).unwrap();
    assert!(first == fs::read(&file).unwrap()[..1000]);

    // This one is killed when it has begun.
    let vanishing = world.command(&["recv", &ticket, "-o", "-"]);
    let mut vanishing = Running::start(vanishing);
    vanishing.some_bytes();
    vanishing.signal(Signal::KILL);
    drop(vanishing);

    world.run(&["recv", &ticket, "-o", "out"]).by(0);
    sender.end().by(0);
    assert!(fs::read(world.path("here/out")).unwrap() == fs::read(&file).unwrap());
    hanging.kill().unwrap();
    hanging.wait().unwrap();
}

#[test]
fn transfers_whose_sender_vanishes_end_and_leave_nothing() {
    let world = World::new();
    let file = world.file("file", 64 * MIB);
    let (sender, ticket) = world.send(&file);
    // The first of its groups is printed: it is in the middle of the file.
    let mut receiver = world.start(&["recv", &ticket, "-o", "-"]);
    receiver.some_bytes();
    sender.signal(Signal::KILL);
    let ended = receiver.end();
    if ended.stdout.len() < fs::metadata(&file).unwrap().len() as usize {
        ended.by_saying(4, "gone");
    }
    world.run(&["recv", &ticket, "-o", "out"]).by(4);
    assert!(world.names("here").is_empty());
}

#[test]
fn transfers_of_a_file_that_changed_while_it_waited_fail_on_both_sides() {
    let world = World::new();
    let file = world.file("file", 3 * MIB);
    let (sender, ticket) = world.send(&file);
    let mut bytes = fs::read(&file).unwrap();
    bytes[2 * MIB as usize] ^= 1;
    fs::write(&file, bytes).unwrap();
    world
        .run(&["recv", &ticket, "-o", "out"])
        .by_saying(6, "changed while it was sent");
    sender.end().by_saying(6, "changed while it was sent");
    assert!(world.names("here").is_empty());
}
