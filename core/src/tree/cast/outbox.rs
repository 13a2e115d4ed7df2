//! Our own messages. A long one enters the log chunk by chunk, as neighbours take it, so that what
//! others say goes on between.

use alloc::{boxed::Box, sync::Arc};

use super::{
    BroadcastError, Cast, KIND, MESSAGE_MOST, Sign,
    log::What,
    origins::{Origin, Partial},
    packet::{self, Position},
};
use crate::{
    base::{Slot, Time, Wall},
    tree::Node,
};

/// How long we may burst; neighbours allow twice as much.
pub(super) const BURST_S: u64 = 1;

/// A chunk of ours that is not in the log yet.
#[derive(Debug)]
pub(super) struct Own {
    position: Position,
    body: Arc<[u8]>,
    last: bool,
}

impl Cast {
    /// Tells `bytes` to everybody, and its number, from 1. It is not given to ourselves.
    ///
    /// # Errors
    /// See [`BroadcastError`]; nothing was broadcast.
    pub fn broadcast(
        &mut self,
        now: Time,
        wall: Wall,
        sign: Sign<'_>,
        bytes: &[u8],
    ) -> Result<u64, BroadcastError> {
        self.now = now;
        self.clock = Some((now, wall.as_ms()));
        let most = self.config.message_bytes_max.min(MESSAGE_MOST as u32);
        if bytes.len() > most as usize {
            return Err(BroadcastError::TooLarge { most });
        }
        let me = self.own_row();
        if self.origins.row(me).epoch > self.me.epoch {
            return Err(BroadcastError::Replaced);
        }
        if !self.may_broadcast() {
            self.writer_waits = true;
            return Err(BroadcastError::Blocked);
        }
        let sequence = self.next;
        self.next += 1;
        let begins = Position::new(self.me.epoch, sequence, 0);
        let statement = packet::statement(&self.me.key, begins, wall.as_ms(), bytes);
        let signature = sign(KIND, &statement);
        let chunks = packet::chunks(bytes.len() as u32);
        if self.outbox.is_empty() {
            self.entered_at = now;
        }
        for (body, chunk) in packet::bodies(&statement, &signature, bytes).zip(0..) {
            self.pace
                .charge(now, &self.config, packet::HEAD + body.len(), chunk == 0);
            self.outbox_bytes += body.len() as u32;
            self.outbox.push_back(Own {
                position: Position { chunk, ..begins },
                body,
                last: chunk + 1 == chunks,
            });
        }
        // A short one goes at once; a long one waits for those who take it, if there are any.
        let alone = !self.links.iter().any(super::link::Link::is_tree);
        if alone || (chunks == 1 && self.outbox.len() == 1) {
            self.enter_all();
        }
        Ok(sequence)
    }

    /// True once for each time that `broadcast` may go on after it was blocked.
    pub fn take_writable(&mut self) -> bool {
        let now_it_may = self.writer_waits && self.may_broadcast();
        if now_it_may {
            self.writer_waits = false;
        }
        now_it_may
    }

    fn may_broadcast(&self) -> bool {
        let full = self.outbox_bytes > 0 && self.outbox_bytes >= self.config.outbox_bytes;
        !full && self.pace.free_at(BURST_S) <= self.now
    }

    /// A later life of ours begins: the numbers of our messages begin at 1 again. What others said
    /// and was read stays known.
    pub fn begin_life(&mut self, me: Node) {
        self.enter_all();
        self.me = me;
        self.next = 1;
    }

    /// The row of our own, which is never forgotten.
    fn own_row(&mut self) -> Slot {
        let found = self.origins.find(self.me.key.as_bytes());
        found.unwrap_or_else(|| {
            let begins = Position::new(self.me.epoch, 1, 0);
            self.remember(Origin::new(self.me.key, begins, true))
        })
    }

    /// Lets the next own chunk enter the log. False if there is none.
    pub(super) fn enter(&mut self) -> bool {
        let Some(own) = self.outbox.pop_front() else {
            return false;
        };
        self.outbox_bytes -= own.body.len() as u32;
        self.entered_at = self.now;
        let slot = self.own_row();
        let previous = self.log.head();
        let row = self.origins.row_mut(slot);
        let partial = match row.partial.take() {
            _ if own.last => None,
            Some(partial) if own.position.chunk > 0 => Some(Box::new(Partial {
                previous,
                ..*partial
            })),
            // What was in the log of it was dropped already; it goes on all the same.
            Some(_) | None => Some(Box::new(Partial {
                opening: own.body.clone(),
                from: 0,
                previous,
            })),
        };
        let before = previous.saturating_sub(1);
        let (bytes, last) = (own.body, own.last);
        let what = if own.position.chunk == 0 {
            What::Opening { bytes, last }
        } else {
            What::More {
                bytes,
                previous: before,
                last,
            }
        };
        self.advance(slot, own.position, 0, partial);
        self.append(slot, own.position, 0, what);
        true
    }

    /// Lets all own chunks enter the log; tells until when the last of them may be on its way, if
    /// there was one lately.
    pub fn speaks_until(&mut self, now: Time) -> Option<Time> {
        self.now = now;
        self.enter_all();
        let until = self.entered_at.plus_ms(self.config.outbox_ms.into());
        Some(until).filter(|until| *until > now && self.entered_at > Time::ZERO)
    }

    /// Lets all own chunks enter the log.
    pub(super) fn enter_all(&mut self) {
        while self.enter() {}
    }
}
