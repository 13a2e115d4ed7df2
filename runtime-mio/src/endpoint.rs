//! A switch behind sockets, as something that a `Poll` watches.

use std::{
    io,
    net::SocketAddr,
    ops::Deref,
    sync::Arc,
    task::{Poll, Wake, Waker},
    time::Duration,
};

use hydroid_core::{
    driver::shell::{self, Attempt, Engine, Rest, Side},
    identity::{Hashname, Ticket},
    switch::{LineId, Need},
};
use mio::{Interest, Registry, Token, event::Source, net::UdpSocket};

use crate::{Config, ConnectError, Event, Line, Mio, RecordEnd, Stream, block};

/// A switch behind one or more UDP sockets, which are one source for a [`Poll`](mio::Poll).
///
/// What every shell's endpoint can do it dereferences to; a clone of that may go to other threads.
/// Dropping it closes the sockets at once and without a word, and its lines and streams are no
/// more: an orderly end is [`Endpoint::shutdown`], then turns until [`Endpoint::is_over`].
#[derive(Debug)]
pub struct Endpoint {
    common: shell::Endpoint<Mio>,
    engine: Engine<UdpSocket>,
    waker: Waker,
    is_over: bool,
    /// Who watches the sockets. Those of the local networks come and go in turns.
    watch: Option<(Registry, Token)>,
    /// So many of those are watched.
    watched: usize,
}

impl Endpoint {
    /// Binds the sockets. They are to be registered with a [`Poll`](mio::Poll), all under one token.
    ///
    /// # Errors
    /// If an address cannot be bound, or the config is illegal.
    pub fn bind(mut config: Config) -> io::Result<Self> {
        // What one turn can bring about: no event is lost where they are taken after each.
        let (lines, turn) = (config.switch.line.lines, config.driver.received_per_turn);
        let events = lines.saturating_add(turn).saturating_mul(2);
        config.driver.line_events_max = config.driver.line_events_max.max(events);
        let (common, engine) = shell::bind(config, |socket| Ok(UdpSocket::from_std(socket)))?;
        common.tell_news();
        Ok(Self {
            common,
            engine,
            waker: Waker::noop().clone(),
            is_over: false,
            watch: None,
            watched: 0,
        })
    }

    /// Does what there is to do, within the bounds of the driver's config: takes datagrams from the
    /// sockets, handles what is due, sends. To be called whenever a socket is ready or
    /// [`Endpoint::timeout`] has passed; at any other time it does no harm.
    ///
    /// # Errors
    /// If a call from another thread panicked inside the endpoint; it is no more then. Errors of the
    /// sockets are no errors here: they lose datagrams, and that is made up for.
    pub fn turn(&mut self) -> io::Result<()> {
        let rest = self.engine.turn(&self.waker, attempt_io);
        self.is_over = rest == Rest::Over;
        self.watch_listeners();
        if self.common.is_broken() {
            return Err(io::ErrorKind::NotConnected.into());
        }
        Ok(())
    }

    /// How long to sleep in [`Poll::poll`](mio::Poll::poll), if no socket becomes ready before. Zero
    /// exactly while there is work: something to send or to handle, more than the last turn's bounds
    /// let it take, or an event that was not yet taken. `None` after the end.
    pub fn timeout(&self) -> Option<Duration> {
        if self.is_over {
            return self.common.has_news().then_some(Duration::ZERO);
        }
        Some(self.engine.wait())
    }

    /// The oldest event that was not yet taken. The events of one turn are in their order; each is
    /// told once, and as long as it was not taken not again. Where there is none, what was done
    /// about those before is sent: the loop need not look at its sockets again for that.
    pub fn next_event(&mut self) -> Option<Event> {
        let event = self.common.next_news();
        if event.is_some() || self.is_over || !self.engine.wait().is_zero() {
            return event;
        }
        let rest = self.engine.flush(&self.waker, attempt_io);
        self.is_over = rest == Rest::Over;
        self.watch_listeners();
        self.common.next_news()
    }

    /// Has `waker` woken whenever something that was done in another thread is to be sent, so that
    /// the loop does not sleep on. The program handles its token by a turn like any other.
    pub fn wake_by(&mut self, waker: Arc<mio::Waker>) {
        self.waker = Arc::new(Loop(waker)).into();
        self.engine.wake_by(&self.waker);
    }

    /// True once the end has come: everything was delivered and told, or the time for it over. What
    /// had arrived can still be read.
    pub const fn is_over(&self) -> bool {
        self.is_over
    }

    /// Begins the end: what was written is delivered, lines close with code 0, peers are told. After
    /// `within` it ends in any case. Turns bring it about, and [`Event::Ended`] tells.
    pub fn shutdown(&mut self, within: Duration) {
        self.common.shut_down(within);
    }

