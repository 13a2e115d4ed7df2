//! Closed spaces of several homes: who gets in, who does not, and who is put out.

use std::fs;

use hydroid_core::identity::{Admission, Roles, SecretKey};
use rustix::process::Signal;
use serde_json::Value;

use crate::running::{Ended, Running, World};

/// A home that has founded `club`.
pub(crate) fn founder() -> World {
    let world = World::new();
    let told = world.run(&["space", "new", "club"]).by(0).text();
    assert!(told.trim_end().ends_with("  club"), "{told}");
    world
}

/// An `up`, its ticket in the open space, and that in its only closed one.
pub(crate) fn up_in_club(world: &World) -> (Running, String) {
    let (mut up, _open) = world.up(&[]);
    let club = up.line();
    (up, club)
}

/// An invitation that the running `up` of the home serves.
pub(crate) fn invite(world: &World) -> String {
    let told = world.run(&["space", "invite", "club"]).by(0).text();
    told.trim_end().to_owned()
}

pub(crate) fn key(world: &World) -> String {
    let id = world.run(&["id", "--json"]).by(0).objects().remove(0);
    id["key"].as_str().unwrap().to_owned()
}

fn members(world: &World) -> Value {
    let shown = world.run(&["space", "members", "club", "--json"]);
    shown.by(0).objects().remove(0)
}

/// Asks until the member has a line with the home's `up`, or has none any more.
pub(crate) fn until_online(world: &World, key: &str, there: bool) {
    loop {
        let shown = members(world);
        let online = shown["online"].as_array().unwrap();
        if online.iter().any(|one| one == key) == there {
            return;
        }
    }
}

pub(crate) fn over(up: Running) -> Ended {
    up.signal(Signal::TERM);
    up.end().by(0)
}

// S4.14
#[test]
fn spaces_let_members_in_and_strangers_not() {
    let (founder, member, stranger) = (founder(), World::new(), World::new());
    let (up, club) = up_in_club(&founder);
    stranger.run(&["ping", &club]).by_saying(5, "no member");
    let ticket = invite(&founder);
    let joined = member.run(&["space", "join", &ticket]).by(0).text();
    assert!(joined.trim_end().ends_with("  club"), "{joined}");
    member.run(&["ping", &club, "-c", "2"]).by(0);
    // One use: by another key never, by the same key as often as it likes.
    stranger
        .run(&["space", "join", &ticket])
        .by_saying(5, "used by another");
    member.run(&["space", "join", &ticket]).by(0);
    stranger.run(&["ping", &club]).by_saying(5, "no member");
    let shown = members(&founder);
    assert_eq!(shown["members"].as_array().unwrap().len(), 1);
    assert_eq!(shown["members"][0]["key"], key(&member));
    assert_eq!(shown["members"][0]["roles"], "spacer,relay");
    let theirs = member.run(&["space", "members"]).by(0).text();
    assert!(theirs.contains(&key(&founder)), "{theirs}");
    over(up);
}

#[test]
fn spaces_put_out_whoever_is_kicked() {
    let (founder, member) = (founder(), World::new());
    let (up, club) = up_in_club(&founder);
    let (mut theirs, _open) = member.up(&["--json"]);
    let ticket = invite(&founder);
    // Through the `up` that runs already, which is in the space at once.
    member.run(&["space", "join", &ticket]).by(0);
    assert_eq!(theirs.until("ticket")["space"], "club");
    let key = key(&member);
    until_online(&founder, &key, true);
    let kicked = founder
        .run(&["space", "kick", "club", &key[..8], "--json"])
        .by(0);
    assert_eq!(kicked.objects()[0]["told"], true);
    let told = theirs.until("expelled");
    assert_eq!(
        (&told["code"], &told["space"]),
        (&"revoked".into(), &"club".into())
    );
    until_online(&founder, &key, false);
    over(theirs);
    member.run(&["ping", &club]).by_saying(5, "club");
    let again = invite(&founder);
    member
        .run(&["space", "join", &again])
        .by_saying(5, "put out");
    let shown = members(&founder);
    assert_eq!(shown["revoked"][0], key);
    assert_eq!((&shown["version"], &shown["epoch"]), (&2.into(), &2.into()));
    // To kick again changes nothing.
    founder.run(&["space", "kick", "club", &key]).by(0);
    assert_eq!(members(&founder)["version"], 2);
    over(up);
}

#[test]
fn spaces_let_in_without_an_up() {
    let (founder, member) = (founder(), World::new());
    let mut inviting = founder.start(&[
        "space",
        "invite",
        "club",
        "--for",
        "30d",
        "--listen",
        "127.0.0.1:0",
    ]);
    let ticket = inviting.line();
    member.run(&["space", "join", &ticket]).by(0);
    inviting.end().by(0);
    let shown = members(&member);
    assert!(shown["until_s"].as_u64().unwrap() > 0);
    assert_eq!(shown["online"], Value::Null, "no up runs");
    // Nobody serves it any more, but it is one of the open space.
    member.run(&["ping", &ticket, "--timeout", "1s"]).by(4);
    let mut inviting = founder.start(&["space", "invite", "club", "--listen", "127.0.0.1:0"]);
    inviting.line();
    inviting.signal(Signal::INT);
    inviting.end().by(130);
    assert_eq!(
        founder.names("home/invites").len(),
        1,
        "only the used one is left"
    );
}

