//! B: what comes from the network. Bytes are told apart by their first bytes, opened where they
//! lie, and each frame is handed to the room it is for.

use super::{DropReason, Event, Meta, Misbehaviour, Switch, link::Link};
use crate::{
    base::{Effects, Slot, Time},
    identity::Refusal,
    lan,
    line::{self, Dropped, Kind, Unsealed},
    stream::{self, Taken as Took},
    wire::{
        Head, Packet, Route,
        frame::{Frame, Frames, RangesFrame},
    },
};

/// What the frames of one packet came to.
#[derive(Default)]
struct Taken {
    eliciting: bool,
    bytes: bool,
    closed: bool,
    /// Something found no memory: the packet did not come, and what it carried will come again.
    no_room: bool,
}

impl Switch {
    // B. Network and clock.

    /// Takes datagrams that one read of a socket gave: equal ones of `meta.stride` bytes, the last
    /// may be shorter. They are decrypted where they lie.
    pub fn handle_datagram(&mut self, now: Time, meta: &Meta, datagrams: &mut [u8]) {
        let now = self.advance(now);
        let path = crate::wire::Path::new(meta.path.local, meta.path.remote);
        let route = Route {
            socket: meta.socket,
            path,
        };
        if datagrams.is_empty() {
            self.stats.datagrams_in += 1;
            self.stats.drop(DropReason::NoPacket);
        }
        let stride = match meta.stride {
            0 => datagrams.len().max(1),
            stride => stride,
        };
        // Most of what one read gave is of one line, which is put in order once.
        let mut touched = None;
        for datagram in datagrams.chunks_mut(stride) {
            self.stats.datagrams_in += 1;
            self.stats.bytes_in += datagram.len() as u64;
            match self.on_datagram(now, (route, meta.interface), datagram) {
                Ok(None) => {}
                Ok(slot) if slot == touched => {}
                Ok(slot) => self.touch_any(core::mem::replace(&mut touched, slot)),
                Err(reason) => self.stats.drop(reason),
            }
            self.settle_line(now);
            self.settle_lan(now);
        }
        self.touch_any(touched);
    }

    fn touch_any(&mut self, slot: Option<Slot>) {
        if let Some(slot) = slot {
            self.touch(slot);
        }
    }

    /// Gives the link that something happened to, to be put in order.
    fn on_datagram(
        &mut self,
        now: Time,
        (route, interface): (Route, u32),
        datagram: &mut [u8],
    ) -> Result<Option<Slot>, DropReason> {
        let packet = Packet::decode(datagram).map_err(|_short| DropReason::NoPacket)?;
        match packet.head {
            Head::Binary(head) if head.len() == 4 => self.on_sealed(now, route, datagram),
            Head::Json(head) if self.events.len() < self.config.life.events_max as usize => {
                if self.on_anonymous(route, head, datagram) {
                    return Ok(None);
                }
                let taken = match line::kind(head).map_err(DropReason::Line)? {
                    Some(Kind::Open) => self.on_open(now, route, datagram),
                    Some(Kind::Answer) => {
                        let fx = &mut self.line_effects;
                        self.lines.on_answer(now, route, datagram, fx)
                    }
                    Some(Kind::Cookie) => self.lines.on_cookie(now, datagram),
                    Some(Kind::Versions) => self.lines.on_versions(datagram),
                    None => return Err(DropReason::UnknownHead),
                };
                taken.map(|()| None).map_err(DropReason::Line)
            }
            Head::Binary(head) if lan::is_announcement(head) => {
                let came = lan::Came {
                    interface,
                    from: route.path.remote,
                };
                self.on_announcement(now, came, packet.body)
                    .map_err(DropReason::Lan)?;
                Ok(None)
            }
            Head::Json(_) => Err(DropReason::EventsFull),
            Head::None | Head::Binary(_) => Err(DropReason::UnknownHead),
        }
    }

    /// A line that may come of an open has stream numbers of its own.
    fn on_open(&mut self, now: Time, route: Route, datagram: &[u8]) -> Result<(), Dropped> {
        let first = self.first_at(now);
        self.lines.set_first_stream(first);
        self.lines.on_open(now, route, datagram)
    }

    fn on_sealed(
        &mut self,
        now: Time,
        route: Route,
        datagram: &mut [u8],
    ) -> Result<Option<Slot>, DropReason> {
        let from = (route, datagram.len());
        let Unsealed {
            slot: line,
            counter,
            newest,
            plain,
        } = self
            .lines
            .unseal(now, route, datagram, &mut self.line_effects)
            .map_err(DropReason::Line)?;
        self.settle_line(now);
        let Some(slot) = self.link_of(line) else {
            return Ok(None);
        };
        if self.links.get(slot).is_some_and(Link::is_condemned) {
            return Ok(None);
        }
        match self.on_frames(now, slot, (line, &route), plain) {
            Ok(taken) if taken.closed => {}
            Ok(taken) if taken.no_room => {
                self.stats.packets_no_room += 1;
                if let Some(link) = self.links.get_mut(slot) {
                    link.heard = now;
                    link.on_moved(now);
                    // The peer is to know that somebody is there, although nothing is acknowledged.
                    link.ping = true;
                }
                if newest {
                    self.on_newest(now, slot, from);
                }
            }
            Ok(taken) => {
                if let Some(link) = self.links.get_mut(slot) {
                    link.heard = now;
                    link.on_moved(now);
                    link.receiving |= taken.bytes;
                    link.flow.on_received(now, counter, taken.eliciting);
                }
                if newest {
                    self.on_newest(now, slot, from);
                }
            }
            Err(misbehaviour) => {
                self.settle_streams(slot);
                self.misbehaved(now, slot, misbehaviour);
            }
        }
        Ok(Some(slot))
    }

