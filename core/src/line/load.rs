//! What strangers may cost us: opens that curves are computed for, in all and by address, and what
//! they are told beyond that.

use alloc::collections::BTreeMap;
use core::net::{IpAddr, SocketAddr};

use super::{
    Config, Dropped, Lines,
    cookie::{CookieKey, Cookies},
    open,
};
use crate::{
    base::{Bucket, Rng, Time},
    identity::Gate,
    wire::Route,
};

const SECOND_US: u64 = 1_000_000;

/// The first bits of an address, which whoever has them can vary the others of.
type Prefix = [u8; 8];

fn prefix(remote: SocketAddr) -> Prefix {
    match remote.ip() {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            [4, a, b, c, 0, 0, 0, 0]
        }
        IpAddr::V6(ip) => {
            let [a, b, c, d, e, f, g, ..] = ip.octets();
            [6, a, b, c, d, e, f, g]
        }
    }
}

/// Shares and what is used of them.
#[derive(Debug)]
pub(super) struct Load {
    opens: Bucket,
    pub(super) versions: Bucket,
    cookies: Cookies,
    /// Opens with a cookie by prefix since `counted`, for a second; no more of them than `opens`
    /// gives.
    prefixes: BTreeMap<Prefix, u32>,
    counted: Time,
    /// Opens that curves were computed for.
    read: u64,
}

impl Load {
    pub(super) fn new(config: &Config, rng: Rng) -> Self {
        let versions = config.versions_per_second;
        Self {
            opens: Bucket::new(config.opens_per_second, config.opens_burst),
            versions: Bucket::new(versions, versions),
            cookies: Cookies::new(config.cookie_secret_ms, rng),
            prefixes: BTreeMap::new(),
            counted: Time::ZERO,
            read: 0,
        }
    }

    /// True if an open whose sender is where it says to be has a share left.
    fn takes_proven(&mut self, now: Time, remote: SocketAddr, config: &Config) -> bool {
        if now.since_us(self.counted) >= SECOND_US {
            self.prefixes.clear();
            self.counted = now;
        }
        let prefix = prefix(remote);
        let used = self.prefixes.get(&prefix).copied().unwrap_or(0);
        if used >= config.opens_per_prefix_per_second || !self.opens.take(now, 1, 0) {
            return false;
        }
        self.prefixes.insert(prefix, used + 1);
        true
    }
}

impl Lines {
    /// Decides whether curves are computed for an open whose MAC fits. Without a cookie it may use
    /// half of what there is; beyond that it is told to come again with one.
    pub(super) fn admit(
        &mut self,
        now: Time,
        route: Route,
        (home, gate): (usize, &Gate),
        clear: &open::Clear<'_>,
    ) -> Result<(), Dropped> {
        let remote = route.path.remote;
        let load = &mut self.load;
        let cookie = clear.cookie.as_ref();
        if cookie.is_some_and(|cookie| load.cookies.fits(now, remote, cookie)) {
            if !load.takes_proven(now, remote, &self.config) {
                return Err(Dropped::Busy);
            }
            self.make_place();
            if self.answers.is_full() {
                return Err(Dropped::TooManyHalfOpen);
            }
        } else {
            let has_room = self.answers.len() < self.config.half_open.div_ceil(2) as usize;
            if !has_room || !load.opens.take(now, 1, self.config.opens_burst / 2) {
                let home = &self.homes[home];
                let key = CookieKey::new(gate.as_bytes(), &home.key, &home.space);
                let cookie = load.cookies.at(now, remote);
                let reply = key.reply(clear.line, &cookie, &clear.digest);
                let _full = self.replies.push((reply, route));
                return Err(Dropped::CookieAsked);
            }
        }
        self.load.read += 1;
        Ok(())
    }

    /// Room for one answer more. Who waits longest to prove that it is there goes first: so nobody
    /// keeps others out by keeping all places, and an honest end proves it within a round trip.
    pub(super) fn make_place(&mut self) {
        while self.answers.is_full()
            && let Some(ended) = self.answers.end_oldest()
        {
            if let Some(id) = ended {
                self.ids.remove(&id);
            }
        }
    }

    /// Opens of others that curves were computed for, since the start.
    pub const fn opens_read(&self) -> u64 {
        self.load.read
    }

    #[cfg(test)]
    pub(super) fn prefixes(&self) -> usize {
        self.load.prefixes.len()
    }
}
