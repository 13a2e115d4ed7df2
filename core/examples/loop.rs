//! A switch in a hand-written loop over one blocking UDP socket: the whole contract between a
//! switch and its shell, with no runtime and no other crate of ours.
//!
//! `loop listen` prints a ticket and answers every stream with what comes in it; `loop TICKET TEXT`
//! sends a text to it and prints the answer.
#![allow(
    clippy::disallowed_types,
    reason = "an example is a shell, and time comes in from there"
)]

use std::{
    env,
    error::Error,
    io::{self, Write as _},
    net::{SocketAddr, UdpSocket},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use hydroid_core::{
    base::{Seed, Time, Wall},
    identity::{SecretKey, Space, Ticket},
    switch::{
        Config, Ecn, Event, Interface, LineEvent, Meta, Path, Read, SocketId, StreamEvent, Switch,
    },
};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// The only socket there is.
const SOCKET: SocketId = SocketId(0);

struct Shell {
    socket: UdpSocket,
    switch: Switch,
    start: Instant,
    /// What the dialling side sends; the listening side sends back what comes.
    text: Option<String>,
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let ticket: Option<Ticket> = match arguments.first().map(String::as_str) {
        Some("listen") => None,
        Some(ticket) => Some(ticket.parse()?),
        None => return Err("usage: loop listen | loop TICKET TEXT".into()),
    };
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let local = socket.local_addr()?;
    let mut config = Config::default();
    // Nobody told the system not to cut datagrams, so a large one that arrives proves nothing.
    config.life.datagram_most_bytes = config.life.datagram_bytes;
    let mut shell = Shell {
        socket,
        switch: Switch::new(config, &Seed::new(random()?))?,
        start: Instant::now(),
        text: ticket.as_ref().and_then(|_| arguments.get(1).cloned()),
    };
    shell.begin(local, ticket)?;
    while shell.turn()? {}
    Ok(())
}

impl Shell {
    /// What a switch must be told first: the wall time, its sockets, who it is.
    fn begin(&mut self, local: SocketAddr, ticket: Option<Ticket>) -> Outcome<()> {
        let wall_ms = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        let now = self.now();
        self.switch.handle_clock(now, Wall::from_ms(wall_ms as u64));
        let interface = Interface {
            socket: SOCKET,
            local,
        };
        self.switch.handle_network_change(now, &[interface]);
        let secret = SecretKey::from_bytes(&random()?);
        let space = Space::open("loop")?;
        let me = self.switch.install(now, &secret, &space)?;
        if let Some(to) = ticket {
            self.switch.connect(now, me, &to.key, &to.addresses)?;
        } else {
            let ticket = Ticket::new(secret.public(), space, &[local], None);
            println!("{ticket}");
        }
        Ok(())
    }

    /// One turn: everything out, then one datagram or a deadline in. False when all is done.
    fn turn(&mut self) -> Outcome<bool> {
        let mut buf = [0; 65_535];
        while let Some(transmit) = self.switch.poll_transmit(self.now(), &mut buf) {
            for datagram in buf[..transmit.len].chunks(transmit.segment) {
                // A datagram that the system does not take is a lost one.
                let _lost = self.socket.send_to(datagram, transmit.path.remote);
            }
        }
        while let Some(event) = self.switch.poll_event() {
            if !self.on_event(&event)? {
                return Ok(false);
            }
        }
        while self.switch.poll_need().is_some() {}

        let now = self.now();
        let due = self.switch.poll_timeout().map(|deadline| deadline.at);
        if due.is_some_and(|due| due <= now) {
            self.switch.handle_timeout(now);
            return Ok(true);
        }
        let wait = due.map(|due| Duration::from_micros(due.since_us(now)));
        self.socket.set_read_timeout(wait)?;
        match self.socket.recv_from(&mut buf) {
            Ok((len, from)) => {
                let path = Path::to(from);
                let (ecn, stride) = (Ecn::None, len);
                let meta = Meta {
                    socket: SOCKET,
                    path,
                    interface: 0,
                    ecn,
                    stride,
                };
                self.switch
                    .handle_datagram(self.now(), &meta, &mut buf[..len]);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }

    /// False when the line that we asked for is over.
    fn on_event(&mut self, event: &Event) -> Outcome<bool> {
        let now = self.now();
        match event {
            Event::Line(LineEvent::Up {
                line, ours: true, ..
            }) => {
                let stream = self.switch.open_stream(now, *line, "{}")?;
                let text = self.text.clone().unwrap_or_default();
                // A text that is longer than the room would be gone on with at `Writable`.
                self.switch.write(now, stream, text.as_bytes())?;
                self.switch.finish(now, stream)?;
            }
            Event::Line(LineEvent::Down { reason, .. }) if self.text.is_some() => {
                eprintln!("{reason}");
                return Ok(false);
            }
            Event::Stream(StreamEvent::Readable { stream }) => {
                let mut buf = [0; 4096];
                while let Ok(read) = self.switch.read(now, *stream, &mut buf) {
                    match (read, &self.text) {
                        (Read::Bytes(len), Some(_)) => io::stdout().write_all(&buf[..len])?,
                        (Read::End, Some(_)) => self.switch.close(now, stream.line, 0, "")?,
                        (Read::Bytes(len), None) => {
                            self.switch.write(now, *stream, &buf[..len])?;
                        }
                        (Read::End, None) => self.switch.finish(now, *stream)?,
                    }
                    if read == Read::End {
                        break;
                    }
                }
            }
            Event::Line(_) | Event::Stream(_) | _ => {}
        }
        Ok(true)
    }

    fn now(&self) -> Time {
        Time::from_us(self.start.elapsed().as_micros() as u64)
    }
}

fn random() -> Outcome<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}
