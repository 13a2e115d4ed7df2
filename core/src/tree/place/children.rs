//! The slots of a member: its children, what it offered, and what it keeps for an heir.

use alloc::vec::Vec;

use super::{Below, Id, OPEN_MOST, Open, Plug};

/// Who hangs below.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Child<I> {
    pub(super) node: I,
    pub(super) below: Below<I>,
    /// What it was told last; `None` where the path changed since.
    pub(super) told: Option<Told<I>>,
    /// How often it may ask for a new reign until the next beat.
    raises: u8,
}

/// New reigns that a child may ask for at once, and then one each beat: each costs a message a
/// member.
const RAISES_MOST: u8 = 8;

/// What a child was told and what is not told again until it changes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Told<I> {
    pub(super) plug: Option<I>,
    pub(super) moving: bool,
    pub(super) size: u32,
    /// The depth of the shallowest open slot outside of it, where that is of use to it.
    pub(super) rest: Option<u16>,
}

/// A slot that is kept for somebody who has not come yet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Offer<I> {
    pub(super) node: I,
    /// The child that gives way.
    pub(super) instead: Option<I>,
    old: bool,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Children<I> {
    pub(super) list: Vec<Child<I>>,
    offers: Vec<Offer<I>>,
    /// Inner children that are gone, whose places are kept for their heirs.
    holes: Vec<(I, bool)>,
}

impl<I: Id> Children<I> {
    pub(super) const fn new() -> Self {
        Self {
            list: Vec::new(),
            offers: Vec::new(),
            holes: Vec::new(),
        }
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = I> {
        self.list.iter().map(|child| child.node)
    }

    pub(super) fn contains(&self, node: I) -> bool {
        self.nodes().any(|child| child == node)
    }

    pub(super) fn find(&mut self, node: I) -> Option<&mut Child<I>> {
        self.list.iter_mut().find(|child| child.node == node)
    }

    /// Slots that nobody has and nobody was promised.
    pub(super) fn free(&self, arity: u8) -> usize {
        let promised = self.offers.iter().filter(|offer| offer.instead.is_none());
        let taken = self.list.len() + promised.count() + self.holes.len();
        usize::from(arity).saturating_sub(taken)
    }

    /// Keeps a slot for `node`, be it the place of `instead`.
    pub(super) fn offer(&mut self, node: I, instead: Option<I>) {
        self.offers.retain(|offer| offer.node != node);
        self.offers.push(Offer {
            node,
            instead,
            old: false,
        });
    }

    /// Ends the offer to `node`.
    pub(super) fn take_offer(&mut self, node: I) -> Option<Offer<I>> {
        let at = self.offers.iter().position(|offer| offer.node == node)?;
        Some(self.offers.remove(at))
    }

    /// Whether it is a child, or was offered to be one.
    pub(super) fn expects(&self, node: I) -> bool {
        self.contains(node) || self.offers.iter().any(|offer| offer.node == node)
    }

    /// Whether this child's place is promised to somebody else.
    pub(super) fn gives_way(&self, node: I) -> bool {
        self.offers.iter().any(|offer| offer.instead == Some(node))
    }

    pub(super) fn add(&mut self, node: I, below: Below<I>) {
        self.list.push(Child {
            node,
            below,
            told: None,
            raises: RAISES_MOST,
        });
    }

    /// Whether this child may ask for a new reign now; counts it.
    pub(super) fn may_raise(&mut self, node: I) -> bool {
        let child = self.find(node);
        child.is_some_and(|child| {
            let may = child.raises > 0;
            child.raises = child.raises.saturating_sub(1);
            may
        })
    }

    /// A beat is over.
    pub(super) fn beat(&mut self) {
        for child in &mut self.list {
            child.raises = (child.raises + 1).min(RAISES_MOST);
        }
    }

    pub(super) fn remove(&mut self, node: I) -> Option<Child<I>> {
        let at = self.list.iter().position(|child| child.node == node)?;
        Some(self.list.remove(at))
    }

    /// Keeps the place of a child that is gone for its heir.
    pub(super) fn keep_hole(&mut self, node: I) {
        self.holes.push((node, false));
    }

    /// Ends that; false if nothing was kept.
    pub(super) fn take_hole(&mut self, node: I) -> bool {
        let before = self.holes.len();
        self.holes.retain(|(hole, _)| *hole != node);
        self.holes.len() < before
    }

    /// Ends that for any one of them.
    pub(super) fn give_hole(&mut self) {
        self.holes.pop();
    }

    /// Drops what is two turns old; false if nothing is left that ages.
    pub(super) fn age(&mut self) -> bool {
        self.offers.retain(|offer| !offer.old);
        for offer in &mut self.offers {
            offer.old = true;
        }
        age(&mut self.holes);
        !self.offers.is_empty() || !self.holes.is_empty()
    }

    pub(super) fn size(&self) -> u32 {
        let sizes = self.list.iter().map(|child| child.below.size);
        sizes.fold(1, u32::saturating_add)
    }

    pub(super) fn height(&self) -> u16 {
        let heights = self
            .list
            .iter()
            .map(|child| child.below.height.saturating_add(1));
        heights.max().unwrap_or(0)
    }

    /// The deepest leaf below; of equals the one that has been there longest, then the smaller.
    pub(super) fn plug(&self) -> Option<Plug<I>> {
        let plugs = self.list.iter().filter_map(|child| child.below.plug);
        let plugs = plugs.map(|plug| Plug {
            depth: plug.depth.saturating_add(1),
            ..plug
        });
        plugs.max_by_key(|plug| (plug.depth, plug.stay, core::cmp::Reverse(plug.node)))
    }

    /// The shallowest open slots below, but for those below `but`, as levels from here.
    pub(super) fn open(&self, but: Option<I>) -> Vec<Open<I>> {
        let mut open = Vec::new();
        // In turn, so that of equals there are some of each child.
        for turn in 0..OPEN_MOST {
            let children = self.list.iter().filter(|child| Some(child.node) != but);
            let told = children.filter_map(|child| child.below.open.get(turn));
            open.extend(told.map(|open| Open {
                depth: open.depth.saturating_add(1),
                ..*open
            }));
        }
        open
    }

    /// A child that takes no children and has not to give way yet.
    pub(super) fn idle(&self) -> Option<I> {
        let mut idle = self.list.iter().filter(|child| child.below.leaf);
        idle.find(|child| !self.gives_way(child.node))
            .map(|child| child.node)
    }
}

/// Drops what was marked before, and marks the rest.
pub(super) fn age<I>(kept: &mut Vec<(I, bool)>) {
    kept.retain(|(_, old)| !old);
    for (_, old) in kept {
        *old = true;
    }
}

/// The best few of these slots, the shallowest first, those that are held last, and of equals a
/// few of each teller.
pub(super) fn shallowest<I: Id>(mut open: Vec<Open<I>>) -> Vec<Open<I>> {
    open.sort_by_key(|open| (open.held, open.depth));
    open.truncate(OPEN_MOST);
    open
}
