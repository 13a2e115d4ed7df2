//! What a command has around it: its output, its identity, and the switch that is ended in good
//! order whichever way the command ends.

pub(crate) mod coming;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hydroid_core::identity::{Admission, SecretKey, SpaceId, Ticket};

use serde_json::json;
use tokio::{task::JoinHandle, time::timeout};

use crate::{
    control::{self, Ask},
    dial::Dialer,
    exit::{Exit, Failure},
    figures,
    home::{self, Held, Home},
    node::{self, Listen, Node, RecordEnd, Recording},
    output::{Level, Output, printable},
    presence::Presence,
    spaces::{self, in_home},
    transfer::landing,
};

/// How long the last packets may take when the program ends.
const LAST_PACKETS: Duration = Duration::from_millis(400);

/// How long the last state may take to be written.
const LAST_WORD: Duration = Duration::from_secs(1);

/// What is kept of all that a switch asks to keep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Keeps {
    /// What peers have renewed of closed spaces: so that a command leaves `up` its own state.
    Spaces,
    Everything,
}

/// What a command has around it.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) output: Output,
    wants_identity: bool,
    /// The closed space that the command line names.
    pub(crate) space: Option<String>,
    recording: Option<Recording>,
    kept: Mutex<Kept>,
    presences: Presences,
}

/// The spaces that are to be left in good order when the program ends.
pub(crate) type Presences = Arc<Mutex<Vec<Presence>>>;

#[derive(Debug, Default)]
struct Kept {
    nodes: Vec<Node>,
    landing: Option<Landed>,
    keepers: Vec<JoinHandle<()>>,
    held: Option<Held>,
}

/// What is received, and how much of it is kept.
#[derive(Debug)]
struct Landed {
    name: String,
    kept: landing::Kept,
}

impl Context {
    pub(crate) fn new(
        output: Output,
        wants_identity: bool,
        space: Option<String>,
        recording: Option<Recording>,
    ) -> Self {
        Self {
            output,
            wants_identity,
            space,
            recording,
            kept: Mutex::default(),
            presences: Presences::default(),
        }
    }

    /// Opens the home, and tells what was mended in it.
    ///
    /// # Errors
    /// Those of [`Home::open`] and `work`.
    pub(crate) fn with_home<T>(
        &self,
        work: impl FnOnce(&mut Home) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut home = Home::open()?;
        let done = work(&mut home);
        for sentence in &home.mended {
            self.output.aside(&format!("note: {sentence}"));
        }
        done
    }

    /// Starts the switch of a command that waits for peers: as nobody in particular, or as the
    /// home's identity with `--identity` and with `--space`.
    ///
    /// # Errors
    /// [`Failure`] if it cannot be.
    pub(crate) fn start(&self, listen: Option<SocketAddr>) -> Result<Node, Failure> {
        let closed = self.closed(None)?;
        self.start_alone(&Listen::at(listen), None, closed.as_ref())
    }

    /// What reaches the member whom a ticket names: a switch of this command, as nobody in
    /// particular, or as the home's identity with `--identity`, with `--space`, and where the
    /// ticket is of a closed space; then the `up` that is this identity already, where one runs.
    ///
    /// # Errors
    /// [`Failure`] if nothing does, also of usage if it is a ticket to ourselves, and of refusal if
    /// it is of a space that the home is no member of.
    pub(crate) async fn dialer(&self, ticket: &Ticket) -> Result<Dialer, Failure> {
        let closed = self.closed(Some(ticket))?;
        let refused = match self.start_alone(&Listen::default(), Some(ticket), closed.as_ref()) {
            Err(failure) if failure.exit == Exit::Refused => failure,
            started => return started.map(Dialer::Own),
        };
        let socket = self.with_home(|home| Ok(home.control()))?;
        match control::ask(&socket, &Ask::Status {}).await? {
            Some(_here) => self.check_unrecorded().map(|()| Dialer::Up(socket)),
            None => Err(refused),
        }
    }

