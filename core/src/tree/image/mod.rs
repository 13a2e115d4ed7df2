//! A member's picture of the others: who is there, where, below whom and by what name. It owns the
//! entries, how they travel and how they are repaired. What it holds about others are hints; only a
//! name that its bearer signed is shown as one. It never decides who a neighbour is and opens no line.

mod accept;
mod beside;
mod compare;
mod config;
mod entry;
mod link;
mod output;
mod own;
mod record;
mod sample;
mod store;
mod sums;
mod survey;
#[cfg(test)]
mod tests;
mod word;

pub use config::{ADDRESSES_MOST, Config, Fault, Member, NAME_BYTES_MAX, NameError, Stats};

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::net::SocketAddr;

use self::{
    compare::BITS_MOST,
    entry::{Entry, NO_DEPTH, flag},
    link::{Hello, How, LINKS_MOST, Link},
    own::Own,
    sample::Acquaintance,
    store::Store,
    survey::Survey,
    word::{EPOCH_MAX, Prefix, prefix},
};
use crate::{
    base::{Rng, Slot, Time},
    identity::{Keys, PublicKey, Signature},
    tree::Node,
    wire::Packet,
};

/// Ages of entries are kept in these steps, so that they fit into 16 bits.
const TICK_MS: u32 = 64;
/// Bytes of a packet beside its body: its length, the length of its head, and its head.
const FRAME_BYTES: usize = 5;

/// The time in ticks; it comes round after 70 minutes.
const fn tick(now: Time) -> u16 {
    (now.as_us() / 1000 / TICK_MS as u64) as u16
}

/// How long ago a tick was, in milliseconds.
const fn age_ms(now: u16, since: u16) -> u32 {
    now.wrapping_sub(since) as u32 * TICK_MS
}

/// Tells whether a signature over a kind and bytes is its maker's; the space is bound by whoever
/// hands it in.
pub type Verify<'a> = &'a dyn Fn(&PublicKey, &str, &[u8], &Signature) -> bool;

/// Signs a kind and bytes as the owner of the image.
pub type Sign<'a> = &'a dyn Fn(&str, &[u8]) -> Signature;

/// One member's picture of the members of its space.
#[derive(Debug)]
pub struct Image {
    config: Arc<Config>,
    keys: Keys,
    me: Node,
    arity: u8,
    rng: Rng,
    stats: Stats,
    store: Store,
    own: Own,
    links: Vec<Option<Box<Link>>>,
    survey: Survey,
    /// When something about a member with such a first byte changed.
    touched: [u16; 1 << BITS_MOST],
    known: Vec<Acquaintance>,
    /// False while only a sample is kept.
    whole: bool,
    gossip_at: Option<Time>,
    repair_at: Option<Time>,
}

impl Image {
    /// The picture of a member that knows nobody but itself. An inner member is taken to have
    /// `arity` slots. Epochs are told up to 2^48 - 1.
    pub fn new(config: Arc<Config>, me: Node, arity: u8, rng: &mut Rng) -> Self {
        let own = Own::new(me.epoch.min(EPOCH_MAX));
        let mut store = Store::new();
        store.insert(me.key);
        store.write(prefix(&me.key), &own.word(), None);
        Self {
            config,
            keys: PublicKey::from_bytes,
            me,
            arity,
            rng: rng.fork("image"),
            stats: Stats::default(),
            store,
            own,
            links: Vec::new(),
            survey: Survey::new(),
            touched: [0; 1 << BITS_MOST],
            known: Vec::new(),
            whole: true,
            gossip_at: None,
            repair_at: None,
        }
    }

    /// How the bytes of others become keys.
    pub const fn set_keys(&mut self, keys: Keys) {
        self.keys = keys;
    }

    /// Says where I stand. A change raises my version and travels, a little later.
    pub fn set_own(
        &mut self,
        now: Time,
        parent: Option<PublicKey>,
        addresses: &[SocketAddr],
        leaf: bool,
    ) {
        self.stand(now, parent, addresses, leaf);
    }

    /// Claims a name; the empty one takes the claim back.
    ///
    /// # Errors
    /// [`NameError`] if nobody would show it.
    pub fn set_name(&mut self, _now: Time, name: &str, sign: Sign<'_>) -> Result<(), NameError> {
        self.claim_name(name, sign)
    }

    /// True if somebody has lied about me, so that my word needs my signature: call
    /// [`Self::swear`]. To be asked after every call that takes a packet or passes a deadline, and
    /// after [`Self::set_own`].
    pub const fn owes_oath(&self) -> bool {
        self.own.owes
    }

    /// Signs what is said about me, if that is owed.
    pub fn swear(&mut self, now: Time, sign: Sign<'_>) {
        self.sign_word(now, sign);
    }

    /// Tells how many members the whole tree has, as far as is known: beyond the limit the image
    /// becomes a sample, well below it whole again.
    pub fn set_size(&mut self, now: Time, members: u32) {
        self.resize(now, members);
    }

