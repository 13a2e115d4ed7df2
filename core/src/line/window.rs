//! Which counters have been received: a bitmap that slides with the highest one.

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
    words: [u64; WORDS as usize],
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
        if self.words[Self::word(counter)] & Self::bit(counter) != 0 {
            return Err(Dropped::Replayed);
        }
        Ok(())
    }

    /// Remembers the counter of a packet that was opened, and tells if it is the highest so far.
    pub(super) fn mark(&mut self, counter: u64) -> bool {
        let newest = counter >= self.next;
        if newest {
            let highest = self.next.saturating_sub(1) / 64;
            let ahead = (counter / 64 - highest).min(WORDS);
            for word in 0..ahead {
                self.words[Self::word(counter - 64 * word)] = 0;
            }
            self.next = counter + 1;
        }
        self.words[Self::word(counter)] |= Self::bit(counter);
        newest
    }

    const fn word(counter: u64) -> usize {
        (counter / 64 % WORDS) as usize
    }

    const fn bit(counter: u64) -> u64 {
        1 << (counter % 64)
    }
}
