//! C: commands. Legal at any time; each says in a small error of its own why it did nothing.

use alloc::vec::Vec;
use core::net::SocketAddr;

use super::{
    ConnectError, Interface, LineError, LineId, OpenError, Peer, Phase, Read, ReadError, StreamId,
    Switch, WriteError, error::InstallError, link::Link, settle, system,
};
use crate::{
    base::{Effects, Slot, Time},
    identity::{Hashname, PublicKey, SecretKey, Space},
    stream::{self, Streams},
    wire::{Packet, Path, Route},
};

impl Switch {
    // C. Commands.

    /// Lets the switch answer and dial as the holder of `secret` in `space`. It starts a new boot.
    ///
    /// # Errors
    /// [`InstallError`] if it is installed already, the switch is full, or the space is closed: that
    /// takes `install_member`.
    pub fn install(
        &mut self,
        now: Time,
        secret: &SecretKey,
        space: &Space,
    ) -> Result<Hashname, InstallError> {
        let now = self.advance(now);
        if space.is_closed() {
            return Err(InstallError::NoAdmission);
        }
        let local = self.lines.install(now, secret, space.id())?;
        self.on_installed(now, local);
        Ok(local)
    }

    /// Opens a line from `local` to the holder of `peer`, trying every address at once, and holds
    /// it until `close`. A line that is there already is given again; one that was being closed
    /// stays.
    ///
    /// # Errors
    /// [`ConnectError`] if there is nothing to open from or to; the switch is as before.
    pub fn connect(
        &mut self,
        now: Time,
        local: Hashname,
        peer: &PublicKey,
        addresses: &[SocketAddr],
    ) -> Result<LineId, ConnectError> {
        let now = self.advance(now);
        let peer = self.peer_of(local, peer)?;
        let routes = self.routes_to(addresses);
        let known = self.link_to(local, peer.hashname);
        let condemned = known.filter(|slot| self.links.get(*slot).is_some_and(Link::is_condemned));
        if let Some(slot) = known.filter(|_| condemned.is_none()) {
            return Ok(self.hold(now, slot, &routes));
        }
        if routes.is_empty() {
            return Err(ConnectError::NoAddress);
        }
        if let Some(slot) = condemned {
            // Its peer broke the protocol, so it is not taken up again.
            self.end_untold(slot);
        }
        let slot = self.open_link(now, local, peer, &routes)?;
        Ok(self.hold(now, slot, &[]))
    }

    /// Ends a line gracefully: what was written is delivered first, for at most
    /// `Life::close_timeout_ms`, then the peer is told `code` and `reason`. `Down` follows.
    ///
    /// # Errors
    /// [`LineError::UnknownLine`] if it is over already, [`LineError::ReservedCode`] if the code is
    /// from 0x100 to 0x1ff, by which the protocol tells a misbehaviour.
    pub fn close(
        &mut self,
        now: Time,
        line: LineId,
        code: u64,
        reason: &str,
    ) -> Result<(), LineError> {
        let now = self.advance(now);
        if (0x100..=0x1ff).contains(&code) {
            return Err(LineError::ReservedCode);
        }
        let slot = self.slot(line).ok_or(LineError::UnknownLine)?;
        self.close_link(now, slot, code, reason);
        self.touch(slot);
        Ok(())
    }

    /// Opens a stream. `head` is a JSON object that says what it is for; the peer reads it before
    /// the first byte.
    ///
    /// # Errors
    /// [`OpenError`] if the head is illegal or has the key `sys`, which is the switch's own, the line is over or the peer allows no more for now.
    pub fn open_stream(
        &mut self,
        now: Time,
        line: LineId,
        head: &str,
    ) -> Result<StreamId, OpenError> {
        self.advance(now);
        let slot = self.slot(line).ok_or(OpenError::UnknownLine)?;
        self.lend(slot);
        let link = self.links.get_mut(slot).ok_or(OpenError::UnknownLine)?;
        match link.phase {
            Phase::Connecting { .. } | Phase::Up { .. } => {}
            Phase::Closing { .. } | Phase::Down(_) => return Err(OpenError::UnknownLine),
        }
        if system::topic(head).is_some() {
            return Err(OpenError::IllegalHead);
        }
        let id = link.streams.open(head);
        self.touch(slot);
        let id = id?;
        Ok(StreamId { line, id })
    }

    /// Gives our head to a stream that the peer opened; once, before the first write. Without it
    /// our direction has no head.
    ///
    /// # Errors
    /// [`WriteError`] if it is too late for a head, or this one is illegal.
    pub fn answer(&mut self, now: Time, stream: StreamId, head: &str) -> Result<(), WriteError> {
        self.writing(now, stream, |link| link.streams.answer(stream.id, head))
    }

