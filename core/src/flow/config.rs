use serde::{Deserialize, Serialize};

/// Which congestion control a path begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Algorithm {
    /// A model of the path, of its rate and its round trip: paces by it, keeps little in the queue,
    /// and takes loss for what a path has, up to a bound.
    #[default]
    Model,
    /// RFC 9438: reacts to loss, grows by a cubic function of time.
    Cubic,
}

/// Limits and periods of one path. Every end may choose its own: the wire fixes none of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Config {
    /// Which congestion control.
    pub algorithm: Algorithm,
    /// The round trip that is assumed before one is measured. Too short costs needless probes, too
    /// long the repair of a first packet that is lost: it is probed for after three times this.
    pub initial_rtt_ms: u32,

    /// Ranges are owed for this long at most. Longer costs the peer in recovering its tail, shorter
    /// costs packets that carry nothing else.
    pub ranges_delay_ms: u16,
    /// Ranges are sent at once when this many packets ask for them.
    pub ranges_every_packets: u8,
    /// The same where many come in a round trip: an eighth of those, up to this. More is less work
    /// for both ends, and the peer sends in larger bursts.
    pub ranges_every_packets_max: u8,
    /// Runs of received counters that are kept, at 16 bytes each, and reported, at 2 to 8 bytes
    /// each. What falls out is sent again although it came.
    pub ranges_runs_max: u16,
    /// A delay that the peer asks us to allow for is believed up to this.
    pub peer_ranges_delay_max_ms: u16,

    /// A packet is lost when one sent this many packets later has arrived. Fewer takes reordering
    /// for loss, more waits longer.
    pub reordering_packets: u16,
    /// A packet is lost this many eighths of a round trip after it was sent, if a later one arrived.
    pub reordering_eighths: u8,
    /// The window collapses when everything sent over this many probe periods is lost.
    pub persistent_periods: u8,
    /// Packets sent when the tail is probed for: the second covers the loss of the first.
    pub probe_packets: u8,
    /// The period between probes doubles this many times at most.
    pub probe_doublings_max: u8,

    /// The window before anything is known of the path. It leaves over the round trip that the
    /// handshake took; before one is known, over the one that is assumed. Smaller is slower to find
    /// out how fast a path is, larger overruns a slow one.
    pub window_initial_packets: u16,
    /// The window never falls below this.
    pub window_min_packets: u16,
    /// The window never grows beyond this: the memory that a sender of unread data takes. Packets
    /// are no larger than a quarter of it.
    pub window_max_bytes: u64,
    /// The model keeps at most this part of what is on the wire without a queue in flight, and what
    /// the slack of pacing makes of it. Less starves a path whose answers come in bursts, more lets
    /// a queue stand.
    pub window_gain_percent: u16,
    /// Loss that the model takes for the path's own, at most. Lower costs throughput on bad links,
    /// higher takes a full buffer for one.
    pub loss_tolerated_percent: u8,
    /// The model halves the window for a round trip when it has not seen the path without a queue
    /// for this long. Longer is slower to learn of a longer path, shorter costs throughput.
    pub round_trip_renewal_ms: u32,
    /// Packets remembered, at 48 bytes and their records each.
    pub in_flight_packets_max: u32,
    /// Packets that ask for no ranges are remembered up to this number, for the records that they
    /// carry; those of further ones get no fate.
    pub unasked_packets_max: u16,
    /// After this many packets in a row that ask for nothing, one should: otherwise a pure receiver
    /// never learns that its ranges arrived and repeats them.
    pub ping_every_packets: u16,

    /// With CUBIC, packets leave at this part of window over round trip. Below 100 the window is never
    /// filled. The model knows the rate itself.
    pub pacing_gain_percent: u16,
    /// The same while the window of CUBIC still doubles.
    pub pacing_slow_start_percent: u16,
    /// The two fields that follow ask for no more than this, in bytes, or one packet.
    pub pacing_burst_bytes: u32,
    /// Leave to send comes together at the current rate, and a packet goes where this time's worth of
    /// it is there, or one packet's if that is more. Longer lets less leave together after a lull.
    pub pacing_burst_us: u32,
    /// Leave for so many packets comes together in a lull, whatever the rate.
    pub pacing_burst_packets_min: u16,
    /// And for what is sent in this time, whatever the limits above: a timer that is so late costs
    /// no throughput. Less costs some where timers are coarse, more lets longer bursts leave.
    pub pacing_slack_us: u32,

    /// After so many full packets larger ones are tried: a line that says little gains nothing by
    /// it. Each try is a packet that carries nothing else.
    pub size_after_packets: u8,
    /// A size is given up when it was lost so often. Fewer takes loss for size.
    pub size_losses: u8,
    /// Everything is tried again after this, since the path may be another one by then (RFC 8899
    /// section 5.1.1). Shorter costs some tries more often.
    pub size_again_ms: u32,
    /// Larger packets are given up at once when so many in a row are lost while smaller ones
    /// arrive. Fewer takes loss for size, more waits longer.
    pub size_hole_packets: u8,
    /// The same when none arrives of those that were sent in so many round trips.
    pub size_hole_rounds: u8,
    /// After that nothing is tried for this long.
    pub size_hole_ms: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Model,
            initial_rtt_ms: 100,
            ranges_delay_ms: 25,
            ranges_every_packets: 2,
            ranges_every_packets_max: 10,
            ranges_runs_max: 32,
            peer_ranges_delay_max_ms: 1000,
            reordering_packets: 3,
            reordering_eighths: 9,
            persistent_periods: 3,
            probe_packets: 2,
            probe_doublings_max: 6,
            window_initial_packets: 32,
            window_min_packets: 2,
            window_max_bytes: 32 << 20,
            window_gain_percent: 200,
            loss_tolerated_percent: 12,
            round_trip_renewal_ms: 10_000,
            in_flight_packets_max: 32_768,
            unasked_packets_max: 256,
            ping_every_packets: 32,
            pacing_gain_percent: 125,
            pacing_slow_start_percent: 200,
            pacing_burst_bytes: 64 << 10,
            pacing_burst_us: 1000,
            pacing_burst_packets_min: 10,
            pacing_slack_us: 4000,
            size_after_packets: 16,
            size_losses: 3,
            size_again_ms: 600_000,
            size_hole_packets: 6,
            size_hole_rounds: 3,
            size_hole_ms: 5_000,
        }
    }
}

impl Config {
    /// Bytes of a datagram of which the largest window holds a few. With fewer the peer would hold
    /// ranges back each time, since it waits for a second packet.
    pub(super) fn size_most_bytes(&self) -> u16 {
        u16::try_from(self.window_max_bytes / 4).unwrap_or(u16::MAX)
    }
}
