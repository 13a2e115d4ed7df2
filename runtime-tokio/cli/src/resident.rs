//! A running `up` in its spaces: what commands ask over the control socket, who is there, what
//! peers bring.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hydroid_core::{
    identity::{Admission, Hashname, PublicKey, Refusal, SecretKey, SpaceId, SpaceRef, Token},
    switch::{DownReason, LineEvent, LineId, SpaceEvent},
};
use serde_json::{Value, json};
use tokio::{sync::Semaphore, time::sleep};

use crate::{
    control::{Ask, Reply},
    exit::Failure,
    home::Home,
    node::{self, Line, Node, Stream},
    output::{Level, Output, printable},
    spaces::{self, in_home},
    transfer::heads::{Request, Why},
};

/// Newcomers that are let in at once.
const LET_IN_MAX: usize = 16;

/// How long a line stays that a command has asked for, and which nobody uses.
const HELD: Duration = Duration::from_secs(5);

/// A running `up`.
pub(crate) struct Resident {
    output: Output,
    node: Node,
    secret: SecretKey,
    /// The token of its tickets.
    token: Token,
    /// The closed space whose ticket alone is printed.
    only: Option<SpaceId>,
    /// The closed spaces that it is in.
    spaces: Mutex<BTreeSet<SpaceId>>,
    lines: Mutex<BTreeMap<LineId, (Hashname, PublicKey)>>,
    doors: Semaphore,
}

impl Resident {
    pub(crate) fn new(
        output: Output,
        node: Node,
        secret: SecretKey,
        token: Token,
        only: Option<SpaceId>,
    ) -> Self {
        Self {
            output,
            node,
            secret,
            token,
            only,
            spaces: Mutex::default(),
            lines: Mutex::default(),
            doors: Semaphore::new(LET_IN_MAX),
        }
    }

    /// Is in the spaces that the home has, and in no others; prints the tickets of those that are
    /// new.
    ///
    /// # Errors
    /// [`Failure`] if the home cannot be read or stdout takes nothing.
    pub(crate) async fn reload(&self) -> Result<(), Failure> {
        let admissions = in_home(self.output, Home::spaces).await?;
        let wanted: BTreeSet<_> = admissions.iter().map(|one| one.space().id()).collect();
        let left: Vec<_> = locked(&self.spaces).difference(&wanted).copied().collect();
        for space in left {
            locked(&self.spaces).remove(&space);
            self.node.leave(&space);
        }
        for admission in &admissions {
            self.be_in(admission).await?;
        }
        Ok(())
    }

    /// Is in a space, from now on or still.
    async fn be_in(&self, admission: &Admission) -> Result<(), Failure> {
        if let Err(failure) = self.node.install(&self.secret, admission) {
            // One space that is of no use leaves the others alone.
            let space = admission.space().name();
            let object = json!({ "event": "absent", "space": space, "text": failure.sentence });
            self.output.note(&printable(&failure.sentence), &object);
            return Ok(());
        }
        let id = admission.space().id();
        let new = locked(&self.spaces).insert(id);
        if !new || self.only.is_some_and(|only| only != id) {
            return Ok(());
        }
        let ticket = self.node.ticket_in(SpaceRef::Id(id), &self.token);
        let ticket = ticket.to_string();
        let object = json!({
            "event": "ticket", "ticket": ticket, "key": self.node.key().to_string(),
            "space": admission.space().name(), "id": id.to_string(),
        });
        self.output.data(&ticket, &object).await
    }

    /// Lets the bearer of an invitation in, or turns it down.
    pub(crate) async fn let_in(self: Arc<Self>, stream: Stream, token: String) {
        match self.doors.try_acquire() {
            Ok(_door) => {
                spaces::let_in(self.output, &self.node, stream, token).await;
            }
            Err(_busy) => {
                let sentence = "too many are let in at once; try again later";
                node::turn_down(stream, Why::Busy, sentence).await;
            }
        }
    }

    /// Answers a command.
    ///
    /// # Errors
    /// [`Failure`]: what the command is to end with.
    pub(crate) async fn answer(self: Arc<Self>, ask: Ask) -> Result<Reply, Failure> {
        match ask {
            Ask::Stream { ticket, request } => self.carry(&ticket, &request).await,
            Ask::Connect { ticket, within_ms } => {
                self.call(&ticket, Duration::from_millis(within_ms)).await?;
                Ok(Reply::Value(Value::Null))
            }
            Ask::Status {} | Ask::Reload {} | Ask::Join { .. } | Ask::Online { .. } => {
                self.tell(ask).await.map(Reply::Value)
            }
        }
    }

