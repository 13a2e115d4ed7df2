//! When a switch announces itself of its own accord: a burst, and then at intervals that swell and
//! shrink like a sine wave, whose mean grows with the number of switches that were heard, so that a
//! network of hundreds is no louder than one of a few.

use crate::base::{Rng, Time};

/// When the announcements of a burst are due, in milliseconds from its beginning. Its end is for
/// interfaces that just came up: for a second or two nothing gets through there.
const BURST_MS: [u64; 7] = [0, 60, 180, 420, 900, 1_900, 3_900];
/// Of an answer's, so many go out.
const ANSWER: usize = 5;
/// The shortest mean interval.
const MEAN_LEAST_MS: u64 = 4_000;
/// What each switch that was heard adds to the mean, beyond that. Of intervals that swing by three
/// quarters the rate is half as high again as of even ones: so all of them together announce at
/// most five times a second.
const MEAN_EACH_MS: u64 = 320;
/// The longest mean, that of some 500: whoever counts more is lied to.
const MEAN_MOST_MS: u64 = 512 * MEAN_EACH_MS;
/// How long one wave takes.
const WAVE_MS: u64 = 64_000;
/// How far the interval swings, in thousandths of the mean.
const SWING: i64 = 750;
/// A quarter of a sine wave, in thousandths.
const QUARTER: [i64; 17] = [
    0, 98, 195, 290, 383, 471, 556, 634, 707, 773, 831, 882, 924, 957, 981, 995, 1_000,
];

/// Somebody new is to learn who is there.
#[derive(Clone, Copy, Debug)]
struct Answer {
    /// Since when it is to be given.
    since: Time,
    /// When the first of these announcements is due.
    from: Time,
    /// How many went out.
    said: usize,
    /// How many others have announced themselves since.
    heard: u32,
    /// It is given whatever others do, once at least: so nobody who speaks early enough can keep all
    /// from answering.
    is_sure: bool,
}

/// The announcements of one switch.
#[derive(Debug)]
pub(super) struct Rhythm {
    /// Others are to learn of us, whoever announces itself meanwhile: since when, and how many
    /// announcements of that burst went out.
    news: Option<(Time, usize)>,
    answer: Option<Answer>,
    /// Where in the wave this switch began.
    phase_ms: u64,
    /// When the next one is due that is neither.
    steady_at: Time,
}

impl Rhythm {
    /// A switch that begins now.
    pub(super) fn new(now: Time, rng: &mut Rng) -> Self {
        Self {
            news: Some((now, 0)),
            answer: None,
            phase_ms: rng.below(WAVE_MS),
            steady_at: Time::NEVER,
        }
    }

    fn news_at(&self) -> Time {
        let news = self.news.map(|(from, said)| from.plus_ms(BURST_MS[said]));
        news.unwrap_or(Time::NEVER)
    }

    fn answer_at(&self) -> Time {
        let answer = self.answer.map(|it| it.from.plus_ms(BURST_MS[it.said]));
        answer.unwrap_or(Time::NEVER)
    }

    /// When the next announcement is due.
    pub(super) fn next(&self) -> Time {
        let own = if self.is_news() {
            self.news_at()
        } else {
            self.steady_at
        };
        own.min(self.answer_at())
    }

    /// The network is another one, or the machine slept: others are to learn of us.
    pub(super) const fn begin(&mut self, now: Time) {
        self.news = Some((now, 0));
    }

    /// True while others are to learn of us.
    pub(super) const fn is_news(&self) -> bool {
        self.news.is_some()
    }

    /// True while somebody new is being answered.
    pub(super) const fn is_answering(&self) -> bool {
        self.answer.is_some()
    }

    /// Somebody new is to be answered from then on, unless enough others do.
    pub(super) const fn answer(&mut self, now: Time, at: Time, is_sure: bool) {
        self.answer = Some(Answer {
            since: now,
            from: at,
            said: 0,
            heard: 0,
            is_sure,
        });
    }

    /// Somebody else is to be answered, too, and that for sure.
    pub(super) const fn insist(&mut self, is_sure: bool) {
        if let Some(answer) = &mut self.answer {
            answer.is_sure |= is_sure;
        }
    }

