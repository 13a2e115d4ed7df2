//! The façade, and the only mediator between the rooms. It owns the calls that a program makes,
//! the queue of what is ready to go out, and the carrying of one room's effects to another. It
//! decides nothing that a room could decide, and it never reads a clock or a socket.

mod anon;
mod branch;
mod branches;
#[cfg(test)]
mod budget;
mod clock;
mod commands;
mod config;
mod egress;
mod error;
mod event;
mod ingress;
mod kept;
mod known;
mod lans;
mod ledger;
mod link;
mod nears;
mod neighbour;
mod packets;
mod paths;
mod redial;
mod service;
mod settle;
mod spaces;
mod stats;
mod system;
mod talk;
mod trees;
mod wants;

use alloc::{collections::VecDeque, sync::Arc, vec::Vec};
use core::fmt;

use anon::Anonymous;
use kept::Kept;
use known::Known;
use lans::Lans;
use link::{Carried, Fates, Link, Periods, Phase};
use redial::Redials;
use trees::Trees;

pub use self::{
    config::{Config, Life},
    error::{
        BroadcastError, ConfigError, ConnectError, InstallError, LineError, OpenError,
        ReadBroadcastError, ReadError, RestoreError, SpaceCommandError, WriteError,
    },
    event::{
        Broadcasted, DownReason, Ecn, Event, Interface, LineEvent, LineId, Meta, Misbehaviour,
        Peer, SpaceEvent, StreamEvent, StreamId, Transmit, TreeEvent,
    },
    kept::Need,
    known::KnownPeer,
    neighbour::{LanEvent, Neighbour},
    service::Part,
    stats::{DropReason, Stats},
};
#[cfg(feature = "fast")]
pub use crate::line::fast;
use crate::{
    base::{Effects, Finder, Ledger, Rng, Seed, Slot, Slots, Time, Timers, Wall},
    flow,
    identity::{Hashname, PublicKey, Roles, SpaceId},
    line::{self, Lines},
    stream,
};
pub use crate::{
    lan::{
        GROUP_V4 as LAN_GROUP_V4, GROUP_V6 as LAN_GROUP_V6, LocalNetwork,
        NETWORKS_MOST as LAN_NETWORKS_MOST, PORTS as LAN_PORTS,
    },
    line::{PathInfo, PeerState, Provider, PureRust, Suite, Who},
    stream::{REFUSED as STREAM_REFUSED, Read},
    tree::Tree,
    wire::{Path, Route, SocketId},
};

/// The state machine behind one UDP port.
///
/// Four kinds of method. *Getters* change nothing. *Network and clock* (`handle_…`) take any
/// bytes, never fail and do a bounded amount of work. *Commands* are legal at any time and fail
/// with a small error of their own. *Outputs* (`poll_…`) are taken until they give `None`, in any
/// order; the recommended one is transmits, events, needs, then the deadline.
///
/// After `None` an output gives `None` until the next call that handles or commands something.
/// While output is queued the deadline is not later than now; once drained, and with nothing due, it
/// is later. One `handle_timeout` does a bounded amount of work: where more is due than that, the
/// deadline stays due, and the next call goes on.
pub struct Switch {
    config: Rest,
    periods: Periods,
    now: Time,
    lines: Lines,
    links: Slots<Link>,
    /// From a line's id to its link.
    ids: Finder,
    /// From the line room's slot to the link.
    by_line: Vec<Option<Slot>>,
    next_id: u64,
    /// No line's first stream of ours has a higher number yet, nor the last of one that is down.
    next_first: u64,
    timers: Timers,
    /// Links that may have something to send.
    ready: VecDeque<Slot>,
    /// Links that are down, oldest first.
    down: VecDeque<Slot>,
    ledger: Ledger,
    /// Links that wait for memory, which others have.
    starving: VecDeque<Slot>,
    events: VecDeque<Event>,
    kept: Kept,
    /// Peers that are remembered, and the lines wanted to them.
    known: Known,
    redials: Redials,
    /// The wall time as it was told last, and when.
    told: Option<(Time, Wall)>,
    sockets: Vec<Interface>,
    anonymous: Anonymous,
    sent_lately: paths::SentLately,
    stats: Stats,
    line_effects: Effects<line::Effect>,
    stream_effects: Effects<stream::Effect>,
    fates: Fates,
    carried: Vec<Carried>,
    carried_streams: Vec<stream::Carried>,
    /// What system streams brought, and from which link.
    arrived: Vec<(Slot, system::Arrived)>,
    /// Identities of ours that are no members of their spaces any more, and were told so.
    expelled: Vec<Hashname>,
    trees: Trees,
    /// What trees draw their chance from.
    tree_rng: Rng,
    lan: Lans,
}

