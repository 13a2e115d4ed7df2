//! Which lines were seen, and the last of them for those who come later.

use std::collections::{BTreeMap, BTreeSet};

use hydroid_core::identity::PublicKey;

use super::{PAST_MOST, line::Line};

/// Lines of which it is remembered that they were seen, 60 bytes each.
const SEEN_MOST: usize = 4096;

/// A line that is told later may be so old: whoever tells it could have kept it for years.
const OLD_MS: u64 = 24 * 3_600_000;

/// How far a speaker's clock may be ahead of ours for its line to be kept.
const AHEAD_MS: u64 = 10 * 60_000;

/// By time first, so that the oldest are forgotten first.
type Mark = (u64, PublicKey, [u8; 16]);

/// The lines of a space.
#[derive(Debug, Default)]
pub(crate) struct Log {
    last: BTreeMap<Mark, Line>,
    seen: BTreeSet<Mark>,
    /// Lines up to this time may have been seen and forgotten.
    forgotten_ms: Option<u64>,
    /// The time of our last line.
    own_ms: u64,
}

impl Log {
    /// The time for a line of ours: each has a later one, for that is what they are put in order by.
    pub(crate) fn next_ms(&mut self, now_ms: u64) -> u64 {
        self.own_ms = now_ms.max(self.own_ms.saturating_add(1));
        self.own_ms
    }

    /// Takes a line in that was heard just now, or said here; false if it was seen before.
    pub(crate) fn hear(&mut self, line: &Line, now_ms: u64) -> bool {
        let keeps =
            line.wall_ms <= now_ms + AHEAD_MS && line.wall_ms.saturating_add(OLD_MS) >= now_ms;
        // By its time alone it could push out what others said, or be in the way of it for long.
        if !keeps {
            return true;
        }
        self.mark(line)
    }

    /// Takes a line in that was told later; false if it was seen before, or may have been.
    pub(crate) fn learn(&mut self, line: &Line, now_ms: u64) -> bool {
        let forgotten = self.forgotten_ms.is_some_and(|ms| line.wall_ms <= ms);
        let old = line.wall_ms.saturating_add(OLD_MS) < now_ms;
        let ahead = line.wall_ms > now_ms + AHEAD_MS;
        !forgotten && !old && !ahead && self.mark(line)
    }

    fn mark(&mut self, line: &Line) -> bool {
        let mark = (line.wall_ms, line.key, line.id);
        if !self.seen.insert(mark) {
            return false;
        }
        self.last.insert(mark, line.clone());
        while self.last.len() > PAST_MOST {
            self.last.pop_first();
        }
        while self.seen.len() > SEEN_MOST {
            let oldest = self.seen.pop_first();
            self.forgotten_ms = self.forgotten_ms.max(oldest.map(|mark| mark.0));
        }
        true
    }

    /// The last lines, the oldest first, as far as anybody wants them that are so old.
    pub(crate) fn last(&self, now_ms: u64) -> impl Iterator<Item = &Line> {
        let all = self.last.values();
        all.filter(move |line| line.wall_ms.saturating_add(OLD_MS) >= now_ms)
    }
}

#[cfg(test)]
mod tests {
    use hydroid_core::identity::{SecretKey, Space, SpaceId};

    use super::*;

    const NOW: u64 = 1_800_000_000_000;

    fn line(wall_ms: u64, id: u64) -> Line {
        let space: SpaceId = Space::open("s").unwrap().id();
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&id.to_be_bytes());
        let secret = SecretKey::from_bytes(&[1; 32]);
        Line::say(&secret, &space, ("", "x"), (wall_ms, bytes))
    }

    #[test]
    fn chat_log_tells_a_line_once_and_keeps_the_last_by_time() {
        let mut log = Log::default();
        for n in (0..150).rev() {
            assert!(log.hear(&line(NOW + n, n), NOW));
            assert!(!log.hear(&line(NOW + n, n), NOW) && !log.learn(&line(NOW + n, n), NOW));
        }
        let times: Vec<_> = log.last(NOW).map(|line| line.wall_ms).collect();
        assert_eq!(times, (NOW + 50..NOW + 150).collect::<Vec<_>>());
        // Nobody takes what is older than a day.
        assert_eq!(log.last(NOW + OLD_MS + 100).count(), 50);
        assert_eq!(log.last(NOW + OLD_MS + 150).count(), 0);
    }

    #[test]
    fn chat_log_takes_nothing_that_it_may_have_seen_and_forgotten() {
        let mut log = Log::default();
        for n in 0..=SEEN_MOST as u64 {
            assert!(log.hear(&line(NOW + n, n), NOW));
        }
        assert!(!log.learn(&line(NOW, 9_999), NOW));
        assert!(log.learn(&line(NOW + 1, 9_999), NOW));
    }

    #[test]
    fn chat_log_keeps_no_line_that_is_old_or_of_the_future() {
        let mut log = Log::default();
        for wall_ms in [NOW - OLD_MS - 1, NOW + AHEAD_MS + 1, 0, u64::MAX] {
            assert!(!log.learn(&line(wall_ms, 1), NOW), "{wall_ms}");
            // What is heard was said, whatever its speaker's clock shows.
            assert!(log.hear(&line(wall_ms, 1), NOW), "{wall_ms}");
        }
        assert_eq!(log.last(NOW).count(), 0);
    }
}
