use core::fmt;

use crate::base::Time;

/// What became of a packet. It is told once for each record of a packet, and is final: a packet
/// that was lost and came after all stays lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// The peer has it.
    Arrived,
    /// It is taken for lost; what must arrive travels again in a new packet.
    Lost,
}

/// What may be sent now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Allowance {
    /// This many packets that ask for ranges, whatever the window: with new data, or what
    /// [`oldest_in_flight`](super::Flow::oldest_in_flight) carried, or a ping.
    Probes(u8),
    /// A packet; for the next one it is asked again.
    Packet,
    /// Nothing until something arrives or is lost.
    Congested,
    /// Nothing until [`on_deadline`](super::Flow::on_deadline) is called at this time or later.
    Paced(Time),
}

/// What one ranges frame told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// Packets that arrived.
    pub arrived_packets: u32,
    /// Packets found lost.
    pub lost_packets: u32,
    /// The round trip in microseconds, if one was measured.
    pub sample_us: Option<u64>,
    /// True if full packets have another size now.
    pub resized: bool,
}

/// What a deadline asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Due {
    /// Packets to send now, whatever the window; [`Allowance::Probes`] repeats it until they left.
    pub probes: u8,
    /// Packets found lost.
    pub lost_packets: u32,
    /// True if nothing has come back for longer than an answer should take; told once until
    /// something does.
    pub silence: bool,
    /// True if full packets have another size now.
    pub resized: bool,
}

/// The peer says that it received a counter that this line never sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RangesOfUnsent;

impl fmt::Display for RangesOfUnsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ranges name a counter that was never sent")
    }
}

impl core::error::Error for RangesOfUnsent {}
