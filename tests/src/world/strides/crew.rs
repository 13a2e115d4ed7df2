//! The threads that see to all shards, stride by stride.

use std::{
    ops::Range,
    sync::{
        Barrier, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

use hydroid_core::base::Time;

use super::{Around, Node, Shard, Stride};

/// A shard and its nodes.
pub(super) struct Work<'a> {
    pub(super) shard: &'a mut Shard,
    pub(super) nodes: &'a mut [Node],
}

/// Threads that go on together.
pub(super) struct Crew<'a> {
    work: Vec<Mutex<Work<'a>>>,
    /// What each of them sees to first, and how many of these are seen to.
    shares: Vec<(Range<usize>, AtomicUsize)>,
    barrier: Barrier,
    stride: Mutex<Option<Stride>>,
    from: Time,
    end: Time,
}

impl<'a> Crew<'a> {
    /// So many threads, until nothing happens by `end` any more.
    pub(super) fn new(work: Vec<Mutex<Work<'a>>>, threads: usize, from: Time, end: Time) -> Self {
        let bound = |worker: usize| work.len() * worker / threads;
        let shares = (0..threads).map(|worker| bound(worker)..bound(worker + 1));
        Self {
            shares: shares.map(|share| (share, AtomicUsize::new(0))).collect(),
            work,
            barrier: Barrier::new(threads),
            stride: Mutex::new(None),
            from,
            end,
        }
    }

    /// What one of them does until the end.
    pub(super) fn labour<T>(
        &self,
        worker: usize,
        around: &Around<'_>,
        hear: &impl Fn(Time, usize, &mut Node, &mut Vec<T>),
    ) -> Vec<T> {
        let mut notes = Vec::new();
        loop {
            if self.barrier.wait().is_leader() {
                self.next_stride(around);
            }
            self.barrier.wait();
            let Some(stride) = *lock(&self.stride) else {
                return notes;
            };
            // Whoever is done with its own helps the others.
            for turn in 0..self.shares.len() {
                let (share, seen) = &self.shares[(worker + turn) % self.shares.len()];
                while let Some(at) = share.clone().nth(seen.fetch_add(1, Ordering::Relaxed)) {
                    let Work { shard, nodes } = &mut *lock(&self.work[at]);
                    shard.go_on(nodes, (stride, around), hear, &mut notes);
                }
            }
        }
    }

    /// From when something happens next until the end of that span.
    fn next_stride(&self, around: &Around<'_>) {
        for (_, seen) in &self.shares {
            seen.store(0, Ordering::Relaxed);
        }
        let mut stride = lock(&self.stride);
        let last = stride.map_or(self.from, |stride| stride.to);
        let work = self.work.iter().map(|work| lock(work).shard.next());
        let mails = around.mails.iter().map(|mail| lock(mail).next);
        let next = work.chain(mails).min().unwrap_or(Time::NEVER);
        let from = next.max(last);
        *stride = (from <= self.end).then(|| {
            let spans = from.as_us() / around.latency_us + 1;
            let span_end = Time::from_us(spans * around.latency_us);
            let to = span_end.min(self.end.plus_us(1));
            Stride { from, to }
        });
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no thread panicked")
}
