//! Where a tape goes: a file that only its owner can read, and a thread that writes to it, so that
//! whoever drives the switch never waits for a disk. What the switch has recorded is handed over
//! after each turn; where the thread has fallen behind it stays in the switch's own buffer, which
//! ends the tape when it is full as well.

mod sheet;
#[cfg(test)]
mod tests;

use alloc::{sync::Arc, vec::Vec};
use core::{fmt, mem, task::Poll, task::Waker, time::Duration};
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use self::sheet::{Paper, Sheet};
use crate::{
    base::Time,
    tape::{self, End, Recorded},
};

/// How long records are gathered before they are written. What a process that is killed recorded
/// within it is lost; and each time that they are written costs as much as some packets do.
const GATHER: Duration = Duration::from_millis(50);

/// As much is written at once, without gathering more.
const ENOUGH_BYTES: usize = 1 << 20;

/// How long what was collected may take to be written after something broke.
const LAST_WORD: Duration = Duration::from_secs(1);

/// How a recording ended.
#[derive(Clone, Debug)]
pub enum RecordEnd {
    /// The switch was shut down in order, and the tape is whole.
    Closed,
    /// The switch broke off, by a panic or since its runtime went. The tape has everything before
    /// and no last record.
    Broken,
    /// What happened came faster than it could be written, and the tape says so at its end.
    Behind,
    /// The file took nothing more. What it has ends with a whole record, the last of which says
    /// so if it could still be written.
    Refused(Arc<io::Error>),
}

impl fmt::Display for RecordEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the switch was shut down"),
            Self::Broken => f.write_str("the switch broke off"),
            Self::Behind => f.write_str("more happened than could be written in time"),
            Self::Refused(error) => write!(f, "the file takes nothing more: {error}"),
        }
    }
}

/// Why a switch that was to be recorded was not started.
#[derive(Debug)]
pub struct Unrecorded {
    path: PathBuf,
    error: io::Error,
}

impl Unrecorded {
    /// The reason of this kind in an error of the system's, if it is one.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for Unrecorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        if self.error.kind() == io::ErrorKind::AlreadyExists {
            return write!(f, "cannot record into {path}: it is there already");
        }
        write!(f, "cannot record into {path}: {}", self.error)
    }
}

impl core::error::Error for Unrecorded {}

/// Writes the tape of one switch.
pub struct Recorder {
    desk: Arc<Desk>,
}

/// What the driver's side and the thread share. Each holds the lock for a swap of buffers only.
#[derive(Default)]
struct Desk {
    tray: Mutex<Tray>,
    filled: Condvar,
    over: Condvar,
}

#[derive(Default)]
struct Tray {
    /// Whole records.
    bytes: Vec<u8>,
    /// How many bytes may wait here until more stays where it is.
    most: usize,
    /// Why nothing more will come; the thread ends when it has written what is here.
    last: Option<RecordEnd>,
    /// The thread waits until it is told that something is here.
    asleep: bool,
    /// The thread has ended.
    end: Option<RecordEnd>,
    wakers: Vec<Waker>,
}

impl Recorder {
    /// Creates the file, readable and writable by its owner alone, and starts the thread.
    ///
    /// # Errors
    /// An [`Unrecorded`], if there is a file of this name, unless it is to be replaced and is a
    /// plain one; or if the system refuses.
    pub fn create(path: &Path, replace: bool, config: &tape::Config) -> io::Result<Self> {
        let created = make_way(path, replace)
            .and_then(|()| private(path))
            .and_then(|file| Self::onto(file, config));
        created.map_err(|error| {
            let kind = error.kind();
            let path = path.into();
            io::Error::new(kind, Unrecorded { path, error })
        })
    }

    fn onto(paper: impl Paper, config: &tape::Config) -> io::Result<Self> {
        let most = usize::try_from(config.buffer_bytes).unwrap_or(usize::MAX);
        let desk = Arc::new(Desk::default());
        desk.tray().most = most;
        let sheet = Sheet::new(paper);
        let shared = Arc::clone(&desk);
        thread::Builder::new()
            .name("hydroid-tape".into())
            .spawn(move || shared.write_out(sheet))?;
        Ok(Self { desk })
    }

