//! The default congestion control.

mod chance;
mod trip;

use alloc::boxed::Box;

use self::{chance::Chance, trip::Trip};
use super::{Congestion, Cubic, Losses};
use crate::{
    base::Time,
    flow::{Config, Rtt, Sample, rtt::GRANULARITY_US},
};

/// Gains are counted in these parts of one.
const ONE: u64 = 64;
/// With 2 / ln 2 the rate doubles in each round trip.
const STARTUP_GAIN: u64 = 185;
/// Start-up is over when the rate grew by less than a quarter in so many round trips.
const STARTUP_ROUNDS: u8 = 3;
/// Round trips that emptying a queue, and looking for more, take at most.
const DOWN_ROUNDS: u32 = 4;
const UP_ROUNDS: u32 = 3;
/// A cruise takes at least so many round trips, and this time.
const CRUISE_ROUNDS: u32 = 5;
const CRUISE_US: u64 = 10_000;
/// A buffer that was full is not asked about for so many round trips.
const CLEAN_ROUNDS: u32 = 200;
/// No rate is taken for higher, in bytes a second: a round trip has fewer than 2^24 us, so that
/// their product does not overflow.
const RATE_MAX: u64 = 1 << 38;
const SLACK_MAX_US: u64 = 1 << 24;
const SECOND_US: u64 = 1_000_000;
/// No window is larger.
const WINDOW_MAX: u64 = 1 << 40;
/// Packets that a queue may hold because packets come one after the other.
const SPARE_PACKETS: u64 = 3;

/// What the path is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// How fast is it? The rate doubles until that gives nothing more.
    Startup,
    /// The queue that this made goes away.
    Drain,
    /// Is there more? A quarter more is sent for a round trip or so.
    Up,
    /// The queue that this made goes away.
    Down,
    /// As fast as it is known to be.
    Cruise,
}

/// A model of the path, of two numbers: the rate at which it delivers, the highest of late, and its
/// round trip without a queue. It sends at that rate, and keeps no more in flight than a multiple
/// of what is on the wire at that rate, so that no queue stands. Loss by chance is no news. Where a
/// round trip loses more than that, a buffer is full: from then on the window is at most what
/// CUBIC's would be, which shares that buffer fairly, but no less than what is on the wire.
#[derive(Clone, Debug)]
pub struct Model {
    packet_bytes: u64,
    minimum_packets: u64,
    initial_bytes: u64,
    maximum_bytes: u64,
    gain_percent: u64,
    slack_us: u64,

    phase: Phase,
    phase_since: Time,
    /// Whole round trips of this phase.
    rounds: u32,
    window_bytes: u64,
    /// Bytes that arrived, with the last ranges, of those for which the window was the limit.
    filled_bytes: u64,
    /// Bytes a second; 0 before anything is known.
    rate: u64,
    /// The rate before more was looked for.
    up_from: u64,
    /// The highest rates measured in the cycle before and in this one.
    rates: [u64; 2],
    trip: Trip,
    chance: Chance,
    /// What CUBIC would have in flight since a buffer was full.
    ceiling: Option<Box<Cubic>>,
    /// Round trips since then.
    clean_rounds: u32,
    /// When more was looked for last, and before.
    cycle_at: [Time; 2],

    /// The round trip ends with the arrival of what is sent when so many bytes have arrived.
    round_ends: u64,
    /// Bytes that had arrived when it began, bytes lost since, and the most that was in flight.
    round_from: u64,
    round_lost_bytes: u64,
    round_most_bytes: u64,
    /// The rate that start-up has to beat, and for how many round trips it did not.
    full_rate: u64,
    full_rounds: u8,
}

impl Model {
    /// A path that nothing is known of.
    pub(super) fn new(config: &Config, packet_bytes: u64) -> Self {
        let minimum_packets = u64::from(config.window_min_packets).max(SPARE_PACKETS + 1);
        let minimum = packet_bytes * minimum_packets;
        let maximum_bytes = config.window_max_bytes.min(WINDOW_MAX).max(minimum);
        let initial_bytes = packet_bytes * u64::from(config.window_initial_packets);
        Self {
            packet_bytes,
            minimum_packets,
            initial_bytes,
            maximum_bytes,
            gain_percent: u64::from(config.window_gain_percent),
            slack_us: u64::from(config.pacing_slack_us).min(SLACK_MAX_US),
            phase: Phase::Startup,
            phase_since: Time::ZERO,
            rounds: 0,
            window_bytes: initial_bytes.clamp(minimum, maximum_bytes),
            filled_bytes: 0,
            rate: 0,
            up_from: 0,
            rates: [0; 2],
            trip: Trip::new(config),
            chance: Chance::new(config),
            ceiling: None,
            clean_rounds: 0,
            cycle_at: [Time::ZERO; 2],
            round_ends: 0,
            round_from: 0,
            round_lost_bytes: 0,
            round_most_bytes: 0,
            full_rate: 0,
            full_rounds: 0,
        }
    }

    fn minimum(&self) -> u64 {
        (self.packet_bytes * self.minimum_packets).min(self.maximum_bytes)
    }