#[test]
fn spaces_carry_transfers_and_pipes_of_members_only() {
    let (founder, member, stranger) = (founder(), World::new(), World::new());
    let (up, _club) = up_in_club(&founder);
    member.run(&["space", "join", &invite(&founder)]).by(0);
    over(up);
    let file = member.file("file", 3 << 20);
    let path = file.to_str().unwrap();
    let mut sender = member.start(&["send", path, "--space", "club", "--listen", "127.0.0.1:0"]);
    let ticket = sender.line();
    stranger.run(&["recv", &ticket]).by_saying(5, "no member");
    stranger
        .run(&["recv", &ticket, "--space", "club"])
        .by_saying(3, "no member of a closed space club");
    founder.run(&["recv", &ticket]).by(0);
    sender.end().by(0);
    assert!(fs::read(founder.path("here/file")).unwrap() == fs::read(&file).unwrap());
    // A ticket of the open space is not for those who asked for this one.
    let (open, ticket) = founder.send(&file);
    member
        .run(&["recv", &ticket, "--space", "club"])
        .by_saying(2, "another space");
    drop(open);
}

#[test]
fn spaces_refuse_what_only_operators_may() {
    let (founder, member) = (founder(), World::new());
    let (up, club) = up_in_club(&founder);
    member.run(&["space", "join", &invite(&founder)]).by(0);
    for (line, code, words) in [
        ("invite club", 5, "no operator"),
        ("kick club abcd", 5, "no root operator"),
        ("invite pub", 3, "pub"),
        ("members pub", 3, "it is of club"),
        ("new Club", 2, "the name of a space"),
        ("join hyd1", 2, "malformed"),
        ("kick club", 2, "MEMBER"),
    ] {
        let arguments: Vec<_> = ["space"].into_iter().chain(line.split(' ')).collect();
        member.run(&arguments).by(code).saying(words);
    }
    member
        .run(&["space", "join", &club])
        .by_saying(2, "no invitation");
    founder
        .run(&["space", "new", "club"])
        .by_saying(5, "already");
    founder
        .run(&["space", "join", &invite(&founder)])
        .by_saying(2, "nobody dials oneself");
    founder
        .run(&["space", "kick", "club", &key(&founder)])
        .by_saying(5, "root");
    founder
        .run(&["space", "kick", "club", "ffff"])
        .by_saying(3, "ffff");
    founder
        .run(&["space", "leave", "club"])
        .by_saying(5, "root operator");
    member.run(&["space", "leave", "club"]).by(0);
    member.run(&["ping", &club]).by_saying(5, "no member");
    over(up);
}

#[test]
fn spaces_are_as_many_as_a_switch_takes_and_one_more_is_told() {
    let world = World::new();
    for n in 1..=64 {
        world.run(&["space", "new", &format!("club-{n}")]).by(0);
    }
    let (mut up, _open) = world.up(&["--json"]);
    let mut told: Vec<Value> = Vec::new();
    let count = |told: &[Value], event: &str| told.iter().filter(|it| it["event"] == event).count();
    // It may tell of other things meanwhile.
    while count(&told, "ticket") + count(&told, "absent") < 64 {
        told.push(serde_json::from_str(&up.line()).unwrap());
    }
    // Two of the 64 that a switch takes are open: that of the first ticket, and `local`.
    assert_eq!((count(&told, "ticket"), count(&told, "absent")), (62, 2));
    let absent = told.iter().find(|one| one["event"] == "absent").unwrap();
    assert!(
        absent["text"]
            .as_str()
            .unwrap()
            .contains("cannot be taken part in")
    );
    over(up);
}

#[test]
fn spaces_refuse_what_has_expired() {
    let (founder, member) = (founder(), World::new());
    let (up, club) = up_in_club(&founder);
    let ticket = invite(&founder);
    let invites = founder.path("home/invites");
    for entry in fs::read_dir(&invites).unwrap() {
        let path = entry.unwrap().path();
        let mut invite: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        invite["expires_s"] = 1.into();
        fs::write(&path, invite.to_string()).unwrap();
    }
    member
        .run(&["space", "join", &ticket])
        .by_saying(5, "expired");
    // A membership that ended long ago, signed by the operator himself.
    member.run(&["space", "join", &invite(&founder)]).by(0);
    let secret = fs::read_to_string(founder.path("home/identity")).unwrap();
    let secret = data_encoding::HEXLOWER.decode(secret.trim_end().as_bytes());
    let secret = SecretKey::from_bytes(secret.unwrap().as_slice().try_into().unwrap());
    let name = founder
        .names("home/spaces")
        .into_iter()
        .find(|name| name.len() == 64)
        .unwrap();
    let stored = member.path("home/spaces").join(name);
    let admission = Admission::from_bytes(&fs::read(&stored).unwrap()).unwrap();
    let key = *admission.membership().key();
    let old = admission.admit(&secret, &key, Roles::NONE, 1).unwrap();
    fs::write(&stored, &*old.to_bytes()).unwrap();
    member.run(&["ping", &club]).by_saying(5, "expired");
    // A new one is a renewal.
    member.run(&["space", "join", &invite(&founder)]).by(0);
    member.run(&["ping", &club, "-c", "1"]).by(0);
    over(up);
}
