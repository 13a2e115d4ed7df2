//! hydroid-async-std: its threads drive every node of the process.

use std::{
    future::poll_fn,
    io::{self, Read, Write},
    net::SocketAddr,
    pin::Pin,
    time::Duration,
};

use async_std::{
    future::timeout,
    io::{ReadExt as _, Write as _, WriteExt as _},
    task::block_on,
};
use hydroid_async_std::{Config, Endpoint};
use hydroid_core::{
    identity::{Hashname, SecretKey, Space, Ticket},
    switch::{self, DownReason, LanEvent, LineEvent, LineId, Neighbour, Stats, Status},
};

use crate::node::{Line, Node, Shell, Stream};

pub(crate) const ASYNC_STD: Shell = Shell {
    name: "async_std",
    bind,
};

/// Something of the shell's.
struct Own<T>(T);

fn bind(secret: &SecretKey, space: &Space, switch: switch::Config) -> io::Result<Box<dyn Node>> {
    let endpoint = Endpoint::bind(Config {
        listen: vec![([127, 0, 0, 1], 0).into()],
        switch,
        ..Config::default()
    })?;
    let local = endpoint.install(secret, space).map_err(io::Error::other)?;
    Ok(Box::new(Own((endpoint, local))))
}

impl Node for Own<(Endpoint, Hashname)> {
    fn addresses(&self) -> Vec<SocketAddr> {
        self.0.0.local_addresses()
    }

    fn connect(&self, ticket: &Ticket) -> io::Result<Box<dyn Line>> {
        let (endpoint, local) = &self.0;
        Ok(Box::new(Own(block_on(endpoint.connect(*local, ticket))?)))
    }

    fn accept(&self) -> io::Result<Box<dyn Stream>> {
        let stream = block_on(self.0.0.accept());
        Ok(Box::new(Own(stream.ok_or(io::ErrorKind::NotConnected)?)))
    }

    fn line_event(&self) -> io::Result<LineEvent> {
        Ok(block_on(self.0.0.line_event()).ok_or(io::ErrorKind::NotConnected)?)
    }

    fn announce(&self, secret: &SecretKey) -> io::Result<()> {
        let (endpoint, local) = &self.0;
        endpoint.announce(*local, secret).map_err(io::Error::other)
    }

    fn hush(&self) -> io::Result<()> {
        let (endpoint, local) = &self.0;
        endpoint.hush(*local).map_err(io::Error::other)
    }

    fn neighbours(&self) -> Vec<Neighbour> {
        self.0.0.neighbours(self.0.1)
    }

    fn lan_event(&self) -> io::Result<LanEvent> {
        Ok(block_on(self.0.0.lan_event()).ok_or(io::ErrorKind::NotConnected)?)
    }

    fn stats(&self) -> Stats {
        self.0.0.stats()
    }

    fn status(&self) -> Status {
        self.0.0.status()
    }

    fn shutdown(&self, within: Duration) {
        block_on(self.0.0.shutdown(within));
    }
}

impl Line for Own<hydroid_async_std::Line> {
    fn id(&self) -> LineId {
        self.0.id()
    }

    fn open(&self, head: &str) -> io::Result<Box<dyn Stream>> {
        let stream = block_on(self.0.open_stream(head));
        Ok(Box::new(Own(stream.map_err(io::Error::other)?)))
    }

    fn send(&self, packet: &[u8]) -> io::Result<()> {
        self.0.send(packet)
    }

    fn recv(&self, buf: &mut [u8], within: Duration) -> io::Result<usize> {
        let received = block_on(timeout(within, self.0.recv(buf)));
        received.map_err(|_late| io::ErrorKind::TimedOut)?
    }

    fn close(&self, code: u64, reason: &str) {
        self.0.close(code, reason);
    }

    fn closed(&self) -> DownReason {
        block_on(self.0.closed())
    }
}

impl Stream for Own<hydroid_async_std::Stream> {
    fn head(&mut self) -> io::Result<String> {
        block_on(self.0.peer_head())
    }

    fn answer(&mut self, head: &str) -> io::Result<()> {
        self.0.answer(head)
    }

    fn end(&mut self) -> io::Result<()> {
        block_on(poll_fn(|cx| Pin::new(&mut self.0).poll_close(cx)))
    }

    fn finished(&mut self) -> io::Result<()> {
        block_on(self.0.finished())
    }

    fn reset(&mut self, code: u64) {
        self.0.reset(code);
    }

    fn stop(&mut self, code: u64) {
        self.0.stop(code);
    }
}

impl Read for Own<hydroid_async_std::Stream> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        block_on(self.0.read(buf))
    }
}

impl Write for Own<hydroid_async_std::Stream> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        block_on(self.0.write(data))
    }

    fn flush(&mut self) -> io::Result<()> {
        block_on(self.0.flush())
    }
}
