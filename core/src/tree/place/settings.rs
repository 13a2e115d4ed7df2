//! The choices of a place.

use serde::{Deserialize, Serialize};

/// How many children a member takes, and how long it waits for what.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// Children at most, 2 to 8. Each costs a line.
    pub arity: u8,
    /// Whether it takes no children, ever: for a member that has to save its battery.
    pub leaf: bool,
    /// How long a slot that was offered is kept, at least; at most twice as long. Shorter than a
    /// round trip gives it to two.
    pub offer_ms: u32,
    /// How long an answer may take before somebody else is asked beside.
    pub ask_ms: u32,
    /// When one that said "later" is asked again.
    pub again_ms: u32,
    /// How long who has lost its parent waits for a word of the heir of that place before it asks
    /// others beside. Shorter than two round trips costs places that nobody had to lose.
    pub heir_ms: u32,
    /// How long an heir waits for the place.
    pub plug_ms: u32,
    /// How long it looks for a tree before it founds one itself.
    pub found_ms: u32,
    /// What is added to `found_ms` for each step of depth, so that deeper ones wait for others.
    pub depth_ms: u32,
    /// How often a root looks for other trees when it has found none for long.
    pub settle_ms: u32,
    /// How long changes below are gathered before the parent is told.
    pub tell_ms: u32,
    /// How long a root waits at least between two raises that others ask for; each costs one
    /// message a member.
    pub raise_ms: u32,
}

impl Settings {
    /// The same with an arity that is legal.
    pub(crate) fn legal(mut self) -> Self {
        self.arity = self.arity.clamp(2, 8);
        self
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            arity: 2,
            leaf: false,
            offer_ms: 1_000,
            ask_ms: 200,
            again_ms: 100,
            heir_ms: 250,
            plug_ms: 500,
            found_ms: 500,
            depth_ms: 50,
            settle_ms: 5_000,
            tell_ms: 100,
            raise_ms: 100,
        }
    }
}
