//! A switch behind sockets.

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use hydroid_core::{
    base::{Seed, Time},
    driver::{Driver, Wait},
    identity::{Hashname, SecretKey, Space, Ticket},
    switch::{
        DownReason, InstallError, Interface, LineEvent, LineId, LineState, Peer, SocketId, Stats,
        Status, Switch,
    },
};

use crate::{
    Config, ConnectError, Line, Stream,
    shared::{Handle, Shared},
    sockets::Sockets,
    task,
};

/// A switch behind one or more UDP sockets. Clones are the same endpoint.
#[derive(Clone, Debug)]
pub struct Endpoint {
    handle: Arc<Handle>,
    addresses: Arc<[SocketAddr]>,
}

impl Endpoint {
    /// Binds the sockets and starts the task, in the tokio runtime that this is called in.
    ///
    /// # Errors
    /// If there is no runtime, an address cannot be bound, or the config is illegal.
    pub fn bind(config: Config) -> io::Result<Self> {
        let runtime = tokio::runtime::Handle::try_current().map_err(io::Error::other)?;
        let _context = runtime.enter();
        let seed = config.seed.map_or_else(fresh_seed, Ok)?;
        let mut switch = Switch::new(config.switch, &seed).map_err(io::Error::other)?;
        let sockets = Sockets::bind(&config.listen, config.socket_buffer_bytes as usize)?;
        let addresses: Arc<[_]> = sockets.addresses().collect();
        let interfaces: Vec<_> = (0..)
            .map(SocketId)
            .zip(addresses.iter())
            .map(|(socket, &local)| Interface { socket, local })
            .collect();
        switch.handle_network_change(Time::ZERO, &interfaces);
        let driver = Driver::new(switch, config.driver);
        let shared = Arc::new(Shared::new(driver, Instant::now()));
        runtime.spawn(task::run(Arc::clone(&shared), sockets, config.linger));
        let handle = Arc::new(Handle { shared });
        Ok(Self { handle, addresses })
    }

    /// The addresses of the sockets. An unspecified one stands for every address of its family.
    pub fn local_addresses(&self) -> Vec<SocketAddr> {
        self.addresses.to_vec()
    }

    /// Installs an identity as a member of `space`: the switch answers for it from now on.
    ///
    /// # Errors
    /// As [`Switch::install`]; an endpoint that has ended is full.
    pub fn install(&self, secret: SecretKey, space: &Space) -> Result<Hashname, InstallError> {
        self.handle
            .shared
            .command(|driver, now| driver.switch_mut().install(now, secret, space))
            .unwrap_or(Err(InstallError::Full))
    }

    /// A line from the installed `local` to the member whom `ticket` names, once it is up; an
    /// existing one is given again. Dropping the future gives the attempt up.
    ///
    /// # Errors
    /// See [`ConnectError`]; `Unreachable` comes after the time that the config of the switch gives
    /// a handshake.
    pub async fn connect(&self, local: Hashname, ticket: &Ticket) -> Result<Line, ConnectError> {
        let id = self
            .handle
            .shared
            .command(|driver, now| ask(driver, now, local, ticket))??;
        let peer = Peer {
            hashname: ticket.hashname(),
            key: ticket.key,
        };
        let line = Line::new(Arc::clone(&self.handle), id, peer);
        poll_fn(|cx| {
            self.handle.shared.attempt(|driver, _| {
                let state = driver.switch().line(id).map(|line| line.state);
                if state == Some(LineState::Up) {
                    return Poll::Ready(Ok(()));
                }
                if state == Some(LineState::Connecting) {
                    driver.waiters().register(Wait::Line(id), cx.waker());
                    return Poll::Pending;
                }
                let down = driver.line(id).and_then(|line| line.down.clone());
                Poll::Ready(Err(down.unwrap_or(DownReason::Local).into()))
            })
        })
        .await
        .map_err(ConnectError::from)
        .flatten()
        .map(|()| line)
    }

    /// The next stream that any peer opened; its head is there. `None` once the endpoint ends.
    pub async fn accept(&self) -> Option<Stream> {
        let attempt = |cx: &mut std::task::Context<'_>| {
            self.handle.shared.attempt(|driver, _| {
                if driver.is_ending() {
                    return Poll::Ready(None);
                }
                let Some(id) = driver.accept() else {
                    driver.waiters().register(Wait::Accept, cx.waker());
                    return Poll::Pending;
                };
                let peer = driver.line(id.line).and_then(|line| line.peer);
                let head = driver.switch().stream_head(id).map(String::from);
                Poll::Ready(peer.map(|peer| (id, peer, head)))
            })
        };
        let (id, peer, head) = poll_fn(attempt).await.ok()??;
        let line = Line::new(Arc::clone(&self.handle), id.line, peer);
        Some(Stream::new(line, id, head))
    }

    /// The next line that comes up or goes down, those that peers open too. A bounded number is
    /// kept for whoever asks late. `None` once the endpoint has ended.
    pub async fn line_event(&self) -> Option<LineEvent> {
        poll_fn(|cx| {
            self.handle.shared.attempt_late(|driver, _| {
                if let Some(event) = driver.next_line_event() {
                    return Poll::Ready(event);
                }
                driver.waiters().register(Wait::LineEvent, cx.waker());
                Poll::Pending
            })
        })
        .await
        .ok()
    }

    /// Ends the endpoint: what was written is delivered, lines close with code 0, peers are told,
    /// the task ends and its sockets close. After `within` it ends in any case.
    pub async fn shutdown(&self, within: Duration) {
        let within_us = u64::try_from(within.as_micros()).unwrap_or(u64::MAX);
        let shared = &self.handle.shared;
        let begun = shared.command(|driver, now| driver.shut_down(now, within_us));
        if begun.is_err() {
            return;
        }
        let _ended = poll_fn(|cx| {
            shared.attempt::<()>(|driver, _| {
                driver.waiters().register(Wait::Ended, cx.waker());
                Poll::Pending
            })
        })
        .await;
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

/// Asks for a line and holds it for the handle that is made of it.
fn ask(
    driver: &mut Driver,
    now: Time,
    local: Hashname,
    ticket: &Ticket,
) -> Result<LineId, ConnectError> {
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
    let line = driver
        .switch_mut()
        .connect(now, local, &ticket.key, &ticket.addresses)?;
    driver.hold_asked(line);
    Ok(line)
}

fn fresh_seed() -> io::Result<Seed> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(Seed::new(bytes))
}