    /// Writes bytes and tells how many were taken, at least one.
    ///
    /// # Errors
    /// [`WriteError::Blocked`] if there is no room; `Writable` tells when there is.
    pub fn write(
        &mut self,
        now: Time,
        stream: StreamId,
        bytes: &[u8],
    ) -> Result<usize, WriteError> {
        self.writing(now, stream, |link| link.streams.write(stream.id, bytes))
    }

    /// Ends our direction after what was written.
    ///
    /// # Errors
    /// [`WriteError`] if it has ended already.
    pub fn finish(&mut self, now: Time, stream: StreamId) -> Result<(), WriteError> {
        self.writing(now, stream, |link| link.streams.finish(stream.id))
    }

    /// Gives up our direction: what was not sent will not be, and the peer learns `code`.
    ///
    /// # Errors
    /// [`WriteError`] if it has ended already.
    pub fn reset(&mut self, now: Time, stream: StreamId, code: u64) -> Result<(), WriteError> {
        self.writing(now, stream, |link| link.streams.reset(stream.id, code))
    }

    /// Ranks what our direction of a stream has to send: it goes after that of streams in the same
    /// line with a higher priority, before that of those with a lower one, and in turns with
    /// equals, also when it was lost and goes again. It is 0 at first; the switch's own streams are
    /// above all.
    ///
    /// # Errors
    /// [`WriteError::UnknownStream`] or [`WriteError::LineDown`].
    pub fn prioritize(
        &mut self,
        now: Time,
        stream: StreamId,
        priority: i8,
    ) -> Result<(), WriteError> {
        self.writing(now, stream, |link| {
            link.streams.prioritize(stream.id, priority)
        })
    }

    /// Reads what has come, in order.
    ///
    /// # Errors
    /// [`ReadError::Blocked`] if nothing has; `Readable` tells when something does.
    pub fn read(&mut self, now: Time, stream: StreamId, buf: &mut [u8]) -> Result<Read, ReadError> {
        self.reading(now, stream, |streams, now, fx| {
            streams.read(now, stream.id, buf, fx)
        })
    }

    /// Reads no more of a stream: what had come is dropped, and the peer learns `code`.
    ///
    /// # Errors
    /// [`ReadError`] if there is no such stream.
    pub fn stop(&mut self, now: Time, stream: StreamId, code: u64) -> Result<(), ReadError> {
        self.reading(now, stream, |streams, now, fx| {
            streams.stop(now, stream.id, code, fx)
        })
    }

    /// Sends one packet on a line, unreliably. It must be a packet as in PROTOCOL, section
    /// Packets, and fit one datagram.
    ///
    /// # Errors
    /// [`LineError`]; the packet is not taken. After `Blocked`, `MaySend` tells when there is room.
    pub fn send(&mut self, now: Time, line: LineId, packet: &[u8]) -> Result<(), LineError> {
        self.advance(now);
        let slot = self.slot(line).ok_or(LineError::UnknownLine)?;
        Packet::decode(packet).map_err(|_short| LineError::NoPacket)?;
        let link = self.links.get_mut(slot).ok_or(LineError::UnknownLine)?;
        let info = link.line().and_then(|line| self.lines.info(line));
        let most = self.config.life.datagram_bytes;
        let most = info.map_or(most, |info| most.min(info.peer_limits.datagram_bytes));
        if packet.len() > packet_room(most) {
            return Err(LineError::TooLarge);
        }
        self.lend(slot);
        let link = self.links.get_mut(slot).ok_or(LineError::UnknownLine)?;
        match link.phase {
            Phase::Connecting { .. } | Phase::Up { .. } => {}
            Phase::Closing { .. } | Phase::Down(_) => return Err(LineError::UnknownLine),
        }
        let (most, room) = (self.config.life.packets_max, link.packet_room());
        let held = link.packets.held_bytes();
        let is_taken = link.packets.push_out(packet, most, room);
        let grew = link.packets.held_bytes() != held;
        // A link that stands in the queue is put in order when its turn comes; who found no room is
        // to stand among those who wait for memory, and what was taken is no other line's to take.
        if !link.queued || !is_taken || grew {
            self.touch(slot);
        }
        if is_taken {
            Ok(())
        } else {
            Err(LineError::Blocked)
        }
    }

