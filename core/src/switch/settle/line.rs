//! Lines that came up or went down.

use alloc::{boxed::Box, string::ToString as _, sync::Arc};

use crate::{
    base::{Share, Slot, Time, Why},
    flow::Flow,
    line::{self, Effect},
    stream::Streams,
    switch::{
        ConnectError, DownReason, Event, InstallError, LineEvent, LineId, Misbehaviour, Switch,
        commands::packet_room,
        link::{End, Link, Phase},
        packets::Packets,
        system::System,
        wants::Wants,
    },
};

/// How far the first numbers of two lines are apart.
const FIRST_STEP: u64 = 1 << 20;
/// Streams that a line may open after its peer was first asked whether it is still there.
const STREAMS_MEANWHILE: u64 = 1 << 30;
/// Some 35 years: numbers stop growing with time before they have no room in a stream's id.
const TIME_MAX_US: u64 = 1 << 50;

impl Switch {
    /// Carries out what the line room wants.
    pub(in crate::switch) fn settle_line(&mut self, now: Time) {
        while let Some(effect) = self.line_effects.pop() {
            match effect {
                Effect::Up { slot, ours } => self.on_line_up(now, slot, ours),
                Effect::Renew { slot } => self.on_renewal(slot, false),
                Effect::Renewed { slot } => self.on_renewal(slot, true),
                Effect::Paths { slot, moved } => {
                    if let Some(link) = self.link_of(slot) {
                        if let Some(departure) = moved {
                            self.on_moved(now, link, departure);
                        }
                        self.touch(link);
                    }
                }
                Effect::Down { slot, why } => {
                    if let Some(link) = self.link_of(slot) {
                        self.link_down(link, why.into());
                    }
                }
                Effect::Refused { slot, why } => {
                    if let Some(link) = self.link_of(slot) {
                        self.end_refused(now, link, why);
                    }
                }
                Effect::Expelled { local, why } => self.expel(now, local, why),
            }
        }
    }

    fn on_line_up(&mut self, now: Time, line: Slot, ours: bool) {
        let Some(info) = self.lines.info(line) else {
            return;
        };
        let limits = info.peer_limits;
        let greeting = self.lines.greeting(line);
        let document = greeting.and_then(|it| it.document);
        let rtt_us = greeting.and_then(|it| it.rtt_us);
        let route = info.route;
        self.next_first = self.next_first.max(info.first_stream);
        let first = info
            .peer_first_stream
            .expect("a line that is up knows its peer's first");
        let phase = Phase::Up { line };
        let slot = match self.link_of(line) {
            Some(slot) => slot,
            None => self
                .new_link(now, line, phase.clone())
                .expect("a line that comes up is there"),
        };
        let link = self
            .links
            .get_mut(slot)
            .expect("a link that was just found or made");
        link.phase = phase;
        link.heard = now;
        link.ours = ours;
        link.streams.set_peer_first(first);
        let delay_ms = u64::from(limits.ranges_delay_ms);
        link.flow.set_peer_ranges_delay_ms(delay_ms);
        let sizes = self.config.life.sizes(&route, &limits);
        link.flow.set_sizes(sizes, None);
        if let Some(rtt_us) = rtt_us {
            link.flow.on_handshake(now, rtt_us);
            link.streams.set_path(rtt_us, link.flow.window_bytes());
        }
        let room = packet_room(self.config.life.datagram_bytes.min(limits.datagram_bytes));
        link.packets.shorten(room);
        // The peer takes the line for open once it hears something sealed.
        link.ping |= ours;
        self.stats.lines_up += 1;
        let (line, local, peer) = (link.id, link.who.local, link.peer());
        self.events.push_back(Event::Line(LineEvent::Up {
            line,
            local,
            peer,
            ours,
        }));
        self.greet(slot, document);
        self.on_known_up(now, slot);
        self.tree_up(slot);
        self.touch(slot);
    }

