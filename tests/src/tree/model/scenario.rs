//! What the members are before everything may happen, and how often it may.

use hydroid_core::tree::place::Settings;

use super::{Member, Small, State};

/// How often each thing may still happen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Budget {
    /// Members told to join through another.
    pub join: u8,
    /// Polite departures.
    pub leave: u8,
    /// Deaths.
    pub crash: u8,
    /// Lives after those.
    pub restart: u8,
    /// Living neighbours taken for dead.
    pub suspect: u8,
    /// Messages that arrive once more.
    pub twice: u8,
    /// Messages that never arrive.
    pub vanish: u8,
    /// Timers that fire.
    pub fire: u8,
    /// Calls of `raise`.
    pub raise: u8,
    /// Beats.
    pub beat: u8,
    /// Words of a member about itself that were true once, or are, to one that asked or is below.
    pub old: u8,
}

/// Members, the joins by which they came together before, and what may happen then.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it is called.
    pub name: &'static str,
    /// How many.
    pub members: u8,
    /// Who joined through whom, one after the other.
    pub grown: &'static [(u8, u8)],
    /// Who was then told by its parent that it is none, and asks the others.
    pub parted: &'static [u8],
    /// What may happen.
    pub budget: Budget,
    /// Distinct states that there are within these bounds; 0 where it has not been counted.
    pub states: u64,
}

impl State {
    pub(super) fn of(scenario: &Scenario) -> Self {
        let members = (0..scenario.members).map(|at| Member::new(Small(at), Settings::default()));
        let mut state = Self {
            members: members.collect(),
            flights: Vec::new(),
            budget: Budget {
                join: u8::try_from(scenario.grown.len()).expect("there are few joins"),
                ..Budget::default()
            },
        };
        for (who, through) in scenario.grown {
            let step = super::Step::Join(usize::from(*who), Small(*through));
            state.take(&step).expect("joining keeps the invariant");
            state.quiesce(0);
        }
        state.quiesce(2);
        for member in scenario.parted.iter().copied().map(usize::from) {
            let parent = state.members[member].place.parent();
            state.part(parent.expect("it has a parent"), member);
        }
        state.budget = scenario.budget;
        state
    }
}

const NOTHING: Budget = Budget {
    join: 0,
    leave: 0,
    crash: 0,
    restart: 0,
    suspect: 0,
    twice: 0,
    vanish: 0,
    fire: 0,
    raise: 0,
    beat: 0,
    old: 0,
};

/// Two members below one root, another below each or none.
const FIVE: &[(u8, u8)] = &[(1, 0), (2, 0), (3, 1), (4, 2)];
const FOUR: &[(u8, u8)] = &[(1, 0), (2, 0), (3, 1)];
const PAIRS: &[(u8, u8)] = &[(1, 0), (3, 2)];
const CHAIN: &[(u8, u8)] = &[(1, 0), (2, 0)];

/// Some 300,000 states, complete.
pub fn short() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "three meet",
            members: 3,
            grown: &[],
            parted: &[],
            budget: Budget {
                join: 2,
                fire: 1,
                ..NOTHING
            },
            states: 19_155,
        },
        Scenario {
            name: "any of three dies and lives again",
            members: 3,
            grown: CHAIN,
            parted: &[],
            budget: Budget {
                crash: 1,
                restart: 1,
                join: 1,
                fire: 1,
                ..NOTHING
            },
            states: 105_384,
        },
        Scenario {
            name: "four with a suspicion",
            members: 4,
            grown: FOUR,
            parted: &[],
            budget: Budget {
                suspect: 1,
                fire: 1,
                vanish: 1,
                ..NOTHING
            },
            states: 32_282,
        },
        Scenario {
            name: "two pairs merge",
            members: 4,
            grown: PAIRS,
            parted: &[],
            budget: Budget {
                join: 1,
                fire: 1,
                raise: 1,
                twice: 1,
                vanish: 1,
                ..NOTHING
            },
            states: 34_923,
        },
        goes(),
        old_words(),
        old_words_parted(),
    ]
}

fn goes() -> Scenario {
    Scenario {
        name: "any of five goes",
        members: 5,
        grown: FIVE,
        parted: &[],
        budget: Budget {
            leave: 1,
            vanish: 1,
            ..NOTHING
        },
        states: 1_551,
    }
}

/// What the offerer itself would not offer is offered all the same.
fn old_words() -> Scenario {
    Scenario {
        name: "four with old words",
        members: 4,
        grown: FOUR,
        parted: &[],
        budget: Budget {
            suspect: 1,
            old: 1,
            ..NOTHING
        },
        states: 150_016,
    }
}

/// One that asks others is offered a place as deep as it stood itself: its child would be as deep
/// as it.
fn old_words_parted() -> Scenario {
    Scenario {
        name: "one of four is parted from, with old words",
        members: 4,
        grown: FOUR,
        parted: &[1],
        budget: Budget { old: 1, ..NOTHING },
        states: 126_132,
    }
}

/// Ten millions and more.
pub fn long() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "three with everything",
            members: 3,
            grown: CHAIN,
            parted: &[],
            budget: Budget {
                join: 1,
                leave: 1,
                crash: 1,
                restart: 1,
                suspect: 1,
                twice: 1,
                vanish: 1,
                fire: 3,
                raise: 1,
                beat: 1,
                old: 1,
            },
            states: 0,
        },
        Scenario {
            name: "two pairs with everything",
            members: 4,
            grown: PAIRS,
            parted: &[],
            budget: Budget {
                join: 2,
                leave: 1,
                crash: 1,
                restart: 1,
                suspect: 1,
                twice: 1,
                vanish: 1,
                fire: 3,
                raise: 1,
                beat: 0,
                old: 1,
            },
            states: 0,
        },
        Scenario {
            name: "five with everything",
            members: 5,
            grown: FIVE,
            parted: &[],
            budget: Budget {
                join: 1,
                leave: 1,
                crash: 2,
                restart: 1,
                suspect: 2,
                twice: 1,
                vanish: 1,
                fire: 4,
                raise: 1,
                beat: 1,
                old: 1,
            },
            states: 0,
        },
    ]
}
