//! What is still to come, in the order of time.

use std::{cmp::Reverse, collections::BinaryHeap};

use hydroid_core::base::Effects;
use hydroid_core::tree::place::{EFFECTS_MOST, Effect, Message, Timer};

use super::super::Name;

#[derive(Clone, Debug)]
pub(super) enum Event {
    Deliver(Name, Name, Message<Name>),
    Lost(Name, Name),
    Timer(Name, Timer),
    Beat(Name),
    Raise(Name),
    Forget(Name),
}

/// Events by their time; those of one time in the order in which they were pushed.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    times: BinaryHeap<Reverse<(u64, u64, usize)>>,
    events: Vec<Option<Event>>,
    spare: Vec<usize>,
    pushed: u64,
}

impl Queue {
    pub(super) fn push(&mut self, at: u64, event: Event) {
        let slot = self.spare.pop().unwrap_or_else(|| {
            self.events.push(None);
            self.events.len() - 1
        });
        self.events[slot] = Some(event);
        self.pushed += 1;
        self.times.push(Reverse((at, self.pushed, slot)));
    }

    pub(super) fn pop_before(&mut self, until: u64) -> Option<(u64, Event)> {
        let Reverse((at, _, slot)) = *self.times.peek()?;
        if at >= until {
            return None;
        }
        self.times.pop();
        self.spare.push(slot);
        self.events[slot].take().map(|event| (at, event))
    }
}

/// Where a call puts what it wants; empty between calls.
#[derive(Debug)]
pub(super) struct Wanted(pub(super) Effects<Effect<Name>>);

impl Default for Wanted {
    fn default() -> Self {
        Self(Effects::new(EFFECTS_MOST))
    }
}

impl Clone for Wanted {
    fn clone(&self) -> Self {
        Self::default()
    }
}
