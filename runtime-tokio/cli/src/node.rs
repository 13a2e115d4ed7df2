//! The program's switch. Only this file touches the library's endpoint.

pub(crate) mod member;
pub(crate) mod space;

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use data_encoding::HEXLOWER;
use hydroid_core::{
    identity::{
        Admission, Hashname, PublicKey, Refusal, SecretKey, Space, SpaceId, SpaceRef, Ticket, Token,
    },
    switch::{DownReason, LineEvent, LineId, Need, RestoreError},
};
use hydroid_tokio::{Config, ConnectError, Endpoint, Unrecorded};
pub(crate) use hydroid_tokio::{Line, RecordEnd, Stream};
use tokio::{
    io::AsyncWriteExt as _,
    time::{sleep, timeout},
};

use crate::{
    addresses,
    exit::{Exit, Failure},
    transfer::heads::{self, Answer, Request, Why},
};

/// The space that the program's members meet in.
const SPACE: &str = "hydroid";

/// How long a line may take where the command line says nothing else.
pub(crate) const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// What a peer is told that comes when as many as are served at once are served.
pub(crate) const BUSY: &str = "too many files at once; try again later";

/// How long after an attempt that nobody answered the next one begins.
const REDIAL_AFTER: Duration = Duration::from_millis(200);

/// How long an acceptor may take to answer a head: it may be asking a slow disk.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// How long the last bytes of a stream may take to arrive.
pub(crate) const LAST_BYTES: Duration = Duration::from_secs(2);

/// A silent peer is asked after this long whether it is still there: somebody sits and waits.
const KEEP_ALIVE_MS: u64 = 2_000;

/// How far the file of a tape may be behind, beyond which the tape ends.
const TAPE_BUFFER_BYTES: u64 = 64 << 20;

/// A peer that was silent for this long is gone.
const IDLE_TIMEOUT_MS: u64 = 10_000;

/// A switch with one key, in one space or several.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    endpoint: Endpoint,
    key: PublicKey,
    /// That of the tickets which nobody asks for another.
    space: SpaceRef,
    /// Our end and the other of each line that is up, as far as its events were asked for.
    lines: Arc<Mutex<Ends>>,
}

type Ends = BTreeMap<LineId, (Hashname, PublicKey)>;

/// Where a switch is to listen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listen {
    /// The address; otherwise every interface.
    pub(crate) address: Option<SocketAddr>,
    /// The port, unless the address has one; if it is taken, any.
    pub(crate) port: Option<u16>,
    /// The interfaces whose local networks are used, once anybody is announced; all, if none.
    pub(crate) interfaces: Vec<String>,
}

impl Listen {
    /// Listens at this address.
    pub(crate) fn at(address: Option<SocketAddr>) -> Self {
        Self {
            address,
            ..Self::default()
        }
    }
}

/// Where all that a switch does is to be written down.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    pub(crate) file: PathBuf,
    /// Even if there is one of this name.
    pub(crate) replace: bool,
}

/// The space that the program's members meet in.
pub(crate) fn space() -> Space {
    Space::open(SPACE).expect("the name of the program's space is legal")
}

/// Reads a ticket.
///
/// # Errors
/// [`Failure`] of usage that says what is wrong with it.
pub(crate) fn parse_ticket(text: &str) -> Result<Ticket, Failure> {
    let ticket: Ticket = text
        .trim()
        .parse()
        .map_err(|error| Failure::usage(format!("the ticket is malformed: {error}")))?;
    match &ticket.space {
        SpaceRef::Open(open) if *open != space() => Err(Failure::usage(format!(
            "the ticket is of another open space than {SPACE}"
        ))),
        // Whether we are a member of it, the home will tell.
        SpaceRef::Open(_) | SpaceRef::Id(_) => Ok(ticket),
    }
}

/// The closed space that a ticket is for; `None` if it is for the program's open one.
pub(crate) fn closed_space(ticket: &Ticket) -> Option<SpaceId> {
    Some(ticket.space_id()).filter(|id| *id != space().id())
}

impl Node {
    /// Binds the sockets and installs the identity, in the closed space or in the program's open
    /// one; needs a runtime around it.
    ///
    /// # Errors
    /// [`Failure`] if the address is taken or not ours, or the admission is of no use.
    pub(crate) fn start(
        listen: &Listen,
        secret: &SecretKey,
        closed: Option<&Admission>,
        recording: Option<&Recording>,
    ) -> Result<Self, Failure> {
        let node = Self {
            endpoint: bind(listen, recording)?,
            key: secret.public(),
            lines: Arc::default(),
            space: closed.map_or_else(
                || SpaceRef::Open(space()),
                |admission| SpaceRef::Id(admission.space().id()),
            ),
        };
        match closed {
            None => {
                let installed = node.endpoint.install(secret, &space());
                installed.map_err(|error| Failure::failed(error.to_string()))?;
            }
            Some(admission) => node.install(secret, admission)?,
        }
        Ok(node)
    }

    /// Who we are.
    pub(crate) const fn key(&self) -> PublicKey {
        self.key
    }

