//! A hash table that shows no order. Peers choose the keys, so the hash is keyed from the seed:
//! repeatable for us and unpredictable for them.

use core::{
    fmt,
    hash::{Hash, Hasher as _},
};

use hashbrown::hash_table::HashTable;
use siphasher::sip::SipHasher13;

use super::{Rng, Slot};

/// Room that is kept whether or not there are so many keys.
const LEAST: usize = 64;

/// Looks up values by key in constant time. There is no way to walk over it, so that nothing can
/// come to depend on the order of a hash.
pub struct Index<K, V> {
    table: HashTable<(K, V)>,
    hasher: SipHasher13,
}

impl<K: Hash + Eq, V> Index<K, V> {
    /// An empty index whose hash is keyed from `rng`.
    pub fn new(rng: &mut Rng) -> Self {
        Self {
            table: HashTable::new(),
            hasher: SipHasher13::new_with_keys(rng.u64(), rng.u64()),
        }
    }

    /// An empty index with the same hash.
    pub const fn sibling<L, W>(&self) -> Index<L, W> {
        Index {
            table: HashTable::new(),
            hasher: self.hasher,
        }
    }

    /// A finder with the same hash.
    pub const fn finder(&self) -> Finder {
        Finder {
            table: HashTable::new(),
            hasher: self.hasher,
        }
    }

    /// The value under `key`.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.table
            .find(hash(&self.hasher, key), |(k, _)| k == key)
            .map(|(_, value)| value)
    }

    /// The value under `key`, to change.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.table
            .find_mut(hash(&self.hasher, key), |(k, _)| k == key)
            .map(|(_, value)| value)
    }

    /// Puts `value` under `key` and gives back what was there.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        if let Some(old) = self.get_mut(&key) {
            return Some(core::mem::replace(old, value));
        }
        let hasher = &self.hasher;
        self.table
            .insert_unique(hash(hasher, &key), (key, value), |(k, _)| hash(hasher, k));
        None
    }

    /// Takes away what is under `key`.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let found = self
            .table
            .find_entry(hash(&self.hasher, key), |(k, _)| k == key)
            .ok()?;
        let (_, value) = found.remove().0;
        let hasher = &self.hasher;
        fit(&mut self.table, |(k, _)| hash(hasher, k));
        Some(value)
    }

    /// True if something is under `key`.
    pub fn contains(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// True if there is no key.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}

/// Finds by key what stands in places and knows its key itself: a place costs a few bytes, however
/// long keys are. In all calls the keys of places are those under which they were put in.
pub struct Finder {
    table: HashTable<Slot>,
    hasher: SipHasher13,
}

impl Finder {
    /// An empty one whose hash is keyed from `rng`.
    pub fn new(rng: &mut Rng) -> Self {
        Self {
            table: HashTable::new(),
            hasher: SipHasher13::new_with_keys(rng.u64(), rng.u64()),
        }
    }

    /// An empty index with the same hash.
    pub const fn index<K, V>(&self) -> Index<K, V> {
        Index {
            table: HashTable::new(),
            hasher: self.hasher,
        }
    }

    /// The place of `key`; `is_it` tells if a place has it.
    pub fn find<K: Hash>(&self, key: &K, is_it: impl Fn(Slot) -> bool) -> Option<Slot> {
        let found = self.table.find(hash(&self.hasher, key), |at| is_it(*at));
        found.copied()
    }

    /// Notes that `key`, which nothing had, has its place at `slot`.
    pub fn insert<K: Hash>(&mut self, key: &K, slot: Slot, key_of: impl Fn(Slot) -> K) {
        let hasher = &self.hasher;
        let rehash = |at: &Slot| hash(hasher, &key_of(*at));
        self.table.insert_unique(hash(hasher, key), slot, rehash);
    }

    /// Forgets the place of `key`. What stands there may be gone already, if `key_of` does not ask.
    pub fn remove<K: Hash>(&mut self, key: &K, slot: Slot, key_of: impl Fn(Slot) -> K) {
        let hasher = &self.hasher;
        let found = self.table.find_entry(hash(hasher, key), |at| *at == slot);
        if let Ok(found) = found {
            found.remove();
            fit(&mut self.table, |at| hash(hasher, &key_of(*at)));
        }
    }

    /// The hash of a key, for what shares a few places among many keys.
    pub fn hash<K: Hash>(&self, key: &K) -> u64 {
        hash(&self.hasher, key)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// True if there is no key.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}

impl fmt::Debug for Finder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Finder({} keys)", self.table.len())
    }
}

/// Gives memory back when little is left of much.
fn fit<T>(table: &mut HashTable<T>, hash: impl Fn(&T) -> u64) {
    if table.capacity() > LEAST && table.len() * 4 < table.capacity() {
        table.shrink_to((table.len() * 2).max(LEAST), hash);
    }
}

fn hash<K: Hash>(hasher: &SipHasher13, key: &K) -> u64 {
    let mut state = *hasher;
    key.hash(&mut state);
    state.finish()
}

impl<K, V> fmt::Debug for Index<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Index({} keys)", self.table.len())
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use super::*;
    use crate::base::Seed;

    #[test]
    fn index_does_what_a_map_does() {
        let mut rng = Rng::new(&Seed::new([3; 32]));
        let (mut index, mut model) = (Index::new(&mut rng), BTreeMap::new());
        for _ in 0..5000 {
            let (key, value) = (rng.below(200), rng.u64());
            if rng.below(3) == 0 {
                assert_eq!(index.remove(&key), model.remove(&key));
            } else {
                assert_eq!(index.insert(key, value), model.insert(key, value));
            }
            assert_eq!(index.len(), model.len());
            assert_eq!(index.get(&key), model.get(&key));
            assert_eq!(index.contains(&(key + 1)), model.contains_key(&(key + 1)));
        }
    }
}
