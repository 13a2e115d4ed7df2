//! What goes wrong for a while: it is set off by an operation and ends by itself, or when the world
//! heals.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use hydroid_core::{base::Time, identity::Admission, switch::Interface};

use super::{
    plan::{Moving, Plan, Profile},
    run::Run,
};
use crate::{
    checks::Verdict,
    world::{Clock, Fault, Link, SOCKET},
};

/// What is to end, and what is the matter until then.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    ends: BTreeMap<(Time, u64), Ended>,
    sequence: u64,
    parts: BTreeMap<u64, [Vec<usize>; 2]>,
    bad: BTreeMap<u64, (usize, usize, Link)>,
    weather: BTreeMap<u64, Link>,
    /// Ways that carry nothing.
    ways: BTreeMap<u64, (SocketAddr, SocketAddr)>,
    /// Nodes between which nothing longer goes.
    shrunk: BTreeMap<u64, (usize, usize, u64)>,
    pub(super) crashed: BTreeSet<usize>,
}

/// What happens at the end of a trouble.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ended {
    Wake { node: usize, counted: bool },
    Online { node: usize },
    Boot { node: usize, kept: bool },
    Keep,
    Clock { node: usize },
    Mended { id: u64 },
}

impl Trouble {
    /// What ends next, by then.
    pub(super) fn next(&mut self, by: Time) -> Option<(Time, Ended)> {
        let entry = self.ends.first_entry().filter(|it| it.key().0 <= by)?;
        let ((at, _), ended) = entry.remove_entry();
        Some((at, ended))
    }

    /// It ends then; told is the number that it goes by.
    fn until(&mut self, at: Time, ended: impl FnOnce(u64) -> Ended) -> u64 {
        let id = self.sequence;
        self.sequence += 1;
        self.ends.insert((at, id), ended(id));
        id
    }
}

