//! Every order of events among a few members: messages are delivered in any order, twice or never,
//! timers fire whenever they are armed, members die, go, come back and are suspected, each within a
//! budget. In each state the invariant of the proof is demanded. Members are numbers of a byte, and
//! the code is that of the switch.

mod print;
mod scenario;
mod step;

use std::collections::HashSet;

use hydroid_core::tree::Id;
use hydroid_core::tree::place::{Message, Place, Reign, Sight, Timer};

pub use self::scenario::{Budget, Scenario, long, short};
use self::{print::print, step::Step};

/// A member in one of its lives: the number in the low three bits, the life above.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Small(pub u8);

impl Small {
    fn member(self) -> usize {
        usize::from(self.0 & 7)
    }
}

impl Id for Small {
    fn replaces(&self, other: &Self) -> bool {
        self.member() == other.member() && self.0 > other.0
    }
}

/// One member of a state.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Member {
    name: Small,
    alive: bool,
    place: Place<Small>,
    armed: Vec<Timer>,
    linked: Vec<Small>,
    /// Its reign and depth before they last changed, while old words may arrive.
    before: Option<(Reign<Small>, u16)>,
}

/// What is on its way: a message, or the news that somebody cannot be reached.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Flight {
    Message(Small, Small, Message<Small>),
    Lost(Small, Small),
}

/// Everything at one moment.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct State {
    members: Vec<Member>,
    /// Sorted by their prints, so that the same are the same in whatever order they were sent.
    flights: Vec<(u128, Flight)>,
    budget: Budget,
}

/// What was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Found {
    /// Distinct states.
    pub states: u64,
    /// Steps between them.
    pub transitions: u64,
    /// The longest way that was gone.
    pub depth: u32,
    /// Whether there are no more states.
    pub complete: bool,
}

/// Explores a scenario until it is complete or has so many states.
///
/// # Errors
/// The steps that lead to a state in which the invariant does not hold.
pub fn explore(scenario: &Scenario, most: u64) -> Result<Found, String> {
    let first = State::of(scenario);
    let mut seen: HashSet<u128> = HashSet::new();
    seen.insert(print(&first));
    let mut found = Found {
        states: 1,
        ..Found::default()
    };
    // Depth first, so that only the states beside the way have to be kept.
    let mut way: Vec<(State, Vec<Step>)> = Vec::new();
    let steps = first.steps();
    way.push((first, steps));
    while let Some((state, steps)) = way.last_mut() {
        let Some(step) = steps.pop() else {
            way.pop();
            continue;
        };
        let mut next = state.clone();
        let result = next.take(&step);
        found.transitions += 1;
        if let Err(wrong) = result.and_then(|()| next.demand()) {
            let steps = way.iter().map(|(_, steps)| steps.len());
            return Err(format!("{wrong} after {step:?} at depth {}", steps.count()));
        }
        if !seen.insert(print(&next)) {
            continue;
        }
        found.states += 1;
        if found.states >= most {
            return Ok(found);
        }
        let steps = next.steps();
        way.push((next, steps));
        found.depth = found
            .depth
            .max(u32::try_from(way.len()).unwrap_or(u32::MAX));
    }
    found.complete = true;
    Ok(found)
}

impl State {
    /// The invariant of the proof: along the parents the reign never falls, and at one reign the
    /// least depth does. So nobody is above itself, which is looked at all the same.
    fn demand(&self) -> Result<(), String> {
        for member in self.members.iter().filter(|member| member.alive) {
            let mut above = self.parent(member);
            if let Some(parent) = above {
                let (ours, theirs) = (&member.place, &parent.place);
                let falls = ours.reign() == theirs.reign() && theirs.depth() >= ours.depth();
                if theirs.reign() < ours.reign() || falls {
                    return Err(format!("{:?} breaks the order", member.name));
                }
            }
            let mut steps = 0;
            while let Some(node) = above {
                steps += 1;
                if node.name == member.name || steps > self.members.len() {
                    return Err(format!("{:?} stands below itself", member.name));
                }
                above = self.parent(node);
            }
        }
        Ok(())
    }

    fn parent(&self, member: &Member) -> Option<&Member> {
        let parent = member.place.parent()?;
        let above = &self.members[parent.member()];
        (above.alive && above.name == parent).then_some(above)
    }
}

/// What a member sees: every other, and no chance.
struct Eye {
    me: Small,
    known: Vec<Small>,
    dead: Vec<Small>,
}

impl Sight<Small> for Eye {
    fn contacts(&mut self, most: usize) -> Vec<Small> {
        let others = self.known.iter().copied().filter(|node| *node != self.me);
        others.take(most).collect()
    }

    fn slot(&mut self, _shallower_than: u16) -> Option<Small> {
        None
    }

    fn is_silent(&self, node: Small) -> bool {
        self.dead.contains(&node)
    }

    fn dice(&mut self) -> u64 {
        0
    }
}
