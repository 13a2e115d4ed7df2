//! The paths of lines, as the switch asks about them.

use alloc::vec::Vec;

use super::{Departure, Effect, Lines, Pace, PathFrame, PathInfo};
use crate::{
    base::{Effects, Slot, Time},
    wire::{Route, SocketId},
};

impl Lines {
    /// A packet with the highest counter so far came in on `route`, in a datagram of so many bytes:
    /// that is where the peer is, or somebody between us says so.
    pub fn on_newest(&mut self, now: Time, slot: Slot, from: (Route, usize), pace: Pace) {
        let Some(line) = self.slots.get_mut(slot) else {
            return;
        };
        line.paths
            .on_newest(now, from, pace, &self.config, &mut self.rng);
        self.set_active(slot);
    }

    /// The same where nothing about the paths is open: true if it came on the path in use, and that
    /// is all there is to know. Most packets do.
    pub fn is_where_it_was(&mut self, now: Time, slot: Slot, route: &Route) -> bool {
        let line = self.slots.get_mut(slot);
        line.is_some_and(|line| line.paths.is_where_it_was(now, route))
    }

    /// A challenge came in on `route`. The response is there to be polled.
    pub fn on_challenge(&mut self, slot: Slot, route: Route, bytes: [u8; 8]) {
        if let Some(line) = self.slots.get_mut(slot) {
            line.paths.on_challenge(route, bytes, &self.config);
        }
    }

    /// A response came in on `route`.
    pub fn on_response(
        &mut self,
        now: Time,
        slot: Slot,
        (route, bytes): (Route, [u8; 8]),
        fx: &mut Effects<Effect>,
    ) {
        let Some(line) = self.slots.get_mut(slot) else {
            return;
        };
        let (config, rng) = (&self.config, &mut self.rng);
        let moved = line.paths.on_response(now, (&route, bytes), config, rng);
        fx.push(Effect::Paths { slot, moved });
        self.set_active(slot);
    }

    /// Something that went out on the path in use this long ago was answered.
    pub fn on_answered(&mut self, now: Time, slot: Slot, sample_us: u64) {
        if let Some(line) = self.slots.get_mut(slot) {
            let sent_at = Time::from_us(now.as_us().saturating_sub(sample_us));
            line.paths.on_answered(now, sent_at, &self.config);
        }
    }

    /// Nothing answers on the path in use: every path of the line is asked.
    pub fn on_silence(&mut self, now: Time, slot: Slot, pace: Pace) {
        let Some(line) = self.slots.get_mut(slot) else {
            return;
        };
        line.paths
            .on_silence(now, pace, &self.config, &mut self.rng);
        self.set_active(slot);
    }

    /// Nothing could be sent on `route`. If the system no longer sends from the address that it
    /// begins at, it may choose another.
    pub fn on_unsent(&mut self, now: Time, slot: Slot, route: &Route, pace: Pace) {
        let Some(line) = self.slots.get_mut(slot) else {
            return;
        };
        if line.info.route != *route || line.current.is_none() {
            return;
        }
        line.paths.unpin(route);
        self.on_silence(now, slot, pace);
    }

    /// The peer may be at these places too.
    pub fn add_paths(&mut self, now: Time, slot: Slot, routes: &[Route]) {
        let Some(line) = self.slots.get_mut(slot) else {
            return;
        };
        line.paths.remember(routes, self.config.routes);
        if line.current.is_some() && line.closing.is_none() {
            for route in routes {
                if line.paths.knows(route) {
                    continue;
                }
                line.paths.add(now, *route, &self.config, &mut self.rng);
            }
        }
        self.set_active(slot);
    }