/// What of the config no room has for itself.
struct Rest {
    life: Life,
    flow: flow::Config,
    stream: Arc<stream::Config>,
}

/// What a shell knows of a hashname that a switch hosts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Installed {
    /// Its short name.
    pub hashname: Hashname,
    /// Its key.
    pub key: PublicKey,
    /// The space it is a member of.
    pub space: SpaceId,
}

/// Where a line is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineState {
    /// Our `open` is on its way.
    Connecting,
    /// Open.
    Up,
    /// We asked for its end; what was written is being delivered.
    Closing,
    /// No more; what had come can be read.
    Down,
}

/// What a switch knows of a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LineInfo {
    /// Our end.
    pub local: Hashname,
    /// The other end.
    pub peer: Peer,
    /// Where it is in its life.
    pub state: LineState,
    /// True if we opened it.
    pub ours: bool,
    /// The way that its packets take.
    pub route: Option<Route>,
    /// All the ways that are known to its peer, the one in use first.
    pub paths: Vec<PathInfo>,
    /// The smoothed round trip in microseconds, once there was one.
    pub rtt_us: Option<u64>,
    /// What the peer may do, in a closed space.
    pub roles: Option<Roles>,
    /// Streams that are not over.
    pub streams: usize,
    /// Sessions that packets were sealed in: 1, and one more for each time that the keys were
    /// renewed; 0 once the line is over.
    pub sessions: u32,
    /// Bytes written that the peer has not yet acknowledged.
    pub unacknowledged_bytes: u64,
}

/// How much a switch holds at the moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Status {
    /// Hashnames installed.
    pub installed: usize,
    /// Lines, the connecting and closing ones too.
    pub lines: usize,
    /// Streams that are not over.
    pub streams: usize,
    /// Bytes in the buffers of streams.
    pub buffered_bytes: u64,
    /// Bytes that everything the ledger counts takes.
    pub ledger_bytes: u64,
    /// Bytes that peers may still send because they were told so, beyond the first credit of each.
    pub promised_bytes: u64,
    /// Events not yet polled.
    pub events: usize,
}

/// Why the shell could not send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SentError {
    /// The system says that the datagram is too large for the way.
    TooLarge,
    /// The system knows no way to there, or refuses it.
    Unreachable,
}

impl fmt::Debug for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Switch({:?}, {:?})", self.now, self.status())
    }
}

impl Switch {
    /// A switch at the start of its time. It has no identity, no socket and no peer yet.
    ///
    /// # Errors
    /// [`ConfigError`] if a field of the config is illegal, with its name.
    pub fn new(config: Config, seed: &Seed) -> Result<Self, ConfigError> {
        Self::with_provider(config, seed, &PureRust)
    }

    /// The same, with another's arithmetic: what it does and every byte that it sends are the
    /// same, and only the time that it takes differs.
    ///
    /// # Errors
    /// As [`Switch::new`].
    pub fn with_provider(
        config: Config,
        seed: &Seed,
        provider: &'static dyn Provider,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let mut rng = Rng::new(seed);
        let streams_most = config.stream.effects_max();
        let (life, links_most) = (&config.life, config.links_most());
        let lines = Self::new_lines(&config, provider, rng.fork("line"));
        let ids = Finder::new(&mut rng.fork("line ids"));
        Ok(Self {
            periods: Periods {
                keep_alive_us: life.keep_alive_ms.saturating_mul(1000),
                lull_us: life.lull_ms.saturating_mul(1000),
                idle_us: life.idle_timeout_ms.saturating_mul(1000),
                unheld_us: life.unheld_timeout_ms.saturating_mul(1000),
                rest_us: life.rest_after_ms.saturating_mul(1000),
            },
            now: Time::ZERO,
            lines,
            links: Slots::new(),
            by_line: Vec::new(),
            next_id: 0,
            next_first: 0,
            timers: Timers::new(),
            ready: VecDeque::new(),
            down: VecDeque::new(),
            ledger: Ledger::new(config.ledger.clone(), links_most),
            starving: VecDeque::new(),
            events: VecDeque::new(),
            kept: Kept::default(),
            known: Known::new(life.kept_peers_max, ids.index()),
            ids,
            redials: Redials {
                timers: Timers::new(),
                rng: rng.fork("redials"),
                wants: 0,
            },
            told: None,
            sockets: Vec::new(),
            anonymous: Anonymous::new(life.anon_max),
            sent_lately: VecDeque::new(),
            stats: Stats::default(),
            line_effects: Effects::new(line::EFFECTS_MAX),
            stream_effects: Effects::new(streams_most),
            fates: Fates::new(),
            carried: Vec::new(),
            carried_streams: Vec::new(),
            arrived: Vec::new(),
            expelled: Vec::new(),
            trees: Trees::new(&config.tree, provider),
            tree_rng: rng.fork("trees"),
            lan: Lans::new(&config.lan, rng.fork("lan")),
            config: Rest {
                life: config.life,
                flow: config.flow,
                stream: config.stream.into(),
            },
        })
    }

