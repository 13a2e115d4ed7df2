//! What few members have, sorted by their prefixes.

use alloc::vec::Vec;

use super::word::Prefix;

/// A table of few things by prefix.
#[derive(Debug)]
pub(super) struct Beside<T> {
    things: Vec<(Prefix, T)>,
}

impl<T> Beside<T> {
    pub(super) const fn new() -> Self {
        Self { things: Vec::new() }
    }

    fn at(&self, prefix: Prefix) -> Result<usize, usize> {
        self.things.binary_search_by_key(&prefix, |(it, _)| *it)
    }

    pub(super) fn find(&self, prefix: Prefix) -> Option<&T> {
        self.at(prefix).ok().map(|at| &self.things[at].1)
    }

    pub(super) fn put(&mut self, prefix: Prefix, thing: T) {
        match self.at(prefix) {
            Ok(at) => self.things[at].1 = thing,
            Err(at) => {
                reserve(&mut self.things);
                self.things.insert(at, (prefix, thing));
            }
        }
    }

    pub(super) fn take(&mut self, prefix: Prefix) {
        if let Ok(at) = self.at(prefix) {
            self.things.remove(at);
            fit(&mut self.things);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(Prefix, T)> {
        self.things.iter()
    }

    /// Bytes held, if each thing holds `each` besides.
    pub(super) fn held_bytes(&self, each: impl Fn(&T) -> usize) -> usize {
        let things: usize = self.things.iter().map(|(_, thing)| each(thing)).sum();
        self.things.capacity() * size_of::<(Prefix, T)>() + things
    }
}

/// Makes room for one more, and a sixty-fourth part besides: doubling would leave half of a
/// table empty.
pub(super) fn reserve<T>(table: &mut Vec<T>) {
    if table.len() == table.capacity() {
        table.reserve_exact(table.len() / 64 + 4);
    }
}

/// Gives memory back when an eighth of it is left over.
pub(super) fn fit<T>(table: &mut Vec<T>) {
    if table.capacity() - table.len() > table.capacity() / 8 + 64 {
        table.shrink_to(table.len() + table.len() / 64 + 4);
    }
}