    /// The sockets of the shell have changed: some are gone, some are new or bound to another
    /// address, and some, each with whether it is of IPv4, may lead to the peer now. The path in
    /// use is asked at once, so that the peer hears where we are now.
    pub fn on_network_change(
        &mut self,
        now: Time,
        slot: Slot,
        (gone, fresh, tried): (&[SocketId], &[SocketId], &[(SocketId, bool)]),
        pace: Pace,
        fx: &mut Effects<Effect>,
    ) {
        let Some(line) = self.slots.get_mut(slot) else {
            return;
        };
        if line.current.is_none() || line.closing.is_some() {
            return;
        }
        let remotes = line.paths.remotes();
        line.paths.unpin_all(|route| fresh.contains(&route.socket));
        let is_gone = |route: &Route| gone.contains(&route.socket);
        let moved = line.paths.on_gone(now, is_gone, &self.config);
        if moved {
            let moved = Some(Departure::Dead);
            fx.push(Effect::Paths { slot, moved });
        }
        for (socket, is_v4) in tried {
            for remote in remotes.iter().filter(|remote| remote.is_ipv4() == *is_v4) {
                let route = Route {
                    socket: *socket,
                    path: crate::wire::Path::to(*remote),
                };
                line.paths.remember(&[route], self.config.routes);
                line.paths.add(now, route, &self.config, &mut self.rng);
            }
        }
        line.paths
            .on_silence(now, pace, &self.config, &mut self.rng);
        self.set_active(slot);
    }

    /// Somebody holds the line, or nobody: only then are its other paths asked from time to time.
    pub fn set_held(&mut self, slot: Slot, held: bool) {
        let Some(line) = self.slots.get_mut(slot) else {
            return;
        };
        if line.paths.set_held(held) {
            self.set_timer(slot);
        }
    }

    /// True if [`Lines::poll_path`] has something to give.
    pub fn has_path_output(&self, slot: Slot) -> bool {
        let line = self.slots.get(slot);
        line.is_some_and(|line| line.closing.is_none() && line.paths.has_output())
    }

    /// The next frame that goes out on a path of its own, alone in a packet, and where.
    pub fn poll_path(&mut self, now: Time, slot: Slot) -> Option<(Route, PathFrame)> {
        let line = self.slots.get_mut(slot)?;
        let found = line.paths.poll(now);
        self.set_timer(slot);
        found
    }

    /// The path in use was found to carry datagrams of so many bytes.
    pub fn set_packet_bytes(&mut self, slot: Slot, bytes: u16) {
        if let Some(line) = self.slots.get_mut(slot) {
            line.paths.set_packet_bytes(bytes);
        }
    }

    /// What is known of the paths of a line, the one in use first.
    pub fn paths(&self, slot: Slot) -> impl Iterator<Item = PathInfo> + '_ {
        let line = self.slots.get(slot);
        line.into_iter().flat_map(|line| line.paths.infos())
    }

    /// Where ranges go if not to where everything goes: the peer is heard there, and it is not sure
    /// whether the path in use still works.
    pub fn route_for_ranges(&self, slot: Slot) -> Option<Route> {
        self.slots.get(slot)?.paths.for_ranges()
    }

    /// Everywhere that the peer of a line may be.
    pub fn everywhere(&self, slot: Slot) -> Vec<Route> {
        let line = self.slots.get(slot);
        line.map_or_else(Vec::new, |line| line.paths.everywhere())
    }

    /// The peer of a line that is up has answered an open of ours there.
    pub(super) fn on_found(
        &mut self,
        now: Time,
        slot: Slot,
        route: Route,
        fx: &mut Effects<Effect>,
    ) {
        let Some(line) = self.slots.get_mut(slot) else {
            return;
        };
        let pace = Pace {
            since: now,
            rtt_us: line.paths.rtt_us(),
        };
        // What it asks with the next time is above whatever was used till then.
        line.again = None;
        line.paths.add(now, route, &self.config, &mut self.rng);
        line.paths
            .on_silence(now, pace, &self.config, &mut self.rng);
        fx.push(Effect::Paths { slot, moved: None });
        self.set_active(slot);
    }

    /// Does what is due for the paths of a line.
    pub(super) fn on_paths_due(&mut self, now: Time, slot: Slot, fx: &mut Effects<Effect>) {
        let Some(line) = self.slots.get_mut(slot) else {
            return;
        };
        if line.closing.is_some() || line.paths.deadline().is_none_or(|at| at > now) {
            return;
        }
        let moved = line.paths.on_deadline(now, &self.config, &mut self.rng);
        let moved = moved.then_some(Departure::Dead);
        fx.push(Effect::Paths { slot, moved });
        self.set_active(slot);
    }

    /// What is told of a line names the path in use, and its timer is right.
    fn set_active(&mut self, slot: Slot) {
        if let Some(line) = self.slots.get_mut(slot)
            && let Some(route) = line.paths.active()
        {
            line.info.route = route;
        }
        self.set_timer(slot);
    }
}
