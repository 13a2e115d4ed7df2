//! The hash tree of a file: the BLAKE3 tree itself, cut off at groups of 1 MiB. Its root is the
//! file's BLAKE3 hash, so that any other BLAKE3 program can check the file as well.
//!
//! The nodes above the groups are called *parents*; a parent is the chaining values of its two
//! halves. In pre-order each parent is proved by what came before it, and so is each group: nothing
//! is held but one value a level, however large the file says it is.

use std::{fmt, io};

use blake3::{
    Hash, Hasher,
    hazmat::{
        ChainingValue, HasherExt as _, Mode, left_subtree_len, merge_subtrees_non_root,
        merge_subtrees_root,
    },
};

/// Bytes of a group: what is checked at once. A power of two of BLAKE3's chunks, so that a group is
/// a subtree.
pub(crate) const GROUP: u64 = 1 << 20;

/// Bytes of the largest file that is spoken of; far below where BLAKE3's own counter ends.
pub(crate) const SIZE_MAX: u64 = 1 << 56;

/// The two halves of a parent.
pub(crate) type Parent = [u8; 64];

/// What was sent is not what the root hash stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mismatch;

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes are not those that the root hash stands for")
    }
}

/// What a node must hash to.
#[derive(Clone, Copy, Debug)]
enum Expected {
    Root(Hash),
    Node(ChainingValue),
}

/// A part of the file and what it must hash to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Proof {
    expected: Expected,
    /// Where the part begins.
    pub(crate) offset: u64,
    /// Bytes of it.
    pub(crate) len: u64,
}

impl Proof {
    /// Groups of the part.
    pub(crate) fn groups(&self) -> u64 {
        groups_of(self.len)
    }

    /// Checks a part that is had already: `values` are the [`group_value`]s of all that is had.
    ///
    /// # Errors
    /// [`Mismatch`] if they are those of something else.
    pub(crate) fn check_held(&self, values: &[ChainingValue]) -> Result<(), Mismatch> {
        let first = (self.offset / GROUP) as usize;
        let values = values.get(first..first + self.groups() as usize);
        let value = match values.ok_or(Mismatch)? {
            [value] => *value,
            values => {
                let (left, right) = collect_parents(values, self.len, &mut Vec::new());
                match self.expected {
                    Expected::Root(_) => *merge_subtrees_root(&left, &right, Mode::Hash).as_bytes(),
                    Expected::Node(_) => merge_subtrees_non_root(&left, &right, Mode::Hash),
                }
            }
        };
        let right = match self.expected {
            Expected::Root(root) => root == Hash::from_bytes(value),
            Expected::Node(node) => node == value,
        };
        if right { Ok(()) } else { Err(Mismatch) }
    }

    /// Checks the bytes of a group.
    ///
    /// # Errors
    /// [`Mismatch`] if they are others.
    pub(crate) fn check(&self, data: &[u8]) -> Result<(), Mismatch> {
        let right = data.len() as u64 == self.len
            && match self.expected {
                Expected::Root(root) => blake3::hash(data) == root,
                Expected::Node(value) => chaining_value(self.offset, data) == value,
            };
        if right { Ok(()) } else { Err(Mismatch) }
    }
}

/// What comes next in pre-order.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// A parent: hand it to [`Walk::parent`].
    Parent,
    /// A part that is had already: check it by [`Proof::check_held`].
    Held(Proof),
    /// A group: check it by its proof.
    Group(Proof),
    /// Nothing: this was the whole file.
    End,
}

/// A walk over the tree of a file of which only size and root are known.
#[derive(Debug)]
pub(crate) struct Walk {
    ahead: Vec<Proof>,
    held: u64,
}

impl Walk {
    /// The walk over a file of `size` bytes, at most [`SIZE_MAX`], of which the first `groups` are
    /// had already.
    pub(crate) fn new(root: Hash, size: u64, groups: u64) -> Self {
        Self {
            ahead: vec![Proof {
                expected: Expected::Root(root),
                offset: 0,
                len: size,
            }],
            held: groups.saturating_mul(GROUP).min(size),
        }
    }

    /// What comes next. A group or what is held counts as done once it was given; a parent is given
    /// again until [`Walk::parent`] has proved it.
    pub(crate) fn step(&mut self) -> Step {
        match self.ahead.pop() {
            None => Step::End,
            Some(node) if self.held > 0 && node.offset + node.len <= self.held => Step::Held(node),
            Some(node) if node.len <= GROUP => Step::Group(node),
            Some(node) => {
                self.ahead.push(node);
                Step::Parent
            }
        }
    }

