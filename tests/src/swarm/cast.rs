//! Who takes part in a swarm: an application on each switch, what all of them wrote, and what each
//! of them may blame for the end of a line.

use std::collections::{BTreeMap, BTreeSet};

use hydroid_core::{
    base::Time,
    identity::Hashname,
    switch::{Event, LineEvent, LineId, LineState, StreamId},
};

use super::{
    app::{App, Truth},
    cuts::Cuts,
    members::Members,
};
use crate::{
    checks::{self, Ending, Verdict},
    world::World,
};

/// The applications and what they know together.
#[derive(Debug)]
pub(super) struct Cast {
    pub(super) apps: Vec<App>,
    pub(super) truth: Truth,
    pub(super) cuts: Cuts,
    pub(super) members: Members,
    /// Which node has which hashname.
    pub(super) names: BTreeMap<Hashname, usize>,
    /// Who was put out of the space.
    pub(super) out: BTreeSet<usize>,
    /// When each line came up.
    ups: BTreeMap<(usize, LineId), Time>,
    /// They do at once what events call for.
    pub(super) attentive: bool,
    /// A handshake that was under way when its peer went may bring up a line that gives way to the
    /// next: so long. `None` if nobody asks what a line died of.
    flight_ms: Option<u64>,
    /// Streams that were opened so far.
    pub(super) numbers: u64,
    /// Unreliable packets that were sent so far; each has a number.
    pub(super) packets: u64,
}

impl Cast {
    pub(super) fn new(nodes: usize, attentive: bool, flight_ms: Option<u64>) -> Self {
        Self {
            apps: (0..nodes).map(|_| App::default()).collect(),
            truth: Truth::new(),
            cuts: Cuts::new(nodes),
            members: Members::default(),
            names: BTreeMap::new(),
            out: BTreeSet::new(),
            ups: BTreeMap::new(),
            attentive,
            flight_ms,
            numbers: 0,
            packets: 0,
        }
    }

    /// The application of a node is gone with its switch.
    pub(super) fn forget(&mut self, node: usize) {
        let gone = std::mem::take(&mut self.apps[node]);
        let app = &mut self.apps[node];
        (app.in_closed, app.keeps) = (gone.in_closed, gone.keeps);
        self.members.forget(node);
        self.ups.retain(|(of, _), _| *of != node);
    }

    /// Everybody who was told something takes it in.
    pub(super) fn hear_all(&mut self, world: &mut World) -> Verdict {
        while let Some(node) = world.heard() {
            self.hear(world, node)?;
        }
        Ok(())
    }

    fn hear(&mut self, world: &mut World, node: usize) -> Verdict {
        for event in std::mem::take(&mut world.nodes[node].events) {
            if let Event::Line(event) = &event {
                self.on_line(world.now, node, event)?;
            }
            if let Event::Tree(_) = &event {
                self.members.on_event(world, node)?;
                continue;
            }
            self.apps[node].on_event(&world.nodes[node].switch, &event)?;
        }
        if self.attentive {
            self.pump(world, node)?;
        }
        Ok(())
    }

    /// An application does all that events and wishes call for.
    pub(super) fn pump(&mut self, world: &mut World, node: usize) -> Verdict {
        let now = world.nodes[node].time(world.now);
        let switch = &mut world.nodes[node].switch;
        if self.attentive {
            self.apps[node].take_packets(switch, now, self.packets)?;
        }
        self.apps[node].pump(switch, now, &mut self.truth)
    }

    /// A line that was up ends for a reason that somebody gave it.
    fn on_line(&mut self, now: Time, node: usize, event: &LineEvent) -> Verdict {
        let (line, reason) = match event {
            LineEvent::Up { line, .. } => {
                self.ups.insert((node, *line), now);
                return Ok(());
            }
            LineEvent::Down { line, reason } => (line, reason),
            LineEvent::Moved { .. } | _ => return Ok(()),
        };
        let Some(flight_ms) = self.flight_ms else {
            return Ok(());
        };
        let app = &self.apps[node];
        let peer = app.lines.get(line).and_then(|line| line.peer);
        let other = peer.and_then(|peer| self.names.get(&peer));
        let mut streams = app.streams.iter();
        let empty = streams.all(|(id, end)| id.line != *line || end.over.is_some());
        let ending = Ending {
            up: self.ups.get(&(node, *line)).copied(),
            reason: reason.clone(),
            empty,
            cut: other.map(|other| self.cuts.of(node, *other)),
            flight_ms,
        };
        checks::cause(&format!("{line} of node {node}, at {now:?},"), &ending)
    }

    /// A line of a node, chosen by a number: of those that are up, or, where nobody is attentive,
    /// of the last few that there were.
    pub(super) fn line(&self, node: usize, pick: u32) -> Option<LineId> {
        let lines = self.apps[node].lines.iter();
        let lines: Vec<_> = if self.attentive {
            lines.filter(|(_, line)| line.up && !line.down).collect()
        } else {
            let recent = lines.rev().take(4);
            recent.collect()
        };
        let at = (pick as usize).checked_rem(lines.len())?;
        Some(*lines[at].0)
    }

    /// A stream of a node that is not read to its end, chosen by a number.
    pub(super) fn stream(&self, node: usize, pick: u32) -> Option<StreamId> {
        let streams = self.apps[node].streams.iter();
        let open: Vec<_> = streams.filter(|(_, end)| end.over.is_none()).collect();
        let at = (pick as usize).checked_rem(open.len())?;
        Some(*open[at].0)
    }

    /// How many lines each node has up with each other, by what it was told and its switch says.
    pub(super) fn ups(&self, world: &World) -> BTreeMap<(usize, usize), usize> {
        let mut ups = BTreeMap::new();
        for (node, app) in self.apps.iter().enumerate() {
            let told = app.lines.iter().filter(|(_, line)| line.up && !line.down);
            let is_up = |id: LineId| {
                let info = world.nodes[node].switch.line(id);
                info.is_some_and(|info| info.state == LineState::Up)
            };
            for (_, line) in told.filter(|(id, _)| is_up(**id)) {
                let other = line.peer.and_then(|peer| self.names.get(&peer));
                *ups.entry((node, other.copied().unwrap_or(node)))
                    .or_default() += 1;
            }
        }
        ups
    }
}
