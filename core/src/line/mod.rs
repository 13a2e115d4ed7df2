//! Lines: handshakes, and packets sealed under their keys. The room owns the secrets of installed
//! hashnames and of lines, the ids that packets are received on, counters and replay windows, and
//! which of several handshakes with a peer makes the line. It never decides that a line is wanted,
//! never looks into a plain text, and never knows what became of a datagram after it was polled.

mod answer;
mod closing;
mod config;
mod cookie;
mod effect;
mod half;
mod head;
mod home;
mod incoming;
mod load;
mod mac;
mod moving;
mod noise;
mod open;
mod outgoing;
mod path;
mod paths;
mod peers;
mod pending;
mod provider;
mod rekey;
mod sealed;
mod session;
#[cfg(test)]
mod sizes;
mod spaces;
mod state;
mod suite;
#[cfg(test)]
mod tests;
mod told;
mod versions;
mod window;

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};

use crate::{
    base::{Bounded, Index, Rng, Slot, Slots, Time, Timers, Wall},
    identity::{Hashname, PublicKey, SecretKey, SpaceId},
    wire::Route,
};

use half::{AnswerId, Answers};
use home::{Clock, Home};
use load::Load;
use mac::Digest;
use peers::{Pair, Peers};
use state::Line;

pub use closing::EFFECTS_MAX;
pub use config::Config;
pub use effect::{Down, Dropped, Effect, InstallError, OpenError};
pub use head::{Kind, is_anonymous, kind};
pub use path::{Departure, Pace, PathFrame, PathInfo};
pub use peers::PeerState;
#[cfg(feature = "fast")]
pub use provider::fast;
pub use provider::{Cipher, Provider, PureRust};
pub use sealed::Unsealed;
#[cfg(test)]
pub(crate) use sizes::sizes;
pub use spaces::Renewed;
pub use state::{Greeting, Info, Who};
pub use suite::Suite;
pub use told::Limits;
pub use versions::Versions;

/// Bytes of the longest handshake datagram that [`Lines::poll_datagram`] gives.
pub const DATAGRAM_MAX: usize = open::OPEN_MAX;

/// All lines of a switch, and its identities.
#[derive(Debug)]
pub struct Lines {
    config: Config,
    provider: &'static dyn Provider,
    rng: Rng,
    clock: Clock,
    homes: Vec<Home>,
    /// An open was written since somebody asked.
    opened: bool,
    /// The number of our first stream in the next line that others open.
    first_stream: u64,
    /// Every id that we receive on.
    ids: Index<u32, Place>,
    slots: Slots<Line>,
    timers: Timers,
    peers: Peers,
    answers: Answers,
    /// Opens that are held back, by their hash.
    held: Index<Digest, Slot>,
    outputs: Bounded<(Output, Route)>,
    /// The bytes of each [`Output::Refusal`], in order.
    refusals: Bounded<Box<[u8]>>,
    /// When whom was refused last.
    refused: BTreeMap<Pair, Time>,
    /// What we tell peers of ourselves.
    limits: Limits,
    /// What strangers are told at once and nobody keeps.
    replies: Bounded<(Box<[u8]>, Route)>,
    load: Load,
}

/// What an id leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// An open of ours, at this slot.
    Pending(Slot),
    /// A session that waits for its first packet.
    Half(AnswerId),
    /// A session of the line at this slot.
    Line(Slot),
    /// A rekey of ours, of the line at this slot.
    Rekey(Slot),
}

/// A datagram that waits to be polled. Its bytes are where they belong; if they are gone when its
/// turn comes, so is the reason to send them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Output {
    /// Our open with this line id.
    Open(u32),
    /// An answer of ours.
    Answer(AnswerId),
    /// The last datagram of the closed line that receives on this id.
    Closing(u32),
    /// That somebody is not let in.
    Refusal,
}

impl Lines {
    /// A room without identities and lines.
    pub fn new(config: &Config, rng: Rng) -> Self {
        Self::with_provider(config, rng, &PureRust)
    }