    /// The addresses that the sockets are bound to.
    pub(crate) fn local_addresses(&self) -> Vec<SocketAddr> {
        self.endpoint.local_addresses()
    }

    /// A ticket to us, with every address by which we may be reached.
    pub(crate) fn ticket(&self, token: &Token) -> Ticket {
        self.ticket_in(self.space.clone(), token)
    }

    /// The same in another of our spaces.
    pub(crate) fn ticket_in(&self, space: SpaceRef, token: &Token) -> Ticket {
        Ticket::new(
            self.key,
            space,
            &self.named_addresses(),
            Some(token.clone()),
        )
    }

    /// The addresses by which we may be reached.
    pub(crate) fn named_addresses(&self) -> Vec<SocketAddr> {
        addresses::to_name(&self.local_addresses(), &addresses::of_interfaces())
    }

    /// Opens a line within `time`.
    ///
    /// # Errors
    /// [`Failure`] if nobody with the ticket's key answers at its addresses.
    pub(crate) async fn connect(&self, ticket: &Ticket, time: Duration) -> Result<Line, Failure> {
        let places: Vec<_> = ticket.addresses.iter().map(SocketAddr::to_string).collect();
        let places = places.join(", ");
        match timeout(time, self.dial(ticket)).await {
            Ok(Ok(line)) => Ok(line),
            Ok(Err(ConnectError::Refused(refusal))) => {
                Err(self.kept_out(&ticket.space_id(), refusal))
            }
            Ok(Err(ConnectError::Down(DownReason::Revoked))) => {
                Err(self.kept_out(&ticket.space_id(), Refusal::Revoked))
            }
            Ok(Err(error)) => Err(Failure::unreachable(format!(
                "nobody with the ticket's key answers at {places}: {error}"
            ))),
            Err(_elapsed) => Err(Failure::unreachable(format!(
                "nobody with the ticket's key answered at {places} within {} s",
                time.as_secs_f64()
            ))),
        }
    }

    /// Dials until somebody answers: an attempt of the switch may end before the caller's time.
    async fn dial(&self, ticket: &Ticket) -> Result<Line, ConnectError> {
        let local = Hashname::of(&self.key, &ticket.space_id());
        loop {
            match self.endpoint.connect(local, ticket).await {
                Err(ConnectError::Unreachable) => sleep(REDIAL_AFTER).await,
                ended => return ended,
            }
        }
    }

    /// The next stream that a peer opens; `None` when the switch has ended.
    pub(crate) async fn accept(&self) -> Option<Stream> {
        self.endpoint.accept().await
    }

    /// The next line that comes up or goes down; `None` when the switch has ended.
    pub(crate) async fn line_event(&self) -> Option<LineEvent> {
        let event = self.endpoint.line_event().await;
        match &event {
            Some(LineEvent::Up {
                line, local, peer, ..
            }) => _ = self.lines().insert(*line, (*local, peer.key)),
            Some(LineEvent::Down { line, .. }) => _ = self.lines().remove(line),
            Some(_) | None => {}
        }
        event
    }

    fn lines(&self) -> MutexGuard<'_, Ends> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a line to whom the ticket names: opened again whenever it ends.
    ///
    /// # Errors
    /// [`Failure`] if there can be none.
    pub(crate) fn keep_line(&self, ticket: &Ticket) -> Result<(), Failure> {
        let local = Hashname::of(&self.key, &ticket.space_id());
        let kept = self.endpoint.keep_line(local, ticket);
        kept.map_err(|error| Failure::failed(error.to_string()))
    }

    /// The next thing that is to be kept for the next start, under its key; `None` when the switch
    /// has ended and everything was taken.
    pub(crate) async fn need(&self) -> Option<(String, Vec<u8>)> {
        loop {
            if let Need::Keep { key, bytes } = self.endpoint.need().await? {
                return Some((key, bytes));
            }
        }
    }

    /// Gives back what was kept.
    ///
    /// # Errors
    /// [`RestoreError`] if the switch can make nothing of it.
    pub(crate) fn restore(&self, key: &str, bytes: &[u8]) -> Result<(), RestoreError> {
        self.endpoint.restore(key, bytes)
    }

    /// How the recording of the switch ended, once it has; never if there is none.
    pub(crate) async fn record_end(&self) -> RecordEnd {
        self.endpoint.record_end().await
    }

    /// How many datagrams were dropped, by the reason: those reasons that there were.
    pub(crate) fn drops(&self) -> BTreeMap<&'static str, u64> {
        let stats = self.endpoint.stats();
        stats
            .drops()
            .map(|(why, count)| (why.code(), count))
            .collect()
    }

    /// Ends every line, and delivers what was written, for at most `time` and a moment.
    pub(crate) async fn stop(&self, time: Duration) {
        let _cut = timeout(time + time / 4, self.endpoint.shutdown(time)).await;
    }
}

