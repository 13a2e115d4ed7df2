//! Datagrams on their way.

use std::net::SocketAddr;

use hydroid_core::base::Time;

/// Something is on its way for fewer spans of time than this.
pub(super) const SPANS: usize = 16;

/// Datagrams, and when the first of them arrives.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) heads: Vec<Head>,
    pub(super) bytes: Vec<u8>,
    pub(super) next: Time,
}

/// A datagram. They are taken in the order of these fields.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Head {
    pub(super) to: usize,
    pub(super) at: Time,
    pub(super) from: usize,
    /// Its number among those of its sender.
    pub(super) sequence: u64,
    /// Where its bytes stand.
    pub(super) start: usize,
    pub(super) len: usize,
    pub(super) addresses: (SocketAddr, SocketAddr),
}

impl Default for Parcel {
    fn default() -> Self {
        Self {
            heads: Vec::new(),
            bytes: Vec::new(),
            next: Time::NEVER,
        }
    }
}

impl Parcel {
    /// Puts in a datagram. Its bytes are copied into memory that is used again.
    pub(super) fn put(&mut self, head: Head, bytes: &[u8]) {
        self.next = self.next.min(head.at);
        self.heads.push(Head {
            start: self.bytes.len(),
            len: bytes.len(),
            ..head
        });
        self.bytes.extend_from_slice(bytes);
    }

    /// Gives those that arrive before then, in order; their bytes stay.
    pub(super) fn take(&mut self, before: Time, due: &mut Vec<Head>) {
        due.extend(self.heads.extract_if(.., |head| head.at < before));
        due.sort_unstable();
        let left = self.heads.iter().map(|head| head.at);
        self.next = left.min().unwrap_or(Time::NEVER);
    }

    /// Puts all of it into others.
    pub(super) fn empty(&mut self, mut put: impl FnMut(Head, &[u8])) {
        for head in self.heads.drain(..) {
            put(head, &self.bytes[head.start..head.start + head.len]);
        }
        self.bytes.clear();
        self.next = Time::NEVER;
    }

    /// Frees the bytes if no datagram is left.
    pub(super) fn tidy(&mut self) {
        if self.heads.is_empty() {
            self.bytes.clear();
        }
    }
}
