//! Which of the paths that work is the best, and when it takes over.

use super::{Config, Known, Paths, Rng, Time};

impl Paths {
    /// The path at `place` was measured. True if it takes over, or another that was waiting for
    /// that: it has been better often enough. Nobody is asked for it while the path in use is in
    /// doubt, or on a line that nobody holds.
    pub(super) fn compare(
        &mut self,
        place: usize,
        now: Time,
        config: &Config,
        rng: &mut Rng,
    ) -> bool {
        if self.doubt.is_some() || !self.held {
            return false;
        }
        if place == 0 {
            // The figure that the others have to beat is new.
            if let Some(best) = self.best(config) {
                self.ask(best, now, 1, config, rng);
            }
            return false;
        }
        let (active, path) = (&self.known[0], &self.known[place]);
        if active.rtt_us.is_none() {
            self.ask(0, now, 1, config, rng);
            return false;
        }
        if !is_better(path, active, config) {
            self.known[place].wins = 0;
            return false;
        }
        self.known[place].wins += 1;
        if self.known[place].wins < config.path_better_times {
            self.ask(place, now, 1, config, rng);
            self.ask(0, now, 1, config, rng);
            return false;
        }
        self.move_to(place, now, config);
        self.known[0].wins = 0;
        if let Some(before) = self.known.get_mut(1) {
            before.proven = true;
            before.wins = 0;
        }
        true
    }

    /// The best of the others that would be better than the path in use.
    fn best(&self, config: &Config) -> Option<usize> {
        let active = self.known.first()?;
        let others = self.known.iter().enumerate().skip(1);
        let better = others.filter(|(_, path)| is_better(path, active, config));
        let best = better.min_by_key(|(_, path)| path.rtt_us);
        best.map(|(place, _)| place)
    }
}

/// True if a path is so much better than another that it is worth to move.
fn is_better(path: &Known, than: &Known, config: &Config) -> bool {
    let (Some(path_us), Some(than_us)) = (path.rtt_us, than.rtt_us) else {
        return false;
    };
    let percent = u64::from(config.path_better_percent);
    let gain_us = (than_us / 100 * percent).max(config.path_better_ms.saturating_mul(1000));
    path.proven && path_us.saturating_add(gain_us) <= than_us
}
