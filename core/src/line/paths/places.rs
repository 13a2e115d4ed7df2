//! Where the peer may be, by which of our sockets, and what becomes of that when they change.

use alloc::vec::Vec;
use core::net::SocketAddr;

use super::{Config, Doubt, Known, Paths, Route, Time, is_same};

impl Paths {
    /// Gives up what is kept for later.
    pub(in crate::line) fn rest(&mut self) {
        self.known.shrink_to_fit();
        self.opened.shrink_to_fit();
        self.lost.shrink_to_fit();
        self.responses.shrink_to_fit();
    }

    /// Keeps where the peer was said to be.
    pub(in crate::line) fn remember(&mut self, routes: &[Route], most: u32) {
        for route in routes {
            if self.opened.len() < most as usize && !self.opened.contains(route) {
                self.opened.push(*route);
            }
        }
    }

    /// What was said about the peer outlives a line that it has forgotten.
    pub(in crate::line) fn inherit(&mut self, other: &mut Self) {
        self.opened = core::mem::take(&mut other.opened);
        self.lost = core::mem::take(&mut other.lost);
    }

    /// Everywhere that the peer may be. A place that only its packets name is nowhere before it
    /// answers there: no more may go there than came from it (PROTOCOL, section Paths).
    pub(in crate::line) fn everywhere(&self) -> Vec<Route> {
        let known = self.known.iter().filter(|path| path.allowed.is_none());
        let mut all: Vec<Route> = known.map(|path| path.route).collect();
        for route in &self.opened {
            if !all.iter().any(|one| is_same(one, route)) {
                all.push(*route);
            }
        }
        all
    }

    /// Every address of the peer that is known, whether or not a socket leads there.
    pub(in crate::line) fn remotes(&self) -> Vec<SocketAddr> {
        let routes = self.everywhere();
        let mut all: Vec<SocketAddr> = Vec::new();
        for remote in routes
            .iter()
            .map(|it| it.path.remote)
            .chain(self.lost.iter().copied())
        {
            if !all.contains(&remote) {
                all.push(remote);
            }
        }
        all
    }

    /// The system sends nothing from the address that this path began at.
    pub(in crate::line) fn unpin(&mut self, route: &Route) {
        let mut paths = self.known.iter_mut();
        if let Some(path) = paths.find(|path| path.route == *route) {
            path.route.path.local = None;
        }
    }

    /// Forgets our own addresses on sockets that are bound to others now.
    pub(in crate::line) fn unpin_all(&mut self, is_bound_anew: impl Fn(&Route) -> bool) {
        let routes = self.known.iter_mut().map(|path| &mut path.route);
        for route in routes.chain(&mut self.opened) {
            if is_bound_anew(route) {
                route.path.local = None;
            }
        }
    }

    /// The shell's sockets have changed: these are gone. True if the path in use is another now.
    pub(in crate::line) fn on_gone(
        &mut self,
        now: Time,
        is_gone: impl Fn(&Route) -> bool,
        config: &Config,
    ) -> bool {
        for route in self.everywhere().iter().filter(|route| is_gone(route)) {
            let remote = route.path.remote;
            if self.lost.len() < config.routes as usize && !self.lost.contains(&remote) {
                self.lost.push(remote);
            }
        }
        self.opened.retain(|route| !is_gone(route));
        let Some(active) = self.active() else {
            return false;
        };
        let mut first = true;
        self.known
            .retain(|path| core::mem::take(&mut first) || !is_gone(&path.route));
        if !is_gone(&active) {
            return false;
        }
        let proven = |path: &&Known| path.proven;
        let best = self.known.iter().skip(1).filter(proven);
        let best = best.min_by_key(|path| path.rtt_us).map(|path| path.route);
        if let Some(place) = best.and_then(|route| self.place(&route)) {
            self.move_to(place, now, config);
            self.known.retain(|path| !is_gone(&path.route));
            return true;
        }
        self.doubt = Some(Doubt {
            began: now,
            until: now,
            unanswered: true,
            over: true,
            gone: true,
        });
        false
    }
}
