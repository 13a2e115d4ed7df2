//! A running `up` in its spaces: what commands ask over the control socket, who is there, what
//! peers bring.

mod following;
mod seat;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hydroid_core::{
    identity::{Admission, Hashname, PublicKey, SecretKey, SpaceId, SpaceRef, Ticket, Token},
    switch::{LineId, Peer},
};
use serde_json::{Value, json};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep},
};

use self::seat::Seat;
use crate::{
    chat::{room::Room, session::Session},
    context::Presences,
    control::{Ask, Reply},
    exit::{Exit, Failure},
    home::Home,
    node::{self, Line, Node, Stream},
    output::{Level, Output, printable},
    presence::{Manner, Place, Presence},
    spaces::{self, in_home},
    transfer::heads::{Request, Why},
};

/// How long somebody who is meant may take to be found: it may be just coming.
const FOUND_WITHIN: Duration = Duration::from_secs(2);

/// The time from one look for somebody to the next.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Newcomers that are let in at once.
const LET_IN_MAX: usize = 16;

/// How long a line stays that a command has asked for, and which nobody uses.
const HELD: Duration = Duration::from_secs(5);

/// Who is up, and how.
pub(crate) struct Inhabitant {
    pub(crate) secret: SecretKey,
    /// The token of its tickets.
    pub(crate) token: Token,
    /// How it is in its spaces.
    pub(crate) manner: Manner,
    /// The closed space whose ticket alone is printed.
    pub(crate) only: Option<SpaceId>,
    /// Where it says in which spaces it is.
    pub(crate) presences: Presences,
}

/// A running `up`.
pub(crate) struct Resident {
    output: Output,
    node: Node,
    inhabitant: Inhabitant,
    /// The closed spaces that it is in.
    spaces: Mutex<BTreeSet<SpaceId>>,
    /// All spaces in whose trees it stands, by its hashname there.
    seats: Mutex<BTreeMap<Hashname, Seat>>,
    lines: Mutex<BTreeMap<LineId, (Hashname, PublicKey)>>,
    doors: Semaphore,
}

impl Resident {
    pub(crate) fn new(output: Output, node: Node, inhabitant: Inhabitant) -> Self {
        Self {
            output,
            node,
            inhabitant,
            spaces: Mutex::default(),
            seats: Mutex::default(),
            lines: Mutex::default(),
            doors: Semaphore::new(LET_IN_MAX),
        }
    }

    /// True if the ticket of one closed space alone is printed.
    pub(crate) const fn has_one_ticket(&self) -> bool {
        self.inhabitant.only.is_some()
    }