    /// A line to a tree neighbour is there, or one to the backup. One that is said again begins
    /// anew.
    pub fn on_linked(&mut self, now: Time, link: Slot, peer: Node, backup: bool) {
        self.on_unlinked(link);
        self.speak(now);
        let free = self.links.iter().position(Option::is_none);
        let place = free.unwrap_or(self.links.len());
        if place >= LINKS_MOST {
            self.stats.links_refused += 1;
            return;
        }
        if place == self.links.len() {
            self.links.reserve_exact(1);
            self.links.push(None);
        }
        let new = Link::new(&self.config, (link, peer, backup), self.store.living());
        self.links[place] = Some(Box::new(new));
        self.own.unheard = false;
        if backup {
            let next = now.plus_ms(u64::from(self.config.repair_ms));
            self.repair_at.get_or_insert(next);
        } else {
            self.tell_own(place);
        }
        self.disturb(now);
    }

    /// The line is gone, or its other end is no neighbour any more.
    pub fn on_unlinked(&mut self, link: Slot) {
        let Some(place) = self.place_of(link) else {
            return;
        };
        self.drain(place);
        self.links[place] = None;
        self.survey.stale = true;
    }

    /// A neighbour is dead or left. It is told to all; whoever is not dead says so.
    pub fn on_gone(&mut self, now: Time, node: Node) {
        self.known.retain(|known| known.node != node);
        let who = prefix(&node.key);
        let held = self.store.find(who).filter(|held| held.key == node.key);
        if node.key != self.me.key && held.is_some_and(|held| held.epoch() <= node.epoch) {
            self.bury(now, None, who);
        }
    }

    /// Takes a packet in. One on a link that is not there is ignored.
    ///
    /// # Errors
    /// What the neighbour did that no honest one does; it is counted, and the neighbour should be
    /// dropped.
    pub fn on_packet(
        &mut self,
        now: Time,
        link: Slot,
        packet: &Packet<'_>,
        verify: Verify<'_>,
    ) -> Result<(), Fault> {
        let Some(place) = self.place_of(link) else {
            return Ok(());
        };
        self.stats.bytes += (FRAME_BYTES + packet.body.len()) as u64;
        let result = self.on_body(now, place, packet, verify);
        if let Err(fault) = result {
            match fault {
                Fault::Malformed => self.stats.malformed += 1,
                Fault::Forged => self.stats.forged += 1,
                Fault::Name => self.stats.names += 1,
            }
        }
        result
    }

    /// Appends one whole packet of at most `room` bytes; false if there is none, or none that fits.
    /// In 2,048 bytes every one fits.
    pub fn poll(&mut self, now: Time, link: Slot, room: usize, out: &mut Vec<u8>) -> bool {
        match self.place_of(link) {
            Some(place) => self.write_packet(now, place, room, out),
            None => false,
        }
    }

    /// True if something waits to be polled.
    pub fn has_output(&self, link: Slot) -> bool {
        let mut links = self.links.iter().flatten();
        links.any(|it| it.slot == link && it.has_output())
    }

    /// When [`Self::on_deadline`] is due.
    pub fn deadline(&self) -> Option<Time> {
        let own = [
            self.own.due,
            self.survey.sweep_at,
            self.gossip_at,
            self.repair_at,
        ];
        let amends = self.links.iter().flatten().map(|link| link.amends_at);
        own.into_iter().chain(amends).flatten().min()
    }

    /// Does what is due.
    pub fn on_deadline(&mut self, now: Time) {
        let due = |at: Option<Time>| at.is_some_and(|at| at <= now);
        if due(self.own.due) {
            self.speak(now);
        }
        if due(self.survey.sweep_at) {
            self.sweep(now);
        }
        if due(self.gossip_at) {
            self.gossip(now);
        }
        if due(self.repair_at) {
            self.repair_at = None;
            for link in self.links.iter_mut().flatten().filter(|link| link.backup) {
                link.hello = Some(Hello::Ask);
                let next = now.plus_ms(u64::from(self.config.repair_ms));
                self.repair_at = Some(next);
            }
        }
        for link in self.links.iter_mut().flatten() {
            if due(link.amends_at) {
                link.amends_at = None;
                link.hello = Some(Hello::Ask);
            }
        }
    }

