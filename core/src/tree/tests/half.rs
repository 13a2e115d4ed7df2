//! One end of a line, and what is on its way: the streams that a tree has on it, as the switch
//! carries them.

use std::{collections::VecDeque, net::SocketAddr, vec::Vec};

use crate::base::Time;

/// Bytes of broadcasts and images that may be on their way to one neighbour and not be taken.
pub(super) const WINDOW: usize = 256 << 10;

/// What a member sends on a line.
#[derive(Clone, Debug)]
pub(super) enum Wire {
    Dial,
    Answer,
    /// The other end is another life than the one that was meant.
    Reset,
    Greeting {
        id: u32,
        epoch: u64,
        seen: SocketAddr,
    },
    Place {
        id: u32,
        bytes: Vec<u8>,
    },
    PlaceEnd {
        id: u32,
    },
    Cast {
        id: u32,
        backup: bool,
    },
    Bulk {
        id: u32,
        bytes: Vec<u8>,
    },
    BulkEnd {
        id: u32,
    },
    Took {
        id: u32,
        len: usize,
    },
    Ping,
    Pong,
}

/// A packet on its way, from one life to another.
#[derive(Clone, Debug)]
pub(super) struct Envelope {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) lives: (u32, Option<u32>),
    pub(super) wire: Wire,
}

/// One member's end of a line.
#[derive(Debug)]
pub(super) struct Half {
    /// The other's life.
    pub(super) life: u32,
    pub(super) up: bool,
    pub(super) held: bool,
    /// The streams about places, ours and the other's.
    pub(super) out: Option<u32>,
    pub(super) into: Option<u32>,
    /// The stream of the link.
    pub(super) bulk: Option<u32>,
    pub(super) accepts: Option<bool>,
    pub(super) offered: Vec<(u32, bool)>,
    pub(super) unread: VecDeque<(u32, Vec<u8>)>,
    pub(super) flying: usize,
    pub(super) heard: Time,
}

impl Half {
    pub(super) fn new(life: u32, now: Time) -> Self {
        Self {
            life,
            up: false,
            held: false,
            out: None,
            into: None,
            bulk: None,
            accepts: None,
            offered: Vec::new(),
            unread: VecDeque::new(),
            flying: 0,
            heard: now,
        }
    }

    /// The link is over; its stream is to be ended if there was one.
    pub(super) fn unlink(&mut self) -> Option<u32> {
        self.accepts = None;
        self.bulk.take()
    }

    pub(super) fn begin(&mut self, id: u32) {
        self.bulk = Some(id);
        self.flying = 0;
    }

    /// The next packet of the link, if it has come.
    pub(super) fn next(&mut self) -> Option<(u32, Vec<u8>)> {
        let (bulk, offered) = (self.bulk, &self.offered);
        let alive = |id: u32| bulk == Some(id) || offered.iter().any(|it| it.0 == id);
        self.unread.retain(|(id, _)| alive(*id));
        let at = self.unread.iter().position(|it| Some(it.0) == bulk)?;
        self.unread.remove(at)
    }
}
