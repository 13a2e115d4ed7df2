//! Two endpoints whose engines are run by hand, as a shell without tasks does it.

use std::{
    cell::Cell,
    net::Ipv4Addr,
    pin::pin,
    string::String,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Wake, Waker},
    thread,
    time::Duration,
    vec,
    vec::Vec,
};

use super::*;
use crate::{
    base::Seed,
    identity::{Hashname, SecretKey, Space, Ticket},
    switch::{DownReason, LineEvent},
};

/// The shell of nobody.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bare;

impl Shell for Bare {
    type Stream = Stream<Self>;
}

pub(super) struct Member {
    pub(super) endpoint: Endpoint<Bare>,
    pub(super) engine: Engine<UdpSocket>,
    pub(super) secret: SecretKey,
    pub(super) hashname: Hashname,
    ticket: Ticket,
}

pub(super) fn config(seed: u8) -> Config {
    Config {
        listen: vec![(Ipv4Addr::LOCALHOST, 0).into()],
        seed: Some(Seed::new([seed; 32])),
        socket_buffer_bytes: 1 << 18,
        ..Config::default()
    }
}

impl Member {
    pub(super) fn new(config: Config) -> Self {
        let (endpoint, engine) = bind::<Bare, _>(config, Ok).unwrap();
        let (secret, space) = (fresh_secret().unwrap(), Space::open("test").unwrap());
        let hashname = endpoint.install(&secret, &space).unwrap();
        let addresses = endpoint.local_addresses();
        let ticket = Ticket::new(secret.public(), space, &addresses, None);
        Self {
            endpoint,
            engine,
            secret,
            hashname,
            ticket,
        }
    }

    pub(super) fn turn(&mut self) -> Rest {
        self.engine.turn(Waker::noop(), once)
    }
}

fn once(_: &UdpSocket, _: Side, attempt: &mut Attempt<'_>) -> Poll<io::Result<usize>> {
    match attempt() {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        done => Poll::Ready(done),
    }
}

/// Turns both until `ready` is.
fn until<T>(
    members: &mut [&mut Member],
    mut ready: impl FnMut(&mut [&mut Member]) -> Poll<T>,
) -> T {
    loop {
        if let Poll::Ready(value) = ready(members) {
            return value;
        }
        for member in &mut *members {
            member.turn();
        }
        thread::yield_now();
    }
}

#[test]
fn shell_without_tasks_has_lines_and_streams() {
    let (mut a, mut b) = (Member::new(config(1)), Member::new(config(2)));
    let waker = Waker::noop();
    let line = a.endpoint.dial(a.hashname, &b.ticket).unwrap();
    let both = &mut [&mut a, &mut b];
    until(both, |_| line.poll_up(waker)).unwrap();
    let mut near = until(both, |_| line.poll_open_stream("{}", waker)).unwrap();
    let mut far = until(both, |both| both[1].endpoint.poll_accept(waker)).unwrap();
    let sent = until(both, |_| near.poll_write(b"hello", waker)).unwrap();
    assert_eq!(sent, 5);
    near.finish().unwrap();
    until(both, |_| near.poll_stopped(waker)).unwrap();
    let mut buf = [0; 8];
    let read = until(both, |_| far.poll_read(&mut buf, waker)).unwrap();
    assert_eq!(&buf[..read], b"hello");
    assert_eq!(until(both, |_| far.poll_read(&mut buf, waker)).unwrap(), 0);
    assert!(far.poll_read(&mut buf, waker).is_ready());
    line.send(&[0, 0]).unwrap();
    let received = until(both, |_| far.line().poll_recv(&mut buf, waker));
    assert_eq!(received.unwrap(), 2);
    both[0].endpoint.shut_down(Duration::from_secs(20));
    until(both, |both| both[0].endpoint.poll_ended(waker));
    assert_eq!(both[0].turn(), Rest::Over);
    assert_eq!(until(both, |_| line.poll_closed(waker)), DownReason::Local);
    let closed = until(both, |_| far.line().poll_closed(waker));
    let (code, reason) = (0, String::new());
    assert_eq!(closed, DownReason::Closed { code, reason });
    let again = both[0].endpoint.dial(both[0].hashname, &both[1].ticket);
    assert_eq!(again.unwrap_err(), ConnectError::Ended);
}

#[test]
fn shell_commands_make_the_rest_shorter() {
    let mut a = Member::new(config(3));
    let nobody = Member::new(config(4));
    assert_eq!(a.engine.wait(), Duration::ZERO);
    while a.turn() == Rest::Again {}
    assert!(a.engine.wait() > Duration::from_secs(1));
    let line = a.endpoint.dial(a.hashname, &nobody.ticket).unwrap();
    assert_eq!(a.engine.wait(), Duration::ZERO);
    drop(line);
}

