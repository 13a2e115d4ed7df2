//! One end under mio, whose loop does nothing else.

use std::{
    collections::BTreeMap,
    io::{self, Read as _, Write as _},
    time::Instant,
};

use hydroid_core::identity::Ticket;
use hydroid_mio::{Endpoint, Event, Stream};
use mio::{Events, Interest, Poll, Token};

use super::{ECHO, Outcome, PIECE, SMALL, Work, config, somebody, told};

/// An endpoint and the poll that watches it alone.
struct Loop {
    endpoint: Endpoint,
    poll: Poll,
    ready: Events,
}

impl Loop {
    fn new() -> Outcome<Self> {
        let mut endpoint = Endpoint::bind(config()?)?;
        let (poll, ready) = (Poll::new()?, Events::with_capacity(8));
        let registry = poll.registry();
        registry.register(&mut endpoint, Token(0), Interest::READABLE)?;
        Ok(Self {
            endpoint,
            poll,
            ready,
        })
    }

    fn step(&mut self) -> io::Result<()> {
        self.poll.poll(&mut self.ready, self.endpoint.timeout())?;
        self.endpoint.turn()
    }

    /// Steps until a call has something else to say than that it would block.
    fn wait<T>(&mut self, mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        loop {
            match call() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            self.step()?;
            while self.endpoint.next_event().is_some() {}
        }
    }

    fn write(&mut self, stream: &mut Stream, mut data: &[u8]) -> io::Result<()> {
        while !data.is_empty() {
            let written = self.wait(|| stream.write(data))?;
            data = &data[written..];
        }
        Ok(())
    }

    fn read(&mut self, stream: &mut Stream, buf: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while filled < buf.len() {
            match self.wait(|| stream.read(&mut buf[filled..]))? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => filled += read,
            }
        }
        Ok(())
    }
}

/// A stream that a peer opened, and what is to be sent back.
struct Served {
    stream: Stream,
    held: Vec<u8>,
    echo: bool,
}

pub(super) fn take() -> Outcome<()> {
    let mut own = Loop::new()?;
    let (secret, space) = somebody()?;
    own.endpoint.install(&secret, &space)?;
    let addresses = own.endpoint.local_addresses();
    println!("{}", Ticket::new(secret.public(), space, &addresses, None));
    let mut streams = BTreeMap::new();
    let mut buf = vec![0; 1 << 18];
    loop {
        own.step()?;
        while let Some(event) = own.endpoint.next_event() {
            while let Some(stream) = own.endpoint.accept() {
                let (held, echo) = (Vec::new(), stream.head().as_deref() == Some(ECHO));
                streams.insert(stream.id(), Served { stream, held, echo });
            }
            if let Event::Readable(id) | Event::Writable(id) = event
                && let Some(served) = streams.get_mut(&id)
                && served.serve(&mut buf).is_ok()
            {
                streams.remove(&id);
            }
        }
    }
}

impl Served {
    /// Until it would block, or is over.
    fn serve(&mut self, buf: &mut [u8]) -> io::Result<()> {
        loop {
            while !self.held.is_empty() {
                let written = self.stream.write(&self.held)?;
                self.held.drain(..written);
            }
            let read = self.stream.read(buf)?;
            if self.echo {
                self.held.extend_from_slice(&buf[..read]);
            } else if read == 0 {
                self.stream.write_all(b"!")?;
            }
            if read == 0 {
                return self.stream.finish();
            }
        }
    }
}

pub(super) fn give(ticket: &Ticket, work: &Work) -> Outcome<()> {
    let mut own = Loop::new()?;
    let (secret, space) = somebody()?;
    let begun = Instant::now();
    let me = own.endpoint.install(&secret, &space)?;
    let line = own.endpoint.connect(me, ticket)?;
    own.wait(|| line.up())?;
    told(begun)?;
    let begun = Instant::now();
    let mut stream = own.wait(|| line.open_stream("{}"))?;
    for _piece in 0..work.pieces() {
        own.write(&mut stream, &PIECE)?;
    }
    stream.finish()?;
    own.read(&mut stream, &mut [0])?;
    told(begun)?;
    let mut stream = own.wait(|| line.open_stream(ECHO))?;
    let mut buf = [0; SMALL];
    let begun = Instant::now();
    for _trip in 0..work.trips {
        own.write(&mut stream, &PIECE[..SMALL])?;
        own.read(&mut stream, &mut buf)?;
    }
    told(begun)?;
    Ok(())
}
