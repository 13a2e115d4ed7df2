//! What the two ends of a line say on the switch's own streams, as long as they say something.

use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use zeroize::Zeroizing;

use super::{branch::Branch, system::Topic};
use crate::{base::Time, stream::Streams};

/// What is said, and what is to be.
#[derive(Debug, Default)]
pub(super) struct Talk {
    pub(super) incoming: Vec<Incoming>,
    pub(super) outgoing: Vec<Outgoing>,
    /// What is to be said as soon as nothing else is being said and a stream may be opened.
    pub(super) due: Vec<Topic>,
    /// Before this nothing is said: the peer refused it lately. The wait was this long.
    pub(super) again: Option<Time>,
    pub(super) waited_ms: u64,
    /// What is said for the tree of the space.
    pub(super) branch: Option<Box<Branch>>,
}

/// What the peer says.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) id: u64,
    pub(super) topic: Topic,
    pub(super) bytes: Secret,
    /// Everything has come.
    pub(super) is_whole: bool,
}

/// What we say.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) id: u64,
    pub(super) topic: Topic,
    pub(super) bytes: Secret,
    pub(super) written: usize,
    pub(super) refused: bool,
}

/// What is said may hold a gate: it wipes itself and never prints.
#[derive(Default)]
pub(super) struct Secret(pub(super) Zeroizing<Vec<u8>>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Talk {
    pub(super) const fn is_silent(&self) -> bool {
        self.incoming.is_empty() && self.outgoing.is_empty() && self.due.is_empty()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = u64> {
        let incoming = self.incoming.iter().map(|it| it.id);
        let outgoing = self.outgoing.iter().map(|it| it.id);
        let branch = self.branch.iter().flat_map(|branch| branch.ids());
        incoming.chain(outgoing).chain(branch)
    }

    pub(super) fn incoming_bytes(&self) -> usize {
        self.incoming.iter().map(|it| it.bytes.0.len()).sum()
    }

    pub(super) fn prune(&mut self, streams: &Streams) {
        self.incoming.retain(|it| streams.has(it.id));
        self.outgoing.retain(|it| streams.has(it.id));
    }

    pub(super) fn is_to_say(&mut self, topic: Topic) {
        if !self.due.contains(&topic) {
            self.due.push(topic);
        }
    }

    pub(super) fn may_say(&self, now: Time) -> bool {
        self.outgoing.is_empty() && self.again.is_none_or(|at| at <= now)
    }
}
