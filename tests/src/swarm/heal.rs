//! Everything works again, and everything is demanded; then everything is closed, and nothing may
//! be left.

use std::collections::BTreeMap;

use hydroid_core::{
    base::{Seed, Time, Why},
    switch::{LineId, LineState, ReadError, StreamId, Switch},
    tape::Recorded,
};

use super::{
    app::Written,
    run::{Run, Weigh},
};
use crate::checks::{self, Left, Pair, Queues, Stream, Told, Verdict, Waiting, Weight};

/// What is closed has ended after so long, and is forgotten after so long again, in milliseconds.
const ENDING_MS: [u64; 2] = [10_000, 20_000];

impl Run<'_> {
    /// Every fault ends. First the nodes find each other, then the applications come to an end.
    pub(super) fn heal(&mut self) -> Verdict {
        self.end_trouble()?;
        self.keep_all()?;
        self.join_all();
        let [finding_ms, finishing_ms] = self.plan.healing_ms;
        self.attend(finding_ms * 1_000)?;
        for node in 0..self.cast.apps.len() {
            let app = &mut self.cast.apps[node];
            app.ending = true;
            app.want_in_all(10, true);
        }
        self.cast.attentive = true;
        self.broadcast_all();
        for node in 0..self.cast.apps.len() {
            self.cast.pump(&mut self.world, node)?;
        }
        self.attend(finishing_ms * 1_000)?;
        for node in 0..self.cast.apps.len() {
            self.demand_wakes(node)?;
            self.demand_told(node)?;
        }
        self.demand_whole()?;
        self.demand_tree()?;
        self.demand_lines()
    }

    /// Whoever waits for something asks for it, and does not get it.
    fn demand_wakes(&mut self, node: usize) -> Verdict {
        let now = self.world.nodes[node].time(self.world.now);
        let switch: &mut Recorded = &mut self.world.nodes[node].switch;
        let app = &self.cast.apps[node];
        for (id, end) in &app.streams {
            let (write, read) = (end.blocked && !end.is_written(), end.over.is_none());
            let of = format!("{id} of node {node}");
            checks::wakes(
                &of,
                &Waiting {
                    what: "room to write",
                    waits: write,
                    is_there: write && switch.write(now, *id, &[0]).is_ok(),
                },
            )?;
            let waits = read && !end.readable;
            checks::wakes(
                &of,
                &Waiting {
                    what: "something to read",
                    waits,
                    is_there: waits && is_readable(switch, now, *id),
                },
            )?;
        }
        for (id, line) in &app.lines {
            let waits = line.blocked && line.up && !line.down;
            let waiting = Waiting {
                what: "a stream to open",
                waits,
                is_there: waits && switch.open_stream(now, *id, "{\"n\":0}").is_ok(),
            };
            checks::wakes(&format!("{id} of node {node}"), &waiting)?;
        }
        Ok(())
    }

    fn demand_told(&self, node: usize) -> Verdict {
        for (id, line) in &self.cast.apps[node].lines {
            let seen = Told {
                up: line.up && !line.down,
                state: self.state(node, *id),
            };
            checks::told(&format!("{id} of node {node}"), &seen)?;
        }
        Ok(())
    }

    fn state(&self, node: usize, line: LineId) -> Option<LineState> {
        let info = self.world.nodes[node].switch.line(line);
        info.map(|info| info.state)
    }

    /// Each end of each stream, with the other one.
    fn demand_whole(&self) -> Verdict {
        let ends = self.cast.apps.iter().flat_map(|app| app.streams.values());
        let ends: BTreeMap<_, _> = ends
            .map(|end| ((end.number, end.opener), end.over))
            .collect();
        for app in &self.cast.apps {
            for (id, end) in app.streams.iter().filter(|(_, end)| end.number > 0) {
                let given_up = [true, false].iter().any(|opener| {
                    let written = self.cast.truth.get(&(end.number, *opener));
                    written.is_none_or(Written::is_given_up)
                });
                checks::whole(&Stream {
                    number: end.number,
                    lives: app.lines.get(&id.line).is_some_and(|line| !line.down),
                    written: end.is_written(),
                    read: end.over,
                    given_up,
                    twin: ends.get(&(end.number, !end.opener)).copied(),
                })?;
            }
        }
        Ok(())
    }

    /// Each pair of nodes has the line that it can have.
    fn demand_lines(&self) -> Verdict {
        let ups = self.cast.ups(&self.world);
        let count = |one, other| ups.get(&(one, other)).copied().unwrap_or(0);
        let is_out = |node: usize| self.cast.out.contains(&node);
        let is_kept = |one: usize, other: usize| {
            let mut kept = self.plan.kept.iter().filter(|_| !is_out(one));
            kept.any(|(from, to)| (usize::from(*from), usize::from(*to)) == (one, other))
        };
        for other in 0..self.cast.apps.len() {
            for one in 0..other {
                checks::lines(&Pair {
                    nodes: [one, other],
                    ups: [count(one, other), count(other, one)],
                    kept: is_kept(one, other) || is_kept(other, one),
                    // Two who are out may know nothing of it, and nobody tells them.
                    may: is_out(one) == is_out(other),
                })?;
            }
        }
        Ok(())
    }

    /// Everything is closed and read: nothing is left.
    pub(super) fn end(&mut self) -> Verdict {
        for (from, to) in &self.plan.kept {
            self.unkeep((*from).into(), (*to).into());
        }
        self.leave_all();
        for node in 0..self.cast.apps.len() {
            let now = self.world.nodes[node].time(self.world.now);
            let switch = &mut self.world.nodes[node].switch;
            for (line, _) in self.cast.apps[node].lines.iter().filter(|it| !it.1.down) {
                let _over = switch.close(now, *line, 0, "");
            }
        }
        let [closing_ms, forgetting_ms] = ENDING_MS;
        self.attend(closing_ms * 1_000)?;
        for node in 0..self.cast.apps.len() {
            self.cast.pump(&mut self.world, node)?;
            let deadline = self.world.nodes[node].switch.poll_timeout();
            let is_last = |why| matches!(why, Why::Closing | Why::Handshake | Why::Keep);
            let deadline = deadline.filter(|deadline| !is_last(deadline.why));
            let left = Left {
                deadline,
                ..Left::default()
            };
            checks::leaks(node, &left)?;
        }
        self.attend(forgetting_ms * 1_000)?;
        for node in 0..self.cast.apps.len() {
            self.demand_nothing(node)?;
        }
        Ok(())
    }

    fn demand_nothing(&mut self, node: usize) -> Verdict {
        let now = self.world.nodes[node].time(self.world.now);
        let lines = &self.cast.apps[node].lines;
        let here = &self.world.nodes[node];
        let left = Left {
            status: here.switch.status(),
            deadline: here.switch.poll_timeout(),
            unheard: lines.values().filter(|line| !line.down).count(),
            known: lines
                .keys()
                .filter(|line| here.switch.line(**line).is_some())
                .count(),
        };
        checks::leaks(node, &left)?;
        let in_flight = self.world.in_flight();
        let here = &mut self.world.nodes[node];
        let switch: &mut Recorded = &mut here.switch;
        let mut transmits = 0;
        let mut buf = [0; 2_048];
        while switch.poll_transmit(now, &mut buf).is_some() {
            transmits += 1;
        }
        let queues = Queues {
            events: left.status.events,
            untaken: here.events.len(),
            packets: self.cast.apps[node].packets.len(),
            transmits,
            needs: usize::from(here.switch.poll_need().is_some()),
            in_flight,
        };
        checks::queues(node, &queues)
    }

    /// Each switch is taken out and weighed, beside one that nothing has happened to.
    pub(super) fn weigh(&mut self, weigh: Weigh) -> Verdict {
        for node in 0..self.cast.apps.len() {
            let fresh = || -> Recorded {
                let config = self.plan.config(node).clone();
                let fresh = Switch::new(config, &Seed::new([0; 32]));
                fresh.expect("a legal config").into()
            };
            let here = &mut self.world.nodes[node];
            let switch: &mut Recorded = &mut here.switch;
            let peers = switch.peers(here.hashname).count() as u64;
            let mut used = Some(std::mem::replace(switch, fresh()));
            let mut plain = Some(fresh());
            let app = &self.cast.apps[node];
            checks::memory(
                node,
                &Weight {
                    fresh_bytes: weigh(&mut || drop(plain.take())),
                    bytes: weigh(&mut || drop(used.take())),
                    peers,
                    most_at_once: (app.lines.len() + app.streams.len()) as u64,
                },
            )?;
        }
        Ok(())
    }
}

/// True if reading gives anything but that there is nothing.
fn is_readable(switch: &mut Recorded, now: Time, stream: StreamId) -> bool {
    let read = switch.read(now, stream, &mut [0]);
    !matches!(read, Err(ReadError::Blocked | ReadError::UnknownStream))
}
