//! The switch's own streams. A stream whose opener's head has the key `sys` is none of the
//! application's: what it carries is read, checked and acted on here (PROTOCOL, section System
//! streams).

use alloc::{borrow::Cow, boxed::Box};

use serde::Deserialize;
use zeroize::Zeroizing;

use super::{
    Misbehaviour, Switch,
    branch::Branch,
    link::{Link, Phase},
    talk::{Incoming, Outgoing, Secret, Talk},
};
use crate::{
    base::{Effects, Slot, Time},
    identity::{Document, Gate, Membership},
    stream::{Effect, REFUSED, Read, ReadError, Streams},
    wire::json::{self, Limits},
};

/// What a system stream is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Topic {
    /// The space document with its gate.
    Space,
    /// The sender's own membership, renewed.
    Member,
    /// Places in the tree of the space.
    Tree,
    /// Broadcasts in that tree, and its image.
    Cast,
    /// Nothing that this version knows.
    Unknown,
}

/// Bytes of a gate, which go before the document.
const GATE_LEN: usize = 32;
/// Bytes of a gate and the longest document: what a peer may have said of things that are not whole.
const LEN_MOST: usize = GATE_LEN + Document::LEN_MOST;
/// System streams of a peer at once; an honest one has one, and some whose end is not yet known.
const INCOMING_MOST: usize = 8;
/// Documents and memberships that told nothing new, since something did. Two ends that learn of
/// the same thing at the same time tell each other, and that once.
const STALE_MOST: u32 = 16;
/// From a system stream that the peer had no memory for to the next, at first and at most, in
/// milliseconds.
const AGAIN_MS: core::ops::RangeInclusive<u64> = 1_000..=60_000;

/// The system streams of one line.
#[derive(Debug, Default)]
pub(super) struct System {
    /// What is being said and what is to be; none for as long as the line is silent.
    talk: Option<Box<Talk>>,
    /// The mark of the document that the peer has, as far as we know.
    peer: Option<[u8; 8]>,
    stale: u32,
}

/// What has come whole.
pub(super) struct Arrived(Topic, Secret);

impl Topic {
    const fn head(self) -> &'static str {
        match self {
            Self::Space => r#"{"sys":"space"}"#,
            Self::Member => r#"{"sys":"member"}"#,
            Self::Tree | Self::Cast | Self::Unknown => "",
        }
    }

    const fn len_most(self) -> usize {
        match self {
            Self::Space => LEN_MOST,
            Self::Member => Membership::LEN,
            Self::Tree | Self::Cast | Self::Unknown => 0,
        }
    }
}

/// What a stream with this head is about; `None` if it is the application's.
pub(super) fn topic(head: &str) -> Option<Topic> {
    #[derive(Deserialize)]
    struct SystemHead<'a> {
        #[serde(borrow)]
        sys: Option<Cow<'a, str>>,
    }
    if !head.contains("sys") && !head.contains('\\') {
        return None;
    }
    let read: Result<SystemHead<'_>, _> = json::parse(head.as_bytes(), &Limits::default());
    match read {
        Ok(head) => Some(match head.sys?.as_ref() {
            "space" => Topic::Space,
            "member" => Topic::Member,
            "tree" => Topic::Tree,
            "cast" => Topic::Cast,
            _ => Topic::Unknown,
        }),
        // The key is there, but is no text; or else the head would be legal.
        Err(_) => Some(Topic::Unknown),
    }
}

impl System {
    /// True if nothing is said and nothing is to be said, by either end.
    pub(super) fn is_silent(&self) -> bool {
        self.talk.as_ref().is_none_or(|talk| talk.is_silent())
    }

    /// How many of the streams that live are the switch's.
    pub(super) fn count(&self, streams: &Streams) -> usize {
        let ids = self.talk.iter().flat_map(|talk| talk.ids());
        ids.filter(|id| streams.has(*id)).count()
    }

    /// Gives up all of them: the line is down, and nothing more will be heard of them.
    pub(super) fn clear(&mut self, now: Time, streams: &mut Streams, fx: &mut Effects<Effect>) {
        if let Some(talk) = self.talk.take() {
            for id in talk.ids() {
                let _over = streams.stop(now, id, 0, fx);
            }
        }
    }

