//! An open of ours under way: its bytes, where they go, and when again.

use alloc::{boxed::Box, vec::Vec};

use super::{
    Config, home::Home, mac::MacKey, noise::Handshake, open::Opened, state::End, suite::Suite,
    versions::Versions,
};
use crate::{base::Time, identity::PublicKey, wire::Route};

/// The other's open, held back while the smaller hashname insists on its own.
pub(super) struct Held {
    pub(super) opened: Opened,
    /// Where its newest copy came from.
    pub(super) route: Route,
    /// When it is answered after all.
    pub(super) at: Time,
}

/// An open of ours that waits for its answer.
pub(super) struct Pending {
    /// The id that we want to receive on.
    pub(super) line: u32,
    pub(super) suite: Suite,
    /// Our end of the line that it makes.
    pub(super) end: End,
    pub(super) datagram: Box<[u8]>,
    pub(super) handshake: Handshake,
    pub(super) routes: Vec<Route>,
    pub(super) held: Option<Held>,
    /// How often it was written anew with a cookie.
    pub(super) cookies: u32,
    /// The versions that somebody says the peer speaks.
    pub(super) versions: Option<Versions>,
    /// When it went out, while it went out at one time only: an answer to several tells no round
    /// trip (RFC 9002 section 5.1).
    pub(super) sent_at: Option<Time>,
    /// The next repetition; `None` once there are no more.
    repeat_at: Option<Time>,
    period_ms: u64,
    repeat_until: Time,
    /// When the peer counts as unreachable.
    pub(super) until: Time,
    /// Which of our gates its MAC is keyed with; 0 is the newest.
    gate: usize,
}

impl Pending {
    pub(super) fn new(
        now: Time,
        config: &Config,
        (line, suite, end): (u32, Suite, End),
        (datagram, handshake): (Box<[u8]>, Handshake),
    ) -> Self {
        let until = now.plus_ms(config.open_ms);
        Self {
            line,
            suite,
            end,
            datagram,
            handshake,
            routes: Vec::new(),
            held: None,
            cookies: 0,
            versions: None,
            sent_at: Some(now),
            repeat_at: Some(now.plus_ms(config.repeat_first_ms)),
            period_ms: config.repeat_first_ms,
            repeat_until: until,
            until,
            gate: 0,
        }
    }

    /// Keys the MAC by the next older gate, since a peer that was away may not know ours; behind
    /// the oldest comes the newest again. All other bytes stay: it is still a copy.
    pub(super) fn next_gate(&mut self, home: &Home, peer: &PublicKey) {
        if home.doors.len() < 2 {
            return;
        }
        self.gate = (self.gate + 1) % home.doors.len();
        let gate = home.doors[self.gate].gate.as_bytes();
        MacKey::new(gate, peer, &home.space).write(&mut self.datagram);
    }

    /// Goes on with an open that was written anew, with a MAC by the gate of this number, and gives
    /// the id that the one before had.
    pub(super) fn take_up(
        &mut self,
        now: Time,
        line: u32,
        (datagram, handshake): (Box<[u8]>, Handshake),
        gate: usize,
    ) -> u32 {
        self.cookies += 1;
        self.sent_at = Some(now);
        self.gate = gate;
        self.datagram = datagram;
        self.handshake = handshake;
        core::mem::replace(&mut self.line, line)
    }

    /// Adds a candidate, and tells if it is a new one and there was room.
    pub(super) fn add_route(&mut self, route: Route, most: u32) -> bool {
        if self.routes.contains(&route) || self.routes.len() >= most as usize {
            return false;
        }
        self.routes.push(route);
        true
    }

    /// True if it is time to send the open again; sets the next time.
    pub(super) fn is_repeat_due(&mut self, now: Time, most_ms: u64) -> bool {
        if self.repeat_at.is_none_or(|at| at > now) {
            return false;
        }
        self.sent_at = None;
        self.period_ms = self.period_ms.saturating_mul(2).clamp(1, most_ms.max(1));
        let next = now.plus_ms(self.period_ms);
        self.repeat_at = (next < self.repeat_until).then_some(next);
        true
    }

    /// True if the other's open has been held back for long enough.
    pub(super) fn is_held_due(&self, now: Time) -> bool {
        self.held
            .as_ref()
            .is_some_and(|held| held.at.min(self.until) <= now)
    }

    pub(super) fn deadline(&self) -> Time {
        let held = self.held.as_ref().map_or(Time::NEVER, |held| held.at);
        self.until
            .min(held)
            .min(self.repeat_at.unwrap_or(Time::NEVER))
    }
}

impl core::fmt::Debug for Pending {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Pending({:08x})", self.line)
    }
}
