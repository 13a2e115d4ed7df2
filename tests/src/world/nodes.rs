//! The nodes of a world. Whoever may have changed one has it looked at again, and no other is.

use std::{
    collections::HashMap,
    net::SocketAddr,
    ops::{Deref, DerefMut, Index, IndexMut},
    slice,
};

use super::{Node, dice};

/// All nodes, in order, and who is reached where.
#[derive(Debug, Default)]
pub struct Nodes {
    pub(super) all: Vec<Node>,
    /// Nodes that somebody could change since they were looked at.
    pub(super) changed: Vec<usize>,
    pub(super) table: Table,
}

/// Who is reached where.
pub(super) type Table = HashMap<SocketAddr, usize, dice::Hashes>;

impl Nodes {
    pub(super) fn push(&mut self, node: Node) {
        self.all.push(node);
        self.note(self.all.len() - 1);
    }

    /// Puts another node in the place of this one.
    pub(super) fn put(&mut self, n: usize, mut node: Node) {
        let old = &mut self.all[n];
        node.listed = std::mem::take(&mut old.listed);
        (node.changed, node.heard, node.busy) = (old.changed, old.heard, old.busy);
        *old = node;
        self.note(n);
    }

    pub(super) fn note(&mut self, n: usize) {
        if !std::mem::replace(&mut self.all[n].changed, true) {
            self.changed.push(n);
        }
    }

    /// Who is reached there.
    pub(super) fn at(&self, address: SocketAddr) -> Option<usize> {
        self.table.get(&address).copied()
    }

    /// Brings the table up to date with where this node is reached.
    pub(super) fn list(&mut self, n: usize) {
        let node = &mut self.all[n];
        if node.reached().eq(node.listed.iter().copied()) {
            return;
        }
        for gone in std::mem::take(&mut node.listed) {
            if self.table.get(&gone) == Some(&n) {
                self.table.remove(&gone);
            }
        }
        node.listed = node.reached().collect();
        for here in &*node.listed {
            self.table.insert(*here, n);
        }
    }
}

impl Index<usize> for Nodes {
    type Output = Node;

    fn index(&self, n: usize) -> &Node {
        &self.all[n]
    }
}

impl IndexMut<usize> for Nodes {
    fn index_mut(&mut self, n: usize) -> &mut Node {
        self.note(n);
        &mut self.all[n]
    }
}

impl Deref for Nodes {
    type Target = [Node];

    fn deref(&self) -> &[Node] {
        &self.all
    }
}

impl DerefMut for Nodes {
    fn deref_mut(&mut self) -> &mut [Node] {
        for n in 0..self.all.len() {
            self.note(n);
        }
        &mut self.all
    }
}

impl<'a> IntoIterator for &'a Nodes {
    type IntoIter = slice::Iter<'a, Node>;
    type Item = &'a Node;

    fn into_iter(self) -> Self::IntoIter {
        self.all.iter()
    }
}

impl<'a> IntoIterator for &'a mut Nodes {
    type IntoIter = slice::IterMut<'a, Node>;
    type Item = &'a mut Node;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}
