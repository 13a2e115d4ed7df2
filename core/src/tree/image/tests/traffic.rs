//! What one member of 10,000 receives and sends while others come and go.

use std::println;

use super::{super::*, drain, hear, image, key, news, node, record, rng, slots::points, word};

const MEMBERS: usize = 10_000;
/// An hour.
const SESSION_MS: u64 = 3_600_000;
const SPAN_MS: u64 = 300_000;

/// The others as they are: who hangs below whom, and how often each has spoken.
struct Truth {
    keys: Vec<PublicKey>,
    fresh: Vec<PublicKey>,
    /// The tree as a heap: who stands at each place.
    versions: Vec<u32>,
    rng: Rng,
}

impl Truth {
    fn parent(&self, place: usize, root: PublicKey) -> PublicKey {
        match place.checked_sub(1) {
            None => root,
            Some(at) => self.keys[at / 2],
        }
    }

    fn entry(&self, place: usize, root: PublicKey) -> Vec<u8> {
        let parent = self.parent(place, root);
        record(
            &self.keys[place],
            &word(
                self.versions[place],
                Some(parent),
                0x0a00_0000 + place as u32,
            ),
        )
    }

    /// One leaves: the deepest leaf below it takes its place and those below it hear of a new
    /// parent. Then another comes to where that leaf was. What is told of it, in the order in
    /// which it is told; each is one packet.
    fn change(&mut self, root: PublicKey) -> Vec<Vec<u8>> {
        let place = self.rng.below(self.keys.len() as u64) as usize;
        let gone = self.keys[place];
        let mut told = Vec::new();
        let mut bytes = Vec::new();
        record::write_gone(
            prefix(&gone),
            word(0, None, 0).epoch as u16,
            self.versions[place],
            &mut bytes,
        );
        told.push(bytes);
        let mut leaf = place;
        while 2 * leaf + 1 < self.keys.len() {
            leaf = 2 * leaf + 1;
        }
        if leaf != place {
            self.keys[place] = self.keys[leaf];
            self.versions[place] = self.versions[leaf];
            for moved in [place, 2 * place + 1, 2 * place + 2] {
                if moved != leaf && moved < self.keys.len() {
                    told.push(self.moved(moved, root));
                }
            }
        }
        self.keys[leaf] = self.fresh.pop().unwrap();
        self.versions[leaf] = 2;
        told.push(self.entry(leaf, root));
        told
    }

    fn moved(&mut self, place: usize, root: PublicKey) -> Vec<u8> {
        self.versions[place] += 1;
        let parent = self.parent(place, root);
        let said = word(self.versions[place], Some(parent), 0);
        let mut bytes = Vec::new();
        record::write_change(prefix(&self.keys[place]), &said, &mut bytes);
        bytes
    }
}

/// Bytes on a line: each packet stands behind its length.
fn bytes(packets: &[Vec<u8>]) -> u64 {
    packets.iter().map(|packet| packet.len() as u64 + 2).sum()
}

/// Gives the one before all others, and lets a newcomer compare with it: the bytes that takes.
fn begin(before: &mut Image, me: &mut Image, truth: &Truth, root: PublicKey) -> u64 {
    before.on_linked(Time::ZERO, 9, node(9), false);
    for place in 0..truth.keys.len() {
        hear(before, Time::ZERO, 9, &news(&[&truth.entry(place, root)])).unwrap();
    }
    // What a newcomer is given once.
    before.on_linked(Time::ZERO, 1, me.me, false);
    me.set_own(Time::ZERO, Some(root), &[], false);
    me.on_linked(Time::ZERO, 1, before.me, false);
    let mut first = 0;
    loop {
        let to = drain(before, Time::ZERO, 1);
        let from = drain(me, Time::ZERO, 1);
        if to.is_empty() && from.is_empty() {
            break;
        }
        first += bytes(&to) + bytes(&from);
        to.iter()
            .for_each(|packet| hear(me, Time::ZERO, 1, packet).unwrap());
        from.iter()
            .for_each(|packet| hear(before, Time::ZERO, 1, packet).unwrap());
    }
    assert_eq!(me.len(), MEMBERS);
    first
}

#[test]
fn image_traffic_of_10_000_members_with_sessions_of_an_hour() {
    let config = Config::default();
    let (mut before, mut me) = (image(0, config), image(1, config));
    let mut truth = Truth {
        keys: points(MEMBERS - 2, 1),
        fresh: points(2000, 2),
        versions: std::vec![2; MEMBERS - 2],
        rng: rng(3),
    };
    let root = key(0);
    let first = begin(&mut before, &mut me, &truth, root);
    me.on_linked(Time::ZERO, 2, node(2), false);
    me.on_linked(Time::ZERO, 3, node(3), false);
    me.on_linked(Time::ZERO, 4, node(4), true);
    for link in [2, 3, 4] {
        drain(&mut me, Time::ZERO, link);
    }
    let (mut received, mut sent, mut backup, mut changes) = (0, 0, 0, 0_u64);
    let mut now = Time::ZERO;
    let mut repair_at = now.plus_ms(u64::from(config.repair_ms));
    while now < Time::ZERO.plus_ms(SPAN_MS) {
        // Departures of so many members come at random, on the average after such a time.
        let mean = SESSION_MS / MEMBERS as u64;
        now = now.plus_ms(1 + truth.rng.below(2 * mean));
        changes += 1;
        for told in truth.change(root) {
            hear(&mut before, now, 9, &news(&[&told])).unwrap();
            let packets = drain(&mut before, now, 1);
            received += bytes(&packets);
            packets
                .iter()
                .for_each(|packet| hear(&mut me, now, 1, packet).unwrap());
            sent += bytes(&drain(&mut me, now, 2)) + bytes(&drain(&mut me, now, 3));
            assert!(drain(&mut me, now, 1).is_empty(), "nothing goes back");
        }
        drain(&mut before, now, 9);
        if now >= repair_at {
            repair_at = now.plus_ms(u64::from(config.repair_ms));
            backup += compare(&mut me, now);
        }
    }
    assert!(
        sent <= 2 * received,
        "each change goes to each neighbour once"
    );
    let seconds = SPAN_MS / 1000;
    let (received, sent, backup) = (received / seconds, sent / seconds, backup / seconds);
    println!("{changes} departures and arrivals in {seconds} s");
    println!("bytes a second: received {received}, sent {sent} to two children, backup {backup}");
    println!(
        "bytes a second and member, each byte counted once: {}",
        received + backup
    );
    println!(
        "a newcomer is given {first} bytes once, {} a second of its hour",
        first / 3600
    );
    assert!(received + backup <= 300, "{received} {backup}");
    assert_eq!(me.len(), MEMBERS);
}

/// A comparison with a backup that has nothing else, but is not at the same point.
fn compare(me: &mut Image, now: Time) -> u64 {
    me.on_deadline(now);
    let hello = drain(me, now, 4);
    let mut answer = hello[0].clone();
    let last = answer.len() - 1;
    (answer[3], answer[7], answer[last]) = (4, answer[7].wrapping_sub(1), answer[last] ^ 1);
    hear(me, now, 4, &answer).unwrap();
    let digest = drain(me, now, 4);
    assert_eq!(digest[0][2], 0x12);
    bytes(&hello) + bytes(core::slice::from_ref(&answer)) + bytes(&digest)
}
