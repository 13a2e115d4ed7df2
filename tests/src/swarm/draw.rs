//! Plans drawn from a number. Every rate is drawn, too, so that some runs know one kind of fault and
//! others all.

use hydroid_core::{
    base::{LedgerConfig, Rng, Seed},
    line::Suite,
    switch::{Config, Life},
};

use super::plan::{Act, Moving, Operation, Plan, Profile};
use crate::world::Link;

mod fine;
mod kept;
mod large;
mod tree;

/// The plan of this profile and number.
pub fn draw(profile: Profile, seed: u64) -> Plan {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[31] = match profile {
        Profile::Fine => 1,
        Profile::Kept => 2,
        Profile::Large => 3,
        Profile::Tree => 4,
    };
    let mut draw = Draw {
        rng: Rng::new(&Seed::new(bytes)),
        at_us: 0,
        operations: Vec::new(),
    };
    match profile {
        Profile::Large => large::plan(&mut draw, seed),
        Profile::Fine => fine::plan(&mut draw, seed),
        Profile::Tree => tree::plan(&mut draw, seed),
        Profile::Kept => kept::plan(&mut draw, seed),
    }
}

/// Operations that are being drawn.
struct Draw {
    rng: Rng,
    at_us: u64,
    operations: Vec<Operation>,
}

impl Draw {
    fn below(&mut self, limit: u64) -> u64 {
        self.rng.below(limit)
    }

    /// One of these.
    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    /// True so many times of a hundred.
    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A number that is chosen by among those that there are.
    fn pick(&mut self) -> u32 {
        self.below(1 << 16) as u32
    }

    fn node(&mut self, nodes: u8) -> u8 {
        self.below(nodes.into()) as u8
    }

    /// Another one.
    fn other(&mut self, node: u8, nodes: u8) -> u8 {
        (node + 1 + self.below(u64::from(nodes) - 1) as u8) % nodes
    }

    /// This is done at the time that was reached.
    fn push(&mut self, node: u8, act: Act) {
        let at_us = self.at_us;
        self.operations.push(Operation { at_us, node, act });
    }

    /// The place of one of these weights, the heavier the likelier.
    fn weighted(&mut self, weights: &[u64]) -> usize {
        let mut at = self.below(weights.iter().sum());
        for (place, weight) in weights.iter().enumerate() {
            if at < *weight {
                return place;
            }
            at -= weight;
        }
        0
    }

    /// Zero, or a rate below `most`.
    fn rate(&mut self, most: u64) -> u64 {
        let rate = self.below(most);
        self.of(&[0, rate])
    }

    /// Limits of streams that are legal and tight, so that they are met.
    fn tight_streams(&mut self, config: &mut Config) {
        let stream = &mut config.stream;
        stream.head_max_bytes = 64;
        stream.stream_window_initial_bytes = 64 << 10;
        stream.stream_window_max_bytes = 64 << (10 + self.rng.below(2));
        stream.line_window_initial_bytes = 256 << 10;
        stream.line_window_max_bytes = 256 << 10;
        stream.send_buffer_stream_max_bytes = 1_000 << self.rng.below(6);
        stream.send_buffer_line_max_bytes = 32_000 << self.rng.below(4);
        stream.streams_max = 64 + self.rng.below(64);
        stream.buffers_spare_max_bytes = self.rng.below(10_000);
        stream.frames_in_flight_max = 8 + self.rng.below(64);
    }

    /// The same for memory.
    fn tight_memory(&mut self, config: &mut Config, down_lines: u64) {
        config.line.lines = 16;
        let near_percent = 60 + self.below(30) as u8;
        let head_bytes = (config.stream.head_max_bytes + 2).next_power_of_two();
        let tight = (head_bytes * 100 / u64::from(near_percent))
            .max(LedgerConfig::ARRIVING_BYTES * 100 / (100 - u64::from(near_percent)));
        config.ledger.near_percent = near_percent;
        config.ledger.line_least_bytes = self.of(&[32 << 10, tight + 200]);
        config.ledger.switch_bytes = config.ledger.line_least_bytes * (down_lines + 17) * 2;
        config.ledger.line_bytes = config.ledger.line_least_bytes << self.below(4);
    }

    /// A machine has another address, too, or loses the one that it used.
    fn address(&mut self) -> Act {
        let host = 1 + self.below(200) as u8;
        self.of(&[Act::Give { host }, Act::Lose, Act::Lose])
    }

    fn one_way(&mut self, to: u8, ms: u64) -> Act {
        let back = self.chance(50);
        Act::OneWay { to, back, ms }
    }

    /// Never below what every path carries.
    fn shrink(&mut self, to: u8, ms: u64) -> Act {
        let bytes = self.of(&[1_200, 1_252, 1_472, 4_000]);
        Act::Shrink { to, bytes, ms }
    }

    /// Packets whose size is tried early and again soon.
    fn hasty_sizes(&mut self, config: &mut Config) {
        let flow = &mut config.flow;
        flow.size_after_packets = 1 + self.rng.below(16) as u8;
        flow.size_again_ms = 500 + self.rng.below(5_000) as u32;
        flow.size_hole_ms = 200 + self.rng.below(2_000) as u32;
    }

    /// Keys that are renewed often.
    fn hasty_keys(&mut self, config: &mut Config) {
        config.line.suite = self.of(&[Suite::Aes256Gcm, Suite::ChaCha20Poly1305]);
        if self.chance(50) {
            config.line.rekey_after_ms = 500 + self.below(3_000);
            config.line.rekeys_min_ms = 0;
        }
    }
}
