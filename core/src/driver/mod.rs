//! What every shell needs and no runtime should write again: the one send that the socket refused,
//! how much to do in one turn, who waits for what, the streams to accept, when to tell the wall
//! time, and an orderly end. It owns a switch and never touches a socket, a clock or a thread: a
//! shell calls it with the time and does what it says.
//!
//! One turn of a shell:
//! 1. take datagrams from the sockets while [`Turn::may_receive`], each by [`Driver::received`];
//! 2. [`Driver::tick`];
//! 3. [`Driver::flush`], or where sending is asynchronous [`Driver::outgoing`] and the two steps
//!    of an [`Outbox`];
//! 4. [`Driver::dispatch`], and wake what [`Waiters::take_fired`] gives;
//! 5. end if [`Driver::is_over`], else sleep for [`Driver::wait`] or until a socket is ready.

mod attempts;
mod clock;
mod handles;
mod news;
mod outbox;
mod records;
#[cfg(feature = "shell")]
#[allow(
    clippy::disallowed_types,
    reason = "a shell is where the time comes from"
)]
pub mod shell;
#[cfg(test)]
mod tests;
mod turn;
mod waiters;

use alloc::collections::VecDeque;

use serde::{Deserialize, Serialize};

use clock::Clock;
use news::Told;
use records::Records;

pub use self::{
    news::News,
    outbox::{Outbox, Progress, Sent},
    records::{LineRecord, StreamRecord},
    turn::Turn,
    waiters::{Wait, Waiters},
};
use crate::{
    base::{Bounded, Time, Wall, Why},
    switch::{
        LanEvent, LineEvent, Meta, Need, SentError, SpaceEvent, StreamId, Switch, Transmit,
        TreeEvent,
    },
    tape::Recorded,
};

/// The choices of a driver.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Config {
    /// Datagrams taken from the sockets in one turn. More is fewer turns under load, and timers
    /// and writers that wait longer.
    pub received_per_turn: u32,
    /// Datagrams given to the sockets in one turn, give or take one run. The same holds.
    pub sent_per_turn: u32,
    /// Streams that peers opened and nobody has accepted yet. Beyond it they are refused, so it is
    /// at least what one peer may open (`stream.streams_max`), or a program that is late refuses
    /// what its switch allowed. Each may hold its receive buffer.
    pub accept_max: u32,
    /// The code with which such a stream is refused.
    pub refused_code: u64,
    /// Lines up and down that nobody has looked at; beyond it the oldest is forgotten. As many
    /// news of closed spaces.
    pub line_events_max: u32,
    /// Things to be kept that nobody has taken, each under a key of its own; beyond it the oldest
    /// is dropped. Each may hold what the switch remembers of all its peers.
    pub needs_max: u32,
    /// Tasks that wait for one thing; beyond it all of them are woken to look again, and as many
    /// more may wait as come back.
    pub waiters_max: u32,
    /// How often the switch is told the wall time. Each costs one wake-up.
    pub clock_period_ms: u64,
    /// A step of the wall clock against the steady one that is told at once.
    pub clock_jump_ms: u64,
    /// How often the clocks are compared while lines are kept, so that they come back soon after
    /// the machine slept. Each costs one wake-up.
    pub clock_look_ms: u64,
    /// While the socket is full, timers may be this late.
    pub full_wait_us: u64,
    /// How long an end waits for the first packet of peers whose opens were answered: their lines
    /// may be up, and they are to be told. Longer than a way there and back.
    pub answered_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            received_per_turn: 512,
            sent_per_turn: 512,
            accept_max: 4_096,
            refused_code: 0,
            line_events_max: 256,
            needs_max: 256,
            waiters_max: 32,
            clock_period_ms: 60_000,
            clock_jump_ms: 1_000,
            clock_look_ms: 4_000,
            full_wait_us: 10_000,
            answered_ms: 1_000,
        }
    }
}

/// What ended a flush.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flushed {
    /// Nothing more is to be sent now.
    Idle,
    /// A socket is full: call again once it is writable.
    Full,
    /// The turn's budget is used up: call again after the other side had its turn.
    More,
}

/// A switch and what a shell needs around it.
#[derive(Debug)]
pub struct Driver {
    switch: Recorded,
    config: Config,
    clock: Clock,
    waiters: Waiters,
    records: Records,
    accepted: Bounded<StreamId>,
    line_events: Bounded<LineEvent>,
    space_events: Bounded<SpaceEvent>,
    tree_events: Bounded<TreeEvent>,
    lan_events: Bounded<LanEvent>,
    needs: VecDeque<Need>,
    /// When the end comes even if not everything was delivered, once it was asked for.
    end_by: Option<Time>,
    /// Until when the end waits for peers that may have a line already.
    answered_until: Time,
    /// What happened and was not yet told, if it is to be.
    told: Option<Told>,
}

