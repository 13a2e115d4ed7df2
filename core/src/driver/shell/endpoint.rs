//! A switch behind sockets.

use std::{
    fmt,
    future::poll_fn,
    io,
    marker::PhantomData,
    net::{SocketAddr, UdpSocket},
    path::PathBuf,
    string::{String, ToString as _},
    sync::Arc,
    task::{Poll, Waker},
    time::{Duration, Instant},
    vec::Vec,
};

use zeroize::Zeroizing;

use super::{
    AsHandle, Config, ConnectError, Engine, Line, RecordEnd, Recorder, Runtime, Shell, Sockets,
    Stream, engine,
    error::packet_error,
    lan::Lan,
    shared::{Handle, Life, Shared},
};
use crate::{
    base::{Seed, Time},
    driver::{Driver, News},
    identity::{Admission, Hashname, SecretKey, Space, Ticket},
    switch::{
        InstallError, Interface, KnownPeer, LineEvent, LineId, Need, RestoreError, SocketId,
        SpaceCommandError, SpaceEvent, Stats, Status, Who,
    },
    tape::Recorded,
};

/// A switch behind one or more UDP sockets. Clones are the same endpoint.
#[derive(Clone)]
pub struct Endpoint<S> {
    pub(super) handle: Arc<Handle>,
    addresses: Arc<[SocketAddr]>,
    shell: PhantomData<fn() -> S>,
}

/// An endpoint, and the engine that somebody has to run for it. `watch` makes of each socket,
/// which does not block, what the engine is to hold; it does so later, too, in turns of the engine.
///
/// # Errors
/// If an address cannot be bound, a socket not be watched, or the config is illegal.
pub fn bind<S, I>(
    mut config: Config,
    watch: fn(UdpSocket) -> io::Result<I>,
) -> io::Result<(Endpoint<S>, Engine<I>)>
where
    I: AsHandle,
{
    let seed = match config.seed {
        Some(seed) => seed,
        None => Seed::new(*random()?),
    };
    let tape = config.record_to.as_ref().map(|_| config.tape.clone());
    let sockets = Sockets::bind(&config.listen, config.socket_buffer_bytes as usize)?;
    if sockets.may_fragment() {
        let life = &mut config.switch.life;
        life.datagram_most_bytes = life.datagram_bytes;
    }
    let switch = Recorded::new(config.switch, &seed, config.provider, tape);
    let mut switch = switch.map_err(io::Error::other)?;
    let sockets = sockets.watched(watch)?;
    let addresses: Arc<[_]> = sockets.addresses().collect();
    let interfaces: Vec<_> = (0..)
        .map(SocketId)
        .zip(addresses.iter())
        .map(|(socket, &local)| Interface { socket, local })
        .collect();
    let record = |path: &PathBuf| Recorder::create(path, config.record_over, &config.tape);
    let recorder = config.record_to.as_ref().map(record).transpose()?;
    switch.handle_network_change(Time::ZERO, &interfaces);
    let mut driver = Driver::new(switch, config.driver);
    // What is commanded before the first turn is ordered by the wall time, too.
    driver.tick(Time::ZERO, engine::wall());
    let shared = Arc::new(Shared::new(driver, recorder, Instant::now()));
    let buffer_bytes = config.socket_buffer_bytes as usize;
    let lan = Lan::new(config.lan, addresses.to_vec(), buffer_bytes, watch);
    let engine = Engine::new(Arc::clone(&shared), sockets, lan, config.linger);
    let handle = Arc::new(Handle { shared });
    let shell = PhantomData;
    let endpoint = Endpoint {
        handle,
        addresses,
        shell,
    };
    Ok((endpoint, engine))
}

impl<S> Endpoint<S> {
    /// The addresses of the sockets. An unspecified one stands for every address of its family.
    pub fn local_addresses(&self) -> Vec<SocketAddr> {
        self.addresses.to_vec()
    }

    /// Installs an identity as a member of `space`: the switch answers for it from now on.
    ///
    /// # Errors
    /// As [`Recorded::install`]; an endpoint that has ended is full.
    pub fn install(&self, secret: &SecretKey, space: &Space) -> Result<Hashname, InstallError> {
        self.handle
            .shared
            .command(|driver, now| driver.switch_mut().install(now, secret, space))
            .unwrap_or(Err(InstallError::Full))
    }