    /// Everybody who is there, in the order of the keys, also me.
    pub fn members(&self) -> impl Iterator<Item = Member> + '_ {
        let there = self.store.iter().filter(|entry| !entry.is(flag::GONE));
        there.map(|entry| self.member(entry))
    }

    /// One member who is there.
    pub fn find(&self, key: &PublicKey) -> Option<Member> {
        Some(self.member(self.there(key)?))
    }

    /// Where a member may be reached.
    pub fn addresses(&self, key: &PublicKey) -> Vec<SocketAddr> {
        if let Some(entry) = self.there(key) {
            return self.store.places(entry).addresses();
        }
        let known = self.known.iter().find(|known| known.node.key == *key);
        known.map_or_else(Vec::new, |known| known.places.addresses())
    }

    /// Everybody who bears a name, in the order of the keys.
    pub fn named(&self, name: &str) -> Vec<PublicKey> {
        let bearers = self.store.claims().filter(|(_, claim)| claim.name == name);
        let keys = bearers.filter_map(|(who, _)| Some(self.store.find(who)?.key));
        keys.collect()
    }

    /// How many are there, with me.
    pub const fn len(&self) -> usize {
        self.store.living() as usize
    }

    /// False: I am there.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// False if the space is too large for a whole picture.
    pub const fn is_whole(&self) -> bool {
        self.whole
    }

    /// Any other member, evenly; now and then one that is known from elsewhere.
    pub fn contact(&self, dice: u64) -> Option<Node> {
        self.any(dice)
    }

    /// A holder of one of the shallowest open slots above a depth, and never me. One that was named
    /// is not named again for a second.
    pub fn slot(&mut self, now: Time, dice: u64, shallower_than: u16) -> Option<Node> {
        self.name_slot(now, dice, shallower_than)
    }

    /// Remembers a hint from elsewhere.
    pub fn learn(&mut self, node: Node, addresses: &[SocketAddr]) {
        self.learn_of(node, addresses);
    }

    /// What was counted.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Bytes of memory held.
    pub fn held_bytes(&self) -> u64 {
        let links = self.links.iter().flatten();
        let links: usize = links
            .map(|link| size_of::<Link>() + link.held_bytes())
            .sum();
        let held = size_of::<Self>()
            + self.links.capacity() * size_of::<Option<Box<Link>>>()
            + links
            + self.store.held_bytes()
            + self.survey.held_bytes()
            + self.known.capacity() * size_of::<Acquaintance>();
        held as u64
    }

    fn there(&self, key: &PublicKey) -> Option<&Entry> {
        let entry = self.store.find(prefix(key))?;
        (entry.key == *key && !entry.is(flag::GONE)).then_some(entry)
    }

    fn member(&self, entry: &Entry) -> Member {
        let who = prefix(&entry.key);
        let parent = entry.parent().and_then(|parent| self.store.find(parent));
        let claim = self.store.claim(who).filter(|claim| !claim.name.is_empty());
        Member {
            node: entry.node(),
            parent: parent.filter(|it| !it.is(flag::GONE)).map(|it| it.key),
            addresses: self.store.places(entry).addresses(),
            name: claim.map(|claim| claim.name.clone()),
            version: entry.version(),
            leaf: entry.is(flag::LEAF),
            depth: (entry.depth != NO_DEPTH).then_some(entry.depth),
        }
    }

    fn place_of(&self, link: Slot) -> Option<usize> {
        let is_it = |it: &Option<Box<Link>>| it.as_ref().is_some_and(|it| it.slot == link);
        self.links.iter().position(is_it)
    }

    fn link(&mut self, place: usize) -> &mut Link {
        let link = self.links[place].as_mut();
        link.expect("a place is that of a link that is there")
    }

    /// Those that the tree consists of.
    fn neighbours(&self) -> impl Iterator<Item = &Link> {
        let links = self.links.iter().flatten().map(|link| &**link);
        links.filter(|link| !link.backup)
    }

    /// Queues an entry for one neighbour, if it does not wait there already.
    fn queue(&mut self, place: usize, who: Prefix, how: How) {
        // A neighbour that takes nothing costs no more than this: it is compared with afterwards.
        if self.link(place).queued() > 2 * self.store.len() + 64 {
            self.drain(place);
            self.link(place).hello = Some(Hello::Ask);
        }
        let Some(mut entry) = self.store.note(who) else {
            return;
        };
        if how != How::Name && entry.set_queued(place, true) {
            return;
        }
        self.link(place).push(who, how);
    }

    /// Forgets what waits for a neighbour.
    fn drain(&mut self, place: usize) {
        while let Some((who, _)) = self.link(place).front() {
            self.link(place).pop();
            if let Some(mut entry) = self.store.note(who) {
                entry.set_queued(place, false);
            }
        }
    }

    /// Queues an entry for every neighbour but the one that it came from. The backup hears of me
    /// only.
    fn pass_on(&mut self, from: Option<usize>, who: Prefix, how: How) {
        let mine = who == prefix(&self.me.key);
        for place in 0..self.links.len() {
            let link = self.links[place].as_ref();
            let told = link.is_some_and(|link| !link.backup && (self.whole || mine));
            if told && from != Some(place) {
                self.queue(place, who, how);
            }
        }
    }

    /// Takes a member for gone and passes it on.
    fn bury(&mut self, now: Time, from: Option<usize>, who: Prefix) {
        let there = self.store.find(who).is_some_and(|it| !it.is(flag::GONE));
        if there {
            self.store.bury(who, tick(now));
            self.touch(now, who);
            self.pass_on(from, who, How::Short);
        }
    }
}
