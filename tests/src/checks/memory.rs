//! Memory comes back to its floor: what a switch takes at rest does not depend on what it went
//! through, but for the peers that it remembers and tables that keep their size.

use super::{Verdict, demand};

/// What a switch takes.
#[derive(Clone, Copy, Debug)]
pub struct Weight {
    /// Bytes that a switch takes that nothing has happened to.
    pub fresh_bytes: u64,
    /// Bytes that this one takes.
    pub bytes: u64,
    /// Peers that it remembers.
    pub peers: u64,
    /// Most lines and streams that it may have held at once.
    pub most_at_once: u64,
}

/// What a peer that is remembered may take, in bytes.
const PEER_BYTES: u64 = 1_024;
/// What the tables keep for each line or stream that there was at once, in bytes.
const PLACE_BYTES: u64 = 2_048;
/// What queues and tables may keep anyhow, in bytes.
const ANYHOW_BYTES: u64 = 64 << 10;

/// It is at its floor.
///
/// # Errors
/// If it takes more.
pub fn memory(node: usize, weight: &Weight) -> Verdict {
    let most = weight.fresh_bytes
        + ANYHOW_BYTES
        + PEER_BYTES * weight.peers
        + PLACE_BYTES * weight.most_at_once;
    demand("memory", weight.bytes <= most, || {
        format!("node {node} takes more than {most} bytes: {weight:?}")
    })
}