    /// Installs an identity in the closed space that `admission` lets it into.
    ///
    /// # Errors
    /// As [`Recorded::install_member`]; an endpoint that has ended is full.
    pub fn install_member(
        &self,
        secret: &SecretKey,
        admission: &Admission,
    ) -> Result<Hashname, InstallError> {
        self.handle
            .shared
            .command(|driver, now| driver.switch_mut().install_member(now, secret, admission))
            .unwrap_or(Err(InstallError::Full))
    }

    /// Answers and dials as `local` no more; its lines end.
    ///
    /// # Errors
    /// If it is not installed.
    pub fn uninstall(&self, local: Hashname) -> Result<(), SpaceCommandError> {
        self.handle
            .shared
            .command(|driver, now| driver.switch_mut().uninstall(now, local))
            .unwrap_or(Err(SpaceCommandError::NotInstalled))
    }

    /// What lets `local` into its closed space, as it stands now. `None` in an open space.
    pub fn admission(&self, local: Hashname) -> Option<Admission> {
        let state = self.handle.shared.lock();
        state.driver.switch().admission(local).cloned()
    }

    /// Takes over what is newer in `admission`; it takes effect on every line of the space.
    ///
    /// # Errors
    /// As [`Recorded::renew`].
    pub fn renew(&self, local: Hashname, admission: &Admission) -> Result<(), SpaceCommandError> {
        self.handle
            .shared
            .command(|driver, now| driver.switch_mut().renew(now, local, admission))
            .unwrap_or(Err(SpaceCommandError::NotInstalled))
    }

    /// As [`Endpoint::space_event`]; `waker` is woken to look again.
    pub fn poll_space_event(&self, waker: &Waker) -> Poll<Option<SpaceEvent>> {
        let event = self
            .handle
            .shared
            .attempt_late(|driver, _| driver.poll_space_event(waker));
        event.map(Result::ok)
    }

