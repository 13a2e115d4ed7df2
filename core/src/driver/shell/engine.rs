//! What moves datagrams between the sockets and the driver, one turn after another.

mod local;
mod receiving;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    future::poll_fn,
    io,
    sync::Arc,
    task::{Poll, Waker},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
    vec::Vec,
};

use super::{
    AsHandle, Attempt, Runtime, Side,
    lan::Lan,
    shared::{Life, Shared, State},
    sockets::{Inbox, Sockets},
};
use crate::{
    base::{Time, Wall},
    driver::{Flushed, Outbox, Progress, Turn},
};

/// No system takes more than this in one call, offloaded or not.
const SEND_BYTES: usize = 65_507;

/// How long the last records of a tape may take to be written.
const LAST_WORD_MS: u64 = 1000;

/// How often it is looked whether they are: who drives the engine may not be one to be woken.
const LOOK_US: u64 = 1000;

/// Nobody sleeps longer than this, so that no moment is beyond what the system's clock can tell.
const REST_US: u64 = 86_400_000_000;

/// The wall clock is looked at this often at most: a look takes as long as a tenth of a turn.
const WALL_US: u64 = 10_000;

/// The running half of an endpoint: the sockets, and what is under way between them and the driver.
/// Where it is dropped, nobody waits for the endpoint any more.
pub struct Engine<I> {
    shared: Arc<Shared>,
    sockets: Sockets<I>,
    /// The sockets of the local networks.
    lan: Lan<I>,
    inbox: Inbox,
    outbox: Outbox,
    woken: Vec<Waker>,
    linger_us: u64,
    /// The socket that is looked at first; it moves, so that none starves another.
    first: u32,
    /// What ended the last turn.
    flushed: Flushed,
    /// More may have come in than the last turn took.
    crowded: bool,
    /// The end had begun when the last turn rested.
    ending: bool,
    /// The sockets were looked at since.
    looked: bool,
    /// What a turn begins with.
    budget: Turn,
    /// Once the endpoint has nothing more to do, how long it still waits for its tape.
    written_by: Option<Time>,
    /// The wall time as it was seen last, and when.
    seen: (Time, Wall),
}

/// When the next turn is due, if no socket becomes ready and nobody wakes the engine before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rest {
    /// At once, after others had their turn.
    Again,
    /// Then.
    Until(Instant),
    /// Never: the endpoint has ended.
    Over,
}

impl<I> Engine<I> {
    pub(super) fn new(
        shared: Arc<Shared>,
        sockets: Sockets<I>,
        lan: Lan<I>,
        linger: Duration,
    ) -> Self {
        let budget = shared.lock().driver.turn();
        Self {
            budget,
            shared,
            sockets,
            lan,
            inbox: Inbox::new(),
            outbox: Outbox::new(SEND_BYTES),
            woken: Vec::new(),
            linger_us: u64::try_from(linger.as_micros()).unwrap_or(u64::MAX),
            first: 0,
            flushed: Flushed::More,
            crowded: true,
            ending: false,
            looked: false,
            written_by: None,
            seen: (Time::ZERO, wall()),
        }
    }

    /// The sockets, to be watched.
    pub const fn sockets(&mut self) -> &mut Sockets<I> {
        &mut self.sockets
    }

    /// The sockets of the local networks, to be watched for what comes in: they come and go with the
    /// turns.
    pub fn listeners(&mut self) -> impl Iterator<Item = &mut I> {
        self.lan.iter_mut()
    }

    /// How long it may rest from now on, as far as no socket becomes ready. A command that makes
    /// that shorter wakes the waker of the last turn.
    pub fn wait(&self) -> Duration {
        let mut state = self.shared.lock();
        if state.life != Life::Running {
            return Duration::ZERO;
        }
        let now = self.shared.now();
        let wait_us = self.wait_us(&state, now);
        let until = now.plus_us(wait_us);
        state.armed = if wait_us == 0 { Time::ZERO } else { until };
        Duration::from_micros(wait_us)
    }

    /// Has `waker` woken from now on, as if it had been given to the last turn.
    pub fn wake_by(&self, waker: &Waker) {
        self.shared.lock().task.clone_from(waker);
    }

