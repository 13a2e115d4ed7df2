//! A program around hydroid-mio: a thread with a loop around a `Poll`. Whoever waits tries again when
//! the loop was told something, so an event that is not told leaves it waiting.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use hydroid_core::switch::{LanEvent, LineEvent};
use hydroid_mio::{Endpoint, Event};
use mio::{Events, Interest, Poll, Token, Waker};

/// Longer than any test.
const FOREVER: Duration = Duration::from_secs(3_600);

/// The endpoint, and what its loop was told of lines and of the local network.
pub(crate) struct State {
    pub(crate) endpoint: Endpoint,
    pub(crate) lines: VecDeque<LineEvent>,
    pub(crate) lans: VecDeque<LanEvent>,
    over: bool,
}

pub(crate) struct Shared {
    state: Mutex<State>,
    told: Condvar,
    waker: Arc<Waker>,
}

/// The loop ends with it.
pub(crate) struct Loop {
    pub(crate) shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Loop {
    pub(crate) fn start(mut endpoint: Endpoint) -> io::Result<Self> {
        let (poll, both) = (Poll::new()?, Interest::READABLE | Interest::WRITABLE);
        poll.registry().register(&mut endpoint, Token(0), both)?;
        let waker = Arc::new(Waker::new(poll.registry(), Token(1))?);
        endpoint.wake_by(Arc::clone(&waker));
        let state = State {
            endpoint,
            lines: VecDeque::new(),
            lans: VecDeque::new(),
            over: false,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            told: Condvar::new(),
            waker,
        });
        let looping = Arc::clone(&shared);
        let thread = Some(thread::spawn(move || looping.run(poll)));
        Ok(Self { shared, thread })
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.waker.wake().expect("the loop has a poll");
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            println!("the loop ended by a panic: {panic:?}");
        }
    }
}

impl State {
    /// Why there is nothing now.
    pub(crate) fn none(&self) -> io::Error {
        match self.endpoint.is_over() {
            true => ErrorKind::NotConnected.into(),
            false => ErrorKind::WouldBlock.into(),
        }
    }
}

impl Shared {
    fn run(&self, mut poll: Poll) {
        let mut ready = Events::with_capacity(8);
        while !self.lock().over {
            let wait = self.lock().endpoint.timeout();
            poll.poll(&mut ready, wait).expect("a poll works");
            let mut state = self.lock();
            state.endpoint.turn().expect("the endpoint works");
            while let Some(event) = state.endpoint.next_event() {
                if let Event::Line(event) = event {
                    state.lines.push_back(event);
                } else if let Event::Lan(event) = event {
                    state.lans.push_back(event);
                }
                self.told.notify_all();
            }
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tries until it does not block any more.
    pub(crate) fn wait<T>(
        &self,
        attempt: impl FnMut(&mut State) -> io::Result<T>,
    ) -> io::Result<T> {
        self.wait_within(FOREVER, attempt)
    }

    pub(crate) fn wait_within<T>(
        &self,
        within: Duration,
        mut attempt: impl FnMut(&mut State) -> io::Result<T>,
    ) -> io::Result<T> {
        let (end, mut state) = (Instant::now() + within, self.lock());
        loop {
            match attempt(&mut state) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                done => return done,
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            let waited = self.told.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
