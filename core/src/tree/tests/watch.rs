//! What is looked at after every step: nobody stands below itself, and nobody is told a message
//! twice, out of order, or one that was not said.

use std::{collections::BTreeSet, format, string::String, vec::Vec};

use super::{
    super::{cast::Told, *},
    world::{Input, Kind, Member, World},
};
use crate::identity::{PublicKey, Signature};

impl Member {
    pub(super) fn receive(&mut self, from: usize, kind: Kind, bytes: &[u8]) {
        if self.is_puppet {
            self.inbox.push((from, kind, bytes.into()));
        }
    }
}

impl World {
    /// Tells members what happened to their lines, until there is nothing more.
    pub(super) fn settle(&mut self) {
        while let Some((at, to, input)) = self.inputs.pop_front() {
            let key = self.members[to].node.key;
            let remote = super::world::address(to);
            let slot = to as u32;
            match input {
                Input::Up => {
                    self.call(at, |tree, now, _, fx| {
                        tree.on_up(now, (slot, key), remote, fx);
                    });
                }
                Input::Down => {
                    self.call(at, |tree, now, heard, fx| {
                        tree.on_down(now, &key, heard, fx);
                    });
                }
                Input::Begun => {
                    self.call(at, |tree, now, _, _| tree.on_begun(now, slot));
                    self.take_bulk(at, to);
                }
                Input::Moved => self.take_bulk(at, to),
                Input::NewLife => self.begin_life(at),
            }
        }
    }

    /// Gives a member what came on a link, as far as it reads.
    fn take_bulk(&mut self, at: usize, from: usize) {
        let slot = from as u32;
        loop {
            let tree = self.members[at].tree.as_ref();
            if tree.is_some_and(|tree| tree.is_held(self.now, slot)) {
                return;
            }
            let half = self.halves.get_mut(&(at, from));
            let Some((id, bytes)) = half.and_then(|half| half.next()) else {
                return;
            };
            let len = bytes.len();
            self.members[at].receive(from, Kind::Bulk, &bytes);
            let space = self.space;
            let verify = |key: &PublicKey, kind: &str, bytes: &[u8], it: &Signature| {
                key.verify(kind, &space, bytes, it)
            };
            self.call(at, |tree, now, heard, fx| {
                tree.on_bulk(now, slot, &bytes, (&verify, heard), fx);
            });
            self.send(at, from, super::half::Wire::Took { id, len });
        }
    }

    /// A member was greeted by another: it learns of the line and of its peer.
    pub(super) fn greeted(&mut self, from: usize, to: usize, said: (u64, core::net::SocketAddr)) {
        let key = self.members[from].node.key;
        let remote = super::world::address(from);
        let slot = from as u32;
        if self.members[to].is_puppet {
            return self.say_place(to, from, Vec::new(), false);
        }
        self.call(to, |tree, now, _, fx| {
            tree.on_up(now, (slot, key), remote, fx);
        });
        let said = (said.0, Some(said.1));
        self.call(to, |tree, now, heard, fx| {
            tree.on_greeting(now, (slot, key), said, heard, fx);
        });
    }

    /// Reads all that a member may read, and looks whether it is true.
    pub(super) fn read(&mut self, at: usize) {
        let mut buf = std::vec![0; cast::MESSAGE_MOST];
        while let Some(tree) = self.members[at].tree.as_mut() {
            let Ok(told) = tree.read(&mut buf) else {
                return;
            };
            let books = &mut self.books;
            match told {
                Told::Message {
                    origin,
                    sequence,
                    len,
                    ..
                } => {
                    let said = books.said.get(&(origin, sequence));
                    let is_true = said.is_some_and(|said| *said == buf[..len]);
                    assert!(is_true, "{at} was told what {origin:?} never said");
                    let read = books.read.entry((at, origin)).or_default();
                    assert!(
                        sequence > read.0,
                        "{at} was told {sequence} after {}",
                        read.0
                    );
                    *read = (sequence, read.1 + 1);
                }
                Told::Gap {
                    origin,
                    first,
                    last,
                } => books.gaps.push((at, origin, first, last)),
            }
        }
    }

    /// What must hold at any time.
    pub(super) fn check(&self) {
        for at in self.honest() {
            let mut seen = BTreeSet::new();
            let mut next = Some(at);
            while let Some(one) = next {
                assert!(seen.insert(one), "{at} is below itself\n{}", self.draw());
                next = self.honest_parent(one);
            }
            for member in self.tree(at).image().members() {
                let Some(name) = &member.name else { continue };
                let is_honest = self
                    .honest()
                    .any(|it| self.members[it].node.key == member.node.key);
                let claimed = (member.node.key, name.clone());
                assert!(
                    !is_honest || self.books.names.contains(&claimed),
                    "{at} believes in {name}"
                );
            }
        }
    }

