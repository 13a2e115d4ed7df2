//! A running `up` in its spaces: what commands ask over the control socket, who is there, what
//! peers bring.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hydroid_core::{
    identity::{
        Admission, Hashname, PublicKey, Refusal, SecretKey, SpaceId, SpaceRef, Ticket, Token,
    },
    switch::{DownReason, LineEvent, LineId, Peer, SpaceEvent},
};
use serde_json::{Value, json};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, sleep_until},
};

use crate::{
    chat::room::Room,
    company::{Change, Company},
    context::Presences,
    control::{Ask, Reply},
    exit::{Exit, Failure},
    gathering::{Gathering, Stand},
    home::Home,
    node::{self, Line, Node, Stream},
    output::{Level, Output, printable},
    presence::{Manner, Place, Presence},
    spaces::{self, in_home},
    transfer::heads::{Request, Why},
    who::shown,
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
    gatherings: Mutex<BTreeMap<Hashname, Gathering>>,
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
            gatherings: Mutex::default(),
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
        locked(&self.gatherings).insert(local, Gathering::new(room, Company::default()));
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
            locked(&self.gatherings).remove(&self.node.local(&space));
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
            Ask::Connect { .. } | Ask::Stream { .. } => Err(Failure::failed("no question")),
        }
    }

    /// Our part in the space of this id.
    fn presence(&self, space: &str) -> Option<Presence> {
        let gatherings = locked(&self.gatherings);
        let mut all = gatherings.values().map(|it| it.room().presence());
        let found = all.find(|presence| presence.id().to_string() == space);
        found.cloned()
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
        let gatherings = locked(&self.gatherings);
        let mut rooms = gatherings.values().map(Gathering::room);
        let room = rooms.find(|room| room.presence().has(peer)).cloned();
        drop(gatherings);
        // Whoever asks what was said is told what we were told, too.
        room.inspect(|room| while room.hear().is_some() {})
    }

    /// What the spaces that we are in call a peer.
    pub(crate) fn name_of(&self, peer: &Peer) -> Option<String> {
        let room = self.room_of(peer)?;
        room.presence().member(&peer.key)?.name
    }

    /// Follows who is there and what peers bring, until the switch ends.
    pub(crate) async fn watch(&self) {
        loop {
            let due = self.follow();
            tokio::select! {
                event = self.node.line_event() => match event {
                    Some(event) => self.on_line(event),
                    None => return,
                },
                event = self.node.space_event() => match event {
                    Some(event) => self.on_space(&event),
                    None => return,
                },
                there = self.node.space_news() => if !there {
                    return;
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
        }
    }

    fn on_line(&self, event: LineEvent) {
        match event {
            LineEvent::Up {
                line, local, peer, ..
            } => {
                locked(&self.lines).insert(line, (local, peer.key));
                let text = format!("a line to {}", self.who(local, &peer.key));
                self.output.log(Level::Info, &text);
            }
            LineEvent::Down { line, reason } => {
                let Some((local, key)) = locked(&self.lines).remove(&line) else {
                    return;
                };
                let text = format!("the line to {}: {reason}", self.who(local, &key));
                self.output.log(Level::Info, &text);
                if let DownReason::Refused(why) = reason {
                    self.expelled(local, why, Some(key));
                }
            }
            LineEvent::Moved { .. } | _ => {}
        }
    }

    /// A member as it is shown.
    fn who(&self, local: Hashname, key: &PublicKey) -> String {
        let gatherings = locked(&self.gatherings);
        let presence = gatherings
            .get(&local)
            .map(|it| it.room().presence().clone());
        drop(gatherings);
        let member = presence.and_then(|presence| presence.member(key));
        shown(member.and_then(|member| member.name).as_deref(), key)
    }

    /// Takes note of what goes on in the spaces; when there may be more, if nothing happens before.
    fn follow(&self) -> Option<Instant> {
        let mut gatherings = locked(&self.gatherings);
        for gathering in gatherings.values_mut() {
            let room = Arc::clone(gathering.room());
            // What is said goes on to those who come later.
            while room.hear().is_some() {}
            let space = room.presence().space();
            for change in gathering.changes() {
                self.on_change(space, &change);
            }
            if let Some(stand) = gathering.moved() {
                self.on_moved(&room, &stand);
            }
            while let Some(member) = gathering.next_asked() {
                let room = Arc::clone(&room);
                tokio::spawn(async move { room.take_past(&member).await });
            }
        }
        gatherings.values().filter_map(Gathering::due).min()
    }

    fn on_change(&self, space: &str, change: &Change) {
        let (event, key, name, plain) = match change {
            Change::Came(member) => {
                let address = member.addresses.first();
                let address = address.map(|at| format!(" at {at}")).unwrap_or_default();
                let plain = format!("{} is in {space}{address}", member.shown());
                ("came", member.key, member.name.clone(), plain)
            }
            Change::Went(key, name) => {
                let plain = format!("{} went from {space}", shown(Some(name), key));
                ("went", *key, Some(name.clone()), plain)
            }
            Change::Renamed(member, before) => {
                let was = shown(Some(before), &member.key);
                let plain = format!("{was} is {} now in {space}", member.shown());
                ("renamed", member.key, member.name.clone(), plain)
            }
        };
        let object = json!({
            "event": event, "space": space, "key": key.to_string(), "name": name, "text": plain,
        });
        self.output.note(&plain, &object);
    }

    fn on_moved(&self, room: &Room, stand: &Stand) {
        let space = room.presence().space();
        let plain = match &stand.parent {
            Some(parent) => {
                let member = room.presence().member(parent);
                let name = member.and_then(|member| member.name);
                let above = shown(name.as_deref(), parent);
                format!(
                    "below {above} in the tree of {space}, depth {}",
                    stand.depth
                )
            }
            None if stand.company => format!("the root of the tree of {space}"),
            None => format!("alone in {space}"),
        };
        let object = json!({
            "event": "placed", "space": space, "depth": stand.depth, "text": plain,
            "parent": stand.parent.map(|parent| parent.to_string()),
        });
        self.output.note(&plain, &object);
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