    /// The number for the first stream of ours in a line: above every number that a line of this
    /// boot can have reached, so that no stream's id is used twice between two hashnames (PROTOCOL,
    /// section Ids).
    pub(in crate::switch) fn first_at(&self, now: Time) -> u64 {
        let by_time = now.as_us().min(TIME_MAX_US) << 10;
        self.next_first.max(by_time) + FIRST_STEP
    }

    /// The same for a line that may take the place of one that is up and is used until then.
    pub(in crate::switch) fn first_beyond(&self, now: Time, slot: Slot) -> u64 {
        let link = self.links.get(slot);
        let next = link.map_or(0, |link| link.streams.next_number());
        self.next_first.max(next).max(self.first_at(now)) + STREAMS_MEANWHILE
    }

    /// The link of the line room's slot.
    pub(in crate::switch) fn link_of(&self, line: Slot) -> Option<Slot> {
        self.by_line.get(line as usize).copied().flatten()
    }

    pub(in crate::switch) fn new_link(
        &mut self,
        now: Time,
        line: Slot,
        phase: Phase,
    ) -> Option<Slot> {
        let info = self.lines.info(line)?;
        let (who, ours, first) = (Arc::clone(&info.who), info.ours, info.first_stream);
        let id = LineId(self.next_id);
        self.next_id += 1;
        let smaller = who.local < who.peer_hashname;
        let slot = self.links.insert(Link {
            id,
            who,
            ours,
            phase,
            wants: Wants::default(),
            flow: Flow::new(&self.config.flow, self.config.life.datagram_bytes),
            streams: Streams::new(Arc::clone(&self.config.stream), smaller, first, None),
            system: System::default(),
            packets: Packets::default(),
            packets_told: false,
            share: Share::default(),
            starves: false,
            heard: now,
            woken: Time::ZERO,
            moved: now,
            rested: false,
            ping: false,
            rekey: false,
            rekeyed: false,
            exhausted: false,
            receiving: false,
            queued: false,
            why: Why::Idle,
        });
        let links = &self.links;
        let id_at = |at| links.get(at).expect("what can be found is there").id.0;
        self.ids.insert(&id.0, slot, id_at);
        if self.by_line.len() <= line as usize {
            self.by_line.resize(line as usize + 1, None);
        }
        self.by_line[line as usize] = Some(slot);
        Some(slot)
    }

    /// A link's line is no more: its streams learn it, and the caller.
    pub(in crate::switch) fn link_down(&mut self, slot: Slot, reason: DownReason) {
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        let Some(line) = link.line() else { return };
        link.phase = Phase::Down(reason.clone());
        let was_tree = link.wants.tree || link.branch_mut().is_some();
        link.wants = Wants::default();
        link.packets.clear_out();
        // What was in flight is of no use to anybody, and may be much.
        link.flow = Flow::new(&self.config.flow, self.config.life.datagram_bytes);
        self.next_first = self.next_first.max(link.streams.next_number());
        link.streams.on_down(&mut self.stream_effects);
        let id = link.id;
        let pair = (link.who.local, link.who.peer);
        self.by_line[line as usize] = None;
        self.on_known_down(&pair, &reason);
        if was_tree {
            self.tree_down(pair.0, pair.1);
        }
        self.settle_streams(slot);
        if let Some(link) = self.links.get_mut(slot) {
            let fx = &mut self.stream_effects;
            link.system.clear(self.now, &mut link.streams, fx);
        }
        self.events
            .push_back(Event::Line(LineEvent::Down { line: id, reason }));
        self.down.push_back(slot);
        self.touch(slot);
        if self.down.len() > self.config.life.down_lines_max as usize {
            let oldest = self.down[0];
            self.forget_link(oldest);
        }
    }

