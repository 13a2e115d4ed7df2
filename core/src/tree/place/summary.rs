//! What a member knows of the slots and sizes around it.

use alloc::vec::Vec;

use super::{
    Below, Id, Open, Place, Plug,
    children::shallowest,
    word::{HEIGHT_MOST, SIZE_MOST},
};

impl<I: Id> Place<I> {
    pub(super) fn below_size(&self) -> u32 {
        self.children.size()
    }

    /// Free slots that anybody may have.
    pub(super) fn free(&self) -> usize {
        if self.settings.leaf || self.kept.is_some() || self.gone {
            return 0;
        }
        self.children.free(self.settings.arity)
    }

    /// Free slots for those who stood below `hole`.
    pub(super) fn free_for(&self, hole: Option<I>) -> usize {
        match self.kept {
            Some((kept, _)) if hole == Some(kept) => self.children.free(self.settings.arity),
            Some(_) => 0,
            None => self.free(),
        }
    }

    /// Itself, as a holder of an open slot.
    fn own_open(&self) -> Option<Open<I>> {
        let free = self.free() > 0;
        let held = !free && self.children.idle().is_some();
        (free || held).then_some(Open {
            node: self.me,
            depth: 0,
            held,
        })
    }

    /// What the parent is told.
    pub(super) fn below(&self) -> Below<I> {
        let leaf = self.settings.leaf;
        let own = (self.children.list.is_empty() && !leaf).then(|| Plug {
            node: self.me,
            depth: 0,
            stay: self.stay_class(),
        });
        let open = self.own_open().into_iter().chain(self.children.open(None));
        Below {
            size: self.children.size().min(SIZE_MOST),
            height: self.children.height().min(HEIGHT_MOST),
            leaf,
            plug: own.or_else(|| self.children.plug()),
            open: shallowest(open.collect()),
        }
    }

    fn stay_class(&self) -> u8 {
        u8::try_from((self.stay + 1).ilog2()).unwrap_or(u8::MAX)
    }

    /// Open slots outside of what is below the child `but`, with depths from the root. Each child
    /// is told others: a slot that all knew of would be asked for by all.
    pub(super) fn rest_for(&self, but: Option<I>) -> Vec<Open<I>> {
        let depth = self.depth();
        let own = self.own_open().into_iter();
        let near = own.chain(self.children.open(but)).map(|open| Open {
            depth: open.depth.saturating_add(depth),
            ..open
        });
        let free = self.rest.iter().filter(|open| !open.held).count();
        // Where there are few, each has to know of them: one that takes no children needs a free one.
        let children = self.children.list.len();
        let shared = free >= children.max(1);
        let place = self.children.nodes().position(|node| Some(node) == but);
        let (first, step) = match place.filter(|_| shared) {
            Some(place) => (place, children),
            None => (0, 1),
        };
        let rest = self.rest.iter().skip(first).step_by(step);
        shallowest(near.chain(rest.copied()).collect())
    }

    /// How deep a member may stand without looking for a better place.
    pub(super) fn limit(&self) -> u16 {
        optimum(self.size(), self.settings.arity) + 1
    }
}

/// The depth of the deepest member in a tree of `size` that is as shallow as can be.
pub(super) fn optimum(size: u32, arity: u8) -> u16 {
    let (mut depth, mut level, mut room) = (0, 1_u64, 1_u64);
    while room < u64::from(size) {
        level *= u64::from(arity);
        room += level;
        depth += 1;
    }
    depth
}
