//! hydroid-mio: a thread with a loop around a `Poll`. Whoever waits tries again when the loop was told
//! something, so an event that is not told leaves it waiting.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Read, Write},
    net::SocketAddr,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use hydroid_core::{
    identity::{Hashname, SecretKey, Space, Ticket},
    switch::{self, DownReason, LineEvent, LineId, Stats, Status},
};
use hydroid_mio::{Config, Endpoint, Event};
use mio::{Events, Interest, Poll, Token, Waker};

use crate::node::{Line, Node, Shell, Stream};

pub(crate) const MIO: Shell = Shell { name: "mio", bind };

/// Longer than any test.
const FOREVER: Duration = Duration::from_secs(3_600);

/// The endpoint, and what its loop was told of lines.
struct State {
    endpoint: Endpoint,
    lines: VecDeque<LineEvent>,
    over: bool,
}

struct Shared {
    state: Mutex<State>,
    told: Condvar,
    waker: Arc<Waker>,
}

/// Something of the shell's and the loop that drives it.
struct Driven<T>(T, Arc<Shared>);

/// The node: with it the loop ends.
struct Own {
    shared: Arc<Shared>,
    local: Hashname,
    thread: Option<JoinHandle<()>>,
}

fn bind(secret: &SecretKey, space: &Space, switch: switch::Config) -> io::Result<Box<dyn Node>> {
    let mut endpoint = Endpoint::bind(Config {
        listen: vec![([127, 0, 0, 1], 0).into()],
        switch,
        ..Config::default()
    })?;
    let local = endpoint.install(secret, space).map_err(io::Error::other)?;
    let (poll, both) = (Poll::new()?, Interest::READABLE | Interest::WRITABLE);
    poll.registry().register(&mut endpoint, Token(0), both)?;
    let waker = Arc::new(Waker::new(poll.registry(), Token(1))?);
    endpoint.wake_by(Arc::clone(&waker));
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            endpoint,
            lines: VecDeque::new(),
            over: false,
        }),
        told: Condvar::new(),
        waker,
    });
    let looping = Arc::clone(&shared);
    let thread = Some(thread::spawn(move || looping.run(poll)));
    Ok(Box::new(Own {
        shared,
        local,
        thread,
    }))
}

impl State {
    /// Why there is nothing now.
    fn none(&self) -> io::Error {
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
                }
                self.told.notify_all();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tries until it does not block any more.
    fn wait<T>(&self, attempt: impl FnMut(&mut State) -> io::Result<T>) -> io::Result<T> {
        self.wait_within(FOREVER, attempt)
    }

    fn wait_within<T>(
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

impl Drop for Own {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.waker.wake().expect("the loop has a poll");
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            println!("the loop ended by a panic: {panic:?}");
        }
    }
}

impl Node for Own {
    fn addresses(&self) -> Vec<SocketAddr> {
        self.shared.lock().endpoint.local_addresses()
    }

    fn connect(&self, ticket: &Ticket) -> io::Result<Box<dyn Line>> {
        let line = self.shared.lock().endpoint.connect(self.local, ticket)?;
        self.shared.wait(|_| line.up())?;
        Ok(Box::new(Driven(line, Arc::clone(&self.shared))))
    }

    fn accept(&self) -> io::Result<Box<dyn Stream>> {
        let stream = self.shared.wait(|state| {
            let stream = state.endpoint.accept();
            stream.ok_or_else(|| state.none())
        })?;
        Ok(Box::new(Driven(stream, Arc::clone(&self.shared))))
    }

    fn line_event(&self) -> io::Result<LineEvent> {
        self.shared.wait(|state| {
            let event = state.lines.pop_front();
            event.ok_or_else(|| state.none())
        })
    }

    fn stats(&self) -> Stats {
        self.shared.lock().endpoint.stats()
    }

    fn status(&self) -> Status {
        self.shared.lock().endpoint.status()
    }

    fn shutdown(&self, within: Duration) {
        self.shared.lock().endpoint.shutdown(within);
        let over = self.shared.wait(|state| Err::<(), _>(state.none()));
        over.expect_err("it is over");
    }
}

impl Line for Driven<hydroid_mio::Line> {
    fn id(&self) -> LineId {
        self.0.id()
    }

    fn open(&self, head: &str) -> io::Result<Box<dyn Stream>> {
        let stream = self.1.wait(|_| self.0.open_stream(head))?;
        Ok(Box::new(Driven(stream, Arc::clone(&self.1))))
    }

    fn send(&self, packet: &[u8]) -> io::Result<()> {
        self.0.send(packet)
    }

    fn recv(&self, buf: &mut [u8], within: Duration) -> io::Result<usize> {
        self.1.wait_within(within, |_| self.0.recv(buf))
    }

    fn close(&self, code: u64, reason: &str) {
        self.0.close(code, reason);
    }

    fn closed(&self) -> DownReason {
        let blocked = || ErrorKind::WouldBlock.into();
        let closed = self.1.wait(|_| self.0.closed().ok_or_else(blocked));
        closed.expect("it ends in time")
    }
}

impl Stream for Driven<hydroid_mio::Stream> {
    fn head(&mut self) -> io::Result<String> {
        self.1.wait(|_| self.0.peer_head())
    }

    fn answer(&mut self, head: &str) -> io::Result<()> {
        self.0.answer(head)
    }

    fn end(&mut self) -> io::Result<()> {
        self.0.finish()
    }

    fn finished(&mut self) -> io::Result<()> {
        self.1.wait(|_| self.0.finished())
    }

    fn reset(&mut self, code: u64) {
        self.0.reset(code);
    }

    fn stop(&mut self, code: u64) {
        self.0.stop(code);
    }
}

impl Read for Driven<hydroid_mio::Stream> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.1.wait(|_| self.0.read(buf))
    }
}

impl Write for Driven<hydroid_mio::Stream> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.1.wait(|_| self.0.write(data))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
