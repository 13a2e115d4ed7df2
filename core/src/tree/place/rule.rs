//! The rule that makes loops impossible. Reign, depth and parent are changed nowhere else, so that
//! the proof (`PROOF.md` beside this room) is about this file only.

use super::{Id, Reign};

/// Generations that another may be ahead of one that is in a tree. A member that lies about them
/// could otherwise use all of them up with one word.
const LEAP: u32 = 1 << 24;
/// Generations beyond this are nobody's: who lies about them leaves room to outrank the lie.
const GENERATION_MOST: u32 = u32::MAX - LEAP;
/// The deepest that a parent may stand.
const DEPTH_MOST: u16 = 4_096;

/// Under whom a member stands.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Standing<I> {
    reign: Reign<I>,
    /// The depth, which is also the least that this member ever had at `reign`.
    least: u16,
    parent: Option<I>,
    /// Lost its parent, and is not a root either.
    adrift: bool,
}

/// What became of a parent's word about itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Followed {
    /// Reign or depth changed.
    Changed,
    /// It said what is known.
    Same,
    /// It is older than what is known.
    Older,
    /// The depth rose within a reign, or is beyond all bounds.
    Refused,
}

impl<I: Id> Standing<I> {
    pub(super) fn new(me: I) -> Self {
        Self {
            reign: Reign {
                generation: 0,
                root: Some(me),
                sequence: 0,
            },
            least: 0,
            parent: None,
            adrift: false,
        }
    }

    pub(super) fn reign(&self) -> Reign<I> {
        self.reign
    }

    pub(super) fn depth(&self) -> u16 {
        self.least
    }

    pub(super) fn parent(&self) -> Option<I> {
        self.parent
    }

    pub(super) fn is_adrift(&self) -> bool {
        self.adrift
    }

    pub(super) fn is_root(&self) -> bool {
        self.parent.is_none() && !self.adrift
    }

    /// Whether a parent that tells this reign and this depth of itself may be had: its reign is
    /// newer, or the same and its depth below the least that we ever had at it.
    pub(super) fn allows(&self, reign: Reign<I>, depth: u16) -> bool {
        let newer = reign > self.reign;
        self.is_bounded(reign, depth) && (newer || (reign == self.reign && depth < self.least))
    }

    /// Takes a parent that told this of itself; false if the rule forbids it.
    pub(super) fn take_parent(&mut self, parent: I, reign: Reign<I>, depth: u16) -> bool {
        let allowed = self.allows(reign, depth);
        if allowed {
            self.reign = reign;
            self.least = depth + 1;
            self.parent = Some(parent);
            self.adrift = false;
        }
        allowed
    }

    /// Takes the word of `from` about itself, if it is the parent.
    pub(super) fn follow(&mut self, from: I, reign: Reign<I>, depth: u16) -> Followed {
        if self.parent != Some(from) || reign < self.reign {
            Followed::Older
        } else if self.allows(reign, depth) {
            let changed = (self.reign, self.least) != (reign, depth + 1);
            self.reign = reign;
            self.least = depth + 1;
            if changed {
                Followed::Changed
            } else {
                Followed::Same
            }
        } else {
            Followed::Refused
        }
    }

    /// Is without a parent from now on. Reign and least depth stay.
    pub(super) fn lose_parent(&mut self) {
        self.adrift = true;
        self.parent = None;
    }

    /// Is a root from now on, of a generation of its own that outranks what it knew. False if no
    /// generation is left.
    pub(super) fn found(&mut self, me: I) -> bool {
        let founded = self.raise_generation(self.reign.generation, me);
        if founded {
            self.parent = None;
            self.adrift = false;
            self.least = 0;
        }
        founded
    }

    /// As a root: raises the reign, above `above` too. False if there is nothing to do.
    pub(super) fn raise(&mut self, me: I, above: Reign<I>) -> bool {
        if !self.is_root() || above < self.reign || !self.is_bounded(above, 0) {
            return false;
        }
        let ours = (above.generation, above.root) == (self.reign.generation, Some(me));
        match above.sequence.checked_add(1) {
            Some(sequence) if ours && self.reign.root == Some(me) => {
                self.reign.sequence = sequence;
                true
            }
            Some(_) | None => self.raise_generation(above.generation, me),
        }
    }

    /// `above` is at least the generation that it has.
    fn raise_generation(&mut self, above: u32, me: I) -> bool {
        let Some(generation) = above.checked_add(1) else {
            return false;
        };
        self.reign = Reign {
            generation,
            root: Some(me),
            sequence: 0,
        };
        true
    }

    fn is_bounded(&self, reign: Reign<I>, depth: u16) -> bool {
        let fresh = self.reign.generation == 0;
        let near = reign.generation <= self.reign.generation.saturating_add(LEAP);
        depth < DEPTH_MOST && reign.generation <= GENERATION_MOST && (fresh || near)
    }
}