    /// Somebody else announced itself who was heard `before`; of answers, those of so many are
    /// enough.
    pub(super) fn on_heard(&mut self, before: Option<Time>, enough: u32) {
        if let Some(answer) = &mut self.answer {
            answer.heard += u32::from(before.is_none_or(|at| at < answer.since));
        }
        let is_due = |it: &Answer| it.heard < enough || (it.is_sure && it.said == 0);
        self.answer = self.answer.filter(is_due);
    }

    /// An announcement went out; `heard` others are on this network.
    pub(super) fn on_said(&mut self, now: Time, heard: usize) {
        if let Some((from, said)) = &mut self.news {
            *said = said_by(now, *from, *said);
        }
        // The tail of a burst is too thin for that.
        let is_news = self.news.is_some_and(|(_, said)| said < ANSWER);
        if let Some(answer) = &mut self.answer {
            let said = said_by(now, answer.from, answer.said);
            // What is said for its own sake answers the rest.
            let is_over = is_news && said > answer.said;
            answer.said = if is_over { ANSWER } else { said };
        }
        self.news = self.news.filter(|(_, said)| *said < BURST_MS.len());
        self.answer = self.answer.filter(|it| it.said < ANSWER);
        self.steady_at = now.plus_ms(self.interval_ms(now, heard));
    }

    /// Longer than this nobody pauses, of so many.
    pub(super) fn longest_ms(heard: usize) -> u64 {
        mean_ms(heard) * (1_000 + SWING.unsigned_abs()) / 1_000
    }

    fn interval_ms(&self, now: Time, heard: usize) -> u64 {
        let mean_ms = mean_ms(heard);
        let at_ms = (now.as_us() / 1000 + self.phase_ms) % WAVE_MS;
        let thousandths = 1_000 + SWING * sine(at_ms) / 1_000;
        mean_ms.saturating_mul(thousandths.unsigned_abs()) / 1_000
    }
}

/// The mean interval of somebody who hears so many others.
fn mean_ms(heard: usize) -> u64 {
    let each_ms = (heard as u64 + 1).saturating_mul(MEAN_EACH_MS);
    each_ms.clamp(MEAN_LEAST_MS, MEAN_MOST_MS)
}

/// How many of a burst are over by now: whoever is late says it once.
fn said_by(now: Time, from: Time, said: usize) -> usize {
    let rest = BURST_MS.iter().skip(said);
    said + rest.take_while(|ms| from.plus_ms(**ms) <= now).count()
}