    /// Gives up what is kept for later.
    pub(super) fn rest(&mut self) {
        let is_over = |talk: &Talk| {
            let has_branch = talk.branch.as_ref().is_some_and(|it| !it.is_over());
            talk.is_silent() && talk.waited_ms == 0 && !has_branch
        };
        self.talk = self.talk.take().filter(|talk| !is_over(talk));
    }

    fn has(&self, id: u64) -> bool {
        self.talk
            .as_ref()
            .is_some_and(|talk| talk.ids().any(|of| of == id))
    }

    /// What is said for a tree, if anything is.
    pub(super) fn branch_mut(&mut self) -> Option<&mut Branch> {
        self.talk.as_mut()?.branch.as_deref_mut()
    }

    /// The same, made if there is none.
    pub(super) fn branch(&mut self) -> &mut Branch {
        self.talk().branch.get_or_insert_default()
    }

    fn talk(&mut self) -> &mut Talk {
        self.talk.get_or_insert_default()
    }

    /// Writes as much as there is room for, and the end behind everything.
    fn write(&mut self, id: u64, streams: &mut Streams) {
        let outgoing = self.talk.iter_mut().flat_map(|talk| &mut talk.outgoing);
        let mut outgoing = outgoing.filter(|it| it.id == id);
        let Some(out) = outgoing.next() else {
            return;
        };
        while out.written < out.bytes.0.len() {
            let Ok(len) = streams.write(id, &out.bytes.0[out.written..]) else {
                return;
            };
            out.written += len;
        }
        let _over = streams.finish(id);
    }

    /// The peer had no memory for what was said: it is said again after a while, in the end.
    fn on_refused(&mut self, now: Time, id: u64) {
        let Some(talk) = &mut self.talk else { return };
        let mut outgoing = talk.outgoing.iter_mut();
        let Some(out) = outgoing.find(|it| it.id == id && !it.refused) else {
            return;
        };
        out.refused = true;
        let topic = out.topic;
        if topic == Topic::Space {
            self.peer = None;
        }
        talk.is_to_say(topic);
        let twice = talk.waited_ms.saturating_mul(2);
        talk.waited_ms = twice.clamp(*AGAIN_MS.start(), *AGAIN_MS.end());
        talk.again = Some(now.plus_ms(talk.waited_ms));
    }

    /// When something is to be said again.
    pub(super) fn deadline(&self) -> Option<Time> {
        let talk = self.talk.as_ref()?;
        talk.again
            .filter(|_| talk.outgoing.is_empty() && !talk.due.is_empty())
    }

    fn may_say(&self, now: Time) -> bool {
        self.talk.as_ref().is_none_or(|talk| talk.may_say(now))
    }

    /// Something new came, from whomever.
    pub(super) const fn on_news(&mut self) {
        self.stale = 0;
    }

    /// Nothing new came; too much of that is no honest peer's.
    fn on_stale(&mut self) -> Result<(), Misbehaviour> {
        self.stale += 1;
        if self.stale > STALE_MOST {
            return Err(Misbehaviour::IllegalSystem);
        }
        Ok(())
    }
}

impl Switch {
    /// Tells the peer of a line something, unless it knows it.
    pub(super) fn say(&mut self, slot: Slot, topic: Topic) {
        self.lend(slot);
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        let Phase::Up { .. } = link.phase else { return };
        let Some(admission) = self.lines.admission(link.who.local) else {
            return;
        };
        let bytes = match topic {
            Topic::Space => {
                let (document, (_, gate)) = (admission.document(), &admission.gates()[0]);
                if link.system.peer == Some(document.mark()) {
                    return;
                }
                [gate.as_bytes().as_slice(), document.as_bytes()].concat()
            }
            Topic::Member => admission.membership().as_bytes().to_vec(),
            Topic::Tree | Topic::Cast | Topic::Unknown => return,
        };
        let bytes = Secret(Zeroizing::new(bytes));
        let is_free = link.system.may_say(self.now);
        let opened = is_free.then(|| link.streams.open_system(topic.head()).ok());
        let Some(id) = opened.flatten() else {
            link.system.talk().is_to_say(topic);
            return;
        };
        if topic == Topic::Space {
            link.system.peer = Some(admission.document().mark());
        }
        let talk = link.system.talk();
        talk.again = None;
        talk.outgoing.push(Outgoing {
            id,
            topic,
            bytes,
            written: 0,
            refused: false,
        });
        link.system.write(id, &mut link.streams);
        self.touch(slot);
    }

