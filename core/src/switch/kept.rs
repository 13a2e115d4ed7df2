//! What should survive a restart: what is asked to be kept, and what is given back. The shell keeps
//! bytes under a key and understands none of them.

use alloc::{
    collections::VecDeque,
    string::{String, ToString as _},
    vec::Vec,
};
use core::{fmt, net::SocketAddr};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

use super::{
    RestoreError, Switch,
    wants::{Rank, Reason, Want},
};
use crate::{
    base::{Deadline, Time, Why, grow},
    identity::{Hashname, PublicKey},
    line::PeerState,
    wire::{
        Head, Packet,
        json::{self, Limits},
    },
};

/// What a switch asks of its shell.
///
/// What is to be kept is, for each key, one packet (PROTOCOL, section Packets) whose head tells the
/// key (`kept`), the version of what is in it (1), and a checksum of the body (`sum`). The body is
/// a row of packets that have a JSON head and no body, one for each thing that is kept:
///
/// - `peers`, the peers that are remembered, newest first: `local`, our hashname; `key`, the
///   peer's; `proven`, the addresses that a line was up at, newest first; `given`, those that the
///   program told; `wanted`, true if a line is kept to it; `line`, true if the last line was not
///   closed in order. Asked for when it changed, at most every `Life::keep_every_ms`.
/// - `opens`, for each hashname a `time` that none of its opens has reached yet, so that those
///   after the next start are newer even if the clock is set back meanwhile. Asked for together
///   with the first open, then about every `Life::open_ahead_ms` in which there are any.
/// - `epochs`, for each hashname the `time` at which its life in the tree of its space began, so
///   that the next life is known for a later one. Asked for when one begins.
///
/// A need replaces an earlier one of the same key that nobody took yet. What is kept of a closed
/// space is a secret, so the bytes do not print.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Need {
    /// Keep these bytes for the next start and give them back by `Switch::restore`.
    Keep {
        /// What they are kept under; a later one replaces an earlier one.
        key: String,
        /// The bytes.
        bytes: Vec<u8>,
    },
}

impl fmt::Debug for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keep { key, bytes } => write!(f, "Keep({key}, {} bytes)", bytes.len()),
        }
    }
}

const PEERS: &str = "peers";
const OPENS: &str = "opens";
const EPOCHS: &str = "epochs";
/// The version of what is kept, that of each key.
const VERSION: u64 = 1;
/// Needs not yet polled. There is one for each key at most, and two keys and one for each hashname;
/// beyond it the oldest goes.
const NEEDS_MAX: usize = 1024;

/// What waits to be kept.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) needs: VecDeque<Need>,
    /// When the shell is asked to keep the peers; `None` if nothing has changed.
    due: Option<Time>,
    /// When it was asked last.
    asked: Option<Time>,
    /// The time that is kept for the opens of each hashname, installed or not.
    /// They are few: a vector in their order.
    opens: Vec<(Hashname, u64)>,
    /// When the life of each hashname in its tree began last, in its order.
    epochs: Vec<(Hashname, u64)>,
}

impl Kept {
    fn open_place(&self, local: Hashname) -> Result<usize, usize> {
        self.opens.binary_search_by_key(&local, |open| open.0)
    }

    fn open_time(&self, local: Hashname) -> u64 {
        self.open_place(local)
            .map_or(0, |place| self.opens[place].1)
    }

    fn set_open_time(&mut self, local: Hashname, time: u64) {
        match self.open_place(local) {
            Ok(place) => self.opens[place].1 = time,
            Err(place) => {
                // Most switches have one.
                self.opens.reserve_exact(1);
                self.opens.insert(place, (local, time));
            }
        }
    }
}

#[derive(Serialize, Deserialize)]
struct KeptHead {
    kept: String,
    version: u64,
    sum: u64,
}

#[derive(Serialize, Deserialize)]
struct KeptPeer {
    local: String,
    key: String,
    #[serde(default)]
    proven: Vec<SocketAddr>,
    #[serde(default)]
    given: Vec<SocketAddr>,
    #[serde(default)]
    wanted: bool,
    #[serde(default)]
    line: bool,
}

#[derive(Serialize, Deserialize)]
struct KeptTime {
    local: String,
    time: u64,
}

impl Switch {
    /// Gives back what an earlier start asked to be kept by [`Need::Keep`], before or after the
    /// identities are installed that it is about. Peers become known, and those that a line was kept
    /// to are dialled again; see [`Switch::peers`].
    ///
    /// # Errors
    /// [`RestoreError`] if no room knows the key, or the bytes are not what was kept; the switch is
    /// as before.
    pub fn restore(&mut self, now: Time, key: &str, bytes: &[u8]) -> Result<(), RestoreError> {
        let now = self.advance(now);
        match key {
            PEERS => self.restore_peers(now, bytes),
            OPENS => self.restore_opens(bytes),
            EPOCHS => self.restore_epochs(bytes),
            _ => Err(RestoreError::UnknownKey),
        }
    }