    /// The same, computing with `provider`.
    pub fn with_provider(config: &Config, mut rng: Rng, provider: &'static dyn Provider) -> Self {
        let ids = Index::new(&mut rng);
        Self {
            config: config.clone(),
            provider,
            clock: Clock::default(),
            homes: Vec::new(),
            opened: false,
            first_stream: 0,
            peers: Peers::new(config.peers, ids.finder(), ids.sibling()),
            ids,
            slots: Slots::new(),
            timers: Timers::new(),
            answers: Answers::new(config.half_open, &mut rng),
            held: Index::new(&mut rng),
            outputs: Bounded::new(config.outputs as usize),
            refusals: Bounded::new(config.outputs as usize),
            refused: BTreeMap::new(),
            limits: Limits::default(),
            replies: Bounded::new(config.outputs as usize),
            load: Load::new(config, rng.fork("cookie")),
            rng,
        }
    }

    /// Hears the wall time, which orders our opens across restarts, and ends memberships.
    pub fn handle_clock(&mut self, now: Time, wall: Wall) {
        self.clock.set(now, wall);
        self.set_expiries();
    }

    /// Installs an identity in a space and draws its boot.
    ///
    /// # Errors
    /// [`InstallError`]; nothing has changed then.
    pub fn install(
        &mut self,
        _now: Time,
        secret: &SecretKey,
        space: SpaceId,
    ) -> Result<Hashname, InstallError> {
        let home = Home::new(secret, space, self.provider, &mut self.rng);
        self.settle_in(home)
    }

    fn settle_in(&mut self, home: Home) -> Result<Hashname, InstallError> {
        let hashname = home.hashname;
        if self.home(hashname).is_some() {
            return Err(InstallError::Twice);
        }
        if self.installed().count() >= self.hashnames_most() {
            return Err(InstallError::Full);
        }
        match self.homes.iter_mut().find(|home| !home.is_installed()) {
            Some(place) => *place = home,
            None => {
                // Most switches have one.
                self.homes.reserve_exact(1);
                self.homes.push(home);
            }
        }
        Ok(hashname)
    }

    /// So many hashnames can be installed.
    pub const fn hashnames_most(&self) -> usize {
        self.config.hashnames as usize
    }

    /// The hashnames that are installed, in the order in which they were, but for those that took
    /// the place of another.
    pub fn installed(&self) -> impl Iterator<Item = Hashname> {
        let homes = self.homes.iter().filter(|home| home.is_installed());
        homes.map(|home| home.hashname)
    }

    /// The key and the space of a hashname that is installed.
    pub fn identity(&self, local: Hashname) -> Option<(PublicKey, SpaceId)> {
        let home = &self.homes[self.home(local)?];
        Some((home.key, home.space))
    }

    /// True once after an open of ours was written: see [`Lines::newest_opens`].
    pub const fn take_opened(&mut self) -> bool {
        core::mem::replace(&mut self.opened, false)
    }

    /// The installed hashnames, each with the time in its newest open, in microseconds; 0 before
    /// the first.
    pub fn newest_opens(&self) -> impl Iterator<Item = (Hashname, u64)> {
        let homes = self.homes.iter().filter(|home| home.is_installed());
        homes.map(|home| (home.hashname, home.newest_open()))
    }

    /// The next open of an installed hashname will have a later time than this.
    pub fn open_after(&mut self, local: Hashname, time: u64) {
        if let Some(home) = self.home(local) {
            self.homes[home].open_after(time);
        }
    }

    /// Sets the number of the first stream that our end will open in lines that others open to us
    /// from now on.
    pub const fn set_first_stream(&mut self, first_stream: u64) {
        self.first_stream = first_stream;
    }

    /// The line between one of our hashnames and a peer, also one that is being opened.
    pub fn find(&self, local: Hashname, peer: Hashname) -> Option<Slot> {
        self.peers.slot(&Pair { local, peer }, &self.slots)
    }

