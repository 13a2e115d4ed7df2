use alloc::collections::BTreeSet;

use super::super::window::Window;
use super::*;

/// A set of everything ever received, and a word that slides: what the bitmap stands for.
#[derive(Default)]
struct Model {
    seen: BTreeSet<u64>,
}

impl Model {
    fn check(&self, counter: u64) -> Result<(), Dropped> {
        let highest = self.seen.last().copied().unwrap_or(0);
        if counter / 64 + 16 < highest / 64 {
            return Err(Dropped::TooOld);
        }
        if self.seen.contains(&counter) {
            return Err(Dropped::Replayed);
        }
        Ok(())
    }
}

fn agrees(steps: Vec<(bool, u16)>) -> bool {
    let (mut window, mut model) = (Window::default(), Model::default());
    let mut highest = 0u64;
    for (ahead, by) in steps {
        let by = u64::from(by) % if ahead { 3000 } else { 1300 };
        let counter = if ahead {
            highest + by
        } else {
            highest.saturating_sub(by)
        };
        if window.check(counter) != model.check(counter) {
            return false;
        }
        if window.check(counter).is_ok() {
            let newest = model.seen.last().is_none_or(|last| *last < counter);
            if window.mark(counter) != newest {
                return false;
            }
            model.seen.insert(counter);
            highest = highest.max(counter);
        }
    }
    true
}

#[test]
fn line_window_agrees_with_a_set() {
    let generator = quickcheck::Gen::from_size_and_seed(600, seed());
    quickcheck::QuickCheck::new()
        .rng(generator)
        .tests(300)
        .quickcheck(agrees as fn(Vec<(bool, u16)>) -> bool);
}

#[test]
fn line_window_remembers_at_least_1024() {
    for highest in 2000..2130 {
        let mut window = Window::default();
        for counter in 0..=highest {
            assert!(window.mark(counter));
        }
        for counter in highest - 1024..=highest {
            assert_eq!(window.check(counter), Err(Dropped::Replayed));
        }
        assert_eq!(window.check(highest - 1200), Err(Dropped::TooOld));
        assert_eq!(window.check(highest + 1), Ok(()));
        assert_eq!(window.check(u64::MAX), Ok(()));
    }
}

#[test]
fn line_window_without_gaps_needs_no_map_and_one_that_is_closed_takes_nothing_from_before() {
    for received in 0..200 {
        let mut window = Window::default();
        for counter in 0..received {
            assert!(window.mark(counter));
        }
        // From the run without a map to one with gaps.
        assert!(window.mark(received + 70));
        for counter in 0..received {
            assert_eq!(window.check(counter), Err(Dropped::Replayed));
        }
        for counter in received..received + 70 {
            assert_eq!(window.check(counter), Ok(()));
        }
        window.close();
        for counter in 0..=received + 70 {
            assert_eq!(window.check(counter), Err(Dropped::Replayed));
        }
        assert_eq!(window.check(received + 71), Ok(()));
        assert!(window.mark(received + 73));
        assert_eq!(window.check(received + 70), Err(Dropped::Replayed));
        assert_eq!(window.check(received + 72), Ok(()));
    }
}