    /// Proves the parent that comes next, and goes on with its halves.
    ///
    /// # Errors
    /// [`Mismatch`] if it is another, or if no parent comes next.
    pub(crate) fn parent(&mut self, parent: &Parent) -> Result<(), Mismatch> {
        let node = self.ahead.pop().filter(|node| node.len > GROUP);
        let node = node.ok_or(Mismatch)?;
        let (left, right) = halves(parent);
        let proved = match node.expected {
            Expected::Root(root) => merge_subtrees_root(&left, &right, Mode::Hash) == root,
            Expected::Node(value) => merge_subtrees_non_root(&left, &right, Mode::Hash) == value,
        };
        if !proved {
            return Err(Mismatch);
        }
        let left_len = left_subtree_len(node.len);
        self.ahead.push(Proof {
            expected: Expected::Node(right),
            offset: node.offset + left_len,
            len: node.len - left_len,
        });
        self.ahead.push(Proof {
            expected: Expected::Node(left),
            offset: node.offset,
            len: left_len,
        });
        Ok(())
    }
}

/// The root of a file and every parent in pre-order: 64 bytes of memory for each MiB of the file.
#[derive(Debug)]
pub(crate) struct Outline {
    /// The file's BLAKE3 hash.
    pub(crate) root: Hash,
    /// The parents in pre-order.
    pub(crate) parents: Vec<Parent>,
}

impl Outline {
    /// Hashes a file of `size` bytes. `read` fills a buffer from an offset; `done` is told the
    /// bytes of each group that was hashed.
    ///
    /// # Errors
    /// What `read` gives.
    pub(crate) fn of(
        size: u64,
        mut read: impl FnMut(&mut [u8], u64) -> io::Result<()>,
        mut done: impl FnMut(u64),
    ) -> io::Result<Self> {
        let mut buffer = vec![0; size.min(GROUP) as usize];
        let mut values = Vec::new();
        for index in 0..groups_of(size) {
            let offset = index * GROUP;
            let len = (size - offset).min(GROUP);
            let group = &mut buffer[..len as usize];
            read(group, offset)?;
            values.push(group_value(size, offset, group));
            done(len);
        }
        let mut parents = Vec::with_capacity(values.len().saturating_sub(1));
        let root = if let [value] = values[..] {
            Hash::from_bytes(value)
        } else {
            let (left, right) = collect_parents(&values, size, &mut parents);
            merge_subtrees_root(&left, &right, Mode::Hash)
        };
        Ok(Self { root, parents })
    }
}

/// Appends the parents over `values`, in pre-order, and gives the halves of the first.
fn collect_parents(
    values: &[ChainingValue],
    len: u64,
    parents: &mut Vec<Parent>,
) -> (ChainingValue, ChainingValue) {
    let here = parents.len();
    parents.push([0; 64]);
    let left_len = left_subtree_len(len);
    let (left, right) = values.split_at((left_len / GROUP) as usize);
    let mut half = |values: &[ChainingValue], len| match values {
        [value] => *value,
        _ => {
            let (left, right) = collect_parents(values, len, parents);
            merge_subtrees_non_root(&left, &right, Mode::Hash)
        }
    };
    let (left, right) = (half(left, left_len), half(right, len - left_len));
    parents[here][..32].copy_from_slice(&left);
    parents[here][32..].copy_from_slice(&right);
    (left, right)
}

/// Groups of so many bytes; nothing is one group as well.
pub(crate) fn groups_of(len: u64) -> u64 {
    len.div_ceil(GROUP).max(1)
}

/// What a group of a file of `size` bytes hashes to: the root itself where it is the only one.
pub(crate) fn group_value(size: u64, offset: u64, data: &[u8]) -> ChainingValue {
    if size <= GROUP {
        *blake3::hash(data).as_bytes()
    } else {
        chaining_value(offset, data)
    }
}

fn chaining_value(offset: u64, data: &[u8]) -> ChainingValue {
    let mut hasher = Hasher::new();
    hasher.set_input_offset(offset);
    hasher.update(data);
    hasher.finalize_non_root()
}