    /// Sees that nothing is to be recorded, where the `up` of this home does what there is to record.
    ///
    /// # Errors
    /// [`Failure`] of usage.
    pub(crate) fn check_unrecorded(&self) -> Result<(), Failure> {
        if self.recording.is_some() {
            return Err(Failure::usage(
                "this goes through the `up` of this home, which has the switch: record that one",
            ));
        }
        Ok(())
    }

    fn start_alone(
        &self,
        listen: &Listen,
        dials: Option<&Ticket>,
        closed: Option<&Admission>,
    ) -> Result<Node, Failure> {
        if !self.wants_identity && closed.is_none() {
            let secret = SecretKey::from_bytes(&home::random()?);
            return self.start_as(listen, &secret, None);
        }
        let node = self.start_as_home(listen, dials, closed)?;
        if closed.is_some() {
            self.keep(&node, Keeps::Spaces);
        }
        Ok(node)
    }

    /// The home's admission to the closed space that is meant, if one is.
    fn closed(&self, dials: Option<&Ticket>) -> Result<Option<Admission>, Failure> {
        let named = match &self.space {
            Some(name) => Some(self.with_home(|home| home.space(name))?),
            None => None,
        };
        let Some(ticket) = dials else {
            return Ok(named);
        };
        let wanted = node::closed_space(ticket);
        match (named, wanted) {
            (Some(named), Some(id)) if named.space().id() == id => Ok(Some(named)),
            (Some(named), _) => Err(Failure::usage(format!(
                "the ticket is of another space than {}",
                named.space().name()
            ))),
            (None, None) => Ok(None),
            (None, Some(id)) => {
                let held = self.with_home(|home| home.admission(&id))?;
                held.ok_or_else(|| no_member(&id)).map(Some)
            }
        }
    }

    /// Starts the switch of a command as the home's identity, which nobody else may be meanwhile.
    ///
    /// # Errors
    /// As [`Context::start`], also if the identity is held by another process.
    pub(crate) fn start_as_home(
        &self,
        listen: &Listen,
        dials: Option<&Ticket>,
        closed: Option<&Admission>,
    ) -> Result<Node, Failure> {
        let secret = self.hold(dials)?;
        self.start_as(listen, &secret, closed)
    }

    /// Takes the home's identity for this process alone, and gives its secret.
    ///
    /// # Errors
    /// [`Failure`] if another process holds it; of usage if `dials` is a ticket to ourselves.
    pub(crate) fn hold(&self, dials: Option<&Ticket>) -> Result<SecretKey, Failure> {
        let (secret, held) = self.with_home(|home| {
            if let Some(ticket) = dials {
                check_other(home, ticket)?;
            }
            Ok((home.identity()?, home.hold()?))
        })?;
        self.kept().held = Some(held);
        Ok(secret)
    }

    /// The spaces that are left in good order when the program ends.
    pub(crate) fn presences(&self) -> Presences {
        Arc::clone(&self.presences)
    }

    /// Starts one more switch.
    ///
    /// # Errors
    /// As [`Node::start`].
    pub(crate) fn start_as(
        &self,
        listen: &Listen,
        secret: &SecretKey,
        closed: Option<&Admission>,
    ) -> Result<Node, Failure> {
        let node = Node::start(listen, secret, closed, self.recording.as_ref())?;
        if let Some(recording) = &self.recording {
            tokio::spawn(watch(self.output, node.clone(), recording.file.clone()));
        }
        let addresses = node.local_addresses();
        let text = format!("{} listens on {addresses:?}", node.key());
        self.output.log(Level::Info, &text);
        self.kept().nodes.push(node.clone());
        Ok(node)
    }

    /// Notes what is received, for the case that the command is interrupted.
    pub(crate) fn receives(&self, name: &str, kept: landing::Kept) {
        self.kept().landing = Some(Landed {
            name: name.into(),
            kept,
        });
    }

    /// How a command ends that was interrupted.
    pub(crate) fn interrupted(&self) -> Failure {
        match &self.kept().landing {
            Some(Landed { name, kept }) if kept.bytes() > 0 => {
                let kept = figures::bytes(kept.bytes());
                let sentence = format!(
                    "interrupted; {kept} of {name} are kept, and the same command goes on from there"
                );
                Failure::new(Exit::Resumable, sentence)
            }
            _ => Failure::interrupted(),
        }
    }

