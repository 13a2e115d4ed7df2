//! One member's part in its tree, put together: where it stands, what it broadcasts and forwards,
//! and whom it knows. Time and keys come in here; the parts below know neither lines nor clocks.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::{fmt, net::SocketAddr};

use super::{
    Config, Effect, News, Node,
    backup::Backup,
    cast::{self, Cast},
    image::{self, Image},
    peers::Peers,
    place::{self, Place, Timer},
    sight::{Heard, look},
    word::Word,
};
use crate::{
    base::{Effects, Rng, Time, Wall},
    identity::{PublicKey, SecretKey, Signature, SpaceId},
};

/// How signatures of others are checked: the key, the kind, the bytes, the signature. The space is
/// the caller's to add.
pub type Verify<'a> = &'a dyn Fn(&PublicKey, &str, &[u8], &Signature) -> bool;

/// Bytes of the longest packet about places.
pub const PLACE_PACKET_MOST: usize = 16_384;
/// Bytes of the longest packet of broadcasts and images.
pub const BULK_PACKET_MOST: usize = cast::PACKET_MOST;
/// Most effects of one call: a word to each who is dealt with, and a few beside.
pub const EFFECTS_MAX: usize = 4_096;

/// The part of one identity in the tree of its space.
pub struct Tree {
    pub(super) config: Arc<Config>,
    pub(super) me: Node,
    pub(super) space: SpaceId,
    pub(super) secret: SecretKey,
    pub(super) place: Place<Node>,
    pub(super) cast: Cast,
    pub(super) image: Image,
    pub(super) peers: Peers,
    pub(super) backup: Backup,
    pub(super) timers: Vec<(Timer, Time)>,
    /// Where others may reach us: what we are bound to, then where others saw us.
    pub(super) bound: Vec<SocketAddr>,
    pub(super) seen: Option<SocketAddr>,
    pub(super) beats: Beats,
    pub(super) rng: Rng,
    pub(super) place_fx: Effects<place::Effect<Node>>,
    /// Members that turned out to be gone while something else was under way.
    pub(super) lost: Vec<Node>,
    /// Turns of `cast` and `image` at the same link.
    pub(super) image_first: bool,
    pub(super) size: u32,
    /// Whom the program named, and when they are asked again.
    pub(super) contacts: Vec<(PublicKey, Vec<SocketAddr>)>,
    again: Again,
    /// Changes of the image that were told.
    changes: u64,
    pub(super) stats: Stats,
}

/// When a member that stands alone asks again.
#[derive(Debug)]
struct Again {
    at: Time,
    waited_ms: u32,
}

/// Members that the program named and that are remembered.
const CONTACTS_MOST: usize = 8;
/// The longest time until somebody who stands alone asks again.
const AGAIN_MOST_MS: u32 = 60_000;

/// When what happens regularly happens next.
#[derive(Debug)]
pub(super) struct Beats {
    /// The next beat, and the next look at who is silent.
    pub(super) beat_at: Time,
    pub(super) look_at: Time,
    pub(super) raise_at: Time,
    /// When something was broadcast or moved last.
    pub(super) stirred: Option<Time>,
    pub(super) is_busy: bool,
}

/// What was counted. It only grows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Packets of peers about places that were none.
    pub malformed: u64,
    /// Lies about places, by reason.
    pub faults: Vec<(place::Fault, u64)>,
    /// Neighbours that fell silent.
    pub silent: u64,
    /// Neighbours that were left because they kept back what others had.
    pub withheld: u64,
    /// Neighbours that were left because of what they sent.
    pub barred: u64,
    /// Members that a line was asked for to, in order to say something.
    pub asked: u64,
    /// Times that we were asked for a place.
    pub asks: u64,
    /// Times that a place was found: below a parent that was not ours before.
    pub moves: u64,
    /// Dials that came to nothing.
    pub unreachable: u64,
}

/// What a member is to its tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    /// The member above; none for the root, and while one is looked for.
    pub parent: Option<Node>,
    /// How many are directly below.
    pub children: usize,
    /// Steps to the root.
    pub depth: u16,
    /// Members of the whole tree, as far as is known; oneself at least.
    pub members: u32,
    /// True if it is the root.
    pub is_root: bool,
    /// True if it stands below a parent, or is the root, and looks for no other place.
    pub is_settled: bool,
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tree({:?}, {:?})", self.me, self.standing())
    }
}

