//! Bytes that flow steadily through a stream while the ends of its line move about, and how long
//! none came.

use hydroid_core::{
    base::Time,
    switch::{Config, Event, LineEvent, LineId, PathInfo, Read, ReadError, Route, StreamId},
};

use crate::{
    transfer::{CLEAN, opened, pattern},
    world::{Link, World},
};

/// One way of [`CLEAN`] there and back.
pub const RTT_US: u64 = 2 * CLEAN.latency_us;
/// A dead path is left within three round trips, as they were measured, and 200 ms. It takes half a
/// round trip until the peer hears that something moved, and one until what was lost is there
/// again; the rest is what measuring adds, and a step of the clock.
pub const GAP_MAX_US: u64 = 3 * RTT_US + 200_000 + 2 * RTT_US + 2 * STEP_MS * 1000;
/// One piece is written in this time.
const STEP_MS: u64 = 2;
/// Bytes of a piece.
const PIECE: usize = 2_000;

/// A line between nodes 0 and 1, and a stream on which one of them sends.
#[derive(Debug)]
pub struct Roam {
    /// The world.
    pub world: World,
    /// Each node's end of the line.
    pub lines: [LineId; 2],
    /// The routes that each end moved to.
    pub moves: [Vec<Route>; 2],
    sender: usize,
    streams: [StreamId; 2],
    written: u64,
    read: u64,
    heard: Time,
    gap_us: u64,
}

impl Roam {
    /// Node 0 dials node 1 at its addresses; `sender` sends.
    ///
    /// # Panics
    /// If the line does not come up.
    pub fn new(seed: u64, config: &Config, link: Link, sender: usize) -> Self {
        Self::of(World::new(seed, 2, config, link), sender)
    }

    /// The same in a world that is there.
    ///
    /// # Panics
    /// If the line does not come up.
    pub fn of(mut world: World, sender: usize) -> Self {
        let addresses = world.nodes[1].addresses();
        let (now, key) = (world.now, world.nodes[1].key);
        let node = &mut world.nodes[0];
        let ours = node.switch.connect(now, node.hashname, &key, &addresses);
        let ours = ours.expect("dials");
        let up = world.until(10_000, |world| world.nodes[0].take_up());
        assert_eq!(up, Some(ours), "the line comes up");
        let theirs = world.until(10_000, |world| world.nodes[1].take_up());
        let lines = [ours, theirs.expect("the line comes up")];
        let now = world.now;
        let switch = &mut world.nodes[sender].switch;
        let out = switch.open_stream(now, lines[sender], "{}").expect("opens");
        switch
            .write(now, out, &pattern(0, 1))
            .expect("takes a byte");
        let come = world.until(5_000, |world| opened(world, 1 - sender));
        let come = come.expect("the stream is opened");
        let heard = world.now;
        Self {
            world,
            lines,
            moves: [Vec::new(), Vec::new()],
            sender,
            streams: if sender == 0 {
                [out, come]
            } else {
                [come, out]
            },
            written: 1,
            read: 0,
            heard,
            gap_us: 0,
        }
    }

    /// Sends for so long and tells the longest time, in microseconds, in which nothing came.
    ///
    /// # Panics
    /// If a byte is not the one that was written.
    pub fn run(&mut self, ms: u64) -> u64 {
        self.gap_us = 0;
        self.heard = self.world.now;
        for _ in 0..ms / STEP_MS {
            self.world.run(STEP_MS);
            self.write();
            self.read();
            let silent_us = self.world.now.since_us(self.heard);
            self.gap_us = self.gap_us.max(silent_us);
        }
        self.watch();
        self.gap_us
    }

    /// Ends the stream: everything that was written has come.
    ///
    /// # Panics
    /// If not, or if a line is down.
    pub fn end(mut self) -> World {
        let now = self.world.now;
        let out = self.streams[self.sender];
        let switch = &mut self.world.nodes[self.sender].switch;
        switch.finish(now, out).expect("the stream is open");
        let back = self.streams[1 - self.sender];
        let switch = &mut self.world.nodes[1 - self.sender].switch;
        switch.finish(now, back).expect("the stream is open");
        for _ in 0..2_000 {
            self.world.run(STEP_MS);
            self.read();
        }
        let switch = &mut self.world.nodes[self.sender].switch;
        let back = switch.read(self.world.now, out, &mut [0]);
        assert_eq!(back, Ok(Read::End), "the other direction is empty");
        self.watch();
        assert_eq!(self.read, self.written, "nothing is lost");
        self.world
    }

    /// The paths that a node knows.
    ///
    /// # Panics
    /// If the line is over.
    pub fn paths(&self, node: usize) -> Vec<PathInfo> {
        let info = self.world.nodes[node].switch.line(self.lines[node]);
        info.expect("the line lives").paths
    }

    fn write(&mut self) {
        let piece = pattern(self.written, PIECE);
        let out = self.streams[self.sender];
        let switch = &mut self.world.nodes[self.sender].switch;
        if let Ok(taken) = switch.write(self.world.now, out, &piece) {
            self.written += taken as u64;
        }
    }

    fn read(&mut self) {
        let node = 1 - self.sender;
        let now = self.world.now;
        let switch = &mut self.world.nodes[node].switch;
        let mut buf = [0; 4096];
        loop {
            match switch.read(now, self.streams[node], &mut buf) {
                Ok(Read::Bytes(len)) => {
                    assert_eq!(buf[..len], pattern(self.read, len), "in their place");
                    self.read += len as u64;
                    self.heard = now;
                }
                Ok(Read::End) | Err(ReadError::Blocked | ReadError::UnknownStream) => break,
                Err(error) => panic!("read: {error}"),
            }
        }
    }

    fn watch(&mut self) {
        for (node, moves) in self.world.nodes.iter_mut().zip(&mut self.moves) {
            for event in node.events.drain(..) {
                if let Event::Line(LineEvent::Down { reason, .. }) = &event {
                    panic!("down: {reason}");
                }
                if let Event::Line(LineEvent::Moved { route, .. }) = event {
                    moves.push(route);
                }
            }
        }
    }
}
