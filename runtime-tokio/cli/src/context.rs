//! What a command has around it: its output, its identity, and the switch that is ended in good
//! order whichever way the command ends.

use std::{
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use hydroid_core::identity::{SecretKey, Ticket};

use crate::{
    exit::{Exit, Failure},
    figures,
    home::{self, Held, Home},
    node::Node,
    output::{Level, Output},
    transfer::landing,
};

/// How long the last packets may take when the program ends.
const LAST_PACKETS: Duration = Duration::from_millis(400);

/// What a command has around it.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) output: Output,
    wants_identity: bool,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    nodes: Vec<Node>,
    landing: Option<Landed>,
    held: Option<Held>,
}

/// What is received, and how much of it is kept.
#[derive(Debug)]
struct Landed {
    name: String,
    kept: landing::Kept,
}

impl Context {
    pub(crate) fn new(output: Output, wants_identity: bool) -> Self {
        Self {
            output,
            wants_identity,
            kept: Mutex::default(),
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

    /// Starts the switch of a command: as nobody in particular, or with `--identity` as the home's.
    ///
    /// # Errors
    /// [`Failure`] if it cannot be, also of usage if `dials` is a ticket to ourselves.
    pub(crate) fn start(
        &self,
        listen: Option<SocketAddr>,
        dials: Option<&Ticket>,
    ) -> Result<Node, Failure> {
        if self.wants_identity {
            return self.start_as_home(listen, dials);
        }
        let secret = SecretKey::from_bytes(&home::random()?);
        self.start_as(listen, &secret)
    }

    /// Starts the switch of a command as the home's identity, which nobody else may be meanwhile.
    ///
    /// # Errors
    /// As [`Context::start`], also if the identity is held by another process.
    pub(crate) fn start_as_home(
        &self,
        listen: Option<SocketAddr>,
        dials: Option<&Ticket>,
    ) -> Result<Node, Failure> {
        let (secret, held) = self.with_home(|home| {
            let secret = home.identity()?;
            if dials.is_some_and(|ticket| ticket.key == secret.public()) {
                return Err(Failure::usage(
                    "the ticket is this identity's own, and nobody dials oneself",
                ));
            }
            Ok((secret, home.hold()?))
        })?;
        self.kept().held = Some(held);
        self.start_as(listen, &secret)
    }

    /// Starts one more switch.
    ///
    /// # Errors
    /// As [`Node::start`].
    pub(crate) fn start_as(
        &self,
        listen: Option<SocketAddr>,
        secret: &SecretKey,
    ) -> Result<Node, Failure> {
        let node = Node::start(listen, secret)?;
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

    /// Ends what was started, in good order and in bounded time.
    pub(crate) async fn stop(&self) {
        let nodes = std::mem::take(&mut self.kept().nodes);
        let ends = nodes
            .into_iter()
            .map(|node| tokio::spawn(async move { node.stop(LAST_PACKETS).await }));
        for end in ends.collect::<Vec<_>>() {
            let _cut = end.await;
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