#[test]
fn shell_that_nobody_holds_ends_once_it_has_lingered() {
    let mut a = Member::new(Config {
        linger: Duration::ZERO,
        ..config(5)
    });
    let mut b = Member::new(config(6));
    let waker = Waker::noop();
    let line = a.endpoint.dial(a.hashname, &b.ticket).unwrap();
    until(&mut [&mut a, &mut b], |_| line.poll_up(waker)).unwrap();
    drop(line);
    let Member {
        endpoint,
        mut engine,
        ..
    } = a;
    drop(endpoint);
    let idle = |_: &UdpSocket, _, _: &mut Attempt<'_>| Poll::Pending;
    while engine.turn(waker, idle) != Rest::Over {}
    let both = &mut [&mut b];
    let event = until(both, |both| both[0].endpoint.poll_line_event(waker));
    assert!(matches!(event, Some(LineEvent::Up { .. })));
}

#[test]
fn shell_engine_that_is_dropped_breaks_its_endpoint() {
    let a = Member::new(config(7));
    let Member {
        endpoint, engine, ..
    } = a;
    let accepts: Vec<_> = (0..2)
        .map(|_| endpoint.poll_accept(Waker::noop()))
        .collect();
    assert!(accepts.iter().all(Poll::is_pending));
    drop(engine);
    assert!(matches!(
        endpoint.poll_accept(Waker::noop()),
        Poll::Ready(None)
    ));
    assert!(endpoint.poll_need(Waker::noop()).is_ready());
}

#[test]
fn shell_looks_at_what_came_before_it_ends() {
    let (mut a, mut b) = (Member::new(config(8)), Member::new(config(9)));
    let waker = Waker::noop();
    let line = a.endpoint.dial(a.hashname, &b.ticket).unwrap();
    loop {
        a.turn();
        if line.poll_up(waker).is_ready() {
            break;
        }
        b.turn();
    }
    // The first end has told of the line already, and the other has not heard of it yet where it
    // ends, in the half of a turn that only sends.
    b.endpoint.shut_down(Duration::from_secs(20));
    b.engine.flush(waker, once);
    let both = &mut [&mut a, &mut b];
    let closed = (0..1_000).find_map(|_| {
        for member in &mut *both {
            member.turn();
        }
        thread::yield_now();
        match line.poll_closed(waker) {
            Poll::Ready(reason) => Some(reason),
            Poll::Pending => None,
        }
    });
    let (code, reason) = (0, String::new());
    assert_eq!(closed, Some(DownReason::Closed { code, reason }));
}

/// How often a task was woken.
#[derive(Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

std::thread_local! {
    /// So many looks at a socket meet an error.
    static FAILS: Cell<u32> = const { Cell::new(0) };
    /// The last look found the socket empty, and its task is woken once it is not.
    static WATCHED: Cell<bool> = const { Cell::new(false) };
}

impl Runtime for Bare {
    type Socket = UdpSocket;
    type Sleep = ();

    fn watch(socket: UdpSocket) -> io::Result<UdpSocket> {
        Ok(socket)
    }

    fn poll_io(
        socket: &UdpSocket,
        side: Side,
        _: &mut Context<'_>,
        attempt: &mut Attempt<'_>,
    ) -> Poll<io::Result<usize>> {
        if side == Side::Send {
            return once(socket, side, attempt);
        }
        WATCHED.set(false);
        if FAILS.get() > 0 {
            FAILS.set(FAILS.get() - 1);
            return Poll::Ready(Err(io::ErrorKind::ConnectionRefused.into()));
        }
        let tried = once(socket, side, attempt);
        WATCHED.set(tried.is_pending());
        tried
    }

    fn sleep() {}

    fn poll_sleep((): &mut (), _: &mut Context<'_>, _: Instant) -> Poll<()> {
        Poll::Pending
    }

    fn spawn(_: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn shell_task_sleeps_only_where_its_socket_was_seen_empty() {
    let mut scarce = config(10);
    // Two errors are all that a turn takes.
    scarce.driver.received_per_turn = 2;
    let (mut a, mut b) = (Member::new(scarce), Member::new(config(11)));
    let waker = Waker::noop();
    let line = a.endpoint.dial(a.hashname, &b.ticket).unwrap();
    until(&mut [&mut a, &mut b], |_| line.poll_up(waker)).unwrap();
    let far = b.endpoint.poll_line_event(waker);
    let Poll::Ready(Some(LineEvent::Up { line: far, .. })) = far else {
        panic!("{far:?}");
    };
    let far = b.endpoint.line(far).unwrap();
    let woken = Arc::new(Woken::default());
    let task = Waker::from(Arc::clone(&woken));
    let mut run = pin!(a.engine.run::<Bare>());
    for turn in 0..2_000 {
        // Somebody is woken for what comes, and the looks that follow meet errors.
        let mut buf = [0; 9];
        let got = line.poll_recv(&mut buf, waker);
        if turn % 10 == 0 {
            far.send(&[0, 0]).unwrap();
        }
        FAILS.set(if got.is_ready() { 2 } else { 0 });
        b.engine.turn(waker, once);
        let before = woken.0.load(Ordering::SeqCst);
        assert!(
            run.as_mut()
                .poll(&mut Context::from_waker(&task))
                .is_pending()
        );
        let again = woken.0.load(Ordering::SeqCst) > before;
        assert!(again || WATCHED.get(), "it sleeps, and nothing wakes it");
    }
}