    /// Asks for a line as [`Endpoint::connect`] does, and does not wait: [`Line::poll_up`] tells
    /// what becomes of it. Dropping the line gives the attempt up.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub fn dial(&self, local: Hashname, ticket: &Ticket) -> Result<Line<S>, ConnectError> {
        let (id, who) = self
            .handle
            .shared
            .command(|driver, now| ask(driver, now, local, ticket))??;
        Ok(Line::new(Arc::clone(&self.handle), id, who))
    }

    /// As [`Endpoint::line_event`]; `waker` is woken to look again.
    pub fn poll_line_event(&self, waker: &Waker) -> Poll<Option<LineEvent>> {
        let event = self
            .handle
            .shared
            .attempt_late(|driver, _| driver.poll_line_event(waker));
        event.map(Result::ok)
    }

    /// Sends one packet to an address, in clear and without a line; see [`Recorded::send_anon`].
    ///
    /// # Errors
    /// The [`LineError`](crate::switch::LineError) inside says why it was not taken;
    /// `WouldBlock` if too many wait.
    pub fn send_anon(&self, to: SocketAddr, packet: &[u8]) -> io::Result<()> {
        let send = |driver: &mut Driver, now| driver.switch_mut().send_anon(now, to, packet);
        self.handle.shared.command(send)?.map_err(packet_error)
    }

    /// As [`Endpoint::recv_anon`]; `waker` is woken to look again.
    pub fn poll_recv_anon(
        &self,
        buf: &mut [u8],
        waker: &Waker,
    ) -> Poll<io::Result<(SocketAddr, usize)>> {
        let received = self
            .handle
            .shared
            .attempt(|driver, now| driver.poll_recv_anon(now, buf, waker));
        received.map(|received| received?.map_err(packet_error))
    }

    /// Keeps a line from `local` to the member whom `ticket` names: opened at once, and again whenever
    /// it ends, until [`Endpoint::forget_line`]. [`Endpoint::line_event`] tells of each, and
    /// [`Endpoint::connect`] gives the one that there is; dropping its last handle does not close
    /// it. See [`Recorded::keep_line`].
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub fn keep_line(&self, local: Hashname, ticket: &Ticket) -> Result<(), ConnectError> {
        self.handle.shared.command(|driver, now| {
            check_space(driver, local, ticket)?;
            let switch = driver.switch_mut();
            switch.keep_line(now, local, &ticket.key, &ticket.addresses)?;
            Ok(())
        })?
    }

    /// Keeps no line from `local` to `peer` any more; the one that there is closes once nobody holds
    /// it.
    pub fn forget_line(&self, local: Hashname, peer: Hashname) {
        let forget = |driver: &mut Driver, now| driver.switch_mut().forget_line(now, local, peer);
        let _ended = self.handle.shared.command(forget);
    }

    /// The peers of `local` that are remembered, newest first: see [`Switch::peers`](crate::switch::Switch::peers).
    pub fn peers(&self, local: Hashname) -> Vec<KnownPeer> {
        self.handle
            .shared
            .lock()
            .driver
            .switch()
            .peers(local)
            .collect()
    }

    /// As [`Endpoint::need`]; `waker` is woken to look again.
    pub fn poll_need(&self, waker: &Waker) -> Poll<Option<Need>> {
        let need = self
            .handle
            .shared
            .attempt_late(|driver, _| driver.poll_need(waker));
        need.map(Result::ok)
    }

    /// Gives back what an earlier start asked to be kept: see [`Recorded::restore`].
    ///
    /// # Errors
    /// As [`Recorded::restore`]; an endpoint that has ended knows no key.
    pub fn restore(&self, key: &str, bytes: &[u8]) -> Result<(), RestoreError> {
        self.handle
            .shared
            .command(|driver, now| driver.switch_mut().restore(now, key, bytes))
            .unwrap_or(Err(RestoreError::UnknownKey))
    }

    /// Begins the end as [`Endpoint::shutdown`] does, and does not wait: [`Endpoint::poll_ended`]
    /// tells when it has come.
    pub fn shut_down(&self, within: Duration) {
        let within_us = u64::try_from(within.as_micros()).unwrap_or(u64::MAX);
        let end = |driver: &mut Driver, now| driver.shut_down(now, within_us);
        let _over = self.handle.shared.command(end);
    }

    /// Ready once the endpoint has ended; `waker` is woken to look again.
    pub fn poll_ended(&self, waker: &Waker) -> Poll<()> {
        let ended = self
            .handle
            .shared
            .attempt(|driver, _| driver.poll_ended(waker));
        ended.map(|_| ())
    }

    /// As [`Endpoint::record_end`]; `waker` is woken to look again.
    pub fn poll_record_end(&self, waker: &Waker) -> Poll<RecordEnd> {
        let state = self.handle.shared.lock();
        let recorder = state.recorder.as_ref();
        recorder.map_or(Poll::Pending, |recorder| recorder.poll_end(waker))
    }

    /// A handle of a line that lives or is held, whoever opened it.
    pub fn line(&self, id: LineId) -> Option<Line<S>> {
        let held = self.handle.shared.attempt_late(|driver, _| {
            let who = driver.who(id);
            Poll::Ready(who.inspect(|_| driver.hold(id)))
        });
        let Poll::Ready(Ok(Some(who))) = held else {
            return None;
        };
        Some(Line::new(Arc::clone(&self.handle), id, who))
    }

    /// See [`Driver::tell_news`].
    pub fn tell_news(&self) {
        let _ended = self.handle.shared.command(|driver, _| driver.tell_news());
    }

    /// See [`Driver::next_news`].
    pub fn next_news(&self) -> Option<News> {
        let news = |driver: &mut Driver, _| Poll::Ready(driver.next_news());
        match self.handle.shared.attempt_late(news) {
            Poll::Ready(news) => news.ok().flatten(),
            Poll::Pending => None,
        }
    }

    /// See [`Driver::has_news`].
    pub fn has_news(&self) -> bool {
        let state = self.handle.shared.lock();
        state.life != Life::Broken && state.driver.has_news()
    }

    /// True if it did not end in order: a call panicked inside, or nobody runs it any more.
    pub fn is_broken(&self) -> bool {
        self.handle.shared.lock().life == Life::Broken
    }

    /// What the switch has counted since the start.
    pub fn stats(&self) -> Stats {
        self.handle.shared.lock().driver.switch().stats().clone()
    }

    /// How much the switch holds.
    pub fn status(&self) -> Status {
        self.handle.shared.lock().driver.switch().status()
    }
}

impl<S: Shell> Endpoint<S> {
    /// As [`Endpoint::accept`]; `waker` is woken to look again.
    pub fn poll_accept(&self, waker: &Waker) -> Poll<Option<S::Stream>> {
        let accepted = self.handle.shared.attempt(|driver, _| {
            driver.poll_accept(waker).map(|id| {
                let id = id?;
                let head = driver.switch().stream_head(id).map(String::from);
                Some((id, driver.who(id.line)?, head))
            })
        });
        accepted.map(|accepted| {
            let (id, who, head) = accepted.ok()??;
            let line = Line::new(Arc::clone(&self.handle), id.line, who);
            Some(Stream::new(line, id, head).into())
        })
    }
}

