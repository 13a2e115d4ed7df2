//! The local networks of an endpoint whose identities are announced: which there are, the sockets
//! that announcements go out and come in by, and when to look at either again. It knows nothing of
//! what an announcement is. Nothing is open, and nothing looked at, while nobody is announced.

mod listening;
mod places;
mod sending;
mod status;
#[cfg(test)]
mod tests;

use std::{
    fmt, format, io, mem,
    net::{SocketAddr, UdpSocket},
    string::String,
    vec::Vec,
};

pub use self::status::{LanAddress, LanStatus};
use self::{
    listening::{LISTENERS, Listening},
    places::{Place, chosen, is_routed, places},
    sending::Sending,
};
use super::{AsHandle, LanConfig, sockets::Socket};
use crate::{
    base::Time,
    driver::Sent,
    switch::{LAN_PORTS, LocalNetwork, SentError, SocketId, Transmit},
};

/// Makes of a socket what the runtime watches.
pub(super) type Watch<I> = fn(UdpSocket) -> io::Result<I>;

/// The local networks of one endpoint.
pub(super) struct Lan<I> {
    config: LanConfig,
    watch: Watch<I>,
    buffer_bytes: usize,
    /// What the endpoint's own sockets are bound to; theirs are the ids below `first`.
    bound: Vec<SocketAddr>,
    first: u32,
    ports: [u16; LAN_PORTS.len()],
    open: Option<Open<I>>,
    /// The status was not told yet.
    changed: bool,
}

/// What there is while somebody is announced.
struct Open<I> {
    listening: Listening<I>,
    sending: Sending,
    /// What the switch was told.
    networks: Vec<LocalNetwork>,
    /// The addresses of the machine, as they were at the last look.
    places: Vec<Place>,
    /// What the last look could not do.
    errors: Vec<String>,
    look_at: Time,
    /// When it was listened last, and when it is to be listened again at the latest.
    heard_at: Time,
    hear_by: Time,
}

/// What the switch is to be told after a look.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// All local networks, if they are others than before.
    pub(super) networks: Option<Vec<LocalNetwork>>,
    /// The machine has other addresses than before.
    pub(super) moved: bool,
}

impl<I: AsHandle> Lan<I> {
    /// Nothing is open yet. `bound` are the endpoint's own sockets, in the order of their ids, and
    /// the buffers of new ones are raised to `buffer_bytes`.
    pub(super) fn new(
        config: LanConfig,
        bound: Vec<SocketAddr>,
        buffer_bytes: usize,
        watch: Watch<I>,
    ) -> Self {
        let first = u32::try_from(bound.len()).unwrap_or(u32::MAX);
        Self {
            config,
            watch,
            buffer_bytes,
            bound,
            first,
            ports: LAN_PORTS,
            open: None,
            changed: false,
        }
    }

    /// Looks which networks there are, and opens and closes sockets until they are those of them.
    pub(super) fn look(&mut self, now: Time) -> Changes {
        let (first, ports, is_first) = (self.first, self.ports, self.open.is_none());
        let open = self.open.get_or_insert_with(|| Open {
            listening: Listening::new(first, ports),
            sending: Sending::new(first + LISTENERS),
            networks: Vec::new(),
            places: Vec::new(),
            errors: Vec::new(),
            look_at: now,
            heard_at: Time::ZERO,
            hear_by: Time::NEVER,
        });
        open.look_at = now.plus_ms(self.config.look_ms.into());
        open.errors.clear();
        let before = match places() {
            Ok(places) => mem::replace(&mut open.places, places),
            Err(error) => {
                open.errors.push(format!("the list of interfaces: {error}"));
                open.places.clone()
            }
        };
        let routed = |places: &[Place]| -> Vec<_> {
            let routed = places.iter().filter(is_routed);
            routed.map(|it| (it.index, it.ip)).collect()
        };
        let moved = !is_first && routed(&before) != routed(&open.places);
        let (used, errors) = chosen(&open.places, &self.config, &self.bound);
        open.errors.extend(errors);
        open.sending.update(&used);
        let used: Vec<_> = open.sending.networks().map(|it| it.0).collect();
        if open.listening.update(&used, self.watch, self.buffer_bytes) {
            // What watches a socket learns of it by the first look at it.
            open.hear_by = open.heard_at.plus_us(self.config.hear_us.into());
        }
        let networks: Vec<_> = open.sending.networks().map(|it| it.1).collect();
        let changed = networks != open.networks;
        open.networks.clone_from(&networks);
        self.changed = true;
        Changes {
            networks: changed.then_some(networks),
            moved,
        }
    }
}

impl<I> Lan<I> {
    /// True if anything is open.
    pub(super) const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// True if it is to be looked which networks there are.
    pub(super) fn is_due(&self, now: Time) -> bool {
        self.open.as_ref().is_none_or(|open| now >= open.look_at)
    }

    /// Closes all sockets.
    pub(super) fn close(&mut self) {
        self.open = None;
        self.changed = true;
    }

    /// When a turn is due even if nothing else happens.
    pub(super) fn next(&self) -> Time {
        let open = self.open.as_ref();
        open.map_or(Time::NEVER, |open| open.look_at.min(open.hear_by))
    }

    /// True if it is to be listened in this turn. If not, what may have come waits until a later one,
    /// and no socket tells of it again: then that turn is due by itself.
    pub(super) fn may_hear(&mut self, now: Time) -> bool {
        let Some(open) = &mut self.open else {
            return false;
        };
        let next = open.heard_at.plus_us(self.config.hear_us.into());
        let may = now >= next;
        if may {
            open.heard_at = now;
            open.hear_by = Time::NEVER;
        } else {
            open.hear_by = next;
        }
        may
    }

    /// More may have come than was taken.
    pub(super) fn hear_more(&mut self) {
        if let Some(open) = &mut self.open {
            open.hear_by = open.heard_at.plus_us(self.config.hear_us.into());
        }
    }

    /// The sockets that announcements come in by.
    pub(super) fn listeners(&self) -> impl Iterator<Item = (SocketId, &Socket<I>)> {
        let open = self.open.as_ref();
        open.into_iter().flat_map(|open| open.listening.sockets())
    }

    /// The same, for who watches them.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut I> {
        let open = self.open.as_mut();
        open.into_iter().flat_map(|open| open.listening.iter_mut())
    }

    /// Sends what one of the sockets here is to send; `None` if it is one of the endpoint's own.
    pub(super) fn send(&mut self, piece: &Transmit, bytes: &[u8]) -> Option<Sent> {
        if piece.socket.0 < self.first {
            return None;
        }
        let lost = Sent::Failed(SentError::Unreachable);
        let Some(open) = &mut self.open else {
            return Some(lost);
        };
        let sent = open.sending.send(piece, bytes);
        self.changed |= open.sending.take_changed();
        Some(sent)
    }

    /// How it stands, if that may have changed since this was called last.
    pub(super) fn take_status(&mut self) -> Option<LanStatus> {
        mem::take(&mut self.changed).then(|| self.status())
    }

    fn status(&self) -> LanStatus {
        let Some(open) = &self.open else {
            return LanStatus::default();
        };
        let networks = open.sending.networks().map(|(place, _)| LanAddress {
            interface: place.name.clone(),
            address: place.ip,
        });
        let errors = open.errors.iter().cloned();
        let errors = errors.chain(open.listening.errors());
        LanStatus {
            networks: networks.collect(),
            ports: open.listening.ports(),
            errors: errors.chain(open.sending.errors()).collect(),
        }
    }
}

impl<I> fmt::Debug for Lan<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lan").finish_non_exhaustive()
    }
}
