//! An origin that signs two messages under one number: only it is to suffer from that.

use std::vec::Vec;

use sha2::{Digest as _, Sha256};

use super::{
    super::cast,
    world::{World, secret},
};

/// The first of two chunks.
const CHUNK: usize = 16 << 10;

/// A message of two chunks in the name of a member: both packets.
fn twin(world: &World, at: usize, fill: u8) -> [Vec<u8>; 2] {
    let node = world.members[at].node;
    let bytes = [fill; CHUNK + 10];
    let mut statement = Vec::from(*node.key.as_bytes());
    for number in [node.epoch, 1, world.wall().as_ms()] {
        statement.extend_from_slice(&number.to_be_bytes());
    }
    statement.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    statement.extend_from_slice(&Sha256::digest(&bytes[..CHUNK]));
    statement.extend_from_slice(&Sha256::digest(&bytes[CHUNK..]));
    let signature = secret(at).sign("broadcast", &world.space, &statement);
    let first = [&[0, 1, 2], &statement[..], &signature.0, &bytes[..CHUNK]].concat();
    let more = [&[0, 1, 3], &statement[..48], &[1], &bytes[CHUNK..]].concat();
    [first, more]
}

#[test]
fn tree_liar_that_says_two_messages_under_one_number_makes_nobody_else_a_liar() {
    for members in [7, 15] {
        let mut world = World::grown(members);
        world.run(40_000);
        let liar = world.inner();
        let (parent, below) = (world.parent(liar).unwrap(), world.children(liar));
        world.members[liar].lies = true;
        let (one, other) = (twin(&world, liar, 1), twin(&world, liar, 2));
        let node = world.members[liar].node;
        let said = [1; CHUNK + 10];
        world.books.said.insert((node, 1), said.into());
        for child in &below {
            world.send_bulk(liar, *child, &other[0]);
        }
        for packet in &one {
            world.send_bulk(liar, parent, packet);
        }
        world.run(500);
        world.crash(liar);
        assert!(world.heal(10_000) <= 10_000, "{}", world.draw());
        let mut parted_ms = 0;
        for _ in 0..1_200 {
            world.run(100);
            parted_ms += 100 * u64::from(!world.is_one());
        }
        let changed = world.sum(|tree| tree.cast_stats().fault(cast::Fault::Changed).into());
        assert_eq!(changed, 0, "honest members are taken for liars");
        // A backup that had the other one makes a member leave its parent, once, and so does the next
        // backup: at most once in a minute, for as long as it takes to find a place.
        assert!(parted_ms < 6_000, "{parted_ms} ms of two minutes");
    }
}
