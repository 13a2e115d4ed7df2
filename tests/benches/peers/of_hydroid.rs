//! Ours, as it comes, under the runtimes that have tasks.

use hydroid_async_std::AsyncStd;
use hydroid_core::{
    driver::shell::{Config, Endpoint, Line, Runtime, fresh_secret},
    identity::{Hashname, Space, Ticket},
};
use hydroid_tokio::Tokio;

use super::{
    Outcome, ends,
    net::{Net, Under},
    under,
};

/// Bytes of the largest datagram that quinn tries as it comes.
const QUINN_BYTES: u16 = 1_452;

/// Both ends.
pub(super) struct Hydroid<S> {
    dialling: Endpoint<S>,
    dialled: Endpoint<S>,
    with: With,
}

/// Who dials whom.
pub(super) struct With {
    pub(super) ticket: Ticket,
    /// Between two identities there is one line.
    pub(super) identities: Vec<Hashname>,
}

impl With {
    /// Installs everybody at the end that dials and at the one that is dialled.
    pub(super) fn install<S>(
        dialling: &Endpoint<S>,
        dialled: &Endpoint<S>,
        at_once: usize,
    ) -> Outcome<Self> {
        let (secret, space) = (fresh_secret()?, Space::open("bench")?);
        dialled.install(&secret, &space)?;
        let identities = (0..at_once).map(|_| Ok(dialling.install(&fresh_secret()?, &space)?));
        Ok(Self {
            identities: identities.collect::<Outcome<_>>()?,
            ticket: Ticket::new(secret.public(), space, &dialled.local_addresses(), None),
        })
    }
}

/// An endpoint whose packets are `free` or not.
pub(super) fn config(free: bool) -> Outcome<Config> {
    let mut config = ends::config()?;
    if !free {
        config.switch.life.datagram_most_bytes = QUINN_BYTES;
    }
    Ok(config)
}

/// A message as a packet: it begins with the length of its head, and has none.
pub(super) fn packet(message: &[u8]) -> ([u8; 512], usize) {
    let mut packet = [0; 512];
    packet[2..2 + message.len()].copy_from_slice(message);
    (packet, message.len() + 2)
}

/// A shell with tasks, and its halves of a stream.
pub(super) trait Halves: Runtime {
    type Write: Send + 'static;
    type Read: Send + 'static;
    type Under: Under<Self::Write, Self::Read>;

    fn halves(stream: Self::Stream) -> (Line<Self>, Self::Write, Self::Read);
}

impl Halves for Tokio {
    type Write = hydroid_tokio::WriteHalf;
    type Read = hydroid_tokio::ReadHalf;
    type Under = under::Tokio;

    fn halves(stream: Self::Stream) -> (Line<Self>, Self::Write, Self::Read) {
        let line = stream.line().clone();
        let (read, write) = stream.split();
        (line, write, read)
    }
}

impl Halves for AsyncStd {
    type Write = hydroid_async_std::WriteHalf;
    type Read = hydroid_async_std::ReadHalf;
    type Under = under::AsyncStd;

    fn halves(stream: Self::Stream) -> (Line<Self>, Self::Write, Self::Read) {
        let line = stream.line().clone();
        let (read, write) = stream.split();
        (line, write, read)
    }
}

impl<S: Halves> Net for Hydroid<S>
where
    S::Stream: Send,
{
    type Line = Line<S>;
    type Write = S::Write;
    type Read = S::Read;
    type Under = S::Under;

    fn new(at_once: usize, free: bool) -> Outcome<Self> {
        let (dialling, dialled) = (
            Endpoint::bind(config(free)?)?,
            Endpoint::bind(config(free)?)?,
        );
        let with = With::install(&dialling, &dialled, at_once)?;
        Ok(Self {
            dialling,
            dialled,
            with,
        })
    }

    async fn dial(&self, place: usize) -> Outcome<Line<S>> {
        let local = self.with.identities[place];
        Ok(self.dialling.connect(local, &self.with.ticket).await?)
    }

    async fn close(line: &Line<S>) {
        line.close(0, "");
        line.closed().await;
    }

    async fn open(&self, line: &Line<S>) -> Outcome<(S::Write, S::Read)> {
        let (_, write, read) = S::halves(line.open_stream("{}").await?);
        Ok((write, read))
    }

    async fn take(&self) -> Outcome<(Line<S>, S::Write, S::Read)> {
        Ok(S::halves(self.dialled.accept().await.ok_or("a stream")?))
    }

    async fn say(line: &Line<S>, message: &[u8]) -> Outcome<()> {
        let (packet, len) = packet(message);
        Ok(line.send_wait(&packet[..len]).await?)
    }

    async fn hear(line: &Line<S>) -> Outcome<()> {
        line.recv(&mut [0; 2048]).await?;
        Ok(())
    }
}