    /// Bytes a second at which the path takes packets: those that it loses by chance travel too.
    fn bandwidth(&self) -> u64 {
        self.chance.with_lost(self.rates[0].max(self.rates[1]))
    }

    /// Bytes on the wire without a queue.
    fn product(&self) -> u64 {
        self.bandwidth() * self.trip.minimum_us() / SECOND_US
    }

    fn enter(&mut self, now: Time, phase: Phase) {
        (self.phase, self.phase_since, self.rounds) = (phase, now, 0);
        match phase {
            Phase::Up => {
                self.up_from = self.bandwidth();
                self.cycle_at = [self.cycle_at[1], now];
            }
            Phase::Drain => self.up_from = u64::MAX / 2,
            Phase::Startup | Phase::Down | Phase::Cruise => {}
        }
        // A cycle that measured nothing, since there was nothing to send, makes nothing forgotten.
        if phase == Phase::Up && self.rates[1] > 0 {
            self.rates = [self.rates[1], 0];
        }
    }

    /// A round trip is over.
    fn on_round(&mut self, now: Time, sample: &Sample) {
        self.rounds = self.rounds.saturating_add(1);
        self.clean_rounds = self.clean_rounds.saturating_add(1);
        let arrived = sample.arrived_total - self.round_from;
        // While the rate still grows, what is lost below the bound is not the queue's doing.
        let starting = self.phase == Phase::Startup && self.full_rounds == 0;
        // What cruise loses from its second round trip on is no answer to a higher rate.
        let steady = self.phase == Phase::Cruise && self.rounds > 1;
        let overrun =
            self.chance
                .is_beyond(arrived, self.round_lost_bytes, self.packet_bytes, starting);
        if (starting && !overrun) || steady {
            self.chance.learn(arrived, self.round_lost_bytes);
        }
        if overrun {
            self.on_overrun(now);
        }
        // What Up asked is answered a round trip later.
        let answered = matches!(self.phase, Phase::Down | Phase::Cruise) && self.rounds == 1;
        let grown = self.bandwidth() >= self.up_from + self.up_from / 8;
        if answered && grown && self.ceiling.is_none() {
            self.enter(now, Phase::Up);
        }
        if self.phase == Phase::Startup {
            if self.bandwidth() * 4 >= self.full_rate * 5 {
                (self.full_rate, self.full_rounds) = (self.bandwidth(), 0);
            } else if !sample.limited {
                self.full_rounds += 1;
            }
            if self.full_rounds >= STARTUP_ROUNDS {
                self.enter(now, Phase::Drain);
            }
        }
        self.fit_ceiling();
        (self.round_ends, self.round_from) = (sample.arrived_total, sample.arrived_total);
        (self.round_lost_bytes, self.round_most_bytes) = (0, sample.in_flight_bytes);
    }

    /// A buffer was full.
    fn on_overrun(&mut self, now: Time) {
        self.clean_rounds = 0;
        match &mut self.ceiling {
            Some(ceiling) => ceiling.reduce(now),
            None => {
                let most = self.round_most_bytes.min(self.maximum_bytes);
                let ceiling = Cubic::overrun(now, (self.packet_bytes, self.minimum_packets), most);
                self.ceiling = Some(Box::new(ceiling));
            }
        }
        match self.phase {
            Phase::Startup => self.enter(now, Phase::Drain),
            Phase::Up => self.enter(now, Phase::Down),
            Phase::Drain | Phase::Down | Phase::Cruise => {}
        }
    }

    /// The ceiling stays above what is on the wire, and goes when it is far beyond, or when the
    /// buffer was neither full nor held anything for long.
    fn fit_ceiling(&mut self) {
        let product = self.product();
        let clean = self.clean_rounds >= CLEAN_ROUNDS && self.trip.seen_at() > self.cycle_at[0];
        if clean && self.phase == Phase::Up {
            self.ceiling = None;
        }
        if let Some(ceiling) = &mut self.ceiling {
            ceiling.raise(product);
            if ceiling.window_bytes() / 4 > product {
                self.ceiling = None;
            }
        }
    }

    /// Goes on to the next phase when this one has its answer.
    fn advance(&mut self, now: Time, sample: &Sample) {
        let product = self.product() + SPARE_PACKETS * self.packet_bytes;
        let in_flight = sample.in_flight_bytes;
        let since_us = now.since_us(self.phase_since);
        match self.phase {
            Phase::Startup => {}
            Phase::Drain | Phase::Down => {
                if in_flight <= product || self.rounds >= DOWN_ROUNDS {
                    self.enter(now, Phase::Cruise);
                }
            }
            Phase::Up => {
                let long = since_us > self.trip.minimum_us() && self.rounds >= 1;
                let full = in_flight >= product + product / 4
                    || in_flight + self.packet_bytes >= self.window_bytes;
                if (long && full) || self.rounds >= UP_ROUNDS {
                    self.enter(now, Phase::Down);
                }
            }
            Phase::Cruise => {
                // Lines that share a link should not all ask at once.
                let more = (sample.arrived_total >> 10) % 3;
                if self.rounds >= CRUISE_ROUNDS + more as u32 && since_us >= CRUISE_US {
                    self.enter(now, Phase::Up);
                }
            }
        }
    }

