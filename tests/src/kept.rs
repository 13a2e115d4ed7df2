//! Lines that are kept, in worlds whose nodes start again, sleep and wake.

use hydroid_core::{
    identity::SecretKey,
    switch::{Config, Life, LineId, LineState, StreamId},
};

use crate::{
    transfer::{CLEAN, Progress, opened, pump},
    world::World,
};

/// An hour, in milliseconds.
pub const HOUR_MS: u64 = 3_600_000;

/// The secret of node `n`.
pub fn secret(n: u8) -> SecretKey {
    SecretKey::from_bytes(&[n + 1; 32])
}

/// A world whose nodes have secrets that are known, so that they can start again.
pub fn world(count: u8, config: &Config) -> World {
    let mut world = World::new(1, count.into(), config, CLEAN);
    for n in 0..count {
        world.restart(n.into(), &secret(n), config);
    }
    world
}

/// The defaults, but for this.
pub fn with(life: Life) -> Config {
    Config {
        life,
        ..Config::default()
    }
}

/// Node `from` keeps a line to node `to`.
///
/// # Panics
/// If it may not.
pub fn keep(world: &mut World, from: usize, to: usize) {
    let (key, address) = (world.nodes[to].key, world.nodes[to].address);
    let node = &mut world.nodes[from];
    let now = node.time(world.now);
    node.switch
        .keep_line(now, node.hashname, &key, &[address])
        .expect("a line to keep");
}

/// It keeps it no longer.
pub fn forget(world: &mut World, from: usize, to: usize) {
    let peer = world.nodes[to].hashname;
    let node = &mut world.nodes[from];
    let now = node.time(world.now);
    node.switch.forget_line(now, node.hashname, peer);
}

/// How a line is at a node.
pub fn state(world: &World, node: usize, line: LineId) -> Option<LineState> {
    world.nodes[node].switch.line(line).map(|info| info.state)
}

/// Runs until both ends have a line up and it carries a stream from `from` to `to`; tells how many
/// milliseconds that took.
///
/// # Panics
/// If it is not so in time.
pub fn carries(world: &mut World, from: usize, to: usize, within_ms: u64) -> u64 {
    let begun = world.now;
    let mut ours: Option<StreamId> = None;
    let mut theirs = None;
    let (mut here, mut there) = (Progress::default(), Progress::default());
    let mut line = None;
    let done = world.until(within_ms, |world| {
        while let Some(up) = world.nodes[from].take_up() {
            (line, ours) = (Some(up), None);
        }
        let now = world.nodes[from].time(world.now);
        if let (Some(line), None) = (line, ours) {
            let switch = &mut world.nodes[from].switch;
            ours = switch.open_stream(now, line, r#"{"n":1}"#).ok();
            (here, there) = (Progress::default(), Progress::default());
        }
        theirs = opened(world, to).or(theirs);
        let (Some(ours), Some(theirs)) = (ours, theirs) else {
            return None;
        };
        let lives = |node: usize, stream: StreamId| world.nodes[node].switch.has_stream(stream);
        if lives(from, ours) && lives(to, theirs) {
            pump(world, from, ours, 1_000, &mut here);
            pump(world, to, theirs, 1_000, &mut there);
        }
        (here.ended && there.ended).then_some(())
    });
    assert_eq!(done, Some(()), "a line that carries streams, in time");
    world.now.since_us(begun) / 1000
}