    /// Gives a switch back what that of this identity knew in its last life.
    ///
    /// # Errors
    /// [`Failure`] if it cannot be read.
    pub(crate) fn restore(&self, node: &Node) -> Result<(), Failure> {
        self.with_home(|home| {
            for (key, bytes) in home.kept()? {
                if let Err(error) = node.restore(&key, &bytes) {
                    home.distrust(&key, &error.to_string())?;
                }
            }
            Ok(())
        })
    }

    /// Tells what the switches have dropped, as the last thing that `up` does.
    pub(crate) fn tell_drops(&self) {
        for node in &self.kept().nodes {
            let drops = node.drops();
            let text: Vec<_> = drops.iter().map(|(why, n)| format!("{n} {why}")).collect();
            let object = json!({ "event": "ended", "dropped": drops });
            if self.output.json {
                self.output.note("", &object);
            } else if !text.is_empty() {
                let text = format!("datagrams dropped: {}", text.join(", "));
                self.output.log(Level::Info, &text);
            }
        }
    }

    /// Keeps what the switch asks to keep, until it has ended.
    pub(crate) fn keep(&self, node: &Node, keeps: Keeps) {
        let keeper = tokio::spawn(keep(self.output, node.clone(), keeps));
        self.kept().keepers.push(keeper);
    }

    /// Ends what was started, in good order and in bounded time.
    pub(crate) async fn stop(&self) {
        let presences = self.presences.lock();
        for presence in presences.unwrap_or_else(PoisonError::into_inner).drain(..) {
            presence.leave();
        }
        let nodes = std::mem::take(&mut self.kept().nodes);
        let ends = nodes
            .into_iter()
            .map(|node| tokio::spawn(async move { node.stop(LAST_PACKETS).await }));
        for end in ends.collect::<Vec<_>>() {
            let _cut = end.await;
        }
        let keepers = std::mem::take(&mut self.kept().keepers);
        for keeper in keepers {
            let _late = timeout(LAST_WORD, keeper).await;
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sees to it that a ticket is not the home's own.
///
/// # Errors
/// [`Failure`] of usage.
pub(crate) fn check_other(home: &mut Home, ticket: &Ticket) -> Result<(), Failure> {
    if ticket.key == home.identity()?.public() {
        return Err(Failure::usage(
            "the ticket is this identity's own, and nobody dials oneself",
        ));
    }
    Ok(())
}

fn no_member(id: &SpaceId) -> Failure {
    Failure::refused(format!(
        "the ticket is of the closed space {id}, of which this home is no member; one of its \
         operators can let it in: `hydroid space invite` there gives a ticket for `hydroid space \
         join` here"
    ))
}

/// Tells if a tape ends before its switch does.
async fn watch(output: Output, node: Node, file: PathBuf) {
    let end = node.record_end().await;
    let event = match end {
        RecordEnd::Closed => return,
        RecordEnd::Broken => "broken",
        RecordEnd::Behind => "behind",
        RecordEnd::Refused(_) => "full",
    };
    let plain = format!("the tape {} ends here: {end}", file.display());
    let object = json!({
        "event": "tape-ended", "file": file.display().to_string(), "end": event,
        "text": end.to_string(),
    });
    output.note(&printable(&plain), &object);
}

/// One hand writes, one thing after another.
async fn keep(output: Output, node: Node, keeps: Keeps) {
    while let Some((key, bytes)) = node.need().await {
        let what = key.clone();
        let kept = if key.starts_with("space.") {
            spaces::keep(output, bytes).await
        } else if keeps == Keeps::Everything {
            in_home(output, move |home| home.keep(&key, &bytes)).await
        } else {
            Ok(())
        };
        if let Err(failure) = kept {
            let plain = format!("what changed is not kept: {failure}");
            let object = json!({ "event": "unkept", "what": what, "text": failure.sentence });
            output.note(&printable(&plain), &object);
        }
    }
}