    /// Hands over what has been recorded, or leaves it where it is while the thread is behind.
    /// Never waits. A shell calls it after each turn.
    pub fn collect(&self, now: Time, recorded: &mut Recorded) {
        let mut tray = self.desk.tray();
        if tray.last.is_some() {
            return;
        }
        if tray.end.is_some() {
            tray.last = tray.end.clone();
            recorded.end_tape(now, End::Full);
            recorded.take_tape(&mut Vec::new());
            return;
        }
        let before = tray.bytes.len();
        if before >= tray.most {
            return;
        }
        recorded.take_tape(&mut tray.bytes);
        if !recorded.is_recording() {
            tray.last = Some(RecordEnd::Behind);
        }
        let after = tray.bytes.len();
        // The thread need not be told what it will see when it has gathered.
        let begun = tray.asleep && after > 0;
        let enough = before < ENOUGH_BYTES && after >= ENOUGH_BYTES;
        if begun || enough || tray.last.is_some() {
            drop(tray);
            self.desk.filled.notify_one();
        }
    }

    /// Ends the tape in order; [`poll_end`](Self::poll_end) tells when its last record is written, or
    /// could not be. Never waits.
    pub fn close(&self, now: Time, recorded: &mut Recorded) {
        self.collect(now, recorded);
        let mut tray = self.desk.tray();
        if tray.last.is_none() && tray.end.is_none() {
            recorded.end_tape(now, End::Closed);
            recorded.take_tape(&mut tray.bytes);
            tray.last = Some(RecordEnd::Closed);
        }
        drop(tray);
        self.desk.filled.notify_one();
    }

    /// Ends the tape where it is, as if the process had been killed; [`wait`](Self::wait) for what
    /// was collected to be written.
    pub fn break_off(&self) {
        let mut tray = self.desk.tray();
        tray.last.get_or_insert(RecordEnd::Broken);
        drop(tray);
        self.desk.filled.notify_one();
    }

    /// Waits until everything is written, after [`break_off`](Self::break_off), if not for long: a
    /// process that ends before leaves a tape that was cut off sooner.
    pub fn wait(&self) {
        let waits = |tray: &mut Tray| tray.end.is_none();
        let tray = self.desk.tray();
        let _late = self.desk.over.wait_timeout_while(tray, LAST_WORD, waits);
    }

    /// How the recording ended, once it has; until then `waker` is kept.
    pub fn poll_end(&self, waker: &Waker) -> Poll<RecordEnd> {
        let mut tray = self.desk.tray();
        if let Some(end) = &tray.end {
            return Poll::Ready(end.clone());
        }
        if !tray.wakers.iter().any(|kept| kept.will_wake(waker)) {
            tray.wakers.push(waker.clone());
        }
        Poll::Pending
    }
}

impl Drop for Recorder {
    /// Without [`close`](Self::close) the tape ends where it is.
    fn drop(&mut self) {
        self.break_off();
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

impl Desk {
    fn tray(&self) -> MutexGuard<'_, Tray> {
        self.tray.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread.
    fn write_out<P: Paper>(&self, mut sheet: Sheet<P>) {
        let mut bytes = Vec::new();
        let end = loop {
            let last = self.gather(&mut bytes);
            if let Err(error) = sheet.write(&bytes) {
                sheet.end_early();
                break RecordEnd::Refused(Arc::new(error));
            }
            if let Some(end) = last {
                break end;
            }
            bytes.clear();
        };
        let mut tray = self.tray();
        tray.end = Some(end);
        tray.bytes = Vec::new();
        let wakers = mem::take(&mut tray.wakers);
        drop(tray);
        self.over.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Waits for records and swaps them for the empty `bytes`; gives why they are the last ones,
    /// if they are.
    fn gather(&self, bytes: &mut Vec<u8>) -> Option<RecordEnd> {
        let mut tray = self.tray();
        loop {
            // While records keep coming, nobody has to wake the thread for the first of them.
            tray.asleep = false;
            let few = |tray: &mut Tray| tray.bytes.len() < ENOUGH_BYTES && tray.last.is_none();
            let gathered = self.filled.wait_timeout_while(tray, GATHER, few);
            tray = gathered.unwrap_or_else(PoisonError::into_inner).0;
            if !tray.bytes.is_empty() || tray.last.is_some() {
                mem::swap(bytes, &mut tray.bytes);
                return tray.last.clone();
            }
            tray.asleep = true;
            let none = |tray: &mut Tray| tray.bytes.is_empty() && tray.last.is_none();
            let filled = self.filled.wait_while(tray, none);
            tray = filled.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Removes the file that is to be replaced.
fn make_way(path: &Path, replace: bool) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if replace && found.is_file() => fs::remove_file(path),
        // What there is else, the system will say.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Makes a file that its owner may read and write, and nobody else, whatever the umask says.
fn private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(file)
}