impl<S: Runtime> Endpoint<S> {
    /// Binds the sockets and starts the task, in the runtime that this is called in. Where it is to
    /// be recorded the file is made before this returns, and whoever called waits for the disk.
    ///
    /// # Errors
    /// If there is no runtime, an address cannot be bound, which the error names, or the config is
    /// illegal.
    pub fn bind(config: Config) -> io::Result<Self> {
        let (endpoint, engine) = bind(config, S::watch)?;
        S::spawn(engine.run::<S>())?;
        Ok(endpoint)
    }

    /// The next thing that happens to an identity of ours in a closed space. A bounded number is
    /// kept for whoever asks late. `None` once the endpoint has ended.
    pub async fn space_event(&self) -> Option<SpaceEvent> {
        poll_fn(|cx| self.poll_space_event(cx.waker())).await
    }

    /// A line from the installed `local` to the member whom `ticket` names, once it is up; an
    /// existing one is given again. Dropping the future gives the attempt up.
    ///
    /// # Errors
    /// See [`ConnectError`]; `Unreachable` comes after the time that the config of the switch gives
    /// a handshake.
    pub async fn connect(&self, local: Hashname, ticket: &Ticket) -> Result<Line<S>, ConnectError> {
        let line = self.dial(local, ticket)?;
        poll_fn(|cx| line.poll_up(cx.waker())).await?;
        Ok(line)
    }

    /// The next stream that any peer opened; its head is there. `None` once the endpoint ends.
    pub async fn accept(&self) -> Option<S::Stream> {
        poll_fn(|cx| self.poll_accept(cx.waker())).await
    }

    /// How the recording ended, once it has; never, if there is none. One that ends by itself ends
    /// before the endpoint does, which goes on.
    pub async fn record_end(&self) -> RecordEnd {
        poll_fn(|cx| self.poll_record_end(cx.waker())).await
    }

    /// The next line that comes up or goes down, those that peers open too. A bounded number is
    /// kept for whoever asks late. `None` once the endpoint has ended.
    pub async fn line_event(&self) -> Option<LineEvent> {
        poll_fn(|cx| self.poll_line_event(cx.waker())).await
    }

    /// The next packet that came without a line: where from, as it says, and its length.
    ///
    /// # Errors
    /// If `buf` is too short, and the packet stays, or the endpoint has ended.
    pub async fn recv_anon(&self, buf: &mut [u8]) -> io::Result<(SocketAddr, usize)> {
        poll_fn(|cx| self.poll_recv_anon(buf, cx.waker())).await
    }

    /// The next thing that should be kept for the next start, and given back there by
    /// [`Endpoint::restore`]. If nobody asks, the newest under each key waits. `None` once the
    /// endpoint has ended and everything was taken.
    pub async fn need(&self) -> Option<Need> {
        poll_fn(|cx| self.poll_need(cx.waker())).await
    }

    /// Ends the endpoint: what was written is delivered, lines close with code 0, peers are told,
    /// the task ends and its sockets close. After `within` it ends in any case.
    pub async fn shutdown(&self, within: Duration) {
        self.shut_down(within);
        poll_fn(|cx| self.poll_ended(cx.waker())).await;
    }
}

impl<S> fmt::Debug for Endpoint<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({:?})", self.addresses)
    }
}

/// Asks for a line and holds it for the handle that is made of it.
fn ask(
    driver: &mut Driver,
    now: Time,
    local: Hashname,
    ticket: &Ticket,
) -> Result<(LineId, Arc<Who>), ConnectError> {
    check_space(driver, local, ticket)?;
    let line = driver
        .switch_mut()
        .connect(now, local, &ticket.key, &ticket.addresses)?;
    let who = driver.hold_asked(line);
    Ok((line, who.expect("a line that was just asked for is there")))
}

/// A ticket is of use to a member of its own space only.
fn check_space(driver: &Driver, local: Hashname, ticket: &Ticket) -> Result<(), ConnectError> {
    if driver.is_ending() {
        return Err(ConnectError::Ended);
    }
    let installed = driver
        .switch()
        .installed()
        .find(|one| one.hashname == local);
    let space = installed.ok_or(ConnectError::NotInstalled)?.space;
    if space != ticket.space_id() {
        return Err(ConnectError::OtherSpace);
    }
    Ok(())
}

/// A new secret key, from the operating system's randomness.
///
/// # Errors
/// If the operating system has none.
pub fn fresh_secret() -> io::Result<SecretKey> {
    Ok(SecretKey::from_bytes(&*random()?))
}

fn random() -> io::Result<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}
