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
    sight::Heard,
};
use crate::{
    base::{Effects, Rng, Time, Wall},
    identity::{Keys, PublicKey, SecretKey, Signature, SpaceId},
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
    pub(super) keys: Keys,
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
    pub(super) again: Again,
    /// Changes of the image that were told.
    changes: u64,
    pub(super) stats: Stats,
}

/// When a member that stands alone asks again.
#[derive(Debug)]
pub(super) struct Again {
    pub(super) at: Time,
    pub(super) waited_ms: u32,
}

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
    /// Children that long said that they stand below somebody else.
    pub elsewhere: u64,
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
    /// Lives that began anew, since the one before could not get into any tree.
    pub lives: u64,
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
            keys: PublicKey::from_bytes,
            me,
            space,
            secret,
        }
    }

    /// How the bytes of others become keys.
    pub const fn set_keys(&mut self, keys: Keys) {
        self.keys = keys;
        self.cast.set_keys(keys);
        self.image.set_keys(keys);
    }

    /// Who this is.
    pub const fn me(&self) -> Node {
        self.me
    }

    /// True if it takes nobody below itself.
    pub fn is_leaf(&self) -> bool {
        self.config.place.leaf
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

    /// Until when what was broadcast last may be on its way still; `None` if that is long ago. All of
    /// it goes out from now on.
    pub fn speaks_until(&mut self, now: Time) -> Option<Time> {
        self.cast.speaks_until(now)
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