    /// A line of a closed space is up: the end that knows the newer document tells it.
    pub(super) fn greet(&mut self, slot: Slot, peer: Option<(u64, [u8; 8])>) {
        let (Some(link), Some((version, mark))) = (self.links.get_mut(slot), peer) else {
            return;
        };
        let Some(admission) = self.lines.admission(link.who.local) else {
            return;
        };
        link.system.peer = Some(mark);
        if admission.document().version() >= version {
            self.say(slot, Topic::Space);
        }
    }

    /// Looks at an effect of the streams of a line: true if it is about one of the switch's own.
    pub(super) fn on_system_effect(&mut self, slot: Slot, effect: Effect) -> bool {
        if self.on_branch_effect(slot, effect) {
            return true;
        }
        let Some(link) = self.links.get_mut(slot) else {
            return false;
        };
        let fx = &mut self.stream_effects;
        match effect {
            Effect::Reset { id, code: REFUSED } | Effect::Stopped { id, code: REFUSED } => {
                link.system.on_refused(self.now, id);
            }
            Effect::Finished { id } if link.system.has(id) => link.system.talk().waited_ms = 0,
            Effect::Opened { .. }
            | Effect::Answered { .. }
            | Effect::Readable { .. }
            | Effect::Finished { .. }
            | Effect::Writable { .. }
            | Effect::Reset { .. }
            | Effect::Stopped { .. }
            | Effect::MayOpen => {}
        }
        let handled = match effect {
            Effect::Opened { id } => {
                let is_closed = self.lines.admission(link.who.local).is_some();
                on_opened(link, self.now, (id, is_closed), fx)
            }
            Effect::MayOpen => return false,
            Effect::Answered { id }
            | Effect::Readable { id }
            | Effect::Finished { id }
            | Effect::Writable { id }
            | Effect::Reset { id, .. }
            | Effect::Stopped { id, .. } => {
                if !link.system.has(id) {
                    return false;
                }
                link.system.write(id, &mut link.streams);
                on_readable(link, self.now, id, fx).map(Some)
            }
        };
        match handled {
            Ok(None) => return false,
            Ok(Some(None)) => {}
            Ok(Some(Some(arrived))) => self.arrived.push((slot, arrived)),
            Err(misbehaviour) => self.misbehaved(self.now, slot, misbehaviour),
        }
        true
    }

    /// Acts on what has come whole, after all effects were seen to, and goes on with what is to be
    /// said. Only now is nothing more told of a stream that is over.
    pub(super) fn settle_system(&mut self, slot: Slot) {
        let link = self.links.get_mut(slot);
        let link = link.filter(|link| !link.system.is_silent());
        let talk = link.and_then(|link| Some((link.system.talk.as_mut()?, &link.streams)));
        if let Some((talk, streams)) = talk {
            talk.prune(streams);
            if talk.may_say(self.now) && !talk.due.is_empty() {
                talk.again = None;
                for topic in core::mem::take(&mut talk.due) {
                    self.say(slot, topic);
                }
            }
        }
        while let Some((slot, Arrived(topic, bytes))) = self.arrived.pop() {
            let acted = match topic {
                Topic::Space => self.on_document(slot, &bytes.0),
                Topic::Member => self.on_membership(slot, &bytes.0),
                Topic::Tree | Topic::Cast | Topic::Unknown => Ok(()),
            };
            if let Err(misbehaviour) = acted {
                self.misbehaved(self.now, slot, misbehaviour);
                self.touch(slot);
            }
        }
    }

