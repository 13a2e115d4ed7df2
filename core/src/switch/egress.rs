//! D: outputs. Packets are built when they are asked for, straight into the caller's buffer:
//! flow grants, streams fill, line seals.

use alloc::vec::Vec;

use super::{
    Carried, Event, Need, Phase, Switch, Transmit,
    link::{Grant, Link},
    paths::PLAIN_LEAST,
};
use crate::{
    base::{Deadline, Slot, Time, Why},
    stream,
    wire::{SEALED_OVERHEAD, SEALED_PREFIX, TAG_LEN, frame::Writer},
};

/// Packets of one run are padded up to the length of the first if no more than this is missing;
/// a shorter packet ends the run.
const PADDING_MAX: usize = 64;

/// What building one packet came to.
enum Built {
    /// Nothing to send, or not now.
    Nothing,
    /// A packet of this many bytes.
    Packet(usize),
    /// The last packet of the line, of this many bytes.
    End(usize),
}

impl Switch {
    // D. Outputs.

    /// Fills `buf` with datagrams for one path: equal ones, the last may be shorter, as many as the
    /// window and the pacing of the path let go now. After a lull that may be some milliseconds'
    /// worth, and `buf` alone bounds a call (see `flow.pacing_slack_us`). `None` until the next call
    /// if nothing can go out.
    ///
    /// `buf` must have room for at least one datagram: `Life::datagram_bytes`, and 1,100 bytes for
    /// a handshake. What does not fit into a shorter one waits.
    pub fn poll_transmit(&mut self, now: Time, buf: &mut [u8]) -> Option<Transmit> {
        let now = self.advance(now);
        let transmit = self
            .next_handshake(buf)
            .or_else(|| self.next_announcement(buf))
            .or_else(|| self.anonymous.next(buf))
            .or_else(|| self.next_sealed(now, buf))?;
        self.stats.datagrams_out += transmit.len.div_ceil(transmit.segment) as u64;
        self.stats.bytes_out += transmit.len as u64;
        Some(transmit)
    }

