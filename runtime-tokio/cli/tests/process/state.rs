//! What `up` knows after a restart.

use std::{fs, net::UdpSocket};

use rustix::process::Signal;

use crate::{running::World, spaces::until_online};

#[test]
fn state_keeps_the_port_so_that_tickets_stay_good() {
    let world = World::new();
    let (up, ticket) = world.up(&[]);
    up.signal(Signal::TERM);
    up.end().by(0);
    let (up, again) = world.up(&[]);
    assert_eq!(again, ticket);
    world.run(&["ping", &ticket, "-c", "1"]).by(0);
    up.signal(Signal::KILL);
    drop(up);
    let (up, again) = world.up(&[]);
    assert_eq!(
        again, ticket,
        "also where there was no time to say anything"
    );
    up.signal(Signal::TERM);
    up.end().by(0);
    let port = fs::read_to_string(world.path("home/state/port")).unwrap();
    let port: u16 = port.trim_end().parse().unwrap();
    let _taken = UdpSocket::bind(("127.0.0.1", port)).unwrap();
    let (up, other) = world.up(&[]);
    assert_ne!(other, ticket);
    world.run(&["ping", &other, "-c", "1"]).by(0);
    up.signal(Signal::TERM);
    let said = up.end().by(0).stderr;
    assert!(said.contains(&format!("the port {port}")), "{said}");
}

#[test]
fn state_brings_the_peers_back() {
    let (founder, member) = (World::new(), World::new());
    founder.run(&["space", "new", "club"]).by(0);
    let (up, _ticket) = founder.up(&[]);
    let (theirs, _ticket) = member.up(&[]);
    let ticket = founder.run(&["space", "invite", "club"]).by(0).text();
    member.run(&["space", "join", ticket.trim_end()]).by(0);
    let id = member.run(&["id", "--json"]).by(0).objects().remove(0);
    let key = id["key"].as_str().unwrap();
    until_online(&founder, key, true);
    theirs.signal(Signal::TERM);
    theirs.end().by(0);
    until_online(&founder, key, false);
    let (theirs, _ticket) = member.up(&[]);
    until_online(&founder, key, true);
    // And the other way round: who was dialled comes back at the same place.
    up.signal(Signal::TERM);
    up.end().by(0);
    let (up, _ticket) = founder.up(&[]);
    until_online(&founder, key, true);
    for up in [up, theirs] {
        up.signal(Signal::TERM);
        up.end().by(0);
    }
}

#[test]
fn state_that_is_garbage_is_told_and_set_aside() {
    let world = World::new();
    let (up, ticket) = world.up(&[]);
    up.signal(Signal::TERM);
    up.end().by(0);
    for name in ["peers", "opens", "port"] {
        fs::write(world.path("home/state").join(name), "garbage").unwrap();
    }
    let (up, other) = world.up(&[]);
    assert_ne!(other, ticket, "the port is not known any more");
    world.run(&["ping", &other, "-c", "1"]).by(0);
    up.signal(Signal::TERM);
    let said = up.end().by(0).stderr;
    for name in ["peers", "opens", "port"] {
        assert!(
            said.contains(&format!("state/{name} could not be used")),
            "{said}"
        );
        let aside = world.path("home/state").join(format!("{name}.damaged-1"));
        assert_eq!(fs::read(aside).unwrap(), b"garbage");
    }
    assert!(!world.names("home").contains(&"control".to_owned()));
}
