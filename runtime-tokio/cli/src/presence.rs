//! Being in a space: a part in its tree, found by others on the local network and finding them
//! there. It knows who is there, and whom a name means.

pub(crate) mod seen;

use std::{net::SocketAddr, time::Duration};

use hydroid_core::{
    identity::{Admission, Hashname, PublicKey, SecretKey, Space, SpaceId, SpaceRef, Ticket},
    switch::Peer,
    tree::{Standing, image},
};
use tokio::time::{Instant, timeout_at};

use crate::{
    exit::{Exit, Failure},
    node::Node,
    who::{may_mean, shown, shown_long, visible},
};

/// The space that a command is in where none is named.
pub(crate) const SPACE: &str = "local";

/// How long a command that comes alone looks for others.
pub(crate) const LOOK: Duration = Duration::from_secs(3);

/// What is known of who is there is taken for whole once it was the same for so long.
const QUIET: Duration = Duration::from_millis(400);

/// Members of whom an error tells.
const NAMED_MOST: usize = 12;

/// The space to be in.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// One that anybody may come to who knows its name.
    Open(Space),
    /// One that operators let members into.
    Closed(Box<Admission>),
}

impl Place {
    /// The open space of this name.
    ///
    /// # Errors
    /// [`Failure`] of usage if no space can have it.
    pub(crate) fn open(name: &str) -> Result<Self, Failure> {
        let space = Space::open(name);
        let space = space
            .map_err(|error| Failure::usage(format!("{} is no space: {error}", visible(name))))?;
        Ok(Self::Open(space))
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Open(space) => space.name(),
            Self::Closed(admission) => admission.space().name(),
        }
    }

    /// The admission to it, if it is closed.
    pub(crate) fn admission(&self) -> Option<&Admission> {
        match self {
            Self::Open(_) => None,
            Self::Closed(admission) => Some(admission),
        }
    }

    /// Its id.
    pub(crate) fn id(&self) -> SpaceId {
        self.reference().id()
    }

    fn reference(&self) -> SpaceRef {
        match self {
            Self::Open(space) => SpaceRef::Open(space.clone()),
            Self::Closed(admission) => SpaceRef::Id(admission.space().id()),
        }
    }
}

/// How somebody is in a space.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manner {
    /// The name that the others are shown; none for whoever only looks.
    pub(crate) nick: Option<String>,
    /// Has nobody below itself: it will not stay.
    pub(crate) passing: bool,
    /// Is announced on the local networks.
    pub(crate) announced: bool,
    /// Members to begin with, of any space: what counts is their keys and addresses.
    pub(crate) peers: Vec<Ticket>,
}

/// Somebody who is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Member {
    pub(crate) key: PublicKey,
    pub(crate) name: Option<String>,
    /// Where it may be reached, the likeliest first.
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) parent: Option<PublicKey>,
    /// Steps to the root of the tree, if it is known to stand there.
    pub(crate) depth: Option<u16>,
    /// It is heard on a local network.
    pub(crate) near: bool,
    /// It is in the tree.
    pub(crate) placed: bool,
}

impl Member {
    /// Somebody of whom nothing else is known.
    pub(crate) fn named(key: PublicKey, name: &str) -> Self {
        Self {
            key,
            name: Some(name.to_owned()).filter(|name| !name.is_empty()),
            addresses: Vec::new(),
            parent: None,
            depth: None,
            near: false,
            placed: true,
        }
    }

    /// The name with the first digits of the key.
    pub(crate) fn shown(&self) -> String {
        shown(self.name.as_deref(), &self.key)
    }
}

/// Our part in a space.
#[derive(Clone, Debug)]
pub(crate) struct Presence {
    node: Node,
    local: Hashname,
    place: Place,
    id: SpaceId,
}

impl Presence {
    /// Comes into a space.
    ///
    /// # Errors
    /// [`Failure`] if we are not let in, the name is none, or nobody can be met by a ticket.
    pub(crate) fn enter(
        node: &Node,
        secret: &SecretKey,
        place: Place,
        manner: &Manner,
    ) -> Result<Self, Failure> {
        match &place {
            Place::Open(space) => node.install_open(secret, space)?,
            Place::Closed(admission) => node.install(secret, admission)?,
        }
        let id = place.id();
        let presence = Self {
            node: node.clone(),
            local: node.local(&id),
            place,
            id,
        };
        let local = presence.local;
        node.join_tree(local, secret, manner.passing)?;
        if let Some(nick) = &manner.nick {
            node.set_name(local, nick)?;
        }
        for ticket in &manner.peers {
            node.meet(local, &presence.ticket(ticket.key, &ticket.addresses))?;
        }
        if manner.announced {
            node.announce(local, secret)?;
        }
        Ok(presence)
    }

    /// The name of the space.
    pub(crate) fn space(&self) -> &str {
        self.place.name()
    }

    /// The id of the space.
    pub(crate) const fn id(&self) -> SpaceId {
        self.id
    }

    /// True if an operator has let everybody in who is there.
    pub(crate) fn is_closed(&self) -> bool {
        self.place.admission().is_some()
    }

    /// The switch.
    pub(crate) const fn node(&self) -> &Node {
        &self.node
    }

    /// Our hashname there.
    pub(crate) const fn local(&self) -> Hashname {
        self.local
    }

    /// A ticket to a member, without a token.
    pub(crate) fn ticket(&self, key: PublicKey, addresses: &[SocketAddr]) -> Ticket {
        Ticket::new(key, self.place.reference(), addresses, None)
    }