impl Tree {
    /// The part of a member that stands alone.
    pub fn new(
        now: Time,
        config: Arc<Config>,
        (me, space, secret): (Node, SpaceId, SecretKey),
        mut rng: Rng,
    ) -> Self {
        let place = Place::new(me, config.place);
        let cast = Cast::new(Arc::new(config.cast.clone()), me, &mut rng.fork("cast"));
        let image = Arc::new(config.image);
        let image = Image::new(image, me, config.place.arity, &mut rng.fork("image"));
        let beat_us = u64::from(config.beat_ms) * 1000;
        let raise_us = u64::from(config.raise_ms) * 1000;
        let beat_at = now.plus_us(rng.below(beat_us) + 1);
        Self {
            place,
            cast,
            image,
            peers: Peers::default(),
            backup: Backup::default(),
            timers: Vec::new(),
            bound: Vec::new(),
            seen: None,
            beats: Beats {
                beat_at,
                look_at: beat_at,
                raise_at: now.plus_us(rng.below(raise_us) + 1),
                stirred: Some(now),
                is_busy: true,
            },
            rng,
            place_fx: Effects::new(EFFECTS_MAX),
            lost: Vec::new(),
            image_first: false,
            size: 1,
            contacts: Vec::new(),
            again: Again {
                at: now,
                waited_ms: config.again_ms,
            },
            changes: 0,
            stats: Stats::default(),
            config,
            me,
            space,
            secret,
        }
    }

    /// Who this is.
    pub const fn me(&self) -> Node {
        self.me
    }

    /// Where it stands.
    pub fn standing(&self) -> Standing {
        Standing {
            parent: self.place.parent(),
            children: self.place.children().count(),
            depth: self.place.depth(),
            members: self.place.size(),
            is_root: self.place.is_root(),
            is_settled: self.place.is_attached() || self.place.is_root(),
        }
    }

