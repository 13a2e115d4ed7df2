//! What a host keeps for its switch.

use std::ops::Index;

/// What was asked to be kept, by key. There are few keys and very many hosts: a vector in the order
/// of the keys, no longer than what is in it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Disk(Vec<(String, Box<[u8]>)>);

impl Disk {
    /// Keeps this under the key, instead of what was there.
    pub fn insert(&mut self, key: String, bytes: Vec<u8>) {
        let bytes = bytes.into_boxed_slice();
        match self.place(&key) {
            Ok(place) => self.0[place].1 = bytes,
            Err(place) => {
                self.0.reserve_exact(1);
                self.0.insert(place, (key, bytes));
            }
        }
    }

    /// What is kept under the key.
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        Some(&self.0[self.place(key).ok()?].1)
    }

    /// Everything.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(key, bytes)| (&**key, &**bytes))
    }

    /// Every key.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(key, _)| key)
    }

    /// Forgets everything but what is under these keys.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|(key, _)| keep(key));
    }

    fn place(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|it| (*it.0).cmp(key))
    }
}

impl<K: AsRef<str> + ?Sized> Index<&K> for Disk {
    type Output = [u8];

    fn index(&self, key: &K) -> &[u8] {
        self.get(key.as_ref()).expect("it was kept")
    }
}
