//! Packets that no honest member sends, written by hand (PROTOCOL, section Tree).

use std::{format, string::String, vec::Vec};

use sha2::{Digest as _, Sha256};

use super::{
    super::{place::Message, *},
    world::{World, address},
};
use crate::{
    identity::SecretKey,
    wire::{
        Head, Packet,
        json::{self, Limits},
    },
};

/// A packet with this head.
pub(super) fn json(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    [&length.to_be_bytes(), text.as_bytes()].concat()
}

/// How a member is told to others.
pub(super) fn contact(world: &World, at: usize) -> String {
    let node = world.members[at].node;
    format!("{}.{}@{}", node.key, node.epoch, address(at))
}

/// The same packet with another message about places, if it is one.
pub(super) fn rewrite(bytes: &[u8], change: impl FnOnce(&mut Message<Contact>)) -> Vec<u8> {
    let Ok(Head::Json(head)) = Packet::decode(bytes).map(|packet| packet.head) else {
        return bytes.into();
    };
    let Ok(mut message) = json::parse(head, &Limits::of_bytes(16_384)) else {
        return bytes.into();
    };
    change(&mut message);
    speak::packet(&message)
}

/// What is said in the name of `node`, signed by `secret`: a message of one chunk.
pub(super) fn message(
    world: &World,
    node: Node,
    secret: &SecretKey,
    sequence: u64,
    message: &[u8],
) -> Vec<u8> {
    let mut statement = Vec::from(*node.key.as_bytes());
    for number in [node.epoch, sequence, world.wall().as_ms()] {
        statement.extend_from_slice(&number.to_be_bytes());
    }
    statement.extend_from_slice(&(message.len() as u32).to_be_bytes());
    statement.extend_from_slice(&Sha256::digest(message));
    let signature = secret.sign("broadcast", &world.space, &statement);
    [&[0, 1, 2], &statement[..], &signature.0, message].concat()
}

/// A claim of a name for `node`, signed by `secret`.
pub(super) fn name(
    world: &World,
    node: Node,
    secret: &SecretKey,
    version: u32,
    name: &str,
) -> Vec<u8> {
    let epoch = &node.epoch.to_be_bytes()[2..];
    let key = node.key.as_bytes();
    let signed = [&key[..], epoch, &version.to_be_bytes(), name.as_bytes()].concat();
    let signature = secret.sign("name", &world.space, &signed);
    // A number below 64 is one byte.
    let mut record = [&[0, 1, 0x10, 3], &key[..6], epoch].concat();
    record.extend([version as u8, name.len() as u8]);
    record.extend_from_slice(name.as_bytes());
    record.extend_from_slice(&signature.0);
    record
}

/// An entry without parent and with one address.
pub(super) fn entry(key: &[u8; 32], epoch: u64, version: u8, place: [u8; 6]) -> Vec<u8> {
    assert!(version < 64, "a larger one has more bytes");
    let epoch = &epoch.to_be_bytes()[2..];
    let mut record = [&[1 << 5], &key[..], epoch, &[version, 4]].concat();
    record.extend_from_slice(&place);
    record
}

/// A packet of news.
pub(super) fn news(records: &[Vec<u8>]) -> Vec<u8> {
    [&[0, 1, 0x10], &records.concat()[..]].concat()
}

/// That a member is gone which has spoken so often.
pub(super) fn gone(node: Node, version: u8) -> Vec<u8> {
    let life = (node.epoch as u16).to_be_bytes();
    let key = node.key.as_bytes();
    [&[2], &key[..6], &life, &[version]].concat()
}