    fn on_document(&mut self, slot: Slot, bytes: &[u8]) -> Result<(), Misbehaviour> {
        let illegal = Misbehaviour::IllegalSystem;
        let Some(link) = self.links.get_mut(slot).filter(|link| link.can_seal()) else {
            return Ok(());
        };
        let local = link.who.local;
        let admission = self.lines.admission(local).ok_or(illegal)?;
        let (gate, document) = bytes.split_first_chunk::<GATE_LEN>().ok_or(illegal)?;
        let document = Document::parse(document, admission.space()).map_err(|_bad| illegal)?;
        let gate = Gate::new(*gate);
        if gate.hash() != document.statement().gate_hash {
            return Err(illegal);
        }
        let is_ours = document.mark() == admission.document().mark();
        link.system.peer = Some(document.mark());
        if self.lines.renew_document(local, document, gate) {
            self.on_renewed(self.now, local);
            return Ok(());
        }
        link.system.on_stale()?;
        if !is_ours {
            self.say(slot, Topic::Space);
        }
        Ok(())
    }

    fn on_membership(&mut self, slot: Slot, bytes: &[u8]) -> Result<(), Misbehaviour> {
        let Some(link) = self.links.get_mut(slot).filter(|link| link.can_seal()) else {
            return Ok(());
        };
        let shown = bytes.try_into();
        let shown = shown.map_err(|_length| Misbehaviour::IllegalSystem)?;
        // One that does not count changes nothing: it may rest on a document that is to come.
        let renewed = (link.line()).map(|line| self.lines.renew_peer(self.now, line, shown));
        match renewed {
            Some(Ok(true)) => Ok(()),
            Some(Ok(false) | Err(_)) | None => link.system.on_stale(),
        }
    }
}

/// The peer opened a stream, in a closed space or not. `None` if it is the application's.
fn on_opened(
    link: &mut Link,
    now: Time,
    (id, is_closed): (u64, bool),
    fx: &mut Effects<Effect>,
) -> Result<Option<Option<Arrived>>, Misbehaviour> {
    let Some(topic) = link.streams.head(id).and_then(topic) else {
        return Ok(None);
    };
    // Whoever stands in no tree does not know what is said of one.
    let topic = match topic {
        Topic::Space | Topic::Member => topic,
        Topic::Tree | Topic::Cast | Topic::Unknown => Topic::Unknown,
    };
    let has_meaning = is_closed || topic == Topic::Unknown;
    let talk = link.system.talk();
    if talk.incoming.len() >= INCOMING_MOST || !has_meaning {
        return Err(Misbehaviour::IllegalSystem);
    }
    talk.incoming.push(Incoming {
        id,
        topic,
        bytes: Secret::default(),
        is_whole: false,
    });
    link.streams.set_system(id);
    if topic == Topic::Unknown {
        let _over = link.streams.reset(id, 0);
        let _over = link.streams.stop(now, id, 0, fx);
    } else {
        let _over = link.streams.finish(id);
    }
    Ok(Some(None))
}

/// Reads what has come on a stream of the switch's own.
fn on_readable(
    link: &mut Link,
    now: Time,
    id: u64,
    fx: &mut Effects<Effect>,
) -> Result<Option<Arrived>, Misbehaviour> {
    let mut buf = [0; 2048];
    loop {
        let read = link.streams.read(now, id, &mut buf, fx);
        let talk = link.system.talk();
        let Some(at) = talk.incoming.iter().position(|it| it.id == id) else {
            // The peer has nothing to say on a stream of ours.
            match read {
                Ok(Read::Bytes(_)) => {}
                Ok(Read::End) | Err(_) => return Ok(None),
            }
            continue;
        };
        let incoming = &mut talk.incoming[at];
        match read {
            Ok(Read::Bytes(len)) => {
                let most = incoming.topic.len_most();
                incoming.bytes.0.extend_from_slice(&buf[..len]);
                if incoming.bytes.0.len() > most || talk.incoming_bytes() > LEN_MOST {
                    return Err(Misbehaviour::IllegalSystem);
                }
            }
            Ok(Read::End) if incoming.is_whole => return Ok(None),
            Ok(Read::End) => {
                incoming.is_whole = true;
                let bytes = core::mem::take(&mut incoming.bytes);
                return Ok(Some(Arrived(incoming.topic, bytes)));
            }
            Err(
                ReadError::Blocked
                | ReadError::UnknownStream
                | ReadError::Reset(_)
                | ReadError::LineDown,
            ) => return Ok(None),
        }
    }
}
