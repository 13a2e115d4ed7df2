//! What people get wrong: one sentence, the right exit code, and nothing touched.

use std::{fs::OpenOptions, net::UdpSocket, process::Stdio};

use rustix::process::Signal;

use crate::running::World;

#[test]
fn mistakes_on_the_command_line_are_usage() {
    let world = World::new();
    world.run(&["--version"]).by(0);
    let help = world.run(&["--help"]).by(0);
    assert!(help.text().contains("Examples:"));
    world.run(&["fly"]).by(2);
    world.run(&[""; 0]).by(2);
    let wrong = world.run(&["ping", "x", "-c", "no", "--json"]).by(2);
    assert_eq!(wrong.objects()[0]["code"], 2);
    let missing = world.run(&["recv", "--json"]).by_saying(2, "<TICKET>");
    assert!(missing.text().contains("<TICKET>"));
    world.run(&["ping", " "]).by_saying(2, "nobody is named");
    let mut loud = world.command(&["id"]);
    loud.env("HYDROID_LOG", "loud");
    crate::running::Running::start(loud)
        .end()
        .by_saying(2, "HYDROID_LOG");
    assert!(world.has_no_home());
}

#[test]
fn mistakes_in_a_ticket_are_named() {
    let world = World::new();
    let (up, ticket) = world.up(&[]);
    let mut typo = ticket.clone();
    typo.replace_range(10..11, "1");
    world.run(&["ping", &typo]).by_saying(2, "'1' at place 11");
    let other = if &ticket[10..11] == "a" { "b" } else { "a" };
    typo.replace_range(10..11, other);
    let ended = world
        .run(&["recv", &typo, "--json"])
        .by_saying(2, "checksum");
    assert_eq!(ended.objects()[0]["code"], 2);
    let cut_off = &ticket[..ticket.len() - 3];
    world
        .run(&["send", "/dev/null", "--to", cut_off])
        .by_saying(2, "checksum");
    up.signal(Signal::TERM);
    up.end().by(0);
}

#[test]
fn mistakes_about_files_and_folders_are_told_before_anything_happens() {
    let world = World::new();
    world.run(&["send", "missing"]).by_saying(3, "missing");
    world.run(&["send", "/dev/null"]).by_saying(2, "ordinary");
    let file = world.file("file", 5);
    let (sender, ticket) = world.send(&file);
    world
        .run(&["recv", &ticket, "-o", "no/where"])
        .by_saying(3, "no folder");
    world
        .run(&["recv", &ticket, "-o", "nowhere/"])
        .by_saying(3, "no folder");
    let into = file.to_str().unwrap();
    world
        .run(&["up", "--listen", "127.0.0.1:0", "--into", into])
        .by_saying(1, "cannot write in");
    assert!(world.names("here").is_empty());
    world.run(&["recv", &ticket]).by(0);
    sender.end().by(0);
}

#[test]
fn mistakes_about_addresses_are_told() {
    let world = World::new();
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().map(|address| (taken, address)).unwrap();
    let file = world.file("file", 5);
    let listen = taken.1.to_string();
    world
        .run(&["send", file.to_str().unwrap(), "--listen", &listen])
        .by_saying(1, "in use");
    world
        .run(&["up", "--listen", "192.0.2.1:0"])
        .by_saying(1, "no address of this machine");
}

#[test]
#[cfg(target_os = "linux")]
fn mistakes_of_a_full_output_are_told() {
    let world = World::new();
    let file = world.file("file", 2 << 20);
    let (sender, ticket) = world.send(&file);
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut receiver = world.command(&["recv", &ticket, "-o", "-"]);
    let ended = receiver
        .stdout(full)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8(ended.stderr).unwrap().contains("stdout"));
    world.run(&["recv", &ticket]).by(0);
    sender.end().by(0);
}

#[test]
fn mistakes_of_a_ticket_without_the_token_are_refused() {
    let world = World::new();
    let file = world.file("file", 5);
    let without = |ticket: &str| {
        let mut ticket: hydroid_core::identity::Ticket = ticket.parse().unwrap();
        ticket.token = None;
        ticket.to_string()
    };
    let (sender, ticket) = world.send(&file);
    world
        .run(&["recv", &without(&ticket)])
        .by_saying(5, "token");
    let (up, host) = world.up(&[]);
    let file = file.to_str().unwrap();
    world
        .run(&["send", file, "--to", &without(&host)])
        .by_saying(5, "token");
    // And each says what it is for.
    world.run(&["recv", &host]).by_saying(5, "files are taken");
    world
        .run(&["send", file, "--to", &ticket])
        .by_saying(5, "a file is given");
    assert!(world.names("in").is_empty() && world.names("here").is_empty());
    world.run(&["recv", &ticket]).by(0);
    sender.end().by(0);
    up.signal(Signal::TERM);
    up.end().by(0);
}

#[test]
fn mistakes_about_devices_replace_none() {
    let world = World::new();
    let file = world.file("file", 5);
    let (sender, ticket) = world.send(&file);
    std::os::unix::fs::symlink("/dev/null", world.path("here/null")).unwrap();
    for more in [&["-o", "null"][..], &["-o", "null", "--overwrite"]] {
        let arguments = [&["recv", &ticket], more].concat();
        world.run(&arguments).by_saying(5, "no ordinary file");
    }
    assert!(world.path("here/null").is_symlink());
    world.run(&["recv", &ticket]).by(0);
    sender.end().by(0);
}