fn halves(parent: &Parent) -> (ChainingValue, ChainingValue) {
    let (mut left, mut right) = ([0; 32], [0; 32]);
    left.copy_from_slice(&parent[..32]);
    right.copy_from_slice(&parent[32..]);
    (left, right)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(len: u64) -> Vec<u8> {
        let mut data = vec![0; len as usize];
        Hasher::new().finalize_xof().fill(&mut data);
        data
    }

    fn outline(data: &[u8]) -> Outline {
        let read = |into: &mut [u8], offset: u64| {
            into.copy_from_slice(&data[offset as usize..][..into.len()]);
            Ok(())
        };
        Outline::of(data.len() as u64, read, |_done| {}).unwrap()
    }

    const SIZES: [u64; 9] = [
        0,
        1,
        GROUP - 1,
        GROUP,
        GROUP + 1,
        2 * GROUP,
        3 * GROUP + 1,
        4 * GROUP - 1,
        5 * GROUP + 1,
    ];

    #[test]
    fn hashes_root_is_the_blake3_hash_of_the_file() {
        for size in SIZES {
            let data = bytes(size);
            let outline = outline(&data);
            assert_eq!(outline.root, blake3::hash(&data), "{size}");
            let groups = size.div_ceil(GROUP).max(1) as usize;
            assert_eq!(outline.parents.len(), groups - 1, "{size}");
        }
    }

    #[test]
    fn hashes_walk_proves_each_group_in_order() {
        for size in SIZES {
            let data = bytes(size);
            let outline = outline(&data);
            let mut walk = Walk::new(outline.root, size, 0);
            let (mut parents, mut taken) = (outline.parents.iter(), 0);
            loop {
                match walk.step() {
                    Step::Parent => walk.parent(parents.next().unwrap()).unwrap(),
                    Step::Group(proof) => {
                        assert_eq!(proof.offset, taken);
                        let group = &data[taken as usize..][..proof.len as usize];
                        assert_eq!(proof.check(group), Ok(()));
                        let mut flipped = group.to_vec();
                        if let Some(last) = flipped.last_mut() {
                            *last ^= 1;
                            assert_eq!(proof.check(&flipped), Err(Mismatch));
                        }
                        taken += proof.len;
                    }
                    Step::Held(_) => panic!("nothing is held"),
                    Step::End => break,
                }
            }
            assert_eq!((taken, parents.next()), (size, None), "{size}");
        }
    }

    #[test]
    fn hashes_a_flipped_bit_of_any_parent_is_found_there() {
        let data = bytes(5 * GROUP + 1);
        let outline = outline(&data);
        for (bad, byte) in (0..outline.parents.len()).flat_map(|bad| [(bad, 0), (bad, 63)]) {
            let mut walk = Walk::new(outline.root, data.len() as u64, 0);
            let mut seen = 0;
            let found = loop {
                match walk.step() {
                    Step::Parent => {
                        let mut parent = outline.parents[seen];
                        parent[byte] ^= u8::from(seen == bad);
                        if walk.parent(&parent).is_err() {
                            break seen;
                        }
                        seen += 1;
                    }
                    Step::Group(_) | Step::Held(_) => {}
                    Step::End => panic!("parent {bad} was taken"),
                }
            };
            assert_eq!(found, bad);
        }
    }

    #[test]
    fn hashes_a_huge_size_costs_one_value_a_level() {
        let mut walk = Walk::new(Hash::from_bytes([1; 32]), SIZE_MAX, 0);
        assert!(matches!(walk.step(), Step::Parent));
        assert_eq!(walk.parent(&[0; 64]), Err(Mismatch));
    }

    #[test]
    fn hashes_what_is_held_is_proved_by_the_parents_beside_it() {
        for (size, held) in SIZES
            .iter()
            .flat_map(|size| (1..=5).map(move |held| (*size, held)))
        {
            if size == 0 || held > groups_of(size) {
                continue;
            }
            let data = bytes(size);
            let outline = outline(&data);
            let mut values: Vec<_> = (0..held)
                .map(|group| {
                    let offset = group * GROUP;
                    let end = size.min(offset + GROUP);
                    group_value(size, offset, &data[offset as usize..end as usize])
                })
                .collect();
            let groups = |values: &[ChainingValue]| {
                let mut walk = Walk::new(outline.root, size, held);
                let (mut parent, mut groups) = (0, 0);
                loop {
                    match walk.step() {
                        Step::Parent => {
                            walk.parent(&outline.parents[parent]).unwrap();
                            parent += 1;
                        }
                        Step::Held(proof) => {
                            proof.check_held(values)?;
                            parent += proof.groups() as usize - 1;
                        }
                        Step::Group(_) => groups += 1,
                        Step::End => return Ok(groups),
                    }
                }
            };
            assert_eq!(groups(&values), Ok(groups_of(size) - held), "{size} {held}");
            values[held as usize - 1][0] ^= 1;
            assert_eq!(groups(&values), Err(Mismatch), "{size} {held}");
            assert_eq!(groups(&[]), Err(Mismatch), "{size} {held}");
        }
    }
}
