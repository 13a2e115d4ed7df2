//! B: the ways to peers. What the network says about them is told to the line room, and what that
//! decides is carried out: frames that go out alone, and the flow on another path.

use alloc::{collections::VecDeque, vec::Vec};

use super::{
    Event, Interface, Life, LineEvent, SentError, Switch, Transmit,
    link::{Link, Phase},
};
use crate::{
    base::{Slot, Time, grow},
    flow::Sizes,
    line::{Departure, Limits, Pace, PathFrame},
    wire::{Route, SEALED_LEAST, SEALED_OVERHEAD, SEALED_PREFIX, SocketId, TAG_LEN, frame::Writer},
};

/// A shell that could not send names one of the last few transmits.
const SENT_LATELY: usize = 8;
/// A packet has at least so much plain text.
pub(super) const PLAIN_LEAST: usize = SEALED_LEAST - SEALED_OVERHEAD;

/// Which links the last transmits were of.
pub(super) type SentLately = VecDeque<(Route, Slot)>;

/// Bytes of the headers of IP and UDP.
const HEADERS: [u16; 2] = [28, 48];

impl Life {
    /// What datagrams to a peer of these limits may have on this way.
    pub(super) fn sizes(&self, route: &Route, limits: &Limits) -> Sizes {
        let is_v6 = route.path.remote.ip().to_canonical().is_ipv6();
        let headers = HEADERS[usize::from(is_v6)];
        let most = self.datagram_most_bytes.min(limits.datagram_bytes);
        Sizes {
            base: self.datagram_bytes.min(limits.datagram_bytes),
            most: most.min(u16::MAX - headers),
            headers,
        }
    }
}

impl Switch {
    /// Tells which sockets there are and what they are bound to; called at the start, and whenever
    /// that changes, or the addresses of the machine do. Lines then ask their peers on every path,
    /// those of a socket that is gone go on by another, and those
    /// that are kept are dialled at once.
    pub fn handle_network_change(&mut self, now: Time, interfaces: &[Interface]) {
        let now = self.advance(now);
        let before = core::mem::replace(&mut self.sockets, interfaces.to_vec());
        let is_there = |it: &&Interface| interfaces.iter().any(|new| new.socket == it.socket);
        let gone: Vec<SocketId> = before
            .iter()
            .filter(|it| !is_there(it))
            .map(|it| it.socket)
            .collect();
        let is_fresh = |it: &&Interface| !before.contains(it);
        let new = interfaces.iter().filter(is_fresh);
        let fresh: Vec<SocketId> = new.map(|it| it.socket).collect();
        // Those that stay may have to stand in for those that are gone.
        let tried: Vec<(SocketId, bool)> = interfaces
            .iter()
            .filter(|it| !gone.is_empty() || is_fresh(it))
            .map(|it| (it.socket, it.local.ip().to_canonical().is_ipv4()))
            .collect();
        self.tell_bound(now);
        self.tell_stations(now);
        let links: Vec<Slot> = self.links.iter().map(|(slot, _)| slot).collect();
        for slot in links {
            if let Some((line, pace)) = self.path_pace(now, slot) {
                let fx = &mut self.line_effects;
                self.lines
                    .on_network_change(now, line, (&gone, &fresh, &tried), pace, fx);
                self.settle_line(now);
                self.touch(slot);
            }
        }
        self.redial_all(now);
    }

    /// Tells that a datagram could not be sent, and it is counted. What it carried is found to be
    /// lost in time; if it was to go on the path in use, the others are asked.
    pub fn handle_sent_error(&mut self, now: Time, transmit: &Transmit, error: SentError) {
        let now = self.advance(now);
        self.stats.sent_errors += 1;
        let route = Route {
            socket: transmit.socket,
            path: transmit.path,
        };
        let mut lately = self.sent_lately.iter().rev();
        let Some(slot) = lately.find(|it| it.0 == route).map(|it| it.1) else {
            return;
        };
        match error {
            SentError::TooLarge if self.on_too_large(slot, &route, transmit.segment) => {}
            SentError::TooLarge | SentError::Unreachable => {
                if let Some((line, pace)) = self.path_pace(now, slot) {
                    self.lines.on_unsent(now, line, &route, pace);
                    self.touch(slot);
                }
            }
        }
    }