    /// A line from the installed `local` to the member whom `ticket` names; an existing one is given
    /// again. A new one is not up yet: a line event tells that it is, or why it will never be, and
    /// [`Line::up`] at any time. Dropping the line gives the attempt up.
    ///
    /// # Errors
    /// See [`ConnectError`]. What takes time to learn is told by the event.
    pub fn connect(&self, local: Hashname, ticket: &Ticket) -> Result<Line, ConnectError> {
        Ok(self.common.dial(local, ticket)?.into())
    }

    /// A handle of a line that an event named, as long as it lives or is held.
    pub fn line(&self, id: LineId) -> Option<Line> {
        self.common.line(id).map(Line::from)
    }

    /// The next stream that any peer opened; its head is there. If there is none,
    /// [`Event::Accept`] will tell.
    pub fn accept(&self) -> Option<Stream> {
        match self.common.poll_accept(Waker::noop()) {
            Poll::Ready(accepted) => accepted,
            Poll::Pending => None,
        }
    }

    /// The next packet that came without a line: where from, as it says, and its length.
    ///
    /// # Errors
    /// `WouldBlock` if there is none, until [`Event::Anon`]; else `buf` is too short, and the packet
    /// stays, or the endpoint has ended.
    pub fn recv_anon(&self, buf: &mut [u8]) -> io::Result<(SocketAddr, usize)> {
        block(self.common.poll_recv_anon(buf, Waker::noop()))
    }

    /// The next thing that should be kept for the next start, and given back there by `restore`. If
    /// there is none, [`Event::Need`] will tell; if nobody asks, the newest under each key waits.
    pub fn need(&self) -> Option<Need> {
        match self.common.poll_need(Waker::noop()) {
            Poll::Ready(need) => need,
            Poll::Pending => None,
        }
    }

    /// How the recording ended, once it has; never, if there is none. Nothing tells of it: one that
    /// ends by itself ends before the endpoint does, which goes on.
    pub fn record_end(&self) -> Option<RecordEnd> {
        match self.common.poll_record_end(Waker::noop()) {
            Poll::Ready(end) => Some(end),
            Poll::Pending => None,
        }
    }
}

impl Deref for Endpoint {
    type Target = shell::Endpoint<Mio>;

    fn deref(&self) -> &Self::Target {
        &self.common
    }
}

/// Tries something on a socket.
fn attempt_io(socket: &UdpSocket, _: Side, attempt: &mut Attempt<'_>) -> Poll<io::Result<usize>> {
    match socket.try_io(attempt) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        done => Poll::Ready(done),
    }
}

/// All sockets under one token. It wants to know of both directions, whatever `interests` says.
impl Source for Endpoint {
    fn register(&mut self, registry: &Registry, token: Token, _: Interest) -> io::Result<()> {
        let watch = registry.try_clone()?;
        let mut done = 0;
        let registered = self.each(|socket| {
            registry.register(socket, token, BOTH)?;
            done += 1;
            Ok(())
        });
        if registered.is_err() {
            // What was registered before this call stays.
            for socket in self.engine.sockets().iter_mut().take(done) {
                let _gone = registry.deregister(socket);
            }
            return registered;
        }
        self.watch = Some((watch, token));
        self.watched = 0;
        self.watch_listeners();
        Ok(())
    }

    fn reregister(&mut self, registry: &Registry, token: Token, _: Interest) -> io::Result<()> {
        self.watch = Some((registry.try_clone()?, token));
        for socket in self.engine.listeners() {
            registry.reregister(socket, token, Interest::READABLE)?;
        }
        self.each(|socket| registry.reregister(socket, token, BOTH))
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.watch = None;
        for socket in self.engine.listeners() {
            // One that could not be watched is none to be forgotten.
            let _gone = registry.deregister(socket);
        }
        self.each(|socket| registry.deregister(socket))
    }
}

const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

impl Endpoint {
    fn each(&mut self, change: impl FnMut(&mut UdpSocket) -> io::Result<()>) -> io::Result<()> {
        self.engine.sockets().iter_mut().try_for_each(change)
    }

    /// Has the sockets watched at which announcements are heard, if there are others than before.
    fn watch_listeners(&mut self) {
        let Some((registry, token)) = &self.watch else {
            return;
        };
        let listeners = self.engine.listeners().count();
        if listeners == self.watched {
            return;
        }
        self.watched = listeners;
        for socket in self.engine.listeners() {
            // Those that were there before are watched already. One that cannot be is listened to
            // in turns that other sockets bring about.
            let _already = registry.register(socket, *token, Interest::READABLE);
        }
    }
}

/// The loop, as something that is woken.
struct Loop(Arc<mio::Waker>);

impl Wake for Loop {
    fn wake(self: Arc<Self>) {
        let _next_time = self.0.wake();
    }
}
