//! Some of the nodes, and what happens to them.

use std::net::SocketAddr;

use hydroid_core::base::Time;

use super::{
    Around, Stride,
    crew::lock,
    parcel::{Head, Parcel, SPANS},
};
use crate::{
    contracts::{self, Step},
    world::{Node, hosts, network},
};

/// Nodes one after the other.
#[derive(Debug)]
pub(super) struct Shard {
    /// Its number, and that of its first node.
    number: usize,
    first: usize,
    pub(super) own: Vec<Own>,
    /// What arrives in each span of time.
    spans: [Parcel; SPANS],
    /// What arrives in this stride.
    due: Vec<Head>,
    pub(super) tally: Tally,
    buf: Vec<u8>,
}

/// What is known of a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own {
    /// When it is to be called next.
    next: Time,
    /// How many datagrams it has sent.
    sent: u64,
    /// Somebody has called its switch since it was looked at.
    pub(super) commanded: bool,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) delivered: u64,
    pub(super) deadlines: u64,
    pub(super) digest: u64,
}

impl Shard {
    pub(super) fn new(number: usize, nodes: usize) -> Self {
        let own = Own {
            next: Time::NEVER,
            sent: 0,
            commanded: false,
        };
        Self {
            number,
            first: number * nodes,
            own: vec![own; nodes],
            spans: Default::default(),
            due: Vec::new(),
            tally: Tally::default(),
            buf: Vec::new(),
        }
    }

    /// When something happens here next, beside what is in the mail.
    pub(super) fn next(&self) -> Time {
        let own = self.own.iter();
        let own = own.map(|own| if own.commanded { Time::ZERO } else { own.next });
        let arrives = self.spans.iter().map(|span| span.next);
        own.chain(arrives).min().unwrap_or(Time::NEVER)
    }

    /// Sorts what came in the mail by when it arrives.
    fn take_mail(&mut self, around: &Around<'_>) {
        for from in 0..around.shards {
            let mut mail = lock(&around.mails[from * around.shards + self.number]);
            mail.empty(|head, bytes| self.spans[around.span(head.at)].put(head, bytes));
        }
    }

    /// All that happens to the nodes in a stride, one node after the other.
    pub(super) fn go_on<T>(
        &mut self,
        nodes: &mut [Node],
        (stride, around): (Stride, &Around<'_>),
        hear: &impl Fn(Time, usize, &mut Node, &mut Vec<T>),
        notes: &mut Vec<T>,
    ) {
        self.take_mail(around);
        self.buf.resize(around.buffer_bytes, 0);
        let span = around.span(stride.from);
        let mut arriving = std::mem::take(&mut self.spans[span]);
        let mut due = std::mem::take(&mut self.due);
        arriving.take(stride.to, &mut due);
        let mut rest = due.as_slice();
        for (at, node) in nodes.iter_mut().enumerate() {
            let n = self.first + at;
            let count = rest.iter().take_while(|head| head.to == n).count();
            let (mut heads, others) = rest.split_at(count);
            rest = others;
            while let Some(now) = self.next_of(at, heads, stride) {
                heads = self.take_in((now, at), node, heads, &mut arriving.bytes);
                self.settle((now, at), node, around, |node| hear(now, n, node, notes));
            }
        }
        due.clear();
        self.due = due;
        arriving.tidy();
        self.spans[span] = arriving;
    }

    /// When something happens to this node next in this stride.
    fn next_of(&self, at: usize, heads: &[Head], stride: Stride) -> Option<Time> {
        let own = &self.own[at];
        if own.commanded {
            return Some(stride.from);
        }
        let next = heads.first().map_or(own.next, |head| own.next.min(head.at));
        (next < stride.to).then_some(next)
    }

    /// Hands a node what has arrived by now, and gives what arrives later.
    fn take_in<'h>(
        &mut self,
        (now, at): (Time, usize),
        node: &mut Node,
        heads: &'h [Head],
        bytes: &mut [u8],
    ) -> &'h [Head] {
        if self.own[at].commanded {
            return heads;
        }
        let count = heads.iter().take_while(|head| head.at <= now).count();
        let (arrived, later) = heads.split_at(count);
        for head in arrived {
            let datagram = &mut bytes[head.start..head.start + head.len];
            let was_there = node.take_in(now, head.addresses, datagram);
            self.tally.delivered += u64::from(was_there);
        }
        later
    }

    /// Does all that follows for this node at this instant.
    fn settle(
        &mut self,
        (now, at): (Time, usize),
        node: &mut Node,
        around: &Around<'_>,
        mut hear: impl FnMut(&mut Node),
    ) {
        if !node.is_awake() {
            self.own[at].commanded = false;
            self.own[at].next = Time::NEVER;
            return;
        }
        for step in 0.. {
            assert!(step < around.steps_max, "a node spins at {now:?}");
            // What somebody commanded goes before what is due.
            let commanded = std::mem::take(&mut self.own[at].commanded);
            if !commanded && self.own[at].next <= now {
                self.tally.deadlines += u64::from(node.wake_up(now, hosts::wall(now)));
            }
            if self.drain((now, at), node, around) {
                hear(node);
            }
            let touched = std::mem::take(&mut node.switch.touched);
            self.own[at].commanded = touched;
            if !touched && self.own[at].next > now {
                break;
            }
        }
    }

    /// Takes everything that a node has to give; true if it has told something.
    fn drain(&mut self, (now, at): (Time, usize), node: &mut Node, around: &Around<'_>) -> bool {
        let own = node.time(now);
        let mut buf = std::mem::take(&mut self.buf);
        let mut step = Step::begin(&node.switch, own);
        while let Some((transmit, from)) = node.give_out(own, &mut buf, &mut step) {
            for datagram in buf[..transmit.len].chunks(transmit.segment) {
                let addresses = (from, transmit.path.remote);
                self.send((now, at), addresses, datagram, around);
            }
        }
        let told = node.tell(&mut step);
        step.end(node.switch.inner(), &mut buf, around.thorough);
        contracts::demand(&step, Some(&node.limits));
        self.buf = buf;
        self.own[at].next = node.next(step.after).unwrap_or(Time::NEVER);
        told
    }

    /// Puts a datagram on its way.
    fn send(
        &mut self,
        (now, at): (Time, usize),
        addresses: (SocketAddr, SocketAddr),
        datagram: &[u8],
        around: &Around<'_>,
    ) {
        // The order in which nodes send is no part of it.
        let digest = network::digest_of(now.as_us(), addresses, datagram);
        self.tally.digest = self.tally.digest.wrapping_add(digest);
        let Some(to) = around.table.get(&addresses.1).copied() else {
            return;
        };
        let from = self.first + at;
        let delay_us = around.latency_us + network::apart_us(around.apart_us, from, to);
        let own = &mut self.own[at];
        own.sent += 1;
        let head = Head {
            to,
            at: now.plus_us(delay_us),
            from,
            sequence: own.sent,
            start: 0,
            len: datagram.len(),
            addresses,
        };
        let shard = to / around.shard_nodes;
        lock(&around.mails[self.number * around.shards + shard]).put(head, datagram);
    }
}