    /// The members directly below.
    pub fn children(&self) -> impl Iterator<Item = Node> + '_ {
        self.place.children()
    }

    /// The member with which digests are exchanged.
    pub fn backup(&self) -> Option<PublicKey> {
        self.backup.peer()
    }

    /// The picture of the members.
    pub const fn image(&self) -> &Image {
        &self.image
    }

    /// What was counted about places.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// What was counted about broadcasts.
    pub fn cast_stats(&self) -> &cast::Stats {
        self.cast.stats()
    }

    /// What was counted about the image.
    pub const fn image_stats(&self) -> &image::Stats {
        self.image.stats()
    }

    /// Bytes that this takes: places and peers, then the log of broadcasts, then the image.
    pub fn held_bytes(&self) -> (u64, u64, u64) {
        let own = size_of::<Self>() + self.peers.held_bytes();
        let own = own + self.timers.capacity() * size_of::<(Timer, Time)>();
        (own as u64, self.cast.held_bytes(), self.image.held_bytes())
    }

    /// When `on_deadline` is due.
    pub fn deadline(&self) -> Time {
        let timers = self.timers.iter().map(|(_, at)| *at);
        let dials = self.peers.iter().filter_map(|peer| peer.dial_until);
        let parts = [self.cast.deadline(), self.image.deadline()];
        let own = self.beats.look_at.min(self.beats.beat_at);
        let own = own.min(self.beats.raise_at);
        let all = timers.chain(dials).chain(parts.into_iter().flatten());
        all.fold(own, Time::min)
    }

    /// Does what is due.
    pub fn on_deadline(&mut self, now: Time, heard: Heard<'_>, fx: &mut Effects<Effect>) {
        while let Some(timer) = self.take_due(now) {
            let mut look = look!(self, now, heard);
            self.place.on_timer(timer, &mut look, &mut self.place_fx);
            self.settle(now, heard, fx);
        }
        self.give_up_dials(now);
        if self.cast.deadline().is_some_and(|at| at <= now) {
            self.cast.on_deadline(now);
        }
        if self.image.deadline().is_some_and(|at| at <= now) {
            self.image.on_deadline(now);
            self.swear(now);
        }
        if self.beats.raise_at <= now {
            self.beats.raise_at = now.plus_ms(self.config.raise_ms.into());
            let mut look = look!(self, now, heard);
            self.place.raise(&mut look, &mut self.place_fx);
        }
        if self.beats.look_at <= now || self.beats.beat_at <= now {
            self.look_round(now, heard, fx);
        }
        self.settle(now, heard, fx);
        self.tell_parts(fx);
    }

    fn take_due(&mut self, now: Time) -> Option<Timer> {
        let due = self.timers.iter().position(|(_, at)| *at <= now)?;
        Some(self.timers.swap_remove(due).0)
    }

    /// Looks who is silent, asks those for a sign who were not heard lately, and on a beat lets the
    /// places say what could wait.
    fn look_round(&mut self, now: Time, heard: Heard<'_>, fx: &mut Effects<Effect>) {
        let traffic_us = u64::from(self.config.traffic_ms) * 1000;
        let stirred = self.beats.stirred;
        let is_busy = stirred.is_some_and(|at| now.since_us(at) < traffic_us);
        if is_busy && !self.beats.is_busy {
            // Nobody was bound to be heard as often while the tree rested.
            for peer in self.peers.iter_mut() {
                peer.counts_from = now;
            }
        }
        self.beats.is_busy = is_busy;
        let (beat_ms, silent_ms) = self.periods();
        let mut look_at = now.plus_ms(beat_ms);
        let kept = |peer: &&super::peers::Peer| peer.is_neighbour || peer.is_backup;
        for peer in self.peers.iter().filter(kept) {
            let Some(link) = peer.link else { continue };
            let last = heard(link).max(peer.counts_from);
            let quiet_us = now.since_us(last);
            let severed_us = peer.severed.map_or(0, |at| now.since_us(at));
            if quiet_us >= silent_ms * 1000 || severed_us > beat_ms * 1000 {
                self.lost.push(peer.node());
                continue;
            }
            // One that is heard just before the next beat need not be asked then.
            if quiet_us * 2 >= beat_ms * 1000 {
                fx.push(Effect::Ping { link });
            }
            look_at = look_at.min(last.plus_ms(silent_ms));
        }
        self.beats.look_at = look_at;
        for node in &self.lost {
            self.stats.silent += 1;
            self.image.on_gone(now, *node);
        }
        if self.beats.beat_at <= now {
            self.beats.beat_at = now.plus_ms(beat_ms);
            self.on_beat(now, heard, fx);
        }
    }

    fn on_beat(&mut self, now: Time, heard: Heard<'_>, fx: &mut Effects<Effect>) {
        let mut look = look!(self, now, heard);
        self.place.on_beat(&mut look, &mut self.place_fx);
        if self.cast.withheld(now)
            && let Some(parent) = self.place.parent()
        {
            self.stats.withheld += 1;
            self.bar_for(now, parent, self.config.doubt_ms);
        }
        self.seek_backup(now, fx);
        self.ask_again(now, fx);
        self.let_go(now, fx);
    }

    /// How often a sign is asked for, and after which silence somebody is taken for dead, in
    /// milliseconds.
    pub(super) fn periods(&self) -> (u64, u64) {
        let config = &self.config;
        if self.beats.is_busy {
            (config.beat_ms.into(), config.silent_ms.into())
        } else {
            (config.rest_beat_ms.into(), config.rest_silent_ms.into())
        }
    }

    /// Something was broadcast or moved: silence is noticed sooner for a while.
    pub(super) fn stir(&mut self, now: Time) {
        self.beats.stirred = Some(now);
        if !self.beats.is_busy {
            self.beats.look_at = now;
            self.beats.beat_at = now;
        }
    }

    /// Tells what the parts have to tell.
    pub(super) fn tell_parts(&mut self, fx: &mut Effects<Effect>) {
        if self.cast.take_readable() {
            fx.push(Effect::Told(News::Readable));
        }
        if self.cast.take_writable() {
            fx.push(Effect::Told(News::Writable));
        }
        let image = self.image.stats();
        let changes = image.taken + image.forgotten;
        if changes != self.changes {
            self.changes = changes;
            fx.push(Effect::Told(News::Members));
        }
    }

    /// Joins the tree that these members are in, or one of them if they are in several; without any
    /// it waits until somebody asks. It may be said again, with others.
    pub fn join(
        &mut self,
        now: Time,
        contacts: &[(PublicKey, Vec<SocketAddr>)],
        fx: &mut Effects<Effect>,
    ) {
        for (key, addresses) in contacts {
            if *key == self.me.key {
                continue;
            }
            self.contacts.retain(|(other, _)| other != key);
            if self.contacts.len() >= CONTACTS_MOST {
                self.contacts.remove(0);
            }
            self.contacts.push((*key, addresses.clone()));
        }
        self.again = Again {
            at: now.plus_ms(self.config.again_ms.into()),
            waited_ms: self.config.again_ms,
        };
        self.ask_contacts(now, contacts, fx);
    }

    /// Those whom the program named are asked again until they are known to be in our tree.
    fn ask_again(&mut self, now: Time, fx: &mut Effects<Effect>) {
        if self.contacts.is_empty() || self.again.at > now {
            return;
        }
        self.again.waited_ms = self.again.waited_ms.saturating_mul(2).min(AGAIN_MOST_MS);
        self.again.at = now.plus_ms(self.again.waited_ms.into());
        let contacts = self.contacts.clone();
        self.ask_contacts(now, &contacts, fx);
    }

    fn ask_contacts(
        &mut self,
        now: Time,
        contacts: &[(PublicKey, Vec<SocketAddr>)],
        fx: &mut Effects<Effect>,
    ) {
        for (key, addresses) in contacts {
            if *key == self.me.key {
                continue;
            }
            let is_new = self.peers.find(key).is_none_or(|peer| peer.epoch.is_none());
            let peer = self.peers.enter(now, *key);
            if let Some(node) = Some(peer.node()).filter(|_| !is_new && peer.link.is_some()) {
                self.ask_or_compare(now, node, fx);
                continue;
            }
            peer.is_contact = true;
            peer.spoke = now;
            peer.address = peer.address.or(addresses.first().copied());
            if peer.is_held && peer.link.is_none() {
                continue;
            }
            match peer.link {
                Some(link) => fx.push(Effect::Greet { link }),
                None => {
                    peer.is_held = true;
                    fx.push(Effect::Dial {
                        peer: *key,
                        addresses: addresses.clone(),
                    });
                }
            }
        }
        self.stir(now);
    }

    /// Asks a member for a place or, if we have one, which tree it is in.
    pub(super) fn ask_or_compare(&mut self, now: Time, node: Node, fx: &mut Effects<Effect>) {
        if self.place.size() <= 1 {
            self.ask(now, node);
        } else {
            self.send_packet(now, node, super::speak::packet(&Word::Whose), fx);
        }
    }

    /// A member says whose tree it is in.
    pub(super) fn on_whose(&mut self, now: Time, from: Node, root: Option<[u8; 32]>) {
        let own = self.place.reign().root;
        if own.is_some_and(|own| root == Some(*own.key.as_bytes())) {
            self.contacts.retain(|(key, _)| *key != from.key);
        } else if self.contacts.iter().any(|(key, _)| *key == from.key) {
            self.ask(now, from);
        }
    }

    /// Leaves politely: everybody near is told, and those below find another place at once.
    pub fn leave(&mut self, now: Time, heard: Heard<'_>, fx: &mut Effects<Effect>) {
        self.place.leave(&mut self.place_fx);
        self.settle(now, heard, fx);
        self.end_backup(fx);
        let keys: Vec<PublicKey> = self.peers.iter().map(|peer| peer.key).collect();
        for key in keys {
            self.release(&key, fx);
        }
    }

    /// Where this member is bound, as its shell says.
    pub fn set_bound(&mut self, now: Time, bound: &[SocketAddr]) {
        self.bound = bound.into();
        self.tell_own(now);
    }

    /// The name that others are to show for this member.
    ///
    /// # Errors
    /// [`image::NameError`] if it is too long, or has characters that a name may not have.
    pub fn set_name(&mut self, now: Time, name: &str) -> Result<(), image::NameError> {
        let (secret, space) = (&self.secret, &self.space);
        let sign = |kind: &str, bytes: &[u8]| secret.sign(kind, space, bytes);
        self.image.set_name(now, name, &sign)
    }

    /// Where others may reach us, the likeliest first.
    pub(super) fn own_addresses(&self) -> Vec<SocketAddr> {
        let mut own = self.bound.clone();
        let seen = self.seen.filter(|seen| !own.contains(seen));
        own.extend(seen);
        own.truncate(super::contact::ADDRESSES_MOST);
        own
    }

    pub(super) fn tell_own(&mut self, now: Time) {
        let own = self.own_addresses();
        let parent = self.place.parent().map(|node| node.key);
        let leaf = self.config.place.leaf;
        self.image.set_own(now, parent, &own, leaf);
        self.swear(now);
    }

    /// Signs what the image says of us, if somebody has lied about it.
    pub(super) fn swear(&mut self, now: Time) {
        if self.image.owes_oath() {
            let (secret, space) = (&self.secret, &self.space);
            let sign = |kind: &str, bytes: &[u8]| secret.sign(kind, space, bytes);
            self.image.swear(now, &sign);
        }
    }

    /// Broadcasts these bytes to every member, and tells their number among ours.
    ///
    /// # Errors
    /// [`cast::BroadcastError`] if they are too many, or there is no room for now.
    pub fn broadcast(
        &mut self,
        now: Time,
        wall: Wall,
        bytes: &[u8],
    ) -> Result<u64, cast::BroadcastError> {
        let (secret, space) = (&self.secret, &self.space);
        let sign = |kind: &str, bytes: &[u8]| secret.sign(kind, space, bytes);
        let sequence = self.cast.broadcast(now, wall, &sign, bytes)?;
        self.stir(now);
        Ok(sequence)
    }

    /// The next broadcast of somebody else.
    ///
    /// # Errors
    /// [`cast::ReadError`] if there is none, or `buf` is too short; it stays.
    pub fn read(&mut self, buf: &mut [u8]) -> Result<cast::Told, cast::ReadError> {
        self.cast.read(buf)
    }
}

impl Stats {
    /// Counts a lie.
    pub(super) fn count(&mut self, fault: place::Fault) {
        match self.faults.iter_mut().find(|it| it.0 == fault) {
            Some((_, count)) => *count += 1,
            None => self.faults.push((fault, 1)),
        }
    }
}

/// A tree is large, and most switches have none.
pub type Boxed = Box<Tree>;