impl Driver {
    /// A driver of `switch`.
    pub fn new(switch: impl Into<Recorded>, config: Config) -> Self {
        Self {
            clock: Clock::new(&config),
            waiters: Waiters::new(&config),
            records: Records::default(),
            accepted: Bounded::new(config.accept_max as usize),
            line_events: Bounded::new(config.line_events_max as usize),
            space_events: Bounded::new(config.line_events_max as usize),
            tree_events: Bounded::new(config.line_events_max as usize),
            lan_events: Bounded::new(config.line_events_max as usize),
            needs: VecDeque::new(),
            end_by: None,
            answered_until: Time::ZERO,
            told: None,
            switch: switch.into(),
            config,
        }
    }

    /// The switch, to ask.
    pub fn switch(&self) -> &Switch {
        &self.switch
    }

    /// The switch, to command; `dispatch` is due afterwards.
    pub const fn switch_mut(&mut self) -> &mut Recorded {
        &mut self.switch
    }

    /// Who waits for what.
    pub const fn waiters(&mut self) -> &mut Waiters {
        &mut self.waiters
    }

    /// A turn with its full budget.
    pub const fn turn(&self) -> Turn {
        Turn::new(&self.config)
    }

    /// Datagrams came in.
    pub fn received(&mut self, now: Time, meta: &Meta, datagrams: &mut [u8], turn: &mut Turn) {
        turn.on_received(datagrams.len(), meta.stride);
        self.switch.handle_datagram(now, meta, datagrams);
    }

    /// Tells the wall time if that is due, and the switch that its deadline has come if it has.
    pub fn tick(&mut self, now: Time, wall: Wall) {
        if self.clock.is_due(now, wall) {
            self.switch.handle_clock(now, wall);
        }
        if self.switch.is_due(now) {
            self.switch.handle_timeout(now);
        }
    }

    /// True if there may be something to send, or to tell.
    pub fn has_output(&self) -> bool {
        let due = self.switch.poll_timeout();
        due.is_some_and(|due| due.why == Why::Queued)
    }

    /// Takes what is to be sent next into `outbox`, unless that holds something still. False if
    /// there is nothing, or the turn is over.
    pub fn outgoing(&mut self, now: Time, outbox: &mut Outbox, turn: &mut Turn) -> bool {
        if !outbox.is_empty() {
            return true;
        }
        if !turn.may_send() {
            return false;
        }
        outbox.fill(|buf| {
            let run = self.switch.poll_transmit(now, buf)?;
            turn.on_sent(run.len, run.segment);
            Some(run)
        })
    }

    /// The system will never send this.
    pub fn failed(&mut self, now: Time, piece: &Transmit, error: SentError) {
        self.switch.handle_sent_error(now, piece, error);
    }

    /// Sends what is held, then everything that is to be sent, in pieces of up to `segments`
    /// datagrams.
    pub fn flush(
        &mut self,
        now: Time,
        outbox: &mut Outbox,
        turn: &mut Turn,
        segments: usize,
        mut send: impl FnMut(&Transmit, &[u8]) -> Sent,
    ) -> Flushed {
        loop {
            match outbox.send(segments, &mut send) {
                Progress::Full => return Flushed::Full,
                Progress::Failed(piece, error) => self.failed(now, &piece, error),
                Progress::Empty if self.outgoing(now, outbox, turn) => {}
                Progress::Empty if turn.may_send() => return Flushed::Idle,
                Progress::Empty => return Flushed::More,
            }
        }
    }

    /// How many microseconds the shell may sleep if no socket becomes ready, given what ended the
    /// last flush. Not at all while there is news, and once the end has come.
    pub fn wait(&self, now: Time, flushed: Flushed) -> u64 {
        if self.has_news() || self.is_over(now, flushed) {
            return 0;
        }
        let deadline = self.switch.poll_timeout();
        let deadline = deadline.map_or(Time::NEVER, |deadline| deadline.at);
        let due = match flushed {
            Flushed::More => now,
            // What is queued is due at once, but the socket takes nothing.
            Flushed::Full if deadline <= now => now.plus_us(self.config.full_wait_us),
            Flushed::Full | Flushed::Idle => deadline,
        };
        let end = self.end_by.map_or(Time::NEVER, |by| self.next_end(now, by));
        let looks = self.switch.has_wants();
        due.min(self.clock.next(now, looks)).min(end).since_us(now)
    }
}
