//! The limits and periods of the room.

use serde::{Deserialize, Serialize};

use super::Suite;

/// What the owner of a switch decides about its lines.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Config {
    /// The suite that our own opens ask for; both are always accepted. AES is the faster one where
    /// the processor has instructions for it, by a factor of about 10.
    pub suite: Suite,
    /// Hashnames that may be installed; each costs one hash for every open that comes in.
    pub hashnames: u32,
    /// Lines at once, also those that are being opened or closed. A line at rest without a stream
    /// costs at most 2 KiB, its part in all rooms of the switch; one that is in use its key schedules
    /// and buffers besides.
    pub lines: u32,
    /// Candidate routes of one open; each gets every repetition of it, 600 bytes.
    pub routes: u32,
    /// Peers that are remembered without a line; each costs about 150 bytes.
    pub peers: u32,
    /// Opens of others that were answered lately; each costs about 1 KiB.
    pub half_open: u32,
    /// How long an answer is kept for copies of its open, and how long the open may wait for the
    /// first sealed packet, in milliseconds.
    pub half_open_ms: u64,
    /// From an open to its first repetition, in milliseconds; the period doubles each time.
    pub repeat_first_ms: u64,
    /// The longest period between repetitions, in milliseconds.
    pub repeat_most_ms: u64,
    /// How long an open is repeated before the peer counts as unreachable, in milliseconds.
    pub open_ms: u64,
    /// How long the smaller of two hashnames that open at once insists on its own open, in
    /// milliseconds.
    pub crossed_ms: u64,
    /// The least time between answers to opens of one peer that are not newer than one that it
    /// confirmed, in milliseconds; each costs four agreements.
    pub not_newer_ms: u64,
    /// How long the older of two sessions is accepted once the peer was heard on the other, in
    /// milliseconds.
    pub older_ms: u64,
    /// How far the clocks of members may be apart, in milliseconds: for so long a membership counts
    /// beyond its end.
    pub membership_skew_ms: u64,
    /// How long a closed line answers with its last datagram, in milliseconds.
    pub closing_ms: u64,
    /// How long a session is used before its keys are renewed, in milliseconds; each time costs a
    /// handshake, and a line at rest renews nothing.
    pub rekey_after_ms: u64,
    /// After how many packets sealed or opened in a session its keys are renewed; more than 2^23
    /// is taken for 2^23.
    pub rekey_after_packets: u64,
    /// The least time between two renewals of a line, in milliseconds; a peer can make us pay for
    /// a handshake no more often.
    pub rekeys_min_ms: u64,
    /// Opens of others in a second that curves are computed for, each about five times.
    pub opens_per_second: u32,
    /// How many of these may come at once. Without a cookie an open may use the upper half only.
    pub opens_burst: u32,
    /// Of these, how many with a cookie from addresses that share 24 bits, or 56 of IPv6.
    pub opens_per_prefix_per_second: u32,
    /// How long cookies are made with one secret, in milliseconds; they count for up to twice as
    /// long.
    pub cookie_secret_ms: u64,
    /// How often one attempt of ours to open follows a demand for a cookie; each costs a handshake.
    pub cookies: u32,
    /// Opens of versions that we do not know that are answered in a second.
    pub versions_per_second: u32,
    /// Paths of a line, the one in use among them; each costs about 200 bytes, and while the line is
    /// held a packet each way every `path_probe_ms`.
    pub paths: u32,
    /// The paths that are not in use are asked this often whether they work while the line is held,
    /// in milliseconds. Longer finds a dead one later, when it is needed.
    pub path_probe_ms: u64,
    /// A path in use that answers nothing is left after three round trips and this, in
    /// milliseconds. Shorter leaves paths that only hesitate.
    pub path_grace_ms: u64,
    /// Once a path in use answered although the peer was heard elsewhere, it is asked again for
    /// that reason after this, in milliseconds; the first time the others are asked, too.
    pub path_again_ms: u64,
    /// A path takes over from one that works if its round trip is shorter by this many percent, and
    /// by `path_better_ms`. Less moves for what is only chance.
    pub path_better_percent: u8,
    /// See `path_better_percent`, in milliseconds.
    pub path_better_ms: u64,
    /// So many challenges in a row must say so.
    pub path_better_times: u8,
    /// Packets of the peer may name one new path in this time, and eight at once, in milliseconds.
    /// Each costs a challenge there and one on the path in use.
    pub path_named_ms: u64,
    /// Handshake datagrams that may wait to be polled; what does not fit is not sent this time.
    pub outputs: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            suite: Suite::default(),
            hashnames: 64,
            lines: 4096,
            routes: 16,
            peers: 4096,
            half_open: 1024,
            half_open_ms: 10_000,
            repeat_first_ms: 250,
            repeat_most_ms: 1000,
            open_ms: 5000,
            crossed_ms: 2000,
            not_newer_ms: 1000,
            older_ms: 10_000,
            membership_skew_ms: 300_000,
            closing_ms: 3000,
            rekey_after_ms: 120_000,
            rekey_after_packets: 1 << 23,
            rekeys_min_ms: 500,
            opens_per_second: 512,
            opens_burst: 512,
            opens_per_prefix_per_second: 64,
            cookie_secret_ms: 120_000,
            cookies: 3,
            versions_per_second: 64,
            paths: 4,
            path_probe_ms: 15_000,
            path_grace_ms: 200,
            path_again_ms: 1000,
            path_better_percent: 10,
            path_better_ms: 5,
            path_better_times: 3,
            path_named_ms: 250,
            outputs: 1024,
        }
    }
}