    fn wait_us(&self, state: &State, now: Time) -> u64 {
        if self.written_by.is_some() {
            return LOOK_US;
        }
        if self.crowded || self.is_unheeded(state) {
            return 0;
        }
        let lan_us = self.lan.next().since_us(now);
        state
            .driver
            .wait(now, self.flushed)
            .min(lan_us)
            .min(REST_US)
    }
}

impl<I: AsHandle> Engine<I> {
    /// Turns until the end, as a task of a runtime, whose timer is had at once: where there is none,
    /// it is the caller who learns it. Dropping the future breaks the endpoint.
    pub fn run<S: Runtime<Socket = I>>(mut self) -> impl Future<Output = ()> {
        let mut sleep = S::sleep();
        poll_fn(move |cx| {
            let waker = cx.waker();
            let io =
                |socket: &_, side, attempt: &mut Attempt<'_>| S::poll_io(socket, side, cx, attempt);
            let again = match self.turn(waker, io) {
                Rest::Over => return Poll::Ready(()),
                Rest::Again => true,
                Rest::Until(until) => S::poll_sleep(&mut sleep, cx, until).is_ready(),
            };
            if again {
                waker.wake_by_ref();
            }
            Poll::Pending
        })
    }

    /// One turn. `io` tries what it is given on a socket, as [`Runtime::poll_io`] does; `waker` is
    /// woken once another turn is due because of what a handle did.
    pub fn turn(
        &mut self,
        waker: &Waker,
        mut io: impl FnMut(&I, Side, &mut Attempt<'_>) -> Poll<io::Result<usize>>,
    ) -> Rest {
        let seen = match self.written_by {
            None => self.receive(&mut io),
            Some(_) => None,
        };
        let now = seen.unwrap_or_else(|| self.shared.now());
        self.flush_at(now, waker, &mut io)
    }

    /// The half of a turn that does what is due and sends, for a shell that knows that nothing came
    /// since the last one.
    pub fn flush(
        &mut self,
        waker: &Waker,
        mut io: impl FnMut(&I, Side, &mut Attempt<'_>) -> Poll<io::Result<usize>>,
    ) -> Rest {
        let now = self.shared.now();
        self.flush_at(now, waker, &mut io)
    }

    fn flush_at(
        &mut self,
        now: Time,
        waker: &Waker,
        io: &mut impl FnMut(&I, Side, &mut Attempt<'_>) -> Poll<io::Result<usize>>,
    ) -> Rest {
        let wall = self.wall_at(now);
        let (mut turn, now, announces) = {
            let mut state = self.shared.lock();
            if state.life != Life::Running {
                return Rest::Over;
            }
            let now = state.latest(now);
            state.armed = Time::ZERO;
            if self.written_by.is_none() {
                state.driver.tick(now, wall);
            }
            let announces = state.announces();
            (self.budget.clone(), now, announces)
        };
        if self.written_by.is_some() {
            return self.rest_at(now, waker);
        }
        if announces && self.lan.is_due(now) {
            self.look(now);
        }
        let (flushed, now) = self.send(now, io, &mut turn);
        self.flushed = flushed;
        if !announces && self.lan.is_open() && self.flushed == Flushed::Idle {
            // What is said on leaving has gone out.
            self.lan.close();
        }
        self.rest_at(now, waker)
    }

    /// The wall time at `now`, as far as a glance at it some milliseconds ago tells.
    fn wall_at(&mut self, now: Time) -> Wall {
        let (at, seen) = self.seen;
        if now.since_us(at) < WALL_US {
            return Wall::from_ms(seen.as_ms() + now.since_us(at) / 1000);
        }
        self.seen = (now, wall());
        self.seen.1
    }

    /// Sends outside of the lock: only the next run is taken under it. What a call of the system
    /// took shows in the time that it tells.
    fn send(
        &mut self,
        mut now: Time,
        io: &mut impl FnMut(&I, Side, &mut Attempt<'_>) -> Poll<io::Result<usize>>,
        turn: &mut Turn,
    ) -> (Flushed, Time) {
        let (sockets, outbox, shared) = (&self.sockets, &mut self.outbox, &self.shared);
        let lan = &mut self.lan;
        loop {
            let is_more = !outbox.is_empty();
            if is_more {
                let progress = outbox.send(sockets.segments(), |piece, bytes| {
                    let announced = lan.send(piece, bytes);
                    announced.unwrap_or_else(|| {
                        sockets.send(piece, bytes, |socket, attempt| {
                            io(socket, Side::Send, attempt)
                        })
                    })
                });
                match progress {
                    Progress::Full => return (Flushed::Full, shared.now()),
                    Progress::Failed(piece, error) => {
                        let mut state = shared.lock();
                        now = state.latest(shared.now());
                        state.driver.failed(now, &piece, error);
                        continue;
                    }
                    Progress::Empty => {}
                }
            }
            let mut state = shared.lock();
            if is_more {
                // Most turns have one run to send, and a look at the clock costs something.
                if !state.driver.has_output() {
                    return (Flushed::Idle, now);
                }
                now = shared.now();
            }
            now = state.latest(now);
            if !state.driver.outgoing(now, outbox, turn) {
                let flushed = if turn.may_send() {
                    Flushed::Idle
                } else {
                    Flushed::More
                };
                return (flushed, now);
            }
        }
    }

    /// Wakes those whose turn it is, and says when the next turn is due.
    fn rest_at(&mut self, now: Time, waker: &Waker) -> Rest {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        let now = state.latest(now);
        if state.orphaned && !state.driver.is_ending() {
            state.driver.shut_down(now, self.linger_us);
        }
        state.driver.dispatch(now);
        state.record(now);
        self.tell_lan(&mut state);
        // What came before the end may be a line that is to be told of it: no end without a look.
        self.ending = state.driver.is_ending();
        let is_over = self.looked && state.driver.is_over(now, self.flushed);
        let done = self.written_by.is_some() || is_over;
        let over = done && self.is_written(&mut state, now, waker);
        if over {
            state.life = Life::Over;
            state.driver.fire_all();
        }
        state.driver.waiters().take_fired(&mut self.woken);
        let wait_us = self.wait_us(&state, now);
        let until = now.plus_us(wait_us);
        state.armed = if wait_us == 0 { Time::ZERO } else { until };
        state.task.clone_from(waker);
        drop(state);
        self.woken.drain(..).for_each(Waker::wake);
        if over {
            Rest::Over
        } else if wait_us == 0 {
            Rest::Again
        } else {
            Rest::Until(shared.epoch() + Duration::from_micros(until.as_us()))
        }
    }

    /// Ends the tape, if there is one. True once all of it is written, or that takes too long: who
    /// sees that the endpoint is over may end the process. Nobody's thread waits for the disk.
    fn is_written(&mut self, state: &mut State, now: Time, waker: &Waker) -> bool {
        let Some(recorder) = &state.recorder else {
            return true;
        };
        let by = *self.written_by.get_or_insert_with(|| {
            recorder.close(now, state.driver.switch_mut());
            now.plus_ms(LAST_WORD_MS)
        });
        now >= by || recorder.poll_end(waker).is_ready()
    }
}

/// The engine is dropped when it ends, panics, or its runtime goes: nobody may wait for it then.
impl<I> Drop for Engine<I> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        let mut broken = None;
        if state.life != Life::Over {
            state.life = Life::Broken;
            // What came before it broke is what somebody will want to see again.
            state.record(self.shared.now());
            broken = state.recorder.clone();
        }
        state.driver.fire_all();
        state.driver.waiters().take_fired(&mut self.woken);
        drop(state);
        if let Some(recorder) = broken {
            recorder.break_off();
            recorder.wait();
        }
        self.woken.drain(..).for_each(Waker::wake);
    }
}

impl<I> fmt::Debug for Engine<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("sockets", &self.sockets)
            .finish_non_exhaustive()
    }
}

pub(super) fn wall() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let ms = since.map_or(0, |since| since.as_millis());
    Wall::from_ms(u64::try_from(ms).unwrap_or(u64::MAX))
}