    /// Asks at once to keep what would be asked for later: before the end, say.
    pub fn keep_now(&mut self, now: Time) {
        let now = self.advance(now);
        self.kept.due = self.kept.due.map(|_| now);
        self.keep_due(now);
    }

    /// The shell is asked to keep this, instead of what was to be kept under the key so far.
    pub(super) fn keep(&mut self, key: &str, bytes: Vec<u8>) {
        let needs = &mut self.kept.needs;
        needs.retain(|Need::Keep { key: other, .. }| other != key);
        if needs.len() >= NEEDS_MAX {
            needs.pop_front();
        }
        let key = String::from(key);
        grow(needs);
        needs.push_back(Need::Keep { key, bytes });
    }

    /// Something about peers has changed.
    pub(super) fn note_change(&mut self, now: Time) {
        let every_ms = self.config.life.keep_every_ms;
        let at = self.kept.asked.map_or(now, |asked| asked.plus_ms(every_ms));
        self.kept.due.get_or_insert(at.max(now));
    }

    /// When the next want is dialled, or the next change kept.
    pub(super) fn wanted_at(&self) -> Option<Deadline> {
        let redial = self.redials.timers.next();
        let redial = redial.map(|(at, _)| Deadline::new(at, Why::Redial));
        let keep = self.kept.due.map(|at| Deadline::new(at, Why::Keep));
        Deadline::earlier(redial, keep)
    }

    /// Asks for the peers to be kept, if that is due.
    pub(super) fn keep_due(&mut self, now: Time) {
        if self.kept.due.is_none_or(|due| due > now) {
            return;
        }
        self.kept.due = None;
        self.kept.asked = Some(now);
        let peers = self.known.newest_first().map(|(_, record)| KeptPeer {
            local: record.pair.0.to_string(),
            key: record.pair.1.to_string(),
            proven: record.proven.clone(),
            given: record.given.clone(),
            wanted: record.want.as_ref().is_some_and(Want::is_kept),
            line: record.line,
        });
        let bytes = write(PEERS, peers);
        self.keep(PEERS, bytes);
    }

    /// Sees to it that no open goes out whose time the next start might not know.
    pub(super) fn keep_opens(&mut self) {
        if !self.lines.take_opened() {
            return;
        }
        let ahead_us = self.config.life.open_ahead_ms.saturating_mul(1000);
        let mut outrun = false;
        for (local, newest) in self.lines.newest_opens() {
            let kept = self.kept.open_time(local);
            if newest > kept {
                let ahead = newest.saturating_add(ahead_us);
                self.kept.set_open_time(local, ahead);
                outrun = true;
            }
        }
        if outrun {
            let opens = self.kept.opens.iter().map(|(local, time)| KeptTime {
                local: local.to_string(),
                time: *time,
            });
            let bytes = write(OPENS, opens);
            self.keep(OPENS, bytes);
        }
    }

    /// True if it is known when the last life of `local` in its tree began.
    pub(super) fn has_lived(&self, local: Hashname) -> bool {
        let epochs = &self.kept.epochs;
        epochs.binary_search_by_key(&local, |it| it.0).is_ok()
    }

    /// A life of `local` in its tree begins, at `wall_ms` or just after the last one: when, so that
    /// it is later than every one before.
    pub(super) fn keep_epoch(&mut self, local: Hashname, wall_ms: u64) -> u64 {
        let epochs = &mut self.kept.epochs;
        let place = epochs.binary_search_by_key(&local, |it| it.0);
        let last = place.map_or(0, |place| epochs[place].1);
        let epoch = wall_ms.max(last.saturating_add(1));
        match place {
            Ok(place) => epochs[place].1 = epoch,
            Err(place) => epochs.insert(place, (local, epoch)),
        }
        let epochs = epochs.iter().map(|(local, time)| KeptTime {
            local: local.to_string(),
            time: *time,
        });
        let bytes = write(EPOCHS, epochs);
        self.keep(EPOCHS, bytes);
        epoch
    }

    fn restore_epochs(&mut self, bytes: &[u8]) -> Result<(), RestoreError> {
        let kept: Vec<KeptTime> = read(EPOCHS, bytes)?;
        let kept = kept.iter().map(|it| Ok((hashname(&it.local)?, it.time)));
        let kept: Vec<_> = kept.collect::<Result<_, RestoreError>>()?;
        for (local, time) in kept.into_iter().take(self.lines.hashnames_most()) {
            let epochs = &mut self.kept.epochs;
            match epochs.binary_search_by_key(&local, |it| it.0) {
                Ok(place) => epochs[place].1 = epochs[place].1.max(time),
                Err(place) => epochs.insert(place, (local, time)),
            }
        }
        Ok(())
    }