    /// Takes the oldest unreliable packet that came on a line and tells its length.
    ///
    /// # Errors
    /// [`LineError::Blocked`] if there is none yet, [`LineError::UnknownLine`] if the line is down and
    /// none is left, [`LineError::TooLarge`] if `buf` is too short; the packet stays.
    pub fn recv(&mut self, now: Time, line: LineId, buf: &mut [u8]) -> Result<usize, LineError> {
        self.advance(now);
        let slot = self.slot(line).ok_or(LineError::UnknownLine)?;
        let link = self.links.get_mut(slot).ok_or(LineError::UnknownLine)?;
        let Some(packet) = link.packets.unread() else {
            link.packets_told = false;
            return Err(match link.phase {
                Phase::Down(_) => LineError::UnknownLine,
                Phase::Connecting { .. } | Phase::Up { .. } | Phase::Closing { .. } => {
                    LineError::Blocked
                }
            });
        };
        let room = buf.get_mut(..packet.len()).ok_or(LineError::TooLarge)?;
        room.copy_from_slice(packet);
        let len = packet.len();
        link.packets.pop_unread();
        // Memory is told of with the last of them, unless somebody may wait for it.
        let is_last = link.packets.unread().is_none();
        if is_last || self.ledger.is_near() || link.lacks_memory() {
            self.touch(slot);
        }
        Ok(len)
    }

    fn writing<T>(
        &mut self,
        now: Time,
        stream: StreamId,
        command: impl FnOnce(&mut Link) -> Result<T, stream::WriteError>,
    ) -> Result<T, WriteError> {
        self.advance(now);
        let slot = self.slot(stream.line).ok_or(WriteError::UnknownStream)?;
        self.lend(slot);
        let link = self.links.get_mut(slot).ok_or(WriteError::UnknownStream)?;
        let result = command(link).map_err(|error| settle::write_error(error, &link.phase));
        self.settle_streams(slot);
        self.touch(slot);
        result
    }

    fn reading<T>(
        &mut self,
        now: Time,
        stream: StreamId,
        command: impl FnOnce(
            &mut Streams,
            Time,
            &mut Effects<stream::Effect>,
        ) -> Result<T, stream::ReadError>,
    ) -> Result<T, ReadError> {
        let now = self.advance(now);
        let slot = self.slot(stream.line).ok_or(ReadError::UnknownStream)?;
        self.lend(slot);
        let link = self.links.get_mut(slot).ok_or(ReadError::UnknownStream)?;
        let result = command(&mut link.streams, now, &mut self.stream_effects);
        let result = result.map_err(|error| settle::read_error(error, &link.phase));
        // Whoever looks and finds nothing has changed nothing, and looks often.
        if !matches!(result, Err(ReadError::Blocked)) {
            self.settle_streams(slot);
            self.touch(slot);
        }
        result
    }

    /// A new line of ours, being opened.
    pub(super) fn open_link(
        &mut self,
        now: Time,
        local: Hashname,
        peer: Peer,
        routes: &[Route],
    ) -> Result<Slot, ConnectError> {
        let first = self.first_at(now);
        let line = self.lines.open(now, local, peer.key, routes, first)?;
        self.next_first = first;
        let slot = self.new_link(now, line, Phase::Connecting { line });
        let slot = slot.expect("a line that was just opened is there");
        self.settle_line(now);
        Ok(slot)
    }

    /// Notes that the application holds a link, and where else its peer may be.
    fn hold(&mut self, now: Time, slot: Slot, routes: &[Route]) -> LineId {
        let link = self
            .links
            .get_mut(slot)
            .expect("a link that was just found or made");
        link.wants.application = true;
        if let Phase::Closing { line, .. } = link.phase {
            link.phase = Phase::Up { line };
        }
        let (id, line) = (link.id, link.line());
        if let (Phase::Connecting { .. }, Some(line)) = (&link.phase, line) {
            let first = link.streams.next_number();
            self.lines.reopen(now, line, routes, first);
        } else if let Some(line) = line {
            self.lines.add_paths(now, line, routes);
        }
        self.touch(slot);
        id
    }

    /// The ways to addresses: by every socket of their family, in the order of the sockets.
    pub(super) fn routes_to(&self, addresses: &[SocketAddr]) -> Vec<Route> {
        let mut routes = Vec::new();
        for at in &self.sockets {
            let paths = addresses.iter().map(|address| Path::to(*address));
            let fitting = paths.filter(|path| at.local.is_ipv4() == path.remote.is_ipv4());
            let socket = at.socket;
            routes.extend(fitting.map(|path| Route { socket, path }));
        }
        routes
    }

    /// The way to an address by the first socket of its family.
    pub(super) fn route_to(&self, address: SocketAddr) -> Option<Route> {
        let path = Path::to(address);
        let fits = |at: &&Interface| at.local.is_ipv4() == path.remote.is_ipv4();
        let socket = self.sockets.iter().find(fits)?.socket;
        Some(Route { socket, path })
    }
}

/// The longest unreliable packet that fits into a datagram of so many bytes.
pub(super) fn packet_room(datagram_bytes: u16) -> usize {
    usize::from(datagram_bytes) - crate::wire::SEALED_OVERHEAD - PACKET_FRAME_MAX
}

/// A packet frame adds its type and a length of up to 4 bytes, beside ranges of up to this much.
const PACKET_FRAME_MAX: usize = 64;