impl Run<'_> {
    /// True if the node can be told to do anything.
    pub(super) fn is_there(&self, node: usize) -> bool {
        self.world.nodes[node].asleep.is_none() && !self.trouble.crashed.contains(&node)
    }

    pub(super) fn restart(&mut self, node: usize, kept: bool) {
        let now = self.world.now;
        self.cast.cuts.cut(node, now);
        self.boot(node, kept);
        // Its program asks for its lines some time later.
        let after_ms = now.as_us() / 7 % 1_000;
        self.trouble.until(now.plus_ms(after_ms), |_| Ended::Keep);
    }

    pub(super) fn crash(&mut self, node: usize, ms: u64, kept: bool) {
        let until = self.world.now.plus_ms(ms);
        self.cast.cuts.cut(node, until);
        self.world.crash(node);
        self.cast.forget(node);
        self.trouble.crashed.insert(node);
        self.trouble.until(until, |_| Ended::Boot { node, kept });
    }

    pub(super) fn sleep(&mut self, node: usize, ms: u64, counted: bool) {
        self.fall_silent(node, ms);
        self.world.sleep(node);
        let until = self.world.now.plus_ms(ms);
        self.trouble.until(until, |_| Ended::Wake { node, counted });
    }

    pub(super) fn silence(&mut self, node: usize, ms: u64) {
        self.fall_silent(node, ms);
        self.world.nodes[node].online = false;
        let until = self.world.now.plus_ms(ms);
        self.trouble.until(until, |_| Ended::Online { node });
    }

    fn fall_silent(&mut self, node: usize, ms: u64) {
        let now = self.world.now;
        match self.plan.profile {
            Profile::Kept => self.cast.cuts.silent(now, node, ms),
            Profile::Large | Profile::Fine | Profile::Tree => {
                self.cast.cuts.cut(node, now.plus_ms(ms));
            }
        }
    }

    pub(super) fn set_clock(&mut self, node: usize, ms: u64, off_ms: i64) {
        let until = self.world.now.plus_ms(ms);
        self.cast.cuts.cut(node, until);
        let clock = Clock {
            ticks_ppm: off_ms % 20_000,
            wall_ahead_ms: off_ms,
            wall_ppm: 0,
        };
        self.world.set_clock(node, clock);
        self.trouble.until(until, |_| Ended::Clock { node });
    }

    /// Everybody whose bit is set is cut off from the others.
    pub(super) fn part_group(&mut self, group: u32, ways: [bool; 2], ms: u64) {
        let is_in = |node: &usize| group & 1 << *node != 0;
        let (ours, theirs): (Vec<_>, Vec<_>) = (0..self.cast.apps.len()).partition(is_in);
        self.part(&ours, &theirs, ways, ms);
    }

    /// Every link is bad.
    pub(super) fn weather(&mut self, link: Link, ms: u64) {
        let until = self.world.now.plus_ms(ms);
        let id = self.trouble.until(until, |id| Ended::Mended { id });
        self.trouble.weather.insert(id, link);
        match self.plan.profile {
            // No line dies of it.
            Profile::Kept => {}
            Profile::Large | Profile::Fine | Profile::Tree => {
                for node in 0..self.cast.apps.len() {
                    self.cast.cuts.cut(node, until);
                }
            }
        }
        self.set_links();
    }

    /// The link between two nodes is bad.
    pub(super) fn spoil(&mut self, node: usize, to: usize, link: Link, ms: u64) {
        let until = self.world.now.plus_ms(ms);
        self.cast.cuts.part(node, to, until);
        let id = self.trouble.until(until, |id| Ended::Mended { id });
        self.trouble.bad.insert(id, (node, to, link));
        self.set_links();
    }

    /// Nothing goes from the first address of a node to that of another, or back.
    pub(super) fn cut_one_way(&mut self, node: usize, to: usize, back: bool, ms: u64) {
        let until = self.world.now.plus_ms(ms);
        self.cast.cuts.part(node, to, until);
        let (one, other) = (self.world.nodes[node].seen(), self.world.nodes[to].seen());
        let way = if back { (other, one) } else { (one, other) };
        let id = self.trouble.until(until, |id| Ended::Mended { id });
        self.trouble.ways.insert(id, way);
        self.world.faults.fire(Fault::OneWay);
        self.set_links();
    }

    /// Between two nodes nothing longer than this goes. That is no cause for any line to end.
    pub(super) fn shrink(&mut self, node: usize, to: usize, bytes: u64, ms: u64) {
        let until = self.world.now.plus_ms(ms);
        let id = self.trouble.until(until, |id| Ended::Mended { id });
        self.trouble.shrunk.insert(id, (node, to, bytes));
        self.world.faults.fire(Fault::Shrink);
        self.set_links();
    }

    /// A machine has lost the address that it used.
    pub(super) fn lose_address(&mut self, node: usize) {
        if self.world.lose_address(node) {
            let now = self.world.now;
            self.cast.cuts.moved(now, node);
            self.cast.cuts.cut(node, now);
        }
    }

    /// Nothing goes from ours to theirs, or back.
    pub(super) fn part(&mut self, ours: &[usize], theirs: &[usize], ways: [bool; 2], ms: u64) {
        let until = self.world.now.plus_ms(ms);
        for one in ours {
            for other in theirs {
                self.cast.cuts.part(*one, *other, until);
            }
        }
        let there = [ours.to_vec(), theirs.to_vec()];
        let back = [theirs.to_vec(), ours.to_vec()];
        for (sides, is_cut) in [there, back].into_iter().zip(ways) {
            if is_cut {
                let id = self.trouble.until(until, |id| Ended::Mended { id });
                self.trouble.parts.insert(id, sides);
            }
        }
        self.set_links();
    }

    /// The world's links are as everything that is the matter makes them.
    fn set_links(&mut self) {
        let trouble = &self.trouble;
        self.world.mend();
        for [from, to] in trouble.parts.values() {
            self.world.part(from, to);
        }
        self.world.forget_links();
        for (from, to, link) in trouble.bad.values() {
            self.world.link_between(*from, *to, *link);
            self.world.link_between(*to, *from, *link);
        }
        let weather = trouble.weather.values().next_back();
        self.world.link = weather.copied().unwrap_or(self.plan.link);
        for (one, other, bytes) in trouble.shrunk.values() {
            self.world.narrow(*one, *other, *bytes);
        }
        for (from, to) in trouble.ways.values() {
            self.world.cut(*from, *to, [true, false]);
        }
    }

    /// A machine is somewhere else.
    pub(super) fn relocate(&mut self, node: usize, host: u8, how: Moving) {
        let now = self.world.now;
        self.cast.cuts.moved(now, node);
        let address = Plan::address(node, host);
        match how {
            Moving::Told => {
                self.world.nodes[node].outside = None;
                self.world.move_to(node, address, true);
            }
            Moving::Untold => {
                self.cast.cuts.cut(node, now);
                self.world.nodes[node].outside = None;
                self.world.move_to(node, address, false);
            }
            Moving::Outside => {
                self.cast.cuts.cut(node, now);
                self.world.faults.fire(Fault::Move);
                let port = 50_000 + u16::from(host);
                let ip = self.world.nodes[node].address.ip();
                self.world.nodes[node].outside = Some((ip, port).into());
            }
        }
    }

    /// A trouble is over.
    pub(super) fn on_ended(&mut self, ended: Ended) -> Verdict {
        match ended {
            Ended::Wake { node, counted } => self.world.wake(node, counted),
            Ended::Online { node } => self.world.nodes[node].online = true,
            Ended::Boot { node, kept } => {
                if self.trouble.crashed.remove(&node) {
                    self.boot(node, kept);
                    return self.keep_of(node);
                }
            }
            Ended::Keep => return self.keep_all(),
            Ended::Clock { node } => self.world.set_clock(node, Clock::default()),
            Ended::Mended { id } => {
                self.trouble.parts.remove(&id);
                self.trouble.bad.remove(&id);
                self.trouble.weather.remove(&id);
                self.trouble.ways.remove(&id);
                if self.trouble.shrunk.remove(&id).is_some() {
                    self.world.faults.fire(Fault::Grow);
                }
                self.set_links();
            }
        }
        Ok(())
    }

    /// Whatever is the matter ends now.
    pub(super) fn end_trouble(&mut self) -> Verdict {
        while let Some((_, ended)) = self.trouble.next(Time::NEVER) {
            self.on_ended(ended)?;
        }
        self.world.link = Link {
            latency_us: 10_000,
            ..Link::default()
        };
        self.cast.cuts.end(self.world.now);
        Ok(())
    }

    /// A node starts, for the first time or again, with or without what it kept.
    pub(super) fn boot(&mut self, node: usize, kept: bool) {
        self.cast.forget(node);
        let address = self.world.nodes[node].address;
        let secret = &self.secrets[node];
        let config = self.plan.config(node);
        let mut disk = std::mem::take(&mut self.world.nodes[node].disk);
        let admission = disk.iter().find(|(key, _)| key.starts_with("space."));
        let admission = admission.and_then(|(_, bytes)| Admission::from_bytes(bytes).ok());
        disk.retain(|key| !key.starts_with("space."));
        self.world.nodes[node].disk = disk;
        if kept {
            self.world.restart_kept(node, secret, config);
        } else {
            self.world.restart(node, secret, config);
        }
        let now = self.world.nodes[node].time(self.world.now);
        let here = &mut self.world.nodes[node];
        if address != here.address {
            here.address = address;
            let interface = Interface {
                socket: SOCKET,
                local: address,
            };
            here.switch.handle_network_change(now, &[interface]);
        }
        let Some(first) = self.admissions.get(node) else {
            return;
        };
        let admission = match (&self.club, node, kept) {
            // The founder's own is on paper.
            (Some(club), 0, _) => Some(club.clone()),
            (_, _, true) => admission,
            (_, _, false) => None,
        };
        let admission = admission.as_ref().unwrap_or(first);
        if let Ok(local) = here.switch.install_member(now, secret, admission) {
            here.hashname = local;
        }
    }
}
