//! The task that moves datagrams between the sockets and the driver, one turn after another.

use std::{
    future::{Future as _, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use hydroid_core::{
    base::{Time, Wall},
    driver::{Flushed, Outbox, Progress, Turn},
};
use tokio::time::{Instant, Sleep, sleep};

use crate::{
    shared::{Life, Shared},
    sockets::{Inbox, Sockets},
};

/// No system takes more than this in one call, offloaded or not.
const SEND_BYTES: usize = 65_507;

struct Task {
    shared: Arc<Shared>,
    sockets: Sockets,
    inbox: Inbox,
    outbox: Outbox,
    sleep: Pin<Box<Sleep>>,
    woken: Vec<Waker>,
    linger_us: u64,
    /// The socket that is looked at first; it moves, so that none starves another.
    first: usize,
}

/// Runs an endpoint until its end.
pub(crate) async fn run(shared: Arc<Shared>, sockets: Sockets, linger: Duration) {
    let mut task = Task {
        shared,
        sockets,
        inbox: Inbox::new(),
        outbox: Outbox::new(SEND_BYTES),
        sleep: Box::pin(sleep(Duration::ZERO)),
        woken: Vec::new(),
        linger_us: u64::try_from(linger.as_micros()).unwrap_or(u64::MAX),
        first: 0,
    };
    poll_fn(|cx| task.poll_turn(cx)).await;
}

impl Task {
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut turn = {
            let mut state = self.shared.lock();
            if state.life != Life::Running {
                return Poll::Ready(());
            }
            state.armed = Time::ZERO;
            state.driver.turn()
        };
        self.receive(cx, &mut turn);
        self.shared.lock().driver.tick(self.shared.now(), wall());
        let flushed = self.send(cx, &mut turn);
        self.rest(cx, flushed, !turn.may_receive())
    }

    fn receive(&mut self, cx: &mut Context<'_>, turn: &mut Turn) {
        let count = self.sockets.count();
        self.first += 1;
        for place in (self.first..).take(count).map(|place| place % count) {
            while turn.may_receive() {
                let Poll::Ready(buffers) = self.sockets.poll_receive(cx, place, &mut self.inbox)
                else {
                    break;
                };
                if buffers == 0 {
                    turn.on_received(0, 0);
                    continue;
                }
                let mut state = self.shared.lock();
                let now = self.shared.now();
                for (meta, datagrams) in self.inbox.received(place, buffers) {
                    state.driver.received(now, &meta, datagrams, turn);
                }
            }
        }
    }

    /// Sends outside of the lock: only the next run is taken under it.
    fn send(&mut self, cx: &mut Context<'_>, turn: &mut Turn) -> Flushed {
        let Self {
            sockets,
            outbox,
            shared,
            ..
        } = self;
        let mut refused = None;
        loop {
            let progress = outbox.send(sockets.segments(), |piece, bytes| {
                refused = Some(piece.socket);
                sockets.send(piece, bytes)
            });
            match (progress, refused) {
                (Progress::Full, Some(socket)) => {
                    if sockets.poll_writable(cx, socket).is_pending() {
                        return Flushed::Full;
                    }
                }
                (Progress::Failed(piece, error), _) => {
                    shared.lock().driver.failed(shared.now(), &piece, error);
                }
                (Progress::Empty | Progress::Full, _) => {
                    let mut state = shared.lock();
                    if !state.driver.outgoing(shared.now(), outbox, turn) {
                        return if turn.may_send() {
                            Flushed::Idle
                        } else {
                            Flushed::More
                        };
                    }
                }
            }
        }
    }

    /// Wakes those whose turn it is and sleeps until the next turn, or ends.
    fn rest(&mut self, cx: &mut Context<'_>, flushed: Flushed, more: bool) -> Poll<()> {
        let mut state = self.shared.lock();
        let now = self.shared.now();
        if state.orphaned && !state.driver.is_ending() {
            state.driver.shut_down(now, self.linger_us);
        }
        state.driver.dispatch(now);
        let over = state.driver.is_over(now, flushed);
        if over {
            state.life = Life::Over;
            state.driver.fire_all();
        }
        state.driver.waiters().take_fired(&mut self.woken);
        let wait_us = if more {
            0
        } else {
            state.driver.wait(now, flushed)
        };
        state.armed = if wait_us == 0 {
            Time::ZERO
        } else {
            now.plus_us(wait_us)
        };
        state.task.clone_from(cx.waker());
        drop(state);
        self.woken.drain(..).for_each(Waker::wake);
        if over {
            return Poll::Ready(());
        }
        if wait_us == 0 || self.poll_sleep(cx, now.plus_us(wait_us)).is_ready() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn poll_sleep(&mut self, cx: &mut Context<'_>, until: Time) -> Poll<()> {
        let until = Instant::from_std(self.shared.epoch() + Duration::from_micros(until.as_us()));
        if self.sleep.deadline() != until {
            self.sleep.as_mut().reset(until);
        }
        self.sleep.as_mut().poll(cx)
    }
}

/// The task is dropped when it ends, panics, or its runtime goes: nobody may wait for it then.
impl Drop for Task {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if state.life == Life::Running {
            state.life = Life::Broken;
        }
        state.driver.fire_all();
        state.driver.waiters().take_fired(&mut self.woken);
        drop(state);
        self.woken.drain(..).for_each(Waker::wake);
    }
}

pub(crate) fn wall() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let ms = since.map_or(0, |since| since.as_millis());
    Wall::from_ms(u64::try_from(ms).unwrap_or(u64::MAX))
}