    /// Takes part in a space, from now on.
    ///
    /// # Errors
    /// As [`Presence::enter`].
    pub(crate) fn be_at(&self, place: Place) -> Result<(), Failure> {
        let Inhabitant {
            secret,
            manner,
            presences,
            ..
        } = &self.inhabitant;
        let nick = manner.nick.clone().unwrap_or_default();
        let presence = Presence::enter(&self.node, secret, place, manner)?;
        locked(presences).push(presence.clone());
        let local = presence.local();
        let room = Arc::new(Room::new(presence, secret.clone(), nick));
        locked(&self.seats).insert(local, Seat::new(room));
        Ok(())
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
            locked(&self.seats).remove(&self.node.local(&space));
            locked(&self.inhabitant.presences).retain(|presence| presence.id() != space);
            self.node.leave(&space);
        }
        for admission in &admissions {
            self.be_in(admission).await?;
        }
        Ok(())
    }

    /// Is in a space, from now on or still.
    async fn be_in(&self, admission: &Admission) -> Result<(), Failure> {
        if let Err(failure) = self.node.install(&self.inhabitant.secret, admission) {
            // One space that is of no use leaves the others alone.
            let space = admission.space().name();
            let object = json!({ "event": "absent", "space": space, "text": failure.sentence });
            self.output.note(&printable(&failure.sentence), &object);
            return Ok(());
        }
        let id = admission.space().id();
        let new = locked(&self.spaces).insert(id);
        if new && let Err(failure) = self.be_at(Place::Closed(Box::new(admission.clone()))) {
            let space = admission.space().name();
            let object = json!({ "event": "absent", "space": space, "text": failure.sentence });
            self.output.note(&printable(&failure.sentence), &object);
        }
        if !new || self.inhabitant.only.is_some_and(|only| only != id) {
            return Ok(());
        }
        let ticket = self
            .node
            .ticket_in(SpaceRef::Id(id), &self.inhabitant.token);
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
            Ask::Chat { space } => Ok(self.seat_in(&space).unwrap_or(Reply::Value(Value::Null))),
            Ask::Status {}
            | Ask::Reload {}
            | Ask::Join { .. }
            | Ask::Members { .. }
            | Ask::Find { .. }
            | Ask::Online { .. } => self.tell(ask).await.map(Reply::Value),
        }
    }

    /// A line to whom a ticket names, which stays for the next question of a command.
    async fn call(&self, ticket: &str, time: Duration) -> Result<Line, Failure> {
        let ticket = ticket.parse::<Ticket>();
        let ticket = ticket.map_err(|error| Failure::usage(error.to_string()))?;
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
                    "dropped": self.node.drops(), "hindered": self.node.hindrances(),
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
            Ask::Members { space } => {
                let presence = self.presence(&space);
                Ok(presence.map_or(Value::Null, |presence| json!(presence.seen())))
            }
            Ask::Find { space, whom } => self.find(&space, &whom).await,
            Ask::Connect { .. } | Ask::Stream { .. } | Ask::Chat { .. } => {
                Err(Failure::failed("no question"))
            }
        }
    }

    /// Our part in the space of this id.
    fn presence(&self, space: &str) -> Option<Presence> {
        let seats = locked(&self.seats);
        let mut all = seats.values().map(|it| it.room().presence());
        let found = all.find(|presence| presence.id().to_string() == space);
        found.cloned()
    }

    /// A chat that goes through us, in the space of this id.
    fn seat_in(&self, space: &str) -> Option<Reply> {
        let seats = locked(&self.seats);
        let mut all = seats.values();
        let seat = all.find(|it| it.room().presence().id().to_string() == space)?;
        let session: Session = seat.sit();
        let presence = seat.room().presence();
        let (key, addresses) = (self.node.key(), self.node.named_addresses());
        let told = json!({
            "key": key.to_string(), "name": self.inhabitant.manner.nick,
            "ticket": presence.ticket(key, &addresses).to_string(),
        });
        Some(Reply::Chat(told, Box::new(session)))
    }

    /// A ticket to whom a text means; nothing if we are not in the space.
    async fn find(&self, space: &str, whom: &str) -> Result<Value, Failure> {
        let Some(presence) = self.presence(space) else {
            return Ok(Value::Null);
        };
        let end = Instant::now() + FOUND_WITHIN;
        loop {
            match presence.resolve(whom) {
                Ok(member) => {
                    let ticket = presence.ticket(member.key, &member.addresses);
                    return Ok(json!({
                        "ticket": ticket.to_string(), "shown": member.shown(),
                    }));
                }
                // It may have come just now, or we.
                Err(failure) if failure.exit == Exit::NotFound && Instant::now() < end => {
                    sleep(LOOK_AGAIN).await;
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// What is said in the space in which we have a line to this peer.
    pub(crate) fn room_of(&self, peer: &Peer) -> Option<Arc<Room>> {
        let seats = locked(&self.seats);
        let mut all = seats.values();
        let seat = all.find(|seat| seat.room().presence().has(peer))?;
        // Whoever asks what was said is told what we were told, too.
        seat.hear();
        Some(Arc::clone(seat.room()))
    }

    /// What the spaces that we are in call a peer.
    pub(crate) fn name_of(&self, peer: &Peer) -> Option<String> {
        let room = self.room_of(peer)?;
        room.presence().member(&peer.key)?.name
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
