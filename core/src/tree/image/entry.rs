//! One member in memory: 68 bytes. What few members have stands in the tables beside.

use core::{
    net::{Ipv4Addr, SocketAddr},
    ops::Deref,
};

use super::word::{Places, Prefix, Word, number, six};
use crate::{identity::PublicKey, tree::Node};

/// A depth that is not known.
pub(super) const NO_DEPTH: u16 = u16::MAX;

/// What holds of an entry, one bit each.
pub(super) mod flag {
    /// It takes no children.
    pub(in super::super) const LEAF: u16 = 1;
    /// It has a parent.
    pub(in super::super) const PARENT: u16 = 2;
    /// It is gone, and the entry is kept so that nobody brings it back.
    pub(in super::super) const GONE: u16 = 4;
    /// Its chain of parents does not lead where mine leads.
    pub(in super::super) const DOUBT: u16 = 8;
    /// It names me as its parent and is no neighbour.
    pub(in super::super) const LOOSE: u16 = 16;
    /// One of its slots was named lately.
    pub(in super::super) const PICKED: u16 = 32;
    /// It has sworn.
    pub(in super::super) const SWORN: u16 = 64;
    /// Its name stands beside.
    pub(in super::super) const CALLED: u16 = 128;
    /// Its addresses stand beside.
    pub(in super::super) const BESIDE: u16 = 256;
    /// Its check is in the sums.
    pub(in super::super) const SUMMED: u16 = 512;
    /// What whoever looks at it may note: none of it is compared.
    pub(in super::super) const NOTED: u16 = DOUBT | LOOSE | PICKED;
    /// Where the number of addresses stands.
    pub(super) const COUNT_SHIFT: u32 = 14;
}

/// A member.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: PublicKey,
    parent: [u8; 6],
    epoch: [u8; 6],
    version: [u8; 4],
    places: [[u8; 6]; 2],
    flags: u16,
    /// The links on which it waits to be told, one bit each.
    queued: u16,
    /// When it became what its flags say: gone, doubted, loose or picked.
    pub(super) since: u16,
    /// Steps to the root.
    pub(super) depth: u16,
}

/// An entry of which only that can be changed which is not compared: so nobody can forget the sums.
#[derive(Debug)]
pub(super) struct Notes<'a>(&'a mut Entry);

impl Deref for Notes<'_> {
    type Target = Entry;

    fn deref(&self) -> &Entry {
        self.0
    }
}

impl<'a> Notes<'a> {
    pub(super) const fn new(entry: &'a mut Entry) -> Self {
        Self(entry)
    }

    /// Sets doubt, loose or picked.
    pub(super) fn set(&mut self, flags: u16, on: bool) {
        debug_assert_eq!(flags & !flag::NOTED, 0, "what is compared is no note");
        self.0.set(flags & flag::NOTED, on);
    }

    pub(super) const fn set_since(&mut self, since: u16) {
        self.0.since = since;
    }

    pub(super) const fn set_depth(&mut self, depth: u16) {
        self.0.depth = depth;
    }

    /// Notes that it waits to be told on a link, or does not; tells whether it did.
    pub(super) const fn set_queued(&mut self, place: usize, waits: bool) -> bool {
        let bit = 1 << place;
        let before = self.0.queued & bit != 0;
        if waits {
            self.0.queued |= bit;
        } else {
            self.0.queued &= !bit;
        }
        before
    }
}

impl Entry {
    pub(super) fn new(key: PublicKey) -> Self {
        Self {
            key,
            parent: [0; 6],
            epoch: [0; 6],
            version: [0; 4],
            places: [[0; 6]; 2],
            flags: 0,
            queued: 0,
            since: 0,
            depth: NO_DEPTH,
        }
    }

    pub(super) const fn is(&self, flags: u16) -> bool {
        self.flags & flags != 0
    }

    pub(super) const fn set(&mut self, flags: u16, on: bool) {
        if on {
            self.flags |= flags;
        } else {
            self.flags &= !flags;
        }
    }

    pub(super) const fn epoch(&self) -> u64 {
        number(self.epoch)
    }

    /// The low half of what tells lives apart where space is short.
    pub(super) const fn life(&self) -> u16 {
        self.epoch() as u16
    }

    pub(super) const fn version(&self) -> u32 {
        u32::from_be_bytes(self.version)
    }

    pub(super) fn parent(&self) -> Option<Prefix> {
        self.is(flag::PARENT).then(|| number(self.parent))
    }

    pub(super) fn node(&self) -> Node {
        Node {
            key: self.key,
            epoch: self.epoch(),
        }
    }

    /// Takes over all but the addresses.
    pub(super) fn write(&mut self, word: &Word) {
        self.epoch = six(word.epoch);
        self.version = word.version.to_be_bytes();
        self.parent = six(word.parent.unwrap_or(0));
        self.set(flag::PARENT, word.parent.is_some());
        self.set(flag::LEAF, word.leaf);
    }

    /// Takes over the addresses if they are all of IPv4; else they have to stand beside.
    pub(super) fn write_places(&mut self, places: &Places) -> bool {
        let addresses = places.addresses();
        let fits = addresses.iter().all(SocketAddr::is_ipv4);
        self.set(flag::BESIDE, !fits);
        self.set(3 << flag::COUNT_SHIFT, false);
        if fits {
            for (place, address) in self.places.iter_mut().zip(&addresses) {
                if let SocketAddr::V4(v4) = address {
                    place[..4].copy_from_slice(&v4.ip().octets());
                    place[4..].copy_from_slice(&v4.port().to_be_bytes());
                }
            }
            self.set((addresses.len() as u16) << flag::COUNT_SHIFT, true);
        }
        fits
    }

    /// The addresses, if they do not stand beside.
    pub(super) fn places(&self) -> Places {
        let count = usize::from(self.flags >> flag::COUNT_SHIFT);
        let v4 = self.places.map(|[a, b, c, d, high, low]| {
            SocketAddr::new(
                Ipv4Addr::new(a, b, c, d).into(),
                u16::from_be_bytes([high, low]),
            )
        });
        Places::of(&v4[..count])
    }
}
