//! What both ends of a new link have: said, heard, and taken over by a newcomer.

use alloc::vec::Vec;

use super::{
    Cast, Fault,
    link::{Link, Saying},
    origins::{Origin, Origins, tick},
    packet::{self, ENTRY, FRESH, FULL, HEAD, LAST, Position, UNPROVED},
};
use crate::base::Slot;

/// Positions that a peer may say on one link; more is a peer that never comes to an end.
const HEARD_MOST: u32 = 1 << 17;
/// The longest packet of positions.
const SAID_MOST: usize = 16 << 10;

impl Cast {
    /// Says the next positions on the link.
    pub(super) fn poll_have(&mut self, at: usize, room: usize, out: &mut Vec<u8>) -> bool {
        let link = &mut self.links[at];
        let Some(mut saying) = link.saying else {
            return false;
        };
        let room = room.min(SAID_MOST);
        if room < HEAD + 1 + ENTRY {
            return false;
        }
        packet::write_head(packet::HAVE, out);
        let flags_at = out.len();
        let full = if saying.full { FULL } else { 0 };
        out.push(full | if link.said_fresh { FRESH } else { 0 });
        let mut left = (room - HEAD - 1) / ENTRY;
        let rows = self.origins.rows();
        while left > 0 && (saying.row as usize) < rows.len() {
            let row = &rows[saying.row as usize];
            if saying.full || row.heard_us(self.now) <= self.lately_us() {
                packet::write_entry(&row.key, row.told(), out);
                left -= 1;
            }
            saying.row += 1;
        }
        let done = saying.row as usize >= rows.len();
        self.links[at].saying = Some(saying);
        if done {
            out[flags_at] |= LAST;
            self.said(at, saying);
        }
        true
    }

    /// How long a quiet origin is still told about: anything that a neighbour's log may hold of it
    /// is younger.
    fn lately_us(&self) -> u64 {
        u64::from(self.config.ring_ms) * 2_000
    }

    fn said(&mut self, at: usize, saying: Saying) {
        self.links[at].saying = None;
        if !saying.full {
            self.serve(at);
        }
    }

    /// Says the whole table to a newcomer, once there is one to say: if we were as fresh as it,
    /// that is when we have taken over one ourselves.
    fn serve(&mut self, at: usize) {
        let link = &mut self.links[at];
        let asked = link.peer_whole && link.peer_fresh && !link.full_said;
        let able = !link.said_fresh || self.took_over;
        if !asked || !able || link.saying.is_some() {
            return;
        }
        link.full_said = true;
        link.saying = Some(Saying { row: 0, full: true });
        if link.said_fresh {
            return;
        }
        // It begins where we are now.
        link.cursor = self.log.head();
        // It cannot use the rest of what is under way.
        link.peer_at.clear();
        for (slot, row) in self.origins.rows().iter().enumerate() {
            if row.chunk > 0 {
                link.peer_at
                    .insert(slot as Slot, row.position().next_whole());
            }
        }
    }

    /// A packet of positions came.
    pub(super) fn on_have(&mut self, at: usize, body: &[u8]) -> Result<(), Fault> {
        let (flags, entries) = packet::parse_have(body)?;
        let link = &mut self.links[at];
        let full = flags & FULL != 0;
        let asked = if full {
            link.peer_whole && link.said_fresh && !link.full_heard
        } else {
            !link.peer_whole
        };
        link.heard += 1 + (body.len() / ENTRY) as u32;
        if !asked || link.heard > HEARD_MOST {
            return Err(Fault::Have);
        }
        link.peer_fresh |= flags & FRESH != 0;
        // Only one is believed: what the next one knew was said since we were there, for all we know.
        if full && self.teacher == 0 {
            self.teacher = link.serial;
        }
        let teaches = full && self.teacher == link.serial;
        for (key, told) in entries {
            if teaches {
                self.adopt(key, told);
            } else if !full {
                self.hear(at, key, told);
            }
        }
        if flags & LAST != 0 && full {
            self.links[at].full_heard = true;
            self.took_over |= teaches;
            self.hand_on();
        } else if flags & LAST != 0 {
            self.open(at);
        }
        Ok(())
    }

    /// The peer says where it stands with an origin.
    fn hear(&mut self, at: usize, key: &[u8; 32], told: Position) {
        let Some(slot) = self.origins.find(key) else {
            return;
        };
        let mut told = told;
        if told.chunk == UNPROVED {
            told.chunk = 0;
            // Nobody showed it that; if it is ahead of us it may be a lie that would silence us.
            if told > self.origins.row(slot).position() {
                return;
            }
        }
        self.links[at].peer_at.insert(slot, told);
    }

    /// The peer's positions are whole: what it lacks goes out, from the oldest on.
    fn open(&mut self, at: usize) {
        let link = &mut self.links[at];
        link.peer_whole = true;
        link.unsettled = true;
        link.cursor = self.log.base();
        for (slot, row) in self.origins.rows().iter().enumerate() {
            if row.items > 0 {
                // What it said nothing of it may lack from the beginning.
                link.peer_at.entry(slot as Slot).or_insert(Position::ZERO);
            }
        }
        self.fresh = false;
        self.serve(at);
    }

    /// A newcomer takes over where its neighbour stands, for origins that it does not know: what
    /// was before is not its concern.
    fn adopt(&mut self, key: &[u8; 32], told: Position) {
        let known = self.origins.find(key).is_some() || key == self.me.key.as_bytes();
        if known || self.origins.is_full() {
            return;
        }
        let Ok(key) = (self.keys)(key) else {
            return;
        };
        let chunk = if told.chunk == UNPROVED {
            0
        } else {
            told.chunk
        };
        let told = Position { chunk, ..told }.next_whole();
        let mut row = Origin::new(key, told, false);
        row.at = tick(self.now);
        self.origins.insert(row);
    }

    /// What was taken over goes to those who were as fresh as we were.
    fn hand_on(&mut self) {
        for at in 0..self.links.len() {
            self.serve(at);
        }
    }
}

impl Link {
    /// At the end of the log the peer is in step with every origin that it is not ahead with.
    pub(super) fn settle(&mut self, origins: &Origins) {
        if self.unsettled {
            self.unsettled = false;
            self.peer_at
                .retain(|slot, peer| *peer > origins.row(*slot).position());
        }
    }
}
