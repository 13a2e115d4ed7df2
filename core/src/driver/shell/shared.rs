//! What the handles and the task share: the driver behind a lock that is held briefly and never
//! across an await, and how one side wakes the other.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    time::Instant,
    vec::Vec,
};

use super::{LanStatus, Recorder, error::Ended};
use crate::{
    base::Time,
    driver::{Driver, Flushed},
};

/// The driver, and who runs it.
pub(super) struct Shared {
    state: Mutex<State>,
    epoch: Instant,
}

/// What is behind the lock.
pub(super) struct State {
    pub(super) driver: Driver,
    pub(super) life: Life,
    /// The last handle is gone.
    pub(super) orphaned: bool,
    /// When the task will run by itself; zero while it runs or is woken already.
    pub(super) armed: Time,
    /// When somebody looked at the clock last.
    pub(super) seen: Time,
    pub(super) task: Waker,
    /// The task knows that somebody is announced on the local networks.
    pub(super) heeded: bool,
    /// How it stands there.
    pub(super) lan: LanStatus,
    /// Who writes the tape, if there is one.
    pub(super) recorder: Option<Arc<Recorder>>,
}

/// Bytes of the tape that may wait for the next turn.
const TAPE_WAITS: usize = 1 << 16;

impl State {
    /// The later of `now` and what somebody else has seen meanwhile, so that no call goes back.
    pub(super) fn latest(&mut self, now: Time) -> Time {
        self.seen = self.seen.max(now);
        self.seen
    }

    /// True while the sockets that announcements come and go by are needed.
    pub(super) fn announces(&self) -> bool {
        let switch = self.driver.switch();
        switch.is_announcing() || switch.is_taking_leave()
    }

    /// True if sockets are to be opened or closed, as somebody is announced now, or nobody is.
    pub(super) fn is_unheeded(&self) -> bool {
        self.announces() != self.heeded
    }

    /// Hands what was recorded to who writes it.
    pub(super) fn record(&mut self, now: Time) {
        if let Some(recorder) = &self.recorder {
            recorder.collect(now, self.driver.switch_mut());
        }
    }

    /// The same after a command: a turn may be far off.
    fn record_much(&mut self, now: Time) {
        if self.recorder.is_some() && self.driver.switch_mut().tape_bytes() >= TAPE_WAITS {
            self.record(now);
        }
    }
}

/// Where the task is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Life {
    /// It drives.
    Running,
    /// It ended in order; what had come can be read.
    Over,
    /// It panicked, or its runtime is gone.
    Broken,
}

impl Shared {
    pub(super) fn new(driver: Driver, recorder: Option<Recorder>, epoch: Instant) -> Self {
        let state = State {
            driver,
            life: Life::Running,
            orphaned: false,
            armed: Time::ZERO,
            seen: Time::ZERO,
            task: Waker::noop().clone(),
            heeded: false,
            lan: LanStatus::default(),
            recorder: recorder.map(Arc::new),
        };
        Self {
            state: Mutex::new(state),
            epoch,
        }
    }