    /// Those who run as they should.
    pub(super) fn honest(&self) -> impl Iterator<Item = usize> + '_ {
        let all = self.members.iter().enumerate();
        all.filter(|(_, it)| it.tree.is_some() && !it.lies)
            .map(|(at, _)| at)
    }

    fn honest_parent(&self, at: usize) -> Option<usize> {
        let parent = self.tree(at).standing().parent?;
        self.honest().find(|it| self.members[*it].node == parent)
    }

    /// Whom a member hangs on at last, whoever that is.
    pub(super) fn top(&self, at: usize) -> Option<usize> {
        let mut top = at;
        for _ in 0..self.members.len() {
            let tree = self.members[top].tree.as_ref()?;
            let Some(parent) = tree.standing().parent else {
                return tree.standing().is_root.then_some(top);
            };
            top = self.members.iter().position(|it| it.node == parent)?;
        }
        None
    }

    /// True if all honest members hang on one root.
    pub(super) fn is_one(&self) -> bool {
        let tops: BTreeSet<_> = self.honest().map(|at| self.top(at)).collect();
        tops.len() == 1 && !tops.contains(&None)
    }

    /// Runs until the honest members are one tree, at most so long, and tells how long it took.
    pub(super) fn heal(&mut self, most_ms: u64) -> u64 {
        let mut ms = 0;
        while !self.is_one() {
            assert!(ms < most_ms, "no tree after {ms} ms\n{}", self.draw());
            self.run(50);
            ms += 50;
        }
        // What is broadcast before a new link has said its positions is no newcomer's concern.
        self.run(500);
        ms
    }

    /// How many broadcasts of a member another has read.
    pub(super) fn got(&self, reader: usize, origin: usize) -> u64 {
        let node = self.members[origin].node;
        let read = self.books.read.get(&(reader, node));
        read.map_or(0, |read| read.1)
    }

    /// Every honest member says something, and every other one reads it within so long.
    pub(super) fn demand_all(&mut self, ms: u64) {
        let honest: Vec<usize> = self.honest().collect();
        let before: Vec<Vec<u64>> = honest
            .iter()
            .map(|reader| honest.iter().map(|it| self.got(*reader, *it)).collect())
            .collect();
        for at in &honest {
            self.broadcast(*at, format!("by {at} at {:?}", self.now).as_bytes());
        }
        self.run(ms);
        for (n, reader) in honest.iter().enumerate() {
            for (m, origin) in honest.iter().enumerate().filter(|it| it.0 != n) {
                let got = self.got(*reader, *origin);
                assert_eq!(
                    got,
                    before[n][m] + 1,
                    "{reader} of {origin}\n{}",
                    self.draw()
                );
            }
        }
    }

    /// Every one and its parent.
    pub(super) fn draw(&self) -> String {
        let mut text = format!("at {} ms\n", self.now.as_us() / 1000);
        for (at, member) in self.members.iter().enumerate() {
            let Some(tree) = &member.tree else { continue };
            let standing = tree.standing();
            let parent = standing.parent.map(|node| self.index(&node.key));
            let backup = tree.backup().map(|key| self.index(&key));
            text += &format!(
                "{at}{}: parent {parent:?} depth {} root {} settled {} backup {backup:?} size {}\n",
                if member.lies { "!" } else { "" },
                standing.depth,
                standing.is_root,
                standing.is_settled,
                standing.members,
            );
        }
        text
    }
}

impl World {
    pub(super) fn parent(&self, at: usize) -> Option<usize> {
        let parent = self.tree(at).standing().parent?;
        Some(self.index(&parent.key))
    }

    pub(super) fn children(&self, at: usize) -> Vec<usize> {
        let children = self.tree(at).children();
        children.map(|node| self.index(&node.key)).collect()
    }

    pub(super) fn root(&self) -> usize {
        self.honest()
            .find(|at| self.tree(*at).standing().is_root)
            .unwrap()
    }

    /// A member that has no children.
    pub(super) fn leaf(&self) -> usize {
        self.honest()
            .find(|at| self.children(*at).is_empty())
            .unwrap()
    }

    /// A member that is not the root and has as many children as may be.
    pub(super) fn inner(&self) -> usize {
        let all = self.honest().filter(|at| self.parent(*at).is_some());
        all.max_by_key(|at| self.children(*at).len()).unwrap()
    }

    /// How often honest members counted this about places.
    pub(super) fn faults(&self, fault: place::Fault) -> u64 {
        let all = self.honest().flat_map(|at| &self.tree(at).stats().faults);
        all.filter(|it| it.0 == fault).map(|it| it.1).sum()
    }

    /// A sum over what honest members counted.
    pub(super) fn sum(&self, of: impl Fn(&Tree) -> u64) -> u64 {
        self.honest().map(|at| of(self.tree(at))).sum()
    }
}
