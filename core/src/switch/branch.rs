//! What two members of a tree say to each other over their line: a stream each way about places, and
//! while they are linked one for both ways that carries broadcasts and images; on each of them packets
//! behind their length (PROTOCOL, section Tree).

use alloc::{borrow::Cow, vec::Vec};
use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::{
    base::{Effects, Time},
    stream::{Effect, Read, Streams},
    wire::{
        Address,
        json::{self, Limits},
    },
};

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pipes {
    Places,
    Bulk,
}

/// Both pairs of streams of a line.
#[derive(Debug, Default)]
pub(super) struct Branch {
    pub(super) places: Pipe,
    pub(super) bulk: Pipe,
    /// What the peer said of itself, until the tree was told.
    pub(super) greeting: Option<Greeting>,
    /// The peer has ended what it says about places.
    pub(super) parted: bool,
    /// The peer has ended the link.
    pub(super) severed: bool,
    /// The peer's next stream of this kind is to be taken up.
    pub(super) accepts: Option<Linked>,
    /// Streams for a link that the peer has opened before we know of the link.
    offered: Vec<(u64, Linked)>,
    /// A link has begun, until the tree was told.
    pub(super) begun: bool,
    /// Something is to be looked at, and stands in the queue of what is.
    pub(super) queued: bool,
    /// What has come of the link was left where it is: it was too much.
    pub(super) left: bool,
    /// Streams that carry nothing more and are not over yet.
    ended: Vec<u64>,
}

/// What the opener of a stream about places says in its head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Greeting {
    pub(super) epoch: u64,
    pub(super) seen: Option<SocketAddr>,
}

/// What two members are linked as.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Linked {
    /// The opener of the stream is the other's child.
    Child,
    /// They are each other's backup.
    Backup,
}

/// One stream of ours and one of the peer's, or one of both.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    pub(super) out: Option<u64>,
    pub(super) into: Option<u64>,
    /// What there was no room for.
    unsent: Vec<u8>,
    sent: usize,
    /// What has come of a packet that is not whole.
    partial: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct TreeHead<'a> {
    #[serde(borrow)]
    sys: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seen: Option<Address>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    r#as: Option<Linked>,
}

impl Branch {
    /// The streams that it speaks and hears on, each once.
    pub(super) fn ids(&self) -> impl Iterator<Item = u64> {
        let open = [self.places.out, self.places.into, self.bulk.into].into_iter();
        let open = open.flatten();
        let offered = self.offered.iter().map(|it| it.0);
        open.chain(offered).chain(self.ended.iter().copied())
    }

    /// True if what comes on this stream is to be read, now or once it is taken up.
    pub(super) fn hears(&self, id: u64) -> bool {
        let open = [self.places.into, self.bulk.into].contains(&Some(id));
        open || self.offered.iter().any(|it| it.0 == id)
    }

    /// Streams that are over are nobody's any more.
    pub(super) fn prune(&mut self, streams: &Streams) {
        self.ended.retain(|id| streams.has(*id));
    }

    /// Nothing more is said; what was said about places may still be on its way.
    pub(super) fn end(&mut self, now: Time, streams: &mut Streams, fx: &mut Effects<Effect>) {
        self.unlink(now, streams, fx);
        for (id, _) in core::mem::take(&mut self.offered) {
            self.drop_stream(now, id, streams, fx);
        }
        let _rest = self.places.write(streams);
        if let Some(id) = self.places.out.take() {
            let _over = streams.finish(id);
            self.ended.push(id);
        }
        (self.places.unsent, self.places.sent) = (Vec::new(), 0);
    }

    /// The link, if there is one, is over.
    pub(super) fn unlink(&mut self, now: Time, streams: &mut Streams, fx: &mut Effects<Effect>) {
        (self.accepts, self.begun, self.severed) = (None, false, false);
        if let Some(id) = self.bulk.into {
            self.bulk = Pipe::default();
            self.drop_stream(now, id, streams, fx);
        }
    }

    fn drop_stream(&mut self, now: Time, id: u64, streams: &mut Streams, fx: &mut Effects<Effect>) {
        let _over = streams.reset(id, 0);
        let _over = streams.stop(now, id, 0, fx);
        self.ended.push(id);
    }

    /// Begins a link with a stream of ours; false if none can be opened.
    pub(super) fn link(
        &mut self,
        now: Time,
        linked: Linked,
        streams: &mut Streams,
        fx: &mut Effects<Effect>,
    ) -> bool {
        self.unlink(now, streams, fx);
        let head = json::write(&TreeHead {
            sys: Cow::Borrowed("cast"),
            epoch: None,
            seen: None,
            r#as: Some(linked),
        });
        self.bulk.out = streams.open_system(&head).ok();
        self.bulk.into = self.bulk.out;
        self.bulk.out.is_some()
    }

    /// A link is to begin with a stream that the peer has opened, or will.
    pub(super) fn accept(
        &mut self,
        now: Time,
        linked: Linked,
        streams: &mut Streams,
        fx: &mut Effects<Effect>,
    ) {
        self.unlink(now, streams, fx);
        self.accepts = Some(linked);
        let offered = self.offered.iter().position(|it| it.1 == linked);
        if let Some(at) = offered {
            let (id, _) = self.offered.remove(at);
            self.begin(id);
        }
    }

    fn begin(&mut self, id: u64) {
        self.bulk = Pipe {
            out: Some(id),
            into: Some(id),
            ..Pipe::default()
        };
        self.begun = true;
    }