    /// The line room, which tells peers what we bear.
    fn new_lines(config: &Config, provider: &'static dyn Provider, rng: Rng) -> Lines {
        let mut lines = Lines::with_provider(&config.line, rng, provider);
        lines.set_limits(line::Limits {
            ranges_delay_ms: config.flow.ranges_delay_ms,
            ..line::Limits::default()
        });
        lines
    }

    /// The link of the line with this id.
    fn slot(&self, line: LineId) -> Option<Slot> {
        let is_it = |at| self.links.get(at).is_some_and(|link| link.id == line);
        self.ids.find(&line.0, is_it)
    }

    // A. Getters.

    /// True if a peer's open was answered and its first packet has not come: it may have a line
    /// already that is not up here.
    pub fn is_awaited(&self) -> bool {
        self.lines.is_awaited()
    }

    /// How much the switch holds.
    pub fn status(&self) -> Status {
        let links = || self.links.iter().map(|(_, link)| link);
        Status {
            installed: self.lines.installed().count(),
            lines: links().filter(|link| link.line().is_some()).count(),
            streams: links().map(Link::streams_held).sum(),
            buffered_bytes: links().map(|link| link.streams.buffered_bytes()).sum(),
            ledger_bytes: self.ledger.held_bytes(),
            promised_bytes: self.ledger.promised_bytes(),
            events: self.events.len(),
        }
    }

    /// What the switch knows of a line; `None` once it is over and everything was read.
    pub fn line(&self, id: LineId) -> Option<LineInfo> {
        let link = self.links.get(self.slot(id)?)?;
        Some(LineInfo {
            local: link.who.local,
            peer: link.peer(),
            state: link.state(),
            ours: link.ours,
            route: link
                .line()
                .and_then(|line| Some(self.lines.info(line)?.route)),
            paths: link
                .line()
                .map_or_else(Vec::new, |line| self.lines.paths(line).collect()),
            rtt_us: link.flow.rtt_us(),
            roles: link.line().and_then(|line| self.lines.roles(line)),
            sessions: link
                .line()
                .and_then(|line| self.lines.info(line))
                .map_or(0, |line| line.sessions),
            streams: link.streams_held(),
            unacknowledged_bytes: link.streams.unacknowledged_bytes(),
        })
    }

    /// Who a line is between; `None` once it is over and everything was read.
    pub fn who(&self, id: LineId) -> Option<Arc<Who>> {
        Some(Arc::clone(&self.links.get(self.slot(id)?)?.who))
    }

    /// Opens of others that curves were computed for, since the start: about five operations each.
    pub const fn opens_read(&self) -> u64 {
        self.lines.opens_read()
    }

    /// Counters since the start.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The hashnames that this switch hosts.
    pub fn installed(&self) -> impl Iterator<Item = Installed> + '_ {
        self.lines.installed().filter_map(|hashname| {
            let (key, space) = self.lines.identity(hashname)?;
            Some(Installed {
                hashname,
                key,
                space,
            })
        })
    }

    /// The head of the peer's direction of a stream, JSON text: `None` until it came, empty if the
    /// peer sent none.
    pub fn stream_head(&self, stream: StreamId) -> Option<&str> {
        self.links
            .get(self.slot(stream.line)?)?
            .streams
            .head(stream.id)
    }

    /// True while a stream lives: until both directions are over and were read to their end.
    pub fn has_stream(&self, stream: StreamId) -> bool {
        let slot = self.slot(stream.line);
        slot.and_then(|slot| self.links.get(slot))
            .is_some_and(|link| link.streams.has(stream.id))
    }

    /// True if `poll_event` has something to give.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Where two hashnames stand with each other.
    pub fn peer_state(&self, local: Hashname, peer: Hashname) -> PeerState {
        self.lines.state(local, peer)
    }
}
