//! What the trees look like, by what each member says of itself.

use std::collections::{HashMap, HashSet};

use super::Colony;

/// What the trees of a colony look like, seen from outside.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// Members that are there.
    pub members: usize,
    /// The parent of each, if it has one that is there.
    pub parents: HashMap<usize, usize>,
    /// The children of each, in the order in which it has them.
    pub children: HashMap<usize, Vec<usize>>,
    /// Those without a parent.
    pub roots: Vec<usize>,
    /// Steps to the root of each.
    pub depths: HashMap<usize, usize>,
    /// The greatest of them.
    pub depth: usize,
    /// The least that it could be.
    pub optimum: usize,
    /// Members that stand in a loop.
    pub looped: usize,
    /// Links that one end has and the other has not, or not yet.
    pub torn: HashSet<(usize, usize)>,
}

/// Looks at all members.
pub fn shape(colony: &Colony, arity: u8) -> Shape {
    let there = colony.there();
    let keys = there.iter().map(|n| (colony.world.nodes[*n].key, *n));
    let by_key: HashMap<_, _> = keys.collect();
    let mut shape = Shape {
        members: there.len(),
        optimum: optimum(there.len(), arity),
        ..Shape::default()
    };
    for n in &there {
        let tree = colony.tree(*n);
        let parent = tree.standing().parent;
        match parent.and_then(|parent| by_key.get(&parent.key)) {
            Some(parent) => {
                shape.parents.insert(*n, *parent);
            }
            None => shape.roots.push(*n),
        }
        let children = tree.children();
        let children = children.filter_map(|child| by_key.get(&child.key).copied());
        shape.children.insert(*n, children.collect());
    }
    for n in &there {
        let (mut at, mut steps) = (*n, 0);
        while let Some(parent) = shape.parents.get(&at) {
            (at, steps) = (*parent, steps + 1);
            if steps > there.len() {
                shape.looped += 1;
                break;
            }
        }
        shape.depths.insert(*n, steps);
        shape.depth = shape.depth.max(steps);
        let parent = shape.parents.get(n);
        let knows = |parent: &usize| shape.children[parent].contains(n);
        let parent = parent.filter(|parent| !knows(parent));
        let own = shape.children[n].iter();
        let gone = own.filter(|child| shape.parents.get(child) != Some(n));
        shape
            .torn
            .extend(parent.into_iter().chain(gone).map(|other| (*n, *other)));
    }
    shape
}

impl Shape {
    /// True if it is one tree, and all ends agree.
    pub fn is_one(&self) -> bool {
        self.hangs_together() && self.torn.is_empty()
    }

    /// True if everybody hangs on one root.
    fn hangs_together(&self) -> bool {
        self.roots.len() == 1 && self.looped == 0
    }

    /// The same of a tree whose members move: no link may be torn now that was torn in `before`,
    /// when a word took less time than has gone by since.
    pub fn is_one_since(&self, before: &Self) -> bool {
        self.hangs_together() && self.torn.is_disjoint(&before.torn)
    }

    /// Steps between two members of one tree.
    pub fn hops(&self, one: usize, other: usize) -> usize {
        let above = |mut at: usize| {
            let mut path = vec![at];
            while let Some(parent) = self.parents.get(&at) {
                at = *parent;
                path.push(at);
            }
            path.reverse();
            path
        };
        let (one, other) = (above(one), above(other));
        let common = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
        one.len() + other.len() - 2 * common
    }

    /// Steps from a member to the one that is farthest from it.
    pub fn farthest(&self, from: usize) -> usize {
        let mut steps = HashMap::from([(from, 0)]);
        let mut queue = std::collections::VecDeque::from([from]);
        let mut most = 0;
        while let Some(at) = queue.pop_front() {
            let here = steps[&at];
            most = most.max(here);
            let near = self.children[&at].iter().chain(self.parents.get(&at));
            for next in near {
                if !steps.contains_key(next) {
                    steps.insert(*next, here + 1);
                    queue.push_back(*next);
                }
            }
        }
        most
    }
}

/// The depth of a complete tree of so many members.
pub(super) fn optimum(members: usize, arity: u8) -> usize {
    let (mut depth, mut level, mut room) = (0, 1, 1);
    while room < members {
        depth += 1;
        level *= usize::from(arity);
        room += level;
    }
    depth
}