    /// What was restored of a hashname takes effect when it is installed.
    pub(super) fn on_installed(&mut self, now: Time, local: Hashname) {
        if let Ok(place) = self.kept.open_place(local) {
            self.lines.open_after(local, self.kept.opens[place].1);
        }
        let peers = self.peers(local).map(|known| known.peer.hashname);
        for peer in peers.collect::<Vec<_>>() {
            if self.lines.state(local, peer) < PeerState::Resolved {
                self.lines.note(local, peer, PeerState::Resolved);
            }
        }
        self.redial_of(now, local);
    }

    fn restore_peers(&mut self, now: Time, bytes: &[u8]) -> Result<(), RestoreError> {
        let peers: Vec<KeptPeer> = read(PEERS, bytes)?;
        let pairs = peers.iter().map(|peer| {
            let local = hashname(&peer.local)?;
            let key: PublicKey = peer
                .key
                .parse()
                .map_err(|_damaged| RestoreError::Malformed)?;
            Ok((local, key))
        });
        let pairs: Vec<_> = pairs.collect::<Result<_, RestoreError>>()?;
        let life = &self.config.life;
        let (most, addresses) = (life.kept_peers_max as usize, life.kept_addresses_max);
        for (peer, pair) in peers.iter().zip(&pairs).take(most).rev() {
            let wanted = peer.wanted && self.want(*pair, Reason::Kept, Rank::APPLICATION).is_some();
            let slot = match self.known.find(pair) {
                Some(slot) => slot,
                None => self.known.enter(*pair),
            };
            let Some(record) = self.known.get_mut(slot) else {
                continue;
            };
            for address in peer.proven.iter().take(addresses as usize).rev() {
                record.prove(*address, addresses);
            }
            record.give(&peer.given, addresses);
            record.line |= peer.line;
            if wanted {
                self.redials.timers.set(slot, Some(now));
            }
        }
        for local in self.lines.installed().collect::<Vec<_>>() {
            self.on_installed(now, local);
        }
        Ok(())
    }

    fn restore_opens(&mut self, bytes: &[u8]) -> Result<(), RestoreError> {
        let opens: Vec<KeptTime> = read(OPENS, bytes)?;
        let opens = opens
            .iter()
            .map(|open| Ok((hashname(&open.local)?, open.time)));
        let opens: Vec<_> = opens.collect::<Result<_, RestoreError>>()?;
        for (local, time) in opens.into_iter().take(self.lines.hashnames_most()) {
            let time = time.max(self.kept.open_time(local));
            self.kept.set_open_time(local, time);
            self.lines.open_after(local, time);
        }
        Ok(())
    }
}

fn hashname(text: &str) -> Result<Hashname, RestoreError> {
    text.parse().map_err(|_damaged| RestoreError::Malformed)
}

fn write<T: Serialize>(key: &str, things: impl Iterator<Item = T>) -> Vec<u8> {
    let mut body = Vec::new();
    for thing in things {
        put(&json::write(&thing), &[], &mut body);
    }
    let head = KeptHead {
        kept: key.into(),
        version: VERSION,
        sum: sum(&body),
    };
    let mut bytes = Vec::new();
    put(&json::write(&head), &body, &mut bytes);
    bytes
}

fn put(head: &str, body: &[u8], out: &mut Vec<u8>) {
    let head = Head::Json(head.as_bytes());
    let packet = Packet { head, body };
    packet.encode(out).expect("a record is short");
}

fn read<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<Vec<T>, RestoreError> {
    let (head, body): (KeptHead, _) = take(bytes)?;
    let is_ours = head.kept == key && (1..=VERSION).contains(&head.version);
    if !is_ours || head.sum != sum(body) {
        return Err(RestoreError::Malformed);
    }
    let mut things = Vec::new();
    let mut rest = body;
    while let Some(length) = rest.first_chunk() {
        let whole = 2 + usize::from(u16::from_be_bytes(*length));
        let (packet, after) = rest
            .split_at_checked(whole)
            .ok_or(RestoreError::Malformed)?;
        things.push(take(packet)?.0);
        rest = after;
    }
    if rest.is_empty() {
        Ok(things)
    } else {
        Err(RestoreError::Malformed)
    }
}

fn take<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, &[u8]), RestoreError> {
    let packet = Packet::decode(bytes).map_err(|_damaged| RestoreError::Malformed)?;
    let Head::Json(head) = packet.head else {
        return Err(RestoreError::Malformed);
    };
    let value =
        json::parse(head, &Limits::default()).map_err(|_damaged| RestoreError::Malformed)?;
    Ok((value, packet.body))
}

/// What a damaged body has no second time.
fn sum(body: &[u8]) -> u64 {
    let hash: [u8; 32] = Sha256::digest(body).into();
    let first = hash.first_chunk().expect("a hash has 32 bytes");
    u64::from_be_bytes(*first)
}
