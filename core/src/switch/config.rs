//! The config of a switch: one plain struct a room, every policy, limit and period a field.

use serde::{Deserialize, Serialize};

use super::ConfigError;
use crate::{base::LedgerConfig, flow, lan, line, stream, tree};

/// Everything about a switch that is a choice. `Config::default()` is good for most programs.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Config {
    /// Handshakes and sealing.
    pub line: line::Config,
    /// Packets in flight.
    pub flow: flow::Config,
    /// Streams and their buffers.
    pub stream: stream::Config,
    /// How long lines live and how much of them is kept.
    pub life: Life,
    /// How much memory all buffers together may take.
    pub ledger: LedgerConfig,
    /// The part in the tree of a space.
    #[serde(default)]
    pub tree: tree::Config,
    /// Announcements on the local network, and what follows them.
    #[serde(default)]
    pub lan: lan::Config,
}

/// How long lines live and how much is queued for the caller.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Life {
    /// A line that somebody holds and that heard nothing for this long is probed. Lower finds a
    /// vanished peer sooner and costs a packet each way each time.
    pub keep_alive_ms: u64,
    /// An end that was receiving a stream and then hears nothing for this long asks once, since a
    /// sender that has lost sight of it hears only so where it is. Lower finds the way back sooner
    /// and costs a packet each way whenever streams pause.
    pub lull_ms: u64,
    /// A line that somebody holds and that heard nothing for this long is down.
    pub idle_timeout_ms: u64,
    /// A line that nobody holds and that heard nothing for this long is closed.
    pub unheld_timeout_ms: u64,
    /// A line on which nothing moved for this long gives up key schedules and spare buffers. The
    /// next packet makes them again, which costs some microseconds.
    pub rest_after_ms: u64,
    /// After this many probes in a row that nothing came back for, and `restart_silence_ms`, an
    /// `open` asks whether the peer started again; it costs a packet every few seconds.
    pub restart_probes: u8,
    /// See `restart_probes`.
    pub restart_silence_ms: u64,
    /// The first wait before a line that is kept is dialled again; it doubles with each dial that
    /// comes to nothing. A dial is an `open`, repeated for `line.open_ms` on every address.
    pub redial_first_ms: u64,
    /// The longest such wait. Lower finds a peer that comes back sooner.
    pub redial_most_ms: u64,
    /// Lines that `keep_line` keeps. Each costs about 300 bytes, and handshakes after a sleep.
    pub wants_max: u32,
    /// Peers that are remembered and kept for the next start; more than `wants_max`, which never
    /// drop out. Each costs about 300 bytes here, and where the shell keeps it.
    pub kept_peers_max: u32,
    /// Addresses that are remembered of a peer: so many where it was, so many where it is said to
    /// be. Each is sent an `open` in every dial. At most 64.
    pub kept_addresses_max: u32,
    /// The shell is asked to keep the peers at most this often.
    pub keep_every_ms: u64,
    /// The times of our opens are kept so far ahead, so that the shell is asked once in this time
    /// and not for every open.
    pub open_ahead_ms: u64,
    /// A gap in time from which on the machine is taken to have slept: wall time ran ahead by so
    /// much, or a call came so much later than it was due. Every line that is held is probed then.
    pub sleep_ms: u64,
    /// How long a close waits until what was written has arrived.
    pub close_timeout_ms: u64,
    /// Lines that are down and still have bytes to read; beyond it the oldest is forgotten. Each
    /// may hold the receive buffers of a line.
    pub down_lines_max: u32,
    /// With this many events unread, a stranger's `open` is dropped and a peer's stream refused.
    /// A stream that lives has a few more at most.
    pub events_max: u32,
    /// Unreliable packets waiting on a line, each way. Beyond it `send` is blocked, and of those
    /// that came the oldest is dropped and counted. Each holds up to a datagram.
    pub packets_max: u32,
    /// Packets without a line that wait, each way; 0 refuses them both ways. Of those that came
    /// the oldest is dropped and counted. Each holds up to a datagram. Anybody can send them, and
    /// nothing proves who did.
    pub anon_max: u32,
    /// Bytes of a datagram that every path carries.
    pub datagram_bytes: u16,
    /// Bytes of the largest datagram that is tried on a path that has much to carry, and sent there
    /// if it passes; more than UDP carries is taken for that. A peer that is sent such takes them
    /// with one call of its system each. Where the system may cut datagrams into fragments, which
    /// says nothing of the path, it is to be `datagram_bytes`.
    pub datagram_most_bytes: u16,
}

impl Default for Life {
    fn default() -> Self {
        Self {
            keep_alive_ms: 15_000,
            lull_ms: 500,
            idle_timeout_ms: 30_000,
            unheld_timeout_ms: 30_000,
            rest_after_ms: 2_000,
            restart_probes: 3,
            restart_silence_ms: 1_000,
            redial_first_ms: 1_000,
            redial_most_ms: 60_000,
            wants_max: 64,
            kept_peers_max: 256,
            kept_addresses_max: 4,
            keep_every_ms: 1_000,
            open_ahead_ms: 60_000,
            sleep_ms: 5_000,
            close_timeout_ms: 5_000,
            down_lines_max: 64,
            events_max: 100_000,
            packets_max: 1_024,
            anon_max: 0,
            datagram_bytes: 1_200,
            datagram_most_bytes: 65_507,
        }
    }
}

impl Config {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// The name of the first field that is illegal.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.stream.check().map_err(ConfigError::Illegal)?;
        let life = &self.life;
        if life.keep_alive_ms == 0 || life.keep_alive_ms >= life.idle_timeout_ms {
            return Err(ConfigError::Illegal("life.keep_alive_ms"));
        }
        if !(600..=65_000).contains(&life.datagram_bytes) {
            return Err(ConfigError::Illegal("life.datagram_bytes"));
        }
        if life.datagram_most_bytes < life.datagram_bytes {
            return Err(ConfigError::Illegal("life.datagram_most_bytes"));
        }
        if life.redial_first_ms == 0 || life.redial_first_ms > life.redial_most_ms {
            return Err(ConfigError::Illegal("life.redial_first_ms"));
        }
        if life.wants_max >= life.kept_peers_max {
            return Err(ConfigError::Illegal("life.wants_max"));
        }
        if life.kept_addresses_max > 64 {
            return Err(ConfigError::Illegal("life.kept_addresses_max"));
        }
        if life.events_max == 0 {
            return Err(ConfigError::Illegal("life.events_max"));
        }
        self.tree.check().map_err(ConfigError::Illegal)?;
        self.lan.check().map_err(ConfigError::Illegal)?;
        self.ledger
            .check(self.links_most(), self.stream.head_buffer_bytes())
            .map_err(ConfigError::Illegal)
    }

    /// How many lines take memory at once: those that live, those that are down and unread, and one
    /// that has just gone down.
    pub(super) fn links_most(&self) -> u64 {
        u64::from(self.line.lines) + u64::from(self.life.down_lines_max) + 1
    }
}