    /// The oldest thing that happened and was not yet told.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        match event {
            Event::Tree(event) => self.trees.on_polled(event),
            Event::Lan(event) => self.on_lan_polled(event),
            Event::Line(_)
            | Event::Stream(_)
            | Event::Space(_)
            | Event::Anon
            | Event::Packet { .. }
            | Event::MaySend { .. } => {}
        }
        Some(event)
    }

    /// The next thing that the switch asks of its shell.
    pub fn poll_need(&mut self) -> Option<Need> {
        self.kept.needs.pop_front()
    }

    /// When to call next, and why; `None` if nothing will happen by itself. It costs nothing to
    /// ask.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        let queued = !self.ready.is_empty()
            || !self.events.is_empty()
            || !self.kept.needs.is_empty()
            || self.lines.has_output()
            || self.lan.room.has_output()
            || self.anonymous.has_output();
        if queued {
            return Some(Deadline::new(self.now, Why::Queued));
        }
        self.next_deadline()
    }

    /// True if [`handle_timeout`](Self::handle_timeout) has something to do at `now`. Output that
    /// waits is none of its business, and [`poll_timeout`](Self::poll_timeout) tells of that first.
    pub fn is_due(&self, now: Time) -> bool {
        self.next_deadline()
            .is_some_and(|deadline| deadline.at <= now)
    }

    fn next_deadline(&self) -> Option<Deadline> {
        let link = self
            .timers
            .next()
            .and_then(|(at, slot)| Some(Deadline::new(at, self.links.get(slot)?.why)));
        let rooms = Deadline::earlier(link, self.lines.deadline());
        let rooms = Deadline::earlier(rooms, self.trees.deadline());
        let rooms = Deadline::earlier(rooms, self.lan.deadline());
        Deadline::earlier(rooms, self.wanted_at())
    }

    fn next_handshake(&mut self, buf: &mut [u8]) -> Option<Transmit> {
        let (route, len) = self.lines.poll_datagram(self.now, buf)?;
        self.keep_opens();
        Some(Transmit::of(route, len, len))
    }

    fn next_sealed(&mut self, now: Time, buf: &mut [u8]) -> Option<Transmit> {
        // One turn each: a link that has more to say than `buf` has room for stays where it is.
        for _ in 0..self.ready.len() {
            let slot = self.ready.pop_front()?;
            if let Some(link) = self.links.get_mut(slot) {
                link.queued = false;
            }
            let transmit = self
                .build_alone(now, slot, buf)
                .or_else(|| self.build_run(now, slot, buf));
            self.touch(slot);
            if transmit.is_some() {
                return transmit;
            }
        }
        None
    }

    /// Fills `buf` with packets of one line.
    fn build_run(&mut self, now: Time, slot: Slot, buf: &mut [u8]) -> Option<Transmit> {
        let line = self.links.get(slot)?.line()?;
        let info = self.lines.info(line)?;
        let route = info.route;
        let link = self.links.get_mut(slot)?;
        let most = usize::from(link.flow.next_bytes()).min(buf.len());
        let alone = match link.grant(now) {
            Grant::Nothing => None,
            Grant::Ranges => {
                let elsewhere = self.lines.route_for_ranges(line);
                elsewhere.and_then(|route| self.build_ranges(now, (slot, line), route, buf))
            }
            Grant::Anything if link.end_is_due(now) => None,
            Grant::Anything => self.build_size_probe(now, (slot, line), route, buf),
        };
        if alone.is_some() {
            return alone;
        }
        let link = self.links.get_mut(slot)?;
        if link.can_seal() {
            link.rekey |= self.lines.rekey_if_due(now, line);
        }
        let (mut len, mut segment) = (0, 0);
        while buf.len() - len >= most.max(segment) && most > SEALED_OVERHEAD {
            let size = if segment == 0 { most } else { segment };
            let room = &mut buf[len..len + size];
            let built = match self.build_packet(now, slot, line, room, segment > 0) {
                Built::Nothing => break,
                Built::Packet(built) => built,
                Built::End(built) => {
                    self.lines.close(now, line, &buf[len..len + built]);
                    self.end_told(slot);
                    built
                }
            };
            len += built;
            segment = segment.max(built);
            if built < segment || self.links.get(slot).is_none_or(|link| !link.can_seal()) {
                break;
            }
        }
        if len > 0 {
            self.note_sent(route, slot);
        }
        (len > 0).then_some(Transmit::of(route, len, segment))
    }

    /// Writes and seals one packet into `buf`, which is as long as a packet may be; `pad` asks for
    /// a packet of just that length where it is nearly full.
    fn build_packet(
        &mut self,
        now: Time,
        slot: Slot,
        line: Slot,
        buf: &mut [u8],
        pad: bool,
    ) -> Built {
        let Some(link) = self.links.get_mut(slot) else {
            return Built::Nothing;
        };
        if link.can_seal() {
            link.exhausted = self.lines.is_exhausted(line);
        }
        let grant = link.grant(now);
        if grant == Grant::Nothing {
            return Built::Nothing;
        }
        self.carried.clear();
        let room = buf.len() - TAG_LEN;
        let mut writer = Writer::new(&mut buf[SEALED_PREFIX..room]);
        let parting = link.end_is_due(now);
        let end = parting && !link.tells_before_end();
        if end {
            write_end(link, &mut writer);
        } else {
            let must = parting || link.flow.ranges_due(now);
            if must || (grant == Grant::Anything && link.flow.owes_ranges()) {
                write_ranges(now, link, &mut writer, &mut self.carried);
            }
            if grant == Grant::Anything && !parting {
                link.write_rekeys(&self.lines, line, &mut writer, &mut self.carried);
                write_content(
                    link,
                    &mut writer,
                    &mut self.carried,
                    &mut self.carried_streams,
                );
            }
            if (pad || link.has_content()) && writer.room() <= PADDING_MAX {
                writer.padding(writer.room());
            }
        }
        if writer.is_empty() {
            return Built::Nothing;
        }
        writer.padding(PLAIN_LEAST.saturating_sub(writer.len()));
        let plain = writer.len();
        let Some((total, counter)) = self.lines.seal(line, buf, plain) else {
            return Built::Nothing;
        };
        let eliciting = self.carried.iter().any(Carried::elicits);
        let bytes = u16::try_from(total).expect("a datagram has at most 65,535 bytes");
        link.on_moved(now);
        link.flow
            .on_sent(now, counter, bytes, eliciting, &self.carried);
        if end {
            Built::End(total)
        } else {
            Built::Packet(total)
        }
    }
}

fn write_end(link: &Link, writer: &mut Writer<'_>) {
    if let Phase::Closing { end, .. } = &link.phase {
        writer.close(end.code, &end.reason);
    }
}

/// Ranges go first, since the peer's clock runs by them.
fn write_ranges(now: Time, link: &mut Link, writer: &mut Writer<'_>, carried: &mut Vec<Carried>) {
    if let Some(highest) = link.flow.write_ranges(now, writer) {
        carried.push(Carried::Ranges(highest));
    }
    if link.flow.wants_ping() && writer.ping() {
        carried.push(Carried::Ping);
    }
}

/// Writes what a line has to say: what is asked for at once, then streams. A probe that has nothing
/// new to say says the oldest again, or pings.
fn write_content(
    link: &mut Link,
    writer: &mut Writer<'_>,
    carried: &mut Vec<Carried>,
    parts: &mut Vec<stream::Carried>,
) {
    if link.ping && writer.ping() {
        link.ping = false;
        carried.push(Carried::Ping);
    }
    while link
        .packets
        .out()
        .is_some_and(|packet| writer.packet(packet))
    {
        link.packets.pop_out();
        carried.push(Carried::Packet);
    }
    parts.clear();
    let probe = link.flow.probes_owed() > 0;
    link.streams.fill(writer, parts);
    if probe && parts.is_empty() {
        let oldest: Vec<_> = link
            .flow
            .oldest_in_flight(0)
            .filter_map(|c| c.stream())
            .collect();
        link.streams.fill_again(writer, parts, &oldest);
    }
    carried.extend(parts.drain(..).map(Carried::Stream));
    if probe && !carried.iter().any(Carried::elicits) && writer.ping() {
        carried.push(Carried::Ping);
    }
}
