//! One link to a neighbour: what was said about positions, and how far it has come in the log.

use alloc::{boxed::Box, collections::BTreeMap};

use super::{
    backup::Backup,
    log::{Item, What},
    pace::Pace,
    packet::Position,
};
use crate::{
    base::{Slot, Time},
    identity::PublicKey,
};

/// A link to the parent, a child or the backup.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) slot: Slot,
    /// Which link this is among all there ever were; a slot is used again.
    pub(super) serial: u32,
    pub(super) peer: PublicKey,
    /// It is the one to the parent.
    pub(super) is_above: bool,
    /// What a backup link has instead of all the rest.
    pub(super) backup: Option<Box<Backup>>,
    /// We said that we are fresh.
    pub(super) said_fresh: bool,
    /// The peer said that it is.
    pub(super) peer_fresh: bool,
    /// The peer's positions are whole: the log goes out.
    pub(super) peer_whole: bool,
    /// The positions that are being said.
    pub(super) saying: Option<Saying>,
    /// The whole table was said, or is to be next.
    pub(super) full_said: bool,
    /// The whole table was heard.
    pub(super) full_heard: bool,
    /// Positions that the peer said so far; bounds them.
    pub(super) heard: u32,
    /// The next item of the log.
    pub(super) cursor: u64,
    /// Where the peer stands with origins with which it is not in step with the cursor.
    pub(super) peer_at: BTreeMap<Slot, Position>,
    /// Those entries were not looked through since the peer's positions were whole.
    pub(super) unsettled: bool,
    /// What the peer itself broadcasts.
    pub(super) pace: Pace,
    /// A message whose gap waits for another link.
    pub(super) parked: Option<Box<Parked>>,
    /// Until when gaps are believed at once: the last one was waited for in vain.
    pub(super) hasty_until: Time,
}

/// Positions that are being said, from which row on, and if the whole table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Saying {
    pub(super) row: Slot,
    pub(super) full: bool,
}

/// A packet that was checked, and waits until `until` for what it would skip.
#[derive(Debug)]
pub(super) struct Parked {
    pub(super) origin: Slot,
    pub(super) position: Position,
    pub(super) since: Time,
    pub(super) until: Time,
    pub(super) body: Box<[u8]>,
}

/// What becomes of an item at the cursor of a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// The peer has it, or has no use for it.
    Pass,
    /// It goes out.
    Send,
}

impl Link {
    pub(super) fn new(slot: Slot, serial: u32, peer: PublicKey, fresh: bool) -> Self {
        let saying = Saying {
            row: 0,
            full: false,
        };
        Self {
            slot,
            serial,
            peer,
            is_above: false,
            backup: None,
            said_fresh: fresh,
            peer_fresh: false,
            peer_whole: false,
            saying: Some(saying),
            full_said: false,
            full_heard: false,
            heard: 0,
            cursor: 0,
            peer_at: BTreeMap::new(),
            unsettled: false,
            pace: Pace::default(),
            parked: None,
            hasty_until: Time::ZERO,
        }
    }

    pub(super) fn is_tree(&self) -> bool {
        self.backup.is_none()
    }

    /// True if items of the log go out.
    pub(super) fn is_open(&self) -> bool {
        self.is_tree() && self.peer_whole && self.saying.is_none()
    }

    /// What becomes of the item at the cursor.
    pub(super) fn fate(&self, item: &Item) -> Fate {
        let opens = match item.what {
            What::Gap { .. } => return Fate::Pass,
            What::Opening { .. } => true,
            What::More { .. } => false,
        };
        if item.from == self.serial {
            return Fate::Pass;
        }
        match self.peer_at.get(&item.origin) {
            None => Fate::Send,
            Some(peer) if item.position < *peer => Fate::Pass,
            // What is missing in front of a beginning is a gap, which its number tells.
            Some(peer) if opens || item.position == *peer => Fate::Send,
            Some(_) => Fate::Pass,
        }
    }

    /// The item at the cursor was sent or passed over.
    pub(super) fn step(&mut self, item: &Item, fate: Fate) {
        self.cursor += 1;
        if fate == Fate::Send && !self.peer_at.is_empty() {
            self.peer_at.remove(&item.origin);
        }
    }

    /// The item came over this link, and is about to be the one at `head`: the peer has it.
    pub(super) fn took(&mut self, item: &Item, head: u64) {
        let at_head = self.cursor == head;
        self.cursor += u64::from(at_head);
        let Some(peer) = self.peer_at.get_mut(&item.origin) else {
            return;
        };
        if !at_head {
            *peer = item.after().max(*peer);
        } else if item.position >= *peer {
            self.peer_at.remove(&item.origin);
        }
    }

    /// The item at the cursor is dropped from the log: the rest of its message is of no use.
    pub(super) fn lose(&mut self, item: &Item) {
        self.cursor += 1;
        if item.from == self.serial || item.ends() {
            return;
        }
        let after = item.position.next_message();
        let peer = self.peer_at.entry(item.origin).or_insert(after);
        *peer = after.max(*peer);
    }

    pub(super) fn held_bytes(&self) -> u64 {
        let parked = self.parked.as_ref().map_or(0, |it| it.body.len());
        (self.peer_at.len() * 48 + parked) as u64
    }
}
