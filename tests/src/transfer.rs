//! Bytes through streams of a world, every one of them checked.

use hydroid_core::{
    base::Time,
    switch::{
        Config, DownReason, Event, LineEvent, LineId, Read, ReadError, StreamEvent, StreamId,
        WriteError,
    },
};

use crate::world::{Link, World};

/// A link that only takes its time.
pub const CLEAN: Link = Link {
    latency_us: 10_000,
    ..Link::PERFECT
};

/// Bytes that tell their place.
pub fn pattern(from: u64, len: usize) -> Vec<u8> {
    (from..from + len as u64)
        .map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8)
        .collect()
}

/// Takes the news that a peer of `node` opened a stream.
pub fn opened(world: &mut World, node: usize) -> Option<StreamId> {
    world.nodes[node].take(|event| {
        let Event::Stream(StreamEvent::Opened { stream }) = event else {
            return None;
        };
        Some(*stream)
    })
}

/// Takes the news that a line of `node` is down.
pub fn down(world: &mut World, node: usize) -> Option<(LineId, DownReason)> {
    world.nodes[node].take(|event| {
        let Event::Line(LineEvent::Down { line, reason }) = event else {
            return None;
        };
        Some((*line, reason.clone()))
    })
}

/// One end of a transfer: how much is written and how much was read, all of it checked.
#[derive(Default, Clone, Copy, Debug)]
pub struct Progress {
    /// Bytes written.
    pub written: u64,
    /// Bytes read.
    pub read: u64,
    /// The peer's end was read.
    pub ended: bool,
}

/// Writes `total` bytes of the pattern and the end, and reads what comes, as far as it goes now.
pub fn pump(world: &mut World, node: usize, stream: StreamId, total: u64, at: &mut Progress) {
    let now = world.nodes[node].time(world.now);
    let switch = &mut world.nodes[node].switch;
    while at.written < total {
        let piece = pattern(at.written, (total - at.written).min(10_000) as usize);
        match switch.write(now, stream, &piece) {
            Ok(taken) => at.written += taken as u64,
            Err(WriteError::Blocked) => break,
            Err(error) => panic!("write: {error}"),
        }
        if at.written == total {
            switch.finish(now, stream).expect("finishes");
        }
    }
    let mut buf = [0; 4096];
    while !at.ended {
        match switch.read(now, stream, &mut buf) {
            Ok(Read::Bytes(len)) => {
                assert_eq!(
                    buf[..len],
                    pattern(at.read, len),
                    "bytes are in their place"
                );
                at.read += len as u64;
            }
            Ok(Read::End) => at.ended = true,
            Err(ReadError::Blocked) => break,
            Err(error) => panic!("read: {error}"),
        }
    }
}

/// Sends `total` bytes each way over a fresh line and tells how long that took.
pub fn transfer(seed: u64, link: Link, total: u64) -> (Time, World) {
    let mut world = World::new(seed, 2, &Config::default(), link);
    let (line, _) = world.line(0, 1);
    let now = world.now;
    let ours = world.nodes[0]
        .switch
        .open_stream(now, line, r#"{"echo":1}"#)
        .expect("opens");
    let (mut here, mut there) = (Progress::default(), Progress::default());
    let mut theirs = None;
    let done = world.until(600_000, |world| {
        pump(world, 0, ours, total, &mut here);
        if theirs.is_none() {
            theirs = opened(world, 1);
            let head =
                theirs.map(|stream| world.nodes[1].switch.stream_head(stream).map(str::to_owned));
            assert!(head.is_none_or(|head| head.as_deref() == Some(r#"{"echo":1}"#)));
        }
        let theirs = theirs?;
        pump(world, 1, theirs, total, &mut there);
        (here.ended && there.ended).then_some(())
    });
    assert!(
        done.is_some(),
        "the transfer ends: {} and {} read",
        here.read,
        there.read
    );
    assert_eq!((here.read, there.read), (total, total));
    world.run(2_000);
    // The last word of a lossy link takes its time, and until then a stream lives.
    let gone = |world: &mut World| (world.nodes[1].switch.status().streams == 0).then_some(());
    assert!(world.until(60_000, gone).is_some());
    assert_eq!(
        world.nodes[0].switch.status().streams,
        0,
        "a stream that is over is gone"
    );
    assert_eq!(world.nodes[1].switch.status().buffered_bytes, 0);
    (world.now, world)
}