    /// The system takes no datagram of so many bytes. True if a smaller one goes instead.
    fn on_too_large(&mut self, slot: Slot, route: &Route, bytes: usize) -> bool {
        let Some(link) = self.links.get_mut(slot).filter(|link| link.can_seal()) else {
            return false;
        };
        let line = link.line();
        let info = line.and_then(|line| self.lines.info(line));
        let bytes = u16::try_from(bytes).unwrap_or(u16::MAX);
        let is_small = info.is_none_or(|info| {
            let sizes = self.config.life.sizes(route, &info.peer_limits);
            info.route != *route || bytes <= sizes.base
        });
        if !is_small {
            link.flow.on_too_large(bytes);
            self.note_size(slot);
            self.touch(slot);
        }
        !is_small
    }

    /// What the path in use was found to carry is known of it from now on.
    pub(super) fn note_size(&mut self, slot: Slot) {
        if let Some(link) = self.links.get(slot)
            && let Some(line) = link.line()
        {
            let bytes = link.flow.packet_bytes();
            self.lines.set_packet_bytes(line, bytes);
        }
    }

    /// The peer was heard where it was not before, or where it was.
    pub(super) fn on_newest(&mut self, now: Time, slot: Slot, from: (Route, usize)) {
        let link = self.links.get(slot).filter(|link| link.can_seal());
        let line = link.and_then(Link::line);
        if line.is_none_or(|line| self.lines.is_where_it_was(now, line, &from.0)) {
            return;
        }
        if let Some((line, pace)) = self.path_pace(now, slot) {
            self.lines.on_newest(now, line, from, pace);
        }
    }

    /// What was sent on the path in use is not answered in time.
    pub(super) fn on_silence(&mut self, now: Time, slot: Slot) {
        if let Some((line, pace)) = self.path_pace(now, slot)
            && self.lines.paths(line).nth(1).is_some()
        {
            self.lines.on_silence(now, line, pace);
        }
    }

    /// Sends an `open` everywhere to a peer that was silent for long: if it started again, the
    /// answer says so and ends the line, long before its idle time is over; if it is somewhere else
    /// now, the answer shows where.
    pub(super) fn ask_for_restart(&mut self, now: Time, slot: Slot) {
        let Some(link) = self.links.get(slot) else {
            return;
        };
        let silence_us = self.config.life.restart_silence_ms.saturating_mul(1000);
        let silent = link.flow.probes_unanswered() >= self.config.life.restart_probes
            && now >= link.heard.plus_us(silence_us);
        if let (true, Phase::Up { line }) = (silent, &link.phase) {
            let line = *line;
            let first = self.first_beyond(now, slot);
            let routes = self.lines.everywhere(line);
            self.lines.reopen(now, line, &routes, first);
        }
    }

    /// Another path of a line carries the traffic from now on.
    pub(super) fn on_moved(&mut self, now: Time, slot: Slot, departure: Departure) {
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        let Some(line) = link.line() else { return };
        let Some(path) = self.lines.paths(line).next() else {
            return;
        };
        let lost = match (departure, path.rtt_us) {
            (Departure::Better, Some(rtt_us)) => {
                link.flow.on_better_path(now, rtt_us, &mut self.fates)
            }
            (Departure::Dead | Departure::Better, rtt_us) => {
                link.flow.on_path_change(now, rtt_us, &mut self.fates)
            }
        };
        self.stats.packets_lost += u64::from(lost);
        let limits = self.lines.info(line).map(|info| info.peer_limits);
        let sizes = self
            .config
            .life
            .sizes(&path.route, &limits.unwrap_or_default());
        link.flow.set_sizes(sizes, path.packet_bytes);
        let line = link.id;
        let pair = (link.who.local, link.who.peer);
        self.events.push_back(Event::Line(LineEvent::Moved {
            line,
            route: path.route,
        }));
        self.on_known_moved(now, &pair, path.route);
        self.settle_fates(slot);
    }