    /// What is known of a line.
    pub fn info(&self, slot: Slot) -> Option<&Info> {
        Some(&self.slots.get(slot)?.info)
    }

    /// What the peer told when the line came up, until it rests.
    pub fn greeting(&self, slot: Slot) -> Option<&Greeting> {
        self.slots.get(slot)?.greeting.as_deref()
    }

    /// How far we have come with a peer.
    pub fn state(&self, local: Hashname, peer: Hashname) -> PeerState {
        let pair = Pair { local, peer };
        let slot = self.peers.slot(&pair, &self.slots);
        let line = slot.and_then(|slot| self.slots.get(slot));
        match line {
            Some(line) if line.current.is_some() => PeerState::Connected,
            Some(_) => PeerState::Connecting,
            None => self.peers.state(&pair),
        }
    }

    /// Somebody named a peer, its key is being looked up, was found, or was given up: the state
    /// that holds while there is no line. `Connecting` and `Connected` are the room's own to say,
    /// and change nothing here.
    pub fn note(&mut self, local: Hashname, peer: Hashname, state: PeerState) {
        let is_free = self.home(local).is_some() && self.find(local, peer).is_none();
        if state < PeerState::Connecting && is_free {
            self.peers.note(Pair { local, peer }, state);
        }
    }

    /// Writes the next handshake datagram into `buf` and tells its route and length. `None` if
    /// there is none, or if `buf` is too short; [`DATAGRAM_MAX`] is always enough.
    pub fn poll_datagram(&mut self, _now: Time, buf: &mut [u8]) -> Option<(Route, usize)> {
        while let Some(&(output, route)) = self.outputs.front() {
            let Some(bytes) = self.bytes(output) else {
                self.outputs.pop();
                continue;
            };
            let len = bytes.len();
            buf.get_mut(..len)?.copy_from_slice(bytes);
            self.outputs.pop();
            if output == Output::Refusal {
                self.refusals.pop();
            }
            return Some((route, len));
        }
        let (reply, _) = self.replies.front()?;
        buf.get_mut(..reply.len())?.copy_from_slice(reply);
        let (reply, route) = self.replies.pop()?;
        Some((route, reply.len()))
    }

    /// True if [`Lines::poll_datagram`] should be called.
    pub fn has_output(&self) -> bool {
        !(self.outputs.is_empty() && self.replies.is_empty())
    }

    /// How many lines there are, also those that are being opened or closed.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// True if there is no line.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// How many answers are kept; not all of their opens wait for a proof any more.
    pub fn answers(&self) -> usize {
        self.answers.len()
    }

    /// True if an open was answered whose initiator may have a line, and has not shown it yet.
    pub fn is_awaited(&self) -> bool {
        self.answers.is_awaited()
    }

    fn bytes(&self, output: Output) -> Option<&[u8]> {
        let line = |id| match self.ids.get(&id)? {
            Place::Pending(slot) | Place::Line(slot) => self.slots.get(*slot),
            Place::Half(_) | Place::Rekey(_) => None,
        };
        match output {
            Output::Open(id) => {
                let pending = line(id)?.pending.as_ref()?;
                (pending.line == id).then_some(&*pending.datagram)
            }
            Output::Answer(answer) => self.answers.answer(answer),
            Output::Closing(id) => Some(&line(id)?.closing.as_ref()?.last),
            Output::Refusal => self.refusals.front().map(|bytes| &**bytes),
        }
    }

    fn home(&self, hashname: Hashname) -> Option<usize> {
        let mut homes = self.homes.iter();
        homes.position(|home| home.hashname == hashname && home.is_installed())
    }

    fn is_full(&self) -> bool {
        self.slots.len() >= self.config.lines as usize
    }

    /// Draws an id that leads to `place` and to nothing else.
    fn draw_id(&mut self, place: Place) -> u32 {
        loop {
            let id = self.rng.u32();
            if !self.ids.contains(&id) {
                self.ids.insert(id, place);
                return id;
            }
        }
    }
}
