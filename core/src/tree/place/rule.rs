//! The rule that makes loops impossible. Reign, depth and parent are changed nowhere else, so that
//! the proof (`PROOF.md` beside this room) is about this file only.

use super::{Id, Reign};

/// Generations that a member of a tree rises by from one `tick` to the next, whatever it is told.
/// Those who lie about them all day long need more than a thousand years to use them up, and as
/// far as a liar took some, as soon the others follow.
pub(super) const LEAP: u64 = 1 << 20;
/// Generations beyond this are nobody's: who lies about them leaves room to outrank the lie. All of
/// them are exact where numbers of JSON are read as floating ones.
pub(super) const GENERATION_MOST: u64 = (1 << 53) - LEAP;
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
    /// The generation at the last tick.
    base: u64,
    /// Whether anybody was ever told of its reign by it, and so may have it as a parent.
    told: bool,
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
            base: 0,
            told: false,
        }
    }

    pub(super) fn reign(&self) -> Reign<I> {
        self.reign
    }

    /// What it tells of itself to one that has it as a parent or may take it for one.
    pub(super) fn tell(&mut self) -> (Reign<I>, u16) {
        self.told = true;
        (self.reign, self.least)
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
            self.rise(reign, depth);
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
            self.rise(reign, depth);
            if changed {
                Followed::Changed
            } else {
                Followed::Same
            }
        } else {
            Followed::Refused
        }
    }

    /// Stands below a parent that told this of itself.
    fn rise(&mut self, reign: Reign<I>, depth: u16) {
        if self.reign.generation == 0 {
            self.base = reign.generation;
        }
        self.reign = reign;
        self.least = depth + 1;
    }

    /// Is without a parent from now on. Reign and least depth stay.
    pub(super) fn lose_parent(&mut self) {
        self.adrift = true;
        self.parent = None;
    }

    /// Whether this reign may be had, but not within the time that has gone by.
    pub(super) fn is_far(&self, reign: Reign<I>) -> bool {
        let generation = reign.generation;
        generation <= GENERATION_MOST && generation > self.base.saturating_add(LEAP)
    }

    /// Whether others may not be able to follow to its generation.
    pub(super) fn is_away(&self) -> bool {
        self.reign.generation > LEAP
    }

    /// Begins anew, if it has no parent and has told nobody of itself, so that nobody can have it
    /// as a parent.
    pub(super) fn begin_anew(&mut self, me: I) -> bool {
        let anew = self.parent.is_none() && !self.told;
        if anew {
            *self = Self::new(me);
        }
        anew
    }

    /// Some time has gone by: generations may rise again.
    pub(super) fn tick(&mut self) {
        self.base = self.reign.generation;
    }

    /// Is a root from now on, of a generation of its own that outranks what it knew. False if no
    /// generation is left.
    pub(super) fn found(&mut self, me: I, beyond: u8) -> bool {
        let founded = self.reign.generation <= GENERATION_MOST - u64::from(u8::MAX);
        if founded {
            self.begin(me, self.reign.generation + 1 + u64::from(beyond));
            self.parent = None;
            self.adrift = false;
            self.least = 0;
        }
        founded
    }

    /// As a root: raises the reign, above `above` too or as far towards it as may be by now on the
    /// word of others. False if there is nothing to do.
    pub(super) fn raise(&mut self, me: I, above: Reign<I>) -> bool {
        self.raise_by(me, above, LEAP / 2)
    }

    /// The same towards a reign under which we could stand: twice as far, so that whoever goes on
    /// lying to the other root keeps nobody from it.
    pub(super) fn climb(&mut self, me: I, above: Reign<I>) -> bool {
        self.raise_by(me, above, LEAP)
    }

    fn raise_by(&mut self, me: I, above: Reign<I>, leap: u64) -> bool {
        if !self.is_root() || above < self.reign {
            return false;
        }
        let ours = (above.generation, above.root) == (self.reign.generation, Some(me));
        match above.sequence.checked_add(1) {
            Some(sequence) if ours && self.reign.root == Some(me) => {
                self.reign.sequence = sequence;
                true
            }
            Some(_) | None => {
                let most = self.base.saturating_add(leap).min(GENERATION_MOST);
                let generation = above.generation.saturating_add(1).min(most);
                let rises = generation > self.reign.generation;
                if rises {
                    self.begin(me, generation);
                }
                rises
            }
        }
    }

    fn begin(&mut self, me: I, generation: u64) {
        self.reign = Reign {
            generation,
            root: Some(me),
            sequence: 0,
        };
    }

    fn is_bounded(&self, reign: Reign<I>, depth: u16) -> bool {
        let fresh = self.reign.generation == 0;
        let near = reign.generation <= self.base.saturating_add(LEAP);
        depth < DEPTH_MOST && reign.generation <= GENERATION_MOST && (fresh || near)
    }
}
