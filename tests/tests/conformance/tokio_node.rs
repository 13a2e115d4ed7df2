//! hydroid-tokio: a runtime of one worker a node.

use std::{
    io::{self, Read, Write},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use hydroid_core::{
    identity::{Hashname, SecretKey, Space, Ticket},
    switch::{self, DownReason, LanEvent, LineEvent, LineId, Neighbour, Stats, Status},
};
use hydroid_tokio::{Config, Endpoint};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    runtime::{Builder, Runtime},
    time::timeout,
};

use crate::node::{Line, Node, Shell, Stream};

pub(crate) const TOKIO: Shell = Shell {
    name: "tokio",
    bind,
};

/// Something of the shell's and the runtime that drives it.
struct Driven<T>(T, Arc<Runtime>);

fn bind(secret: &SecretKey, space: &Space, switch: switch::Config) -> io::Result<Box<dyn Node>> {
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).enable_all().build()?;
    let config = Config {
        listen: vec![([127, 0, 0, 1], 0).into()],
        switch,
        ..Config::default()
    };
    let endpoint = runtime.block_on(async { Endpoint::bind(config) })?;
    let local = endpoint.install(secret, space).map_err(io::Error::other)?;
    Ok(Box::new(Driven((endpoint, local), Arc::new(runtime))))
}

impl Node for Driven<(Endpoint, Hashname)> {
    fn addresses(&self) -> Vec<SocketAddr> {
        self.0.0.local_addresses()
    }

    fn connect(&self, ticket: &Ticket) -> io::Result<Box<dyn Line>> {
        let (endpoint, local) = &self.0;
        let line = self.1.block_on(endpoint.connect(*local, ticket));
        Ok(Box::new(Driven(line?, Arc::clone(&self.1))))
    }

    fn accept(&self) -> io::Result<Box<dyn Stream>> {
        let stream = self.1.block_on(self.0.0.accept());
        let stream = stream.ok_or(io::ErrorKind::NotConnected)?;
        Ok(Box::new(Driven(stream, Arc::clone(&self.1))))
    }

    fn line_event(&self) -> io::Result<LineEvent> {
        let event = self.1.block_on(self.0.0.line_event());
        event.ok_or_else(|| io::ErrorKind::NotConnected.into())
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
        let event = self.1.block_on(self.0.0.lan_event());
        event.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    fn stats(&self) -> Stats {
        self.0.0.stats()
    }

    fn status(&self) -> Status {
        self.0.0.status()
    }

    fn shutdown(&self, within: Duration) {
        self.1.block_on(self.0.0.shutdown(within));
    }
}

impl Line for Driven<hydroid_tokio::Line> {
    fn id(&self) -> LineId {
        self.0.id()
    }

    fn open(&self, head: &str) -> io::Result<Box<dyn Stream>> {
        let stream = self.1.block_on(self.0.open_stream(head));
        Ok(Box::new(Driven(
            stream.map_err(io::Error::other)?,
            Arc::clone(&self.1),
        )))
    }

    fn send(&self, packet: &[u8]) -> io::Result<()> {
        self.0.send(packet)
    }

    fn recv(&self, buf: &mut [u8], within: Duration) -> io::Result<usize> {
        self.1
            .block_on(async { timeout(within, self.0.recv(buf)).await })?
    }

    fn close(&self, code: u64, reason: &str) {
        self.0.close(code, reason);
    }

    fn closed(&self) -> DownReason {
        self.1.block_on(self.0.closed())
    }
}

impl Stream for Driven<hydroid_tokio::Stream> {
    fn head(&mut self) -> io::Result<String> {
        self.1.block_on(self.0.peer_head())
    }

    fn answer(&mut self, head: &str) -> io::Result<()> {
        self.0.answer(head)
    }

    fn end(&mut self) -> io::Result<()> {
        self.1.block_on(self.0.shutdown())
    }

    fn finished(&mut self) -> io::Result<()> {
        self.1.block_on(self.0.finished())
    }

    fn reset(&mut self, code: u64) {
        self.0.reset(code);
    }

    fn stop(&mut self, code: u64) {
        self.0.stop(code);
    }
}

impl Read for Driven<hydroid_tokio::Stream> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.1.block_on(self.0.read(buf))
    }
}

impl Write for Driven<hydroid_tokio::Stream> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.1.block_on(self.0.write(data))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.1.block_on(self.0.flush())
    }
}
