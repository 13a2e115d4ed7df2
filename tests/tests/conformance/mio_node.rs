//! hydroid-mio: what does not wait, tried again by the loop of `mio_loop`.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use hydroid_core::{
    identity::{Hashname, SecretKey, Space, Ticket},
    switch::{self, DownReason, LanEvent, LineEvent, LineId, Neighbour, Stats, Status},
};
use hydroid_mio::{Config, Endpoint};

use crate::{
    mio_loop::{Loop, Shared},
    node::{Line, Node, Shell, Stream},
};

pub(crate) const MIO: Shell = Shell { name: "mio", bind };

/// Something of the shell's and the loop that drives it.
struct Driven<T>(T, Arc<Shared>);

fn bind(secret: &SecretKey, space: &Space, switch: switch::Config) -> io::Result<Box<dyn Node>> {
    let endpoint = Endpoint::bind(Config {
        listen: vec![([127, 0, 0, 1], 0).into()],
        switch,
        ..Config::default()
    })?;
    let local = endpoint.install(secret, space).map_err(io::Error::other)?;
    Ok(Box::new((Loop::start(endpoint)?, local)))
}

impl Node for (Loop, Hashname) {
    fn addresses(&self) -> Vec<SocketAddr> {
        self.0.shared.lock().endpoint.local_addresses()
    }

    fn connect(&self, ticket: &Ticket) -> io::Result<Box<dyn Line>> {
        let line = self.0.shared.lock().endpoint.connect(self.1, ticket)?;
        self.0.shared.wait(|_| line.up())?;
        Ok(Box::new(Driven(line, Arc::clone(&self.0.shared))))
    }

    fn accept(&self) -> io::Result<Box<dyn Stream>> {
        let stream = self.0.shared.wait(|state| {
            let stream = state.endpoint.accept();
            stream.ok_or_else(|| state.none())
        })?;
        Ok(Box::new(Driven(stream, Arc::clone(&self.0.shared))))
    }

    fn line_event(&self) -> io::Result<LineEvent> {
        self.0.shared.wait(|state| {
            let event = state.lines.pop_front();
            event.ok_or_else(|| state.none())
        })
    }

    fn announce(&self, secret: &SecretKey) -> io::Result<()> {
        let state = self.0.shared.lock();
        let announced = state.endpoint.announce(self.1, secret);
        announced.map_err(io::Error::other)
    }

    fn hush(&self) -> io::Result<()> {
        let state = self.0.shared.lock();
        state.endpoint.hush(self.1).map_err(io::Error::other)
    }

    fn neighbours(&self) -> Vec<Neighbour> {
        self.0.shared.lock().endpoint.neighbours(self.1)
    }

    fn lan_event(&self) -> io::Result<LanEvent> {
        self.0.shared.wait(|state| {
            let event = state.lans.pop_front();
            event.ok_or_else(|| state.none())
        })
    }

    fn stats(&self) -> Stats {
        self.0.shared.lock().endpoint.stats()
    }

    fn status(&self) -> Status {
        self.0.shared.lock().endpoint.status()
    }

    fn shutdown(&self, within: Duration) {
        self.0.shared.lock().endpoint.shutdown(within);
        let over = self.0.shared.wait(|state| Err::<(), _>(state.none()));
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
