//! Worlds of thousands of nodes, on all processors: what a node sends reaches no other sooner than
//! the least latency of the links, so for that long each goes on by itself, on whatever thread. What
//! comes to a node comes in the order of time, and at one instant in the order of who sent it and
//! when: it is the same however many threads there are.

mod crew;
mod parcel;
mod shard;

use std::{sync::Mutex, thread};

use hydroid_core::base::Time;

use self::{
    crew::{Crew, Work},
    parcel::{Parcel, SPANS},
    shard::Shard,
};
use super::{Link, Node, World, nodes::Table};

/// So many parts of the nodes go on one after the other, if each is of so many nodes at least.
const SHARDS: usize = 16;
const SHARD_NODES_LEAST: usize = 32;

/// How a world goes on in strides, and what is on its way.
#[derive(Debug)]
pub(super) struct Strides {
    shards: Vec<Shard>,
    /// What goes from each shard to each other and was not looked at yet.
    mails: Vec<Mutex<Parcel>>,
    shard_nodes: usize,
    threads: usize,
}

/// What is the same for all nodes.
struct Around<'a> {
    table: &'a Table,
    mails: &'a [Mutex<Parcel>],
    shards: usize,
    shard_nodes: usize,
    latency_us: u64,
    apart_us: u64,
    steps_max: u32,
    thorough: bool,
    buffer_bytes: usize,
}

impl Around<'_> {
    /// The span that a time lies in. Whatever is sent in it arrives in a later one.
    const fn span(&self, at: Time) -> usize {
        (at.as_us() / self.latency_us) as usize % SPANS
    }
}

/// A stretch of time: from when, until before when.
#[derive(Clone, Copy, Debug)]
struct Stride {
    from: Time,
    to: Time,
}

impl World {
    /// From now on this world goes on in strides, on so many threads. Its links are all the same but
    /// for how far nodes are apart, and do nothing but delay.
    ///
    /// # Panics
    /// If something is on its way already, or if they do not.
    pub fn go_in_strides(&mut self, threads: usize) {
        assert_eq!(self.in_flight(), 0, "nothing is on its way");
        let spans = (self.apart_us / self.link.latency_us.max(1)) as usize + 2;
        assert!(
            self.link.latency_us > 0 && spans < SPANS,
            "links delay, and not too differently"
        );
        let shard_nodes = self.nodes.len().div_ceil(SHARDS).max(SHARD_NODES_LEAST);
        let count = self.nodes.len().div_ceil(shard_nodes);
        let shards = (0..count).map(|number| Shard::new(number, shard_nodes));
        let mut mails = Vec::new();
        mails.resize_with(count * count, Mutex::default);
        self.strides = Some(Strides {
            shards: shards.collect(),
            mails,
            shard_nodes,
            threads: threads.clamp(1, count.max(1)),
        });
    }

    /// Runs for `ms` milliseconds in strides. Whenever a node has told something, `hear` may take
    /// it, and note what it likes. All notes are given, those of one node in their order.
    ///
    /// # Panics
    /// If the world does not go in strides.
    pub fn stride<T: Send>(
        &mut self,
        ms: u64,
        hear: impl Fn(Time, usize, &mut Node, &mut Vec<T>) + Sync,
    ) -> Vec<T> {
        let mut strides = self.strides.take().expect("it goes in strides");
        self.begin(&mut strides);
        let around = Around {
            table: &self.nodes.table,
            mails: &strides.mails,
            shards: strides.shards.len(),
            shard_nodes: strides.shard_nodes,
            latency_us: self.link.latency_us,
            apart_us: self.apart_us,
            steps_max: self.steps_max,
            thorough: self.thorough,
            buffer_bytes: self.buffer_bytes,
        };
        let nodes = self.nodes.all.chunks_mut(strides.shard_nodes);
        let work = strides.shards.iter_mut().zip(nodes);
        let work = work.map(|(shard, nodes)| Mutex::new(Work { shard, nodes }));
        let end = self.now.plus_ms(ms);
        let crew = Crew::new(work.collect(), strides.threads, self.now, end);
        let mut notes = Vec::new();
        thread::scope(|scope| {
            let labour = |worker| crew.labour(worker, &around, &hear);
            let others = (1..strides.threads).map(|worker| scope.spawn(move || labour(worker)));
            let others: Vec<_> = others.collect();
            notes = labour(0);
            for other in others {
                notes.extend(other.join().expect("a thread comes to its end"));
            }
        });
        drop(crew);
        for shard in &mut strides.shards {
            let tally = std::mem::take(&mut shard.tally);
            self.delivered += tally.delivered;
            self.deadlines += tally.deadlines;
            self.digest = self.digest.wrapping_add(tally.digest);
        }
        self.now = end;
        self.strides = Some(strides);
        notes
    }

    /// Takes note of whatever somebody did to nodes.
    fn begin(&mut self, strides: &mut Strides) {
        let plain = Link {
            latency_us: self.link.latency_us,
            ..Link::PERFECT
        };
        let is_plain = self.link == plain && self.is_open();
        assert!(is_plain, "links do nothing but delay");
        let mut changed = std::mem::take(&mut self.nodes.changed);
        for n in changed.drain(..) {
            self.nodes.list(n);
            let node = &mut self.nodes.all[n];
            node.changed = false;
            let (shard, at) = (n / strides.shard_nodes, n % strides.shard_nodes);
            strides.shards[shard].own[at].commanded |= std::mem::take(&mut node.switch.touched);
        }
        self.nodes.changed = changed;
    }
}