    /// Ends a line without a word to the peer.
    pub(in crate::switch) fn end_link(&mut self, slot: Slot, reason: DownReason) {
        if let Some(line) = self.links.get(slot).and_then(Link::line) {
            self.lines.forget(line);
            self.link_down(slot, reason);
        }
    }

    /// Begins the graceful end of a line; one that is not open yet ends at once.
    pub(in crate::switch) fn close_link(&mut self, now: Time, slot: Slot, code: u64, reason: &str) {
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        match link.phase {
            Phase::Connecting { .. } => self.end_link(slot, DownReason::Local),
            Phase::Up { line } => {
                let by = now.plus_ms(self.config.life.close_timeout_ms);
                let end = End {
                    code,
                    reason: reason.into(),
                    down: DownReason::Local,
                };
                link.phase = Phase::Closing {
                    line,
                    by,
                    end: Box::new(end),
                };
            }
            Phase::Closing { .. } | Phase::Down(_) => {}
        }
    }

    /// Ends a line that was to be closed, without a word to the peer.
    pub(in crate::switch) fn end_untold(&mut self, slot: Slot) {
        if let Some(line) = self.links.get(slot).and_then(Link::line) {
            self.lines.forget(line);
            self.end_told(slot);
        }
    }

    /// The last packet of a line is sealed: the rest of its life is the line room's.
    pub(in crate::switch) fn end_told(&mut self, slot: Slot) {
        let Some(link) = self.links.get(slot) else {
            return;
        };
        if let Phase::Closing { end, .. } = &link.phase {
            let down = end.down.clone();
            self.link_down(slot, down);
        }
    }

    /// The peer broke the protocol: the line ends, and the peer is told why.
    pub(in crate::switch) fn misbehaved(
        &mut self,
        now: Time,
        slot: Slot,
        misbehaviour: Misbehaviour,
    ) {
        self.stats.misbehaved += 1;
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        let Some(line) = link.line() else { return };
        let end = End {
            code: misbehaviour.code(),
            reason: misbehaviour.sentence().into(),
            down: DownReason::Misbehaved(misbehaviour),
        };
        link.phase = Phase::Closing {
            line,
            by: now,
            end: Box::new(end),
        };
    }

    /// Forgets a link that is down, with whatever nobody read of it.
    pub(in crate::switch) fn forget_link(&mut self, slot: Slot) {
        if let Some(mut link) = self.links.remove(slot) {
            self.ledger.settle(&mut link.share, 0, 0);
            let links = &self.links;
            let id_at = |at| links.get(at).expect("what can be found is there").id.0;
            self.ids.remove(&link.id.0, slot, id_at);
            self.timers.set(slot, None);
            self.down.retain(|down| *down != slot);
        }
    }
}

impl From<line::Down> for DownReason {
    fn from(why: line::Down) -> Self {
        match why {
            line::Down::Unreachable => Self::Unreachable,
            line::Down::Restarted => Self::Restarted,
            line::Down::Replaced => Self::Replaced,
            line::Down::Refused(refusal) => Self::Refused(refusal),
            line::Down::Exhausted => Self::Exhausted,
            line::Down::Version(versions) => Self::OtherVersions {
                versions: versions.to_string(),
            },
        }
    }
}

impl From<line::OpenError> for ConnectError {
    fn from(error: line::OpenError) -> Self {
        match error {
            line::OpenError::NotInstalled => Self::NotInstalled,
            line::OpenError::Oneself => Self::Oneself,
            line::OpenError::NoRoute => Self::NoAddress,
            line::OpenError::Full => Self::Full,
            line::OpenError::Refused(refusal) => Self::Refused(refusal),
        }
    }
}

impl From<line::InstallError> for InstallError {
    fn from(error: line::InstallError) -> Self {
        match error {
            line::InstallError::Twice => Self::Twice,
            line::InstallError::Full => Self::Full,
            line::InstallError::OtherKey => Self::OtherKey,
            line::InstallError::Refused(refusal) => Self::Refused(refusal),
        }
    }
}
