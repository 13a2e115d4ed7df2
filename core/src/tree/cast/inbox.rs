//! What the application reads: it goes through the log as a neighbour does, at its own pace.

use super::{
    CHUNK, Cast, ReadError, Told,
    log::{Item, What},
    packet::{Opening, payload},
};
use crate::{base::Wall, tree::Node};

/// The most origins of which gaps wait to be read.
const LOST_MOST: usize = 4_096;

impl Cast {
    /// Reads the next message into `buf`, or tells of the next gap.
    ///
    /// # Errors
    /// See [`ReadError`]; nothing was taken.
    pub fn read(&mut self, buf: &mut [u8]) -> Result<Told, ReadError> {
        loop {
            let Some(item) = self.log.get(self.cursor) else {
                if let Some((origin, (first, last))) = self.lost.pop_first() {
                    return Ok(self.gap(origin, first, last));
                }
                self.reader_waits = true;
                self.readable = false;
                return Err(ReadError::Blocked);
            };
            if item.from == 0 || !item.ends() {
                self.cursor += 1;
                continue;
            }
            let origin = self.node_of(item);
            let sequence = item.position.sequence;
            if let What::Gap { first } = item.what {
                self.cursor += 1;
                self.lost_more(origin, first, sequence);
                continue;
            }
            let Some((wall, len)) = self.measure(self.cursor) else {
                self.cursor += 1;
                self.lost_more(origin, sequence, sequence);
                continue;
            };
            if let Some((first, last)) = self.lost.remove(&origin) {
                return Ok(self.gap(origin, first, last));
            }
            if len > buf.len() {
                return Err(ReadError::TooSmall { need: len });
            }
            self.copy(self.cursor, buf);
            self.cursor += 1;
            self.stats.delivered += 1;
            return Ok(Told::Message {
                origin,
                sequence,
                wall,
                len,
            });
        }
    }

    /// True once for each time that there is something to read after `read` said that there is not.
    pub fn take_readable(&mut self) -> bool {
        core::mem::take(&mut self.readable)
    }

    fn node_of(&self, item: &Item) -> Node {
        Node {
            key: self.origins.row(item.origin).key,
            epoch: item.position.epoch,
        }
    }

    fn gap(&mut self, origin: Node, first: u64, last: u64) -> Told {
        self.stats.missed += last - first + 1;
        Told::Gap {
            origin,
            first,
            last,
        }
    }

    /// The wall time and the bytes of the message that ends with the item, if all of it is there.
    fn measure(&self, mut at: u64) -> Option<(Wall, usize)> {
        loop {
            match &self.log.get(at)?.what {
                What::More { previous, .. } => at = *previous,
                What::Opening { bytes, .. } => {
                    let opening = Opening::parse(bytes).ok()?;
                    return Some((Wall::from_ms(opening.wall), opening.size as usize));
                }
                What::Gap { .. } => return None,
            }
        }
    }

    /// Copies the message that ends with the item.
    fn copy(&self, mut at: u64, buf: &mut [u8]) {
        while let Some(item) = self.log.get(at) {
            let from = usize::from(item.position.chunk) * CHUNK;
            match &item.what {
                What::More {
                    bytes, previous, ..
                } => {
                    let chunk = payload(bytes, false);
                    buf[from..from + chunk.len()].copy_from_slice(chunk);
                    at = *previous;
                }
                What::Opening { bytes, .. } => {
                    let chunk = payload(bytes, true);
                    buf[from..from + chunk.len()].copy_from_slice(chunk);
                    return;
                }
                What::Gap { .. } => return,
            }
        }
    }

    /// An item was dropped that the application had not come to.
    pub(super) fn lose(&mut self, item: &Item) {
        if item.from == 0 || !item.ends() {
            return;
        }
        let last = item.position.sequence;
        let first = match item.what {
            What::Gap { first } => first,
            What::Opening { .. } | What::More { .. } => last,
        };
        self.lost_more(self.node_of(item), first, last);
    }

    /// These messages will never be read. All that are missing between two that were read are one
    /// gap, since whatever is read of an origin tells its gap first.
    fn lost_more(&mut self, origin: Node, first: u64, last: u64) {
        if self.lost.len() >= LOST_MOST && !self.lost.contains_key(&origin) {
            // Nobody has read for thousands of origins: the count stays true, the names are lost.
            if let Some((_, (first, last))) = self.lost.pop_first() {
                self.stats.missed += last - first + 1;
            }
        }
        let range = self.lost.entry(origin).or_insert((first, last));
        *range = (range.0.min(first), range.1.max(last));
    }
}
