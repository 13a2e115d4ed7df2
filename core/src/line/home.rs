//! What the room holds for a hashname that is installed.

use crate::{
    base::{Rng, Time, Wall},
    identity::{Hashname, PublicKey, SecretKey, SpaceId},
};

use super::{
    mac::{MacKey, NO_GATE},
    noise::Static,
};

/// An identity of ours in a space. The secret key itself is not kept: a line needs its X25519 form
/// only.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) hashname: Hashname,
    pub(super) key: PublicKey,
    pub(super) space: SpaceId,
    pub(super) boot: u64,
    pub(super) agreement: Static,
    pub(super) mac: MacKey,
    /// The time in our newest open.
    last_open: u64,
}

impl Home {
    pub(super) fn new(secret: &SecretKey, space: SpaceId, rng: &mut Rng) -> Self {
        let key = secret.public();
        Self {
            hashname: Hashname::of(&key, &space),
            key,
            space,
            boot: rng.u64(),
            agreement: Static {
                secret: secret.agreement(),
                public: key.agreement(),
            },
            mac: MacKey::new(&NO_GATE, &key, &space),
            last_open: 0,
        }
    }

    /// The time that orders our next open after all earlier ones.
    pub(super) fn next_open(&mut self, clock_us: u64) -> u64 {
        self.last_open = clock_us.max(self.last_open.saturating_add(1));
        self.last_open
    }

    /// The time in our newest open; 0 before the first.
    pub(super) const fn newest_open(&self) -> u64 {
        self.last_open
    }

    /// Our next open will have a later time than this.
    pub(super) fn open_after(&mut self, time: u64) {
        self.last_open = self.last_open.max(time);
    }
}

/// Wall time as it was told last; without it, time counts from the start of the switch.
#[derive(Debug, Default)]
pub(super) struct Clock {
    told: Option<(Time, Wall)>,
}

impl Clock {
    pub(super) const fn set(&mut self, now: Time, wall: Wall) {
        self.told = Some((now, wall));
    }

    /// Microseconds.
    pub(super) fn at(&self, now: Time) -> u64 {
        self.told.map_or(now.as_us(), |(at, wall)| {
            let us = wall.as_ms().saturating_mul(1000);
            us.saturating_add(now.since_us(at))
        })
    }
}
