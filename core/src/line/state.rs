//! One line as the room keeps it.

use alloc::{boxed::Box, sync::Arc};
use core::net::SocketAddr;

use super::{
    Dropped,
    paths::Paths,
    peers::{Opens, Pair},
    pending::Pending,
    rekey::Renewal,
    session::Session,
    suite::Suite,
    told::Limits,
    window::Window,
};
use crate::{
    base::Time,
    identity::{Hashname, Membership, PublicKey},
    wire::{Route, VARINT_MAX},
};

/// Which life of an end a handshake belongs to. An end keeps its number from its first open or
/// answer until the line is gone, so two handshakes make one line if both ends say the same
/// numbers in both (PROTOCOL, section Crossed opens).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct End {
    pub(super) id: u32,
    /// The number of the first stream that this end opens.
    pub(super) first_stream: u64,
}

impl End {
    /// What a peer says of its end.
    pub(super) const fn of_peer(id: u32, first_stream: u64) -> Result<Self, Dropped> {
        if first_stream > VARINT_MAX {
            return Err(Dropped::Malformed);
        }
        Ok(Self { id, first_stream })
    }
}

/// Who a line is between.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Who {
    /// Our end.
    pub local: Hashname,
    /// The peer's key.
    pub peer: PublicKey,
    /// The peer's hashname in the space of our end.
    pub peer_hashname: Hashname,
}

/// What can be known of a line. What the peer tells is `None` until the line is up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Info {
    /// Who it is between; kept once, whoever asks for it.
    pub who: Arc<Who>,
    /// True if we opened the line.
    pub ours: bool,
    /// The suite of the session that packets are sealed in.
    pub suite: Suite,
    /// The path in use; before the line is up, the first candidate.
    pub route: Route,
    /// The boot of our end.
    pub boot: u64,
    /// The boot of the peer's end.
    pub peer_boot: Option<u64>,
    /// The number of the first stream that our end opens.
    pub first_stream: u64,
    /// The number of the first stream that the peer's end opens.
    pub peer_first_stream: Option<u64>,
    /// What the peer bears; the least that can be meant until the line is up.
    pub peer_limits: Limits,
    /// Sessions that packets were sealed in, one after the other: 1, and one more for each time
    /// that the keys were renewed within the line.
    pub sessions: u32,
}

/// What the peer told when the line came up, and nobody needs for long: it is forgotten when the
/// line comes to rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Greeting {
    /// Our address as the peer saw it, where it answered our open.
    pub seen: Option<SocketAddr>,
    /// The round trip that the handshake took, in microseconds, if nothing in it was repeated.
    pub rtt_us: Option<u64>,
    /// The version of the space document that the peer held, and the first bytes of that document's
    /// hash; in a closed space.
    pub document: Option<(u64, [u8; 8])>,
}

/// A closed line that still answers.
#[derive(Debug)]
pub(super) struct Closing {
    pub(super) last: Box<[u8]>,
    pub(super) until: Time,
}

/// A line: being opened, up, or closed and not yet forgotten.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) info: Info,
    /// The index of our hashname.
    pub(super) home: usize,
    pub(super) end: u32,
    pub(super) peer_end: Option<u32>,
    pub(super) window: Window,
    /// The next counter of our direction; it goes on from session to session.
    pub(super) counter: u64,
    /// What packets are sealed in; `None` until the line is up.
    pub(super) current: Option<Session>,
    /// A session of the same line that is still accepted.
    pub(super) older: Option<Box<Session>>,
    pub(super) older_until: Option<Time>,
    /// What is under way about new keys.
    pub(super) renewal: Renewal,
    /// The id of the session that the last packet was opened in.
    pub(super) opened_in: u32,
    pub(super) pending: Option<Box<Pending>>,
    /// Our end of the line that takes this one's place, if its peer, which was asked, turns out to
    /// have forgotten it.
    pub(super) again: Option<Box<End>>,
    pub(super) closing: Option<Box<Closing>>,
    pub(super) greeting: Option<Box<Greeting>>,
    pub(super) opens: Opens,
    /// What lets the peer into a closed space.
    pub(super) membership: Option<Box<Membership>>,
    /// When that ends, until that was told.
    pub(super) expires: Option<Time>,
    pub(super) paths: Paths,
}

impl Line {
    pub(super) fn new(info: Info, home: usize, end: u32) -> Self {
        Self {
            info,
            home,
            end,
            peer_end: None,
            window: Window::default(),
            counter: 0,
            current: None,
            older: None,
            older_until: None,
            renewal: Renewal::default(),
            opened_in: 0,
            pending: None,
            again: None,
            closing: None,
            greeting: None,
            opens: Opens::default(),
            membership: None,
            expires: None,
            paths: Paths::default(),
        }
    }

    pub(super) fn pair(&self) -> Pair {
        Pair {
            local: self.info.who.local,
            peer: self.info.who.peer_hashname,
        }
    }

    /// The line between the same two that takes the place of this one, and has nothing of it.
    pub(super) fn next(&self, end: End) -> Self {
        let info = Info {
            first_stream: end.first_stream,
            sessions: 1,
            ..self.info.clone()
        };
        Self::new(info, self.home, end.id)
    }

    /// Our end of the line.
    pub(super) const fn own_end(&self) -> End {
        End {
            id: self.end,
            first_stream: self.info.first_stream,
        }
    }

    /// Our end of the line that comes next, if that is settled: of this one, as long as it is being
    /// opened, or of what we asked after this one with.
    pub(super) fn next_end(&self) -> Option<End> {
        if self.current.is_none() {
            return Some(self.own_end());
        }
        self.again.as_deref().copied()
    }

    /// True if the peer's end is still the one that the line was made with.
    pub(super) fn is_peer_life(&self, boot: u64, end: u32) -> bool {
        self.info.peer_boot == Some(boot) && self.peer_end == Some(end)
    }

    /// True if the older session is to be dropped soon: the peer seals in the current one.
    pub(super) fn has_moved_on(&self) -> bool {
        let heard = self.current.as_ref().is_some_and(|it| it.heard);
        heard && self.older.is_some() && self.older_until.is_none()
    }

    /// The session that receives on this id.
    pub(super) fn session_mut(&mut self, ours: u32) -> Option<&mut Session> {
        let older = self.older.as_deref_mut();
        [self.current.as_mut(), older, self.renewal.next_mut(ours)]
            .into_iter()
            .flatten()
            .find(|session| session.ours == ours)
    }

    /// The session that we seal in, if the last packet was opened in it.
    pub(super) fn is_of_now(&self) -> Option<&Session> {
        let current = self.current.as_ref();
        current.filter(|current| current.ours == self.opened_in)
    }

    /// The next time that something is to be done about the line.
    pub(super) fn deadline(&self) -> Option<Time> {
        let closing = self.closing.as_ref().map(|closing| closing.until);
        let pending = self.pending.as_ref().map(|pending| pending.deadline());
        let exhausted = self.renewal.exhausted_until;
        // A closed line asks nothing any more.
        let paths = self.paths.deadline().filter(|_| closing.is_none());
        [
            closing,
            pending,
            self.older_until,
            self.expires,
            exhausted,
            paths,
        ]
        .into_iter()
        .flatten()
        .min()
    }
}