    /// Time as the switch knows it.
    pub(super) fn now(&self) -> Time {
        Time::from_us(u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// The moment that a time of the switch's is.
    pub(super) const fn epoch(&self) -> Instant {
        self.epoch
    }

    /// The state. After a panic under the lock nobody knows what it is worth: it is broken.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| {
            let mut state = PoisonError::into_inner(poisoned);
            state.life = Life::Broken;
            state
        })
    }

    /// Runs one command, from which periods may count, then wakes whom it concerns.
    pub(super) fn command<T>(
        &self,
        command: impl FnOnce(&mut Driver, Time) -> T,
    ) -> Result<T, Ended> {
        let mut state = self.lock();
        state.latest(self.now());
        self.run_alive(state, command)
    }

    /// The same for what says only what is to be sent or was taken, at the time that was seen last:
    /// a look at the clock takes as long as it does, and what is sent goes out in a turn, which
    /// looks.
    pub(super) fn brief<T>(
        &self,
        command: impl FnOnce(&mut Driver, Time) -> T,
    ) -> Result<T, Ended> {
        self.run_alive(self.lock(), command)
    }

    fn run_alive<T>(
        &self,
        state: MutexGuard<'_, State>,
        command: impl FnOnce(&mut Driver, Time) -> T,
    ) -> Result<T, Ended> {
        if state.life != Life::Running {
            return Err(Ended);
        }
        Ok(self.run(state, command))
    }

    /// One brief attempt of a future, which left its waker if it is pending.
    pub(super) fn attempt<T>(
        &self,
        attempt: impl FnOnce(&mut Driver, Time) -> Poll<T>,
    ) -> Poll<Result<T, Ended>> {
        match self.brief(attempt) {
            Ok(poll) => poll.map(Ok),
            Err(Ended) => Poll::Ready(Err(Ended)),
        }
    }

    /// The same for what can still be done after an orderly end.
    pub(super) fn attempt_late<T>(
        &self,
        attempt: impl FnOnce(&mut Driver, Time) -> Poll<T>,
    ) -> Poll<Result<T, Ended>> {
        let state = self.lock();
        let life = state.life;
        if life == Life::Broken {
            return Poll::Ready(Err(Ended));
        }
        match self.run(state, attempt) {
            Poll::Pending if life == Life::Over => Poll::Ready(Err(Ended)),
            Poll::Pending => Poll::Pending,
            Poll::Ready(value) => Poll::Ready(Ok(value)),
        }
    }

    fn run<T>(
        &self,
        mut state: MutexGuard<'_, State>,
        command: impl FnOnce(&mut Driver, Time) -> T,
    ) -> T {
        let now = state.seen;
        let result = catch_unwind(AssertUnwindSafe(|| {
            let result = command(&mut state.driver, now);
            state.driver.dispatch(now);
            result
        }));
        let result = result.unwrap_or_else(|panic| {
            // The task ends, and nobody who waits for something waits for ever.
            state.life = Life::Broken;
            state.task.wake_by_ref();
            resume_unwind(panic)
        });
        state.record_much(now);
        let mut woken = Vec::new();
        state.driver.waiters().take_fired(&mut woken);
        let is_sooner = now.plus_us(state.driver.wait(now, Flushed::Idle)) < state.armed;
        if is_sooner || (state.is_unheeded() && state.armed > Time::ZERO) {
            state.armed = Time::ZERO;
            woken.push(state.task.clone());
        }
        drop(state);
        woken.into_iter().for_each(Waker::wake);
        result
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// What every endpoint and every line holds; the last one ends the task.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.orphaned = true;
        state.armed = Time::ZERO;
        let task = state.task.clone();
        drop(state);
        task.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicBool, Ordering},
        task::Wake,
        thread,
        time::Duration,
    };

    use crate::{
        base::Seed,
        driver::{
            self,
            shell::{Engine, LanConfig, Sockets, lan::Lan},
        },
        switch::{self, PureRust},
        tape::{self, Reader, Recorded},
    };

    use super::*;

    struct Flag(AtomicBool);

    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn shared_after_a_panic_everything_has_ended_and_the_task_is_woken() {
        let config = switch::Config::default();
        let switch = switch::Switch::new(config, &Seed::new([1; 32])).unwrap();
        let driver = Driver::new(switch, driver::Config::default());
        let shared = Shared::new(driver, None, Instant::now());
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        shared.lock().task = Arc::clone(&flag).into();
        assert_eq!(shared.command(|_, _| 1), Ok(1));
        assert!(shared.attempt(|_, _| Poll::<()>::Pending).is_pending());
        let panicked = thread::scope(|scope| {
            let command = || shared.command(|_, _| panic!("on purpose"));
            scope.spawn(command).join().is_err()
        });
        assert!(panicked && flag.0.load(Ordering::SeqCst));
        assert_eq!(shared.command(|_, _| 1), Err(Ended));
        let ended = Poll::Ready(Err(Ended));
        assert_eq!(shared.attempt(|_, _| Poll::<()>::Pending), ended);
        assert_eq!(shared.attempt_late(|_, _| Poll::<()>::Pending), ended);
    }

    #[test]
    fn shared_a_command_has_its_own_time_however_long_no_turn_was() {
        let switch = switch::Switch::new(switch::Config::default(), &Seed::new([1; 32])).unwrap();
        let driver = Driver::new(switch, driver::Config::default());
        let long_ago = Instant::now() - Duration::from_secs(6);
        let shared = Shared::new(driver, None, long_ago);
        let seen = shared.brief(|_, now| now).unwrap();
        assert_eq!(seen, Time::ZERO, "what is only sent waits for the turn");
        let now = shared.command(|_, now| now).unwrap();
        assert!(now >= Time::from_us(6_000_000), "{now:?}");
        assert!(shared.brief(|_, now| now).unwrap() >= now);
    }

    #[test]
    fn shared_after_a_panic_the_tape_has_everything_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tape");
        let (config, seed) = (switch::Config::default(), Seed::new([1; 32]));
        let tape = tape::Config::default();
        let recorder = Recorder::create(&path, false, &tape).unwrap();
        let switch = Recorded::new(config, &seed, &PureRust, Some(tape)).unwrap();
        let driver = Driver::new(switch, driver::Config::default());
        let shared = Arc::new(Shared::new(driver, Some(recorder), Instant::now()));
        let sockets = Sockets::<std::net::UdpSocket>::bind(&[], 0).unwrap();
        let lan = Lan::new(LanConfig::default(), Vec::new(), 0, Ok);
        let engine = Engine::new(Arc::clone(&shared), sockets, lan, Duration::ZERO);
        let panicked = thread::scope(|scope| {
            let command = || {
                shared.command(|driver, now| {
                    driver.switch_mut().keep_now(now);
                    panic!("on purpose")
                })
            };
            scope.spawn(command).join().is_err()
        });
        assert!(panicked);
        drop(engine);
        let tape = std::fs::read(&path).unwrap();
        let mut reader = Reader::new();
        reader.feed(&tape);
        assert!(reader.record().unwrap().is_some());
        let last = reader.record().unwrap().expect("what came before");
        assert!(last.head().contains("keep_now"), "{last:?}");
        assert_eq!(reader.left(), 0);
    }
}
