//! What the room holds for a hashname that is installed.

use alloc::{boxed::Box, vec::Vec};

use zeroize::Zeroizing;

use crate::{
    base::{Rng, Time, Wall},
    identity::{Admission, Gate, Hashname, Membership, PublicKey, Refusal, SecretKey, SpaceId},
};

use super::{
    Provider,
    mac::{Digest, MAC_LEN, MacKey, NO_GATE},
    noise::Static,
    told::Told,
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
    /// What a MAC may be keyed by, the newest first; none once it is not installed any more.
    pub(super) doors: Vec<Door>,
    /// In a closed space: what lets us in, and by what we let others in.
    pub(super) admission: Option<Box<Admission>>,
    /// When our membership ends, until that was told.
    pub(super) expires: Option<Time>,
    /// The time in our newest open.
    last_open: u64,
}

/// One gate of a space, and the MACs of what is meant for us under it.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) gate: Gate,
    pub(super) mac: MacKey,
}

impl Home {
    pub(super) fn new(
        secret: &SecretKey,
        space: SpaceId,
        provider: &'static dyn Provider,
        rng: &mut Rng,
    ) -> Self {
        let key = secret.public();
        let gate = Gate::new(NO_GATE);
        Self {
            hashname: Hashname::of(&key, &space),
            key,
            space,
            boot: rng.u64(),
            agreement: Static {
                secret: secret.agreement(),
                public: key.agreement(),
                provider,
            },
            doors: [Door::new(&gate, &key, &space)].into(),
            admission: None,
            expires: None,
            last_open: 0,
        }
    }

    /// One of a closed space.
    pub(super) fn member(
        secret: &SecretKey,
        admission: &Admission,
        provider: &'static dyn Provider,
        rng: &mut Rng,
    ) -> Self {
        let mut home = Self::new(secret, admission.space().id(), provider, rng);
        home.admission = Some(Box::new(admission.clone()));
        home.hang_doors();
        home
    }

    /// Brings the doors in line with the gates.
    pub(super) fn hang_doors(&mut self) {
        if let Some(admission) = &self.admission {
            let gates = admission.gates().iter();
            let doors = gates.map(|(_, gate)| Door::new(gate, &self.key, &self.space));
            self.doors = doors.collect();
        }
    }

    /// Nothing is for this identity any more, and nothing secret of it stays.
    pub(super) fn uninstall(&mut self) {
        self.doors.clear();
        self.admission = None;
        self.expires = None;
        self.agreement.secret = Zeroizing::new([0; 32]);
    }

    /// True if this is the home of the hashname, and it is installed.
    pub(super) fn is_of(&self, local: Hashname) -> bool {
        self.is_installed() && self.hashname == local
    }

    pub(super) const fn is_installed(&self) -> bool {
        !self.doors.is_empty()
    }

    /// The door that a MAC fits.
    pub(super) fn door(&self, digest: &Digest, mac: &[u8; MAC_LEN]) -> Option<&Door> {
        self.doors.iter().find(|door| door.mac.fits(digest, mac))
    }

    /// Why our own membership does not count, if it does not.
    pub(super) fn refusal(&self, wall: Option<Wall>, skew_ms: u64) -> Option<Refusal> {
        let admission = self.admission.as_ref()?;
        self.stands(admission.membership(), &self.key, wall, skew_ms)
            .err()
    }

    /// Tells whether what a peer showed lets it in; an open space lets everybody in.
    pub(super) fn admit(
        &self,
        told: &Told,
        key: &PublicKey,
        wall: Option<Wall>,
        skew_ms: u64,
    ) -> Result<Option<Box<Membership>>, Refusal> {
        let Some(admission) = &self.admission else {
            return Ok(None);
        };
        let (shown, _) = told.shown.ok_or(Refusal::NoMember)?;
        let membership = Membership::parse(&shown)?;
        admission.check(&membership, key, wall, skew_ms)?;
        Ok(Some(Box::new(membership)))
    }

    /// Tells whether a membership that was let in before still counts.
    pub(super) fn stands(
        &self,
        membership: &Membership,
        key: &PublicKey,
        wall: Option<Wall>,
        skew_ms: u64,
    ) -> Result<(), Refusal> {
        let Some(admission) = &self.admission else {
            return Ok(());
        };
        membership.stands(key, admission.space(), admission.document(), wall, skew_ms)
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

impl Door {
    fn new(gate: &Gate, key: &PublicKey, space: &SpaceId) -> Self {
        Self {
            gate: gate.clone(),
            mac: MacKey::new(gate.as_bytes(), key, space),
        }
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

    /// The wall time, if it was ever told.
    pub(super) fn wall(&self, now: Time) -> Option<Wall> {
        self.told.map(|_| Wall::from_ms(self.at(now) / 1000))
    }

    /// The first moment at which something whose last millisecond this is has ended.
    pub(super) fn after(&self, last_ms: u64) -> Option<Time> {
        let (at, wall) = self.told?;
        Some(at.plus_ms(last_ms.saturating_add(1).saturating_sub(wall.as_ms())))
    }
}