    const fn gain(&self) -> u64 {
        match self.phase {
            Phase::Startup => STARTUP_GAIN,
            Phase::Drain => ONE / 2,
            Phase::Up => ONE + ONE / 4,
            Phase::Down => ONE - ONE / 4,
            Phase::Cruise => ONE,
        }
    }

    /// Derives what may be sent from what is known.
    fn follow(&mut self, sample: &Sample) {
        let bandwidth = self.bandwidth();
        if bandwidth == 0 {
            return;
        }
        let product = self.product();
        // Both ends may hold something back for a while, and a short path is empty meanwhile. What
        // waits beyond that only leaves the processor's cache.
        let slack_us = self
            .slack_us
            .min(self.trip.minimum_us().max(GRANULARITY_US));
        let slack = product + bandwidth * slack_us / SECOND_US;
        let mut target =
            slack.max(product * self.gain_percent / 100) + SPARE_PACKETS * self.packet_bytes;
        if let Some(ceiling) = &self.ceiling {
            target = target.min(ceiling.window_bytes());
        }
        if self.trip.is_renewing() {
            target = target.min(product / 2);
        }
        let grown = self.window_bytes + sample.arrived_bytes;
        let filled = core::mem::take(&mut self.filled_bytes);
        if self.phase == Phase::Startup && self.full_rounds == 0 {
            // What is known at first is the rate of the first packets.
            target = target.max(self.initial_bytes * 4);
        }
        self.window_bytes = match self.phase {
            Phase::Startup if self.window_bytes >= target => self.window_bytes,
            Phase::Startup => self.window_bytes + filled,
            Phase::Drain | Phase::Up | Phase::Down | Phase::Cruise => target.min(grown),
        };
        self.window_bytes = self.window_bytes.clamp(self.minimum(), self.maximum_bytes);
        let minimum_us = self.trip.minimum_us();
        self.rate = if minimum_us < GRANULARITY_US {
            // No timer is that fine: the window alone holds back.
            RATE_MAX
        } else {
            // What little was sent before was not the path's limit, and after an outage what was
            // measured over it is not either: some packets a round trip may always leave.
            let least = match self.phase {
                Phase::Startup => self.window_bytes / 2,
                Phase::Drain | Phase::Up | Phase::Down | Phase::Cruise => self.minimum(),
            };
            let rate = bandwidth.max(least * SECOND_US / minimum_us);
            (rate * self.gain() / ONE).max(1)
        };
    }
}

impl Congestion for Model {
    fn window_bytes(&self) -> u64 {
        self.window_bytes
    }

    fn rate(&self, rtt: &Rtt) -> u64 {
        if self.rate > 0 {
            return self.rate;
        }
        (self.window_bytes * SECOND_US / rtt.smoothed_us()).min(RATE_MAX) * STARTUP_GAIN / ONE
    }

    fn on_arrived(&mut self, _: Time, bytes: u64, filled: bool) {
        if filled {
            self.filled_bytes += bytes;
        }
    }

    fn on_ranges(&mut self, now: Time, rtt: &Rtt, sample: &Sample) {
        if let Some(us) = sample.rtt_us {
            self.trip.on_sample(now, us);
        }
        let rate = sample.rate.min(RATE_MAX);
        if !sample.limited || rate > self.rates[0].max(self.rates[1]) {
            self.rates[1] = self.rates[1].max(rate);
        }
        let most = sample.in_flight_bytes + sample.arrived_bytes;
        self.round_most_bytes = self.round_most_bytes.max(most);
        if let Some(ceiling) = &mut self.ceiling {
            ceiling.on_arrived(now, sample.arrived_bytes, true);
            ceiling.on_ranges(now, rtt, sample);
        }
        if sample.arrived_when_sent >= self.round_ends {
            self.on_round(now, sample);
        }
        self.advance(now, sample);
        if self.phase != Phase::Startup && !sample.limited {
            let half = (self.product() / 2).max(self.minimum());
            self.trip.renew(now, sample.in_flight_bytes <= half);
        }
        self.follow(sample);
    }

    fn on_lost(&mut self, now: Time, losses: &Losses) {
        self.round_lost_bytes += losses.bytes;
        if losses.persistent {
            // Whatever this path was, it begins anew (RFC 9002 section 7.6.2).
            self.window_bytes = self.minimum();
            (self.rates, self.rate, self.full_rate, self.full_rounds) = ([0; 2], 0, 0, 0);
            self.ceiling = None;
            self.trip.forget();
            self.chance.forget();
            self.enter(now, Phase::Startup);
        }
    }

    fn set_packet_bytes(&mut self, bytes: u64) {
        self.packet_bytes = bytes;
        self.window_bytes = self.window_bytes.max(self.minimum());
        if let Some(ceiling) = &mut self.ceiling {
            ceiling.set_packet_bytes(bytes);
        }
    }
}
