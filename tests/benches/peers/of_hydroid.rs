//! Ours, as it comes.

use hydroid_core::identity::{Hashname, Space, Ticket};
use hydroid_tokio::{Config, Endpoint, Line, ReadHalf, WriteHalf, fresh_secret};

use super::{Outcome, net::Net};

pub(super) struct Hydroid {
    dialling: Endpoint,
    dialled: Endpoint,
    ticket: Ticket,
    /// Between two identities there is one line.
    identities: Vec<Hashname>,
}

/// An endpoint on loopback with these changes of its config.
pub(super) fn endpoint(change: impl FnOnce(&mut Config)) -> Outcome<Endpoint> {
    let mut config = Config {
        listen: vec!["127.0.0.1:0".parse()?],
        ..Config::default()
    };
    // All come from one address, of which nobody would take so many otherwise.
    let opens = 1_000_000;
    config.switch.line.opens_per_second = opens;
    config.switch.line.opens_burst = opens;
    config.switch.line.opens_per_prefix_per_second = opens;
    change(&mut config);
    Ok(Endpoint::bind(config)?)
}

impl Net for Hydroid {
    type Line = Line;
    type Write = WriteHalf;
    type Read = ReadHalf;

    fn new(at_once: usize) -> Outcome<Self> {
        let (dialling, dialled) = (endpoint(|_| ())?, endpoint(|_| ())?);
        let (secret, space) = (fresh_secret()?, Space::open("bench")?);
        dialled.install(&secret, &space)?;
        let identities = (0..at_once).map(|_| Ok(dialling.install(&fresh_secret()?, &space)?));
        Ok(Self {
            identities: identities.collect::<Outcome<_>>()?,
            ticket: Ticket::new(secret.public(), space, &dialled.local_addresses(), None),
            dialling,
            dialled,
        })
    }

    async fn dial(&self, place: usize) -> Outcome<Line> {
        let local = self.identities[place];
        Ok(self.dialling.connect(local, &self.ticket).await?)
    }

    async fn close(line: &Line) {
        line.close(0, "");
        line.closed().await;
    }

    async fn open(&self, line: &Line) -> Outcome<(WriteHalf, ReadHalf)> {
        let (read, write) = line.open_stream("{}").await?.split();
        Ok((write, read))
    }

    async fn take(&self) -> Outcome<(Line, WriteHalf, ReadHalf)> {
        let stream = self.dialled.accept().await.ok_or("a stream")?;
        let line = stream.line().clone();
        let (read, write) = stream.split();
        Ok((line, write, read))
    }

    async fn say(line: &Line, message: &[u8]) -> Outcome<()> {
        // A message begins with the length of its head; it has none.
        let mut packet = [0; 512];
        let packet = packet
            .get_mut(..message.len() + 2)
            .ok_or("a short message")?;
        packet[2..].copy_from_slice(message);
        Ok(line.send_wait(packet).await?)
    }

    async fn hear(line: &Line) -> Outcome<()> {
        line.recv(&mut [0; 2048]).await?;
        Ok(())
    }
}