    pub(super) const fn pipe(&mut self, which: Pipes) -> &mut Pipe {
        match which {
            Pipes::Places => &mut self.places,
            Pipes::Bulk => &mut self.bulk,
        }
    }

    /// True if neither end speaks.
    pub(super) fn is_over(&self) -> bool {
        self.ids().next().is_none() && !self.parted && self.greeting.is_none()
    }

    /// A stream of either end carries nothing more.
    pub(super) fn forget(&mut self, id: u64) {
        self.parted |= [self.places.into, self.places.out].contains(&Some(id));
        self.severed |= self.bulk.into == Some(id);
        self.offered.retain(|it| it.0 != id);
        if !self.ended.contains(&id) {
            self.ended.push(id);
        }
        for pipe in [&mut self.places, &mut self.bulk] {
            if pipe.into == Some(id) {
                pipe.into = None;
                pipe.partial = Vec::new();
            }
            if pipe.out == Some(id) {
                pipe.out = None;
                (pipe.unsent, pipe.sent) = (Vec::new(), 0);
            }
        }
    }

    /// The peer has opened a stream about places with this head; false if the head is none. One
    /// that it had before is over: its end may come later than this.
    pub(super) fn on_places(&mut self, id: u64, head: &str) -> bool {
        self.places.partial = Vec::new();
        if let Some(before) = self.places.into.replace(id) {
            self.ended.push(before);
        }
        let Some(greeting) = Greeting::parse(head) else {
            return false;
        };
        (self.greeting, self.parted) = (Some(greeting), false);
        true
    }

    /// The peer has opened a stream for a link; false if the head is none.
    pub(super) fn on_bulk(
        &mut self,
        now: Time,
        (id, head): (u64, &str),
        streams: &mut Streams,
        fx: &mut Effects<Effect>,
    ) -> bool {
        let read: Result<TreeHead<'_>, _> = json::parse(head.as_bytes(), &Limits::default());
        let Some(linked) = read.ok().and_then(|head| head.r#as) else {
            return false;
        };
        if self.accepts == Some(linked) {
            // It begins anew, and so do we.
            self.unlink(now, streams, fx);
            self.accepts = Some(linked);
            self.begin(id);
            return true;
        }
        let before = self.offered.iter().position(|it| it.1 == linked);
        if let Some(before) = before {
            let (before, _) = self.offered.remove(before);
            self.drop_stream(now, before, streams, fx);
        }
        self.offered.push((id, linked));
        true
    }
}

impl Greeting {
    fn parse(head: &str) -> Option<Self> {
        let head: TreeHead<'_> = json::parse(head.as_bytes(), &Limits::default()).ok()?;
        Some(Self {
            epoch: head.epoch.filter(|epoch| *epoch > 0)?,
            seen: head.seen.map(|seen| seen.socket()),
        })
    }

    pub(super) fn head(self) -> alloc::string::String {
        json::write(&TreeHead {
            sys: Cow::Borrowed("tree"),
            epoch: Some(self.epoch),
            seen: self.seen.map(Address::new),
            r#as: None,
        })
    }
}

impl Pipe {
    /// Bytes that wait.
    pub(super) const fn unsent_bytes(&self) -> usize {
        self.unsent.len() - self.sent
    }

    /// One more packet to be sent.
    pub(super) fn push(&mut self, packet: &[u8]) {
        let length =
            u16::try_from(packet.len()).expect("a packet of a tree is shorter than 64 KiB");
        self.unsent.extend_from_slice(&length.to_be_bytes());
        self.unsent.extend_from_slice(packet);
    }

    /// Writes what there is room for; true if nothing is left.
    pub(super) fn write(&mut self, streams: &mut Streams) -> bool {
        let Some(id) = self.out else {
            return self.unsent.is_empty();
        };
        while self.sent < self.unsent.len() {
            let Ok(len) = streams.write(id, &self.unsent[self.sent..]) else {
                return false;
            };
            self.sent += len;
        }
        (self.unsent, self.sent) = (Vec::new(), 0);
        true
    }

    /// Reads what has come, until a packet of at most `most` bytes is whole.
    pub(super) fn read(
        &mut self,
        now: Time,
        most: usize,
        streams: &mut Streams,
        fx: &mut Effects<Effect>,
    ) -> Came {
        let Some(id) = self.into else {
            return Came::Nothing;
        };
        let mut buf = [0; 2048];
        loop {
            let need = match self.partial.first_chunk::<2>() {
                None => 2,
                Some(length) => 2 + usize::from(u16::from_be_bytes(*length)),
            };
            if need > 2 + most {
                return Came::TooLong;
            }
            let lacks = need - self.partial.len().min(need);
            if lacks == 0 {
                let packet = self.partial.split_off(2);
                self.partial.clear();
                return Came::Packet(packet);
            }
            let room = lacks.min(buf.len());
            match streams.read(now, id, &mut buf[..room], fx) {
                Ok(Read::Bytes(len)) => self.partial.extend_from_slice(&buf[..len]),
                Ok(Read::End) => return Came::End,
                Err(crate::stream::ReadError::Blocked) => return Came::Nothing,
                Err(_over) => return Came::End,
            }
        }
    }
}

/// What a read gave.
#[derive(Debug)]
pub(super) enum Came {
    Nothing,
    /// A packet.
    Packet(Vec<u8>),
    /// A packet that no honest member sends.
    TooLong,
    /// There will be no more.
    End,
}
