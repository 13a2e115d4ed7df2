//! Broadcasts: each message once, in its origin's order, to every member. It owns the signing and
//! checking of messages, the log from which new neighbours are told what they missed, and the limits
//! of both. It never decides who a neighbour is.

mod backup;
mod config;
mod have;
mod inbox;
mod link;
mod log;
mod origins;
mod outbox;
mod pace;
mod packet;
mod poll;
mod take;
#[cfg(test)]
mod tests;
mod told;

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    vec::Vec,
};

use self::{backup::Backup, link::Link, log::Log, origins::Origins, outbox::Own, pace::Pace};
use super::Node;
use crate::{
    base::{Rng, Slot, Time},
    identity::{Keys, PublicKey, Signature},
    wire::{Head, Packet},
};

pub use config::Config;
pub use told::{BroadcastError, Fault, ReadError, Stats, Told};

/// The longest message.
pub const MESSAGE_MOST: usize = 1 << 20;
/// Bytes of a message that travel in one packet.
pub const CHUNK: usize = 16 << 10;
/// The longest packet that `poll` writes; with less room it may never go on.
pub const PACKET_MOST: usize = 18_559;
/// The kind of statement that an origin signs.
pub const KIND: &str = "broadcast";

/// How long a neighbour may burst with what it originates, before it is held.
const HELD_BURST_S: u64 = 2 * outbox::BURST_S;

/// Checks a signature over `kind` and bytes in the space; see [`PublicKey::verify`].
pub type Verify<'a> = &'a dyn Fn(&PublicKey, &str, &[u8], &Signature) -> bool;
/// Makes one; see [`crate::identity::SecretKey::sign`].
pub type Sign<'a> = &'a dyn Fn(&str, &[u8]) -> Signature;

/// The broadcasts of one space as one member sees them.
#[derive(Debug)]
pub struct Cast {
    config: Arc<Config>,
    keys: Keys,
    me: Node,
    /// The time of the last call.
    now: Time,
    /// What our wall clock showed, and when.
    clock: Option<(Time, u64)>,
    origins: Origins,
    /// The latest wall time of anything of which the origin was forgotten; 0 while none was.
    floor: u64,
    log: Log,
    links: Vec<Link>,
    /// How many links there ever were.
    serials: u32,
    /// No neighbour has ever said its positions.
    fresh: bool,
    /// The link, by serial, of which the positions are taken over; 0 is none.
    teacher: u32,
    /// All of them were.
    took_over: bool,
    /// The next item of the log for the application.
    cursor: u64,
    /// What the application has lost and was not told yet.
    lost: BTreeMap<Node, (u64, u64)>,
    readable: bool,
    reader_waits: bool,
    /// The number of our next message.
    next: u64,
    outbox: VecDeque<Own>,
    outbox_bytes: u32,
    /// When something of ours entered the log last, or began to wait.
    entered_at: Time,
    pace: Pace,
    writer_waits: bool,
    /// Before that no backup is believed.
    believes_at: Time,
    /// A parent withholds, and nobody asked yet.
    withheld: bool,
    stats: Stats,
}

impl Cast {
    /// A member without neighbours that has heard nothing.
    pub fn new(config: Arc<Config>, me: Node, rng: &mut Rng) -> Self {
        let origins = Origins::new(config.origins_max, rng);
        Self {
            config,
            keys: PublicKey::from_bytes,
            me,
            now: Time::ZERO,
            clock: None,
            origins,
            floor: 0,
            log: Log::default(),
            links: Vec::new(),
            serials: 0,
            fresh: true,
            teacher: 0,
            took_over: false,
            cursor: 0,
            lost: BTreeMap::new(),
            readable: false,
            reader_waits: true,
            next: 1,
            outbox: VecDeque::new(),
            outbox_bytes: 0,
            entered_at: Time::ZERO,
            pace: Pace::default(),
            writer_waits: false,
            believes_at: Time::ZERO,
            withheld: false,
            stats: Stats::default(),
        }
    }

    /// How the bytes of others become keys.
    pub const fn set_keys(&mut self, keys: Keys) {
        self.keys = keys;
    }

    /// A link to a neighbour begins: the parent or a child, or the backup. One of the same slot that
    /// had not ended ends.
    pub fn on_linked(&mut self, now: Time, link: Slot, peer: PublicKey, backup: bool) {
        self.on_unlinked(link);
        self.now = now;
        self.serials += 1;
        let mut link = Link::new(link, self.serials, peer, self.fresh);
        if backup {
            link.backup = Some(Box::new(Backup::new(now)));
            link.saying = None;
            link.cursor = self.log.base();
        } else {
            self.doubt_anew();
        }
        if self.links.len() == self.links.capacity() {
            self.links.reserve_exact(1);
        }
        self.links.push(link);
    }

    /// This link is the one to the parent.
    pub fn set_above(&mut self, link: Slot) {
        if let Some(at) = self.link_at(link) {
            self.links[at].is_above = true;
        }
    }