/// Opens a stream and waits for the answer to its head.
///
/// # Errors
/// [`Failure`] if the answer is no, or none that means something, or does not come.
pub(crate) async fn ask(line: &Line, request: &Request) -> Result<(Stream, Answer), Failure> {
    let opened = timeout(ANSWER_WITHIN, line.open_stream(&heads::text(request))).await;
    let mut stream = opened
        .map_err(|_elapsed| no_answer("it takes no stream"))?
        .map_err(|error| Failure::unreachable(format!("the peer takes no stream: {error}")))?;
    let head = timeout(request.patience(), stream.peer_head())
        .await
        .map_err(|_elapsed| no_answer("it is silent"))?
        .map_err(|error| no_answer(&error.to_string()))?;
    let answer = serde_json::from_str(&head).map_err(|_unknown| {
        Failure::failed("the peer answers with something that means nothing to this version")
    })?;
    match answer {
        Answer::No { error, code } => Err(Failure::new(
            code.exit(),
            format!("the peer refuses: {error}"),
        )),
        Answer::Pong { .. } | Answer::File { .. } | Answer::Go { .. } => Ok((stream, answer)),
    }
}

fn no_answer(why: &str) -> Failure {
    Failure::unreachable(format!("the peer gave no answer: {why}"))
}

/// What a peer asks for by the head of its stream; `None` if it means nothing to us.
pub(crate) fn request(stream: &Stream) -> Option<Request> {
    serde_json::from_str(&stream.head()?).ok()
}

/// Answers a peer's head.
///
/// # Errors
/// [`Failure`] if the peer is gone.
pub(crate) fn answer(stream: &mut Stream, answer: &Answer) -> Result<(), Failure> {
    stream
        .answer(&heads::text(answer))
        .map_err(|error| Failure::unreachable(format!("the peer is gone: {error}")))
}

/// Answers a peer's head by no, and ends the stream; whoever does not fetch the answer holds
/// nothing up.
pub(crate) async fn turn_down(mut stream: Stream, why: Why, sentence: &str) {
    let no = Answer::No {
        error: sentence.into(),
        code: why,
    };
    if answer(&mut stream, &no).is_ok() {
        let _ended = stream.shutdown().await;
    }
}

/// Answers a ping, and ends the stream; as [`turn_down`].
pub(crate) async fn pong(mut stream: Stream, n: u64) {
    if answer(&mut stream, &Answer::Pong { pong: n }).is_ok() {
        let _ended = stream.shutdown().await;
    }
}

/// The token of a ticket for a head; empty where the ticket has none, which no peer accepts.
pub(crate) fn token_text(ticket: &Ticket) -> String {
    ticket
        .token
        .as_ref()
        .map_or_else(String::new, |token| HEXLOWER.encode(token.as_bytes()))
}

/// Ends our direction of a stream and waits until the peer has everything, within bounds.
pub(crate) async fn last_bytes(mut stream: Stream) {
    let delivered = async {
        let _ended = stream.shutdown().await;
        let _gone = stream.finished().await;
    };
    let _late = timeout(LAST_BYTES, delivered).await;
}

/// Binds the sockets; where the port that they had before is taken, on any.
fn bind(listen: &Listen, recording: Option<&Recording>) -> Result<Endpoint, Failure> {
    let config = |port: Option<u16>| {
        let mut config = Config::default();
        config.listen = listen
            .address
            .map_or(config.listen, |address| vec![address]);
        if let Some(port) = port {
            let free = config
                .listen
                .iter_mut()
                .filter(|address| address.port() == 0);
            free.for_each(|address| address.set_port(port));
        }
        config.switch.life.keep_alive_ms = KEEP_ALIVE_MS;
        config.switch.life.idle_timeout_ms = IDLE_TIMEOUT_MS;
        config.record_to = recording.map(|recording| recording.file.clone());
        config.record_over = recording.is_some_and(|recording| recording.replace);
        config.tape.buffer_bytes = TAPE_BUFFER_BYTES;
        config.lan.interfaces.clone_from(&listen.interfaces);
        config
    };
    let bound = match Endpoint::bind(config(listen.port)) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && listen.port.is_some() => {
            Endpoint::bind(config(None))
        }
        bound => bound,
    };
    bound.map_err(|error| match Unrecorded::of(&error) {
        Some(unrecorded) if error.kind() == io::ErrorKind::AlreadyExists => {
            let hint = if recording.is_some_and(|recording| recording.replace) {
                "--record-over replaces a plain file only"
            } else {
                "name another file, or ask for it to be replaced by --record-over"
            };
            Failure::refused(format!("{unrecorded}; {hint}"))
        }
        Some(unrecorded) => Failure::failed(unrecorded.to_string()),
        None => unbound(&config(None).listen, &error),
    })
}

fn unbound(choice: &[SocketAddr], error: &io::Error) -> Failure {
    let shown: Vec<_> = choice.iter().map(SocketAddr::to_string).collect();
    let shown = shown.join(" and ");
    let sentence = if error.kind() == io::ErrorKind::AddrInUse {
        format!("{shown} is in use by another program")
    } else if error.kind() == io::ErrorKind::AddrNotAvailable {
        format!("{shown} is no address of this machine")
    } else {
        format!("cannot listen on {shown}: {error}")
    };
    Failure::new(Exit::Failed, sentence)
}