/// The sine of a moment of the wave, in thousandths.
fn sine(at_ms: u64) -> i64 {
    let quarter_ms = WAVE_MS / 4;
    let (quarter, within_ms) = (at_ms / quarter_ms, at_ms % quarter_ms);
    let rising_ms = match quarter {
        0 | 2 => within_ms,
        _ => quarter_ms - within_ms,
    };
    let step_ms = quarter_ms / (QUARTER.len() as u64 - 1);
    let at = (rising_ms / step_ms) as usize;
    let low = QUARTER[at];
    let high = QUARTER.get(at + 1).copied().unwrap_or(low);
    let size = low + (high - low) * (rising_ms % step_ms) as i64 / step_ms as i64;
    if quarter < 2 { size } else { -size }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::base::Seed;

    fn rng(n: u16) -> Rng {
        let [a, b] = n.to_be_bytes();
        let mut seed = [0; 32];
        (seed[0], seed[1]) = (a, b);
        Rng::new(&Seed::new(seed))
    }

    /// The moments at which a switch announces itself within so long, in milliseconds.
    fn moments(n: u16, heard: usize, ms: u64) -> Vec<u64> {
        let mut rhythm = Rhythm::new(Time::ZERO, &mut rng(n));
        let mut moments = Vec::new();
        while rhythm.next() < Time::ZERO.plus_ms(ms) {
            let now = rhythm.next();
            moments.push(now.as_us() / 1000);
            rhythm.on_said(now, heard);
        }
        moments
    }

    // S4.12.
    #[test]
    fn lan_rhythm_begins_with_a_burst_and_goes_on_like_a_wave() {
        let moments = moments(1, 1, 640_000);
        assert_eq!(moments[..BURST_MS.len()], BURST_MS);
        let intervals: Vec<u64> = moments[BURST_MS.len()..]
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .collect();
        let (least, most) = (
            intervals.iter().min().unwrap(),
            intervals.iter().max().unwrap(),
        );
        assert!((1_000..1_500).contains(least), "{least}");
        assert!((6_000..=7_000).contains(most), "{most}");
        // One is like the next: nothing jumps from short to long.
        let jumps = intervals.windows(2).map(|pair| pair[0].abs_diff(pair[1]));
        assert!(jumps.max().unwrap() < 3_500);
        // A new network, a new burst.
        let mut rhythm = settled(2);
        let later = Time::from_us(2_000_000);
        rhythm.begin(later);
        for ms in BURST_MS {
            assert_eq!(rhythm.next(), later.plus_ms(ms));
            assert!(rhythm.is_news());
            rhythm.on_heard(None, 1);
            rhythm.on_said(rhythm.next(), 7);
        }
        assert!(!rhythm.is_news());
    }

    /// One whose first burst is over.
    fn settled(n: u16) -> Rhythm {
        let mut rhythm = Rhythm::new(Time::ZERO, &mut rng(n));
        while rhythm.is_news() {
            rhythm.on_said(rhythm.next(), 1);
        }
        rhythm
    }

    #[test]
    fn lan_rhythm_answers_until_enough_others_did() {
        let mut rhythm = settled(3);
        let usual = rhythm.next();
        let at = Time::from_us(4_500_000);
        rhythm.answer(at, at, false);
        assert!(rhythm.is_answering());
        assert_eq!(rhythm.next(), at);
        rhythm.on_heard(None, 3);
        rhythm.on_said(at, 1);
        assert_eq!(rhythm.next(), at.plus_ms(BURST_MS[1]));
        rhythm.on_heard(None, 3);
        assert_eq!(rhythm.next(), at.plus_ms(BURST_MS[1]));
        rhythm.on_heard(None, 3);
        assert!(rhythm.next() > usual);
        // Who is to be sure is silent no sooner than it has answered.
        rhythm.answer(at, at.plus_ms(200), false);
        rhythm.insist(true);
        (0..9).for_each(|_| rhythm.on_heard(None, 3));
        assert_eq!(rhythm.next(), at.plus_ms(200));
        rhythm.on_said(at.plus_ms(200), 1);
        rhythm.on_heard(None, 3);
        assert!(!rhythm.is_answering());
        // Whoever says it twice is one.
        rhythm.answer(at.plus_ms(300), at.plus_ms(400), false);
        (0..9).for_each(|_| rhythm.on_heard(Some(at.plus_ms(350)), 3));
        assert!(rhythm.is_answering());
        (0..3).for_each(|_| rhythm.on_heard(Some(at.plus_ms(250)), 3));
        assert!(!rhythm.is_answering());
    }

    #[test]
    fn lan_rhythm_answers_at_once_even_while_it_says_that_it_is_new() {
        let mut rhythm = settled(4);
        let from = Time::from_us(4_500_000);
        rhythm.begin(from);
        rhythm.on_said(from, 1);
        let at = from.plus_ms(10);
        rhythm.answer(at, at, false);
        assert_eq!(rhythm.next(), at);
        rhythm.on_said(at, 1);
        // The burst that is under way does the rest.
        for ms in &BURST_MS[1..] {
            assert_eq!(rhythm.next(), from.plus_ms(*ms));
            rhythm.on_said(rhythm.next(), 1);
        }
        assert!(rhythm.next() > from.plus_ms(4_000));
    }

    #[test]
    fn lan_rhythm_of_many_is_no_louder_than_of_a_few() {
        const MS: u64 = 1_280_000;
        for count in [2_u16, 5, 12, 13, 50, 200, 500] {
            let said = (0..count).map(|n| {
                let moments = moments(n, usize::from(count) - 1, MS);
                moments.iter().filter(|ms| **ms >= 4_000).count() as u64
            });
            let said: u64 = said.sum();
            assert!(said * 1_000 <= 5 * MS, "{count}: {said} in {MS} ms");
            assert!(
                count < 13 || said * 2_000 >= 5 * MS,
                "{count}: {said} in {MS} ms"
            );
        }
    }
}
