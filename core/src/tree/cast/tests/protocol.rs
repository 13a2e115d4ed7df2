//! The worked examples of PROTOCOL.md for broadcasts.

use std::{string::String, vec};

use super::*;
use crate::{
    base::{Seed, Wall},
    identity::Space,
    wire::vector::{Vector, Verdict, demand, of_protocol},
};

/// A member by its secret and its epoch, and what signs for it in the space of the example.
struct Origin {
    secret: SecretKey,
    cast: Cast,
}

fn origin(vector: &mut Vector) -> Result<Origin, String> {
    let secret = SecretKey::from_bytes(&vector.array("secret")?);
    let epoch = vector.one("epoch")?;
    let mut rng = Rng::new(&Seed::new([7; 32]));
    let key = secret.public();
    vector.same("key", &key)?;
    let cast = Cast::new(Arc::new(Config::default()), Node { key, epoch }, &mut rng);
    Ok(Origin { secret, cast })
}

impl Origin {
    fn say(&mut self, space: &Space, wall: u64, bytes: &[u8]) {
        let (secret, id) = (self.secret.clone(), space.id());
        let sign = |kind: &str, bytes: &[u8]| secret.sign(kind, &id, bytes);
        let wall = Wall::from_ms(wall);
        let said = self.cast.broadcast(Time::ZERO, wall, &sign, bytes);
        said.expect("the example says little");
    }

    /// What goes out over a new link, and what goes out once the peer has said that it has nothing.
    fn packets(&mut self, backup: bool) -> Vec<Vec<u8>> {
        let peer = bench::node(9).key;
        self.cast.on_linked(Time::ZERO, 1, peer, backup);
        let mut packets = vec![bench::poll(&mut self.cast, Time::ZERO, 1)];
        if !backup {
            let nothing = bench::have(packet::LAST, &[]);
            bench::give(&mut self.cast, Time::ZERO, 1, &nothing).unwrap();
        }
        loop {
            let packet = bench::poll(&mut self.cast, Time::ZERO, 1);
            if packet.is_empty() {
                return packets;
            }
            packets.push(packet);
        }
    }
}

fn space(vector: &mut Vector) -> Result<Space, String> {
    let space = Space::open(&vector.text("space")?);
    space.map_err(|error| std::format!("{error}"))
}

/// A short message, whole.
fn message(vector: &mut Vector) -> Verdict {
    let space = space(vector)?;
    let mut origin = origin(vector)?;
    let wall = vector.one("wall")?;
    origin.say(&space, wall, &vector.bytes("message")?);
    let packet = origin.packets(false).remove(1);
    let statement = vector.bytes("statement")?;
    let signature = Signature(vector.array("signature")?);
    let key = origin.secret.public();
    if !key.verify(KIND, &space.id(), &statement, &signature) {
        return Err("the signature does not fit".into());
    }
    vector.same_bytes("packet", &packet)
}

/// A message of two chunks: the digests in its statement, and its second packet.
fn more(vector: &mut Vector) -> Verdict {
    let space = Space::open("example").unwrap();
    let mut origin = origin(vector)?;
    let size: usize = vector.one("size")?;
    let [byte] = vector.array("each")?;
    if size > 2 * CHUNK {
        return Err("too long for an example".into());
    }
    origin.say(&space, 0, &vec![byte; size]);
    let packets = origin.packets(false);
    if packets.len() != 3 {
        return Err("it has not two chunks".into());
    }
    vector.same_bytes("digests", &packets[1][3 + 60..3 + 124])?;
    vector.same_bytes("packet", &packets[2])
}

/// What a member says that has broadcast so many messages and heard none.
fn said(vector: &mut Vector) -> Verdict {
    let space = Space::open("example").unwrap();
    let mut origin = origin(vector)?;
    let messages: u64 = vector.one("messages")?;
    for _ in 0..messages.min(9) {
        origin.say(&space, 0, b"");
    }
    let backup = vector.name.ends_with("digest");
    vector.same_bytes("packet", &origin.packets(backup)[0])
}

/// What a member says that was told of messages of another, which do not come.
fn lacked(vector: &mut Vector) -> Verdict {
    let origin = origin(vector)?;
    let key = origin.secret.public();
    let position = Position::new(origin.cast.me.epoch, vector.one("next")?, 0);
    let mut digest = Vec::new();
    packet::write_head(packet::DIGEST, &mut digest);
    digest.extend_from_slice(&1_u16.to_be_bytes());
    packet::Short::of(&key, position).write(&mut digest);
    let mut ada = bench::member(1, &Config::default());
    ada.on_linked(Time::ZERO, 9, bench::node(9).key, true);
    let given = bench::give(&mut ada, Time::ZERO, 9, &digest);
    given.map_err(|fault| std::format!("{fault}"))?;
    let later = Time::ZERO.plus_ms(3_000);
    vector.same_bytes("packet", &bench::poll(&mut ada, later, 9))
}

fn check(vector: &mut Vector) -> Verdict {
    match vector.name.as_str() {
        "broadcast-message" => message(vector),
        "broadcast-more" => more(vector),
        "broadcast-have" | "broadcast-digest" => said(vector),
        "broadcast-lacked" => lacked(vector),
        _ => Err("no example is of this name".into()),
    }
}

#[test]
fn cast_examples_of_the_protocol_are_true_and_nothing_else_is() {
    let vectors = of_protocol(|kind| kind == "broadcast");
    assert_eq!(vectors.len(), 5);
    demand(&vectors, check);
}
