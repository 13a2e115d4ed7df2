use crate::base::Time;

/// What is remembered with a packet of how far the path had come when it left: enough to tell,
/// when the packet arrives, how fast the path carried what was on it meanwhile.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stamp {
    /// Bytes that had arrived, the low half of the count.
    arrived_low_bytes: u32,
    /// How long before it left they had.
    arrived_before_us: u32,
    /// How long before it left the last one to arrive had left.
    sent_before_us: u32,
    /// Nothing more was there to send at some time of the round trip before.
    limited: bool,
}

/// How much a path delivers: bytes that arrived, and when. The rate between two times is no
/// higher than that of sending or that of arriving, so neither a burst nor answers that come
/// together make it seem faster than it is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Delivery {
    arrived_bytes: u64,
    arrived_at: Time,
    /// When the last packet that arrived had left, or the first after nothing was in flight.
    sent_at: Time,
    /// Until so many bytes arrived, what is measured is what there was to send.
    limited_until_bytes: u64,
    /// Something was refused since a packet left: the path is the limit.
    refused: bool,
    /// Of the packets that one ranges frame names, the one that was sent last.
    latest: Option<(Time, Stamp)>,
    /// Bytes that had arrived before this frame.
    arrived_before_bytes: u64,
}

/// What one ranges frame tells a congestion control.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    /// Bytes that arrived with it.
    pub arrived_bytes: u64,
    /// Bytes that arrived since the path was new.
    pub arrived_total: u64,
    /// The same, when the last of the packets that arrived was sent.
    pub arrived_when_sent: u64,
    /// Bytes a second that the path carried while that packet was on it; 0 if that was no time.
    pub rate: u64,
    /// There was nothing more to send meanwhile: the path can carry at least this.
    pub limited: bool,
    /// Bytes in flight now.
    pub in_flight_bytes: u64,
    /// The round trip in microseconds, if one was measured.
    pub rtt_us: Option<u64>,
}

fn short(us: u64) -> u32 {
    u32::try_from(us).unwrap_or(u32::MAX)
}

impl Delivery {
    /// Something waits to be sent and must not leave yet.
    pub(super) const fn on_refused(&mut self) {
        self.refused = true;
    }

    /// A packet leaves; `in_flight_bytes` were in flight before it.
    pub(super) fn on_sent(&mut self, now: Time, in_flight_bytes: u64) -> Stamp {
        if in_flight_bytes == 0 {
            (self.sent_at, self.arrived_at) = (now, now);
        }
        self.refused = false;
        Stamp {
            arrived_low_bytes: self.arrived_bytes as u32,
            arrived_before_us: short(now.since_us(self.arrived_at)),
            sent_before_us: short(now.since_us(self.sent_at)),
            limited: self.arrived_bytes <= self.limited_until_bytes && self.limited_until_bytes > 0,
        }
    }

    /// A ranges frame is taken in; so much was in flight, and if there is `room` and nobody was
    /// refused it, there is nothing more to send.
    pub(super) const fn on_frame(&mut self, in_flight_bytes: u64, room: bool) {
        if room && !self.refused {
            self.limited_until_bytes = self.arrived_bytes + in_flight_bytes;
        }
        self.arrived_before_bytes = self.arrived_bytes;
        self.latest = None;
    }

    /// A packet of that frame arrived.
    pub(super) fn on_arrived(&mut self, sent_at: Time, stamp: Stamp, bytes: u64) {
        self.arrived_bytes += bytes;
        if self.latest.is_none_or(|(latest, _)| sent_at > latest) {
            self.latest = Some((sent_at, stamp));
        }
    }

    /// All of that frame was told.
    pub(super) fn sample(&mut self, now: Time) -> Sample {
        let mut sample = Sample {
            arrived_bytes: self.arrived_bytes - self.arrived_before_bytes,
            arrived_total: self.arrived_bytes,
            arrived_when_sent: self.arrived_bytes,
            ..Sample::default()
        };
        if let Some((sent_at, stamp)) = self.latest.take() {
            let arrived =
                u64::from((self.arrived_bytes as u32).wrapping_sub(stamp.arrived_low_bytes));
            let arriving_us = now.since_us(sent_at) + u64::from(stamp.arrived_before_us);
            let us = arriving_us.max(u64::from(stamp.sent_before_us));
            sample.arrived_when_sent = self.arrived_bytes - arrived;
            sample.rate = (arrived * 1_000_000).checked_div(us).unwrap_or(0);
            sample.limited = stamp.limited;
            self.sent_at = sent_at;
            self.arrived_at = now;
        }
        sample
    }
}