    /// True if the other end of a line is a member of this space.
    pub(crate) fn has(&self, peer: &Peer) -> bool {
        Hashname::of(&peer.key, &self.id) == peer.hashname
    }

    /// Where we stand in the tree.
    pub(crate) fn standing(&self) -> Standing {
        let standing = self.node.with_tree(self.local, |tree| tree.standing());
        standing.unwrap_or_default()
    }

    /// Those directly above and below us, the one above first.
    pub(crate) fn links(&self) -> Vec<PublicKey> {
        let links = self.node.with_tree(self.local, |tree| {
            let parent = tree.standing().parent;
            let all = parent.into_iter().chain(tree.children());
            all.map(|node| node.key).collect()
        });
        links.unwrap_or_default()
    }

    /// Everybody who is there but us: those of the tree, and those who are only heard of.
    pub(crate) fn members(&self) -> Vec<Member> {
        let me = self.node.key();
        let in_tree = self.node.with_tree(self.local, |tree| {
            let others = tree.image().members().filter(|it| it.node.key != me);
            others.map(Member::from).collect::<Vec<_>>()
        });
        let mut members = in_tree.unwrap_or_default();
        for neighbour in self.node.neighbours(self.local) {
            let key = neighbour.peer.key;
            match members.iter_mut().find(|member| member.key == key) {
                Some(member) => {
                    member.near = true;
                    let mut addresses = neighbour.addresses;
                    let more = member.addresses.iter();
                    let more: Vec<_> = more.filter(|it| !addresses.contains(it)).collect();
                    addresses.extend(more);
                    member.addresses = addresses;
                }
                None => members.push(Member {
                    key,
                    name: None,
                    addresses: neighbour.addresses,
                    parent: None,
                    depth: None,
                    near: true,
                    placed: false,
                }),
            }
        }
        members
    }

    /// One of them.
    pub(crate) fn member(&self, key: &PublicKey) -> Option<Member> {
        self.members().into_iter().find(|member| member.key == *key)
    }

    /// The member whom a text means: a name, the first digits of a key or hashname, or both.
    ///
    /// # Errors
    /// [`Failure`]: nobody, and who is there; of usage if several or ourselves are meant.
    pub(crate) fn resolve(&self, text: &str) -> Result<Member, Failure> {
        let mut members = self.members();
        let meant = |member: &Member| may_mean(text, member.name.as_deref(), &member.key, &self.id);
        let fitting: Vec<_> = (0..members.len())
            .filter(|&at| meant(&members[at]))
            .collect();
        match fitting[..] {
            [one] => Ok(members.swap_remove(one)),
            [] => Err(self.nobody(text, &members)),
            _ => {
                let candidates = fitting.iter().map(|&at| &members[at]);
                let candidates = candidates.map(|it| shown_long(it.name.as_deref(), &it.key));
                Err(Failure::usage(format!(
                    "{} is more than one in {}: {}; name one with the digits of its key",
                    visible(text),
                    self.space(),
                    list(candidates, fitting.len())
                )))
            }
        }
    }

    fn nobody(&self, text: &str, members: &[Member]) -> Failure {
        let own = self.node.with_tree(self.local, |tree| {
            let own = tree.image().find(&self.node.key());
            own.and_then(|own| own.name)
        });
        if may_mean(text, own.flatten().as_deref(), &self.node.key(), &self.id) {
            return Failure::usage(format!("{} is this identity itself", visible(text)));
        }
        let there = if members.is_empty() {
            "nobody else is there".into()
        } else {
            let names = members.iter().map(Member::shown);
            format!("there are {}", list(names, members.len()))
        };
        Failure::new(
            Exit::NotFound,
            format!("nobody is {} in {}: {there}", visible(text), self.space()),
        )
    }

    /// The member whom a text means, for whoever has just come: waits a while for it to be found.
    /// Nobody else may be asking for news meanwhile.
    ///
    /// # Errors
    /// As [`Self::resolve`].
    pub(crate) async fn find(&self, text: &str) -> Result<Member, Failure> {
        self.look(|| self.resolve(text).is_ok()).await;
        self.resolve(text)
    }

    /// Waits until `found` is true, and what is known of who is there was the same for a while; at
    /// most for [`LOOK`]. Nobody else may be asking for news meanwhile.
    pub(crate) async fn look(&self, found: impl Fn() -> bool) {
        let end = Instant::now() + LOOK;
        let mut known = self.members();
        let mut changed = Instant::now();
        while Instant::now() < end {
            let quiet = changed + QUIET;
            if Instant::now() >= quiet && found() {
                return;
            }
            let until = if found() { quiet.min(end) } else { end };
            let news = async {
                tokio::select! {
                    there = self.node.space_news() => there,
                    event = self.node.line_event() => event.is_some(),
                }
            };
            if let Ok(false) = timeout_at(until, news).await {
                return;
            }
            let members = self.members();
            if members != known {
                (known, changed) = (members, Instant::now());
            }
        }
    }

    /// Goes, and says so.
    pub(crate) fn leave(&self) {
        self.node.leave_tree(self.local);
    }
}

impl From<image::Member> for Member {
    fn from(member: image::Member) -> Self {
        Self {
            key: member.node.key,
            name: member.name.filter(|name| !name.is_empty()),
            addresses: member.addresses,
            parent: member.parent,
            depth: member.depth,
            near: false,
            placed: true,
        }
    }
}

fn list(names: impl Iterator<Item = String>, count: usize) -> String {
    let named: Vec<_> = names.take(NAMED_MOST).collect();
    let more = count - named.len();
    let mut list = named.join(", ");
    if more > 0 {
        list.push_str(&format!(" and {more} more"));
    }
    list
}
