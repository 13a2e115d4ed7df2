//! A hash table that shows no order. Peers choose the keys, so the hash is keyed from the seed:
//! repeatable for us and unpredictable for them.

use core::{
    fmt,
    hash::{Hash, Hasher as _},
};

use hashbrown::hash_table::HashTable;
use siphasher::sip::SipHasher13;

use super::Rng;

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
    pub fn sibling<L, W>(&self) -> Index<L, W> {
        Index {
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
        Some(found.remove().0.1)
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
