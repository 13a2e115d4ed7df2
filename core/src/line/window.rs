//! Which counters have been received: a bitmap that slides with the highest one.

use alloc::boxed::Box;

use super::Dropped;

/// Words of the map. One is always partly ahead of the highest counter, so the others, 1024 bits,
/// are what is remembered in any case (the scheme of RFC 6479).
const WORDS: u64 = 17;

/// The counters received in one direction of a line. It takes a counter once and none that lies
/// more than about 1024 below the highest.
#[derive(Debug, Clone, Default)]
pub(super) struct Window {
    /// One above the highest counter received.
    next: u64,
    /// Which of those below were received; all of them, if there is no map.
    map: Option<Box<[u64; WORDS as usize]>>,
}

impl Window {
    /// Says why a packet with this counter is not to be opened.
    pub(super) const fn check(&self, counter: u64) -> Result<(), Dropped> {
        if counter >= self.next {
            return Ok(());
        }
        if counter / 64 + WORDS <= (self.next - 1) / 64 {
            return Err(Dropped::TooOld);
        }
        match &self.map {
            Some(map) if map[Self::word(counter)] & Self::bit(counter) == 0 => Ok(()),
            Some(_) | None => Err(Dropped::Replayed),
        }
    }

    /// Remembers the counter of a packet that was opened, and tells if it is the highest so far.
    pub(super) fn mark(&mut self, counter: u64) -> bool {
        let newest = counter >= self.next;
        if self.map.is_none() && counter == self.next {
            self.next += 1;
            return true;
        }
        let next = self.next;
        let map = self.map.get_or_insert_with(|| Self::full(next));
        if newest {
            let highest = next.saturating_sub(1) / 64;
            let ahead = (counter / 64 - highest).min(WORDS);
            for word in 0..ahead {
                map[Self::word(counter - 64 * word)] = 0;
            }
            self.next = counter + 1;
        }
        map[Self::word(counter)] |= Self::bit(counter);
        newest
    }

    /// What has not come so far is not awaited any more.
    pub(super) fn close(&mut self) {
        self.map = None;
    }

    /// A map of which all below `next` were received.
    fn full(next: u64) -> Box<[u64; WORDS as usize]> {
        let all = if next == 0 { 0 } else { u64::MAX };
        let mut map = Box::new([all; WORDS as usize]);
        if !next.is_multiple_of(64) {
            map[Self::word(next)] = Self::bit(next) - 1;
        }
        map
    }

    const fn word(counter: u64) -> usize {
        (counter / 64 % WORDS) as usize
    }

    const fn bit(counter: u64) -> u64 {
        1 << (counter % 64)
    }
}
