//! What each operation of a plan does.

use std::net::SocketAddr;

use hydroid_core::{
    base::Time,
    identity::{Gate, PublicKey},
    switch::{LineError, LineId, StreamId},
    tape::Recorded,
};

use super::{
    app::{App, Truth},
    plan::{Act, Operation, Plan},
    run::Run,
};
use crate::checks::{Verdict, demand};

/// Nobody who keeps no line any more ends it later than this, in milliseconds.
const FORGOTTEN_MS: u64 = 15_000;

impl Plan {
    /// Where a machine is after it moved; host 0 is where it was first.
    pub(super) fn address(node: usize, host: u8) -> SocketAddr {
        let network = if host == 0 { 0 } else { 7 };
        ([10, host, network, node as u8], 4000).into()
    }

    /// Where else a machine is.
    pub(super) fn other_address(node: usize, host: u8) -> SocketAddr {
        ([10, host, 9, node as u8], 4000).into()
    }
}

impl Run<'_> {
    /// Does it, if the node is there to do it.
    pub(super) fn operate(&mut self, operation: &Operation) -> Verdict {
        let node = usize::from(operation.node);
        match operation.act {
            Act::Cut { to, ways, ms } => self.part(&[node], &[usize::from(to)], ways, ms),
            Act::Part { group, ways, ms } => self.part_group(group, ways, ms),
            Act::Weather { link, ms } => self.weather(link, ms),
            Act::Bad { to, link, ms } => self.spoil(node, usize::from(to), link, ms),
            Act::OneWay { to, back, ms } => self.cut_one_way(node, usize::from(to), back, ms),
            Act::Shrink { to, bytes, ms } => self.shrink(node, usize::from(to), bytes, ms),
            Act::Kick => return self.kick(node),
            _ if !self.is_there(node) => {}
            Act::Restart { kept } => self.restart(node, kept),
            Act::Crash { ms, kept } => self.crash(node, ms, kept),
            Act::Sleep { ms, counted } => self.sleep(node, ms, counted),
            Act::Silence { ms } => self.silence(node, ms),
            Act::Move { host, how } => self.relocate(node, host, how),
            Act::Give { host } => self.world.give(node, &[Plan::other_address(node, host)]),
            Act::Lose => self.lose_address(node),
            Act::Clock { ms, off_ms } => self.set_clock(node, ms, off_ms),
            Act::Connect { to } => self.connect(node, usize::from(to)),
            Act::Forget { to } => self.forget(node, usize::from(to)),
            Act::Close { line, code } => self.close(node, line, code),
            Act::Join { to } => self.join(node, usize::from(to)),
            Act::Meet { to } => self.meet(node, usize::from(to)),
            Act::Leave => self.leave(node),
            Act::Broadcast { bytes } => self.broadcast(node, bytes as usize),
            Act::Open { line, count } => return self.open(node, line, count),
            Act::Send { line } => self.send(node, line),
            Act::Receive { line } => return self.receive(node, line),
            Act::Pump => return self.cast.pump(&mut self.world, node),
            Act::WriteAll { bytes, finish } => {
                self.cast.apps[node].want_in_all(bytes, finish);
                return self.cast.pump(&mut self.world, node);
            }
            Act::Write {
                stream,
                bytes,
                finish,
            } => {
                return self.with_stream(node, stream, |app, switch, now, stream, truth| {
                    app.want(stream, bytes, finish);
                    app.write(switch, now, stream, truth)
                });
            }
            Act::Read { stream, bytes } => {
                return self.with_stream(node, stream, |app, switch, now, stream, truth| {
                    app.read(switch, now, (stream, bytes as usize), truth)
                });
            }
            Act::Reset { stream, code } => {
                return self.with_stream(node, stream, |app, switch, now, stream, truth| {
                    app.reset(switch, now, (stream, code), truth);
                    Ok(())
                });
            }
            Act::Stop { stream, code } => {
                return self.with_stream(node, stream, |app, switch, now, stream, truth| {
                    app.stop(switch, now, (stream, code), truth);
                    Ok(())
                });
            }
            Act::Answer { stream } => {
                return self.with_stream(node, stream, |_, switch, now, stream, _| {
                    let _late = switch.answer(now, stream, "{\"fine\":1}");
                    Ok(())
                });
            }
        }
        Ok(())
    }

    fn with_line(&mut self, node: usize, pick: u32, act: impl FnOnce(&mut Recorded, Time, LineId)) {
        if let Some(line) = self.cast.line(node, pick) {
            let now = self.world.nodes[node].time(self.world.now);
            act(&mut self.world.nodes[node].switch, now, line);
        }
    }

    /// Sends an unreliable packet without a head, which has a number.
    fn send(&mut self, node: usize, line: u32) {
        self.cast.packets += 1;
        let number = self.cast.packets.to_be_bytes();
        let mut blocked = None;
        self.with_line(node, line, |switch, now, line| {
            let packet = [[0; 2].as_slice(), &number].concat();
            let sent = switch.send(now, line, &packet);
            blocked = (sent == Err(LineError::Blocked)).then_some(line);
        });
        self.cast.apps[node].send_blocked.extend(blocked);
    }

    fn receive(&mut self, node: usize, line: u32) -> Verdict {
        let Some(line) = self.cast.line(node, line) else {
            return Ok(());
        };
        let now = self.world.nodes[node].time(self.world.now);
        let switch = &mut self.world.nodes[node].switch;
        let sent = self.cast.packets;
        let taken = self.cast.apps[node].receive(switch, now, line, sent);
        taken.map(|_any| ())
    }

    fn with_stream(
        &mut self,
        node: usize,
        pick: u32,
        act: impl FnOnce(&mut App, &mut Recorded, Time, StreamId, &mut Truth) -> Verdict,
    ) -> Verdict {
        let Some(stream) = self.cast.stream(node, pick) else {
            return Ok(());
        };
        let now = self.world.nodes[node].time(self.world.now);
        let switch = &mut self.world.nodes[node].switch;
        let (app, truth) = (&mut self.cast.apps[node], &mut self.cast.truth);
        act(app, switch, now, stream, truth)
    }

    fn connect(&mut self, node: usize, to: usize) {
        let now = self.world.nodes[node].time(self.world.now);
        let (key, addresses) = self.said_of(to);
        let here = &mut self.world.nodes[node];
        // A node that was put out, or is full, dials nobody.
        let line = here.switch.connect(now, here.hashname, &key, &addresses);
        if let Ok(line) = line {
            self.cast.apps[node].lines.entry(line).or_default();
        }
    }

    /// The key of a node, and where it is said to be.
    pub(super) fn said_of(&self, node: usize) -> (PublicKey, Vec<SocketAddr>) {
        let node = &self.world.nodes[node];
        let also = node.also.iter().copied();
        let addresses = [node.seen()].into_iter().chain(also);
        (node.key, addresses.collect())
    }

    fn forget(&mut self, node: usize, to: usize) {
        let until = self.world.now.plus_ms(FORGOTTEN_MS);
        self.cast.cuts.part(node, to, until);
        self.unkeep(node, to);
    }

    pub(super) fn unkeep(&mut self, node: usize, to: usize) {
        let now = self.world.nodes[node].time(self.world.now);
        let peer = self.world.nodes[to].hashname;
        let here = &mut self.world.nodes[node];
        here.switch.forget_line(now, here.hashname, peer);
    }

    fn close(&mut self, node: usize, line: u32, code: u64) {
        if self.cast.line(node, line).is_some() {
            self.cast.cuts.cut(node, self.world.now);
        }
        self.with_line(node, line, |switch, now, line| {
            let _over = switch.close(now, line, code, "enough");
        });
    }

    fn open(&mut self, node: usize, line: u32, count: u8) -> Verdict {
        let Some(line) = self.cast.line(node, line) else {
            return Ok(());
        };
        let now = self.world.nodes[node].time(self.world.now);
        for _ in 0..count {
            self.cast.numbers += 1;
            let what = (line, self.cast.numbers);
            let switch = &mut self.world.nodes[node].switch;
            self.cast.apps[node].open(switch, now, what, &mut self.cast.truth)?;
        }
        Ok(())
    }

    /// The founder puts somebody out, if it is there to do it.
    fn kick(&mut self, node: usize) -> Verdict {
        let Some(club) = self.club.as_ref().filter(|_| self.is_there(0)) else {
            return Ok(());
        };
        let gate = Gate::new([2 + self.cast.out.len() as u8; 32]);
        let keys = [self.secrets[node].public()];
        let Ok(renewed) = club.revoke(&self.secrets[0], &keys, gate) else {
            return Ok(());
        };
        let now = self.world.nodes[0].time(self.world.now);
        let here = &mut self.world.nodes[0];
        let taken = here.switch.renew(now, here.hashname, &renewed);
        demand("lines", taken.is_ok(), || {
            format!("the founder may not renew its space: {taken:?}")
        })?;
        self.club = Some(renewed);
        self.cast.out.insert(node);
        self.cast.cuts.cut(node, Time::NEVER);
        Ok(())
    }

    /// Every machine that is there asks for the lines that it keeps, as its program would.
    pub(super) fn keep_all(&mut self) -> Verdict {
        for node in 0..self.cast.apps.len() {
            self.keep_of(node)?;
        }
        Ok(())
    }

    /// A machine asks for the lines that it keeps.
    pub(super) fn keep_of(&mut self, node: usize) -> Verdict {
        if !self.is_there(node) {
            return Ok(());
        }
        let kept = self.plan.kept.iter();
        for (_, to) in kept.filter(|(from, _)| usize::from(*from) == node) {
            let (key, addresses) = self.said_of(usize::from(*to));
            let now = self.world.nodes[node].time(self.world.now);
            let here = &mut self.world.nodes[node];
            let kept = here.switch.keep_line(now, here.hashname, &key, &addresses);
            demand(
                "lines",
                kept.is_ok() || self.cast.out.contains(&node),
                || format!("node {node} may not keep a line: {kept:?}"),
            )?;
        }
        Ok(())
    }
}
