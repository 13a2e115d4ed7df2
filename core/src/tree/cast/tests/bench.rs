//! A few members with real keys, and packets made by hand.

use std::{println, vec};

use super::*;
use crate::{
    base::{Seed, Wall},
    identity::{Space, SpaceId},
};

pub(super) fn space() -> SpaceId {
    Space::open("bench").unwrap().id()
}

pub(super) fn verify(key: &PublicKey, kind: &str, bytes: &[u8], it: &Signature) -> bool {
    key.verify(kind, &space(), bytes, it)
}

pub(super) const fn ms(ms: u64) -> Time {
    Time::from_us(ms * 1000)
}

pub(super) fn node(number: u8) -> Node {
    Node {
        key: secret(number).public(),
        epoch: 1_000,
    }
}

/// A member with the secret of this number.
pub(super) fn member(number: u8, config: &Config) -> Cast {
    let mut rng = Rng::new(&Seed::new([number; 32]));
    Cast::new(Arc::new(config.clone()), node(number), &mut rng)
}

pub(super) fn say(cast: &mut Cast, now: Time, bytes: &[u8]) -> Result<u64, BroadcastError> {
    let number = (1..40).find(|it| node(*it).key == cast.me.key).unwrap();
    let sign = |kind: &str, bytes: &[u8]| secret(number).sign(kind, &space(), bytes);
    cast.broadcast(now, Wall::from_ms(1_000 + now.as_us() / 1000), &sign, bytes)
}

/// The packets of a message by this origin, as they go over a link.
pub(super) fn message(number: u8, sequence: u64, wall: u64, bytes: &[u8]) -> Vec<Vec<u8>> {
    message_of(number, Position::new(1_000, sequence, 0), wall, bytes)
}

pub(super) fn message_of(number: u8, at: Position, wall: u64, bytes: &[u8]) -> Vec<Vec<u8>> {
    let statement = packet::statement(&node(number).key, at, wall, bytes);
    let signature = secret(number).sign(KIND, &space(), &statement);
    let bodies = packet::bodies(&statement, &signature, bytes);
    let packets = bodies.enumerate().map(|(chunk, body)| {
        let kind = if chunk == 0 {
            packet::MESSAGE
        } else {
            packet::MORE
        };
        [&[0, 1, kind], &*body].concat()
    });
    packets.collect()
}

/// The positions of a peer that has these, all at once.
pub(super) fn have(flags: u8, entries: &[(u8, Position)]) -> Vec<u8> {
    let mut out = vec![0, 1, packet::HAVE, flags];
    for (number, at) in entries {
        packet::write_entry(&node(*number).key, *at, &mut out);
    }
    out
}

pub(super) fn give(cast: &mut Cast, now: Time, link: Slot, bytes: &[u8]) -> Result<(), Fault> {
    cast.on_packet(now, link, &Packet::decode(bytes).unwrap(), &verify)
}

/// A link to a peer that has nothing and says so; what we say is dropped.
pub(super) fn link_to(cast: &mut Cast, now: Time, link: Slot, number: u8) {
    cast.on_linked(now, link, node(number).key, false);
    give(cast, now, link, &have(packet::LAST, &[])).unwrap();
    while !poll(cast, now, link).is_empty() {}
}

/// The next packet for the link, empty if there is none.
pub(super) fn poll(cast: &mut Cast, now: Time, link: Slot) -> Vec<u8> {
    let mut out = Vec::new();
    let some = cast.poll(now, link, PACKET_MOST, &mut out);
    assert_eq!(some, !out.is_empty());
    out
}

/// Joins two members, each under the number of the other.
pub(super) fn join(now: Time, a: &mut Cast, b: &mut Cast) {
    let (one, other) = (number(a), number(b));
    a.on_linked(now, other, b.me.key, false);
    b.on_linked(now, one, a.me.key, false);
}

pub(super) fn number(cast: &Cast) -> Slot {
    (1..40)
        .find(|it| node(*it).key == cast.me.key)
        .unwrap()
        .into()
}

/// Carries packets both ways until there are none. How many there were.
pub(super) fn pump(now: Time, a: &mut Cast, b: &mut Cast) -> usize {
    let mut carried = 0;
    loop {
        let some = carry(now, a, b) + carry(now, b, a);
        if some == 0 {
            return carried;
        }
        carried += some;
    }
}

/// Carries the next packet from one to the other, if there is one.
fn carry(now: Time, from: &mut Cast, to: &mut Cast) -> usize {
    let bytes = poll(from, now, number(to));
    if bytes.is_empty() {
        return 0;
    }
    give(to, now, number(from), &bytes).unwrap();
    1
}

/// Everything that there is to read: whose, from which number to which, and if it came.
pub(super) fn read_all(cast: &mut Cast) -> Vec<(u8, u64, u64, bool)> {
    let mut buf = vec![0; MESSAGE_MOST];
    let mut all = Vec::new();
    loop {
        let (origin, first, last, came) = match cast.read(&mut buf) {
            Ok(Told::Message {
                origin, sequence, ..
            }) => (origin, sequence, sequence, true),
            Ok(Told::Gap {
                origin,
                first,
                last,
            }) => (origin, first, last, false),
            Err(ReadError::Blocked) => return all,
            Err(error) => panic!("{error}"),
        };
        let number = (1..40).find(|it| node(*it).key == origin.key).unwrap();
        all.push((number, first, last, came));
    }
}

/// Prints a figure for the record.
pub(super) fn figure(what: &str, is: impl core::fmt::Display) {
    println!("{what}: {is}");
}
