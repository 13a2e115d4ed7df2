//! The worked example of PROTOCOL.md for announcements.

use std::format;

use super::super::*;
use crate::{
    base::Wall,
    identity::{SecretKey, Space},
    wire::vector::{Vector, Verdict, demand, of_protocol},
};

fn check(vector: &mut Vector) -> Verdict {
    let secret = SecretKey::from_bytes(&vector.array("secret")?);
    let space = Space::open(&vector.text("space")?).map_err(|error| format!("{error}"))?;
    let announcement = Announcement {
        key: secret.public(),
        instance: vector.one("instance")?,
        nonce: vector.one("nonce")?,
        echo: vector.one("echo")?,
        wall: Wall::from_ms(vector.one("wall")?),
        from: vector.one("from")?,
        port: vector.one("port")?,
        pause_s: vector.one("pause")?,
        load: vector.one("load")?,
        capabilities: Capabilities {
            leaves: vector.one("leaves")?,
            asks: vector.one("asks")?,
            leaf: vector.one("leaf")?,
            tree: vector.one("tree")?,
            doubts: vector.one("doubts")?,
        },
    };
    vector.same("key", &announcement.key)?;
    let bytes = announcement.write(space.id().as_bytes(), &space.id(), &secret);
    vector.same_bytes("packet", &bytes)
}

#[test]
fn lan_examples_of_the_protocol_are_true_and_nothing_else_is() {
    let vectors = of_protocol(|kind| kind == "announcement");
    assert_eq!(vectors.len(), 1);
    demand(&vectors, check);
}