    /// The link ended, and whatever was under way on it.
    pub fn on_unlinked(&mut self, link: Slot) {
        if let Some(at) = self.link_at(link) {
            self.links.remove(at);
            self.unpark();
        }
        if !self.links.iter().any(Link::is_tree) {
            self.enter_all();
        }
    }

    /// A packet came over the link. Ask `is_held` before each: what comes over a link that waits
    /// with a gap is a flood.
    ///
    /// # Errors
    /// [`Fault`] if the neighbour proved false: it is to be dropped and barred. It was counted.
    pub fn on_packet(
        &mut self,
        now: Time,
        link: Slot,
        packet: &Packet<'_>,
        verify: Verify<'_>,
    ) -> Result<(), Fault> {
        self.now = now;
        let Some(at) = self.link_at(link) else {
            return Ok(());
        };
        let done = self.on_body(at, packet, verify);
        if let Err(fault) = done {
            self.stats.faults[fault as usize] += 1;
        }
        self.unpark();
        done
    }

    fn on_body(&mut self, at: usize, packet: &Packet<'_>, verify: Verify<'_>) -> Result<(), Fault> {
        let Head::Binary([kind]) = packet.head else {
            return Err(Fault::Malformed);
        };
        let link = &self.links[at];
        if link.parked.is_some() {
            return Err(Fault::Flood);
        }
        let (tree, whole) = (link.is_tree(), link.peer_whole);
        match *kind {
            packet::HAVE if tree => self.on_have(at, packet.body),
            packet::MESSAGE if tree && whole => self.on_opening(at, packet.body, verify),
            packet::MORE if tree && whole => self.on_more(at, packet.body),
            packet::DIGEST if !tree => self.on_digest(at, packet.body),
            packet::LACKED if !tree => self.on_lacked(at, packet.body),
            packet::HAVE..=packet::LACKED => Err(Fault::Misplaced),
            _ => Err(Fault::Malformed),
        }
    }

    /// True if nothing more is to be read from the link for now; `deadline` tells when that ends.
    pub fn is_held(&self, now: Time, link: Slot) -> bool {
        let Some(at) = self.link_at(link) else {
            return false;
        };
        let link = &self.links[at];
        link.parked.is_some() || link.pace.free_at(HELD_BURST_S) > now
    }

    /// When `on_deadline` is due.
    pub fn deadline(&self) -> Option<Time> {
        let ring_ms = u64::from(self.config.ring_ms);
        // A little later than the oldest item asks for, so that it goes with others.
        let old = |item: &log::Item| item.at.plus_ms(ring_ms + ring_ms / 16);
        let outbox_ms = u64::from(self.config.outbox_ms);
        let outbox = (!self.outbox.is_empty()).then(|| self.entered_at.plus_ms(outbox_ms));
        let free_at = self.pace.free_at(outbox::BURST_S);
        let writer = (self.writer_waits && free_at > self.now).then_some(free_at);
        let own = [
            self.log.oldest().map(old),
            outbox,
            writer,
            self.withheld_at(),
        ];
        let links = self
            .links
            .iter()
            .filter_map(|link| self.link_deadline(link));
        own.into_iter().flatten().chain(links).min()
    }

    fn link_deadline(&self, link: &Link) -> Option<Time> {
        let free_at = link.pace.free_at(HELD_BURST_S);
        let free_at = (free_at > self.now).then_some(free_at);
        let parked = link.parked.as_ref().map(|parked| parked.until);
        let backup = link.backup.as_deref();
        let due_at = |backup: &Backup| backup.due_at(&self.config);
        let digest = backup
            .filter(|_| link.cursor < self.log.head())
            .and_then(due_at);
        let lacked = backup.and_then(|backup| backup.says_at(&self.config));
        let said = [digest, lacked].into_iter().flatten();
        let said = said.filter(|at| *at > self.now).min();
        [free_at, parked, said].into_iter().flatten().min()
    }

    /// Does what is due. After it some links may be held no more, and others have output.
    pub fn on_deadline(&mut self, now: Time) {
        self.now = now;
        let ring_us = u64::from(self.config.ring_ms) * 1000;
        while let Some(oldest) = self.log.oldest()
            && now.since_us(oldest.at) >= ring_us
        {
            self.drop_oldest();
        }
        self.unpark();
        let outbox_us = u64::from(self.config.outbox_ms) * 1000;
        if now.since_us(self.entered_at) >= outbox_us {
            self.enter_all();
        }
        self.judge_backups();
    }

    /// What happened so far.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Bytes on the heap, those of the ring included.
    pub fn held_bytes(&self) -> u64 {
        let links = self.links.iter().map(Link::held_bytes).sum::<u64>();
        let places = self.links.capacity() * size_of::<Link>() + self.lost.len() * 64;
        let log = self.log.held_bytes() + u64::from(self.outbox_bytes);
        links + places as u64 + log + self.origins.held_bytes()
    }

    /// Bytes of the ring.
    pub fn ring_bytes(&self) -> u64 {
        self.log.bytes()
    }
}