    /// A line to whom a ticket names, which stays for the next question of a command.
    async fn call(&self, ticket: &str, time: Duration) -> Result<Line, Failure> {
        let ticket = node::parse_ticket(ticket)?;
        let line = self.node.connect(&ticket, time).await?;
        let held = line.clone();
        tokio::spawn(async move {
            sleep(HELD).await;
            drop(held);
        });
        Ok(line)
    }

    /// A stream for a command.
    async fn carry(&self, ticket: &str, request: &Request) -> Result<Reply, Failure> {
        let line = self.call(ticket, node::CONNECT_WITHIN).await?;
        let (stream, answer) = node::ask(&line, request).await?;
        let text = format!("a command has a stream to {}", line.peer().key);
        self.output.log(Level::Info, &text);
        Ok(Reply::Stream(json!(answer), Box::new(stream)))
    }

    async fn tell(&self, ask: Ask) -> Result<Value, Failure> {
        match ask {
            Ask::Status {} => {
                let addresses = self.node.named_addresses();
                let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
                Ok(json!({
                    "key": self.node.key().to_string(), "addresses": addresses,
                    "dropped": self.node.drops(),
                }))
            }
            Ask::Reload {} => {
                self.reload().await?;
                Ok(Value::Null)
            }
            Ask::Join { ticket } => {
                let ticket = node::parse_ticket(&ticket)?;
                let admission = spaces::join(self.output, &self.node, &ticket).await?;
                self.be_in(&admission).await?;
                spaces::keep_inviter(self.output, &self.node, &ticket, &admission);
                Ok(spaces::facts(&admission))
            }
            Ask::Online { space } => {
                let locals: BTreeSet<_> = locked(&self.spaces)
                    .iter()
                    .filter(|id| id.to_string() == space)
                    .map(|id| self.node.local(id))
                    .collect();
                let lines = locked(&self.lines);
                let there = lines.values().filter(|(local, _)| locals.contains(local));
                let keys: BTreeSet<_> = there.map(|(_, key)| key.to_string()).collect();
                Ok(json!(keys))
            }
            Ask::Connect { .. } | Ask::Stream { .. } => Err(Failure::failed("no question")),
        }
    }

    /// Follows who is there and what peers bring, until the switch ends.
    pub(crate) async fn watch(&self) {
        loop {
            tokio::select! {
                event = self.node.line_event() => match event {
                    Some(LineEvent::Up { line, local, peer, .. }) => {
                        locked(&self.lines).insert(line, (local, peer.key));
                    }
                    Some(LineEvent::Down { line, reason }) => {
                        let line = locked(&self.lines).remove(&line);
                        if let (Some((local, key)), DownReason::Refused(why)) = (line, reason) {
                            self.expelled(local, why, Some(key));
                        }
                    }
                    Some(_) => {}
                    None => return,
                },
                event = self.node.space_event() => match event {
                    Some(event) => self.on_space(&event),
                    None => return,
                },
            }
        }
    }

    fn on_space(&self, event: &SpaceEvent) {
        match event {
            SpaceEvent::Renewed { local, version } => {
                let name = self.name(*local);
                let text = format!("{name} has a space document of version {version} now");
                self.output.log(Level::Info, &text);
            }
            SpaceEvent::Expelled { local, why } => self.expelled(*local, *why, None),
            _ => {}
        }
    }

    /// Tells that we are out of a space: by its document, or by what a peer of ours there says,
    /// who would not give the new document to somebody who is out.
    fn expelled(&self, local: Hashname, why: Refusal, by: Option<PublicKey>) {
        let name = self.name(local);
        let says = by.map_or_else(String::new, |key| format!("{key} says: "));
        let plain = format!("this identity is out of the space {name}: {says}{why}");
        let object = json!({
            "event": "expelled", "space": name, "code": why.code(), "text": why.to_string(),
            "by": by.map(|key| key.to_string()),
        });
        self.output.note(&plain, &object);
    }

    /// The name of a space that we are in under this hashname.
    fn name(&self, local: Hashname) -> String {
        let admission = self.node.admission(local);
        admission.map_or_else(|| local.to_string(), |one| one.space().name().to_owned())
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
