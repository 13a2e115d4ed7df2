//! Who a member's parent and children are. It owns joining, the rule that makes loops impossible,
//! the repair of holes, the merging of trees and their balance. It holds no time (a timer is a name
//! that somebody else keeps), sends nothing itself, and never knows broadcasts or addresses.

mod answer;
mod apart;
mod balance;
mod calls;
mod children;
mod message;
mod repair;
mod rule;
mod search;
mod settings;
mod summary;
#[cfg(test)]
mod tests;
mod waiting;
mod word;

use alloc::vec::Vec;

use self::{
    children::Children,
    repair::{Duty, Filled},
    rule::Standing,
    search::Search,
    waiting::Waiting,
};
use super::node::Id;
use crate::base::Effects;

pub use message::{
    Ask, Below, Effect, Fault, Message, Open, Plug, Purpose, Reign, State, Take, Timer,
};
pub use settings::Settings;

/// Effects that one call may have at most: what an [`Effects`] for a place has to hold.
pub const EFFECTS_MOST: usize = 256;
/// Ancestors that a member keeps, the nearest ones.
pub const PATH_MOST: usize = 64;
/// Open slots that a summary names.
pub const OPEN_MOST: usize = 4;
/// Members that an answer names.
pub const GO_MOST: usize = 8;
/// Slots that were named lately and are remembered.
const NAMED_MOST: usize = 32;
/// Raises of a root that others ask for in quick succession, and then one a second.
const RAISES_MOST: u8 = 16;
/// How long a root waits between two raises when those are used up.
const RAISE_SLOW_MS: u32 = 1_000;

/// What a place may look up about the world around it.
pub trait Sight<I> {
    /// Up to `most` other members worth asking, best first; never the asker itself.
    fn contacts(&mut self, most: usize) -> Vec<I>;
    /// The same of those who may be in another tree: a root looks for them now and then.
    fn strangers(&mut self, most: usize) -> Vec<I> {
        self.contacts(most)
    }
    /// A member with an open slot whose own depth is below `shallower_than`, the shallowest that
    /// is known; `None` where nothing is known.
    fn slot(&mut self, shallower_than: u16) -> Option<I>;
    /// True of a neighbour that has missed a beat: it may be dead.
    fn is_silent(&self, node: I) -> bool;
    /// A random number.
    fn dice(&mut self) -> u64;
}

/// One member's place in its tree.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Place<I> {
    me: I,
    settings: Settings,
    standing: Standing<I>,
    /// The ancestors, nearest first.
    path: Vec<I>,
    /// Whether the topmost of them has lost its parent.
    adrift_above: bool,
    /// Whether one of them is about to move to a better place.
    moving_above: bool,
    /// Who takes the parent's place when it is gone.
    heir: Option<I>,
    /// Open slots outside of what is below here, with the depths of their holders.
    rest: Vec<Open<I>>,
    /// Members of the whole tree, as the parent told.
    size_told: u32,
    children: Children<I>,
    told_up: Option<Below<I>>,
    search: Option<Search<I>>,
    duty: Option<Duty<I>>,
    filled: Option<Filled<I>>,
    /// The place that was taken over last: the free slots belong to who stood below it.
    kept: Option<(I, bool)>,
    named: Vec<(I, bool)>,
    waiting: Vec<Waiting<I>>,
    /// The highest reign for which more was asked of the parent since the last beat.
    raising: Option<Reign<I>>,
    raise_armed: bool,
    raise_above: Option<Reign<I>>,
    /// As a root: how many raises may still follow one another quickly.
    raises: u8,
    /// A neighbour that was lost lately, and whether that is some time ago.
    lost: Option<(I, bool)>,
    age_armed: bool,
    tell_armed: bool,
    probe_armed: bool,
    /// Doublings of the time between two probes of a root.
    probes: u8,
    /// Calls of `raise` since this place was built.
    stay: u32,
    /// Calls of `raise` since the reign last changed.
    stale: u8,
    beats: u8,
    /// The parent that it has left, and whether that is a beat ago.
    left: Option<(I, bool)>,
    /// Beats for which it does not move.
    still: u8,
    gone: bool,
    /// The value of `stay` when it was first seen that our reign is beyond the reach of others, or
    /// theirs of us.
    apart: Option<u32>,
}

impl<I: Id> Place<I> {
    /// A member that stands alone: a tree of one, of generation 0.
    pub fn new(me: I, settings: Settings) -> Self {
        Self {
            me,
            settings: settings.legal(),
            standing: Standing::new(me),
            path: Vec::new(),
            adrift_above: false,
            moving_above: false,
            heir: None,
            rest: Vec::new(),
            size_told: 1,
            children: Children::new(),
            told_up: None,
            search: None,
            duty: None,
            filled: None,
            kept: None,
            named: Vec::new(),
            waiting: Vec::new(),
            raising: None,
            raise_armed: false,
            raise_above: None,
            raises: RAISES_MOST,
            lost: None,
            age_armed: false,
            tell_armed: false,
            probe_armed: false,
            probes: 0,
            stay: 0,
            stale: 0,
            beats: 0,
            left: None,
            still: 0,
            gone: false,
            apart: None,
        }
    }

    /// This member.
    pub fn me(&self) -> I {
        self.me
    }

    /// The choices that it was given.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The parent, if there is one.
    pub fn parent(&self) -> Option<I> {
        self.standing.parent()
    }

    /// The children, in the order of their coming.
    pub fn children(&self) -> impl Iterator<Item = I> {
        self.children.nodes()
    }

    /// Steps to the root; of a member that is adrift, those before it lost its parent.
    pub fn depth(&self) -> u16 {
        self.standing.depth()
    }

    /// The reign under which it stands.
    pub fn reign(&self) -> Reign<I> {
        self.standing.reign()
    }

    /// Members of the whole tree as far as is known, itself at least.
    pub fn size(&self) -> u32 {
        let below = self.below_size();
        match self.parent() {
            Some(_) => self.size_told.max(below),
            None => below,
        }
    }

    /// Levels below this member: 0 for a leaf.
    pub fn height(&self) -> u16 {
        self.children.height()
    }

    /// The ancestors, nearest first, as far as they are known to hang together.
    pub fn path(&self) -> &[I] {
        &self.path
    }

    /// True if it hangs on a root, or is one.
    pub fn is_attached(&self) -> bool {
        !self.is_adrift()
    }

    /// True if it is the root of its tree.
    pub fn is_root(&self) -> bool {
        self.standing.is_root()
    }

    /// True if it lost its parent, or hangs on a member that did.
    pub(crate) fn is_adrift(&self) -> bool {
        self.standing.is_adrift() || (self.parent().is_some() && self.adrift_above)
    }

    /// True if it neither is the root nor has a parent.
    fn is_head_adrift(&self) -> bool {
        self.standing.is_adrift()
    }

    /// Who takes this member's place when it is gone.
    pub fn plug(&self) -> Option<I> {
        self.children.plug().map(|plug| plug.node)
    }

    fn send(&self, to: I, message: Message<I>, fx: &mut Effects<Effect<I>>) {
        fx.push(Effect::Send { to, message });
    }
}

/// Whether `node` is none of `named`.
fn is_new<I: Id>(named: &[I], node: I) -> bool {
    !named.contains(&node)
}