    fn on_frames(
        &mut self,
        now: Time,
        slot: Slot,
        (line, from): (Slot, &Route),
        plain: &[u8],
    ) -> Result<Taken, Misbehaviour> {
        let mut taken = Taken::default();
        // What unreliable packets take was told since something else came.
        let mut told = false;
        for frame in Frames::new(plain) {
            let frame = frame?;
            taken.eliciting |= !matches!(frame, Frame::Padding | Frame::Ranges(_));
            taken.bytes |= matches!(frame, Frame::Stream { data: [_, ..], .. });
            if let Frame::Close { code, reason } = frame {
                self.on_close(slot, line, code, reason);
                taken.closed = true;
                break;
            }
            if let Frame::Packet(bytes) = frame {
                if !told {
                    self.lend(slot);
                }
                told = self.on_packet(slot, bytes)?;
                continue;
            }
            if matches!(frame, Frame::Padding | Frame::Ping) {
                continue;
            }
            told = false;
            self.lend(slot);
            let Some(link) = self.links.get_mut(slot) else {
                break;
            };
            match frame {
                Frame::Ranges(ranges) => self.on_ranges(now, slot, line, &ranges)?,
                Frame::Skipped { .. } => self.stats.frames_skipped += 1,
                Frame::Packet(_) | Frame::Padding | Frame::Ping | Frame::Close { .. } => {}
                Frame::Rekey { line: id, message } => {
                    self.on_rekey(now, (slot, line), id, message)?;
                }
                Frame::Rekeyed { line: id, message } => {
                    self.on_rekeyed(now, line, id, message)?;
                }
                Frame::Challenge(bytes) => self.lines.on_challenge(line, *from, bytes),
                Frame::Response(bytes) => {
                    let fx = &mut self.line_effects;
                    self.lines.on_response(now, line, (*from, bytes), fx);
                    self.settle_line(now);
                }
                Frame::Stream { .. }
                | Frame::LineCredit { .. }
                | Frame::StreamCredit { .. }
                | Frame::StreamsCredit { .. }
                | Frame::Reset { .. }
                | Frame::Stop { .. } => {
                    let fx = &mut self.stream_effects;
                    taken.no_room |= on_stream_frame(link, now, frame, fx)? == Took::NoRoom;
                }
            }
            // Each frame is a call of its own into the room, and its effects have a bound.
            self.settle_streams(slot);
        }
        Ok(taken)
    }

    fn on_ranges(
        &mut self,
        now: Time,
        slot: Slot,
        line: Slot,
        ranges: &RangesFrame<'_>,
    ) -> Result<(), Misbehaviour> {
        let next = self.lines.counter(line);
        let Some(link) = self.links.get_mut(slot) else {
            return Ok(());
        };
        let progress = link.flow.on_ranges(now, ranges, next, &mut self.fates)?;
        self.stats.packets_lost += u64::from(progress.lost_packets);
        if let Some(sample_us) = progress.sample_us {
            self.lines.on_answered(now, line, sample_us);
        }
        if let Some(rtt_us) = link.flow.rtt_us() {
            link.streams.set_path(rtt_us, link.flow.window_bytes());
        }
        if progress.resized {
            self.note_size(slot);
        }
        self.settle_fates(slot);
        Ok(())
    }

    fn on_close(&mut self, slot: Slot, line: Slot, code: u64, reason: &str) {
        self.lines.forget(line);
        let down = match Refusal::of_close_code(code) {
            Some(refusal) => super::DownReason::Refused(refusal),
            None => super::DownReason::Closed {
                code,
                reason: reason.into(),
            },
        };
        self.link_down(slot, down);
    }

    /// True if that took no more memory than there was before.
    fn on_packet(&mut self, slot: Slot, bytes: &[u8]) -> Result<bool, Misbehaviour> {
        Packet::decode(bytes).map_err(|_short| Misbehaviour::MalformedFrame)?;
        let Some(link) = self.links.get_mut(slot) else {
            return Ok(false);
        };
        let (most, room) = (self.config.life.packets_max, link.packet_room());
        let held = link.packets.held_bytes();
        // Unread packets make room for newer ones.
        self.stats.packets_unread += link.packets.push_unread(bytes, most, room);
        if link.packets.unread().is_some() && !core::mem::replace(&mut link.packets_told, true) {
            self.events.push_back(Event::Packet { line: link.id });
        }
        Ok(link.packets.held_bytes() == held)
    }
}

fn on_stream_frame(
    link: &mut Link,
    now: Time,
    frame: Frame<'_>,
    fx: &mut Effects<stream::Effect>,
) -> Result<Took, Misbehaviour> {
    let streams = &mut link.streams;
    match frame {
        Frame::Stream {
            id,
            offset,
            data,
            end,
        } => {
            return Ok(streams.on_bytes(now, id, offset, data, end, fx)?);
        }
        Frame::LineCredit { bytes } => streams.on_line_credit(bytes),
        Frame::StreamCredit { id, bytes } => streams.on_stream_credit(id, bytes, fx)?,
        Frame::StreamsCredit { count } => streams.on_streams_credit(count, fx),
        Frame::Reset { id, code, size } => streams.on_reset(now, id, code, size, fx)?,
        Frame::Stop { id, code } => streams.on_stop(id, code, fx)?,
        Frame::Padding
        | Frame::Ping
        | Frame::Ranges(_)
        | Frame::Challenge(_)
        | Frame::Response(_)
        | Frame::Close { .. }
        | Frame::Packet(_)
        | Frame::Rekey { .. }
        | Frame::Rekeyed { .. }
        | Frame::Skipped { .. } => {}
    }
    Ok(Took::Acted)
}