    /// Writes the next frame that goes out alone on a path of a line. The flow does not hear of it:
    /// it is about one path, and nobody asks what became of it.
    pub(super) fn build_alone(
        &mut self,
        now: Time,
        slot: Slot,
        buf: &mut [u8],
    ) -> Option<Transmit> {
        let link = self.links.get(slot)?;
        let line = link.line()?;
        if !link.can_seal() || buf.len() < SEALED_LEAST {
            return None;
        }
        let (route, frame) = self.lines.poll_path(now, line)?;
        let room = buf.len() - TAG_LEN;
        let mut writer = Writer::new(&mut buf[SEALED_PREFIX..room]);
        let _fits = match frame {
            PathFrame::Challenge(bytes) => writer.challenge(&bytes),
            PathFrame::Response(bytes) => writer.response(&bytes),
        };
        let plain = writer.len();
        let (transmit, _) = self.seal_alone((slot, line), route, buf, plain)?;
        Some(transmit)
    }

    /// Writes a packet of the size that is to be tried, with a ping and padding and nothing else.
    /// Who calls may send, and has something to.
    pub(super) fn build_size_probe(
        &mut self,
        now: Time,
        (slot, line): (Slot, Slot),
        route: Route,
        buf: &mut [u8],
    ) -> Option<Transmit> {
        let link = self.links.get_mut(slot)?;
        let bytes = loop {
            let bytes = link.flow.size_probe_due(now)?;
            if usize::from(bytes) <= buf.len() {
                break bytes;
            }
            // The shell's buffer is an interface, too.
            link.flow.on_too_large(bytes);
        };
        let buf = &mut buf[..usize::from(bytes)];
        let room = buf.len() - TAG_LEN;
        let mut writer = Writer::new(&mut buf[SEALED_PREFIX..room]);
        let _fits = writer.ping();
        writer.padding(writer.room());
        let plain = writer.len();
        let (transmit, counter) = self.seal_alone((slot, line), route, buf, plain)?;
        if let Some(link) = self.links.get_mut(slot) {
            link.on_moved(now);
            link.flow.on_size_probe_sent(now, counter, bytes);
        }
        Some(transmit)
    }

    /// Writes ranges alone, for a path that is not in use.
    pub(super) fn build_ranges(
        &mut self,
        now: Time,
        (slot, line): (Slot, Slot),
        route: Route,
        buf: &mut [u8],
    ) -> Option<Transmit> {
        let most = usize::from(self.config.life.datagram_bytes).min(buf.len());
        let room = most.checked_sub(TAG_LEN)?;
        let link = self.links.get_mut(slot)?;
        let mut writer = Writer::new(buf.get_mut(SEALED_PREFIX..room)?);
        if link.end_is_due(now) || link.flow.write_ranges(now, &mut writer).is_none() {
            return None;
        }
        writer.padding(PLAIN_LEAST.saturating_sub(writer.len()));
        let plain = writer.len();
        let (transmit, _) = self.seal_alone((slot, line), route, buf, plain)?;
        Some(transmit)
    }

    /// Seals a packet that goes out alone, and tells its counter.
    fn seal_alone(
        &mut self,
        (slot, line): (Slot, Slot),
        route: Route,
        buf: &mut [u8],
        plain: usize,
    ) -> Option<(Transmit, u64)> {
        let (len, counter) = self.lines.seal(line, buf, plain)?;
        self.note_sent(route, slot);
        Some((Transmit::of(route, len, len), counter))
    }

    /// Remembers which link a transmit is of, for the day when it could not be sent.
    pub(super) fn note_sent(&mut self, route: Route, slot: Slot) {
        if self.sent_lately.len() >= SENT_LATELY {
            self.sent_lately.pop_front();
        }
        grow(&mut self.sent_lately);
        self.sent_lately.push_back((route, slot));
    }

    /// The line of a link and what its flow knows of the path in use.
    fn path_pace(&self, now: Time, slot: Slot) -> Option<(Slot, Pace)> {
        let link = self.links.get(slot).filter(|link| link.can_seal())?;
        let pace = Pace {
            since: link.flow.oldest_sent_at().unwrap_or(now),
            rtt_us: link.flow.rtt().smoothed_us(),
        };
        Some((link.line()?, pace))
    }
}
