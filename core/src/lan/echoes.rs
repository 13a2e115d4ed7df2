//! Nonces and their echoes: by what others learn that what they hear was made a moment ago. It keeps
//! who is to learn that we heard it just now, and never more than one sender may ask for.

use alloc::{collections::VecDeque, vec::Vec};
use core::net::{IpAddr, SocketAddr};

use crate::base::{Bucket, Finder, Rng, Time};

/// A nonce is used for so long, and counts as long again.
const NONCE_MS: u64 = 60_000;
/// Those who wait for an echo, at most; as many are echoed at once, and then one a second.
const WAITING_MOST: u32 = 64;
/// What those of one address get, by a hash that only we know: eight at once, and then one in five
/// seconds.
const PURSES: usize = 64;
const PURSE: u32 = 40;
const PRICE: u32 = 5;
/// How far ours are apart.
const APART_MS: u64 = 10;

/// What is to be echoed, and when.
#[derive(Debug)]
pub(super) struct Echoes {
    /// Our nonces, the newest first, and when the next one is due.
    nonces: [u32; 2],
    nonce_at: Time,
    /// The nonces of others, and whether we doubt them.
    waiting: VecDeque<(u32, bool)>,
    at: Time,
    all: Bucket,
    purses: Vec<Bucket>,
}

impl Default for Echoes {
    fn default() -> Self {
        Self {
            nonces: [0; 2],
            nonce_at: Time::ZERO,
            waiting: VecDeque::new(),
            at: Time::NEVER,
            all: Bucket::new(1, WAITING_MOST),
            purses: Vec::new(),
        }
    }
}

impl Echoes {
    /// Our nonce; a new one, if that is due.
    pub(super) fn nonce(&mut self, now: Time, rng: &mut Rng) -> u32 {
        if self.nonces[0] == 0 || now >= self.nonce_at {
            self.nonces = [rng.u32().max(1), self.nonces[0]];
            self.nonce_at = now.plus_ms(NONCE_MS);
        }
        self.nonces[0]
    }

    /// True if this echoes a nonce of ours.
    pub(super) fn is_ours(&mut self, now: Time, echo: u32, rng: &mut Rng) -> bool {
        self.nonce(now, rng);
        echo != 0 && self.nonces.contains(&echo)
    }

    /// Somebody at this address is to learn, by `at`, that we heard it just now.
    pub(super) fn push(
        &mut self,
        (now, at): (Time, Time),
        (nonce, doubts): (u32, bool),
        from: SocketAddr,
        finder: &Finder,
    ) {
        if self.purses.is_empty() {
            let purse = || Bucket::new(1, PURSE);
            self.purses = core::iter::repeat_with(purse).take(PURSES).collect();
        }
        let purse = &mut self.purses[finder.hash(&sender(from)) as usize % PURSES];
        self.waiting.retain(|(other, _)| *other != nonce);
        let has_room = self.waiting.len() < WAITING_MOST as usize;
        if has_room && purse.take(now, PRICE, 0) && self.all.take(now, 1, 0) {
            self.waiting.push_back((nonce, doubts));
            self.at = self.at.min(at);
        }
    }

    /// When an announcement is due for the sake of an echo.
    pub(super) const fn next(&self) -> Time {
        self.at
    }

    /// What the announcement echoes that is made now; nobody's nonce if nobody waits.
    pub(super) fn pop(&mut self, now: Time) -> (u32, bool) {
        let next = self.waiting.pop_front();
        self.at = if self.waiting.is_empty() {
            Time::NEVER
        } else {
            now.plus_ms(APART_MS)
        };
        next.unwrap_or_default()
    }
}

/// Those of one address are one sender, but for this machine's own.
pub(super) fn sender(from: SocketAddr) -> (IpAddr, u16) {
    let port = if from.ip().is_loopback() {
        from.port()
    } else {
        0
    };
    (from.ip(), port)
}
